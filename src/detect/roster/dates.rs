//! Dates of birth, in every usual form.

use super::super::checks::MONTHS;

/// A day: year, month, day of the month.
pub(super) type Day = (u16, u8, u8);

/// The days that a date may mean: of March or of April, of this century or of the last.
pub(super) type Days = [Option<Day>; 4];

/// Of a date the first figure stands at most so many bytes from its beginning: behind the name of a month.
pub(super) const FIGURE: usize = 16;

/// Whether a date may begin with this byte.
pub(super) fn may_begin(b: u8) -> bool {
    matches!(b | 0x20, b'0'..=b'9' | b'a' | b'd' | b'f' | b'j' | b'm' | b'n' | b'o' | b's')
}

/// The date that stands at `at`: its end, and the days it may mean.
pub(super) fn date_at(text: &[u8], at: usize) -> Option<(usize, Days)> {
    let mut r = Reader { text, at };
    if let Some(month) = r.month() {
        r.skip(b" .-/");
        let (day, _) = r.number(2)?;
        r.word(&[b"st", b"nd", b"rd", b"th"]);
        r.skip(b" ,-/");
        let years = r.years()?;
        return Some((r.at, days(years, [(month, day); 2])));
    }
    let (first, len) = r.number(8)?;
    if len == 8 {
        let (head, tail) = (first / 1_000_000, first / 10_000 % 100);
        let [a, ..] = days([Some(first / 10_000), None], [(first / 100 % 100, first % 100); 2]);
        let [b, c, ..] = days([Some(first % 10_000), None], [(head, tail), (tail, head)]);
        return Some((r.at, [a, b, c, None]));
    }
    if len > 4 || len == 3 {
        return None;
    }
    let sep = *text.get(r.at)?;
    r.word(&[b"st", b"nd", b"rd", b"th"]);
    let before = r.at;
    r.skip(b" -./,");
    if let Some(month) = r.month() {
        r.skip(b" -./,");
        let (years, day) = match len {
            4 => ([Some(first), None], r.number(2)?.0),
            _ => (r.years()?, first),
        };
        return Some((r.at, days(years, [(month, day); 2])));
    }
    if r.at != before + 1 || !matches!(sep, b'-' | b'/' | b'.') {
        return None;
    }
    let (second, _) = r.number(2)?;
    if text.get(r.at) != Some(&sep) {
        return None;
    }
    r.at += 1;
    if len == 4 {
        let (third, _) = r.number(2)?;
        return Some((r.at, days([Some(first), None], [(second, third); 2])));
    }
    let years = r.years()?;
    Some((r.at, days(years, [(first, second), (second, first)])))
}

/// Every year with every month and day.
fn days(years: [Option<u32>; 2], orders: [(u32, u32); 2]) -> Days {
    let day = |year: Option<u32>, (month, day)| year.and_then(|y| day_of(y, month, day));
    let [a, b] = orders;
    let second = |year| if a == b { None } else { day(year, b) };
    [day(years[0], a), second(years[0]), day(years[1], a), second(years[1])]
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn number(&mut self, most: usize) -> Option<(u32, usize)> {
        let rest = &self.text[self.at..];
        let len = rest.iter().take(most + 1).take_while(|b| b.is_ascii_digit()).count();
        (1..=most).contains(&len).then(|| {
            self.at += len;
            (rest[..len].iter().fold(0, |n, b| n * 10 + u32::from(b - b'0')), len)
        })
    }

    /// Two digits are of the last century, or of this one.
    fn years(&mut self) -> Option<[Option<u32>; 2]> {
        let (year, len) = self.number(4)?;
        match len {
            4 => Some([Some(year), None]),
            2 => Some([Some(1900 + year), Some(2000 + year)]),
            _ => None,
        }
    }

    fn skip(&mut self, any: &[u8]) {
        let rest = &self.text[self.at..];
        self.at += rest.iter().take(2).take_while(|b| any.contains(b)).count();
    }

    fn word(&mut self, any: &[&[u8]]) {
        let rest = &self.text[self.at..];
        let found = any.iter().find(|w| rest.len() >= w.len() && rest[..w.len()].eq_ignore_ascii_case(w));
        self.at += found.map_or(0, |w| w.len());
    }

    fn month(&mut self) -> Option<u32> {
        let rest = &self.text[self.at..];
        let len = rest.iter().take(10).take_while(|b| b.is_ascii_alphabetic()).count();
        let word = &rest[..len];
        let is = |m: &&[u8]| {
            len >= 3 && len <= m.len() && m[..len].eq_ignore_ascii_case(word) && (len <= 4 || len == m.len())
        };
        let month = MONTHS.iter().position(is)?;
        self.at += len;
        Some(month as u32 + 1)
    }
}

fn day_of(year: u32, month: u32, day: u32) -> Option<Day> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        1..=12 => 31,
        _ => return None,
    };
    let fits = (1850..=2150).contains(&year) && (1..=days).contains(&day);
    fits.then_some((year as u16, month as u8, day as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_month_may_begin_a_date() {
        assert!(MONTHS.iter().all(|m| may_begin(m[0]) && may_begin(m[0].to_ascii_uppercase())));
        assert!((b'0'..=b'9').all(may_begin) && !b"bcegz -/".iter().copied().any(may_begin));
    }

    #[test]
    fn dates_in_every_form() {
        let day = Some((1962, 3, 14));
        for text in [
            "1962-03-14",
            "1962/3/14",
            "1962.03.14",
            "19620314",
            "03141962",
            "14031962",
            "3/14/1962",
            "03-14-62",
            "3.14.62",
            "14.03.1962",
            "14 Mar 1962",
            "14-MAR-1962",
            "14MAR62",
            "March 14th, 1962",
            "Mar. 14 1962",
            "MAR-14-1962",
            "14th March 1962",
            "1962-Mar-14",
            "1962 March 14",
        ] {
            let got = date_at(text.as_bytes(), 0);
            assert!(
                got.is_some_and(|(end, days)| end == text.len() && days.contains(&day)),
                "{text}: {got:?}"
            );
        }
        for text in [
            "14th of",
            "1962-13-14",
            "1962-02-30",
            "abc",
            "12:30",
            "",
            "1962",
            "19621",
            "March",
            "3/14",
            "3/14-62",
        ] {
            let got = date_at(text.as_bytes(), 0);
            assert!(!got.is_some_and(|(_, days)| days.contains(&day)), "{text}: {got:?}");
        }
        let both = date_at(b"03/04/1962", 0).map(|(_, days)| days);
        assert_eq!(both, Some([Some((1962, 3, 4)), Some((1962, 4, 3)), None, None]));
        let centuries = date_at(b"3/14/28", 0).map(|(_, days)| days);
        assert_eq!(centuries, Some([Some((1928, 3, 14)), None, Some((2028, 3, 14)), None]));
    }
}
