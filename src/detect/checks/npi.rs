//! National Provider Identifiers: ten digits, the first 1 or 2, and Luhn's digit over 80840 and the number
//! (45 CFR 162.406, ISO/IEC 7812-1).

use super::{exactly, luhn};

/// The health applications prefix (80) and the United States (840).
const PREFIX: [u8; 5] = [8, 0, 8, 4, 0];

pub(super) fn passes(text: &[u8]) -> bool {
    let Some(digits) = exactly::<10>(text) else { return false };
    matches!(digits[0], 1 | 2) && luhn::sum(PREFIX.into_iter().chain(digits), 15).is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn numbers() {
        assert!(passes(b"1234567893"));
        assert!(!passes(b"1234567890") && !passes(b"3234567899") && !passes(b"123456789") && !passes(b""));
    }

    #[test]
    fn one_check_digit_of_ten_fits() {
        for body in ["123456789", "298765432", "100000000"] {
            assert_eq!((0..10).filter(|d| passes(format!("{body}{d}").as_bytes())).count(), 1, "{body}");
        }
    }
}
