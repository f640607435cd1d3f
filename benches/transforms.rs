//! What the keyed transforms cost: nanoseconds a value, and a JSON log stream with pseudonyms beside one with markers.
//!
//! `./dev bench transforms [TRANSFORM]`. CPU time of one core; the streams take turns, the median of their ratios is told. The HMAC of
//! a well-known library comes first, to tell how fast the machine is; with a TRANSFORM, only what it costs is told.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[allow(dead_code, reason = "shared with the other benches")]
mod common;

use std::hint::black_box;
use std::sync::Arc;

use aws_lc_rs::hmac;
use common::{cpu_time, scrub};
use scrubjay::Kind;
use scrubjay::keys::Ring;
use scrubjay::policy::{Action, Policy, Profile};
use scrubjay::scrubber::{Keys, Scratch, Scrubber, Settings, THIS_YEAR, Tenant};
use scrubjay::transform::{Context, Keyed, KeyedScratch, TestTokens, Value};

const VALUES: usize = 200_000;
const LINES: usize = 40_000;
const ROUNDS: usize = 15;

fn keyed() -> Keyed {
    Keyed::new(Arc::new(Ring::of_tests()), THIS_YEAR).unwrap().with_vault(Arc::new(TestTokens))
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Nanoseconds a value takes, the median of some rounds.
fn nanoseconds(action: Action, kind: Kind, value: impl Fn(usize) -> String) -> f64 {
    let (keyed, mut scratch, mut out) = (keyed(), KeyedScratch::default(), Vec::new());
    let values: Vec<String> = (0..VALUES).map(value).collect();
    let context = Context { tenant: Some("default"), subject: Some(b"4471902") };
    let round = |_| {
        let start = cpu_time();
        for text in &values {
            out.clear();
            let value = Value { kind, action, text: text.as_bytes(), number: false };
            keyed.transform(value, context, &mut scratch, &mut out).unwrap();
            black_box(&out);
        }
        (cpu_time() - start).as_nanos() as f64 / VALUES as f64
    };
    median((0..ROUNDS).map(round).collect())
}

/// What an HMAC-SHA256 of 16 bytes takes in a library that everyone knows.
fn other_hmac() -> f64 {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    let round = |_| {
        let start = cpu_time();
        for i in 0..VALUES {
            black_box(hmac::sign(&key, &(i as u128).to_be_bytes()));
        }
        (cpu_time() - start).as_nanos() as f64 / VALUES as f64
    };
    median((0..ROUNDS).map(round).collect())
}

/// JSON log lines of which three in ten hold identifiers.
fn stream() -> Vec<u8> {
    let mut out = Vec::new();
    for i in 0..LINES {
        let n = i as u64 * 2_654_435_761 % 1_000_000_007;
        let line = match i % 10 {
            0 => format!(
                r#"{{"ts":"2026-03-01T00:00:{:02}Z","level":"info","msg":"claim filed","ssn":"{:03}-{:02}-{:04}","mrn":"{:08}"}}"#,
                i % 60,
                100 + n % 500,
                1 + n % 98,
                1 + n % 9998,
                n % 90_000_000 + 10_000_000
            ),
            3 => format!(
                r#"{{"ts":"2026-03-01T00:00:{:02}Z","level":"warn","msg":"call back on (415) 555-{:04}","email":"user{}@example.org"}}"#,
                i % 60,
                n % 10_000,
                n % 5000
            ),
            7 => format!(
                r#"{{"ts":"2026-03-01T00:00:{:02}Z","level":"info","msg":"Patient: Ana Keller checked in","member_id":"W{:09}"}}"#,
                i % 60,
                n % 1_000_000_000
            ),
            _ => format!(
                r#"{{"ts":"2026-03-01T00:00:{:02}Z","level":"debug","logger":"http","msg":"GET /api/v1/orders took {} ms","status":200}}"#,
                i % 60,
                n % 900
            ),
        };
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
    out
}

fn scrubber(profile: Profile) -> Scrubber {
    let policy = Policy { profile, ..Policy::default() };
    let keys = Some(Keys::new(Arc::new(keyed()), Tenant::default(), None, &policy));
    Scrubber::new(Settings { policy, keys, ..Settings::new() })
}

fn main() {
    // `cargo test --benches` wants to know that it runs.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let sixteen = |i: usize| format!("{:016}", i * 7919);
    let nine = |i: usize| format!("{:09}", i * 4987 % 1_000_000_000);
    let shift = Action::DateShift { days: 365 };
    let day = |i: usize| format!("20{:02}-03-{:02}", i % 26, 1 + i % 28);
    let name = |i: usize| format!("Ana Keller{}", i % 100);
    let only = std::env::args().skip(1).find(|a| !a.starts_with("--"));
    println!("| transform | value | ns |\n| --- | --- | --- |");
    if only.is_none() {
        println!("| HMAC-SHA256 of aws-lc, nothing else | 16 bytes | {:.0} |", other_hmac());
    }
    let row = |action: Action, what, kind, value: &dyn Fn(usize) -> String| {
        if only.as_deref().is_none_or(|only| only == action.name()) {
            println!("| `{}` | {what} | {:.0} |", action.name(), nanoseconds(action, kind, value));
        }
    };
    row(Action::Pseudonym, "16 bytes", Kind::Mrn, &sixteen);
    row(Action::Seal, "16 bytes", Kind::Mrn, &sixteen);
    row(Action::FormatPreserving, "nine digits", Kind::Ssn, &nine);
    row(shift, "`2021-03-05`", Kind::Date, &day);
    row(Action::Surrogate, "two names", Kind::Name, &name);
    if only.is_some() {
        return;
    }

    let text = stream();
    let (logs, pseudonymised) = (scrubber(Profile::Logs), scrubber(Profile::Pseudonymised));
    let (mut a, mut b) = (Scratch::default(), Scratch::default());
    let time = |scrubber: &Scrubber, scratch: &mut Scratch| {
        let start = cpu_time();
        black_box(scrub(scrubber, &text, scratch));
        (cpu_time() - start).as_secs_f64()
    };
    time(&logs, &mut a);
    time(&pseudonymised, &mut b);
    let ratios = (0..ROUNDS).map(|_| time(&logs, &mut a) / time(&pseudonymised, &mut b)).collect();
    println!(
        "\nA JSON stream in which three lines of ten hold identifiers, with pseudonyms: {:.2} of its speed with markers.",
        median(ratios)
    );
}
