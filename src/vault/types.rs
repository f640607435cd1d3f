//! What goes into a vault and comes out.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::keys::encoding::{hex, unhex};
use crate::kind::Kind;
use crate::secret::Sensitive;

/// A keyed hash of tenant, kind and canonical form, made by the caller.
pub type Tag = [u8; 32];

/// A random token's 16 bytes. It tells nothing: not the value, not whether two vaults hold the same one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(pub [u8; 16]);

/// Lower-case hexadecimal.
impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenId({self})")
    }
}

impl FromStr for TokenId {
    type Err = NotAToken;

    /// Parses 32 hexadecimal digits.
    fn from_str(text: &str) -> Result<TokenId, NotAToken> {
        let mut id = [0; 16];
        if unhex(text.as_bytes(), &mut id) { Ok(TokenId(id)) } else { Err(NotAToken) }
    }
}

/// A text that is no token's id. It does not hold the text: what was written may be anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a token's id, which is 32 hexadecimal digits")]
pub struct NotAToken;

/// The record behind a token.
#[derive(Debug)]
pub struct Original {
    /// The kind of the value.
    pub kind: Kind,
    /// Whose it is.
    pub tenant: String,
    /// The key version it is sealed under.
    pub version: u32,
    /// When the token was made: milliseconds since 1970.
    pub created_ms: u64,
    /// The day it was last asked for, counted from 1970.
    pub seen_day: u32,
    /// The first day, counted from 1970, on which it is gone; `None` is never.
    pub expires_day: Option<u32>,
    /// The exact bytes that stood in the record.
    pub value: Sensitive<Vec<u8>>,
}

/// What a vault holds. Only counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records by kind and key version.
    pub records: BTreeMap<(Kind, u32), u64>,
    /// Bytes of the file, or of the tables and their indices on the server.
    pub stored_bytes: u64,
    /// Records past their expiry that have not been removed yet.
    pub expired: u64,
    /// The latest time a record was stamped with: milliseconds since 1970. A clock that is behind it was set back.
    pub latest_created_ms: u64,
}

impl Stats {
    /// All records.
    pub fn total(&self) -> u64 {
        self.records.values().sum()
    }
}

/// How far a rewrap has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Records sealed anew.
    pub done: u64,
    /// Records that did not open, although their key is there: damaged or altered. They were left as they are.
    pub damaged: u64,
    /// Where to go on; `None` when all have been looked at.
    pub next: Option<TokenId>,
}

/// Makes the tag of a value under the current key version; `None` leaves the tag as it is. See
/// [`super::Maintain::rewrap`].
pub type Retag<'a> = &'a (dyn Fn(&Original) -> Option<Tag> + Sync);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_32_digits() {
        let id = TokenId([0xA5; 16]);
        assert_eq!(id.to_string(), "a5".repeat(16));
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "a5", &"a5".repeat(17), &"zz".repeat(16)] {
            assert_eq!(text.parse::<TokenId>(), Err(NotAToken));
        }
    }
}
