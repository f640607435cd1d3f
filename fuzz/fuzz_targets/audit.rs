//! Reads any bytes as a line of an audit log, and as a whole log; what is read is written again, byte for byte.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use scrubjay::audit::{
    Actor, AuditLog, AuditSettings, Entry, Event, ExportFormat, Record, VerifyOptions, What, verify,
};

/// A log of one process of the fuzzer, which is written over each time.
static DIR: LazyLock<PathBuf> = LazyLock::new(|| {
    let dir = std::env::current_exe().unwrap().with_file_name(format!("audit-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
});

/// A real log, to be changed.
static LOG: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let dir = DIR.join("real");
    let _ = std::fs::remove_dir_all(&dir);
    let log = AuditLog::open(AuditSettings { dir: dir.clone(), ..AuditSettings::default() }).unwrap();
    for event in &Event::ALL[..8] {
        let what = What { tokens: vec!["mrn.7Q2k".into()], count: Some(1), ..What::default() };
        log.append(&Entry::new(*event, Actor::default().operator("ana")).what(what).purpose("claim \"12\""))
            .unwrap();
    }
    log.close().unwrap();
    std::fs::read(dir.join("audit-000001.jsonl")).unwrap()
});

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    /// A line.
    Line(&'a [u8]),
    /// A line of a real log, with bytes put in the place of others.
    Changed { line: u8, at: u16, out: u8, put: &'a [u8] },
    /// A purpose, there and back.
    Purpose(&'a str),
    /// The files of a log.
    Log { entries: &'a [u8], checkpoints: &'a [u8] },
    /// A real log, changed.
    ChangedLog { at: u16, out: u8, put: &'a [u8] },
}

/// What can be read has one spelling, and every form of export.
fn read(line: &[u8]) {
    let Ok(record) = Record::parse(line) else { return };
    assert_eq!(record.to_line().as_bytes(), line);
    for (name, format) in ExportFormat::NAMES {
        let Some(out) = format.render(&record) else { continue };
        assert!(!out.chars().any(char::is_control), "{name}");
        if *name == "ocsf" || *name == "fhir" {
            serde_json::from_str::<serde_json::Value>(&out).expect("JSON");
        }
    }
}

fn splice(bytes: &[u8], at: u16, out: u8, put: &[u8]) -> Vec<u8> {
    let at = usize::from(at) % (bytes.len() + 1);
    let end = (at + usize::from(out)).min(bytes.len());
    [&bytes[..at], put, &bytes[end..]].concat()
}

fn check(entries: &[u8], checkpoints: &[u8]) -> bool {
    let dir = DIR.join("any");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("audit-000001.jsonl"), entries).unwrap();
    std::fs::write(dir.join("checkpoints.jsonl"), checkpoints).unwrap();
    let intact = verify(&dir, &VerifyOptions::default()).expect("readable").is_intact();
    let settings = AuditSettings { dir: dir.clone(), ..AuditSettings::default() };
    // What verifies can be gone on with.
    assert!(!intact || AuditLog::open(settings).is_ok());
    let _ = std::fs::remove_dir_all(&dir);
    intact
}

fuzz_target!(|input: Input<'_>| {
    match input {
        Input::Line(line) => read(line),
        Input::Changed { line, at, out, put } => {
            let lines: Vec<_> = LOG.split(|b| *b == b'\n').collect();
            read(&splice(lines[usize::from(line) % lines.len()], at, out, put));
        }
        Input::Purpose(text) => {
            let text = &text[..text.floor_char_boundary(1024)];
            let dir = DIR.join("one");
            let _ = std::fs::remove_dir_all(&dir);
            let log = AuditLog::open(AuditSettings { dir: dir.clone(), ..AuditSettings::default() }).unwrap();
            log.append(&Entry::new(Event::BreakGlass, Actor::default()).purpose(text))
                .expect("any purpose is taken");
            let line = std::fs::read(dir.join("audit-000001.jsonl")).unwrap();
            let record = Record::parse(line.strip_suffix(b"\n").unwrap()).expect("its own line");
            assert_eq!(record.entry.purpose.as_deref(), Some(text));
            read(&line[..line.len() - 1]);
        }
        Input::Log { entries, checkpoints } => drop(check(entries, checkpoints)),
        Input::ChangedLog { at, out, put } => {
            let changed = splice(&LOG, at, out, put);
            let intact = check(&changed, b"");
            // Without checkpoints only an end that was cut off after a line goes unnoticed.
            assert!(!intact || LOG.starts_with(&changed), "a change went unnoticed");
        }
    }
});
