//! An automaton as a table that is read byte by byte.
//!
//! [`regex_automata::hybrid`] works states out when they are first needed: of those that the patterns could have, logs need few.
//! Here they are copied into rows made for reading: two bytes a transition, a dead state that stays dead, and one bit that
//! says whether something has matched, so that a few steps can be made without asking where they led.

use std::collections::HashMap;

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};

/// A state: the number of its row, and [`MATCH`] if a pattern has matched, up to the byte before.
pub(super) type State = u16;
/// Nothing fits any more.
pub(super) const DEAD: State = 0;
/// Not worked out yet.
pub(super) const UNKNOWN: State = 1;
/// The bit of states in which a pattern has matched.
pub(super) const MATCH: State = 1 << 15;

/// An automaton that is read by rows. Shared by all workers.
pub(super) struct Machine {
    pub(super) dfa: DFA,
    /// Classes of bytes that no pattern tells apart; then the end of the text.
    classes: [u8; 256],
    end: usize,
    /// A row has `1 << shift` places.
    shift: u32,
    /// Past this many states its rows begin anew.
    pub(super) most_states: usize,
}

impl Machine {
    pub(super) fn new(dfa: DFA, most_states: usize) -> Machine {
        let classes = std::array::from_fn(|b| dfa.byte_classes().get(b as u8));
        let end = dfa.byte_classes().eoi().as_usize();
        let shift = (end + 1).next_power_of_two().trailing_zeros();
        Machine { dfa, classes, end, shift, most_states }
    }

    #[inline]
    pub(super) fn class(&self, b: u8) -> u8 {
        self.classes[usize::from(b)]
    }

    /// Where in the rows the state after a byte stands.
    #[inline]
    fn place(&self, state: State, byte: Option<u8>) -> usize {
        let class = byte.map_or(self.end, |b| usize::from(self.class(b)));
        (usize::from(state & !MATCH) << self.shift) + class
    }

    /// One byte of each class.
    pub(super) fn classes(&self) -> Vec<u8> {
        self.dfa.byte_classes().representatives(..).filter_map(|unit| unit.as_u8()).collect()
    }
}

/// A worker's memory of a machine: the states that were needed so far.
pub(super) struct Rows {
    /// What it takes to work states out; none as long as nobody needs one.
    cache: Option<Cache>,
    clears: usize,
    /// How often it has begun anew: a state of before means nothing after.
    generation: u64,
    /// The transitions, row by row.
    rows: Vec<State>,
    /// By row: the state it was copied from.
    ids: Vec<LazyStateID>,
    known: HashMap<LazyStateID, State>,
}

impl Rows {
    pub(super) fn new(machine: &Machine) -> Rows {
        let mut rows = Rows {
            cache: None,
            clears: 0,
            generation: 0,
            rows: Vec::new(),
            ids: Vec::new(),
            known: HashMap::new(),
        };
        rows.forget(machine);
        rows
    }

    /// Begins anew.
    fn forget(&mut self, machine: &Machine) {
        self.clears = self.cache.as_ref().map_or(0, Cache::clear_count);
        self.generation += 1;
        self.known.clear();
        self.ids.clear();
        self.rows.clear();
        self.rows.resize(1 << machine.shift, DEAD);
        self.rows.resize(2 << machine.shift, UNKNOWN);
        self.ids.resize(2, LazyStateID::default());
    }

    /// Changes when all states that were given out become meaningless.
    #[inline]
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// About what it takes.
    pub(super) fn bytes(&self) -> usize {
        let own = size_of_val(&*self.rows) + self.ids.len() * 4 * size_of::<LazyStateID>();
        own + self.rest_bytes()
    }

    /// What states were worked out with last.
    pub(super) fn known_cache(&self) -> Option<&Cache> {
        self.cache.as_ref()
    }

    /// What [`Rows::rest`] gives back.
    pub(super) fn rest_bytes(&self) -> usize {
        self.cache.as_ref().map_or(0, Cache::memory_usage)
    }

    /// Gives back what it takes to work states out. Those that are known stay, until one more is needed.
    pub(super) fn rest(&mut self) {
        self.cache = None;
    }

    /// What it takes to work states out; `None` when it had to begin anew, since what it took before was given back.
    pub(super) fn cache(&mut self, machine: &Machine) -> Option<&mut Cache> {
        if self.cache.is_none() {
            self.cache = Some(machine.dfa.create_cache());
            let empty = self.known.is_empty();
            self.clears = 0;
            if !empty {
                self.forget(machine);
                return None;
            }
        }
        self.cache.as_mut()
    }

    /// The states it was copied from, by row.
    pub(super) fn ids(&self) -> &[LazyStateID] {
        &self.ids
    }

    /// The state after a byte, or after the end of the text; `None` when it had to begin anew.
    #[inline]
    pub(super) fn next(&mut self, machine: &Machine, state: State, byte: Option<u8>) -> Option<State> {
        match self.known_next(machine, state, byte) {
            UNKNOWN => self.work_out(machine, state, byte),
            next => Some(next),
        }
    }

    /// The same, if it was worked out before; else [`UNKNOWN`].
    #[inline]
    pub(super) fn known_next(&self, machine: &Machine, state: State, byte: Option<u8>) -> State {
        self.rows[machine.place(state, byte)]
    }

    #[cold]
    pub(super) fn work_out(&mut self, machine: &Machine, state: State, byte: Option<u8>) -> Option<State> {
        let from = self.ids[usize::from(state & !MATCH)];
        let cache = self.cache(machine)?;
        let next = match byte {
            Some(b) => machine.dfa.next_state(cache, from, b),
            None => machine.dfa.next_eoi_state(cache, from),
        };
        let next = self.copy(machine, next.ok())?;
        self.rows[machine.place(state, byte)] = next;
        Some(next)
    }

    /// The row of a state, added if it is new; `None` when it had to begin anew.
    pub(super) fn copy(&mut self, machine: &Machine, id: Option<LazyStateID>) -> Option<State> {
        let full = self.ids.len() >= machine.most_states;
        let clears = self.clears;
        let cache = self.cache(machine)?;
        if full || cache.clear_count() != clears {
            machine.dfa.reset_cache(cache);
            self.forget(machine);
            return None;
        }
        let id = id.filter(|id| !id.is_quit() && !id.is_unknown())?;
        if id.is_dead() {
            return Some(DEAD);
        }
        if let Some(state) = self.known.get(&id) {
            return Some(*state);
        }
        let state = self.ids.len() as State | if id.is_match() { MATCH } else { 0 };
        self.ids.push(id);
        self.rows.resize(self.rows.len() + (1 << machine.shift), UNKNOWN);
        self.known.insert(id, state);
        Some(state)
    }
}
