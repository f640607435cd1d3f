//! The scrubber beside the yardsticks, interleaved: round after round each of them takes its turn, and of the CPU time
//! that each took the median counts. What a busy machine does to one of them it does to all.
//!
//! `cargo bench --bench ratio` prints a table; `-- ROUNDS` sets the number of rounds.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod common;

use std::hint::black_box;
use std::time::Duration;

use common::{copy, corpora, redact, scrub, scrubbers, yardstick};
use scrubjay::scrubber::Scratch;

const BYTES: usize = 4 << 20;

/// CPU time of this thread, or the time of day where the system does not tell.
fn now() -> Duration {
    #[cfg(unix)]
    {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(t.tv_sec as u64, t.tv_nsec as u32)
    }
    #[cfg(not(unix))]
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap()
}

struct Memory {
    scratch: Scratch,
    out: Vec<u8>,
}

type Turn<'t> = Box<dyn Fn(&mut Memory) -> usize + 't>;

fn main() {
    let rounds = std::env::args().filter_map(|a| a.parse().ok()).next().unwrap_or(15);
    let regex = yardstick();
    let scrubbers = scrubbers();
    println!("| corpus | what | MiB/s a core | against meta-regex |\n| --- | --- | --- | --- |");
    for (corpus, text) in corpora(BYTES) {
        let mut memory = Memory { scratch: Scratch::default(), out: Vec::with_capacity(2 * text.len()) };
        let mut turns: Vec<(&str, Turn<'_>)> = Vec::new();
        for (name, scrubber) in &scrubbers {
            turns.push((name, Box::new(|m| scrub(scrubber, &text, &mut m.scratch))));
        }
        turns.push(("meta-regex", Box::new(|m| redact(&regex, &text, &mut m.out))));
        turns.push(("copy", Box::new(|m| copy(&text, &mut m.out))));
        let mut times = vec![Vec::new(); turns.len()];
        for round in 0..=rounds {
            for (turn, times) in turns.iter().zip(&mut times) {
                let before = now();
                memory.out.clear();
                black_box((turn.1)(&mut memory));
                // The first round only warms up.
                if round > 0 {
                    times.push(now() - before);
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
}
