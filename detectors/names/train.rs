//! `./dev train`: makes `dictionary.bin` and `weights.bin` from word lists and templates.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command that says what it does")]

use std::path::Path;
use std::process::ExitCode;

use scrubjay::train::{self, File};

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let [tables, names] = args.as_slice() else {
        eprintln!("train TABLES NAMES: two directories");
        return ExitCode::from(2);
    };
    match run(Path::new(tables), Path::new(names)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("train: {e}");
            ExitCode::from(2)
        }
    }
}

fn run(tables: &Path, names: &Path) -> Result<(), String> {
    let (tables, written) = (read(tables)?, read(&names.join("lists"))?);
    let trained =
        train::run(&tables, &written, &read(&names.join("templates"))?, &mut |line| println!("{line}"))?;
    for (file, bytes) in [("dictionary.bin", &trained.dictionary), ("weights.bin", &trained.weights)] {
        let path = names.join(file);
        std::fs::write(&path, bytes).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

/// The files of a directory, in order, each by its name without an ending.
fn read(dir: &Path) -> Result<Vec<File>, String> {
    let wrong = |path: &Path, e: std::io::Error| format!("{}: {e}", path.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|e| wrong(dir, e))? {
        let path = entry.map_err(|e| wrong(dir, e))?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        files.push((name, std::fs::read_to_string(&path).map_err(|e| wrong(&path, e))?));
    }
    files.sort();
    Ok(files)
}
