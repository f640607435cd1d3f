//! What a roster of a million generated patients costs: throughput with it and without, turn by turn, and memory.
//!
//! `cargo bench --bench roster` prints tables; `-- ROUNDS` sets the number of rounds, and
//! `-- json` takes that corpus alone.

#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod common;

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use common::{corpora, cpu_time, scrub};
use scrubjay::detect::roster::{Builder, Column, Roster};
use scrubjay::policy::{Policy, Profile};
use scrubjay::record::Batch;
use scrubjay::scrubber::{Scratch, Scrubber, Settings};

const BYTES: usize = 4 << 20;
const PATIENTS: u64 = 1_000_000;
const KEY: [u8; 32] = [7; 32];
/// Surnames that are words of logs, too.
const WORDS: [&str; 24] = [
    "Smith", "Brown", "Young", "Green", "King", "White", "Long", "Price", "Page", "Case", "Field", "Bell",
    "Day", "May", "Will", "Mark", "Grant", "Chase", "Guest", "Link", "Post", "Root", "Cash", "Service",
];

/// What may be named to leave the others out.
fn corpora_names() -> [&'static str; 3] {
    ["json", "text", "notifications"]
}

/// What makes the numbers of surnames.
const SURNAMES: u64 = 3;

/// A reproducible number.
fn mix(n: u64, salt: u64) -> u64 {
    let mut x = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    x = (x ^ x >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^ x >> 32
}

/// One of `count` names, the first ones far more often than the last.
fn name(n: u64, salt: u64, count: u64) -> String {
    let x = mix(n, salt);
    let skewed = ((x >> 11) as f64 / (1u64 << 53) as f64).powi(3);
    let rank = (skewed * count as f64) as u64;
    if salt == SURNAMES
        && let Some(word) = WORDS.get(rank as usize)
    {
        return (*word).to_owned();
    }
    let (mut x, mut name) = (mix(rank, 99), String::new());
    for _ in 0..2 + x % 2 {
        name.push(b"bcdfghjklmnprstvwz"[(x >> 8) as usize % 18].into());
        name.push(b"aeiou"[(x >> 16) as usize % 5].into());
        name.push_str(["", "n", "r", "l", "s", "ck"][(x >> 24) as usize % 6]);
        x >>= 17;
    }
    name
}

fn build() -> Vec<u8> {
    let mut builder = Builder::new(&KEY, [1; 32]).unwrap();
    for i in 0..PATIENTS {
        let r = mix(i, 5);
        let (first, middle, last) = (name(i, 1, 20_000), name(i, 2, 20_000), name(i, SURNAMES, 150_000));
        let dob = format!("{}-{:02}-{:02}", 1920 + r % 100, 1 + (r >> 8) % 12, 1 + (r >> 16) % 28);
        let mrn = format!("{:08}", 10_000_000 + i * 7);
        let phone = format!("{}{:07}", 201 + (r >> 24) % 700, 2_000_000 + (r >> 32) % 7_999_999);
        let email = format!("{first}.{last}{}@example.org", r % 100);
        let address = format!("{} {} St", 1 + (r >> 40) % 9999, name(i, 4, 9000));
        let values = [
            (Column::First, first.as_str()),
            (Column::Middle, &middle),
            (Column::Last, &last),
            (Column::Birth, &dob),
            (Column::Mrn, &mrn),
            (Column::Phone, &phone),
            (Column::Email, &email),
            (Column::Address, &address),
        ];
        builder.add(&values.map(|(c, v)| (c, v.as_bytes())), &mut |_, reason| panic!("{reason}"));
    }
    builder.finish().unwrap().file
}

/// The most memory this process ever had, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Opens the roster, if there is one, scrubs a line, and prints the most memory that took.
fn memory(file: Option<&str>) {
    let roster = file.map(|f| Arc::new(Roster::open(std::fs::read(f).unwrap(), &KEY).unwrap()));
    let scrubber = Scrubber::new(Settings { roster, ..Settings::new() });
    black_box(scrubber.scrub_text(b"SSN 219-10-9999", &mut Scratch::default()).unwrap());
    println!("{}", peak_kib());
}

fn peak_of(file: Option<&Path>) -> u64 {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let out = command.arg("--memory").args(file).output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().parse().unwrap()
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|a| a == "--memory") {
        return memory(args.get(at + 1).map(String::as_str));
    }
    let rounds = args.iter().filter_map(|a| a.parse().ok()).next().unwrap_or(15usize).max(1);
    let begun = Instant::now();
    let file = build();
    println!("built in {:.1} s; {:.1} MB", begun.elapsed().as_secs_f64(), file.len() as f64 / 1e6);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("roster.bin");
    std::fs::write(&path, &file).unwrap();
    let (without, with) = (peak_of(None), peak_of(Some(&path)));
    println!("memory: {:.1} MB more than without", (with - without) as f64 * 1024.0 / 1e6);
    let begun = Instant::now();
    let roster = Arc::new(Roster::open(file, &KEY).unwrap());
    println!("opened in {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);

    println!("| corpus | first pass ns/byte | places in 1,000 bytes |\n| --- | --- | --- |");
    for (corpus, text) in corpora(BYTES) {
        let mut times = Vec::new();
        for _ in 0..rounds {
            let before = cpu_time();
            black_box(roster.count_places(black_box(&text)));
            times.push(cpu_time() - before);
        }
        times.sort();
        let each = times[times.len() / 2].as_secs_f64() * 1e9 / text.len() as f64;
        let count = 1e3 * roster.count_places(&text) as f64 / text.len() as f64;
        println!("| {corpus} | {each:.2} | {count:.1} |");
    }

    println!(
        "| corpus | profile | without MiB/s | with MiB/s | cost | findings | with |\n| --- | --- | --- | --- | --- | --- | --- |"
    );
    for profile in [Profile::Logs, Profile::SafeHarbor] {
        for (corpus, text) in corpora(BYTES) {
            let chosen = |a: &String| corpora_names().contains(&a.as_str());
            if args.iter().any(chosen) && !args.iter().any(|a| a == corpus) {
                continue;
            }
            let policy = Policy { profile, ..Policy::default() };
            let turns = [None, Some(roster.clone())]
                .map(|roster| Scrubber::new(Settings { roster, policy: policy.clone(), ..Settings::new() }));
            // Each with memory of its own, as a worker has.
            let mut scratches = [Scratch::default(), Scratch::default()];
            let mut times = [Vec::new(), Vec::new()];
            for round in 0..=rounds {
                for ((scrubber, scratch), times) in turns.iter().zip(&mut scratches).zip(&mut times) {
                    let before = cpu_time();
                    black_box(scrub(scrubber, &text, scratch));
                    if round > 0 {
                        times.push(cpu_time() - before);
                    }
                }
            }
            let [without, with] = times.map(|mut t| {
                t.sort();
                text.len() as f64 / (1 << 20) as f64 / t[t.len() / 2].as_secs_f64()
            });
            let lines: Vec<&[u8]> = text.split_inclusive(|b| *b == b'\n').collect();
            let found = turns.each_ref().map(|scrubber| {
                let batch = Batch::from_lines(lines.iter().copied());
                let done = scrubber.scrub(batch, &mut Scratch::default()).unwrap();
                done.tally().findings.iter().sum::<u64>()
            });
            let cost = 100.0 * (1.0 - with / without);
            println!(
                "| {corpus} | {} | {without:.0} | {with:.0} | {cost:.1} % | {} | {} |",
                profile.name(),
                found[0],
                found[1]
            );
        }
    }
}
