//! What can go wrong in a vault, in sentences that hold no value, no key and no connection string.

/// Why a vault could not do what was asked. It can be given to every thread that waits for the same commit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The file is locked: it has one writer.
    #[error(
        "the vault {path} is in use by another process; several processes share a PostgreSQL vault, a file has one \
         writer"
    )]
    InUse {
        /// The file.
        path: String,
    },
    /// The key version was destroyed, or is not in the key ring.
    #[error(
        "key version {version} is not in the key ring; if it was destroyed, what was sealed under it is gone for good, \
         else give the ring that has it"
    )]
    MissingKey {
        /// The version asked for.
        version: u32,
    },
    /// A secret, or a key ring, cannot be used.
    #[error("{0}")]
    Key(String),
    /// A value too long to be an identifier.
    #[error("a value of {bytes} bytes is too long for the vault, which takes {max}; redact it instead")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// What is taken.
        max: usize,
    },
    /// A tenant's name that is too long, or holds a NUL.
    #[error("a tenant's name must have at most 255 bytes and no NUL; this one has {bytes} bytes")]
    Tenant {
        /// Its length.
        bytes: usize,
    },
    /// The file cannot be opened, made, read or written.
    #[error("the vault {path} {why}")]
    File {
        /// The file.
        path: String,
        /// What is wrong and what to do, as the rest of the sentence.
        why: String,
    },
    /// It is a file, but no vault.
    #[error("{path} is not a vault; check the path, or name a file that does not exist yet")]
    NotAVault {
        /// The file.
        path: String,
    },
    /// A later version of this program wrote it.
    #[error("the vault is of format {found}, and this scrubjay reads format {known}; use a newer one")]
    Format {
        /// The version found.
        found: u64,
        /// The version known.
        known: u64,
    },
    /// It was made with another key ring: values would get second tokens, and half of them would open with neither.
    #[error("{what} is of another key ring; give the ring it was made with")]
    OtherRing {
        /// The vault, or a backup.
        what: &'static str,
    },
    /// Bytes were changed or are missing.
    #[error("the vault is damaged or was altered: {what}; restore a backup")]
    Damaged {
        /// The part that does not hold together.
        what: &'static str,
    },
    /// The system gave no random bytes.
    #[error("the system's random number generator failed; nothing was stored")]
    Random,
    /// A restore was asked for into a vault that holds records.
    #[error("the vault is not empty: a backup is restored only into a new one")]
    NotEmpty,
    /// A backup cannot be written or read.
    #[error("the backup {0}")]
    Backup(String),
    /// The PostgreSQL server, or the way to it.
    #[error("the PostgreSQL vault {0}")]
    Server(String),
    /// A setting that makes no sense.
    #[error("{0}")]
    Setting(String),
}

impl From<crate::keys::KeyError> for VaultError {
    fn from(e: crate::keys::KeyError) -> VaultError {
        VaultError::Key(e.to_string())
    }
}
