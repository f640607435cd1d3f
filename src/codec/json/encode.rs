//! Splices edits into a payload.

use super::{NumberStyle, keys, lex};
use crate::codec::{Edit, Place};
use crate::span::Span;

/// Memory of the encoder.
#[derive(Default)]
pub(super) struct Memory {
    /// A replacement on its way through the escaping.
    escaped: Vec<u8>,
    /// The same before its next round.
    before: Vec<u8>,
    /// Where edited keys stand in the output.
    edited_keys: Vec<Span>,
    keys: keys::Memory,
}

/// Writes the payload with its edits to the end of `out`; valid JSON stays valid.
pub(in crate::codec) fn encode(
    payload: &[u8],
    edits: &[Edit],
    text: &[u8],
    number: NumberStyle,
    scratch: &mut super::Scratch,
    out: &mut Vec<u8>,
) {
    let super::Scratch { lexer, encoder } = scratch;
    let begin = out.len();
    encoder.edited_keys.clear();
    let mut at = 0;
    for edit in edits {
        debug_assert!(at <= edit.span.start(), "edits are sorted and do not overlap");
        debug_assert!(covers_number(payload, edit), "a number is replaced whole");
        out.extend_from_slice(&payload[at..edit.span.start()]);
        let start = out.len();
        encoder.replacement(&text[edit.replacement.range()], edit, number, out);
        if edit.place == Place::Key {
            encoder.edited_keys.push(Span::at(start - begin, out.len() - begin));
        }
        at = edit.span.end();
    }
    out.extend_from_slice(&payload[at..]);
    if !encoder.edited_keys.is_empty() {
        separate_keys(lexer, encoder, out, begin);
    }
}

/// Renames edited keys that have become equal to another of their object.
fn separate_keys(lexer: &mut lex::Memory, encoder: &mut Memory, out: &mut Vec<u8>, begin: usize) {
    let renamed = keys::renamed(&out[begin..], &encoder.edited_keys, lexer, &mut encoder.keys);
    if renamed.is_empty() {
        return;
    }
    let whole = &mut encoder.escaped;
    whole.clear();
    whole.extend_from_slice(&out[begin..]);
    out.truncate(begin);
    let mut at = 0;
    for (end, suffix) in renamed {
        out.extend_from_slice(&whole[at..*end as usize]);
        out.extend_from_slice(suffix.as_bytes());
        at = *end as usize;
    }
    out.extend_from_slice(&whole[at..]);
}

impl Memory {
    /// Writes one replacement, quoted and escaped for its place.
    fn replacement(&mut self, text: &[u8], edit: &Edit, number: NumberStyle, out: &mut Vec<u8>) {
        let rounds = match (edit.place, number) {
            (Place::Text, _) => edit.depth,
            (Place::String | Place::Key, _) => edit.depth + 1,
            (Place::Number, NumberStyle::Null) => return out.extend_from_slice(b"null"),
            (Place::Number, NumberStyle::Zero) => return out.extend_from_slice(b"0"),
            (Place::Number, NumberStyle::String) => {
                self.before.clear();
                self.before.push(b'"');
                escape(text, &mut self.before);
                self.before.push(b'"');
                return self.escape_rounds(edit.depth, out);
            }
        };
        if rounds == 0 || !text.iter().any(|b| needs_escape(*b)) {
            return out.extend_from_slice(text);
        }
        self.before.clear();
        self.before.extend_from_slice(text);
        self.escape_rounds(rounds, out);
    }

    /// Escapes what stands in `before` once for each string around it.
    fn escape_rounds(&mut self, rounds: u8, out: &mut Vec<u8>) {
        for _ in 0..rounds {
            self.escaped.clear();
            escape(&self.before, &mut self.escaped);
            std::mem::swap(&mut self.before, &mut self.escaped);
        }
        out.extend_from_slice(&self.before);
    }
}

fn needs_escape(b: u8) -> bool {
    b < 0x20 || matches!(b, b'"' | b'\\')
}

/// Appends `text` as it stands inside a JSON string.
fn escape(text: &[u8], out: &mut Vec<u8>) {
    for &b in text {
        match b {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', b]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                let hex = |n: u8| if n < 10 { b'0' + n } else { b'a' + n - 10 };
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(b >> 4), hex(b & 15)]);
            }
            _ => out.push(b),
        }
    }
}

/// Whether a number's edit leaves no part of it. Inside a string the neighbours may belong to an escape.
fn covers_number(payload: &[u8], edit: &Edit) -> bool {
    let outside = |b: Option<&u8>| !b.is_some_and(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.'));
    edit.place != Place::Number
        || edit.depth > 0
        || outside(payload[..edit.span.start()].last()) && outside(payload.get(edit.span.end()))
}
