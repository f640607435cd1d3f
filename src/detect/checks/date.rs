//! Dates that the calendar has, in whatever order they are written.
//!
//! The pattern has found the form; this decides whether the numbers can be one: 31 April is none, 29 February only
//! in a leap year (or where no year is told), years from 1800 to 2199. What follows the date, a time and a zone, is not judged
//! but where it is written without separators, as HL7 v2 and DICOM do.

use super::number;

/// Days of each month; February's 29 is looked into where the year is known.
const DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// English month names; three letters tell them apart.
pub(in crate::detect) const MONTHS: [&[u8]; 12] = [
    b"january",
    b"february",
    b"march",
    b"april",
    b"may",
    b"june",
    b"july",
    b"august",
    b"september",
    b"october",
    b"november",
    b"december",
];

pub(super) fn passes(text: &[u8]) -> bool {
    match month_name(text) {
        Some((month, start, end)) => {
            named(text.get(..start).unwrap_or_default(), month, text.get(end..).unwrap_or_default())
        }
        None => numeric(text),
    }
}

/// A run of digits: its value and how many there are.
type Run = (u32, usize);

/// The runs of digits in `text`, values of runs beyond nine digits cut to the first nine.
fn runs(text: &[u8]) -> impl Iterator<Item = Run> + '_ {
    let groups = text.split(|b| !b.is_ascii_digit()).filter(|g| !g.is_empty());
    groups.map(|g| (g.iter().take(9).fold(0, |n, b| n * 10 + u32::from(b - b'0')), g.len()))
}

/// The first month's name in `text`: its number, start and end.
fn month_name(text: &[u8]) -> Option<(u32, usize, usize)> {
    let mut at = 0;
    for word in text.split(|b| !b.is_ascii_alphabetic()) {
        let named = MONTHS.iter().zip(1..).find(|(name, _)| {
            word.len() >= 3 && name.get(..word.len()).is_some_and(|n| n.eq_ignore_ascii_case(word))
        });
        let named = named.map(|(_, month)| month).or(word.eq_ignore_ascii_case(b"sept").then_some(9));
        if let Some(month) = named {
            return Some((month, at, at + word.len()));
        }
        at += word.len() + 1;
    }
    None
}

/// `5 March 2021`, `March 5th, 2021`, `Mar 5`, `March 2021`, `2021-Mar-05`.
fn named(before: &[u8], month: u32, after: &[u8]) -> bool {
    let mut later = runs(after);
    match runs(before).last() {
        // Year first: the day stands behind the month.
        Some((year, 4)) => {
            is_year(year) && later.next().is_some_and(|(day, _)| has_day(Some(year), month, day))
        }
        Some((day, 1 | 2)) => match later.next() {
            Some((year, 4)) => is_year(year) && has_day(Some(year), month, day),
            _ => has_day(None, month, day),
        },
        Some(_) => false,
        None => match later.next() {
            Some((year, 4)) => is_year(year),
            Some((day, 1 | 2)) => match later.find(|run| run.1 == 4) {
                Some((year, _)) => is_year(year) && has_day(Some(year), month, day),
                None => has_day(None, month, day),
            },
            _ => false,
        },
    }
}

/// `2021-03-05...`, `3/5/2021`, `5.3.21`, `3/5`, `20210305...`.
fn numeric(text: &[u8]) -> bool {
    let mut found = runs(text);
    let Some((first, width)) = found.next() else { return false };
    if width >= 8 {
        return packed(text);
    }
    let Some((second, 1 | 2)) = found.next() else { return false };
    let third = found.next();
    match (width, third) {
        (4, Some((day, 1 | 2))) => is_year(first) && has_day(Some(first), second, day),
        (1 | 2, Some((year, 4))) => is_year(year) && either(Some(year), first, second),
        // Two digits of a year do not tell a leap year from another.
        (1 | 2, Some((_, 2))) => either(None, first, second),
        (1 | 2, None) => either(None, first, second),
        _ => false,
    }
}

/// Month and day in either order.
fn either(year: Option<u32>, a: u32, b: u32) -> bool {
    has_day(year, a, b) || has_day(year, b, a)
}

/// `yyyyMMdd`, then hours, minutes and seconds as far as they are there.
fn packed(text: &[u8]) -> bool {
    let mut digits = [0; 14];
    let mut count = 0;
    for (slot, byte) in digits.iter_mut().zip(text.iter().skip_while(|b| !b.is_ascii_digit())) {
        if !byte.is_ascii_digit() {
            break;
        }
        *slot = byte - b'0';
        count += 1;
    }
    let (year, month, day) = (number(&digits[..4]), number(&digits[4..6]), number(&digits[6..8]));
    let (hour, minute, second) = (number(&digits[8..10]), number(&digits[10..12]), number(&digits[12..]));
    let whole = matches!(count, 8 | 10 | 12 | 14);
    whole && is_year(year) && has_day(Some(year), month, day) && hour < 24 && minute < 60 && second <= 60
}

fn is_year(year: u32) -> bool {
    (1800..2200).contains(&year)
}

fn has_day(year: Option<u32>, month: u32, day: u32) -> bool {
    let Some(days) = (month as usize).checked_sub(1).and_then(|m| DAYS.get(m)) else { return false };
    let leap = year.is_none_or(|y| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400)));
    (1..=*days).contains(&day) && (leap || month != 2 || day < 29)
}

#[cfg(test)]
mod tests {
    use super::{has_day, passes};

    #[test]
    fn dates() {
        for text in [
            "2021-03-05",
            "2021-03-05T10:15:00.123+02:00",
            "2020-02-29",
            "1962/03/14",
            "03/14/1962",
            "14/03/1962",
            "3/5/21",
            "5.3.2021",
            "29.02.21",
            "3/14",
            "20210305",
            "20210305101530",
            "202103051015",
            "5-Mar-2021",
            "05MAR2021",
            "14-MAR-62",
            "17/May/2015:10:05:03 +0000",
            "March 5th, 2021",
            "Sept. 7, 2019",
            "5 March 2021",
            "5th of March",
            "Mar 5",
            "March 2021",
            "Nov 22 18:48:52",
            "2021-Mar-05",
            "Mon, 22 Nov 2021 18:48:52 +0000",
            "Sun Dec 4 04:47:44 2005",
            "Feb 29",
            "Thursday, May 1",
            "Feb 21, 2023 at 3:15 pm",
        ] {
            assert!(passes(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn no_dates() {
        for text in [
            "",
            "2021",
            "2021-13-05",
            "2021-00-05",
            "2021-02-29",
            "1700-01-01",
            "2021-04-31",
            "13/32/2021",
            "0/5/2021",
            "14/15",
            "20211305",
            "20210229",
            "202103052415",
            "2021030510153",
            "20210305101590",
            "32 March 2021",
            "Feb 30",
            "March",
            "March 1621",
            "Mon",
            "march on",
            "31-Apr-2021",
            "29 Feb 2021",
            "99999999999999999999",
            "/",
            "March 123",
        ] {
            assert!(!passes(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn the_calendar_of_a_leap_cycle() {
        let count = |year| {
            (0..=13)
                .flat_map(|m| (0..=32).map(move |d| (m, d)))
                .filter(|(m, d)| has_day(Some(year), *m, *d))
                .count()
        };
        assert_eq!([1900, 2000, 2023, 2024].map(count), [365, 366, 365, 366]);
    }
}
