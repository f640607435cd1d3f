//! What flows: a batch is one arena of bytes, a record a range of it.

use std::fmt;
use std::sync::Arc;

use crate::span::Span;

/// Where a record came from. It says where, never what: an origin may stand in a log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line or document of a stream, numbered from 1.
    Line(u64),
    /// A Kafka message.
    Kafka {
        /// Topic it was read from.
        topic: Arc<str>,
        /// Partition it was read from, and is written to.
        partition: i32,
        /// Offset in that partition.
        offset: i64,
        /// Its timestamp.
        timestamp: Timestamp,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Line(n) => write!(f, "record {n}"),
            Origin::Kafka { topic, partition, offset, .. } => write!(f, "{topic}[{partition}]@{offset}"),
        }
    }
}

/// A Kafka record's timestamp, in milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamp {
    /// None was given.
    None,
    /// Set by the producer.
    Create(i64),
    /// Set by the broker when it appended the record.
    Append(i64),
}

/// A record: ranges of its batch's arena.
#[derive(Clone, Debug)]
pub struct Record {
    pub(crate) origin: Origin,
    /// The payload; `None` is a Kafka null (a tombstone), which an empty payload is not.
    pub(crate) payload: Option<Span>,
    /// Bytes after the payload that belong to the frame (a line's `\n` or `\r\n`, blanks between documents): they
    /// are forwarded as they are. The frame is `payload.start .. frame_end`.
    pub(crate) frame_end: u32,
    /// The key; `None` is null.
    pub(crate) key: Option<Span>,
    /// Range into [`Batch::headers`].
    pub(crate) headers: Span,
    /// The record is one piece of a line longer than the limit; see [`Piece`].
    pub(crate) piece: Piece,
    /// Bytes of a record too large to be held that were thrown away: the payload is only its head, and must not be
    /// forwarded. 0 for all others.
    pub(crate) left_out: u64,
    /// Why the source could not read all of it: it then counts as unreadable.
    pub(crate) flaw: Option<&'static str>,
}

impl Record {
    /// Where it came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// Which part of a whole record a [`Record`] is.
///
/// A line longer than `max_record_bytes` is read in windows. Consecutive windows share `overlap` bytes: a finding
/// belongs to the window in which it starts before the shared tail, so each is made exactly once and the output
/// does not depend on how the input was chunked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Piece {
    /// Bytes at the head that were given as context by the window before, and have been written by it.
    pub head: u32,
    /// Bytes at the tail that the next window will have as its body.
    pub tail: u32,
}

/// A Kafka header: name and value are ranges of the arena; a null value is `None`.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub(crate) name: Span,
    pub(crate) value: Option<Span>,
}

/// How far a source has been read, to be committed when the sink has acknowledged what came before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// One entry for each partition with records in the batch.
    pub positions: Vec<Position>,
}

/// The next offset to read of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition.
    pub partition: i32,
    /// Last offset of the batch, plus one.
    pub next_offset: i64,
    /// Which assignment of the partition the records were read under: a commit is only good under the same.
    pub epoch: u64,
}

impl Checkpoint {
    /// Moves the position of a partition to `next_offset`.
    pub fn advance(&mut self, topic: &Arc<str>, partition: i32, next_offset: i64, epoch: u64) {
        let same = |p: &&mut Position| p.partition == partition && p.topic == *topic;
        match self.positions.iter_mut().rev().find(same) {
            Some(p) => {
                p.next_offset = next_offset;
                p.epoch = epoch;
            }
            None => self.positions.push(Position { topic: topic.clone(), partition, next_offset, epoch }),
        }
    }
}

/// Records in the order they were read, in one arena, and what may be committed once all are delivered.
#[derive(Default)]
pub struct Batch {
    pub(crate) arena: Vec<u8>,
    pub(crate) records: Vec<Record>,
    pub(crate) headers: Vec<Header>,
    pub(crate) checkpoint: Checkpoint,
    /// Wall-clock milliseconds since 1970 when its first record was read: for latency figures only.
    pub(crate) read_at_ms: i64,
}

/// Memory above this size is taken with much room at its end, and given back after use.
pub(crate) const LARGE: usize = 1 << 20;
/// Allocators hand out pieces of this size one by one, and give each back to the system when it is freed. Smaller ones they
/// keep, in each thread others. What is not written to takes no memory.
const OWN_PAGES: usize = 33 << 20;

/// Makes room for `more` bytes, for a large record in memory of its own.
pub(crate) fn make_room(bytes: &mut Vec<u8>, more: usize) {
    let need = bytes.len() + more;
    if need > bytes.capacity() && need > LARGE {
        let room = need.max(OWN_PAGES).max(2 * bytes.capacity());
        bytes.reserve_exact(room - bytes.len());
    }
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// A batch of the given lines, for tests and library users.
    pub fn from_lines<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Batch {
        let mut batch = Batch::new();
        for (i, line) in lines.into_iter().enumerate() {
            let payload = batch.append(line);
            batch.push_line(i as u64 + 1, payload, payload.end());
        }
        batch
    }

    /// Empties it, keeping its memory unless one large record had blown it up past `keep_bytes`.
    pub fn clear(&mut self, keep_bytes: usize) {
        self.arena.clear();
        if self.arena.capacity() > keep_bytes {
            self.arena = Vec::new();
        }
        self.records.clear();
        self.headers.clear();
        self.checkpoint.positions.clear();
        self.read_at_ms = 0;
    }

    /// Copies bytes into the arena and says where they stand.
    pub fn append(&mut self, bytes: &[u8]) -> Span {
        let start = self.arena.len();
        self.arena.extend_from_slice(bytes);
        Span::at(start, self.arena.len())
    }

    /// Adds a record of a stream: `payload` and the frame's end are offsets into the arena.
    pub fn push_line(&mut self, number: u64, payload: Span, frame_end: usize) {
        self.push_piece(number, payload, frame_end, Piece::default());
    }

    /// Adds one window of a line that is longer than the limit.
    pub fn push_piece(&mut self, number: u64, payload: Span, frame_end: usize, piece: Piece) {
        self.records.push(Record {
            origin: Origin::Line(number),
            payload: Some(payload),
            frame_end: frame_end as u32,
            key: None,
            headers: Span::default(),
            piece,
            left_out: 0,
            flaw: None,
        });
    }

    /// Adds the head of a record larger than the limit, of which `left_out` bytes were thrown away.
    pub fn push_cut(&mut self, number: u64, payload: Span, frame_end: usize, left_out: u64) {
        self.push_line(number, payload, frame_end);
        if let Some(record) = self.records.last_mut() {
            record.left_out = left_out;
        }
    }

    /// Adds a Kafka message whose parts stand in the arena already; its headers are the `headers` last pushed
    /// with [`Batch::push_header`].
    pub fn push_message(&mut self, origin: Origin, payload: Option<Span>, key: Option<Span>, headers: usize) {
        let end = self.headers.len();
        let frame_end = payload.map_or(0, |p| p.end() as u32);
        self.records.push(Record {
            origin,
            payload,
            frame_end,
            key,
            headers: Span::at(end - headers, end),
            piece: Piece::default(),
            left_out: 0,
            flaw: None,
        });
    }

    /// Says that the source could not read all of the record pushed last, and why.
    pub fn mark_flawed(&mut self, reason: &'static str) {
        if let Some(record) = self.records.last_mut() {
            record.flaw = Some(reason);
        }
    }

    /// Adds a header for the message pushed next.
    pub fn push_header(&mut self, name: &[u8], value: Option<&[u8]>) {
        let name = self.append(name);
        let value = value.map(|v| self.append(v));
        self.headers.push(Header { name, value });
    }

    /// The records, in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Bytes in the arena.
    pub fn bytes(&self) -> usize {
        self.arena.len()
    }

    /// Bytes in the arena, if one of its records is large.
    pub(crate) fn large_bytes(&self) -> usize {
        let is_large = |r: &Record| r.payload.is_some_and(|p| p.len() > LARGE);
        if self.records.iter().any(is_large) { self.bytes() } else { 0 }
    }

    /// Whether it holds no record.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn slice(&self, span: Span) -> &[u8] {
        &self.arena[span.range()]
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({} records, {} bytes)", self.records.len(), self.arena.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_text() {
        let b = Batch::from_lines([b"ssn 219-10-9999".as_slice()]);
        assert_eq!(format!("{b:?}"), "Batch(1 records, 15 bytes)");
    }

    #[test]
    fn checkpoint_keeps_one_position_a_partition() {
        let topic: Arc<str> = "t".into();
        let mut c = Checkpoint::default();
        c.advance(&topic, 0, 5, 1);
        c.advance(&topic, 1, 9, 1);
        c.advance(&topic, 0, 6, 1);
        let got: Vec<_> = c.positions.iter().map(|p| (p.partition, p.next_offset)).collect();
        assert_eq!(got, [(0, 6), (1, 9)]);
    }
}
