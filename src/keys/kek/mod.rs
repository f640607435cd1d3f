//! Key-encryption keys: what the root keys of a key ring are wrapped with.
//!
//! A ring's file holds 32-byte keys, none of them in clear. Each is encrypted by a key-encryption key (KEK; NIST SP
//! 800-57 part 1 calls it a key-wrapping key) that lives somewhere safer than the file: in another file, on a PKCS#11
//! token that never lets it out, or at a key management service that is asked each time.
//!
//! | reference | where the KEK is | who encrypts |
//! | --- | --- | --- |
//! | `file:PATH`, `env:NAME` | in a file or a variable on this machine | this process |
//! | `pkcs11:...` (RFC 7512) | on a token: an HSM, a smart card, SoftHSM | the token |
//! | `vault:https://...` | at the transit engine of OpenBao or Vault | the server |
//! | `aws-kms:arn:...` | at AWS KMS | the service |
//!
//! What is wrapped says which KEK wrapped it, so that a wrong key is told from damage, and is bound to a context that
//! the caller gives again to unwrap it: a wrapped key that is moved to another ring, or to another version, does not open.
//! See `wrapped.rs` for the bytes.

#[cfg(feature = "kms")]
mod aws;
mod aws_ref;
#[cfg(any(feature = "pkcs11", feature = "kms"))]
mod bound;
#[cfg(feature = "kms")]
mod http;
mod local;
#[cfg(feature = "pkcs11")]
mod pkcs11;
mod pkcs11_ref;
#[cfg(test)]
#[cfg(feature = "kms")]
mod servers;
mod uri;
#[cfg(feature = "kms")]
mod vault;
mod vault_ref;
mod wrapped;

use std::fmt;
use std::str::FromStr;

use super::reference::{KeyError, SecretRef};
use crate::secret::Sensitive;

#[cfg(all(feature = "kms", feature = "gateway"))]
pub(crate) use aws::{RequestSigner, ToSign};
use aws_ref::KmsKeyRef;
use pkcs11_ref::TokenKeyRef;
use vault_ref::TransitKeyRef;

/// Longer than any reference that makes sense.
const MAX_REFERENCE_BYTES: usize = 4096;

/// An opened key-encryption key.
///
/// Calls may go to a token or over the network and take seconds; they are made when a ring is opened or changed, never
/// for a record. An error says what, where and what to do, and holds no key, PIN or token.
pub trait Kek: Send + Sync {
    /// Which key it is, without a secret: the same for as long as the key is the same, however it is reached. It stands in
    /// what [`Kek::wrap`] gives.
    fn id(&self) -> String;

    /// Encrypts a key. `context` (the ring's id, the key's version) is authenticated, not hidden: it has to be given again
    /// to unwrap.
    fn wrap(&self, key: &Sensitive<[u8; 32]>, context: &[u8]) -> Result<Vec<u8>, KekError>;

    /// Decrypts what [`Kek::wrap`] gave for the same context.
    fn unwrap_key(&self, wrapped: &[u8], context: &[u8]) -> Result<Sensitive<[u8; 32]>, KekError>;

    /// Wraps again, by the newest version of this KEK: for a transit or KMS key that was rotated at its server.
    fn rewrap(&self, wrapped: &[u8], context: &[u8]) -> Result<Vec<u8>, KekError> {
        self.wrap(&self.unwrap_key(wrapped, context)?, context)
    }
}

/// Why a key-encryption key cannot be used, or something does not unwrap.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KekError {
    /// The reference is none, or asks for what is refused.
    #[error("{0}")]
    Reference(String),
    /// A secret that the reference names (the key's file, a PIN, a token) cannot be read.
    #[error("{0}")]
    Secret(String),
    /// The token or server cannot be reached or does not do its work now. The only kind worth trying again.
    #[error("{0}")]
    Unavailable(String),
    /// The token or server refuses: a PIN, a token, a permission, a clock.
    #[error("{0}")]
    Denied(String),
    /// There is no such key, or none that is enabled.
    #[error("{0}")]
    Absent(String),
    /// The key is there, and is not fit for its purpose: it could be taken out, or cannot encrypt.
    #[error("{0}")]
    Unsuitable(String),
    /// A key is to be made where one is. None is ever overwritten.
    #[error("{0}")]
    Exists(String),
    /// It does not begin as a wrapped key does, or ends too early.
    #[error("not a wrapped key, or cut short; restore the key ring from a copy")]
    NotWrapped,
    /// Made by a later version of this program.
    #[error("wrapped in version {0} of the format, which this scrubjay does not read; use a newer one")]
    Version(u8),
    /// The KEK is not the one it was wrapped by.
    #[error(
        "wrapped by the key-encryption key {wrapped}, but the one given is {given}; name the one it was wrapped by"
    )]
    OtherKey {
        /// Id of the KEK it was wrapped by.
        wrapped: String,
        /// Id of the KEK given.
        given: String,
    },
    /// It does not authenticate, although the KEK is the right one by its name.
    #[error(
        "damaged, altered, or wrapped for another key ring or version: it does not open, although it names the key-encryption key {0}; \
         restore the key ring from a copy"
    )]
    Damaged(String),
    /// The system's random number generator failed.
    #[error("a key could not be wrapped or made: the system's random number generator failed")]
    Random,
}

impl From<KeyError> for KekError {
    fn from(e: KeyError) -> KekError {
        KekError::Secret(e.0)
    }
}

/// Where a key-encryption key is.
///
/// ```
/// use scrubjay::keys::KekRef;
/// let kek: KekRef = "pkcs11:token=scrubjay;object=ring?module-path=/usr/lib/softhsm/libsofthsm2.so\
///                    &pin-source=file:/etc/scrubjay/pin".parse()?;
/// assert!("pkcs11:token=scrubjay;object=ring?module-path=/m.so&pin-value=1234".parse::<KekRef>().is_err());
/// # Ok::<(), scrubjay::keys::KekError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KekRef {
    text: String,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Local(SecretRef),
    Token(TokenKeyRef),
    Transit(TransitKeyRef),
    Kms(KmsKeyRef),
}

/// Looks a variable of the environment up; tests give another.
#[cfg(feature = "kms")]
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl KekRef {
    /// The same reference with whole paths, for what is opened from anywhere. A text that is no reference stays as it is.
    ///
    /// ```
    /// use scrubjay::keys::KekRef;
    /// let text = KekRef::with_whole_paths("file:kek");
    /// assert!(text.starts_with("file:/") && text.ends_with("/kek"));
    /// assert_eq!(KekRef::with_whole_paths("env:KEK"), "env:KEK");
    /// ```
    pub fn with_whole_paths(text: &str) -> String {
        let whole = |path: &str| {
            std::path::absolute(path).map_or_else(|_| path.to_owned(), |p| p.display().to_string())
        };
        if let Some(path) = text.strip_prefix("file:") {
            return format!("file:{}", whole(path));
        }
        let Some((place, query)) = text.split_once('?') else { return text.to_owned() };
        let attributes = query.split('&').map(|attribute| match attribute.split_once('=') {
            Some((name @ "pin-source", value)) => match value.strip_prefix("file:") {
                Some(path) => format!("{name}=file:{}", in_query(path)),
                None => attribute.to_owned(),
            },
            Some((name @ ("token-file" | "secret-id-file" | "ca-file"), path)) => {
                format!("{name}={}", in_query(path))
            }
            _ => attribute.to_owned(),
        });
        format!("{place}?{}", attributes.collect::<Vec<_>>().join("&"))
    }
}

/// The whole path of one that stands in a query, percent-encoded as that was.
fn in_query(path: &str) -> String {
    let here = std::env::current_dir().map(|dir| dir.display().to_string());
    match here {
        Ok(here) if !path.starts_with('/') && !path.to_ascii_lowercase().starts_with("%2f") => {
            let encode = |c: char| match c {
                '%' | '&' | '?' | '#' | ';' | '=' => format!("%{:02X}", u32::from(c)),
                c => c.to_string(),
            };
            format!("{}/{path}", here.chars().map(encode).collect::<String>())
        }
        _ => path.to_owned(),
    }
}

impl FromStr for KekRef {
    type Err = KekError;

    /// Parses a reference. Errors never repeat the text: whoever wrote a PIN or a token into it finds it in no log.
    fn from_str(text: &str) -> Result<KekRef, KekError> {
        if text.len() > MAX_REFERENCE_BYTES || text.chars().any(char::is_control) {
            return refuse("a reference to a key-encryption key is one line of at most 4096 bytes");
        }
        let place = match text.split_once(':') {
            Some(("pkcs11", rest)) => Place::Token(TokenKeyRef::parse(rest)?),
            Some(("vault", rest)) => Place::Transit(TransitKeyRef::parse(rest)?),
            Some(("aws-kms", rest)) => Place::Kms(KmsKeyRef::parse(rest)?),
            Some(("file" | "env", _)) => {
                Place::Local(text.parse().map_err(|e: KeyError| KekError::Reference(e.0))?)
            }
            _ => {
                return refuse(
                    "expected a reference to a key-encryption key: `file:PATH`, `env:NAME`, `pkcs11:...`, \
                     `vault:https://HOST/MOUNT/keys/NAME` or `aws-kms:ARN`",
                );
            }
        };
        Ok(KekRef { text: text.to_string(), place })
    }
}

/// As it was written; it holds no secret.
impl fmt::Display for KekRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl KekRef {
    /// Finds the key and checks that it is fit: a token is logged in to, a server asked. Whatever cannot be checked is
    /// refused.
    ///
    /// # Errors
    /// All but those of unwrapping and [`KekError::Exists`].
    pub fn open(&self) -> Result<Box<dyn Kek>, KekError> {
        match &self.place {
            Place::Local(secret) => Ok(Box::new(local::LocalKek::open(secret)?)),
            Place::Token(key) => token(key, false),
            Place::Transit(key) => transit(key, false),
            Place::Kms(key) => kms(key, false),
        }
    }

    /// Makes the key where there is none, and opens it: a file of mode 0600, a key on the token that cannot leave it, a
    /// transit key, a KMS key with this alias.
    ///
    /// # Errors
    /// [`KekError::Exists`] where there is one already; it stays as it is. Else as [`KekRef::open`].
    pub fn create(&self) -> Result<Box<dyn Kek>, KekError> {
        match &self.place {
            Place::Local(secret) => Ok(Box::new(local::LocalKek::create(secret)?)),
            Place::Token(key) => token(key, true),
            Place::Transit(key) => transit(key, true),
            Place::Kms(key) => kms(key, true),
        }
    }
}

#[cfg(feature = "pkcs11")]
fn token(key: &TokenKeyRef, create: bool) -> Result<Box<dyn Kek>, KekError> {
    Ok(Box::new(if create { pkcs11::TokenKek::create(key)? } else { pkcs11::TokenKek::open(key)? }))
}

#[cfg(not(feature = "pkcs11"))]
fn token(_: &TokenKeyRef, _: bool) -> Result<Box<dyn Kek>, KekError> {
    left_out("pkcs11")
}

#[cfg(feature = "kms")]
fn transit(key: &TransitKeyRef, create: bool) -> Result<Box<dyn Kek>, KekError> {
    let env = process_environment;
    Ok(Box::new(if create {
        vault::TransitKek::create(key, &env)?
    } else {
        vault::TransitKek::open(key, &env)?
    }))
}

#[cfg(feature = "kms")]
fn kms(key: &KmsKeyRef, create: bool) -> Result<Box<dyn Kek>, KekError> {
    let env = process_environment;
    Ok(Box::new(if create { aws::KmsKek::create(key, &env)? } else { aws::KmsKek::open(key, &env)? }))
}

#[cfg(feature = "kms")]
fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(not(feature = "kms"))]
fn transit(_: &TransitKeyRef, _: bool) -> Result<Box<dyn Kek>, KekError> {
    left_out("kms")
}

#[cfg(not(feature = "kms"))]
fn kms(_: &KmsKeyRef, _: bool) -> Result<Box<dyn Kek>, KekError> {
    left_out("kms")
}

#[cfg(not(all(feature = "pkcs11", feature = "kms")))]
fn left_out(feature: &str) -> Result<Box<dyn Kek>, KekError> {
    Err(KekError::Reference(format!(
        "this scrubjay was built without such key-encryption keys; build it with the feature `{feature}`"
    )))
}

fn refuse<T>(why: &str) -> Result<T, KekError> {
    Err(KekError::Reference(why.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_whole_wherever_they_stand() {
        let here = std::env::current_dir().unwrap();
        let here = here.display();
        for (text, want) in [
            ("file:/k", "file:/k".to_owned()),
            ("file:k", format!("file:{here}/k")),
            (
                "pkcs11:token=t;object=o?module-path=/m.so&pin-source=file:pin",
                format!("pkcs11:token=t;object=o?module-path=/m.so&pin-source=file:{here}/pin"),
            ),
            (
                "pkcs11:token=t;object=o?pin-source=env:PIN",
                "pkcs11:token=t;object=o?pin-source=env:PIN".to_owned(),
            ),
            (
                "pkcs11:token=t;object=o?pin-source=file:%2Frun%2Fpin",
                "pkcs11:token=t;object=o?pin-source=file:%2Frun%2Fpin".to_owned(),
            ),
            (
                "vault:https://h/t/keys/k?token-file=t&namespace=a&ca-file=/c",
                format!("vault:https://h/t/keys/k?token-file={here}/t&namespace=a&ca-file=/c"),
            ),
            ("no reference", "no reference".to_owned()),
        ] {
            assert_eq!(KekRef::with_whole_paths(text), want);
        }
    }

    #[test]
    fn shows_a_reference_as_it_was_written() {
        for text in [
            "file:/etc/scrubjay/kek",
            "env:SCRUBJAY_KEK",
            "pkcs11:token=a%20b;object=ring?module-path=/m.so&pin-source=env:PIN",
            "vault:https://bao.example:8200/transit/keys/ring",
            "aws-kms:arn:aws:kms:eu-west-1:123456789012:alias/ring",
        ] {
            assert_eq!(text.parse::<KekRef>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn never_repeats_what_it_refuses() {
        for text in [
            "s3cr3t",
            "",
            "FILE:s3cr3t",
            "file:",
            "env:s3cr3t value",
            "pkcs11:token=s3cr3t",
            "pkcs11:s3cr3t",
            "pkcs11:token=t;object=o?module-path=/m.so&pin-value=s3cr3t",
            "pkcs11:token=t;object=o;s3cr3t=1?module-path=/m.so&pin-source=env:P",
            "pkcs11:token=t;object=o?module-path=/m.so&pin-source=s3cr3t",
            "vault:https://user:s3cr3t@h/transit/keys/k",
            "vault:https://h/transit/keys/k?token=s3cr3t",
            "vault:http://h/transit/keys/s3cr3t",
            "vault:s3cr3t",
            "aws-kms:s3cr3t",
            "aws-kms:arn:aws:kms:eu-west-1:123456789012:s3cr3t",
            "file:/s3cr3t\n",
        ] {
            let error = text.parse::<KekRef>().unwrap_err();
            assert!(matches!(error, KekError::Reference(_)), "{text}: {error:?}");
            assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
        }
    }

    #[test]
    fn is_sent_between_threads() {
        fn check<T: Send + Sync>() {}
        check::<KekRef>();
        check::<Box<dyn Kek>>();
    }
}
