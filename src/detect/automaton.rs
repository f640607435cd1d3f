//! One automaton over the heads of all patterns.
//!
//! Its states are worked out when they are first needed: of the hundreds of thousands it has, logs need a few thousand.
//! [`regex_automata::hybrid`] works them out; here they are copied into a table made for reading: two bytes a transition, a
//! dead state that stays dead, so that a few steps can be made without asking where they led.

use std::collections::HashMap;

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir};

use super::starts::{LONGEST, Starts};

/// Bytes that the states may take, in each worker. Past that it begins anew.
const CACHE_BYTES: usize = 8 << 20;
/// The same, as a number of states.
const MOST_STATES: usize = 1 << 14;

/// What is read first: the length of the word that begins at a place, and whether it begins before that.
const SYMBOLS: usize = 2 * (LONGEST as usize + 1);

fn symbol(head: usize) -> u8 {
    let half = SYMBOLS / 2;
    if head < half { b'a' + head as u8 } else { b'A' + (head - half) as u8 }
}

/// The number of what is read first.
pub(super) fn head_of(length: u32, inside: bool) -> usize {
    length as usize + if inside { SYMBOLS / 2 } else { 0 }
}

/// Whether a place of such a head is inside of a word.
pub(super) fn is_inside(head: usize) -> bool {
    head >= SYMBOLS / 2
}

/// A state: the number of its row, and [`MATCH`] if a pattern has matched, up to the byte before.
pub(super) type State = u16;
/// Nothing fits any more.
pub(super) const DEAD: State = 0;
/// Not worked out yet.
pub(super) const UNKNOWN: State = 1;
/// The bit of states in which a pattern has matched.
pub(super) const MATCH: State = 1 << 15;

/// The heads of all patterns, each with its symbols in front. Shared by all workers.
pub(super) struct Heads {
    dfa: DFA,
    /// Classes of bytes that no pattern tells apart; then the end of the text.
    classes: [u8; 256],
    end: usize,
    /// A row has `1 << shift` places.
    shift: u32,
    /// Past this many states an automaton begins anew.
    pub(super) most_states: usize,
}

impl Heads {
    /// `None` if they are too large for one automaton.
    pub(super) fn new(starts: &[Starts]) -> Option<Heads> {
        let hirs: Vec<Hir> = starts
            .iter()
            .map(|s| {
                let lengths = (0..=LONGEST).filter(|len| s.words >> len & 1 == 1);
                let symbols = lengths.flat_map(|len| {
                    let inside = s.inside.then(|| symbol(head_of(len, true)));
                    std::iter::once(symbol(head_of(len, false))).chain(inside)
                });
                let class = ClassBytes::new(symbols.map(|b| ClassBytesRange::new(b, b)));
                Hir::concat(vec![Hir::class(Class::Bytes(class)), s.prefix.clone()])
            })
            .collect();
        let config = thompson::Config::new().utf8(false).which_captures(WhichCaptures::None);
        Heads::of(thompson::Compiler::new().configure(config).build_many_from_hir(&hirs).ok()?)
    }

    /// The same, of what was compiled before.
    pub(super) fn of(nfa: NFA) -> Option<Heads> {
        let config = DFA::config()
            .match_kind(MatchKind::All)
            .cache_capacity(CACHE_BYTES)
            .skip_cache_capacity_check(true)
            .minimum_cache_clear_count(None);
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa).ok()?;
        let classes = std::array::from_fn(|b| dfa.byte_classes().get(b as u8));
        let end = dfa.byte_classes().eoi().as_usize();
        let shift = (end + 1).next_power_of_two().trailing_zeros();
        Some(Heads { dfa, classes, end, shift, most_states: MOST_STATES })
    }

    #[cfg(test)]
    pub(super) fn nfa(&self) -> &NFA {
        self.dfa.get_nfa()
    }

    pub(super) fn class(&self, b: u8) -> u8 {
        self.classes[usize::from(b)]
    }

    /// One byte of each class.
    pub(super) fn classes(&self) -> Vec<u8> {
        self.dfa.byte_classes().representatives(..).filter_map(|unit| unit.as_u8()).collect()
    }
}

/// A worker's memory: the states that were needed so far.
pub(super) struct Automaton {
    cache: Cache,
    clears: usize,
    /// How often it has begun anew: a state of before means nothing after.
    generation: u64,
    /// The states after each symbol.
    heads: [State; SYMBOLS],
    /// The transitions, row by row.
    rows: Vec<State>,
    /// By row: the state it was copied from, and the patterns that have matched in it.
    states: Vec<(LazyStateID, Vec<u16>)>,
    known: HashMap<LazyStateID, State>,
}

impl Automaton {
    pub(super) fn new(heads: &Heads) -> Automaton {
        let mut automaton = Automaton {
            cache: heads.dfa.create_cache(),
            clears: 0,
            generation: 0,
            heads: [UNKNOWN; SYMBOLS],
            rows: Vec::new(),
            states: Vec::new(),
            known: HashMap::new(),
        };
        automaton.forget(heads);
        automaton
    }

    /// Begins anew.
    fn forget(&mut self, heads: &Heads) {
        self.clears = self.cache.clear_count();
        self.generation += 1;
        self.heads = [UNKNOWN; SYMBOLS];
        self.known.clear();
        self.states.clear();
        self.rows.clear();
        self.rows.resize(1 << heads.shift, DEAD);
        self.rows.resize(2 << heads.shift, UNKNOWN);
        self.states.resize(2, (LazyStateID::default(), Vec::new()));
    }

    /// Changes when all states that were given out become meaningless.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// The state after a symbol; `None` when it had to begin anew.
    #[inline]
    pub(super) fn head(&mut self, heads: &Heads, head: usize) -> Option<State> {
        match self.heads[head] {
            UNKNOWN => {
                let config = start::Config::new().anchored(Anchored::Yes);
                let start = heads.dfa.start_state(&mut self.cache, &config).ok();
                let next = start.and_then(|s| heads.dfa.next_state(&mut self.cache, s, symbol(head)).ok());
                let state = self.copy(heads, next)?;
                self.heads[head] = state;
                Some(state)
            }
            state => Some(state),
        }
    }

    /// The state after a byte, or after the end of the text; `None` when it had to begin anew.
    #[inline]
    pub(super) fn next(&mut self, heads: &Heads, state: State, byte: Option<u8>) -> Option<State> {
        let class = byte.map_or(heads.end, |b| usize::from(heads.class(b)));
        let place = (usize::from(state & !MATCH) << heads.shift) + class;
        match self.rows[place] {
            UNKNOWN => self.work_out(heads, state, byte, place),
            next => Some(next),
        }
    }

    #[cold]
    fn work_out(&mut self, heads: &Heads, state: State, byte: Option<u8>, place: usize) -> Option<State> {
        let from = self.states[usize::from(state & !MATCH)].0;
        let next = match byte {
            Some(b) => heads.dfa.next_state(&mut self.cache, from, b),
            None => heads.dfa.next_eoi_state(&mut self.cache, from),
        };
        let next = self.copy(heads, next.ok())?;
        self.rows[place] = next;
        Some(next)
    }

    /// The row of a state, added if it is new.
    fn copy(&mut self, heads: &Heads, id: Option<LazyStateID>) -> Option<State> {
        let full = self.states.len() >= heads.most_states;
        if full || self.cache.clear_count() != self.clears {
            heads.dfa.reset_cache(&mut self.cache);
            self.forget(heads);
            return None;
        }
        let id = id.filter(|id| !id.is_quit() && !id.is_unknown())?;
        if id.is_dead() {
            return Some(DEAD);
        }
        if let Some(state) = self.known.get(&id) {
            return Some(*state);
        }
        let matches: Vec<u16> = match id.is_match() {
            true => (0..heads.dfa.match_len(&self.cache, id))
                .map(|i| heads.dfa.match_pattern(&self.cache, id, i).as_usize() as u16)
                .collect(),
            false => Vec::new(),
        };
        let state = self.states.len() as State | if matches.is_empty() { 0 } else { MATCH };
        self.states.push((id, matches));
        self.rows.resize(self.rows.len() + (1 << heads.shift), UNKNOWN);
        self.known.insert(id, state);
        Some(state)
    }

    /// The patterns that have matched, up to the byte before the one read last.
    #[inline]
    pub(super) fn matches(&self, state: State) -> &[u16] {
        if state & MATCH == 0 { &[] } else { &self.states[usize::from(state & !MATCH)].1 }
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
