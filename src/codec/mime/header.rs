//! Header fields: which hold text, where in them it stands, and how it is written anew.
//!
//! RFC 5322 and RFC 2045. What a mail needs to find its way and to be answered is structure and is never touched: addresses in
//! the fields for addresses, message ids, trace fields, signatures. Everything else is text.

use super::view::View;
use super::words;
use crate::span::Span;

/// One field of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// The name, without the colon; empty for a line that is no field.
    pub(super) name: Span,
    /// What stands behind the colon, folds included, the last line end not.
    pub(super) value: Span,
}

/// A header, and where it ends.
pub(super) struct Header {
    pub(super) fields: Vec<Field>,
    /// Behind the empty line.
    pub(super) end: usize,
}

/// Reads the fields from `at` on, up to an empty line or the end.
pub(super) fn read(bytes: &[u8], at: usize) -> Header {
    let mut fields: Vec<Field> = Vec::new();
    let mut start = at;
    while start < bytes.len() {
        let (line_end, next) = line(bytes, start);
        if line_end == start {
            return Header { fields, end: next };
        }
        if matches!(bytes[start], b' ' | b'\t')
            && let Some(last) = fields.last_mut()
        {
            last.value = Span::at(last.value.start(), line_end);
        } else {
            let text = &bytes[start..line_end];
            let colon = text.iter().position(|b| *b == b':').filter(|colon| {
                // A blank before the colon is against the rule, and read by all.
                let name = text[..*colon].trim_ascii_end();
                !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
            });
            fields.push(match colon {
                Some(colon) => {
                    let name = text[..colon].trim_ascii_end().len();
                    Field {
                        name: Span::at(start, start + name),
                        value: Span::at(start + colon + 1, line_end),
                    }
                }
                None => Field { name: Span::at(start, start), value: Span::at(start, line_end) },
            });
        }
        start = next;
    }
    Header { fields, end: bytes.len() }
}

/// Where the line that begins here ends, without and with its line end.
pub(super) fn line(bytes: &[u8], start: usize) -> (usize, usize) {
    match memchr::memchr(b'\n', &bytes[start..]) {
        Some(len) => {
            let end = start + len;
            let bare = if end > start && bytes[end - 1] == b'\r' { end - 1 } else { end };
            (bare, end + 1)
        }
        None => (bytes.len(), bytes.len()),
    }
}

/// What a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// Never touched.
    Structure,
    /// Addresses, whose display names and comments are text.
    Addresses,
    /// A value with parameters.
    Parameters,
    /// Text.
    Unstructured,
}

/// Fields that are never touched: trace (RFC 5321, 5322 section 3.6.7), identification (3.6.4), the origination date (3.6.1), signatures
/// (RFC 6376, 8617, 8601), and what says how the body is encoded.
const STRUCTURE: &[&str] = &[
    "message-id",
    "in-reply-to",
    "references",
    "received",
    "return-path",
    "date",
    "resent-date",
    "resent-message-id",
    "mime-version",
    "content-transfer-encoding",
    "content-id",
    "content-md5",
    "content-length",
    "lines",
    "dkim-signature",
    "domainkey-signature",
    "arc-seal",
    "arc-message-signature",
    "arc-authentication-results",
    "authentication-results",
    "received-spf",
];

/// Fields of addresses (RFC 5322 sections 3.6.2, 3.6.3, 3.6.6; RFC 8098).
const ADDRESSES: &[&str] = &[
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "resent-from",
    "resent-sender",
    "resent-to",
    "resent-cc",
    "resent-bcc",
    "resent-reply-to",
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "errors-to",
    "disposition-notification-to",
    "return-receipt-to",
    "mail-followup-to",
];

/// What the field of this name is, whatever its case.
pub(super) fn sort(name: &[u8]) -> Sort {
    let is = |list: &[&str]| list.iter().any(|n| name.eq_ignore_ascii_case(n.as_bytes()));
    if is(STRUCTURE) {
        Sort::Structure
    } else if is(ADDRESSES) {
        Sort::Addresses
    } else if is(&["content-type", "content-disposition"]) {
        Sort::Parameters
    } else {
        Sort::Unstructured
    }
}

/// Text within a field, and the bytes that are written anew if it changes.
pub(super) struct Text {
    pub(super) view: View,
    pub(super) whole: Whole,
}

/// How a changed text is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// Word by word.
    Words,
    /// A display name: all of it, quoted.
    Phrase(Span),
    /// A comment's inside.
    Comment(Span),
    /// A parameter: all of it, and the spans of its further pieces, which go.
    Parameter { name: Vec<u8>, whole: Span, more: Vec<Span> },
}

/// The display names and comments of a field of addresses, in order.
pub(super) fn addresses(bytes: &[u8], value: Span) -> Vec<Text> {
    let mut found = Vec::new();
    let mut phrase = Phrase::default();
    let mut i = value.start();
    while i < value.end() {
        match bytes[i] {
            b'"' => {
                let end = quoted_end(bytes, i, value.end());
                phrase.quoted(bytes, Span::at(i, end));
                i = end;
            }
            b'(' => {
                let end = comment_end(bytes, i, value.end());
                let inside = Span::at(i + 1, end.max(i + 2) - 1);
                let view = words::unstructured(&bytes[inside.range()], inside.start());
                found.push(Text { view, whole: Whole::Comment(inside) });
                i = end;
            }
            b'<' => {
                found.extend(phrase.take());
                // An address goes on to its bracket; without one it ends with the line.
                let end = memchr::memchr2(b'>', b'\n', &bytes[i..value.end()]);
                i = end.map_or(value.end(), |len| i + len + 1);
                phrase = Phrase::default();
            }
            b':' => {
                found.extend(phrase.take());
                i += 1;
            }
            b',' | b';' => {
                found.extend(phrase.take_unless_address(bytes));
                i += 1;
            }
            b' ' | b'\t' | b'\r' | b'\n' => i += 1,
            b'=' if let Some(word) = words::word_at(bytes, i).filter(|w| w.span.end() <= value.end()) => {
                phrase.word(&word);
                i = word.span.end();
            }
            _ => {
                let len = bytes[i..value.end()].iter().position(|b| b" \t\r\n\"(<:,;".contains(b));
                let end = len.map_or(value.end(), |len| i + len.max(1));
                phrase.atom(bytes, Span::at(i, end));
                i = end;
            }
        }
    }
    found.extend(phrase.take_unless_address(bytes));
    found.sort_by_key(|t| t.view.segments.first().map_or(0, |s| s.raw));
    found
}

/// A display name while it is read.
#[derive(Default)]
struct Phrase {
    view: View,
    span: Option<Span>,
    after_word: bool,
}

impl Phrase {
    fn grow(&mut self, span: Span, is_word: bool) {
        let before = self.span.replace(self.span.map_or(span, |s| s.union(span)));
        if let Some(before) = before
            && before.end() < span.start()
            && !(self.after_word && is_word)
        {
            self.view.push_decoded(b" ", Span::at(before.end(), span.start()));
        }
        self.after_word = is_word;
    }

    fn quoted(&mut self, bytes: &[u8], span: Span) {
        self.grow(span, false);
        unquote(bytes, span, &mut self.view);
    }

    fn word(&mut self, word: &words::Word) {
        self.grow(word.span, true);
        self.view.push_decoded(&word.text, word.span);
    }

    fn atom(&mut self, bytes: &[u8], span: Span) {
        self.grow(span, false);
        self.view.push_verbatim(&bytes[span.range()], span.start());
    }

    fn take(&mut self) -> Option<Text> {
        let Phrase { view, span, .. } = std::mem::take(self);
        let whole = Whole::Phrase(span?);
        (!view.text.is_empty()).then_some(Text { view, whole })
    }

    /// Without angle brackets a text with an `@` is the address itself.
    fn take_unless_address(&mut self, bytes: &[u8]) -> Option<Text> {
        let is_address = self.span.is_some_and(|span| {
            let text = &bytes[span.range()];
            text.contains(&b'@') && !text.trim_ascii().iter().any(u8::is_ascii_whitespace)
        });
        let text = self.take();
        text.filter(|_| !is_address)
    }
}

/// Where a quoted string that begins here ends.
pub(super) fn quoted_end(bytes: &[u8], start: usize, limit: usize) -> usize {
    let mut i = start + 1;
    while i < limit {
        match bytes[i] {
            b'\\' => i += 2,
            b'"' => return i + 1,
            _ => i += 1,
        }
    }
    limit
}

/// Where a comment that begins here ends; they nest.
pub(super) fn comment_end(bytes: &[u8], start: usize, limit: usize) -> usize {
    let (mut i, mut depth) = (start, 0usize);
    while i < limit {
        match bytes[i] {
            b'\\' => i += 1,
            b'(' => depth += 1,
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return i + 1;
                }
            }
            _ => {}
        }
        i += 1;
    }
    limit
}

/// Adds what a quoted string says. Encoded words in it are against the rule, and shown decoded by many.
pub(super) fn unquote(bytes: &[u8], span: Span, view: &mut View) {
    let inside = bytes[span.range()].strip_prefix(b"\"").map_or(span.start(), |_| span.start() + 1);
    let closed = span.len() > 1 && bytes[span.end() - 1] == b'"';
    let end = (span.end() - usize::from(closed)).max(inside);
    let mut i = inside;
    while i < end {
        match bytes[i] {
            b'\\' if i + 1 < end => {
                view.push_decoded(&bytes[i + 1..i + 2], Span::at(i, i + 2));
                i += 2;
            }
            b'\r' | b'\n' => i += 1,
            b'=' if let Some(word) = words::word_at(bytes, i).filter(|w| w.span.end() <= end) => {
                view.push_decoded(&word.text, word.span);
                i = word.span.end();
            }
            _ => {
                view.push_verbatim(&bytes[i..=i], i);
                i += 1;
            }
        }
    }
}

impl Whole {
    /// Writes the changed text; gives what it takes the place of.
    pub(super) fn write(&self, text: &[u8], line_end: &[u8], out: &mut Vec<u8>) -> Span {
        match self {
            Whole::Words => Span::default(),
            Whole::Phrase(span) => {
                match text.is_ascii() {
                    true => quote(text, out),
                    false => words::write(text, line_end, out),
                }
                *span
            }
            Whole::Comment(span) => {
                match text.is_ascii() {
                    true => text.iter().for_each(|b| match b {
                        b'(' | b')' | b'\\' => out.extend_from_slice(&[b'\\', *b]),
                        b => out.push(*b),
                    }),
                    false => words::write(text, line_end, out),
                }
                *span
            }
            Whole::Parameter { name, whole, .. } => {
                out.extend_from_slice(name);
                if text.is_ascii() {
                    out.push(b'=');
                    quote(text, out);
                } else {
                    out.extend_from_slice(b"*=utf-8''");
                    for b in text {
                        match b {
                            b if b.is_ascii_alphanumeric() || b"-._".contains(b) => out.push(*b),
                            b => out.extend_from_slice(format!("%{b:02X}").as_bytes()),
                        }
                    }
                }
                *whole
            }
        }
    }
}

fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for b in text {
        match b {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *b]),
            b'\r' | b'\n' => out.push(b' '),
            b => out.push(*b),
        }
    }
    out.push(b'"');
}
