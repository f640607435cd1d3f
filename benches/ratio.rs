//! The scrubber beside the yardsticks, interleaved: round after round each of them takes its turn, and of the CPU time
//! that each took the median counts. What a busy machine does to one of them it does to all.
//!
//! Then: at how many places patterns were tried, and how long the command takes for one line.
//!
//! `cargo bench --bench ratio` prints tables; `-- ROUNDS` sets the number of rounds.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod common;

use std::hint::black_box;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{copy, corpora, cpu_time, redact, scrub, scrubbers, yardstick};
use scrubjay::detect::{DetectScratch, Engine};
use scrubjay::scrubber::Scratch;

const BYTES: usize = 4 << 20;

struct Memory {
    scratch: Scratch,
    out: Vec<u8>,
}

type Turn<'t> = Box<dyn Fn(&mut Memory) -> usize + 't>;

fn main() {
    let rounds = std::env::args().filter_map(|a| a.parse().ok()).next().unwrap_or(15usize).max(1);
    let regex = yardstick();
    let scrubbers = scrubbers();
    println!("| corpus | what | MiB/s a core | against meta-regex |\n| --- | --- | --- | --- |");
    for (corpus, text) in corpora(BYTES) {
        let mut turns: Vec<(&str, Turn<'_>)> = Vec::new();
        for (name, scrubber) in &scrubbers {
            turns.push((name, Box::new(|m| scrub(scrubber, &text, &mut m.scratch))));
        }
        turns.push(("meta-regex", Box::new(|m| redact(&regex, &text, &mut m.out))));
        turns.push(("copy", Box::new(|m| copy(&text, &mut m.out))));
        let mut times = vec![Vec::new(); turns.len()];
        // Each with memory of its own, as a worker has.
        let memory = || Memory { scratch: Scratch::default(), out: Vec::with_capacity(2 * text.len()) };
        let mut memories: Vec<Memory> = turns.iter().map(|_| memory()).collect();
        for round in 0..=rounds {
            for ((turn, memory), times) in turns.iter().zip(&mut memories).zip(&mut times) {
                let before = cpu_time();
                memory.out.clear();
                black_box((turn.1)(memory));
                // The first round only warms up.
                if round > 0 {
                    times.push(cpu_time() - before);
                }
            }
        }
        let speeds: Vec<f64> = times
            .iter_mut()
            .map(|t| {
                t.sort();
                text.len() as f64 / (1 << 20) as f64 / t[t.len() / 2].as_secs_f64()
            })
            .collect();
        let of_regex = speeds[turns.iter().position(|t| t.0 == "meta-regex").unwrap()];
        for ((name, _), speed) in turns.iter().zip(&speeds) {
            println!("| {corpus} | {name} | {speed:.0} | {:.2} |", speed / of_regex);
        }
    }
    let (engine, mut scratch) = (Engine::builtin(), DetectScratch::default());
    println!("\n| corpus | places tried a MiB |\n| --- | --- |");
    for (corpus, text) in corpora(1 << 20) {
        let lines = text.split_inclusive(|b| *b == b'\n');
        let tried: usize = lines.map(|line| engine.count_candidates(line, &mut scratch)).sum();
        println!("| {corpus} | {} |", tried * (1 << 20) / text.len());
    }
    let mut starts: Vec<Duration> = (0..rounds).map(|_| one_line()).collect();
    starts.sort();
    println!(
        "\nOne line through the command, start and end included: {:.0} ms",
        starts[starts.len() / 2].as_secs_f64() * 1e3
    );
}

/// How long the command takes for one line, from its start to its end.
fn one_line() -> Duration {
    let begun = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_scrubjay"))
        .arg("--quiet")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"SSN 219-10-9999\n").unwrap();
    assert!(child.wait().unwrap().success());
    begun.elapsed()
}
