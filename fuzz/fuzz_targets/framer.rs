//! Frames any bytes whole and in two chunks: the records are the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scrubjay::codec::{Format, Framer};
use scrubjay::record::Batch;

fuzz_target!(|input: (u8, u8, u16, &[u8])| {
    let (format, limit, split, bytes) = input;
    let format = [Format::Auto, Format::Json, Format::Plain][usize::from(format) % 3];
    let limit = if limit == 0 { 1 << 20 } else { usize::from(limit) };
    let split = usize::from(split).min(bytes.len());
    let frame = |chunks: &[&[u8]]| {
        let mut framer = Framer::new(format, limit, limit.min(1000) / 4);
        let (mut batch, mut from) = (Batch::new(), 0);
        for chunk in chunks {
            batch.append(chunk);
            from = framer.frame(&mut batch, from, false);
        }
        assert_eq!(framer.frame(&mut batch, from, true), batch.bytes());
        // Spans and counts, never text.
        batch.records().iter().map(|r| format!("{r:?}")).collect::<Vec<_>>()
    };
    let (whole, halves) = (frame(&[bytes]), frame(&[&bytes[..split], &bytes[split..]]));
    assert_eq!(whole.len(), halves.len());
    // Where bytes of a record were thrown away those after it stand elsewhere.
    if whole.iter().all(|r| r.contains("left_out: 0")) {
        assert_eq!(whole, halves);
    }
});
