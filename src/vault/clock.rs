//! What time it is, for a store that must not be fooled by a clock that goes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds of a day, leap seconds aside as POSIX counts.
const DAY_MS: u64 = 86_400_000;
/// A clock may be set back by this much, as NTP does, before it is told.
const SLACK_MS: u64 = 60_000;

/// Tells the time. Tests give one of their own.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970, UTC.
    fn now_ms(&self) -> u64;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
    }
}

impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn now_ms(&self) -> u64 {
        (**self).now_ms()
    }
}

/// The day, counted from 1970, on which a time lies.
pub(crate) fn day_of(ms: u64) -> u32 {
    u32::try_from(ms / DAY_MS).unwrap_or(u32::MAX)
}

/// A clock, and the latest time that has been written down.
pub(crate) struct Calendar {
    clock: Box<dyn Clock>,
    latest_ms: AtomicU64,
    told: AtomicBool,
}

impl Calendar {
    pub(crate) fn new(clock: Box<dyn Clock>, latest_ms: u64) -> Calendar {
        Calendar { clock, latest_ms: AtomicU64::new(latest_ms), told: AtomicBool::new(false) }
    }

    /// The clock as it is: milliseconds since 1970.
    #[cfg(feature = "postgres")]
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Today as the clock has it: what expires is judged by it. If the clock goes back, less is past its day.
    pub(crate) fn today(&self) -> u32 {
        day_of(self.clock.now_ms())
    }

    /// The time to stamp a new record with: never before one that was stamped earlier, in this process or the last.
    pub(crate) fn stamp_ms(&self) -> u64 {
        let now = self.clock.now_ms();
        let latest = self.latest_ms.fetch_max(now, Ordering::Relaxed);
        if now.saturating_add(SLACK_MS) < latest && !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                behind_s = (latest - now) / 1000,
                "the clock is behind the vault's latest record: new records are stamped with that record's time; check the clock"
            );
        }
        now.max(latest)
    }

    /// The latest time a record was stamped with.
    pub(crate) fn latest_ms(&self) -> u64 {
        self.latest_ms.load(Ordering::Relaxed)
    }

    /// Takes note of a time that was found written down.
    pub(crate) fn note(&self, ms: u64) {
        self.latest_ms.fetch_max(ms, Ordering::Relaxed);
    }
}

/// The first day on which a value seen on `seen` is gone, if it is kept for `days` whole days after that; 0 is never.
pub(crate) fn expiry(seen: u32, days: Option<u32>) -> u32 {
    days.map_or(0, |days| seen.saturating_add(days).saturating_add(1))
}

/// Whether a record whose expiry is `expires` is past it.
pub(crate) fn is_past(expires: u32, today: u32) -> bool {
    expires != 0 && today >= expires
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::testing::Hands;

    #[test]
    fn stamps_never_go_back_and_days_do() {
        let clock = Arc::new(Hands::at_day(10));
        let calendar = Calendar::new(Box::new(clock.clone()), 9 * DAY_MS);
        assert_eq!(day_of(calendar.stamp_ms()), 10);
        assert!(!calendar.told.load(Ordering::Relaxed));
        clock.set_day(8);
        assert_eq!((day_of(calendar.stamp_ms()), calendar.today()), (10, 8));
        assert!(calendar.told.load(Ordering::Relaxed), "a clock that went back is told");
        clock.set_day(11);
        assert_eq!(day_of(calendar.stamp_ms()), 11);
    }

    #[test]
    fn a_value_is_kept_for_whole_days() {
        for (seen, days, expires) in [(100, None, 0), (100, Some(1), 102), (u32::MAX, Some(9), u32::MAX)] {
            assert_eq!(expiry(seen, days), expires);
        }
        for (expires, today, past) in [(0, u32::MAX, false), (102, 101, false), (102, 102, true)] {
            assert_eq!(is_past(expires, today), past);
        }
    }
}
