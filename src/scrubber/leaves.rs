//! One leaf: find, decide, unite, and look again.

use super::again::{Window, windows};
use super::exempt;
use super::merge::{Decided, unite};
use crate::codec::{Leaf, Map, PathBuf, Place, Segment};
use crate::detect::{Candidate, DetectScratch, DetectorId, Engine, Finding, Known, Query, StepLimit};
use crate::kind::Kind;
use crate::policy::{Action, Places, Policy, Recipient};
use crate::record::make_room;
use crate::span::Span;
use crate::transform::{self, Keyed, ReadToken};

/// Rounds of looking again. Each round only ever adds to what is replaced.
const MAX_ROUNDS: usize = 8;

/// Decides what is replaced in a leaf.
pub(super) struct LeafScrubber<'s> {
    pub(super) engine: &'s Engine,
    pub(super) policy: &'s Policy,
    /// Tells tokens from what only looks like them.
    pub(super) keyed: Option<&'s Keyed>,
    pub(super) this_year: i32,
    pub(super) query: Query,
    /// What is found and stays is asked for, too.
    pub(super) reports: bool,
    /// Tokens that are derived from what they stand for become markers, whoever made them.
    pub(super) refuses_derived: bool,
}

/// A worker's memory for leaves.
#[derive(Default)]
pub(super) struct LeafScratch {
    pub(super) detect: DetectScratch,
    /// What is replaced in the leaf, sorted, without overlaps, in offsets of its text.
    pub(super) decided: Vec<Decided>,
    /// What was found and stays.
    pub(super) kept: Vec<Decided>,
    /// The words of names that the record is known to hold.
    pub(super) known: Known,
    /// Whom the message at hand goes to.
    pub(super) recipient: Recipient,
    found: Vec<Finding>,
    again: Vec<u8>,
    segments: Vec<Segment>,
    path: PathBuf,
    replacement: Vec<u8>,
}

impl LeafScratch {
    /// Gives back the memory that a large text took.
    pub(super) fn shrink(&mut self) {
        let LeafScratch { detect, known, recipient, .. } = std::mem::take(self);
        *self = LeafScratch { detect, known, recipient, ..LeafScratch::default() };
        self.detect.shrink();
    }
}

impl LeafScrubber<'_> {
    /// Whether nothing can be found in a leaf without candidates.
    #[inline]
    pub(super) fn is_silent(&self, leaf: &Leaf<'_>, scratch: &mut LeafScratch) -> bool {
        scratch.known.is_empty()
            && self.engine.is_silent(leaf, &mut scratch.detect)
            && !self.may_refuse(leaf)
            && (leaf.place != Place::Number || transform::written_out(leaf.text).is_none())
    }

    /// Whether there may be a token in a leaf that is not let through.
    #[inline]
    pub(super) fn may_refuse(&self, leaf: &Leaf<'_>) -> bool {
        self.refuses_derived && transform::may_hold_tokens(leaf.text)
    }

    /// What is looked for in a leaf. What the profile lets stand needs no finding, unless a rule speaks of it or someone wants
    /// to see it.
    pub(super) fn query(&self, leaf: &Leaf<'_>, event_time: bool) -> Query {
        let logs = self.policy.profile.keeps_logs_useful();
        let unseen = |kind| !self.reports && !self.policy.speaks_of(kind);
        let mut query = self.query;
        if event_time && unseen(Kind::Date) {
            query = query.without(Kind::Date);
        } else if logs && exempt::may_lead(leaf) && unseen(Kind::Date) {
            query = query.sparing_leading_time();
        }
        if logs && unseen(Kind::Ip) {
            query = query.sparing_private_addresses();
        }
        query
    }

    /// Fills `scratch.decided` for this leaf. `event_time` says that the leaf is the record's own time.
    ///
    /// What was replaced changes what stands around it: a marker is shorter than the text it stands for, and brings a
    /// cue nearer to a number. So the result is gone through again until nothing more is found; this is
    /// what makes a second pass over the output find nothing.
    pub(super) fn settle(
        &self,
        leaf: &Leaf<'_>,
        candidates: Option<(&[Candidate], usize)>,
        event_time: bool,
        look_again: bool,
        scratch: &mut LeafScratch,
    ) -> Result<(), StepLimit> {
        let how = (look_again, self.engine.reach());
        match (self.keyed.is_some() || self.refuses_derived) && transform::may_hold_tokens(leaf.text) {
            true => self.settle_around_tokens(leaf, candidates, event_time, how, scratch),
            false => self.settle_within(leaf, candidates, event_time, how, scratch),
        }
    }

    /// The same, where there may be tokens: those that the ring made are read as the markers they stand for, so that nothing is found
    /// in them, and what stands around them is judged as it was when they were put there. Where derived ones are refused, whatever
    /// has their form is read so, and the marker takes its place: a code from a ring that is not at hand is derived no less.
    fn settle_around_tokens(
        &self,
        leaf: &Leaf<'_>,
        candidates: Option<(&[Candidate], usize)>,
        event_time: bool,
        how: (bool, usize),
        scratch: &mut LeafScratch,
    ) -> Result<(), StepLimit> {
        let (mut text, mut segments) = (Vec::new(), Vec::new());
        let mut refused = Vec::new();
        let mut splice = Splice { text: &mut text, segments: &mut segments, raw: leaf.text, at: 0 };
        for (span, token) in transform::tokens(leaf.text).filter(|(_, t)| self.takes(t)) {
            if span.start() < splice.at {
                continue;
            }
            splice.put(span, token.kind.marker().as_bytes());
            if self.refuses_derived && token.token_type.is_derived() {
                let lead = Finding { span, detector: DetectorId::TOKEN, kind: token.kind, confidence: 1.0 };
                refused.push(Decided { span, lead, action: Action::Redact });
            }
        }
        if splice.at == 0 {
            return self.settle_within(leaf, candidates, event_time, how, scratch);
        }
        splice.finish();
        let read = Leaf { text: &text, ..*leaf };
        self.settle_within(&read, None, event_time, how, scratch)?;
        for d in scratch.decided.iter_mut().chain(&mut scratch.kept) {
            d.span = Map::Segments(&segments).to_payload(d.span);
            d.lead.span = Map::Segments(&segments).to_payload(d.lead.span);
        }
        if !refused.is_empty() {
            scratch.decided.append(&mut refused);
            finish(leaf, &mut scratch.decided);
        }
        Ok(())
    }

    /// Whether a token is read as one, and not as text.
    fn takes(&self, token: &ReadToken) -> bool {
        let refused = self.refuses_derived && token.token_type.is_derived();
        refused || self.keyed.is_some_and(|keyed| keyed.is_genuine(token))
    }

    /// The same; something counts as far around a place as `reach` says, in bytes.
    fn settle_within(
        &self,
        leaf: &Leaf<'_>,
        candidates: Option<(&[Candidate], usize)>,
        event_time: bool,
        (look_again, reach): (bool, usize),
        scratch: &mut LeafScratch,
    ) -> Result<(), StepLimit> {
        scratch.decided.clear();
        scratch.kept.clear();
        scratch.found.clear();
        let query = self.query(leaf, event_time);
        scratch.detect.take_rostered();
        self.engine.find(leaf, candidates, query, &mut scratch.detect, &mut scratch.found)?;
        self.engine.find_known(leaf, &scratch.known, query, &mut scratch.detect, &mut scratch.found);
        if leaf.place == Place::Number
            && let Some(digits) = transform::written_out(leaf.text)
        {
            // `2.19109999E8` is how many languages write 219109999; a number is replaced whole in either form.
            let plain = Leaf { text: digits.as_bytes(), map: Map::Direct(0), ..*leaf };
            let known = scratch.found.len();
            self.engine.find(&plain, None, query, &mut scratch.detect, &mut scratch.found)?;
            scratch.found[known..].iter_mut().for_each(|f| f.span = Span::at(0, leaf.text.len()));
        }
        if scratch.found.is_empty() {
            return Ok(());
        }
        self.decide(leaf, event_time, scratch)?;
        scratch.kept.extend(scratch.decided.iter().filter(|d| d.action == Action::Keep));
        finish(leaf, &mut scratch.decided);
        if !look_again {
            return Ok(());
        }
        let rostered = scratch.detect.take_rostered();
        let mut changed = scratch.decided.clone();
        for _ in 0..MAX_ROUNDS {
            if changed.is_empty() || leaf.place == Place::Number {
                return Ok(());
            }
            let before = scratch.decided.clone();
            let mut again = std::mem::take(&mut scratch.again);
            let mut segments = std::mem::take(&mut scratch.segments);
            self.rewrite(leaf, &before, &mut again, &mut segments, &mut scratch.replacement);
            let next =
                Leaf { text: &again, map: leaf.map, path: leaf.path, place: leaf.place, depth: leaf.depth };
            scratch.found.clear();
            scratch.decided.clear();
            // Where no patient could stand before, none does between markers.
            let apart = !rostered && before.iter().all(|d| stands_apart(d, leaf.text));
            let query = if apart { query.passing_roster_by() } else { query };
            // Where a field says what it holds, or a text is read without its disguises, all of it counts.
            let detect = &mut scratch.detect;
            let mut near =
                |_: &_| self.engine.is_silent(leaf, detect) && !self.engine.is_disguised(&again, detect);
            match windows(&segments, &changed, again.len(), reach).filter(&mut near) {
                Some(windows) => windows.iter().try_for_each(|w| self.look_at(&next, *w, query, scratch))?,
                None => self.look(&next, query, scratch)?,
            }
            self.decide(&next, event_time, scratch)?;
            scratch.decided.retain(|d| d.action != Action::Keep);
            for d in &mut scratch.decided {
                d.span = Map::Segments(&segments).to_payload(d.span);
                d.lead.span = d.span;
                // What a value was generalised to is taken for something else: nothing of it may be left.
                let other = |b: &Decided| b.span.overlaps(d.span) && b.lead.kind != d.lead.kind;
                if before.iter().any(|b| b.action == Action::Generalize && other(b)) {
                    d.action = d.action.max(Action::Redact);
                }
            }
            scratch.decided.extend(&before);
            finish(leaf, &mut scratch.decided);
            scratch.again = again;
            scratch.segments = segments;
            changed.clear();
            let mut old = before.iter().map(|d| (d.span, d.action)).peekable();
            for d in &scratch.decided {
                while old.next_if(|(span, _)| span.start() < d.span.start()).is_some() {}
                if old.next_if_eq(&(d.span, d.action)).is_none() {
                    changed.push(*d);
                }
            }
            if changed.is_empty() {
                scratch.decided = before;
            }
        }
        Ok(())
    }

    /// Adds what is found in a leaf.
    fn look(&self, leaf: &Leaf<'_>, query: Query, scratch: &mut LeafScratch) -> Result<(), StepLimit> {
        self.engine.find(leaf, None, query, &mut scratch.detect, &mut scratch.found)?;
        self.engine.find_known(leaf, &scratch.known, query, &mut scratch.detect, &mut scratch.found);
        Ok(())
    }

    /// Adds what is found in a part of a leaf whose field says nothing.
    fn look_at(
        &self,
        leaf: &Leaf<'_>,
        window: Window,
        query: Query,
        scratch: &mut LeafScratch,
    ) -> Result<(), StepLimit> {
        let (first, start) = (scratch.found.len(), window.read.start());
        // What leads a part leads no line.
        let query = if start > 0 { query.heeding_leading_time() } else { query };
        self.look(&Leaf { text: &leaf.text[window.read.range()], ..*leaf }, query, scratch)?;
        let mut at = 0;
        scratch.found.retain_mut(|f| {
            at += 1;
            if at <= first {
                return true;
            }
            f.span = f.span.shifted(start);
            window.counts.contains(f.span)
        });
        Ok(())
    }

    /// Says for each of `scratch.found` what is to be done, into `scratch.decided`.
    fn decide(&self, leaf: &Leaf<'_>, event_time: bool, scratch: &mut LeafScratch) -> Result<(), StepLimit> {
        let logs = self.policy.profile.keeps_logs_useful();
        let own_time = match event_time {
            true => Some(Span::at(0, leaf.text.len())),
            false if logs && scratch.found.iter().any(|f| f.kind == Kind::Date) => exempt::leading_time(leaf),
            false => None,
        };
        let found = std::mem::take(&mut scratch.found);
        let mut result = Ok(());
        let stays = match &self.policy.allowed {
            Some(allowed) if !found.is_empty() => allowed.places(leaf.text, &scratch.recipient),
            _ => Places::default(),
        };
        for f in &found {
            let push = |action| Decided { span: f.span, lead: *f, action };
            if stays.keep(f.kind, f.span) {
                scratch.decided.push(push(Action::Keep));
                continue;
            }
            if let Some(action) = self.policy.ruled(f.kind, f.confidence, leaf.path) {
                let action = unless_done(action, f, leaf.text, &mut scratch.replacement);
                scratch.decided.push(push(action));
                continue;
            }
            let below = f.confidence < self.policy.threshold();
            if below || logs && exempt::stands(f, leaf.text, own_time) {
                scratch.decided.push(push(Action::Keep));
            } else if logs && f.kind == Kind::Url {
                scratch.decided.push(push(Action::Keep));
                result = result.and(self.url(f, leaf, scratch));
            } else {
                let usual = self.policy.profile.usual(f.kind);
                let action = unless_done(usual, f, leaf.text, &mut scratch.replacement);
                scratch.decided.push(push(action));
            }
        }
        scratch.found = found;
        result
    }

    /// The parts of a URL that speak of persons: its userinfo, and parameters whose name says what they hold.
    fn url(&self, url: &Finding, leaf: &Leaf<'_>, scratch: &mut LeafScratch) -> Result<(), StepLimit> {
        let text = &leaf.text[url.span.range()];
        let parts = transform::url_parts(text);
        if let Some(userinfo) = parts.userinfo
            && !Kind::is_marker(&text[userinfo.range()])
        {
            let span = userinfo.shifted(url.span.start());
            scratch.decided.push(Decided { span, lead: Finding { span, ..*url }, action: Action::Redact });
        }
        for (name, value) in parts.parameters {
            let mut path = std::mem::take(&mut scratch.path);
            path.clear();
            path.push_key(&text[name.range()]);
            let parameter = Leaf {
                text: &text[value.range()],
                map: Map::Direct(0),
                path: path.as_path(),
                place: Place::Text,
                depth: leaf.depth,
            };
            let mut found = Vec::new();
            let result = self.engine.find(&parameter, None, self.query, &mut scratch.detect, &mut found);
            for f in found.iter().filter(|f| f.kind != Kind::Url && f.confidence >= self.policy.threshold()) {
                if !exempt::stands(f, parameter.text, None) {
                    let span = f.span.shifted(url.span.start() + value.start());
                    let lead = Finding { span, ..*f };
                    let action = self.policy.action(f.kind, f.confidence, leaf.path);
                    scratch.decided.push(Decided { span, lead, action });
                }
            }
            scratch.path = path;
            result?;
        }
        Ok(())
    }

    /// The leaf's text with what was decided in place, and the way back.
    fn rewrite(
        &self,
        leaf: &Leaf<'_>,
        decided: &[Decided],
        out: &mut Vec<u8>,
        segments: &mut Vec<Segment>,
        buffer: &mut Vec<u8>,
    ) {
        out.clear();
        make_room(out, leaf.text.len());
        segments.clear();
        segments.reserve(2 * decided.len() + 1);
        let mut splice = Splice { text: out, segments, raw: leaf.text, at: 0 };
        for d in decided {
            buffer.clear();
            replace(d, leaf, self.this_year, buffer);
            splice.put(d.span, buffer);
        }
        splice.finish();
    }
}

/// Builds a text with something else in some places, and the way back.
struct Splice<'s> {
    text: &'s mut Vec<u8>,
    segments: &'s mut Vec<Segment>,
    raw: &'s [u8],
    /// How far the raw text has been taken over.
    at: usize,
}

impl Splice<'_> {
    /// Puts something in a place behind all before.
    fn put(&mut self, span: Span, bytes: &[u8]) {
        self.verbatim(span.start());
        self.push(bytes, span, false);
        self.at = span.end();
    }

    /// Takes over the rest.
    fn finish(&mut self) {
        self.verbatim(self.raw.len());
    }

    fn verbatim(&mut self, to: usize) {
        if self.at < to {
            let raw = self.raw;
            self.push(&raw[self.at..to], Span::at(self.at, to), true);
        }
    }

    fn push(&mut self, bytes: &[u8], raw: Span, verbatim: bool) {
        let start = self.text.len() as u32;
        self.text.extend_from_slice(bytes);
        let (text_len, raw_len) = (bytes.len() as u32, raw.len() as u32);
        self.segments.push(Segment { text: start, text_len, raw: raw.start() as u32, raw_len, verbatim });
    }
}

/// A name is looked for again if it was found with this confidence or more: a doubtful one would spread.
pub(super) const SURE: f32 = 0.75;

/// Remembers the words of the names that were decided on.
pub(super) fn remember(engine: &Engine, text: &[u8], scratch: &mut LeafScratch) {
    let LeafScratch { decided, known, detect, .. } = scratch;
    let is_sure = |d: &&Decided| {
        d.lead.kind == Kind::Name && d.lead.confidence >= SURE && d.lead.detector != DetectorId::TOKEN
    };
    for d in decided.iter().filter(is_sure).filter(|d| d.action != Action::Keep) {
        engine.remember(text, d.lead.span, known, detect);
    }
}

/// What this very action has made of a value already stays, even where only a part of it was found: what a mask left in clear,
/// or the 90 of `90+`.
fn unless_done(action: Action, finding: &Finding, text: &[u8], buffer: &mut Vec<u8>) -> Action {
    let span = finding.span;
    if action == Action::Generalize
        && finding.kind == Kind::Age
        && transform::is_general_age(text, span.start(), span.end())
    {
        return Action::Keep;
    }
    if let Action::Mask { keep_last, with } = action {
        let mut utf8 = [0; 4];
        let with_bytes = with.encode_utf8(&mut utf8).as_bytes();
        let mut start = span.start();
        while let Some(shorter) =
            [with_bytes, b"-", b" ", b"."].iter().find_map(|s| text[..start].strip_suffix(*s))
        {
            start = shorter.len();
        }
        for from in [span.start(), start] {
            let whole = text[from..span.end()].trim_ascii_start();
            buffer.clear();
            transform::mask(whole, keep_last, with, buffer);
            if *buffer == whole {
                return Action::Keep;
            }
        }
    }
    action
}

/// Whether a marker takes the place of what was found, and nothing on its sides can have been of one piece with it.
fn stands_apart(d: &Decided, text: &[u8]) -> bool {
    let parts = |b: Option<&u8>| b.is_none_or(|b| b" ,;:=\"'<>|\t\n\r".contains(b));
    let before = d.span.start().checked_sub(1).and_then(|i| text.get(i));
    (d.action == Action::Redact || d.action.is_keyed()) && parts(before) && parts(text.get(d.span.end()))
}

/// Unites, and widens to the whole leaf where it can only be replaced whole.
fn finish(leaf: &Leaf<'_>, decided: &mut Vec<Decided>) {
    unite(decided);
    if leaf.place == Place::Number && !decided.is_empty() {
        decided.iter_mut().for_each(|d| d.span = Span::at(0, leaf.text.len()));
        unite(decided);
    }
}

/// Appends what takes the place of a finding. For what takes a key a marker stands in: a token reads like one.
pub(super) fn replace(d: &Decided, leaf: &Leaf<'_>, this_year: i32, out: &mut Vec<u8>) {
    let text = &leaf.text[d.span.range()];
    let done = match d.action {
        Action::Mask { keep_last, with } => {
            transform::mask(text, keep_last, with, out);
            true
        }
        Action::Keep => {
            out.extend_from_slice(text);
            true
        }
        Action::Generalize => {
            transform::generalize(d.lead.kind, text, leaf.place == Place::Number, this_year, out)
        }
        _ => false,
    };
    if !done {
        out.extend_from_slice(d.lead.kind.marker().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::Path;
    use crate::policy::Profile;
    use crate::scrubber::Settings;

    /// What is decided on in a text, when something counts so far around a place.
    fn settle(text: &[u8], reach: usize) -> Vec<(Span, Action)> {
        let settings = Settings::new();
        let Settings { engine, policy, .. } = &settings;
        assert_eq!(policy.profile, Profile::Logs);
        let query = Query::new(crate::kind::KindSet::ALL, 0.5);
        let this_year = settings.this_year;
        let (reports, refuses_derived) = (false, false);
        let scrubber =
            LeafScrubber { engine, policy, keyed: None, this_year, query, reports, refuses_derived };
        let leaf = Leaf { text, map: Map::Direct(0), path: Path::ROOT, place: Place::Text, depth: 0 };
        let mut scratch = LeafScratch::default();
        scrubber.settle_within(&leaf, None, false, (true, reach), &mut scratch).unwrap();
        scratch.decided.iter().map(|d| (d.span, d.action)).collect()
    }

    /// Without its disguises a cue may be near to a number that stands far from it.
    #[test]
    fn a_disguised_text_is_looked_at_as_a_whole() {
        let far = "\u{200b}".repeat(3000);
        let mail = format!("{}@example.org ", "jo.li".repeat(12)).repeat(3);
        let quiet = "nothing of note here ".repeat(3000);
        let text = format!("{quiet}ssn of {mail} {far}is 219109999 {quiet}");
        let reach = Settings::new().engine.reach();
        let found = settle(text.as_bytes(), reach);
        assert_eq!(found, settle(text.as_bytes(), usize::MAX));
        assert_eq!(found.len(), 4, "three addresses, and the number behind them");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// What is found near changes is what is found in all of the text.
        #[test]
        fn looking_again_near_changes_is_enough(
            parts in proptest::collection::vec(prop_oneof![
                4 => "[a-z]{1,9} {1,2}", 2 => "[0-9]{1,4}[:.-]", 1 => "[A-Z][a-z]{2,8} ",
                1 => prop_oneof![
                    Just("Patient: "), Just("Dr. Maria Lopez "), Just("Lopez "), Just("219-10-9999 "), Just("MRN "), Just("March "),
                    Just("1.1.1.1.1.1.1.1.1.1.1.1 "), Just("jo.li@example.org"), Just("(415) 555-2671 "), Just("12 Elm Street, Dallas, TX 75201 "),
                    Just("dob 3/4/1962 "), Just("https://a.org/?utm_source=Maria&x=jo@b.org "), Just("2026-03-01 00:00:01,007 "), Just("%32%31"),
                ].prop_map(str::to_owned),
            ], 40..400),
            quiet in 0..40usize,
            times in 1..4usize,
        ) {
            let text = format!("{}{}", parts.concat(), "nothing of note here ".repeat(60 * quiet)).repeat(times);
            let text = text.as_bytes();
            let reach = Settings::new().engine.reach();
            prop_assert_eq!(settle(text, reach), settle(text, usize::MAX), "{}", String::from_utf8_lossy(text));
        }
    }
}
