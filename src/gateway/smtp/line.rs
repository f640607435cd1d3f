//! Lines of commands (RFC 5321, 2.3.8), found in what has come so far.

/// What came where a line was waited for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line, without its CRLF.
    Whole(Vec<u8>),
    /// One over the limit; it was read to its end and thrown away.
    TooLong,
    /// A bare CR, a bare LF or a NUL. What follows cannot be trusted to be what the sender meant as a line (RFC 5321,
    /// 2.3.8).
    Broken,
}

/// Looks for the end of a line, at each byte once. What it finds does not depend on the pieces that the line comes in.
#[derive(Debug, Default)]
pub(super) struct LineReader {
    looked_at: usize,
    /// The beginning was over the limit, and is thrown away.
    over: bool,
    /// It was broken too.
    broken: bool,
}

impl LineReader {
    /// Looks on in all that has come and was not consumed; a line may have `limit` bytes with its CRLF. Returns how many
    /// bytes are to be consumed now, and the line where it is whole.
    pub(super) fn feed(&mut self, buffered: &[u8], limit: usize) -> (usize, Option<Line>) {
        let fresh = &buffered[self.looked_at.min(buffered.len())..];
        if let Some(at) = memchr::memchr(b'\n', fresh).map(|at| at + buffered.len() - fresh.len()) {
            let line = match buffered[..at].strip_suffix(b"\r") {
                Some(line) if !self.broken && !is_broken(line) => {
                    let fits = !self.over && line.len() + 2 <= limit;
                    if fits { Line::Whole(line.to_vec()) } else { Line::TooLong }
                }
                _ => Line::Broken,
            };
            return (at + 1, Some(line));
        }
        self.looked_at = buffered.len();
        if self.looked_at <= limit {
            return (0, None);
        }
        // A CR at the end may be half of the line's own CRLF.
        let away = buffered.strip_suffix(b"\r").unwrap_or(buffered);
        self.looked_at -= away.len();
        (self.over, self.broken) = (true, self.broken || is_broken(away));
        (away.len(), None)
    }
}

fn is_broken(line: &[u8]) -> bool {
    memchr::memchr2(b'\r', 0, line).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_in_all_pieces() {
        let whole = |text: &str| Line::Whole(text.as_bytes().to_vec());
        for (bytes, line, rest) in [
            ("NOOP\r\nQUIT\r\n", whole("NOOP"), "QUIT\r\n"),
            ("\r\n", whole(""), ""),
            ("12345678\r\n", whole("12345678"), ""),
            ("123456789\r\n.", Line::TooLong, "."),
            ("123456789012345678901\r\n.", Line::TooLong, "."),
            ("NOOP\nQ", Line::Broken, "Q"),
            ("NO\rOP\r\n", Line::Broken, ""),
            ("NO\0OP\r\n", Line::Broken, ""),
            ("NOOP\r\r\n", Line::Broken, ""),
            ("\n", Line::Broken, ""),
            ("123456789012345678901\nQ", Line::Broken, "Q"),
            ("1234567890\r12345678901\r\nQ", Line::Broken, "Q"),
            ("123456789\x0012345678901\r\nQ", Line::Broken, "Q"),
            ("123456789012345678901\r\r\nQ", Line::Broken, "Q"),
        ] {
            for piece in 1..=bytes.len() {
                let (mut reader, mut buffered, mut found) = (LineReader::default(), Vec::new(), None);
                for piece in bytes.as_bytes().chunks(piece) {
                    buffered.extend_from_slice(piece);
                    if found.is_none() {
                        let (read, line) = reader.feed(&buffered, 10);
                        buffered.drain(..read);
                        found = line;
                        assert!(found.is_some() || buffered.len() <= 10, "{bytes:?}: it keeps too much");
                    }
                }
                assert_eq!(found.as_ref(), Some(&line), "{bytes:?} in pieces of {piece}");
                assert_eq!(buffered, rest.as_bytes(), "{bytes:?} in pieces of {piece}");
            }
        }
    }
}
