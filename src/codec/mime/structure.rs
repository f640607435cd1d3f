//! What a mail is made of: every byte of it is structure, text in some view, or content that is no text.

use super::about::{About, Encoding, Form, READ_ONCE, encoding};
use super::addresses::addresses;
use super::boundaries;
use super::charset::{self, Charset};
use super::content::{self, Content};
use super::header::{self, Field, Sort, Whole};
use super::html;
use super::lines;
use super::machine;
use super::parameters;
use super::transfer;
use super::view::View;
use super::words;
use super::{Facts, Role, Unscannable};
use crate::span::Span;

/// Entities within entities: deeper ones are not taken apart.
const MAX_DEPTH: usize = 24;
/// Entities of one mail.
const MAX_ENTITIES: usize = 4096;
/// Texts of one mail: each takes some 300 bytes beside its own, and `<a b=c>` is one.
const MAX_TEXTS: usize = 1 << 17;
/// Runs of a body that are not as they were written: each takes 20 bytes in every layer, and `&lt;` is one.
const MAX_RUNS: usize = 1 << 21;
/// Bytes of a header field of which parts are looked for: thousands of addresses.
const MAX_FIELD: usize = 1 << 20;

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
    /// Texts so far.
    texts: usize,
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
            texts: 0,
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
        // Some read on behind the delimiter of a part whose header has no end. Nor do all agree on a CR alone.
        let has_end = header.ended || span.end() == bytes.len() || within.ends_with(b"\n");
        let has_lone_cr = span.start() == 0
            && memchr::memchr_iter(b'\r', within).any(|at| within.get(at + 1) != Some(&b'\n'));
        if header.ambiguous || !has_end || has_lone_cr {
            self.facts.unscannable(Unscannable::Ambiguous);
        }
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
            let value = Span::at(
                if header::speaks(name) { field.name.start() } else { field.value.start() },
                field.value.end(),
            );
            let whole = |role| {
                (
                    role,
                    header::Text {
                        view: words::unstructured(&bytes[value.range()], value.start()),
                        whole: Whole::Words,
                    },
                )
            };
            if value.len() > MAX_FIELD {
                self.facts.unscannable(Unscannable::TooDeep);
                continue;
            }
            let texts: Vec<(Role, header::Text)> = match header::sort(name) {
                Sort::Structure(grammar) => match machine::comments(bytes, field.value, grammar) {
                    Some(comments) => comments.into_iter().map(|text| (Role::Header, text)).collect(),
                    None => vec![whole(Role::Header)],
                },
                Sort::Addresses => {
                    let (texts, sure) = addresses(bytes, field.value);
                    if !sure {
                        self.facts.unscannable(Unscannable::Ambiguous);
                    }
                    texts.into_iter().map(|text| (Role::Address, text)).collect()
                }
                Sort::Parameters => {
                    let read = parameters::read(bytes, field.value);
                    if is("content-type") {
                        types += 1;
                        about.read(&read);
                        if read.is_odd || READ_ONCE.iter().any(|name| read.repeats(name)) {
                            self.facts.unscannable(Unscannable::Ambiguous);
                        }
                    } else {
                        about.attached |= read.main.starts_with("attachment");
                    }
                    if read.ambiguous {
                        self.facts.unscannable(Unscannable::Ambiguous);
                    }
                    about.read_name(&read);
                    let junk = read.junk.iter().map(|junk| {
                        let view = words::unstructured(&bytes[junk.range()], junk.start());
                        (Role::Header, header::Text { view, whole: Whole::Words })
                    });
                    let parameters =
                        read.parameters.into_iter().filter_map(|p| Some((Role::Filename, p.text()?)));
                    junk.chain(parameters).collect()
                }
                Sort::Unstructured if is("subject") && self.depth == 1 => vec![whole(Role::Subject)],
                Sort::Unstructured => vec![whole(Role::Header)],
            };
            if is("content-transfer-encoding") {
                encodings += 1;
                about.encoding = encoding(&bytes[field.value.range()]);
            }
            let decoded =
                texts.iter().flat_map(|(_, text)| text.view.segments.iter().filter(|s| !s.verbatim));
            let mut decoded: Vec<usize> = decoded.map(|s| s.raw as usize - value.start()).collect();
            decoded.sort_unstable();
            if let Some(why) = words::unreadable(&bytes[value.range()], &decoded) {
                self.facts.unscannable(why);
            }
            for (role, text) in texts {
                self.field(text, role, name, items);
            }
        }
        // Of two each reader takes another one.
        if types > 1 || encodings > 1 {
            self.facts.unscannable(Unscannable::Ambiguous);
        }
        if !about.main.contains('/') {
            // Without a subtype it is plain text to some, and to others it may still have parts.
            if !about.main.is_empty() && about.main != "text"
                || about.main.is_empty() && about.boundary.is_some()
            {
                self.facts.unscannable(Unscannable::Ambiguous);
            }
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
        self.texts += 1;
        if self.texts > MAX_TEXTS {
            return self.facts.unscannable(Unscannable::TooDeep);
        }
        if content::disguises(&item.view.text) {
            self.facts.unscannable(Unscannable::Ambiguous);
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
        let form = about.form();
        if about.encoding == Encoding::Unknown {
            self.facts.unscannable(Unscannable::Encoding);
            return self.plain(bytes, span, Role::Body, items);
        }
        match about.encoding {
            Encoding::Taken(Transfer::QuotedPrintable) if form == Form::Leaf => {}
            Encoding::Taken(how) => {
                // RFC 2045 section 6.4 has none here, and many readers take none off.
                let raw = &bytes[span.range()];
                let is_surely_taken_off = match form {
                    Form::Leaf => true,
                    Form::Message if how == Transfer::Base64 => transfer::is_in_lines(raw),
                    Form::Message | Form::Headers => {
                        about.main.starts_with("text/") || about.is_named_as_mail
                    }
                    Form::Multipart | Form::UnknownMessage => false,
                };
                if !is_surely_taken_off {
                    self.facts.unscannable(Unscannable::Ambiguous);
                }
                let decoded = match how {
                    Transfer::Base64 => {
                        let decoded = transfer::base64(raw);
                        if !decoded.whole || transfer::has_words(raw) {
                            self.facts.unscannable(Unscannable::Encoding);
                        }
                        decoded.bytes
                    }
                    Transfer::QuotedPrintable => transfer::quoted_printable(raw).text,
                    Transfer::Uuencode => return self.uuencoded(bytes, span, about, items),
                };
                let mut document = Document::default();
                let inner = About { encoding: Encoding::None, ..about.clone() };
                // A part that is a leaf stands in the mail all the same.
                self.decoded += usize::from(form != Form::Leaf);
                self.body(&decoded, Span::at(0, decoded.len()), &inner, &mut document.items);
                self.decoded -= usize::from(form != Form::Leaf);
                return items.push(Item::Encoded { span, how, bytes: decoded, document });
            }
            _ => {}
        }
        match form {
            Form::Multipart => self.multipart(bytes, span, about, items),
            Form::Message => self.entity(bytes, span, "text/plain", items),
            Form::Headers => self.headers(bytes, span, items),
            Form::UnknownMessage => {
                self.facts.unscannable(Unscannable::Ambiguous);
                self.plain(bytes, span, Role::Body, items);
            }
            Form::Leaf => self.leaf(bytes, span, about, items),
        }
    }

    /// Header fields that are shown as they stand, but for the encoded words that some readers decode there, too.
    fn headers(&mut self, bytes: &[u8], span: Span, items: &mut Vec<Item>) {
        let text = &bytes[span.range()];
        let view = words::decoded(text);
        let decoded: Vec<usize> =
            view.segments.iter().filter(|s| !s.verbatim).map(|s| s.raw as usize).collect();
        if let Some(why) = words::unreadable(text, &decoded) {
            self.facts.unscannable(why);
        }
        let view = view.shifted(span.start());
        let (write, path) = (Write::Field(Whole::Words), vec![b"body".to_vec()]);
        self.text(TextItem { view, write, role: Role::Body, path, base: 0 }, items);
    }

    /// The parts of a multipart, RFC 2046 section 5.1.
    fn multipart(&mut self, bytes: &[u8], span: Span, about: &About, items: &mut Vec<Item>) {
        let sort = about.main.strip_prefix("multipart/").unwrap_or_default();
        if sort == "encrypted" {
            self.facts.unscannable(Unscannable::Encrypted);
        }
        let Some(boundary) = &about.boundary else {
            self.facts.unscannable(Unscannable::Ambiguous);
            return self.plain(bytes, span, Role::Body, items);
        };
        let usual = if sort == "digest" { "message/rfc822" } else { "text/plain" };
        let (delimiters, sure) = boundaries::delimiters(bytes, span, boundary);
        if !sure || delimiters.is_empty() || !boundaries::is_sure(boundary) {
            self.facts.unscannable(Unscannable::Ambiguous);
        }
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
            self.entity(
                bytes,
                Span::at(part.start(), boundaries::without_line_end(bytes, part)),
                usual,
                items,
            );
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
        if quoted_printable && memchr::memchr_iter(b'=', raw).count() > MAX_RUNS {
            self.facts.unscannable(Unscannable::TooDeep);
            return self.plain(bytes, span, Role::Body, items);
        }
        let transferred = match quoted_printable {
            true => transfer::quoted_printable(raw).shifted(span.start()),
            false => View::verbatim(raw, span.start()),
        };
        let content = &*transferred.text;
        match content::sort_of(main, about.attached, content) {
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
        if let Some(why) = content::holds(content, about) {
            self.facts.unscannable(why);
        }
        let outside = self.signed;
        self.signed |= memchr::memmem::find(content, b"-----BEGIN PGP SIGNED MESSAGE-----").is_some();
        if !quoted_printable && !transfer::uudecode(content).is_empty() {
            self.with_uuencoded(bytes, span, about, items);
        } else {
            self.decoded(&transferred, about, quoted_printable, items);
        }
        self.signed = outside;
    }

    /// Text in its character set and markup.
    fn decoded(&mut self, transferred: &View, about: &About, quoted_printable: bool, items: &mut Vec<Item>) {
        let main = &*about.main;
        let is_markup = content::is_markup(about, &transferred.text);
        let charset = match (&about.charset, content::declared(&transferred.text)) {
            (Some(label), _) => Charset::named(label),
            (None, Some(label)) if is_markup => {
                // Some readers follow it, some do not: there must be the same ASCII to both.
                let charset = Charset::named(label);
                if !matches!(charset, Charset::Ascii | Charset::Utf8 | Charset::Legacy(_)) {
                    self.facts.unscannable(Unscannable::Charset);
                }
                charset
            }
            _ => Charset::of(&transferred.text),
        };
        let charset = charset.resolved(&transferred.text);
        // Many readers do not show it, and read on.
        let is_wide = about.charset.is_some() && matches!(charset, Charset::Utf16(_));
        // Quoted-printable has lines, UTF-16 has none: a line end that is one byte puts all behind it out of step.
        if transferred.text.contains(&0) && (!is_wide || quoted_printable) {
            self.facts.unscannable(Unscannable::Charset);
        }
        let is_card = matches!(main, "text/calendar" | "text/vcard" | "text/x-vcard" | "text/directory");
        // What each of the layers to come may make a run of.
        let runs = transferred.text.iter().filter(|b| match b {
            b'<' | b'&' => is_markup,
            b'\n' | b'\\' => about.flowed || is_card,
            b'+' => charset == Charset::Utf7,
            b => !b.is_ascii() && charset != Charset::Utf8 || matches!(charset, Charset::Utf16(_)),
        });
        if transferred.text.len() > MAX_RUNS && runs.count() > MAX_RUNS {
            return self.facts.unscannable(Unscannable::TooDeep);
        }
        if is_wide && charset::holds_ascii(&transferred.text) {
            self.facts.unscannable(Unscannable::Charset);
        }
        let Ok(characters) = charset.view(&transferred.text) else {
            self.facts.unscannable(Unscannable::Charset);
            return;
        };
        let characters = characters.over(transferred);
        let role = if about.attached { Role::Attachment } else { Role::Body };
        let body = |markup| Write::Body { markup, charset, quoted_printable };
        if is_markup {
            let mut found = Vec::new();
            html::views(&characters.text, &mut |place, view| {
                if found.len() <= MAX_TEXTS {
                    found.push((place, view));
                }
            });
            for (place, view) in found {
                if let Some(why) = content::hides(place, &view.text, &characters.text) {
                    self.facts.unscannable(why);
                }
                let mut path = vec![b"body".to_vec()];
                if let html::Place::Attribute { name, .. } = place {
                    path.push(characters.text[name.range()].to_ascii_lowercase());
                }
                let view = view.over(&characters);
                self.text(TextItem { view, write: body(Markup::Html(place)), role, path, base: 0 }, items);
            }
            return;
        }
        let (view, markup) = match () {
            () if is_card => {
                let unfolded = lines::unfolded(&characters.text);
                if let Some(why) = content::encoded_in_card(&unfolded.text) {
                    self.facts.unscannable(why);
                }
                (unfolded.over(&characters), Markup::Card)
            }
            () if about.flowed => {
                (lines::flowed(&characters.text, about.delsp).over(&characters), Markup::None)
            }
            () => (characters, Markup::None),
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
