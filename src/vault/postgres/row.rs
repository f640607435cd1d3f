//! A row of the table of tokens, and the record it is.

use super::pool::Trouble;
use crate::vault::record::{NONCE_BYTES, Record, Seen};
use crate::vault::{Entry, Tag, TokenId, VaultError};

/// A row that does not hold together.
const BAD_ROW: VaultError = VaultError::Damaged { what: "a row does not hold together" };

/// A row as it was read; the columns as `sql` names them.
pub(super) struct Row {
    pub(super) token: TokenId,
    /// `None` where a newer token has the tag.
    pub(super) tag: Option<Tag>,
    kind: String,
    tenant: String,
    version: u32,
    created_ms: u64,
    seen: Seen,
    nonce: [u8; NONCE_BYTES],
    sealed: Vec<u8>,
}

impl Row {
    pub(super) fn read(row: &postgres::Row) -> Result<Row, Trouble> {
        let number = |at: usize| row.try_get::<_, i64>(at).map_err(|_| Trouble::Vault(BAD_ROW));
        let day = |at: usize| u32::try_from(number(at)?).map_err(|_| Trouble::Vault(BAD_ROW));
        let has_tag = row.try_get::<_, Option<&[u8]>>(1).map_err(|_| Trouble::Vault(BAD_ROW))?.is_some();
        Ok(Row {
            token: TokenId(fixed(row, 0)?),
            tag: if has_tag { Some(fixed(row, 1)?) } else { None },
            kind: row.try_get(2)?,
            tenant: row.try_get(3)?,
            version: day(4)?,
            created_ms: u64::try_from(number(5)?).map_err(|_| Trouble::Vault(BAD_ROW))?,
            seen: Seen { day: day(6)?, expires: day(7)? },
            nonce: fixed(row, 8)?,
            sealed: row.try_get(9)?,
        })
    }

    /// The record that a file would have.
    pub(super) fn record(&self) -> Result<Record<'_>, VaultError> {
        Ok(Record {
            version: self.version,
            created_ms: self.created_ms,
            seen: self.seen,
            tag: self.tag.unwrap_or([0; 32]),
            nonce: self.nonce,
            kind: self.kind.parse().map_err(|_| BAD_ROW)?,
            tenant: &self.tenant,
            sealed: &self.sealed,
        })
    }

    pub(super) fn entry(&self) -> Result<Entry, VaultError> {
        Ok(Entry { token: self.token, is_tagged: self.tag.is_some(), record: self.record()?.encode() })
    }
}

/// A column of exactly `N` bytes.
pub(super) fn fixed<const N: usize>(row: &postgres::Row, at: usize) -> Result<[u8; N], Trouble> {
    let bytes = row.try_get::<_, &[u8]>(at).map_err(|_| Trouble::Vault(BAD_ROW))?;
    bytes.try_into().map_err(|_| Trouble::Vault(BAD_ROW))
}
