//! A pattern, compiled when it is first needed, and where it matches.
//!
//! Patterns are tried at places where they are known to begin, if they stand there at all: no search, one pass over a few
//! bytes by [`super::rows`]. Which part of a match goes (the group `phi`) mostly follows from where what stands before
//! the group can end; only where that leaves a choice does a regex engine with captures decide.

use std::sync::OnceLock;

use regex_automata::hybrid::dfa::DFA;
use regex_automata::meta::{Cache, Regex};
use regex_automata::nfa::thompson::backtrack::{self, BoundedBacktracker};
use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, Input, MatchKind, PatternID};
use regex_syntax::hir::{Class, Hir, HirKind};

use super::classes::ByteSet;
use super::rows::{DEAD, MATCH, Machine, Rows, State, UNKNOWN};
use super::starts::{Inner, is_word};
use crate::span::Span;

/// `phi` is one of the first groups of its pattern; the pack's lint sees to it.
const MAX_GROUPS: usize = 16;
/// Rows of one automaton in a worker's memory; past that they begin anew.
const MOST_STATES: usize = 1 << 11;
/// What the states of one automaton may take in regex-automata's own memory.
const STATES_BYTES: usize = 2 << 20;
/// What a worker's memory for all patterns may take. Past that it begins anew.
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

/// The pattern as automata.
struct Tables {
    /// All of it: of the match that is preferred, the end.
    whole: Machine,
    phi: Phi,
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

/// A worker's memory for all patterns.
#[derive(Default)]
pub(super) struct MatcherScratch {
    patterns: Vec<Option<Box<PatternScratch>>>,
    groups: Option<backtrack::Cache>,
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

    /// The same, and what is shared by all.
    #[inline]
    fn parts(&mut self, pattern: usize) -> (&mut PatternScratch, &mut Option<backtrack::Cache>) {
        self.of(pattern);
        (self.patterns[pattern].get_or_insert_default(), &mut self.groups)
    }

    #[cold]
    fn bound(&mut self) {
        let mut bytes = self.patterns.iter().flatten().map(|p| p.bytes()).sum::<usize>();
        if bytes <= WORKER_BYTES {
            return;
        }
        // The largest first: what takes most is what large patterns need to work a state out, and they need few.
        let mut walkers: Vec<&mut Walker> = self
            .patterns
            .iter_mut()
            .flatten()
            .flat_map(|p| [&mut p.whole, &mut p.before])
            .flatten()
            .collect();
        walkers.sort_by_key(|w| std::cmp::Reverse(w.rows.rest_bytes()));
        for walker in walkers {
            if bytes <= WORKER_BYTES / 2 {
                return;
            }
            bytes -= walker.rows.rest_bytes();
            walker.rows.rest();
        }
        if bytes > WORKER_BYTES {
            *self = MatcherScratch::new(self.patterns.len());
        }
    }
}

/// A worker's memory of one pattern.
#[derive(Default)]
struct PatternScratch {
    whole: Option<Walker>,
    before: Option<Walker>,
    cache: Option<Cache>,
}

impl PatternScratch {
    fn bytes(&self) -> usize {
        let walkers = [&self.whole, &self.before];
        walkers.into_iter().flatten().map(Walker::bytes).sum::<usize>()
            + self.cache.as_ref().map_or(0, Cache::memory_usage)
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
            let config = Regex::config().utf8_empty(false).hybrid_cache_capacity(STATES_BYTES);
            let regex = Regex::builder().syntax(bytes()).configure(config).build(&self.text).ok()?;
            let phi = regex.group_info().to_index(regex_automata::PatternID::ZERO, "phi");
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
            let whole = machine(&hir, MatchKind::LeftmostFirst)?;
            let phi = if has_phi(&hir) { Phi::of(&hir) } else { Phi::Whole };
            Some(Tables { whole, phi })
        };
        self.tables.get_or_init(build).as_ref()
    }

    /// The pattern as an automaton that is gone through byte by byte; `None` if that would be too large.
    pub(super) fn automaton(&self) -> Option<&DFA> {
        self.tables().map(|t| &t.whole.dfa)
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
        let (scratch, groups) = scratch.parts(i);
        match &self.inner {
            None => self.begins_at(text, at, scratch, groups),
            Some(inner) => self.around(text, at, inner, scratch, groups),
        }
    }

    /// What goes of the match that begins at a place.
    fn begins_at(
        &self,
        text: &[u8],
        at: usize,
        scratch: &mut PatternScratch,
        groups: &mut Option<backtrack::Cache>,
    ) -> Option<Span> {
        if let Some(tables) = self.tables() {
            // An automaton that began anew knows the way the second time.
            for _ in 0..2 {
                match tables.begins_at(text, at, scratch) {
                    Ok(found) => return found,
                    Err(Unsure::Anew) => {}
                    Err(Unsure::Several(end)) => return self.groups()?.find(text, at, end, groups),
                }
            }
        }
        self.groups()?.find(text, at, text.len().min(at + self.max_len), groups)
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

    fn around(
        &self,
        text: &[u8],
        at: usize,
        inner: &Inner,
        scratch: &mut PatternScratch,
        groups: &mut Option<backtrack::Cache>,
    ) -> Option<Span> {
        let low = at.saturating_sub(inner.max_before);
        let mut start =
            text[low..at].iter().rposition(|b| !inner.before.contains(*b)).map_or(low, |i| low + i + 1);
        let end = text.len().min(at + self.max_len);
        let engine = self.engine()?;
        // The first match may be another one, that ends before the place.
        while start <= at {
            let cache = scratch.cache.get_or_insert_with(|| engine.regex.create_cache());
            let whole = engine.regex.search_with(cache, &Input::new(text).range(start..end))?;
            if whole.end() > at {
                return if whole.start() <= at {
                    self.begins_at(text, whole.start(), scratch, groups)
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
}

impl Groups {
    /// What goes of the match that begins at `at` and ends at `most` or before.
    fn find(
        &self,
        text: &[u8],
        at: usize,
        most: usize,
        cache: &mut Option<backtrack::Cache>,
    ) -> Option<Span> {
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
        Some(Span::at(slots[2 * group]?.get(), slots[2 * group + 1]?.get()))
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

/// There is no answer.
enum Unsure {
    /// An automaton had to begin anew.
    Anew,
    /// There is more than one, in a match that ends here.
    Several(usize),
}

impl Tables {
    /// What goes of the match that begins at a place.
    fn begins_at(
        &self,
        text: &[u8],
        at: usize,
        scratch: &mut PatternScratch,
    ) -> Result<Option<Span>, Unsure> {
        let PatternScratch { whole, before, .. } = scratch;
        let mut end = None;
        whole.get_or_insert_with(|| Walker::new(&self.whole)).walk(&self.whole, text, at, |place| {
            end = Some(place);
            true
        })?;
        let Some(end) = end else { return Ok(None) };
        let (machine, first, tail) = match &self.phi {
            Phi::Whole => return Ok(Some(Span::at(at, end))),
            Phi::Split { before, first, tail } => (before, first, *tail),
            Phi::Engine => return Err(Unsure::Several(end)),
        };
        let Some(machine) = machine else { return Ok(Some(Span::at(at, end - tail))) };
        let (mut begin, mut count) = (at, 0);
        before.get_or_insert_with(|| Walker::new(machine)).walk(machine, text, at, |place| {
            if place <= end && text.get(place).is_some_and(|b| first.contains(*b)) {
                (begin, count) = (place, count + 1);
            }
            place <= end
        })?;
        if count == 1 { Ok(Some(Span::at(begin, end - tail))) } else { Err(Unsure::Several(end)) }
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
        match machine(&before, MatchKind::All) {
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
                } else if !cut(sub, before, rest) {
                    before.push(sub.clone());
                }
            }
        }
        _ => {}
    }
    !rest.is_empty()
}

fn machine(hir: &Hir, kind: MatchKind) -> Option<Machine> {
    let config = thompson::Config::new().utf8(false).which_captures(WhichCaptures::None);
    let nfa = thompson::Compiler::new().configure(config).build_from_hir(hir).ok()?;
    let config = DFA::config()
        .match_kind(kind)
        .cache_capacity(STATES_BYTES)
        .skip_cache_capacity_check(true)
        .minimum_cache_clear_count(None);
    Some(Machine::new(DFA::builder().configure(config).build_from_nfa(nfa).ok()?, MOST_STATES))
}

/// A worker's memory of an automaton that is begun at places.
struct Walker {
    rows: Rows,
    generation: u64,
    /// By the byte before; the last is none.
    starts: [State; 257],
}

impl Walker {
    fn new(machine: &Machine) -> Walker {
        let rows = Rows::new(machine);
        Walker { generation: rows.generation(), rows, starts: [UNKNOWN; 257] }
    }

    fn bytes(&self) -> usize {
        size_of::<Walker>() + self.rows.bytes()
    }

    fn start(&mut self, machine: &Machine, before: Option<u8>) -> Option<State> {
        let known = &mut self.starts[before.map_or(256, usize::from)];
        if *known == UNKNOWN {
            let config = start::Config::new().anchored(Anchored::Yes).look_behind(before);
            let id = machine.dfa.start_state(self.rows.cache(machine)?, &config).ok();
            *known = self.rows.copy(machine, id)?;
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
        if self.rows.generation() != self.generation {
            self.generation = self.rows.generation();
            self.starts = [UNKNOWN; 257];
        }
        done.ok_or(Unsure::Anew)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
            (r"\b(?P<phi>ab|a)(?:b|)c?", "abc", Some((0, 2))),
        ];
        for (pattern, text, want) in cases {
            let (m, mut scratch) = (of(pattern), MatcherScratch::new(1));
            let want = want.map(|(a, b)| Span::at(a, b));
            assert_eq!(m.match_at(text.as_bytes(), 0, 0, &mut scratch), want, "{pattern} in {text}");
            assert_eq!(m.begins_at_slowly(text.as_bytes(), 0, 0, &mut scratch), want, "{pattern} in {text}");
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
                    let (own, groups) = scratch.parts(0);
                    let got = m.begins_at(&text, at, own, groups);
                    let want = m.begins_at_slowly(&text, at, 0, &mut scratch);
                    if at % 5 == 4 {
                        // What was worked out so far goes on being used, and may be worked out anew.
                        let PatternScratch { whole, before, .. } = scratch.of(0);
                        [whole, before].into_iter().flatten().for_each(|w| w.rows.rest());
                    }
                    prop_assert_eq!(got, want, "{} at {} of {:?}", m.text, at, parts.concat());
                }
            }
        }
    }
}
