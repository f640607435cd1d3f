//! Payment card numbers: leading digits and lengths as the card schemes publish them, and Luhn's digit.

use super::{digits, luhn, number};

pub(super) fn passes(text: &[u8]) -> bool {
    let count = digits(text).count();
    if !(13..=19).contains(&count) {
        return false;
    }
    let mut lead = [0; 6];
    for (slot, digit) in lead.iter_mut().zip(digits(text)) {
        *slot = digit;
    }
    is_issued(number(&lead), count) && luhn::sum(digits(text), count).is_multiple_of(10)
}

/// Whether a scheme issues cards of this length that begin with these six digits.
fn is_issued(lead: u32, count: usize) -> bool {
    match (lead, count) {
        (400_000..=499_999, 13 | 16 | 19) => true,           // Visa
        (510_000..=559_999 | 222_100..=272_099, 16) => true, // Mastercard
        (500_000..=509_999 | 560_000..=589_999 | 630_000..=639_999, 13..=19) => true, // Maestro
        (340_000..=349_999 | 370_000..=379_999, 15) => true, // American Express
        (601_100..=601_199 | 644_000..=659_999, 16..=19) => true, // Discover
        (352_800..=358_999, 16..=19) => true,                // JCB
        (213_100..=213_199 | 180_000..=180_099, 15) => true, // JCB, early
        (300_000..=305_999 | 309_500..=309_599 | 360_000..=369_999 | 380_000..=399_999, 14..=19) => true, // Diners Club
        (620_000..=629_999 | 810_000..=817_199, 16..=19) => true, // UnionPay
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn cards() {
        let cases: &[(&str, bool)] = &[
            ("4242 4242 4242 4242", true),
            ("4242-4242-4242-4243", false),
            ("4222222222222", true),
            ("5555555555554444", true),
            ("2223003122003222", true),
            ("378282246310005", true),
            ("3782 822463 10005", true),
            ("6011111111111117", true),
            ("3530111333300000", true),
            ("30569309025904", true),
            ("6200000000000005", true),
            ("6759649826438453", false),
            ("6304000000000000", true),
            ("0000000000000000", false),
            ("1111111111111117", false),
            ("42424242", false),
            ("42424242424242424242", false),
            ("", false),
        ];
        for (text, expected) in cases {
            assert_eq!(passes(text.as_bytes()), *expected, "{text}");
        }
    }

    #[test]
    fn one_check_digit_of_ten_fits() {
        for body in ["424242424242424", "555555555555444", "37828224631000", "601111111111111"] {
            assert_eq!((0..10).filter(|d| passes(format!("{body}{d}").as_bytes())).count(), 1, "{body}");
        }
    }
}
