//! One automaton over the heads of all patterns.
//!
//! Of the hundreds of thousands of states it has, logs need a few thousand: see [`super::rows`].

use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir};

use super::nfa::{Id, Nfa, Side};
use super::rows::{DEAD, MATCH, Machine, Matches, Rows, State, UNKNOWN};
use super::starts::{LONGEST, Lengths, Starts};

/// States that a worker remembers. Past that it begins anew.
const MOST_STATES: usize = 1 << 14;

/// Lengths of words that are told apart, and as many inside of words.
const LENGTHS: usize = LONGEST as usize + 1;

/// What is read first: whether a place is inside of a word.
fn symbol(inside: bool) -> u8 {
    if inside { b'i' } else { b'b' }
}

/// What is known of a place before anything is read: the length of the word that begins there, and whether that begins before it.
pub(super) fn head_of(length: u32, inside: bool) -> usize {
    length as usize + if inside { LENGTHS } else { 0 }
}

/// Whether a place of such a head is inside of a word.
pub(super) fn is_inside(head: usize) -> bool {
    head >= LENGTHS
}

/// The heads of all patterns, each with what is read first in front. Shared by all workers.
pub(super) struct Heads {
    pub(super) machine: Machine,
    /// By pattern: the lengths of the word that it begins with.
    words: Vec<Lengths>,
}

impl Heads {
    /// `None` if they are too large for one automaton.
    pub(super) fn new(starts: &[Starts]) -> Option<Heads> {
        let hirs: Vec<Hir> = starts
            .iter()
            .map(|s| {
                let symbols = std::iter::once(symbol(false)).chain(s.inside.then(|| symbol(true)));
                let class = ClassBytes::new(symbols.map(|b| ClassBytesRange::new(b, b)));
                Hir::concat(vec![Hir::class(Class::Bytes(class)), s.prefix.clone()])
            })
            .collect();
        let config = thompson::Config::new().utf8(false).which_captures(WhichCaptures::None);
        let nfa = thompson::Compiler::new().configure(config).build_many_from_hir(&hirs).ok()?;
        Some(Heads::of(Nfa::of(&nfa)?, starts.iter().map(|s| s.words).collect()))
    }

    /// The same, of what was compiled before; `words` by pattern.
    pub(super) fn of(nfa: Nfa, words: Vec<Lengths>) -> Heads {
        Heads { machine: Machine::new(nfa, Matches::All, MOST_STATES), words }
    }

    /// Whether a pattern may begin with a word of such a length.
    #[inline]
    pub(super) fn fits(&self, pattern: u16, head: usize) -> bool {
        self.words.get(usize::from(pattern)).is_none_or(|words| words >> (head % LENGTHS) & 1 == 1)
    }

    #[cfg(test)]
    pub(super) fn nfa(&self) -> &Nfa {
        self.machine.nfa()
    }

    pub(super) fn class(&self, b: u8) -> u8 {
        self.machine.class(b)
    }

    /// One byte of each class.
    pub(super) fn classes(&self) -> Vec<u8> {
        self.machine.classes()
    }
}

/// A worker's memory: the states that were needed so far.
pub(super) struct Automaton {
    rows: Rows,
    /// The states outside of words and inside.
    heads: [State; 2],
    /// What those are of.
    generation: u64,
}

impl Automaton {
    pub(super) fn new(heads: &Heads) -> Automaton {
        Automaton { rows: Rows::new(&heads.machine), heads: [UNKNOWN; 2], generation: 0 }
    }

    /// Changes when all states that were given out become meaningless.
    pub(super) fn generation(&self) -> u64 {
        self.rows.generation()
    }

    /// The state after a symbol; `None` when it had to begin anew.
    #[inline]
    pub(super) fn head(&mut self, heads: &Heads, head: usize) -> Option<State> {
        let known = self.generation == self.rows.generation();
        match self.heads[usize::from(is_inside(head))] {
            state if known && state != UNKNOWN => Some(state),
            _ => self.work_out_head(heads, is_inside(head)),
        }
    }

    #[cold]
    fn work_out_head(&mut self, heads: &Heads, inside: bool) -> Option<State> {
        if self.generation != self.rows.generation() {
            (self.generation, self.heads) = (self.rows.generation(), [UNKNOWN; 2]);
        }
        let start = self.rows.start(&heads.machine, Side::Edge)?;
        let state = self.rows.next(&heads.machine, start, Some(symbol(inside)))?;
        self.heads[usize::from(inside)] = state;
        Some(state)
    }

    /// The state after a byte, or after the end of the text; `None` when it had to begin anew.
    #[inline]
    pub(super) fn next(&mut self, heads: &Heads, state: State, byte: Option<u8>) -> Option<State> {
        self.rows.next(&heads.machine, state, byte)
    }

    /// The patterns that have matched, up to the byte before the one read last.
    #[inline]
    pub(super) fn matches(&self, state: State) -> &[Id] {
        self.rows.matched(state)
    }

    /// Whether anything is left after some bytes.
    pub(super) fn lives(&mut self, heads: &Heads, head: usize, bytes: &[u8]) -> bool {
        let Some(mut state) = self.head(heads, head) else { return true };
        for b in bytes {
            match self.next(heads, state, Some(*b)) {
                Some(DEAD) => return false,
                Some(next) if next & MATCH == 0 => state = next,
                // A match is seen one byte late: here it ended with the byte before.
                _ => return true,
            }
        }
        true
    }
}
