//! Encoded words of header fields, RFC 2047: `=?UTF-8?Q?Mar=C3=ADa?=`.

use super::charset::Charset;
use super::transfer;
use super::view::View;
use crate::span::Span;

/// An encoded word is at most so long (RFC 2047 section 2).
const MAX_WORD: usize = 75;

/// An encoded word that was read.
pub(super) struct Word {
    /// All of it, `=?` to `?=`.
    pub(super) span: Span,
    /// What it says, in UTF-8 where the character set is known.
    pub(super) text: Vec<u8>,
    /// Its character set is one that cannot be read: the text is its bytes.
    unreadable: bool,
}

/// The encoded word that begins at `at`, if one does.
pub(super) fn word_at(bytes: &[u8], at: usize) -> Option<Word> {
    let rest = bytes.get(at..)?.strip_prefix(b"=?")?;
    let charset_len = rest.iter().position(|b| *b == b'?')?;
    let charset = &rest[..charset_len];
    if charset.is_empty() || charset.iter().any(|b| b.is_ascii_whitespace()) {
        return None;
    }
    let (encoding, rest) = rest[charset_len + 1..].split_first()?;
    let rest = rest.strip_prefix(b"?")?;
    // Senders write spaces in them against the rule, and clients read on.
    let end = rest.windows(2).position(|w| w == b"?=")?;
    let encoded = &rest[..end];
    if encoded.iter().any(|b| matches!(b, b'\r' | b'\n')) {
        return None;
    }
    let decoded = match encoding {
        b'Q' | b'q' => unquote(encoded),
        b'B' | b'b' => transfer::base64(encoded).bytes,
        _ => return None,
    };
    // A language may stand behind the name (RFC 2231 section 5).
    let label = charset.split(|b| *b == b'*').next().unwrap_or(charset);
    let (text, unreadable) = match Charset::named(label).view(&decoded) {
        Ok(view) => (view.text, false),
        Err(_) => (decoded, true),
    };
    let len = 2 + charset_len + 1 + 1 + 1 + end + 2;
    Some(Word { span: Span::at(at, at + len), text, unreadable })
}

/// Whether an encoded word in a field's value cannot be read.
pub(super) fn any_unreadable(value: &[u8]) -> bool {
    memchr::memchr_iter(b'=', value).any(|at| word_at(value, at).is_some_and(|word| word.unreadable))
}

/// The `Q` encoding: `_` is a blank, `=XX` a byte.
fn unquote(encoded: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((&b, after)) = rest.split_first() {
        rest = after;
        match (b, after) {
            (b'_', _) => out.push(b' '),
            (b'=', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |b: u8| char::from(b).to_digit(16).unwrap_or(0) as u8;
                out.push(digit(*high) << 4 | digit(*low));
                rest = after;
            }
            _ => out.push(b),
        }
    }
    out
}

/// Appends a text as encoded words in UTF-8, folded between them.
pub(super) fn write(text: &[u8], line_end: &[u8], out: &mut Vec<u8>) {
    const HEAD: &[u8] = b"=?UTF-8?Q?";
    let text = String::from_utf8_lossy(text);
    let (mut len, mut first) = (0, true);
    for c in text.chars() {
        let mut utf8 = [0; 4];
        let bytes = c.encode_utf8(&mut utf8).as_bytes();
        let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'!' | b'*' | b'+' | b'/');
        let size: usize = bytes.iter().map(|b| if plain(b) || *b == b' ' { 1 } else { 3 }).sum();
        // A character is in one word, all of it (RFC 2047 section 5).
        if len == 0 || HEAD.len() + len + size + 2 > MAX_WORD {
            if !first {
                out.extend_from_slice(b"?=");
                out.extend_from_slice(line_end);
                out.push(b' ');
            }
            out.extend_from_slice(HEAD);
            (len, first) = (0, false);
        }
        len += size;
        for b in bytes {
            match b {
                b' ' => out.push(b'_'),
                b if plain(b) => out.push(*b),
                b => out.extend_from_slice(format!("={b:02X}").as_bytes()),
            }
        }
    }
    if !first {
        out.extend_from_slice(b"?=");
    }
}

/// A field's value as it is read: folds removed, encoded words decoded, blanks between two of them left out.
pub(super) fn unstructured(value: &[u8], at: usize) -> View {
    let mut view = View::default();
    let (mut i, mut verbatim) = (0, 0);
    // Where the last encoded word ended, while only blanks have come since.
    let mut after_word = None;
    while i < value.len() {
        match value[i] {
            b'=' => {
                let Some(word) = word_at(value, i) else {
                    if let Some(word_end) = after_word.take() {
                        push_unfolded(&mut view, &value[word_end..i], at + word_end);
                        verbatim = i;
                    }
                    i += 1;
                    continue;
                };
                // What is between two words goes, and so does what was only a fold.
                if after_word.is_none() {
                    view.push_verbatim(&value[verbatim..i], at + verbatim);
                }
                view.push_decoded(&word.text, word.span.shifted(at));
                i = word.span.end();
                (verbatim, after_word) = (i, Some(i));
            }
            b'\r' | b'\n' => {
                if after_word.is_none() {
                    view.push_verbatim(&value[verbatim..i], at + verbatim);
                    verbatim = i + 1;
                }
                i += 1;
            }
            b => {
                if let Some(word_end) = after_word
                    && !matches!(b, b' ' | b'\t')
                {
                    // It was no space between words: folds apart, all of it counts.
                    push_unfolded(&mut view, &value[word_end..i], at + word_end);
                    (verbatim, after_word) = (i, None);
                }
                i += 1;
            }
        }
    }
    let start = after_word.unwrap_or(verbatim);
    push_unfolded(&mut view, &value[start..], at + start);
    view
}

fn push_unfolded(view: &mut View, bytes: &[u8], at: usize) {
    let mut start = 0;
    for part in bytes.split(|b| matches!(b, b'\r' | b'\n')) {
        view.push_verbatim(part, at + start);
        start += part.len() + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> String {
        String::from_utf8(unstructured(value.as_bytes(), 0).text).unwrap()
    }

    #[test]
    fn values_are_read() {
        for (value, want) in [
            ("plain", "plain"),
            ("folded\r\n text", "folded text"),
            ("=?UTF-8?Q?Mar=C3=ADa_L?= x", "María L x"),
            // RFC 2047 section 8.
            ("=?ISO-8859-1?Q?a?=", "a"),
            ("=?ISO-8859-1?Q?a?= b", "a b"),
            ("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
            ("=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"),
            ("=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=", "ab"),
            ("=?ISO-8859-1?Q?a_b?=", "a b"),
            ("=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
            ("=?utf-8?b?MjE5LTEwLTk5OTk=?=", "219-10-9999"),
            ("=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"),
            ("a=?b =?x", "a=?b =?x"),
            ("=?utf-8?q?219-1?=\r\n =?utf-8?q?0-9999?=\r\n tail", "219-10-9999 tail"),
            ("=?nonsense?q?219-10-9999?=", "219-10-9999"),
        ] {
            assert_eq!(text(value), want, "{value:?}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for text in
            ["a", "María López", "[NAME]", "日本語の名前".repeat(20).as_str(), "a=?_b", &"x y".repeat(90)]
        {
            let mut out = Vec::new();
            write(text.as_bytes(), b"\r\n", &mut out);
            assert_eq!(unstructured(&out, 0).text, text.as_bytes(), "{}", String::from_utf8_lossy(&out));
            assert!(out.split(|b| *b == b'\n').all(|line| line.len() <= MAX_WORD + 2));
        }
    }
}
