//! The one pass over the bytes: gives the places where some pattern may match.
//!
//! Most places are ruled out 64 at a time: a match begins where a word does, or at one of a few other bytes. At each place
//! that is left, an automaton over the heads of all patterns at once reads on until none of them fits any more; what does not
//! begin with a word as long as the one there is left out. Words that the model of names wants to look at are found on the way.

use super::automaton::{Automaton, Heads, head_of};
use super::classes::{BLOCK, ByteSet, Classifier, Masks};
use super::fold;
use super::names::{self, Names, NamesScratch};
use super::pieces::{CHUNK, Chunk, Key, Pieces};
use super::rows::{DEAD, State};
use super::starts::{Starts, is_word};
use super::steps::{self, EMPTY, END, Open, Scene, Set, Step, Steps};

/// A place where a pattern may match, or, for one that is found by what stands in it, where that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) at: u32,
    pub(crate) pattern: u16,
}

/// The first of all patterns is what calls for [`fold`].
pub(super) const FOLD: u16 = 0;

/// No pattern: a word that the model of names wants to look at.
pub(super) const NAME: u16 = u16::MAX;
/// The place of something that may be in the roster.
pub(super) const ROSTER: u16 = u16::MAX - 1;

/// The sets that places are chosen by.
pub(super) mod set {
    /// Bytes that are no word and begin a match, if one of `SECOND` comes next.
    pub(in super::super) const FIRST: usize = 0;
    pub(in super::super) const SECOND: usize = 1;
    /// Bytes that are no word and begin a match.
    pub(in super::super) const ALONE: usize = 2;
    /// Bytes that begin a match although they stand inside of a word.
    pub(in super::super) const INSIDE: usize = 3;
    pub(in super::super) const WORD: usize = 4;
    /// First bytes of letters outside ASCII: names may begin with them.
    pub(in super::super) const LEAD: usize = 5;
    pub(in super::super) const COUNT: usize = 6;
}

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

/// All patterns' starts, merged.
pub(super) struct Prefilter {
    pub(super) heads: Option<Heads>,
    /// By byte: the sets it is in.
    sets: [u8; 256],
    words: Classifier<1>,
    patterns: u16,
}

/// A worker's memory for the pass.
#[derive(Default)]
pub(crate) struct PrefilterScratch {
    words: Vec<Masks<1>>,
    chunk: Chunk,
    pub(super) automaton: Option<Automaton>,
    pieces: Pieces,
    steps: Steps,
    /// Names were asked for, too, when the pieces were met.
    with_names: bool,
}

impl Prefilter {
    /// Merges the starts of all patterns; `starts[i]` is that of pattern `i + 1`.
    pub(super) fn new(starts: Vec<Starts>) -> Prefilter {
        let starts: Vec<Starts> = std::iter::once(fold::starts()).chain(starts).collect();
        Prefilter::of(Heads::new(&starts), starts.len())
    }

    /// The same, of heads that are merged already, those of folding among them.
    pub(super) fn of(heads: Option<Heads>, patterns: usize) -> Prefilter {
        let mut sets = [ByteSet::default(); set::COUNT];
        sets[set::WORD] = ByteSet::WORD;
        names::LEADS.for_each(|b| sets[set::LEAD].insert(b));
        let words = Classifier::new(&[ByteSet::WORD]);
        let mut p = Prefilter { heads, sets: [0; 256], words, patterns: patterns as u16 };
        p.choose_places(&mut sets);
        p.sets = Classifier::new(&sets).table;
        p
    }

    /// Asks the automaton which bytes begin a match, so that it need not be asked at the others.
    fn choose_places(&self, sets: &mut [ByteSet; set::COUNT]) {
        let Some(heads) = &self.heads else { return };
        let mut automaton = Automaton::new(heads);
        // Bytes of one class are all alike, and are either all word bytes or all none.
        let classes = heads.classes();
        let members = |class: u8| (0..=255).filter(move |b| heads.class(*b) == heads.class(class));
        for &class in &classes {
            if is_word(class) {
                let alive = automaton.lives(heads, head_of(1, true), &[class]);
                members(class).filter(|_| alive).for_each(|b| sets[set::INSIDE].insert(b));
                continue;
            }
            if !automaton.lives(heads, head_of(0, false), &[class]) {
                continue;
            }
            let mut second = ByteSet::default();
            for &next in &classes {
                if automaton.lives(heads, head_of(0, false), &[class, next]) {
                    members(next).for_each(|b| second.insert(b));
                }
            }
            // In JSON a quote follows on every comma and colon.
            if second.len() <= 48 && !second.contains(b'"') {
                members(class).for_each(|b| sets[set::FIRST].insert(b));
                sets[set::SECOND] = sets[set::SECOND].union(&second);
            } else {
                members(class).for_each(|b| sets[set::ALONE].insert(b));
            }
        }
    }

    /// Appends every candidate of `text` to `out`, in order of place; with those of names where their memory is given.
    pub(super) fn candidates(
        &self,
        text: &[u8],
        scratch: &mut PrefilterScratch,
        names: Option<&mut NamesScratch>,
        out: &mut Vec<Candidate>,
    ) {
        let Some(heads) = &self.heads else { return self.everywhere(text, names, out) };
        if scratch.with_names != names.is_some() {
            scratch.with_names = names.is_some();
            scratch.pieces.forget();
            scratch.steps.forget(0);
        }
        let first = out.len();
        let PrefilterScratch { words, chunk, automaton, pieces, steps, .. } = scratch;
        let automaton = automaton.get_or_insert_with(|| Automaton::new(heads));
        let mut pass = Pass { filter: self, heads, automaton, pieces, steps, names, text, out, set: EMPTY };
        pass.keep_up(0);
        let (mut at, mut done, mut in_word) = (0, 0, false);
        while at + done < text.len() {
            // One block more than is looked at, since pieces reach over the end of a block.
            let upto = text.len().min(at + CHUNK + BLOCK);
            self.words.masks(&text[at..upto], words);
            in_word = chunk.cut(&text[at..upto], done, in_word, words);
            for (i, piece) in chunk.starts.windows(2).enumerate() {
                let [start, end] = [piece[0] as usize, piece[1] as usize];
                // What comes first later on may be the rest of something longer.
                let key = if i == 0 && at > 0 { None } else { chunk.key(start, end) };
                pass.piece(&chunk.plain, at, start, end, key);
            }
            done = (chunk.starts.last().copied().unwrap_or(0) as usize).saturating_sub(CHUNK);
            at += CHUNK;
        }
        pass.end();
        in_order(out, first);
    }

    #[cold]
    fn everywhere(&self, text: &[u8], names: Option<&mut NamesScratch>, out: &mut Vec<Candidate>) {
        (0..text.len()).for_each(|at| self.all_at(at, out));
        if let Some(names) = names {
            let add = |at: usize| out.push(Candidate { at: at as u32, pattern: NAME });
            Names::builtin().places(text, names, add);
            out.sort_unstable_by_key(|c| (c.at, c.pattern));
        }
    }

    /// Without an answer from the automaton, everything is possible.
    #[cold]
    fn all_at(&self, at: usize, out: &mut Vec<Candidate>) {
        out.extend((0..self.patterns).map(|pattern| Candidate { at: at as u32, pattern }));
    }
}

/// Puts candidates in order of their places, those of names last at each, and leaves out what was found twice. Heads come to their
/// end a few words behind the place where they begin: no candidate has far to go.
fn in_order(out: &mut Vec<Candidate>, first: usize) {
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
struct Pass<'p> {
    filter: &'p Prefilter,
    heads: &'p Heads,
    automaton: &'p mut Automaton,
    pieces: &'p mut Pieces,
    steps: &'p mut Steps,
    names: Option<&'p mut NamesScratch>,
    text: &'p [u8],
    out: &'p mut Vec<Candidate>,
    /// What is under way.
    set: Set,
}

impl Pass<'_> {
    /// Appends the candidates that show in a piece of a chunk, which begins at `base`.
    #[inline]
    fn piece(&mut self, plain: &[u8], base: usize, start: usize, end: usize, key: Option<Key>) {
        let Some(key) = key else { return self.unknown(base + start, base + end, true) };
        let Some(piece) = self.pieces.known(&key, end - start) else {
            return self.new_piece(&key, &plain[start..end], base + start);
        };
        if piece.is_quiet() && self.set == EMPTY {
            return;
        }
        let (id, asked, named) = (piece.id, piece.asked, piece.named);
        let known = if self.set == EMPTY { Some(piece.step) } else { self.steps.known(self.set, id) };
        match known {
            Some(step) => self.take(step, base + start),
            None => {
                let scene = Scene { plain: &plain[start..end], sets: &self.filter.sets };
                self.work_out(Some(&scene), id, base + start);
            }
        }
        if asked | named != 0 {
            self.names(asked, named, base + start);
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
        if !self.pieces.is_met(key, plain.len()) {
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

    #[cold]
    fn forget(&mut self) {
        self.pieces.forget();
        self.steps.forget(self.automaton.generation());
    }

    fn end(&mut self) {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_automata::{Anchored, Input, meta::Regex};

    use super::*;

    const PATTERNS: &[&str] = &[
        r"\b\d{3}-\d{2}-\d{4}\b",
        r"\b\d{3} ?\d{2} ?\d{4}\b",
        r"\b[12]\d{3}/0[1-9]",
        r"_[a-f]",
        r"\(?\d{3}\)?[ .-]\d{3}",
        r"\b(?i:patient|pt|dr)[.: ]{1,2}[A-Z]",
        r"\b(?i:jan|feb)(?i:uary)? \d",
        r"\b[0-9a-fA-F]{1,4}:[0-9a-fA-F]{1,4}:",
        r"\B::[a-f]",
        r"[)]",
        r"(?:-|\b)pt\b",
        r"\b[a-z]{4}\b",
    ];

    fn build() -> (Prefilter, Vec<Regex>) {
        let mut starts = Vec::new();
        let mut regexes = Vec::new();
        for p in PATTERNS {
            let hir = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(p).unwrap();
            starts.push(Starts::of(&hir).unwrap());
            regexes.push(Regex::builder().build_from_hir(&hir).unwrap());
        }
        (Prefilter::new(starts), regexes)
    }

    proptest! {
        /// No place where a pattern matches is missed.
        #[test]
        fn every_match_is_a_candidate(
            head in "[a-z0-9 ]{0,70}",
            body in r"(?:[0-9]{1,5}|[-. :/()]|patient|Pt|DR|jan|February|[a-f]{1,4}|[A-Z]|\u{e9}){0,40}",
            most_states in prop_oneof![Just(usize::MAX), 3..60usize],
            turn in 1..10u8,
        ) {
            let (mut prefilter, regexes) = build();
            // With little memory it begins anew in the middle of a text, again and again.
            prefilter.heads.as_mut().unwrap().machine.most_states = most_states;
            let text = format!("{head}{body}").into_bytes();
            let (mut scratch, mut found) = (PrefilterScratch::default(), Vec::new());
            let mut check = |text: &[u8]| {
                // What one text taught is used on the next, and may be lost on the way.
                let mut first = Vec::new();
                prefilter.candidates(text, &mut PrefilterScratch::default(), None, &mut first);
                for _ in 0..4 {
                    found.clear();
                    prefilter.candidates(text, &mut scratch, None, &mut found);
                    prop_assert!(most_states < usize::MAX || found == first, "{found:?} instead of {first:?}");
                }
                prop_assert!(found.windows(2).all(|w| w[0].at <= w[1].at));
                let twice = |(i, c): (usize, &Candidate)| found[..i].contains(c);
                prop_assert!(!found.iter().enumerate().any(twice));
                for at in 0..text.len() {
                    for (i, re) in regexes.iter().enumerate() {
                        let input = Input::new(text).span(at..text.len()).anchored(Anchored::Yes);
                        if re.search(&input).is_some() {
                            let hit = found.contains(&Candidate { at: at as u32, pattern: i as u16 + 1 });
                            prop_assert!(hit, "pattern {i} at {at} of {:?}", String::from_utf8_lossy(text));
                        }
                    }
                }
                Ok(())
            };
            check(&text)?;
            // Other digits, and other neighbours of what was seen.
            let turned = |b: &u8| if b.is_ascii_digit() { b'0' + (b - b'0' + turn) % 10 } else { *b };
            check(&text.iter().map(turned).collect::<Vec<u8>>())?;
            check(&text[text.len() / 3..])?;
        }
    }

    proptest! {
        /// Names are looked at where the words say so, whatever is remembered of them.
        #[test]
        fn every_name_is_a_candidate(
            parts in proptest::collection::vec(
                prop_oneof![
                    "[a-z]{1,17}", "[A-Z][a-z]{1,12}", "[ .,'_%:@/-]", "[0-9]{1,4}", Just("\u{2019}".to_string()),
                    Just("O'Brien".to_string()), Just("Zo\u{eb}".to_string()), Just("\u{c9}lodie".to_string()),
                    Just("Mary".to_string()), Just("smith's".to_string()), Just("GARCIA".to_string()), Just("wojciechowski".to_string()),
                    Just("\u{a0}".to_string()), Just("Li".to_string()), Just("keller ".to_string()), Just("Appointment ".to_string()),
                ],
                0..24,
            ),
            turn in 1..10u8,
        ) {
            let (prefilter, _) = build();
            let text = parts.concat().into_bytes();
            let turned = |b: &u8| if b.is_ascii_digit() { b'0' + (b - b'0' + turn) % 10 } else { *b };
            let (mut scratch, mut names, mut found) = <(PrefilterScratch, NamesScratch, Vec<Candidate>)>::default();
            let mut ask = |text: &[u8], with_names: bool| {
                found.clear();
                prefilter.candidates(text, &mut scratch, with_names.then_some(&mut names), &mut found);
                found.iter().filter(|c| c.pattern == NAME).map(|c| c.at as usize).collect::<Vec<_>>()
            };
            let all = [text.clone(), text.iter().map(turned).collect(), text[text.len() / 3..].to_vec(), text];
            let mut want = Vec::new();
            for text in &all {
                want.clear();
                Names::builtin().places(text, &mut NamesScratch::default(), |at| want.push(at));
                for _ in 0..4 {
                    prop_assert_eq!(&ask(text, true), &want, "{:?}", String::from_utf8_lossy(text));
                }
            }
            // What is learnt while nobody asks for names is not held against them.
            for _ in 0..3 {
                prop_assert_eq!(ask(&all[3], false), Vec::<usize>::new());
            }
            prop_assert_eq!(ask(&all[3], true), want);
        }
    }

    /// What is remembered of one text is not held against another that only looks alike.
    #[test]
    fn what_was_learnt_holds_for_what_it_was_learnt_from() {
        let (prefilter, _) = build();
        let rest = ", and a good deal more that says nothing at all";
        let pairs = [
            ("3012/05", "1012/05", 0, 3),
            ("3012/05", "2999/09", 0, 3),
            ("stamped: 2026/99", "stamped: 2026/09", 9, 3),
            ("._7 units", "a_7 units", 1, 0),
            ("a_7 units", "._7 units", usize::MAX, 0),
            ("xx_gate", "xx_fate", 2, 4),
            ("123-45-67890", "123-45-6789,", 0, 1),
        ];
        for (taught, asked, at, pattern) in pairs {
            let (mut scratch, mut found) = (PrefilterScratch::default(), Vec::new());
            for _ in 0..6 {
                prefilter.candidates(format!("{taught}{rest}").as_bytes(), &mut scratch, None, &mut found);
            }
            for _ in 0..2 {
                found.clear();
                prefilter.candidates(format!("{asked}{rest}").as_bytes(), &mut scratch, None, &mut found);
                let is_there = found.iter().any(|c| c.at as usize == at && c.pattern == pattern);
                assert_eq!(is_there, at != usize::MAX, "{asked} after {taught}: {found:?}");
            }
        }
    }

    #[test]
    fn clean_text_has_no_candidates() {
        let (prefilter, _) = build();
        let mut found = Vec::new();
        let text =
            b"level=info msg=started worker=7 took 12ms and nothing else happened in the meantime, honestly";
        prefilter.candidates(text, &mut PrefilterScratch::default(), None, &mut found);
        let of_four = |c: &&Candidate| c.pattern as usize != PATTERNS.len();
        assert_eq!(found.iter().find(of_four), None);
        assert_eq!(found.len(), 3, "info, took and else have four letters");
    }
}
