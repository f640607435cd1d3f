//! Patterns as states and what leads from one to another, laid out flat.
//!
//! [`regex_automata`] compiles them; here its states stand in three lists of small numbers, so that going through many of them touches
//! little memory. See [`super::rows`] for how they are gone through.

use regex_automata::nfa::thompson::{self, State};
use regex_automata::util::look::Look;
use regex_automata::util::primitives::StateID;

use super::starts::is_word;

/// The number of a state.
pub(super) type Id = u32;

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// One of these bytes leads on.
    Range(Range),
    /// So do the bytes of several ranges: `from..from + count` of [`Nfa::ranges`], in order of their bytes.
    Sparse { from: u32, count: u32 },
    /// Each of `from..from + count` of [`Nfa::alternates`], the first one preferred.
    Union { from: u32, count: u32 },
    /// Leads on where that holds.
    Look { look: Look, next: Id },
    /// A pattern has matched.
    Match { pattern: u32 },
    /// Nothing leads on.
    Fail,
}

/// Bytes that lead to a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) low: u8,
    pub(super) high: u8,
    pub(super) next: Id,
}

/// Patterns, compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Nfa {
    pub(super) nodes: Vec<Node>,
    pub(super) ranges: Vec<Range>,
    pub(super) alternates: Vec<Id>,
    pub(super) start: Id,
}

impl Nfa {
    /// `None` if a look at the bytes on either side does not tell what a pattern asks for there: words of more than ASCII.
    pub(super) fn of(compiled: &thompson::NFA) -> Option<Nfa> {
        if compiled.look_set_any().contains_word_unicode() {
            return None;
        }
        let id = |id: StateID| id.as_usize() as Id;
        let range = |t: &thompson::Transition| Range { low: t.start, high: t.end, next: id(t.next) };
        let mut nfa = Nfa { start: id(compiled.start_anchored()), ..Nfa::default() };
        for state in compiled.states() {
            let node = match state {
                State::ByteRange { trans } => Node::Range(range(trans)),
                State::Sparse(sparse) => nfa.sparse(sparse.transitions.iter().map(range)),
                State::Union { alternates } => nfa.union(alternates.iter().map(|to| id(*to))),
                State::BinaryUnion { alt1, alt2 } => nfa.union([id(*alt1), id(*alt2)].into_iter()),
                State::Capture { next, .. } => nfa.union(std::iter::once(id(*next))),
                State::Look { look, next } => Node::Look { look: *look, next: id(*next) },
                State::Match { pattern_id } => Node::Match { pattern: pattern_id.as_u32() },
                State::Fail => Node::Fail,
                // The compiler makes none.
                State::Dense(_) => return None,
            };
            nfa.nodes.push(node);
        }
        Some(nfa)
    }

    pub(super) fn sparse(&mut self, ranges: impl Iterator<Item = Range>) -> Node {
        let from = self.ranges.len();
        self.ranges.extend(ranges);
        Node::Sparse { from: from as u32, count: (self.ranges.len() - from) as u32 }
    }

    pub(super) fn union(&mut self, alternates: impl Iterator<Item = Id>) -> Node {
        let from = self.alternates.len();
        self.alternates.extend(alternates);
        Node::Union { from: from as u32, count: (self.alternates.len() - from) as u32 }
    }

    pub(super) fn ranges_of(&self, from: u32, count: u32) -> &[Range] {
        &self.ranges[from as usize..(from + count) as usize]
    }

    pub(super) fn alternates_of(&self, from: u32, count: u32) -> &[Id] {
        &self.alternates[from as usize..(from + count) as usize]
    }

    /// Numbers for bytes, the same for those that no state tells apart; bytes of one number are neighbours.
    pub(super) fn classes(&self) -> [u8; 256] {
        let mut ends = [false; 256];
        let own = self.nodes.iter().filter_map(|n| if let Node::Range(r) = n { Some(r) } else { None });
        for r in own.chain(&self.ranges) {
            ends[usize::from(r.high)] = true;
            if let Some(before) = r.low.checked_sub(1) {
                ends[usize::from(before)] = true;
            }
        }
        if self.nodes.iter().any(|n| matches!(n, Node::Look { .. })) {
            for b in 0..255 {
                ends[usize::from(b)] |= Side::of(Some(b)) != Side::of(Some(b + 1));
            }
        }
        let mut class = 0u8;
        std::array::from_fn(|b| {
            let own = class;
            class = own.wrapping_add(u8::from(ends[b]));
            own
        })
    }
}

/// What a look can tell of a byte beside a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(super) enum Side {
    /// There is none: the text begins or ends.
    Edge,
    Word,
    LineFeed,
    Return,
    Other,
}

impl Side {
    pub(super) fn of(byte: Option<u8>) -> Side {
        match byte {
            None => Side::Edge,
            Some(b'\n') => Side::LineFeed,
            Some(b'\r') => Side::Return,
            Some(b) if is_word(b) => Side::Word,
            Some(_) => Side::Other,
        }
    }
}

/// Whether a look holds between two bytes.
pub(super) fn holds(look: Look, before: Side, after: Side) -> bool {
    let (word_before, word_after) = (before == Side::Word, after == Side::Word);
    match look {
        Look::Start => before == Side::Edge,
        Look::End => after == Side::Edge,
        Look::StartLF => matches!(before, Side::Edge | Side::LineFeed),
        Look::EndLF => matches!(after, Side::Edge | Side::LineFeed),
        Look::StartCRLF => {
            matches!(before, Side::Edge | Side::LineFeed) || before == Side::Return && after != Side::LineFeed
        }
        Look::EndCRLF => {
            matches!(after, Side::Edge | Side::Return) || after == Side::LineFeed && before != Side::Return
        }
        Look::WordAscii | Look::WordUnicode => word_before != word_after,
        Look::WordAsciiNegate | Look::WordUnicodeNegate => word_before == word_after,
        Look::WordStartAscii | Look::WordStartUnicode => !word_before && word_after,
        Look::WordEndAscii | Look::WordEndUnicode => word_before && !word_after,
        Look::WordStartHalfAscii | Look::WordStartHalfUnicode => !word_before,
        Look::WordEndHalfAscii | Look::WordEndHalfUnicode => !word_after,
    }
}
