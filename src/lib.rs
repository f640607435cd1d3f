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
//! In place of markers there may be pseudonyms, made with the keys of a ring: equal values have equal ones, and nobody without the keys can
//! try values out. A [`keys::RingFile`] holds a ring's keys, each wrapped by a key that stands elsewhere; here the ring is in memory only.
//!
//! ```
//! use std::sync::Arc;
//!
//! use scrubjay::keys::{KeyState, KeyVersion, Ring};
//! use scrubjay::policy::{Policy, Profile};
//! use scrubjay::scrubber::{Keys, Tenant};
//! use scrubjay::transform::Keyed;
//! use scrubjay::{Scratch, Scrubber, Sensitive, Settings};
//!
//! let root = Some(Sensitive::new([7; 32])); // 32 random bytes, rather
//! let version = KeyVersion { number: 1, state: KeyState::Active, created_ms: 0, root };
//! let ring = Arc::new(Ring::new("0123456789abcdef".to_owned(), vec![version])?);
//!
//! let policy = Policy { profile: Profile::Pseudonymised, ..Policy::default() };
//! let keyed = Arc::new(Keyed::new(ring, 2026)?); // the year it is: it tells of which century `05/03/31` is
//! let keys = Some(Keys::new(keyed, Tenant::Fixed("clinic-a".to_owned()), None, &policy));
//! let scrubber = Scrubber::new(Settings { policy, keys, ..Settings::new() });
//!
//! let mut scratch = Scratch::default();
//! let one = scrubber.scrub_text(b"SSN 219-10-9999", &mut scratch)?;
//! assert!(one.starts_with(b"SSN [SSN:p1:"));
//! assert_eq!(scrubber.scrub_text(b"SSN 219 10 9999", &mut scratch)?, one);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A pseudonym leads back to nothing. Values that are sealed, or stand in a [`vault`], are led back by a [`reveal::Revealer`]: for operators
//! who prove to have their key, whose role is about the kind and the tenant, who say why, and never off the record.
//!
//! ```
//! # use std::os::unix::fs::OpenOptionsExt;
//! # use std::sync::Arc;
//! # use scrubjay::scrubber::{Keys, Tenant};
//! # use scrubjay::{Kind, Scratch, Scrubber, Settings};
//! use scrubjay::audit::{AuditLog, AuditSettings, PublicKey};
//! use scrubjay::keys::{KekRef, RingFile, SecretRef};
//! use scrubjay::policy::{Action, Policy, Rule};
//! use scrubjay::reveal::{Ground, Operators, Revealer};
//! use scrubjay::transform::Keyed;
//!
//! let dir = tempfile::tempdir()?;
//! let file = |name: &str| dir.path().join(name);
//! let now_ms = std::time::UNIX_EPOCH.elapsed()?.as_millis() as i64;
//!
//! // `scrubjay keys init ring --kek file:kek --create-kek`
//! let kek: KekRef = format!("file:{}", file("kek").display()).parse()?;
//! RingFile::create(&file("ring"), kek.clone(), &*kek.create()?, now_ms)?;
//! let keyed = Arc::new(Keyed::new(Arc::new(RingFile::read(&file("ring"))?.open()?), 2026)?);
//!
//! // What was made by a rule `kind = ["ssn"]`, `action = "seal"`.
//! # let rule = Rule { kinds: [Kind::Ssn].into_iter().collect(), path: None, min_confidence: 0.0, action: Action::Seal };
//! # let policy = Policy { rules: vec![rule], ..Policy::default() };
//! # let keys = Some(Keys::new(keyed.clone(), Tenant::default(), None, &policy));
//! # let scrubber = Scrubber::new(Settings { policy, keys, ..Settings::new() });
//! # let clean = scrubber.scrub_text(b"SSN 219-10-9999", &mut Scratch::default())?;
//! # let sealed = String::from_utf8(clean)?.split_off("SSN ".len());
//! assert!(sealed.starts_with("[SSN:s1:"));
//!
//! // The operator's own key: 32 random bytes in a file that nobody else can read.
//! # let mut open = std::fs::OpenOptions::new();
//! # let mut key = open.write(true).create_new(true).mode(0o600).open(file("ana.key"))?;
//! # std::io::Write::write_all(&mut key, "5a".repeat(32).as_bytes())?;
//! let key = SecretRef::File(file("ana.key"));
//! let operators = format!(
//!     "[[operator]]\nid = \"ana\"\npublic_key = \"{}\"\nroles = [\"billing\"]\n\
//!      [[role]]\nname = \"billing\"\nkinds = [\"ssn\"]\n",
//!     PublicKey::of(&key)?.hex()
//! );
//! let operators = Operators::parse("operators.toml".as_ref(), &operators).map_err(|e| e[0].to_string())?;
//! let log = AuditLog::open(AuditSettings { dir: file("audit"), ..AuditSettings::default() })?;
//!
//! let revealer = Revealer {
//!     keyed: &keyed,
//!     vault: None, // sealed values need none
//!     operators: &operators,
//!     log: &log,
//!     log_dir: &file("audit"),
//!     alert: &|_| Err("there is no pager".to_owned()), // so that nobody breaks the glass
//!     now_ms,
//! };
//! let ana = operators.authenticate("ana", &key)?;
//! let found = revealer.reveal(ana, &[sealed], Tenant::DEFAULT, "billing dispute, ticket 4711", Ground::Role)?;
//! assert_eq!(found[0].value.expose(), b"219-10-9999");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where to read on:
//!
//! - [`pipeline`]: the loop; read it first;
//! - [`record`]: a [`record::Batch`] is one arena of bytes, a record a range of it;
//! - [`codec`]: where text stands in a record, and how an edit is written back;
//! - [`detect`]: packs, the engine, and the decision by evidence;
//! - [`policy`]: what is done with a finding;
//! - [`transform`]: what takes its place: masks, pseudonyms, tokens, shifted dates;
//! - [`keys`]: rings of keys, the keys they are wrapped with, and secrets that are named and never written down;
//! - [`vault`]: what random tokens stand for, in a file or in PostgreSQL;
//! - [`scrubber`]: the steps above in one place, and the only types a [`sink::Sink`] takes;
//! - [`codec::mime`] and [`gateway`]: mail as one record, and whether it may go out;
//! - [`source`] and [`sink`]: the edges: standard input and output, Kafka, the quarantine;
//! - [`config`]: pipeline files, and errors that show where in them something is wrong;
//! - [`reveal`]: from a token back to the value, for those who may;
//! - [`audit`]: the record of who did what to keys, vault and policy, in which a change shows;
//! - [`eval`]: how well all of it finds, measured on labelled text.
//!
//! Features: `kafka` (source, sink and the demo's embedded broker), `console` (metrics and health over HTTP),
//! `gateway`, `tls` (syslog over TLS for the export of the audit log), `pkcs11` and `kms` (key-encryption keys on tokens and at
//! servers), `postgres` (a vault that a fleet shares); all on by default.

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
pub mod gateway;
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
