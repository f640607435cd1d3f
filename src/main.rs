//! The `scrubjay` command.

fn main() -> std::process::ExitCode {
    #[cfg(feature = "train")]
    try_out();
    scrubjay::cli::main()
}

/// Names are found by the files of the directory `SCRUBJAY_NAMES`: a training is tried out without a build.
#[cfg(feature = "train")]
fn try_out() {
    let Some(dir) = std::env::var_os("SCRUBJAY_NAMES").map(std::path::PathBuf::from) else { return };
    let read = |file: &str| std::fs::read(dir.join(file)).unwrap_or_default();
    let trained =
        scrubjay::train::Trained { dictionary: read("dictionary.bin"), weights: read("weights.bin") };
    let _ = scrubjay::train::adopt(trained);
}
