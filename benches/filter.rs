//! The command as a process: its CPU time beside the library's for the same bytes, two threads beside one, and `cat`.
//!
//! `cargo bench --bench filter` prints a table; `-- MB` sets the size of each corpus, in 10^6 bytes. Each figure is the median of
//! some rounds, in which all take their turns.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[allow(dead_code, reason = "shared with the other benches")]
mod common;

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{corpora, cpu_time, scrub, scrubbers};
use scrubjay::scrubber::{Scratch, Scrubber};

const ROUNDS: usize = 5;
const DEFAULT_MB: usize = 400;
/// A line in which nothing is found.
const CLEAN: &str =
    "level=info msg=\"nothing of note\" worker=main queue=outgoing state=idle, and all is well\n";

/// What is measured of one turn.
#[derive(Clone, Copy)]
struct Took {
    wall: Duration,
    cpu: Duration,
}

/// CPU time of the children that have ended.
fn of_children() -> Duration {
    let ticks = |text: &str| -> u64 {
        // After the command in brackets: fields 16 and 17 of the line are those of children (proc(5)).
        let rest = text.rsplit(") ").next().unwrap();
        rest.split(' ').skip(13).take(2).map(|f| f.parse::<u64>().unwrap()).sum()
    };
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    Duration::from_millis(ticks(&text) * 10)
}

fn process(command: &mut Command) -> Took {
    let (begun, before) = (Instant::now(), of_children());
    let status = command.stdout(Stdio::null()).stderr(Stdio::inherit()).status().unwrap();
    assert!(status.success());
    Took { wall: begun.elapsed(), cpu: of_children() - before }
}

fn library(scrubber: &Scrubber, text: &[u8]) -> Took {
    let (begun, before) = (Instant::now(), cpu_time());
    scrub(scrubber, text, &mut Scratch::default());
    Took { wall: begun.elapsed(), cpu: cpu_time() - before }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

fn main() {
    let mb = std::env::args().filter_map(|a| a.parse().ok()).next().unwrap_or(DEFAULT_MB).max(1);
    let [(_, no_names), (_, with_names), _] = scrubbers();
    println!(
        "| corpus | kinds | library MB/s | process MB/s | of the library | two threads, of one | cat MB/s |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let clean = ("clean", CLEAN.repeat(mb * 1_000_000 / CLEAN.len()).into_bytes());
    for (corpus, text) in corpora(mb * 1_000_000).into_iter().chain([clean]) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&text).unwrap();
        let path = file.path();
        for (kinds, scrubber, option) in
            [("structured", &no_names, Some("--no-names")), ("everything", &with_names, None)]
        {
            let command = |threads: &str| {
                let mut command = Command::new(env!("CARGO_BIN_EXE_scrubjay"));
                command.args(["--quiet", "--threads", threads]).args(option).arg(path);
                command
            };
            let mut turns: [Vec<Took>; 4] = Default::default();
            for _ in 0..ROUNDS {
                turns[0].push(library(scrubber, &text));
                turns[1].push(process(&mut command("1")));
                turns[2].push(process(&mut command("2")));
                turns[3].push(process(Command::new("cat").arg(path)));
            }
            let of = |i: usize, which: fn(&Took) -> Duration| median(turns[i].iter().map(which).collect());
            let [library, one] = [0, 1].map(|i| of(i, |t| t.cpu));
            let [wall, wall_of_two, cat] = [1, 2, 3].map(|i| of(i, |t| t.wall));
            let speed = |seconds: f64| text.len() as f64 / 1e6 / seconds;
            println!(
                "| {corpus} | {kinds} | {:.0} | {:.0} | {:.2} | {:.2} | {:.0} |",
                speed(library),
                speed(one),
                library / one,
                wall / wall_of_two,
                speed(cat)
            );
        }
    }
}
