//! Reads any text as a reference to a key-encryption key, a file of operators, a request and an approval; and any bytes, and a real one that
//! was changed, as the backup of a vault.

#![no_main]

#[path = "../../benches/vault/keys.rs"]
mod keys;

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use keys::Keys;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use scrubjay::keys::KekRef;
use scrubjay::reveal::{Approval, Operators, Request};
use scrubjay::vault::{FileVault, NewToken, TokenStore, VaultOptions, back_up, restore};
use scrubjay::{Kind, Sensitive};

/// A directory of one process of the fuzzer, which is written over each time.
static DIR: LazyLock<PathBuf> = LazyLock::new(|| {
    let dir = std::env::current_exe().unwrap().with_file_name(format!("vault-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
});

static KEY: LazyLock<Sensitive<[u8; 32]>> = LazyLock::new(|| Sensitive::new([3; 32]));

fn vault(name: &str) -> FileVault {
    let path = DIR.join(name);
    let _ = std::fs::remove_file(&path);
    FileVault::create(&path, Arc::new(Keys), VaultOptions::default()).unwrap()
}

/// A real backup, to be changed.
static BACKUP: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let vault = vault("real");
    for n in 0..40 {
        let value = format!("value {n}");
        let (kind, value) = (Kind::Mrn, value.as_bytes());
        vault.tokenize(&[NewToken { tag: [n; 32], kind, tenant: "a", version: 1, value }]).unwrap();
    }
    vault.commit().unwrap();
    back_up(&vault, &DIR.join("backup"), &KEY).unwrap();
    std::fs::read(DIR.join("backup")).unwrap()
});

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Kek(&'a str),
    Operators(&'a str),
    Request(&'a str),
    Approval(&'a str),
    Backup(&'a [u8]),
    ChangedBackup { at: u16, out: u8, put: &'a [u8] },
}

/// How many values a backup gives, if it is one. Refused, it leaves nothing behind.
fn restored(bytes: &[u8]) -> Option<u64> {
    let (file, vault) = (DIR.join("changed"), vault("empty"));
    std::fs::write(&file, bytes).unwrap();
    let count = restore(&vault, &file, &KEY).ok();
    let there = scrubjay::vault::Maintain::stats(&vault).unwrap().total();
    assert_eq!(there, count.unwrap_or(0));
    count
}

fuzz_target!(|input: Input<'_>| {
    match input {
        Input::Kek(text) => {
            if let Ok(reference) = text.parse::<KekRef>() {
                assert_eq!(reference.to_string(), text);
            }
        }
        Input::Operators(text) => drop(Operators::parse(Path::new("operators.toml"), text)),
        Input::Request(text) => {
            if let Some(request) = Request::from_json(text) {
                let text = request.to_json();
                assert_eq!(Request::from_json(&text).expect("its own text").to_json(), text);
            }
        }
        Input::Approval(text) => {
            if let Some(approval) = Approval::from_json(text) {
                let text = approval.to_json();
                assert_eq!(Approval::from_json(&text).expect("its own text").to_json(), text);
            }
        }
        Input::Backup(bytes) => assert_eq!(restored(bytes), None, "sealed without the key"),
        Input::ChangedBackup { at, out, put } => {
            let at = usize::from(at) % (BACKUP.len() + 1);
            let end = (at + usize::from(out)).min(BACKUP.len());
            let changed = [&BACKUP[..at], put, &BACKUP[end..]].concat();
            let same = changed == *BACKUP;
            assert_eq!(restored(&changed), same.then_some(40), "a change went unnoticed");
        }
    }
});
