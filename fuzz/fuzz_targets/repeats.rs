//! Scrubs JSON with one memory, again and again and with other digits each time. It does with each record what is done where
//! nothing is remembered of records: a blank in front of one keeps it from having a shape.

#![no_main]

use std::cell::RefCell;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use scrubjay::{Scratch, Scrubber, Settings};

static SCRUBBER: LazyLock<Scrubber> = LazyLock::new(|| Scrubber::new(Settings::new()));

thread_local! {
    static FORGETFUL: RefCell<Scratch> = RefCell::default();
}

fuzz_target!(|payload: &[u8]| {
    let mut scratch = Scratch::default();
    let scrub =
        |text: &[u8], scratch: &mut Scratch| SCRUBBER.scrub_text(text, scratch).expect("nothing halts");
    for turn in [0, 0, 0, 3, 7] {
        let turned = |b: &u8| if b.is_ascii_digit() { b'0' + (b - b'0' + turn) % 10 } else { *b };
        for line in payload.split(|b| *b == b'\n').filter(|line| line.starts_with(b"{")).take(8) {
            let line: Vec<u8> = line.iter().map(turned).collect();
            let known = scrub(&line, &mut scratch);
            let apart = [b" ", line.as_slice()].concat();
            let walked = FORGETFUL.with_borrow_mut(|scratch| scrub(&apart, scratch));
            assert!(
                walked.strip_prefix(b" ") == Some(&known),
                "known:  {}\nwalked: {}",
                String::from_utf8_lossy(&known),
                String::from_utf8_lossy(&walked)
            );
        }
    }
});
