//! Names of persons and of towns in running text, by what is known about words and by what stands around them.
//!
//! ```text
//! text -> places where a word with a capital begins that may be a name          (one look-up each)
//!      -> the words around such a place, each scored by a linear model
//!      -> runs of words that are likely enough: spans
//! ```
//!
//! What is found at a place depends on a few words either side of it and on nothing else, so that a long line may
//! be gone through in windows.

mod dictionary;
mod fold;
mod glue;
mod model;
mod seen;
mod tokens;
#[cfg(feature = "train")]
pub mod train;

use std::sync::LazyLock;

use super::starts::is_word;
use crate::span::Span;
use dictionary::{Dictionary, Flag};
pub(crate) use fold::Folded;
use glue::Glue;
use model::{CONTEXT, Group, Model, Scores, Sums};
use seen::Seen;
use tokens::{Class, Shape, Token};

/// What a detector may ask the model for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// Names of persons.
    Name,
    /// Towns and counties.
    Town,
    /// Names that were found before in the same record.
    Again,
}

impl Topic {
    /// All of them by the names that packs use.
    pub(crate) const NAMES: [(&'static str, Topic); 3] =
        [("name", Topic::Name), ("town", Topic::Town), ("again", Topic::Again)];
}

/// Words that a span reaches out to beyond the places that made it worth a look.
const REACH: usize = 2;
/// Words that are read beside a place: what a span reaches, what its words look at, and a town that begins or ends there.
const BESIDE: usize = REACH + CONTEXT + 2;
/// A word next to a name is part of it if this speaks for it, in log-odds.
const JOINS: f32 = -1.0;
/// Words of the longest name. Of more that stand together, each that is likely enough speaks for those near it, and not for all:
/// what is found at a place must not depend on what stands far from it.
const MOST_WORDS: usize = 12;
/// Triggers closer to each other than this, in bytes, are looked at in one go.
const NEAR: usize = 96;

/// The model with its dictionary.
pub(crate) struct Names {
    dictionary: Dictionary<'static>,
    model: Model<'static>,
}

/// A worker's memory.
#[derive(Default)]
pub(crate) struct NamesScratch {
    tokens: Vec<Token>,
    scores: Vec<Option<Scores>>,
    seen: Seen,
    sums: Sums,
}

/// Bytes of a text whose words are read at once, where all of them are.
const PART_BYTES: usize = 64 << 10;

impl NamesScratch {
    /// Gives back the memory that a large text took.
    pub(crate) fn shrink(&mut self) {
        (self.tokens, self.scores) = (Vec::new(), Vec::new());
    }
}

/// First bytes of letters outside ASCII.
pub(crate) const LEADS: std::ops::RangeInclusive<u8> = 0xC3..=0xF4;

/// Bytes of a word in lower case that are looked at first, beside its length.
const SIEVED: usize = 4;

/// What there is to say of a place by the word that begins there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// It is worth a look.
    pub(crate) is_place: bool,
    /// How many bytes from there on say so, beside the length of the word, whichever digits stand among them and whatever stands
    /// before, as long as a word can begin there; `None` if it is what stands before that says no.
    pub(crate) read: Option<usize>,
}

/// Something found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) span: Span,
    pub(crate) topic: Topic,
    /// In log-odds.
    pub(crate) score: f32,
}

static BUILTIN: LazyLock<Names> = LazyLock::new(|| {
    let (dictionary, model) = parts();
    Names { dictionary, model }
});

#[cfg(not(feature = "train"))]
fn parts() -> (Dictionary<'static>, Model<'static>) {
    (Dictionary::builtin(), Model::builtin())
}

/// What was trained just now goes before what is built in.
#[cfg(feature = "train")]
static ADOPTED: std::sync::OnceLock<train::Trained> = std::sync::OnceLock::new();

#[cfg(feature = "train")]
fn parts() -> (Dictionary<'static>, Model<'static>) {
    match ADOPTED.get() {
        Some(t) => {
            let dictionary = Dictionary::read(&t.dictionary).unwrap_or_else(Dictionary::builtin);
            (dictionary, Model::read(&t.weights))
        }
        None => (Dictionary::builtin(), Model::builtin()),
    }
}

impl Names {
    /// Whether a folded word is one of every day, in lower case: `will` and `page`, but not `frank` and `miller`.
    pub(crate) fn is_common(word: &[u8]) -> bool {
        BUILTIN.dictionary.look_up_folded(word).common() >= 12
    }

    /// Whether a folded word may stand for a person by itself: it is no word, no town and no thing.
    pub(crate) fn tells(word: &[u8]) -> bool {
        let entry = BUILTIN.dictionary.look_up_folded(word);
        entry.common() == 0 && entry.town() == 0 && entry.0 >> 16 == 0
    }

    /// How many bytes around a place can have a say in what is found there.
    pub(crate) const REACH: usize = 2 * (tokens::LONGEST_WORD + glue::FAR) * (1 + 2 * BESIDE);

    /// The ones in the binary.
    pub(crate) fn builtin() -> &'static Names {
        &BUILTIN
    }

    /// Calls `visit` with each place of `text` at which a word begins that is worth a look.
    pub(crate) fn places(&self, text: &[u8], scratch: &mut NamesScratch, mut visit: impl FnMut(usize)) {
        let inside = |at: usize| at.checked_sub(1).is_some_and(|before| is_word(text[before]));
        for at in (0..text.len()).filter(|at| !inside(*at)) {
            let len = text[at..].iter().take_while(|b| is_word(**b)).count();
            if (len > 0 || LEADS.contains(&text[at])) && self.at(text, at, len, scratch).is_place {
                visit(at);
            }
        }
    }

    /// Whether the word that begins at `at` is worth a look; so many letters, digits and underscores
    /// stand there in a row as `len` says, or more than count.
    #[inline]
    pub(crate) fn at(&self, text: &[u8], at: usize, len: usize, scratch: &mut NamesScratch) -> Verdict {
        // Most words are in lower case, and few of them are names.
        if len > 0 && !text[at].is_ascii_uppercase() && !self.sieve(text, at, len as u32) {
            return Verdict { is_place: false, read: Some(SIEVED.min(len)) };
        }
        if !tokens::begins(text, at) {
            return Verdict { is_place: false, read: None };
        }
        // Most capitals in logs begin words in capitals, identifiers, and words of every day.
        let (token, end) = tokens::token_at(text, at, Glue::Start, &self.dictionary, Some(&mut scratch.seen));
        Verdict { is_place: is_trigger(&token), read: Some(tokens::read_to(text, end) - at) }
    }

    /// Whether a word can begin at a place, by what stands before it.
    #[inline]
    pub(crate) fn begins(text: &[u8], at: usize) -> bool {
        tokens::begins(text, at)
    }

    /// Whether the word of `len` letters at `at` may be a name though it is in lower case.
    #[inline]
    fn sieve(&self, text: &[u8], at: usize, len: u32) -> bool {
        if !(3..=16).contains(&len) {
            return false;
        }
        let first = match text[at..].first_chunk::<SIEVED>() {
            Some([a, b, c, _]) if len == 3 => [*a, *b, *c, 0],
            Some(first) => *first,
            None => [text[at], text[at + 1], text[at + 2], 0],
        };
        self.dictionary.may_be_lower_name(first, len)
    }

    /// Finds around the places that [`Names::places`] gave, which are in order.
    pub(crate) fn find(
        &self,
        text: &[u8],
        places: impl Iterator<Item = usize>,
        least: f32,
        scratch: &mut NamesScratch,
        mut found: impl FnMut(Found),
    ) {
        let mut places = places.peekable();
        while let Some(first) = places.next() {
            let mut last = first;
            while let Some(next) = places.next_if(|p| p - last <= NEAR) {
                last = next;
            }
            self.read(text, first, last, JOINS.min(least), scratch);
            for topic in [Topic::Name, Topic::Town] {
                self.spans(text, topic, least, scratch, &mut found);
            }
        }
    }

    /// Reads the words around the places from `first` to `last`, and scores them; what is below `least` is only told to be so.
    fn read(&self, text: &[u8], first: usize, last: usize, least: f32, scratch: &mut NamesScratch) {
        let NamesScratch { tokens, scores, seen, sums } = scratch;
        tokens.clear();
        scores.clear();
        let from = tokens::back(text, first, BESIDE);
        tokens::tokens(text, from, last, 1 + BESIDE, &self.dictionary, Some(seen), tokens);
        scores.resize(tokens.len(), None);
        let (mut since, mut upto) = (0, 0);
        for (i, t) in tokens.iter().enumerate() {
            if !is_trigger(t) || t.span.start() < first || t.span.start() > last {
                continue;
            }
            since = upto.max(i.saturating_sub(REACH)).max(since);
            upto = (i + REACH + 1).min(tokens.len());
            // Words next to a trigger are looked at, too.
            for (j, score) in scores.iter_mut().enumerate().take(upto).skip(since) {
                *score = tokens::may_be_name(tokens, j).then(|| self.model.scores(tokens, j, least, sums));
            }
        }
    }

    /// Runs of words that are likely enough.
    fn spans(
        &self,
        text: &[u8],
        topic: Topic,
        least: f32,
        scratch: &NamesScratch,
        found: &mut impl FnMut(Found),
    ) {
        let NamesScratch { tokens, scores, .. } = scratch;
        let score = |i: usize| {
            let of = |s: Scores| if topic == Topic::Town { s.town } else { s.name };
            scores.get(i).copied().flatten().map_or(f32::NEG_INFINITY, of)
        };
        let mut i = 0;
        while i < tokens.len() {
            if score(i) < JOINS.min(least) {
                i += 1;
                continue;
            }
            let (start, mut end, mut most) = (i, i + 1, score(i));
            while let Some(next) = self.joined(text, tokens, end, topic, &score) {
                most = (end..next).map(&score).fold(most, f32::max);
                end = next;
            }
            let mut add = |first: usize, end: usize, score: f32| {
                let mut span = tokens[first].span.union(tokens[end - 1].span);
                // The point behind an initial goes with it.
                if tokens[end - 1].shape == Shape::Initial && text.get(span.end()) == Some(&b'.') {
                    span = Span::at(span.start(), span.end() + 1);
                }
                found(Found { span, topic, score });
            };
            if end - start > MOST_WORDS {
                let near = MOST_WORDS / 2;
                for j in (start..end).filter(|j| score(*j) >= least) {
                    add(j.saturating_sub(near).max(start), (j + near + 1).min(end), score(j));
                }
            } else if most >= least {
                add(start, end, most);
            }
            i = end;
        }
    }

    /// The end of the run that goes on at `at`.
    fn joined(
        &self,
        text: &[u8],
        tokens: &[Token],
        at: usize,
        topic: Topic,
        score: &impl Fn(usize) -> f32,
    ) -> Option<usize> {
        let last = &tokens[at - 1];
        let mut next = at;
        // Small words inside names: `van`, `de la`.
        while tokens.get(next).is_some_and(|t| {
            next < at + 2 && t.shape == Shape::Lower && t.class == Class::Particle && t.glue == Glue::Space
        }) {
            next += 1;
        }
        let t = tokens.get(next)?;
        let gap = &text[last.span.end()..tokens[at].span.start()];
        let joins = match tokens[at].glue {
            Glue::Space => gap.len() == 1 || gap == b"\xC2\xA0",
            Glue::Hyphen => true,
            Glue::Period => last.shape == Shape::Initial && gap == b". ",
            Glue::Dot => last.shape == Shape::Initial,
            Glue::Comma => {
                topic == Topic::Name && matches!(gap, b", " | b",") && next == at && last_first(tokens, at)
            }
            Glue::Quote => topic == Topic::Name && matches!(gap, b" \"" | b"\" ") && next == at,
            _ => false,
        };
        (joins && score(next) >= JOINS && (next == at || t.glue == Glue::Space)).then_some(next + 1)
    }

    /// A span that follows a cue, without the words at its end that are none of a name: `John Smith Admitted Today`.
    pub(crate) fn trim(&self, text: &[u8], span: Span) -> Span {
        let mut tokens = Vec::new();
        let (from, to) = (span.start(), span.end());
        tokens::tokens(&text[..to], from, to, 0, &self.dictionary, None, &mut tokens);
        let is_word = |t: &Token| {
            let e = t.entry;
            if t.span.len() < 2 {
                return false;
            }
            // `patient=jo lee dob=...`: the name of the next field.
            let is_key = text.get(t.span.end()) == Some(&b'=');
            is_key
                || e.common() >= 6 && e.given().max(e.surname()) < 7
                || e.is(Flag::Calendar) && e.given() < 10
        };
        let kept = tokens.len() - tokens.iter().rev().take_while(|t| is_word(t)).count();
        match kept.checked_sub(1) {
            Some(last) if kept < tokens.len() => {
                let end = tokens[last].span.end();
                let point = tokens[last].shape == Shape::Initial && text.get(end) == Some(&b'.');
                Span::at(span.start(), end + usize::from(point))
            }
            _ => span,
        }
    }

    /// The words of a name that are looked for again.
    pub(crate) fn words(
        &self,
        text: &[u8],
        name: Span,
        scratch: &mut NamesScratch,
        mut visit: impl FnMut(Word),
    ) {
        let NamesScratch { tokens, seen, .. } = scratch;
        let (from, to) = (name.start(), name.end());
        tokens.clear();
        tokens::tokens(&text[..to], from, to, 0, &self.dictionary, Some(seen), tokens);
        for t in tokens {
            let word = &text[t.span.range()];
            let is_word = matches!(t.shape, Shape::Title | Shape::Upper | Shape::Camel | Shape::Lower);
            let mut folded = Folded::new();
            folded.fold(word);
            if let Some(folded) = folded.word()
                && is_word
                && t.class.kind() > 0
                && t.entry.common() < 14
                && word.len() >= 3
            {
                visit(Word { folded: folded.to_vec(), common: t.entry.common() });
            }
        }
    }

    /// Finds words of names that are known.
    pub(crate) fn find_again(
        &self,
        text: &[u8],
        words: &[Word],
        scratch: &mut NamesScratch,
        mut found: impl FnMut(Span),
    ) {
        // A long text is gone through in parts. The word that each ends with is the first of the next.
        let (mut from, mut step) = (0, PART_BYTES);
        scratch.tokens.clear();
        loop {
            let NamesScratch { tokens, seen, .. } = &mut *scratch;
            let (known, to) = (tokens.len(), text.len().min(from + step));
            tokens::tokens(text, from, to, 0, &self.dictionary, Some(seen), tokens);
            if to == text.len() {
                return find_among(text, &tokens[known..], words, &mut found);
            }
            if tokens.len() < known + 2 {
                tokens.truncate(known);
                step *= 2;
                continue;
            }
            let next = tokens.pop();
            find_among(text, &tokens[known..], words, &mut found);
            from = next.map_or(to, |t| t.span.start());
            step = PART_BYTES;
            tokens.drain(..tokens.len() - 1);
        }
    }

    /// What the score of a span is made of, the one of its likeliest word, by group; and the score.
    pub(crate) fn explain(
        &self,
        text: &[u8],
        span: Span,
        topic: Topic,
        scratch: &mut NamesScratch,
        mut visit: impl FnMut(&'static str, f32),
    ) -> Option<f32> {
        self.read(text, span.start(), span.end().saturating_sub(1), f32::NEG_INFINITY, scratch);
        let NamesScratch { tokens, scores, .. } = scratch;
        let town = topic == Topic::Town;
        let within = (0..tokens.len()).filter(|i| span.contains(tokens[*i].span));
        let scored = within.filter_map(|i| scores[i].map(|s| (i, if town { s.town } else { s.name })));
        let (best, score) = scored.max_by(|a, b| a.1.total_cmp(&b.1))?;
        let parts = self.model.parts(tokens, best, if town { model::TOWN } else { model::NAME });
        let total: f32 = parts.iter().sum();
        Group::NAMES.iter().zip(parts).filter(|(_, w)| w.abs() >= 0.005).for_each(|(name, w)| visit(name, w));
        let other = score - total;
        if other.abs() >= 0.005 {
            visit(if town { "may be a name" } else { "may be a town" }, other);
        }
        Some(score)
    }
}

/// A word of a name that was found. It is PHI, and does not print.
pub(crate) struct Word {
    /// As the dictionary would hold it.
    pub(crate) folded: Vec<u8>,
    common: u8,
}

/// Whether a comma before `at` stands between a surname and a given name: `Smith, John`, not `Smith, Jones`.
fn last_first(tokens: &[Token], at: usize) -> bool {
    let before = &tokens[at - 1];
    let same = before.shape == tokens[at].shape || tokens[at].shape == Shape::Initial;
    let begins =
        at < 2 || !matches!(tokens[at - 1].glue, Glue::Space) || tokens[at - 2].shape == Shape::Lower;
    same && begins && before.entry.surname() >= before.entry.given().saturating_sub(2)
}

/// Whether a word is worth a look.
fn is_trigger(t: &Token) -> bool {
    match t.class {
        Class::StrongBoth
        | Class::StrongGiven
        | Class::StrongSurname
        | Class::WeakGiven
        | Class::WeakSurname
        | Class::Ambiguous
        | Class::LowerName
        | Class::Town => true,
        Class::Unknown => t.shape == Shape::Title && t.span.len() >= 3,
        _ => false,
    }
}

/// Which of these words of a text are among those looked for.
fn find_among(text: &[u8], tokens: &[Token], words: &[Word], found: &mut impl FnMut(Span)) {
    // By first letter, and those with another one: the words that begin so, one bit each.
    let mut by_first = [0u64; 27];
    let letter = |b: u8| usize::from(b.to_ascii_lowercase().wrapping_sub(b'a').min(26));
    for (i, w) in words.iter().enumerate() {
        by_first[letter(w.folded.first().copied().unwrap_or(0))] |= 1 << (i % 64);
    }
    for t in tokens {
        let first = letter(text[t.span.start()]);
        // Letters outside ASCII may fold to any.
        let same_first = if first < 26 { by_first[first] } else { u64::MAX };
        if same_first == 0 {
            continue;
        }
        let mut folded = Folded::new();
        folded.fold(&text[t.span.range()]);
        let Some(folded) = folded.word() else { continue };
        let mut same = words.iter().enumerate().filter(|(i, _)| same_first >> (i % 64) & 1 == 1);
        let Some((_, word)) = same.find(|(_, w)| w.folded == folded) else { continue };
        let begins = matches!(t.glue, Glue::Start | Glue::Period | Glue::Quote | Glue::Open);
        let stands = match t.shape {
            Shape::Title | Shape::Upper | Shape::Camel => word.common < 6 || !begins,
            // In lower case a word of every day is that word.
            Shape::Lower => word.common < 3 && word.folded.len() >= 4,
            _ => false,
        };
        if stands {
            found(t.span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that stand together without end are found each by what is near, not by one of them far away.
    #[test]
    fn no_name_is_without_end() {
        let names = Names::builtin();
        let mut scratch = NamesScratch::default();
        let mut find = |text: &str| {
            let (mut places, mut all) = (Vec::new(), Vec::new());
            names.places(text.as_bytes(), &mut scratch, |at| places.push(at));
            names.find(text.as_bytes(), places.into_iter(), 0.0, &mut scratch, |f| all.push(f));
            all
        };
        let text = format!("Maria Lopez {}is in", "Velloria ".repeat(400));
        let found = find(&text);
        let most = MOST_WORDS + 1;
        assert!(found.iter().all(|f| text[f.span.range()].split(' ').count() <= most), "{found:?}");
        assert!(found.iter().any(|f| text[f.span.range()].starts_with("Maria Lopez")), "{found:?}");
        let short = find("seen by Maria Lopez today");
        assert!(short.iter().any(|f| f.span == Span::new(8, 19)), "{short:?}");
    }
}
