//! The store in a file when something is wrong: with the file, its mode, the disk, single bytes.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::tests::{Made, one, value_of};
use super::*;
use crate::vault::testing::{Keys, item};

#[test]
fn a_second_writer_is_refused() {
    let made = Made::new(None);
    let error = FileVault::open(&made.path(), made.keys.clone(), VaultOptions::default()).err().unwrap();
    assert!(matches!(error, VaultError::InUse { .. }), "{error:?}");
    assert!(error.to_string().contains("several processes share a PostgreSQL vault"));
}

#[test]
fn files_that_are_no_vault_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let open = |path: &Path| FileVault::open(path, Arc::new(Keys::new(1)), VaultOptions::default()).err();
    assert!(matches!(open(&at("absent")), Some(VaultError::File { .. })));
    assert!(!at("absent").exists(), "only `create` makes a file");
    assert!(open(dir.path()).unwrap().to_string().contains("no regular file"));
    for (name, content) in [("empty", Vec::new()), ("text", b"not a vault at all".repeat(1000))] {
        write_private(&at(name), &content);
        assert!(matches!(open(&at(name)), Some(VaultError::NotAVault { .. })), "{name}");
    }
    let other = redb::Database::create(at("other")).unwrap();
    let tx = other.begin_write().unwrap();
    tx.open_table(redb::TableDefinition::<u64, u64>::new("x")).unwrap().insert(1, 2).unwrap();
    tx.commit().unwrap();
    drop(other);
    set_mode(&at("other"), 0o600);
    assert!(matches!(open(&at("other")), Some(VaultError::NotAVault { .. })));
    let missing =
        FileVault::create(&at("no/vault"), Arc::new(Keys::new(1)), VaultOptions::default()).err().unwrap();
    assert!(missing.to_string().contains("make the directory it is in"), "{missing}");
}

#[test]
fn only_its_owner_may_use_the_file() {
    let mut made = Made::new(None);
    made.vault = None;
    for (mode, fine) in [(0o600, true), (0o640, false), (0o604, false), (0o660, false)] {
        set_mode(&made.path(), mode);
        match FileVault::open(&made.path(), made.keys.clone(), VaultOptions::default()) {
            Ok(_) => assert!(fine, "{mode:o}"),
            Err(e) => assert!(!fine && e.to_string().contains("chmod 600 "), "{mode:o}: {e}"),
        }
    }
}

/// A disk on which nothing can be written while `fails`.
#[derive(Debug)]
struct Failing {
    inner: FileBackend,
    fails: Arc<AtomicBool>,
}

impl StorageBackend for Failing {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.inner.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        self.inner.read(offset, out)
    }
    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.inner.set_len(len)
    }
    fn sync_data(&self) -> Result<(), std::io::Error> {
        self.inner.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(std::io::Error::from(ErrorKind::StorageFull));
        }
        self.inner.write(offset, data)
    }
}

#[test]
fn a_full_disk_fails_closed_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("v");
    let fails = Arc::new(AtomicBool::new(false));
    let opener = {
        let (path, fails) = (path.clone(), fails.clone());
        Box::new(move |_| {
            let mut options = std::fs::OpenOptions::new();
            let file = options.read(true).write(true).create(true).truncate(false).open(&path).unwrap();
            let inner = FileBackend::new(file).unwrap();
            disk::open_backend("v", Failing { inner, fails: fails.clone() }, 1 << 20)
        })
    };
    let vault = FileVault::on(
        Disk::open(path.clone(), opener).unwrap(),
        Arc::new(Keys::new(1)),
        VaultOptions::default(),
    );
    let vault = vault.unwrap();
    let before = one(&vault, b"before");
    vault.commit().unwrap();
    let during = one(&vault, b"during");
    fails.store(true, Ordering::Relaxed);
    let disk_error = vault.commit().unwrap_err().to_string();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let error = vault.commit().unwrap_err().to_string();
                assert!(error.contains(" failed"), "{error}");
            });
        }
    });
    assert!(disk_error.contains("failed: no storage space; make room"), "{disk_error}");
    assert!(vault.tokenize(&[item(1, b"before")]).is_err(), "even what is in the cache is refused");
    assert!(vault.tokenize(&[item(1, b"later")]).is_err());
    fails.store(false, Ordering::Relaxed);
    thread::sleep(disk::RETRY_AFTER);
    vault.commit().unwrap();
    assert_eq!(one(&vault, b"during"), during);
    assert_eq!(one(&vault, b"before"), before);
    drop(vault);
    set_mode(&path, 0o600);
    let vault = FileVault::open(&path, Arc::new(Keys::new(1)), VaultOptions::default()).unwrap();
    assert_eq!(value_of(&vault, before).as_deref(), Some(b"before".as_slice()));
    assert_eq!(value_of(&vault, during).as_deref(), Some(b"during".as_slice()));
}

/// Every outcome of a flipped byte is the right value or an error: no wrong value, no token without its value, no
/// second token for a value, no panic.
#[test]
fn flipped_bytes_give_errors_and_no_wrong_value() {
    let mut made = Made::new(None);
    let values: Vec<String> = (0..200).map(|n| format!("value {n}")).collect();
    let items: Vec<_> = values.iter().map(|v| item(1, v.as_bytes())).collect();
    let tokens = made.vault().tokenize(&items).unwrap();
    made.vault().commit().unwrap();
    made.vault = None;
    let whole = std::fs::read(made.path()).unwrap();
    let copy = made.dir.path().join("copy");
    let (mut refused, mut right) = (0, 0);
    // The heads of the commits stand in the first 320 bytes.
    let places = (0..320).step_by(2).chain((321..whole.len()).step_by(whole.len() / 300));
    for at in places {
        let mut bent = whole.clone();
        bent[at] ^= 1 << (at % 8);
        write_private(&copy, &bent);
        let Ok(vault) = FileVault::open(&copy, made.keys.clone(), VaultOptions::default()) else {
            refused += 1;
            continue;
        };
        let mut all_right = true;
        for (token, value) in tokens.iter().zip(&values) {
            match vault.open(*token) {
                Ok(Some(original)) => assert_eq!(original.value.expose(), value.as_bytes(), "byte {at}"),
                Ok(None) => panic!("byte {at}: a token lost its record"),
                Err(_) => all_right = false,
            }
        }
        if let Ok(again) = vault.tokenize(&items) {
            assert_eq!(again, tokens, "byte {at}");
        } else {
            all_right = false;
        }
        right += i32::from(all_right);
    }
    assert!(refused > 50 && right > 50, "{refused} refused, {right} right");
}

fn write_private(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    set_mode(path, 0o600);
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
