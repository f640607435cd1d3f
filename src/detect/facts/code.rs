//! How facts are written: numbers in groups of seven bits; the states of an automaton one after the other, each telling how
//! far it is to the next, so that a changed pattern changes little.

#[cfg(test)]
use regex_automata::nfa::thompson::State;
use regex_automata::nfa::thompson::{Builder, NFA, Transition};
use regex_automata::util::look::Look;
use regex_automata::util::primitives::StateID;

use super::super::classes::ByteSet;

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

    pub(super) fn set(&mut self) -> Option<ByteSet> {
        let mut words = [0; 4];
        for word in &mut words {
            *word = self.u64()?;
        }
        Some(ByteSet::of_words(words))
    }

    /// One of the states, as seen from another.
    fn state(&mut self, from: usize, count: usize) -> Option<StateID> {
        let far = self.number()?;
        let id = if far & 1 == 0 { from.checked_add(far >> 1) } else { from.checked_sub(far >> 1) };
        StateID::new(id.filter(|id| *id < count)?).ok()
    }

    fn transition(&mut self, from: usize, count: usize) -> Option<Transition> {
        Some(Transition { start: self.byte()?, end: self.byte()?, next: self.state(from, count)? })
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

/// An automaton: where it starts, its states, and with the match of each pattern where that one starts.
pub(super) fn read_nfa(bytes: &mut Bytes<'_>) -> Option<NFA> {
    let count = bytes.number()?;
    let (anchored, unanchored) = (bytes.state(0, count)?, bytes.state(0, count)?);
    let mut builder = Builder::new();
    for id in 0..count {
        let added = match bytes.byte()? {
            tag::RANGE => builder.add_range(bytes.transition(id, count)?),
            tag::SPARSE => {
                let all = (0..bytes.number()?).map(|_| bytes.transition(id, count)).collect::<Option<_>>()?;
                builder.add_sparse(all)
            }
            tag::LOOK => {
                let look = Look::from_repr(u32::try_from(bytes.number()?).ok()?)?;
                builder.add_look(bytes.state(id, count)?, look)
            }
            tag::UNION => {
                let all = (0..bytes.number()?).map(|_| bytes.state(id, count)).collect::<Option<_>>()?;
                builder.add_union(all)
            }
            tag::FAIL => builder.add_fail(),
            tag::MATCH => {
                let start = bytes.state(id, count)?;
                builder.start_pattern().ok()?;
                let state = builder.add_match();
                builder.finish_pattern(start).ok()?;
                state
            }
            _ => return None,
        };
        added.ok()?;
    }
    if !bytes.0.is_empty() {
        return None;
    }
    builder.build(anchored, unanchored).ok()
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

    pub(super) fn set(&mut self, set: &ByteSet) {
        set.words().iter().for_each(|w| self.0.extend(w.to_le_bytes()));
    }

    fn state(&mut self, from: usize, to: StateID) {
        let to = to.as_usize();
        self.number(from.abs_diff(to) << 1 | usize::from(to < from));
    }

    fn states(&mut self, from: usize, states: &[StateID]) {
        self.number(states.len());
        states.iter().for_each(|s| self.state(from, *s));
    }

    fn transition(&mut self, from: usize, t: &Transition) {
        self.0.extend([t.start, t.end]);
        self.state(from, t.next);
    }
}

#[cfg(test)]
pub(super) fn write_nfa(nfa: &NFA, w: &mut Writer) {
    w.number(nfa.states().len());
    w.state(0, nfa.start_anchored());
    w.state(0, nfa.start_unanchored());
    let mut matches = nfa.patterns();
    for (id, state) in nfa.states().iter().enumerate() {
        match state {
            State::ByteRange { trans } => {
                w.0.push(tag::RANGE);
                w.transition(id, trans);
            }
            State::Sparse(sparse) => {
                w.0.push(tag::SPARSE);
                w.number(sparse.transitions.len());
                sparse.transitions.iter().for_each(|t| w.transition(id, t));
            }
            State::Look { look, next } => {
                w.0.push(tag::LOOK);
                w.number(look.as_repr() as usize);
                w.state(id, *next);
            }
            State::Union { alternates } => {
                w.0.push(tag::UNION);
                w.states(id, alternates);
            }
            State::BinaryUnion { alt1, alt2 } => {
                w.0.push(tag::UNION);
                w.states(id, &[*alt1, *alt2]);
            }
            State::Fail => w.0.push(tag::FAIL),
            State::Match { pattern_id } => {
                assert_eq!(Some(*pattern_id), matches.next(), "matches in another order");
                w.0.push(tag::MATCH);
                w.state(id, nfa.start_pattern(*pattern_id).unwrap());
            }
            State::Dense(_) | State::Capture { .. } => panic!("the compiler makes no such state"),
        }
    }
}
