//! Reading by pieces instead of by bytes.
//!
//! Where nothing has been said yet of a head that has begun, it is under way. What is under way, and the next piece, say what is
//! under way behind that piece and which patterns' heads have come to their end in it: that is a step. Steps are worked out
//! byte by byte, and remembered.

use std::collections::HashMap;
use std::sync::Arc;

use super::automaton::{Automaton, Heads, head_of};
use super::fold;
use super::prefilter::{FOLD, set};
use super::rows::{DEAD, State};
use super::starts::{LONGEST, is_word};

/// The number of a set of what is under way.
pub(super) type Set = u16;
/// Nothing is.
pub(super) const EMPTY: Set = 0;
/// Sets, and lists of what was found, that are remembered at most: past that all begins anew.
const MOST: usize = 1 << 14;
/// Pieces that are told apart.
pub(super) const MOST_PIECES: u32 = (1 << 18) - 1;
/// Steps that are remembered; a power of two.
const SLOTS: usize = 1 << 14;
/// In place of a piece: the end of the text.
pub(super) const END: u32 = MOST_PIECES;

/// A head of which a part was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Open {
    pub(super) state: State,
    /// How far back it began.
    pub(super) back: u16,
    /// What is known of the place where it began: [`head_of`].
    pub(super) head: u8,
}

/// A pattern's head that was read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Found {
    /// Where it began, counted from the start of the piece.
    pub(super) at: i16,
    pub(super) pattern: u16,
}

/// Where a piece leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// What is under way behind it.
    pub(super) next: Set,
    /// The number of a list of what was found; 0 is none.
    pub(super) found: u16,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    /// The set and the piece; that none has is the empty set's.
    key: u32,
    step: Step,
}

/// A worker's memory of steps.
pub(super) struct Steps {
    slots: Box<[Slot]>,
    sets: Lists<Open>,
    found: Lists<Found>,
    /// Of the automaton whose states are under way.
    generation: u64,
}

/// Lists, by number; the first is empty.
struct Lists<T> {
    lists: Vec<Arc<[T]>>,
    numbers: HashMap<Arc<[T]>, u16>,
}

impl<T: Copy + Eq + std::hash::Hash> Lists<T> {
    fn new() -> Lists<T> {
        let empty: Arc<[T]> = Arc::default();
        Lists { lists: vec![empty.clone()], numbers: HashMap::from([(empty, 0)]) }
    }

    /// The number of a list; `None` if they are too many.
    fn number(&mut self, list: &[T]) -> Option<u16> {
        if let Some(number) = self.numbers.get(list) {
            return Some(*number);
        }
        let number = self.lists.len();
        if number >= MOST {
            return None;
        }
        let list: Arc<[T]> = list.into();
        self.lists.push(list.clone());
        self.numbers.insert(list, number as u16);
        Some(number as u16)
    }
}

impl Default for Steps {
    fn default() -> Steps {
        Steps {
            slots: vec![Slot::default(); SLOTS].into(),
            sets: Lists::new(),
            found: Lists::new(),
            generation: 0,
        }
    }
}

impl Steps {
    /// Forgets everything.
    pub(super) fn forget(&mut self, generation: u64) {
        self.slots.fill(Slot::default());
        self.sets = Lists::new();
        self.found = Lists::new();
        self.generation = generation;
    }

    /// Of the automaton whose states are under way.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Of a set that is not empty and a piece, and one of the two slots where their step may stand.
    #[inline(always)]
    fn slot(set: Set, piece: u32) -> (u32, usize) {
        let key = u32::from(set) << MOST_PIECES.count_ones() | piece;
        (key, (key.wrapping_mul(0x9E37_79B9) >> (32 - SLOTS.trailing_zeros())) as usize % SLOTS)
    }

    /// The step from a set that is not empty, if it was worked out before.
    #[inline(always)]
    pub(super) fn known(&self, set: Set, piece: u32) -> Option<Step> {
        let (key, i) = Self::slot(set, piece);
        let [first, second] = [self.slots[i], self.slots[i ^ 1]];
        let slot = if second.key == key { second } else { first };
        (slot.key == key).then_some(slot.step)
    }

    /// Remembers a step from a set that is not empty: of two that share a place with it, the one used last stays.
    pub(super) fn remember(&mut self, set: Set, piece: u32, step: Step) {
        let (key, i) = Self::slot(set, piece);
        self.slots[i ^ 1] = self.slots[i];
        self.slots[i] = Slot { key, step };
    }

    pub(super) fn under_way(&self, set: Set) -> &[Open] {
        &self.sets.lists[usize::from(set)]
    }

    pub(super) fn found(&self, number: u16) -> &[Found] {
        &self.found.lists[usize::from(number)]
    }

    /// Works out a step; `None` if there is no room for it, or if the automaton began anew.
    pub(super) fn work_out(
        &mut self,
        set: Set,
        piece: Option<&Scene<'_>>,
        heads: &Heads,
        automaton: &mut Automaton,
    ) -> Option<Step> {
        let (mut open, mut found) = (Vec::new(), Vec::new());
        for o in self.sets.lists[usize::from(set)].iter() {
            let len = piece.map_or(0, |p| p.plain.len()) as u16;
            let behind = Open { back: o.back.checked_add(len)?, ..*o };
            let from = Reading { at: -i16::try_from(o.back).ok()?, state: o.state, open: behind };
            from.on(piece, 0, heads, automaton, &mut open, &mut found)?;
        }
        for at in 0..piece.map_or(0, |p| p.plain.len()) {
            let scene = piece?;
            let Some(head) = scene.head(at) else { continue };
            let state = automaton.head(heads, head)?;
            let back = (scene.plain.len() - at) as u16;
            let from = Reading { at: at as i16, state, open: Open { state, back, head: head as u8 } };
            from.on(piece, at, heads, automaton, &mut open, &mut found)?;
        }
        if automaton.generation() != self.generation {
            return None;
        }
        Some(Step { next: self.sets.number(&open)?, found: self.found.number(&found)? })
    }
}

/// A head that is being read.
struct Reading {
    at: i16,
    state: State,
    /// What is under way behind the piece if it comes to no end, but for the state.
    open: Open,
}

impl Reading {
    /// Reads on in the piece from a place on.
    fn on(
        self,
        piece: Option<&Scene<'_>>,
        from: usize,
        heads: &Heads,
        automaton: &mut Automaton,
        open: &mut Vec<Open>,
        found: &mut Vec<Found>,
    ) -> Option<()> {
        let (first, generation) = (found.len(), automaton.generation());
        let mut state = self.state;
        let bytes = piece.map_or(&[][..], |p| &p.plain[from..]).iter().map(|b| Some(*b));
        for byte in bytes.chain(piece.is_none().then_some(None)) {
            state = automaton.next(heads, state, byte)?;
            if automaton.generation() != generation {
                return None;
            }
            for &pattern in automaton.matches(state) {
                let pattern = pattern as u16;
                let is_new = !found[first..].iter().any(|f| f.pattern == pattern);
                let folds = || pattern != FOLD || piece.is_none_or(|p| p.may_fold(self.at));
                if is_new && heads.fits(pattern, usize::from(self.open.head)) && folds() {
                    found.push(Found { at: self.at, pattern });
                }
            }
            if state == DEAD {
                return Some(());
            }
        }
        open.push(Open { state, ..self.open });
        Some(())
    }
}

/// A piece by itself, with a zero for every digit.
pub(super) struct Scene<'t> {
    pub(super) plain: &'t [u8],
    /// By byte: the sets it is in.
    pub(super) sets: &'t [u8; 256],
}

impl Scene<'_> {
    /// What is known of a place where a pattern may begin, if one may.
    fn head(&self, at: usize) -> Option<usize> {
        let before = at.checked_sub(1).is_some_and(|before| is_word(self.plain[before]));
        let second = self.plain.get(at + 1).copied();
        is_place(self.sets, self.plain[at], second, before).then(|| head_at(self.plain, at, before))
    }

    /// Whether there may be something to decode: whether a mark parts words is told by the bytes on its sides.
    fn may_fold(&self, at: i16) -> bool {
        let Ok(at) = usize::try_from(at) else { return true };
        let joint = matches!(self.plain[at], b'_' | b'+') && at + 1 < self.plain.len();
        !joint || fold::begins(self.plain, at)
    }
}

/// Whether a pattern may begin with a byte, by the bytes on its sides; what is behind it may be unknown.
#[inline(always)]
pub(super) fn is_place(sets: &[u8; 256], byte: u8, second: Option<u8>, in_word: bool) -> bool {
    let is_in = |b: u8, set: usize| sets[usize::from(b)] >> set & 1 == 1;
    match is_in(byte, set::WORD) {
        true => !in_word || is_in(byte, set::INSIDE),
        false => {
            is_in(byte, set::ALONE) || is_in(byte, set::FIRST) && second.is_none_or(|b| is_in(b, set::SECOND))
        }
    }
}

/// What is known of a place; `before` says that the byte before is one of a word.
pub(super) fn head_at(text: &[u8], at: usize, before: bool) -> usize {
    let length = text[at..].iter().take(LONGEST as usize).take_while(|b| is_word(**b)).count();
    head_of(length as u32, before && length > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_apart() {
        let mut steps = Steps::default();
        let step = |next| Step { next, found: 0 };
        assert_eq!(steps.known(1, 7), None);
        for set in 1..40 {
            steps.remember(set, 7, step(set));
            steps.remember(set, END, step(set + 1));
            assert_eq!((steps.known(set, 7), steps.known(set, END)), (Some(step(set)), Some(step(set + 1))));
            assert_eq!(steps.known(set, 8), None);
        }
        steps.forget(1);
        assert_eq!(steps.known(39, 7), None);
    }

    #[test]
    fn lists_have_numbers() {
        let mut lists = Lists::new();
        assert_eq!(
            (lists.number(&[]), lists.number(&[1, 2]), lists.number(&[2])),
            (Some(0), Some(1), Some(2))
        );
        assert_eq!((lists.number(&[1, 2]), lists.lists.len()), (Some(1), 3));
        assert!((0..MOST).any(|i| lists.number(&[i, i]).is_none()));
        assert_eq!(lists.number(&[7, 8]), None);
        assert_eq!(lists.number(&[2]), Some(2));
    }
}
