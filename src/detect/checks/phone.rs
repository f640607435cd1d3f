//! As many digits as a telephone number has anywhere: 7 to 15 (ITU-T E.164), an extension left aside.

use super::digits;

pub(super) fn passes(text: &[u8]) -> bool {
    let end = text.iter().position(|b| matches!(b.to_ascii_lowercase(), b'x' | b'e' | b'#' | b',' | b';'));
    let number = text.get(..end.unwrap_or(text.len())).unwrap_or(text);
    let count = digits(number).count();
    // Zeros alone are a placeholder.
    (7..=15).contains(&count) && digits(number).any(|d| d != 0)
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn lengths() {
        for text in ["555-0142", "+44 20 7946 0958", "+123456789012345", "(030) 901820 ext. 1234567"] {
            assert!(passes(text.as_bytes()), "{text}");
        }
        for text in ["", "555-014", "+1234567890123456", "000-0000", "x5550142"] {
            assert!(!passes(text.as_bytes()), "{text}");
        }
    }
}
