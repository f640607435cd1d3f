//! Checkpoints: signed statements of what the log holds, so that it can be compared with what it held.
//!
//! ```text
//! {"v":1,"checkpoint":3,"size":768,"head":"(hash of entry 768)","root":"(RFC 6962 root over the hashes of entries 1 to 768)",
//!  "time":"2026-01-02T03:04:05.678Z","prev":"(hash of checkpoint 2)","key":"(id of the key)","signature":"(128 digits)"}
//! ```
//!
//! (in one line). Signed with Ed25519 (RFC 8032) are the words `scrubjay audit checkpoint v1`, a zero byte, and the
//! line as it would be without its member `signature`. The hash of a checkpoint is SHA-256 over its line, without the
//! line end; zeros stand before the first. One that was made when old files were deleted has, before `key`,
//! `"pruned":{"size":512,"head":"..","peaks":["..", ..]}`: the entries that went, the hash of the last of them, and
//! the roots of the complete subtrees over them, from which the tree can be carried on.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde_json::Value;

use super::AuditError;
use super::json::{Object, push_string};
use super::line::{LineError, digest_of};
use super::merkle::{Frontier, Hash, sha256};
use super::time;
use crate::keys::encoding::{hex, unhex};
use crate::keys::{KeyError, SecretRef};

/// The file they stand in.
pub(super) const FILE: &str = "checkpoints.jsonl";
/// What is signed begins with it: a signature for something else is none for a checkpoint.
const DOMAIN: &[u8] = b"scrubjay audit checkpoint v1\0";
const ID_DOMAIN: &[u8] = b"scrubjay audit key id v1\0";
const ID_BYTES: usize = 8;
const FORM: LineError = LineError("it is no checkpoint of an audit log, or was changed by hand");

/// The key that signs checkpoints. Its `Debug` shows which, not what.
pub(super) struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

/// The key that signatures of checkpoints are checked with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl SigningKey {
    /// From a seed of 32 bytes (RFC 8032, 5.1.5).
    pub(super) fn load(reference: &SecretRef) -> Result<SigningKey, KeyError> {
        let seed = reference.read_key()?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose())
            .map_err(|_| KeyError(format!("the secret {reference} cannot be made a key for Ed25519")))?;
        let mut public = [0; 32];
        public.copy_from_slice(pair.public_key().as_ref());
        Ok(SigningKey { pair, public: PublicKey(public) })
    }

    pub(super) fn public(&self) -> PublicKey {
        self.public
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public.id())
    }
}

impl PublicKey {
    /// The public key of the signing key behind a reference; see [`SecretRef::read_key`].
    pub fn of(reference: &SecretRef) -> Result<PublicKey, KeyError> {
        SigningKey::load(reference).map(|k| k.public)
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<PublicKey, AuditError> {
        let key = digest_of(text.trim().as_bytes()).map(PublicKey);
        key.ok_or_else(|| {
            AuditError::Key(KeyError(
                "a public key is 64 hexadecimal digits, as `scrubjay audit public-key` prints them".into(),
            ))
        })
    }

    /// 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// Which key this is, in 16 hexadecimal digits.
    pub fn id(&self) -> String {
        hex(&sha256(&[ID_DOMAIN, &self.0])[..ID_BYTES])
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.hex())
    }
}

/// The entries that were deleted when a checkpoint was made, or had been before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pruned {
    pub(super) head: Hash,
    pub(super) tree: Frontier,
}

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub(super) number: u64,
    pub(super) size: u64,
    pub(super) head: Hash,
    pub(super) root: Hash,
    pub(super) time_ms: i64,
    pub(super) prev: Hash,
    pub(super) pruned: Option<Pruned>,
    pub(super) key: String,
    pub(super) signature: Vec<u8>,
}

impl Checkpoint {
    /// Signs it. `key` and `signature` are put in.
    pub(super) fn sign(mut self, key: &SigningKey) -> Checkpoint {
        self.key = key.public.id();
        self.signature = key.pair.sign(&[DOMAIN, self.body().as_bytes()].concat()).as_ref().to_vec();
        self
    }

    /// Whether the key has signed it.
    pub(super) fn is_signed_by(&self, key: &PublicKey) -> bool {
        let message = [DOMAIN, self.body().as_bytes()].concat();
        self.key == key.id()
            && UnparsedPublicKey::new(&ED25519, key.0).verify(&message, &self.signature).is_ok()
    }

    /// Its hash.
    pub(super) fn hash(&self) -> Hash {
        sha256(&[self.to_line().as_bytes()])
    }

    /// The line, without its end.
    pub(super) fn to_line(&self) -> String {
        let mut line = self.body();
        line.pop();
        line.push_str(",\"signature\":\"");
        line.push_str(&hex(&self.signature));
        line.push_str("\"}");
        line
    }

    fn body(&self) -> String {
        let mut out = String::with_capacity(512);
        let mut line = Object::new(&mut out);
        line.number("v", 1);
        line.number("checkpoint", self.number);
        line.number("size", self.size);
        line.text("head", &hex(&self.head));
        line.text("root", &hex(&self.root));
        line.text("time", &time::format(self.time_ms));
        line.text("prev", &hex(&self.prev));
        if let Some(pruned) = &self.pruned {
            let mut object = Object::new(line.member("pruned"));
            object.number("size", pruned.tree.size());
            object.text("head", &hex(&pruned.head));
            object.list("peaks", pruned.tree.peaks(), |out, peak| push_string(out, &hex(peak)));
            object.end();
        }
        line.text("key", &self.key);
        line.end();
        out
    }

    /// Reads a line, without its end. The signature is not checked.
    pub(super) fn parse(line: &[u8]) -> Result<Checkpoint, LineError> {
        let value = serde_json::from_slice::<Value>(line).map_err(|_| FORM)?;
        let parsed = Checkpoint::read(&value).ok_or(FORM)?;
        // As with entries, one spelling.
        if parsed.to_line().as_bytes() == line { Ok(parsed) } else { Err(FORM) }
    }

    fn read(line: &Value) -> Option<Checkpoint> {
        let hash = |value: &Value| digest_of(value.as_str()?.as_bytes());
        let mut signature = vec![0; 64];
        if !unhex(line.get("signature")?.as_str()?.as_bytes(), &mut signature) {
            return None;
        }
        let pruned = match line.get("pruned") {
            None => None,
            Some(pruned) => {
                let peaks = pruned.get("peaks")?.as_array()?.iter().map(hash).collect::<Option<_>>()?;
                let tree = Frontier::resume(pruned.get("size")?.as_u64().filter(|n| *n > 0)?, peaks)?;
                Some(Pruned { head: hash(pruned.get("head")?)?, tree })
            }
        };
        Some(Checkpoint {
            number: line.get("checkpoint")?.as_u64()?,
            size: line.get("size")?.as_u64()?,
            head: hash(line.get("head")?)?,
            root: hash(line.get("root")?)?,
            time_ms: time::parse(line.get("time")?.as_str()?.as_bytes())?,
            prev: hash(line.get("prev")?)?,
            pruned,
            key: line.get("key")?.as_str()?.to_owned(),
            signature,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k");
        std::fs::write(&path, [seed; 32]).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        SigningKey::load(&SecretRef::File(path)).unwrap()
    }

    fn sample(pruned: bool) -> Checkpoint {
        let mut tree = Frontier::default();
        (0..5u8).for_each(|n| tree.push(&[n]));
        Checkpoint {
            number: 3,
            size: 768,
            head: [1; 32],
            root: [2; 32],
            time_ms: 1_767_323_045_678,
            prev: [3; 32],
            pruned: pruned.then_some(Pruned { head: [4; 32], tree }),
            key: String::new(),
            signature: Vec::new(),
        }
        .sign(&key(7))
    }

    /// RFC 8032, 7.1, test 1: the public key of a seed.
    #[test]
    fn the_public_key_is_that_of_the_rfc() {
        let mut seed = [0; 32];
        assert!(unhex(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", &mut seed));
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        assert_eq!(
            hex(pair.public_key().as_ref()),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
    }

    #[test]
    fn signed_lines_read_back_and_no_byte_may_change() {
        let public = key(7).public();
        assert_eq!(PublicKey::parse(&public.hex()).unwrap(), public);
        for pruned in [false, true] {
            let checkpoint = sample(pruned);
            assert!(checkpoint.is_signed_by(&public) && !checkpoint.is_signed_by(&key(8).public()));
            let line = checkpoint.to_line().into_bytes();
            assert_eq!(Checkpoint::parse(&line), Ok(checkpoint.clone()));
            for at in 0..line.len() {
                let mut changed = line.clone();
                changed[at] ^= 1;
                let holds = Checkpoint::parse(&changed).is_ok_and(|c| c.is_signed_by(&public));
                assert!(!holds, "a byte changed at {at}, and it holds");
                assert!(Checkpoint::parse(&line[..at]).is_err());
            }
        }
        assert!(!format!("{:?}", key(7)).contains("07070707"));
        assert!(PublicKey::parse("xyz").unwrap_err().to_string().contains("64 hexadecimal digits"));
    }
}
