//! The one pass over the bytes: gives the places where some pattern may match.
//!
//! Most places are ruled out 64 at a time: a match begins where a word does, or at one of a few other bytes. At each place
//! that is left, an automaton over the heads of all patterns at once reads on until none of them fits any more. The
//! first thing it reads is the length of the word there, which rules out nearly everything: among all words of ten
//! letters, few begin anything.

use super::automaton::{Automaton, DEAD, Heads, MATCH, State, UNKNOWN, head_of};
use super::classes::{BLOCK, ByteSet, Classifier, Masks, SETS};
use super::fold;
use super::starts::{LONGEST, Starts, is_word};

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

/// Blocks whose masks are computed in one go: they stay in the first-level cache.
const CHUNK: usize = 32;

/// The sets that places are chosen by.
mod set {
    pub(super) const WORD: usize = 0;
    /// Bytes that are no word and begin a match, if one of `SECOND` comes next.
    pub(super) const FIRST: usize = 1;
    pub(super) const SECOND: usize = 2;
    /// Bytes that are no word and begin a match.
    pub(super) const ALONE: usize = 3;
    /// Bytes that begin a match although they stand inside of a word.
    pub(super) const INSIDE: usize = 4;
}

/// All patterns' starts, merged.
pub(super) struct Prefilter {
    heads: Option<Heads>,
    classifier: Classifier,
    patterns: u16,
}

/// A worker's memory for the pass.
#[derive(Default)]
pub(crate) struct PrefilterScratch {
    masks: Vec<Masks>,
    automaton: Option<Automaton>,
    left: Vec<Left>,
}

/// A place at which something is left after four bytes.
#[derive(Clone, Copy, Default)]
struct Left {
    at: u32,
    head: u16,
    state: State,
    seen: State,
}

impl Prefilter {
    /// Merges the starts of all patterns; `starts[i]` is that of pattern `i + 1`.
    pub(super) fn new(starts: Vec<Starts>) -> Prefilter {
        let starts = &[vec![fold::starts()], starts].concat()[..];
        let heads = Heads::new(starts);
        let mut sets = [ByteSet::default(); SETS];
        (0..=255).filter(|b| is_word(*b)).for_each(|b| sets[set::WORD].insert(b));
        let mut p = Prefilter { heads, classifier: Classifier::new(&sets), patterns: starts.len() as u16 };
        p.choose_places(&mut sets);
        p.classifier = Classifier::new(&sets);
        p
    }

    /// Asks the automaton which bytes begin a match, so that it need not be asked at the others.
    fn choose_places(&self, sets: &mut [ByteSet; SETS]) {
        let Some(heads) = &self.heads else { return };
        let mut automaton = Automaton::new(heads);
        // Bytes of one class are all alike, and are either all word bytes or all none.
        let classes = heads.classes();
        let members = |class: u8| (0..=255).filter(move |b| heads.class(*b) == heads.class(class));
        for &class in &classes {
            if is_word(class) {
                let alive = (1..=LONGEST).any(|len| automaton.lives(heads, head_of(len, true), &[class]));
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

    /// Appends every candidate of `text` to `out`, in order of place.
    pub(super) fn candidates(&self, text: &[u8], scratch: &mut PrefilterScratch, out: &mut Vec<Candidate>) {
        let Some(heads) = &self.heads else { return self.everywhere(text, out) };
        let PrefilterScratch { masks, automaton, left } = scratch;
        let automaton = automaton.get_or_insert_with(|| Automaton::new(heads));
        left.resize(CHUNK * BLOCK, Left::default());
        let (mut at, mut word_before, mut count) = (0, 0, 0);
        while at < text.len() {
            // One block more than is looked at, since words reach over the end of a block.
            let upto = text.len().min(at + (CHUNK + 1) * BLOCK);
            self.classifier.masks(&text[at..upto], masks);
            let blocks = (text.len() - at).div_ceil(BLOCK).min(CHUNK);
            let generation = automaton.generation();
            for b in 0..blocks {
                let base = at + b * BLOCK;
                let here = &masks[b];
                let next = masks.get(b + 1).copied().unwrap_or_default();
                let word = here[set::WORD];
                let preceded = word << 1 | word_before;
                word_before = word >> 63;
                // What begins with the last byte of all has no second one.
                let last =
                    if text.len() - base <= BLOCK { 1 << ((text.len() - base - 1) % BLOCK) } else { 0 };
                let second = here[set::SECOND] >> 1 | next[set::SECOND] << 63 | last;
                let inside = word & preceded & here[set::INSIDE];
                let other = here[set::ALONE] | here[set::FIRST] & second;
                let mut places = word & !preceded | inside | other;
                while places != 0 {
                    let i = places.trailing_zeros();
                    places &= places - 1;
                    let ahead = if i == 0 { word } else { word >> i | next[set::WORD] << (BLOCK as u32 - i) };
                    let length = ahead.trailing_ones().min(LONGEST);
                    let head = head_of(length, inside >> i & 1 == 1);
                    let place = base + i as usize;
                    // Nearly always nothing is left after four bytes. No branch depends on it: the processor is at the next
                    // places before this one is done.
                    let (state, seen) = match text[place..].first_chunk::<4>() {
                        Some(four) => automaton.four(heads, head, *four),
                        None => (UNKNOWN, UNKNOWN),
                    };
                    left[count] = Left { at: place as u32, head: head as u16, state, seen };
                    count += usize::from(state != DEAD || seen & MATCH != 0);
                }
            }
            for place in &left[..count] {
                // Reading on may have made the automaton begin anew, and the states reached before are none any more.
                let state = if automaton.generation() == generation { place.state } else { UNKNOWN };
                self.read(heads, automaton, text, Left { state, ..*place }, out);
            }
            count = 0;
            at += blocks * BLOCK;
        }
    }

    /// Reads on from a place, and appends every pattern that fits there.
    fn read(
        &self,
        heads: &Heads,
        automaton: &mut Automaton,
        text: &[u8],
        place: Left,
        out: &mut Vec<Candidate>,
    ) {
        let first = out.len();
        let at = place.at as usize;
        let (mut state, mut bytes) = (place.state, text[at..].iter());
        if place.state == UNKNOWN || place.seen & MATCH != 0 {
            let Some(head) = automaton.head(heads, usize::from(place.head)) else {
                return self.all_at(at, out);
            };
            state = head;
        } else {
            bytes = text[at + 4..].iter();
        }
        loop {
            let byte = bytes.next();
            let Some(next) = automaton.next(heads, state, byte.copied()) else { return self.all_at(at, out) };
            for &pattern in automaton.matches(next) {
                if pattern == FOLD && !fold::begins(text, at) {
                    continue;
                }
                if !out[first..].iter().any(|c| c.pattern == pattern) {
                    out.push(Candidate { at: at as u32, pattern });
                }
            }
            if next == DEAD || byte.is_none() {
                return;
            }
            state = next;
        }
    }

    /// Without an answer from the automaton, everything is possible.
    #[cold]
    fn all_at(&self, at: usize, out: &mut Vec<Candidate>) {
        out.extend((0..self.patterns).map(|pattern| Candidate { at: at as u32, pattern }));
    }

    #[cold]
    fn everywhere(&self, text: &[u8], out: &mut Vec<Candidate>) {
        (0..text.len()).for_each(|at| self.all_at(at, out));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_automata::{Anchored, Input, meta::Regex};

    use super::*;

    const PATTERNS: &[&str] = &[
        r"\b\d{3}-\d{2}-\d{4}\b",
        r"\b\d{3} ?\d{2} ?\d{4}\b",
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
        ) {
            let (mut prefilter, regexes) = build();
            // With little memory it begins anew in the middle of a text, again and again.
            prefilter.heads.as_mut().unwrap().most_states = most_states;
            let text = format!("{head}{body}").into_bytes();
            let (mut scratch, mut found) = (PrefilterScratch::default(), Vec::new());
            // States of one text are there for the next; only then can they be lost on the way.
            for _ in 0..3 {
                found.clear();
                prefilter.candidates(&text, &mut scratch, &mut found);
            }
            prop_assert!(found.windows(2).all(|w| w[0].at <= w[1].at));
            for at in 0..text.len() {
                for (i, re) in regexes.iter().enumerate() {
                    let input = Input::new(&text).span(at..text.len()).anchored(Anchored::Yes);
                    if re.search(&input).is_some() {
                        let hit = found.contains(&Candidate { at: at as u32, pattern: i as u16 + 1 });
                        prop_assert!(hit, "pattern {i} at {at} of {:?}", String::from_utf8_lossy(&text));
                    }
                }
            }
        }
    }

    #[test]
    fn clean_text_has_no_candidates() {
        let (prefilter, _) = build();
        let mut found = Vec::new();
        let text =
            b"level=info msg=started worker=7 took 12ms and nothing else happened in the meantime, honestly";
        prefilter.candidates(text, &mut PrefilterScratch::default(), &mut found);
        let of_four = |c: &&Candidate| c.pattern as usize != PATTERNS.len();
        assert_eq!(found.iter().find(of_four), None);
        assert_eq!(found.len(), 3, "info, took and else have four letters");
    }
}
