//! Days of the proleptic Gregorian calendar, counted from 1970-01-01.

/// A day: year, month from 1, day of the month from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i32,
    pub(crate) month: u8,
    pub(crate) day: u8,
}

/// Years that text is taken to speak of.
pub(crate) const YEARS: std::ops::RangeInclusive<i32> = 1800..=2199;

/// Days before each month of a year that is not a leap year and begins in March.
const BEFORE: [i32; 12] = [0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337];
/// Days of 400, 100 and 4 years.
const ERA: i32 = 146_097;

impl Civil {
    /// The day, if the calendar has it.
    pub(crate) fn new(year: i32, month: u32, day: u32) -> Option<Civil> {
        let civil = Civil { year, month: u8::try_from(month).ok()?, day: u8::try_from(day).ok()? };
        let real = (1..=12).contains(&month) && day >= 1 && YEARS.contains(&year);
        (real && Civil::from_days(civil.days()) == civil).then_some(civil)
    }

    /// Days since 1970-01-01.
    pub(crate) fn days(self) -> i32 {
        // Years that begin in March have their leap day at the end.
        let late = i32::from(self.month > 2);
        let year = self.year - 1 + late;
        let month = usize::from(self.month + 9) % 12;
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = BEFORE[month] + i32::from(self.day) - 1;
        era * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    /// The day that is so many days after 1970-01-01.
    pub(crate) fn from_days(days: i32) -> Civil {
        let days = days + 719_468;
        let (era, of_era) = (days.div_euclid(ERA), days.rem_euclid(ERA));
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / (ERA - 1)) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = BEFORE.iter().rposition(|before| *before <= of_year).unwrap_or(0);
        let day = of_year - BEFORE[month] + 1;
        let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        Civil { year: year + era * 400 + carry, month: month as u8, day: day as u8 }
    }

    /// 0 for Monday to 6 for Sunday.
    pub(crate) fn weekday(self) -> usize {
        (self.days() + 3).rem_euclid(7) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_there_and_back() {
        let first = Civil { year: 1800, month: 1, day: 1 }.days();
        let last = Civil { year: 2199, month: 12, day: 31 }.days();
        let mut before = Civil::from_days(first - 1);
        for days in first..=last {
            let civil = Civil::from_days(days);
            assert_eq!(civil.days(), days);
            assert_eq!(Civil::new(civil.year, civil.month.into(), civil.day.into()), Some(civil));
            let next = (civil.year, civil.month, civil.day) > (before.year, before.month, before.day);
            assert!(next && civil.day <= 31 && (1..=12).contains(&civil.month), "{civil:?}");
            before = civil;
        }
    }

    #[test]
    fn known_days() {
        for (year, month, day, days, weekday) in
            [(1970, 1, 1, 0, 3), (2000, 2, 29, 11_016, 1), (2026, 11, 28, 20_785, 5), (1969, 12, 31, -1, 2)]
        {
            let civil = Civil::new(year, month, day).unwrap();
            assert_eq!((civil.days(), civil.weekday()), (days, weekday));
        }
        for (year, month, day) in
            [(2021, 2, 29), (1900, 2, 29), (2021, 4, 31), (2021, 13, 1), (2021, 0, 1), (1799, 1, 1)]
        {
            assert_eq!(Civil::new(year, month, day), None, "{year}-{month}-{day}");
        }
    }
}
