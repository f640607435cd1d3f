//! The system's clock, and how days are written.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::calendar::Civil;

/// Milliseconds since 1970; 0 for a clock that stands before it.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The day of a time in milliseconds since 1970, UTC.
pub(crate) fn civil(ms: i64) -> Civil {
    Civil::from_days(i32::try_from(ms.div_euclid(86_400_000)).unwrap_or(0))
}

/// The day as `2026-11-28`, UTC.
pub(crate) fn day_text(ms: i64) -> String {
    let Civil { year, month, day } = civil(ms);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        for (ms, want) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (1_795_824_000_000, "2026-11-28"),
            (951_782_399_999, "2000-02-28"),
        ] {
            assert_eq!(day_text(ms), want);
        }
        assert!(now_ms() > 1_795_000_000_000);
    }
}
