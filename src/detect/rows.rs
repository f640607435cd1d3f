//! An automaton as a table that is read byte by byte.
//!
//! Of the states that patterns could have, logs need few: they are worked out when they are first needed. A state is a set of what
//! the patterns may be in; a row says where each byte leads from it, in two bytes a transition, with a dead state that stays dead
//! and one bit that says whether something has matched, so that a few steps can be made without asking where they led.
//!
//! What is worked out for a byte holds for all that the patterns in question do not tell from it, and is put down for all of them:
//! of a number in base 36 behind `id=`, say, most bytes are never met in just that state before.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

use super::nfa::{self, Id, Nfa, Node, Side};

/// A state: the number of its row, and [`MATCH`] if a pattern has matched, up to the byte before.
pub(super) type State = u16;
/// Nothing fits any more.
pub(super) const DEAD: State = 0;
/// Not worked out yet.
pub(super) const UNKNOWN: State = 1;
/// The bit of states in which a pattern has matched.
pub(super) const MATCH: State = 1 << 15;

/// What all subsets may take, in numbers of four bytes, some fifty for each state of the largest automaton: logs need twenty. Past that
/// its rows begin anew.
const MOST_IDS: usize = 1 << 20;

/// Which matches are looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Matches {
    /// Every one of every pattern.
    All,
    /// The one that a regex engine would prefer.
    Preferred,
}

/// An automaton that is read by rows. Shared by all workers.
pub(super) struct Machine {
    nfa: Nfa,
    matches: Matches,
    /// Classes of bytes that no pattern tells apart; then the end of the text.
    classes: [u8; 256],
    end: usize,
    /// By [`Side`]: the classes of bytes that look so.
    sides: [Classes; 5],
    /// A row has `1 << shift` places.
    shift: u32,
    /// Past this many states its rows begin anew.
    pub(super) most_states: usize,
    most_ids: usize,
}

/// A set of classes.
#[derive(Clone, Copy, Default)]
struct Classes([u64; 4]);

impl Classes {
    const ALL: Classes = Classes([u64::MAX; 4]);

    /// Keeps those of a range, or those outside of it.
    #[inline]
    fn keep(&mut self, low: u8, high: u8, inside: bool) {
        if !inside && low == high {
            self.0[usize::from(low / 64)] &= !(1 << (low % 64));
            return;
        }
        for (first, word) in (0u32..).step_by(64).zip(&mut self.0) {
            let (from, to) = (u32::from(low).max(first), u32::from(high).min(first + 63));
            let own = if from <= to { u64::MAX >> (63 - (to - from)) << (from - first) } else { 0 };
            *word &= if inside { own } else { !own };
        }
    }

    fn and(self, other: Classes) -> Classes {
        Classes(std::array::from_fn(|i| self.0[i] & other.0[i]))
    }

    fn iter(self) -> impl Iterator<Item = usize> {
        (0..4).flat_map(move |i| {
            let mut word = self.0[i];
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros() as usize;
                word &= word.wrapping_sub(1);
                (bit < 64).then_some(64 * i + bit)
            })
        })
    }
}

impl Machine {
    pub(super) fn new(nfa: Nfa, matches: Matches, most_states: usize) -> Machine {
        let classes = nfa.classes();
        let end = usize::from(classes[255]) + 1;
        let shift = (end + 1).next_power_of_two().trailing_zeros();
        let mut sides = [Classes::default(); 5];
        for b in 0..=255 {
            let side = &mut sides[Side::of(Some(b)) as usize];
            let class = usize::from(classes[usize::from(b)]);
            side.0[class / 64] |= 1 << (class % 64);
        }
        Machine { nfa, matches, classes, end, sides, shift, most_states, most_ids: MOST_IDS }
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
        let mut first: Vec<u8> = (0..=255).collect();
        first.dedup_by_key(|b| self.class(*b));
        first
    }

    #[cfg(test)]
    pub(super) fn nfa(&self) -> &Nfa {
        &self.nfa
    }
}

/// A worker's memory of a machine: the states that were needed so far.
pub(super) struct Rows {
    /// How often it has begun anew: a state of before means nothing after.
    generation: u64,
    /// The transitions, row by row.
    rows: Vec<State>,
    /// By row: what it is a row of.
    subsets: Vec<Subset>,
    /// Of each subset the patterns that have matched, then the states, all that a regex engine prefers first in front.
    ids: Vec<Id>,
    /// States by a hash of what they are of, or by the next number that was free.
    known: HashMap<u64, State, BuildHasherDefault<AsIs>>,
    room: Room,
}

/// What a state stands for.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Subset {
    /// Where in the ids it begins, where what has matched ends, and where it ends.
    from: u32,
    split: u32,
    to: u32,
    /// The byte before, if a look asks for it.
    before: Option<Side>,
}

impl Subset {
    fn matched(&self) -> Range<usize> {
        self.from as usize..self.split as usize
    }

    fn states(&self) -> Range<usize> {
        self.split as usize..self.to as usize
    }

    fn all(&self) -> Range<usize> {
        self.from as usize..self.to as usize
    }
}

/// What is needed to work a state out.
#[derive(Default)]
struct Room {
    /// One bit a state of the patterns: whether it was come by.
    seen: Vec<u64>,
    come_by: Vec<Id>,
    stack: Vec<Id>,
    /// The states that read a byte or match, after looking.
    here: Vec<Id>,
}

impl Room {
    /// Whether a state is come by for the first time.
    fn is_new(&mut self, id: Id) -> bool {
        let (word, bit) = (&mut self.seen[id as usize / 64], 1 << (id % 64));
        let new = *word & bit == 0;
        if new {
            *word |= bit;
            self.come_by.push(id);
        }
        new
    }

    fn forget(&mut self) {
        let Room { seen, come_by, .. } = self;
        come_by.drain(..).for_each(|id| seen[id as usize / 64] = 0);
    }

    /// Appends what is reached from a state without reading a byte, in the order of preference; looks are gone through if they hold
    /// between two sides, and appended if those are not known. Whether a match ends the search.
    fn close(&mut self, machine: &Machine, from: Id, sides: Option<(Side, Side)>, out: &mut Vec<Id>) -> bool {
        let nfa = &machine.nfa;
        self.stack.push(from);
        while let Some(id) = self.stack.pop() {
            if !self.is_new(id) {
                continue;
            }
            match nfa.nodes[id as usize] {
                Node::Fail => {}
                Node::Union { from, count } => {
                    self.stack.extend(nfa.alternates_of(from, count).iter().rev());
                }
                Node::Look { look, next } => match sides {
                    Some((before, after)) if nfa::holds(look, before, after) => self.stack.push(next),
                    Some(_) => {}
                    None => out.push(id),
                },
                Node::Match { .. } => {
                    out.push(id);
                    if machine.matches == Matches::Preferred {
                        self.stack.clear();
                        return true;
                    }
                }
                Node::Range(_) | Node::Sparse { .. } => out.push(id),
            }
        }
        false
    }
}

impl Rows {
    pub(super) fn new(machine: &Machine) -> Rows {
        let mut rows = Rows {
            generation: 0,
            rows: Vec::new(),
            subsets: Vec::new(),
            ids: Vec::new(),
            known: HashMap::default(),
            room: Room::default(),
        };
        rows.forget(machine);
        rows
    }

    /// Begins anew.
    pub(super) fn forget(&mut self, machine: &Machine) {
        self.generation += 1;
        self.known.clear();
        self.ids.clear();
        self.subsets.clear();
        self.rows.clear();
        self.rows.resize(1 << machine.shift, DEAD);
        self.rows.resize(2 << machine.shift, UNKNOWN);
        self.subsets.resize(2, Subset::default());
    }

    /// Changes when all states that were given out become meaningless.
    #[inline]
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// About what it takes.
    pub(super) fn bytes(&self) -> usize {
        let known = self.known.capacity() * size_of::<(u64, State, u8)>();
        size_of_val(&*self.rows) + size_of_val(&*self.subsets) + size_of_val(&*self.ids) + known
    }

    /// The patterns that have matched, up to the byte before the one read last.
    #[inline]
    pub(super) fn matched(&self, state: State) -> &[Id] {
        if state & MATCH == 0 {
            return &[];
        }
        &self.ids[self.subsets[usize::from(state & !MATCH)].matched()]
    }

    /// The state in which patterns begin, behind such a byte; `None` when it had to begin anew.
    pub(super) fn start(&mut self, machine: &Machine, before: Side) -> Option<State> {
        let from = self.ids.len();
        self.room.seen.resize(machine.nfa.nodes.len().div_ceil(64), 0);
        self.room.close(machine, machine.nfa.start, None, &mut self.ids);
        self.room.forget();
        self.add(machine, from, from, before)
    }

    /// Whether the last ids, from `split` on, ask for what stands beside a place.
    fn looks(&self, machine: &Machine, split: usize) -> bool {
        let is_look = |id: &Id| matches!(machine.nfa.nodes[*id as usize], Node::Look { .. });
        self.ids[split..].iter().any(is_look)
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
        let nfa = &machine.nfa;
        let subset = self.subsets[usize::from(state & !MATCH)];
        let mut same = Classes::ALL;
        let mut here = std::mem::take(&mut self.room.here);
        here.clear();
        match subset.before {
            None => here.extend_from_slice(&self.ids[subset.states()]),
            Some(before) => {
                let after = Side::of(byte);
                same = machine.sides[after as usize];
                for i in subset.states() {
                    let id = self.ids[i];
                    if self.room.close(machine, id, Some((before, after)), &mut here) {
                        break;
                    }
                }
                self.room.forget();
            }
        }
        let from = self.ids.len();
        for id in &here {
            if let Node::Match { pattern } = nfa.nodes[*id as usize] {
                self.ids.push(pattern);
            }
        }
        let split = self.ids.len();
        let Rows { room, ids, .. } = self;
        let mut lead = |room: &mut Room, range: &nfa::Range, byte: u8| {
            let leads = (range.low..=range.high).contains(&byte);
            same.keep(machine.class(range.low), machine.class(range.high), leads);
            leads && room.close(machine, range.next, None, ids)
        };
        for id in &here {
            let Some(byte) = byte else { break };
            let over = match &nfa.nodes[*id as usize] {
                Node::Range(range) => lead(room, range, byte),
                Node::Sparse { from, count } => {
                    nfa.ranges_of(*from, *count).iter().any(|range| lead(room, range, byte))
                }
                _ => false,
            };
            if over {
                break;
            }
        }
        room.forget();
        room.here = here;
        let before = Side::of(byte);
        if self.looks(machine, split) {
            same = same.and(machine.sides[before as usize]);
        }
        let next = self.add(machine, from, split, before)?;
        let row = usize::from(state & !MATCH) << machine.shift;
        match byte {
            Some(_) => {
                for class in same.iter().take_while(|class| *class < machine.end) {
                    let known = &mut self.rows[row + class];
                    debug_assert!(*known == UNKNOWN || *known == next);
                    *known = next;
                }
            }
            None => self.rows[row + machine.end] = next,
        }
        Some(next)
    }

    /// The state of what the last ids are, of which `from..split` have matched, added if it is new; `None` when it had to begin anew.
    fn add(&mut self, machine: &Machine, from: usize, split: usize, before: Side) -> Option<State> {
        let to = self.ids.len();
        if from == to {
            return Some(DEAD);
        }
        let before = self.looks(machine, split).then_some(before);
        let subset = Subset { from: from as u32, split: split as u32, to: to as u32, before };
        if machine.matches == Matches::All {
            self.ids[subset.matched()].sort_unstable();
            self.ids[subset.states()].sort_unstable();
        }
        let mut hash = hash(&self.ids[subset.all()], subset.split - subset.from, subset.before);
        while let Some(state) = self.known.get(&hash) {
            let known = self.subsets[usize::from(state & !MATCH)];
            let same = known.before == subset.before
                && self.ids[known.matched()] == self.ids[subset.matched()]
                && self.ids[known.states()] == self.ids[subset.states()];
            if same {
                self.ids.truncate(subset.from as usize);
                return Some(*state);
            }
            hash = hash.wrapping_add(1);
        }
        if self.subsets.len() >= machine.most_states || self.ids.len() > machine.most_ids {
            self.forget(machine);
            return None;
        }
        let state = self.subsets.len() as State | if subset.matched().is_empty() { 0 } else { MATCH };
        self.subsets.push(subset);
        self.rows.resize(self.rows.len() + (1 << machine.shift), UNKNOWN);
        self.known.insert(hash, state);
        Some(state)
    }
}

/// Numbers come mixed.
#[derive(Default)]
pub(super) struct AsIs(u64);

impl Hasher for AsIs {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.0 = self.0.rotate_left(8) ^ u64::from(*b));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

fn hash(ids: &[Id], matched: u32, before: Option<Side>) -> u64 {
    let mix = |hash: u64, id: u32| (hash.rotate_left(29) ^ u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let seed = mix(u64::from(matched) << 8, before.map_or(9, |b| b as u32));
    let hash = ids.iter().fold(seed, |hash, id| mix(hash, *id));
    hash ^ hash >> 32
}

#[cfg(test)]
mod tests {
    use regex_automata::nfa::thompson;
    use regex_automata::util::syntax;
    use regex_automata::{Anchored, Input, MatchKind, PatternSet, dfa, dfa::Automaton};

    use super::*;

    fn machines(patterns: &[&str], matches: Matches) -> (Machine, dfa::dense::DFA<Vec<u32>>) {
        let syntax = syntax::Config::new().unicode(false).utf8(false);
        let config = thompson::Config::new().utf8(false);
        let nfa = thompson::Compiler::new().syntax(syntax).configure(config).build_many(patterns).unwrap();
        let kind = if matches == Matches::All { MatchKind::All } else { MatchKind::LeftmostFirst };
        let config = dfa::dense::Config::new().match_kind(kind).starts_for_each_pattern(true);
        let oracle = dfa::dense::Builder::new().configure(config).build_from_nfa(&nfa).unwrap();
        (Machine::new(Nfa::of(&nfa).unwrap(), matches, 1 << 10), oracle)
    }

    /// Where matches that begin at a place end, and of which pattern the last is.
    fn ends(machine: &Machine, rows: &mut Rows, text: &[u8], at: usize) -> (Vec<usize>, Vec<Id>) {
        let (mut ends, mut last) = (Vec::new(), Vec::new());
        let before = Side::of(at.checked_sub(1).map(|i| text[i]));
        let mut state = rows.start(machine, before).unwrap();
        for place in at..=text.len() {
            state = rows.next(machine, state, text.get(place).copied()).unwrap();
            if state & MATCH != 0 {
                ends.push(place);
                last = rows.matched(state).to_vec();
            }
            if state == DEAD {
                break;
            }
        }
        (ends, last)
    }

    const PATTERNS: &[&[&str]] = &[
        &[r"\b\d{3}-\d{2}-\d{4}\b"],
        &[r"(?:a|ab)(?:c|bcd)?", r"a.{0,3}\z", r"[^a]+"],
        &[r"(?m)^a+$", r"(?mR)^b*$", r"\Aab?", r"\B[a-c]{1,3}\b"],
        &[r"a??b{1,2}?", r"(?:a|)+b", r"\b{start}a\b{end}|\b{start-half}b|\n\b{end-half}"],
        &[r"(?:a*)*", r"(?:|a)*c", r"x{0}"],
        &[r"[a-cx-z\n]{2,4}[0-9]", r"(?:[a-c]{2}|[x-z]{3})\b", r"\x00|\xff+"],
    ];

    #[test]
    fn matches_end_where_a_regex_engine_says() {
        let alphabet = b"abcdxz019-\n\r_ \x00\xff";
        let mut n = 7u32;
        let mut draw = |most: usize| {
            n = n.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            (n >> 16) as usize % most
        };
        for (patterns, matches) in PATTERNS.iter().flat_map(|p| [(p, Matches::All), (p, Matches::Preferred)])
        {
            let (machine, oracle) = machines(patterns, matches);
            let mut rows = Rows::new(&machine);
            for _ in 0..2000 {
                let text: Vec<u8> = (0..draw(12)).map(|_| alphabet[draw(alphabet.len())]).collect();
                for at in 0..=text.len() {
                    let (got, last) = ends(&machine, &mut rows, &text, at);
                    let input = Input::new(&text).range(at..).anchored(Anchored::Yes);
                    let want = oracle.try_search_fwd(&input).unwrap().map(|m| m.offset());
                    assert_eq!(got.last().copied(), want, "{patterns:?} at {at} of {text:?}");
                    if matches == Matches::Preferred {
                        continue;
                    }
                    let mut all = PatternSet::new(patterns.len());
                    let whole = Input::new(&text).range(at..want.unwrap_or(at)).anchored(Anchored::Yes);
                    for i in 0..patterns.len() {
                        let one = Anchored::Pattern(regex_automata::PatternID::must(i));
                        let found = oracle.try_search_fwd(&whole.clone().anchored(one)).unwrap();
                        if want.is_some() && found.is_some_and(|m| Some(m.offset()) == want) {
                            all.insert(regex_automata::PatternID::must(i));
                        }
                    }
                    let all: Vec<Id> = all.iter().map(|p| p.as_u32()).collect();
                    assert_eq!(last, all, "{patterns:?} at {at} of {text:?}");
                }
            }
        }
    }

    #[test]
    fn a_machine_with_too_many_states_begins_anew() {
        for (most_states, most_ids) in [(8, MOST_IDS), (1 << 10, 12)] {
            begins_anew(most_states, most_ids);
        }
    }

    fn begins_anew(most_states: usize, most_ids: usize) {
        let (mut machine, _) = machines(&["[ab]{0,5}c|a[ab]{4}d"], Matches::All);
        (machine.most_states, machine.most_ids) = (most_states, most_ids);
        let mut rows = Rows::new(&machine);
        let mut anew = 0;
        for i in 0..64u32 {
            let text: Vec<u8> =
                (0..5).map(|bit| if i >> bit & 1 == 1 { b'a' } else { b'b' }).chain(*b"c").collect();
            let generation = rows.generation();
            let mut state = rows.start(&machine, Side::Edge);
            for b in text.iter().map(|b| Some(*b)).chain([None]) {
                state = state.and_then(|state| rows.next(&machine, state, b));
            }
            assert_eq!(state.is_none(), rows.generation() != generation);
            assert!(state.is_none_or(|state| state & MATCH != 0));
            assert!(rows.subsets.len() <= most_states && rows.ids.len() <= most_ids);
            anew += u32::from(state.is_none());
        }
        assert!(anew > 2);
    }
}
