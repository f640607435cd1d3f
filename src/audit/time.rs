//! RFC 3339 times in UTC with milliseconds, from and to milliseconds since 1970.

use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of a time as it is written: `2026-01-02T03:04:05.678Z`.
pub(super) const LEN: usize = 24;
const DAY_MS: i64 = 86_400_000;
/// The last millisecond of the year 9999.
const MAX_MS: i64 = 253_402_300_799_999;

/// Milliseconds since 1970 by the system's clock; 0 where that stands before.
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
    i64::try_from(since).unwrap_or(MAX_MS).min(MAX_MS)
}

/// Writes a time; what lies outside the years 1970 to 9999 is brought to their ends.
pub(super) fn format(ms: i64) -> String {
    let ms = ms.clamp(0, MAX_MS);
    let (days, rest) = (ms / DAY_MS, ms % DAY_MS);
    let (y, m, d) = civil(days);
    let (h, min, s, milli) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60, rest % 1000);
    format!("{y:04}-{m:02}-{d:02}T{h:02}:{min:02}:{s:02}.{milli:03}Z")
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
    let (y, m, d) = (number(0, 4), number(5, 2), number(8, 2));
    let (h, min, s) = (number(11, 2), number(14, 2), number(17, 2));
    if y < 1970 || !(1..=12).contains(&m) || h > 23 || min > 59 || s > 59 {
        return None;
    }
    let days = days(y, m, d);
    (civil(days) == (y, m, d)).then(|| days * DAY_MS + ((h * 60 + min) * 60 + s) * 1000 + number(20, 3))
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

/// Year, month and day of a day since 1970, in the Gregorian calendar. Eras of 400 years are 146,097 days; a year
/// that begins in March has its leap day last, so that months follow one formula.
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let (era, day) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let d = of_year - (153 * month + 2) / 5 + 1;
    let m = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(m <= 2), m, d)
}

/// The inverse of [`civil`].
fn days(y: i64, m: i64, d: i64) -> i64 {
    let y = if m <= 2 { y - 1 } else { y };
    let (era, year) = (y.div_euclid(400), y.rem_euclid(400));
    let of_year = (153 * (if m > 2 { m - 3 } else { m + 9 }) + 2) / 5 + d - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + of_year - 719_468
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
