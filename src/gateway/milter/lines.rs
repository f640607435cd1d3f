//! Line ends made whole: a judge sees CRLF, and neither byte alone.
//!
//! As in SMTP (RFC 5321, 2.3.8): a bare LF is a line end, as what it nearly always is, and becomes CRLF; a bare CR
//! becomes a space, as it may not begin a line where none was.

use std::borrow::Cow;

/// Makes line ends whole in a text that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The last byte was a CR, and what it is depends on the next.
    cr: bool,
    /// Something was not as it is now.
    changed: bool,
}

impl Lines {
    /// Reads on, and gives what is read to `emit`.
    pub(super) fn feed(&mut self, mut input: &[u8], mut emit: impl FnMut(&[u8])) {
        while let Some(&first) = input.first() {
            if std::mem::take(&mut self.cr) {
                if first == b'\n' {
                    emit(b"\r\n");
                    input = &input[1..];
                } else {
                    self.changed = true;
                    emit(b" ");
                }
                continue;
            }
            let end = whole_lines(input);
            emit(&input[..end]);
            input = &input[end..];
            match input.first() {
                Some(b'\r') => self.cr = true,
                Some(_) => {
                    self.changed = true;
                    emit(b"\r\n");
                }
                None => return,
            }
            input = &input[1..];
        }
    }

    /// The text has ended. Returns whether it was changed.
    pub(super) fn finish(self, mut emit: impl FnMut(&[u8])) -> bool {
        if self.cr {
            emit(b" ");
        }
        self.changed || self.cr
    }
}

/// How far CRs and LFs come in pairs only.
fn whole_lines(input: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'\r', b'\n', &input[at..]) {
        if !input[at + found..].starts_with(b"\r\n") {
            return at + found;
        }
        at += found + 2;
    }
    input.len()
}

/// A text with whole line ends.
pub(super) fn whole(text: &[u8]) -> Cow<'_, [u8]> {
    if whole_lines(text) == text.len() {
        return Cow::Borrowed(text);
    }
    let mut lines = Lines::default();
    let mut out = Vec::with_capacity(text.len() + text.len() / 16);
    lines.feed(text, |piece| out.extend_from_slice(piece));
    lines.finish(|piece| out.extend_from_slice(piece));
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_whole_in_every_cut() {
        for (text, expected) in [
            ("", ""),
            ("a\r\nb\r\n", "a\r\nb\r\n"),
            ("a", "a"),
            ("\r\n\r\n", "\r\n\r\n"),
            ("a\nb", "a\r\nb"),
            ("\n\n", "\r\n\r\n"),
            ("a\rb", "a b"),
            ("\r\r\n", " \r\n"),
            ("\n\r", "\r\n "),
            ("\r\r", "  "),
            ("a\n\r\nb\r", "a\r\n\r\nb "),
        ] {
            for size in 1..=text.len().max(1) {
                let (mut lines, mut out) = (Lines::default(), Vec::new());
                for piece in text.as_bytes().chunks(size) {
                    lines.feed(piece, |p| out.extend_from_slice(p));
                }
                let changed = lines.finish(|p| out.extend_from_slice(p));
                assert_eq!(std::str::from_utf8(&out).unwrap(), expected, "{text:?} in pieces of {size}");
                assert_eq!(changed, text != expected, "{text:?}");
            }
            assert_eq!(whole(text.as_bytes()), expected.as_bytes());
        }
    }
}
