//! Individual Taxpayer Identification Numbers, and adoption numbers of the same form.
//!
//! IRS Publication 1915 and Internal Revenue Manual 3.21.263: 9xx, then a group of 50 to 65, 70 to 88, 90 to 92 or 94 to 99
//! (93 is that of ATINs, which are taxpayer numbers too).

use super::{exactly, number};

pub(super) fn passes(text: &[u8]) -> bool {
    let Some(digits) = exactly::<9>(text) else { return false };
    digits[0] == 9 && matches!(number(&digits[3..5]), 50..=65 | 70..=88 | 90..=99)
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn every_group() {
        let valid: Vec<u32> = (0..100).filter(|g| passes(format!("912-{g:02}-3456").as_bytes())).collect();
        let expected: Vec<u32> = (50..=65).chain(70..=88).chain(90..=99).collect();
        assert_eq!(valid, expected);
    }

    #[test]
    fn only_nine_hundreds() {
        assert!((0..1000).all(|a| passes(format!("{a:03}-70-3456").as_bytes()) == (a >= 900)));
        assert!(!passes(b"912-70-345") && !passes(b"912-70-34567"));
    }
}
