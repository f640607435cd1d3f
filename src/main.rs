//! The `scrubjay` command.

fn main() -> std::process::ExitCode {
    scrubjay::cli::main()
}
