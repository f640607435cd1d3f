//! One pattern, matched at a place.
//!
//! A pattern is compiled when it is first needed, and no more of it than that: an automaton that reads on from a given place and
//! says where the match ends. Only at a match it is asked which part of it goes. Nearly all patterns are tried where they begin,
//! and so nothing is made that would look for places: that took most of the time and memory that compiling took.

use std::sync::OnceLock;

use regex_automata::hybrid::dfa::{self, DFA};
use regex_automata::meta::{self, Regex};
use regex_automata::nfa::thompson::backtrack::{self, BoundedBacktracker};
use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, PatternID};

use super::starts::{Inner, is_word};
use crate::span::Span;

/// `phi` is one of the first groups of its pattern.
const MAX_GROUPS: usize = 16;
/// What a compiled pattern may take.
const PATTERN_BYTES: usize = 10 << 20;
/// What the states of one pattern's automaton may take in each worker. Past that they are worked out anew.
const STATES_BYTES: usize = 256 << 10;
/// What the memory of a worker for all patterns may take. Past that it begins anew.
const WORKER_BYTES: usize = 4 << 20;
/// So often that is looked at: after so many tries to match.
const BETWEEN: u32 = 4096;

/// A pattern.
pub(super) struct Matcher {
    text: String,
    engine: OnceLock<Engine>,
    /// Looks for matches; for patterns that are found by what stands inside of them, and for values.
    search: OnceLock<Regex>,
    pub(super) inner: Option<Inner>,
    pub(super) detector: u16,
    max_len: usize,
}

/// A pattern, compiled.
struct Engine {
    nfa: NFA,
    dfa: DFA,
    /// Group of `phi`.
    phi: Option<usize>,
}

/// A worker's memory for all patterns.
#[derive(Default)]
pub(super) struct MatcherScratch {
    /// By pattern.
    caches: Vec<PatternCache>,
    groups: Option<backtrack::Cache>,
    /// Matches tried since its size was looked at.
    tried: u32,
}

#[derive(Default)]
struct PatternCache {
    states: Option<Box<dfa::Cache>>,
    search: Option<Box<meta::Cache>>,
}

impl MatcherScratch {
    pub(super) fn new(patterns: usize) -> MatcherScratch {
        let mut scratch = MatcherScratch::default();
        scratch.caches.resize_with(patterns, PatternCache::default);
        scratch
    }

    /// Begins anew if it has grown too large, now and then.
    fn bound(&mut self) {
        self.tried += 1;
        if self.tried < BETWEEN {
            return;
        }
        self.tried = 0;
        if self.caches.iter().map(PatternCache::bytes).sum::<usize>() > WORKER_BYTES {
            *self = MatcherScratch::new(self.caches.len());
        }
    }
}

impl PatternCache {
    fn bytes(&self) -> usize {
        self.states.as_ref().map_or(0, |c| c.memory_usage())
            + self.search.as_ref().map_or(0, |c| c.memory_usage())
    }
}

/// Patterns are over bytes.
fn syntax() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

impl Engine {
    fn new(pattern: &str) -> Option<Engine> {
        let config = thompson::Config::new().utf8(false).nfa_size_limit(Some(PATTERN_BYTES));
        let nfa = thompson::Compiler::new().syntax(syntax()).configure(config).build(pattern).ok()?;
        let phi = nfa.group_info().to_index(PatternID::ZERO, "phi");
        if phi.is_some_and(|group| group >= MAX_GROUPS) {
            return None;
        }
        let config = DFA::config()
            .cache_capacity(STATES_BYTES)
            .skip_cache_capacity_check(true)
            .minimum_cache_clear_count(None);
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa.clone()).ok()?;
        Some(Engine { nfa, dfa, phi })
    }

    /// Where the match ends that begins where the input does.
    fn end(&self, input: &Input<'_>, states: &mut dfa::Cache) -> Option<usize> {
        match self.dfa.try_search_fwd(states, input) {
            Ok(end) => Some(end?.offset()),
            // It never gives up; if it did, this would do the same.
            Err(_) => {
                let vm = PikeVM::new_from_nfa(self.nfa.clone()).ok()?;
                let mut slots = [None; 2];
                vm.search_slots(&mut vm.create_cache(), input, &mut slots)?;
                Some(slots[1]?.get())
            }
        }
    }

    /// Where a group stands in a match; `input` is the match.
    fn group(&self, group: usize, input: &Input<'_>, cache: &mut Option<backtrack::Cache>) -> Option<Span> {
        let mut slots = [None; 2 * MAX_GROUPS];
        let slots = &mut slots[..2 * (group + 1)];
        let engine = BoundedBacktracker::new_from_nfa(self.nfa.clone()).ok()?;
        let found = match cache {
            Some(cache) => {
                cache.reset(&engine);
                engine.try_search_slots(cache, input, slots)
            }
            None => engine.try_search_slots(cache.insert(engine.create_cache()), input, slots),
        };
        // A match that is too long for it.
        if found.is_err() {
            let vm = PikeVM::new_from_nfa(self.nfa.clone()).ok()?;
            vm.search_slots(&mut vm.create_cache(), input, slots)?;
        }
        Some(Span::at(slots[2 * group]?.get(), slots[2 * group + 1]?.get()))
    }
}

impl Matcher {
    /// `max_len` is the most bytes that it matches.
    pub(super) fn new(text: String, inner: Option<Inner>, detector: u16, max_len: usize) -> Matcher {
        Matcher { text, engine: OnceLock::new(), search: OnceLock::new(), inner, detector, max_len }
    }

    /// The compiled pattern. Packs are linted with the same parser, so that compiling cannot fail but for its size.
    fn engine(&self) -> Option<&Engine> {
        if let Some(engine) = self.engine.get() {
            return Some(engine);
        }
        let engine = Engine::new(&self.text)?;
        Some(self.engine.get_or_init(|| engine))
    }

    /// The pattern as an automaton that is gone through byte by byte; `None` if that would be too large.
    pub(super) fn automaton(&self) -> Option<&DFA> {
        self.engine().map(|e| &e.dfa)
    }

    fn search(&self) -> Option<&Regex> {
        if let Some(search) = self.search.get() {
            return Some(search);
        }
        let config = Regex::config().utf8_empty(false).which_captures(WhichCaptures::Implicit);
        let search = Regex::builder().syntax(syntax()).configure(config).build(&self.text).ok()?;
        Some(self.search.get_or_init(|| search))
    }

    /// Whether it matches a whole value; one that cannot be compiled is taken to.
    pub(super) fn is_plausible(&self, value: &[u8]) -> bool {
        self.search().is_none_or(|r| r.is_match(Input::new(value).anchored(Anchored::Yes)))
    }

    /// Matches it at a candidate, the pattern of number `i` in `scratch`.
    pub(super) fn at(&self, text: &[u8], at: usize, i: usize, scratch: &mut MatcherScratch) -> Option<Span> {
        scratch.bound();
        let Some(inner) = &self.inner else { return self.from(text, at, text.len(), i, scratch) };
        let low = at.saturating_sub(inner.max_before);
        let mut start =
            text[low..at].iter().rposition(|b| !inner.before.contains(*b)).map_or(low, |i| low + i + 1);
        let end = text.len().min(at + self.max_len);
        let search = self.search()?;
        // The first match may be another one, that ends before the place.
        while start <= at {
            let cache = scratch.caches[i].search.get_or_insert_with(|| Box::new(search.create_cache()));
            let whole = search.search_with(cache, &Input::new(text).range(start..end))?;
            if whole.end() > at {
                return if whole.start() <= at {
                    self.from(text, whole.start(), end, i, scratch)
                } else {
                    None
                };
            }
            // On with the next word: to begin in the middle of one would only make a match shorter.
            let word = text[whole.start()..at].iter().position(|b| !is_word(*b)).unwrap_or(0);
            start = whole.start() + word.max(1);
        }
        None
    }

    /// The match that begins at `start` and ends at `most` or before, of which the part that goes.
    pub(super) fn from(
        &self,
        text: &[u8],
        start: usize,
        most: usize,
        i: usize,
        scratch: &mut MatcherScratch,
    ) -> Option<Span> {
        let engine = self.engine()?;
        let MatcherScratch { caches, groups, .. } = scratch;
        let states = caches[i].states.get_or_insert_with(|| Box::new(engine.dfa.create_cache()));
        let input = |end| Input::new(text).range(start..end).anchored(Anchored::Yes);
        let end = engine.end(&input(most), states)?;
        match engine.phi {
            None => Some(Span::at(start, end)),
            Some(group) => engine.group(group, &input(end), groups),
        }
    }
}
