//! Undoes disguises: full-width digits and letters, zero-width characters, combining marks, percent-encoding, escapes
//! with a backslash, terminal colours, and what joins words without a blank: `ssn_219-10-9999`, `q=MRN:+12345678`.
//!
//! Runs only where the prefilter saw a byte that could be one.

use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir};

use super::starts::Starts;
use crate::codec::Segment;

/// The starts of everything that is folded, for the prefilter.
pub(super) fn starts() -> Starts {
    let set = |ranges: &[(u8, u8)]| {
        let ranges = ranges.iter().map(|(a, b)| ClassBytesRange::new(*a, *b));
        Hir::class(Class::Bytes(ClassBytes::new(ranges)))
    };
    let one = |bytes: &[u8]| set(&bytes.iter().map(|b| (*b, *b)).collect::<Vec<_>>());
    let hex = || set(&[(b'0', b'9'), (b'a', b'f'), (b'A', b'F')]);
    let prefix = Hir::alternation(vec![
        Hir::concat(vec![one(b"%"), hex(), hex()]),
        Hir::concat(vec![one(&[0xc2, 0xcc, 0xcd, 0xe2, 0xef]), set(&[(0x80, 0xbf)])]),
        Hir::concat(vec![one(b"\\"), one(b"\\nrtbf/\"'xu")]),
        Hir::concat(vec![one(b"\x1b"), one(b"[")]),
        Hir::concat(vec![one(b"_+"), set(&[(b'0', b'9'), (b'A', b'Z'), (b'a', b'z')])]),
    ]);
    // An underscore is a byte of a word, and stands inside of it.
    Starts { prefix, words: Starts::ANY_WORD, inside: true, inner: None }
}

/// A decoded copy of a text and the way back.
#[derive(Default)]
pub(crate) struct Folded {
    pub(crate) text: Vec<u8>,
    pub(crate) segments: Vec<Segment>,
}

/// Bytes that something to decode may begin with.
const MARKS: [bool; 256] = {
    let mut marks = [false; 256];
    let all = [b'%', b'\\', 0x1b, 0xc2, 0xcc, 0xcd, 0xe2, 0xef, b'_', b'+'];
    let mut i = 0;
    while i < all.len() {
        marks[all[i] as usize] = true;
        i += 1;
    }
    marks
};

/// Decodes `text` into `out`; `false` if there was nothing to decode.
pub(super) fn fold(text: &[u8], out: &mut Folded) -> bool {
    out.text.clear();
    out.segments.clear();
    let (mut from, mut at) = (0, 0);
    while let Some(len) = text[at..].iter().position(|b| MARKS[usize::from(*b)]) {
        at += len;
        let Some((decoded, len)) = decode(&text[at..]).or_else(|| joint(text, at)) else {
            // What follows on a run of backslashes says the same of each of them.
            at += backslashes(&text[at..]).max(1);
            continue;
        };
        verbatim(text, from, at, out);
        let start = out.text.len() as u32;
        out.text.extend(decoded);
        let text_len = u32::from(decoded.is_some());
        out.segments.push(Segment {
            text: start,
            text_len,
            raw: at as u32,
            raw_len: len as u32,
            verbatim: false,
        });
        at += len;
        from = at;
    }
    if from > 0 {
        verbatim(text, from, text.len(), out);
    }
    from > 0
}

fn verbatim(text: &[u8], from: usize, to: usize, out: &mut Folded) {
    if from < to {
        let len = (to - from) as u32;
        let start = out.text.len() as u32;
        out.text.extend_from_slice(&text[from..to]);
        out.segments.push(Segment {
            text: start,
            text_len: len,
            raw: from as u32,
            raw_len: len,
            verbatim: true,
        });
    }
}

/// Whether there is something to decode at a place.
pub(super) fn begins(text: &[u8], at: usize) -> bool {
    // To say more of each backslash in a run than that there may be something would be to go through it again and again.
    if text[..=at].ends_with(br"\\") {
        return true;
    }
    decode(&text[at..]).or_else(|| joint(text, at)).is_some()
}

/// An underscore between letters and digits, and a plus between two words, as in an encoded form: they stand for a blank.
fn joint(text: &[u8], at: usize) -> Option<(Option<u8>, usize)> {
    let before = *text.get(at.checked_sub(1)?)?;
    let after = *text.get(at + 1)?;
    let parts = match text[at] {
        b'_' => {
            before.is_ascii_alphabetic() && after.is_ascii_digit()
                || before.is_ascii_digit() && after.is_ascii_alphabetic()
        }
        b'+' => {
            (before.is_ascii_alphanumeric() || matches!(before, b':' | b',')) && after.is_ascii_alphanumeric()
        }
        _ => false,
    };
    parts.then_some((Some(b' '), 1))
}

/// What the head of `t` stands for (`None` inside: nothing at all), and how many bytes it takes.
fn decode(t: &[u8]) -> Option<(Option<u8>, usize)> {
    match *t {
        // Encoded twice.
        [b'%', b'2', b'5', a, b, ..] if hex(a).is_some() && hex(b).is_some() => Some((percent(a, b), 5)),
        [b'%', a, b, ..] if hex(a).is_some() && hex(b).is_some() => Some((percent(a, b), 3)),
        [b'\\', ..] => backslash(t),
        // A control sequence (ECMA-48, 5.4), such as a colour: it parts what stands on its sides.
        [0x1b, b'[', ..] => {
            let len = t[2..].iter().take(32).position(|b| (0x40..=0x7e).contains(b))?;
            Some((Some(b' '), len + 3))
        }
        // Combining marks U+0300 to U+036F: a letter and its accent apart.
        [0xcc, 0x80..=0xbf, ..] | [0xcd, 0x80..=0xaf, ..] => Some((None, 2)),
        // Soft hyphen U+00AD; no-break space U+00A0 is a blank.
        [0xc2, 0xad, ..] => Some((None, 2)),
        [0xc2, 0xa0, ..] => Some((Some(b' '), 2)),
        // Zero-width space to right-to-left mark, word joiner and invisible operators, byte order mark.
        [0xe2, 0x80, 0x8b..=0x8f, ..] | [0xe2, 0x81, 0xa0..=0xa4, ..] | [0xef, 0xbb, 0xbf, ..] => {
            Some((None, 3))
        }
        // Hyphens and dashes U+2010 to U+2015, minus U+2212.
        [0xe2, 0x80, 0x90..=0x95, ..] | [0xe2, 0x88, 0x92, ..] => Some((Some(b'-'), 3)),
        // Narrow and figure spaces.
        [0xe2, 0x80, 0x80..=0x8a | 0xaf, ..] => Some((Some(b' '), 3)),
        // Full-width forms U+FF01 to U+FF5E are ASCII 0x21 to 0x7E.
        [0xef, 0xbc, b @ 0x81..=0xbf, ..] => Some((Some(b - 0x81 + 0x21), 3)),
        [0xef, 0xbd, b @ 0x80..=0x9e, ..] => Some((Some(b - 0x80 + 0x60), 3)),
        _ => None,
    }
}

/// An encoded control character parts words, like a blank.
fn percent(a: u8, b: u8) -> Option<u8> {
    let byte = hex(a)? << 4 | hex(b)?;
    Some(if byte < 0x20 || byte == 0x7f { b' ' } else { byte })
}

/// An escape as JSON and most languages write it. Nobody can say how often a text was quoted: any run of backslashes
/// counts as one.
fn backslash(t: &[u8]) -> Option<(Option<u8>, usize)> {
    let run = backslashes(t);
    let (decoded, len) = match t[run..] {
        [b'n' | b'r' | b't' | b'b' | b'f', ..] => (b' ', 1),
        [c @ (b'/' | b'"' | b'\''), ..] => (c, 1),
        [b'x', a, b, ..] if hex(a).is_some() && hex(b).is_some() => (percent(a, b)?, 3),
        [b'u', a, b, c, d, ..] => {
            let unit = [a, b, c, d].iter().try_fold(0u32, |n, d| Some(n << 4 | u32::from(hex(*d)?)))?;
            // What lies outside of ASCII only matters in that it is no digit and no blank.
            (if unit < 0x20 { b' ' } else { u8::try_from(unit).ok().filter(u8::is_ascii).unwrap_or(0xc3) }, 5)
        }
        _ => return None,
    };
    Some((Some(decoded), run + len))
}

fn backslashes(t: &[u8]) -> usize {
    t.iter().take_while(|b| **b == b'\\').count()
}

fn hex(b: u8) -> Option<u8> {
    (b as char).to_digit(16).map(|d| d as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Map;
    use crate::span::Span;

    /// A test that ends only if this takes a time in proportion to the text.
    #[test]
    fn backslashes_without_end() {
        let mut text = vec![b'\\'; 4 << 20];
        let mut out = Folded::default();
        assert!(!fold(&text, &mut out));
        assert!((1..text.len()).all(|at| begins(&text, at)));
        text.push(b'n');
        assert!(fold(&text, &mut out) && begins(&text, 0));
        assert_eq!(out.text, b" ");
    }

    #[test]
    fn disguises_come_off() {
        let cases = [
            ("219%2D10-9999", "219-10-9999"),
            ("\u{ff12}\u{ff11}\u{ff19}-10-9999", "219-10-9999"),
            ("219\u{200b}-10\u{ad}-9999", "219-10-9999"),
            ("219\u{2011}10\u{2013}9999", "219-10-9999"),
            ("\u{ff21}\u{ff5a}", "Az"),
            ("a%40b", "a@b"),
            ("a%2540b%0Ac", "a@b c"),
            ("219\\u002d10\\\\u002d9999", "219-10-9999"),
            ("03\\/14\\/1962\\nx", "03/14/1962 x"),
            ("\u{1b}[31m219-10-9999\u{1b}[0m", " 219-10-9999 "),
            ("Jo\u{308}rg", "Jorg"),
            ("ssn_219-10-9999_x", "ssn 219-10-9999 x"),
            ("q=MRN:+12345678&n=Ana+Lee", "q=MRN: 12345678&n=Ana Lee"),
        ];
        for (text, want) in cases {
            let mut f = Folded::default();
            assert!(fold(text.as_bytes(), &mut f));
            assert_eq!(String::from_utf8_lossy(&f.text), want);
            let all = Map::Segments(&f.segments).to_payload(Span::at(0, f.text.len()));
            assert_eq!(all, Span::at(0, text.len()), "{text}");
        }
        for text in ["100% sure", "%zz", "\\q", "\u{1b}x", "caf\u{e9}", "trace_id", "1_000", "+1 415", ""] {
            assert!(!fold(text.as_bytes(), &mut Folded::default()), "{text}");
        }
    }
}
