//! `scrubjay completions`

use std::io::{self, Write};
use std::process::ExitCode;

use clap_complete::Shell;

use super::failure::Failure;

#[derive(clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs, mut command: clap::Command) -> Result<ExitCode, Failure> {
    // Into memory first: the generator panics when its output fails.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "scrubjay", &mut script);
    io::stdout().write_all(&script)?;
    io::stdout().flush()?;
    Ok(ExitCode::SUCCESS)
}
