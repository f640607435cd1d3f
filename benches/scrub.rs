//! End to end on one core: bytes in, scrubbed bytes out, beside two yardsticks. `ratio` measures the same, interleaved.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, reason = "shared with the other benches")]
mod common;

use std::hint::black_box;

use common::{copy, corpora, redact, scrub, scrubbers, yardstick};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use scrubjay::scrubber::Scratch;

const BYTES: usize = 4 << 20;

fn end_to_end(c: &mut Criterion) {
    let regex = yardstick();
    let scrubbers = scrubbers();
    for (corpus, text) in corpora(BYTES) {
        let mut group = c.benchmark_group(corpus);
        group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(10);
        let mut scratch = Scratch::default();
        for (name, scrubber) in &scrubbers {
            group.bench_function(*name, |b| b.iter(|| scrub(scrubber, &text, &mut scratch)));
        }
        let mut out = Vec::with_capacity(2 * text.len());
        group.bench_function("meta-regex", |b| {
            b.iter(|| {
                out.clear();
                black_box(redact(&regex, &text, &mut out))
            });
        });
        group.bench_function("copy", |b| {
            b.iter(|| {
                out.clear();
                black_box(copy(&text, &mut out))
            });
        });
        group.finish();
    }
}

criterion_group!(benches, end_to_end);
criterion_main!(benches);
