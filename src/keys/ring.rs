//! A key ring: versions of one root key, from which every other key is derived.
//!
//! One version is active: what is made anew is made with it. Retired ones still read what they made. Of a destroyed one the
//! root key is gone, and with it all that it sealed. No root key encrypts anything itself: HKDF-SHA256 (RFC 5869) derives a key
//! for each purpose, tenant and kind.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hkdf;
use zeroize::Zeroize;

use super::memory::Locked;
use crate::secret::Sensitive;

/// Bytes of a root key.
pub const ROOT_BYTES: usize = 32;
/// Keeps what is derived from a root key apart from what another program derives from the same bytes.
const SALT: &[u8] = b"scrubjay key ring v1";

/// What a version may be used for (the states of NIST SP 800-57 part 1, section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Made and given out, not used yet.
    Pending,
    /// Makes new tokens. There is one.
    Active,
    /// Reads what it made, and makes nothing.
    Retired,
    /// Its root key is gone for good.
    Destroyed,
}

impl KeyState {
    /// All states by their names.
    pub const NAMES: &'static [(&'static str, KeyState)] = &[
        ("pending", KeyState::Pending),
        ("active", KeyState::Active),
        ("retired", KeyState::Retired),
        ("destroyed", KeyState::Destroyed),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        KeyState::NAMES.iter().find(|(_, s)| *s == self).map_or("", |(n, _)| n)
    }
}

/// What a derived key is for. Keys for two purposes have nothing in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The keyed check in tokens; AES-256-CMAC.
    TokenCheck,
    /// Pseudonyms; HMAC-SHA256.
    Pseudonym,
    /// Finding a value's token in the vault; HMAC-SHA256.
    VaultLookup,
    /// Sealing values in the vault; AES-256-GCM.
    VaultSeal,
    /// Sealed values in text; AES-256-SIV.
    Seal,
    /// Format-preserving encryption; FF1 with AES-256.
    FormatPreserving,
    /// By how many days the dates of a person are shifted; HMAC-SHA256.
    DateShift,
    /// Which surrogate a value gets; HMAC-SHA256.
    Surrogate,
    /// What a key ring's file says of its versions; HMAC-SHA256.
    RingFile,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Purpose::TokenCheck => b"token check",
            Purpose::Pseudonym => b"pseudonym",
            Purpose::VaultLookup => b"vault lookup",
            Purpose::VaultSeal => b"vault seal",
            Purpose::Seal => b"seal",
            Purpose::FormatPreserving => b"format preserving",
            Purpose::DateShift => b"date shift",
            Purpose::Surrogate => b"surrogate",
            Purpose::RingFile => b"ring file",
        }
    }
}

/// One version of a ring's key.
pub struct KeyVersion {
    /// Counted from 1; never used again.
    pub number: u32,
    /// What it may be used for.
    pub state: KeyState,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// The key; none once it is destroyed.
    pub root: Option<Sensitive<[u8; ROOT_BYTES]>>,
}

/// The versions of a key, in memory that is kept out of swap where that is allowed.
pub struct Ring {
    id: String,
    versions: Vec<Held>,
    active: u32,
}

/// A version whose key is held.
struct Held {
    number: u32,
    root: Option<Locked>,
}

/// Why a ring cannot be used. It shows no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// What it says of itself makes no sense.
    #[error("the key ring is not sound: {0}")]
    Unsound(&'static str),
    /// There is no such version.
    #[error("the key ring has no version {0}; it may be an older copy of the ring")]
    NoVersion(u32),
    /// The version is destroyed.
    #[error("version {0} of the key is destroyed: nothing that it sealed can be read again")]
    Destroyed(u32),
}

impl Ring {
    /// A ring of these versions, in rising order of their numbers.
    ///
    /// # Errors
    /// [`RingError::Unsound`] unless exactly one version is active, numbers rise from 1 on, and every version that is not destroyed
    /// has a key.
    pub fn new(id: String, versions: Vec<KeyVersion>) -> Result<Ring, RingError> {
        let mut active = versions.iter().filter(|v| v.state == KeyState::Active);
        let (Some(one), None) = (active.next(), active.next()) else {
            return Err(RingError::Unsound("exactly one version must be active"));
        };
        let active = one.number;
        if versions.iter().zip(1..).any(|(v, number)| v.number != number) {
            return Err(RingError::Unsound("versions must be numbered 1, 2, 3 and so on"));
        }
        if versions.iter().any(|v| v.root.is_none() != (v.state == KeyState::Destroyed)) {
            return Err(RingError::Unsound("each version must have a key until it is destroyed"));
        }
        let hold = |v: &KeyVersion| Held { number: v.number, root: v.root.as_ref().and_then(Locked::new) };
        Ok(Ring { id, versions: versions.iter().map(hold).collect(), active })
    }

    /// The ring that the tests in pipeline files run with. Its key is no secret: it protects nothing.
    pub fn of_tests() -> Ring {
        let root = Some(Sensitive::new(*b"scrubjay: the keys of [[test]] ."));
        let version = KeyVersion { number: 1, state: KeyState::Active, created_ms: 0, root };
        let root = version.root.as_ref().and_then(Locked::new);
        Ring { id: "0".repeat(16), versions: vec![Held { number: version.number, root }], active: 1 }
    }

    /// Which ring it is: 16 hexadecimal digits drawn when it was made.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A number that tells it from others, made from its id.
    pub fn number(&self) -> u64 {
        let hash = digest(&SHA256, self.id.as_bytes());
        hash.as_ref().iter().take(8).fold(0, |n, b| n << 8 | u64::from(*b))
    }

    /// The version that makes new tokens.
    pub fn active(&self) -> u32 {
        self.active
    }

    /// The versions whose tokens can be read: all but those destroyed.
    pub fn readable(&self) -> impl Iterator<Item = u32> {
        self.versions.iter().filter(|v| v.root.is_some()).map(|v| v.number)
    }

    /// The root key of a version, to be wrapped anew.
    pub(super) fn root(&self, version: u32) -> Option<Sensitive<[u8; ROOT_BYTES]>> {
        let root = self.versions.iter().find(|v| v.number == version)?.root.as_ref()?;
        root.expose().try_into().ok().map(Sensitive::new)
    }

    /// A key of `N` bytes for one purpose, tenant and kind, as `context` says.
    ///
    /// # Errors
    /// When the version is not there or destroyed.
    pub fn derive<const N: usize>(
        &self,
        version: u32,
        purpose: Purpose,
        context: &[&[u8]],
    ) -> Result<Sensitive<[u8; N]>, RingError> {
        struct Length<const N: usize>;
        impl<const N: usize> hkdf::KeyType for Length<N> {
            fn len(&self) -> usize {
                N
            }
        }
        let found = self.versions.iter().find(|v| v.number == version);
        let root = found.ok_or(RingError::NoVersion(version))?.root.as_ref();
        let root = root.ok_or(RingError::Destroyed(version))?;
        // Lengths in front keep `["a", "bc"]` apart from `["ab", "c"]`.
        let mut info = purpose.label().to_vec();
        for part in context {
            info.extend_from_slice(&(part.len() as u64).to_be_bytes());
            info.extend_from_slice(part);
        }
        let mut key = [0; N];
        let filled = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT)
            .extract(root.expose())
            .expand(&[&info], Length::<N>)
            .and_then(|okm| okm.fill(&mut key));
        let derived = Sensitive::new(key);
        key.zeroize();
        filled.map_err(|_| RingError::Unsound("no key of this length can be derived"))?;
        Ok(derived)
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({}, {} versions, {} active)", self.id, self.versions.len(), self.active)
    }
}

impl fmt::Debug for KeyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyVersion({}, {})", self.number, self.state.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: u32, state: KeyState) -> KeyVersion {
        let root = (state != KeyState::Destroyed).then(|| Sensitive::new([number as u8; 32]));
        KeyVersion { number, state, created_ms: 0, root }
    }

    fn ring(states: &[KeyState]) -> Result<Ring, RingError> {
        Ring::new("r".into(), states.iter().zip(1..).map(|(s, n)| version(n, *s)).collect())
    }

    #[test]
    fn keys_differ_by_all_that_they_are_for() {
        use KeyState::*;
        let ring = ring(&[Retired, Active]).unwrap();
        let key = |v, p, c: &[&[u8]]| *ring.derive::<32>(v, p, c).unwrap().expose();
        let all = [
            key(2, Purpose::Pseudonym, &[b"a", b"bc"]),
            key(2, Purpose::Pseudonym, &[b"ab", b"c"]),
            key(2, Purpose::Pseudonym, &[b"a", b"bc", b""]),
            key(2, Purpose::Seal, &[b"a", b"bc"]),
            key(1, Purpose::Pseudonym, &[b"a", b"bc"]),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b), "{i}");
        }
        assert_eq!(all[0], key(2, Purpose::Pseudonym, &[b"a", b"bc"]));
    }

    /// Keys must not change from one release to the next.
    #[test]
    fn keys_stay_what_they_were() {
        let key = Ring::of_tests().derive::<16>(1, Purpose::Pseudonym, &[b"default", b"ssn"]).unwrap();
        assert_eq!(crate::keys::encoding::hex(key.expose()), "1c0416ede442709a991943816782cf43");
    }

    #[test]
    fn unsound_rings_are_refused() {
        use KeyState::*;
        for states in [&[][..], &[Retired], &[Active, Active], &[Pending]] {
            assert!(matches!(ring(states), Err(RingError::Unsound(_))), "{states:?}");
        }
        let two = vec![version(2, Active)];
        assert!(Ring::new("r".into(), two).is_err());
        let keyless = vec![KeyVersion { root: None, ..version(1, Active) }];
        assert!(Ring::new("r".into(), keyless).is_err());
        let ring = ring(&[Destroyed, Active]).unwrap();
        assert_eq!(ring.derive::<32>(1, Purpose::Seal, &[]).unwrap_err(), RingError::Destroyed(1));
        assert_eq!(ring.derive::<32>(3, Purpose::Seal, &[]).unwrap_err(), RingError::NoVersion(3));
        assert_eq!(ring.readable().collect::<Vec<_>>(), [2]);
        assert_eq!(format!("{ring:?}"), "Ring(r, 2 versions, 2 active)");
    }
}
