//! Replies: reading the relay's, and writing our own.

use super::wire::CHUNK;

/// A reply of the relay, as it came: what the client is told word for word.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Reply {
    code: u16,
    text: Vec<u8>,
}

/// The bytes are no reply (RFC 5321, 4.2).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoReply;

impl Reply {
    /// The reply that `bytes` begin with and its length there; `None` while it is not whole.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Reply, usize)>, NoReply> {
        let (mut at, mut text, mut first) = (0, Vec::new(), None);
        loop {
            let Some(end) = memchr::memchr(b'\n', &bytes[at..]) else {
                // No server says this much in one reply; one that never ends must not fill the memory.
                return if bytes.len() > CHUNK { Err(NoReply) } else { Ok(None) };
            };
            let line = &bytes[at..at + end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let (code, last) = code(line).ok_or(NoReply)?;
            if *first.get_or_insert(code) != code {
                return Err(NoReply);
            }
            // A CR inside a line would let a relay's text look like two replies.
            text.extend(line.iter().map(|&b| if b == b'\r' || b == 0 { b' ' } else { b }));
            text.extend_from_slice(b"\r\n");
            at += end + 1;
            if last {
                return Ok(Some((Reply { code, text }, at)));
            }
        }
    }

    pub(super) fn code(&self) -> u16 {
        self.code
    }

    /// 2xx.
    pub(super) fn is_done(&self) -> bool {
        self.code / 100 == 2
    }

    /// 4xx or 5xx.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.code / 100, 4 | 5)
    }

    /// The relay says that it closes (RFC 5321, 3.8).
    pub(super) fn is_goodbye(&self) -> bool {
        self.code == 421
    }

    /// The whole of it, with each line's CRLF.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.text
    }

    /// The texts of its lines, without codes.
    pub(super) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.text
            .split(|&b| b == b'\n')
            .map(|l| l.strip_suffix(b"\r").unwrap_or(l))
            .filter_map(|l| l.get(3..))
            .map(|l| match l {
                [b'-' | b' ', rest @ ..] => rest,
                rest => rest,
            })
    }
}

/// Replies may repeat addresses, so only the code is shown.
impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reply({})", self.code)
    }
}

/// A line's code, and whether it is the last of its reply.
fn code(line: &[u8]) -> Option<(u16, bool)> {
    let (&[a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9'], rest) = line.split_first_chunk()? else {
        return None;
    };
    let code = [a, b, c].iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    match rest.first() {
        Some(b'-') => Some((code, false)),
        Some(b' ') | None => Some((code, true)),
        Some(_) => None,
    }
}

/// Bytes of a text in a reply, so that the line stays below the 512 of RFC 5321, 4.5.3.1.5.
const LONGEST_TEXT: usize = 480;

/// A reply of ours whose text comes from elsewhere: on one line, in printable ASCII.
pub(super) fn own(code: &str, enhanced: &str, text: &str) -> Vec<u8> {
    let printable = |c: char| match c {
        ' '..='~' => c,
        c if c.is_whitespace() || c.is_control() => ' ',
        _ => '?',
    };
    let text: String = text.chars().take(LONGEST_TEXT).map(printable).collect();
    format!("{code} {enhanced} {text}\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_whole_or_not_at_all() {
        let long = [b"250-".as_slice(), &[b'x'; CHUNK]].concat();
        for (bytes, expected) in [
            (b"250 2.0.0 Ok\r\n".as_slice(), Ok(Some((250, "250 2.0.0 Ok\r\n", 14)))),
            (b"250\r\n", Ok(Some((250, "250\r\n", 5)))),
            (b"250-a\r\n250 b\r\n220 more", Ok(Some((250, "250-a\r\n250 b\r\n", 14)))),
            (b"250-a\n250 b\n", Ok(Some((250, "250-a\r\n250 b\r\n", 12)))),
            (b"550 a\rb\0c\r\n", Ok(Some((550, "550 a b c\r\n", 11)))),
            (b"", Ok(None)),
            (b"25", Ok(None)),
            (b"250 Ok\r", Ok(None)),
            (b"250-a\r\n", Ok(None)),
            (b"250-a\r\n550 b\r\n", Err(NoReply)),
            (b"250_a\r\n", Err(NoReply)),
            (b"2500 a\r\n", Err(NoReply)),
            (b"150 a\r\n", Err(NoReply)),
            (b"650 a\r\n", Err(NoReply)),
            (b"hello\r\n", Err(NoReply)),
            (b"\r\n", Err(NoReply)),
            (&long, Err(NoReply)),
        ] {
            let reply = Reply::parse(bytes);
            let text = reply
                .as_ref()
                .map(|r| r.as_ref().map(|(r, n)| (r.code(), std::str::from_utf8(r.bytes()).unwrap(), *n)));
            assert_eq!(text.map_err(|_| NoReply), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn the_lines_of_a_reply() {
        let (reply, _) = Reply::parse(b"250-mail.example\r\n250-SIZE 10\r\n250 DSN\r\n").unwrap().unwrap();
        assert_eq!(reply.lines().collect::<Vec<_>>(), [b"mail.example".as_slice(), b"SIZE 10", b"DSN"]);
        assert_eq!(format!("{reply:?}"), "Reply(250)");
    }

    #[test]
    fn our_texts_stay_on_their_line() {
        assert_eq!(own("550", "5.7.1", "a\r\n250 b\u{85}c\u{e9}\t"), b"550 5.7.1 a  250 b c? \r\n");
        assert!(own("550", "5.7.1", &"\u{1F600}".repeat(9_000)).len() < 512);
    }
}
