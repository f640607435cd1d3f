//! Patients in text: which places are worth a keyed hash, and what stands there.

use super::super::classes::{BLOCK, ByteSet, Classifier, Masks, SETS};
use super::super::names::Names;
use super::forms::{self, Day};
use super::{PHONE_HEAD, Roster, is, number_feature, word_feature};
use crate::span::Span;
use std::sync::LazyLock;

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

/// A worker's memory.
#[derive(Default)]
pub(crate) struct RosterScratch {
    masks: Vec<Masks>,
    pub(super) number: Vec<u8>,
    words: Vec<(Span, super::super::names::Folded)>,
}

/// Two words of one name stand at most so many bytes apart.
const GAP: usize = 4;
/// What may stand between them.
const JOINS: &[u8] = b" ,.-_/\t()\"\xC2\xA0";
/// The same with an initial or small words between.
const LONG_GAP: usize = 12;
/// A date of birth stands at most so many bytes from the name or record number it belongs to, or behind its cue.
pub(super) const NEAR: usize = 80;
/// Words of a name that are looked at from one place.
const WORDS: usize = 6;
/// A name that stands alone is less sure, in log-odds.
const ALONE: f32 = -3.0;

static CLASSES: LazyLock<Classifier> = LazyLock::new(|| {
    let mut sets = [ByteSet::default(); SETS];
    sets[0].insert_range(b'a', b'z');
    sets[0].insert_range(b'A', b'Z');
    sets[0].insert_range(0x80, 0xff);
    sets[1].insert_range(b'0', b'9');
    sets[2].insert(b'@');
    sets[3].insert_range(0x80, 0xff);
    Classifier::new(&sets)
});

/// What stood before the word at hand.
#[derive(Default)]
struct Before {
    /// The last two words that may be a name's, the later first: where, and the end.
    names: [Option<(usize, usize)>; 2],
    /// The last number that a street may follow.
    number: Option<(usize, usize)>,
}

impl Roster {
    /// Calls `visit`, in order, with each place that is worth [`Roster::find`].
    pub(crate) fn places(&self, text: &[u8], scratch: &mut RosterScratch, mut visit: impl FnMut(usize)) {
        let mut before = Before::default();
        // A token that goes on from one block to the next: where it began.
        let (mut open, mut carry) = (None, 0u64);
        let (mut digit_open, mut wide_open) = (false, false);
        let mut out = |at: usize| visit(at);
        for (n, chunk) in text.chunks(BLOCK * 32).enumerate() {
            CLASSES.masks(chunk, &mut scratch.masks);
            for (b, mask) in scratch.masks.iter().enumerate() {
                let base = n * BLOCK * 32 + b * BLOCK;
                let (digits, at_signs) = (mask[1], mask[2]);
                let token = mask[0] | digits;
                let mut edges = token ^ (token << 1 | carry);
                carry = token >> 63;
                let mut start_bit = 0u32;
                while edges != 0 {
                    let bit = edges.trailing_zeros();
                    edges &= edges - 1;
                    match open.take() {
                        None => {
                            open = Some(base + bit as usize);
                            (digit_open, wide_open, start_bit) = (false, false, bit);
                        }
                        Some(start) => {
                            let within = !0u64 << start_bit & !(!0u64 << bit);
                            let has_digit = digit_open | (digits & within != 0);
                            let wide = wide_open | (mask[3] & within != 0);
                            self.token(
                                text,
                                start,
                                base + bit as usize,
                                has_digit,
                                wide,
                                &mut before,
                                &mut out,
                            );
                        }
                    }
                }
                if open.is_some() {
                    let within = !0u64 << start_bit;
                    digit_open |= digits & within != 0;
                    wide_open |= mask[3] & within != 0;
                }
                let mut signs = at_signs;
                while signs != 0 {
                    out(base + signs.trailing_zeros() as usize);
                    signs &= signs - 1;
                }
            }
        }
        if let Some(start) = open {
            self.token(text, start, text.len(), digit_open, wide_open, &mut before, &mut out);
        }
    }

    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "the heart of the loop above")]
    fn token(
        &self,
        text: &[u8],
        start: usize,
        end: usize,
        has_digit: bool,
        wide: bool,
        before: &mut Before,
        out: &mut impl FnMut(usize),
    ) {
        if has_digit {
            if self.number(text, start, end, before) {
                out(start);
            }
            return;
        }
        let feature = if wide {
            let Some(f) = forms::folded(&text[start..end]) else { return };
            f.word().map_or(0, word_feature)
        } else {
            head(text, start, end - start)
        };
        let slot = self.slot(feature, self.layout.word_bits);
        if self.bytes[self.tables[0] + slot / 8] >> (slot % 8) & 1 == 1 {
            self.word(text, start, end, slot, before, out);
        }
    }

    #[inline(always)]
    fn slot(&self, feature: u64, bits: u8) -> usize {
        (feature.wrapping_mul(self.factor) >> (64 - bits)) as usize
    }

    /// A word that the filter lets through.
    #[inline(never)]
    fn word(
        &self,
        text: &[u8],
        start: usize,
        end: usize,
        slot: usize,
        before: &mut Before,
        out: &mut impl FnMut(usize),
    ) {
        let what = self.bytes[self.tables[1] + slot / 2] >> (slot % 2 * 4) & 15;
        if what & is::STREET != 0
            && let Some((at, number_end)) = before.number
            && start == number_end + 1
        {
            out(at);
        }
        if what & is::NAME != 0 {
            // A keyed hash costs less than handing on a place where there is nothing.
            let [one, two] = before.names;
            let piece = |at: usize| at > 0 && matches!(text[at - 1], b'\'' | b'`' | 0x99);
            for (at, name_end) in [two, one].into_iter().flatten() {
                let near = start - name_end <= GAP && (name_end..start).all(|i| JOINS.contains(&text[i]))
                    || start - name_end <= LONG_GAP && forms::joins(&text[name_end..start]);
                let both = near
                    && (piece(at) || piece(start) || self.is_pair(&text[at..name_end], &text[start..end]));
                // With a middle name between them.
                let over = one.is_some_and(|(s, _)| s > at && start - name_end <= 2 * LONG_GAP)
                    && self.is_pair(&text[at..name_end], &text[start..end]);
                if both || over {
                    out(at);
                }
            }
            before.names = [Some((start, end)), one];
        }
        let alone = |r: &Roster| {
            let f = forms::folded(&text[start..end]);
            f.is_some_and(|f| f.word().is_some_and(|w| r.holds(r.sip.word(w))))
        };
        let capital = !text[start].is_ascii_lowercase();
        let piece = start > 0 && matches!(text[start - 1], b'\'' | b'`' | 0x99);
        if what & is::CUE != 0 || what & is::TELLING != 0 && capital && (piece || alone(self)) {
            out(start);
        }
    }

    fn is_pair(&self, a: &[u8], b: &[u8]) -> bool {
        let (Some(a), Some(b)) = (forms::folded(a), forms::folded(b)) else { return false };
        match (a.word(), b.word()) {
            (Some(a), Some(b)) => self.holds(self.sip.pair(a, b)),
            _ => false,
        }
    }

    /// Whether a token with digits may be a record number, or begin a telephone number.
    #[inline]
    fn number(&self, text: &[u8], start: usize, end: usize, before: &mut Before) -> bool {
        let len = end - start;
        if len > 15 && (len >= 64 || (self.layout.digits | self.layout.mixed) >> len & 1 == 0) {
            return false;
        }
        let digits = text[start..end].iter().all(u8::is_ascii_digit);
        let lengths = if digits { self.layout.digits } else { self.layout.mixed };
        if len < 64 && lengths >> len & 1 == 1 && self.has_number(&text[start..end]) {
            return true;
        }
        if !digits {
            return false;
        }
        if len <= 6 && text.get(end) == Some(&b' ') {
            before.number = Some((start, end));
        }
        let sign = start.checked_sub(1).map(|i| text[i]);
        let next = text.get(end).copied().unwrap_or(0);
        let parted = matches!(next, b' ' | b'-' | b'.' | b')' | b'/');
        let begins = match len {
            9..=15 => true,
            // Parts of an address of a network, and of a version, have points on both sides.
            3 => parted && !(next == b'.' && sign == Some(b'.')) || sign == Some(b'('),
            2 => parted && text[start] == b'0',
            _ => false,
        };
        if !(begins || matches!(sign, Some(b'+' | b'(')) && (parted || len > 4)) {
            return false;
        }
        let (mut gathered, mut count) = ([0; 16], 0);
        phone_digits(text, start, |digit, _| {
            gathered[count] = digit;
            count += 1;
            count < gathered.len()
        });
        let head =
            |from: usize| count >= from + PHONE_HEAD && self.has_number(&gathered[from..from + PHONE_HEAD]);
        head(0) || gathered[0] == b'1' && head(1) || gathered.starts_with(b"00") && head(2)
    }

    fn has_number(&self, number: &[u8]) -> bool {
        let slot = self.slot(number_feature(number), self.layout.number_bits);
        self.bytes[self.tables[2] + slot / 8] >> (slot % 8) & 1 == 1
    }

    /// What stands at the places that [`Roster::places`] gave, which are in order. `birth_field` says that the text
    /// is a date of birth by the name of its field, `number_field` that it is a record number.
    pub(crate) fn find(
        &self,
        text: &[u8],
        places: impl Iterator<Item = usize>,
        (birth_field, number_field): (bool, bool),
        scratch: &mut RosterScratch,
        found: &mut dyn FnMut(Hit),
    ) {
        if birth_field {
            self.born(text, 0, text.len().min(NEAR), None, found);
        }
        let (mut last, mut named) = (usize::MAX, None::<usize>);
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
                self.phone(text, at, scratch, found);
                self.street(text, at, found);
            }
            let near_name = named.is_some_and(|end| at.abs_diff(end) <= NEAR);
            let token = text[at..].iter().take(40).take_while(|b| b.is_ascii_alphanumeric());
            if token.into_iter().any(u8::is_ascii_digit) {
                self.record(text, at, near_name || number_field, scratch, found);
            }
            if forms::is_letter(b) {
                let inside = named.is_some_and(|end| at < end);
                if !inside && let Some(end) = self.name(text, at, scratch, found) {
                    named = Some(end);
                }
                let end = forms::word_end(text, at);
                let slot = self.slot(
                    forms::folded(&text[at..end]).map_or(0, |f| f.word().map_or(0, word_feature)),
                    self.layout.word_bits,
                );
                if self.bytes[self.tables[1] + slot / 2] >> (slot % 2 * 4) & is::CUE != 0 {
                    self.born(text, end, (end + NEAR / 2).min(text.len()), None, found);
                }
            }
        }
    }

    /// A name from the word at `at` on; where it ends.
    fn name(
        &self,
        text: &[u8],
        at: usize,
        scratch: &mut RosterScratch,
        found: &mut dyn FnMut(Hit),
    ) -> Option<usize> {
        read_words(text, at, &mut scratch.words);
        let words = &scratch.words;
        let word = |i: usize| words.get(i).and_then(|w: &(Span, _)| w.1.word()).unwrap_or_default();
        let mut hit: Option<(usize, usize, u64)> = None;
        for i in 0..words.len().min(3) {
            for j in i + 1..words.len().min(i + 4) {
                let (a, b) = (word(i), word(j));
                if a.len() < 2 || b.len() < 2 {
                    continue;
                }
                // What stands between is of the name, too: a middle name, an initial, a small word.
                let between = (i + 1..j)
                    .all(|k| word(k).len() == 1 || forms::is_particle(word(k)) || self.may_be_name(word(k)));
                let hash = self.sip.pair(a, b);
                if between
                    && self.holds(hash)
                    && (capital(text, words[i].0)
                        || capital(text, words[j].0)
                        || !(Names::is_common(a) && Names::is_common(b)))
                {
                    let (from, to, first) = hit.unwrap_or((i, j, hash));
                    hit = Some((from.min(i), to.max(j), first));
                }
            }
        }
        if let Some((from, mut to, hash)) = hit {
            // An initial goes with it, and the point behind it.
            if word(to + 1).len() == 1
                && to + 1 < words.len()
                && words[to + 1].0.start() - words[to].0.end() <= 2
            {
                to += 1;
            }
            let start = words[from].0.start();
            let mut end = words[to].0.end();
            if word(to).len() == 1 && text.get(end) == Some(&b'.') {
                end += 1;
            }
            found(Hit { span: Span::at(start, end), what: What::Name, score: 0.0 });
            self.born(text, start.saturating_sub(NEAR), start, Some(hash), found);
            self.born(text, end, (end + NEAR).min(text.len()), Some(hash), found);
            return Some(end);
        }
        // A rare one alone.
        let (span, first) = (words.first()?.0, word(0));
        if capital(text, span) && self.holds(self.sip.word(first)) {
            found(Hit { span, what: What::Name, score: ALONE });
        }
        None
    }

    fn may_be_name(&self, word: &[u8]) -> bool {
        let slot = self.slot(word_feature(word), self.layout.word_bits);
        self.bytes[self.tables[1] + slot / 2] >> (slot % 2 * 4) & is::NAME != 0
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
        let mut at = from;
        while at < to {
            let begins =
                text[at].is_ascii_alphanumeric() && (at == 0 || !text[at - 1].is_ascii_alphanumeric());
            if begins
                && let Some((end, days)) = forms::date_at(text, at)
                && !text.get(end).is_some_and(u8::is_ascii_digit)
            {
                let hash = |day: Day| owner.map_or_else(|| self.sip.day(day), |o| self.sip.day_of(o, day));
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

/// The first eight letters of a word, as [`word_feature`] has them.
#[inline(always)]
fn head(text: &[u8], start: usize, len: usize) -> u64 {
    const LOWER: u64 = 0x2020_2020_2020_2020;
    match text[start..].first_chunk::<8>() {
        Some(chunk) => {
            let all = u64::from_le_bytes(*chunk) | LOWER;
            all & (!0 >> (64 - 8 * len.min(8)))
        }
        None => word_feature(&text[start..start + len]),
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
            b' ' | b'-' | b'.' | b'(' | b')' | b'/' if gap < 2 => gap += 1,
            _ => return,
        }
    }
}

pub(super) fn capital(text: &[u8], span: Span) -> bool {
    !text[span.start()].is_ascii_lowercase()
}

/// The words from the one at `at` on that may be of one name, by what stands between them.
fn read_words(text: &[u8], at: usize, words: &mut Vec<(Span, super::super::names::Folded)>) {
    words.clear();
    // The place may be behind the apostrophe of its word.
    let mut at = at;
    for apostrophe in [&b"'"[..], b"`", b"\xE2\x80\x99"] {
        if let Some(rest) = text[..at].strip_suffix(apostrophe) {
            let letters = rest.iter().rev().take(3).take_while(|b| b.is_ascii_alphabetic()).count();
            if letters > 0 && !rest[..rest.len() - letters].last().is_some_and(|b| forms::is_letter(*b)) {
                at = rest.len() - letters;
            }
        }
    }
    while words.len() < WORDS {
        let end = forms::word_end(text, at);
        // `Smith's`
        let possessive = [&b"'s"[..], b"'S", b"\xE2\x80\x99s"];
        let possessive = possessive.iter().find(|s| text[at..end].ends_with(s)).map_or(0, |s| s.len());
        let word_end = end - possessive;
        let Some(folded) = forms::folded(&text[at..word_end]) else { return };
        words.push((Span::at(at, word_end), folded));
        let gap = text[end..]
            .iter()
            .take(GAP)
            .take_while(|b| matches!(b, b' ' | b',' | b'.' | b'-' | b'_' | b'/' | b'\t' | b'(' | b')' | b'"'))
            .count();
        let no_break = if text[end..].starts_with(b"\xC2\xA0") { 2 } else { 0 };
        at = end + gap.max(no_break);
        if at == end || !text.get(at).is_some_and(|b| forms::is_letter(*b)) {
            return;
        }
    }
}
