//! `scrubjay detectors`: lists them, or shows one.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::failure::Failure;
use crate::config::{self, did_you_mean};
use crate::detect::DetectorInfo;

#[derive(clap::Args)]
pub(super) struct DetectorsArgs {
    /// The detector to show
    id: Option<String>,
    /// A detector pack beside the built-in ones; may be given several times
    #[arg(long, value_name = "PATH")]
    pack: Vec<PathBuf>,
}

pub(super) fn run(args: &DetectorsArgs) -> Result<ExitCode, Failure> {
    let engine = config::engine(&args.pack)?;
    let all = engine.detectors();
    let mut out = BufWriter::new(io::stdout().lock());
    match &args.id {
        None => list(all, &mut out)?,
        Some(id) => match all.iter().find(|d| d.id == *id) {
            Some(detector) => show(detector, &mut out)?,
            None => {
                let hint = match did_you_mean(id, all.iter().map(|d| &*d.id)) {
                    Some(near) => format!("did you mean {near}?"),
                    None => "`scrubjay detectors` lists them".to_owned(),
                };
                return Err(Failure::Sentence(format!("there is no detector of this id; {hint}")));
            }
        },
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn list(all: &[DetectorInfo], out: &mut dyn Write) -> io::Result<()> {
    let width = all.iter().map(|d| d.id.len()).max().unwrap_or(0).max(8);
    writeln!(out, "{:<width$}  {:<14}  item  pack", "detector", "kind")?;
    let mut sorted: Vec<&DetectorInfo> = all.iter().collect();
    sorted.sort_by_key(|d| (d.kind, &d.id));
    for d in sorted {
        let slow = if d.slow { "  (look-around: slow)" } else { "" };
        writeln!(out, "{:<width$}  {:<14}  {:<4}  {}{slow}", d.id, d.kind, d.kind.letter(), d.pack)?;
    }
    Ok(())
}

fn show(d: &DetectorInfo, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", d.id)?;
    writeln!(out, "  kind      {}: {}", d.kind, d.kind.about())?;
    writeln!(out, "  item      {} of 45 CFR 164.514(b)(2)(i)", d.kind.letter())?;
    writeln!(out, "  pack      {}", d.pack)?;
    writeln!(out, "  marker    {}", d.kind.marker())?;
    for (name, text) in [
        ("pattern", d.pattern.lines().collect::<Vec<_>>()),
        ("check", d.check.iter().map(|c| &**c).collect()),
    ] {
        for (i, line) in text.iter().enumerate() {
            writeln!(out, "  {:<9} {line}", if i == 0 { name } else { "" })?;
        }
    }
    for (name, words) in [("keywords", &d.keywords), ("fields", &d.fields)] {
        if !words.is_empty() {
            writeln!(out, "  {name:<9} {}", words.join(", "))?;
        }
    }
    if d.whole_field {
        writeln!(out, "  takes the whole value of its fields")?;
    }
    if d.slow {
        writeln!(out, "  uses look-around and runs on a slower engine")?;
    }
    for (name, texts) in [("finds", &d.examples), ("finds nothing in", &d.counter_examples)] {
        if !texts.is_empty() {
            writeln!(out, "  {name}")?;
            texts.iter().try_for_each(|t| writeln!(out, "    {t}"))?;
        }
    }
    Ok(())
}
