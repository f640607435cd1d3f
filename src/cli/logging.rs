//! Logs on standard error. They say where and how many, never what a record held.

use std::io;

use clap::ValueEnum;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt, registry};

use super::failure::Failure;

/// The environment variable with the filter.
const VARIABLE: &str = "SCRUBJAY_LOG";

#[derive(clap::Args)]
pub(super) struct LogArgs {
    /// How log lines on standard error are written; which, says the environment variable SCRUBJAY_LOG (a level such
    /// as `debug`, or `target=level`)
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT", help_heading = "Logging")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// Begins to log: warnings, and what a running pipeline does.
pub(super) fn start(args: &LogArgs, running: bool) -> Result<(), Failure> {
    let default = if running { "info" } else { "warn" };
    let filter = match std::env::var(VARIABLE) {
        Ok(text) if !text.trim().is_empty() => EnvFilter::try_new(&text).map_err(|_| {
            let how =
                "it is a level (error, warn, info, debug, trace), or parts such as scrubjay=debug, by commas";
            Failure::Sentence(format!("the environment variable {VARIABLE} is no log filter; {how}"))
        })?,
        _ => EnvFilter::new(default),
    };
    // What libraries say holds what peers sent them, HTTP/2 frames among it.
    let own = filter_fn(|about| about.target().starts_with(env!("CARGO_PKG_NAME")));
    // Without colour: tracing-subscriber panics when asked for it in a build without its feature `ansi`.
    let log = fmt::layer().with_writer(io::stderr).with_ansi(false);
    // A second start, in a test, keeps the first log.
    let _ = match args.log_format {
        LogFormat::Text => registry().with(log.with_filter(filter.and(own))).try_init(),
        LogFormat::Json => {
            registry().with(log.json().flatten_event(true).with_filter(filter.and(own))).try_init()
        }
    };
    Ok(())
}
