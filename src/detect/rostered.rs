//! The roster among the detectors: its places go with the other candidates, its hits become findings.

use std::sync::Arc;

use super::keywords::KeywordHits;
use super::names::NamesScratch;
use super::prefilter::{Candidate, ROSTER};
use super::roster::{Hit, Roster, RosterScratch};
use super::scan::{DetectScratch, Scene};
use super::whatever::{DIGIT, EITHER, What};
use super::{Engine, Finding};
use crate::kind::Kind;

/// The patients that a worker looks for, and its memory for that.
#[derive(Default)]
pub(super) struct Rostered {
    roster: Option<Arc<Roster>>,
    /// Since somebody asked last, there was a place that is worth a look.
    pub(super) seen: bool,
    scratch: RosterScratch,
}

impl Rostered {
    /// Adds the places that are worth a look, and puts all of them in order.
    pub(super) fn places(&mut self, text: &[u8], out: &mut Vec<Candidate>) {
        let before = out.len();
        if let Some(roster) = &self.roster {
            let add = |at: usize| out.push(Candidate { at: at as u32, pattern: ROSTER });
            roster.places(text, &mut self.scratch, add);
        }
        if out.len() > before {
            self.seen = true;
            out.sort_unstable_by_key(|c| (c.at, c.pattern));
        }
    }
}

impl DetectScratch {
    /// Whether a patient on the roster may stand in a text.
    #[inline]
    pub(super) fn may_be_rostered(&mut self, text: &[u8]) -> bool {
        let Rostered { roster, scratch, .. } = &mut self.matching.rostered;
        let mut any = false;
        if let Some(roster) = roster {
            roster.places(text, scratch, |_| any = true);
        }
        any
    }

    /// Whether one may stand in a text of some form, whichever digits it has.
    pub(super) fn may_be_rostered_whatever(&mut self, form: &[u8], what: What) -> bool {
        let Rostered { roster, scratch, .. } = &mut self.matching.rostered;
        let Some(roster) = roster else { return false };
        match what {
            What::Text => roster.may_hold(form, scratch),
            What::Address => roster.may_hold_addresses(),
            What::Hex => roster.may_hold_hex(form.iter().take_while(|b| **b != EITHER).map(|b| *b == DIGIT)),
        }
    }

    /// Whether somebody on the roster may have stood in what was gone through since this was asked last.
    pub(crate) fn take_rostered(&mut self) -> bool {
        std::mem::take(&mut self.matching.rostered.seen)
    }

    /// The memory of the model of names.
    pub(super) fn names(&mut self) -> &mut NamesScratch {
        &mut self.matching.names
    }

    /// From here on looks for these patients.
    pub(crate) fn use_roster(&mut self, roster: Option<&Arc<Roster>>) {
        let rostered = &mut self.matching.rostered;
        let same = match (&rostered.roster, roster) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (old, new) => old.is_none() && new.is_none(),
        };
        if !same {
            *rostered = Rostered { roster: roster.cloned(), ..Rostered::default() };
        }
    }
}

impl Engine {
    /// Asks the roster.
    pub(super) fn rostered(
        &self,
        scene: &Scene<'_>,
        candidates: &[Candidate],
        base: usize,
        (Rostered { roster, scratch, .. }, keywords): (&mut Rostered, &mut KeywordHits),
        out: &mut Vec<Finding>,
    ) {
        let Some(roster) = roster else { return };
        let mut places =
            candidates.iter().filter(|c| c.pattern == ROSTER).map(|c| c.at as usize - base).peekable();
        if places.peek().is_none() {
            return;
        }
        let kind = |number: u16| self.rules[number as usize].detector.kind;
        let number_field = scene.field.named.iter().any(|(number, _)| kind(*number) == Kind::Mrn);
        roster.find(scene.text, places, number_field, scratch, &mut |Hit { span, what, score }| {
            let number = self.roster + what as u16;
            if scene.query.kinds.contains(kind(number)) {
                out.extend(self.weigh(scene, number, span, Some(score), keywords));
            }
        });
    }
}
