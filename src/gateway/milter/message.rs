//! A message as an MTA shows it, made into the bytes that a judge is shown, in memory that is accounted for.

use std::sync::Arc;

use super::super::budget::{Budget, Reservation};
use super::fields::{Field, MOST_FIELDS, is_name};
use super::lines::{Lines, whole};

/// Taken from the budget for a message before any of it is kept.
const FIRST_BYTES: usize = 16 << 10;

/// What is known of a message that comes in.
pub(super) enum Kept {
    /// All of it, so far.
    Whole(Box<Message>),
    /// It is over the limit.
    TooLarge,
    /// The budget is used up.
    NoMemory,
    /// Its header is none that can be written down: a judge would see other fields than the MTA has.
    Unfit,
}

/// A message in memory, and where in it is what.
pub(super) struct Message {
    /// Header, empty line and body, with CRLF.
    pub(super) bytes: Vec<u8>,
    /// Its fields, in their order.
    pub(super) layout: Vec<Place>,
    /// The length of the header, without the empty line.
    pub(super) header: usize,
    /// The body that the MTA has is not the one here: line ends were made whole.
    pub(super) body_altered: bool,
    pub(super) reservation: Reservation,
    lines: Lines,
}

/// Where a field stands.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The length of its name.
    name: usize,
    /// The first byte behind its CRLF.
    end: usize,
    altered: bool,
}

/// Sizes only.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({} bytes, {} fields)", self.bytes.len(), self.layout.len())
    }
}

/// A message that comes in, of at most `limit` bytes.
pub(super) struct Incoming {
    kept: Kept,
    limit: usize,
    leading_space: bool,
}

impl Incoming {
    pub(super) fn new(budget: &Arc<Budget>, limit: usize, leading_space: bool) -> Incoming {
        let kept = match budget.reserve(FIRST_BYTES.min(limit)) {
            Some(reservation) => Kept::Whole(Box::new(Message {
                bytes: Vec::new(),
                layout: Vec::new(),
                header: 0,
                body_altered: false,
                reservation,
                lines: Lines::default(),
            })),
            None => Kept::NoMemory,
        };
        Incoming { kept, limit, leading_space }
    }

    /// A header field. Without the leading space agreed on, the MTA has kept one to itself.
    pub(super) fn field(&mut self, name: &[u8], value: &[u8]) {
        let limit = self.limit;
        let Kept::Whole(message) = &mut self.kept else { return };
        if !is_name(name) || !continues(value) || message.layout.len() == MOST_FIELDS {
            self.kept = Kept::Unfit;
            return;
        }
        let shown = whole(value);
        let space: &[u8] = if self.leading_space { b"" } else { b" " };
        for piece in [name, b":", space, &shown, b"\r\n"] {
            if let Err(lost) = message.push(piece, limit) {
                self.kept = lost;
                return;
            }
        }
        // A fold as the protocol has it, a bare LF, is no alteration; a bare CR made a space is one.
        let altered = memchr::memchr_iter(b'\r', value).any(|at| value.get(at + 1) != Some(&b'\n'));
        message.layout.push(Place { name: name.len(), end: message.bytes.len(), altered });
    }

    /// The header is over.
    pub(super) fn end_of_header(&mut self) {
        let limit = self.limit;
        let Kept::Whole(message) = &mut self.kept else { return };
        message.header = message.bytes.len();
        if let Err(lost) = message.push(b"\r\n", limit) {
            self.kept = lost;
        }
    }

    /// A piece of the body.
    pub(super) fn body(&mut self, piece: &[u8]) {
        let limit = self.limit;
        let Kept::Whole(message) = &mut self.kept else { return };
        let mut lines = std::mem::take(&mut message.lines);
        let mut pushed = Ok(());
        lines.feed(piece, |text| {
            if pushed.is_ok() {
                pushed = message.push(text, limit);
            }
        });
        message.lines = lines;
        if let Err(lost) = pushed {
            self.kept = lost;
        }
    }

    /// The message is over.
    pub(super) fn finish(mut self) -> Kept {
        let limit = self.limit;
        if let Kept::Whole(message) = &mut self.kept {
            let lines = std::mem::take(&mut message.lines);
            let mut pushed = Ok(());
            message.body_altered = lines.finish(|text| pushed = message.push(text, limit));
            if let Err(lost) = pushed {
                return lost;
            }
            // For the length of the judgement, the header is kept twice, to compare.
            let held = message.bytes.capacity() + message.header;
            if !message.reservation.grow_to(held) {
                return Kept::NoMemory;
            }
            message.reservation.shrink_to(held);
        }
        self.kept
    }
}

/// Whether a value's further lines begin with white space: else they would be fields of their own, or end the header.
fn continues(value: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', value).all(|at| matches!(value.get(at + 1), Some(b' ' | b'\t')))
}

impl Message {
    fn push(&mut self, text: &[u8], limit: usize) -> Result<(), Kept> {
        if self.bytes.len() + text.len() > limit {
            return Err(Kept::TooLarge);
        }
        if !self.reservation.make_room(&mut self.bytes, text.len()) {
            return Err(Kept::NoMemory);
        }
        self.bytes.extend_from_slice(text);
        Ok(())
    }
}

/// The fields of a header by what is known of it.
pub(super) fn placed<'a>(header: &'a [u8], layout: &[Place]) -> Vec<Field<'a>> {
    let mut start = 0;
    let mut field = |place: &Place| {
        let line = header.get(start..place.end).unwrap_or_default();
        start = place.end;
        let (name, value) = line.split_at(place.name.min(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_suffix(b"\r\n").unwrap_or(value);
        Field { name, value, altered: place.altered }
    };
    layout.iter().map(&mut field).collect()
}
