//! Patients in text: what stands at the places that are worth a look.

use super::forms::{self, Folded};
use super::places::Masks;
use super::{NEAR, Roster, dates, is, sieve};
use crate::span::Span;

/// What was found: an index into [`super::DETECTORS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Name,
    Number,
    Phone,
    Email,
    Date,
    Street,
}

/// Something of a patient's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hit {
    pub(crate) span: Span,
    pub(crate) what: What,
    /// What there is to add to [`super::SURE`].
    pub(crate) score: f32,
}

/// Words that the filter did not let through, by what it knows them by: logs repeat theirs, and the filter of many patients
/// does not stay in the first-level cache.
pub(super) struct Absent(Box<[u64; 1 << Absent::BITS]>);

impl Absent {
    const BITS: u32 = 10;

    fn slot(product: u64) -> usize {
        (product >> (64 - Absent::BITS)) as usize
    }

    #[inline(always)]
    pub(super) fn has(&self, product: u64, feature: u64) -> bool {
        self.0[Absent::slot(product)] == feature
    }

    pub(super) fn add(&mut self, product: u64, feature: u64) {
        self.0[Absent::slot(product)] = feature;
    }
}

impl Default for Absent {
    fn default() -> Absent {
        Absent(Box::new([0; 1 << Absent::BITS]))
    }
}

/// Words of a chunk, with their lengths.
#[derive(Default)]
pub(super) struct Words {
    pub(super) list: Vec<(u32, u32)>,
    pub(super) count: usize,
}

impl Words {
    /// Makes it empty, with room for the words of so many bytes.
    pub(super) fn clear(&mut self, bytes: usize) {
        let most = bytes / 2 + 1;
        if self.list.len() < most {
            self.list.resize(most, (0, 0));
        }
        self.count = 0;
    }

    pub(super) fn all(&self) -> &[(u32, u32)] {
        &self.list[..self.count]
    }
}

/// A worker's memory, for one roster.
#[derive(Default)]
pub(crate) struct RosterScratch {
    pub(super) masks: Vec<Masks>,
    /// Words of a chunk; numbers; what else is worth a look.
    pub(super) words: Words,
    pub(super) numbers: Vec<u32>,
    pub(super) others: Vec<usize>,
    pub(super) absent: Absent,
    pub(super) number: Vec<u8>,
    pub(super) name: Vec<((usize, usize), Folded)>,
}

impl Roster {
    /// What stands at the places that [`Roster::places`] gave, in order. `number_field` says that the text is a record
    /// number by the name of its field.
    pub(crate) fn find(
        &self,
        text: &[u8],
        places: impl Iterator<Item = usize>,
        number_field: bool,
        scratch: &mut RosterScratch,
        found: &mut dyn FnMut(Hit),
    ) {
        let mut last = usize::MAX;
        // Of the last name: where its last word begins, and where it ends.
        let mut named = None::<(usize, usize)>;
        for at in places {
            if at == last || at >= text.len() {
                continue;
            }
            last = at;
            let b = text[at];
            if b == b'@' {
                self.email(text, at, found);
                continue;
            }
            if b.is_ascii_digit() {
                self.phone(text, at, found);
                self.street(text, at, found);
            }
            let near_name = named.is_some_and(|(_, end)| at.abs_diff(end) <= NEAR);
            if b.is_ascii_digit() || self.layout.mixed != 0 {
                self.record(text, at, near_name || number_field, scratch, found);
            }
            if forms::is_letter(b) {
                // With the last word of a name another one may begin: `Bo Li, Ann Ray`, where there is a Li Ann.
                let inside = named.is_some_and(|(last, _)| at < last);
                if !inside && let Some(name) = self.name(text, at, scratch, found) {
                    named = Some(name);
                }
                let end = forms::word_end(text, at);
                let product =
                    forms::folded(&text[at..end]).map_or(0, |w| self.product(sieve::word(w.head())));
                if self.what(product) & is::CUE != 0 {
                    self.born(text, end, (end + NEAR / 2).min(text.len()), None, found);
                }
            }
        }
    }

    /// Dates between two places: of this owner, or under a cue of anybody.
    pub(super) fn born(
        &self,
        text: &[u8],
        from: usize,
        to: usize,
        owner: Option<u64>,
        found: &mut dyn FnMut(Hit),
    ) {
        // Most places have no figures around them.
        let reach = text.len().min(to + dates::FIGURE);
        if !text[from..reach].iter().any(u8::is_ascii_digit) {
            return;
        }
        let mut at = from;
        while at < to {
            let begins = dates::may_begin(text[at]) && (at == 0 || !text[at - 1].is_ascii_alphanumeric());
            if begins
                && let Some((end, days)) = dates::date_at(text, at)
                && !text.get(end).is_some_and(u8::is_ascii_digit)
            {
                let hash = |day| owner.map_or_else(|| self.sip.day(day), |o| self.sip.day_of(o, day));
                if days.into_iter().flatten().any(|day| self.holds(hash(day))) {
                    found(Hit { span: Span::at(at, end), what: What::Date, score: 0.0 });
                }
                at = end.max(at + 1);
                continue;
            }
            at += 1;
        }
    }
}

/// The digits of a telephone number from `at` on, each with where it ends, over what parts them, for as long as
/// `more` says.
pub(super) fn phone_digits(text: &[u8], at: usize, mut more: impl FnMut(u8, usize) -> bool) {
    let mut gap = 0;
    for (i, b) in text[at..].iter().enumerate() {
        match b {
            b'0'..=b'9' => {
                gap = 0;
                if !more(*b, at + i + 1) {
                    return;
                }
            }
            b' ' | b'-' | b'.' | b'(' | b')' | b'/' if gap < 3 => gap += 1,
            _ => return,
        }
    }
}

pub(super) fn capital(text: &[u8], span: Span) -> bool {
    !text[span.start()].is_ascii_lowercase()
}
