//! What the audit log costs: an entry on the disk, opening a log, verifying it.
//!
//! `./dev bench audit` prints a table; `-- ENTRIES` sets how long the log is that is opened and verified, and a directory after that where
//! entries are put on the disk (the build directory otherwise: what counts is the disk). The long log is made in memory where there is a
//! file system for that.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::print_stdout)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use scrubjay::Kind;
use scrubjay::audit::{Actor, AuditLog, AuditSettings, Entry, Event, VerifyOptions, What, verify};
use scrubjay::keys::SecretRef;

/// Entries that are put on the disk one by one.
const ON_DISK: u64 = 1000;

fn open(dir: &Path, key: &SecretRef) -> AuditLog {
    AuditLog::open(AuditSettings { dir: dir.into(), key: Some(key.clone()), ..AuditSettings::default() })
        .unwrap()
}

fn append(log: &AuditLog, count: u64) -> Duration {
    let entry = |n: u64| {
        let tokens = vec![format!("mrn:t1:{n:032x}")];
        let what = What { kinds: vec![Kind::Mrn], tokens, count: Some(1), ..What::default() };
        Entry::new(Event::VaultReveal, Actor::current().operator("ana"))
            .what(what)
            .purpose("billing dispute, ticket 4711")
    };
    let began = Instant::now();
    for n in 0..count {
        log.append(&entry(n)).unwrap();
    }
    began.elapsed()
}

fn row(what: &str, count: u64, took: Duration) {
    println!("| {what:<36} | {:>10.1} us |", took.as_secs_f64() * 1e6 / count as f64);
}

/// The middle one of five times.
fn median(mut work: impl FnMut()) -> Duration {
    let mut all: Vec<_> = (0..5)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    all.sort_unstable();
    all[2]
}

fn main() {
    // `cargo test --benches` wants to know that it runs.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let entries = args.first().and_then(|a| a.parse().ok()).unwrap_or(50_000);
    let disk =
        args.get(1).map_or(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target")), PathBuf::from);
    let disk = tempfile::tempdir_in(disk).unwrap();
    let memory = Path::new("/dev/shm");
    let memory = if memory.is_dir() { memory } else { disk.path() };
    let memory = tempfile::tempdir_in(memory).unwrap();
    let key = disk.path().join("key");
    std::fs::write(&key, "07".repeat(32)).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let key = SecretRef::File(key);

    println!("| {:<36} | {:>13} |\n| --- | --- |", "what", "an entry");
    let log = open(&disk.path().join("log"), &key);
    row("append, on the disk", ON_DISK, append(&log, ON_DISK));
    drop(log);
    let dir = memory.path().join("log");
    let log = open(&dir, &key);
    row("append, in memory", entries, append(&log, entries));
    drop(log);
    row("opening a log", entries, median(|| drop(open(&dir, &key))));
    let check = || assert!(verify(&dir, &VerifyOptions::default()).unwrap().is_intact());
    row("verifying it", entries, median(check));
    let bytes: u64 = dir.read_dir().unwrap().map(|f| f.unwrap().metadata().unwrap().len()).sum();
    println!("\nAn entry takes {} bytes, its share of checkpoints counted in.", bytes / entries);
}
