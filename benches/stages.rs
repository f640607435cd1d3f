//! Each stage on its own, on JSON logs: framing, walking, the prefilter, finding, and splicing edits in.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, reason = "shared with the other benches")]
mod common;

use std::hint::black_box;

use common::corpus;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use scrubjay::Span;
use scrubjay::codec::{Codec, CodecScratch, Edit, Format, Framer, Place};
use scrubjay::detect::{DetectScratch, Engine};
use scrubjay::record::Batch;
use scrubjay::scrubber::{Scratch, Scrubber, Settings};

const BYTES: usize = 1 << 20;

fn framed(text: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.append(text);
    Framer::new(Format::Auto, 16 << 20, Engine::builtin().reach()).frame(&mut batch, 0, true);
    batch
}

fn stages(c: &mut Criterion) {
    let text = corpus::json(BYTES);
    let lines: Vec<&[u8]> = text.split_inclusive(|b| *b == b'\n').collect();
    let codec = Codec::new(Format::Json);
    let engine = Engine::builtin();
    let scrubber = Scrubber::new(Settings::new());
    let mut group = c.benchmark_group("stages");
    group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(20);

    group.bench_function("frame", |b| b.iter(|| black_box(framed(&text)).records().len()));

    let mut memory = CodecScratch::default();
    group.bench_function("walk", |b| {
        b.iter(|| {
            let mut bytes = 0;
            for line in &lines {
                codec.leaves(line, &mut memory, &mut |leaf| bytes += leaf.text.len());
            }
            bytes
        });
    });

    let mut detect = DetectScratch::default();
    group.bench_function("prefilter", |b| {
        b.iter(|| lines.iter().map(|line| engine.count_candidates(line, &mut detect)).sum::<usize>());
    });

    let batch = framed(&text);
    let mut scratch = Scratch::default();
    group.bench_function("find", |b| {
        b.iter(|| {
            let mut found = 0;
            for record in batch.records() {
                scrubber.scan(&batch, record, &mut scratch, &mut |_| found += 1).unwrap();
            }
            found
        });
    });

    let mut edits = Vec::new();
    for line in &lines {
        let mut first = None;
        codec.leaves(line, &mut memory, &mut |leaf| {
            if leaf.place == Place::String && first.is_none() {
                let span = leaf.map.to_payload(Span::at(0, leaf.text.len()));
                first =
                    Some(Edit { span, replacement: Span::at(0, 6), place: leaf.place, depth: leaf.depth });
            }
        });
        edits.push(first.into_iter().collect::<Vec<_>>());
    }
    let mut out = Vec::with_capacity(2 * BYTES);
    group.bench_function("encode", |b| {
        b.iter(|| {
            out.clear();
            for (line, edits) in lines.iter().zip(&edits) {
                codec.encode(line, edits, b"[DATE]", &mut memory, &mut out);
            }
            out.len()
        });
    });
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
