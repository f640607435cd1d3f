//! Quoted-printable, RFC 2045 section 6.7: `=C3=A9` stands for two bytes, `=` at a line's end for nothing.

use std::borrow::Cow;

use crate::codec::mime::view::View;
use crate::span::Span;

/// A line has at most so many characters.
const MAX_LINE: usize = 76;

/// What an equals sign means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Equals {
    /// With two hexadecimal digits: a byte.
    Escape(u8),
    /// At the end of a line or of the text, with blanks that a relay may have added: a line end that is not part of the
    /// text. Its length, the line end's included.
    SoftBreak(usize),
    /// Against the rules; clients show it as it stands.
    Itself,
}

/// Reads the equals sign that `bytes` begin with.
fn equals(bytes: &[u8]) -> Equals {
    if let [_, high, low, ..] = bytes
        && let (Some(high), Some(low)) = (hex(*high), hex(*low))
    {
        return Equals::Escape(high << 4 | low);
    }
    let blanks = bytes[1..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    match &bytes[1 + blanks..] {
        [b'\r', b'\n', ..] => Equals::SoftBreak(blanks + 3),
        // The line end before a boundary is not the body's, so that a soft break may come last.
        [] => Equals::SoftBreak(blanks + 1),
        [b'\n' | b'\r', ..] => Equals::SoftBreak(blanks + 2),
        _ => Equals::Itself,
    }
}

/// Senders write small letters too.
fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|d| d as u8)
}

/// Decodes. White space at the end of lines stays, whatever RFC 2045 says of it: not all clients remove it.
pub(in crate::codec::mime) fn quoted_printable(bytes: &[u8]) -> View {
    let (mut view, mut at) = (View::default(), 0);
    while at < bytes.len() {
        let plain = memchr::memchr(b'=', &bytes[at..]).unwrap_or(bytes.len() - at);
        view.push_verbatim(&bytes[at..at + plain], at);
        at += plain;
        if at == bytes.len() {
            break;
        }
        at += match equals(&bytes[at..]) {
            Equals::Escape(byte) => {
                view.push_decoded(&[byte], Span::at(at, at + 3));
                3
            }
            Equals::SoftBreak(len) => len,
            Equals::Itself => {
                view.push_verbatim(b"=", at);
                1
            }
        };
    }
    view
}

/// Appends a replacement to the bytes of the body so far. Lines may get too long: see [`wrap_quoted_printable`].
pub(in crate::codec::mime) fn write_quoted_printable(replacement: &[u8], out: &mut Vec<u8>) {
    for b in replacement {
        // After an equals sign that stands for itself, digits would become an escape.
        let open = match **out {
            [.., b'='] => true,
            [.., b'=', digit] => hex(digit).is_some(),
            _ => false,
        };
        match b {
            b' '..=b'<' | b'>'..=b'~' if !open => out.push(*b),
            b => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                out.extend_from_slice(&[b'=', DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]);
            }
        }
    }
}

/// Breaks lines that are longer than 76 characters by soft breaks; all other lines stay as they are.
///
/// The text that is read from it stays the same. Only blanks after an equals sign at a line's end can leave a line
/// too long: they cannot be parted from it.
pub(in crate::codec::mime) fn wrap_quoted_printable(bytes: &[u8]) -> Cow<'_, [u8]> {
    let lines = || bytes.split_inclusive(|b| *b == b'\n');
    if lines().all(|line| super::without_line_end(line).len() <= MAX_LINE) {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 16);
    let mut end = super::line_end(bytes);
    for line in lines() {
        if line.ends_with(b"\n") {
            end = super::line_end(line);
        }
        let text = super::without_line_end(line);
        wrap_line(text, end, &mut out);
        out.extend_from_slice(&line[text.len()..]);
    }
    Cow::Owned(out)
}

fn wrap_line(line: &[u8], end: &[u8], out: &mut Vec<u8>) {
    if line.len() <= MAX_LINE {
        return out.extend_from_slice(line);
    }
    let (mut at, mut column) = (0, 0);
    while at < line.len() {
        let len = match line[at] {
            b'=' => match equals(&line[at..]) {
                Equals::Escape(_) => 3,
                Equals::SoftBreak(len) => len,
                Equals::Itself => 1,
            },
            _ => 1,
        };
        // But for the last, there must be room for the equals sign of a soft break.
        let room = if at + len == line.len() { MAX_LINE } else { MAX_LINE - 1 };
        if column > 0 && column + len > room {
            out.push(b'=');
            out.extend_from_slice(end);
            column = 0;
        }
        out.extend_from_slice(&line[at..at + len]);
        (at, column) = (at + len, column + len);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bodies_are_read() {
        for (body, want) in [
            ("", ""),
            ("plain text\r\n", "plain text\r\n"),
            ("Mar=C3=ADa", "María"),
            ("Mar=c3=aDa", "María"),
            ("a=3Db", "a=b"),
            ("219-1=\r\n0-9999", "219-10-9999"),
            ("219-1=\n0-9999", "219-10-9999"),
            ("219-1=\r0-9999", "219-10-9999"),
            ("219-1= \t \r\n0-9999", "219-10-9999"),
            ("219-1=", "219-1"),
            ("219-1=  ", "219-1"),
            ("=\r\n=\r\na=\r\n", "a"),
            ("a=\r\n\r\nb", "a\r\nb"),
            ("trailing  \r\n\tb", "trailing  \r\n\tb"),
            // Against the rules.
            ("a=b", "a=b"),
            ("a=4", "a=4"),
            ("a=4g", "a=4g"),
            ("a==41", "a=A"),
            ("a=4=41", "a=4A"),
            ("a= b", "a= b"),
            ("a=\t=41", "a=\tA"),
            ("caf\u{e9}=E9", "café\u{fffd}"),
        ] {
            assert_eq!(String::from_utf8_lossy(&quoted_printable(body.as_bytes()).text), want, "{body:?}");
        }
    }

    #[test]
    fn spans_lead_back_to_escapes_and_leave_soft_breaks() {
        let view = quoted_printable(b"SSN: 219-1=\r\n=30-9999");
        assert_eq!(view.text, b"SSN: 219-10-9999");
        let pieces: Vec<Span> = view.pieces(Span::at(5, 16)).collect();
        assert_eq!(pieces, [Span::at(5, 10), Span::at(13, 16), Span::at(16, 21)]);
        assert_eq!(
            view.pieces(Span::at(10, 12)).collect::<Vec<_>>(),
            [Span::at(10 + 3, 16), Span::at(16, 17)]
        );
    }

    #[test]
    fn replacements_are_escaped() {
        for (before, replacement, want) in [
            ("", "[SSN]", "[SSN]"),
            ("", "a=b", "a=3Db"),
            ("", "María\r\n\t\x7f", "Mar=C3=ADa=0D=0A=09=7F"),
            // After an equals sign that stands for itself.
            ("dob=", "1950-01-01", "dob==31950-01-01"),
            ("dob=1", "950", "dob=1=3950"),
            ("dob=1x", "950", "dob=1x950"),
            ("a=3D1", "9", "a=3D19"),
            ("a=", " ", "a==20"),
        ] {
            let mut out = before.as_bytes().to_vec();
            write_quoted_printable(replacement.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), want);
            let mut text = quoted_printable(format!("{before}|").as_bytes()).text;
            text.pop();
            text.extend_from_slice(replacement.as_bytes());
            assert_eq!(quoted_printable(&out).text, text, "{want}");
        }
    }

    #[test]
    fn only_long_lines_are_wrapped() {
        let long = "x".repeat(77);
        let (head, full) = ("x".repeat(75), "x".repeat(76));
        for (body, want) in [
            (full.clone(), full.clone()),
            (format!("{full}\r\n"), format!("{full}\r\n")),
            (format!("{long}\r\na"), format!("{head}=\r\nxx\r\na")),
            (format!("a\n{long}\n"), format!("a\n{head}=\nxx\n")),
            (long.clone(), format!("{head}=\r\nxx")),
            (format!("a\n{long}"), format!("a\n{head}=\nxx")),
            // An escape is not parted, nor is a soft break.
            (format!("{}=41xx", &head[1..]), format!("{}=\r\n=41xx", &head[1..])),
            (format!("{full}=\r\ny"), format!("{head}=\r\nx=\r\ny")),
            (format!("{head}=\r\ny"), format!("{head}=\r\ny")),
            (format!("{head}=  \r\ny"), format!("{head}=\r\n=  \r\ny")),
            ("=41".repeat(26), format!("{}=\r\n=41", "=41".repeat(25))),
        ] {
            assert_eq!(String::from_utf8_lossy(&wrap_quoted_printable(body.as_bytes())), want, "{body:?}");
        }
    }

    #[test]
    fn hostile_bodies_take_linear_time() {
        for body in
            [b"=".to_vec(), b"= ".to_vec(), b"=4".to_vec(), b"=41".to_vec(), b" ".to_vec(), b"=\r".to_vec()]
        {
            let mut body = body.repeat((1 << 20) / body.len());
            quoted_printable(&body);
            wrap_quoted_printable(&body);
            body[0] = b'=';
            quoted_printable(&body);
        }
        let mut blanks = vec![b' '; 1 << 20];
        blanks[0] = b'=';
        blanks.push(b'x');
        assert_eq!(quoted_printable(&blanks).text, blanks);
        wrap_quoted_printable(&blanks);
    }

    /// Bytes in which equals signs, digits, blanks and line ends are frequent.
    fn body() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"=".to_vec()),
            Just(b"=\r\n".to_vec()),
            Just(b"= \n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"\n".to_vec()),
            "=[0-9a-fA-F]{1,2}".prop_map(String::into_bytes),
            "[0-9a-f \t\r]{1,30}".prop_map(String::into_bytes),
            proptest::collection::vec(any::<u8>(), 0..5),
        ];
        proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn wrapping_changes_no_text(body in body()) {
            let wrapped = wrap_quoted_printable(&body);
            prop_assert_eq!(quoted_printable(&wrapped).text, quoted_printable(&body).text);
            for line in wrapped.split(|b| *b == b'\n') {
                let line = super::super::without_line_end(line);
                let soft_break = line.iter().rposition(|b| *b == b'=');
                let blanks = soft_break.is_some_and(|at| line[at + 1..].iter().all(|b| matches!(b, b' ' | b'\t' | b'\r')));
                prop_assert!(line.len() <= MAX_LINE || blanks);
            }
            prop_assert_eq!(wrap_quoted_printable(&wrapped).into_owned(), wrapped.into_owned());
        }

        #[test]
        fn what_is_written_is_read(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut out = Vec::new();
            write_quoted_printable(&text, &mut out);
            prop_assert_eq!(quoted_printable(&wrap_quoted_printable(&out)).text, text);
        }

        #[test]
        fn pieces_lead_back(body in body(), from in 0usize..200, len in 0usize..50) {
            let view = quoted_printable(&body);
            let from = from.min(view.text.len());
            let to = (from + len).min(view.text.len());
            let taken: Vec<u8> = view.pieces(Span::at(from, to)).flat_map(|p| match &body[p.range()] {
                escape @ [b'=', _, _] if matches!(equals(escape), Equals::Escape(_)) => quoted_printable(escape).text,
                plain => plain.to_vec(),
            }).collect();
            prop_assert_eq!(&taken, &view.text[from..to]);
        }
    }
}
