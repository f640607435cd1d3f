//! Parameters of a header field: `text/plain; name="a b"`, RFC 2045 and RFC 2231.

use super::charset::Charset;
use super::header::{Text, Whole, comment_end, quoted, quoted_end, unquote};
use super::machine;
use super::view::View;
use super::words;
use crate::span::Span;

/// A value with its parameters.
#[derive(Debug, Default)]
pub(super) struct Value {
    /// `text/plain`, `attachment`, in lower case.
    pub(super) main: String,
    pub(super) parameters: Vec<Parameter>,
    /// Something in it is not of the grammar, or says what it should not: it is text.
    pub(super) junk: Vec<Span>,
    /// It does not begin with a type or a disposition and nothing else.
    pub(super) is_odd: bool,
    /// A parameter can be read in more than one way: its name is none, its value does not end.
    pub(super) ambiguous: bool,
}

/// One parameter, its pieces (RFC 2231) put together.
#[derive(Debug)]
pub(super) struct Parameter {
    /// In lower case, without what RFC 2231 puts behind it.
    pub(super) name: String,
    pub(super) view: View,
    /// The first piece, name and value.
    whole: Span,
    /// Further pieces, each with the semicolon before it.
    more: Vec<Span>,
}

impl Value {
    /// The value of a parameter, as bytes.
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        self.parameters.iter().find(|p| p.name == name).map(|p| &*p.view.text)
    }

    /// Whether a parameter is there more than once: each reader takes another one.
    pub(super) fn repeats(&self, name: &str) -> bool {
        self.parameters.iter().filter(|p| p.name == name).nth(1).is_some()
    }
}

/// Takes a value with parameters apart.
pub(super) fn read(bytes: &[u8], value: Span) -> Value {
    let mut found = Value::default();
    let mut starts = vec![value.start()];
    let mut i = value.start();
    while i < value.end() {
        match bytes[i] {
            b'"' => {
                // Where it does not end, some read on at the next semicolon.
                let end = quoted(bytes, i, value.end());
                found.ambiguous |= end.is_none();
                i = end.unwrap_or(value.end());
            }
            b'(' => i = comment_end(bytes, i, value.end()),
            b';' => {
                i += 1;
                starts.push(i);
            }
            _ => i += 1,
        }
    }
    starts.push(value.end() + 1);
    let mut pieces = Vec::new();
    for (at, pair) in starts.windows(2).enumerate() {
        let part = trimmed(bytes, Span::at(pair[0], pair[1] - 1));
        if at == 0 {
            let (main, commented) = without_comments(bytes, part);
            found.main = String::from_utf8_lossy(main.trim_ascii()).to_ascii_lowercase();
            // A type or a disposition is a token or two (RFC 2045 section 5.1); all else is somebody's text.
            let is_plain = found.main.split('/').all(|t| machine::is_token(t.as_bytes()));
            found.is_odd = !is_plain || found.main.split('/').count() > 2;
            let is_known = found.main.contains('/') || NAMES_ALONE.contains(&&*found.main);
            if commented || !is_plain || !is_known {
                found.junk.push(part);
            }
            continue;
        }
        let name = bytes[part.range()].split(|b| *b == b'=').next().unwrap_or_default();
        let in_name = |b: &u8| b.is_ascii_alphanumeric() || b"-_.*[]".contains(b);
        found.ambiguous |= name.len() < part.len() && !name.trim_ascii_end().iter().all(in_name);
        match piece(bytes, part, pair[0] - 1) {
            Some(piece) => pieces.push(piece),
            None if part.is_empty() => {}
            None => {
                // What is in pieces or escaped is decoded by some, whatever its name.
                found.ambiguous |= name.contains(&b'*');
                found.junk.push(part);
            }
        }
    }
    join(pieces, &mut found);
    found
}

/// A parameter's piece: `name`, `name*`, `name*0`, `name*0*`.
struct Piece {
    name: String,
    number: Option<u32>,
    extended: bool,
    view: View,
    span: Span,
    /// From the semicolon on.
    with_semicolon: Span,
    /// Readers take different values from it.
    is_odd: bool,
}

/// Whether a value is one quoted string and nothing else.
fn is_quoted(bytes: &[u8], value: Span) -> bool {
    bytes[value.range()].starts_with(b"\"") && quoted(bytes, value.start(), value.end()) == Some(value.end())
}

fn piece(bytes: &[u8], part: Span, semicolon: usize) -> Option<Piece> {
    let text = &bytes[part.range()];
    let equals = text.iter().position(|b| *b == b'=')?;
    let name = String::from_utf8_lossy(text[..equals].trim_ascii()).to_ascii_lowercase();
    let value = trimmed(bytes, Span::at(part.start() + equals + 1, part.end()));
    let (name, extended) = match name.strip_suffix('*') {
        Some(name) => (name.to_owned(), true),
        None => (name, false),
    };
    let (name, number) = match name.rsplit_once('*') {
        Some((base, number)) if let Ok(number) = number.parse() => (base.to_owned(), Some(number)),
        _ => (name, None),
    };
    // Any other name may itself be the text.
    if !READ_BY_MACHINES.contains(&&*name) && !READ_BY_PEOPLE.contains(&&*name) {
        return None;
    }
    let mut view = View::default();
    match bytes.get(value.start()) {
        Some(b'"') if !value.is_empty() => {
            let end = quoted_end(bytes, value.start(), value.end());
            unquote(bytes, Span::at(value.start(), end), &mut view);
            // What follows a quoted value belongs to no grammar, and is seen all the same.
            view.push_verbatim(&bytes[end..value.end()], end);
        }
        _ => view = words::unstructured(&bytes[value.range()], value.start()),
    }
    // In a piece of several, and in a boundary, some read on behind a blank and some do not.
    let is_odd = (number.is_some() || name == "boundary")
        && bytes[value.range()].iter().any(u8::is_ascii_whitespace)
        && !is_quoted(bytes, value);
    let with_semicolon = Span::at(semicolon, part.end());
    Some(Piece { name, number, extended, view, span: part, with_semicolon, is_odd })
}

/// Puts pieces of one parameter together, in the order of their numbers, and decodes them.
fn join(mut pieces: Vec<Piece>, found: &mut Value) {
    pieces.sort_by(|a, b| {
        (&a.name, a.number.is_some(), a.number).cmp(&(&b.name, b.number.is_some(), b.number))
    });
    found.ambiguous |= pieces.iter().any(|p| p.is_odd)
        || pieces.windows(2).any(|p| {
            p[0].name == p[1].name && p[0].number.is_none() && p[0].extended && p[1].number.is_some()
        });
    let mut all = pieces.into_iter().peekable();
    while let Some(first) = all.next() {
        let mut parts = vec![first];
        while let Some(next) =
            all.next_if(|p| p.number.is_some() && p.name == parts[0].name && parts[0].number.is_some())
        {
            parts.push(next);
        }
        let mut charset = None;
        let mut view = View::default();
        for (i, part) in parts.iter().enumerate() {
            match part.extended {
                true => decode_extended(&part.view, i == 0, &mut charset, &mut view),
                false => append(&mut view, &part.view),
            }
        }
        if let Some(label) = charset
            && let Ok(decoded) = Charset::named(&label).view(&view.text)
        {
            view = decoded.over(&view);
        }
        let more = parts[1..].iter().map(|p| p.with_semicolon).collect();
        found.parameters.push(Parameter { name: parts[0].name.clone(), view, whole: parts[0].span, more });
    }
    found.parameters.sort_by_key(|p| p.whole.start());
}

fn append(view: &mut View, more: &View) {
    for s in &more.segments {
        let text = &more.text[s.text as usize..(s.text + s.text_len) as usize];
        let raw = Span::at(s.raw as usize, (s.raw + s.raw_len) as usize);
        match s.verbatim {
            true => view.push_verbatim(text, raw.start()),
            false => view.push_decoded(text, raw),
        }
    }
}

/// `utf-8'en'Mar%C3%ADa` (RFC 2231 section 4).
fn decode_extended(piece: &View, first: bool, charset: &mut Option<Vec<u8>>, view: &mut View) {
    let text = &piece.text;
    let mut i = 0;
    if first {
        let quotes: Vec<usize> = (0..text.len()).filter(|i| text[*i] == b'\'').take(2).collect();
        if let [a, b] = quotes[..] {
            *charset = Some(text[..a].to_vec());
            i = b + 1;
        }
    }
    let raw = |from: usize, to: usize| {
        let mut spans = piece.pieces(Span::at(from, to));
        let first = spans.next().unwrap_or_default();
        spans.fold(first, Span::union)
    };
    while i < text.len() {
        match &text[i..] {
            [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |b: u8| char::from(b).to_digit(16).unwrap_or(0) as u8;
                view.push_decoded(&[digit(*high) << 4 | digit(*low)], raw(i, i + 3));
                i += 3;
            }
            [b, ..] => {
                let at = raw(i, i + 1);
                match at.len() {
                    1 => view.push_verbatim(&[*b], at.start()),
                    _ => view.push_decoded(&[*b], at),
                }
                i += 1;
            }
            [] => {}
        }
    }
}

fn trimmed(bytes: &[u8], span: Span) -> Span {
    let text = &bytes[span.range()];
    let start = text.len() - text.trim_ascii_start().len();
    let end = text.trim_ascii_end().len().max(start);
    Span::at(span.start() + start, span.start() + end)
}

/// Dispositions (RFC 2183, RFC 7578, RFC 3261), and what some take for a type.
const NAMES_ALONE: &[&str] =
    &["", "inline", "attachment", "form-data", "signal", "alert", "icon", "render", "session", "text"];

/// Parameters that hold text.
const READ_BY_PEOPLE: &[&str] = &[
    "name",
    "filename",
    "title",
    "subject",
    "creation-date",
    "modification-date",
    "read-date",
    "x-unix-mode",
];

/// Parameters that say how the part is to be read.
const READ_BY_MACHINES: &[&str] = &[
    "boundary",
    "charset",
    "format",
    "delsp",
    "type",
    "start",
    "protocol",
    "micalg",
    "smime-type",
    "report-type",
    "method",
    "size",
];

impl Parameter {
    /// The text that it holds, if people read it, or if it is not what machines read there.
    pub(super) fn text(self) -> Option<Text> {
        if READ_BY_MACHINES.contains(&&*self.name) && self.is_for_machines() {
            return None;
        }
        let Parameter { name, view, whole, more } = self;
        Some(Text { view, whole: Whole::Parameter { name: name.into_bytes(), whole, more } })
    }

    fn is_for_machines(&self) -> bool {
        let value = &*self.view.text;
        match &*self.name {
            // Every delimiter repeats it.
            "boundary" => true,
            "charset" => {
                let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
                value.len() <= 20
                    && value.iter().all(u8::is_ascii_graphic)
                    && digits <= 8
                    && Charset::named(value) != Charset::Unknown
            }
            "start" => machine::is_ids(value),
            "size" => value.len() <= 8 && value.iter().all(u8::is_ascii_digit),
            _ => value.split(|b| *b == b'/').all(machine::is_token),
        }
    }
}

/// A value without its comments, and whether there were any.
fn without_comments(bytes: &[u8], part: Span) -> (Vec<u8>, bool) {
    let (mut bare, mut at) = (Vec::new(), part.start());
    while at < part.end() {
        if bytes[at] == b'(' {
            at = comment_end(bytes, at, part.end());
            bare.push(b' ');
        } else {
            bare.push(bytes[at]);
            at += 1;
        }
    }
    let commented = memchr::memchr(b'(', &bytes[part.range()]).is_some();
    (bare, commented)
}
