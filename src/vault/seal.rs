//! AES-256-GCM around single values.
//!
//! The data key of a key version never encrypts anything itself: HKDF-SHA256 (RFC 5869) makes a key for each token from
//! it and the token's random 16 bytes. Under such a key one value is sealed, once, and once more for each time it is
//! sealed anew under the same version, with a random nonce of 96 bits: the bound of 2^32 such nonces a key (NIST SP
//! 800-38D, 8.3) is never near, whatever the number of records and of processes.
//!
//! Authenticated with a value: the table, the token, the key version, when it was made, the kind and the tenant. A
//! value moved to another record does not open there.
//!
//! What is sealed is the value, one byte 0x80 and zeros up to a multiple of 16 (ISO/IEC 9797-1, padding method 2): the
//! length of the ciphertext tells that of the value only to 16 bytes.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{hkdf, rand};
use zeroize::Zeroize;

use super::record::{NONCE_BYTES, Record};
use super::types::{Original, TokenId};
use super::{VaultError, VaultKeys};
use crate::kind::Kind;
use crate::secret::Sensitive;

/// Values are identifiers, not documents.
pub const MAX_VALUE_BYTES: usize = 64 << 10;
/// The table that the keys and the sealed values belong to.
pub(crate) const TABLE: &str = "vault-records";

const EXTRACT_SALT: &[u8] = b"scrubjay vault value v1";
const TAG_BYTES: usize = 16;
const BLOCK: usize = 16;

/// Seals and opens the values of one batch. It holds what is derived from the data keys, and so lives no longer: a key
/// that was destroyed must not go on working.
pub(crate) struct Sealer<'k> {
    keys: &'k dyn VaultKeys,
    derived: Vec<(u32, hkdf::Prk)>,
}

/// What is authenticated with a value.
#[derive(Clone, Copy)]
pub(crate) struct Bound<'a> {
    pub(crate) token: TokenId,
    pub(crate) version: u32,
    pub(crate) created_ms: u64,
    pub(crate) kind: Kind,
    pub(crate) tenant: &'a str,
}

impl<'k> Sealer<'k> {
    pub(crate) fn new(keys: &'k dyn VaultKeys) -> Sealer<'k> {
        Sealer { keys, derived: Vec::new() }
    }

    /// Seals a value: its nonce, and its ciphertext with the tag.
    pub(crate) fn seal(
        &mut self,
        bound: Bound<'_>,
        value: &[u8],
    ) -> Result<([u8; NONCE_BYTES], Vec<u8>), VaultError> {
        check(bound.tenant, value)?;
        let key = self.record_key(bound)?;
        let mut nonce = [0; NONCE_BYTES];
        rand::fill(&mut nonce).map_err(|Unspecified| VaultError::Random)?;
        let padded = (value.len() / BLOCK + 1) * BLOCK;
        // Room for all of it at once: a vector that grows leaves copies behind that nothing wipes.
        let mut out = Vec::with_capacity(padded + TAG_BYTES);
        out.extend_from_slice(value);
        out.push(0x80);
        out.resize(padded, 0);
        let aad = Aad::from(authenticated(bound));
        match key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, &mut out) {
            Ok(tag) => out.extend_from_slice(tag.as_ref()),
            Err(Unspecified) => {
                out.zeroize();
                return Err(VaultError::Random);
            }
        }
        Ok((nonce, out))
    }

    /// Opens the value of a record.
    /// That a record which comes from elsewhere opens with these keys; one of a version that was destroyed opens with none.
    pub(crate) fn is_of_this_ring(&mut self, token: TokenId, record: &Record<'_>) -> Result<(), VaultError> {
        const OTHER: VaultError = VaultError::OtherRing { what: "the backup" };
        match self.open(token, record) {
            Ok(_) => Ok(()),
            Err(VaultError::MissingKey { version }) if version <= self.keys.current() => Ok(()),
            Err(VaultError::MissingKey { .. } | VaultError::Damaged { .. }) => Err(OTHER),
            Err(e) => Err(e),
        }
    }

    pub(crate) fn open(&mut self, token: TokenId, record: &Record<'_>) -> Result<Original, VaultError> {
        let bound = Bound::of(token, record);
        let key = self.record_key(bound)?;
        let mut plain = record.sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(record.nonce);
        let opened =
            key.open_in_place(nonce, Aad::from(authenticated(bound)), &mut plain).map(|p| unpadded(p));
        plain.truncate(opened.ok().flatten().unwrap_or(0));
        let value = Sensitive::new(plain);
        if !matches!(opened, Ok(Some(_))) {
            return Err(VaultError::Damaged { what: "a value does not open, although its key is there" });
        }
        Ok(Original {
            kind: record.kind,
            tenant: record.tenant.to_string(),
            version: record.version,
            created_ms: record.created_ms,
            seen_day: record.seen.day,
            expires_day: (record.seen.expires != 0).then_some(record.seen.expires),
            value,
        })
    }

    fn record_key(&mut self, bound: Bound<'_>) -> Result<LessSafeKey, VaultError> {
        let at = match self.derived.iter().position(|(version, _)| *version == bound.version) {
            Some(at) => at,
            None => {
                let key = self.keys.data_key(bound.version, TABLE)?;
                let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, EXTRACT_SALT).extract(key.expose());
                self.derived.push((bound.version, extracted));
                self.derived.len() - 1
            }
        };
        let key = self.derived[at].1.expand(&[&bound.token.0], &AES_256_GCM).map(UnboundKey::from);
        key.map(LessSafeKey::new).map_err(|Unspecified| VaultError::Random)
    }
}

impl<'a> Bound<'a> {
    pub(crate) fn of(token: TokenId, record: &Record<'a>) -> Bound<'a> {
        let Record { version, created_ms, kind, tenant, .. } = *record;
        Bound { token, version, created_ms, kind, tenant }
    }
}

/// Refuses what cannot be a value or a tenant.
pub(crate) fn check(tenant: &str, value: &[u8]) -> Result<(), VaultError> {
    if value.len() > MAX_VALUE_BYTES {
        return Err(VaultError::TooLong { bytes: value.len(), max: MAX_VALUE_BYTES });
    }
    if tenant.len() > usize::from(u8::MAX) || tenant.contains('\0') {
        return Err(VaultError::Tenant { bytes: tenant.len() });
    }
    Ok(())
}

/// Each part has a fixed length or its length before it: no two records give the same bytes.
fn authenticated(bound: Bound<'_>) -> Vec<u8> {
    let kind = bound.kind.name();
    let mut out = Vec::with_capacity(TABLE.len() + kind.len() + bound.tenant.len() + 31);
    for name in [TABLE, kind, bound.tenant] {
        out.push(name.len() as u8);
        out.extend_from_slice(name.as_bytes());
    }
    out.extend_from_slice(&bound.token.0);
    out.extend_from_slice(&bound.version.to_le_bytes());
    out.extend_from_slice(&bound.created_ms.to_le_bytes());
    out
}

/// The length without the padding.
fn unpadded(padded: &[u8]) -> Option<usize> {
    let end = padded.iter().rposition(|b| *b != 0)?;
    (padded[end] == 0x80).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::record::Seen;
    use crate::vault::testing::Keys;

    const BOUND: Bound<'_> =
        Bound { token: TokenId([3; 16]), version: 1, created_ms: 5, kind: Kind::Ssn, tenant: "clinic" };

    fn record(nonce: [u8; NONCE_BYTES], sealed: &[u8]) -> Record<'_> {
        let seen = Seen { day: 2, expires: 0 };
        Record {
            version: 1,
            created_ms: 5,
            seen,
            tag: [0; 32],
            nonce,
            kind: Kind::Ssn,
            tenant: "clinic",
            sealed,
        }
    }

    #[test]
    fn every_length_opens_and_shows_only_its_block() {
        let keys = Keys::new(2);
        let mut sealer = Sealer::new(&keys);
        for len in [0, 1, 11, 15, 16, 17, 31, 32, 1000, MAX_VALUE_BYTES] {
            for fill in [0u8, 0x80, b'7'] {
                let value = vec![fill; len];
                let (nonce, sealed) = sealer.seal(BOUND, &value).unwrap();
                assert_eq!(sealed.len(), len / 16 * 16 + 32);
                let opened = sealer.open(BOUND.token, &record(nonce, &sealed)).unwrap();
                assert_eq!(opened.value.expose(), &value);
            }
        }
        let refused = sealer.seal(BOUND, &vec![0; MAX_VALUE_BYTES + 1]);
        assert_eq!(refused, Err(VaultError::TooLong { bytes: 65537, max: 65536 }));
        let long = "x".repeat(256);
        assert_eq!(
            sealer.seal(Bound { tenant: &long, ..BOUND }, b""),
            Err(VaultError::Tenant { bytes: 256 })
        );
    }

    #[test]
    fn a_value_opens_only_where_it_was_sealed() {
        let keys = Keys::new(2);
        let mut sealer = Sealer::new(&keys);
        let (nonce, sealed) = sealer.seal(BOUND, b"219-10-9999").unwrap();
        let good = record(nonce, &sealed);
        assert!(sealer.open(BOUND.token, &good).is_ok());
        assert!(sealer.open(TokenId([4; 16]), &good).is_err());
        for moved in [
            Record { version: 2, ..good },
            Record { created_ms: 6, ..good },
            Record { kind: Kind::Mrn, ..good },
            Record { tenant: "clinic2", ..good },
            Record { nonce: [0; 12], ..good },
        ] {
            let error = sealer.open(BOUND.token, &moved).unwrap_err();
            assert!(matches!(error, VaultError::Damaged { .. }), "{error}");
        }
        // The parts of a record that may change without its key.
        let seen = Seen { day: 9, expires: 9 };
        assert!(sealer.open(BOUND.token, &Record { seen, tag: [9; 32], ..good }).is_ok());
        for bit in 0..sealed.len() * 8 {
            let mut bent = sealed.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert!(sealer.open(BOUND.token, &record(nonce, &bent)).is_err(), "bit {bit}");
        }
        for end in 0..sealed.len() {
            assert!(sealer.open(BOUND.token, &record(nonce, &sealed[..end])).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_destroyed_key_opens_nothing() {
        let keys = Keys::new(1);
        let (nonce, sealed) = Sealer::new(&keys).seal(BOUND, b"x").unwrap();
        keys.destroy(1);
        let error = Sealer::new(&keys).open(BOUND.token, &record(nonce, &sealed)).unwrap_err();
        assert_eq!(error, VaultError::MissingKey { version: 1 });
    }

    #[test]
    fn the_same_value_never_looks_the_same() {
        let keys = Keys::new(1);
        let mut sealer = Sealer::new(&keys);
        let (a, b) = (sealer.seal(BOUND, b"x").unwrap(), sealer.seal(BOUND, b"x").unwrap());
        assert!(a.0 != b.0 && a.1 != b.1);
    }
}
