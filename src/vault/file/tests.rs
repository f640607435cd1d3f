//! The store in a file: tokens, commits, expiry, rotation, backups.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;
use crate::Sensitive;
use crate::kind::Kind;
use crate::vault::testing::{Hands, Keys, item, tag};
use crate::vault::{Maintain, Rewrapped, Stats, back_up, restore};

/// A vault in a directory of its own, with keys and a clock that the test sets.
pub(super) struct Made {
    pub(super) dir: tempfile::TempDir,
    pub(super) keys: Arc<Keys>,
    clock: Arc<Hands>,
    pub(super) vault: Option<FileVault>,
}

impl Made {
    pub(super) fn new(retention_days: Option<u32>) -> Made {
        let dir = tempfile::tempdir().unwrap();
        let (keys, clock) = (Arc::new(Keys::new(1)), Arc::new(Hands::at_day(100)));
        let mut made = Made { dir, keys, clock, vault: None };
        made.vault = Some(made.opened(retention_days));
        made
    }

    fn opened(&self, retention_days: Option<u32>) -> FileVault {
        let options =
            VaultOptions { retention_days, clock: Box::new(self.clock.clone()), ..VaultOptions::default() };
        FileVault::create(&self.path(), self.keys.clone(), options).unwrap()
    }

    pub(super) fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("vault.redb")
    }

    pub(super) fn vault(&self) -> &FileVault {
        self.vault.as_ref().unwrap()
    }

    /// Closes it and opens it again: an empty cache, and what the disk has.
    fn reopen(&mut self, retention_days: Option<u32>) {
        self.vault = None;
        self.vault = Some(self.opened(retention_days));
    }
}

pub(super) fn value_of(vault: &FileVault, token: TokenId) -> Option<Vec<u8>> {
    vault.open(token).unwrap().map(|o| o.value.expose().clone())
}

pub(super) fn one(vault: &FileVault, value: &[u8]) -> TokenId {
    vault.tokenize(&[item(1, value)]).unwrap()[0]
}

#[test]
fn equal_values_have_the_equal_token_and_open() {
    let mut made = Made::new(None);
    let values: [&[u8]; 3] = [b"219-10-9999", b"", b"Ana Keller"];
    let items: Vec<_> = [0, 1, 0, 2, 1].iter().map(|i| item(1, values[*i])).collect();
    let tokens = made.vault().tokenize(&items).unwrap();
    assert!(
        tokens[0] == tokens[2] && tokens[1] == tokens[4] && tokens[0] != tokens[1] && tokens[0] != tokens[3]
    );
    assert_eq!(made.vault().tokenize(&items).unwrap(), tokens, "from the cache");
    assert_eq!(value_of(made.vault(), tokens[0]).as_deref(), Some(values[0]), "before it is committed");
    made.vault().commit().unwrap();
    made.reopen(None);
    assert_eq!(made.vault().tokenize(&items).unwrap(), tokens, "from the file");
    for (item, token) in items.iter().zip(&tokens) {
        let original = made.vault().open(*token).unwrap().unwrap();
        assert_eq!((&original.value.expose()[..], original.kind), (item.value, Kind::Ssn));
        assert_eq!((&*original.tenant, original.version, original.seen_day), ("clinic", 1, 100));
        assert_eq!((original.created_ms / 86_400_000, original.expires_day), (100, None));
    }
    assert!(made.vault().open(TokenId([0; 16])).unwrap().is_none());
    assert_eq!(made.vault().tokenize(&[]).unwrap(), []);
}

#[test]
fn nothing_in_the_file_is_clear_text() {
    let made = Made::new(None);
    let canary = b"canary-219-10-9999";
    one(made.vault(), canary);
    made.vault().commit().unwrap();
    let bytes = std::fs::read(made.path()).unwrap();
    assert!(!bytes.windows(6).any(|w| w == &canary[..6]));
    assert!(bytes.windows(6).any(|w| w == b"clinic"), "the tenant is stored in clear, as documented");
}

#[test]
fn what_cannot_be_stored_refuses_the_batch() {
    let made = Made::new(None);
    let long = vec![b'x'; 70_000];
    let tenant = "t".repeat(256);
    for (bad, says) in [
        (item(1, &long), "70000 bytes is too long"),
        (NewToken { tenant: &tenant, ..item(1, b"x") }, "this one has 256 bytes"),
        (item(9, b"x"), "key version 9 is not in the key ring"),
    ] {
        let error = made.vault().tokenize(&[item(1, b"fine"), bad]).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    made.vault().commit().unwrap();
    assert_eq!(made.vault().stats().unwrap().total(), 0);
}

#[test]
fn threads_that_meet_the_same_values_agree() {
    let mut made = Made::new(None);
    let values: Vec<String> = (0..300).map(|n| format!("value {n}")).collect();
    let vault = made.vault();
    let all: Vec<Vec<TokenId>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|t| {
                let values = &values;
                scope.spawn(move || {
                    let mut tokens = vec![TokenId([0; 16]); values.len()];
                    for n in 0..values.len() {
                        let at = (n * 7 + t * 13) % values.len();
                        tokens[at] = one(vault, values[at].as_bytes());
                        if n % 50 == t {
                            vault.commit().unwrap();
                        }
                    }
                    vault.commit().unwrap();
                    tokens
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(all.iter().all(|tokens| *tokens == all[0]));
    made.reopen(None);
    for (token, value) in all[0].iter().zip(&values) {
        assert_eq!(value_of(made.vault(), *token).as_deref(), Some(value.as_bytes()));
    }
    assert_eq!(made.vault().stats().unwrap().total(), 300);
}

#[test]
fn records_expire_on_their_day_and_not_before() {
    let mut made = Made::new(Some(10));
    let (old, kept) = (one(made.vault(), b"old"), one(made.vault(), b"kept"));
    made.vault().commit().unwrap();
    made.clock.set_day(105);
    assert_eq!(one(made.vault(), b"kept"), kept, "seen again, it is kept longer");
    made.clock.set_day(110);
    assert_eq!(made.vault().expire(), Ok(0));
    made.clock.set_day(111);
    assert_eq!(value_of(made.vault(), old), None, "past its day it does not open, removed or not");
    assert_eq!(value_of(made.vault(), kept).as_deref(), Some(b"kept".as_slice()));
    assert_eq!(made.vault().stats().unwrap().expired, 1);
    assert_eq!(made.vault().expire(), Ok(1));
    assert_eq!(made.vault().stats().unwrap().total(), 1);
    let again = one(made.vault(), b"old");
    assert_ne!(again, old);
    // The clock goes back: nothing is removed early, and no record is stamped before the last one.
    made.clock.set_day(50);
    assert_eq!(made.vault().expire(), Ok(0));
    let late = one(made.vault(), b"late");
    made.vault().commit().unwrap();
    made.reopen(Some(10));
    let late = made.vault().open(late).unwrap().unwrap();
    assert_eq!((late.created_ms / 86_400_000, late.seen_day), (111, 50));
    assert_eq!(made.vault().open(again).unwrap().unwrap().seen_day, 111);
    // A record past its day that is seen before it is removed lives on.
    made.clock.set_day(117);
    assert_eq!(one(made.vault(), b"kept"), kept);
    assert_eq!(made.vault().expire(), Ok(1), "`late`, which was last seen on day 50");
    assert_eq!(value_of(made.vault(), kept).as_deref(), Some(b"kept".as_slice()));
}

#[test]
fn many_records_expire_in_batches() {
    let made = Made::new(Some(1));
    let values: Vec<String> = (0..12_345).map(|n| n.to_string()).collect();
    let items: Vec<_> = values.iter().map(|v| item(1, v.as_bytes())).collect();
    made.vault().tokenize(&items).unwrap();
    made.vault().commit().unwrap();
    made.clock.set_day(102);
    assert_eq!(made.vault().expire(), Ok(12_345));
    let before = made.vault().stats().unwrap().stored_bytes;
    assert!(made.vault().compact().unwrap());
    assert!(made.vault().stats().unwrap().stored_bytes < before);
    one(made.vault(), b"and it goes on");
    made.vault().commit().unwrap();
}

#[test]
fn deleted_records_are_gone_wherever_they_were() {
    let mut made = Made::new(None);
    let committed = one(made.vault(), b"committed");
    made.vault().commit().unwrap();
    let waiting = one(made.vault(), b"waiting");
    for (token, value) in [(committed, b"committed".as_slice()), (waiting, b"waiting")] {
        assert_eq!(made.vault().delete(token), Ok(true));
        assert_eq!(value_of(made.vault(), token), None);
        assert_eq!(made.vault().delete(token), Ok(false));
        assert_ne!(one(made.vault(), value), token);
    }
    made.vault().commit().unwrap();
    made.reopen(None);
    assert_eq!((value_of(made.vault(), committed), value_of(made.vault(), waiting)), (None, None));
    assert_eq!(made.vault().stats().unwrap().total(), 2);
}

/// A token that was acknowledged must open, whatever removes others at the same time.
#[test]
fn removal_and_new_tokens_at_once_leave_no_token_without_a_record() {
    let made = Made::new(None);
    let vault = made.vault();
    let stop = AtomicBool::new(false);
    let values: Vec<String> = (0..40).map(|n| format!("v{n}")).collect();
    thread::scope(|scope| {
        let remover = scope.spawn(|| {
            let mut removed = std::collections::HashSet::new();
            for n in 0..60 {
                let token = one(vault, values[n % values.len()].as_bytes());
                vault.commit().unwrap();
                assert!(vault.delete(token).unwrap());
                removed.insert(token);
            }
            stop.store(true, Ordering::Relaxed);
            removed
        });
        let workers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut acknowledged = Vec::new();
                    let mut n = 0;
                    while !stop.load(Ordering::Relaxed) {
                        n += 1;
                        let value = &values[n * 7 % values.len()];
                        let token = one(vault, value.as_bytes());
                        vault.commit().unwrap();
                        acknowledged.push((token, value));
                    }
                    acknowledged
                })
            })
            .collect();
        let acknowledged: Vec<_> = workers.into_iter().flat_map(|w| w.join().unwrap()).collect();
        let removed = remover.join().unwrap();
        assert!(removed.len() == 60 && acknowledged.len() > 10, "{} acknowledged", acknowledged.len());
        for (token, value) in acknowledged {
            match value_of(vault, token) {
                Some(bytes) => assert_eq!(bytes, value.as_bytes()),
                None => assert!(removed.contains(&token), "{token} was acknowledged and nobody removed it"),
            }
        }
    });
}

#[test]
fn rewrapped_records_keep_their_tokens_under_the_new_version() {
    let mut made = Made::new(None);
    let values: Vec<String> = (0..25).map(|n| format!("value {n}")).collect();
    let items: Vec<_> = values.iter().map(|v| item(1, v.as_bytes())).collect();
    let tokens = made.vault().tokenize(&items).unwrap();
    made.vault().commit().unwrap();
    assert!(made.vault().rewrap(1, 10, None, &|_| None).is_err(), "version 1 is the current one");
    made.keys.rotate();
    // One value has come again under the new version before the old one was sealed anew.
    let newer = made.vault().tokenize(&[item(2, b"value 3")]).unwrap()[0];
    let retag = |original: &Original| Some(tag(2, original.value.expose()));
    let (mut after, mut done, mut calls) = (None, 0, 0);
    loop {
        let progress = made.vault().rewrap(1, 10, after, &retag).unwrap();
        (done, calls) = (done + progress.done, calls + 1);
        assert!(progress.done <= 10 && progress.damaged == 0);
        if calls == 2 {
            made.reopen(None); // stopped half way: it begins anew and goes on
            after = None;
            continue;
        }
        after = progress.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(done, 25);
    assert_eq!(made.vault().rewrap(1, 10, None, &retag), Ok(Rewrapped::default()));
    made.keys.destroy(1);
    made.reopen(None);
    for (n, (value, token)) in values.iter().zip(&tokens).enumerate() {
        assert_eq!(value_of(made.vault(), *token).as_deref(), Some(value.as_bytes()));
        let now = made.vault().tokenize(&[item(2, value.as_bytes())]).unwrap()[0];
        assert_eq!(now, if n == 3 { newer } else { *token }, "{value}");
    }
}

#[test]
fn a_destroyed_version_is_gone_for_good() {
    let made = Made::new(None);
    let token = one(made.vault(), b"x");
    made.vault().commit().unwrap();
    made.keys.rotate();
    made.keys.destroy(1);
    let error = made.vault().open(token).unwrap_err();
    assert_eq!(error, VaultError::MissingKey { version: 1 });
    assert_eq!(made.vault().rewrap(1, 10, None, &|_| None), Err(VaultError::MissingKey { version: 1 }));
}

#[test]
fn a_backup_of_a_vault_in_use_is_of_one_moment() {
    let mut made = Made::new(Some(30));
    let key = Sensitive::new([9; 32]);
    let (backup, other) = (made.dir.path().join("b"), made.dir.path().join("other.redb"));
    let values: Vec<String> = (0..2000).map(|n| format!("value {n}")).collect();
    let items: Vec<_> = values.iter().map(|v| item(1, v.as_bytes())).collect();
    let tokens = made.vault().tokenize(&items[..1000]).unwrap();
    let count = thread::scope(|scope| {
        let vault = made.vault();
        let writer = scope.spawn(move || {
            for items in items[1000..].chunks(100) {
                vault.tokenize(items).unwrap();
                vault.commit().unwrap();
            }
        });
        let count = back_up(vault, &backup, &key).unwrap();
        writer.join().unwrap();
        count
    });
    assert!((1000..=2000).contains(&count) && count % 100 == 0, "{count}");
    let options = VaultOptions { clock: Box::new(made.clock.clone()), ..VaultOptions::default() };
    let restored = FileVault::create(&other, made.keys.clone(), options).unwrap();
    assert_eq!(restore(&restored, &backup, &key), Ok(count));
    assert_eq!(restore(&restored, &backup, &key), Err(VaultError::NotEmpty));
    for (token, value) in tokens.iter().zip(&values) {
        assert_eq!(value_of(&restored, *token).as_deref(), Some(value.as_bytes()));
        assert_eq!(one(&restored, value.as_bytes()), *token);
    }
    made.reopen(None);
    assert_eq!(made.vault().stats().unwrap().total(), 2000);
}

#[test]
fn a_damaged_backup_restores_nothing() {
    let made = Made::new(None);
    let key = Sensitive::new([9; 32]);
    let values: Vec<String> = (0..2000).map(|n| format!("value {n}")).collect();
    let items: Vec<_> = values.iter().map(|v| item(1, v.as_bytes())).collect();
    made.vault().tokenize(&items).unwrap();
    let path = made.dir.path().join("b");
    back_up(made.vault(), &path, &key).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1; // in the last chunk: those before it are whole
    std::fs::write(&path, &bytes).unwrap();
    let other =
        FileVault::create(&made.dir.path().join("o"), made.keys.clone(), VaultOptions::default()).unwrap();
    let error = restore(&other, &path, &key).unwrap_err().to_string();
    assert!(error.contains("damaged, cut short or was altered"), "{error}");
    assert_eq!(other.stats().unwrap().records, Stats::default().records);
}
