//! The vault: random tokens, and the sealed originals behind them.
//!
//! A token is 16 random bytes. Nothing of the value is in it, so that it may be a code under 45 CFR 164.514(c), which a
//! hash may not. What it stands for lies here, sealed by AES-256-GCM, and is opened by [`TokenStore::open`], which
//! whoever reveals must authorise and audit.
//!
//! - [`FileVault`] keeps them in one file and has one process as its writer;
//! - [`PostgresVault`] keeps them in a PostgreSQL database that a fleet shares.
//!
//! ```text
//!  tokenize ---> cache (tag -> token) ---> store (tag -> token -> sealed record)
//!  commit   ---> durable: tokens may be handed on
//! ```
//!
//! `docs/vault.md` tells operators what is stored, what survives what, and what an attacker can do.

mod backup;
mod cache;
mod clock;
mod error;
mod file;
#[cfg(feature = "postgres")]
mod postgres;
mod record;
mod seal;
#[cfg(test)]
mod testing;
mod types;

#[cfg(feature = "postgres")]
pub use self::postgres::{PostgresOptions, PostgresVault};
pub use backup::{Entry, back_up, restore};
pub use clock::{Clock, SystemClock};
pub use error::VaultError;
pub use file::{FileVault, VaultOptions};
pub use seal::MAX_VALUE_BYTES;
pub use types::{NotAToken, Original, Retag, Rewrapped, Stats, Tag, TokenId};

pub use crate::transform::NewToken;

use crate::secret::Sensitive;

/// Where tokens are kept. Worker threads call it at once; calls return when the work is done.
///
/// A token may be handed on only once [`TokenStore::commit`] has returned `Ok` after it was given. Who does not keep
/// to this hands on tokens that a crash makes meaningless.
pub trait TokenStore: Send + Sync {
    /// A token for each item, in their order. Items of equal tag get the equal token, from whatever thread or process,
    /// now or later, until the record is deleted or expires. All is refused if one item is: see
    /// [`VaultError::TooLong`] and [`VaultError::Tenant`]. After a commit that failed this tries it again first, and
    /// gives its error while it goes on failing.
    fn tokenize(&self, items: &[NewToken<'_>]) -> Result<Vec<TokenId>, VaultError>;

    /// All that any thread was given before this call is durable when it returns `Ok`. Threads that call at once share
    /// one write to the disk. After an error nothing is lost from memory, and the next call tries again.
    fn commit(&self) -> Result<(), VaultError>;

    /// The record behind a token; `None` if there is none, or it is past its expiry.
    fn open(&self, token: TokenId) -> Result<Option<Original>, VaultError>;
}

/// What keepers of a vault do now and then, while it is in use.
pub trait Maintain: TokenStore {
    /// Erases the record behind a token, durably; whether there was one. Its bytes may lie in freed pages of the file
    /// or the database until these are used again: see `docs/vault.md`.
    fn delete(&self, token: TokenId) -> Result<bool, VaultError>;

    /// Removes what is past its expiry by the vault's clock, durably, and counts it.
    fn expire(&self) -> Result<u64, VaultError>;

    /// Seals up to `limit` records of key version `from` anew under the current one, starting after the token `after`,
    /// durably. `retag` makes the tag under the current version, so that the value goes on getting this token; where
    /// it already has a newer one, that one stays and both open. Call it again with `next` until that is `None`. What
    /// was done stays done if the process ends; beginning anew passes over it.
    fn rewrap(
        &self,
        from: u32,
        limit: usize,
        after: Option<TokenId>,
        retag: Retag<'_>,
    ) -> Result<Rewrapped, VaultError>;

    /// Counts what is there. It reads every record.
    fn stats(&self) -> Result<Stats, VaultError>;
}

/// A store whose records can be taken out and put in, sealed as they are. [`back_up`] and [`restore`] use it, between
/// stores of either sort.
pub trait Portable: TokenStore {
    /// Visits every record, as of one moment, while the store is in use.
    fn export(&self, visit: &mut dyn FnMut(&Entry) -> Result<(), VaultError>) -> Result<(), VaultError>;

    /// Takes in records until `next` gives `None`, all or none of them, durably, and counts them. Refused with
    /// [`VaultError::NotEmpty`] where there are records.
    fn import(&self, next: &mut dyn FnMut() -> Result<Option<Entry>, VaultError>) -> Result<u64, VaultError>;
}

/// Keys that seal values; implemented over a key ring.
pub trait VaultKeys: Send + Sync {
    /// The key version that new values are sealed under.
    fn current(&self) -> u32;

    /// A number that tells this ring from others. A vault keeps the one of its first opening, and opens with no other:
    /// [`VaultError::OtherRing`].
    fn ring(&self) -> u64;

    /// 32 bytes for the values of one table under one key version. It is asked for once a batch and never kept, so that
    /// a version stops working when it is destroyed: [`VaultError::MissingKey`] where it is, or never was there.
    fn data_key(&self, version: u32, table: &'static str) -> Result<Sensitive<[u8; 32]>, VaultError>;
}
