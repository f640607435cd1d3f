//! Key-encryption keys: what wraps the root keys of a ring.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{digest, hkdf, rand};
use zeroize::Zeroize;

use super::encoding::hex;
use super::reference::SecretRef;
use crate::reason::unreadable;
use crate::secret::Sensitive;

const SALT_BYTES: usize = 32;
const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

/// Where a key-encryption key is: `file:PATH` or `env:NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KekRef(SecretRef);

/// A key-encryption key that is open.
pub trait Kek: Send + Sync {
    /// Which key it is; no secret.
    fn id(&self) -> String;

    /// Encrypts a key; `context` is authenticated with it.
    ///
    /// # Errors
    /// When the key-encryption key cannot be used.
    fn wrap(&self, key: &Sensitive<[u8; KEY_BYTES]>, context: &[u8]) -> Result<Vec<u8>, KekError>;

    /// Decrypts what [`Kek::wrap`] made under the same context.
    ///
    /// # Errors
    /// When it was wrapped with another key or context, or was altered.
    fn unwrap_key(&self, wrapped: &[u8], context: &[u8]) -> Result<Sensitive<[u8; KEY_BYTES]>, KekError>;
}

/// Why a key-encryption key cannot be used. It shows no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KekError(pub String);

impl FromStr for KekRef {
    type Err = KekError;

    fn from_str(text: &str) -> Result<KekRef, KekError> {
        text.parse().map(KekRef).map_err(|e: super::KeyError| KekError(e.to_string()))
    }
}

impl fmt::Display for KekRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl KekRef {
    /// Opens the key.
    ///
    /// # Errors
    /// When it cannot be read, or is no key.
    pub fn open(&self) -> Result<Box<dyn Kek>, KekError> {
        let key = self.0.read_key().map_err(|e| KekError(e.to_string()))?;
        Ok(Box::new(FileKek { key }))
    }

    /// Makes the key, and opens it. A file that is there is never overwritten.
    ///
    /// # Errors
    /// When it is there already, or cannot be made.
    pub fn create(&self) -> Result<Box<dyn Kek>, KekError> {
        let SecretRef::File(path) = &self.0 else {
            return Err(KekError(format!("{self} cannot be made here; only a file can")));
        };
        write_key(path).map_err(|e| KekError(format!("cannot make {self}: {}", unreadable(&e))))?;
        self.open()
    }
}

fn write_key(path: &Path) -> io::Result<()> {
    let mut key = [0; KEY_BYTES];
    rand::fill(&mut key).map_err(|_| io::Error::other("no random bytes"))?;
    let text = Sensitive::new(hex(&key) + "\n");
    key.zeroize();
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.expose().as_bytes())?;
    file.sync_all()
}

/// A key of 32 bytes; each wrapping has an AES-256-GCM key of its own, which HKDF-SHA256 (RFC 5869) makes of it and a random salt.
struct FileKek {
    key: Sensitive<[u8; KEY_BYTES]>,
}

impl FileKek {
    fn cipher(&self, salt: &[u8]) -> Result<(LessSafeKey, Nonce), Unspecified> {
        struct Length;
        impl hkdf::KeyType for Length {
            fn len(&self) -> usize {
                KEY_BYTES + NONCE_LEN
            }
        }
        let mut derived = [0; KEY_BYTES + NONCE_LEN];
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(self.key.expose());
        extracted.expand(&[b"scrubjay key wrap v1"], Length)?.fill(&mut derived)?;
        let key = UnboundKey::new(&AES_256_GCM, &derived[..KEY_BYTES]).map(LessSafeKey::new);
        let nonce = Nonce::try_assume_unique_for_key(&derived[KEY_BYTES..]);
        derived.zeroize();
        Ok((key?, nonce?))
    }
}

impl Kek for FileKek {
    fn id(&self) -> String {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(b"scrubjay key-encryption key id v1\0");
        hash.update(self.key.expose());
        hex(&hash.finish().as_ref()[..8])
    }

    fn wrap(&self, key: &Sensitive<[u8; KEY_BYTES]>, context: &[u8]) -> Result<Vec<u8>, KekError> {
        let failed = |_| KekError("the system's random number generator failed".to_owned());
        let mut salt = [0; SALT_BYTES];
        rand::fill(&mut salt).map_err(failed)?;
        let (cipher, nonce) = self.cipher(&salt).map_err(failed)?;
        let mut out = Vec::with_capacity(SALT_BYTES + KEY_BYTES + TAG_BYTES);
        out.extend_from_slice(&salt);
        out.extend_from_slice(key.expose());
        let tag = cipher.seal_in_place_separate_tag(nonce, Aad::from(context), &mut out[SALT_BYTES..]);
        out.extend_from_slice(tag.map_err(failed)?.as_ref());
        Ok(out)
    }

    fn unwrap_key(&self, wrapped: &[u8], context: &[u8]) -> Result<Sensitive<[u8; KEY_BYTES]>, KekError> {
        let damaged =
            || KekError("a wrapped key does not open: it is damaged, or of another ring".to_owned());
        if wrapped.len() != SALT_BYTES + KEY_BYTES + TAG_BYTES {
            return Err(damaged());
        }
        let (salt, sealed) = wrapped.split_at(SALT_BYTES);
        let (cipher, nonce) = self.cipher(salt).map_err(|_| damaged())?;
        let mut sealed = sealed.to_vec();
        let mut key = [0; KEY_BYTES];
        let opened = cipher.open_in_place(nonce, Aad::from(context), &mut sealed);
        let good = opened.map(|plain| key.copy_from_slice(plain)).is_ok();
        sealed.zeroize();
        let key = Sensitive::new(key);
        if good { Ok(key) } else { Err(damaged()) }
    }
}
