//! Reads any text as a pipeline file, in which a secret stands by mistake: no error shows it.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use scrubjay::config::{Diagnostic, Pipeline, Treatment};

/// What stands where a reference to a secret should; a text that says it in so many words is not looked at.
const SECRET: &str = "hunter2-canary";

fuzz_target!(|input: (u8, &str)| {
    let (place, text) = input;
    if text.contains("hunter2") {
        return;
    }
    let lines = [
        format!("[on_error]\naction = \"quarantine\"\nto = {{ dir = \"q\" }}\nkey = \"{SECRET}\"\n"),
        format!("[sink.kafka]\nkey_action = {{ hmac = '{SECRET}' }}\n"),
        format!("[source.kafka]\nproperties = {{ \"sasl.password\" = \"{SECRET}\" }}\n"),
        String::new(),
    ];
    let line = &lines[usize::from(place % 4)];
    // Before the rest, or after it.
    let file = if place & 4 == 0 { format!("{line}{text}") } else { format!("{text}\n{line}") };
    let path = Path::new("dir/p.toml");
    for errors in [Pipeline::parse(path, &file).err(), Treatment::parse(path, &file).err()] {
        let Some(errors) = errors else { continue };
        assert!(!errors.is_empty(), "refused without a reason");
        for e in &errors {
            let shown = format!("{e} {e:?} {} {}", e.render(false), e.render(true));
            // Where the text around it takes the line out of its place it is no secret any more.
            assert!(place & 4 != 0 || !shown.contains(SECRET), "a secret is shown");
            assert!(place_is_inside(e), "an error outside of the file");
        }
    }
});

fn place_is_inside(e: &Diagnostic) -> bool {
    e.span.start <= e.span.end && e.span.end <= e.text.len() && e.text.get(e.span.clone()).is_some()
}
