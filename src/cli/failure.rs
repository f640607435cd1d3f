//! What ends a command early.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use crate::config::{ConfigError, plain_reason};
use crate::detect::PackErrors;

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// In a sentence: what, where, and what to do.
    Sentence(String),
    /// In a file, at a place.
    Config(ConfigError),
    /// Standard output could not be written.
    Output(io::Error),
}

impl Failure {
    /// Tells it on standard error; a closed output is quietly fine.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Failure::Output(e) if e.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
            Failure::Output(e) => say(cannot_write(&e)),
            Failure::Sentence(text) => say(text),
            Failure::Config(e) => report_config(&e),
        }
        ExitCode::from(2)
    }
}

impl From<ConfigError> for Failure {
    fn from(e: ConfigError) -> Failure {
        Failure::Config(e)
    }
}

impl From<PackErrors> for Failure {
    fn from(e: PackErrors) -> Failure {
        Failure::Config(e.into())
    }
}

/// Output of a command is the only thing that is written with `?`.
impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Failure {
        Failure::Output(e)
    }
}

/// A sentence on standard error.
pub(crate) fn say(text: impl Display) {
    let _ = writeln!(io::stderr(), "scrubjay: {text}");
}

/// Draws what is wrong in a file, in colour on a terminal.
pub(crate) fn report_config(error: &ConfigError) {
    match error {
        ConfigError::Unreadable(text) => say(text),
        ConfigError::Invalid(all) => {
            let colour = colour_on(io::stderr().is_terminal());
            for diagnostic in all {
                let _ = writeln!(io::stderr(), "{}\n", diagnostic.render(colour));
            }
        }
    }
}

/// Whether to use colour, given that the output is a terminal or not.
pub(crate) fn colour_on(terminal: bool) -> bool {
    terminal
        && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
        && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
}

fn cannot_write(e: &io::Error) -> String {
    let advice = match e.kind() {
        io::ErrorKind::StorageFull => "; make room, or write somewhere else",
        io::ErrorKind::QuotaExceeded => "; make room within the quota, or write somewhere else",
        _ => "",
    };
    format!("cannot write to standard output: {}{advice}", plain_reason(e))
}
