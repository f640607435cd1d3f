//! Where can a pattern start? Derived from the pattern itself.
//!
//! A pattern's first bytes are enumerated as sequences of byte sets. `\b\d{3}-?\d{2}` gives `ddd-dd` and `ddddd`;
//! `(?i)\bdr\.?\s` gives `[dD][rR].` and `[dD][rR]\s`. A place in the text where none of them fits cannot start a
//! match, and asking whether one fits costs a few shifts and ANDs for 64 places at once.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::classes::ByteSet;

/// The longest sequence that is looked at, in bytes.
const MAX_LEN: usize = 12;
/// Alternatives of one pattern; past this, shorter sequences are taken.
const MAX_ALTERNATIVES: usize = 96;
/// Words that one pattern may start with.
const MAX_WORDS: usize = 4096;

/// A sequence of byte sets that a match starts with.
pub(super) type Sequence = Vec<ByteSet>;

/// How the places where a pattern may match are found.
#[derive(Clone, Debug)]
pub(super) enum Starts {
    /// A match starts with a word: the keys under which its first four letters are looked up (see [`word_key`]).
    Words(Vec<u32>),
    /// A match starts with one of these.
    Prefix {
        /// Only where a word begins.
        boundary: bool,
        /// The alternatives; none is empty.
        sequences: Vec<Sequence>,
    },
    /// A match has one of these inside (an `@`), and before it only bytes of `before`, at most `max_before`.
    Inner {
        /// The alternatives.
        sequences: Vec<Sequence>,
        /// Bytes that may stand before.
        before: ByteSet,
        /// How many of them at most.
        max_before: usize,
    },
}

/// Derives the starts of a pattern; `None` if it may match the empty string or starts with nothing definite.
pub(super) fn starts(hir: &Hir) -> Option<Starts> {
    let prefix = sequences(hir, MAX_ALTERNATIVES)
        .map(|sequences| Starts::Prefix { boundary: leading_boundary(hir), sequences });
    if let Some(Starts::Prefix { sequences, .. }) = &prefix
        && sequences.iter().all(has_digits)
    {
        return prefix;
    }
    if leading_boundary(hir)
        && let Some(keys) = words(hir)
    {
        return Some(Starts::Words(keys));
    }
    match prefix {
        Some(Starts::Prefix { ref sequences, .. }) if sequences.iter().all(is_definite) => prefix,
        _ => inner(hir).or(prefix),
    }
}

/// Digits or punctuation, or letters that are few: something that running text does not have at every byte.
fn is_definite(s: &Sequence) -> bool {
    s.iter().any(|set| set.len() <= 12 && !set.iter().all(|b| b == b' '))
}

/// Three digits or more: rarer than any word.
fn has_digits(s: &Sequence) -> bool {
    s.iter().filter(|set| set.iter().all(|b| b.is_ascii_digit())).count() >= 3
}

/// The sequences for a [`super::guard::Guard`]: as long as they get, or none.
pub(super) fn exact(hir: &Hir) -> Vec<Sequence> {
    sequences(hir, super::guard::MAX_SEQUENCES).unwrap_or_default()
}

fn sequences(hir: &Hir, most: usize) -> Option<Vec<Sequence>> {
    [MAX_LEN, 10, 8, 7, 6, 5, 4, 3, 2, 1].into_iter().find_map(|len| {
        let mut all: Vec<Sequence> = expand(hir, len, 4 * most)?.into_iter().map(|(s, _)| s).collect();
        all.sort_by_key(Vec::len);
        let mut kept: Vec<Sequence> = Vec::new();
        for s in all {
            // A shorter sequence that lets everything through that a longer one does makes the longer one idle.
            if !kept.iter().any(|k| k.iter().zip(&s).all(|(k, s)| k.union(s) == *k)) {
                kept.push(s);
            }
        }
        (kept.len() <= most && kept.iter().all(|s| !s.is_empty())).then_some(kept)
    })
}

/// Enumerates prefixes up to `len` bytes. The flag says that the sequence ended there, and nothing may follow.
/// `None` when there are too many.
fn expand(hir: &Hir, len: usize, most: usize) -> Option<Vec<(Sequence, bool)>> {
    Some(match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![(vec![], false)],
        HirKind::Literal(l) => {
            let s: Sequence = l.0.iter().take(len).map(|&b| byte(b)).collect();
            let full = s.len() == len;
            vec![(s, full)]
        }
        HirKind::Class(c) => class_sequences(c)?.into_iter().map(|s| (s, len <= 1)).collect(),
        HirKind::Capture(c) => expand(&c.sub, len, most)?,
        HirKind::Alternation(subs) => {
            let mut all = Vec::new();
            for sub in subs {
                all.extend(expand(sub, len, most)?);
            }
            dedup(all, most)?
        }
        HirKind::Concat(subs) => {
            let mut all = vec![(vec![], false)];
            for sub in subs {
                all = append(all, sub, len, most)?;
            }
            all
        }
        HirKind::Repetition(r) => {
            let mut all = vec![(vec![], false)];
            for _ in 0..r.min.min(len as u32) {
                all = append(all, &r.sub, len, most)?;
            }
            let mut longer = all.clone();
            for _ in r.min..r.max.unwrap_or(u32::MAX).min(r.min + len as u32) {
                longer = append(longer, &r.sub, len, most)?;
                all.extend(longer.iter().cloned());
                if longer.iter().all(|(_, full)| *full) {
                    break;
                }
            }
            dedup(all, most)?
        }
    })
}

fn append(heads: Vec<(Sequence, bool)>, sub: &Hir, len: usize, most: usize) -> Option<Vec<(Sequence, bool)>> {
    // No further than the shortest head has room for.
    let room = heads.iter().filter(|(_, full)| !full).map(|(head, _)| len - head.len()).max();
    let tails = room.map_or(Some(vec![]), |room| expand(sub, room, most))?;
    let mut all = Vec::new();
    for (head, full) in heads {
        if full {
            all.push((head, true));
            continue;
        }
        for (tail, _) in &tails {
            let mut s = head.clone();
            s.extend(tail.iter().take(len - head.len()));
            let full = s.len() == len;
            all.push((s, full));
        }
    }
    dedup(all, most)
}

fn dedup(mut all: Vec<(Sequence, bool)>, most: usize) -> Option<Vec<(Sequence, bool)>> {
    if all.len() > 1 {
        all.sort_unstable();
        all.dedup();
    }
    (all.len() <= most).then_some(all)
}

fn byte(b: u8) -> ByteSet {
    let mut s = ByteSet::default();
    s.insert_range(b, b);
    s
}

/// A class as sequences; a Unicode class with members outside ASCII is not expected in byte mode and refused.
fn class_sequences(class: &Class) -> Option<Vec<Sequence>> {
    let mut set = ByteSet::default();
    match class {
        Class::Bytes(c) => c.iter().for_each(|r| set.insert_range(r.start(), r.end())),
        Class::Unicode(c) if c.is_ascii() => {
            c.iter().for_each(|r| set.insert_range(r.start() as u8, r.end() as u8));
        }
        Class::Unicode(_) => return None,
    }
    Some(vec![vec![set]])
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

/// Looks for a definite, rare part further in: a part of the pattern whose first byte is `@` or `%`.
fn inner(hir: &Hir) -> Option<Starts> {
    let HirKind::Concat(subs) = hir.kind() else { return None };
    let (mut before, mut max_before) = (ByteSet::default(), 0);
    for (i, sub) in subs.iter().enumerate() {
        let rest = Hir::concat(subs[i..].to_vec());
        if let Some(sequences) = sequences(&rest, MAX_ALTERNATIVES)
            && i > 0
            && sequences.iter().all(|s| s[0].len() == 1 && (s[0].contains(b'@') || s[0].contains(b'%')))
        {
            return Some(Starts::Inner { sequences, before, max_before });
        }
        max_before += sub.properties().maximum_len()?;
        collect_bytes(sub, &mut before)?;
    }
    None
}

fn collect_bytes(hir: &Hir, set: &mut ByteSet) -> Option<()> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(l) => l.0.iter().for_each(|&b| set.insert_range(b, b)),
        HirKind::Class(c) => *set = set.union(&class_sequences(c)?[0][0]),
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

/// The key of a word: its first four letters in lower case, as a little-endian number, zero from the first byte
/// on that is no letter.
pub(super) fn word_key(first_four: u32, letters: u32) -> u32 {
    (first_four | 0x2020_2020) & (u32::MAX >> (32 - 8 * letters.clamp(1, 4)))
}

/// The keys of all words that a match can start with; `None` if it may start with anything else, or too many.
fn words(hir: &Hir) -> Option<Vec<u32>> {
    let mut keys = Vec::new();
    for (s, _) in expand(hir, 4, MAX_WORDS)? {
        word_keys(&s, &mut keys)?;
        keys.sort_unstable();
        keys.dedup();
        if keys.len() > MAX_WORDS {
            return None;
        }
    }
    (!keys.is_empty()).then_some(keys)
}

/// Adds the keys of one sequence of up to four sets.
fn word_keys(s: &[ByteSet], keys: &mut Vec<u32>) -> Option<()> {
    const MOST: usize = 512;
    let mut open: Vec<u32> = vec![0];
    for depth in 0..4 {
        // Where the sequence ends inside of the word, anything may follow.
        let set = s.get(depth)?;
        let mut letters: Vec<u8> = set.iter().filter(u8::is_ascii_alphabetic).map(|b| b | 0x20).collect();
        letters.sort_unstable();
        letters.dedup();
        if set.iter().any(|b| !b.is_ascii_alphabetic()) {
            if depth == 0 {
                return None;
            }
            keys.extend(&open);
        }
        open =
            open.iter().flat_map(|k| letters.iter().map(move |&l| k | u32::from(l) << (8 * depth))).collect();
        if open.len() > MOST {
            return None;
        }
        if open.is_empty() {
            break;
        }
    }
    keys.extend(open);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hir(p: &str) -> Hir {
        regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(p).unwrap()
    }

    fn shown(s: &[Sequence]) -> Vec<String> {
        let one = |set: &ByteSet| match set.len() {
            1 => set.iter().map(|b| b as char).collect::<String>(),
            10 if set.contains(b'0') => "d".to_string(),
            _ => format!("[{}]", set.iter().map(|b| b as char).collect::<String>()),
        };
        s.iter().map(|s| s.iter().map(one).collect()).collect()
    }

    #[test]
    fn prefixes() {
        let cases: &[(&str, bool, &[&str])] = &[
            (r"\b\d{3}-\d{2}-\d{4}\b", true, &["ddd-dd-dddd"]),
            (r"\b\d{3}-?\d{2}\b", true, &["ddddd", "ddd-dd"]),
            (r"(?:ab|c)d?", false, &["c", "ab"]),
            (r"x{2,4}y", false, &["xxy", "xxxy", "xxxxy"]),
            (r"\(?\d\d", false, &["dd", "(dd"]),
        ];
        for (p, boundary, want) in cases {
            let Some(Starts::Prefix { boundary: b, sequences }) = starts(&hir(p)) else { panic!("{p}") };
            assert_eq!(
                (b, shown(&sequences)),
                (*boundary, want.iter().map(|s| s.to_string()).collect()),
                "{p}"
            );
        }
    }

    #[test]
    fn an_at_sign_inside() {
        let Some(Starts::Inner { sequences, before, max_before }) =
            starts(&hir(r"\b[\w.+-]{1,64}@[a-z]{2,9}\.com"))
        else {
            panic!()
        };
        assert!(sequences.iter().all(|s| s[0].contains(b'@')));
        assert!(before.contains(b'+') && before.contains(b'z') && !before.contains(b'@'));
        assert_eq!(max_before, 64);
    }

    #[test]
    fn words() {
        let k = |p: &str| {
            let Some(Starts::Words(keys)) = starts(&hir(p)) else { return vec![] };
            let mut all: Vec<String> = keys
                .iter()
                .map(|k| String::from_utf8_lossy(&k.to_le_bytes()).trim_end_matches('\0').to_string())
                .collect();
            all.sort();
            all.dedup();
            all
        };
        assert_eq!(k(r"\b(?i:patient|pt)[:\s]"), ["pati", "pt"]);
        assert_eq!(k(r"\b(?i:jan(?:uary)?)\.?\s\d"), ["jan", "janu"]);
        assert_eq!(k(r"\bDr\.? [A-Z]"), ["dr"]);
        assert!(k(r"\bDr").is_empty(), "an open end is no word");
    }

    #[test]
    fn what_matches_nothing_definite_is_refused() {
        assert!(starts(&hir(r"a?")).is_none());
        assert!(starts(&hir(r"\b")).is_none());
    }
}
