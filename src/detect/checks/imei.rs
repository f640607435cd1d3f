//! International Mobile Equipment Identities: 15 digits, the last Luhn's (3GPP TS 23.003, annex B).

use super::{exactly, luhn};

pub(super) fn passes(text: &[u8]) -> bool {
    let Some(digits) = exactly::<15>(text) else { return false };
    digits.iter().any(|d| *d != 0) && luhn::sum(digits.into_iter(), 15).is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn numbers() {
        assert!(passes(b"490154203237518") && passes(b"49-015420-323751-8"));
        for text in ["", "490154203237519", "49015420323751", "4901542032375180", "000000000000000"] {
            assert!(!passes(text.as_bytes()), "{text}");
        }
    }
}
