//! ZIP codes that there are: a table of one bit for each of the 100,000 possible ones.
//!
//! It is made by `zip_codes.py` beside it from the package `zipcodes` 3.0.0 (MIT), which holds the codes of the United States Postal Service,
//! decommissioned ones included.

use super::{digits, number};

/// Code `n` is bit `n % 8` of byte `n / 8`.
static CODES: &[u8; 12_500] = include_bytes!("zip_codes.bin");

pub(super) fn passes(text: &[u8]) -> bool {
    let mut code = [0; 5];
    let mut found = digits(text);
    for slot in &mut code {
        let Some(digit) = found.next() else { return false };
        *slot = digit;
    }
    matches!(found.count(), 0 | 4) && is_used(number(&code))
}

fn is_used(code: u32) -> bool {
    CODES.get(code as usize / 8).is_some_and(|byte| byte >> (code % 8) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::{is_used, passes};

    #[test]
    fn every_code_and_every_prefix() {
        assert_eq!((0..200_000).filter(|code| is_used(*code)).count(), 42_789);
        let prefixes = (0..1000).filter(|p| (p * 100..p * 100 + 100).any(is_used)).count();
        // The sectional centers of the Postal Service's labeling list L002.
        assert_eq!(prefixes, 933);
        for (code, used) in [
            (501, true),
            (1001, true),
            (10001, true),
            (94110, true),
            (99950, true),
            (0, false),
            (500, false),
            (21300, false),
            (99951, false),
            (99999, false),
        ] {
            assert_eq!(passes(format!("{code:05}").as_bytes()), used, "{code:05}");
        }
    }

    #[test]
    fn five_or_nine_digits() {
        assert!(passes(b"94110") && passes(b"94110-1234") && passes(b"941101234"));
        assert!(!passes(b"") && !passes(b"9411") && !passes(b"94110-123") && !passes(b"94110-12345"));
    }
}
