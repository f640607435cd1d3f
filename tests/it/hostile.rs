//! Texts that were written to be slow or to hide something: no timing here, `benches/hostile.rs` has that.

use scrubjay::detect::{DetectScratch, Engine};
use scrubjay::{Scratch, Scrubber, Settings};

/// What is repeated to make a text slow, or to fill it with what looks like something.
const HOSTILE: &[&str] = &[
    "0123456789",
    "@",
    "a@",
    "ABCDEFGHIJ",
    " ",
    "[",
    "{\"a\":",
    "\"",
    "\\",
    "{\\\"a\\\":",
    "Hospital ",
    "Patient: ",
    "John ",
    "McDonald-",
    "de la ",
    "A.",
    " ,",
    "1.",
    "a:",
    "e\u{301}",
    "\u{301}",
    "\u{200d}",
    "2\u{200d}1\u{200b}9-",
    "\u{ff12}\u{ff11}\u{ff19}",
    "%32%31%39",
    "utm_campaign=John&",
    "219-10-9999 ",
    "03/14/1962 ",
    "March ",
    "12 Elm ",
    "[SSN",
];

#[test]
fn nothing_hides_behind_a_hostile_text() {
    let scrubber = Scrubber::new(Settings::new());
    let mut scratch = Scratch::default();
    for piece in HOSTILE {
        let filler = piece.repeat(16_384 / piece.len());
        for hidden in ["219-10-9999", "2\u{200b}19-10-99\u{200d}99", "\u{ff12}\u{ff11}\u{ff19}-10-9999"] {
            let text = format!("{filler} ; SSN {hidden} ; {filler}");
            let out = scrubber.scrub_text(text.as_bytes(), &mut scratch).unwrap();
            let out = String::from_utf8_lossy(&out);
            assert!(!out.contains(hidden), "{hidden} stays between many {piece:?}");
        }
    }
}

/// Patterns run only at places that are tried: in a text four times as long there are four times as many.
#[test]
fn places_tried_grow_with_the_text() {
    let engine = Engine::builtin();
    let mut scratch = DetectScratch::default();
    for piece in HOSTILE {
        let mut tried = |bytes: usize| {
            engine.count_candidates(piece.repeat(bytes / piece.len()).as_bytes(), &mut scratch)
        };
        let (short, long) = (tried(4096), tried(16_384));
        assert!(long <= 4 * short + 64, "{piece:?}: {short} places in 4 KiB, {long} in 16 KiB");
        assert!(short <= 16 * 4096, "{piece:?}: {short} places in 4 KiB");
    }
}
