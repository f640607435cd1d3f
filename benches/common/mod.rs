//! What the benches share: seeded logs, the scrubber end to end on one core, and two yardsticks.
//!
//! - `meta-regex`: the patterns of every structured kind of the built-in packs in one `regex-automata` meta regex with a
//!   redact loop, the honest one-hour alternative;
//! - `copy`: the bytes copied line by line.

pub mod corpus;

use std::hint::black_box;

use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use scrubjay::codec::{Format, Framer};
use scrubjay::detect::Engine;
use scrubjay::policy::{Policy, Profile};
use scrubjay::record::Batch;
use scrubjay::scrubber::{Scratch, Scrubber, Settings};
use scrubjay::{Kind, KindSet};

const BATCH: usize = 1 << 20;

/// Every pattern of the built-in packs in one regex, names and what is longer than 1,200 bytes left out: with them it would be
/// too large.
pub fn yardstick() -> Regex {
    let engine = Engine::builtin();
    let patterns: Vec<String> = engine
        .detectors()
        .iter()
        .filter(|d| !d.slow && d.kind != Kind::Name)
        .flat_map(|d| d.pattern.lines().filter(|p| p.len() <= 1200).map(str::to_string).collect::<Vec<_>>())
        .collect();
    Regex::builder()
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .configure(Regex::config().utf8_empty(false))
        .build_many(&patterns)
        .expect("the packs' patterns compile together")
}

/// The redact loop.
pub fn redact(regex: &Regex, text: &[u8], out: &mut Vec<u8>) -> usize {
    let mut at = 0;
    for m in regex.find_iter(text) {
        out.extend_from_slice(&text[at..m.start()]);
        out.extend_from_slice(b"[REDACTED]");
        at = m.end();
    }
    out.extend_from_slice(&text[at..]);
    out.len()
}

/// Scrubs a text in batches, and gives the bytes that came out.
pub fn scrub(scrubber: &Scrubber, text: &[u8], scratch: &mut Scratch) -> usize {
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

/// What is scrubbed: every structured kind; with names; with everything that Safe Harbor asks for.
pub fn scrubbers() -> [(&'static str, Scrubber); 3] {
    let no_names = Policy { kinds: Some(KindSet::ALL.without(Kind::Name)), ..Policy::default() };
    let safe_harbor = Policy { profile: Profile::SafeHarbor, ..Policy::default() };
    [
        ("scrub-no-names", Scrubber::new(Settings { policy: no_names, ..Settings::new() })),
        ("scrub-logs", Scrubber::new(Settings::new())),
        ("scrub-safe-harbor", Scrubber::new(Settings { policy: safe_harbor, ..Settings::new() })),
    ]
}

/// The corpora by name.
pub fn corpora(bytes: usize) -> [(&'static str, Vec<u8>); 3] {
    [
        ("json", corpus::json(bytes)),
        ("text", corpus::text(bytes)),
        ("notifications", corpus::notifications(bytes)),
    ]
}

/// Copies a text line by line.
pub fn copy(text: &[u8], out: &mut Vec<u8>) -> usize {
    text.split_inclusive(|b| *b == b'\n').for_each(|line| out.extend_from_slice(line));
    out.len()
}
