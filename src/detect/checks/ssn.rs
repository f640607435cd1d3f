//! Social Security numbers that can have been assigned.
//!
//! Rules of the Social Security Administration since randomisation (25 June 2011): no area 000, 666 or 900 to 999, no
//! group 00, no serial 0000. Numbers known from advertisements are not exempt: in a log they may be someone's.

use super::{exactly, number};

pub(super) fn passes(text: &[u8]) -> bool {
    let Some(digits) = exactly::<9>(text) else { return false };
    let area = number(&digits[..3]);
    area != 0 && area != 666 && area < 900 && number(&digits[3..5]) != 0 && number(&digits[5..]) != 0
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn every_area_group_and_serial() {
        for area in 0..1000 {
            let valid = !matches!(area, 0 | 666 | 900..=999);
            assert_eq!(passes(format!("{area:03}-10-9999").as_bytes()), valid, "area {area:03}");
        }
        for group in 0..100 {
            assert_eq!(passes(format!("219 {group:02} 9999").as_bytes()), group != 0, "group {group:02}");
        }
        for serial in 0..10_000 {
            assert_eq!(passes(format!("21910{serial:04}").as_bytes()), serial != 0, "serial {serial:04}");
        }
    }

    #[test]
    fn sample_numbers_are_numbers() {
        assert!(passes(b"078-05-1120") && passes(b"123-45-6789") && !passes(b"987654321"));
    }

    #[test]
    fn nine_digits_only() {
        assert!(!passes(b"") && !passes(b"219-10-999") && !passes(b"219-10-99991"));
    }
}
