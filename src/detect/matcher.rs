//! A pattern, compiled when it is first needed, and where it matches.
//!
//! Patterns are tried at places where they are known to begin, if they stand there at all: no search, one pass over a few
//! bytes by [`super::rows`]. Which part of a match goes (the group `phi`) mostly follows from where what stands before
//! the group can end; only where that leaves a choice does a regex engine with captures decide.

use std::sync::OnceLock;

use regex_automata::meta::{Cache, Regex};
use regex_automata::nfa::thompson::backtrack::{self, BoundedBacktracker};
use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::nfa::thompson::{self, NFA};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, PatternID};

use super::rows::Machine;
use super::starts::{Inner, is_word};
use super::tables::{Match, Tables, TablesScratch, Unsure};
use crate::span::Span;

/// `phi` is one of the first groups of its pattern; the pack's lint sees to it.
const MAX_GROUPS: usize = 16;
/// What a worker's memory for all patterns may take. Past that all begins anew.
const WORKER_BYTES: usize = 16 << 20;
/// So often that is looked at: after so many tries to match.
const BETWEEN: u32 = 1 << 14;

/// A pattern, compiled when it is first needed.
pub(super) struct Matcher {
    text: String,
    pub(super) inner: Option<Inner>,
    pub(super) detector: u16,
    pub(super) max_len: usize,
    tables: OnceLock<Option<Tables>>,
    engine: OnceLock<Option<Engine>>,
    groups: OnceLock<Option<Groups>>,
}

/// Tells where groups stand, for what tables do not tell.
struct Groups {
    nfa: NFA,
    /// Group of `phi`.
    phi: Option<usize>,
}

/// A regex engine: looks for matches, and is the oracle of tests.
struct Engine {
    regex: Regex,
    /// Group of `phi`.
    phi: Option<usize>,
}

/// A worker's memory for all patterns.
#[derive(Default)]
pub(super) struct MatcherScratch {
    patterns: Vec<Option<Box<PatternScratch>>>,
    groups: Option<backtrack::Cache>,
    /// Where a match may begin.
    starts: Vec<usize>,
    /// Matches tried since its size was looked at.
    tried: u32,
}

impl MatcherScratch {
    pub(super) fn new(patterns: usize) -> MatcherScratch {
        let mut scratch = MatcherScratch::default();
        scratch.patterns.resize_with(patterns, || None);
        scratch
    }

    /// That of a pattern. All of it begins anew if it has grown too large, which is looked at now and then.
    #[inline]
    fn of(&mut self, pattern: usize) -> &mut PatternScratch {
        self.tried += 1;
        if self.tried == BETWEEN {
            self.tried = 0;
            self.bound();
        }
        self.patterns[pattern].get_or_insert_default()
    }

    #[cold]
    fn bound(&mut self) {
        let bytes: usize = self.patterns.iter().flatten().map(|p| p.bytes()).sum();
        if bytes <= WORKER_BYTES {
            return;
        }
        *self = MatcherScratch::new(self.patterns.len());
    }
}

/// A worker's memory of one pattern.
#[derive(Default)]
struct PatternScratch {
    tables: TablesScratch,
    cache: Option<Cache>,
}

impl PatternScratch {
    fn bytes(&self) -> usize {
        self.tables.bytes() + self.cache.as_ref().map_or(0, Cache::memory_usage)
    }
}

/// Patterns are over bytes.
fn bytes() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

impl Matcher {
    pub(super) fn new(text: String, inner: Option<Inner>, detector: u16, max_len: usize) -> Matcher {
        Matcher {
            text,
            inner,
            detector,
            max_len,
            tables: OnceLock::new(),
            engine: OnceLock::new(),
            groups: OnceLock::new(),
        }
    }

    /// The regex engine. Packs are linted with the same parser, so that compiling cannot fail; if it does all the
    /// same, `None` makes nothing match.
    fn engine(&self) -> Option<&Engine> {
        let build = || {
            // A pattern that passed the lint must not be left out for its size.
            let config = Regex::config().utf8_empty(false).nfa_size_limit(None);
            let regex = Regex::builder().syntax(bytes()).configure(config).build(&self.text).ok()?;
            let phi = regex.group_info().to_index(PatternID::ZERO, "phi");
            (phi.is_none_or(|group| group < MAX_GROUPS)).then_some(Engine { regex, phi })
        };
        self.engine.get_or_init(build).as_ref()
    }

    fn groups(&self) -> Option<&Groups> {
        let build = || {
            let config = thompson::Config::new().utf8(false);
            let nfa = thompson::Compiler::new().syntax(bytes()).configure(config).build(&self.text).ok()?;
            let phi = nfa.group_info().to_index(PatternID::ZERO, "phi");
            (phi.is_none_or(|group| group < MAX_GROUPS)).then_some(Groups { nfa, phi })
        };
        self.groups.get_or_init(build).as_ref()
    }

    /// `None` if it is too large for automata.
    fn tables(&self) -> Option<&Tables> {
        let build = || {
            let hir = syntax::parse_with(&self.text, &bytes()).ok()?;
            Tables::new(&hir, self.inner)
        };
        self.tables.get_or_init(build).as_ref()
    }

    /// The pattern as an automaton that is gone through byte by byte; `None` if that would be too large.
    pub(super) fn automaton(&self) -> Option<&Machine> {
        self.tables().map(Tables::automaton)
    }

    /// Whether a whole value is a match.
    pub(super) fn fits(&self, value: &[u8]) -> bool {
        // A pattern that cannot be compiled stops nothing from being found.
        self.engine().is_none_or(|e| e.regex.is_match(Input::new(value).anchored(Anchored::Yes)))
    }

    /// What goes of the match at a place, or of the one that a place found by its middle stands in; the pattern is that of number
    /// `i` in `scratch`.
    pub(super) fn match_at(
        &self,
        text: &[u8],
        at: usize,
        i: usize,
        scratch: &mut MatcherScratch,
    ) -> Option<Span> {
        match self.inner {
            None => self.begins_at(text, at, i, scratch).map(|m| m.phi),
            Some(inner) => self.around(text, at, inner, i, scratch),
        }
    }

    /// The match that begins at a place.
    fn begins_at(&self, text: &[u8], at: usize, i: usize, scratch: &mut MatcherScratch) -> Option<Match> {
        let mut most = text.len().min(at + self.max_len);
        if let Some(tables) = self.tables() {
            // An automaton that began anew knows the way the second time.
            for _ in 0..2 {
                match tables.begins_at(text, at, &mut scratch.of(i).tables) {
                    Ok(found) => return found,
                    Err(Unsure::Anew) => {}
                    Err(Unsure::Several(end)) => {
                        most = end;
                        break;
                    }
                }
            }
        }
        self.groups()?.find(text, at, most, &mut scratch.groups)
    }

    /// The same by the regex engine alone: the oracle of tests.
    pub(super) fn begins_at_slowly(
        &self,
        text: &[u8],
        at: usize,
        i: usize,
        scratch: &mut MatcherScratch,
    ) -> Option<Span> {
        self.engine()?.begins_at(text, at, &mut scratch.of(i).cache)
    }

    /// What goes of the first match that a place stands in.
    fn around(
        &self,
        text: &[u8],
        middle: usize,
        inner: Inner,
        i: usize,
        scratch: &mut MatcherScratch,
    ) -> Option<Span> {
        let mut starts = std::mem::take(&mut scratch.starts);
        let mut tell = |scratch: &mut MatcherScratch| {
            starts.clear();
            let tables = self.tables()?;
            tables.starts(text, middle, &mut scratch.of(i).tables, &mut starts).ok()
        };
        let told = tell(scratch).or_else(|| tell(scratch)).is_some();
        if !told {
            starts.extend((middle.saturating_sub(inner.max_before)..=middle).rev());
        }
        let (mut found, mut from) = (None, 0);
        for &start in starts.iter().rev() {
            if start < from {
                continue;
            }
            found = self.begins_at(text, start, i, scratch);
            // What stands before the middle is there: if nothing matches from the first of them, then what stands behind is not.
            if found.is_some_and(|m| m.end > middle) || told && found.is_none() {
                break;
            }
            // A match that ends before the middle is another one. To begin in the middle of its first word would only make it shorter.
            let word = text[start..middle].iter().position(|b| found.is_none() || !is_word(*b)).unwrap_or(0);
            from = start + word.max(1);
        }
        scratch.starts = starts;
        found.filter(|m| m.end > middle).map(|m| m.phi)
    }
}

impl Groups {
    /// The match that begins at `at` and ends at `most` or before.
    fn find(
        &self,
        text: &[u8],
        at: usize,
        most: usize,
        cache: &mut Option<backtrack::Cache>,
    ) -> Option<Match> {
        let input = Input::new(text).range(at..most).anchored(Anchored::Yes);
        let (group, mut slots) = (self.phi.unwrap_or(0), [None; 2 * MAX_GROUPS]);
        let slots = &mut slots[..2 * (group + 1)];
        let engine = BoundedBacktracker::new_from_nfa(self.nfa.clone()).ok()?;
        let found = match cache {
            Some(cache) => {
                cache.reset(&engine);
                engine.try_search_slots(cache, &input, slots)
            }
            None => engine.try_search_slots(cache.insert(engine.create_cache()), &input, slots),
        };
        match found {
            Ok(found) => found?,
            // It is too long for that.
            Err(_) => {
                let vm = PikeVM::new_from_nfa(self.nfa.clone()).ok()?;
                vm.search_slots(&mut vm.create_cache(), &input, slots)?
            }
        };
        let phi = Span::at(slots[2 * group]?.get(), slots[2 * group + 1]?.get());
        Some(Match { phi, end: slots[1]?.get() })
    }
}

impl Engine {
    fn begins_at(&self, text: &[u8], at: usize, cache: &mut Option<Cache>) -> Option<Span> {
        let input = Input::new(text).range(at..).anchored(Anchored::Yes);
        let cache = cache.get_or_insert_with(|| self.regex.create_cache());
        let Some(group) = self.phi else {
            return Some(Span::at(at, self.regex.search_half_with(cache, &input)?.offset()));
        };
        let mut slots = [None; 2 * MAX_GROUPS];
        self.regex.search_slots_with(cache, &input, &mut slots[..2 * (group + 1)])?;
        Some(Span::at(slots[2 * group]?.get(), slots[2 * group + 1]?.get()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::starts::Starts;
    use super::*;
    use crate::detect::Engine;

    #[test]
    fn patterns_are_cut_before_the_group() {
        let of = |p: &str| Matcher::new(p.to_owned(), None, 0, 99);
        let cases = [
            (r"\bmrn[: ]{1,3}(?P<phi>\d{4,6})\b", "mrn: 12345", Some((5, 10))),
            (r"\bmrn[: ]{1,3}(?P<phi>\d{4,6})\b", "mrn: 123", None),
            (r"(?P<phi>\d{3}) x{2}", "123 xx", Some((0, 3))),
            (r"(?P<phi>\d{3}) x{1,2}", "123 xx", Some((0, 3))),
            // Either may end the first part.
            (r"a{1,3}(?P<phi>a{1,3}b)", "aaaab", Some((3, 5))),
            (r"a{1,3}?(?P<phi>a{1,3}b)", "aaaab", Some((1, 5))),
            (r"(?:x|y(?P<phi>\d))", "y1", Some((1, 2))),
            // Groups without a name are parts like others.
            (r"(ab)(?P<phi>[a-z]{1,9})", "ababx", Some((2, 5))),
            (r"(a(b))(?P<phi>[a-z]{1,9})", "ababx", Some((2, 5))),
            (r"a(b(?P<phi>c{1,3})d)", "abccd", Some((2, 4))),
            (r"(a)(?:b(?P<phi>c)|d)", "abc", Some((2, 3))),
            (r"\b(?P<phi>ab|a)(?:b|)c?", "abc", Some((0, 2))),
        ];
        for (pattern, text, want) in cases {
            let (m, mut scratch) = (of(pattern), MatcherScratch::new(1));
            let want = want.map(|(a, b)| Span::at(a, b));
            assert_eq!(m.match_at(text.as_bytes(), 0, 0, &mut scratch), want, "{pattern} in {text}");
            assert_eq!(m.begins_at_slowly(text.as_bytes(), 0, 0, &mut scratch), want, "{pattern} in {text}");
        }
    }

    /// Of a match that is found by its middle, the ones that end before that middle are others, however many places they may begin at.
    #[test]
    fn the_match_around_a_middle_is_found_behind_others() {
        let pattern = r"[a-z.]{1,40}?\.(?:jpeg|tiff)\b";
        let inner = Starts::of(&syntax::parse_with(pattern, &bytes()).unwrap()).unwrap().inner;
        let (m, mut scratch) = (Matcher::new(pattern.to_owned(), inner, 0, 99), MatcherScratch::new(1));
        let cases = [
            ("b.tiff", 1, Some((0, 6))),
            ("aaaaaaaaaaaa.jpeg.b.tiff", 19, Some((12, 24))),
            ("b.tif", 1, None),
        ];
        for (text, middle, want) in cases {
            let want = want.map(|(a, b)| Span::at(a, b));
            assert_eq!(m.match_at(text.as_bytes(), middle, 0, &mut scratch), want, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Tables say what a regex engine says, for each built-in pattern, at each place.
        #[test]
        fn tables_say_what_a_regex_engine_says(
            parts in proptest::collection::vec(
                prop_oneof![
                    "[0-9]{1,5}", "[-. :/()@%,]", "[a-z]{1,6}", "[A-Z][a-z]{1,5}", "[A-Z]{2,6}",
                    Just("SSN".to_string()), Just("Patient: ".to_string()), Just("MRN ".to_string()), Just("Dr. ".to_string()),
                    Just("Mr ".to_string()), Just("wife ".to_string()), Just("Dear ".to_string()), Just("O'Brien".to_string()), Just("van der ".to_string()),
                    Just("ZIP ".to_string()), Just("March ".to_string()), Just("2021".to_string()), Just("a.b@c.org".to_string()),
                    Just("age ".to_string()), Just("y/o".to_string()), Just("\u{e9}".to_string()), Just("name=".to_string()),
                ],
                1..12,
            ),
        ) {
            let (engine, text) = (Engine::builtin(), parts.concat().into_bytes());
            for m in &engine.matchers {
                let mut scratch = MatcherScratch::new(1);
                for at in 0..text.len() {
                    let got = m.begins_at(&text, at, 0, &mut scratch).map(|m| m.phi);
                    let want = m.begins_at_slowly(&text, at, 0, &mut scratch);
                    prop_assert_eq!(got, want, "{} at {} of {:?}", m.text, at, parts.concat());
                }
            }
        }
    }
}
