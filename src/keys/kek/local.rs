//! A key-encryption key in a file or a variable on this machine: AES-256-GCM by this process.
//!
//! The body of a wrapped key is a random salt of 32 bytes, the key's ciphertext and the tag. HKDF-SHA256 (RFC 5869)
//! expands KEK and salt to the AES key and the nonce of this one wrapping: no AES key is used twice, and no count of
//! wrappings has to be kept (NIST SP 800-38D, 8.3).

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{digest, hkdf, rand};
use zeroize::Zeroize;

use super::wrapped::{self, KEY_BYTES};
use super::{Kek, KekError};
use crate::keys::encoding::hex;
use crate::keys::reference::SecretRef;
use crate::reason::unwritable;
use crate::secret::Sensitive;

const SALT_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
/// Keep what is derived from the KEK for one purpose apart from any other.
const ID_DOMAIN: &[u8] = b"scrubjay key-encryption key id v1\0";
const KEY_DOMAIN: &[u8] = b"scrubjay key wrapping v1";

/// A KEK of 32 bytes in this process's memory.
pub(super) struct LocalKek {
    key: Sensitive<[u8; KEY_BYTES]>,
    id: String,
}

impl LocalKek {
    /// Reads the key; see [`SecretRef::read_key`].
    pub(super) fn open(secret: &SecretRef) -> Result<LocalKek, KekError> {
        Ok(LocalKek::new(secret.read_key()?))
    }

    /// Writes a random key to a new file of mode 0600, as 64 hexadecimal digits; returns when it is on disk.
    pub(super) fn create(secret: &SecretRef) -> Result<LocalKek, KekError> {
        let SecretRef::File(path) = secret else {
            return super::refuse(
                "no key can be put into a variable from here; set it to what `openssl rand -hex 32` prints",
            );
        };
        let mut random = [0; KEY_BYTES];
        rand::fill(&mut random).map_err(|_| KekError::Random)?;
        let key = Sensitive::new(random);
        random.zeroize();
        let mut text = hex(key.expose());
        text.push('\n');
        write_new(path, &Sensitive::new(text))?;
        LocalKek::open(secret)
    }

    fn new(key: Sensitive<[u8; KEY_BYTES]>) -> LocalKek {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(ID_DOMAIN);
        hash.update(key.expose());
        let id = format!("local:{}", hex(&hash.finish().as_ref()[..8]));
        LocalKek { key, id }
    }

    /// The AES key and the nonce of one wrapping.
    fn derive(&self, salt: &[u8]) -> Result<(LessSafeKey, Nonce), Unspecified> {
        struct Length;
        impl hkdf::KeyType for Length {
            fn len(&self) -> usize {
                KEY_BYTES + NONCE_LEN
            }
        }
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(self.key.expose());
        let mut derived = [0; KEY_BYTES + NONCE_LEN];
        extracted.expand(&[KEY_DOMAIN], Length)?.fill(&mut derived)?;
        let key = UnboundKey::new(&AES_256_GCM, &derived[..KEY_BYTES]).map(LessSafeKey::new);
        let nonce = Nonce::try_assume_unique_for_key(&derived[KEY_BYTES..]);
        derived.zeroize();
        Ok((key?, nonce?))
    }
}

impl Kek for LocalKek {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn wrap(&self, key: &Sensitive<[u8; KEY_BYTES]>, context: &[u8]) -> Result<Vec<u8>, KekError> {
        let mut salt = [0; SALT_BYTES];
        rand::fill(&mut salt).map_err(|_| KekError::Random)?;
        let aad = wrapped::binding(&self.id, context);
        let mut body = *key.expose();
        let sealed = self
            .derive(&salt)
            .and_then(|(key, nonce)| key.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut body));
        let Ok(tag) = sealed else {
            body.zeroize();
            return Err(KekError::Random);
        };
        Ok([&wrapped::head(&self.id)[..], &salt, &body, tag.as_ref()].concat())
    }

    fn unwrap_key(&self, wrapped: &[u8], context: &[u8]) -> Result<Sensitive<[u8; KEY_BYTES]>, KekError> {
        let damaged = || KekError::Damaged(self.id.clone());
        let body = wrapped::body(wrapped, &self.id)?;
        if body.len() != SALT_BYTES + KEY_BYTES + TAG_BYTES {
            return Err(damaged());
        }
        let (salt, sealed) = body.split_at(SALT_BYTES);
        let aad = wrapped::binding(&self.id, context);
        let mut plain = sealed.to_vec();
        let opened = self
            .derive(salt)
            .and_then(|(key, nonce)| key.open_in_place(nonce, Aad::from(aad), &mut plain).map(|_| ()));
        let plain = Sensitive::new(plain);
        opened.map_err(|_| damaged())?;
        wrapped::key_of(&plain.expose()[..KEY_BYTES]).ok_or_else(damaged)
    }
}

/// Writes a file that was not there, for its owner alone. It and its name are on disk when this returns.
fn write_new(path: &Path, text: &Sensitive<String>) -> Result<(), KekError> {
    let failed = |e: &io::Error| match e.kind() {
        io::ErrorKind::AlreadyExists => KekError::Exists(format!(
            "{} is there already and was left as it is; use it, or name another file",
            path.display()
        )),
        _ => KekError::Secret(format!(
            "{} cannot be written: {}",
            path.display(),
            unwritable(e, "name another file")
        )),
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|e| failed(&e))?;
    let written = file.write_all(text.expose().as_bytes()).and_then(|()| file.sync_all()).and_then(|()| {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(dir)?.sync_all()
    });
    written.map_err(|e| {
        // Half a key is of no use, and would stand in the way of the next try.
        let _ = std::fs::remove_file(path);
        failed(&e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::encoding::unhex;

    fn kek(fill: u8) -> LocalKek {
        LocalKek::new(Sensitive::new([fill; 32]))
    }

    #[test]
    fn wraps_and_refuses_everything_else() {
        wrapped::exercise(&kek(1), true);
        let key = Sensitive::new([3; 32]);
        assert_ne!(kek(1).wrap(&key, b"").unwrap(), kek(1).wrap(&key, b"").unwrap());
    }

    #[test]
    fn a_wrong_key_is_told_from_damage() {
        let key = Sensitive::new([3; 32]);
        let wrapped = kek(1).wrap(&key, b"c").unwrap();
        assert_eq!(
            kek(2).unwrap_key(&wrapped, b"c").unwrap_err(),
            KekError::OtherKey { wrapped: kek(1).id(), given: kek(2).id() }
        );
    }

    /// What was wrapped once opens for ever: these bytes are those of the first release.
    #[test]
    fn the_format_stays() {
        let wrapped = "534a4b570116006c6f63616c3a33393233363361666432336434386636fb727b4427afd647\
                       5590d1bfd41980399236e15e30e254b69bd4e73fce8326d3d8ca0b6099a72b9f7a86264468cb2dbd\
                       bb91d2f03fc0f52079dfff9207fb2223bce01f7d31db94f0449dfa26cb72345d";
        let mut bytes = vec![0; wrapped.len() / 2];
        assert!(unhex(wrapped.as_bytes(), &mut bytes));
        let key = kek(1).unwrap_key(&bytes, b"ring 7 version 1").unwrap();
        assert_eq!(key.expose(), &[0x42; 32]);
    }

    #[cfg(unix)]
    #[test]
    fn makes_a_file_for_its_owner_alone_and_never_overwrites() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kek");
        let reference = SecretRef::File(path.clone());
        let made = LocalKek::create(&reference).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let text = std::fs::read(&path).unwrap();
        assert_eq!(text.len(), 65);
        let wrapped = made.wrap(&Sensitive::new([5; 32]), b"").unwrap();
        let opened = LocalKek::open(&reference).unwrap();
        assert_eq!(opened.unwrap_key(&wrapped, b"").unwrap().expose(), &[5; 32]);

        let Err(error) = LocalKek::create(&reference) else { panic!("overwritten") };
        assert!(matches!(&error, KekError::Exists(text) if text.contains("kek is there already")), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), text);
        let other = SecretRef::File(dir.path().join("other"));
        assert_ne!(LocalKek::create(&other).unwrap().id(), made.id());
    }

    #[test]
    fn says_why_no_file_can_be_made() {
        let dir = tempfile::tempdir().unwrap();
        let reference = SecretRef::File(dir.path().join("no/kek"));
        let Err(error) = LocalKek::create(&reference) else { panic!("made") };
        assert!(error.to_string().contains("make the directory it is in"), "{error}");
        let Err(error) = LocalKek::open(&reference) else { panic!("opened") };
        assert!(matches!(&error, KekError::Secret(text) if text.contains("check the path")), "{error}");
        let Err(error) = LocalKek::create(&SecretRef::Env("X".into())) else { panic!("made") };
        assert!(error.to_string().contains("openssl rand -hex 32"), "{error}");
    }
}
