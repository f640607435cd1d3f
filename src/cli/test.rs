//! `scrubjay test`: the examples in packs, the cases in pipelines.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::failure::Failure;
use super::summary::counted;
use crate::config::{self, read_text};
use crate::detect::{Engine, Pack};
use crate::reason::unreadable;
use crate::scrubber::{Scratch, Scrubber};

#[derive(clap::Args)]
pub(super) struct TestArgs {
    /// Packs, pipelines, or directories of them [default: the built-in packs and ./pipelines]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// How many cases there were, and how many of them failed.
#[derive(Clone, Copy, Default)]
struct Count {
    cases: u64,
    failed: u64,
}

pub(super) fn run(args: &TestArgs) -> Result<ExitCode, Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut total = Count::default();
    let mut add = |count: Count| {
        total.cases += count.cases;
        total.failed += count.failed;
    };
    let mut files = Vec::new();
    if args.paths.is_empty() {
        let engine = Engine::builtin();
        add(examples("the built-in packs", &engine, |_| true, &mut out)?);
        if Path::new("pipelines").is_dir() {
            files = toml_files(Path::new("pipelines"))?;
        }
    }
    for path in &args.paths {
        match path.is_dir() {
            true => files.extend(toml_files(path)?),
            false => files.push(path.clone()),
        }
    }
    for file in &files {
        let text = read_text(file)?;
        add(if is_pack(&text) { pack(file, &text, &mut out)? } else { pipeline(file, &mut out)? });
    }
    writeln!(out, "{}, {} failed", counted(total.cases, "case"), total.failed)?;
    out.flush()?;
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// A file with detectors is a pack. Anything else is read as a pipeline, and errors are told as such.
fn is_pack(text: &str) -> bool {
    text.lines().any(|l| l.trim_start().starts_with("[[detector]]"))
}

fn toml_files(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |e: io::Error| {
        Failure::Sentence(format!("cannot read the directory {}: {}", dir.display(), unreadable(&e)))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            files.push(path);
        }
    }
    files.sort();
    match files.is_empty() {
        true => Err(Failure::Sentence(format!("there is no .toml file in {}", dir.display()))),
        false => Ok(files),
    }
}

/// The examples of a user's pack, in an engine with the built-in ones.
fn pack(file: &Path, text: &str, out: &mut dyn Write) -> Result<Count, Failure> {
    let pack = Pack::parse(&file.display().to_string(), text)?;
    let own = Engine::new(std::slice::from_ref(&pack))?;
    let mut all = Engine::builtin_packs();
    all.push(pack);
    let engine = Engine::new(&all)?;
    examples(&file.display().to_string(), &engine, |id| own.detectors().iter().any(|d| d.id == id), out)
}

fn examples(
    name: &str,
    engine: &Engine,
    mine: impl Fn(&str) -> bool,
    out: &mut dyn Write,
) -> Result<Count, Failure> {
    let detectors = engine.detectors().iter().filter(|d| mine(&d.id));
    let cases: usize = detectors.map(|d| d.examples.len() + d.counter_examples.len()).sum();
    let failures: Vec<_> = engine.test_examples().into_iter().filter(|f| mine(&f.detector)).collect();
    for failure in &failures {
        writeln!(out, "FAILED {name}: {}: {}", failure.detector, failure.message)?;
    }
    writeln!(out, "{name}: {}, {} failed", counted(cases as u64, "example"), failures.len())?;
    Ok(Count { cases: cases as u64, failed: failures.len() as u64 })
}

/// The cases of a pipeline.
fn pipeline(file: &Path, out: &mut dyn Write) -> Result<Count, Failure> {
    let pipeline = config::load(file)?;
    let engine = config::engine(&pipeline.treatment.packs)?;
    // Without its secrets a pipeline can be tested all the same: what it would seal becomes a marker, and keys are those of tests.
    let settings = pipeline.treatment.settings_for_tests(engine)?;
    let scrubber = Scrubber::new(settings);
    let mut scratch = Scratch::default();
    let mut count = Count::default();
    for case in &pipeline.tests {
        count.cases += 1;
        let got = scrubber.scrub_text(case.input.as_bytes(), &mut scratch);
        let got = got
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_else(|e| format!("({e})"));
        if got != case.output {
            count.failed += 1;
            let name = case.name.as_ref().map(|n| format!(" ({n})")).unwrap_or_default();
            writeln!(out, "FAILED {}:{}{name}", file.display(), case.line)?;
            for (what, text) in [("input", &case.input), ("expected", &case.output), ("got", &got)] {
                writeln!(out, "  {what:<9} {}", text.trim_end().replace('\n', "\n            "))?;
            }
        }
    }
    writeln!(out, "{}: {}, {} failed", file.display(), counted(count.cases, "test"), count.failed)?;
    Ok(count)
}
