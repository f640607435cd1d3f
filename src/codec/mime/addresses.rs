//! Fields of addresses, RFC 5322 section 3.4: which of it is text, and which an address that is never touched.

use std::net::IpAddr;

use super::header::{Text, Whole, comment_end, quoted_end, spoken, unquote};
use super::view::View;
use super::words;
use crate::span::Span;

/// The display names and comments of a field of addresses, in order, and whether its brackets can be read in one way only.
pub(super) fn addresses(bytes: &[u8], value: Span) -> (Vec<Text>, bool) {
    let mut sure = true;
    let mut found = Vec::new();
    let mut phrase = Phrase::default();
    let last_close = memchr::memrchr(b'>', &bytes[value.range()]).map(|at| value.start() + at);
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
                found.extend(comment(bytes, Span::at(i, end)));
                i = end;
            }
            b'<' => {
                found.extend(phrase.take());
                // An address goes on to its bracket; without one it ends with the line.
                let rest = &bytes[i..value.end()];
                let close =
                    if last_close.is_some_and(|last| i < last) { memchr::memchr(b'>', rest) } else { None };
                let len = close.or_else(|| memchr::memchr(b'\n', rest)).unwrap_or(rest.len());
                let end = i + len;
                let inside = Span::at(i + 1, end.max(i + 1));
                let goes_on = |b: &u8| !b" \t\r\n,;(".contains(b);
                sure &= close.is_some() && !bytes[inside.range()].iter().any(|b| b"<\\".contains(b));
                sure &= !bytes[..value.end()].get(end + 1).is_some_and(goes_on);
                if !is_address_or_none(&bytes[inside.range()]) {
                    let view = words::unstructured(&bytes[inside.range()], inside.start());
                    found.push(Text { view, whole: Whole::Words });
                }
                i = (end + 1).min(value.end());
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
            b'=' if let Some(word) = words::word_at(&bytes[..value.end()], i) => {
                phrase.word(&word);
                i = word.span.end();
            }
            _ => {
                // An encoded word in the midst of an atom is against the rule, and decoded by many.
                let stops = |at: usize| match bytes[at] {
                    b'=' => words::word_at(&bytes[..value.end()], at).is_some(),
                    b => b" \t\r\n\"(<:,;".contains(&b),
                };
                let end = (i + 1..value.end()).find(|at| stops(*at)).unwrap_or(value.end());
                sure &= !bytes[i..end].contains(&b'>');
                phrase.atom(bytes, Span::at(i, end));
                i = end;
            }
        }
    }
    found.extend(phrase.take_unless_address(bytes));
    found.sort_by_key(|t| t.view.segments.first().map_or(0, |s| s.raw));
    (found, sure)
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

    /// Without angle brackets a text may be the address itself.
    fn take_unless_address(&mut self, bytes: &[u8]) -> Option<Text> {
        let is_address = self.span.is_some_and(|span| is_address(&bytes[span.range()]));
        self.take().filter(|_| !is_address)
    }
}

/// What a comment says that stands here, its parentheses included.
fn comment(bytes: &[u8], span: Span) -> Option<Text> {
    let closed = span.len() > 1 && bytes[span.end() - 1] == b')';
    let inside = Span::at(span.start() + 1, (span.end() - usize::from(closed)).max(span.start() + 1));
    let mut view = View::default();
    spoken(bytes, inside, &mut view);
    (!view.text.is_empty()).then_some(Text { view, whole: Whole::Comment(inside) })
}

fn is_address_or_none(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    text.is_empty() || is_address(text)
}

/// Whether a text is `local@domain` and nothing else. A local part that is quoted may hold a sentence: it is an address only if there is
/// no blank in it.
pub(super) fn is_address(text: &[u8]) -> bool {
    let Some(at) = memchr::memrchr(b'@', text) else { return false };
    let (local, domain) = (&text[..at], &text[at + 1..]);
    let local = local.strip_prefix(b"\"").and_then(|l| l.strip_suffix(b"\"")).unwrap_or(local);
    let in_local = |b: &u8| !b.is_ascii() || b.is_ascii_graphic() && !b"()<>[]:;,\\\"".contains(b);
    // An encoded word is shown decoded by some, and may then say anything.
    !local.is_empty()
        && local.iter().all(in_local)
        && is_domain(domain)
        && memchr::memmem::find(local, b"=?").is_none()
}

/// Whether a text is the name of a host, or its address in brackets (RFC 5321 section 4.1.3).
pub(super) fn is_domain(text: &[u8]) -> bool {
    if let Some(literal) = text.strip_prefix(b"[").and_then(|t| t.strip_suffix(b"]")) {
        return is_ip(literal);
    }
    let in_name = |b: &u8| !b.is_ascii() || b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    !text.is_empty() && text.iter().all(in_name)
}

/// Whether a text is the address of a host and nothing else.
pub(super) fn is_ip(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"IPv6:").unwrap_or(text);
    str::from_utf8(text).is_ok_and(|t| t.parse::<IpAddr>().is_ok())
}
