//! What more detectors cost: the scrubber with 12, 24, 48 and all of the built-in ones, turn by turn.
//!
//! `cargo bench --bench rules` prints a table; `-- ROUNDS` sets the number of rounds.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[allow(dead_code, reason = "shared with the other benches")]
mod common;

use std::sync::Arc;

use common::{corpora, cpu_time, scrub};
use scrubjay::detect::{Engine, Pack};
use scrubjay::scrubber::{Scratch, Scrubber, Settings};

const BYTES: usize = 4 << 20;

/// What tools of this kind look for first; then what comes next; the others follow in the order of the packs.
const FIRST: [&str; 24] = [
    "us-ssn",
    "us-ssn-labelled",
    "phone-nanp",
    "phone-international",
    "email",
    "ipv4",
    "date-iso",
    "date-numeric",
    "mrn",
    "plan-labelled",
    "us-mbi",
    "card-separated", //
    "date-month-name",
    "ipv6",
    "mac-address",
    "iban",
    "account-labelled",
    "us-npi-labelled",
    "us-dea-labelled",
    "vin",
    "url",
    "zip-after-state",
    "address-street",
    "card-bare",
];

/// The texts of the built-in packs with so many detectors, those that ask the model of names left out.
fn packs(count: usize) -> (Vec<Pack>, usize) {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/detectors");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "toml"));
    files.sort();
    let mut all: Vec<(String, String, String)> = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        for part in text.split("[[detector]]").skip(1) {
            let id = part.lines().find_map(|l| l.strip_prefix("id = \"")?.strip_suffix('"')).unwrap();
            all.push((id.to_owned(), name.clone(), format!("[[detector]]{part}")));
        }
    }
    all.retain(|(_, _, text)| !text.contains("\nmodel = "));
    all.sort_by_key(|(id, ..)| FIRST.iter().position(|f| f == id).unwrap_or(FIRST.len()));
    all.truncate(count);
    let count = all.len();
    all.sort_by(|a, b| a.1.cmp(&b.1));
    let of_file = |part: &[(String, String, String)]| {
        let text: String = part.iter().map(|p| p.2.as_str()).collect();
        Pack::parse(&part[0].1, &text).unwrap()
    };
    (all.chunk_by(|a, b| a.1 == b.1).map(of_file).collect(), count)
}

fn main() {
    let rounds = std::env::args().filter_map(|a| a.parse().ok()).next().unwrap_or(9usize).max(1);
    let scrubbers: Vec<(usize, Scrubber)> = [12, 24, 48, usize::MAX]
        .into_iter()
        .map(|count| {
            let (packs, count) = packs(count);
            let engine = Arc::new(Engine::new(&packs).unwrap());
            (count, Scrubber::new(Settings { engine, ..Settings::new() }))
        })
        .collect();
    println!("| corpus | detectors | MiB/s a core | cost against 12 |\n| --- | --- | --- | --- |");
    for (corpus, text) in corpora(BYTES) {
        let mut memories: Vec<Scratch> = scrubbers.iter().map(|_| Scratch::default()).collect();
        let mut times = vec![Vec::new(); scrubbers.len()];
        for round in 0..=rounds {
            for (((_, scrubber), memory), times) in scrubbers.iter().zip(&mut memories).zip(&mut times) {
                let before = cpu_time();
                scrub(scrubber, &text, memory);
                // The first round only warms up.
                if round > 0 {
                    times.push(cpu_time() - before);
                }
            }
        }
        let medians: Vec<f64> = times
            .iter_mut()
            .map(|t| {
                t.sort();
                t[t.len() / 2].as_secs_f64()
            })
            .collect();
        for ((count, _), median) in scrubbers.iter().zip(&medians) {
            let speed = text.len() as f64 / (1 << 20) as f64 / median;
            println!("| {corpus} | {count} | {speed:.0} | {:+.0} % |", (median / medians[0] - 1.0) * 100.0);
        }
    }
}
