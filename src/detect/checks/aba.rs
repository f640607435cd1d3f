//! Routing numbers of American banks (ABA Routing Number Policy; ANSI X9.100): nine digits, weighted 3, 7 and 1 in turn, whose sum is a
//! multiple of ten, and first two digits that stand for a Federal Reserve district or an institution's sort.

use super::{exactly, number};

pub(super) fn passes(text: &[u8]) -> bool {
    let Some(digits) = exactly::<9>(text) else { return false };
    let sum: u32 =
        digits.iter().zip([3, 7, 1].iter().cycle()).map(|(d, weight)| u32::from(*d) * weight).sum();
    let district = number(&digits[..2]);
    sum > 0 && sum.is_multiple_of(10) && matches!(district, 0..=12 | 21..=32 | 61..=72 | 80)
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn known_numbers() {
        for text in ["021000021", "011401533", "091000019", "0210-0002-1"] {
            assert!(passes(text.as_bytes()), "{text}");
        }
        for text in ["021000022", "000000000", "131000021", "02100002", "0210000211", ""] {
            assert!(!passes(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn one_digit_in_ten_is_right() {
        let right = (0..10).filter(|d| passes(format!("02100002{d}").as_bytes())).count();
        assert_eq!(right, 1);
    }
}
