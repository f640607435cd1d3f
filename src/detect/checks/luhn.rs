//! Luhn's check digit (ISO/IEC 7812-1, annex B).

use super::digits;

pub(super) fn passes(text: &[u8]) -> bool {
    let count = digits(text).count();
    count >= 2 && sum(digits(text), count).is_multiple_of(10)
}

/// Luhn's sum over `count` digits, the last of which is the check digit: every second digit from the right is doubled.
pub(super) fn sum(digits: impl Iterator<Item = u8>, count: usize) -> u32 {
    digits.enumerate().fold(0, |sum, (i, digit)| {
        let digit = u32::from(digit);
        let doubled = (count - i.min(count)).is_multiple_of(2);
        sum + if doubled { digit * 2 / 10 + digit * 2 % 10 } else { digit }
    })
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn one_check_digit_of_ten_fits() {
        for body in ["7992739871", "424242424242424", "1", "00"] {
            let fitting = (0..10).filter(|d| passes(format!("{body}{d}").as_bytes())).count();
            assert_eq!(fitting, 1, "{body}");
        }
    }

    #[test]
    fn a_wrong_digit_is_seen_anywhere() {
        let good = *b"79927398713";
        assert!(passes(&good));
        for at in 0..good.len() {
            for digit in b'0'..=b'9' {
                let mut changed = good;
                changed[at] = digit;
                assert_eq!(passes(&changed), digit == good[at], "digit {at}");
            }
        }
    }

    #[test]
    fn separators_are_skipped_and_nothing_is_no_number() {
        assert!(passes(b"7992-7398-713") && !passes(b"") && !passes(b"0") && !passes(b"--"));
    }
}
