//! `/metrics`, `/healthz` and `/readyz` of a running pipeline.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::kit::{Dir, Running, contains};

const CANARY: &str = "219-10-9999";

fn start(dir: &Dir) -> (Running, String) {
    dir.file("p.toml", "[source.stdin]\n[sink.stdout]\n[metrics]\nlisten = \"127.0.0.1:0\"\n");
    let mut running = dir.cmd().args("run p.toml").spawn();
    let at = address(&mut running);
    (running, at)
}

/// Where a running pipeline serves its pages, once it does.
pub fn address(running: &mut Running) -> String {
    running.wait_for_stderr("/metrics");
    let log = String::from_utf8(running.stderr_so_far()).unwrap();
    log.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned()
}

/// The whole answer to a GET.
pub fn fetch(at: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn counts_what_goes_through_and_shows_nothing_of_it() {
    let dir = Dir::new();
    let (mut running, at) = start(&dir);
    running.write(format!("applicant SSN {CANARY} verified\nnothing here\n"));
    running.wait_for_stdout("nothing here");
    // A batch is counted once it has been delivered, which is after it can be seen.
    let mut page = String::new();
    for _ in 0..200 {
        page = fetch(&at, "/metrics");
        if page.contains("scrubjay_records_total 2\n") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    for line in [
        "scrubjay_records_total 2\n",
        "scrubjay_records_edited_total 1\n",
        "scrubjay_findings_total{kind=\"ssn\"} 1\n",
        "scrubjay_pipeline_up{pipeline=\"p.toml\"} 1\n",
        "scrubjay_bytes_in_total 4",
        "scrubjay_end_to_end_seconds_count 1\n",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
    assert!(!page.contains(CANARY));
    assert!(fetch(&at, "/healthz").ends_with("\r\n\r\nok\n"));
    assert!(fetch(&at, "/readyz").ends_with("\r\n\r\nok\n"));
    let out = running.finish().code(0);
    assert!(!contains(&out.all(), CANARY));
    assert!(TcpStream::connect(&at).is_err());
}

#[test]
fn an_address_in_use_stops_the_start() {
    let dir = Dir::new();
    let (running, at) = start(&dir);
    dir.file("q.toml", format!("[source.stdin]\n[sink.stdout]\n[metrics]\nlisten = \"{at}\"\n"));
    dir.cmd()
        .args("run q.toml")
        .run()
        .code(2)
        .stdout("")
        .stderr_has(&at)
        .stderr_has("another program has it");
    running.finish().code(0);
}
