//! A record as it lies in the store.
//!
//! ```text
//! layout  key version  created  seen day  expires day  tag  nonce  kind     tenant   sealed value
//! 1       4            8 (ms)   4         4            32   12     1 + len  1 + len  the rest
//! ```
//!
//! Numbers are little-endian. Days are counted from 1970; an expiry of 0 is never. The kind is written by its name, so
//! that kinds may be added. All but the sealed value lies in clear, and none of it is text of a record.

use super::types::Tag;
use crate::kind::Kind;

const LAYOUT: u8 = 1;
const SEEN_AT: usize = 13;
const EXPIRES_AT: usize = 17;
const TAG_AT: usize = 21;
const NONCE_AT: usize = 53;
const NAMES_AT: usize = 65;
pub(crate) const NONCE_BYTES: usize = 12;

/// A record taken apart; it borrows from its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) version: u32,
    pub(crate) created_ms: u64,
    pub(crate) seen: Seen,
    pub(crate) tag: Tag,
    pub(crate) nonce: [u8; NONCE_BYTES],
    pub(crate) kind: Kind,
    pub(crate) tenant: &'a str,
    pub(crate) sealed: &'a [u8],
}

/// The part of a record that changes when its value is seen again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) day: u32,
    pub(crate) expires: u32,
}

impl Seen {
    /// Both, whichever came first: no day goes back, and no expiry comes nearer.
    pub(crate) fn or_later(self, other: Seen) -> Seen {
        let never = self.expires == 0 || other.expires == 0;
        Seen {
            day: self.day.max(other.day),
            expires: if never { 0 } else { self.expires.max(other.expires) },
        }
    }
}

impl<'a> Record<'a> {
    /// Reads what [`Record::encode`] wrote; `None` where it could not have written it.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Record<'a>> {
        let (head, mut rest) = bytes.split_at_checked(NAMES_AT)?;
        if head[0] != LAYOUT {
            return None;
        }
        let mut name = || {
            let (len, after) = rest.split_first()?;
            let (name, after) = after.split_at_checked(usize::from(*len))?;
            rest = after;
            std::str::from_utf8(name).ok()
        };
        let (kind, tenant) = (name()?.parse().ok()?, name()?);
        Some(Record {
            version: u32::from_le_bytes(array(head, 1)?),
            created_ms: u64::from_le_bytes(array(head, 5)?),
            seen: Seen {
                day: u32::from_le_bytes(array(head, SEEN_AT)?),
                expires: u32::from_le_bytes(array(head, EXPIRES_AT)?),
            },
            tag: array(head, TAG_AT)?,
            nonce: array(head, NONCE_AT)?,
            kind,
            tenant,
            sealed: rest,
        })
    }

    /// The bytes of the record. The tenant has at most 255 bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let kind = self.kind.name();
        let mut out = Vec::with_capacity(NAMES_AT + 2 + kind.len() + self.tenant.len() + self.sealed.len());
        out.push(LAYOUT);
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&self.created_ms.to_le_bytes());
        out.extend_from_slice(&self.seen.day.to_le_bytes());
        out.extend_from_slice(&self.seen.expires.to_le_bytes());
        out.extend_from_slice(&self.tag);
        out.extend_from_slice(&self.nonce);
        for name in [kind, self.tenant] {
            out.push(name.len() as u8);
            out.extend_from_slice(name.as_bytes());
        }
        out.extend_from_slice(self.sealed);
        out
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn round_trips(
            version: u32, created_ms: u64, day: u32, expires: u32, tag: Tag, nonce: [u8; 12], kind in 0..Kind::COUNT,
            tenant in "\\PC{0,60}", sealed: Vec<u8>,
        ) {
            let record = Record {
                version, created_ms, seen: Seen { day, expires }, tag, nonce, kind: Kind::ALL[kind], tenant: &tenant,
                sealed: &sealed,
            };
            let bytes = record.encode();
            prop_assert_eq!(Record::parse(&bytes), Some(record));
            // Cut anywhere before the sealed value it is none.
            for end in 0..bytes.len() - sealed.len() {
                prop_assert_eq!(Record::parse(&bytes[..end]), None);
            }
        }

        #[test]
        fn parse_takes_any_bytes(mut bytes: Vec<u8>) {
            if let Some(first) = bytes.first_mut() {
                *first = LAYOUT;
            }
            if let Some(record) = Record::parse(&bytes) {
                prop_assert_eq!(record.encode(), bytes);
            }
        }
    }

    #[test]
    fn nothing_expires_earlier_for_being_seen() {
        let seen = |day, expires| Seen { day, expires };
        for (a, b, both) in [
            (seen(5, 10), seen(6, 11), seen(6, 11)),
            (seen(6, 11), seen(5, 10), seen(6, 11)),
            (seen(5, 0), seen(6, 11), seen(6, 0)),
            (seen(5, 10), seen(6, 0), seen(6, 0)),
        ] {
            assert_eq!(a.or_later(b), both);
        }
    }
}
