//! From candidates to findings: match, check, weigh.

use super::checks::Check;
use super::engine::{Engine, Rule};
use super::fields::{FieldCache, FieldInfo};
use super::fold::{self, Folded};
use super::keywords::{KeywordHits, in_marker};
use super::matcher::{Matcher, MatcherScratch};
use super::names::{Names, NamesScratch, Topic};
use super::prefilter::{Candidate, FOLD, NAME, PrefilterScratch, ROSTER};
use super::private;
use super::protected;
use super::query::{Query, logistic};
use super::rostered::Rostered;
use super::slow::StepLimit;
use super::{DetectorId, Evidence, Finding, event_time};
use crate::codec::{Leaf, Map, Place};
use crate::kind::{Kind, KindSet};
use crate::span::Span;

/// Sums are added up in another order where it is asked whether they may come to enough.
pub(super) const ROUNDING: f32 = 1e-3;

/// A worker's memory for detection.
#[derive(Default)]
pub struct DetectScratch {
    engine: u64,
    pub(super) prefilter: PrefilterScratch,
    candidates: Vec<Candidate>,
    pub(super) matching: MatchScratch,
    pub(super) fields: FieldCache,
    pub(super) folded: Folded,
}

#[derive(Default)]
pub(super) struct MatchScratch {
    patterns: MatcherScratch,
    pub(super) keywords: KeywordHits,
    pub(super) names: NamesScratch,
    pub(super) rostered: Rostered,
}

impl DetectScratch {
    /// Gives back the memory that a large text took. What is remembered of texts stays.
    pub(crate) fn shrink(&mut self) {
        self.candidates = Vec::new();
        self.folded = Folded::default();
        self.matching.keywords = KeywordHits::default();
        self.matching.names.shrink();
    }
}

/// The text being scanned and what is known about where it stands.
pub(super) struct Scene<'a> {
    pub(super) text: &'a [u8],
    pub(super) field: &'a FieldInfo,
    pub(super) query: Query,
}

impl Engine {
    /// The places of a part's bytes where something may be found: to be handed to [`Engine::find`] leaf by leaf.
    pub(crate) fn candidates(
        &self,
        text: &[u8],
        query: Query,
        scratch: &mut DetectScratch,
        out: &mut Vec<Candidate>,
    ) {
        self.adopt(scratch);
        let DetectScratch { prefilter, matching, .. } = scratch;
        self.all_candidates(text, query, prefilter, matching, out);
    }

    fn all_candidates(
        &self,
        text: &[u8],
        query: Query,
        prefilter: &mut PrefilterScratch,
        matching: &mut MatchScratch,
        out: &mut Vec<Candidate>,
    ) {
        let names = self.wanted_models(query.kinds).next().is_some().then_some(&mut matching.names);
        self.prefilter.candidates(text, prefilter, names, out);
        if !query.passes_roster_by {
            matching.rostered.places(text, out);
        }
    }

    /// How many places of a text patterns would be tried at, for the benches.
    #[doc(hidden)]
    pub fn count_candidates(&self, text: &[u8], scratch: &mut DetectScratch) -> usize {
        let mut out = std::mem::take(&mut scratch.candidates);
        out.clear();
        self.candidates(text, Query::new(KindSet::ALL, 0.0), scratch, &mut out);
        let count = out.len();
        scratch.candidates = out;
        count
    }

    /// Finds in one leaf. `candidates` are those of the leaf's own bytes, their places counted from
    /// `base`; without them the leaf is gone through first. Findings may overlap.
    ///
    /// # Errors
    /// When a look-around pattern exceeds its step limit: the leaf then counts as unreadable.
    pub(crate) fn find(
        &self,
        leaf: &Leaf<'_>,
        candidates: Option<(&[Candidate], usize)>,
        query: Query,
        scratch: &mut DetectScratch,
        out: &mut Vec<Finding>,
    ) -> Result<(), StepLimit> {
        self.adopt(scratch);
        let DetectScratch { prefilter, candidates: own, matching, fields, folded, .. } = scratch;
        // The names of most members of most records say nothing.
        let is_nothing = |list: &[Candidate]| list.is_empty() && self.slow.is_empty();
        if candidates.is_some_and(|(list, _)| is_nothing(list)) && leaf.place == Place::Key {
            return Ok(());
        }
        let field = self.fields.look_up(leaf.path, &self.keywords, fields);
        let (list, base) = match candidates {
            Some((list, base)) => {
                matching.rostered.seen |= list.iter().any(|c| c.pattern == ROSTER);
                (list, base)
            }
            None => {
                own.clear();
                self.all_candidates(leaf.text, query, prefilter, matching, own);
                (own.as_slice(), 0)
            }
        };
        if is_nothing(list) && (leaf.place == Place::Key || field.named.is_empty()) {
            return Ok(());
        }
        let before = out.len();
        let mut scene = Scene { text: leaf.text, field, query };
        let disguised = list.iter().any(|c| c.pattern == FOLD) && fold::fold(leaf.text, folded);
        self.find_in(&scene, leaf.place, list, base, matching, out)?;
        // Both readings count: what is joined by undoing a disguise may have stood alone before.
        if disguised {
            let first = out.len();
            own.clear();
            matching.rostered.seen = true;
            self.all_candidates(&folded.text, query, prefilter, matching, own);
            scene.text = &folded.text;
            (scene.query.spares_leading_time, scene.query.spares_private_addresses) = (false, false);
            self.find_in(&scene, leaf.place, own, 0, matching, out)?;
            let map = Map::Segments(&folded.segments);
            out[first..].iter_mut().for_each(|f| f.span = map.to_payload(f.span));
        }
        self.leave_campaigns(leaf.text, before, out);
        Ok(())
    }

    /// Whether a text is read in another form, too: what stands far apart in it may be near in that.
    pub(crate) fn is_disguised(&self, text: &[u8], scratch: &mut DetectScratch) -> bool {
        self.adopt(scratch);
        fold::fold(text, &mut scratch.folded)
    }

    /// Makes the scratch memory this engine's.
    #[inline]
    pub(super) fn adopt(&self, scratch: &mut DetectScratch) {
        if scratch.engine != self.serial {
            self.begin(scratch);
        }
    }

    #[cold]
    fn begin(&self, scratch: &mut DetectScratch) {
        let rostered = std::mem::take(&mut scratch.matching.rostered);
        *scratch = DetectScratch { engine: self.serial, ..DetectScratch::default() };
        scratch.matching.rostered = rostered;
        scratch.matching.patterns = MatcherScratch::new(self.matchers.len());
    }

    fn find_in(
        &self,
        scene: &Scene<'_>,
        place: Place,
        candidates: &[Candidate],
        base: usize,
        scratch: &mut MatchScratch,
        out: &mut Vec<Finding>,
    ) -> Result<(), StepLimit> {
        scratch.keywords.clear();
        let names = candidates.iter().any(|c| c.pattern == NAME);
        let mut leading = None;
        for c in candidates.iter().filter(|c| c.pattern < ROSTER) {
            // The prefilter's first pattern is folding.
            let Some(i) = usize::from(c.pattern).checked_sub(1) else { continue };
            let matcher = &self.matchers[i];
            let kind = self.rules[matcher.detector as usize].detector.kind;
            if !scene.query.kinds.contains(kind) {
                continue;
            }
            let at = c.at as usize - base;
            if !self.may_count(scene, matcher, at, &mut scratch.keywords) {
                continue;
            }
            let Some(span) = matcher.match_at(scene.text, at, i, &mut scratch.patterns) else { continue };
            let spared = match kind {
                Kind::Date if scene.query.spares_leading_time => leading
                    .get_or_insert_with(|| event_time::leading(scene.text))
                    .is_some_and(|t| t.contains(span)),
                Kind::Ip if scene.query.spares_private_addresses => {
                    private::is_private_address(&scene.text[span.range()])
                }
                _ => false,
            };
            if spared {
                continue;
            }
            out.extend(self.weigh(scene, matcher.detector, span, None, &mut scratch.keywords));
        }
        if names {
            self.names(scene, candidates, base, scratch, out);
        }
        self.rostered(scene, candidates, base, (&mut scratch.rostered, &mut scratch.keywords), out);
        for (slow, number) in &self.slow {
            let keywords = &mut scratch.keywords;
            let mut accept = |_, phi| out.extend(self.weigh(scene, *number, phi, None, keywords));
            if scene.query.kinds.contains(self.rules[*number as usize].detector.kind) {
                slow.find(scene.text, &mut accept)?;
            }
        }
        if matches!(place, Place::String | Place::Number | Place::Text) {
            self.whole_fields(scene, &mut scratch.keywords, out);
        }
        Ok(())
    }

    /// Whether evidence may come to enough for what a pattern matches at a place: most of what has the form of a number needs a word
    /// that says which number it is, and mostly there is none.
    fn may_count(&self, scene: &Scene<'_>, matcher: &Matcher, at: usize, keywords: &mut KeywordHits) -> bool {
        let rule = &self.rules[usize::from(matcher.detector)];
        let w = &rule.detector.weights;
        let of_field = scene.field.field_of(matcher.detector).map_or(0.0, |_| w.field);
        let without =
            w.base + of_field + w.check.max(0.0) + w.protected.max(0.0) + w.user_agent.max(0.0) + ROUNDING;
        let (least, ids) = (scene.query.least, &rule.keyword_ids);
        if without >= least {
            return true;
        }
        if ids.is_empty() || without + w.keyword < least {
            return false;
        }
        if scene.field.keywords.iter().any(|k| ids.binary_search(k).is_ok()) {
            return true;
        }
        // The match may begin before a place that it was found by.
        let start = at.saturating_sub(matcher.inner.map_or(0, |inner| inner.max_before));
        let span = Span::at(start, scene.text.len().min(at + matcher.max_len));
        let window = rule.detector.window as usize;
        self.keywords.near(scene.text, span, window, (matcher.detector, ids), keywords).is_some()
    }

    /// Fields that say what they hold are found whole, whatever they hold.
    fn whole_fields(&self, scene: &Scene<'_>, keywords: &mut KeywordHits, out: &mut Vec<Finding>) {
        for &(number, _) in &scene.field.named {
            let rule = &self.rules[number as usize];
            if !rule.detector.whole_field || !scene.query.kinds.contains(rule.detector.kind) {
                continue;
            }
            let value = scene.text.trim_ascii();
            let start = scene.text.len() - scene.text.trim_ascii_start().len();
            let empty = matches!(value, b"" | b"true" | b"false" | b"null" | b"None" | b"-");
            if empty || Kind::is_marker(value) || !plausible(rule, value) {
                continue;
            }
            let span = Span::at(start, start + value.len());
            out.extend(self.weigh(scene, number, span, None, keywords));
        }
    }

    /// Adds the evidence up; a finding if it is enough. `score` is what the model says, for detectors that ask it.
    pub(super) fn weigh(
        &self,
        scene: &Scene<'_>,
        number: u16,
        span: Span,
        score: Option<f32>,
        keywords: &mut KeywordHits,
    ) -> Option<Finding> {
        let rule = &self.rules[number as usize].detector;
        let mut sum_of = |span| {
            let sum = self.evidence(scene, number, span, score, keywords, &mut |_, _, _| {})?;
            (sum >= scene.query.least && !in_marker(scene.text, span)).then_some(sum)
        };
        let finding = |span, sum| Finding {
            span,
            detector: DetectorId(number),
            kind: rule.kind,
            confidence: logistic(sum),
        };
        let sum = sum_of(span)?;
        if rule.check != Some(Check::NameWords) {
            return Some(finding(span, sum));
        }
        // A cue says that a name follows, not where it ends.
        let name = Names::builtin().trim(scene.text, span);
        let sum = if name == span { sum } else { sum_of(name)? };
        Some(finding(name, sum))
    }

    /// The sum of the log-odds, each piece shown to `visit`; `None` if the detector must not act here.
    fn evidence(
        &self,
        scene: &Scene<'_>,
        number: u16,
        span: Span,
        score: Option<f32>,
        keywords: &mut KeywordHits,
        visit: &mut dyn FnMut(&'static str, &str, f32),
    ) -> Option<f32> {
        let rule = &self.rules[number as usize];
        let d = &rule.detector;
        if scene.field.barred.contains(&number) || span.is_empty() {
            return None;
        }
        visit("base", "", d.weights.base);
        let mut sum = d.weights.base + score.unwrap_or(0.0);
        if let Some(check) = d.check {
            if check.passes(&scene.text[span.range()]) {
                sum += d.weights.check;
                visit("check", check.name(), d.weights.check);
            } else if d.veto {
                return None;
            }
        }
        if let Some(f) = scene.field.field_of(number) {
            sum += d.weights.field;
            visit("field", &d.fields[f as usize], d.weights.field);
        }
        if d.weights.user_agent != 0.0 && protected::in_user_agent(scene.text, span) {
            sum += d.weights.user_agent;
            visit("protected", "user agent", d.weights.user_agent);
        }
        // What is left may take away or add so much. What cannot change the outcome is not asked for; what is likeliest
        // to settle it is asked for first: whoever is not sure without a keyword mostly has none.
        let w = &d.weights;
        let of_keyword = if rule.keyword_ids.is_empty() { 0.0 } else { w.keyword };
        let decided = |sum: f32, left: &[f32]| {
            let down: f32 = left.iter().map(|w| w.min(0.0)).sum();
            let up: f32 = left.iter().map(|w| w.max(0.0)).sum();
            sum + up < scene.query.least || sum + down >= scene.query.enough.max(scene.query.least)
        };
        let mut keyword_found = || {
            let ids = &rule.keyword_ids;
            let in_name = scene.field.keywords.iter().find(|k| ids.binary_search(k).is_ok()).copied();
            in_name
                .or_else(|| self.keywords.near(scene.text, span, d.window as usize, (number, ids), keywords))
        };
        let keyword_first = sum < scene.query.least;
        if decided(sum, &[w.protected, of_keyword]) {
            return Some(sum);
        }
        for step in 0..2 {
            if (step == 0) == keyword_first {
                if of_keyword != 0.0
                    && let Some(k) = keyword_found()
                {
                    sum += of_keyword;
                    visit("keyword", self.keywords.word(k), of_keyword);
                }
            } else if w.protected != 0.0
                && let Some(form) = protected::form(scene.text, span)
            {
                sum += w.protected;
                visit("protected", form, w.protected);
            }
            if decided(sum, &[if keyword_first { w.protected } else { of_keyword }]) {
                break;
            }
        }
        Some(sum)
    }

    /// The evidence behind a finding of this leaf.
    pub fn explain(&self, leaf: &Leaf<'_>, finding: &Finding, scratch: &mut DetectScratch) -> Vec<Evidence> {
        // A token speaks for itself.
        let Some(rule) = self.rules.get(usize::from(finding.detector.0)) else { return Vec::new() };
        let model = rule.detector.model;
        self.adopt(scratch);
        let field = self.fields.look_up(leaf.path, &self.keywords, &mut scratch.fields).clone();
        let query = Query { least: f32::NEG_INFINITY, ..Query::new(KindSet::ALL, 0.0) };
        let names = &mut scratch.matching.names;
        let mut read = |text: &[u8], span: Span| {
            let scene = Scene { text, field: &field, query };
            let (mut all, mut keywords) = (Vec::new(), KeywordHits::default());
            let mut score = None;
            // A name found again rests on where it was found first.
            if let Some(topic) = model.filter(|t| *t != Topic::Again) {
                let add = |which: &str, weight| {
                    all.push(Evidence { what: "model", which: which.to_string(), weight });
                };
                score = Names::builtin().explain(text, span, topic, names, add);
            }
            let mut add =
                |what, which: &str, weight| all.push(Evidence { what, which: which.to_string(), weight });
            let sum = self.evidence(&scene, finding.detector.0, span, score, &mut keywords, &mut add);
            (all, sum.is_some_and(|sum| (logistic(sum) - finding.confidence).abs() < 1e-4))
        };
        // It was found in the text as written, or else in the one without disguises.
        let (written, same) = read(leaf.text, finding.span);
        if !same && fold::fold(leaf.text, &mut scratch.folded) {
            let span = unfold(&scratch.folded, finding.span);
            if let (folded, true) = read(&scratch.folded.text, span) {
                return folded;
            }
        }
        written
    }

    /// The oracle: every pattern tried at every place, no prefilter. Slow; for tests.
    #[doc(hidden)]
    pub fn find_slow(
        &self,
        leaf: &Leaf<'_>,
        query: Query,
        scratch: &mut DetectScratch,
        out: &mut Vec<Finding>,
    ) -> Result<(), StepLimit> {
        let before = out.len();
        self.adopt(scratch);
        let mut folded = Folded::default();
        let disguised = fold::fold(leaf.text, &mut folded);
        let field = self.fields.look_up(leaf.path, &self.keywords, &mut scratch.fields).clone();
        let readings = [leaf.text, folded.text.as_slice()];
        for text in &readings[..1 + usize::from(disguised)] {
            let scene = Scene { text, field: &field, query };
            let first = out.len();
            // Of a pattern that is found from its middle the first match around it counts: one that lies in another is not tried.
            let mut reached = vec![0; self.matchers.len()];
            for at in 0..text.len() {
                for (i, m) in self.matchers.iter().enumerate() {
                    if !query.kinds.contains(self.rules[m.detector as usize].detector.kind) {
                        continue;
                    }
                    if let Some(span) = m.begins_at_slowly(text, at, i, &mut scratch.matching.patterns) {
                        let within = span.end() <= reached[i];
                        reached[i] = span.end().max(reached[i]);
                        if m.inner.is_some() && within {
                            continue;
                        }
                        let mut keywords = KeywordHits::default();
                        out.extend(self.weigh(&scene, m.detector, span, None, &mut keywords));
                    }
                }
            }
            let mut places = Vec::new();
            if self.wanted_models(query.kinds).next().is_some() {
                let add = |at: usize| places.push(Candidate { at: at as u32, pattern: NAME });
                Names::builtin().places(text, &mut scratch.matching.names, add);
            }
            scratch.matching.rostered.places(text, &mut places);
            self.find_in(&scene, leaf.place, &places, 0, &mut scratch.matching, out)?;
            if text.as_ptr() == folded.text.as_ptr() {
                let map = Map::Segments(&folded.segments);
                out[first..].iter_mut().for_each(|f| f.span = map.to_payload(f.span));
            }
        }
        self.leave_campaigns(leaf.text, before, out);
        Ok(())
    }
}

/// A span of the text as it came, in the folded text.
fn unfold(folded: &Folded, span: Span) -> Span {
    let at = |raw: usize, end: bool| {
        let i = folded
            .segments
            .partition_point(|s| (s.raw + s.raw_len) as usize <= raw.saturating_sub(usize::from(end)));
        folded.segments.get(i).map_or(folded.text.len(), |s| {
            let inside = raw - (s.raw as usize).min(raw);
            if s.verbatim {
                s.text as usize + inside
            } else {
                (s.text + if end { s.text_len } else { 0 }) as usize
            }
        })
    };
    Span::at(at(span.start(), false), at(span.end(), true))
}

fn plausible(rule: &Rule, value: &[u8]) -> bool {
    rule.value.as_ref().is_none_or(|matcher| matcher.fits(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::Path;

    /// What is covered, with overlaps united: what both ways must agree on.
    fn covered(mut spans: Vec<Span>) -> Vec<Span> {
        spans.sort_unstable();
        let mut all: Vec<Span> = Vec::new();
        for s in spans {
            match all.last_mut() {
                Some(last) if last.overlaps(s) => *last = last.union(s),
                _ => all.push(s),
            }
        }
        all
    }

    fn both_ways(text: &[u8]) -> (Vec<Span>, Vec<Span>) {
        let engine = Engine::builtin();
        let query = Query::new(KindSet::ALL, 0.3);
        let leaf = Leaf { text, map: Map::Direct(0), path: Path::ROOT, place: Place::Text, depth: 0 };
        let mut scratch = DetectScratch::default();
        let (mut fast, mut slow) = (Vec::new(), Vec::new());
        engine.find(&leaf, None, query, &mut scratch, &mut fast).unwrap();
        engine.find_slow(&leaf, query, &mut scratch, &mut slow).unwrap();
        let spans = |all: Vec<Finding>| covered(all.into_iter().map(|f| f.span).collect());
        (spans(fast), spans(slow))
    }

    /// Protected as a whole, since it begins behind what looks like an id; a part of it that does not is no finding either.
    #[test]
    fn a_match_within_a_match_is_not_tried() {
        let (fast, slow) = both_ways("219-10-9999%2DMain Street\u{200b}Main Street".as_bytes());
        assert_eq!((fast.len(), fast), (1, slow));
    }

    #[test]
    fn the_fast_way_finds_what_the_slow_way_finds_in_every_example() {
        for d in Engine::builtin().detectors() {
            for e in d.examples.iter().chain(&d.counter_examples) {
                let text = e.replace(['«', '»'], "");
                let (fast, slow) = both_ways(text.as_bytes());
                assert_eq!(fast, slow, "{text}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_fast_way_finds_what_the_slow_way_finds(
            parts in proptest::collection::vec(
                prop_oneof![
                    "[0-9]{1,5}", "[-. :/()@%,]", "[a-z]{1,6}", "[A-Z][a-z]{1,5}",
                    Just("SSN".to_string()), Just("Patient: ".to_string()), Just("MRN ".to_string()), Just("Dr. ".to_string()),
                    Just("219-10-9999".to_string()), Just("March ".to_string()), Just("a.b@c.org".to_string()),
                    Just("Wexley ".to_string()), Just("Hospital ".to_string()), Just(", TX ".to_string()), Just(" Clinic".to_string()),
                    Just("Main Street".to_string()), Just("Apt 4".to_string()), Just(".png".to_string()), Just("County ".to_string()),
                    Just("\u{200b}".to_string()), Just("%2D".to_string()), Just("\\u0031".to_string()),
                ],
                0..16,
            ),
        ) {
            let text = parts.concat();
            let (fast, slow) = both_ways(text.as_bytes());
            prop_assert_eq!(fast, slow, "{}", text);
        }
    }
}
