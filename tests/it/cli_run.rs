//! `scrubjay run` on standard input: signals, reloads, failures.
#![cfg(unix)]

use std::time::Duration;

use crate::kit::{Dir, Running, contains};

const STREAM: &str = "[source.stdin]\n[sink.stdout]\n";

fn start(dir: &Dir, pipeline: &str) -> Running {
    dir.file("p.toml", pipeline);
    let mut running = dir.cmd().args("run p.toml").timeout(Duration::from_secs(30)).spawn();
    running.wait_for_stderr("p.toml: running");
    running
}

#[test]
fn it_ends_with_its_input() {
    let dir = Dir::new();
    let mut running = start(&dir, STREAM);
    running.write("SSN 219-10-9999\nlast");
    running.finish().code(0).stdout("SSN [SSN]\nlast").stderr_has("p.toml: ended");
}

#[test]
fn a_signal_delivers_what_has_been_read_and_ends_well() {
    for signal in ["TERM", "INT"] {
        let dir = Dir::new();
        let mut running = start(&dir, STREAM);
        running.write("SSN 219-10-9999\n");
        running.wait_for_stdout("SSN [SSN]\n");
        // Its input stays open: it must not wait for it.
        running.signal(signal);
        running.wait().code(0).stdout("SSN [SSN]\n").stderr_has("stopping").stderr_has("p.toml: ended");
    }
}

#[test]
fn a_signal_delivers_a_last_line_that_has_no_end() {
    for (format, input, output) in [
        ("auto", "abc\nSSN 219-10-9999", "abc\nSSN [SSN]"),
        ("json", "{\"n\":1}\n{\"ssn\":\"219-10-9999\"", "{\"n\":1}\n{\"ssn\":\"[SSN]\""),
    ] {
        let dir = Dir::new();
        let mut running = start(&dir, &format!("{STREAM}[codec]\nformat = \"{format}\"\n"));
        running.write(input);
        // Both came with one read: the second line has been read when the first has been written.
        running.wait_for_stdout("\n");
        running.signal("TERM");
        running.wait().code(0).stdout(output).stderr_has("p.toml: ended; 1 finding in 1 record: ssn 1");
    }
}

#[test]
fn a_signal_ends_it_while_its_input_keeps_coming() {
    let dir = Dir::new();
    let mut running = start(&dir, STREAM);
    let mut stdin = running.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        use std::io::Write;
        while stdin.write_all("SSN 219-10-9999\n".repeat(1000).as_bytes()).is_ok() {}
    });
    running.wait_for_stdout("SSN [SSN]\n");
    running.signal("TERM");
    let out = running.wait().code(0);
    writer.join().unwrap();
    assert!(!contains(&out.stdout, "219-10"));
}

#[test]
fn hup_reloads_and_a_bad_file_keeps_the_old() {
    let dir = Dir::new();
    let mut running = start(&dir, STREAM);
    running.write("a SSN 219-10-9999\n");
    running.wait_for_stdout("a SSN [SSN]\n");

    dir.file(
        "p.toml",
        format!("{STREAM}[[policy.rule]]\nkind = [\"ssn\"]\naction = {{ mask = {{ keep_last = 4 }} }}\n"),
    );
    running.signal("HUP");
    running.wait_for_stderr("p.toml: reloaded");
    running.write("b SSN 219-10-9999\n");
    running.wait_for_stdout("b SSN ***-**-9999\n");

    dir.file("p.toml", format!("{STREAM}[polcy]\n"));
    running.signal("HUP");
    running.wait_for_stderr("p.toml:3:2: unknown table in the file");
    running.write("c SSN 219-10-9999\n");
    running.wait_for_stdout("c SSN ***-**-9999\n");

    dir.file("p.toml", format!("{STREAM}[limits]\nmax_record_bytes = \"1 MiB\"\n"));
    running.signal("HUP");
    running.wait_for_stderr("[limits] changed; restart to use it");
    running.write("d SSN 219-10-9999\n");
    running.wait_for_stdout("d SSN [SSN]\n");

    let out = running.finish().code(0);
    assert!(contains(&out.stderr, "what was loaded before stays"));
    assert!(!contains(&out.stderr, "219-10"));
}

#[test]
fn hup_reloads_packs() {
    let dir = Dir::new();
    let pack = |base: &str| {
        format!(
            "[[detector]]\nid = \"site-badge\"\nkind = \"unique_id\"\npattern = '\\bBDG-\\d{{6}}\\b'\n\
             weights = {{ base = {base} }}\nexamples = [\"«BDG-123456»\", \"x «BDG-654321»\"]\n\
             counter_examples = [\"BDG-1\", \"BDG-2\"]\n"
        )
    };
    dir.file("site.toml", pack("2.0"));
    let mut running = start(&dir, &format!("{STREAM}[detect]\npacks = [\"site.toml\"]\n"));
    running.write("a BDG-123456\n");
    running.wait_for_stdout("a [UNIQUE_ID]\n");
    dir.file("site.toml", pack("-2.0"));
    running.signal("HUP");
    running.wait_for_stderr("p.toml: reloaded");
    running.write("b BDG-123456\n");
    running.wait_for_stdout("b BDG-123456\n");
    dir.file("site.toml", "[[detector]]\n");
    running.signal("HUP");
    running.wait_for_stderr("what was loaded before stays");
    running.finish().code(0);
}

#[test]
fn a_file_that_is_no_text_stops_it() {
    let dir = Dir::new();
    let mut running = start(&dir, STREAM);
    running.write(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03 SSN 219-10-9999\n");
    let out = running.finish().code(2).stdout("");
    assert!(!contains(&out.stderr, "219-10"));
}

#[test]
fn standard_input_feeds_one_pipeline() {
    let dir = Dir::new();
    dir.file("p.toml", STREAM);
    dir.file("q.toml", STREAM);
    let out = dir.cmd().args("run p.toml q.toml").stdin("SSN 219-10-9999\n").run().code(2).stdout("");
    out.stderr_has("only one pipeline of a process can read standard input");
}

#[cfg(feature = "console")]
#[test]
fn metrics_addresses_must_agree_and_be_free() {
    let dir = Dir::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    dir.file("p.toml", format!("{STREAM}[metrics]\nlisten = \"127.0.0.1:{port}\"\n"));
    let kafka = "[source.kafka]\nbrokers = \"127.0.0.1:1\"\ntopics = [\"t\"]\n[sink.kafka]\ntopic = \"u\"\n";
    dir.file("q.toml", format!("{kafka}[metrics]\nlisten = \"127.0.0.1:1\"\n"));
    dir.cmd()
        .args("run p.toml")
        .run()
        .code(2)
        .stderr_has("cannot listen on")
        .stderr_has("another program has it");
    dir.cmd().args("run p.toml q.toml").run().code(2).stderr_has("share their metrics");
}
