//! End to end on one core: bytes in, scrubbed bytes out, beside two yardsticks measured in the same run.
//!
//! - `meta-regex`: the patterns of every structured kind of the built-in packs in one `regex-automata` meta regex with a
//!   redact loop, the honest one-hour alternative (the name patterns would take minutes to compile there);
//! - `copy`: the bytes copied line by line.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

mod corpus;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use scrubjay::codec::{Format, Framer};
use scrubjay::detect::Engine;
use scrubjay::policy::{Policy, Profile};
use scrubjay::record::Batch;
use scrubjay::scrubber::{Scratch, Scrubber, Settings};
use scrubjay::{Kind, KindSet};

const BYTES: usize = 4 << 20;
const BATCH: usize = 1 << 20;

/// Every pattern of the built-in packs, names left out, in one regex.
fn yardstick() -> Regex {
    let engine = Engine::builtin();
    let patterns: Vec<String> = engine
        .detectors()
        .iter()
        .filter(|d| !d.slow && d.kind != Kind::Name)
        .flat_map(|d| d.pattern.lines().map(str::to_string).collect::<Vec<_>>())
        .collect();
    Regex::builder()
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .configure(Regex::config().utf8_empty(false))
        .build_many(&patterns)
        .expect("the packs' patterns compile together")
}

fn redact(regex: &Regex, text: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    for m in regex.find_iter(text) {
        out.extend_from_slice(&text[at..m.start()]);
        out.extend_from_slice(b"[REDACTED]");
        at = m.end();
    }
    out.extend_from_slice(&text[at..]);
}

fn scrub(scrubber: &Scrubber, text: &[u8], scratch: &mut Scratch) -> usize {
    let mut framer = Framer::new(Format::Auto, 16 << 20, scrubber.settings().engine.reach());
    let mut written = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let mut take = rest.len().min(BATCH);
        while take < rest.len() && rest[take - 1] != b'\n' {
            take += 1;
        }
        let mut batch = Batch::new();
        batch.append(&rest[..take]);
        framer.frame(&mut batch, 0, true);
        let done = scrubber.scrub(batch, scratch).expect("nothing halts");
        written += done.chunks().map(|c| black_box(c).len()).sum::<usize>();
        rest = &rest[take..];
    }
    written
}

fn end_to_end(c: &mut Criterion) {
    let regex = yardstick();
    let safe_harbor = Policy { profile: Profile::SafeHarbor, ..Policy::default() };
    let no_names = Policy { kinds: Some(KindSet::ALL.without(Kind::Name)), ..Policy::default() };
    let logs = Scrubber::new(Settings::new());
    let structured = Scrubber::new(Settings { policy: no_names, ..Settings::new() });
    let strict = Scrubber::new(Settings { policy: safe_harbor, ..Settings::new() });
    for (name, text) in [
        ("json", corpus::json(BYTES)),
        ("text", corpus::text(BYTES)),
        ("notifications", corpus::notifications(BYTES)),
    ] {
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(10);
        let mut scratch = Scratch::default();
        group.bench_function("scrub-no-names", |b| b.iter(|| scrub(&structured, &text, &mut scratch)));
        group.bench_function("scrub-logs", |b| b.iter(|| scrub(&logs, &text, &mut scratch)));
        group.bench_function("scrub-safe-harbor", |b| b.iter(|| scrub(&strict, &text, &mut scratch)));
        let mut out = Vec::with_capacity(2 * text.len());
        group.bench_function("meta-regex", |b| {
            b.iter(|| {
                out.clear();
                redact(&regex, &text, &mut out);
                black_box(out.len())
            });
        });
        group.bench_function("copy", |b| {
            b.iter(|| {
                out.clear();
                text.split_inclusive(|b| *b == b'\n').for_each(|line| out.extend_from_slice(line));
                black_box(out.len())
            });
        });
        group.finish();
    }
}

criterion_group!(benches, end_to_end);
criterion_main!(benches);
