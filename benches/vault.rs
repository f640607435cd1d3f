//! What tokens cost: new values a second by batch and by threads, repeated values, opening one, and opening the file.
//!
//! `cargo bench --bench vault` prints a table; `-- SECONDS` sets how long each row takes, and a directory after that
//! where the file is made (the build directory otherwise: what counts is the disk).

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

#[path = "vault/keys.rs"]
mod keys;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use keys::Keys;
use scrubjay::Kind;
use scrubjay::vault::{FileVault, NewToken, TokenStore, VaultOptions};

/// Values and their tags, as a caller makes them.
fn values(from: u64, count: usize) -> Vec<(String, [u8; 32])> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[2; 32]);
    let value = |n: u64| format!("{:03}-{:02}-{:04}", n / 1_000_000 % 1000, n / 10_000 % 100, n % 10_000);
    (from..from + count as u64)
        .map(|n| {
            let value = format!("{}/{}", value(n), n / 1_000_000_000);
            let mut tag = [0; 32];
            tag.copy_from_slice(hmac::sign(&key, value.as_bytes()).as_ref());
            (value, tag)
        })
        .collect()
}

fn items(values: &[(String, [u8; 32])]) -> Vec<NewToken<'_>> {
    let kind = Kind::Ssn;
    values
        .iter()
        .map(|(value, tag)| NewToken {
            tag: *tag,
            kind,
            tenant: "default",
            version: 1,
            value: value.as_bytes(),
        })
        .collect()
}

fn vault(path: &Path, cache_bytes: usize) -> FileVault {
    FileVault::create(path, Arc::new(Keys), VaultOptions { cache_bytes, ..VaultOptions::default() }).unwrap()
}

fn row(what: &str, count: u64, took: Duration) {
    let each = took.as_nanos() as f64 / count as f64;
    println!("| {what:<44} | {:>10.0} | {:>10.3} us |", 1e9 / each, each / 1000.0);
}

/// Time on the processor of this thread, for what waits for no disk: the machine may be busy with other things.
fn cpu_time() -> Duration {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(t.tv_sec as u64, t.tv_nsec as u32)
}

/// New values for `each` seconds: `threads` of them, each committing after `batch`.
fn new_values(vault: &FileVault, next: &AtomicU64, threads: usize, batch: usize, each: Duration) {
    let (began, done) = (Instant::now(), AtomicU64::new(0));
    let made: Vec<_> = (0..threads)
        .map(|_| {
            values(
                next.fetch_add(1_000_000, Ordering::Relaxed),
                batch * (1 + 200_000 / batch / threads).min(20_000),
            )
        })
        .collect();
    let prepared = began.elapsed();
    std::thread::scope(|scope| {
        for values in &made {
            let done = &done;
            scope.spawn(move || {
                for values in values.chunks(batch) {
                    vault.tokenize(&items(values)).unwrap();
                    vault.commit().unwrap();
                    done.fetch_add(values.len() as u64, Ordering::Relaxed);
                    if began.elapsed() - prepared > each {
                        break;
                    }
                }
            });
        }
    });
    let what = format!("new, batches of {batch}, {threads} thread{}", if threads == 1 { "" } else { "s" });
    row(&what, done.into_inner(), began.elapsed() - prepared);
}

fn repeated(vault: &FileVault, what: &str, batch: usize, each: Duration) {
    let values = values(0, 20_000);
    let all = items(&values);
    vault.tokenize(&all).unwrap();
    vault.commit().unwrap();
    let (began, cpu, mut done) = (Instant::now(), cpu_time(), 0);
    while began.elapsed() < each {
        for items in all.chunks(batch) {
            std::hint::black_box(vault.tokenize(items).unwrap());
            vault.commit().unwrap();
        }
        done += all.len() as u64;
    }
    row(&format!("{what}, batches of {batch}"), done, cpu_time() - cpu);
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let each = Duration::from_secs_f64(args.first().and_then(|a| a.parse().ok()).unwrap_or(2.0));
    let place =
        args.get(1).map_or(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target")), PathBuf::from);
    let dir = tempfile::tempdir_in(place).unwrap();
    let path = dir.path().join("vault.redb");
    println!("| {:<44} | {:>10} | {:>13} |\n| --- | --- | --- |", "what", "a second", "each");
    let next = AtomicU64::new(1_000_000);
    let one = vault(&path, 64 << 20);
    for (threads, batch) in [(1, 1), (1, 100), (1, 1000), (8, 1), (8, 100)] {
        new_values(&one, &next, threads, batch, each);
    }
    for batch in [1, 100, 1000] {
        repeated(&one, "repeated, from the cache", batch, each);
    }
    let values = values(0, 1000);
    let tokens = one.tokenize(&items(&values)).unwrap();
    let (began, cpu, mut done) = (Instant::now(), cpu_time(), 0);
    while began.elapsed() < each {
        for token in &tokens {
            std::hint::black_box(one.open(*token).unwrap());
        }
        done += tokens.len() as u64;
    }
    row("open a token", done, cpu_time() - cpu);
    drop(one);
    let bare = vault(&path, 0);
    repeated(&bare, "repeated, from the file (no cache)", 100, each);
    drop(bare);
    let bytes = std::fs::metadata(&path).unwrap().len();
    let began = Instant::now();
    let again = vault(&path, 0);
    let opened = began.elapsed();
    let records = scrubjay::vault::Maintain::stats(&again).unwrap().total();
    println!("\nOpening a vault of {records} records, {} MiB, every page checked: {opened:.0?}", bytes >> 20);
}
