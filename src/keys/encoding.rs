//! Hexadecimal and base64 (RFC 4648), for keys as people write them and for sealed records as they are printed.

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |d: u8| char::from(DIGITS[usize::from(d & 15)]);
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(*b)]).collect()
}

/// Fills `out` from exactly twice as many hexadecimal digits of either case.
pub(crate) fn unhex(text: &[u8], out: &mut [u8]) -> bool {
    let nibble = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    text.len() == 2 * out.len()
        && text.chunks_exact(2).zip(out).all(|(pair, out)| match (nibble(pair[0]), nibble(pair[1])) {
            (Some(high), Some(low)) => {
                *out = high << 4 | low;
                true
            }
            _ => false,
        })
}

/// Base64 with padding, in the standard alphabet.
pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let sextet = bits >> (18 - 6 * i) & 63;
            out.push(if i <= chunk.len() { char::from(STANDARD[sextet as usize]) } else { '=' });
        }
    }
    out
}

/// Fills `out` from its padded base64, in the standard or the URL-safe alphabet. Bits that the padding leaves over
/// must be zero: each value has one spelling.
pub(crate) fn unbase64(text: &[u8], out: &mut [u8]) -> bool {
    let padding = text.iter().rev().take_while(|b| **b == b'=').count();
    if text.len() != out.len().div_ceil(3) * 4 || padding != (3 - out.len() % 3) % 3 {
        return false;
    }
    let (mut bits, mut held, mut at) = (0u32, 0, 0);
    for &b in &text[..text.len() - padding] {
        let sextet = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return false,
        };
        bits = (bits << 6 | u32::from(sextet)) & 0xFFF;
        held += 6;
        if held >= 8 {
            held -= 8;
            out[at] = (bits >> held) as u8;
            at += 1;
        }
    }
    at == out.len() && bits & ((1 << held) - 1) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rfc_4648_samples() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
            let mut back = vec![0; plain.len()];
            assert!(unbase64(coded.as_bytes(), &mut back), "{coded}");
            assert_eq!(back, plain.as_bytes());
        }
        assert_eq!(hex(b"\x00\xfe\x10"), "00fe10");
    }

    #[test]
    fn refuses_what_is_not_the_one_spelling() {
        for (text, len) in [
            ("Zg=", 1),
            ("Zg", 1),
            ("Zh==", 1),
            ("Zm9=", 2),
            ("Z===", 1),
            ("Zm9v", 2),
            ("Zm!v", 3),
            ("=m9v", 3),
        ] {
            assert!(!unbase64(text.as_bytes(), &mut vec![0; len]), "{text}");
        }
        for (text, len) in [("0", 1), ("0g", 1), ("001", 1), ("+1", 1), ("", 1)] {
            assert!(!unhex(text.as_bytes(), &mut vec![0; len]), "{text}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(bytes: Vec<u8>) {
            let mut back = vec![0; bytes.len()];
            prop_assert!(unbase64(base64(&bytes).as_bytes(), &mut back));
            prop_assert_eq!(&back, &bytes);
            back.fill(0);
            prop_assert!(unhex(hex(&bytes).to_uppercase().as_bytes(), &mut back));
            prop_assert_eq!(&back, &bytes);
        }
    }
}
