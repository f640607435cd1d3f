//! Codecs find the places in a record where text stands, and write edits back.
//!
//! A codec never builds a tree and never re-serialises: [`Codec::leaves`] hands out each place with a map back to
//! the payload's own bytes, and [`Codec::encode`] splices edits into those bytes. Whatever no edit touches
//! stays as it was.

mod auto;
mod frame;
mod json;
mod leaf;
pub mod mime;
mod opaque;
mod plain;

use std::fmt;
use std::str::FromStr;

pub use frame::Framer;
pub(crate) use json::Shapes;
pub use json::{MAX_NESTED, NumberStyle};
pub use leaf::{Leaf, Map, Path, PathBuf, PathStep, Place, Segment};
pub(crate) use opaque::unscannable;

use crate::span::Span;

/// The formats a record can be read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// Decided for each record: JSON where it looks like JSON, else plain lines.
    #[default]
    Auto,
    /// Lines of text.
    Plain,
    /// JSON, one document a record.
    Json,
    /// A mail: RFC 5322 with MIME. Never decided by itself.
    Mime,
}

impl Format {
    /// All formats by their configuration names.
    pub const NAMES: &'static [(&'static str, Format)] =
        &[("auto", Format::Auto), ("plain", Format::Plain), ("json", Format::Json)];

    /// Whether the bytes of a record are the bytes of its text, but for escapes. The texts of a mail are not: they were encoded.
    pub(crate) fn is_in_clear(self) -> bool {
        self != Format::Mime
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(s: &str) -> Result<Format, String> {
        let found = Format::NAMES.iter().find(|(n, _)| *n == s);
        found.map(|f| f.1).ok_or_else(|| "unknown format; the formats are auto, plain and json".to_string())
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Format::NAMES.iter().find(|(_, x)| x == self).map_or("", |(n, _)| n);
        f.pad(name)
    }
}

/// One replacement, in coordinates of the record's payload; of a mail in those of its texts, see [`mime`].
#[derive(Clone, Copy, Debug)]
pub struct Edit {
    /// What goes: bytes of the payload. Edits of a record are sorted and never overlap.
    pub span: Span,
    /// What comes: a range of the replacement text handed to [`Codec::encode`], not yet escaped.
    pub replacement: Span,
    /// Where it stands, which says how it is escaped and quoted.
    pub place: Place,
    /// How many JSON strings it stands inside of, beyond its own.
    pub depth: u8,
}

/// Reads and writes records of one [`Format`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Codec {
    /// What records are read as.
    pub format: Format,
    /// What takes the place of a redacted JSON number.
    pub number: NumberStyle,
}

/// Memory that codecs use again from record to record.
#[derive(Default)]
pub struct CodecScratch {
    pub(crate) json: json::Scratch,
    pub(crate) plain: plain::Scratch,
    pub(crate) mime: mime::Scratch,
}

impl Codec {
    /// A codec for `format` with default settings.
    pub fn new(format: Format) -> Codec {
        Codec { format, number: NumberStyle::default() }
    }

    /// What this record is read as: never [`Format::Auto`].
    pub fn resolve(&self, payload: &[u8]) -> Format {
        match self.format {
            Format::Auto if auto::looks_like_json(payload) => Format::Json,
            Format::Auto => Format::Plain,
            fixed => fixed,
        }
    }

    /// Visits every leaf of a record, in the order of the payload. Every byte that could hold text is in
    /// some leaf: what a codec does not understand it hands out as plain text rather than skip it.
    pub fn leaves(&self, payload: &[u8], scratch: &mut CodecScratch, visit: &mut dyn FnMut(&Leaf<'_>)) {
        match self.resolve(payload) {
            Format::Json => json::leaves(payload, &mut scratch.json, visit),
            Format::Mime => mime::leaves(payload, &mut scratch.mime, visit),
            Format::Plain | Format::Auto => plain::leaves(payload, &mut scratch.plain, visit),
        }
    }

    /// Writes the payload with its edits spliced in to the end of `out`. `text` is what the edits'
    /// replacements are ranges of. JSON that was valid stays valid.
    pub fn encode(
        &self,
        payload: &[u8],
        edits: &[Edit],
        text: &[u8],
        scratch: &mut CodecScratch,
        out: &mut Vec<u8>,
    ) {
        match self.resolve(payload) {
            Format::Json => json::encode(payload, edits, text, self.number, &mut scratch.json, out),
            Format::Mime => mime::encode(payload, edits, text, &mut scratch.mime, out),
            Format::Plain | Format::Auto => plain::encode(payload, edits, text, out),
        }
    }

    /// What stands for a record that could not be read, in the record's own format.
    pub fn unreadable(&self, payload: &[u8]) -> &'static [u8] {
        match self.resolve(payload) {
            Format::Json => br#"{"scrubjay":"unreadable"}"#,
            Format::Plain | Format::Auto => b"[UNREADABLE]",
            Format::Mime => b"Subject: [UNREADABLE]\r\n\r\n[UNREADABLE]\r\n",
        }
    }
}
