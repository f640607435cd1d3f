//! The audit log: who did what to keys, vault and policy, in a form in which a change shows.
//!
//! [`AuditLog`] appends an [`Entry`] to JSON lines in a directory and returns when it is on the disk. Each line holds
//! the hash of the one before; every so often a signed checkpoint says how many entries there are and what their
//! Merkle root (RFC 6962) is; [`verify()`] reads it all again and names the file and line where it does not fit.
//! `docs/audit.md` has the format, and what it proves and what not.
//!
//! ```
//! use scrubjay::audit::{Actor, AuditLog, AuditSettings, Entry, Event, What, verify, VerifyOptions};
//! # let dir = tempfile::tempdir()?;
//! # let dir = dir.path().join("audit");
//! let log = AuditLog::open(AuditSettings { dir: dir.clone(), ..AuditSettings::default() })?;
//! let what = What { tokens: vec!["mrn.7Q2k".into()], ..What::default() };
//! let receipt = log.append(&Entry::new(Event::VaultReveal, Actor::current()).what(what))?;
//! assert_eq!(receipt.seq, 1); // and on the disk
//! log.close()?;
//! assert!(verify(&dir, &VerifyOptions::default())?.is_intact());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It serves 45 CFR 164.312(b), audit controls, and (c), integrity.

mod actor;
mod chain;
mod checkpoint;
mod copy;
mod entry;
mod event;
mod export;
mod files;
mod json;
mod line;
mod log;
mod merkle;
mod prune;
mod read;
mod recover;
mod time;
mod verify;
mod walk;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tamper_tests;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

pub use actor::Actor;
pub use checkpoint::PublicKey;
pub use entry::{Entry, MAX_PURPOSE_BYTES, MAX_TOKENS, Outcome, Reason, What};
pub use event::Event;
pub use export::{ExportFormat, FramedSyslog};
pub use line::{LineError, Record};
pub use log::{AuditLog, CheckpointInfo, Receipt};
pub use prune::PruneReport;
pub use read::{Follower, Reader};
pub use verify::{PrunedReport, Report, VerifyOptions, verify};

#[cfg(feature = "tls")]
pub use export::{SyslogTarget, TlsError, TlsSink};

use crate::keys::{KeyError, SecretRef};
use crate::reason::{unreadable, unwritable};

/// Six years in days, the leap days counted in: how long 45 CFR 164.316(b)(2)(i) has documentation kept.
pub const SIX_YEARS_DAYS: u32 = 2192;

/// Reads a moment as people give it on a command line: an RFC 3339 time in UTC, or a date (its first moment).
/// Milliseconds since 1970.
pub fn moment(text: &str) -> Option<i64> {
    time::parse_loose(text)
}

/// A moment as RFC 3339 has it, in UTC with milliseconds.
pub fn shown_moment(ms: i64) -> String {
    time::format(ms)
}

/// Where and how an audit log is kept.
#[derive(Clone, Debug)]
pub struct AuditSettings {
    /// The directory; it is made, for its owner alone, where it is not there.
    pub dir: PathBuf,
    /// The Ed25519 seed that signs checkpoints, 32 bytes. Without one there are no checkpoints: then an end that was
    /// cut off does not show, nor does a chain that was computed anew.
    pub key: Option<SecretRef>,
    /// A checkpoint after this many entries.
    pub checkpoint_entries: u64,
    /// A checkpoint with the first entry that comes this many seconds after the last one.
    pub checkpoint_seconds: u64,
    /// A new file before one grows past this many bytes.
    pub rotate_bytes: u64,
    /// A new file when one is this many days old: only whole files can be pruned.
    pub rotate_days: u32,
    /// What is younger is never pruned.
    pub retention_days: u32,
    /// A directory in another trust domain (another host, a write-once store) that gets a copy of every checkpoint. It must
    /// be there.
    pub copy_to: Option<PathBuf>,
}

impl Default for AuditSettings {
    fn default() -> AuditSettings {
        AuditSettings {
            dir: PathBuf::from("/var/lib/scrubjay/audit"),
            key: None,
            checkpoint_entries: 256,
            checkpoint_seconds: 300,
            rotate_bytes: 64 << 20,
            rotate_days: 31,
            retention_days: SIX_YEARS_DAYS,
            copy_to: None,
        }
    }
}

/// Something that does not fit, and where. It repeats nothing of the log but names, numbers and hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file: its name in the directory of the log, or its path elsewhere.
    pub file: String,
    /// The line, from 1; 0 for the file as a whole.
    pub line: u64,
    /// What does not fit.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.what),
            line => write!(f, "{}:{line}: {}", self.file, self.what),
        }
    }
}

/// Why the audit log did not take an entry, or could not be read. Whoever asked for the entry must not go on: what is
/// not on record is not done.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The entry breaks a rule of [`Entry`].
    #[error("the audit entry is refused: {0}")]
    Entry(String),
    /// The key for checkpoints cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A file cannot be read or written.
    #[error("{0}")]
    Io(String),
    /// The log does not verify. Nothing is appended to it.
    #[error(
        "the audit log does not verify, and nothing is appended to it: {0}; run `scrubjay audit verify` on it"
    )]
    Tampered(Problem),
    /// What was asked for is not allowed, such as pruning what must be kept.
    #[error("{0}")]
    Refused(String),
}

impl AuditError {
    fn read(path: &Path, error: &std::io::Error) -> AuditError {
        AuditError::Io(format!("{} cannot be read: {}", path.display(), unreadable(error)))
    }

    fn write(path: &Path, error: &std::io::Error) -> AuditError {
        let why = unwritable(error, "keep the audit log in another directory");
        AuditError::Io(format!("{} cannot be written: {why}", path.display()))
    }
}
