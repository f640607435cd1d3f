//! The character sets from before Unicode that have no states: one byte a character, or several.

use std::ops::Range;

use encoding_rs::{DecoderResult, EncoderResult, Encoding};

use super::{View, stand_in};
use crate::span::Span;

/// One byte a character. A byte that none is assigned to stays as it is.
pub(super) fn single_byte(encoding: &'static Encoding, bytes: &[u8]) -> View {
    let table: [Option<String>; 128] = std::array::from_fn(|i| {
        let byte = [i as u8 | 0x80];
        encoding.decode_without_bom_handling_and_without_replacement(&byte).map(|text| text.into_owned())
    });
    let (mut view, mut at) = (View::default(), 0);
    while at < bytes.len() {
        let ascii = Encoding::ascii_valid_up_to(&bytes[at..]);
        view.push_verbatim(&bytes[at..at + ascii], at);
        at += ascii;
        if let Some(b) = bytes.get(at) {
            match &table[usize::from(b & 0x7f)] {
                Some(text) => view.push_decoded(text.as_bytes(), Span::at(at, at + 1)),
                None => view.push_verbatim(&[*b], at),
            }
            at += 1;
        }
    }
    view
}

/// Several bytes a character.
///
/// The first byte of a character without its second would take the first byte of a replacement for it. So malformed
/// bytes and the character after them are one indivisible run, and go together.
pub(super) fn multi_byte(encoding: &'static Encoding, bytes: &[u8]) -> View {
    let mut view = View::default();
    let mut malformed = None::<Range<usize>>;
    characters(encoding, bytes, &mut |raw, text| match (text, malformed.take()) {
        (None, before) => malformed = Some(before.map_or(raw.start, |b| b.start)..raw.end),
        (Some(text), Some(before)) => {
            // Of a run of ASCII only the first character belongs to it.
            let (first, shown) = if bytes[raw.start].is_ascii() { (1, 1) } else { (raw.len(), text.len()) };
            let end = raw.start + first;
            let joined = [&bytes[before.clone()], &text.as_bytes()[..shown]].concat();
            view.push_decoded(&joined, Span::at(before.start, end));
            view.push_verbatim(&bytes[end..raw.end], end);
        }
        (Some(text), None) if bytes[raw.start].is_ascii() => view.push_verbatim(text.as_bytes(), raw.start),
        (Some(text), None) => view.push_decoded(text.as_bytes(), Span::from(raw)),
    });
    if let Some(rest) = malformed {
        view.push_decoded(&bytes[rest.clone()], Span::from(rest));
    }
    view
}

/// Visits runs of ASCII, every other character, and what is malformed (no text), each with the bytes it came from.
pub(super) fn characters(
    encoding: &'static Encoding,
    bytes: &[u8],
    visit: &mut dyn FnMut(Range<usize>, Option<&str>),
) {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut at = 0;
    while at < bytes.len() {
        let ascii = at..at + Encoding::ascii_valid_up_to(&bytes[at..]);
        if !ascii.is_empty() {
            visit(ascii.clone(), str::from_utf8(&bytes[ascii.clone()]).ok());
            at = ascii.end;
            continue;
        }
        // Byte by byte, until one completes a character.
        let (mut end, mut text) = (at, [0; 16]);
        let (result, written) = loop {
            let next = bytes.get(end..end + 1).unwrap_or_default();
            let (result, read, written) =
                decoder.decode_to_utf8_without_replacement(next, &mut text, next.is_empty());
            end += read;
            if written > 0 || next.is_empty() || result != DecoderResult::InputEmpty {
                break (result, written);
            }
        };
        match (result, str::from_utf8(&text[..written])) {
            (DecoderResult::InputEmpty, Ok(text)) if written > 0 => visit(at..end, Some(text)),
            (result, _) => {
                // What of it the decoder has taken but does not find malformed is read again.
                let len =
                    if let DecoderResult::Malformed(len, _) = result { usize::from(len) } else { end - at };
                end = at + len.clamp(1, (end - at).max(1));
                visit(at..end, None);
                decoder = encoding.new_decoder_without_bom_handling();
            }
        }
        at = end;
    }
}

/// Appends a text; whether all its characters are in the set.
pub(super) fn encode(encoding: &'static Encoding, text: &str, out: &mut Vec<u8>) -> bool {
    let mut encoder = encoding.new_encoder();
    let (mut rest, mut whole) = (text, true);
    loop {
        let needed = encoder.max_buffer_length_from_utf8_without_replacement(rest.len());
        out.reserve(needed.unwrap_or(rest.len()));
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, out, true);
        rest = &rest[read..];
        match result {
            EncoderResult::InputEmpty => return whole,
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(c) => {
                out.push(stand_in(c));
                whole = false;
            }
        }
    }
}
