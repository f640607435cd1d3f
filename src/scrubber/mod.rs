//! Record in, [`Scrubbed`] out: the steps between source and sink.
//!
//! For each part of a record (payload, key, header values): the codec hands out leaves, [`leaves`] decides what is
//! replaced in each, the codec splices it in. A record in which nothing is found is handed on as the range it is.

mod again;
mod ahead;
mod edits;
mod exempt;
mod leaves;
mod mail;
mod merge;
mod part;
mod scrubbed;
mod shaped;
mod stamp;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_keyed;
mod whose;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

pub(crate) use mail::DROPPED;
pub use mail::{About, Document, Mail, Message};
pub use part::Located;
pub use scrubbed::{Outgoing, Scrubbed, ScrubbedBatch, Sealed, Tally};
pub use stamp::{Stamp, StampPlace};

use crate::codec::{self, Codec};
use crate::detect::roster::Roster;
use crate::detect::{Engine, Query};
use crate::keys::QuarantineKey;
use crate::kind::{Kind, KindSet};
use crate::policy::{Action, PathPattern, Policy};
use crate::record::{Batch, Origin, Piece, Record};
use crate::span::Span;
use crate::transform::Keyed;
use leaves::SURE;
pub use part::Scratch;
use part::{Outcome, PartScrubber, Unreadable};
use scrubbed::{Fate, Part};

/// What becomes of a record that cannot be read, scanned or written. There is no pass-through.
#[derive(Clone, Default)]
pub enum OnError {
    /// The whole record becomes a marker of its format.
    #[default]
    Redact,
    /// It is sealed and goes to quarantine.
    Quarantine(Arc<QuarantineKey>),
    /// The pipeline stops before it.
    Halt,
}

/// What is done with a Kafka key that has findings.
#[derive(Clone, Default)]
pub enum KeyAction {
    /// The policy decides, as for any leaf.
    #[default]
    Policy,
    /// The whole key becomes the HMAC-SHA256 of its bytes under this key, in lower-case hex: equal keys stay equal, different
    /// keys stay different, so that compaction works.
    Hmac(Arc<aws_lc_rs::hmac::Key>),
}

/// Whose a record is: each tenant's values are written with keys of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenant {
    /// All are this one's.
    Fixed(String),
    /// A header names it.
    Header(String),
    /// It stands in the payload. Keys of records are then written as one further tenant's: what becomes of a key must follow from
    /// the key alone.
    Path(PathPattern),
}

impl Tenant {
    /// A longer name of a tenant is none.
    pub const MAX_BYTES: usize = 128;
    /// Whose all is where nobody says whose it is.
    pub const DEFAULT: &str = "default";
}

impl Default for Tenant {
    fn default() -> Tenant {
        Tenant::Fixed(Tenant::DEFAULT.to_owned())
    }
}

/// What the transforms that take a key work with.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The ring's keys, and the vault.
    pub keyed: Arc<Keyed>,
    /// Whose a record is.
    pub tenant: Tenant,
    /// Where in a record it stands whom it speaks of; else a medical record number or a field such as `patient_id` tells.
    pub subject: Option<PathPattern>,
    /// Whether it must be known whom a record speaks of.
    pub(crate) shifts_dates: bool,
}

impl Keys {
    /// For a policy: what it does not need is not looked for.
    pub fn new(keyed: Arc<Keyed>, tenant: Tenant, subject: Option<PathPattern>, policy: &Policy) -> Keys {
        let shifts_dates = policy.actions().any(|action| matches!(action, Action::DateShift { .. }));
        Keys { keyed, tenant, subject, shifts_dates }
    }
}

/// Everything a [`Scrubber`] is made from.
#[derive(Clone)]
pub struct Settings {
    /// The detectors.
    pub engine: Arc<Engine>,
    /// An organisation's own patients, looked for beside what detectors find.
    pub roster: Option<Arc<Roster>>,
    /// What is done with findings.
    pub policy: Policy,
    /// How records are read and written.
    pub codec: Codec,
    /// What becomes of what cannot be.
    pub on_error: OnError,
    /// What is done with Kafka keys.
    pub key_action: KeyAction,
    /// What transforms that take a key work with. Without it a marker stands where they would have put something.
    pub keys: Option<Keys>,
    /// What is put on each record that is forwarded.
    pub stamp: Option<Stamp>,
    /// The year it is: it tells of which century a year of two digits is, and which years tell of an age over 89.
    pub this_year: i32,
    /// A record larger than this many bytes is not read.
    pub max_record_bytes: usize,
    /// A record that has grown past this many bytes (payload, key and headers) is not forwarded; the sink's limit.
    pub max_output_bytes: usize,
}

impl Settings {
    /// Built-in detectors, profile `logs`, format `auto`.
    pub fn new() -> Settings {
        Settings {
            engine: Engine::builtin(),
            roster: None,
            policy: Policy::default(),
            codec: Codec::default(),
            on_error: OnError::default(),
            key_action: KeyAction::default(),
            keys: None,
            stamp: None,
            this_year: THIS_YEAR,
            max_record_bytes: 16 << 20,
            max_output_bytes: usize::MAX,
        }
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings::new()
    }
}

/// The year of this release: no clock that is trusted says an earlier one.
pub const THIS_YEAR: i32 = 2026;

static SERIAL: AtomicU64 = AtomicU64::new(1);

/// Removes PHI from batches. Immutable: a changed configuration makes a new one.
pub struct Scrubber {
    /// Tells a worker that what it remembers is another scrubber's.
    serial: u64,
    settings: Settings,
    query: Query,
    /// For reports, which say how sure a finding is.
    full_query: Query,
}

/// A record could not be read and the policy is to stop. It says where and why, never what.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{origin}: {reason}; stopped before it")]
pub struct Halt {
    /// Where the record stands.
    pub origin: Origin,
    /// Why it could not be read.
    pub reason: &'static str,
    /// No other record would fare better: the vault or a key cannot be had.
    pub for_all: bool,
}

impl Scrubber {
    /// A scrubber with these settings.
    pub fn new(settings: Settings) -> Scrubber {
        let kinds: KindSet = Kind::ALL.iter().copied().filter(|k| settings.policy.wants(*k)).collect();
        let full_query = Query::new(kinds, settings.policy.min_confidence());
        let query = full_query.up_to(settings.policy.max_confidence().max(SURE));
        Scrubber { serial: SERIAL.fetch_add(1, Ordering::Relaxed), settings, query, full_query }
    }

    /// What it was made from.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Scrubs every record of a batch.
    ///
    /// # Errors
    /// When a record cannot be read and `on_error` says to stop, or it cannot be sealed.
    pub fn scrub(&self, batch: Batch, scratch: &mut Scratch) -> Result<ScrubbedBatch, Halt> {
        scratch.serve(self.serial, self.settings.roster.as_ref());
        let mut done = ScrubbedBatch {
            out: Vec::new(),
            fates: Vec::with_capacity(batch.records.len()),
            headers: Vec::new(),
            sealed: Vec::new(),
            // A long line in windows is one record.
            tally: Tally {
                records: batch.records.iter().filter(|r| r.piece.head == 0).count() as u64,
                ..Tally::default()
            },
            stamp: self.settings.stamp.clone(),
            restamp: self.settings.policy.profile.refuses_derived(),
            batch,
        };
        for i in 0..done.batch.records.len() {
            let fate = self.record(i, &mut done, scratch)?;
            done.fates.push(fate);
        }
        // What carries a token goes nowhere before the vault can lead back from it.
        if std::mem::take(&mut scratch.uncommitted)
            && let Some(keys) = &self.settings.keys
            && let Err(failed) = keys.keyed.commit()
        {
            let origin = done.batch.records.first().map_or(Origin::Line(0), |r| r.origin.clone());
            return Err(Halt { origin, reason: Unreadable::from(failed).reason, for_all: true });
        }
        Ok(done)
    }

    /// Scrubs one text as one record and returns what would be written.
    ///
    /// # Errors
    /// As [`Scrubber::scrub`].
    pub fn scrub_text(&self, text: &[u8], scratch: &mut Scratch) -> Result<Vec<u8>, Halt> {
        let scrubbed = self.scrub(Batch::from_lines([text]), scratch)?;
        Ok(scrubbed.chunks().flatten().copied().collect())
    }

    /// Reports what stands in one record's payload without changing it, in order; what the policy lets stand is
    /// reported with action `keep`.
    ///
    /// # Errors
    /// When the record cannot be scanned.
    pub fn scan(
        &self,
        batch: &Batch,
        record: &Record,
        scratch: &mut Scratch,
        visit: &mut dyn FnMut(&Located<'_>),
    ) -> Result<(), Halt> {
        let Some(payload) = record.payload else { return Ok(()) };
        let codec = self.codec(record);
        scratch.serve(self.serial, self.settings.roster.as_ref());
        PartScrubber { settings: &self.settings, query: self.full_query, reports: true }
            .scan(&codec, batch.slice(payload), record.piece == Piece::default(), scratch, visit)
            .map_err(|e| Halt { origin: record.origin.clone(), reason: e.reason, for_all: e.halts })
    }

    /// Puts a scrubber with changed settings in place of the one that is there. Whatever someone else changes at the same
    /// time is kept: `change` is then called again, with theirs.
    pub fn amend(shared: &ArcSwap<Scrubber>, change: impl Fn(&mut Settings)) {
        shared.rcu(|old| {
            let mut settings = old.settings.clone();
            change(&mut settings);
            Scrubber::new(settings)
        });
    }

    fn part_scrubber(&self) -> PartScrubber<'_> {
        PartScrubber { settings: &self.settings, query: self.query, reports: false }
    }

    /// A window of a long line is plain text, whatever it begins with.
    fn codec(&self, record: &Record) -> Codec {
        match record.piece {
            Piece { head: 0, tail: 0 } => self.settings.codec,
            _ => Codec { format: crate::codec::Format::Plain, ..self.settings.codec },
        }
    }

    fn record(&self, i: usize, done: &mut ScrubbedBatch, scratch: &mut Scratch) -> Result<Fate, Halt> {
        let record = done.batch.records[i].clone();
        let (out_before, headers_before) = (done.out.len(), done.headers.len());
        let tally_before = done.tally.findings;
        done.tally.bytes_in += body(&record).map_or(0, |b| b.len()) as u64;
        let result = self.parts(&record, done, scratch).and_then(|fate| self.fits(&record, &fate, done));
        let undo = |done: &mut ScrubbedBatch| {
            done.out.truncate(out_before);
            done.headers.truncate(headers_before);
        };
        match result {
            Ok(Some(Fate::Forward { payload, key })) => {
                done.tally.edited += u64::from(done.tally.findings != tally_before);
                done.tally.bytes_out += size(payload) as u64;
                Ok(Fate::Forward { payload, key })
            }
            Ok(other) => {
                undo(done);
                done.tally.dropped += 1;
                Ok(other.unwrap_or(Fate::Drop))
            }
            Err(Unreadable { reason, halts: true }) => {
                Err(Halt { origin: record.origin.clone(), reason, for_all: true })
            }
            Err(Unreadable { reason, .. }) => {
                undo(done);
                done.tally.findings = tally_before;
                self.unreadable(&record, reason, done, scratch)
            }
        }
    }

    /// All parts of a record; `None` if a rule says to drop it.
    fn parts(
        &self,
        record: &Record,
        done: &mut ScrubbedBatch,
        scratch: &mut Scratch,
    ) -> Result<Option<Fate>, Unreadable> {
        let scrubber = self.part_scrubber();
        scratch.forget();
        if let Some(keys) = &self.settings.keys {
            let (batch, headers) = (&done.batch, &done.batch.headers[record.headers.range()]);
            let named = |name: &str| headers.iter().find(|h| batch.slice(h.name) == name.as_bytes());
            scratch.whose.begin(keys, |name| named(name).and_then(|h| h.value).map(|v| batch.slice(v)));
        }
        if let Some(reason) = record.flaw {
            return Err(Unreadable::record(reason));
        }
        if record.left_out > 0 || record.payload.is_some_and(|p| p.len() > self.settings.max_record_bytes) {
            return Err(Unreadable::record("the record is larger than max_record_bytes"));
        }
        if let Some(reason) = record.payload.and_then(|p| codec::unscannable(done.batch.slice(p))) {
            return Err(Unreadable::record(reason));
        }
        let payload = match record.payload {
            None => Part::Null,
            Some(payload) => {
                let head = record.piece.head as usize;
                let body_end = payload.end() - record.piece.tail as usize;
                let body = Span::at(payload.start() + head, body_end);
                let frame_end = if record.piece.tail > 0 { body_end } else { record.frame_end as usize };
                let codec = self.codec(record);
                let start = done.out.len();
                match scrubber.payload(
                    &codec,
                    &done.batch.arena,
                    payload,
                    body,
                    scratch,
                    done_parts(&mut done.out, &mut done.tally),
                )? {
                    Outcome::Clean => self.stamped(record, Span::at(body.start(), frame_end), done),
                    Outcome::Drop => return Ok(None),
                    Outcome::Edited => {
                        done.out.extend_from_slice(&done.batch.arena[body.end()..frame_end.max(body.end())]);
                        if let Some((at, member)) = self.member(record, &done.out[start..]) {
                            done.out.splice(start + at..start + at, member);
                        }
                        Part::Out(Span::at(start, done.out.len()))
                    }
                }
            }
        };
        for h in record.headers.range() {
            let header = done.batch.headers[h];
            let Some(value) = header.value else { continue };
            let start = done.out.len();
            let out = done_parts(&mut done.out, &mut done.tally);
            match scrubber.header(&done.batch.arena, header.name, value, scratch, out)? {
                Outcome::Clean => {}
                Outcome::Drop => return Ok(None),
                Outcome::Edited => {
                    let end = done.out.len();
                    done.headers.push((h as u32, Part::Out(Span::at(start, end))));
                }
            }
        }
        let key = match record.key {
            None => Part::Null,
            Some(key) => {
                let start = done.out.len();
                match scrubber.key(
                    &done.batch.arena,
                    key,
                    scratch,
                    done_parts(&mut done.out, &mut done.tally),
                )? {
                    Outcome::Clean => Part::Arena(key),
                    Outcome::Drop => return Ok(None),
                    Outcome::Edited => Part::Out(Span::at(start, done.out.len())),
                }
            }
        };
        Ok(Some(Fate::Forward { payload, key }))
    }

    /// What the stamp puts into this payload, and where.
    fn member(&self, record: &Record, payload: &[u8]) -> Option<(usize, Vec<u8>)> {
        let stamp = self.settings.stamp.as_ref().filter(|_| record.piece == Piece::default())?;
        stamp.member(payload)
    }

    /// A payload that stays as it is, but for the stamp.
    fn stamped(&self, record: &Record, frame: Span, done: &mut ScrubbedBatch) -> Part {
        let bytes = &done.batch.arena[frame.range()];
        let Some((at, member)) = self.member(record, bytes) else { return Part::Arena(frame) };
        let start = done.out.len();
        done.out.extend_from_slice(&bytes[..at]);
        done.out.extend_from_slice(&member);
        done.out.extend_from_slice(&bytes[at..]);
        Part::Out(Span::at(start, done.out.len()))
    }

    /// Replacing can make a record grow past what the sink takes.
    fn fits(
        &self,
        record: &Record,
        fate: &Option<Fate>,
        done: &ScrubbedBatch,
    ) -> Result<Option<Fate>, Unreadable> {
        if let Some(Fate::Forward { payload, key }) = fate
            && self.settings.max_output_bytes < usize::MAX
        {
            let headers: usize = record
                .headers
                .range()
                .map(|h| {
                    let header = done.batch.headers[h];
                    let value = match done.headers.binary_search_by_key(&(h as u32), |x| x.0) {
                        Ok(at) => size(done.headers[at].1),
                        Err(_) => header.value.map_or(0, Span::len),
                    };
                    header.name.len() + value
                })
                .sum();
            let stamp = self.settings.stamp.as_ref().and_then(Stamp::header);
            let headers = headers + stamp.map_or(0, |(name, value)| name.len() + value.len());
            if size(*payload) + size(*key) + headers > self.settings.max_output_bytes {
                return Err(Unreadable::record("the record is larger than the sink takes"));
            }
        }
        Ok(*fate)
    }

    /// What `on_error` says.
    fn unreadable(
        &self,
        record: &Record,
        reason: &'static str,
        done: &mut ScrubbedBatch,
        scratch: &mut Scratch,
    ) -> Result<Fate, Halt> {
        let halt = |reason| Halt { origin: record.origin.clone(), reason, for_all: false };
        match &self.settings.on_error {
            OnError::Halt => Err(halt(reason)),
            OnError::Quarantine(quarantine) => {
                let batch = &done.batch;
                let slice = |s: Option<Span>| s.map(|s| batch.slice(s));
                let headers: Vec<_> = record
                    .headers
                    .range()
                    .map(|h| (batch.slice(batch.headers[h].name), slice(batch.headers[h].value)))
                    .collect();
                let envelope = quarantine
                    .seal(&record.origin, reason, slice(record.payload), slice(record.key), &headers)
                    .map_err(|_| halt("it could not be sealed for quarantine"))?;
                done.sealed.push(Sealed { origin: record.origin.clone(), envelope });
                done.tally.sealed += 1;
                Ok(Fate::Seal(done.sealed.len() as u32 - 1))
            }
            OnError::Redact => {
                done.tally.unreadable += 1;
                let start = done.out.len();
                let payload = record.payload.map_or(Part::Null, |p| {
                    let marker = self.codec(record).unreadable(&done.batch.arena[p.range()]);
                    done.out.extend_from_slice(marker);
                    let frame_end = (record.frame_end as usize).max(p.end());
                    done.out.extend_from_slice(&done.batch.arena[p.end()..frame_end]);
                    Part::Out(Span::at(start, done.out.len()))
                });
                // Key and headers may be what could not be read: what cannot be scrubbed on its own becomes a marker too.
                let scrubber = self.part_scrubber();
                let marker_or =
                    |outcome: Result<Outcome, Unreadable>, clean, start, done: &mut ScrubbedBatch| {
                        if !matches!(outcome, Ok(Outcome::Clean | Outcome::Edited)) {
                            done.out.truncate(start);
                            done.out.extend_from_slice(b"[UNREADABLE]");
                        }
                        match outcome {
                            Ok(Outcome::Clean) => clean,
                            _ => Part::Out(Span::at(start, done.out.len())),
                        }
                    };
                let key = match record.key {
                    None => Part::Null,
                    Some(key) => {
                        let start = done.out.len();
                        let out = done_parts(&mut done.out, &mut done.tally);
                        let outcome = scrubber.key(&done.batch.arena, key, scratch, out);
                        marker_or(outcome, Part::Arena(key), start, done)
                    }
                };
                for h in record.headers.range() {
                    let header = done.batch.headers[h];
                    let Some(value) = header.value else { continue };
                    let start = done.out.len();
                    let out = done_parts(&mut done.out, &mut done.tally);
                    let outcome = scrubber.header(&done.batch.arena, header.name, value, scratch, out);
                    let part = marker_or(outcome, Part::Arena(value), start, done);
                    done.headers.push((h as u32, part));
                }
                done.tally.bytes_out += size(payload) as u64;
                Ok(Fate::Forward { payload, key })
            }
        }
    }
}

fn done_parts<'o>(out: &'o mut Vec<u8>, tally: &'o mut Tally) -> part::Out<'o> {
    part::Out { bytes: out, findings: &mut tally.findings }
}

fn body(record: &Record) -> Option<Span> {
    let p = record.payload?;
    Some(Span::at(p.start() + record.piece.head as usize, p.end() - record.piece.tail as usize))
}

fn size(part: Part) -> usize {
    match part {
        Part::Null => 0,
        Part::Arena(s) | Part::Out(s) => s.len(),
    }
}
