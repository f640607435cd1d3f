//! Backups: every record of a vault, encrypted once more, in one file.
//!
//! ```text
//! SCRUBJAY-BACKUP  version  key id  salt      chunk, chunk, ...
//! 15 bytes         1        8       32 bytes  64 KiB of records + 16 bytes each, the last one shorter or as long
//! \____________________________________/
//!        authenticated with every chunk
//! ```
//!
//! HKDF-SHA256 (RFC 5869) makes a key for each backup from the key given and the salt. Chunk `i` is sealed by AES-256-GCM
//! under it with a nonce of three zeros, `i` in eight bytes, and one byte that is 1 for the last chunk (the STREAM
//! construction of Hoang, Reyhanitabar, Rogaway and Vizar, 2015): a chunk that is missing, moved, repeated or cut off is
//! found. Nothing of a backup is taken in before its last chunk has been verified.
//!
//! The values in it are sealed under the key versions of the ring as they are in the vault: whoever restores them needs
//! the ring, too, and a key version that was destroyed stays destroyed for backups made before.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{digest, hkdf, rand};

use super::types::TokenId;
use super::{Portable, VaultError};
use crate::keys::encoding::hex;
use crate::reason::{unreadable, unwritable};
use crate::secret::Sensitive;

const MAGIC: &[u8; 15] = b"SCRUBJAY-BACKUP";
const VERSION: u8 = 1;
const ID_AT: usize = 16;
const SALT_AT: usize = 24;
const HEADER_BYTES: usize = 56;
const CHUNK_BYTES: usize = 64 << 10;
const TAG_BYTES: usize = 16;
/// No record is larger: a value, its padding and tag, two names and the head.
const MAX_RECORD_BYTES: usize = super::MAX_VALUE_BYTES + 1024;
const ID_DOMAIN: &[u8] = b"scrubjay backup key id v1\0";
const KEY_DOMAIN: &[u8] = b"scrubjay backup stream v1";

/// A record on its way to another store: its value sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its token.
    pub(crate) token: TokenId,
    /// Whether its tag leads to it: a value may have had several tokens.
    pub(crate) is_tagged: bool,
    /// The record as a vault's file has it.
    pub(crate) record: Vec<u8>,
}

/// Writes a backup to a file, mode 0600, which appears, or takes the place of the one there, when it is whole. Gives the
/// number of records. The vault may be in use: the backup is of one moment.
pub fn back_up(store: &dyn Portable, path: &Path, key: &Sensitive<[u8; 32]>) -> Result<u64, VaultError> {
    let partial = beside(path);
    let written = write_file(store, &partial, key).and_then(|count| {
        let moved = std::fs::rename(&partial, path).and_then(|()| sync_directory(path));
        moved.map(|()| count).map_err(|e| cannot_write(path, &e))
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&partial);
    }
    written
}

/// Restores a backup into an empty vault: all of it, or nothing. Gives the number of records.
pub fn restore(store: &dyn Portable, path: &Path, key: &Sensitive<[u8; 32]>) -> Result<u64, VaultError> {
    let file = File::open(path).map_err(|e| cannot_read(path, &e))?;
    read_from(store, BufReader::new(file), key).map_err(|e| match e {
        ReadError::Io(e) => cannot_read(path, &e),
        ReadError::Backup(why) => VaultError::Backup(format!("{} {why}", path.display())),
        ReadError::Vault(e) => e,
    })
}

fn write_file(store: &dyn Portable, path: &Path, key: &Sensitive<[u8; 32]>) -> Result<u64, VaultError> {
    let mut options = OpenOptions::new();
    // One left behind by a crash is not written over: its mode may be any.
    let _ = std::fs::remove_file(path);
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let file = options.open(path).map_err(|e| cannot_write(path, &e))?;
    let mut out = BufWriter::new(file);
    let count = write_to(store, &mut out, key).map_err(|e| match e {
        WriteError::Io(e) => cannot_write(path, &e),
        WriteError::Vault(e) => e,
    })?;
    let file = out.into_inner().map_err(|e| cannot_write(path, e.error()))?;
    file.sync_all().map_err(|e| cannot_write(path, &e))?;
    Ok(count)
}

enum WriteError {
    Io(std::io::Error),
    Vault(VaultError),
}

fn write_to(store: &dyn Portable, out: &mut dyn Write, key: &Sensitive<[u8; 32]>) -> Result<u64, WriteError> {
    let mut stream = Writer::new(out, key)?;
    let mut count = 0;
    // The store knows only its own errors; one of the output is kept aside.
    let mut failed = None;
    let exported = store.export(&mut |entry| {
        count += 1;
        stream.write(entry).map_err(|e| match e {
            WriteError::Vault(e) => e,
            WriteError::Io(e) => {
                failed = Some(e);
                VaultError::Backup("cannot be written".to_string())
            }
        })
    });
    match failed {
        Some(e) => return Err(WriteError::Io(e)),
        None => exported.map_err(WriteError::Vault)?,
    }
    stream.finish()?;
    Ok(count)
}

enum ReadError {
    Io(std::io::Error),
    Backup(String),
    Vault(VaultError),
}

const DAMAGED: &str = "is damaged, cut short or was altered; take another one";

fn read_from(store: &dyn Portable, input: impl Read, key: &Sensitive<[u8; 32]>) -> Result<u64, ReadError> {
    let mut stream = Reader::new(input, key)?;
    let mut failed = None;
    let imported = store.import(&mut || {
        stream.read().map_err(|e| match e {
            ReadError::Vault(e) => e,
            other => {
                failed = Some(other);
                VaultError::Backup("cannot be read".to_string())
            }
        })
    });
    match failed {
        Some(e) => Err(e),
        None => imported.map_err(ReadError::Vault),
    }
}

/// The key of one backup, and the head it is bound to.
struct Stream {
    key: LessSafeKey,
    head: [u8; HEADER_BYTES],
    chunk: u64,
}

impl Stream {
    fn new(key: &Sensitive<[u8; 32]>, head: [u8; HEADER_BYTES]) -> Result<Stream, Unspecified> {
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, &head[SALT_AT..]).extract(key.expose());
        let key = UnboundKey::from(extracted.expand(&[KEY_DOMAIN], &AES_256_GCM)?);
        Ok(Stream { key: LessSafeKey::new(key), head, chunk: 0 })
    }

    fn seal(&mut self, chunk: &mut Vec<u8>, is_last: bool) -> Result<(), Unspecified> {
        let nonce = self.nonce(is_last);
        self.key.seal_in_place_append_tag(nonce, Aad::from(&self.head), chunk)
    }

    fn open(&mut self, chunk: &mut Vec<u8>, is_last: bool) -> Result<(), Unspecified> {
        let nonce = self.nonce(is_last);
        let len = self.key.open_in_place(nonce, Aad::from(&self.head), chunk)?.len();
        chunk.truncate(len);
        Ok(())
    }

    fn nonce(&mut self, is_last: bool) -> Nonce {
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&self.chunk.to_be_bytes());
        nonce[11] = u8::from(is_last);
        self.chunk += 1;
        Nonce::assume_unique_for_key(nonce)
    }
}

struct Writer<'o> {
    out: &'o mut dyn Write,
    stream: Stream,
    held: Vec<u8>,
}

impl<'o> Writer<'o> {
    fn new(out: &'o mut dyn Write, key: &Sensitive<[u8; 32]>) -> Result<Writer<'o>, WriteError> {
        let random = |Unspecified| WriteError::Vault(VaultError::Random);
        let mut head = [0; HEADER_BYTES];
        head[..MAGIC.len()].copy_from_slice(MAGIC);
        head[MAGIC.len()] = VERSION;
        head[ID_AT..SALT_AT].copy_from_slice(&key_id(key));
        rand::fill(&mut head[SALT_AT..]).map_err(random)?;
        out.write_all(&head).map_err(WriteError::Io)?;
        Ok(Writer { out, stream: Stream::new(key, head).map_err(random)?, held: Vec::new() })
    }

    fn write(&mut self, entry: &Entry) -> Result<(), WriteError> {
        self.held.extend_from_slice(&entry.token.0);
        self.held.push(u8::from(entry.is_tagged));
        self.held.extend_from_slice(&(entry.record.len() as u32).to_le_bytes());
        self.held.extend_from_slice(&entry.record);
        // A chunk is written when there is more: the last one is known by having nothing behind it.
        while self.held.len() > CHUNK_BYTES {
            let rest = self.held.split_off(CHUNK_BYTES);
            let chunk = std::mem::replace(&mut self.held, rest);
            self.put(chunk, false)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), WriteError> {
        let chunk = std::mem::take(&mut self.held);
        self.put(chunk, true)?;
        self.out.flush().map_err(WriteError::Io)
    }

    fn put(&mut self, mut chunk: Vec<u8>, is_last: bool) -> Result<(), WriteError> {
        self.stream.seal(&mut chunk, is_last).map_err(|Unspecified| WriteError::Vault(VaultError::Random))?;
        self.out.write_all(&chunk).map_err(WriteError::Io)
    }
}

struct Reader<R> {
    input: R,
    stream: Stream,
    /// Ciphertext that has been read and not yet opened: at most one byte more than a chunk.
    ahead: Vec<u8>,
    plain: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: Read> Reader<R> {
    fn new(mut input: R, key: &Sensitive<[u8; 32]>) -> Result<Reader<R>, ReadError> {
        let backup = |why: &str| ReadError::Backup(why.to_string());
        let mut head = Vec::with_capacity(HEADER_BYTES);
        input.by_ref().take(HEADER_BYTES as u64).read_to_end(&mut head).map_err(ReadError::Io)?;
        let Ok(head) = <[u8; HEADER_BYTES]>::try_from(head) else {
            return Err(backup("is no backup of a vault, or cut short"));
        };
        if !head.starts_with(MAGIC) {
            return Err(backup("is no backup of a vault"));
        }
        if head[MAGIC.len()] != VERSION {
            let why = format!("is of version {}, which this scrubjay does not read; use a newer one", head[MAGIC.len()]);
            return Err(ReadError::Backup(why));
        }
        if head[ID_AT..SALT_AT] != key_id(key) {
            let (sealed, given) = (hex(&head[ID_AT..SALT_AT]), hex(&key_id(key)));
            return Err(ReadError::Backup(format!("was sealed with the key {sealed}, but the key given is {given}")));
        }
        let stream = Stream::new(key, head).map_err(|Unspecified| ReadError::Vault(VaultError::Random))?;
        Ok(Reader { input, stream, ahead: Vec::new(), plain: Vec::new(), at: 0, ended: false })
    }

    /// The next record; `None` after the last one, when all of the backup has been verified.
    fn read(&mut self) -> Result<Option<Entry>, ReadError> {
        let damaged = || ReadError::Backup(DAMAGED.to_string());
        if !self.hold(1)? {
            return Ok(None);
        }
        if !self.hold(21)? {
            return Err(damaged());
        }
        let head = &self.plain[self.at..self.at + 21];
        let (mut token, mut len) = ([0; 16], [0; 4]);
        token.copy_from_slice(&head[..16]);
        len.copy_from_slice(&head[17..]);
        let (flag, len) = (head[16], u32::from_le_bytes(len) as usize);
        if flag > 1 || len > MAX_RECORD_BYTES || !self.hold(21 + len)? {
            return Err(damaged());
        }
        let record = self.plain[self.at + 21..self.at + 21 + len].to_vec();
        self.at += 21 + len;
        Ok(Some(Entry { token: TokenId(token), is_tagged: flag == 1, record }))
    }

    /// Whether `len` bytes more are there.
    fn hold(&mut self, len: usize) -> Result<bool, ReadError> {
        while self.plain.len() - self.at < len {
            if self.ended {
                return Ok(false);
            }
            let mut chunk = self.next_chunk()?;
            self.stream
                .open(&mut chunk, self.ended)
                .map_err(|Unspecified| ReadError::Backup(DAMAGED.to_string()))?;
            self.plain.drain(..self.at);
            self.at = 0;
            self.plain.append(&mut chunk);
        }
        Ok(true)
    }

    fn next_chunk(&mut self) -> Result<Vec<u8>, ReadError> {
        const SEALED: usize = CHUNK_BYTES + TAG_BYTES;
        let wanted = (SEALED + 1 - self.ahead.len()) as u64;
        self.input.by_ref().take(wanted).read_to_end(&mut self.ahead).map_err(ReadError::Io)?;
        self.ended = self.ahead.len() <= SEALED;
        let rest = self.ahead.split_off(SEALED.min(self.ahead.len()));
        Ok(std::mem::replace(&mut self.ahead, rest))
    }
}

/// Which key it is: a hash of it, which does not help to find it.
fn key_id(key: &Sensitive<[u8; 32]>) -> [u8; 8] {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(ID_DOMAIN);
    hash.update(key.expose());
    let mut id = [0; 8];
    id.copy_from_slice(&hash.finish().as_ref()[..8]);
    id
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    path.with_file_name(name)
}

/// Makes the new name durable.
pub(crate) fn sync_directory(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

fn cannot_write(path: &Path, e: &std::io::Error) -> VaultError {
    VaultError::Backup(format!("{} cannot be written: {}", path.display(), unwritable(e, "name another path")))
}

fn cannot_read(path: &Path, e: &std::io::Error) -> VaultError {
    VaultError::Backup(format!("{} cannot be read: {}", path.display(), unreadable(e)))
}

#[cfg(test)]
mod tests {
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
            fn import(&self, _: &mut dyn FnMut() -> Result<Option<Entry>, VaultError>) -> Result<u64, VaultError> {
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
}
