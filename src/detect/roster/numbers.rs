//! What of a patient is no name: record and telephone numbers, streets, e-mail addresses.

use super::super::names::Names;
use super::find::{Hit, RosterScratch, What, phone_digits};
use super::names::letters_before;
use super::places::{LONGEST_NUMBER, PARTS};
use super::{NEAR, PHONE_DIGITS, Roster, forms};
use crate::span::Span;

/// A cue stands at most so many bytes before a record number.
const CUE: usize = 40;
/// Texts that say that a record number follows, lower case.
const NUMBER_CUES: &[&[u8]] =
    &[b"mrn", b"patient", b"record", b"chart", b"member", b"pt ", b"pt:", b"med rec"];

impl Roster {
    /// A record number at `at`, or one whose letters stand in front of it, as in `MX-77`. `tied` says that it is one by
    /// what is around.
    pub(super) fn record(
        &self,
        text: &[u8],
        at: usize,
        tied: bool,
        scratch: &mut RosterScratch,
        found: &mut dyn FnMut(Hit),
    ) {
        let start = letters_before(text, at, 8);
        if start == at || !self.record_from(text, start, tied, scratch, found) {
            self.record_from(text, at, tied, scratch, found);
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
        // Letters right in front and blanks inside are as often of something else.
        let mut doubtful = at > 0 && text[at - 1].is_ascii_alphabetic();
        for _ in 0..PARTS {
            end += text[end..].iter().take(LONGEST_NUMBER).take_while(|b| b.is_ascii_alphanumeric()).count();
            if end - at > LONGEST_NUMBER {
                return false;
            }
            forms::record_number(&text[at..end], &mut scratch.number);
            let number = &scratch.number;
            let mixed = number.iter().any(|b| !b.is_ascii_digit());
            let sparse = if mixed { self.layout.sparse_mixed } else { self.layout.sparse_digits };
            // `patient 482913`: what stands in front is none of it.
            let own = mixed || text[at].is_ascii_digit();
            if own && number.len() < 64 && number.iter().any(u8::is_ascii_digit) {
                let hash = self.sip.number(number);
                let tells = sparse >> number.len() & 1 == 1 && !doubtful;
                if self.holds(hash) && (tells || tied || cued(text, at)) {
                    found(Hit { span: Span::at(at, end), what: What::Number, score: 0.0 });
                    self.born(text, at.saturating_sub(NEAR), at, Some(hash), found);
                    self.born(text, end, (end + NEAR).min(text.len()), Some(hash), found);
                    return true;
                }
            }
            match text[end..] {
                [mark @ (b'-' | b'.' | b' ' | b'/'), b, ..] if b.is_ascii_alphanumeric() => {
                    doubtful |= mark == b' ';
                    end += 1;
                }
                _ => return false,
            }
        }
        false
    }

    pub(super) fn phone(&self, text: &[u8], at: usize, found: &mut dyn FnMut(Hit)) {
        let heads = [
            &b"+1 ("[..],
            b"+1-(",
            b"+1(",
            b"1 (",
            b"1-",
            b"1.",
            b"+1 ",
            b"+1-",
            b"+1.",
            b"+1",
            b"+(",
            b"(",
            b"+",
        ];
        let head = heads.iter().find(|h| text[..at].ends_with(h)).map_or(0, |h| h.len());
        let sign = text[at - head..at].contains(&b'+');
        let (mut digits, mut count) = ([0; 17], 0);
        let mut best = None;
        phone_digits(text, at, |digit, end| {
            digits[count] = digit;
            count += 1;
            if count >= PHONE_DIGITS && !text.get(end).is_some_and(u8::is_ascii_digit) {
                let all = &digits[..count];
                let (all, out) = all.strip_prefix(b"00").map_or((all, sign), |rest| (rest, true));
                let keys = [forms::phone_key(all, out), forms::phone_key(all, false)];
                if keys.into_iter().flatten().any(|key| self.holds(self.sip.phone(key))) {
                    best = Some(end);
                }
            }
            count < digits.len()
        });
        if let Some(end) = best {
            found(Hit { span: Span::at(at - head, end), what: What::Phone, score: 0.0 });
        }
    }

    /// House number and street, up to the word that streets end in.
    pub(super) fn street(&self, text: &[u8], at: usize, found: &mut dyn FnMut(Hit)) {
        if at > 0 && (text[at - 1].is_ascii_alphanumeric() || matches!(text[at - 1], b'.' | b':' | b'-')) {
            return;
        }
        let digits = text[at..].iter().take(7).take_while(|b| b.is_ascii_digit()).count();
        if !(1..=6).contains(&digits) {
            return;
        }
        let letter = text.get(at + digits).is_some_and(u8::is_ascii_alphabetic);
        // A direction or two may stand between.
        let mut word = next_word(text, at + digits + usize::from(letter));
        for _ in 0..2 {
            if forms::folded(&text[word.0..word.1]).is_some_and(|w| forms::DIRECTIONS.contains(&w.head())) {
                word = next_word(text, word.1);
            }
        }
        let Some(first) = forms::folded(&text[word.0..word.1]) else { return };
        if first.head().len() < 3 || !self.holds(self.sip.street(&text[at..at + digits], first.head())) {
            return;
        }
        let mut end = word.1;
        let mut street = false;
        for _ in 0..3 {
            word = next_word(text, word.1);
            let Some(next) = forms::folded(&text[word.0..word.1]) else { break };
            if forms::STREETS.contains(&next.head()) {
                (end, street) = (word.1, true);
                break;
            }
        }
        let capital = !text[at + digits..end].trim_ascii_start().first().is_some_and(u8::is_ascii_lowercase);
        if street || capital || !Names::is_common(first.head()) {
            found(Hit { span: Span::at(at, end), what: What::Street, score: 0.0 });
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

/// The word behind a blank, with the point of an abbreviation before it.
fn next_word(text: &[u8], at: usize) -> (usize, usize) {
    let blanks = text[at..].iter().take(3).take_while(|b| matches!(b, b' ' | b'.')).count();
    let start = at + blanks;
    if blanks == 0 { (start, start) } else { (start, forms::word_end(text, start)) }
}

fn cued(text: &[u8], at: usize) -> bool {
    let before = text[at.saturating_sub(CUE)..at].to_ascii_lowercase();
    NUMBER_CUES.iter().any(|cue| before.windows(cue.len()).any(|w| w == *cue))
}
