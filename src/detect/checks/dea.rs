//! DEA registration numbers (21 CFR 1301.13): two letters (or a letter and 9), seven digits, the last a check digit: the sum of
//! the first, third and fifth digit and twice that of the second, fourth and sixth ends in it.

pub(super) fn passes(text: &[u8]) -> bool {
    let [class, holder, a, b, c, d, e, f, check] = *text else { return false };
    let digits = [a, b, c, d, e, f, check];
    if !is_class(class)
        || !(holder.is_ascii_alphabetic() || holder == b'9')
        || !digits.iter().all(u8::is_ascii_digit)
    {
        return false;
    }
    let [a, b, c, d, e, f, check] = digits.map(|byte| byte - b'0');
    (a + c + e + 2 * (b + d + f)) % 10 == check
}

/// Registrant types in use; I, N, O, Q, V, W, Y and Z are not.
fn is_class(byte: u8) -> bool {
    matches!(byte.to_ascii_uppercase(), b'A'..=b'H' | b'J'..=b'M' | b'P' | b'R'..=b'U' | b'X')
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn numbers() {
        assert!(passes(b"AB1234563") && passes(b"F91234563") && passes(b"xj1234563"));
        for text in ["", "AB1234564", "ZB1234563", "A81234563", "AB123456", "AB12345633", "AB12345a3"] {
            assert!(!passes(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn one_check_digit_of_ten_fits() {
        for n in (0..1_000_000).step_by(997) {
            assert_eq!((0..10).filter(|d| passes(format!("BM{n:06}{d}").as_bytes())).count(), 1, "{n}");
        }
    }
}
