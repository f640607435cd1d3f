//! Where can a pattern start? Derived from the pattern itself.
//!
//! A pattern is cut down to a prefix: something short that every match begins with. Next to it stands the length that the
//! word which a match begins with may have: `\b\d{3}-\d{2}-\d{4}\b` begins with a word of three, `\b\d{9}\b` with one of
//! nine. Both are over-approximations: a place where they do not fit cannot start a match. In a prefix any digit stands for all
//! of them.

use std::borrow::Borrow;

use regex_syntax::hir::{
    Capture, Class, ClassBytes, ClassBytesRange, ClassUnicode, Hir, HirKind, Look, Repetition,
};
use regex_syntax::utf8::{Utf8Range, Utf8Sequence, Utf8Sequences};

use super::classes::ByteSet;

/// Bytes that a prefix has at least, where the pattern is that long.
const ROOM: usize = 32;
/// A repetition with more freedom than this ends the prefix: the states of an automaton grow with it.
const SLACK: u32 = 12;

/// Lengths of words, one bit each; the last bit stands for it and all longer ones.
pub(super) type Lengths = u32;
/// The longest word length that is told from longer ones.
pub(super) const LONGEST: u32 = 24;

/// How the places where a pattern may match are found.
#[derive(Clone, Debug)]
pub(super) struct Starts {
    /// What a match begins with, or what stands in it where `inner` says so.
    pub(super) prefix: Hir,
    /// The length of the run of word bytes at its first byte; zero where that is none.
    pub(super) words: Lengths,
    /// It may begin in the middle of a word.
    pub(super) inside: bool,
    /// The prefix does not stand at the start of a match.
    pub(super) inner: Option<Inner>,
}

/// What stands before the part of a match that is looked for, as the local part of an address before its `@`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Inner {
    /// How many of the pattern's parts do.
    parts: usize,
    /// How many bytes at most.
    pub(super) max_before: usize,
}

impl Inner {
    #[cfg(test)]
    pub(super) fn parts(self) -> usize {
        self.parts
    }

    /// What was worked out before.
    pub(super) fn of(parts: usize, max_before: usize) -> Inner {
        Inner { parts, max_before }
    }

    /// What stands before, of the pattern that this is of.
    pub(super) fn before(self, hir: &Hir) -> Hir {
        let mut subs = Vec::new();
        parts(hir, &mut subs);
        Hir::concat(subs.into_iter().take(self.parts).cloned().collect())
    }
}

impl Starts {
    /// All lengths.
    pub(super) const ANY_WORD: Lengths = (1 << (LONGEST + 1)) - 1;

    /// Derives the starts of a pattern; `None` if it may begin with anything at all.
    pub(super) fn of(hir: &Hir) -> Option<Starts> {
        let outer = Starts::at_head(&[hir], leading_boundary(hir), None);
        match outer {
            // `at` and numbers are common: a word that is known to stand behind them is not.
            Some(s) if is_definite(&s.prefix) && begins_commonly(&s.prefix) => inner(hir).or(Some(s)),
            Some(s) if is_definite(&s.prefix) => Some(s),
            // Letters after a boundary at least need not be tried in the middle of words.
            other => inner(hir).or(other.filter(|s| !s.inside)),
        }
    }

    /// The starts of parts that follow on each other.
    fn at_head<H: Borrow<Hir>>(parts: &[H], boundary: bool, inner: Option<Inner>) -> Option<Starts> {
        let (prefix, _) = cut_all(parts, ROOM, true);
        if prefix.properties().minimum_len().unwrap_or(0) == 0 {
            return None;
        }
        let words = leading_words(&prefix).all();
        Some(Starts { prefix: with_all_digits(&without_tail(&prefix)), words, inside: !boundary, inner })
    }
}

/// Bytes after which what may or may not follow is not worth reading.
const ENOUGH: usize = 6;

/// A prefix without what may be left out at its end: it would be read, and rule nothing out.
fn without_tail(hir: &Hir) -> Hir {
    let subs = match hir.kind() {
        HirKind::Alternation(subs) => return Hir::alternation(subs.iter().map(without_tail).collect()),
        HirKind::Concat(subs) => subs,
        _ => return hir.clone(),
    };
    let is_optional = |sub: &Hir| min_len(sub) == 0 && !matches!(sub.kind(), HirKind::Look(_));
    let Some(last) = subs.iter().rposition(|s| min_len(s) > 0) else { return hir.clone() };
    if subs[..=last].iter().map(min_len).sum::<usize>() < ENOUGH {
        return hir.clone();
    }
    // A boundary right behind what is needed rules out a good deal; one behind something optional does not.
    let end = subs[last + 1..].iter().position(is_optional).map_or(subs.len(), |i| last + 1 + i);
    let mut kept = subs[..end].to_vec();
    if end == last + 1 {
        kept[last] = without_tail(&subs[last]);
    }
    Hir::concat(kept)
}

/// A prefix in which every digit stands for all of them. Fewer states tell fewer forms apart; and what is known of a place is known
/// whichever digits stand there.
fn with_all_digits(hir: &Hir) -> Hir {
    let group = |sub: &Hir| Box::new(with_all_digits(sub));
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => hir.clone(),
        HirKind::Literal(l) if !l.0.iter().any(u8::is_ascii_digit) => hir.clone(),
        HirKind::Literal(l) => Hir::concat(l.0.iter().map(|b| one_of(&[*b])).collect()),
        HirKind::Class(c) => {
            byte_set(c).map_or_else(|| hir.clone(), |set| one_of(&set.iter().collect::<Vec<_>>()))
        }
        HirKind::Repetition(r) => Hir::repetition(Repetition { sub: group(&r.sub), ..r.clone() }),
        HirKind::Capture(c) => Hir::capture(Capture { sub: group(&c.sub), ..c.clone() }),
        HirKind::Concat(subs) => Hir::concat(subs.iter().map(with_all_digits).collect()),
        HirKind::Alternation(subs) => Hir::alternation(subs.iter().map(with_all_digits).collect()),
    }
}

/// One of some bytes, digits alike.
fn one_of(bytes: &[u8]) -> Hir {
    let digits = bytes.iter().any(u8::is_ascii_digit).then(|| ClassBytesRange::new(b'0', b'9'));
    let ranges = bytes.iter().map(|b| ClassBytesRange::new(*b, *b)).chain(digits);
    Hir::class(Class::Bytes(ClassBytes::new(ranges)))
}

/// Cuts a pattern down to something that every match begins with, `room` bytes if it can be; the flag says that it is
/// all of the pattern. Assertions at its head are left out: the prefilter does not look back.
fn cut(hir: &Hir, room: usize, head: bool) -> (Hir, bool) {
    match hir.kind() {
        HirKind::Empty => (Hir::empty(), true),
        HirKind::Look(look) => {
            (if head || !is_about_words(*look) { Hir::empty() } else { hir.clone() }, true)
        }
        HirKind::Literal(l) if l.0.len() <= room => (hir.clone(), true),
        HirKind::Literal(l) => (Hir::literal(l.0[..room].to_vec()), false),
        HirKind::Class(c) if room > 0 && byte_set(c).is_some() => (hir.clone(), true),
        HirKind::Class(Class::Unicode(c)) if room > 0 => match in_bytes(c) {
            Some(hir) => (hir, true),
            None => (Hir::empty(), false),
        },
        HirKind::Class(_) => (Hir::empty(), false),
        HirKind::Capture(c) => cut(&c.sub, room, head),
        HirKind::Alternation(subs) => {
            let (subs, whole): (Vec<Hir>, Vec<bool>) = subs.iter().map(|s| cut(s, room, head)).unzip();
            (Hir::alternation(subs), whole.into_iter().all(|w| w))
        }
        HirKind::Concat(subs) => cut_all(subs, room, head),
        HirKind::Repetition(r) => cut_repetition(r, room, head),
    }
}

/// The same of parts that follow on each other.
fn cut_all<H: Borrow<Hir>>(subs: &[H], room: usize, head: bool) -> (Hir, bool) {
    let (mut all, mut left, mut head) = (Vec::new(), room, head);
    for (i, sub) in subs.iter().enumerate() {
        let (part, whole) = cut(sub.borrow(), left, head);
        if !whole && let Some(either) = with_or_without(sub.borrow(), &subs[i + 1..], left, head) {
            all.push(either);
            return (Hir::concat(all), false);
        }
        let min = min_len(&part);
        all.push(part);
        left = left.saturating_sub(min);
        head &= min == 0;
        if !whole {
            return (Hir::concat(all), false);
        }
    }
    (Hir::concat(all), true)
}

/// Something optional of which only the beginning is kept: that, or what follows it.
fn with_or_without<H: Borrow<Hir>>(optional: &Hir, rest: &[H], room: usize, head: bool) -> Option<Hir> {
    let HirKind::Repetition(Repetition { min: 0, sub, .. }) = optional.kind() else { return None };
    let with = cut(sub, room, head).0;
    if min_len(&with) == 0 {
        return None;
    }
    let without = cut_all(rest, room, head).0;
    (min_len(&without) > 0).then(|| Hir::alternation(vec![with, without]))
}

/// A class of a few characters outside ASCII, in bytes. The parser makes such classes of alternations of single characters,
/// `['\u{2019}]` of two apostrophes, and would do so again with these but for the groups.
fn in_bytes(class: &ClassUnicode) -> Option<Hir> {
    if class.ranges().len() > FEW as usize {
        return None;
    }
    let one =
        |r: &Utf8Range| Hir::class(Class::Bytes(ClassBytes::new([ClassBytesRange::new(r.start, r.end)])));
    let group = |sequence: Utf8Sequence| {
        let sub = Hir::concat(sequence.as_slice().iter().map(one).collect());
        Hir::capture(Capture { index: 1, name: None, sub: Box::new(sub) })
    };
    let sequences = class.iter().flat_map(|r| Utf8Sequences::new(r.start(), r.end()));
    Some(Hir::alternation(sequences.map(group).collect()))
}

fn cut_repetition(r: &Repetition, room: usize, head: bool) -> (Hir, bool) {
    let (sub, whole) = cut(&r.sub, room, head);
    let len = min_len(&sub);
    let times = |min: u32, max: u32| {
        Hir::repetition(Repetition { min, max: Some(max), greedy: r.greedy, sub: Box::new(sub.clone()) })
    };
    let fits = room.checked_div(len).unwrap_or(0) as u32;
    match r.max {
        _ if len == 0 => (Hir::empty(), false),
        _ if !whole => (times(r.min.min(1), r.min.min(1)), false),
        Some(max) if max - r.min <= SLACK && r.min <= fits => (times(r.min, max), true),
        _ => (times(r.min.min(fits), r.min.min(fits)), false),
    }
}

fn min_len(hir: &Hir) -> usize {
    hir.properties().minimum_len().unwrap_or(0)
}

fn is_about_words(look: Look) -> bool {
    matches!(look, Look::WordAscii | Look::WordAsciiNegate | Look::WordStartAscii | Look::WordEndAscii)
}

/// A class of single bytes; `None` for one of Unicode characters outside of ASCII.
fn byte_set(class: &Class) -> Option<ByteSet> {
    let mut set = ByteSet::default();
    match class {
        Class::Bytes(c) => c.iter().for_each(|r| set.insert_range(r.start(), r.end())),
        Class::Unicode(c) if c.is_ascii() => {
            c.iter().for_each(|r| set.insert_range(r.start() as u8, r.end() as u8));
        }
        Class::Unicode(_) => return None,
    }
    Some(set)
}

/// Digits or punctuation, or letters that are few: something that running text does not have at every byte.
fn is_definite(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Literal(_) => true,
        HirKind::Class(c) => byte_set(c).is_some_and(|s| s.len() <= 12 && !s.iter().all(|b| b == b' ')),
        HirKind::Capture(c) => is_definite(&c.sub),
        HirKind::Repetition(r) => r.min > 0 && is_definite(&r.sub),
        HirKind::Concat(subs) => subs.iter().any(is_definite),
        HirKind::Alternation(subs) => subs.iter().all(is_definite),
        HirKind::Empty | HirKind::Look(_) => false,
    }
}

fn leading_boundary(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Look(l) => matches!(l, Look::WordAscii | Look::WordStartAscii),
        HirKind::Capture(c) => leading_boundary(&c.sub),
        HirKind::Concat(subs) => subs.first().is_some_and(leading_boundary),
        HirKind::Alternation(subs) => subs.iter().all(leading_boundary),
        _ => false,
    }
}

/// Looks for a definite, rare part further in: one whose first byte is `@` or `%`, a word of some letters after `\b` (the
/// `Hospital` behind a name in capitals), or a comma or point that something definite follows (the state behind a city, the
/// ending of a file's name).
fn inner(hir: &Hir) -> Option<Starts> {
    let mut subs = Vec::new();
    parts(hir, &mut subs);
    let (mut before, mut max_before) = (ByteSet::default(), 0);
    for (i, sub) in subs.iter().enumerate() {
        let at_sign = |set: ByteSet| set.iter().all(|b| matches!(b, b'@' | b'%'));
        if i > 0 && first_bytes(sub).is_some_and(at_sign) {
            return Starts::at_head(&subs[i..], false, Some(Inner::of(i, max_before)));
        }
        let mark = matches!(sub.kind(), HirKind::Literal(l) if matches!(l.0[0], b',' | b'.'));
        let letters = |set: ByteSet| set.iter().all(|b| b.is_ascii_alphabetic());
        let word = leading_boundary(sub) && subs.get(i + 1).and_then(|s| first_bytes(s)).is_some_and(letters);
        if i > 0 && (mark || word) && spelled_out_in(&subs[i..]).0 >= RARE {
            return Starts::at_head(&subs[i..], !mark, Some(Inner::of(i, max_before)));
        }
        max_before += sub.properties().maximum_len()?;
        collect_bytes(sub, &mut before)?;
    }
    None
}

/// The parts of a pattern one after the other, groups opened.
fn parts<'h>(hir: &'h Hir, all: &mut Vec<&'h Hir>) {
    match hir.kind() {
        HirKind::Capture(c) => parts(&c.sub, all),
        HirKind::Concat(subs) => subs.iter().for_each(|s| parts(s, all)),
        _ => all.push(hir),
    }
}

/// Letters that a word needs to have to be rare enough to be looked for by itself.
const RARE: usize = 4;
/// Bytes of a class that is as good as one byte.
const FEW: u32 = 8;

/// Begins with too little to be rare: a short word, a number, letters at will.
fn begins_commonly(hir: &Hir) -> bool {
    spelled_out(hir).0 < RARE
}

/// How many bytes a part spells out at its head, in whatever case or with a few to choose from, and whether that is all of it.
fn spelled_out(hir: &Hir) -> (usize, bool) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => (0, true),
        HirKind::Literal(l) => (l.0.len(), true),
        HirKind::Class(c) if byte_set(c).is_some_and(|s| s.len() <= FEW) => (1, true),
        HirKind::Class(_) | HirKind::Repetition(_) => (0, false),
        HirKind::Capture(c) => spelled_out(&c.sub),
        HirKind::Alternation(subs) => subs
            .iter()
            .map(spelled_out)
            .fold((usize::MAX, true), |(n, all), (m, whole)| (n.min(m), all && whole)),
        HirKind::Concat(subs) => spelled_out_in(subs),
    }
}

/// The same of parts that follow on each other.
fn spelled_out_in<H: Borrow<Hir>>(subs: &[H]) -> (usize, bool) {
    let mut count = 0;
    for sub in subs {
        let (n, whole) = spelled_out(sub.borrow());
        count += n;
        if !whole {
            return (count, false);
        }
    }
    (count, true)
}

/// The bytes that a part begins with; `None` if it may be empty, or is not told easily.
fn first_bytes(hir: &Hir) -> Option<ByteSet> {
    let mut set = ByteSet::default();
    match hir.kind() {
        HirKind::Literal(l) => set.insert_range(l.0[0], l.0[0]),
        HirKind::Class(c) => set = byte_set(c)?,
        HirKind::Capture(c) => return first_bytes(&c.sub),
        HirKind::Repetition(r) if r.min > 0 => return first_bytes(&r.sub),
        HirKind::Concat(subs) => return first_bytes(subs.first()?),
        HirKind::Alternation(subs) => {
            for s in subs {
                set = set.union(&first_bytes(s)?);
            }
        }
        _ => return None,
    }
    Some(set)
}

fn collect_bytes(hir: &Hir, set: &mut ByteSet) -> Option<()> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(l) => l.0.iter().for_each(|&b| set.insert_range(b, b)),
        HirKind::Class(c) => *set = set.union(&byte_set(c)?),
        HirKind::Capture(c) => collect_bytes(&c.sub, set)?,
        HirKind::Repetition(r) => collect_bytes(&r.sub, set)?,
        HirKind::Concat(subs) | HirKind::Alternation(subs) => {
            for s in subs {
                collect_bytes(s, set)?;
            }
        }
    }
    Some(())
}

/// The words that a part may begin with, by their lengths.
#[derive(Clone, Copy)]
struct Words {
    /// The whole part is a run of word bytes of such a length.
    open: Lengths,
    /// A run of such a length, and then something that is none.
    closed: Lengths,
}

impl Words {
    const EMPTY: Words = Words { open: 1, closed: 0 };

    fn then(self, next: Words) -> Words {
        Words { open: sums(self.open, next.open), closed: self.closed | sums(self.open, next.closed) }
    }

    fn or(self, other: Words) -> Words {
        Words { open: self.open | other.open, closed: self.closed | other.closed }
    }

    /// What follows an open run may make it longer.
    fn all(self) -> Lengths {
        let least = self.open.trailing_zeros();
        let longer = if least > LONGEST { 0 } else { Starts::ANY_WORD & !((1 << least) - 1) };
        self.closed | longer
    }
}

/// All sums of one length of each.
fn sums(a: Lengths, b: Lengths) -> Lengths {
    let (mut left, mut all) = (a, 0);
    while left != 0 {
        all |= u64::from(b) << left.trailing_zeros();
        left &= left - 1;
    }
    let longer = all >> LONGEST != 0;
    all as Lengths & Starts::ANY_WORD | Lengths::from(longer) << LONGEST
}

pub(super) fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn leading_words(hir: &Hir) -> Words {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Words::EMPTY,
        HirKind::Literal(l) => {
            let len = l.0.iter().take_while(|b| is_word(**b)).count();
            let bit = 1 << (len as u32).min(LONGEST);
            if len == l.0.len() { Words { open: bit, closed: 0 } } else { Words { open: 0, closed: bit } }
        }
        HirKind::Class(c) => {
            let set = byte_set(c).unwrap_or_default();
            let (word, other) = (set.overlaps(&ByteSet::WORD), !set.is_within(&ByteSet::WORD));
            Words { open: u32::from(word) << 1, closed: u32::from(other) }
        }
        HirKind::Capture(c) => leading_words(&c.sub),
        HirKind::Alternation(subs) => {
            subs.iter().map(leading_words).fold(Words { open: 0, closed: 0 }, Words::or)
        }
        HirKind::Concat(subs) => subs.iter().fold(Words::EMPTY, |before, sub| {
            // After a word byte, a boundary is the end of the word.
            if let HirKind::Look(Look::WordAscii | Look::WordEndAscii) = sub.kind() {
                return Words { open: before.open & 1, closed: before.closed | before.open & !1 };
            }
            before.then(leading_words(sub))
        }),
        HirKind::Repetition(r) => {
            let sub = leading_words(&r.sub);
            let (mut all, mut current) = (Words { open: 0, closed: 0 }, Words::EMPTY);
            for i in 0..=r.max.unwrap_or(u32::MAX).min(LONGEST + 8) {
                if i > 0 {
                    current = current.then(sub);
                }
                if i >= r.min {
                    all.open |= current.open;
                }
                all.closed |= current.closed;
            }
            all
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hir(p: &str) -> Hir {
        regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(p).unwrap()
    }

    #[test]
    fn prefixes() {
        let cases = [
            (r"\b\d{3}-\d{2}-\d{4}\b", r"\d{3}-\d{2}-\d{4}\b"),
            (r"\b(?P<phi>a)\z", "a"),
            (r"\bmrn[: ]{1,3}\d{6,40}", r"mrn[: ]{1,3}\d{6}"),
            (r"x(?:ab){0,99}y", "x(?:ab|y)"),
            (r"\b(?:ab|c\b)d", r"(?:ab|c\b)d"),
            (r"(?:-|\b)x\b", r"(?:-|)x\b"),
            (r"[ab]{40}", "[ab]{32}"),
            // What can only be kept in part may be there or not.
            (r"ab(?: \([a-z]{1,20}\))?: [0-9]", r"ab(?: \([a-z]|: [0-9])"),
            (r"O(?:'|\xE2\x80\x99)[A-Z]", r"O(?:(')|(\xE2\x80\x99))[A-Z]"),
        ];
        for (p, want) in cases {
            let starts = Starts::of(&hir(p)).unwrap();
            assert_eq!(starts.prefix.to_string(), hir(want).to_string(), "{p}");
        }
    }

    #[test]
    fn lengths_of_the_first_word() {
        let upto = |n: u32| Starts::ANY_WORD & !((1u32 << n) - 1);
        let cases = [
            (r"\b\d{9}\b", 1 << 9),
            (r"\b\d{3}-\d{2}", 1 << 3),
            (r"\b\d{3}-?\d{2}\b", 1 << 3 | 1 << 5),
            (r"\b(?:ab|c)[: ]", 1 << 2 | 1 << 1),
            (r"\b\d{2,4}", upto(2)),
            (r"\(?\d\d\b", 1 | 1 << 2),
            (r"\bx{0,2}:", 1 | 1 << 1 | 1 << 2),
            (r"\b[a-z]{30}\b", 1 << LONGEST),
            (r"\b(?:ab\b|cde)", 1 << 2 | upto(3)),
        ];
        for (p, want) in cases {
            assert_eq!(Starts::of(&hir(p)).unwrap().words, want, "{p}");
        }
    }

    #[test]
    fn an_at_sign_inside() {
        let starts = Starts::of(&hir(r"\b[\w.+-]{1,64}@[a-z]{2,9}\.com")).unwrap();
        let inner = starts.inner.unwrap();
        assert_eq!((inner.max_before, starts.words), (64, 1));
        let whole = hir(r"\b[\w.+-]{1,64}@[a-z]{2,9}\.com");
        assert_eq!(inner.before(&whole).to_string(), hir(r"\b[\w.+-]{1,64}").to_string());
        assert_eq!(starts.prefix.to_string(), hir(r"@[a-z]{2,9}\.com").to_string());
    }

    #[test]
    fn a_rare_word_inside() {
        let cases = [
            (r"\b(?:[A-Z][a-z]{1,20} ){1,4}\b(?:Hospital|Clinic)\b", 88, true),
            (r"\b(?P<phi>[A-Z][a-z]{1,20}), (?:CA|NY)\b", 21, false),
            (r"(?P<phi>\b(?:[A-Z][a-z]{1,9} )\b(?i:clinic|clinics)\b)", 11, true),
            (r"\b[a-z_]{2,20}\.(?i:png|jpg)\b", 20, false),
        ];
        for (p, max_before, at_a_word) in cases {
            let starts = Starts::of(&hir(p)).unwrap();
            assert_eq!(starts.inside, !at_a_word, "{p}");
            assert_eq!(starts.inner.unwrap().max_before, max_before, "{p}");
        }
        // Too short a word, or none.
        for p in [r"\b[A-Z][a-z]{1,9} \bInc\b", r"\b[A-Z][a-z]{1,9} [a-z]{4}", r"\b[A-Z][a-z]{1,9}, [A-Z]"] {
            assert!(Starts::of(&hir(p)).unwrap().inner.is_none(), "{p}");
        }
    }

    #[test]
    fn what_begins_with_anything_is_refused() {
        assert!(Starts::of(&hir(r"a?")).is_none());
        assert!(Starts::of(&hir(r"\b")).is_none());
        assert!(Starts::of(&hir(r"a{0,3}b?")).is_none());
        assert!(Starts::of(&hir(r".")).is_none());
        assert!(Starts::of(&hir(r"[a-z]{3}\d?")).is_none());
        assert!(Starts::of(&hir(r"\b[a-z]{3}")).is_some());
    }
}
