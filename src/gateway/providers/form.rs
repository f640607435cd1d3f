//! `application/x-www-form-urlencoded` (WHATWG URL, 5), read as one JSON object and written back.

use serde::de::{Deserializer as _, MapAccess, Visitor};

/// Names and values in their order; `None` where they are no UTF-8, or a `%` escapes nothing.
pub(super) fn decode(form: &[u8]) -> Option<Vec<(String, String)>> {
    let pairs = form.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let at = memchr::memchr(b'=', pair);
        let (name, value) = at.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
        Some((unescaped(name)?, unescaped(value)?))
    });
    pairs.collect()
}

fn unescaped(text: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        rest = behind;
        out.push(match first {
            b'+' => b' ',
            b'%' => {
                let digits = rest.get(..2)?;
                rest = &rest[2..];
                let digit = |b: u8| char::from(b).to_digit(16);
                (digit(digits[0])? << 4 | digit(digits[1])?) as u8
            }
            other => *other,
        });
    }
    String::from_utf8(out).ok()
}

/// As a form.
pub(super) fn encode(pairs: &[(String, String)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (i, (name, value)) in pairs.iter().enumerate() {
        if i > 0 {
            out.push(b'&');
        }
        escape(name, &mut out);
        out.push(b'=');
        escape(value, &mut out);
    }
    out
}

fn escape(text: &str, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for b in text.bytes() {
        match b {
            b' ' => out.push(b'+'),
            b'*' | b'-' | b'.' | b'_' => out.push(b),
            _ if b.is_ascii_alphanumeric() => out.push(b),
            _ => out.extend([b'%', DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]),
        }
    }
}

/// As one object, whose names may stand several times.
pub(super) fn to_json(pairs: &[(String, String)]) -> Vec<u8> {
    let mut out = Vec::from(*b"{");
    for (i, (name, value)) in pairs.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        for (text, behind) in [(name, Some(b':')), (value, None)] {
            // Writing to memory does not fail.
            let _ = serde_json::to_writer(&mut out, text);
            out.extend(behind);
        }
    }
    out.push(b'}');
    out
}

/// The members of an object that [`to_json`] wrote, in their order.
pub(super) fn from_json(object: &[u8]) -> Option<Vec<(String, String)>> {
    struct Pairs;
    impl<'de> Visitor<'de> for Pairs {
        type Value = Vec<(String, String)>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object of strings")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(pairs)
        }
    }
    serde_json::Deserializer::from_slice(object).deserialize_map(Pairs).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn forms_are_read_and_written() {
        for (form, want) in [
            (
                "Body=Hi+there%21&To=%2B12125550187",
                Some(pairs(&[("Body", "Hi there!"), ("To", "+12125550187")])),
            ),
            ("a&b=&=c&&d=e=f", Some(pairs(&[("a", ""), ("b", ""), ("", "c"), ("d", "e=f")]))),
            ("a=%C3%A4", Some(pairs(&[("a", "ä")]))),
            ("", Some(Vec::new())),
            ("a=%E4", None),
            ("a=%4", None),
            ("a=%zz", None),
        ] {
            assert_eq!(decode(form.as_bytes()), want, "{form}");
        }
        let all: String = (0..=0x17F).filter_map(char::from_u32).collect();
        let list = pairs(&[("x y", &all), ("x y", "\"\\{}"), ("", "")]);
        assert_eq!(decode(&encode(&list)).unwrap(), list);
        assert_eq!(from_json(&to_json(&list)).unwrap(), list);
        assert_eq!(encode(&pairs(&[("a b", "1*-._~/")])), b"a+b=1*-._%7E%2F");
    }
}
