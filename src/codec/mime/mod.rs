//! Mail: RFC 5322 messages with MIME bodies (RFC 2045 to 2049).
//!
//! ```text
//! Content-Type: multipart/mixed; boundary=b       structure
//! Subject: =?UTF-8?Q?Mar=C3=ADa?= is here         text $.subject
//!
//! --b                                             structure
//! Content-Type: text/html                         structure
//! Content-Transfer-Encoding: quoted-printable     structure
//!
//! <p>SSN 123-<b>45</b>-67=38                      text $.body: "SSN 123-45-6778"
//! --b--
//! ```
//!
//! A mail's texts stand one behind the other in a space of their own, each at its base, and it is this space that edits of a mail
//! are counted in: a text may have come from bytes that were encoded several times over. [`encode`] finds the way back. Bytes that
//! no edit touches stay as they are, but for those of a base64 part of which any text changes.

mod about;
mod addresses;
mod boundaries;
mod charset;
mod content;
mod header;
mod html;
mod lines;
mod machine;
mod parameters;
mod splice;
mod structure;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_readers;
mod transfer;
mod view;
mod words;

use super::{Edit, Leaf, Map, PathBuf, Place, Segment};
use crate::span::Span;
use structure::{Dissection, Document, Item};

/// Where in a mail a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The subject of the mail itself.
    Subject,
    /// A display name or a comment in a field of addresses.
    Address,
    /// Any other field.
    Header,
    /// A file's name, or another parameter of a part.
    Filename,
    /// A body that is shown.
    Body,
    /// A text that is attached.
    Attachment,
}

/// Why a mail, or a part of it, cannot be scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unscannable {
    /// An attachment that is no text: an image, a document, an archive.
    Opaque,
    /// It is encrypted.
    Encrypted,
    /// Readers would not agree on what it says: two types, no boundary.
    Ambiguous,
    /// Its transfer encoding is not known, or broken.
    Encoding,
    /// Its character set cannot be written to.
    Charset,
    /// Too many parts, or parts in parts.
    TooDeep,
}

/// What a mail is made of, beside its texts.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What cannot be scanned, each sort once.
    pub unscannable: Vec<Unscannable>,
    /// A signature stands in its header (RFC 6376, RFC 8617), which covers the whole of it.
    pub dkim: bool,
    /// Parts of the mail that are no text, header and body.
    opaque: Vec<Span>,
    /// Texts that a signature in the mail covers, in the space of all texts.
    signed: Vec<Span>,
    /// Where each text stands, in the space of all texts.
    roles: Vec<(Span, Role)>,
}

impl Facts {
    fn unscannable(&mut self, what: Unscannable) {
        if !self.unscannable.contains(&what) {
            self.unscannable.push(what);
        }
    }
}

/// What edits of a mail touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Where, each role once.
    pub roles: Vec<Role>,
    /// A text that a signature in the mail covers.
    pub signed: bool,
}

/// The longest mail that is kept as it was taken apart, in bytes: one is read up to three times, to find, to find once more with the
/// names that were found, and to write.
const MAX_KEPT: usize = 64 << 10;

/// Memory of the codec.
#[derive(Default)]
pub(crate) struct Scratch {
    /// What the mail that was read last is made of.
    pub(crate) facts: Facts,
    /// What was touched when it was written.
    pub(crate) touched: Touched,
    last: Option<Last>,
}

/// A mail that was taken apart.
struct Last {
    mail: Vec<u8>,
    document: Document,
    facts: Facts,
}

impl Scratch {
    /// Lets go of the mail that was taken apart last: nothing of it stays in memory until the next one comes.
    pub(crate) fn forget(&mut self) {
        self.last = None;
    }

    /// Takes a mail apart, unless it is the one that was taken apart last, to the byte.
    fn read<T>(&mut self, mail: &[u8], work: impl FnOnce(&mut Scratch, &Document, &Facts) -> T) -> T {
        let last = match self.last.take() {
            Some(last) if last.mail == mail => last,
            last => {
                let mut kept = last.map(|last| last.mail).unwrap_or_default();
                kept.clear();
                if mail.len() <= MAX_KEPT {
                    kept.extend_from_slice(mail);
                }
                let (document, facts) = Dissection::of(mail);
                Last { mail: kept, document, facts }
            }
        };
        let done = work(self, &last.document, &last.facts);
        self.last = (mail.len() <= MAX_KEPT).then_some(last);
        done
    }
}

/// Visits every text.
pub(super) fn leaves(mail: &[u8], scratch: &mut Scratch, visit: &mut dyn FnMut(&Leaf<'_>)) {
    scratch.read(mail, |scratch, document, facts| {
        (scratch.facts, scratch.touched) = (facts.clone(), Touched::default());
        visit_all(document, &mut PathBuf::default(), visit);
    });
}

fn visit_all(document: &Document, path: &mut PathBuf, visit: &mut dyn FnMut(&Leaf<'_>)) {
    for item in &document.items {
        match item {
            Item::Text(item) => {
                path.clear();
                item.path.iter().for_each(|key| path.push_key(key));
                let text_len = item.view.text.len() as u32;
                let segment =
                    Segment { text: 0, text_len, raw: item.base, raw_len: text_len, verbatim: true };
                visit(&Leaf {
                    text: &item.view.text,
                    map: Map::Segments(&[segment]),
                    path: path.as_path(),
                    place: Place::Text,
                    depth: 0,
                });
            }
            Item::Encoded { document, .. } => visit_all(document, path, visit),
        }
    }
}

/// What stands in place of a part that was taken out.
const TAKEN_OUT: &str = "Content-Type: text/plain; charset=us-ascii\r\n\r\n[ATTACHMENT REMOVED]";

/// The mail without the parts that are no text; `None` if it has none, or where one cannot be taken out alone: it is the mail itself, or
/// stands in an encoded part.
pub fn without_opaque_parts(mail: &[u8]) -> Option<Vec<u8>> {
    let (_, facts) = Dissection::of(mail);
    if facts.opaque.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(mail.len());
    let mut at = 0;
    for span in &facts.opaque {
        out.extend_from_slice(&mail[at..span.start()]);
        out.extend_from_slice(TAKEN_OUT.as_bytes());
        at = span.end();
    }
    out.extend_from_slice(&mail[at..]);
    Some(out)
}

/// The fields of the mail's header, name and value, as they stand in it.
pub fn fields(mail: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    header::read(mail, 0)
        .fields
        .into_iter()
        .map(|field| (&mail[field.name.range()], &mail[field.value.range()]))
}

/// The mail with another subject in place of each that its header has.
pub fn with_subject(mail: &[u8], subject: &str) -> Vec<u8> {
    rewritten(mail, |name| name.eq_ignore_ascii_case(b"subject").then_some(subject))
}

/// The mail without the signatures in its header (RFC 6376, RFC 8617), and without what others said of them.
pub fn without_signatures(mail: &[u8]) -> Vec<u8> {
    const FIELDS: [&str; 5] = [
        "dkim-signature",
        "domainkey-signature",
        "arc-seal",
        "arc-message-signature",
        "arc-authentication-results",
    ];
    rewritten(mail, |name| FIELDS.iter().any(|f| name.eq_ignore_ascii_case(f.as_bytes())).then_some(""))
}

/// The mail with other values in some fields of its header; a field whose value is to be empty goes.
fn rewritten<'v>(mail: &[u8], value: impl Fn(&[u8]) -> Option<&'v str>) -> Vec<u8> {
    let header = header::read(mail, 0);
    let (mut out, mut at) = (Vec::with_capacity(mail.len()), 0);
    for field in header.fields {
        let Some(new) = value(&mail[field.name.range()]) else { continue };
        let (_, next) = header::line(mail, field.value.end());
        if new.is_empty() {
            out.extend_from_slice(&mail[at..field.name.start()]);
        } else {
            out.extend_from_slice(&mail[at..field.value.start()]);
            out.push(b' ');
            out.extend_from_slice(new.as_bytes());
            out.extend_from_slice(&mail[field.value.end()..next]);
        }
        at = next;
    }
    out.extend_from_slice(&mail[at..]);
    out
}

/// Writes the mail with its edits to the end of `out`.
pub(super) fn encode(mail: &[u8], edits: &[Edit], text: &[u8], scratch: &mut Scratch, out: &mut Vec<u8>) {
    scratch.read(mail, |scratch, document, facts| {
        for edit in edits {
            let at = facts.roles.partition_point(|(span, _)| span.end() <= edit.span.start());
            if let Some((_, role)) = facts.roles.get(at)
                && !scratch.touched.roles.contains(role)
            {
                scratch.touched.roles.push(*role);
            }
            let at = facts.signed.partition_point(|span| span.end() <= edit.span.start());
            scratch.touched.signed |= facts.signed.get(at).is_some_and(|span| span.overlaps(edit.span));
        }
        scratch.facts = facts.clone();
        splice::write(mail, document, edits, text, out);
    });
}
