//! RFC 3339 times in UTC with milliseconds, from and to milliseconds since 1970.

use crate::calendar::Civil;

/// Bytes of a time as it is written: `2026-01-02T03:04:05.678Z`.
pub(super) const LEN: usize = 24;
const DAY_MS: i64 = 86_400_000;
/// The last millisecond of the year 9999.
const MAX_MS: i64 = 253_402_300_799_999;

/// Milliseconds since 1970 by the system's clock, within the years that can be written.
pub(super) fn now_ms() -> i64 {
    crate::time::now_ms().min(MAX_MS)
}

/// Writes a time; what lies outside the years 1970 to 9999 is brought to their ends.
pub(super) fn format(ms: i64) -> String {
    let ms = ms.clamp(0, MAX_MS);
    let rest = ms % DAY_MS;
    let (h, min, s, milli) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60, rest % 1000);
    format!("{}T{h:02}:{min:02}:{s:02}.{milli:03}Z", crate::time::day_text(ms))
}

/// Reads what [`format()`] writes, and nothing else.
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    const FORM: &[u8; LEN] = b"dddd-dd-ddTdd:dd:dd.dddZ";
    let fits = |(b, f): (&u8, &u8)| if *f == b'd' { b.is_ascii_digit() } else { b == f };
    if text.len() != LEN || !text.iter().zip(FORM).all(fits) {
        return None;
    }
    let number = |at: usize, len: usize| {
        text[at..at + len].iter().fold(0i64, |n, digit| n * 10 + i64::from(digit - b'0'))
    };
    let civil = Civil { year: number(0, 4) as i32, month: number(5, 2) as u8, day: number(8, 2) as u8 };
    let (h, min, s) = (number(11, 2), number(14, 2), number(17, 2));
    if civil.year < 1970 || !(1..=12).contains(&civil.month) || h > 23 || min > 59 || s > 59 {
        return None;
    }
    let days = civil.days();
    (Civil::from_days(days) == civil)
        .then(|| i64::from(days) * DAY_MS + ((h * 60 + min) * 60 + s) * 1000 + number(20, 3))
}

/// Reads a moment as people give it: what [`parse`] reads, the same to the second, or a date (its first moment).
pub(super) fn parse_loose(text: &str) -> Option<i64> {
    let full = match text.len() {
        10 => format!("{text}T00:00:00.000Z"),
        20 => format!("{}.000Z", text.strip_suffix('Z')?),
        _ => text.to_owned(),
    };
    parse(full.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (MAX_MS, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(format(ms), text);
            assert_eq!(parse(text.as_bytes()), Some(ms));
        }
        assert_eq!((format(-1), format(i64::MAX)), (format(0), format(MAX_MS)));
        assert!(now_ms() > 1_700_000_000_000);
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "2023-02-29T00:00:00.000Z",
            "2023-13-01T00:00:00.000Z",
            "2023-01-00T00:00:00.000Z",
            "2023-01-01T24:00:00.000Z",
            "2023-01-01T00:60:00.000Z",
            "2023-01-01T00:00:60.000Z",
            "2023-01-01t00:00:00.000Z",
            "2023-01-01T00:00:00.000+",
            "1969-12-31T23:59:59.999Z",
            "+023-01-01T00:00:00.000Z",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_loose("1970-01-02"), Some(DAY_MS));
        assert_eq!(parse_loose("1970-01-01T00:00:01Z"), Some(1000));
        assert_eq!(parse_loose("1970-01-01T00:00:01.005Z"), Some(1005));
        for text in ["", "1970-01-32", "yesterday", "1970-01-01T00:00:01X", "é970-01-0"] {
            assert_eq!(parse_loose(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn there_and_back(ms in 0..=MAX_MS) {
            prop_assert_eq!(parse(format(ms).as_bytes()), Some(ms));
        }
    }
}
