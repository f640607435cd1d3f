//! Secrets are named in configuration, never written there: `env:NAME` or `file:PATH`.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use aws_lc_rs::hmac;
use zeroize::Zeroize;

use super::encoding::{unbase64, unhex};
use crate::reason::unreadable;
use crate::secret::Sensitive;

/// No secret is larger; what is, is not a secret's file.
const MAX_BYTES: usize = 64 << 10;
/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// What a key may look like, for error messages.
const KEY_FORMS: &str = "a key is 32 bytes, as 64 hexadecimal digits, as 44 characters of base64, or raw; \
                         `openssl rand -hex 32` makes one";

/// Where a secret stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file. On Unix only its owner may have access to it.
    File(PathBuf),
}

/// Why a secret cannot be used. It says which reference, never the secret.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(pub String);

impl FromStr for SecretRef {
    type Err = KeyError;

    /// Parses `env:NAME` or `file:PATH`. Errors never repeat the text: whoever wrote the secret itself here finds
    /// it in no log.
    fn from_str(text: &str) -> Result<SecretRef, KeyError> {
        let refuse = |why: &str| Err(KeyError(why.to_string()));
        if let Some(name) = text.strip_prefix("env:") {
            let letters = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            if name.is_empty() || name.as_bytes()[0].is_ascii_digit() || !name.bytes().all(letters) {
                return refuse(
                    "what follows `env:` must be the name of an environment variable: letters, digits, `_`",
                );
            }
            Ok(SecretRef::Env(name.to_string()))
        } else if let Some(path) = text.strip_prefix("file:") {
            if path.is_empty() || path.contains('\0') {
                return refuse("what follows `file:` must be the path of a file");
            }
            Ok(SecretRef::File(PathBuf::from(path)))
        } else {
            refuse(
                "expected a reference to a secret, `env:NAME` or `file:PATH`; a secret itself is never written here",
            )
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Env(name) => write!(f, "env:{name}"),
            SecretRef::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl SecretRef {
    /// Reads a secret that is text, such as a password: without one line end at its end.
    pub fn read(&self) -> Result<Sensitive<Vec<u8>>, KeyError> {
        let raw = self.read_raw()?;
        let text = without_line_end(raw.expose());
        if text.is_empty() {
            return Err(self.refuse("is empty"));
        }
        Ok(Sensitive::new(text.to_vec()))
    }

    /// Reads a key of 32 bytes: 64 hexadecimal digits, 44 characters of base64, or raw bytes.
    pub fn read_key(&self) -> Result<Sensitive<[u8; KEY_BYTES]>, KeyError> {
        let raw = self.read_raw()?;
        match decode_key(raw.expose()) {
            Some(key) => Ok(key),
            None if half_a_key(raw.expose()) => {
                Err(self
                    .refuse(&format!("holds 32 hexadecimal digits, which are only 16 bytes; {KEY_FORMS}")))
            }
            None => Err(self.refuse(&format!(
                "holds {} bytes that are no key; {KEY_FORMS}",
                without_line_end(raw.expose()).len()
            ))),
        }
    }

    /// Reads a key for HMAC-SHA256: what [`SecretRef::read_key`] reads, or any longer secret as it stands. RFC 2104
    /// section 3 discourages keys shorter than the hash, 32 bytes.
    pub fn read_hmac_key(&self) -> Result<hmac::Key, KeyError> {
        let raw = self.read_raw()?;
        if let Some(key) = decode_key(raw.expose()) {
            return Ok(hmac::Key::new(hmac::HMAC_SHA256, key.expose()));
        }
        let text = without_line_end(raw.expose());
        if text.len() <= KEY_BYTES {
            return Err(self.refuse(&format!("holds {} bytes, too few for a key; {KEY_FORMS}", text.len())));
        }
        Ok(hmac::Key::new(hmac::HMAC_SHA256, text))
    }

    fn read_raw(&self) -> Result<Sensitive<Vec<u8>>, KeyError> {
        let raw = match self {
            SecretRef::Env(name) => match std::env::var_os(name) {
                Some(value) => Sensitive::new(value.into_encoded_bytes()),
                None => return Err(self.refuse("is not set; set this variable where the command is started")),
            },
            SecretRef::File(path) => self.read_file(path)?,
        };
        if raw.expose().len() > MAX_BYTES {
            return Err(self.refuse(&format!("is larger than {MAX_BYTES} bytes: not a secret's file")));
        }
        Ok(raw)
    }

    fn read_file(&self, path: &Path) -> Result<Sensitive<Vec<u8>>, KeyError> {
        let failed = |e: std::io::Error| self.refuse(&format!("cannot be read: {}", unreadable(&e)));
        let file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if about.is_dir() {
            return Err(self.refuse("is a directory; name the file in it"));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = about.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(self.refuse(&format!(
                    "can be used by others than its owner (mode {mode:04o}); do `chmod 600 {}`",
                    path.display()
                )));
            }
        }
        // Room for all of it at once: a vector that grows leaves copies behind that nothing wipes.
        let mut bytes = Vec::with_capacity(MAX_BYTES + 64);
        let read = file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes);
        let bytes = Sensitive::new(bytes);
        read.map_err(failed)?;
        Ok(bytes)
    }

    fn refuse(&self, why: &str) -> KeyError {
        KeyError(format!("the secret {self} {why}"))
    }
}

fn without_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

/// Half a key in hexadecimal is as long as a whole one that is raw; taken for that it would have 128 bits.
fn half_a_key(raw: &[u8]) -> bool {
    let text = without_line_end(raw);
    text.len() == KEY_BYTES && text.iter().all(u8::is_ascii_hexdigit)
}

fn decode_key(raw: &[u8]) -> Option<Sensitive<[u8; KEY_BYTES]>> {
    if half_a_key(raw) {
        return None;
    }
    // A raw key may end in bytes that look like a line end: its length goes before the trimming.
    let line = raw.strip_suffix(b"\n").unwrap_or(raw);
    let raw_key = [raw, line].into_iter().find(|text| text.len() == KEY_BYTES);
    let text = raw_key.unwrap_or_else(|| without_line_end(raw));
    let mut key = [0; KEY_BYTES];
    let found = match text.len() {
        KEY_BYTES => {
            key.copy_from_slice(text);
            true
        }
        44 => unbase64(text, &mut key),
        64 => unhex(text, &mut key),
        _ => false,
    };
    let decoded = found.then(|| Sensitive::new(key));
    key.zeroize();
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::encoding::{base64, hex};

    fn written(bytes: &[u8]) -> (tempfile::TempDir, SecretRef) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k");
        std::fs::write(&path, bytes).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        (dir, SecretRef::File(path))
    }

    #[test]
    fn parses_references() {
        assert_eq!("env:A_b1".parse::<SecretRef>().unwrap(), SecretRef::Env("A_b1".into()));
        assert_eq!("file:/a b".parse::<SecretRef>().unwrap(), SecretRef::File("/a b".into()));
        assert_eq!("file:/a b".parse::<SecretRef>().unwrap().to_string(), "file:/a b");
    }

    #[test]
    fn refuses_what_is_none_without_repeating_it() {
        for text in
            ["s3cr3t-value", "", "env:", "env:s3cr3t value", "env:1s3cr3t", "file:", "ENV:s3cr3t", "s3cr3t:x"]
        {
            let error = text.parse::<SecretRef>().unwrap_err().to_string();
            assert!(!error.contains("s3cr3t"), "{error}");
            assert!(error.contains("env:") || error.contains("file:"), "{error}");
        }
    }

    #[test]
    fn reads_keys_in_every_form() {
        let mut key: Vec<u8> = (100..132).collect();
        for last in [131, b'\n', b'\r', 0] {
            key[31] = last;
            let (hexed, based) = (hex(&key), base64(&key));
            for form in [
                key.clone(),
                [&key[..], b"\n"].concat(),
                hexed.clone().into_bytes(),
                format!("{}\n", hexed.to_uppercase()).into_bytes(),
                format!("{hexed}\r\n").into_bytes(),
                based.clone().into_bytes(),
                format!("{based}\n").into_bytes(),
            ] {
                let (_dir, reference) = written(&form);
                assert_eq!(reference.read_key().unwrap().expose(), &key[..], "{} bytes", form.len());
            }
        }
    }

    #[test]
    fn refuses_other_keys_saying_how_long_they_are() {
        for (form, says) in [
            (b"".as_slice(), "0 bytes"),
            (b"hunter2hunter2\n", "14 bytes"),
            (b"0123456789abcdef0123456789abcdef\n", "only 16 bytes"),
            (b"zz23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "64 bytes"),
            (b"!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!=", "44 bytes"),
            (&[7; 33], "33 bytes"),
        ] {
            let (_dir, reference) = written(form);
            let error = reference.read_key().unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("openssl rand -hex 32"), "{error}");
            assert!(!error.contains("hunter2") && !error.contains("abcdef01"), "{error}");
        }
    }

    #[test]
    fn hmac_keys_have_at_least_the_length_of_the_hash() {
        let sign = |form: &[u8]| {
            let (_dir, reference) = written(form);
            reference.read_hmac_key().map(|k| hmac::sign(&k, b"x").as_ref().to_vec())
        };
        let key: Vec<u8> = (100..132).collect();
        assert_eq!(sign(&key).unwrap(), sign(hex(&key).as_bytes()).unwrap());
        assert_eq!(sign(b"a long passphrase of forty characters...\n").unwrap().len(), 32);
        assert!(sign(b"a short one").unwrap_err().to_string().contains("11 bytes"));
        assert!(sign(b"0123456789abcdef0123456789abcdef").is_err());
    }

    #[test]
    fn text_loses_one_line_end() {
        for (form, text) in [("a b", "a b"), ("a b\n", "a b"), ("a b\r\n", "a b"), ("a b\n\n", "a b\n")] {
            let (_dir, reference) = written(form.as_bytes());
            assert_eq!(reference.read().unwrap().expose(), text.as_bytes());
        }
        let (_dir, reference) = written(b"\n");
        assert!(reference.read().unwrap_err().to_string().contains("is empty"));
    }

    #[test]
    fn says_what_is_missing() {
        let unset: SecretRef = "env:SCRUBJAY_TEST_UNSET".parse().unwrap();
        assert_eq!(
            unset.read().unwrap_err().to_string(),
            "the secret env:SCRUBJAY_TEST_UNSET is not set; set this variable where the command is started"
        );
        let absent: SecretRef = "file:/nonexistent/key".parse().unwrap();
        assert!(absent.read().unwrap_err().to_string().contains("/nonexistent/key cannot be read"));
        let (dir, _) = written(b"");
        let error = SecretRef::File(dir.path().into()).read().unwrap_err().to_string();
        assert!(error.contains("is a directory"), "{error}");
        let (_dir, large) = written(&vec![b'x'; MAX_BYTES + 1]);
        assert!(large.read().unwrap_err().to_string().contains("larger than 65536 bytes"));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_use_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        for (mode, fine) in
            [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o620, false), (0o644, false)]
        {
            let (dir, reference) = written(&[7; 32]);
            std::fs::set_permissions(dir.path().join("k"), std::fs::Permissions::from_mode(mode)).unwrap();
            match reference.read_key() {
                Ok(_) => assert!(fine, "{mode:o}"),
                Err(e) => assert!(!fine && e.to_string().contains("chmod 600 "), "{mode:o}: {e}"),
            }
        }
    }
}
