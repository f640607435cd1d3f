//! `scrubjay demo`: the job on the embedded broker, judged by its own check.

use crate::kit::Cmd;

#[test]
fn nothing_planted_comes_out() {
    for seed in [1, 77] {
        Cmd::new()
            .args(&format!("demo --records 4000 --seed {seed}"))
            .run()
            .code(0)
            .stdout_has("4,000 records in, 4,000 out: each in its partition, in order")
            .stdout_has("came out byte for byte")
            .stdout_has("none came out")
            .stdout_has("[NAME]")
            .stdout_lacks("FAIL")
            .stdout_lacks("\u{1b}[")
            .quiet();
    }
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    Cmd::new().args("demo --records 0").run().code(2).stderr_has("1..=500000");
    Cmd::new().args("demo --seed x").run().code(2).stderr_has("--seed");
}
