//! What a mail is made of: every byte of it is structure, text in some view, or content that is no text.

use super::charset::Charset;
use super::header::{self, Field, Sort, Whole};
use super::html;
use super::lines;
use super::parameters::{self, Value};
use super::transfer;
use super::view::View;
use super::{Facts, Role, Unscannable};
use crate::codec::unscannable;
use crate::span::Span;

/// Entities within entities: deeper ones are not taken apart.
const MAX_DEPTH: usize = 24;
/// Entities of one mail.
const MAX_ENTITIES: usize = 4096;

/// A run of bytes taken apart, in the order of the bytes.
#[derive(Default)]
pub(super) struct Document {
    pub(super) items: Vec<Item>,
}

/// Something in a document that is not structure.
pub(super) enum Item {
    /// Text.
    Text(TextItem),
    /// Bytes that are a document of their own once decoded.
    Encoded { span: Span, how: Transfer, bytes: Vec<u8>, document: Document },
}

/// Text, where it stands among all text of the mail, and how it is written.
pub(super) struct TextItem {
    pub(super) view: View,
    pub(super) write: Write,
    pub(super) role: Role,
    /// The keys of its path, outermost first.
    pub(super) path: Vec<Vec<u8>>,
    /// Where it begins in the text of the mail, all texts one behind the other.
    pub(super) base: u32,
}

/// How a replacement is written.
#[derive(Clone, Debug)]
pub(super) enum Write {
    /// In a body: escaped for its markup, in its character set, and for its transfer encoding.
    Body { markup: Markup, charset: Charset, quoted_printable: bool },
    /// In a header field.
    Field(Whole),
}

/// What escapes a text has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Markup {
    None,
    Html(html::Place),
    /// Of calendars and cards (RFC 5545 section 3.3.11, RFC 6350 section 3.4).
    Card,
}

/// A transfer encoding that is taken off whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transfer {
    Base64,
    QuotedPrintable,
    Uuencode,
}

/// Takes a mail apart.
pub(super) struct Dissection {
    pub(super) facts: Facts,
    /// Bytes of text so far.
    base: u32,
    entities: usize,
    depth: usize,
    /// Within what a signature covers.
    signed: bool,
    /// Bytes that stand in an encoded part: their places are not those of the mail.
    decoded: usize,
    /// Parts that are no text, so far.
    opaque: usize,
}

/// How a body is encoded in its transfer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    None,
    Taken(Transfer),
    Unknown,
}

/// What an entity's header says of its body.
#[derive(Clone)]
struct About {
    /// `text/plain`, in lower case.
    main: String,
    encoding: Encoding,
    attached: bool,
    boundary: Option<Vec<u8>>,
    charset: Option<Vec<u8>>,
    flowed: bool,
    delsp: bool,
}

impl About {
    fn new(main: &str, encoding: Encoding, attached: bool) -> About {
        let main = main.to_owned();
        About { main, encoding, attached, boundary: None, charset: None, flowed: false, delsp: false }
    }

    /// What the parameters of `Content-Type` say.
    fn read(&mut self, value: &Value) {
        self.main.clone_from(&value.main);
        self.boundary = value.get("boundary").filter(|b| !b.is_empty()).map(<[u8]>::to_vec);
        self.charset = value.get("charset").map(<[u8]>::to_vec);
        let is =
            |name: &str, text: &str| value.get(name).is_some_and(|v| v.eq_ignore_ascii_case(text.as_bytes()));
        (self.flowed, self.delsp) = (is("format", "flowed"), is("delsp", "yes"));
    }
}

impl Dissection {
    /// Takes a whole mail apart.
    pub(super) fn of(mail: &[u8]) -> (Document, Facts) {
        let mut dissection = Dissection {
            facts: Facts::default(),
            base: 0,
            entities: 0,
            depth: 0,
            signed: false,
            decoded: 0,
            opaque: 0,
        };
        let mut document = Document::default();
        dissection.entity(mail, Span::at(0, mail.len()), "text/plain", &mut document.items);
        (document, dissection.facts)
    }

    /// A header and its body.
    fn entity(&mut self, bytes: &[u8], span: Span, usual: &str, items: &mut Vec<Item>) {
        self.entities += 1;
        if self.entities > MAX_ENTITIES || self.depth > MAX_DEPTH {
            self.facts.unscannable(Unscannable::TooDeep);
            return self.plain(bytes, span, Role::Body, items);
        }
        self.depth += 1;
        let within = &bytes[..span.end()];
        let header = header::read(within, span.start());
        let about = self.fields(within, &header.fields, usual, items);
        let (opaque, entities) = (self.opaque, self.entities);
        self.body(bytes, Span::at(header.end, span.end()), &about, items);
        // A part of the mail, with nothing in it but what is no text.
        if self.opaque > opaque && self.entities == entities && self.decoded == 0 && self.depth > 1 {
            self.facts.opaque.push(span);
        }
        self.depth -= 1;
    }

    /// The fields of a header; what they say of the body.
    fn fields(&mut self, bytes: &[u8], fields: &[Field], usual: &str, items: &mut Vec<Item>) -> About {
        let mut about = About::new("", Encoding::None, false);
        let (mut types, mut encodings) = (0, 0);
        for field in fields {
            let name = &bytes[field.name.range()];
            let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
            if is("dkim-signature") || is("arc-message-signature") || is("domainkey-signature") {
                self.facts.dkim |= self.depth == 1;
            }
            let sort = header::sort(name);
            if sort != Sort::Structure && super::words::any_unreadable(&bytes[field.value.range()]) {
                self.facts.unscannable(Unscannable::Charset);
            }
            match sort {
                Sort::Structure if is("content-transfer-encoding") => {
                    encodings += 1;
                    about.encoding = encoding(&bytes[field.value.range()]);
                }
                Sort::Structure => {}
                Sort::Addresses => {
                    for text in header::addresses(bytes, field.value) {
                        self.field(text, Role::Address, name, items);
                    }
                }
                Sort::Parameters => {
                    let mut value = parameters::read(bytes, field.value);
                    for junk in std::mem::take(&mut value.junk) {
                        let view = super::words::unstructured(&bytes[junk.range()], junk.start());
                        self.field(header::Text { view, whole: Whole::Words }, Role::Header, name, items);
                    }
                    if is("content-type") {
                        types += 1;
                        about.read(&value);
                    } else {
                        about.attached |= value.main.starts_with("attachment");
                    }
                    for parameter in value.parameters {
                        if let Some(text) = parameter.text() {
                            self.field(text, Role::Filename, name, items);
                        }
                    }
                }
                Sort::Unstructured => {
                    let view = super::words::unstructured(&bytes[field.value.range()], field.value.start());
                    let role = if is("subject") && self.depth == 1 { Role::Subject } else { Role::Header };
                    self.field(header::Text { view, whole: Whole::Words }, role, name, items);
                }
            }
        }
        // Of two each reader takes another one.
        if types > 1 || encodings > 1 {
            self.facts.unscannable(Unscannable::Ambiguous);
        }
        if !about.main.contains('/') {
            usual.clone_into(&mut about.main);
        }
        about
    }

    fn field(&mut self, text: header::Text, role: Role, name: &[u8], items: &mut Vec<Item>) {
        let path = vec![name.to_ascii_lowercase()];
        self.text(TextItem { view: text.view, write: Write::Field(text.whole), role, path, base: 0 }, items);
    }

    fn text(&mut self, mut item: TextItem, items: &mut Vec<Item>) {
        if item.view.text.is_empty() {
            return;
        }
        item.base = self.base;
        let len = item.view.text.len() as u32;
        if self.signed {
            self.facts.signed.push(Span::new(self.base, self.base + len));
        }
        self.facts.roles.push((Span::new(self.base, self.base + len), item.role));
        // A byte apart, so that no edit is of two.
        self.base += len + 1;
        items.push(Item::Text(item));
    }

    fn body(&mut self, bytes: &[u8], span: Span, about: &About, items: &mut Vec<Item>) {
        let main = &*about.main;
        let (sort, rest) = main.split_once('/').unwrap_or((main, ""));
        let composite = sort == "multipart" || is_message(main);
        if about.encoding == Encoding::Unknown {
            self.facts.unscannable(Unscannable::Encoding);
            return self.plain(bytes, span, Role::Body, items);
        }
        match about.encoding {
            Encoding::Taken(Transfer::QuotedPrintable) if !composite => {}
            Encoding::Taken(how) => {
                let decoded = match how {
                    Transfer::Base64 => {
                        let decoded = transfer::base64(&bytes[span.range()]);
                        if !decoded.whole {
                            self.facts.unscannable(Unscannable::Encoding);
                        }
                        decoded.bytes
                    }
                    Transfer::QuotedPrintable => transfer::quoted_printable(&bytes[span.range()]).text,
                    Transfer::Uuencode => return self.uuencoded(bytes, span, about, items),
                };
                let mut document = Document::default();
                let inner = About { encoding: Encoding::None, ..about.clone() };
                // A part that is a leaf stands in the mail all the same.
                self.decoded += usize::from(composite);
                self.body(&decoded, Span::at(0, decoded.len()), &inner, &mut document.items);
                self.decoded -= usize::from(composite);
                return items.push(Item::Encoded { span, how, bytes: decoded, document });
            }
            _ => {}
        }
        match sort {
            "multipart" => self.multipart(bytes, span, about, rest, items),
            _ if is_message(main) => self.entity(bytes, span, "text/plain", items),
            _ => self.leaf(bytes, span, about, items),
        }
    }

    /// The parts of a multipart, RFC 2046 section 5.1.
    fn multipart(&mut self, bytes: &[u8], span: Span, about: &About, sort: &str, items: &mut Vec<Item>) {
        let Some(boundary) = &about.boundary else {
            self.facts.unscannable(Unscannable::Ambiguous);
            return self.plain(bytes, span, Role::Body, items);
        };
        if sort == "encrypted" {
            self.facts.unscannable(Unscannable::Encrypted);
        }
        let usual = if sort == "digest" { "message/rfc822" } else { "text/plain" };
        let delimiters = delimiters(bytes, span, boundary);
        let first = delimiters.first().map_or(span.end(), |d| d.span.start());
        self.plain(bytes, Span::at(span.start(), first), Role::Body, items);
        let outside = self.signed;
        for (at, delimiter) in delimiters.iter().enumerate() {
            let end = delimiters.get(at + 1).map_or(span.end(), |d| d.span.start());
            let part = Span::at(delimiter.span.end().min(end), end);
            if delimiter.closes {
                self.plain(bytes, part, Role::Body, items);
                continue;
            }
            self.signed = outside || sort == "signed" && at == 0;
            // The line end before a delimiter is its own.
            self.entity(bytes, Span::at(part.start(), without_line_end(bytes, part)), usual, items);
            self.signed = outside;
        }
    }

    /// Text that no header speaks of: a preamble, an epilogue, what could not be taken apart.
    fn plain(&mut self, bytes: &[u8], span: Span, role: Role, items: &mut Vec<Item>) {
        let view = View::verbatim(&bytes[span.range()], span.start());
        let write = Write::Body { markup: Markup::None, charset: Charset::UTF_8, quoted_printable: false };
        self.text(TextItem { view, write, role, path: vec![b"body".to_vec()], base: 0 }, items);
    }

    /// A part that is not taken apart further.
    fn leaf(&mut self, bytes: &[u8], span: Span, about: &About, items: &mut Vec<Item>) {
        let main = &*about.main;
        let quoted_printable = about.encoding == Encoding::Taken(Transfer::QuotedPrintable);
        let raw = &bytes[span.range()];
        let transferred = match quoted_printable {
            true => transfer::quoted_printable(raw).shifted(span.start()),
            false => View::verbatim(raw, span.start()),
        };
        let content = &*transferred.text;
        match sort_of(main, content) {
            Content::Text => {}
            Content::Signature => return,
            Content::Encrypted => {
                self.facts.unscannable(Unscannable::Encrypted);
                return;
            }
            Content::Opaque => {
                self.opaque += 1;
                self.facts.unscannable(Unscannable::Opaque);
                return;
            }
        }
        if content.windows(27).any(|w| w == b"-----BEGIN PGP MESSAGE-----") {
            self.facts.unscannable(Unscannable::Encrypted);
        }
        let outside = self.signed;
        self.signed |= content.windows(34).any(|w| w == b"-----BEGIN PGP SIGNED MESSAGE-----");
        if !quoted_printable && !transfer::uudecode(content).is_empty() {
            self.with_uuencoded(bytes, span, about, items);
        } else {
            self.decoded(&transferred, about, quoted_printable, items);
        }
        self.signed = outside;
    }

    /// Text in its character set and markup.
    fn decoded(&mut self, transferred: &View, about: &About, quoted_printable: bool, items: &mut Vec<Item>) {
        let charset = match &about.charset {
            Some(label) => Charset::named(label),
            None => Charset::of(&transferred.text),
        };
        let charset = charset.resolved(&transferred.text);
        // Many readers do not show it, and read on.
        let is_wide = about.charset.is_some() && matches!(charset, Charset::Utf16(_));
        if transferred.text.contains(&0) && !is_wide {
            self.facts.unscannable(Unscannable::Charset);
        }
        let Ok(characters) = charset.view(&transferred.text) else {
            self.facts.unscannable(Unscannable::Charset);
            return;
        };
        let characters = characters.over(transferred);
        let main = &*about.main;
        let role = if about.attached { Role::Attachment } else { Role::Body };
        let body = |markup| Write::Body { markup, charset, quoted_printable };
        if is_markup(main) {
            let mut found = Vec::new();
            html::views(&characters.text, &mut |place, view| found.push((place, view)));
            for (place, view) in found {
                let mut path = vec![b"body".to_vec()];
                if let html::Place::Attribute { name, .. } = place {
                    path.push(characters.text[name.range()].to_ascii_lowercase());
                }
                let view = view.over(&characters);
                self.text(TextItem { view, write: body(Markup::Html(place)), role, path, base: 0 }, items);
            }
            return;
        }
        let (view, markup) = match main {
            "text/calendar" | "text/vcard" | "text/x-vcard" | "text/directory" => {
                (lines::unfolded(&characters.text).over(&characters), Markup::Card)
            }
            _ if about.flowed => {
                (lines::flowed(&characters.text, about.delsp).over(&characters), Markup::None)
            }
            _ => (characters, Markup::None),
        };
        self.text(TextItem { view, write: body(markup), role, path: vec![b"body".to_vec()], base: 0 }, items);
    }

    /// A body that says of itself that it is uuencoded.
    fn uuencoded(&mut self, bytes: &[u8], span: Span, about: &About, items: &mut Vec<Item>) {
        if transfer::uudecode(&bytes[span.range()]).is_empty() {
            self.facts.unscannable(Unscannable::Encoding);
        }
        self.with_uuencoded(bytes, span, about, items);
    }

    /// Text with files in it.
    fn with_uuencoded(&mut self, bytes: &[u8], span: Span, about: &About, items: &mut Vec<Item>) {
        let mut at = span.start();
        for block in transfer::uudecode(&bytes[span.range()]) {
            if !block.whole {
                self.facts.unscannable(Unscannable::Encoding);
            }
            let data = block.body.shifted(span.start());
            // The line with the name is text.
            self.decoded(&View::verbatim(&bytes[at..data.start()], at), about, false, items);
            let mut document = Document::default();
            let inner = About::new("application/octet-stream", Encoding::None, true);
            self.leaf(&block.bytes, Span::at(0, block.bytes.len()), &inner, &mut document.items);
            items.push(Item::Encoded { span: data, how: Transfer::Uuencode, bytes: block.bytes, document });
            at = data.end();
        }
        self.decoded(&View::verbatim(&bytes[at..span.end()], at), about, false, items);
    }
}

/// What a body holds.
enum Content {
    Text,
    /// A detached signature: it tells of no patient.
    Signature,
    Encrypted,
    Opaque,
}

/// What content of a type is. What is no text by its type is one by its bytes or none: senders call anything an octet-stream.
fn sort_of(main: &str, content: &[u8]) -> Content {
    const OPAQUE: &[&str] = &["application/pdf", "application/rtf", "text/rtf", "application/postscript"];
    match main {
        "application/pgp-signature" | "application/pkcs7-signature" | "application/x-pkcs7-signature" => {
            Content::Signature
        }
        "application/pkcs7-mime" | "application/x-pkcs7-mime" | "application/pgp-encrypted" => {
            Content::Encrypted
        }
        _ if OPAQUE.contains(&main) => Content::Opaque,
        // An XML image is text.
        _ if is_text(main) && !looks_binary(main, content) => Content::Text,
        _ if ["image/", "audio/", "video/", "font/", "model/"].iter().any(|t| main.starts_with(t)) => {
            Content::Opaque
        }
        _ if is_text(main) || looks_binary(main, content) || std::str::from_utf8(content).is_err() => {
            Content::Opaque
        }
        _ => Content::Text,
    }
}

fn is_text(main: &str) -> bool {
    main.starts_with("text/")
        || main.ends_with("+xml")
        || main.ends_with("+json")
        || ["application/json", "application/xml", "application/hl7-v2", "application/x-www-form-urlencoded"]
            .contains(&main)
}

/// Whether bytes are those of a file that is no text, whatever their type says.
fn looks_binary(main: &str, content: &[u8]) -> bool {
    const MAGIC: &[&[u8]] = &[
        b"%PDF-",
        b"{\\rtf",
        b"\x89PNG",
        b"GIF8",
        b"\xff\xd8\xff",
        b"\xd0\xcf\x11\xe0",
        b"Rar!",
        b"7z\xbc\xaf",
    ];
    let start = content.trim_ascii_start();
    if MAGIC.iter().any(|magic| start.starts_with(magic)) {
        return true;
    }
    match unscannable(content) {
        // In a text its character set says so.
        Some(why) if why.contains("UTF-16") => !main.starts_with("text/"),
        Some(_) => true,
        None => content.contains(&0) && !main.starts_with("text/"),
    }
}

fn is_message(main: &str) -> bool {
    matches!(main, "message/rfc822" | "message/global" | "message/news")
}

fn is_markup(main: &str) -> bool {
    matches!(main, "text/html" | "text/xml" | "application/xml") || main.ends_with("+xml")
}

fn encoding(value: &[u8]) -> Encoding {
    let word = value.split(|b| matches!(b, b'(' | b';')).next().unwrap_or(value).trim_ascii();
    let is = |other: &str| word.eq_ignore_ascii_case(other.as_bytes());
    if is("base64") {
        Encoding::Taken(Transfer::Base64)
    } else if is("quoted-printable") {
        Encoding::Taken(Transfer::QuotedPrintable)
    } else if is("x-uuencode") || is("x-uue") || is("uuencode") {
        Encoding::Taken(Transfer::Uuencode)
    } else if is("") || is("7bit") || is("8bit") || is("binary") {
        Encoding::None
    } else {
        Encoding::Unknown
    }
}

/// A line `--boundary` or `--boundary--`.
struct Delimiter {
    /// With its line end.
    span: Span,
    closes: bool,
}

fn delimiters(bytes: &[u8], span: Span, boundary: &[u8]) -> Vec<Delimiter> {
    let mut found = Vec::new();
    let mut start = span.start();
    while start < span.end() {
        let (end, next) = header::line(&bytes[..span.end()], start);
        let line = &bytes[start..end];
        if let Some(rest) = line.strip_prefix(b"--").and_then(|l| l.strip_prefix(boundary)) {
            let (closes, rest) = match rest.strip_prefix(b"--") {
                Some(rest) => (true, rest),
                None => (false, rest),
            };
            if rest.trim_ascii().is_empty() {
                found.push(Delimiter { span: Span::at(start, next), closes });
                // What stands behind the end is an epilogue, whatever it looks like.
                if closes {
                    break;
                }
            }
        }
        start = next;
    }
    found
}

fn without_line_end(bytes: &[u8], part: Span) -> usize {
    let text = &bytes[part.range()];
    let text = text.strip_suffix(b"\n").map_or(text, |t| t.strip_suffix(b"\r").unwrap_or(t));
    part.start() + text.len()
}
