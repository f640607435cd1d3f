//! `./dev train`: makes `dictionary.bin` and `weights.bin` beside this file.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(lists), Some(out), None) = (args.next(), args.next(), args.next()) else {
        eprintln!("train LISTS OUT: two directories");
        return ExitCode::from(2);
    };
    match scrubjay::train::run(&lists, &out, &mut |line| println!("{line}")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("train: {e}");
            ExitCode::from(2)
        }
    }
}
