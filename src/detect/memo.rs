//! What was said about a place, by the automaton and by the look for names, remembered: logs repeat their words.
//!
//! A place at which nothing is left after a few bytes is the same wherever those bytes stand again, behind a word of the
//! same length; one inside of a word is known by the byte before it, too. Digits count as one, since a clock repeats its form
//! and not its figures, and since no head tells them apart.

use super::automaton::{Automaton, Heads, is_inside};
use super::prefilter::FOLD;
use super::rows::DEAD;

/// Bytes of one step of a [`Memo`]'s keys.
const STEP: usize = 8;
/// Slots; a power of two. Of keys of one step, with their marks, they fit the first-level cache.
const SLOTS: usize = 2048;
/// Of so many keys that meet a slot which is taken, one gets it: what is met once must not push out what is met always.
const PATIENCE: u32 = 8;

/// What is known of places by their next bytes, and by some more.
type Near = Memo<1>;
type Far = Memo<2>;

/// A worker's memory.
pub(super) struct Memory {
    near: Near,
    far: Far,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory { near: Memo::new(), far: Memo::new() }
    }
}

/// A place, and what stands there: from the byte before it on where it is inside of a word.
#[derive(Clone, Copy)]
pub(super) struct Place<'t> {
    pub(super) head: usize,
    /// With a zero for every digit.
    pub(super) plain: &'t [u8],
}

impl Memory {
    /// Bytes that a place is known by at most.
    pub(super) const WIDTH: usize = Far::WIDTH;

    /// Whether it is known by the next bytes that nothing is left.
    #[inline(always)]
    pub(super) fn is_nothing_near(&self, plain: &[u8], head: usize) -> bool {
        Near::key(plain).is_some_and(|key| self.near.is_nothing(&key, head))
    }

    /// The same by some more bytes.
    #[inline]
    pub(super) fn is_nothing(&self, p: &Place<'_>) -> bool {
        Far::key(p.plain).is_some_and(|key| self.far.is_nothing(&key, p.head))
    }

    /// Remembers a place where nothing was left after `read` bytes, and of which as many, or the length of its word, say that no
    /// name begins there.
    pub(super) fn met(&mut self, p: &Place<'_>, read: usize, automaton: &mut Automaton, heads: &Heads) {
        let read = read + usize::from(is_inside(p.head));
        if read <= Near::WIDTH {
            if let Some(key) = Near::key(p.plain) {
                self.near.met(&key, p.head, automaton, heads);
            }
        } else if read <= Far::WIDTH
            && let Some(key) = Far::key(p.plain)
        {
            self.far.met(&key, p.head, automaton, heads);
        }
    }
}

/// Places that are known by so many steps of bytes.
struct Memo<const STEPS: usize> {
    keys: Box<[[u64; STEPS]; SLOTS]>,
    /// By slot: the head whose key it holds, with one of the marks below.
    marks: Box<[u8; SLOTS]>,
    turned_away: u32,
}

/// It was read once.
const SEEN: u8 = 1 << 6;
/// Nothing is left there.
const NOTHING: u8 = 2 << 6;
/// Something may be left.
const ASKED: u8 = 3 << 6;

impl<const STEPS: usize> Memo<STEPS> {
    /// Bytes that a place is known by.
    const WIDTH: usize = STEP * STEPS;

    /// With nothing in it.
    fn new() -> Self {
        Memo { keys: Box::new([[0; STEPS]; SLOTS]), marks: Box::new([0; SLOTS]), turned_away: 0 }
    }

    /// What a place is known by, read from there on, or from the byte before it if it is inside of a word; `None` where the
    /// text is too short for it.
    #[inline(always)]
    fn key(bytes: &[u8]) -> Option<[u64; STEPS]> {
        let (steps, _) = bytes.as_chunks::<STEP>();
        Some(steps.first_chunk::<STEPS>()?.map(u64::from_le_bytes))
    }

    #[inline(always)]
    fn slot(key: &[u64; STEPS], head: usize) -> usize {
        let first = (head as u64).rotate_right(6);
        let mixed =
            key.iter().fold(first, |h, step| (h.rotate_left(23) ^ step).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        (mixed >> (64 - SLOTS.trailing_zeros())) as usize % SLOTS
    }

    /// Whether it is known that nothing is left.
    #[inline(always)]
    fn is_nothing(&self, key: &[u64; STEPS], head: usize) -> bool {
        let slot = Self::slot(key, head);
        (self.keys[slot] == *key) & (self.marks[slot] == head as u8 | NOTHING)
    }

    /// Remembers a place where nothing was left within [`Memo::WIDTH`] bytes. What is met a second time is worth the work of
    /// making sure.
    #[inline]
    fn met(&mut self, key: &[u64; STEPS], head: usize, automaton: &mut Automaton, heads: &Heads) {
        let slot = Self::slot(key, head);
        let (mark, head_mark) = (self.marks[slot], head as u8);
        if self.keys[slot] == *key && mark % SEEN == head_mark {
            if mark & ASKED == SEEN {
                let nothing = Self::find_out(key, head, automaton, heads);
                self.marks[slot] = head_mark | if nothing { NOTHING } else { ASKED };
            }
            return;
        }
        self.turned_away = self.turned_away.wrapping_add(u32::from(mark & NOTHING != 0));
        if mark & NOTHING == 0 || self.turned_away.is_multiple_of(PATIENCE) {
            (self.keys[slot], self.marks[slot]) = (*key, head_mark | SEEN);
        }
    }

    /// Whether nothing is left of what begins with `key`. No head tells one digit from another: what holds for its zeros
    /// holds for all.
    #[cold]
    fn find_out(key: &[u64; STEPS], head: usize, automaton: &mut Automaton, heads: &Heads) -> bool {
        let generation = automaton.generation();
        let Some(mut state) = automaton.head(heads, head) else { return false };
        let inside = is_inside(head);
        for byte in key.iter().flat_map(|step| step.to_le_bytes()).skip(usize::from(inside)) {
            match automaton.next(heads, state, Some(byte)) {
                Some(DEAD) => return automaton.generation() == generation,
                // Who asks has seen that an underscore there parts nothing.
                Some(to)
                    if automaton
                        .matches(to)
                        .iter()
                        .all(|p| inside && *p == FOLD || !heads.fits(*p, head)) =>
                {
                    state = to;
                }
                _ => return false,
            }
        }
        false
    }
}
