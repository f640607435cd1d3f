//! Names: words that are of one patient, in either order, and what may stand between them.

use super::super::names::Names;
use super::find::{Hit, RosterScratch, What, capital};
use super::forms::{self, Folded};
use super::{NEAR, Roster, is, sieve};
use crate::span::Span;

/// So many marks may stand between two words of a name,
const GAP: usize = 4;
/// and so many bytes, with an initial or small words between.
pub(super) const LONG_GAP: usize = 24;
/// What may stand between them, a few together;
const MARKS: &[u8] = b" ,.-_/\t()\"'`";
/// or what parts fields and lines, with nothing beside it.
const PARTS: &[u8] = b"^|;:*+\r\n";
/// Words of a name that are looked at from one place.
const WORDS: usize = 6;
/// A name that stands alone or with an initial is less sure, in log-odds.
const ALONE: f32 = -3.0;
/// What surnames may be parted behind: `Mc Donald`, `O Brien`.
const PARTED: &[&[u8]] = &[b"mc", b"mac", b"fitz"];

/// Where a word stands.
type Word = (usize, usize);

/// The length of what may stand between two words of a name, from `at` on.
fn gap(text: &[u8], at: usize) -> usize {
    let parts = text[at..].iter().take(2).take_while(|b| PARTS.contains(b)).count();
    if parts > 0 {
        return parts;
    }
    let mut end = at;
    for _ in 0..GAP {
        match text.get(end) {
            Some(b) if MARKS.contains(b) => end += 1,
            Some(_) => end += forms::mark(text, end),
            None => break,
        }
    }
    end - at
}

/// Whether what stands between two words says that they may be of one name: few marks, initials, small words, titles,
/// and at most one other name.
pub(super) fn joins(between: &[u8]) -> bool {
    let (mut at, mut others) = (0, 0);
    loop {
        at += gap(between, at);
        if at >= between.len() {
            return true;
        }
        let end = forms::word_end(between, at);
        let Some(word) = forms::folded(&between[at..end]) else { return false };
        if !is_small(word.head()) {
            others += 1;
            if others > 1 || !is_other(between, at, word.head()) {
                return false;
            }
        }
        at = end;
    }
}

/// An initial, a word inside of surnames, a title.
fn is_small(word: &[u8]) -> bool {
    word.len() == 1 || forms::is_particle(word) || forms::is_title(word)
}

/// Whether a word may be a middle name that the roster does not have.
fn is_other(text: &[u8], at: usize, word: &[u8]) -> bool {
    !text[at].is_ascii_lowercase() && !Names::is_common(word)
}

/// Where the word begins whose last piece, behind an apostrophe, begins at `start`.
pub(super) fn whole(text: &[u8], start: usize) -> usize {
    match text[..start] {
        [.., b'\'' | b'`'] => {
            let letters =
                text[..start - 1].iter().rev().take(12).take_while(|b| forms::is_letter(**b)).count();
            let begins = letters > 0 && letters < 12;
            if begins { start - 1 - letters } else { start }
        }
        _ => start,
    }
}

/// Where the letters begin that stand before `at`, with one mark between; `at` if there are none or more than `most`.
pub(super) fn letters_before(text: &[u8], at: usize, most: usize) -> usize {
    match text[..at] {
        [.., b, b'-' | b'.' | b' ' | b'/'] if b.is_ascii_alphabetic() => {
            let letters =
                text[..at - 1].iter().rev().take(most + 1).take_while(|b| b.is_ascii_alphabetic()).count();
            let start = at - 1 - letters;
            let begins = start == 0 || !text[start - 1].is_ascii_alphanumeric();
            if letters <= most && begins { start } else { at }
        }
        _ => at,
    }
}

/// A word together with what it is parted from: `O Brien`, `Mc Donald`; and where that begins.
fn parted(text: &[u8], word: Word) -> Option<(usize, Folded)> {
    let start = letters_before(text, word.0, 4);
    let before = &text[start..word.0.checked_sub(1)?.max(start)];
    let head = forms::folded(before)?;
    if head.head().len() > 1 && !PARTED.contains(&head.head()) || text[word.0 - 1] != b' ' {
        return None;
    }
    let mut both = head;
    both.fold(&text[word.0..word.1]);
    Some((start, both))
}

/// The words that a word may be: itself, and with what it is parted from.
fn readings(text: &[u8], word: Word) -> impl Iterator<Item = (usize, Folded)> {
    let own = forms::folded(&text[word.0..word.1]).map(|w| (word.0, w));
    own.into_iter().chain(parted(text, word))
}

impl Roster {
    /// Where the name of two words begins, if they are one patient's.
    pub(super) fn pair(&self, text: &[u8], a: Word, b: Word) -> Option<usize> {
        self.pair_hash(text, a, b).map(|(at, _)| at)
    }

    fn pair_hash(&self, text: &[u8], a: Word, b: Word) -> Option<(usize, u64)> {
        for (start, first) in readings(text, a) {
            for (from, second) in readings(text, b) {
                let (first, second) = (first.head(), second.head());
                // What is parted from the second is not the first itself.
                if first.len() < 2 || second.len() < 2 || from < a.1 {
                    continue;
                }
                let hash = self.sip.pair(first, second);
                if self.holds(hash) && is_written_so(text, (a, first), (b, second)) {
                    return Some((start, hash));
                }
            }
        }
        None
    }

    /// Whether a word alone tells a patient.
    pub(super) fn is_alone(&self, word: &Folded) -> bool {
        self.holds(self.sip.word(word.head()))
    }

    /// A surname with the initial of one who bears it, before it or behind: where both begin and end, and the hash.
    pub(super) fn with_initial(&self, text: &[u8], word: Word) -> Option<(usize, usize, u64)> {
        let (start, end) = word;
        if end - start < 3 {
            return None;
        }
        let letter = |at: usize| {
            let alone =
                |i: Option<usize>| i.and_then(|i| text.get(i)).is_none_or(|b| !b.is_ascii_alphanumeric());
            let found = text.get(at).filter(|b| b.is_ascii_uppercase())?;
            (alone(at.checked_sub(1)) && alone(Some(at + 1))).then(|| found.to_ascii_lowercase())
        };
        let point = |at: usize| text.get(at) == Some(&b'.');
        let before = match text[..start] {
            [.., b'.', b' '] => start.checked_sub(3),
            [.., b' ' | b'.'] => start.checked_sub(2),
            _ => None,
        };
        let behind = match text[end..] {
            [b',', b' ', ..] => Some(end + 2),
            [b' ' | b',' | b'^', ..] => Some(end + 1),
            _ => None,
        };
        let tried = [before.map(|at| (at, at, end)), behind.map(|at| (at, start, at + 1))];
        for (at, from, to) in tried.into_iter().flatten() {
            let Some(letter) = letter(at) else { continue };
            let surname = forms::folded(&text[start..end])?;
            let hash = self.sip.initial(letter, surname.head());
            // `Plan B. Will ...`: a word of every day needs its comma or the point of the initial right before it.
            let written = !Names::is_common(surname.head()) || text[end..].starts_with(b", ");
            if written && self.holds(hash) {
                return Some((from, if to > end && point(to) { to + 1 } else { to }, hash));
            }
        }
        None
    }

    /// A name from the word at `at` on: where its last word begins, and where it ends.
    pub(super) fn name(
        &self,
        text: &[u8],
        at: usize,
        scratch: &mut RosterScratch,
        found: &mut dyn FnMut(Hit),
    ) -> Option<(usize, usize)> {
        let words = &mut scratch.name;
        read_words(text, at, words);
        let mut hit: Option<(usize, usize, u64)> = None;
        for i in 0..words.len().min(3) {
            for j in i + 1..words.len().min(i + 4) {
                if !self.may_stand_between(text, &words[i + 1..j]) {
                    break;
                }
                if let Some((_, hash)) = self.pair_hash(text, words[i].0, words[j].0) {
                    let (from, to, first) = hit.unwrap_or((i, j, hash));
                    hit = Some((from.min(i), to.max(j), first));
                }
            }
        }
        if let Some((from, mut to, hash)) = hit {
            let word = |i: usize| words.get(i).map_or(&b""[..], |w: &(Word, Folded)| w.1.head());
            let last = words[to].0.0;
            // An initial goes with it, and the point behind it.
            if word(to + 1).len() == 1 && words[to + 1].0.0 - words[to].0.1 <= 2 {
                to += 1;
            }
            let first = words[from].0;
            let start = parted(text, first).map_or(first.0, |(start, _)| start.max(at).min(first.0));
            let mut end = words[to].0.1;
            if word(to).len() == 1 && text.get(end) == Some(&b'.') {
                end += 1;
            }
            self.named(text, Span::at(start, end), (hash, 0.0), found);
            return Some((last, end));
        }
        let (first, word) = words.first()?;
        if !capital(text, Span::at(first.0, first.1)) {
            return None;
        }
        for (i, (span, _)) in words.iter().take(2).enumerate() {
            if let Some((start, end, hash)) = self.with_initial(text, *span)
                && (i == 0 || start == first.0)
            {
                self.named(text, Span::at(start, end), (hash, ALONE), found);
                return Some((end, end));
            }
        }
        // A rare one alone.
        if self.is_alone(word) {
            found(Hit { span: Span::at(first.0, first.1), what: What::Name, score: ALONE });
        }
        None
    }

    /// Tells of a name, and of the dates of birth around it that are its bearer's.
    fn named(&self, text: &[u8], span: Span, (hash, score): (u64, f32), found: &mut dyn FnMut(Hit)) {
        found(Hit { span, what: What::Name, score });
        self.born(text, span.start().saturating_sub(NEAR), span.start(), Some(hash), found);
        self.born(text, span.end(), (span.end() + NEAR).min(text.len()), Some(hash), found);
    }

    /// A middle name, an initial, small words, a title.
    fn may_stand_between(&self, text: &[u8], words: &[(Word, Folded)]) -> bool {
        let others = words.iter().filter(|(_, w)| {
            let word = w.head();
            let in_roster = || self.what(self.product(sieve::word(word))) & is::NAME != 0;
            !is_small(word) && !in_roster()
        });
        let mut count = 0;
        others.fold(true, |good, (span, w)| {
            count += 1;
            good && count == 1 && is_other(text, span.0, w.head())
        })
    }
}

/// Whether two words of one patient are written as a name is. Words of every day are names where they have capitals.
fn is_written_so(text: &[u8], (a, first): (Word, &[u8]), (b, second): (Word, &[u8])) -> bool {
    let common = [Names::is_common(first), Names::is_common(second)];
    let capitals = [a, b].map(|w| capital(text, Span::at(w.0, w.1)));
    let between = &text[a.1..b.0];
    match common {
        [false, false] => true,
        // `He said he will. May was cold.`
        [true, true] => capitals == [true; 2] && !(between.starts_with(b". ") && a.1 - a.0 > 1),
        // `Garcia will call`, where there is a Will Garcia.
        [common_first, _] => {
            let (word, other) = if common_first { (0, 1) } else { (1, 0) };
            capitals[word] || !capitals[other] || between.starts_with(b",")
        }
    }
}

/// The words from the one at `at` on that may be of one name, by what stands between them.
fn read_words(text: &[u8], at: usize, words: &mut Vec<(Word, Folded)>) {
    words.clear();
    let mut at = at;
    while words.len() < WORDS {
        let end = forms::word_end(text, at);
        // `Smith's`
        let possessive = [&b"'s"[..], b"'S", b"\xE2\x80\x99s", b"\xE2\x80\x99S"];
        let possessive = possessive.iter().find(|s| text[at..end].ends_with(s)).map_or(0, |s| s.len());
        let word_end = end - possessive;
        let Some(folded) = forms::folded(&text[at..word_end]) else { return };
        words.push(((at, word_end), folded));
        let gap = gap(text, end);
        at = end + gap;
        if gap == 0 || !text.get(at).is_some_and(|b| forms::is_letter(*b)) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_joins_two_words() {
        for (between, want) in [
            (" ", true),
            (", ", true),
            ("^", true),
            ("\u{a0}", true),
            (" \u{2013} ", true),
            (" A. ", true),
            (", Mr. ", true),
            (" de la ", true),
            (" Quentin ", true),
            (" (Bo) ", true),
            (" quentin ", false),
            (" Called ", false),
            (" Quentin Marlowe ", false),
            ("=", false),
            ("     ", false),
            (" 4 ", false),
        ] {
            assert_eq!(joins(between.as_bytes()), want, "{between:?}");
        }
    }
}
