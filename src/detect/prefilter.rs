//! Gives the places where some pattern may match: the heads of all patterns, and which bytes they begin with.
//!
//! A match begins where a word does, or at one of a few other bytes; what does not begin with a word as long as the one there is
//! left out. How a text is gone through is told by [`super::pass`].

use super::automaton::{Automaton, Heads, head_of};
use super::classes::{ByteSet, Classifier};
use super::fold;
use super::names::{self, Names, NamesScratch};
use super::pass::{Pass, in_order};
use super::pieces::{Chunk, Pieces};
use super::starts::{Starts, is_word};
use super::steps::{EMPTY, Steps};

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

/// All patterns' starts, merged.
pub(super) struct Prefilter {
    pub(super) heads: Option<Heads>,
    /// By byte: the sets it is in.
    pub(super) sets: [u8; 256],
    words: Classifier<1>,
    patterns: u16,
}

/// A worker's memory for the pass.
#[derive(Default)]
pub(crate) struct PrefilterScratch {
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
        let first = out.len();
        let PrefilterScratch { chunk, automaton, pieces, steps, with_names } = scratch;
        let automaton = automaton.get_or_insert_with(|| Automaton::new(heads));
        let mut pass = Pass { filter: self, heads, automaton, pieces, steps, names, text, out, set: EMPTY };
        pass.begin(with_names);
        chunk.pieces(&self.words, text, |start, end, piece| pass.piece(start, end, piece));
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
    pub(super) fn all_at(&self, at: usize, out: &mut Vec<Candidate>) {
        out.extend((0..self.patterns).map(|pattern| Candidate { at: at as u32, pattern }));
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
