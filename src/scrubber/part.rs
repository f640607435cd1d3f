//! One part of a record: its payload, its key, or a header's value.

use std::fmt;
use std::sync::Arc;

use super::ahead::Ahead;
use super::edits::Edits;
use super::leaves::{LeafScratch, LeafScrubber, remember};
use super::shaped::Repeats;
use super::whose::Whose;
use super::{KeyAction, Settings, exempt};
use crate::codec::{Codec, CodecScratch, Edit, Format, Leaf, Map, PathBuf};
use crate::detect::roster::Roster;
use crate::detect::{Candidate, Finding, Query, StepLimit};
use crate::kind::Kind;
use crate::policy::Action;
use crate::record::{LARGE, make_room};
use crate::span::Span;
use crate::transform::KeyedScratch;

/// A worker's memory, used again from record to record.
#[derive(Default)]
pub struct Scratch {
    pub(super) codec: CodecScratch,
    pub(super) leaf: LeafScratch,
    pub(super) repeats: Repeats,
    ahead: Ahead,
    /// Candidates of the part at hand.
    candidates: Vec<Candidate>,
    pub(super) edits: Edits,
    pub(super) whose: Whose,
    keyed: KeyedScratch,
    /// The vault gave out tokens, which are not durable yet.
    pub(super) uncommitted: bool,
    path: PathBuf,
}

impl Scratch {
    /// Gives back the memory that a large record took. What is remembered of records stays.
    pub(crate) fn shrink(&mut self) {
        self.codec = CodecScratch::default();
        self.leaf.shrink();
        self.ahead = Ahead::default();
        self.candidates = Vec::new();
        self.edits = Edits::default();
    }

    /// Forgets the names of the record before.
    pub(super) fn forget(&mut self) {
        self.leaf.known.clear();
    }

    /// From here on serves this scrubber, and looks for these patients, in another batch.
    pub(super) fn serve(&mut self, scrubber: u64, roster: Option<&Arc<Roster>>) {
        self.repeats.serve(scrubber);
        self.ahead.clear();
        self.leaf.detect.use_roster(roster);
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scratch")
    }
}

/// A finding with what is known about it, for `scan`, `explain` and tests.
#[derive(Clone, Copy, Debug)]
pub struct Located<'a> {
    /// The finding that decides; its span is in the leaf's text.
    pub finding: Finding,
    /// The leaf it stands in.
    pub leaf: &'a Leaf<'a>,
    /// What is replaced, in the record's payload; it may be more than the finding, where several overlap.
    pub payload: Span,
    /// What the policy does with it.
    pub action: Action,
}

/// A part could not be scanned, or not written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unreadable {
    /// A fixed phrase.
    pub(super) reason: &'static str,
    /// No other record would fare better: the pipeline stops, whatever is done with records that cannot be read.
    pub(super) halts: bool,
}

impl Unreadable {
    pub(super) fn record(reason: &'static str) -> Unreadable {
        Unreadable { reason, halts: false }
    }
}

impl From<StepLimit> for Unreadable {
    fn from(_: StepLimit) -> Unreadable {
        Unreadable::record("a look-around pattern took too many steps")
    }
}

/// What became of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing to do: nothing was written.
    Clean,
    /// Its new form was appended.
    Edited,
    /// A rule says to drop the record.
    Drop,
}

/// Where results go.
pub(super) struct Out<'o> {
    pub(super) bytes: &'o mut Vec<u8>,
    pub(super) findings: &'o mut [u64; Kind::COUNT],
}

/// Scrubs parts of records.
pub(super) struct PartScrubber<'s> {
    pub(super) settings: &'s Settings,
    pub(super) query: Query,
    /// What is found and stays is asked for, too.
    pub(super) reports: bool,
}

impl<'s> PartScrubber<'s> {
    pub(super) fn leaves(&self) -> LeafScrubber<'s> {
        let Settings { engine, policy, keys, this_year, .. } = self.settings;
        let keyed = keys.as_ref().map(|keys| &*keys.keyed);
        LeafScrubber {
            engine,
            policy,
            keyed,
            this_year: *this_year,
            query: self.query,
            reports: self.reports,
            refuses_derived: policy.profile.refuses_derived(),
        }
    }

    /// A payload. Only what lies in `body` is written; for a window of a long line that is less than all of it.
    pub(super) fn payload(
        &self,
        codec: &Codec,
        arena: &[u8],
        payload: Span,
        body: Span,
        scratch: &mut Scratch,
        out: Out<'_>,
    ) -> Result<Outcome, Unreadable> {
        let bytes = &arena[payload.range()];
        let whole = body == payload;
        let before = *out.findings;
        let by_shape = if whole && codec.format != Format::Mime {
            self.by_shape(codec, bytes, scratch, out.findings)?
        } else {
            None
        };
        let mut dropped = match by_shape {
            Some(dropped) => dropped,
            None => {
                let dropped = self.walk(codec, arena, (payload, body), scratch, out.findings)?;
                if whole && codec.format != Format::Mime {
                    self.learn_shape(codec, bytes, scratch);
                }
                dropped
            }
        };
        // A name that was found is looked for once more, with all that is known of it. In windows of a long line it
        // is not: they would not agree on what stands at their borders.
        let edits = scratch.edits.list.as_slice();
        let taken = |word: Span| {
            let after = edits.partition_point(|e| e.span.start() <= word.start());
            after > 0 && edits[after - 1].span.contains(word)
        };
        let known = &scratch.leaf.known;
        let once_more = match codec.format.is_in_clear() {
            true => known.may_stand_in(bytes, taken),
            false => !known.is_empty(),
        };
        if whole && once_more {
            *out.findings = before;
            dropped = self.walk(codec, arena, (payload, body), scratch, out.findings)?;
        }
        // What it took to decide on the edits is given back before the payload is written anew.
        if bytes.len() > LARGE {
            scratch.leaf.shrink();
        }
        // Of a long line's windows some are on their way already: here the finding is redacted instead.
        if dropped && whole {
            return Ok(Outcome::Drop);
        }
        self.resolve(scratch)?;
        let Scratch { codec: codec_scratch, edits: Edits { list: edits, text, .. }, .. } = scratch;
        if !whole {
            clip(edits, Span::at(body.start() - payload.start(), body.end() - payload.start()));
        }
        if edits.is_empty() {
            return Ok(Outcome::Clean);
        }
        make_room(out.bytes, body.len());
        codec.encode(&arena[body.range()], edits, text, codec_scratch, out.bytes);
        Ok(Outcome::Edited)
    }

    /// Puts in place what takes a key.
    fn resolve(&self, scratch: &mut Scratch) -> Result<(), Unreadable> {
        let Scratch { edits, whose, keyed, uncommitted, .. } = scratch;
        *uncommitted |= edits.resolve(self.settings.keys.as_ref(), whose, keyed)?;
        Ok(())
    }

    /// Goes through the leaves of a payload and decides on edits; whether a rule says to drop the record.
    fn walk(
        &self,
        codec: &Codec,
        arena: &[u8],
        (payload, body): (Span, Span),
        scratch: &mut Scratch,
        findings: &mut [u64; Kind::COUNT],
    ) -> Result<bool, Unreadable> {
        let whole = body == payload;
        let Scratch { codec: codec_scratch, leaf: leaf_scratch, ahead, candidates, edits, whose, .. } =
            scratch;
        let bytes = &arena[payload.range()];
        let mut look = |text: &[u8], out: &mut Vec<Candidate>| {
            self.settings.engine.candidates(text, self.query, &mut leaf_scratch.detect, out);
        };
        let plain = whole && codec.resolve(bytes) == Format::Plain;
        let (mut given, base) = match if plain { ahead.of(arena, payload, &mut look) } else { None } {
            Some(given) => given,
            None => {
                candidates.clear();
                if codec.format.is_in_clear() {
                    look(bytes, candidates);
                }
                (candidates.as_slice(), 0)
            }
        };
        edits.clear();
        whose.begin_payload();
        let logs = self.settings.policy.profile.keeps_logs_useful();
        let leaves = self.leaves();
        let (mut dropped, mut failed, mut time_seen) = (false, false, false);
        codec.leaves(bytes, codec_scratch, &mut |leaf| {
            if failed {
                return;
            }
            if let Some(keys) = &self.settings.keys {
                whose.look(keys, leaf);
            }
            let own = match leaf.map {
                Map::Direct(at) => {
                    let start = base + at as usize;
                    Some((take(&mut given, start, start + leaf.text.len()), start))
                }
                Map::Segments(_) => None,
            };
            let event_time = logs && !time_seen && exempt::is_event_time(leaf);
            time_seen |= event_time;
            // Most leaves hold nothing.
            let empty = own.is_some_and(|(list, _)| list.is_empty());
            if empty && leaves.is_silent(leaf, leaf_scratch) {
                return;
            }
            failed = leaves.settle(leaf, own, event_time, whole, leaf_scratch).is_err();
            // Windows of a long line overlap: a finding counts where it begins in the body.
            let count = |kind: Kind, at: usize| {
                findings[kind as usize] += u64::from(body.range().contains(&(payload.start() + at)));
            };
            dropped |= edits.add(leaf, leaf_scratch, self.settings.this_year, count);
            if let Some(keys) = &self.settings.keys {
                whose.found(keys, leaf, &leaf_scratch.decided);
            }
            if whole {
                remember(&self.settings.engine, leaf.text, leaf_scratch);
            }
        });
        if failed { Err(StepLimit.into()) } else { Ok(dropped) }
    }

    /// A Kafka key.
    pub(super) fn key(
        &self,
        arena: &[u8],
        key: Span,
        scratch: &mut Scratch,
        out: Out<'_>,
    ) -> Result<Outcome, Unreadable> {
        // What becomes of a key must follow from the key alone: the same key with another payload, or with none, is the
        // same key, or compaction would keep both.
        scratch.forget();
        scratch.whose.begin_key();
        let start = out.bytes.len();
        let out = Out { bytes: &mut *out.bytes, findings: &mut *out.findings };
        let bytes = &arena[key.range()];
        let outcome = self.named(
            &[b"@key"],
            bytes,
            scratch,
            Out { bytes: &mut *out.bytes, findings: &mut *out.findings },
        )?;
        match (&self.settings.key_action, outcome) {
            (KeyAction::Hmac(hmac), Outcome::Edited) => {
                out.bytes.truncate(start);
                let tag = aws_lc_rs::hmac::sign(hmac, bytes);
                out.bytes.extend(tag.as_ref().iter().flat_map(|b| {
                    let digit = |n: u8| b"0123456789abcdef"[n as usize];
                    [digit(b >> 4), digit(b & 15)]
                }));
                Ok(Outcome::Edited)
            }
            (_, outcome) => Ok(outcome),
        }
    }

    /// A header's value.
    pub(super) fn header(
        &self,
        arena: &[u8],
        name: Span,
        value: Span,
        scratch: &mut Scratch,
        out: Out<'_>,
    ) -> Result<Outcome, Unreadable> {
        scratch.whose.begin_header();
        self.named(&[b"@header", &arena[name.range()]], &arena[value.range()], scratch, out)
    }

    /// A part that stands at a path of its own: JSON where it looks like it, else one leaf.
    fn named(
        &self,
        path: &[&[u8]],
        bytes: &[u8],
        scratch: &mut Scratch,
        out: Out<'_>,
    ) -> Result<Outcome, Unreadable> {
        if bytes.len() > self.settings.max_record_bytes {
            return Err(Unreadable::record("a key or header is larger than max_record_bytes"));
        }
        let codec = Codec { format: Format::Auto, ..self.settings.codec };
        let json = codec.resolve(bytes) == Format::Json;
        let Scratch { codec: codec_scratch, leaf: leaf_scratch, edits, whose, path: own_path, .. } = scratch;
        edits.clear();
        own_path.clear();
        path.iter().for_each(|p| own_path.push_key(p));
        let leaves = self.leaves();
        let (mut dropped, mut failed) = (false, false);
        let findings = out.findings;
        codec.leaves(bytes, codec_scratch, &mut |leaf| {
            let named = Leaf { path: own_path.as_path(), ..*leaf };
            let leaf = if json { leaf } else { &named };
            if leaves.settle(leaf, None, false, true, leaf_scratch).is_err() {
                failed = true;
                return;
            }
            let count = |kind: Kind, _| findings[kind as usize] += 1;
            dropped |= edits.add(leaf, leaf_scratch, self.settings.this_year, count);
            if let Some(keys) = &self.settings.keys {
                whose.found(keys, leaf, &leaf_scratch.decided);
            }
        });
        match (failed, dropped, edits.list.is_empty()) {
            (true, ..) => Err(StepLimit.into()),
            (_, true, _) => Ok(Outcome::Drop),
            (_, _, true) => Ok(Outcome::Clean),
            _ => {
                self.resolve(scratch)?;
                let Scratch { codec: codec_scratch, edits: Edits { list, text, .. }, .. } = scratch;
                codec.encode(bytes, list, text, codec_scratch, out.bytes);
                Ok(Outcome::Edited)
            }
        }
    }

    /// Reports instead of replacing. `whole` says that it is no window of a long line.
    pub(super) fn scan(
        &self,
        codec: &Codec,
        bytes: &[u8],
        whole: bool,
        scratch: &mut Scratch,
        visit: &mut dyn FnMut(&Located<'_>),
    ) -> Result<(), Unreadable> {
        if bytes.len() > self.settings.max_record_bytes {
            return Err(Unreadable::record("the record is larger than max_record_bytes"));
        }
        scratch.forget();
        // Names first, so that each is found wherever it stands, as it would be when scrubbing.
        if whole {
            let names = PartScrubber { query: self.query.only(Kind::Name), ..*self };
            names.report(codec, bytes, whole, scratch, &mut |_| {})?;
        }
        self.report(codec, bytes, whole, scratch, visit)
    }

    fn report(
        &self,
        codec: &Codec,
        bytes: &[u8],
        whole: bool,
        scratch: &mut Scratch,
        visit: &mut dyn FnMut(&Located<'_>),
    ) -> Result<(), Unreadable> {
        let Scratch { codec: codec_scratch, leaf: leaf_scratch, .. } = scratch;
        let logs = self.settings.policy.profile.keeps_logs_useful();
        let leaves = self.leaves();
        let (mut failed, mut time_seen) = (false, false);
        codec.leaves(bytes, codec_scratch, &mut |leaf| {
            let event_time = logs && !time_seen && exempt::is_event_time(leaf);
            time_seen |= event_time;
            failed |= leaves.settle(leaf, None, event_time, whole, leaf_scratch).is_err();
            if whole {
                remember(&self.settings.engine, leaf.text, leaf_scratch);
            }
            let LeafScratch { decided, kept, .. } = leaf_scratch;
            kept.retain(|k| !decided.iter().any(|d| d.span.contains(k.span)));
            kept.extend(decided.iter());
            kept.sort_by_key(|d| (d.span.start(), d.span.end()));
            for d in kept.iter() {
                let payload = leaf.map.to_payload(d.span);
                visit(&Located { finding: d.lead, leaf, payload, action: d.action });
            }
        });
        if failed { Err(StepLimit.into()) } else { Ok(()) }
    }
}

/// The candidates between two places, taken off the front.
fn take<'c>(given: &mut &'c [Candidate], start: usize, end: usize) -> &'c [Candidate] {
    let skip = given.iter().position(|c| c.at as usize >= start).unwrap_or(given.len());
    let rest = &given[skip..];
    let len = rest.iter().position(|c| c.at as usize >= end).unwrap_or(rest.len());
    *given = &rest[len..];
    &rest[..len]
}

/// Keeps of the edits what lies in `body`, and counts from its start. What began before it has been marked by the
/// window before: here its rest just goes.
fn clip(edits: &mut Vec<Edit>, body: Span) {
    edits.retain(|e| e.span.overlaps(body));
    for e in edits {
        if e.span.start() < body.start() {
            e.replacement = Span::default();
        }
        let (start, end) = (e.span.start().max(body.start()), e.span.end().min(body.end()));
        e.span = Span::at(start - body.start(), end - body.start());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Place;

    #[test]
    fn windows_keep_their_own() {
        let e =
            |a, b| Edit { span: Span::new(a, b), replacement: Span::new(0, 5), place: Place::Text, depth: 0 };
        let mut edits = vec![e(0, 4), e(8, 12), e(15, 18), e(19, 25), e(30, 40)];
        clip(&mut edits, Span::new(10, 20));
        let got: Vec<_> = edits.iter().map(|e| (e.span, e.replacement.len())).collect();
        assert_eq!(got, [(Span::new(0, 2), 0), (Span::new(5, 8), 5), (Span::new(9, 10), 5)]);
    }
}
