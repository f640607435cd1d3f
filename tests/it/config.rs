//! Pipeline files as people get them wrong: what the command says about them, and that it says it with exit code 2.

use crate::kit::{Cmd, Dir};

const STREAM: &str = "[source.stdin]\n[sink.stdout]\n";

#[test]
fn errors_are_drawn_with_file_line_column_and_caret() {
    let dir = Dir::new();
    dir.file("p.toml", format!("{STREAM}[policy]\nprofil = \"logs\"\n[codec]\nformat = \"xml\"\n"));
    for command in ["check", "run", "test"] {
        let out = dir.cmd().args(command).arg("p.toml").run().code(2).stdout("");
        let text = String::from_utf8(out.stderr).unwrap();
        for part in [
            "error: unknown key in [policy]",
            "--> p.toml:4:1",
            "4 | profil = \"logs\"",
            "  | ^^^^^^ not known",
            "help: did you mean `profile`? in [policy] stand: profile, threshold, kinds, rule",
            "error: `codec.format` must be one of auto, plain, json",
            "--> p.toml:6:10",
        ] {
            assert!(text.contains(part), "{command}: no {part:?} in\n{text}");
        }
        assert!(!text.contains('\u{1b}'), "colour without a terminal");
    }
}

#[test]
fn files_that_cannot_be_read_get_a_sentence() {
    let dir = Dir::new();
    dir.file("d/x", "");
    dir.file("bytes.toml", b"a = \"\xff\"\n");
    for (file, says) in [
        ("absent.toml", "scrubjay: cannot read absent.toml: no such file or directory; check the path"),
        ("d", "scrubjay: d is a directory; name a file in it"),
        ("bytes.toml", "scrubjay: bytes.toml is not UTF-8 text: byte 5 is not; save it as UTF-8"),
    ] {
        for command in ["check", "run"] {
            dir.cmd().args(command).arg(file).run().code(2).stdout("").stderr_has(says);
        }
        dir.cmd().arg("--policy").arg(file).run().code(2).stdout("").stderr_has(says);
    }
}

#[test]
fn all_files_are_looked_at_before_giving_up() {
    let dir = Dir::new();
    dir.file("a.toml", "[sink.stdout]\n");
    dir.file("b.toml", format!("{STREAM}[limit]\n"));
    for command in ["run a.toml b.toml", "check a.toml b.toml"] {
        let out = dir.cmd().args(command).run().code(2);
        out.stderr_has("`source` is missing").stderr_has("--> a.toml:1:1").stderr_has("--> b.toml:3:2");
    }
}

#[test]
fn a_secret_written_into_the_file_is_not_shown() {
    let dir = Dir::new();
    dir.file("p.toml", format!("{STREAM}[on_error]\nkey = \"canary-secret\"\nto = {{ dir = \"q\" }}\n"));
    let out =
        dir.cmd().args("check p.toml").run().code(2).stderr_has("a secret is named here, never written");
    assert!(!crate::kit::contains(&out.all(), "canary"), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn a_missing_secret_is_a_warning_for_check_and_an_error_for_run() {
    let dir = Dir::new();
    dir.file(
        "p.toml",
        format!("{STREAM}[on_error]\nkey = \"env:SCRUBJAY_TEST_KEY\"\nto = {{ dir = \"q\" }}\n"),
    );
    let says = "the secret env:SCRUBJAY_TEST_KEY is not set";
    dir.cmd().args("check p.toml").run().code(0).stderr_has("warning").stderr_has(says);
    dir.cmd().args("check --online p.toml").run().code(2).stderr_has(says);
    dir.cmd().args("run p.toml").run().code(2).stdout("").stderr_has(says);
}

#[test]
fn files_that_a_pipeline_needs_are_missed_with_advice() {
    let dir = Dir::new();
    dir.secret("q.key", "7".repeat(64));
    let on_error = |key: &str, to: &str| {
        format!("{STREAM}[on_error]\nkey = \"file:{key}\"\nto = {{ dir = \"{to}\" }}\n")
    };
    dir.file("file", "");
    for (text, says) in [
        (
            on_error("absent.key", "q"),
            "the secret file:absent.key cannot be read: no such file or directory; check the path",
        ),
        (on_error("file/x", "q"), "the secret file:file/x cannot be read: not a directory; check the path"),
        (on_error("q.key", "file"), "file cannot be used: it is not a directory; point [on_error] to ="),
        (on_error("q.key", "file/q"), "file/q cannot be used: not a directory; "),
        (
            format!("{STREAM}[detect]\npacks = [\"absent.toml\"]\n"),
            "cannot read absent.toml: no such file or directory; check the path",
        ),
    ] {
        dir.file("p.toml", text);
        let out = dir.cmd().args("run p.toml").run().code(2).stdout("").stderr_has(says);
        assert!(!crate::kit::contains(&out.stderr, "os error"), "{}", String::from_utf8_lossy(&out.stderr));
    }
}

#[test]
fn check_shows_coverage_and_refuses_gaps_under_safe_harbor() {
    let dir = Dir::new();
    dir.file("logs.toml", STREAM);
    dir.file("safe.toml", format!("{STREAM}[policy]\nprofile = \"safe-harbor\"\nkinds = [\"ssn\"]\n"));
    dir.cmd().args("check logs.toml").run().code(0).quiet().stdout_has("profile logs").stdout_has("ssn ");
    let out = dir.cmd().args("check logs.toml safe.toml").run().code(1);
    out.stderr_has("safe.toml: profile safe-harbor has gaps").stdout_has("GAP");
}

#[test]
fn run_refuses_the_gaps_that_check_refuses() {
    let dir = Dir::new();
    let kinds: Vec<&str> = scrubjay::Kind::ALL.iter().map(|k| k.name()).filter(|k| *k != "mrn").collect();
    dir.file("p.toml", format!("{STREAM}[policy]\nprofile = \"safe-harbor\"\nkinds = {kinds:?}\n"));
    let check = dir.cmd().args("check p.toml").run().code(1);
    let said = String::from_utf8(check.stderr).unwrap();
    let gaps = said.trim_end().strip_prefix("scrubjay: ").unwrap();
    assert!(gaps.starts_with("p.toml: profile safe-harbor has gaps: "), "{gaps}");
    assert!(gaps.ends_with("nothing is done with mrn"), "{gaps}");
    let run = dir.cmd().args("run p.toml").stdin("SSN 219-10-9999\n").run().code(2).stdout("");
    run.stderr_has(gaps);
    dir.file("p.toml", STREAM);
    let run = dir.cmd().args("run p.toml").run().code(0);
    assert!(!crate::kit::contains(&run.stderr, "WARN"));
}

#[test]
fn a_bad_pack_is_drawn_like_a_bad_pipeline() {
    let dir = Dir::new();
    dir.file("site.toml", "[[detector]]\nid = \"x\"\n");
    dir.file("p.toml", format!("{STREAM}[detect]\npacks = [\"site.toml\"]\n"));
    for args in ["check p.toml", "run p.toml", "--pack site.toml", "scan --pack site.toml", "test site.toml"]
    {
        dir.cmd().args(args).run().code(2).stdout("").stderr_has("error: ").stderr_has("site.toml:");
    }
    let absent = dir.cmd().args("--pack absent.toml").run().code(2);
    absent.stderr_has("cannot read absent.toml: no such file or directory");
}

#[test]
fn the_shipped_pipelines_are_valid_and_pass_their_tests() {
    let pipelines = crate::kit::root().join("pipelines");
    let mut count = 0;
    for entry in std::fs::read_dir(&pipelines).unwrap() {
        let path = entry.unwrap().path();
        Cmd::new().args("check").arg(&path).run().code(0);
        Cmd::new().args("test").arg(&path).run().code(0).stdout_has(" 0 failed");
        count += 1;
    }
    assert!(count >= 3, "{count} pipelines");
}

#[cfg(feature = "kafka")]
#[test]
fn a_loop_is_drawn_without_a_broker() {
    let dir = Dir::new();
    let kafka = "[source.kafka]\nbrokers = \"127.0.0.1:1\"\ntopics = [\"^app\\\\..*\"]\n[sink.kafka]\ntopic = \"{topic}.clean\"\n";
    dir.file("p.toml", kafka);
    for command in ["check", "run", "check --online"] {
        let out = dir.cmd().args(command).arg("p.toml").run().code(2).stdout("");
        let text = String::from_utf8(out.stderr).unwrap();
        for part in [
            "error: what goes to `sink.kafka.topic` would be read again, for ever",
            "--> p.toml:5:9",
            "^^^^^^^^^^^^^^^ records of app.t would go to app.t.clean",
        ] {
            assert!(text.contains(part), "{command}: no {part:?} in\n{text}");
        }
    }
}
