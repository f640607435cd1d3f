//! Moments in the calendar, and how logs write them.

use std::fmt::Write;

/// A moment, in the calendar.
pub struct Clock {
    pub year: u64,
    pub month: u64,
    pub day: u64,
    second: u64,
    pub ms: u64,
}

impl Clock {
    /// After Howard Hinnant's `civil_from_days`.
    pub fn at(seconds: u64, ms: u64) -> Clock {
        let z = seconds / 86_400 + 719_468;
        let (era, of_era) = (z / 146_097, z % 146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        Clock {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: of_year - (153 * shifted + 2) / 5 + 1,
            second: seconds % 86_400,
            ms,
        }
    }

    pub fn hms(&self) -> String {
        format!("{:02}:{:02}:{:02}", self.second / 3600, self.second / 60 % 60, self.second % 60)
    }

    pub fn iso(&self, between: char, point: &str, zone: &str, out: &mut String) {
        let (y, m, d) = (self.year, self.month, self.day);
        let _ = write!(out, "{y}-{m:02}-{d:02}{between}{}{point}{:03}{zone}", self.hms(), self.ms);
    }

    pub fn micros(&self, rest: u64, out: &mut String) {
        let (y, m, d) = (self.year, self.month, self.day);
        let _ = write!(out, "{y}-{m:02}-{d:02}T{}.{:03}{:03}", self.hms(), self.ms, rest);
    }

    pub fn short_month(&self) -> &'static str {
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
            [self.month as usize - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_is_right() {
        for (seconds, date) in [
            (0, (1970, 1, 1)),
            (951_782_400, (2000, 2, 29)),
            (1_773_484_327, (2026, 3, 14)),
            (1_798_761_599, (2026, 12, 31)),
        ] {
            let t = Clock::at(seconds, 0);
            assert_eq!((t.year, t.month, t.day), date);
        }
    }
}
