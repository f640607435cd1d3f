//! Base64, RFC 2045 section 6.8.

use super::{line_end, without_line_end};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// A line has at most so many characters.
const MAX_LINE: usize = 76;
/// No line of a mail is longer (RFC 5322 section 2.1.1).
const MAX_MAIL_LINE: usize = 998;

/// What was decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::codec::mime) struct Base64 {
    pub(in crate::codec::mime) bytes: Vec<u8>,
    /// Whether nothing but one well-formed encoding was there, with white space anywhere. Of anything else clients make
    /// different things.
    pub(in crate::codec::mime) whole: bool,
}

/// Decodes all there is.
///
/// Characters outside of the alphabet are passed over, as RFC 2045 says. Padding ends a group, and what follows is
/// decoded as a further encoding; padding that is missing at the end is made up for. Other clients stop at padding, or
/// go on without a new group, or show what is no base64 as text, so that text could hide from a scan of this reading
/// alone: `whole` is false then, and the body must be written anew with [`write_base64`] or refused. Written anew,
/// there is one reading.
pub(in crate::codec::mime) fn base64(encoded: &[u8]) -> Base64 {
    let mut bytes = Vec::with_capacity(encoded.len() / 4 * 3);
    let (mut group, mut digits, mut whole) = (0u32, 0u32, true);
    // How many equals signs of the padding are to come; none at all when no padding has begun.
    let mut padding = None;
    for b in encoded {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b'=' => {
                match (padding, digits) {
                    (Some(due @ 1..), 0) => padding = Some(due - 1),
                    (_, 2 | 3) => {
                        whole &= end_group(group, digits, &mut bytes) && padding.is_none();
                        (padding, group, digits) = (Some(3 - digits), 0, 0);
                    }
                    // One digit is no byte yet, and what comes may complete it.
                    _ => whole = false,
                }
                continue;
            }
            _ => {
                whole = false;
                continue;
            }
        };
        whole &= padding.is_none();
        group = group << 6 | u32::from(value);
        digits += 1;
        if digits == 4 {
            bytes.extend_from_slice(&group.to_be_bytes()[1..]);
            (group, digits) = (0, 0);
        }
    }
    if digits > 0 {
        whole = false;
        end_group(group, digits, &mut bytes);
    }
    whole &= !matches!(padding, Some(1..));
    Base64 { bytes, whole }
}

/// Whether there are blanks or empty lines in the midst of it, as machines do not write it: `John Smith` is Base64, too, and some
/// take what stands behind an empty line for text.
pub(in crate::codec::mime) fn has_words(encoded: &[u8]) -> bool {
    encoded
        .trim_ascii()
        .split(|b| *b == b'\n')
        .map(<[u8]>::trim_ascii)
        .any(|line| line.is_empty() || line.iter().any(|b| matches!(b, b' ' | b'\t')))
        && !encoded.trim_ascii().is_empty()
}

/// Whether it is in lines of one length, as machines write it.
pub(in crate::codec::mime) fn is_in_lines(encoded: &[u8]) -> bool {
    let encoded = encoded.trim_ascii();
    let mut lines = encoded.split(|b| *b == b'\n').map(without_line_end);
    let Some(first) = lines.next() else { return true };
    // Only the last may be shorter.
    let mut short = false;
    lines.all(|line| {
        let fits = !short && line.len() <= first.len();
        short = line.len() < first.len();
        fits
    }) && !has_words(encoded)
}

/// The bytes of a group of fewer than four digits; whether no bit is left over.
fn end_group(group: u32, digits: u32, bytes: &mut Vec<u8>) -> bool {
    let group = group << (6 * (4 - digits));
    let [_, a, b, c] = group.to_be_bytes();
    match digits {
        2 => bytes.push(a),
        3 => bytes.extend_from_slice(&[a, b]),
        _ => return false,
    }
    c == 0 && (digits == 3 || b == 0)
}

/// Encodes in lines as long as those of the body it takes the place of, with its line ends and with what white space it
/// ended with: the lines before an edit come out as they were.
pub(in crate::codec::mime) fn write_base64(decoded: &[u8], like: &[u8], out: &mut Vec<u8>) {
    let content = like.trim_ascii_end();
    let len = decoded.len().div_ceil(3) * 4;
    let longest = content.split(|b| *b == b'\n').map(|line| without_line_end(line).len()).max().unwrap_or(0);
    let unbroken = !content.contains(&b'\n');
    let width = match longest {
        // One line, which tells only that it was not too long.
        0..=MAX_LINE if unbroken => MAX_LINE,
        _ if unbroken && len <= MAX_MAIL_LINE => MAX_MAIL_LINE,
        4..=MAX_MAIL_LINE if !unbroken => longest,
        _ => MAX_LINE,
    };
    out.reserve(len + len / 32 + 8);
    let end = line_end(like);
    for (at, line) in decoded.chunks(width / 4 * 3).enumerate() {
        if at > 0 {
            out.extend_from_slice(end);
        }
        for group in line.chunks(3) {
            let [a, b, c] = [0, 1, 2].map(|i| u32::from(group.get(i).copied().unwrap_or(0)));
            let bits = a << 16 | b << 8 | c;
            for i in 0..4u32 {
                let digit = ALPHABET[(bits >> (18 - 6 * i) & 63) as usize];
                out.push(if i as usize <= group.len() { digit } else { b'=' });
            }
        }
    }
    out.extend_from_slice(&like[content.len()..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bodies_are_read() {
        for (body, want, whole) in [
            ("", "", true),
            ("MjE5LTEwLTk5OTk=", "219-10-9999", true),
            ("MjE5LTEw\r\nLTk5OTk=\r\n", "219-10-9999", true),
            ("M j\tE5\nLTEwLTk5OTk\n=", "219-10-9999", true),
            ("YQ==", "a", true),
            ("YQ=\r\n=", "a", true),
            ("YWI=", "ab", true),
            ("YWJj", "abc", true),
            // Padding is missing.
            ("YQ", "a", false),
            ("YQ=", "a", false),
            ("YWI", "ab", false),
            ("YWJjZ", "abc", false),
            // Too much of it.
            ("YQ===", "a", false),
            ("YWJj=", "abc", false),
            ("=", "", false),
            ("Y=Q==", "a", false),
            // Bits are left over.
            ("YR==", "a", false),
            ("YWJ=", "ab", false),
            // Encodings behind one another.
            ("YQ==YWI=YWJj", "aababc", false),
            ("YQ==\r\nYg==", "ab", false),
            ("YQ=YWJj", "aabc", false),
            // Characters outside of the alphabet.
            ("MjE5*LTEw-_LTk5OTk=", "219-10-9999", false),
            ("MjE5\u{0}LTEwLTk5OTk=", "219-10-9999", false),
        ] {
            let decoded = base64(body.as_bytes());
            assert_eq!(
                (String::from_utf8_lossy(&decoded.bytes).as_ref(), decoded.whole),
                (want, whole),
                "{body:?}"
            );
        }
    }

    #[test]
    fn lines_are_taken_over() {
        let text = [b'a'; 60];
        let lines = |width: usize, end: &str| {
            let encoded = "YWFh".repeat(20);
            let lines: Vec<&str> =
                (0..80usize.div_ceil(width)).map(|i| &encoded[i * width..80.min((i + 1) * width)]).collect();
            lines.join(end)
        };
        for (like, want) in [
            ("", lines(76, "\r\n")),
            ("YWFh", lines(76, "\r\n")),
            ("YWFh\n", lines(76, "\n") + "\n"),
            ("YWFh\r\n\r\n", lines(76, "\r\n") + "\r\n\r\n"),
            (&("YWFh".repeat(16) + "\nYWFh\n"), lines(64, "\n") + "\n"),
            (&("YWFh".repeat(10) + "\r\nYWFh"), lines(40, "\r\n")),
            // Lines of 42 characters hold ten groups.
            (&("YWFh".repeat(10) + "YW\r\nYWFh"), lines(40, "\r\n")),
            (&"YWFh".repeat(30), lines(80, "")),
            ("Y\nW", lines(76, "\n")),
            (&("YWFh".repeat(300) + "\nYWFh"), lines(76, "\n")),
        ] {
            let mut out = Vec::new();
            write_base64(&text, like.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), want, "{like:?}");
        }
        let mut out = Vec::new();
        write_base64(&[0; 900], "AAAA".repeat(100).as_bytes(), &mut out);
        assert_eq!(out.iter().position(|b| *b == b'\r'), Some(76));
    }

    #[test]
    fn hostile_bodies_take_linear_time() {
        for piece in ["=", "A", "A=", "\n", " ", "AA=", "*"] {
            let body = piece.repeat((1 << 20) / piece.len());
            let decoded = base64(body.as_bytes());
            write_base64(&decoded.bytes, body.as_bytes(), &mut Vec::new());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            like in "[A-Za-z0-9+/=]{0,90}(\r?\n[A-Za-z=]{0,90}){0,3}[\r\n]{0,3}",
        ) {
            let mut out = Vec::new();
            write_base64(&bytes, like.as_bytes(), &mut out);
            prop_assert_eq!(base64(&out), Base64 { bytes: bytes.clone(), whole: true });
            // Once more, it is the same.
            let mut again = Vec::new();
            write_base64(&bytes, &out, &mut again);
            prop_assert_eq!(again, out);
        }

        #[test]
        fn anything_is_read(body in "[A-Za-z0-9+/= \r\n*-]{0,60}") {
            let decoded = base64(body.as_bytes());
            if decoded.whole {
                let mut out = Vec::new();
                write_base64(&decoded.bytes, b"", &mut out);
                let plain = |bytes: &[u8]| bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect::<Vec<_>>();
                prop_assert_eq!(plain(&out), plain(body.as_bytes()));
            }
        }
    }
}
