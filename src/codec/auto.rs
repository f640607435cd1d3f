//! JSON or plain, decided by the first bytes of a record.

use crate::kind::Kind;

/// Whether the text reads as JSON, whole or cut off: an object or array that begins as one does.
///
/// Many log lines begin with a bracket that is none (`[INFO]`, `[2026-11-22 18:00]`, `[4711] started`), so an array of
/// numbers or literals must go on as one up to its end. Any object or array that is valid JSON passes.
pub(super) fn looks_like_json(text: &[u8]) -> bool {
    let text = text.strip_prefix(BOM).unwrap_or(text);
    let text = text.trim_ascii_start();
    let Some((first, rest)) = text.split_first() else { return false };
    let inner = rest.trim_ascii_start();
    match (first, inner.first()) {
        (b'{' | b'[', None) => true,
        // A bracket before one of our markers was a bracket before the text that it took the place of.
        (b'[', Some(b'[')) => Kind::marker_len(inner) == 0,
        (b'{' | b'[', Some(b'"')) | (b'[', Some(b'{')) => true,
        (b'{', Some(b'}')) | (b'[', Some(b']')) => ends_document(&inner[1..]),
        (b'[', _) => scalar_list(inner),
        _ => false,
    }
}

/// The UTF-8 byte order mark.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// Whether what follows a closing bracket lets it be that of a document: nothing, another document, or the rest of
/// an enclosing one whose head was cut off.
fn ends_document(rest: &[u8]) -> bool {
    matches!(rest.trim_ascii_start().first(), None | Some(b'{' | b'[' | b',' | b']' | b'}'))
}

/// The inside of an array that begins with neither a string nor a bracket.
fn scalar_list(mut text: &[u8]) -> bool {
    loop {
        let len = text.iter().position(|b| !is_bare(*b)).unwrap_or(text.len());
        let (token, rest) = text.split_at(len);
        let rest = rest.trim_ascii_start();
        if !is_scalar(token, rest.is_empty()) {
            return false;
        }
        match rest.split_first() {
            None => return true,
            Some((b']', after)) => return ends_document(after),
            Some((b',', after)) => text = after.trim_ascii_start(),
            Some(_) => return false,
        }
        if matches!(text.first(), None | Some(b'"' | b'{' | b'[')) {
            return true;
        }
    }
}

fn is_bare(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.')
}

/// A number or literal; where the text ends with it, the beginning of one.
fn is_scalar(token: &[u8], cut: bool) -> bool {
    let literal = [b"true".as_slice(), b"false", b"null"].into_iter();
    if token.is_empty() {
        return false;
    }
    literal.clone().any(|l| l == token || cut && l.starts_with(token))
        || is_number(token)
        || cut && starts_number(token)
}

fn starts_number(token: &[u8]) -> bool {
    let head = token.trim_ascii_end();
    head == b"-"
        || matches!(head.last(), Some(b'.' | b'e' | b'E')) && is_number(&head[..head.len() - 1])
        || head.last().is_some_and(|b| matches!(b, b'+' | b'-')) && starts_number(&head[..head.len() - 1])
}

/// A JSON number, RFC 8259 section 6, but that zeros may lead: a postal code written as a number still is one.
pub(super) fn is_number(token: &[u8]) -> bool {
    fn digits(t: &[u8]) -> Option<&[u8]> {
        let n = t.iter().position(|b| !b.is_ascii_digit()).unwrap_or(t.len());
        if n == 0 { None } else { Some(&t[n..]) }
    }
    let unsigned = token.strip_prefix(b"-").unwrap_or(token);
    let Some(mut rest) = digits(unsigned) else { return false };
    if let Some(fraction) = rest.strip_prefix(b".") {
        let Some(after) = digits(fraction) else { return false };
        rest = after;
    }
    if let Some((b'e' | b'E', exponent)) = rest.split_first() {
        let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
        let Some(after) = digits(exponent) else { return false };
        rest = after;
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_json_from_text() {
        let json = [
            "{\"a\":1}",
            " \t{ \"a\" : 1 }",
            "\u{feff}{\"a\":1}",
            "{}",
            "{ }\n",
            "{",
            "{ ",
            "[",
            "[]",
            "[ ]",
            "[{",
            "[[",
            "[\"a\"",
            "[ \"a\", 2]",
            "[1]",
            "[1,2",
            "[1,2,",
            "[-1.5e3, 2]",
            "[1, \"a\"]",
            "[true]",
            "[false,null]",
            "[nul",
            "[-",
            "[1.",
            "[1e",
            "[1e-",
            "[007]",
            "{\"name\":\"\\u004aoh",
            "{}{}",
            "[] []",
            "[1]{\"a\":2}",
            "{},",
            "[1],",
            "{\n  \"a\": 1\n}",
        ];
        for text in json {
            assert!(looks_like_json(text.as_bytes()), "{text:?}");
        }
        let plain = [
            "",
            " ",
            "\u{feff}",
            "hello",
            "\"a\"",
            "12",
            "true",
            "null",
            "[INFO] started",
            "[2026-11-22 18:00] up",
            "[2026-11-22T18:00:00Z] up",
            "[NAME] said",
            "[[DATE] up",
            "[18:00] up",
            "[4711] accepted",
            "[1, 2] of 3",
            "[1 2]",
            "[true story]",
            "[trueish]",
            "[main] x",
            "[-] x",
            "[1.2.3]",
            "[219-10-9999]",
            "{braces} text",
            "{'a': 1}",
            "{a: 1}",
            "{} text",
            "[] text",
            "{{template}}",
            "[...]",
            "<a>",
            "(a)",
            "[null] pointer",
            "[e5]",
            "{\\\"a\\\":1}",
        ];
        for text in plain {
            assert!(!looks_like_json(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn numbers() {
        for t in ["0", "-0", "12", "1.5", "-1.5e3", "1E+9", "02139"] {
            assert!(is_number(t.as_bytes()), "{t}");
        }
        for t in ["", "-", "+1", "1.", ".5", "1e", "1e+", "219-10-9999", "1.2.3", "0x1f", "12a"] {
            assert!(!is_number(t.as_bytes()), "{t}");
        }
    }
}
