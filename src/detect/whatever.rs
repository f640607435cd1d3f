//! What a text could hold whichever digits stand in it.
//!
//! Logs repeat their words, and change their figures. That nothing is found in `took 51 ms` follows from its form: no pattern
//! fits there with any other digits, or none that counts without a keyword, and there is none. Here that is worked out once
//! for a form, so that it need not be found out again for each number.

use super::automaton::{Automaton, head_of};
use super::engine::{Engine, Rule};
use super::fields::FieldInfo;
use super::fold;
use super::matcher::Matcher;
use super::names::Names;
use super::nfa::Side;
use super::prefilter::{FOLD, Prefilter, PrefilterScratch};
use super::query::Query;
use super::rows::{DEAD, MATCH, Rows};
use super::scan::{DetectScratch, ROUNDING};
use super::starts::{LONGEST, is_word};
use crate::codec::{Leaf, Place};

/// In a form: any digit.
pub(super) const DIGIT: u8 = b'0';
/// In the form of a hexadecimal number: any of the letters `a` to `f`.
pub(super) const LETTER: u8 = 1;
/// In the form of a hexadecimal number: any of its digits or letters.
pub(super) const EITHER: u8 = 2;

/// States that are followed at once.
const MOST_STATES: usize = 64;

/// A text in which a zero stands for any digit.
#[derive(Clone, Copy)]
struct Form<'t> {
    text: &'t [u8],
    what: What,
}

/// What a form is one of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Text,
    /// Hexadecimal numbers: it holds no other bytes than the three above.
    Hex,
    /// Addresses of four numbers, without zeros in front.
    Address,
}

impl Form<'_> {
    fn is_word(&self, at: usize) -> bool {
        self.text.get(at).is_some_and(|b| self.what == What::Hex || is_word(*b))
    }

    /// Whether a digit is the first of several.
    fn leads(&self, at: usize) -> bool {
        let is_digit = |at: usize| self.text.get(at) == Some(&DIGIT);
        !at.checked_sub(1).is_some_and(is_digit) && is_digit(at + 1)
    }

    /// The bytes that may stand at a place; at the end none.
    fn bytes(&self, at: usize) -> impl Iterator<Item = Option<u8>> + Clone {
        let leads = self.what == What::Address && self.leads(at);
        let digits = Some(if leads { b'1'..=b'9' } else { b'0'..=b'9' });
        let letters = Some(b'a'..=b'f');
        let (digits, others) = match self.text.get(at) {
            None => (None, None),
            Some(&DIGIT) => (digits, None),
            Some(&LETTER) if self.what == What::Hex => (None, letters),
            Some(&EITHER) if self.what == What::Hex => (digits, letters),
            Some(&b) => (None, Some(b..=b)),
        };
        let end = (at == self.text.len()).then_some(None);
        digits.into_iter().chain(others).flatten().map(Some).chain(end)
    }
}

impl Prefilter {
    /// Adds to `out` every pattern that may fit at a place. `None` if that takes more than `work` steps, or too much memory.
    fn whatever(
        &self,
        form: Form<'_>,
        at: usize,
        scratch: &mut PrefilterScratch,
        work: &mut usize,
        out: &mut Vec<u16>,
    ) -> Option<()> {
        let heads = self.heads.as_ref()?;
        let automaton = scratch.automaton.get_or_insert_with(|| Automaton::new(heads));
        let generation = automaton.generation();
        let inside = form.is_word(at) && at.checked_sub(1).is_some_and(|before| form.is_word(before));
        let length = (at..form.text.len()).take_while(|at| form.is_word(*at)).count() as u32;
        let head = head_of(length.min(LONGEST), inside);
        let mut states = vec![automaton.head(heads, head)?];
        let mut next = Vec::new();
        for place in at..=form.text.len() {
            next.clear();
            for (state, byte) in states.iter().flat_map(|s| form.bytes(place).map(move |b| (*s, b))) {
                *work = work.checked_sub(1)?;
                let to = automaton.next(heads, state, byte)?;
                if automaton.generation() != generation {
                    return None;
                }
                let matches = automaton.matches(to).iter();
                let fits = |m: &u16| heads.fits(*m, head) && (*m != FOLD || fold::begins(form.text, at));
                out.extend(matches.map(|m| *m as u16).filter(fits));
                if to != DEAD {
                    next.push(to);
                }
            }
            next.sort_unstable();
            next.dedup();
            if next.is_empty() {
                break;
            }
            if next.len() > MOST_STATES {
                return None;
            }
            std::mem::swap(&mut states, &mut next);
        }
        out.sort_unstable();
        out.dedup();
        Some(())
    }
}

impl Matcher {
    /// Whether the pattern may match at a place. `None` if nobody can say with so little work.
    fn whatever(&self, form: Form<'_>, at: usize, work: &mut usize) -> Option<bool> {
        // What is found by its middle may begin anywhere.
        let machine = self.automaton().filter(|_| self.inner.is_none())?;
        let mut rows = Rows::new(machine);
        // A digit stands for all digits, and a letter for all letters.
        let before = at.checked_sub(1).and_then(|before| form.bytes(before).next().flatten());
        let mut states = vec![rows.start(machine, Side::of(before))?];
        for place in at..=form.text.len() {
            let mut next = Vec::new();
            for (state, byte) in states.iter().flat_map(|s| form.bytes(place).map(move |b| (*s, b))) {
                *work = work.checked_sub(1)?;
                let to = rows.next(machine, state, byte)?;
                if to & MATCH != 0 {
                    return Some(true);
                }
                if to != DEAD {
                    next.push(to);
                }
            }
            next.sort_unstable();
            next.dedup();
            if next.is_empty() {
                return Some(false);
            }
            if next.len() > MOST_STATES {
                return None;
            }
            states = next;
        }
        Some(false)
    }
}

impl Engine {
    /// Whether nothing can be found in a leaf of this form, whichever digits stand in it. `work` is what that may cost, in
    /// steps, and what is left of it after; past it the answer is no. Of patients on a roster this says nothing, nor of what a
    /// number says that is written with an exponent or with a fraction of zeros.
    pub(super) fn is_silent_whatever(
        &self,
        leaf: &Leaf<'_>,
        what: What,
        query: Query,
        scratch: &mut DetectScratch,
        work: &mut usize,
    ) -> bool {
        self.adopt(scratch);
        let form = Form { text: leaf.text, what };
        let field = self.fields.look_up(leaf.path, &self.keywords, &mut scratch.fields);
        let wanted = |rule: &Rule| query.kinds.contains(rule.detector.kind);
        let is_whole = |(number, _): &(u16, u16)| {
            let rule = &self.rules[usize::from(*number)];
            rule.detector.whole_field && wanted(rule)
        };
        let scaled = leaf.place == Place::Number && leaf.text.iter().any(|b| matches!(b, b'e' | b'E'));
        if !self.slow.is_empty() || scaled || field.named.iter().any(is_whole) {
            return false;
        }
        // Whoever looks for names at a hexadecimal number does it himself.
        if what != What::Hex && self.wanted_models(query.kinds).next().is_some() {
            let mut any = false;
            Names::builtin().places(leaf.text, &mut scratch.matching.names, |_| any = true);
            if any {
                return false;
            }
        }
        let keywords = if what == What::Hex { None } else { Some(self.keywords.all_in(leaf.text)) };
        let is_nothing = |pattern: &u16, at: usize, work: &mut usize| {
            // The prefilter's first pattern is folding.
            let Some(i) = usize::from(*pattern).checked_sub(1) else { return false };
            let number = self.matchers[i].detector;
            !wanted(&self.rules[usize::from(number)])
                || self.most(number, field, keywords.as_deref()) + ROUNDING < query.least
                || self.matchers[i].whatever(form, at, work) == Some(false)
        };
        let mut patterns = Vec::new();
        (0..leaf.text.len()).all(|at| {
            patterns.clear();
            let fits = self.prefilter.whatever(form, at, &mut scratch.prefilter, work, &mut patterns);
            fits.is_some() && patterns.iter().all(|p| is_nothing(p, at, work))
        })
    }

    /// The most that evidence can come to for what a pattern of this detector matches, in a text with these keywords; with any
    /// of them if they are not known.
    fn most(&self, number: u16, field: &FieldInfo, keywords: Option<&[u16]>) -> f32 {
        let rule = &self.rules[usize::from(number)];
        let w = &rule.detector.weights;
        if field.barred.contains(&number) {
            return f32::NEG_INFINITY;
        }
        let may_stand = |id: &u16| {
            let has_digit = || self.keywords.word(*id).bytes().any(|b| b.is_ascii_digit());
            field.keywords.contains(id) || keywords.is_none_or(|found| found.contains(id)) || has_digit()
        };
        let keyword = if rule.keyword_ids.iter().any(may_stand) { w.keyword } else { 0.0 };
        let of_field = if field.field_of(number).is_some() { w.field } else { 0.0 };
        let perhaps = [keyword, w.check, w.protected, w.user_agent];
        w.base + of_field + perhaps.iter().map(|w| w.max(0.0)).sum::<f32>()
    }
}
