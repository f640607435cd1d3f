//! Backups, against a store in memory.

use super::stream::{CHUNK_BYTES, DAMAGED, HEADER_BYTES, TAG_BYTES};
use super::*;
use crate::vault::{NewToken, Original, TokenStore};

/// Records in memory.
#[derive(Default)]
struct Shelf(std::sync::Mutex<Vec<Entry>>);

impl TokenStore for Shelf {
    fn tokenize(&self, _: &[NewToken<'_>]) -> Result<Vec<TokenId>, VaultError> {
        Err(VaultError::Random)
    }
    fn commit(&self) -> Result<(), VaultError> {
        Ok(())
    }
    fn open(&self, _: TokenId) -> Result<Option<Original>, VaultError> {
        Ok(None)
    }
}

impl Portable for Shelf {
    fn export(&self, visit: &mut dyn FnMut(&Entry) -> Result<(), VaultError>) -> Result<(), VaultError> {
        self.0.lock().unwrap().iter().try_for_each(visit)
    }
    fn import(&self, next: &mut dyn FnMut() -> Result<Option<Entry>, VaultError>) -> Result<u64, VaultError> {
        let mut entries = Vec::new();
        while let Some(entry) = next()? {
            entries.push(entry);
        }
        *self.0.lock().unwrap() = entries;
        Ok(self.0.lock().unwrap().len() as u64)
    }
}

fn key(n: u8) -> Sensitive<[u8; 32]> {
    Sensitive::new([n; 32])
}

fn shelf(lengths: &[usize]) -> Shelf {
    let entry = |(i, len): (usize, &usize)| Entry {
        token: TokenId([i as u8; 16]),
        is_tagged: i % 3 != 0,
        record: vec![i as u8; *len],
    };
    Shelf(lengths.iter().enumerate().map(entry).collect::<Vec<_>>().into())
}

fn written(shelf: &Shelf) -> Vec<u8> {
    let mut out = Vec::new();
    assert!(write_to(shelf, &mut out, &key(1)).is_ok());
    out
}

fn read(bytes: &[u8], key: &Sensitive<[u8; 32]>) -> Result<Vec<Entry>, String> {
    let into = Shelf::default();
    match read_from(&into, bytes, key) {
        Ok(_) => Ok(into.0.into_inner().unwrap()),
        Err(ReadError::Backup(why)) => Err(why),
        Err(ReadError::Io(e)) => Err(e.to_string()),
        Err(ReadError::Vault(e)) => Err(e.to_string()),
    }
}

#[test]
fn round_trips_whatever_the_chunks_are() {
    let fits = CHUNK_BYTES - 21;
    for lengths in [
        &[][..],
        &[0],
        &[5, 0, 100],
        &[fits],
        &[fits - 1],
        &[fits + 1],
        &[fits, fits, fits],
        &[60_000, 60_000, 60_000, 3],
        &[CHUNK_BYTES / 2; 9],
    ] {
        let shelf = shelf(lengths);
        let bytes = written(&shelf);
        assert!(read(&bytes, &key(1)).unwrap() == *shelf.0.lock().unwrap(), "{lengths:?}");
    }
    let (a, b) = (written(&shelf(&[5])), written(&shelf(&[5])));
    assert_ne!(a, b, "each backup has a key of its own");
}

#[test]
fn every_truncation_and_flipped_bit_is_refused() {
    let bytes = written(&shelf(&[40, 80]));
    for end in 0..bytes.len() {
        assert!(read(&bytes[..end], &key(1)).is_err(), "cut at {end}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut bent = bytes.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&bent, &key(1)).is_err(), "bit {bit}");
    }
    let longer = [&bytes[..], b"x"].concat();
    assert!(read(&longer, &key(1)).is_err());
}

#[test]
fn chunks_stay_in_their_places() {
    let sealed = CHUNK_BYTES + TAG_BYTES;
    let bytes = written(&shelf(&[60_000; 4]));
    let (head, body) = bytes.split_at(HEADER_BYTES);
    let chunks: Vec<&[u8]> = body.chunks(sealed).collect();
    assert_eq!(chunks.len(), 4);
    let with = |order: &[usize]| {
        let parts: Vec<&[u8]> = std::iter::once(head).chain(order.iter().map(|i| chunks[*i])).collect();
        read(&parts.concat(), &key(1))
    };
    assert!(with(&[0, 1, 2, 3]).is_ok());
    for order in [&[1, 0, 2, 3][..], &[0, 1, 2], &[0, 2, 3], &[0, 1, 1, 2, 3], &[0, 1, 2, 3, 3], &[3], &[]] {
        assert_eq!(with(order).err().as_deref(), Some(DAMAGED), "{order:?}");
    }
}

#[test]
fn errors_tell_what_is_wrong() {
    let bytes = written(&shelf(&[4]));
    let mut newer = bytes.clone();
    newer[15] = 9;
    for (bytes, key, says) in [
        (&bytes[..], key(2), "was sealed with the key "),
        (&newer, key(1), "version 9"),
        (b"x", key(1), "cut short"),
        (&[7; 100], key(1), "no backup of a vault"),
    ] {
        let error = read(bytes, &key).err().unwrap();
        assert!(error.contains(says), "{error}");
    }
    let absent = restore(&Shelf::default(), Path::new("/nonexistent/b"), &key(1)).unwrap_err().to_string();
    assert!(absent.contains("/nonexistent/b cannot be read"), "{absent}");
}

#[test]
fn a_backup_appears_when_it_is_whole() {
    struct Failing;
    impl TokenStore for Failing {
        fn tokenize(&self, _: &[NewToken<'_>]) -> Result<Vec<TokenId>, VaultError> {
            Err(VaultError::Random)
        }
        fn commit(&self) -> Result<(), VaultError> {
            Ok(())
        }
        fn open(&self, _: TokenId) -> Result<Option<Original>, VaultError> {
            Ok(None)
        }
    }
    impl Portable for Failing {
        fn export(&self, visit: &mut dyn FnMut(&Entry) -> Result<(), VaultError>) -> Result<(), VaultError> {
            visit(&Entry { token: TokenId([0; 16]), is_tagged: true, record: vec![1] })?;
            Err(VaultError::Damaged { what: "half of it" })
        }
        fn import(
            &self,
            _: &mut dyn FnMut() -> Result<Option<Entry>, VaultError>,
        ) -> Result<u64, VaultError> {
            Err(VaultError::NotEmpty)
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vault.backup");
    assert!(back_up(&Failing, &path, &key(1)).is_err());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left behind");
    assert_eq!(back_up(&shelf(&[1, 2]), &path, &key(1)), Ok(2));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let into = Shelf::default();
    assert_eq!(restore(&into, &path, &key(1)), Ok(2));
    assert_eq!(restore(&Failing, &path, &key(1)), Err(VaultError::NotEmpty));
}
