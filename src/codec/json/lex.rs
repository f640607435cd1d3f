//! Walks JSON once, from the first byte to the last, without a tree and without recursion into its nesting.
//!
//! The walk is lenient. It never asks whether a document is valid, only what each byte most likely is, and
//! every byte that is neither white space nor punctuation is in a leaf. So that broken input keeps its context, text
//! that stands where a token should goes on as far as it can: to the line's end between documents, to the next
//! comma or bracket inside one.

use memchr::memchr2;

use super::MAX_NESTED;
use super::decode::{Base, Until, decode};
use crate::codec::auto::{BOM, is_number, looks_like_json};
use crate::codec::{Leaf, Map, PathBuf, Place, Segment};

/// Array positions are left out of paths deeper than this, so that a payload of nothing but `[` costs memory
/// in proportion.
const MAX_INDEXED: usize = 1024;

/// What a walk reports.
pub(super) trait Events {
    /// A leaf.
    fn leaf(&mut self, leaf: &Leaf<'_>);
    /// A value in which no text can stand: an empty string, or a literal, which has the place of a number.
    #[inline]
    fn blank(&mut self, _leaf: &Leaf<'_>) {}
    /// An object begins.
    #[inline]
    fn open_object(&mut self) {}
    /// The object that began last ends, or the document does.
    #[inline]
    fn close_object(&mut self) {}
}

/// Memory of a walk.
#[derive(Default)]
pub(super) struct Memory {
    path: PathBuf,
    levels: [Level; MAX_NESTED as usize + 1],
}

/// Memory of a walk over one document: the record itself, or JSON inside a string.
#[derive(Default)]
struct Level {
    /// Containers around the current one.
    open: Vec<Container>,
    /// The string decoded last.
    text: Vec<u8>,
    /// Its way back to the payload.
    segments: Vec<Segment>,
}

/// Walks a payload.
pub(super) fn walk<E: Events>(payload: &[u8], memory: &mut Memory, events: &mut E) {
    memory.path.clear();
    document(payload, Map::Direct(0), 0, &mut memory.path, &mut memory.levels, events);
}

fn document<E: Events>(
    document: &[u8],
    base: Map<'_>,
    depth: u8,
    path: &mut PathBuf,
    levels: &mut [Level],
    events: &mut E,
) {
    let Some((level, deeper)) = levels.split_first_mut() else { return };
    level.open.clear();
    let current = Container { kind: Kind::Top, stepped: false };
    let base = Base::new(base);
    Walk { document, base, depth, path, level, deeper, events, current, expect: Expect::Value }.run();
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Between documents.
    Top,
    Object,
    Array,
}

#[derive(Clone, Copy)]
struct Container {
    kind: Kind,
    /// Whether the path holds a step for it: the position in an array, the key last read in an object.
    stepped: bool,
}

/// What comes next if all is well.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Key,
    /// A value, perhaps after its colon.
    Value,
    /// A comma or the end.
    Comma,
}

/// Text of a leaf.
#[derive(Clone, Copy)]
enum Text {
    /// This part of the document.
    Borrowed(usize, usize),
    /// What was decoded last.
    Decoded,
}

struct Walk<'w, E> {
    document: &'w [u8],
    /// The way from the document to the payload.
    base: Base<'w>,
    depth: u8,
    path: &'w mut PathBuf,
    level: &'w mut Level,
    deeper: &'w mut [Level],
    events: &'w mut E,
    current: Container,
    expect: Expect,
}

impl<E: Events> Walk<'_, E> {
    fn run(mut self) {
        let mut at = if self.document.starts_with(BOM) { BOM.len() } else { 0 };
        while let Some(&byte) = self.document.get(at) {
            at = match byte {
                b'"' => self.string(at),
                b' ' | b'\t' | b'\r' | b'\n' => at + 1,
                b':' => {
                    if self.current.kind == Kind::Object {
                        self.expect = Expect::Value;
                    }
                    at + 1
                }
                b',' => {
                    self.comma();
                    at + 1
                }
                b'{' | b'[' if self.opens(at) => {
                    self.open(if byte == b'{' { Kind::Object } else { Kind::Array });
                    at + 1
                }
                b'}' | b']' => {
                    self.close();
                    at + 1
                }
                _ => self.bare(at),
            };
        }
        while self.current.kind != Kind::Top {
            self.close();
        }
    }

    /// Whether a bracket opens a container. Between documents it may as well be text.
    fn opens(&self, at: usize) -> bool {
        if self.current.kind == Kind::Top {
            return looks_like_json(&self.document[at..]);
        }
        self.marker_len(at) == 0
    }

    /// The length of the marker that begins at `at`. Where text stood without its quotes a marker does, too: read as
    /// an array, its kind would be text again, and be redacted again.
    fn marker_len(&self, at: usize) -> usize {
        crate::kind::Kind::marker_len(&self.document[at..])
    }

    fn open(&mut self, kind: Kind) {
        self.level.open.push(self.current);
        self.current = Container { kind, stepped: false };
        if kind == Kind::Object {
            self.expect = Expect::Key;
            self.events.open_object();
        } else {
            self.expect = Expect::Value;
            if self.level.open.len() <= MAX_INDEXED {
                self.path.push_index(0);
                self.current.stepped = true;
            }
        }
    }

    /// Ends the current container, whichever bracket says so.
    fn close(&mut self) {
        let Some(outer) = self.level.open.pop() else { return };
        self.step_out();
        if self.current.kind == Kind::Object {
            self.events.close_object();
        }
        self.current = outer;
        self.value_done();
    }

    fn comma(&mut self) {
        match self.current.kind {
            Kind::Object => {
                self.step_out();
                self.expect = Expect::Key;
            }
            Kind::Array => {
                if self.current.stepped {
                    self.path.next_index();
                }
                self.expect = Expect::Value;
            }
            Kind::Top => {}
        }
    }

    fn step_out(&mut self) {
        if self.current.stepped {
            self.path.pop();
            self.current.stepped = false;
        }
    }

    fn value_done(&mut self) {
        self.expect = if self.current.kind == Kind::Top { Expect::Value } else { Expect::Comma };
    }

    /// A string, its quote at `at`. Returns where to go on.
    fn string(&mut self, at: usize) -> usize {
        let from = at + 1;
        let stop = quote_or_backslash(self.document, from);
        let (text, end) = match self.document.get(stop) {
            Some(b'\\') => {
                let Level { text, segments, .. } = &mut *self.level;
                (Text::Decoded, decode(self.document, from, Until::Quote, &mut self.base, text, segments))
            }
            _ => (Text::Borrowed(from, stop), stop),
        };
        let after = (end + 1).min(self.document.len());
        if self.current.kind == Kind::Object && (self.expect == Expect::Key || self.misses_comma(after)) {
            self.key(text, Place::Key);
        } else {
            self.value(text, Place::String);
        }
        after
    }

    /// Whether the string that ends here is a key although no comma came before it.
    fn misses_comma(&self, after: usize) -> bool {
        self.expect == Expect::Comma && self.document[after..].trim_ascii_start().first() == Some(&b':')
    }

    /// Text in the place of a key: a leaf, and a step of the path to what follows.
    fn key(&mut self, text: Text, place: Place) {
        self.step_out();
        self.leaf(text, place);
        let mut name = match text {
            Text::Borrowed(from, to) => &self.document[from..to],
            Text::Decoded => &self.level.text,
        };
        if place == Place::Text {
            name = name.trim_ascii();
            if let [b'\'' | b'`', inner @ .., b'\'' | b'`'] = name {
                name = inner;
            }
        }
        self.path.push_key(name);
        self.current.stepped = true;
        self.expect = Expect::Value;
    }

    fn value(&mut self, text: Text, place: Place) {
        let first = match text {
            Text::Borrowed(from, to) if from == to => None,
            Text::Borrowed(from, _) => self.document.get(from),
            Text::Decoded => self.level.text.first(),
        };
        let nests = place == Place::String && self.depth < MAX_NESTED && may_nest(first);
        if !(nests && self.nested(text)) {
            self.leaf(text, place);
        }
        self.value_done();
    }

    /// Enters a string that holds JSON; says whether it did.
    fn nested(&mut self, text: Text) -> bool {
        let inner = match text {
            Text::Borrowed(from, to) => &self.document[from..to],
            Text::Decoded => &self.level.text,
        };
        if !looks_like_json(inner) {
            return false;
        }
        let base = match text {
            Text::Borrowed(from, to) => self.base.map(from, to, &mut self.level.segments),
            Text::Decoded => Map::Segments(&self.level.segments),
        };
        document(inner, base, self.depth + 1, self.path, self.deeper, self.events);
        true
    }

    fn leaf(&mut self, text: Text, place: Place) {
        let (text, map) = match text {
            Text::Borrowed(from, to) => {
                (&self.document[from..to], self.base.map(from, to, &mut self.level.segments))
            }
            Text::Decoded => (self.level.text.as_slice(), Map::Segments(&self.level.segments)),
        };
        let leaf = Leaf { text, map, path: self.path.as_path(), place, depth: self.depth };
        if !text.is_empty() {
            self.events.leaf(&leaf);
        } else if place == Place::String {
            self.events.blank(&leaf);
        }
    }

    /// A number, a literal, or text that should not be here. Returns where to go on.
    fn bare(&mut self, at: usize) -> usize {
        let rest = &self.document[at..];
        let len = bare_len(rest);
        let (token, after) = rest.split_at(len);
        let in_key = self.current.kind == Kind::Object && self.expect == Expect::Key;
        if !in_key && self.ends_scalar(after) {
            if is_literal(token) {
                let map = self.base.map(at, at + len, &mut self.level.segments);
                let path = self.path.as_path();
                self.events.blank(&Leaf { text: token, map, path, place: Place::Number, depth: self.depth });
                self.value_done();
                return at + len;
            }
            if is_number(token) {
                self.value(Text::Borrowed(at, at + len), Place::Number);
                return at + len;
            }
        }
        self.text(at)
    }

    /// Whether a number or literal may end where `after` begins; else it is the first word of a text.
    fn ends_scalar(&self, after: &[u8]) -> bool {
        let next = after.iter().find(|b| !matches!(b, b' ' | b'\t' | b'\r'));
        match next {
            None | Some(b'\n' | b'"' | b'{' | b'[') => true,
            Some(b',' | b'}' | b']') => self.current.kind != Kind::Top,
            Some(_) => false,
        }
    }

    /// Text where a token should be, escapes decoded. Returns where to go on.
    fn text(&mut self, at: usize) -> usize {
        let (stop, escapes) = self.text_end(at);
        let len = self.document[at..stop].trim_ascii_end().len();
        let text = if escapes {
            let Level { text, segments, .. } = &mut *self.level;
            decode(self.document, at, Until::At(at + len), &mut self.base, text, segments);
            Text::Decoded
        } else {
            Text::Borrowed(at, at + len)
        };
        let in_object = self.current.kind == Kind::Object && self.expect != Expect::Value;
        if in_object && self.document.get(stop) == Some(&b':') {
            self.key(text, Place::Text);
        } else if in_object {
            self.leaf(text, Place::Text);
        } else {
            self.value(text, Place::Text);
        }
        stop
    }

    /// Where the text that begins at `at` ends, and whether it holds a backslash.
    fn text_end(&self, at: usize) -> (usize, bool) {
        let top = self.current.kind == Kind::Top;
        let colon = self.current.kind == Kind::Object && self.expect != Expect::Value;
        let (mut end, mut escapes) = (at, false);
        while let Some(&byte) = self.document.get(end) {
            match byte {
                b'\\' => {
                    escapes = true;
                    end += 1;
                }
                b'"' | b'\n' => break,
                b'[' if !top && self.marker_len(end) > 0 => end += self.marker_len(end) - 1,
                b'{' | b'[' if top && end > at && looks_like_json(&self.document[end..]) => break,
                b',' | b'{' | b'}' | b'[' | b']' if !top => break,
                b':' if colon => break,
                _ => {}
            }
            end += 1;
        }
        (end.min(self.document.len()), escapes)
    }
}

/// One of the three words that are values and hold no text.
pub(super) fn is_literal(token: &[u8]) -> bool {
    matches!(token, b"true" | b"false" | b"null")
}

/// Whether JSON may begin inside a string that begins with this byte.
pub(super) fn may_nest(first: Option<&u8>) -> bool {
    matches!(first, Some(b'{' | b'[' | b' ' | b'\t' | b'\r' | b'\n' | 0xef))
}

/// Length of the number or literal that `bytes` begin with, if they begin with one.
pub(super) fn bare_len(bytes: &[u8]) -> usize {
    bytes.iter().position(|b| DELIMITER[usize::from(*b)]).unwrap_or(bytes.len())
}

/// What ends a number or a literal.
static DELIMITER: [bool; 256] = {
    let mut table = [false; 256];
    let (all, mut i) = (b" \t\r\n\",:{}[]\\", 0);
    while i < all.len() {
        table[all[i] as usize] = true;
        i += 1;
    }
    table
};

/// The offset of the next quote or backslash, or of the end. Most strings are short: two words are looked at in
/// place before the vector search is set up.
#[inline]
pub(super) fn quote_or_backslash(document: &[u8], from: usize) -> usize {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    const QUOTES: u64 = u64::from_ne_bytes([b'"'; 8]);
    const BACKSLASHES: u64 = u64::from_ne_bytes([b'\\'; 8]);
    let zeros = |w: u64| w.wrapping_sub(ONES) & !w & HIGHS;
    let mut at = from;
    for _ in 0..2 {
        let Some(bytes) = document.get(at..).and_then(|d| d.first_chunk::<8>()) else { break };
        let word = u64::from_le_bytes(*bytes);
        let found = zeros(word ^ QUOTES) | zeros(word ^ BACKSLASHES);
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = document.get(at..).unwrap_or_default();
    memchr2(b'"', b'\\', rest).map_or(document.len(), |n| at + n)
}
