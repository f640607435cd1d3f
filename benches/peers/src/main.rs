//! Scrubjay beside other redactors, on invented logs in which it is known where identifiers stand.
//!
//! `./dev peers` runs it; docs/benchmarks.md says how it measures.

#[allow(dead_code, unreachable_pub, reason = "shared with the benches")]
#[path = "../../common/mod.rs"]
mod common;

mod chart;
mod corpus;
mod generate;
mod measure;
mod options;
mod peers;
mod recall;
mod report;

use std::process::ExitCode;

use options::Command;

fn main() -> ExitCode {
    let done = options::parse(std::env::args().skip(1)).and_then(|command| match command {
        Command::Help => {
            print!("{}", options::HELP);
            Ok(())
        }
        Command::Generate(options) => generate::run(&options),
        Command::Measure(options) => measure::run(&options),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("peers: {why}");
            ExitCode::FAILURE
        }
    }
}
