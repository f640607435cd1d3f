//! How facts are written: numbers in groups of seven bits; the states of an automaton one after the other, each telling how
//! far it is to the next, so that a changed pattern changes little.

use regex_automata::util::look::Look;

use super::super::nfa::{Id, Nfa, Node, Range};

/// What is left to be read. Each read gives `None` if it is not there.
pub(super) struct Bytes<'f>(pub(super) &'f [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> Option<u8> {
        self.0.split_off_first().copied()
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        let eight = self.0.split_off(..8)?;
        Some(u64::from_le_bytes(eight.try_into().ok()?))
    }

    pub(super) fn number(&mut self) -> Option<usize> {
        let mut number = 0;
        for shift in (0..32).step_by(7) {
            let byte = self.byte()?;
            number |= usize::from(byte & 127) << shift;
            if byte < 128 {
                return Some(number);
            }
        }
        None
    }

    /// One of the states, as seen from another.
    fn state(&mut self, from: usize, count: usize) -> Option<Id> {
        let far = self.number()?;
        let id = if far & 1 == 0 { from.checked_add(far >> 1) } else { from.checked_sub(far >> 1) };
        Id::try_from(id.filter(|id| *id < count)?).ok()
    }

    fn range(&mut self, from: usize, count: usize) -> Option<Range> {
        Some(Range { low: self.byte()?, high: self.byte()?, next: self.state(from, count)? })
    }
}

/// What a state is.
mod tag {
    pub(super) const RANGE: u8 = 0;
    pub(super) const SPARSE: u8 = 1;
    pub(super) const LOOK: u8 = 2;
    pub(super) const UNION: u8 = 3;
    pub(super) const FAIL: u8 = 4;
    pub(super) const MATCH: u8 = 5;
}

/// An automaton: where it starts, and its states.
pub(super) fn read_nfa(bytes: &mut Bytes<'_>) -> Option<Nfa> {
    let count = bytes.number()?;
    let mut nfa = Nfa { start: bytes.state(0, count)?, ..Nfa::default() };
    for id in 0..count {
        let node = match bytes.byte()? {
            tag::RANGE => Node::Range(bytes.range(id, count)?),
            tag::SPARSE => {
                let from = nfa.ranges.len() as u32;
                let ranges = bytes.number()?;
                for _ in 0..ranges {
                    nfa.ranges.push(bytes.range(id, count)?);
                }
                Node::Sparse { from, count: ranges as u32 }
            }
            tag::LOOK => {
                let look = Look::from_repr(u32::try_from(bytes.number()?).ok()?)?;
                Node::Look { look, next: bytes.state(id, count)? }
            }
            tag::UNION => {
                let from = nfa.alternates.len() as u32;
                let alternates = bytes.number()?;
                for _ in 0..alternates {
                    nfa.alternates.push(bytes.state(id, count)?);
                }
                Node::Union { from, count: alternates as u32 }
            }
            tag::FAIL => Node::Fail,
            tag::MATCH => Node::Match { pattern: u32::try_from(bytes.number()?).ok()? },
            _ => return None,
        };
        nfa.nodes.push(node);
    }
    bytes.0.is_empty().then_some(nfa)
}

#[cfg(test)]
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

#[cfg(test)]
impl Writer {
    pub(super) fn number(&mut self, mut number: usize) {
        while number >= 128 {
            self.0.push(number as u8 | 128);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn state(&mut self, from: usize, to: Id) {
        let to = to as usize;
        self.number(from.abs_diff(to) << 1 | usize::from(to < from));
    }

    fn range(&mut self, from: usize, range: &Range) {
        self.0.extend([range.low, range.high]);
        self.state(from, range.next);
    }
}

#[cfg(test)]
pub(super) fn write_nfa(nfa: &Nfa, w: &mut Writer) {
    w.number(nfa.nodes.len());
    w.state(0, nfa.start);
    for (id, node) in nfa.nodes.iter().enumerate() {
        match node {
            Node::Range(range) => {
                w.0.push(tag::RANGE);
                w.range(id, range);
            }
            Node::Sparse { from, count } => {
                w.0.push(tag::SPARSE);
                w.number(*count as usize);
                nfa.ranges_of(*from, *count).iter().for_each(|range| w.range(id, range));
            }
            Node::Look { look, next } => {
                w.0.push(tag::LOOK);
                w.number(look.as_repr() as usize);
                w.state(id, *next);
            }
            Node::Union { from, count } => {
                w.0.push(tag::UNION);
                w.number(*count as usize);
                nfa.alternates_of(*from, *count).iter().for_each(|to| w.state(id, *to));
            }
            Node::Fail => w.0.push(tag::FAIL),
            Node::Match { pattern } => {
                w.0.push(tag::MATCH);
                w.number(*pattern as usize);
            }
        }
    }
}
