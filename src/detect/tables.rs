//! A pattern as automata that are gone through byte by byte.

use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_syntax::hir::{Class, Hir, HirKind};

use super::classes::ByteSet;
use super::nfa::{Nfa, Side};
use super::rows::{DEAD, MATCH, Machine, Matches, Rows, State, UNKNOWN};
use super::starts::Inner;
use crate::span::Span;

/// Rows of one automaton in a worker's memory; past that they begin anew.
const MOST_STATES: usize = 1 << 11;

/// The pattern as automata.
pub(super) struct Tables {
    /// All of it: of the match that is preferred, the end.
    whole: Machine,
    phi: Phi,
    /// Of a pattern that is found by its middle, what stands before that, read backwards.
    head: Option<(Machine, usize)>,
}

/// How `phi` is told in a match.
enum Phi {
    /// It is all of it.
    Whole,
    /// It begins with one of the bytes of `first`, where `before` may end; `tail` bytes stand behind it.
    Split { before: Option<Box<Machine>>, first: Box<ByteSet>, tail: usize },
    /// A regex engine tells.
    Engine,
}

/// A worker's memory of one pattern's automata.
#[derive(Default)]
pub(super) struct TablesScratch {
    whole: Option<Walker>,
    before: Option<Walker>,
    head: Option<Walker>,
}

impl TablesScratch {
    /// About what it takes.
    pub(super) fn bytes(&self) -> usize {
        [&self.whole, &self.before, &self.head].into_iter().flatten().map(Walker::bytes).sum()
    }
}

impl Tables {
    /// `None` if the pattern is too large for automata.
    pub(super) fn new(hir: &Hir, inner: Option<Inner>) -> Option<Tables> {
        let whole = machine(hir, Matches::Preferred, false)?;
        let head = match inner {
            Some(inner) => Some((machine(&inner.before(hir), Matches::All, true)?, inner.max_before)),
            None => None,
        };
        Some(Tables { whole, phi: if has_phi(hir) { Phi::of(hir) } else { Phi::Whole }, head })
    }

    /// All of the pattern as one automaton.
    pub(super) fn automaton(&self) -> &Machine {
        &self.whole
    }
}

/// There is no answer.
pub(super) enum Unsure {
    /// An automaton had to begin anew.
    Anew,
    /// There is more than one, in a match that ends here.
    Several(usize),
}

/// A match: what goes of it, and where it ends.
#[derive(Clone, Copy)]
pub(super) struct Match {
    pub(super) phi: Span,
    pub(super) end: usize,
}

impl Tables {
    /// The match that begins at a place.
    pub(super) fn begins_at(
        &self,
        text: &[u8],
        at: usize,
        scratch: &mut TablesScratch,
    ) -> Result<Option<Match>, Unsure> {
        let TablesScratch { whole, before, .. } = scratch;
        let mut end = None;
        whole.get_or_insert_with(|| Walker::new(&self.whole)).walk(&self.whole, text, at, |place| {
            end = Some(place);
            true
        })?;
        let Some(end) = end else { return Ok(None) };
        let found = |begin: usize, tail: usize| Ok(Some(Match { phi: Span::at(begin, end - tail), end }));
        let (machine, first, tail) = match &self.phi {
            Phi::Whole => return found(at, 0),
            Phi::Split { before, first, tail } => (before, first, *tail),
            Phi::Engine => return Err(Unsure::Several(end)),
        };
        let Some(machine) = machine else { return found(at, tail) };
        let (mut begin, mut count) = (at, 0);
        before.get_or_insert_with(|| Walker::new(machine)).walk(machine, text, at, |place| {
            if place <= end && text.get(place).is_some_and(|b| first.contains(*b)) {
                (begin, count) = (place, count + 1);
            }
            place <= end
        })?;
        if count == 1 { found(begin, tail) } else { Err(Unsure::Several(end)) }
    }

    /// Adds where a match may begin that is found by its middle, by what stands before that: the last place first.
    pub(super) fn starts(
        &self,
        text: &[u8],
        middle: usize,
        scratch: &mut TablesScratch,
        starts: &mut Vec<usize>,
    ) -> Result<(), Unsure> {
        let Some((machine, most)) = &self.head else { return Ok(()) };
        let head = scratch.head.get_or_insert_with(|| Walker::new(machine));
        head.walk_back(machine, text, middle, middle.saturating_sub(*most), |place| starts.push(place))
    }
}

impl Phi {
    /// Cuts a pattern in two before the group.
    fn of(hir: &Hir) -> Phi {
        let (mut before, mut rest) = (Vec::new(), Vec::new());
        if !cut(hir, &mut before, &mut rest) {
            return Phi::Engine;
        }
        let behind = Hir::concat(rest[1..].to_vec());
        let properties = behind.properties();
        let tail = match (properties.minimum_len(), properties.maximum_len()) {
            (Some(min), Some(max)) if min == max => min,
            _ => return Phi::Engine,
        };
        let mut first = ByteSet::default();
        if begins_with(&rest[0], &mut first) {
            return Phi::Engine;
        }
        let before = Hir::concat(before);
        let first = Box::new(first);
        if before.properties().maximum_len() == Some(0) {
            return Phi::Split { before: None, first, tail };
        }
        match machine(&before, Matches::All, false) {
            Some(before) => Phi::Split { before: Some(Box::new(before)), first, tail },
            None => Phi::Engine,
        }
    }
}

/// Adds the bytes that a pattern may begin with to a set; whether it may be empty.
fn begins_with(hir: &Hir, set: &mut ByteSet) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => return true,
        HirKind::Literal(l) => set.insert(l.0[0]),
        HirKind::Class(Class::Bytes(c)) => c.iter().for_each(|r| set.insert_range(r.start(), r.end())),
        HirKind::Class(Class::Unicode(_)) => set.insert_range(0, u8::MAX),
        HirKind::Capture(c) => return begins_with(&c.sub, set),
        HirKind::Repetition(r) => return begins_with(&r.sub, set) || r.min == 0,
        HirKind::Concat(subs) => return subs.iter().all(|sub| begins_with(sub, set)),
        HirKind::Alternation(subs) => {
            // All of them are gone through.
            let empty = subs.iter().filter(|sub| begins_with(sub, set)).count();
            return empty > 0;
        }
    }
    false
}

/// Whether the group stands anywhere in a pattern.
fn has_phi(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Capture(c) => c.name.as_deref() == Some("phi") || has_phi(&c.sub),
        HirKind::Repetition(r) => has_phi(&r.sub),
        HirKind::Concat(subs) | HirKind::Alternation(subs) => subs.iter().any(has_phi),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => false,
    }
}

/// Parts of a pattern up to the group `phi`, and from it on; false if the group is not one part of the whole.
fn cut(hir: &Hir, before: &mut Vec<Hir>, rest: &mut Vec<Hir>) -> bool {
    match hir.kind() {
        HirKind::Capture(c) if c.name.as_deref() == Some("phi") => rest.push(hir.clone()),
        HirKind::Capture(c) => return cut(&c.sub, before, rest),
        HirKind::Concat(subs) => {
            for sub in subs {
                if !rest.is_empty() {
                    rest.push(sub.clone());
                } else if !has_phi(sub) {
                    before.push(sub.clone());
                } else if !cut(sub, before, rest) {
                    return false;
                }
            }
        }
        _ => {}
    }
    !rest.is_empty()
}

/// A pattern as an automaton, to be read forwards or backwards.
fn machine(hir: &Hir, matches: Matches, backwards: bool) -> Option<Machine> {
    let config = thompson::Config::new().utf8(false).which_captures(WhichCaptures::None).reverse(backwards);
    let nfa = thompson::Compiler::new().configure(config).build_from_hir(hir).ok()?;
    Some(Machine::new(Nfa::of(&nfa)?, matches, MOST_STATES))
}

/// A worker's memory of an automaton that is begun at places.
struct Walker {
    rows: Rows,
    generation: u64,
    /// By the byte before.
    starts: [State; 5],
}

impl Walker {
    fn new(machine: &Machine) -> Walker {
        let rows = Rows::new(machine);
        Walker { generation: rows.generation(), rows, starts: [UNKNOWN; 5] }
    }

    fn bytes(&self) -> usize {
        size_of::<Walker>() + self.rows.bytes()
    }

    fn start(&mut self, machine: &Machine, before: Option<u8>) -> Option<State> {
        let side = Side::of(before);
        let known = &mut self.starts[side as usize];
        if *known == UNKNOWN {
            *known = self.rows.start(machine, side)?;
        }
        Some(*known)
    }

    /// Calls `visit` with each place where a match that begins at `at` ends, from front to back, until it says that this is
    /// enough.
    fn walk(
        &mut self,
        machine: &Machine,
        text: &[u8],
        at: usize,
        mut visit: impl FnMut(usize) -> bool,
    ) -> Result<(), Unsure> {
        let done = self.steps(machine, text, at, &mut visit);
        self.keep_up();
        done.ok_or(Unsure::Anew)
    }

    /// Calls `visit` with each place, `low` or behind it, where a match begins that ends at `at`, from back to front.
    fn walk_back(
        &mut self,
        machine: &Machine,
        text: &[u8],
        at: usize,
        low: usize,
        mut visit: impl FnMut(usize),
    ) -> Result<(), Unsure> {
        let mut walk = || {
            let mut state = self.start(machine, text.get(at).copied())?;
            for place in (low..=at).rev() {
                let byte = place.checked_sub(1).map(|before| text[before]);
                state = self.rows.next(machine, state, byte)?;
                if state & MATCH != 0 {
                    visit(place);
                }
                if state == DEAD {
                    break;
                }
            }
            Some(())
        };
        let done = walk();
        self.keep_up();
        done.ok_or(Unsure::Anew)
    }

    /// Takes note of rows that began anew.
    fn keep_up(&mut self) {
        if self.rows.generation() != self.generation {
            self.generation = self.rows.generation();
            self.starts = [UNKNOWN; 5];
        }
    }

    #[inline]
    fn steps(
        &mut self,
        machine: &Machine,
        text: &[u8],
        at: usize,
        visit: &mut impl FnMut(usize) -> bool,
    ) -> Option<()> {
        let mut state = self.start(machine, at.checked_sub(1).map(|before| text[before]))?;
        let mut place = at;
        loop {
            let byte = text.get(place).copied();
            state = self.rows.next(machine, state, byte)?;
            if state & MATCH != 0 && !visit(place) || state == DEAD || byte.is_none() {
                return Some(());
            }
            place += 1;
        }
    }
}
