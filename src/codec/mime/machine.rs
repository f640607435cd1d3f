//! Fields that machines write for machines: they are never touched, as long as their values are of the grammar.
//!
//! A value that is not may say anything (`Date: SSN 219-10-9999`), and clients show it: it is text. So are the comments of one that is.
//! The grammars are narrower than those of the RFCs where those let in free text, and wider where common senders are.

use super::addresses::{is_address, is_domain, is_ip};
use super::header::{Text, Whole, comment_end, spoken};
use super::view::View;
use crate::span::Span;

/// What a field's value is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grammar {
    /// Message ids (RFC 5322 section 3.6.4).
    Ids,
    /// Where it came from (RFC 5321 section 4.4).
    Trace,
    /// A date and time (RFC 5322 section 3.3).
    Date,
    /// A number, or two: `1.0`.
    Number,
    /// A word.
    Token,
    /// Base64 of a digest (RFC 1864).
    Digest,
    /// A signature (RFC 6376 section 3.2).
    Tags,
    /// What somebody found (RFC 8601 section 2.2, RFC 7208 section 9.1).
    Results,
}

/// The comments of a value that is of the grammar; `None` where it is not.
pub(super) fn comments(bytes: &[u8], value: Span, grammar: Grammar) -> Option<Vec<Text>> {
    let mut found = Vec::new();
    let (mut bare, mut at) = (Vec::new(), value.start());
    while at < value.end() {
        // In a signature a parenthesis is none of the grammar.
        if bytes[at] != b'(' || grammar == Grammar::Tags {
            bare.push(bytes[at]);
            at += 1;
            continue;
        }
        let end = comment_end(bytes, at, value.end());
        let inside = Span::at(at + 1, end - 1);
        if end < at + 2 || bytes[end - 1] != b')' {
            return None;
        }
        let view = without_addresses(bytes, inside);
        if !view.text.trim_ascii().is_empty() {
            found.push(Text { view, whole: Whole::Words });
        }
        bare.push(b' ');
        at = end;
    }
    grammar.allows(&bare).then_some(found)
}

/// A comment without addresses, of hosts or of people: they are structure here as elsewhere.
fn without_addresses(bytes: &[u8], inside: Span) -> View {
    let between = |b: &u8| b.is_ascii_whitespace() || b"()<>[]=;,".contains(b);
    let text = &bytes[..inside.end()];
    let mut view = View::default();
    let (mut taken, mut at) = (inside.start(), inside.start());
    // What looks like one in an encoded word is part of the word.
    let has_words = memchr::memmem::find(&text[at..], b"=?").is_some();
    while at < text.len() && !has_words {
        let len = text[at..].iter().position(between).unwrap_or(text.len() - at);
        if is_ip(&text[at..at + len]) || is_address(&text[at..at + len]) {
            spoken(bytes, Span::at(taken, at), &mut view);
            taken = at + len;
        }
        at += len + 1;
    }
    spoken(bytes, Span::at(taken, text.len()), &mut view);
    view
}

impl Grammar {
    /// Whether a value without comments is of the grammar.
    fn allows(self, value: &[u8]) -> bool {
        if !value.iter().all(|b| b.is_ascii_graphic() || matches!(b, b' ' | b'\t' | b'\r' | b'\n')) {
            return false;
        }
        let mut words = value.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty());
        match self {
            Grammar::Ids => is_ids(value),
            Grammar::Trace => is_trace(value),
            Grammar::Date => is_date(&words.collect::<Vec<_>>()),
            Grammar::Number => {
                let number = |w: &[u8]| w.len() <= 8 && w.iter().all(|b| b.is_ascii_digit() || *b == b'.');
                words.next().is_none_or(number) && words.next().is_none()
            }
            Grammar::Token => words.next().is_none_or(is_token) && words.next().is_none(),
            Grammar::Digest => {
                words.next().is_some_and(|w| w.len() == 24 && w.iter().all(is_base64))
                    && words.next().is_none()
            }
            Grammar::Tags => value.split(|b| *b == b';').all(is_tag),
            Grammar::Results => is_results(&words.collect::<Vec<_>>()),
        }
    }
}

/// Whether a word says how something is to be read, and no more: a token (RFC 2045 section 5.1) with a figure or two, `pgp-sha256`.
pub(super) fn is_token(word: &[u8]) -> bool {
    let is = |b: &u8| b.is_ascii_alphanumeric() || b"-._+!#$&^".contains(b);
    let digits = |run: &[u8]| run.len() <= 3;
    word.len() <= 80
        && word.iter().all(is)
        && word.split(|b| !b.is_ascii_digit()).all(digits)
        && word.iter().filter(|b| b.is_ascii_digit()).count() <= 7
}

/// Whether a value is `<id@host>` and no more, any number of them.
pub(super) fn is_ids(value: &[u8]) -> bool {
    let mut rest = value.trim_ascii();
    while !rest.is_empty() {
        let Some((id, after)) =
            rest.strip_prefix(b"<").and_then(|r| r.split_at_checked(memchr::memchr(b'>', r)?))
        else {
            return false;
        };
        let is = |b: &u8| b.is_ascii_graphic() && !b"()<>\"\\,;".contains(b);
        if !id.iter().all(is)
            || !id[1.min(id.len())..].contains(&b'@')
            || memchr::memmem::find(id, b"=?").is_some()
        {
            return false;
        }
        rest = after[1..].trim_ascii_start();
    }
    true
}

fn is_base64(b: &u8) -> bool {
    b.is_ascii_alphanumeric() || b"+/=".contains(b)
}

const DAYS: &[&str] = &["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const ZONES: &[&str] = &[
    "ut", "utc", "gmt", "z", "est", "edt", "cst", "cdt", "mst", "mdt", "pst", "pdt", "cet", "cest", "bst",
    "ist", "jst",
];

fn is_one_of(word: &[u8], list: &[&str]) -> bool {
    list.iter().any(|w| word.eq_ignore_ascii_case(w.as_bytes()))
}

/// `[Thu,] 5 Mar 2026 10:00[:00] [+0000]`.
fn is_date(words: &[&[u8]]) -> bool {
    let words = match words {
        [first, rest @ ..] if is_one_of(first.strip_suffix(b",").unwrap_or(first), DAYS) => rest,
        all => all,
    };
    let number = |w: &[u8], least: usize, most: usize| {
        (least..=most).contains(&w.len()) && w.iter().all(u8::is_ascii_digit)
    };
    let time = |w: &[u8]| {
        let parts: Vec<&[u8]> = w.split(|b| *b == b':').collect();
        matches!(parts.len(), 2 | 3) && parts.iter().all(|p| number(p, 1, 2))
    };
    let zone = |w: &[u8]| match w {
        [b'+' | b'-', digits @ ..] => number(digits, 4, 4),
        word => is_one_of(word, ZONES),
    };
    match words {
        [day, month, year, at, zones @ ..] => {
            number(day, 1, 2)
                && is_one_of(month, MONTHS)
                && number(year, 2, 4)
                && time(at)
                && zones.len() <= 1
                && zones.iter().all(|z| zone(z))
        }
        _ => false,
    }
}

/// `from a by b with c id d for <e>; date`.
fn is_trace(value: &[u8]) -> bool {
    let Some(semicolon) = memchr::memrchr(b';', value) else { return false };
    let split = |text: &'_ [u8]| -> Vec<Vec<u8>> {
        text.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty()).map(<[u8]>::to_vec).collect()
    };
    let (clauses, date) = (split(&value[..semicolon]), split(&value[semicolon + 1..]));
    let date: Vec<&[u8]> = date.iter().map(|w| &**w).collect();
    let mut words = clauses.iter().map(|w| &**w).peekable();
    while let Some(keyword) = words.next() {
        if !is_one_of(keyword, &["from", "by", "via", "with", "id", "for"]) {
            return false;
        }
        if keyword.eq_ignore_ascii_case(b"with") && words.next_if_eq(&&b"Microsoft"[..]).is_some() {
            if words.next() != Some(b"SMTP") || words.next() != Some(b"Server") {
                return false;
            }
            continue;
        }
        let Some(what) = words.next() else { return false };
        let bare = what.strip_prefix(b"<").and_then(|w| w.strip_suffix(b">")).unwrap_or(what);
        let is_id = |w: &[u8]| w.iter().all(|b| b.is_ascii_alphanumeric() || b"-._+/@#~$:".contains(b));
        let fits = match keyword.to_ascii_lowercase().as_slice() {
            b"for" => is_address(bare),
            b"id" => is_id(bare),
            b"via" | b"with" => is_token(bare),
            _ => is_domain(what) || is_ip(what),
        };
        if !fits {
            return false;
        }
    }
    is_date(&date)
}

/// A tag of a signature, of those that hold no free text: `n=` and `z=` do.
fn is_tag(tag: &[u8]) -> bool {
    let tag = tag.trim_ascii();
    let Some(equals) = memchr::memchr(b'=', tag) else { return tag.is_empty() };
    let (name, value) = (tag[..equals].trim_ascii(), tag[equals + 1..].trim_ascii());
    let mut words = value.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty());
    match name {
        // Folded anywhere, but by machines: into long runs, or they would be words.
        b"b" | b"bh" => {
            let words: Vec<&[u8]> = words.collect();
            let longest = words.iter().map(|w| w.len()).max().unwrap_or(0);
            let inner = words.get(1..words.len().saturating_sub(1)).unwrap_or_default();
            value.iter().all(|b| is_base64(b) || b.is_ascii_whitespace())
                && (words.is_empty() || longest >= 24)
                && inner.iter().all(|w| w.len() >= 24)
        }
        b"h" => words.all(|w| w.split(|b| *b == b':').all(is_token)),
        b"t" | b"x" | b"l" | b"i" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
            value.len() <= 10
        }
        b"d" | b"s" => is_domain(value) && value.is_ascii(),
        b"i" => value.strip_prefix(b"@").map_or_else(|| is_address(value), is_domain),
        b"v" | b"a" | b"c" | b"q" | b"cv" => {
            words.all(|w| w.split(|b| matches!(b, b'/' | b':')).all(is_token))
        }
        _ => false,
    }
}

const VERDICTS: &[&str] =
    &["pass", "fail", "hardfail", "softfail", "neutral", "none", "policy", "permerror", "temperror", "1"];

/// `host; spf=pass smtp.mailfrom=a@b; dkim=none`, `pass client-ip=1.2.3.4`: a host, verdicts, and pairs.
fn is_results(words: &[&[u8]]) -> bool {
    let mut hosts = 0;
    words.iter().flat_map(|w| w.split(|b| *b == b';')).filter(|w| !w.is_empty()).all(|word| {
        let Some(equals) = memchr::memchr(b'=', word) else {
            let is_host = word.contains(&b'.') && word.is_ascii() && is_domain(word);
            hosts += usize::from(is_host);
            return is_host && hosts == 1 || is_one_of(word, VERDICTS);
        };
        let (name, value) = (&word[..equals], &word[equals + 1..]);
        let value = value.strip_prefix(b"<").and_then(|v| v.strip_suffix(b">")).unwrap_or(value);
        let value = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
        let is_plain =
            value.is_empty() || is_token(value) || is_domain(value) || is_ip(value) || is_address(value);
        is_token(name) && is_plain
    })
}
