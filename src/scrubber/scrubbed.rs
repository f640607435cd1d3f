//! What the scrubber makes: the only things a sink accepts.
//!
//! The fields are private to `scrubber`, so that a value of these types is proof that the scrubber ran.

use std::fmt;

use super::Stamp;
use crate::kind::Kind;
use crate::record::{Batch, Checkpoint, Origin};
use crate::span::Span;

/// A batch after scrubbing: the original arena, what was rewritten, and what became of each record.
pub struct ScrubbedBatch {
    pub(super) batch: Batch,
    /// Rewritten bytes.
    pub(super) out: Vec<u8>,
    /// One for each record of the batch.
    pub(super) fates: Vec<Fate>,
    /// Header values that were rewritten, by index into the batch's headers; sorted.
    pub(super) headers: Vec<(u32, Part)>,
    pub(super) sealed: Vec<Sealed>,
    pub(super) tally: Tally,
    /// Kafka timestamps are replaced by the time of production.
    pub(super) stamp: Option<Stamp>,
    pub(super) restamp: bool,
}

/// What became of a record.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// Forwarded. For a stream, `payload` covers the whole frame.
    Forward { payload: Part, key: Part },
    /// Sealed for quarantine: index into `sealed`.
    Seal(u32),
    /// Not forwarded, because a rule says `drop`.
    Drop,
}

/// Where the bytes of a part stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Null,
    /// Untouched: a range of the batch's arena.
    Arena(Span),
    /// Rewritten: a range of `out`.
    Out(Span),
}

/// What a sink has to do for one record.
#[derive(Clone, Copy)]
pub enum Outgoing<'b> {
    /// Forward it.
    Clean(Scrubbed<'b>),
    /// Put it into quarantine.
    Sealed(&'b Sealed),
}

/// A record with its PHI removed.
#[derive(Clone, Copy)]
pub struct Scrubbed<'b> {
    batch: &'b ScrubbedBatch,
    index: usize,
    payload: Part,
    key: Part,
}

impl<'b> Scrubbed<'b> {
    /// Where it came from.
    pub fn origin(&self) -> &'b Origin {
        &self.batch.batch.records[self.index].origin
    }

    /// The payload; for a stream the whole frame, line end included. `None` is a Kafka null.
    pub fn payload(&self) -> Option<&'b [u8]> {
        self.batch.part(self.payload)
    }

    /// The Kafka key; `None` is null.
    pub fn key(&self) -> Option<&'b [u8]> {
        self.batch.part(self.key)
    }

    /// The Kafka headers in order, names as they came, values scrubbed; the stamp behind them, if it is a header. Where a header of its name
    /// came in, the stamp takes its place: nobody else says what was done here.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&'b [u8], Option<&'b [u8]>)> + use<'b> {
        let (batch, span) = (self.batch, self.batch.batch.records[self.index].headers);
        let stamp = batch.stamp.as_ref().and_then(Stamp::header);
        let named = |i: usize| batch.batch.slice(batch.batch.headers[i].name);
        let came = stamp.is_some_and(|(name, _)| span.range().any(|i| named(i) == name));
        let end = span.end() + usize::from(stamp.is_some() && !came);
        (span.start()..end).map(move |i| {
            if let Some((name, value)) = stamp.filter(|(name, _)| i == span.end() || named(i) == *name) {
                return (name, Some(value));
            }
            let header = batch.batch.headers[i];
            let value = match batch.headers.binary_search_by_key(&(i as u32), |h| h.0) {
                Ok(at) => batch.part(batch.headers[at].1),
                Err(_) => header.value.map(|v| batch.batch.slice(v)),
            };
            (batch.batch.slice(header.name), value)
        })
    }

    /// Whether the record's Kafka timestamp must be replaced by the time of production (profile `safe-harbor`).
    pub fn restamp(&self) -> bool {
        self.batch.restamp
    }
}

/// An encrypted record: `SCRUBJAY-SEALED` envelope bytes that only the quarantine key opens.
#[derive(Clone)]
pub struct Sealed {
    pub(super) origin: Origin,
    pub(super) envelope: Vec<u8>,
}

impl Sealed {
    /// Where it came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The envelope, ready to be stored anywhere.
    pub fn envelope(&self) -> &[u8] {
        &self.envelope
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({}, {} bytes)", self.origin, self.envelope.len())
    }
}

impl ScrubbedBatch {
    /// What there is to do, in order; dropped records are left out.
    pub fn iter(&self) -> impl Iterator<Item = Outgoing<'_>> {
        self.fates.iter().enumerate().filter_map(|(index, fate)| match *fate {
            Fate::Forward { payload, key } => {
                Some(Outgoing::Clean(Scrubbed { batch: self, index, payload, key }))
            }
            Fate::Seal(i) => Some(Outgoing::Sealed(&self.sealed[i as usize])),
            Fate::Drop => None,
        })
    }

    /// For streams: the output in as few pieces as may be. Neighbouring records that were not touched come as
    /// one.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let mut parts = self.fates.iter().filter_map(|fate| match *fate {
            Fate::Forward { payload, .. } if payload != Part::Null => Some(payload),
            _ => None,
        });
        let mut pending = parts.next();
        std::iter::from_fn(move || {
            let mut current = pending.take()?;
            for next in parts.by_ref() {
                match (current, next) {
                    (Part::Arena(a), Part::Arena(b)) if a.end() == b.start() => {
                        current = Part::Arena(a.union(b))
                    }
                    (Part::Out(a), Part::Out(b)) if a.end() == b.start() => current = Part::Out(a.union(b)),
                    _ => {
                        pending = Some(next);
                        break;
                    }
                }
            }
            self.part(current)
        })
    }

    /// The sealed records.
    pub fn sealed(&self) -> &[Sealed] {
        &self.sealed
    }

    /// How far the source has been read once this batch is delivered.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.batch.checkpoint
    }

    /// Sums over the batch.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Wall-clock milliseconds since 1970 when its first record was read.
    pub fn read_at_ms(&self) -> i64 {
        self.batch.read_at_ms
    }

    /// Gives the batch's memory back.
    pub(crate) fn into_batch(self) -> Batch {
        self.batch
    }

    fn part(&self, part: Part) -> Option<&[u8]> {
        match part {
            Part::Null => None,
            Part::Arena(span) => Some(self.batch.slice(span)),
            Part::Out(span) => Some(&self.out[span.range()]),
        }
    }
}

impl fmt::Debug for ScrubbedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScrubbedBatch({} records)", self.fates.len())
    }
}

/// Sums: counts and bytes only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records read.
    pub records: u64,
    /// Payload bytes read.
    pub bytes_in: u64,
    /// Payload bytes forwarded.
    pub bytes_out: u64,
    /// Records in which something was replaced.
    pub edited: u64,
    /// Records a rule dropped.
    pub dropped: u64,
    /// Records sealed for quarantine.
    pub sealed: u64,
    /// Records that became an `unreadable` marker.
    pub unreadable: u64,
    /// Findings acted upon, by kind.
    pub findings: [u64; Kind::COUNT],
}

impl Tally {
    /// Adds another's counts.
    pub fn add(&mut self, other: &Tally) {
        self.records += other.records;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.edited += other.edited;
        self.dropped += other.dropped;
        self.sealed += other.sealed;
        self.unreadable += other.unreadable;
        for (a, b) in self.findings.iter_mut().zip(other.findings) {
            *a += b;
        }
    }

    /// The kinds found, with their counts, most first.
    pub fn by_kind(&self) -> Vec<(Kind, u64)> {
        let mut all: Vec<_> = Kind::ALL.iter().map(|&k| (k, self.findings[k as usize])).collect();
        all.retain(|(_, n)| *n > 0);
        all.sort_by_key(|&(k, n)| (std::cmp::Reverse(n), k));
        all
    }
}
