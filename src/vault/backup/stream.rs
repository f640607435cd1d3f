//! The encrypted stream of records.
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

use std::io::{Read, Write};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{digest, hkdf, rand};

use super::Entry;
use crate::keys::encoding::hex;
use crate::secret::Sensitive;
use crate::vault::types::TokenId;
use crate::vault::{MAX_VALUE_BYTES, VaultError};

const MAGIC: &[u8; 15] = b"SCRUBJAY-BACKUP";
const VERSION: u8 = 1;
const ID_AT: usize = 16;
const SALT_AT: usize = 24;
pub(super) const HEADER_BYTES: usize = 56;
pub(super) const CHUNK_BYTES: usize = 64 << 10;
pub(super) const TAG_BYTES: usize = 16;
/// No record is larger: a value, its padding and tag, two names and the head.
const MAX_RECORD_BYTES: usize = MAX_VALUE_BYTES + 1024;
const ID_DOMAIN: &[u8] = b"scrubjay backup key id v1\0";
const KEY_DOMAIN: &[u8] = b"scrubjay backup stream v1";

pub(super) const DAMAGED: &str = "is damaged, cut short or was altered; take another one";

/// Why a backup is not written.
pub(super) enum WriteError {
    Io(std::io::Error),
    Vault(VaultError),
}

/// Why a backup is not read; the text of `Backup` follows its path.
pub(super) enum ReadError {
    Io(std::io::Error),
    Backup(String),
    Vault(VaultError),
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

pub(super) struct Writer<'o> {
    out: &'o mut dyn Write,
    stream: Stream,
    held: Vec<u8>,
}

impl<'o> Writer<'o> {
    pub(super) fn new(out: &'o mut dyn Write, key: &Sensitive<[u8; 32]>) -> Result<Writer<'o>, WriteError> {
        let random = |Unspecified| WriteError::Vault(VaultError::Random);
        let mut head = [0; HEADER_BYTES];
        head[..MAGIC.len()].copy_from_slice(MAGIC);
        head[MAGIC.len()] = VERSION;
        head[ID_AT..SALT_AT].copy_from_slice(&key_id(key));
        rand::fill(&mut head[SALT_AT..]).map_err(random)?;
        out.write_all(&head).map_err(WriteError::Io)?;
        Ok(Writer { out, stream: Stream::new(key, head).map_err(random)?, held: Vec::new() })
    }

    pub(super) fn write(&mut self, entry: &Entry) -> Result<(), WriteError> {
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

    pub(super) fn finish(mut self) -> Result<(), WriteError> {
        let chunk = std::mem::take(&mut self.held);
        self.put(chunk, true)?;
        self.out.flush().map_err(WriteError::Io)
    }

    fn put(&mut self, mut chunk: Vec<u8>, is_last: bool) -> Result<(), WriteError> {
        self.stream.seal(&mut chunk, is_last).map_err(|Unspecified| WriteError::Vault(VaultError::Random))?;
        self.out.write_all(&chunk).map_err(WriteError::Io)
    }
}

pub(super) struct Reader<R> {
    input: R,
    stream: Stream,
    /// Ciphertext that has been read and not yet opened: at most one byte more than a chunk.
    ahead: Vec<u8>,
    plain: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(mut input: R, key: &Sensitive<[u8; 32]>) -> Result<Reader<R>, ReadError> {
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
            let why = format!(
                "is of version {}, which this scrubjay does not read; use a newer one",
                head[MAGIC.len()]
            );
            return Err(ReadError::Backup(why));
        }
        if head[ID_AT..SALT_AT] != key_id(key) {
            let (sealed, given) = (hex(&head[ID_AT..SALT_AT]), hex(&key_id(key)));
            return Err(ReadError::Backup(format!(
                "was sealed with the key {sealed}, but the key given is {given}"
            )));
        }
        let stream = Stream::new(key, head).map_err(|Unspecified| ReadError::Vault(VaultError::Random))?;
        Ok(Reader { input, stream, ahead: Vec::new(), plain: Vec::new(), at: 0, ended: false })
    }

    /// The next record; `None` after the last one, when all of the backup has been verified.
    pub(super) fn read(&mut self) -> Result<Option<Entry>, ReadError> {
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
