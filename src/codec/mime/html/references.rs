//! Character references (`&amp;`, `&#x2d;`, `&nbsp`), read as browsers read them.
//!
//! Source: WHATWG HTML, 13.2.5.72 to 13.2.5.80. The names come from `html-escape`, whose table is the standard's; that
//! crate's own decoder wants the semicolon that old mail programs left out.

use html_escape::NAMED_ENTITIES;

/// The longest of [`LEGACY`].
const LONGEST_LEGACY: usize = 6;
/// Longer than any name (`CounterClockwiseContourIntegral`): bounds the look ahead from each `&`.
const LONGEST_NAME: usize = 32;

/// Names that count without a semicolon, too.
#[rustfmt::skip]
const LEGACY: [&str; 106] = [
    "AElig", "AMP", "Aacute", "Acirc", "Agrave", "Aring", "Atilde", "Auml", "COPY", "Ccedil", "ETH", "Eacute",
    "Ecirc", "Egrave", "Euml", "GT", "Iacute", "Icirc", "Igrave", "Iuml", "LT", "Ntilde", "Oacute", "Ocirc",
    "Ograve", "Oslash", "Otilde", "Ouml", "QUOT", "REG", "THORN", "Uacute", "Ucirc", "Ugrave", "Uuml", "Yacute",
    "aacute", "acirc", "acute", "aelig", "agrave", "amp", "aring", "atilde", "auml", "brvbar", "ccedil", "cedil",
    "cent", "copy", "curren", "deg", "divide", "eacute", "ecirc", "egrave", "eth", "euml", "frac12", "frac14",
    "frac34", "gt", "iacute", "icirc", "iexcl", "igrave", "iquest", "iuml", "laquo", "lt", "macr", "micro",
    "middot", "nbsp", "not", "ntilde", "oacute", "ocirc", "ograve", "ordf", "ordm", "oslash", "otilde", "ouml",
    "para", "plusmn", "pound", "quot", "raquo", "reg", "sect", "shy", "sup1", "sup2", "sup3", "szlig", "thorn",
    "times", "uacute", "ucirc", "ugrave", "uml", "uuml", "yacute", "yen", "yuml",
];

/// What the numbers 0x80 to 0x9f stand for: windows-1252, which their writers had in mind.
#[rustfmt::skip]
const C1: [u16; 32] = [
    0x20ac, 0x81, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d,
    0x017d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a,
    0x0153, 0x9d, 0x017e, 0x0178,
];

/// The reference that `bytes` begin with: what it stands for, and its length.
///
/// In an attribute a name without its semicolon counts only where no letter, digit or `=` follows: the `&copy=1` of an
/// address is no copyright sign.
pub(super) fn decode<'b>(
    bytes: &[u8],
    in_attribute: bool,
    buffer: &'b mut [u8; 4],
) -> Option<(&'b [u8], usize)> {
    let rest = bytes.strip_prefix(b"&")?;
    if let Some(number) = rest.strip_prefix(b"#") {
        let (c, len) = numeric(number)?;
        return Some((c.encode_utf8(buffer).as_bytes(), 2 + len));
    }
    let len = rest.iter().take(LONGEST_NAME).take_while(|b| b.is_ascii_alphanumeric()).count();
    if rest.get(len) == Some(&b';')
        && let Some(text) = named(&rest[..len])
    {
        return Some((text.as_bytes(), len + 2));
    }
    for len in (2..=len.min(LONGEST_LEGACY)).rev() {
        let name = &rest[..len];
        if LEGACY.binary_search_by(|n| n.as_bytes().cmp(name)).is_ok() {
            let part_of_word = rest.get(len).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'=');
            return if in_attribute && part_of_word {
                None
            } else {
                Some((named(name)?.as_bytes(), len + 1))
            };
        }
    }
    None
}

fn named(name: &[u8]) -> Option<&'static str> {
    let found = NAMED_ENTITIES.binary_search_by(|(n, _)| (*n).cmp(name)).ok()?;
    Some(NAMED_ENTITIES[found].1)
}

/// The number behind `&#`, and its length with the semicolon, if there is one.
fn numeric(bytes: &[u8]) -> Option<(char, usize)> {
    let (prefix, radix) = if matches!(bytes.first(), Some(b'x' | b'X')) { (1, 16) } else { (0, 10) };
    let (mut number, mut at) = (0u32, prefix);
    while let Some(digit) = bytes.get(at).and_then(|b| char::from(*b).to_digit(radix)) {
        number = number.saturating_mul(radix).saturating_add(digit);
        at += 1;
    }
    if at == prefix {
        return None;
    }
    at += usize::from(bytes.get(at) == Some(&b';'));
    let number = match number {
        0 => 0xfffd,
        0x80..=0x9f => u32::from(C1[(number - 0x80) as usize]),
        _ => number,
    };
    Some((char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER), at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        for (source, text, in_attribute) in [
            ("&#45;", "-|", "-|"),
            ("&#x2d;9", "-|9", "-|9"),
            ("&#X2D 9", "-| 9", "-| 9"),
            ("&#459", "\u{1cb}|", "\u{1cb}|"),
            ("&#0045-", "-|-", "-|-"),
            ("&#150;", "–|", "–|"),
            ("&#x92;", "’|", "’|"),
            ("&#x81;", "\u{81}|", "\u{81}|"),
            ("&#0;", "\u{fffd}|", "\u{fffd}|"),
            ("&#xd800;", "\u{fffd}|", "\u{fffd}|"),
            ("&#99999999999999999999;", "\u{fffd}|", "\u{fffd}|"),
            ("&#;", "", ""),
            ("&#x;", "", ""),
            ("&#xg", "", ""),
            ("&", "", ""),
            ("& ", "", ""),
            ("&;", "", ""),
            ("&amp;lt;", "&|lt;", "&|lt;"),
            ("&nbsp;", "\u{a0}|", "\u{a0}|"),
            ("&nbsp-", "\u{a0}|-", "\u{a0}|-"),
            ("&nbspx", "\u{a0}|x", ""),
            ("&copy=1", "©|=1", ""),
            ("&copy;=1", "©|=1", "©|=1"),
            ("&notit;", "¬|it;", ""),
            ("&notin;", "∉|", "∉|"),
            ("&hyphen;", "‐|", "‐|"),
            ("&hyphen ", "", ""),
            ("&Maria;", "", ""),
            ("&fjlig;", "fj|", "fj|"),
            ("&CounterClockwiseContourIntegral;", "∳|", "∳|"),
            ("&eacute", "é|", "é|"),
        ] {
            for (want, in_attribute) in [(text, false), (in_attribute, true)] {
                let mut buffer = [0; 4];
                let got = decode(source.as_bytes(), in_attribute, &mut buffer)
                    .map(|(t, n)| format!("{}|{}", str::from_utf8(t).unwrap(), &source[n..]));
                assert_eq!(got.unwrap_or_default(), want, "{source} {in_attribute}");
            }
        }
    }

    #[test]
    fn tables_are_sorted_and_fit() {
        assert!(LEGACY.is_sorted());
        assert!(LEGACY.iter().all(|n| n.len() <= LONGEST_LEGACY && named(n.as_bytes()).is_some()));
        assert!(NAMED_ENTITIES.is_sorted_by_key(|n| n.0));
        assert!(NAMED_ENTITIES.iter().all(|n| n.0.len() < LONGEST_NAME));
    }
}
