//! Plain text: the record is one leaf.
//!
//! Programs write JSON, quoted strings and line ends of other texts into their lines with backslashes, and
//! those can hide what the line holds: `219\u002d10-9999`, `03\/14\/1962`, `\nSSN` (where no word seems to begin). So a
//! line with a backslash is read with its escapes undone. A line without one is the payload itself.

use memchr::memchr;

use super::json::escape;
use super::{Edit, Leaf, Map, Path, Place, Segment};

/// Memory kept from record to record.
#[derive(Default)]
pub(crate) struct Scratch {
    text: Vec<u8>,
    segments: Vec<Segment>,
}

/// Visits the one leaf of a line.
pub(super) fn leaves(payload: &[u8], scratch: &mut Scratch, visit: &mut dyn FnMut(&Leaf<'_>)) {
    let direct = (payload, Map::Direct(0));
    let (text, map) = match memchr(b'\\', payload) {
        Some(first) if scratch.decode(payload, first) => {
            (scratch.text.as_slice(), Map::Segments(&scratch.segments))
        }
        _ => direct,
    };
    visit(&Leaf { text, map, path: Path::ROOT, place: Place::Text, depth: 0 });
}

/// Writes the line with its edits to the end of `out`.
pub(super) fn encode(payload: &[u8], edits: &[Edit], text: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    for e in edits {
        out.extend_from_slice(&payload[at..e.span.start()]);
        out.extend_from_slice(&text[e.replacement.range()]);
        at = e.span.end();
    }
    out.extend_from_slice(&payload[at..]);
}

impl Scratch {
    /// Undoes the escapes from the backslash at `first` on; says whether there were any.
    ///
    /// Nobody can say how often a line was quoted: any run of backslashes counts as one, so that `\\u002d` is read
    /// like `\u002d`. In a line without quotes an escape of white space counts only where no small letter follows, as in
    /// `\nSSN`: `C:\temp\reports` is a path.
    fn decode(&mut self, payload: &[u8], first: usize) -> bool {
        self.text.clear();
        self.segments.clear();
        let quoted = memchr(b'"', payload).is_some();
        let (mut copied, mut at) = (0, first);
        loop {
            let run = payload[at..].iter().take_while(|b| **b == b'\\').count();
            let last = at + run - 1;
            let decoded = escape(&payload[last..]).filter(|(c, len)| {
                let next = payload.get(last + len).copied().unwrap_or(b' ');
                let white = *len == 2 && c.is_ascii_control();
                quoted || !white || !next.is_ascii_lowercase()
            });
            match decoded {
                Some((c, len)) => {
                    self.copy(payload, copied, at);
                    let start = self.text.len() as u32;
                    self.text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    let text_len = self.text.len() as u32 - start;
                    let raw_len = (last + len - at) as u32;
                    self.segments.push(Segment {
                        text: start,
                        text_len,
                        raw: at as u32,
                        raw_len,
                        verbatim: false,
                    });
                    at = last + len;
                    copied = at;
                }
                None => at += run,
            }
            match memchr(b'\\', &payload[at..]) {
                Some(n) => at += n,
                None => break,
            }
        }
        if self.segments.is_empty() {
            return false;
        }
        self.copy(payload, copied, payload.len());
        true
    }

    fn copy(&mut self, payload: &[u8], from: usize, to: usize) {
        if from < to {
            let (text, len) = (self.text.len() as u32, (to - from) as u32);
            self.segments.push(Segment {
                text,
                text_len: len,
                raw: from as u32,
                raw_len: len,
                verbatim: true,
            });
            self.text.extend_from_slice(&payload[from..to]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Span;

    fn text_of(payload: &[u8]) -> (Vec<u8>, bool) {
        let mut got = Vec::new();
        leaves(payload, &mut Scratch::default(), &mut |leaf| {
            let whole = leaf.map.to_payload(Span::at(0, leaf.text.len()));
            assert_eq!(whole, Span::at(0, payload.len()));
            got.push((leaf.text.to_vec(), matches!(leaf.map, Map::Direct(0))));
        });
        assert_eq!(got.len(), 1, "one leaf a line");
        got.remove(0)
    }

    #[test]
    fn a_line_without_escapes_is_the_payload() {
        for line in [
            "",
            "call John Smith",
            r"C:\temp\reports\new",
            r"\d+ \w",
            "caf\u{e9} \"x\"",
            "end\\",
            r"\\host\share",
        ] {
            assert_eq!(text_of(line.as_bytes()), (line.as_bytes().to_vec(), true), "{line}");
        }
        let odd = b"nul \0 and \xff\xfe bytes";
        assert_eq!(text_of(odd), (odd.to_vec(), true));
    }

    #[test]
    fn escapes_hide_nothing() {
        let cases = [
            (r#"INFO handled {"ssn":"219\u002d10-9999"}"#, r#"INFO handled {"ssn":"219-10-9999"}"#),
            (r#"INFO {"m":"{\"ssn\":\"219\\u002d10-9999\"}"}"#, r#"INFO {"m":"{"ssn":"219-10-9999"}"}"#),
            (r"dob 03\/14\/1962", "dob 03/14/1962"),
            (r"intake\nSSN: 219-10-9999\n219-10-9998", "intake\nSSN: 219-10-9999\n219-10-9998"),
            (r#"msg="a\nssn 219-10-9999""#, "msg=\"a\nssn 219-10-9999\""),
            (r"\u004aohn", "John"),
            (r"\ud83d\ude00 ok", "\u{1f600} ok"),
            (r"C:\temp\u0041", "C:\\tempA"),
        ];
        for (line, want) in cases {
            let (text, direct) = text_of(line.as_bytes());
            assert_eq!(String::from_utf8_lossy(&text), want, "{line}");
            assert!(!direct);
        }
    }

    #[test]
    fn edits_are_spliced() {
        let mut out = b"> ".to_vec();
        let edit = |from, to, a, b| Edit {
            span: Span::new(from, to),
            replacement: Span::new(a, b),
            place: Place::Text,
            depth: 0,
        };
        encode(
            b"call John, ssn 219-10-9999\xff",
            &[edit(5, 9, 0, 6), edit(15, 26, 6, 11)],
            b"[NAME][SSN]",
            &mut out,
        );
        assert_eq!(out, b"> call [NAME], ssn [SSN]\xff");
    }
}
