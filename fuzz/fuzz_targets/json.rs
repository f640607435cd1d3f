//! Reads any bytes as JSON and as plain text, and replaces every other leaf.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scrubjay::Span;
use scrubjay::codec::{Codec, CodecScratch, Edit, Format, MAX_NESTED};

fuzz_target!(|payload: &[u8]| {
    let mut scratch = CodecScratch::default();
    for format in [Format::Json, Format::Plain, Format::Auto] {
        let codec = Codec::new(format);
        let (mut edits, mut end, mut n) = (Vec::new(), 0, 0);
        codec.leaves(payload, &mut scratch, &mut |leaf| {
            let span = leaf.map.to_payload(Span::at(0, leaf.text.len()));
            assert!(span.start() >= end && span.end() <= payload.len(), "leaves stand in order, inside");
            assert!(leaf.depth <= MAX_NESTED);
            end = span.end();
            n += 1;
            if n % 2 == 0 {
                let replacement = Span::at(0, 3);
                edits.push(Edit { span, replacement, place: leaf.place, depth: leaf.depth });
            }
        });
        let mut out = Vec::new();
        codec.encode(payload, &[], b"", &mut scratch, &mut out);
        assert_eq!(out, payload, "no edits, no change");
        out.clear();
        codec.encode(payload, &edits, b"[\"]", &mut scratch, &mut out);
        assert!(edits.is_empty() || !out.is_empty());
    }
});
