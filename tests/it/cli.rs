//! The command as people use it: what comes out where, and with which exit code.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::kit::{Cmd, Dir, contains};

const LINE: &str = "applicant SSN 219-10-9999 verified\n";
const CLEAN: &str = "applicant SSN [SSN] verified\n";

#[test]
fn a_filter_writes_data_to_stdout_and_a_summary_to_stderr() {
    let out = Cmd::new().stdin(LINE).run().code(0).stdout(CLEAN);
    out.stderr_has("scrubjay: 1 record, 34 B in ").stderr_has(" MB/s); 1 finding in 1 record: ssn 1\n");
    Cmd::new().args("--quiet").stdin(LINE).run().code(0).stdout(CLEAN).quiet();
    Cmd::new().args("-q").stdin("").run().code(0).stdout("").quiet();
    Cmd::new().stdin("nothing here\n").run().code(0).stdout("nothing here\n").stderr_has("; nothing found");
}

/// `script` gives the command a terminal of its own for both outputs.
#[cfg(target_os = "linux")]
#[test]
fn a_summary_on_the_same_terminal_begins_a_line() {
    let on_terminal = |input: &str, options: &str, redirect: &str| {
        let bin = env!("CARGO_BIN_EXE_scrubjay");
        let line = format!("printf '{input}' | {bin} {options} {redirect}");
        let mut command = Command::new("script");
        command.args(["-q", "-e", "-c", &line, "/dev/null"]).env("SHELL", "/bin/sh");
        let out =
            command.stdin(Stdio::null()).output().expect("`script`, of the package bsdutils or util-linux");
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap().replace('\r', "")
    };
    let shown = on_terminal("a\\nSSN 219-10-9999", "", "");
    assert!(shown.starts_with("a\nSSN [SSN]\nscrubjay: 2 records"), "{shown}");
    let shown = on_terminal("SSN 219-10-9999\\n", "", "");
    assert!(shown.starts_with("SSN [SSN]\nscrubjay: 1 record"), "{shown}");
    assert_eq!(on_terminal("SSN 219-10-9999", "-q", ""), "SSN [SSN]");
    let shown = on_terminal("SSN 219-10-9999", "", ">/dev/null");
    assert!(shown.starts_with("scrubjay: 1 record"), "{shown}");
}

#[test]
fn files_come_one_after_the_other_and_dash_is_stdin() {
    let dir = Dir::new();
    dir.file("a.log", LINE);
    dir.file("b.log", "no line end");
    let out = dir.cmd().args("a.log - b.log").stdin("between\n").run().code(0);
    out.stdout(format!("{CLEAN}between\nno line end"));
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_done() {
    let dir = Dir::new();
    dir.file("a.log", LINE);
    dir.file("d/x", "");
    let out = dir.cmd().args("absent.log a.log d a.log").run().code(2).stdout(CLEAN.repeat(2));
    out.stderr_has("scrubjay: cannot read absent.log: no such file or directory; check the path\n")
        .stderr_has("scrubjay: d is a directory; name the files in it, as in d/*\n");
    dir.cmd()
        .args("scan absent.log a.log")
        .run()
        .code(2)
        .stdout_has("ssn")
        .stderr_has("cannot read absent.log");
}

#[test]
fn a_file_called_like_a_command() {
    let dir = Dir::new();
    dir.file("run", LINE);
    dir.cmd().args("./run").run().code(0).stdout(CLEAN);
    dir.cmd().args("run").run().code(2).stdout("");
    dir.cmd().args("- run").run().code(0).stdout(CLEAN);
    dir.cmd().args("scna").run().code(2).stderr_has("did you mean `scrubjay scan`?");
    dir.cmd().args("--no-names run x.toml").run().code(2).stderr_has("--no-names goes after the command");
}

#[test]
fn wrong_arguments_are_exit_code_2() {
    for (args, says) in [
        (
            "--profile strict",
            "[possible values: logs, safe-harbor, limited-data-set, pseudonymised, notification]",
        ),
        ("--kinds ssn,nmae", "name"),
        ("--input-format xml", "[possible values: auto, plain, json]"),
        (
            "--threads 0",
            "'--threads <N>': it must be a whole number from 1 to 1024; without the option there is one",
        ),
        ("scan --threads many", "a whole number from 1 to 1024"),
        ("run --threads 5000 p.toml", "a whole number from 1 to 1024"),
        ("--nope", "unexpected argument '--nope'"),
        ("run", "<PIPELINE>"),
        ("check", "<PIPELINE>"),
        ("scan --format xml", "[possible values: table, jsonl]"),
        ("completions tcsh", "possible values"),
    ] {
        Cmd::new().args(args).run().code(2).stdout("").stderr_has(says);
    }
    for args in ["--help", "-h", "--version", "help run", "scan --help"] {
        Cmd::new().args(args).run().code(0).quiet().stdout_has("scrubjay");
    }
}

#[test]
fn options_choose_what_goes() {
    let text = "SSN 219-10-9999, MRN 12345678\n";
    for (args, want) in [
        ("--kinds ssn", "SSN [SSN], MRN 12345678\n"),
        ("--kinds mrn", "SSN 219-10-9999, MRN [MRN]\n"),
        ("--kinds ssn,mrn", "SSN [SSN], MRN [MRN]\n"),
        ("--kinds name,ssn --no-names", "SSN [SSN], MRN 12345678\n"),
        ("--profile safe-harbor --threads 3", "SSN [SSN], MRN [MRN]\n"),
    ] {
        Cmd::new().args(args).arg("-q").stdin(text).run().code(0).stdout(want).quiet();
    }
}

#[test]
fn formats_are_told_or_given() {
    let json = "{\"ssn\":219109999}\n";
    Cmd::new().stdin(json).run().code(0).stdout("{\"ssn\":\"[SSN]\"}\n");
    Cmd::new().args("--input-format json").stdin(json).run().code(0).stdout("{\"ssn\":\"[SSN]\"}\n");
    let plain = Cmd::new().args("--input-format plain").stdin(json).run().code(0);
    assert!(!contains(&plain.stdout, "219109999"));
}

#[test]
fn a_policy_file_has_its_say() {
    let dir = Dir::new();
    dir.file(
        "policy.toml",
        "[json]\nnumber = \"zero\"\n[[policy.rule]]\nkind = [\"ssn\"]\npath = \"$.last\"\naction = { mask = { keep_last = 4 } }\n\
         [[policy.rule]]\nkind = [\"mrn\"]\naction = \"keep\"\n[[policy.rule]]\nkind = [\"ssn\"]\npath = \"$.gone\"\naction = \"drop\"\n",
    );
    let input = "{\"ssn\":219109999}\n{\"last\":\"SSN 219-10-9999\"}\n{\"gone\":\"SSN 219-10-9999\"}\n{\"mrn\":\"MRN 12345678\"}\n";
    let out = dir.cmd().args("--policy policy.toml").stdin(input).run().code(0);
    out.stdout("{\"ssn\":0}\n{\"last\":\"SSN ***-**-9999\"}\n{\"mrn\":\"MRN 12345678\"}\n")
        .stderr_has("1 record dropped");
}

#[test]
fn tail_f_shows_each_line_as_it_comes() {
    for args in ["-q", "-q --threads 4", "-q --input-format plain"] {
        let mut running = Cmd::new().args(args).spawn();
        running.write("the first waits for the start\n");
        running.wait_for_stdout("start\n");
        for i in 0..5 {
            let began = Instant::now();
            running.write(format!("n{i} SSN 219-10-9999\n"));
            running.wait_for_stdout(&format!("n{i} SSN [SSN]\n"));
            assert!(began.elapsed() < Duration::from_secs(1), "line {i} took {:?}", began.elapsed());
        }
        running.finish().code(0).quiet();
    }
}

#[test]
fn a_closed_output_is_no_error() {
    let big = LINE.repeat(200_000);
    for args in [vec!["-q"], vec!["scan", "-q"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_scrubjay"))
            .args(&args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn({
            let big = big.clone();
            move || drop(std::io::Write::write_all(&mut stdin, big.as_bytes()))
        });
        let out = child.wait_with_output().unwrap();
        writer.join().unwrap();
        assert_eq!(out.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8_lossy(&out.stderr), "", "{args:?}");
    }
}

/// Runs it with nowhere to write to.
fn with_stdout(dir: &Dir, args: &[&str], stdout: impl Into<Stdio>) -> (Option<i32>, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_scrubjay"))
        .args(args)
        .current_dir(dir.path())
        .stdin(std::fs::File::open(dir.path().join("a.log")).unwrap())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
}

/// Every command that writes to standard output, in a directory made for it.
#[cfg(unix)]
fn commands_that_write() -> (Dir, Vec<Vec<&'static str>>) {
    let dir = Dir::new();
    dir.file("p.toml", "[source.stdin]\n[sink.stdout]\n");
    dir.file("a.log", LINE);
    dir.file("gold.jsonl", "{\"id\":\"a\",\"text\":\"SSN 219-10-9999\",\"spans\":[[4,15,\"SSN\"]]}\n");
    // A record too long to be read, sealed.
    let key = "--key=file:q.key";
    dir.secret("q.key", "7".repeat(64));
    let sealing = "[source.stdin]\n[codec]\nformat = \"json\"\n[sink.stdout]\n[limits]\nmax_record_bytes = \"64 KiB\"\n\
                   [on_error]\nto = { dir = \"q\" }\nkey = \"file:q.key\"\n";
    dir.file("seal.toml", sealing);
    let long = format!("{{\"a\":\"{}\"}}\n", "x".repeat(100_000));
    dir.cmd().args("run seal.toml").stdin(long).run().code(0);
    let commands = vec![
        vec!["-q", "a.log"],
        vec!["scan", "-q", "a.log"],
        vec!["run", "p.toml"],
        vec!["explain", "SSN 219-10-9999"],
        vec!["detectors"],
        vec!["detectors", "us-ssn"],
        vec!["eval", "gold.jsonl"],
        vec!["eval", "--json", "gold.jsonl"],
        vec!["eval", "--predictions=-", "gold.jsonl"],
        vec!["check", "p.toml"],
        vec!["test", "p.toml"],
        vec!["completions", "bash"],
        vec!["quarantine", "list", key, "q"],
        vec!["quarantine", "open", key, "q"],
        vec!["--help"],
        vec!["-h"],
        vec!["--version"],
        vec!["help", "run"],
        vec!["scan", "--help"],
        vec!["quarantine", "open", "--help"],
    ];
    (dir, commands)
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_sentence() {
    let (dir, commands) = commands_that_write();
    for args in commands {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (code, said) = with_stdout(&dir, &args, full);
        let said = said.to_lowercase();
        assert_eq!(code, Some(2), "{args:?}: {said}");
        assert!(said.contains("no space left on device") && said.contains("room"), "{args:?}: {said}");
        for bad in ["219-10", "panic", "os error", "internal"] {
            assert!(!said.contains(bad), "{args:?}: {said}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_that_nobody_reads_is_no_error() {
    let (dir, commands) = commands_that_write();
    for args in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (code, said) = with_stdout(&dir, &args, writer);
        assert_eq!(code, Some(0), "{args:?}: {said}");
        assert!(!said.contains("rror") && !said.contains("cannot"), "{args:?}: {said}");
    }
}

#[cfg(unix)]
#[test]
fn an_output_that_is_an_input_is_refused() {
    let dir = Dir::new();
    let path = dir.file("a.log", LINE);
    let output = OpenOptions::new().append(true).open(&path).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_scrubjay")).arg(&path).stdout(output).output().unwrap();
    assert_eq!(out.status.code(), Some(2));
    assert!(contains(&out.stderr, "is the output too"), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(dir.read("a.log"), LINE.as_bytes());
}

#[test]
fn scan_reports_places_and_never_text() {
    let input = "clean\nSSN 219-10-9999\n{\"a\":{\"ssn\":\"219-10-9998\"}}\n";
    let out = Cmd::new().args("scan --format jsonl").stdin(input).run().code(1);
    let text = String::from_utf8(out.stdout.clone()).unwrap();
    let records: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(records.len(), 2, "{text}");
    let lines: Vec<&str> = input.lines().collect();
    for (record, number, want, path) in
        [(&records[0], 2, "219-10-9999", "$"), (&records[1], 3, "219-10-9998", "$.a.ssn")]
    {
        assert_eq!(record["record"], number);
        let finding = &record["findings"][0];
        let at = |key: &str| finding[key].as_u64().unwrap() as usize;
        assert_eq!(&lines[number - 1][at("start")..at("end")], want);
        assert_eq!((finding["kind"].as_str(), finding["path"].as_str()), (Some("ssn"), Some(path)));
        assert!(finding["confidence"].as_f64().unwrap() >= 0.5 && finding["detector"].is_string());
    }
    assert!(!contains(&out.all(), "219-10"));
    let table = Cmd::new().args("scan").stdin(input).run().code(1).stdout_has("$.a.ssn");
    assert!(!contains(&table.all(), "219-10"));
    table.stderr_has("2 findings in 3 records: ssn 2");
    Cmd::new().args("scan").stdin("clean\n").run().code(0).stdout("").stderr_has("0 findings in 1 record");
}

#[test]
fn scan_counts_each_file_anew_and_names_it() {
    let dir = Dir::new();
    dir.file("a.log", format!("clean\n{LINE}"));
    dir.file("b.log", LINE);
    let out =
        dir.cmd().args("scan --format jsonl a.log b.log").run().code(1).stderr_has("2 findings in 3 records");
    let text = String::from_utf8(out.stdout).unwrap();
    let begins: Vec<&str> = text.lines().map(|l| l.split(",\"findings\"").next().unwrap()).collect();
    assert_eq!(begins, ["{\"file\":\"a.log\",\"record\":2", "{\"file\":\"b.log\",\"record\":1"]);
    dir.cmd().args("scan a.log b.log").run().code(1).stdout_has("\na.log\n").stdout_has("\nb.log\n");
}

#[test]
fn scan_prints_no_key_that_is_itself_found() {
    let input = "{\"SSN 219-10-9999\":{\"note\":\"SSN 219-10-9998\"}}\n";
    for form in ["table", "jsonl"] {
        let out =
            Cmd::new().args("scan --format").arg(form).stdin(input).run().code(1).stdout_has("$.[SSN].note");
        assert!(!contains(&out.all(), "219-10"), "{}", String::from_utf8_lossy(&out.stdout));
    }
}

#[test]
fn scan_says_the_same_with_any_number_of_threads() {
    let input: String = (0..60_000).map(|i| format!("{i} SSN 219-10-{:04}\n", 1 + i % 9999)).collect();
    let one = Cmd::new().args("scan -q --format jsonl --threads 1").stdin(input.clone()).run().code(1);
    assert_eq!(one.stdout.iter().filter(|b| **b == b'\n').count(), 60_000);
    Cmd::new().args("scan -q --format jsonl --threads 4").stdin(input).run().code(1).stdout(&one.stdout);
}

#[test]
fn explain_draws_the_finding_and_its_evidence() {
    let out = Cmd::new().arg("explain").arg("SSN 219-10-9999").run().code(0).quiet();
    let text = String::from_utf8(out.stdout.clone()).unwrap();
    assert!(text.contains("\n  SSN 219-10-9999\n      ^^^^^^^^^^^1\n  1 ssn "), "{text}");
    out.stdout_has("-> redact").stdout_has("base").stdout_has("sum: confidence").stdout_lacks("\u{1b}");
    let two = Cmd::new().arg("explain").stdin("one\nSSN 219-10-9999\n").run().code(0);
    two.stdout_has("record 1\n  one\n  nothing found\n").stdout_has("record 2\n  SSN 219-10-9999\n");
}

#[test]
fn the_evidence_explained_is_that_of_the_finding() {
    // Its word stands in the text as written alone; in the text with escapes undone alone; in both; across a disguise.
    for text in
        ["dir\\taxpayer 219-10-9999", "c%61ll 415-555-2671", "tel 415-555-2671", "fax\u{200b} 415-555-2671"]
    {
        let out = Cmd::new().args("explain --input-format plain").arg(text).run().code(0).quiet();
        let shown = String::from_utf8(out.stdout).unwrap();
        assert!(shown.lines().all(|l| l.trim_end() == l), "{shown}");
        let after = |mark: &str| shown.split_once(mark).map(|(_, rest)| rest.get(..4).unwrap_or_default());
        let finding = ["1 phone ", "1 fax ", "1 ssn "].iter().find_map(|kind| after(kind));
        assert_eq!(finding, after("sum: confidence "), "{shown}");
    }
}

#[test]
fn detectors_are_listed_and_shown() {
    let list = Cmd::new().args("detectors").run().code(0).quiet().stdout_has("us-ssn");
    assert!(list.stdout.iter().filter(|b| **b == b'\n').count() > 5);
    let one = Cmd::new()
        .args("detectors us-ssn")
        .run()
        .code(0)
        .stdout_has("item      G of 45 CFR 164.514(b)(2)(i)");
    one.stdout_has("pattern").stdout_has("finds nothing in");
    Cmd::new().args("detectors us-sns").run().code(2).stdout("").stderr_has("did you mean us-ssn?");
}

#[test]
fn a_pack_of_ones_own() {
    let dir = Dir::new();
    dir.file(
        "site.toml",
        r#"
        [[detector]]
        id = "site-badge"
        kind = "unique_id"
        pattern = '\bBDG-\d{6}\b'
        weights = { base = 2.0 }
        examples = ["badge «BDG-123456» in", "«BDG-654321» out"]
        counter_examples = ["BDG-12345", "BADGE-123456"]
        "#,
    );
    let input = "door opened for BDG-123456\n";
    dir.cmd().stdin(input).run().code(0).stdout(input);
    let out = dir.cmd().args("--pack site.toml").stdin(input).run().code(0);
    out.stdout("door opened for [UNIQUE_ID]\n");
    dir.cmd().args("test site.toml").run().code(0).stdout_has("site.toml: 4 examples, 0 failed");
    dir.cmd().args("detectors --pack site.toml").run().code(0).stdout_has("site-badge");
}

#[test]
fn test_runs_examples_and_cases_and_shows_what_differs() {
    let dir = Dir::new();
    let case = "[[test]]\nname = \"good\"\ninput = 'SSN 219-10-9999'\noutput = 'SSN [SSN]'\n";
    let bad = "[[test]]\ninput = 'SSN 219-10-9999'\noutput = 'SSN 219-10-9999'\n";
    dir.file("pipelines/a.toml", format!("[source.stdin]\n[sink.stdout]\n{case}"));
    dir.cmd()
        .args("test pipelines")
        .run()
        .code(0)
        .stdout_has("pipelines/a.toml: 1 test, 0 failed\n1 case, 0 failed\n");
    dir.file("pipelines/b.toml", format!("[source.stdin]\n[sink.stdout]\n{case}{bad}"));
    let out = dir.cmd().args("test pipelines").run().code(1).stdout_has("FAILED pipelines/b.toml:7\n");
    out.stdout_has("expected  SSN 219-10-9999\n  got       SSN [SSN]\n").stdout_has("3 cases, 1 failed\n");
    dir.file("empty/x", "");
    dir.cmd().args("test empty").run().code(2).stderr_has("there is no .toml file in empty");
    dir.cmd().args("test absent.toml").run().code(2).stderr_has("cannot read absent.toml");
}

#[test]
fn the_built_in_examples_hold() {
    let dir = Dir::new();
    dir.cmd().args("test").run().code(0).stdout_has("the built-in packs: ").stdout_has(", 0 failed\n");
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let out = Cmd::new().args("completions").arg(shell).run().code(0).quiet();
        out.stdout_has("scrubjay").stdout_has("detectors").stdout_has("profile");
    }
}

#[test]
fn logs_are_text_or_json_and_the_filter_is_checked() {
    let dir = Dir::new();
    dir.file("p.toml", "[source.stdin]\n[sink.stdout]\n");
    let out = dir.cmd().args("run p.toml --log-format json").stdin(LINE).run().code(0).stdout(CLEAN);
    for line in String::from_utf8(out.stderr).unwrap().lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(value["level"] == "INFO" && value["message"].is_string(), "{line}");
    }
    let text = dir.cmd().args("--log-format text run p.toml").stdin(LINE).run().code(0).stdout(CLEAN);
    text.stderr_has("INFO").stderr_has("p.toml: ended; 1 finding in 1 record: ssn 1");
    dir.cmd().args("run p.toml").env("SCRUBJAY_LOG", "warn").stdin(LINE).run().code(0).stdout(CLEAN).quiet();
    dir.cmd()
        .args("run p.toml")
        .env("SCRUBJAY_LOG", "scrubjay=loud")
        .run()
        .code(2)
        .stderr_has("SCRUBJAY_LOG is no log filter");
}
