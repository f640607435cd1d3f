//! Text as words, with what stands between them.

use super::dictionary::{Dictionary, Entry, Flag};
use super::fold::Folded;
use super::glue::{FAR, Glue, glue};
use super::seen::Seen;
use crate::span::Span;

/// How a word is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Shape {
    /// `john`
    Lower,
    /// `John`, `O'Brien`
    Title,
    /// `JOHN`
    Upper,
    /// `J`
    Initial,
    /// `McDonald`, `BlockManager`
    Camel,
    /// `2021`
    Number,
    /// `a1b2`, `user_id`
    Code,
}

/// A word in its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) span: Span,
    pub(crate) shape: Shape,
    pub(crate) glue: Glue,
    pub(crate) entry: Entry,
    /// Stands for the word itself in features; 0 for words that are names before all.
    pub(crate) word: u32,
    /// What it is, roughly.
    pub(crate) class: Class,
    /// The hash of its last letters.
    pub(crate) ending: u32,
    /// It has letters that English has not.
    pub(crate) foreign: bool,
}

/// What a word is, roughly: how its neighbours see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Class {
    Outside,
    LowerCommon,
    LowerOther,
    /// A word of medicine, in lower case.
    LowerMedical,
    /// Hardly anything but a name, though in lower case.
    LowerName,
    Number,
    Code,
    Initial,
    /// Few are called otherwise.
    StrongBoth,
    StrongGiven,
    StrongSurname,
    WeakGiven,
    WeakSurname,
    /// A name, and a word of every day.
    Ambiguous,
    Common,
    Town,
    Region,
    Calendar,
    Title,
    Particle,
    Organisation,
    Thing,
    Unknown,
    UnknownUpper,
    Camel,
}

impl Class {
    /// How much of a name it is in itself: 0 not at all, 1 nobody knows, 2 it may be, 3 hardly anything else.
    pub(crate) fn kind(self) -> u32 {
        match self {
            Class::StrongBoth | Class::StrongGiven | Class::StrongSurname | Class::LowerName => 3,
            Class::WeakGiven | Class::WeakSurname | Class::Ambiguous | Class::Town => 2,
            Class::Unknown | Class::Camel | Class::Initial | Class::LowerOther => 1,
            _ => 0,
        }
    }
}

/// A longer word is no word.
pub(super) const LONGEST_WORD: usize = 48;

/// Whether a byte is a letter's, in a word: UTF-8 outside ASCII counts, but for the marks of [`mark_len`].
fn is_letter(b: u8) -> bool {
    b.is_ascii_alphabetic() || b >= 0x80
}

/// The length of a punctuation mark outside ASCII that stands at `at`: no-break space, guillemets, dashes, quotes, bullets.
fn mark_len(text: &[u8], at: usize) -> usize {
    match text[at..] {
        [0xC2, 0xA0..=0xBF, ..] => 2,
        [0xE2, 0x80, b, ..] if b != 0x99 => 3,
        [0xE3, 0x80, 0x80..=0x82, ..] => 3,
        _ => 0,
    }
}

/// The length of an apostrophe at `at`.
fn apostrophe_len(text: &[u8], at: usize) -> usize {
    match text[at..] {
        [b'\'', ..] => 1,
        [0xE2, 0x80, 0x99, ..] => 3,
        _ => 0,
    }
}

fn letter_at(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(|b| is_letter(*b)) && mark_len(text, at) == 0 && apostrophe_len(text, at) == 0
}

fn is_code(b: u8) -> bool {
    b.is_ascii_digit() || b == b'_'
}

/// What bytes are in words.
mod byte {
    pub(super) const LETTER: u8 = 1;
    /// A digit or an underscore.
    pub(super) const CODE: u8 = 2;
    /// An apostrophe, or of UTF-8 outside ASCII: what stands around it counts.
    pub(super) const PERHAPS: u8 = 4;

    pub(super) static KINDS: [u8; 256] = {
        let mut kinds = [0; 256];
        let mut b = 0;
        while b < 256 {
            kinds[b] = match b as u8 {
                c if c.is_ascii_alphabetic() => LETTER,
                b'0'..=b'9' | b'_' => CODE,
                b'\'' | 0x80.. => PERHAPS,
                _ => 0,
            };
            b += 1;
        }
        kinds
    };
}

fn kind(text: &[u8], at: usize) -> u8 {
    text.get(at).map_or(0, |b| byte::KINDS[usize::from(*b)])
}

/// The end of the word that begins at `start`, and whether it is one of letters only.
fn word_end(text: &[u8], start: usize) -> (usize, bool) {
    let (mut at, mut letters) = (start, true);
    loop {
        match kind(text, at) {
            byte::LETTER => at += 1,
            byte::CODE => (at, letters) = (at + 1, false),
            byte::PERHAPS => {
                let apostrophe = apostrophe_len(text, at);
                if apostrophe > 0 {
                    if !letters || at == start || !letter_at(text, at + apostrophe) {
                        return (at, letters);
                    }
                    at += apostrophe;
                } else if mark_len(text, at) > 0 {
                    return (at, letters);
                } else {
                    at += 1;
                }
            }
            _ => return (at, letters),
        }
    }
}

/// How far was read to tell that a word ends at `end`: an apostrophe counts by the letter or mark behind it.
pub(super) fn read_to(text: &[u8], end: usize) -> usize {
    let decides_alone = text.get(end).is_some_and(|b| *b < 0x80 && *b != b'\'');
    end + if decides_alone { 1 } else { 6 }
}

/// Whether a word can begin at `at`: no letter, digit or underscore right before it.
pub(super) fn begins(text: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1) else { return true };
    let b = text[before];
    if b >= 0x80 {
        // Within a mark's last byte nothing tells a letter from it: look at the mark's start.
        return (2..=3).any(|len| at.checked_sub(len).is_some_and(|s| mark_len(text, s) == len));
    }
    let quoted = b == b'\'' && before > 0 && letter_at(text, before - 1);
    // The digits of an escape may look like a word: `%ED`.
    !(b.is_ascii_alphabetic() || is_code(b) || quoted || b == b'%')
}

/// The word at `start`, if one begins there, and where it ends with all that belongs to it.
pub(super) fn token_at(
    text: &[u8],
    start: usize,
    glue: Glue,
    dictionary: &Dictionary<'_>,
    seen: Option<&mut Seen>,
) -> (Token, usize) {
    let (end, letters) = word_end(text, start);
    let placed = |t: Token| Token { span: Span::at(start, start + t.span.len()), glue, ..t };
    let Some(seen) = seen else { return (placed(read(&text[start..end], letters, dictionary)), end) };
    let token = match seen.look_up(text, start, end) {
        Ok(token) => token,
        Err(slot) => {
            let token = read(&text[start..end], letters, dictionary);
            if let Some(slot) = slot {
                seen.remember(&slot, token);
            }
            token
        }
    };
    (placed(token), end)
}

/// What a word is in itself.
fn read(word: &[u8], letters: bool, dictionary: &Dictionary<'_>) -> Token {
    let mut token = Token {
        span: Span::at(0, word.len()),
        shape: Shape::Code,
        glue: Glue::Start,
        entry: Entry::default(),
        word: 0,
        class: Class::Code,
        ending: 0,
        foreign: false,
    };
    if !letters || word.len() > LONGEST_WORD {
        if word.iter().all(u8::is_ascii_digit) {
            (token.shape, token.class) = (Shape::Number, Class::Number);
        }
        return token;
    }
    // `Smith's`, `JONES'S`
    for s in [&b"'s"[..], b"'S", b"\xE2\x80\x99s", b"\xE2\x80\x99S"] {
        if word.len() > s.len() + 1
            && let Some(rest) = word.strip_suffix(s)
        {
            token.span = Span::at(0, rest.len());
        }
    }
    let word = &word[token.span.range()];
    token.shape = shape(word);
    token.foreign = word.iter().any(|b| *b >= 0x80 && *b != 0x99 && *b != 0xE2);
    let mut folded = Folded::new();
    folded.fold(word);
    if let Some(folded) = folded.word() {
        token.entry = dictionary.look_up_folded(folded);
        let tail = &folded[folded.len().saturating_sub(3)..];
        token.ending = tail.iter().fold(folded.len().min(3) as u32, |h, b| h << 8 ^ u32::from(*b));
        let e = token.entry;
        if e.common() >= 3 || e.0 >> 16 != 0 || !e.is_known() && token.shape != Shape::Title {
            token.word = super::dictionary::hash(folded) as u32 | 1;
        }
    }
    token.class = class(&token);
    token
}

fn shape(word: &[u8]) -> Shape {
    let (mut upper, mut lower, mut letters, mut first_upper, mut camel) = (0, 0, 0, false, false);
    let mut see = |c: char| {
        if c == '\'' || c == '\u{2019}' || ('\u{300}'..='\u{36f}').contains(&c) {
            return;
        }
        let is_upper = c.is_uppercase();
        if letters == 0 {
            first_upper = is_upper;
        } else {
            camel |= is_upper && lower > 0;
        }
        letters += 1;
        upper += usize::from(is_upper);
        lower += usize::from(!is_upper);
    };
    if word.is_ascii() {
        word.iter().for_each(|b| see(char::from(*b)));
    } else {
        word.utf8_chunks().flat_map(|c| c.valid().chars()).for_each(see);
    }
    let apostrophe = word.iter().position(|b| *b == b'\'' || *b == 0xE2).is_some_and(|at| at <= 2);
    match (first_upper, upper, lower) {
        (false, 0, _) => Shape::Lower,
        (true, 1, 0) => Shape::Initial,
        (true, 1, _) => Shape::Title,
        (true, _, 0) => Shape::Upper,
        // `O'Brien`, `D'Angelo`
        (true, 2, _) if apostrophe => Shape::Title,
        (false, ..) if !camel => Shape::Lower,
        _ => Shape::Camel,
    }
}

fn class(t: &Token) -> Class {
    let e = t.entry;
    let (given, surname, common) = (e.given(), e.surname(), e.common());
    match t.shape {
        Shape::Number => return Class::Number,
        Shape::Code => return Class::Code,
        Shape::Initial => return Class::Initial,
        _ => {}
    }
    if e.is(Flag::Particle) && (t.shape == Shape::Lower || given < 8) {
        return Class::Particle;
    }
    if e.is(Flag::Title) {
        return Class::Title;
    }
    if t.shape == Shape::Lower {
        if e.is_lower_name() {
            return Class::LowerName;
        }
        if e.is(Flag::Medical) && common < 12 {
            return Class::LowerMedical;
        }
        return if common >= 5 { Class::LowerCommon } else { Class::LowerOther };
    }
    if e.is(Flag::Calendar) && common.max(given) < 14 {
        return Class::Calendar;
    }
    if e.is(Flag::Organisation) {
        return Class::Organisation;
    }
    let name = given.max(surname);
    if common >= 6 {
        return if name >= 7 && common < 14 { Class::Ambiguous } else { Class::Common };
    }
    if t.shape == Shape::Camel {
        return if name > 0 { Class::WeakSurname } else { Class::Camel };
    }
    if e.is(Flag::Region) {
        return Class::Region;
    }
    if (e.is(Flag::Drug) || e.is(Flag::Technical)) && name < 9 {
        return Class::Thing;
    }
    if e.town() > 0 && e.town() + 3 >= name {
        return Class::Town;
    }
    match (given, surname) {
        (8.., 8..) if given.abs_diff(surname) < 4 => Class::StrongBoth,
        (8.., _) if given >= surname => Class::StrongGiven,
        (_, 7..) => Class::StrongSurname,
        (1.., _) if given >= surname => Class::WeakGiven,
        (_, 1..) => Class::WeakSurname,
        _ if common > 0 => Class::Common,
        _ if t.shape == Shape::Upper => Class::UnknownUpper,
        _ => Class::Unknown,
    }
}

/// Whether the word at `i` may be a name at all, by how it is written: with a capital, or in lower case if it is or stands next
/// to what is hardly anything but a name.
pub(super) fn may_be_name(tokens: &[Token], i: usize) -> bool {
    let e = tokens[i].entry;
    if e.common() >= 14 && e.given().max(e.surname()) < 8 {
        return false;
    }
    // What stands before and behind, where nothing but a blank is between.
    let after = tokens.get(i + 1).filter(|t| t.glue == Glue::Space);
    let before = i.checked_sub(1).map(|b| &tokens[b]).filter(|_| tokens[i].glue == Glue::Space);
    let beside = |is: &dyn Fn(&Token) -> bool| after.is_some_and(is) || before.is_some_and(is);
    match tokens[i].shape {
        // An abbreviation, unless it stands next to a name in capitals.
        Shape::Upper if tokens[i].class == Class::UnknownUpper => {
            let named = |t: Option<&Token>| t.is_some_and(|t| t.shape == Shape::Upper && t.class.kind() >= 2);
            named(tokens.get(i + 1)) || named(i.checked_sub(1).map(|b| &tokens[b]))
        }
        Shape::Title | Shape::Upper | Shape::Initial | Shape::Camel => true,
        Shape::Lower => match tokens[i].class {
            Class::LowerName => true,
            Class::LowerOther => beside(&|t| t.class == Class::LowerName),
            _ => tokens[i].span.len() == 1 && before.is_some_and(|t| t.class == Class::LowerName),
        },
        Shape::Number | Shape::Code => false,
    }
}

/// The words of `text` from the first that begins at `from` or behind it, up to where one begins at `to` or behind
/// it; then `more` words on. `from` must not stand within a word.
pub(super) fn tokens(
    text: &[u8],
    from: usize,
    to: usize,
    more: usize,
    dictionary: &Dictionary<'_>,
    mut seen: Option<&mut Seen>,
    out: &mut Vec<Token>,
) {
    let mut at = from;
    let mut last_end = match out.last() {
        Some(t) => Some(word_end(text, t.span.start()).0),
        // Further back nothing counts, however much of it there is.
        None => {
            let low = from.saturating_sub(FAR + 1);
            let end = text[low..from].iter().rposition(|b| is_letter(*b) || is_code(*b));
            end.map(|i| low + i + 1)
        }
    };
    let mut left = more;
    while at < text.len() {
        match kind(text, at) {
            byte::LETTER | byte::CODE => {}
            byte::PERHAPS if letter_at(text, at) => {}
            byte::PERHAPS => {
                at += mark_len(text, at).max(1);
                continue;
            }
            _ => {
                at += 1;
                continue;
            }
        }
        if at >= to {
            if left == 0 {
                return;
            }
            left -= 1;
        }
        let glue = last_end.map_or(Glue::Start, |end| glue(&text[end.min(at)..at]));
        // A possessive ending belongs to nobody.
        let (token, end) = token_at(text, at, glue, dictionary, seen.as_deref_mut());
        at = end;
        last_end = Some(at);
        out.push(token);
        join_towns(text, dictionary, out);
    }
}

/// Towns of two or three words: each of them is a town's.
fn join_towns(text: &[u8], dictionary: &Dictionary<'_>, tokens: &mut [Token]) {
    for count in [3, 2] {
        let Some(first) = tokens.len().checked_sub(count) else { continue };
        let words = &mut tokens[first..];
        let spaced = words[1..].iter().all(|t| matches!(t.glue, Glue::Space | Glue::Hyphen | Glue::Period));
        if !spaced || !words[0].entry.is(Flag::TownBegins) || words[0].shape == Shape::Lower {
            continue;
        }
        let entry = dictionary.look_up_phrase(words.iter().map(|t| &text[t.span.range()]));
        if entry.town() > 0 {
            for t in words {
                t.entry = t.entry.with_town(entry.town());
                t.class = Class::Town;
            }
            return;
        }
    }
}

/// A place at or before `at` from which `count` words stand before it, or where the text or a line begins.
pub(super) fn back(text: &[u8], at: usize, count: usize) -> usize {
    let low = at.saturating_sub(count * (LONGEST_WORD + FAR));
    let (mut place, mut seen) = (at, 0);
    while place > low && seen < count {
        // Over what is between words, then over the word.
        let mut end = place;
        while end > low && !(is_letter(text[end - 1]) || is_code(text[end - 1])) {
            end -= 1;
        }
        let mut start = end;
        while start > low
            && (is_letter(text[start - 1]) || is_code(text[start - 1]) || text[start - 1] == b'\'')
        {
            start -= 1;
        }
        if start == end {
            break;
        }
        place = start;
        seen += 1;
    }
    // A place within UTF-8 would cut a letter.
    while place > low && text.get(place).is_some_and(|b| (0x80..0xC0).contains(b)) {
        place -= 1;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Token> {
        let mut out = Vec::new();
        tokens(text.as_bytes(), 0, text.len(), 0, &Dictionary::builtin(), None, &mut out);
        out
    }

    #[test]
    fn words_and_what_is_between_them() {
        use Glue::*;
        use Shape::*;
        type Words<'t> = &'t [(&'t str, Shape, Glue)];
        let cases: &[(&str, Words<'_>)] = &[
            ("John Smith's cat", &[("John", Title, Start), ("Smith", Title, Space), ("cat", Lower, Space)]),
            ("SMITH, JOHN A.", &[("SMITH", Upper, Start), ("JOHN", Upper, Comma), ("A", Initial, Space)]),
            (
                "Mary-Ann O'Brien",
                &[("Mary", Title, Start), ("Ann", Title, Hyphen), ("O'Brien", Title, Space)],
            ),
            ("\u{c9}lodie \u{2014} Zo\u{eb}", &[("\u{c9}lodie", Title, Start), ("Zo\u{eb}", Title, Other)]),
            (
                "user_id=42 BlockManager",
                &[("user_id", Code, Start), ("42", Number, Equals), ("BlockManager", Camel, Space)],
            ),
            ("org.apache.Foo", &[("org", Lower, Start), ("apache", Lower, Dot), ("Foo", Title, Dot)]),
            (
                "Hi Bob!\nSue: \"Max\"",
                &[("Hi", Title, Start), ("Bob", Title, Space), ("Sue", Title, Start), ("Max", Title, Quote)],
            ),
            ("'Tom' said", &[("Tom", Title, Start), ("said", Lower, Quote)]),
        ];
        for (text, want) in cases {
            let got: Vec<_> = all(text).iter().map(|t| (&text[t.span.range()], t.shape, t.glue)).collect();
            assert_eq!(got, *want, "{text}");
        }
    }

    #[test]
    fn going_back_some_words() {
        let text = "one two, three four";
        let cases = [(19, 1, 15), (15, 1, 9), (15, 2, 4), (15, 9, 0), (0, 3, 0)];
        for (at, count, want) in cases {
            assert_eq!(back(text.as_bytes(), at, count), want, "{count} words before {at}");
        }
    }

    /// A word that was seen before reads as it did then, wherever it stands.
    #[test]
    fn what_was_seen_reads_the_same() {
        let text = "JOHN O'Brien's, Zoë JOHN'S car; John john_1 2021 Whitcombe-Featherstonehaughs wrote to Zoe in St. Paul, \
                    MN (Mary) 3rd Dr. d'Angelo";
        let (dictionary, mut seen) = (Dictionary::builtin(), Seen::default());
        let read = |text: &str, seen: Option<&mut Seen>| {
            let mut out = Vec::new();
            tokens(text.as_bytes(), 0, text.len(), 0, &dictionary, seen, &mut out);
            out.iter().map(|t| format!("{t:?}")).collect::<Vec<_>>()
        };
        for _ in 0..3 {
            for part in [text, &text[5..], "x JOHN y", text] {
                assert_eq!(read(part, Some(&mut seen)), read(part, None), "{part}");
            }
        }
    }
}
