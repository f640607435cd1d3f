//! Codes under a label (`MRN: A-104 55`): what makes a token a code rather than a word.
//!
//! Two digits at least: `MRN: pending` and `chart note` are prose, `MRN 7` is a count. Not all zeros, which is how a missing
//! number is written.

use super::digits;

pub(super) fn passes(text: &[u8]) -> bool {
    digits(text).count() >= 2 && digits(text).any(|d| d != 0)
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn codes() {
        for text in ["00123456", "A1234567", "10-44-81", "E87/1234", "42"] {
            assert!(passes(text.as_bytes()), "{text}");
        }
        for text in ["", "pending", "A7", "00000000", "n/a"] {
            assert!(!passes(text.as_bytes()), "{text}");
        }
    }
}
