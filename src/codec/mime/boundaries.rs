//! Where the parts of a multipart stand, RFC 2046 section 5.1.1.

use super::header;
use crate::span::Span;

/// A line `--boundary` or `--boundary--`.
pub(super) struct Delimiter {
    /// With its line end.
    pub(super) span: Span,
    pub(super) closes: bool,
}

/// The delimiters of a multipart, in order, and whether all readers see the same ones.
///
/// Some take `--boundary` for one wherever it stands, or whatever stands behind it, or read on behind the last; what is text to one
/// is then a part with an encoding of its own to another.
pub(super) fn delimiters(bytes: &[u8], span: Span, boundary: &[u8]) -> (Vec<Delimiter>, bool) {
    let mut found: Vec<Delimiter> = Vec::new();
    let text = &bytes[..span.end()];
    let mark = [b"--", boundary].concat();
    let mut sure = true;
    for at in memchr::memmem::find_iter(&text[span.start()..], &mark).map(|at| span.start() + at) {
        // What stands behind the end is an epilogue, whatever it looks like.
        if found.last().is_some_and(|last| last.closes) {
            sure = false;
            break;
        }
        if at > span.start() && text[at - 1] != b'\n' {
            sure = false;
            continue;
        }
        let (line_end, next) = header::line(text, at);
        let rest = &text[at + mark.len()..line_end.max(at + mark.len())];
        let (closes, rest) = rest.strip_prefix(b"--").map_or((false, rest), |rest| (true, rest));
        if rest.iter().all(|b| matches!(b, b' ' | b'\t')) {
            found.push(Delimiter { span: Span::at(at, next), closes });
        } else {
            sure = false;
        }
    }
    (found, sure)
}

/// Whether all readers take a boundary for the same: blanks at its ends may not count, and an empty one is none.
pub(super) fn is_sure(boundary: &[u8]) -> bool {
    !boundary.is_empty()
        && boundary.trim_ascii().len() == boundary.len()
        && boundary.iter().all(|b| b.is_ascii_graphic() || *b == b' ')
}

/// Where a part ends: the line end before a delimiter is the delimiter's.
pub(super) fn without_line_end(bytes: &[u8], part: Span) -> usize {
    let text = &bytes[part.range()];
    let text = text.strip_suffix(b"\n").map_or(text, |t| t.strip_suffix(b"\r").unwrap_or(t));
    part.start() + text.len()
}
