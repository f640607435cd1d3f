//! Messages on the wire: the dots and line ends of DATA (RFC 5321, 4.5.2), read into memory that is accounted for, and
//! written again.
//!
//! Servers do not agree on what `LF . LF` or `CR . CR` means, and mail that one takes for text the next can take for
//! the end of the message and further commands: SMTP smuggling (CVE-2023-51764 and others of that winter). Here only
//! `CRLF . CRLF` ends a message, and neither a bare LF nor a bare CR leaves: a bare LF becomes CRLF, as what it nearly
//! always is; a bare CR becomes a space, as it may not begin a new header line where none was.

use std::sync::Arc;

use super::super::budget::{Budget, Reservation};

/// Taken from the budget for a message of unknown size before it is asked for.
const FIRST_BYTES: usize = 16 << 10;

/// Where a reader stands in the text of DATA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Behind CRLF; the one that ends DATA itself counts.
    LineStart,
    /// Behind `CRLF .`
    Dot,
    /// Behind `CRLF . CR`
    DotCr,
    Text,
    /// Behind a CR in the text.
    Cr,
}

/// Takes dots away and makes line ends whole.
#[derive(Debug)]
struct Unstuffer(At);

impl Unstuffer {
    /// Reads on in `input`, gives the text to `emit`, and returns how many bytes were read and whether the end was
    /// among them.
    fn feed(&mut self, input: &[u8], mut emit: impl FnMut(&[u8])) -> (usize, bool) {
        let mut i = 0;
        while let Some(&b) = input.get(i) {
            match (self.0, b) {
                (At::LineStart, b'.') => (self.0, i) = (At::Dot, i + 1),
                (At::Dot, b'\r') => (self.0, i) = (At::DotCr, i + 1),
                (At::DotCr, b'\n') => {
                    self.0 = At::LineStart;
                    return (i + 1, true);
                }
                (At::Cr, b'\n') => {
                    emit(b"\r\n");
                    (self.0, i) = (At::LineStart, i + 1);
                }
                // Not what it might have become; the byte is looked at again, as text. A dot behind a bare LF is never
                // taken away: the sender did not see a line begin there.
                (At::LineStart | At::Dot, _) => self.0 = At::Text,
                (At::DotCr | At::Cr, _) => {
                    emit(b" ");
                    self.0 = At::Text;
                }
                (At::Text, b'\r') => (self.0, i) = (At::Cr, i + 1),
                (At::Text, b'\n') => {
                    emit(b"\r\n");
                    i += 1;
                }
                (At::Text, _) => {
                    let end = memchr::memchr2(b'\r', b'\n', &input[i..]).map_or(input.len(), |n| i + n);
                    emit(&input[i..end]);
                    // The usual line end goes in one step.
                    if input[end..].starts_with(b"\r\n") {
                        emit(b"\r\n");
                        (self.0, i) = (At::LineStart, end + 2);
                    } else {
                        i = end;
                    }
                }
            }
        }
        (i, false)
    }
}

/// A message as it comes in.
#[derive(Debug)]
pub(super) struct Body {
    unstuffer: Unstuffer,
    kept: Kept,
    limit: usize,
}

/// A message in memory.
pub(super) struct Message {
    pub(super) bytes: Vec<u8>,
    pub(super) reservation: Reservation,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({} bytes)", self.bytes.len())
    }
}

/// What became of a message that was read to its end.
#[derive(Debug)]
pub(super) enum Kept {
    Whole(Message),
    TooLarge,
    NoMemory,
}

impl Body {
    /// Ready for a message of at most `limit` bytes that was declared to have `size`, or 0. `None` where the budget has
    /// not that much left, or nothing for the beginning of one of unknown size.
    pub(super) fn new(budget: &Arc<Budget>, size: usize, limit: usize) -> Option<Body> {
        let reservation = budget.reserve(if size == 0 { FIRST_BYTES.min(limit) } else { size })?;
        let message = Message { bytes: Vec::new(), reservation };
        Some(Body { unstuffer: Unstuffer(At::LineStart), kept: Kept::Whole(message), limit })
    }

    /// Reads on; returns how many bytes were read and whether the message has ended. One that is too long, or that there
    /// is no memory for, is let go at once and its rest thrown away.
    pub(super) fn feed(&mut self, input: &[u8]) -> (usize, bool) {
        let (kept, limit) = (&mut self.kept, self.limit);
        self.unstuffer.feed(input, |text| {
            let Kept::Whole(message) = kept else { return };
            if message.bytes.len() + text.len() > limit {
                *kept = Kept::TooLarge;
            } else if !message.reservation.make_room(&mut message.bytes, text.len()) {
                *kept = Kept::NoMemory;
            } else {
                message.bytes.extend_from_slice(text);
            }
        })
    }

    pub(super) fn finish(self) -> Kept {
        let mut kept = self.kept;
        if let Kept::Whole(message) = &mut kept {
            // What is held is the buffer, not only what is in it.
            message.reservation.shrink_to(message.bytes.capacity());
        }
        kept
    }
}

/// A message on its way to the relay, in pieces: dots are doubled, line ends made whole, and the end put behind it. It
/// does not rely on the judge's message being well-formed.
pub(super) struct Stuffer<'a> {
    rest: &'a [u8],
    at: At,
}

impl<'a> Stuffer<'a> {
    pub(super) fn new(message: &'a [u8]) -> Stuffer<'a> {
        Stuffer { rest: message, at: At::LineStart }
    }

    /// Appends about `bytes` to `out`; `false` when all is there. The last line is whole then, and only [`Stuffer::END`]
    /// is missing.
    pub(super) fn more(&mut self, out: &mut Vec<u8>, bytes: usize) -> bool {
        let until = out.len() + bytes;
        while out.len() < until {
            let Some(&first) = self.rest.first() else {
                if self.at == At::Text {
                    out.extend_from_slice(b"\r\n");
                    self.at = At::LineStart;
                }
                return false;
            };
            if self.at == At::LineStart && first == b'.' {
                out.push(b'.');
            }
            // A line longer than the piece goes in several.
            let window = &self.rest[..self.rest.len().min(bytes.max(1))];
            let end = memchr::memchr2(b'\r', b'\n', window).unwrap_or(window.len());
            out.extend_from_slice(&window[..end]);
            if end > 0 {
                self.at = At::Text;
            }
            self.rest = &self.rest[end..];
            match self.rest {
                _ if end == window.len() => {}
                [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] => {
                    out.extend_from_slice(b"\r\n");
                    (self.rest, self.at) = (rest, At::LineStart);
                }
                [_, rest @ ..] => {
                    out.push(b' ');
                    (self.rest, self.at) = (rest, At::Text);
                }
                [] => {}
            }
        }
        true
    }

    /// The end of a message whose last line is whole.
    pub(super) const END: &'static [u8] = b".\r\n";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text up to the end, and what is left behind it.
    fn unstuff(wire: &[u8], piece: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        let (mut unstuffer, mut text, mut done) = (Unstuffer(At::LineStart), Vec::new(), 0);
        for piece in wire.chunks(piece) {
            let (read, end) = unstuffer.feed(piece, |t| text.extend_from_slice(t));
            done += read;
            if end {
                return Some((text, wire[done..].to_vec()));
            }
        }
        assert_eq!(done, wire.len());
        None
    }

    #[test]
    fn a_message_ends_at_crlf_dot_crlf_only() {
        for (wire, expected) in [
            (".\r\n", Some(("", ""))),
            ("a\r\n.\r\nQUIT\r\n", Some(("a\r\n", "QUIT\r\n"))),
            ("a\r\n..\r\n...b\r\n.c\r\n.\r\n", Some(("a\r\n.\r\n..b\r\nc\r\n", ""))),
            ("\r\n\r\n.\r\n.\r\n", Some(("\r\n\r\n", ".\r\n"))),
            ("h\u{e9}\u{0}\r\n.\r\n", Some(("h\u{e9}\u{0}\r\n", ""))),
            // Smuggling: none of these is an end.
            ("a\n.\nb\r\n.\r\n", Some(("a\r\n.\r\nb\r\n", ""))),
            ("a\n.\r\nb\r\n.\r\n", Some(("a\r\n.\r\nb\r\n", ""))),
            ("a\r\n.\nb\r\n.\r\n", Some(("a\r\n\r\nb\r\n", ""))),
            ("a\r\n.\rb\r\n.\r\n", Some(("a\r\n b\r\n", ""))),
            ("a\r.\rb\r\n.\r\n", Some(("a . b\r\n", ""))),
            ("a\r.\r\nb\r\n.\r\n", Some(("a .\r\nb\r\n", ""))),
            ("a\r\n.\r\rb\r\n.\r\n", Some(("a\r\n  b\r\n", ""))),
            ("a\r\n.\r.\r\nb\r\n.\r\n", Some(("a\r\n .\r\nb\r\n", ""))),
            ("a\r\r\n.\r\n", Some(("a \r\n", ""))),
            ("a\n\r\n.\r\n", Some(("a\r\n\r\n", ""))),
            ("a\n..\n.\r\n\r\n.\r\n", Some(("a\r\n..\r\n.\r\n\r\n", ""))),
            ("\n.\r\n\r\n.\r\n", Some(("\r\n.\r\n\r\n", ""))),
            ("a\n.\n", None),
            ("a\r\n.\r", None),
            ("a\r.\r", None),
            ("a.\r\n", None),
        ] {
            for piece in 1..=wire.len() {
                let got = unstuff(wire.as_bytes(), piece);
                let got = got.as_ref().map(|(t, r)| (str::from_utf8(t).unwrap(), str::from_utf8(r).unwrap()));
                assert_eq!(got, expected, "{wire:?} in pieces of {piece}");
            }
        }
    }

    fn stuff(message: &[u8], piece: usize) -> Vec<u8> {
        let (mut stuffer, mut out) = (Stuffer::new(message), Vec::new());
        while stuffer.more(&mut out, piece) {}
        out.extend_from_slice(Stuffer::END);
        out
    }

    #[test]
    fn nothing_ends_a_message_early_on_its_way_out() {
        for (message, expected) in [
            ("", ".\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            (".\r\n..\r\n.a\r\n", "..\r\n...\r\n..a\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            ("a\n.\nb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\n.\r\nb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r\n.\n", "a\r\n..\r\n.\r\n"),
            ("a\r.\rb", "a . b\r\n.\r\n"),
            ("a\r\n\r.\r\n", "a\r\n .\r\n.\r\n"),
            ("a\r", "a \r\n.\r\n"),
            ("\r\n\r\n", "\r\n\r\n.\r\n"),
        ] {
            for piece in 1..=message.len() + 2 {
                let wire = stuff(message.as_bytes(), piece);
                assert_eq!(str::from_utf8(&wire).unwrap(), expected, "{message:?} in pieces of {piece}");
            }
        }
    }

    /// All texts of up to seven of the bytes that matter: what goes out is read by a strict server as one message, the
    /// same one; and neither `LF . LF` nor anything like it is in it.
    #[test]
    fn all_short_texts_survive_the_way() {
        for len in 0..=7_u32 {
            for number in 0..4_usize.pow(len) {
                let text: Vec<u8> = (0..len).map(|i| b"\r\n.a"[number / 4_usize.pow(i) % 4]).collect();
                let wire = stuff(&text, 3);
                let (read, rest) = unstuff(&wire, 2).expect("it ends");
                assert!(rest.is_empty(), "{text:?}");
                let bare = |i: usize| match wire[i] {
                    b'\n' => i == 0 || wire[i - 1] != b'\r',
                    b'\r' => wire.get(i + 1) != Some(&b'\n'),
                    _ => false,
                };
                assert!(!(0..wire.len()).any(bare), "{text:?}");
                assert_eq!(stuff(&read, 5), wire, "{text:?}");
            }
        }
    }

    #[test]
    fn a_body_stays_in_its_budget() {
        let budget = Budget::new(1 << 20);
        let open = |declared, limit| Body::new(&budget, declared, limit).unwrap();
        let line = [&[b'x'; 998][..], b"\r\n"].concat();

        let mut small = open(0, 5_000);
        assert_eq!(budget.free(), (1 << 20) - 5_000);
        (0..5).for_each(|_| assert_eq!(small.feed(&line), (1_000, false)));
        assert_eq!(small.feed(b".\r\nNOOP\r\n"), (3, true));
        let Kept::Whole(message) = small.finish() else { panic!("it fits") };
        assert_eq!((message.bytes.len(), message.reservation.bytes()), (5_000, 5_000));
        assert_eq!(format!("{message:?}"), "Message(5000 bytes)");
        drop(message);

        let mut long = open(0, 5_000);
        (0..6).for_each(|_| assert_eq!(long.feed(&line), (1_000, false)));
        assert_eq!(budget.free(), 1 << 20, "it is let go before its end");
        assert_eq!(long.feed(b".\r\n"), (3, true));
        assert!(matches!(long.finish(), Kept::TooLarge));

        // It declares less than it is, and another has taken most of the rest.
        let other = budget.reserve((1 << 20) - 10_000).unwrap();
        let mut grown = open(100, 1 << 20);
        (0..9).for_each(|_| assert_eq!(grown.feed(&line), (1_000, false)));
        (0..9).for_each(|_| assert_eq!(grown.feed(&line), (1_000, false)));
        assert_eq!(budget.free(), 10_000);
        assert_eq!(grown.feed(b".\r\n"), (3, true));
        assert!(matches!(grown.finish(), Kept::NoMemory));
        drop(other);

        // Memory is never more than what is reserved.
        let mut body = open(0, 1 << 20);
        for _ in 0..1_000 {
            body.feed(&line);
            let Kept::Whole(m) = &body.kept else { panic!("it fits") };
            assert!(m.bytes.capacity() <= m.reservation.bytes());
        }
        drop(body);
        let all = budget.reserve(1 << 20).unwrap();
        drop(all);
        let none = budget.reserve((1 << 20) - 10).unwrap();
        assert!(Body::new(&budget, 0, 1 << 20).is_none());
        assert!(Body::new(&budget, 11, 1 << 20).is_none());
        assert!(Body::new(&budget, 10, 1 << 20).is_some());
        drop(none);
        assert_eq!(budget.free(), 1 << 20);
    }
}
