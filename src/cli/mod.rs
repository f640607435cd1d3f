//! The command line: one file a subcommand. Data goes to standard output, everything else to standard error.
//!
//! Exit codes: 0 ok; 1 findings (`scan`), a gap (`check`), a failed case (`test`) or a missed gate (`eval`); 2 an error. A closed output
//! (`scrubjay | head`) is no error.

mod args;
mod audit;
mod check;
mod completions;
mod coverage;
#[cfg(feature = "kafka")]
mod demo;
mod detectors;
mod eval;
mod explain;
mod failure;
mod filter;
#[cfg(feature = "gateway")]
mod gateway;
mod inputs;
mod keys;
mod logging;
mod output;
mod quarantine;
mod recording;
mod reveal;
mod roster;
mod run;
mod scan;
mod stdin;
mod summary;
mod test;
mod vault;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::keys::memory::{CoreDumpsError, forbid_core_dumps};
use failure::Failure;

/// Finds protected health information in logs and notifications, and removes it.
///
/// Without a command it is a filter: it scrubs the files, or standard input, to standard output. A file that is
/// called like a command is written ./run.
#[derive(Parser)]
#[command(name = "scrubjay", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    filter: filter::FilterArgs,
    #[command(flatten)]
    log: logging::LogArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run pipelines until they end or are stopped
    Run(run::RunArgs),
    /// Report findings and change nothing; exit code 1 if there are any
    Scan(scan::ScanArgs),
    /// Draw each finding under the text: detector, evidence, confidence, action
    Explain(explain::ExplainArgs),
    /// Measure recall and precision on labelled texts; exit code 1 if a gate is missed
    Eval(Box<eval::EvalArgs>),
    /// Validate pipelines, and show which kinds are covered where
    Check(check::CheckArgs),
    /// Run the examples in packs and the test cases in pipelines
    Test(test::TestArgs),
    /// List the detectors, or show one
    Detectors(detectors::DetectorsArgs),
    /// Show the Kafka-to-Kafka job on an embedded broker; exit code 1 if an identifier came out
    #[cfg(feature = "kafka")]
    Demo(demo::DemoArgs),
    /// Open what was put into quarantine
    Quarantine(quarantine::QuarantineArgs),
    /// Make and tend the key rings that pseudonyms and tokens are made with
    Keys(keys::KeysArgs),
    /// Make and tend vaults of tokens, and reveal what stands behind them, on record
    Vault(Box<vault::VaultArgs>),
    /// Verify, show, export and prune the audit log
    Audit(audit::AuditArgs),
    /// Make a roster of patients, held as keyed hashes only, or show what one says
    Roster(roster::RosterArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
}

/// Runs the command and gives its exit code.
pub fn main() -> ExitCode {
    // Before anything is read. Told once logs are there.
    let core_dumps = forbid_core_dumps();
    // The message of a panic may quote the text it stumbled over: only its place is told.
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|l| format!(" at {}:{}", l.file(), l.line())).unwrap_or_default();
        let _ = writeln!(io::stderr(), "scrubjay: internal error{place}; please report it, without the data");
    }));
    std::panic::catch_unwind(|| command(core_dumps)).unwrap_or(ExitCode::from(2))
}

fn command(core_dumps: Result<(), CoreDumpsError>) -> ExitCode {
    let parsed = Cli::command()
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches).map(|cli| (matches, cli)));
    let result = match parsed {
        Ok((matches, cli)) => logging::start(&cli.log, matches!(cli.command, Some(Command::Run(_))))
            .map(|()| {
                if let Err(e) = core_dumps {
                    tracing::warn!("{e}");
                }
            })
            .and_then(|()| misplaced(&matches))
            .and_then(|()| dispatch(cli)),
        Err(answer) => tell(&answer),
    };
    match result {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// Help and version are output like any other; wrong arguments are told on standard error.
fn tell(answer: &clap::Error) -> Result<ExitCode, Failure> {
    let printed = answer.print();
    if answer.use_stderr() {
        return Ok(ExitCode::from(2));
    }
    printed?;
    io::stdout().flush()?;
    Ok(ExitCode::SUCCESS)
}

fn dispatch(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        None => filter::run(&cli.filter),
        Some(Command::Run(args)) => run::run(&args),
        Some(Command::Scan(args)) => scan::run(&args),
        Some(Command::Explain(args)) => explain::run(&args),
        Some(Command::Eval(args)) => eval::run(&args),
        Some(Command::Check(args)) => check::run(&args),
        Some(Command::Test(args)) => test::run(&args),
        Some(Command::Detectors(args)) => detectors::run(&args),
        #[cfg(feature = "kafka")]
        Some(Command::Demo(args)) => demo::run(&args),
        Some(Command::Quarantine(args)) => quarantine::run(&args),
        Some(Command::Keys(args)) => keys::run(&args),
        Some(Command::Vault(args)) => vault::run(&args),
        Some(Command::Audit(args)) => audit::run(&args),
        Some(Command::Roster(args)) => roster::run(&args),
        Some(Command::Completions(args)) => completions::run(&args, Cli::command()),
    }
}

/// The filter's options do not go before a command, where they would be ignored.
fn misplaced(matches: &ArgMatches) -> Result<(), Failure> {
    let Some((command, _)) = matches.subcommand() else { return Ok(()) };
    let own = Cli::command();
    let given = own.get_arguments().filter(|a| !a.is_global_set()).map(|a| a.get_id().as_str());
    let mut given = given.filter(|id| matches.value_source(id) == Some(ValueSource::CommandLine));
    match given.next() {
        None => Ok(()),
        Some(option) => Err(Failure::Sentence(format!(
            "--{} goes after the command: scrubjay {command} --{}; for a file called {command} write ./{command}",
            option.replace('_', "-"),
            option.replace('_', "-"),
        ))),
    }
}

/// The names of the commands.
fn command_names() -> Vec<String> {
    Cli::command().get_subcommands().map(|c| c.get_name().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_before_a_command_are_refused() {
        for (line, refused) in [
            ("scrubjay run p.toml", false),
            ("scrubjay --log-format json run p.toml", false),
            ("scrubjay a.log b.log", false),
            ("scrubjay --quiet a.log", false),
            ("scrubjay ./run", false),
            ("scrubjay a.log run", false),
            ("scrubjay --quiet run p.toml", true),
            ("scrubjay --no-names scan", true),
        ] {
            let matches = Cli::command().try_get_matches_from(line.split(' ')).unwrap();
            assert_eq!(misplaced(&matches).is_err(), refused, "{line}");
        }
    }
}
