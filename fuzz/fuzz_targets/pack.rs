//! Reads any text as a detector pack. What is accepted compiles, and scrubs a text.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::{Corpus, fuzz_target};
use scrubjay::detect::{Engine, Pack};
use scrubjay::{Scratch, Scrubber, Settings};

const TEXT: &[u8] = b"{\"msg\":\"Patient: Ana Keller, SSN 219-10-9999\",\"id\":\"AB-1234\",\"n\":1234567893}";

fuzz_target!(|text: &str| -> Corpus {
    let pack = match Pack::parse("pack.toml", text) {
        Ok(pack) => pack,
        Err(e) => {
            // The place of an error is one, however the file is cut.
            assert!(!e.0.is_empty(), "refused without a reason");
            for e in &e.0 {
                let _ = (e.line_column(), e.render(false), e.to_string());
            }
            return Corpus::Keep;
        }
    };
    let mut packs = Engine::builtin_packs();
    packs.truncate(1);
    packs.push(pack);
    let engine = Engine::new(&packs).expect("what was accepted compiles");
    let scrubber = Scrubber::new(Settings { engine: Arc::new(engine), ..Settings::new() });
    let out = scrubber.scrub_text(TEXT, &mut Scratch::default()).expect("nothing halts");
    let _: serde_json::Value = serde_json::from_slice(&out).expect("JSON stays JSON");
    Corpus::Keep
});
