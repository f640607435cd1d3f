//! Scrubjay finds protected health information (PHI) in log and notification streams, removes it, and forwards
//! clean output.
//!
//! ```text
//! source -> codec.decode -> detect -> policy -> transform -> codec.encode -> sink -> commit
//!  bytes      leaves       findings   actions     edits        Scrubbed      ack     offsets
//! ```
//!
//! The command `scrubjay` is this line between files, pipes or Kafka topics. As a library, the middle of it is a
//! [`Scrubber`]: bytes in, clean bytes out, nothing else touched.
//!
//! ```
//! use scrubjay::{Scratch, Scrubber, Settings};
//!
//! let scrubber = Scrubber::new(Settings::new()); // built-in packs, profile `logs`
//! let mut scratch = Scratch::default(); // one a thread, used again and again
//! let line = br#"{"level":"info","msg":"Patient: Ana Keller, SSN 219-10-9999","n":7}"#;
//! let clean = scrubber.scrub_text(line, &mut scratch)?;
//! assert_eq!(clean, br#"{"level":"info","msg":"Patient: [NAME], SSN [SSN]","n":7}"#);
//! # Ok::<(), scrubjay::scrubber::Halt>(())
//! ```
//!
//! Where to read on:
//!
//! - [`pipeline`]: the loop; read it first;
//! - [`record`]: a [`record::Batch`] is one arena of bytes, a record a range of it;
//! - [`codec`]: where text stands in a record, and how an edit is written back;
//! - [`detect`]: packs, the engine, and the decision by evidence;
//! - [`policy`]: what is done with a finding;
//! - [`scrubber`]: the steps above in one place, and the only types a [`sink::Sink`] takes;
//! - [`audit`]: the record of who did what to keys, vault and policy, in which a change shows;
//! - [`eval`]: how well all of it finds, measured on labelled text.
//!
//! Features: `kafka` (source, sink and the demo's embedded broker), `console` (metrics and health over HTTP),
//! `gateway`, `tls` (syslog over TLS for the export of the audit log), `pkcs11` and `kms` (key-encryption keys on tokens and at
//! servers); all on by default.

pub mod audit;
pub mod cli;
pub mod codec;
pub mod config;
#[cfg(feature = "console")]
pub mod console;
#[cfg(feature = "kafka")]
mod demo;
pub mod detect;
pub mod eval;
pub mod health;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod keys;
pub mod metrics;
pub mod pipeline;
pub mod policy;
pub mod record;
pub mod reveal;
pub mod scrubber;
pub mod sink;
pub mod source;
pub mod transform;
pub mod vault;
#[cfg(feature = "train")]
#[doc(hidden)]
pub use detect::names::train;

mod authored;
mod calendar;
mod kind;
mod reason;
mod secret;
mod span;
mod time;

pub use kind::{Kind, KindSet, UnknownKind};
pub use scrubber::{Scratch, Scrubber, Settings};
pub use secret::Sensitive;
pub use span::Span;
