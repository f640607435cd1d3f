//! Encoded words of header fields, RFC 2047: `=?UTF-8?Q?Mar=C3=ADa?=`.

use super::Unscannable;
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
    /// Its character set is one that cannot be read, or its Base64 is broken: readers show different things.
    unreadable: Option<Unscannable>,
}

/// The encoded word that begins at `at`, if one does.
pub(super) fn word_at(bytes: &[u8], at: usize) -> Option<Word> {
    let rest = bytes.get(at..)?.strip_prefix(b"=?")?;
    let charset_len = memchr::memchr(b'?', rest)?;
    let charset = &rest[..charset_len];
    if charset.is_empty() {
        return None;
    }
    let (encoding, rest) = rest[charset_len + 1..].split_first()?;
    let rest = rest.strip_prefix(b"?")?;
    if !matches!(encoding, b'Q' | b'q' | b'B' | b'b') {
        return None;
    }
    // Senders write blanks and question marks in them against the rule, and fold them; clients read on. But where another
    // one begins, this one never ended.
    let end = memchr::memchr_iter(b'?', rest).find_map(|i| match (rest[..i].last(), rest.get(i + 1)) {
        (_, Some(b'=')) => Some(Some(i)),
        (Some(b'='), _) => Some(None),
        _ => None,
    })??;
    let encoded: Vec<u8> = rest[..end].iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    let (decoded, whole) = match encoding {
        b'Q' | b'q' => (unquote(&encoded), true),
        _ => {
            let decoded = transfer::base64(&encoded);
            (decoded.bytes, decoded.whole)
        }
    };
    // A language may stand behind the name (RFC 2231 section 5).
    let label = charset.split(|b| *b == b'*').next().unwrap_or(charset);
    // Some decode it whatever stands there.
    let is_name = label.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.:+'()".contains(b));
    let (text, unreadable) = match Charset::named(label).view(&decoded) {
        Ok(view) if is_name => (view.text, (!whole).then_some(Unscannable::Encoding)),
        _ => (decoded, Some(Unscannable::Charset)),
    };
    let len = 2 + charset_len + 1 + 1 + 1 + end + 2;
    Some(Word { span: Span::at(at, at + len), text, unreadable })
}

/// Why a field's value cannot be read: an encoded word in it, or an escape that switches character sets. Texts that begin where an
/// encoded word does are at these places; a word that none of them is of, because it spans what parts them, would be read by some.
pub(super) fn unreadable(value: &[u8], decoded_at: &[usize]) -> Option<Unscannable> {
    if value.contains(&0x1b) {
        return Some(Unscannable::Charset);
    }
    let last_end = memchr::memmem::rfind(value, b"?=");
    let mut at = 0;
    while let Some(len) = memchr::memmem::find(&value[at..], b"=?") {
        at += len;
        let Some(word) = word_at(value, at) else {
            // One that another begins within: some look for its end further on.
            if opens(&value[at..]) && last_end > Some(at) {
                return Some(Unscannable::Ambiguous);
            }
            at += 2;
            continue;
        };
        if word.unreadable.is_some() {
            return word.unreadable;
        }
        if !word.text.is_empty() && decoded_at.binary_search(&at).is_err() {
            return Some(Unscannable::Ambiguous);
        }
        at = word.span.end();
    }
    None
}

/// Whether an encoded word begins here, with an end or without.
fn opens(text: &[u8]) -> bool {
    let after =
        memchr::memchr(b'?', text.get(2..).unwrap_or_default()).map_or(&[][..], |len| &text[len + 3..]);
    matches!(after, [b'q' | b'Q' | b'b' | b'B', b'?', ..])
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

/// A field's value as it is read: folds removed, encoded words decoded, blanks between two of them left out. What is no UTF-8 is
/// taken for windows-1252, as clients do.
pub(super) fn unstructured(value: &[u8], at: usize) -> View {
    if str::from_utf8(value).is_err()
        && let Ok(characters) = Charset::of(value).view(value)
    {
        return in_utf_8(&characters.text, 0).over(&characters).shifted(at);
    }
    in_utf_8(value, at)
}

fn in_utf_8(value: &[u8], at: usize) -> View {
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

/// A text whose encoded words are decoded, and that is else as it stands.
pub(super) fn decoded(text: &[u8]) -> View {
    let mut view = View::default();
    let (mut taken, mut at, mut after_word) = (0, 0, false);
    while let Some(len) = memchr::memmem::find(&text[at..], b"=?") {
        at += len;
        let Some(word) = word_at(text, at) else {
            at += 2;
            continue;
        };
        if !after_word || !text[taken..at].trim_ascii().is_empty() {
            view.push_verbatim(&text[taken..at], taken);
        }
        view.push_decoded(&word.text, word.span);
        (taken, at, after_word) = (word.span.end(), word.span.end(), true);
    }
    view.push_verbatim(&text[taken..], taken);
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
