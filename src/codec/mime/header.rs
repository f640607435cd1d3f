//! Header fields: which hold text, where in them it stands, and how it is written anew.
//!
//! RFC 5322 and RFC 2045. What a mail needs to find its way and to be answered is structure and is never touched: addresses in
//! the fields for addresses, message ids, trace fields, signatures. Everything else is text.

use super::machine::Grammar;
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
    /// Whether there is one.
    pub(super) ended: bool,
    /// Readers do not agree on which lines are its fields, or on where it ends: some take a line that is no field, or one of
    /// blanks, for the first of the body, and some end texts at a NUL.
    pub(super) ambiguous: bool,
}

/// Reads the fields from `at` on, up to an empty line or the end.
pub(super) fn read(bytes: &[u8], at: usize) -> Header {
    let mut header = Header { fields: Vec::new(), end: bytes.len(), ended: false, ambiguous: false };
    let mut start = at;
    while start < bytes.len() {
        let (line_end, next) = line(bytes, start);
        if line_end == start {
            (header.end, header.ended) = (next, true);
            break;
        }
        let text = &bytes[start..line_end];
        header.ambiguous |= text.trim_ascii().is_empty() || text.contains(&0);
        if matches!(bytes[start], b' ' | b'\t')
            && let Some(last) = header.fields.last_mut()
        {
            last.value = Span::at(last.value.start(), line_end);
        } else {
            let colon = text.iter().position(|b| *b == b':').filter(|colon| {
                // A blank before the colon is against the rule, and read by many.
                let name = text[..*colon].trim_ascii_end();
                !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
            });
            header.fields.push(match colon {
                Some(colon) => {
                    let name = text[..colon].trim_ascii_end().len();
                    header.ambiguous |= name < colon;
                    Field {
                        name: Span::at(start, start + name),
                        value: Span::at(start + colon + 1, line_end),
                    }
                }
                None => {
                    // Mailboxes (RFC 4155) have such a line before each mail.
                    let is_postmark = start == 0 && text.starts_with(b"From ");
                    header.ambiguous |= !is_postmark;
                    Field { name: Span::at(start, start), value: Span::at(start, line_end) }
                }
            });
        }
        start = next;
    }
    header
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
    /// Never touched, as long as its value is of the grammar.
    Structure(Grammar),
    /// Addresses, whose display names and comments are text.
    Addresses,
    /// A value with parameters.
    Parameters,
    /// Text.
    Unstructured,
}

/// Fields that are never touched: trace (RFC 5321, 5322 section 3.6.7), identification (3.6.4), the origination date (3.6.1), signatures
/// (RFC 6376, 8617, 8601), and what says how the body is encoded.
const STRUCTURE: &[(&str, Grammar)] = &[
    ("message-id", Grammar::Ids),
    ("in-reply-to", Grammar::Ids),
    ("references", Grammar::Ids),
    ("resent-message-id", Grammar::Ids),
    ("content-id", Grammar::Ids),
    ("received", Grammar::Trace),
    ("date", Grammar::Date),
    ("resent-date", Grammar::Date),
    ("mime-version", Grammar::Number),
    ("content-length", Grammar::Number),
    ("lines", Grammar::Number),
    ("content-transfer-encoding", Grammar::Token),
    ("content-md5", Grammar::Digest),
    ("dkim-signature", Grammar::Tags),
    ("domainkey-signature", Grammar::Tags),
    ("arc-seal", Grammar::Tags),
    ("arc-message-signature", Grammar::Tags),
    ("arc-authentication-results", Grammar::Results),
    ("authentication-results", Grammar::Results),
    ("received-spf", Grammar::Results),
];

/// Fields of addresses (RFC 5322 sections 3.6.2, 3.6.3, 3.6.6, 3.6.7; RFC 8098).
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
    "return-path",
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
    if let Some((_, grammar)) = STRUCTURE.iter().find(|(n, _)| name.eq_ignore_ascii_case(n.as_bytes())) {
        Sort::Structure(*grammar)
    } else if is(ADDRESSES) {
        Sort::Addresses
    } else if is(&["content-type", "content-disposition"]) {
        Sort::Parameters
    } else {
        Sort::Unstructured
    }
}

/// Whether the name of a field may itself say something: `X-219-10-9999`. Names are letters and hyphens, with a digit or two.
pub(super) fn speaks(name: &[u8]) -> bool {
    name.iter().filter(|b| b.is_ascii_digit()).count() > 2
        || !name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// Text within a field, and the bytes that are written anew if it changes.
pub(super) struct Text {
    pub(super) view: View,
    pub(super) whole: Whole,
}

/// What was folded is written in one line if it is no longer than this; no line of a mail is longer than 998 (RFC 5322 section 2.1.1).
const MAX_UNFOLDED: usize = 400;

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

/// Where a quoted string that begins here ends.
pub(super) fn quoted_end(bytes: &[u8], start: usize, limit: usize) -> usize {
    quoted(bytes, start, limit).unwrap_or(limit)
}

/// The same, if it ends before the limit.
pub(super) fn quoted(bytes: &[u8], start: usize, limit: usize) -> Option<usize> {
    let mut i = start + 1;
    while i < limit {
        match bytes[i] {
            b'\\' => i += 2,
            b'"' => return Some(i + 1),
            _ => i += 1,
        }
    }
    None
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

/// Adds what a quoted string says.
pub(super) fn unquote(bytes: &[u8], span: Span, view: &mut View) {
    let inside = bytes[span.range()].strip_prefix(b"\"").map_or(span.start(), |_| span.start() + 1);
    let closed = span.len() > 1 && bytes[span.end() - 1] == b'"';
    spoken(bytes, Span::at(inside, (span.end() - usize::from(closed)).max(inside)), view);
}

/// Adds what the inside of a quoted string or of a comment says: what a backslash stands before is itself. Encoded words in quoted
/// strings are against the rule, and shown decoded by many; blanks between two of them are not shown.
pub(super) fn spoken(bytes: &[u8], inside: Span, view: &mut View) {
    let bytes = &bytes[..inside.end()];
    let (mut i, mut after_word) = (inside.start(), None);
    while i < bytes.len() {
        if let Some(word) = words::word_at(bytes, i) {
            after_word = Some(word.span.end());
            view.push_decoded(&word.text, word.span);
            i = word.span.end();
            continue;
        }
        if let Some(end) = after_word {
            let blanks = bytes[end..].iter().take_while(|b| b.is_ascii_whitespace()).count();
            let next = words::word_at(bytes, end + blanks);
            after_word = None;
            if blanks > 0 && next.is_some() {
                i = end + blanks;
                continue;
            }
        }
        match bytes[i] {
            b'\\' if i + 1 < bytes.len() => {
                view.push_decoded(&bytes[i + 1..i + 2], Span::at(i, i + 2));
                i += 2;
            }
            b'\r' | b'\n' => i += 1,
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
                match text.is_ascii() && text.len() <= MAX_UNFOLDED {
                    true => quote(text, out),
                    false => words::write(text, line_end, out),
                }
                *span
            }
            Whole::Comment(span) => {
                match text.is_ascii() && text.len() <= MAX_UNFOLDED {
                    true => text.iter().for_each(|b| match b {
                        b'(' | b')' | b'\\' => out.extend_from_slice(&[b'\\', *b]),
                        // An encoded word may have held what would end the field here.
                        b if b.is_ascii_control() => out.push(b' '),
                        b => out.push(*b),
                    }),
                    false => words::write(text, line_end, out),
                }
                *span
            }
            Whole::Parameter { name, whole, .. } => {
                if text.is_ascii() && text.len() <= MAX_UNFOLDED {
                    out.extend_from_slice(name);
                    out.push(b'=');
                    quote(text, out);
                } else {
                    write_extended(name, text, line_end, out);
                }
                *whole
            }
        }
    }
}

/// A parameter in the extended form, in pieces if it would not fit in a line (RFC 2231 sections 3 and 4).
fn write_extended(name: &[u8], text: &[u8], line_end: &[u8], out: &mut Vec<u8>) {
    let is_long = text.len() * 3 > MAX_UNFOLDED;
    for (i, piece) in text.chunks(if is_long { 20 } else { text.len().max(1) }).enumerate() {
        if i > 0 {
            out.push(b';');
            out.extend_from_slice(line_end);
            out.push(b' ');
        }
        out.extend_from_slice(name);
        if is_long {
            out.extend_from_slice(format!("*{i}").as_bytes());
        }
        out.extend_from_slice(if i == 0 { b"*=utf-8''" } else { b"*=" });
        for b in piece {
            match b {
                b if b.is_ascii_alphanumeric() || b"-._".contains(b) => out.push(*b),
                b => out.extend_from_slice(format!("%{b:02X}").as_bytes()),
            }
        }
    }
}

fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for b in text {
        match b {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *b]),
            b if b.is_ascii_control() => out.push(b' '),
            b => out.push(*b),
        }
    }
    out.push(b'"');
}
