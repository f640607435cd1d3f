//! `scrubjay roster`, and pipelines that look for its patients.
#![cfg(unix)]

use std::time::Duration;

use crate::kit::{Dir, Out, contains};

const CSV: &str = "\u{feff}First Name,Last Name,DOB,MRN,Phone,E-mail,Address\r\n\
    Quillon,Smith,1962-03-14,00482913,(415) 555-2671,qsmith@example.org,\"12 N. Elm St, Apt 4\"\r\n\
    Zo\u{eb},\"O'Brien\",03/09/1948,MX-77-1204,,zoe@example.net,4100 Willow Creek Rd\r\n";
const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A directory with patients, a key and another one.
fn dir() -> Dir {
    let dir = Dir::new();
    dir.file("patients.csv", CSV);
    dir.secret("key", KEY);
    dir.secret("other", KEY.replace('0', "9"));
    dir
}

fn build(dir: &Dir) -> Out {
    dir.cmd().args("roster build patients.csv -o roster.bin --key file:key").run()
}

fn scrub(dir: &Dir, options: &str, text: &str) -> Out {
    dir.cmd().args("--quiet --roster roster.bin").args(options).stdin(text).run()
}

#[test]
fn what_was_built_is_found() {
    let dir = dir();
    build(&dir).code(0).stderr_has("roster.bin: 2 patients");
    let text = "a: obrien zoe\nb: SMITH, QUILLON A\nc: id mx771204\nd: +14155552671\ne: qsmith@EXAMPLE.org\nf: at 12 elm st\n";
    let want = "a: [NAME]\nb: [NAME]\nc: id [MRN]\nd: [PHONE]\ne: [EMAIL]\nf: at [ADDRESS]\n";
    scrub(&dir, "--roster-key file:key", text).code(0).stdout(want);
    // What is clean stays clean.
    scrub(&dir, "--roster-key file:key", want).code(0).stdout(want);
    let without = dir.cmd().arg("--quiet").stdin("c: id mx771204\n").run();
    without.code(0).stdout("c: id mx771204\n");
    let json = r#"{"msg":"seen by quillon smith"}"#;
    let scanned =
        dir.cmd().args("scan --format jsonl --roster roster.bin --roster-key file:key").stdin(json).run();
    scanned.code(1).stdout_has("roster-name");
    dir.cmd().args("roster info roster.bin").run().code(0).stdout_has("patients  2");
    dir.cmd().args("detectors roster-name").run().code(0).stdout_has("name");
}

#[test]
fn the_file_and_what_is_told_hold_no_value() {
    let dir = dir();
    let told = build(&dir).code(0).all();
    let file = dir.read("roster.bin");
    let values = CSV.lines().skip(1).collect::<String>();
    for value in values.split([',', '"', '\r', '\n', ' ']).filter(|v| v.len() >= 4) {
        for form in [value.to_owned(), value.to_lowercase(), value.to_uppercase()] {
            assert!(!contains(&file, &form) && !contains(&told, &form));
        }
    }
    use std::os::unix::fs::PermissionsExt;
    let mode = dir.path().join("roster.bin").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
    // Two builds of one file have nothing in common.
    build(&dir).code(0);
    assert_ne!(file, dir.read("roster.bin"));
    assert_eq!(dir.files().len(), 4, "nothing is left over");
}

#[test]
fn a_wrong_csv_is_told_by_place_without_values() {
    let dir = dir();
    dir.file("patients.csv", "last,first,dob\nQuillsmith,Anna,1962-99-14\nQuillsmith,\"An\"na,\n");
    let out = build(&dir).code(2).stderr_has("patients.csv:3:16: something stands behind a closing quote");
    assert!(!contains(&out.all(), "Quillsmith"));
    dir.file("patients.csv", "last,first,dob\nQuillsmith,Anna,1962-99-14\n");
    let out = build(&dir).code(2).stderr_has("patients.csv:2:17: not a date of birth");
    assert!(!contains(&out.all(), "Quillsmith") && !contains(&out.all(), "1962-99"));
    let lenient = dir.cmd().args("roster build patients.csv -o roster.bin --key file:key --lenient").run();
    lenient.code(0).stderr_has("1 values passed over");
    dir.file("patients.csv", "Quillsmith,Anna\n");
    let out = build(&dir).code(2).stderr_has("patients.csv:1:1: no column is known by its name");
    assert!(!contains(&out.all(), "Quillsmith"));
    dir.file("patients.csv", "Nachname,Vorname\nQuillsmith,Anna\n");
    let mapped =
        "roster build patients.csv -o roster.bin --key file:key --columns Nachname=last,Vorname=first";
    dir.cmd().args(mapped).run().code(0);
    scrub(&dir, "--roster-key file:key", "anna quillsmith\n").code(0).stdout("[NAME]\n");
}

#[test]
fn a_wrong_key_and_a_changed_file_are_refused() {
    let dir = dir();
    build(&dir).code(0);
    scrub(&dir, "--roster-key file:other", "x\n").code(2).stdout("").stderr_has("another key");
    let out = scrub(&dir, "--roster-key", KEY).code(2);
    assert!(!contains(&out.all(), &KEY[..16]), "a secret on the command line is not repeated");
    let out =
        scrub(&dir, &format!("--roster-key {KEY}"), "x\n").code(2).stderr_has("`env:NAME` or `file:PATH`");
    assert!(!contains(&out.all(), &KEY[..16]), "a secret on the command line is not repeated");
    scrub(&dir, "--roster-key env:SCRUBJAY_NO_KEY", "x\n").code(2).stderr_has("is not set");
    let file = dir.read("roster.bin");
    let mut changed = file.clone();
    changed[200] ^= 1;
    dir.file("roster.bin", changed);
    scrub(&dir, "--roster-key file:key", "x\n").code(2).stdout("").stderr_has("was changed");
    dir.file("roster.bin", &file[..file.len() / 2]);
    scrub(&dir, "--roster-key file:key", "x\n").code(2).stdout("").stderr_has("cut off");
    dir.file("roster.bin", "hello");
    scrub(&dir, "--roster-key file:key", "x\n").code(2).stdout("").stderr_has("no roster");
    dir.cmd().args("roster info roster.bin").run().code(2).stderr_has("no roster");
    dir.cmd()
        .args("--quiet --roster absent --roster-key file:key")
        .stdin("x\n")
        .run()
        .code(2)
        .stderr_has("absent");
}

#[test]
fn a_pipeline_reads_a_changed_roster_again() {
    let dir = dir();
    build(&dir).code(0);
    dir.file(
        "p.toml",
        format!(
            "[source.stdin]\n[sink.stdout]\n[detect]\nroster = \"roster.bin\"\nroster_key = \"file:{}\"\n",
            dir.path().join("key").display()
        ),
    );
    dir.cmd().args("check p.toml").run().code(0);
    let mut running = dir.cmd().args("run p.toml").timeout(Duration::from_secs(30)).spawn();
    running.wait_for_stderr("p.toml: running");
    running.write("a quillon smith, tamsyn vexley\n");
    running.wait_for_stdout("a [NAME], tamsyn vexley\n");

    dir.file("patients.csv", "first,last\nTamsyn,Vexley\nAda,Bo\nIda,Mo\n");
    build(&dir).code(0);
    running.wait_for_stderr("roster reloaded");
    running.write("b quillon smith, tamsyn vexley\n");
    running.wait_for_stdout("b quillon smith, [NAME]\n");

    dir.file("roster.bin", "broken");
    running.wait_for_stderr("the roster that was loaded before stays");
    running.write("c tamsyn vexley\n");
    running.wait_for_stdout("c [NAME]\n");
    let out = running.finish().code(0);
    assert!(!contains(&out.stderr, "exley"));
}
