//! What of a patient is no name: record and telephone numbers, streets, e-mail addresses.

use super::super::names::Names;
use super::find::{Hit, NEAR, RosterScratch, What, capital, phone_digits};
use super::{PHONE_HEAD, Roster, forms};
use crate::span::Span;

/// A cue stands at most so many bytes before a record number.
const CUE: usize = 40;
/// Texts that say that a record number follows, lower case.
const NUMBER_CUES: &[&[u8]] =
    &[b"mrn", b"patient", b"record", b"chart", b"member", b"pt ", b"pt:", b"med rec"];

impl Roster {
    pub(super) fn record(
        &self,
        text: &[u8],
        at: usize,
        tied: bool,
        scratch: &mut RosterScratch,
        found: &mut dyn FnMut(Hit),
    ) {
        // Letters in front, as in `MX-77`, are seen with what stands behind them.
        let parted = at > 0 && matches!(text[at - 1], b'-' | b'.' | b' ' | b'/');
        let letters =
            |end: usize| text[..end].iter().rev().take(9).take_while(|b| b.is_ascii_alphabetic()).count();
        let before = if parted { letters(at - 1) } else { 0 };
        let starts = [at, at - before - usize::from(before > 0)];
        for start in starts[..1 + usize::from((1..=8).contains(&before))].iter().rev() {
            if self.record_from(text, *start, tied, scratch, found) {
                return;
            }
        }
    }

    /// The same from one place on; whether there was one.
    fn record_from(
        &self,
        text: &[u8],
        at: usize,
        tied: bool,
        scratch: &mut RosterScratch,
        found: &mut dyn FnMut(Hit),
    ) -> bool {
        let mut end = at;
        for _ in 0..4 {
            end += text[end..].iter().take(40).take_while(|b| b.is_ascii_alphanumeric()).count();
            let value = &text[at..end];
            if value.len() > 40 {
                return false;
            }
            forms::record_number(value, &mut scratch.number);
            let number = &scratch.number;
            let mixed = number.iter().any(|b| !b.is_ascii_digit());
            let sparse = if mixed { self.layout.sparse_mixed } else { self.layout.sparse_digits };
            if !number.is_empty() && number.len() < 64 && number.iter().any(u8::is_ascii_digit) {
                let hash = self.sip.number(number);
                if self.holds(hash) && (sparse >> number.len() & 1 == 1 || tied || cued(text, at)) {
                    found(Hit { span: Span::at(at, end), what: What::Number, score: 0.0 });
                    self.born(text, at.saturating_sub(NEAR), at, Some(hash), found);
                    self.born(text, end, (end + NEAR).min(text.len()), Some(hash), found);
                    return true;
                }
            }
            match text[end..] {
                [b'-' | b'.' | b' ' | b'/', b, ..] if b.is_ascii_alphanumeric() => end += 1,
                _ => return false,
            }
        }
        false
    }

    pub(super) fn phone(
        &self,
        text: &[u8],
        at: usize,
        scratch: &mut RosterScratch,
        found: &mut dyn FnMut(Hit),
    ) {
        let (mut digits, mut count) = ([0; 17], 0);
        let mut best = None;
        phone_digits(text, at, |digit, end| {
            digits[count] = digit;
            count += 1;
            if count >= PHONE_HEAD
                && !text.get(end).is_some_and(u8::is_ascii_digit)
                && forms::phone(&digits[..count], &mut scratch.number)
                && self.holds(self.sip.phone(&scratch.number))
            {
                best = Some(end);
            }
            count < digits.len()
        });
        if let Some(end) = best {
            let start =
                [&b"+1 ("[..], b"+1-(", b"+1(", b"1 (", b"1-", b"+1 ", b"+1-", b"+1.", b"+1", b"(", b"+"]
                    .iter()
                    .find(|p| text[..at].ends_with(p))
                    .map_or(at, |p| at - p.len());
            found(Hit { span: Span::at(start, end), what: What::Phone, score: 0.0 });
        }
    }

    pub(super) fn street(&self, text: &[u8], at: usize, found: &mut dyn FnMut(Hit)) {
        if at > 0 && (text[at - 1].is_ascii_alphanumeric() || matches!(text[at - 1], b'.' | b':' | b'-')) {
            return;
        }
        let digits = text[at..].iter().take(7).take_while(|b| b.is_ascii_digit()).count();
        if digits > 6 {
            return;
        }
        let mut start = at + digits;
        // A direction or two may stand between.
        for _ in 0..3 {
            while text.get(start).is_some_and(|b| matches!(b, b' ' | b'.')) && start - at <= 24 {
                start += 1;
            }
            let end = forms::word_end(text, start);
            let Some(word) = forms::folded(&text[start..end]) else { return };
            let word = word.word().unwrap_or_default();
            if forms::DIRECTIONS.contains(&word) {
                start = end;
                continue;
            }
            if word.len() < 3 || !self.holds(self.sip.street(&text[at..at + digits], word)) {
                return;
            }
            let next = end + usize::from(text.get(end) == Some(&b' '));
            let next_end = forms::word_end(text, next);
            let next_word = forms::folded(&text[next..next_end]);
            let street = next_word.is_some_and(|w| w.word().is_some_and(|w| forms::STREETS.contains(&w)));
            if street || capital(text, Span::at(start, end)) || !Names::is_common(word) {
                let end = if street { next_end } else { end };
                found(Hit { span: Span::at(at, end), what: What::Street, score: 0.0 });
            }
            return;
        }
    }

    pub(super) fn email(&self, text: &[u8], at: usize, found: &mut dyn FnMut(Hit)) {
        let part = |b: &u8| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'') || *b >= 0x80
        };
        let before = text[at.saturating_sub(64)..at].iter().rev().take_while(|b| part(b)).count();
        let after = text[at + 1..].iter().take(190).take_while(|b| part(b)).count();
        let trailing = text[..at + 1 + after]
            .iter()
            .rev()
            .take(after)
            .take_while(|b| matches!(b, b'.' | b'-' | b'\''))
            .count();
        let span = Span::at(at - before, at + 1 + after - trailing);
        let lower = text[span.range()].to_ascii_lowercase();
        if self.holds(self.sip.email(&lower)) {
            found(Hit { span, what: What::Email, score: 0.0 });
        }
    }
}

fn cued(text: &[u8], at: usize) -> bool {
    let before = text[at.saturating_sub(CUE)..at].to_ascii_lowercase();
    NUMBER_CUES.iter().any(|cue| before.windows(cue.len()).any(|w| w == *cue))
}
