//! Undoes the escapes of a string (RFC 8259 section 7) and keeps the way back.

use memchr::{memchr, memchr2};

use crate::codec::{Map, Segment};
use crate::span::Span;

/// Where a text ends.
#[derive(Clone, Copy)]
pub(super) enum Until {
    /// At a quote that is not escaped, or where the document ends.
    Quote,
    /// At this offset.
    At(usize),
}

/// Decodes `document[from..]` into `text`, and the way back into `segments`. Returns the offset of what ended it.
/// An escape that is none is taken as it stands; half a surrogate pair becomes U+FFFD.
pub(super) fn decode(
    document: &[u8],
    from: usize,
    until: Until,
    base: &mut Base<'_>,
    text: &mut Vec<u8>,
    segments: &mut Vec<Segment>,
) -> usize {
    text.clear();
    segments.clear();
    let limit = match until {
        Until::Quote => document.len(),
        Until::At(end) => end,
    };
    // Bytes from `copied` on are still to be taken over as they are.
    let (mut copied, mut at) = (from, from);
    loop {
        let rest = &document[at..limit];
        let found = match until {
            Until::Quote => memchr2(b'"', b'\\', rest),
            Until::At(_) => memchr(b'\\', rest),
        };
        let stop = found.map_or(limit, |n| at + n);
        if stop == limit || document[stop] == b'"' {
            base.verbatim(text.len(), copied, stop - copied, segments);
            text.extend_from_slice(&document[copied..stop]);
            return stop;
        }
        match escape(&document[stop..limit]) {
            Some((c, len)) => {
                base.verbatim(text.len(), copied, stop - copied, segments);
                text.extend_from_slice(&document[copied..stop]);
                let start = text.len();
                text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                base.indivisible(start, text.len() - start, stop, len, segments);
                at = stop + len;
                copied = at;
            }
            // What follows the backslash cannot end the string: the one escape with a quote is a good one.
            None => at = stop + 1,
        }
    }
}

/// The character an escape stands for and its length; `None` where the backslash begins no escape.
pub(in crate::codec) fn escape(text: &[u8]) -> Option<(char, usize)> {
    let c = match text.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(text),
        _ => return None,
    };
    Some((c, 2))
}

fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let high = hex4(text.get(2..6)?)?;
    if let Some(c) = char::from_u32(high) {
        return Some((c, 6));
    }
    let low = text.get(6..12).filter(|t| t.starts_with(b"\\u")).and_then(|t| hex4(&t[2..]));
    match (high, low) {
        (0xd800..0xdc00, Some(low @ 0xdc00..0xe000)) => {
            let c = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            Some((char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER), 12))
        }
        _ => Some((char::REPLACEMENT_CHARACTER, 6)),
    }
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |n, b| Some(n << 4 | char::from(*b).to_digit(16)?))
}

/// The way from a document to the payload it stands in: none for the payload itself, the segments of the string it
/// was decoded from otherwise.
pub(super) struct Base<'a> {
    map: Map<'a>,
    /// The segment that was asked for last: a walk goes forward, so the next one is near.
    near: usize,
}

impl<'a> Base<'a> {
    pub(super) fn new(map: Map<'a>) -> Base<'a> {
        Base { map, near: 0 }
    }

    /// The index of the segment that byte `at` of the document stands in.
    #[inline]
    fn segment(&mut self, segments: &[Segment], at: u32) -> usize {
        if segments.get(self.near).is_none_or(|s| s.text > at) {
            self.near = segments.partition_point(|s| s.text + s.text_len <= at);
        }
        while segments.get(self.near).is_some_and(|s| s.text + s.text_len <= at) {
            self.near += 1;
        }
        self.near
    }

    /// The way to the payload from the part of the document between two offsets; `segments` is used where
    /// that takes more than one.
    #[inline]
    pub(super) fn map<'s>(&mut self, from: usize, to: usize, segments: &'s mut Vec<Segment>) -> Map<'s> {
        let outer = match self.map {
            Map::Direct(offset) => return Map::Direct(offset + from as u32),
            Map::Segments(outer) => outer,
        };
        let first = self.segment(outer, from as u32);
        match outer.get(first) {
            Some(s) if s.verbatim && to as u32 <= s.text + s.text_len => {
                Map::Direct(s.raw + from as u32 - s.text)
            }
            _ => {
                segments.clear();
                self.verbatim(0, from, to - from, segments);
                Map::Segments(segments)
            }
        }
    }

    /// Adds the segments of `len` bytes of the document that stand for themselves; `raw` is where.
    fn verbatim(&mut self, text: usize, raw: usize, len: usize, segments: &mut Vec<Segment>) {
        if len == 0 {
            return;
        }
        let outer = match self.map {
            Map::Direct(offset) => {
                return segments.push(Segment {
                    text: text as u32,
                    text_len: len as u32,
                    raw: offset + raw as u32,
                    raw_len: len as u32,
                    verbatim: true,
                });
            }
            Map::Segments(outer) => outer,
        };
        let (start, end) = (raw as u32, (raw + len) as u32);
        let first = self.segment(outer, start);
        for s in outer[first..].iter().take_while(|s| s.text < end) {
            let from = s.text.max(start);
            let to = (s.text + s.text_len).min(end);
            segments.push(Segment {
                text: text as u32 + (from - start),
                text_len: to - from,
                raw: if s.verbatim { s.raw + (from - s.text) } else { s.raw },
                raw_len: if s.verbatim { to - from } else { s.raw_len },
                verbatim: s.verbatim,
            });
        }
    }

    /// Adds the segment of an escape: `len` bytes of text from `raw_len` bytes of the document at `raw`.
    fn indivisible(
        &mut self,
        text: usize,
        len: usize,
        raw: usize,
        raw_len: usize,
        segments: &mut Vec<Segment>,
    ) {
        let payload = match self.map {
            Map::Direct(offset) => Span::at(raw, raw + raw_len).shifted(offset as usize),
            Map::Segments(outer) => {
                // Few segments make up an escape: those from the first on that the map needs to look at.
                let first = self.segment(outer, raw as u32);
                let last = outer.len().min(first + raw_len);
                Map::Segments(&outer[first..last]).to_payload(Span::at(raw, raw + raw_len))
            }
        };
        segments.push(Segment {
            text: text as u32,
            text_len: len as u32,
            raw: payload.start() as u32,
            raw_len: payload.len() as u32,
            verbatim: false,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_decode() {
        let cases: &[(&str, &str, usize)] = &[
            (r"\u004aohn", "John", 9),
            (r#"a\"b\\c\/d"#, "a\"b\\c/d", 10),
            (r"\b\f\n\r\t", "\u{8}\u{c}\n\r\t", 10),
            (r"\ud83d\ude00!", "\u{1f600}!", 13),
            (r"\ud83d!", "\u{fffd}!", 7),
            (r"\ude00\ud83d", "\u{fffd}\u{fffd}", 12),
            (r"\ud83d\u0041", "\u{fffd}A", 12),
            (r"\x41 \u00g1 \u12", r"\x41 \u00g1 \u12", 16),
            (r#"cut\"#, r#"cut\"#, 4),
            (r#"ab"cd"#, "ab", 2),
            ("é\\u00e9", "éé", 8),
            ("", "", 0),
        ];
        for (raw, want, ends) in cases {
            let (mut text, mut segments) = (Vec::new(), Vec::new());
            let end = decode(
                raw.as_bytes(),
                0,
                Until::Quote,
                &mut Base::new(Map::Direct(0)),
                &mut text,
                &mut segments,
            );
            assert_eq!((String::from_utf8_lossy(&text).as_ref(), end), (*want, *ends), "{raw}");
            let whole = Map::Segments(&segments).to_payload(Span::at(0, text.len()));
            assert_eq!(whole, Span::at(0, end), "{raw}");
            assert_eq!(segments.iter().map(|s| s.text_len as usize).sum::<usize>(), text.len(), "{raw}");
        }
    }
}
