//! Reads any bytes as a mail, and replaces every other text; then scrubs it twice.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use scrubjay::Span;
use scrubjay::codec::{Codec, CodecScratch, Edit, Format};
use scrubjay::policy::{Policy, Profile, Recipient};
use scrubjay::scrubber::{Scratch, Scrubber, Settings};

thread_local! {
    static SCRUBBER: (Scrubber, RefCell<Scratch>) = {
        let policy = Policy { profile: Profile::Notification, ..Policy::default() };
        (Scrubber::new(Settings { policy, ..Settings::new() }), RefCell::default())
    };
}

fuzz_target!(|mail: &[u8]| {
    let mut scratch = CodecScratch::default();
    let codec = Codec::new(Format::Mime);
    let (mut edits, mut end, mut n) = (Vec::new(), 0, 0);
    codec.leaves(mail, &mut scratch, &mut |leaf| {
        let span = leaf.map.to_payload(Span::at(0, leaf.text.len()));
        assert!(span.start() >= end && span.len() == leaf.text.len(), "texts stand one behind the other");
        end = span.end();
        n += 1;
        if n % 2 == 0 {
            let replacement = Span::at(0, 5);
            edits.push(Edit { span, replacement, place: leaf.place, depth: leaf.depth });
        }
    });
    let mut out = Vec::new();
    codec.encode(mail, &[], b"", &mut scratch, &mut out);
    assert_eq!(out, mail, "no edits, no change");
    out.clear();
    codec.encode(mail, &edits, b"[SSN]", &mut scratch, &mut out);
    codec.leaves(&out, &mut scratch, &mut |_| {});
    SCRUBBER.with(|(scrubber, scratch)| {
        let scratch = &mut scratch.borrow_mut();
        if let Ok(done) = scrubber.scrub_mail(mail, Recipient::Unknown, scratch)
            && let Some(once) = done.bytes
        {
            let _ = scrubber.scrub_mail(&once, Recipient::Unknown, scratch);
        }
    });
});
