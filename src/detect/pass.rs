//! The one pass over the bytes of a text.
//!
//! It goes from piece to piece by what is remembered of them: [`super::pieces`], [`super::steps`]. At what is not known, an automaton
//! over the heads of all patterns at once reads on until none of them fits any more. Words that the model of names wants to look at
//! are found on the way.

use super::automaton::{Automaton, Heads};
use super::fold;
use super::names::{self, Names, NamesScratch};
use super::pieces::{Key, Pieces};
use super::prefilter::{Candidate, FOLD, NAME, Prefilter, set};
use super::rows::{DEAD, State};
use super::starts::is_word;
use super::steps::{self, EMPTY, END, Open, Scene, Set, Step, Steps};

/// Patterns that were seen at one place, one bit each; of those without a bit any may be seen again.
#[derive(Default)]
struct Seen([u64; 8]);

impl Seen {
    #[inline]
    fn is_new(&mut self, pattern: u16) -> bool {
        let Some(bits) = self.0.get_mut(usize::from(pattern / 64)) else { return true };
        let bit = 1 << (pattern % 64);
        let new = *bits & bit == 0;
        *bits |= bit;
        new
    }
}

/// Puts candidates in order of their places, those of names last at each, and leaves out what was found twice. Heads come to their
/// end a few words behind the place where they begin: no candidate has far to go.
pub(super) fn in_order(out: &mut Vec<Candidate>, first: usize) {
    let key = |c: &Candidate| (c.at, c.pattern == NAME);
    let list = &mut out[first..];
    if list.is_sorted_by(|a, b| a.at < b.at) {
        return;
    }
    for i in 1..list.len() {
        let mut to = i;
        while to > 0 && key(&list[to - 1]) > key(&list[to]) {
            list.swap(to - 1, to);
            to -= 1;
        }
    }
    let (mut at, mut seen, mut kept) = (None, Seen::default(), first);
    for i in first..out.len() {
        let candidate = out[i];
        if at != Some(candidate.at) {
            (at, seen) = (Some(candidate.at), Seen::default());
        }
        if seen.is_new(candidate.pattern) {
            out[kept] = candidate;
            kept += 1;
        }
    }
    out.truncate(kept);
}

/// One text being gone through.
pub(super) struct Pass<'p> {
    pub(super) filter: &'p Prefilter,
    pub(super) heads: &'p Heads,
    pub(super) automaton: &'p mut Automaton,
    pub(super) pieces: &'p mut Pieces,
    pub(super) steps: &'p mut Steps,
    pub(super) names: Option<&'p mut NamesScratch>,
    pub(super) text: &'p [u8],
    pub(super) out: &'p mut Vec<Candidate>,
    /// What is under way.
    pub(super) set: Set,
}

impl Pass<'_> {
    /// Makes the memory that of these heads and questions; `with_names` says whether names were asked for before.
    pub(super) fn begin(&mut self, with_names: &mut bool) {
        if *with_names != self.names.is_some() {
            *with_names = self.names.is_some();
            self.forget();
        }
        self.keep_up(0);
    }

    /// Appends the candidates that show in a piece; with its key and its bytes, digits alike, if it is one that may be known.
    #[inline]
    pub(super) fn piece(&mut self, start: usize, end: usize, piece: Option<(Key, &[u8])>) {
        let Some((key, plain)) = piece else { return self.unknown(start, end, true) };
        let Some(piece) = self.pieces.known(&key, plain.len()) else {
            return self.new_piece(&key, plain, start);
        };
        if piece.is_quiet() && self.set == EMPTY {
            return;
        }
        let (id, asked, named) = (piece.id, piece.asked, piece.named);
        let known = if self.set == EMPTY { Some(piece.step) } else { self.steps.known(self.set, id) };
        match known {
            Some(step) => self.take(step, start),
            None => self.work_out(Some(&Scene { plain, sets: &self.filter.sets }), id, start),
        }
        if asked | named != 0 {
            self.names(asked, named, start);
        }
    }

    /// Takes a step that leads over a piece.
    #[inline]
    fn take(&mut self, step: Step, start: usize) {
        self.set = step.next;
        if step.found == 0 {
            return;
        }
        for found in self.steps.found(step.found) {
            let at = start.wrapping_add_signed(isize::from(found.at));
            if found.pattern != FOLD || fold::begins(self.text, at) {
                self.out.push(Candidate { at: at as u32, pattern: found.pattern });
            }
        }
    }

    /// Works out the step over a piece that begins at `start`, or over the end of the text, and takes it.
    #[cold]
    fn work_out(&mut self, scene: Option<&Scene<'_>>, id: u32, start: usize) {
        if let Some(step) = self.steps.work_out(self.set, scene, self.heads, self.automaton) {
            self.steps.remember(self.set, id, step);
            return self.take(step, start);
        }
        let end = start + scene.map_or(0, |s| s.plain.len());
        self.unknown(start, end, false);
        self.forget();
    }

    /// A piece of which nothing is known; if it was met before, then what it says is found out.
    #[cold]
    fn new_piece(&mut self, key: &Key, plain: &[u8], start: usize) {
        self.unknown(start, start + plain.len(), true);
        if !self.pieces.meet(key, plain.len()) {
            return;
        }
        if !self.pieces.has_room() {
            return self.forget();
        }
        let scene = Scene { plain, sets: &self.filter.sets };
        match self.steps.work_out(EMPTY, Some(&scene), self.heads, self.automaton) {
            Some(step) => {
                let (asked, named) = self.names_of(plain, start);
                self.pieces.found_out(key, plain.len(), step, asked, named);
            }
            None => self.forget(),
        }
    }

    /// Reads what is under way, and begins in a part of the text, byte by byte.
    fn unknown(&mut self, start: usize, end: usize, with_names: bool) {
        self.finish(start);
        let (text, sets) = (self.text, &self.filter.sets);
        let is_in = |b: u8, set: usize| sets[usize::from(b)] >> set & 1 == 1;
        let mut in_word = start.checked_sub(1).is_some_and(|before| is_word(text[before]));
        for (at, &byte) in (start..end).zip(&text[start..end]) {
            let (before, word) = (in_word, is_in(byte, set::WORD));
            in_word = word;
            // That is most bytes.
            if before && word && !is_in(byte, set::INSIDE) {
                continue;
            }
            let place = steps::is_place(sets, byte, text.get(at + 1).copied(), before);
            let name = with_names && !before && (word || is_in(byte, set::LEAD));
            if !place && !name {
                continue;
            }
            // Outside of words it is the length of the one that begins here.
            let head = steps::head_at(text, at, before);
            if place {
                match self.automaton.head(self.heads, head) {
                    Some(state) => self.read(at, head, state, at),
                    None => self.filter.all_at(at, self.out),
                }
            }
            if name {
                self.ask(at, head);
            }
        }
        self.keep_up(end);
    }

    /// Reads what is under way before a place to its end.
    fn finish(&mut self, here: usize) {
        let mut i = 0;
        while let Some(Open { state, back, head }) = self.steps.under_way(self.set).get(i).copied() {
            let at = here - usize::from(back);
            match self.automaton.generation() == self.steps.generation() {
                true => self.read(at, usize::from(head), state, here),
                false => self.filter.all_at(at, self.out),
            }
            i += 1;
        }
        self.set = EMPTY;
    }

    /// Forgets the steps if their states mean nothing any more.
    fn keep_up(&mut self, here: usize) {
        if self.automaton.generation() != self.steps.generation() {
            self.finish(here);
            self.forget();
        }
    }

    /// Pieces and steps know each other by number, and are forgotten together.
    #[cold]
    fn forget(&mut self) {
        self.pieces.forget();
        self.steps.forget(self.automaton.generation());
    }

    /// Appends the candidates that show at the end of the text.
    pub(super) fn end(&mut self) {
        if self.set != EMPTY {
            match self.steps.known(self.set, END) {
                Some(step) => self.take(step, self.text.len()),
                None => self.work_out(None, END, self.text.len()),
            }
            self.set = EMPTY;
        }
    }

    /// Adds the places of a piece where names may begin.
    fn names(&mut self, asked: u16, named: u16, start: usize) {
        let mut bits = asked | named;
        while bits != 0 {
            let i = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            if asked >> i & 1 == 1 {
                self.ask(start + i, steps::head_at(self.text, start + i, false));
            } else if Names::begins(self.text, start + i) {
                self.out.push(Candidate { at: (start + i) as u32, pattern: NAME });
            }
        }
    }

    /// Adds the place if the word of such a length there may be a name.
    fn ask(&mut self, at: usize, length: usize) {
        let Some(names) = &mut self.names else { return };
        if Names::builtin().at(self.text, at, length, names).is_place {
            self.out.push(Candidate { at: at as u32, pattern: NAME });
        }
    }

    /// The places of a piece at which names must be asked for, and those of names if words can begin there.
    fn names_of(&mut self, plain: &[u8], start: usize) -> (u16, u16) {
        let (mut asked, mut named) = (0, 0);
        let Some(names) = &mut self.names else { return (0, 0) };
        for at in 0..plain.len() {
            let Some(length) = name_length(plain, at) else { continue };
            let verdict = Names::builtin().at(self.text, start + at, length, names);
            match verdict.read {
                Some(read) if at + read <= plain.len() => named |= u16::from(verdict.is_place) << at,
                _ => asked |= 1 << at,
            }
        }
        (asked, named)
    }

    /// Reads on in a state from `from`, for a head that began at `at`, and appends every pattern that fits there.
    fn read(&mut self, at: usize, head: usize, mut state: State, from: usize) {
        let Pass { filter, heads, automaton, text, out, .. } = self;
        let mut seen = Seen::default();
        let mut bytes = text[from..].iter();
        loop {
            let byte = bytes.next();
            let Some(next) = automaton.next(heads, state, byte.copied()) else {
                return filter.all_at(at, out);
            };
            for &pattern in automaton.matches(next) {
                let pattern = pattern as u16;
                if !heads.fits(pattern, head) || pattern == FOLD && !fold::begins(text, at) {
                    continue;
                }
                if seen.is_new(pattern) {
                    out.push(Candidate { at: at as u32, pattern });
                }
            }
            if next == DEAD || byte.is_none() {
                return;
            }
            state = next;
        }
    }
}

/// The length of the word at a place where names may begin: outside of words, with a letter or a digit or a byte outside ASCII.
fn name_length(text: &[u8], at: usize) -> Option<usize> {
    if at.checked_sub(1).is_some_and(|before| is_word(text[before])) {
        return None;
    }
    let length = text[at..].iter().take_while(|b| is_word(**b)).count();
    (length > 0 || names::LEADS.contains(&text[at])).then_some(length)
}
