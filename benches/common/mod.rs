//! What the benches share: seeded logs, the scrubber end to end on one core, and two yardsticks.
//!
//! - `meta-regex`: 24 rules for structured kinds in one `regex-automata` meta regex with a redact loop, the honest one-hour
//!   alternative;
//! - `copy`: the bytes copied line by line.

pub mod corpus;

use std::hint::black_box;
use std::time::Duration;

use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use scrubjay::codec::{Format, Framer};
use scrubjay::policy::{Policy, Profile};
use scrubjay::record::Batch;
use scrubjay::scrubber::{Scratch, Scrubber, Settings};
use scrubjay::{Kind, KindSet};

const BATCH: usize = 1 << 20;

/// What an engineer writes in an hour: 24 rules for the structured kinds, one alternation each. They find far less than the packs
/// do, and check nothing; the rules stay as they are whatever becomes of the packs, so that figures can be compared.
pub const RULES: [&str; 24] = [
    r"\b\d{3}-\d{2}-\d{4}\b",
    r"(?i:\bssn\b\D{0,4})\d{9}\b",
    r"\b(?:\+1[ .-]?)?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b",
    r"\+\d{1,3}[ -]?\d{6,14}\b",
    r"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,128}\.[A-Za-z]{2,10}\b",
    r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b",
    r"\b(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}\b",
    r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b",
    r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?",
    r"\b\d{1,2}/\d{1,2}/\d{2,4}\b",
    r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}\b",
    r"\b\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6} \d{4}\b",
    r"(?i:\bmrn\b\D{0,4})[A-Z0-9-]{5,12}\b",
    r"(?i:\b(?:member|subscriber|policy)[ _]?(?:id|number)?\b\W{1,4})[A-Z0-9]{6,14}\b",
    r"\b[1-9][AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d-?[AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d-?[AC-HJKMNP-RT-Y]{2}\d{2}\b",
    r"\b(?:4\d{3}|5[1-5]\d{2}|6011)[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b",
    r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b",
    r"(?i:\baccount\b\D{0,12})\d{6,17}\b",
    r"(?i:\bnpi\b\D{0,4})\d{10}\b",
    r"(?i:\bdea\b\D{0,4})[A-Z]{2}\d{7}\b",
    r"\b[A-HJ-NPR-Z0-9]{17}\b",
    r"https?://[^\s<>\x22']{4,200}",
    r"\b[A-Z]{2} \d{5}(?:-\d{4})?\b",
    r"\b\d{1,5} [A-Z][a-z]{2,20} (?:St|Street|Ave|Avenue|Rd|Road|Blvd|Lane|Ln|Dr|Drive)\b",
];

/// The rules in one regex.
pub fn yardstick() -> Regex {
    Regex::builder()
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .configure(Regex::config().utf8_empty(false))
        .build_many(&RULES)
        .expect("the rules compile together")
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

/// CPU time of this thread, or the time of day where the system does not tell.
pub fn cpu_time() -> Duration {
    #[cfg(unix)]
    {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(t.tv_sec as u64, t.tv_nsec as u32)
    }
    #[cfg(not(unix))]
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap()
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
