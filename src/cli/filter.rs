//! `scrubjay [FILE...]`: the filter.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use arc_swap::ArcSwap;

use super::args::{CommonArgs, ThreadsArgs};
use super::failure::{Failure, say};
use super::inputs::Inputs;
use super::output::Output;
use super::summary;
use crate::codec::Framer;
use crate::pipeline::{self, Line, LineError};
use crate::scrubber::Scrubber;
use crate::sink::{SinkError, StreamSink};
use crate::source::StreamSource;

#[derive(clap::Args)]
pub(super) struct FilterArgs {
    /// Files to scrub, one after the other; `-` or none is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    threads: ThreadsArgs,
    /// No summary and no progress bar
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn run(args: &FilterArgs) -> Result<ExitCode, Failure> {
    let settings = args.common.settings()?;
    let mut inputs = Inputs::new(&args.files);
    if !args.quiet {
        inputs = inputs.with_progress();
        inputs.hint();
    }
    let (format, limit, overlap) =
        (settings.codec.format, settings.max_record_bytes, settings.engine.reach());
    let (output, cursor) = Output::new();
    let line = Line {
        source: Box::new(StreamSource::new(inputs.readers(), Framer::new(format, limit, overlap))),
        sink: Box::new(StreamSink::new(output, "standard output")),
        scrubber: Arc::new(ArcSwap::from_pointee(Scrubber::new(settings))),
        threads: args.threads.count(),
        stop: Arc::new(AtomicBool::new(false)),
    };
    let started = Instant::now();
    let result = pipeline::run(line);
    let failed = inputs.finish();
    if result.is_err() || !args.quiet {
        cursor.new_line();
    }
    match result {
        Ok(tally) => {
            if !args.quiet && (!failed || tally.records > 0) {
                say(summary::text(&tally, started.elapsed()));
            }
        }
        Err(LineError::Sink(SinkError::Closed)) => return Ok(ExitCode::SUCCESS),
        Err(e) => return Err(Failure::Sentence(e.to_string())),
    }
    Ok(if failed { ExitCode::from(2) } else { ExitCode::SUCCESS })
}
