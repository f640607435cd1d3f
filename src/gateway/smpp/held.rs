//! Segments that wait for the others of their message.

use std::collections::{BTreeMap, HashMap};

use rusmpp::CommandId;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::decide::Part;
use super::udh::{Numbering, Segment};

/// A PDU with text, and the memory accounted for it.
pub(super) struct Kept {
    pub(super) part: Part,
    pub(super) room: OwnedSemaphorePermit,
}

/// What makes segments those of one message, within a session.
#[derive(PartialEq, Eq, Hash)]
struct Message {
    command: CommandId,
    addresses: Vec<u8>,
    reference: (Numbering, u16),
    total: u8,
}

struct Incomplete {
    deadline: Instant,
    /// By their number.
    segments: BTreeMap<u8, Kept>,
}

/// The incomplete messages of a session.
#[derive(Default)]
pub(super) struct Held {
    messages: HashMap<Message, Incomplete>,
    segments: usize,
}

/// What became of a segment.
#[derive(Default)]
pub(super) struct Added {
    /// All segments of the message in their order, if this was the last.
    pub(super) complete: Option<Vec<Kept>>,
    /// An earlier one with the same number. The client has given it up, or uses the reference for another message; what
    /// is judged is what will be sent, so the later one counts.
    pub(super) replaced: Option<Kept>,
}

impl Held {
    /// Segments that wait.
    pub(super) fn len(&self) -> usize {
        self.segments
    }

    /// Adds a segment. Its message must be complete at `deadline`, or at that of an earlier segment.
    pub(super) fn add(&mut self, kept: Kept, segment: Segment, deadline: Instant) -> Added {
        let message = Message {
            command: kept.part.header.id,
            addresses: kept.part.pdu[kept.part.layout.addresses.clone()].to_vec(),
            reference: segment.reference,
            total: segment.total,
        };
        let mut incomplete = self
            .messages
            .remove(&message)
            .unwrap_or_else(|| Incomplete { deadline, segments: BTreeMap::new() });
        let replaced = incomplete.segments.insert(segment.number, kept);
        self.segments += usize::from(replaced.is_none());
        let count = incomplete.segments.len();
        if count < usize::from(segment.total) {
            self.messages.insert(message, incomplete);
            return Added { complete: None, replaced };
        }
        self.segments -= count;
        Added { complete: Some(incomplete.segments.into_values().collect()), replaced }
    }

    /// When the first of the messages must be complete.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.messages.values().map(|m| m.deadline).min()
    }

    /// Takes the segments of messages that should be complete at `now`.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<Kept> {
        let mut expired = Vec::new();
        for (_, message) in self.messages.extract_if(|_, message| message.deadline <= now) {
            expired.extend(message.segments.into_values());
        }
        self.segments -= expired.len();
        expired
    }

    /// Takes all.
    pub(super) fn all(&mut self) -> Vec<Kept> {
        self.segments = 0;
        self.messages.drain().flat_map(|(_, message)| message.segments.into_values()).collect()
    }
}
