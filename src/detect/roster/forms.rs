//! What is written in many forms, brought into one: the same for a patient's values and for the text that is read.

use super::super::names::Folded;

/// Small words inside of surnames, which say nothing by themselves.
const PARTICLES: &[&[u8]] = &[
    b"al", b"bin", b"da", b"de", b"del", b"della", b"den", b"der", b"di", b"do", b"dos", b"du", b"el",
    b"ibn", b"la", b"las", b"le", b"los", b"of", b"san", b"st", b"ten", b"ter", b"the", b"van", b"von", b"y",
    b"zu",
];
/// What may follow a name and is none.
const SUFFIXES: &[&[u8]] = &[b"jr", b"sr", b"ii", b"iii", b"iv", b"md", b"phd", b"mr", b"mrs", b"ms", b"dr"];
/// Between a house number and its street.
pub(super) const DIRECTIONS: &[&[u8]] =
    &[b"n", b"s", b"e", b"w", b"ne", b"nw", b"se", b"sw", b"north", b"south", b"east", b"west"];
/// What street names end in, as abbreviated and in full.
pub(super) const STREETS: &[&[u8]] = &[
    b"st",
    b"street",
    b"ave",
    b"avenue",
    b"rd",
    b"road",
    b"dr",
    b"drive",
    b"ln",
    b"lane",
    b"blvd",
    b"boulevard",
    b"ct",
    b"court",
    b"pl",
    b"place",
    b"way",
    b"ter",
    b"terrace",
    b"cir",
    b"circle",
    b"pkwy",
    b"parkway",
    b"hwy",
    b"highway",
    b"trl",
    b"trail",
    b"sq",
    b"square",
    b"loop",
    b"aly",
    b"alley",
    b"xing",
    b"crossing",
];

const MONTHS: [&[u8]; 12] = [
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

/// Whether a byte belongs to a word: letters, and all of UTF-8 outside ASCII.
pub(super) fn is_letter(b: u8) -> bool {
    b.is_ascii_alphabetic() || b >= 0x80
}

/// A word as hashes know it: lower case, without accents and apostrophes. `None` for one that is too long.
pub(super) fn folded(word: &[u8]) -> Option<Folded> {
    let mut f = Folded::new();
    f.fold(word);
    f.word().is_some_and(|w| !w.is_empty()).then_some(f)
}

/// Whether `word`, folded, is one of those that stand inside of surnames.
pub(super) fn is_particle(word: &[u8]) -> bool {
    PARTICLES.contains(&word)
}

/// The length of an apostrophe inside of a word, at `at`.
fn apostrophe(text: &[u8], at: usize) -> usize {
    match text[at..] {
        [b'\'' | b'`', b, ..] if is_letter(b) => 1,
        [0xE2, 0x80, 0x99, b, ..] if is_letter(b) => 3,
        _ => 0,
    }
}

/// The length of a mark outside ASCII that is no letter: blanks, dashes, quotes.
fn mark(text: &[u8], at: usize) -> usize {
    match text[at..] {
        [0xC2, 0xA0..=0xBF, ..] => 2,
        [0xE2, 0x80, ..] => 3,
        [0xE3, 0x80, 0x80..=0x82, ..] => 3,
        _ => 0,
    }
}

/// The end of the word at `at`, which may be `at` itself.
pub(super) fn word_end(text: &[u8], mut at: usize) -> usize {
    let start = at;
    while at < text.len() {
        if is_letter(text[at]) && mark(text, at) == 0 {
            at += 1;
        } else if at > start && apostrophe(text, at) > 0 {
            at += apostrophe(text, at);
        } else {
            break;
        }
    }
    at
}

/// The words of a text, folded: runs of letters.
pub(super) fn words(text: &[u8]) -> Vec<Vec<u8>> {
    let (mut all, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let end = word_end(text, at);
        if end == at {
            at += mark(text, at).max(1);
            continue;
        }
        all.extend(folded(&text[at..end]).and_then(|f| f.word().map(<[u8]>::to_vec)));
        at = end;
    }
    all
}

/// The words of a name that say whose it is: no initials, no small words unless there is nothing else.
pub(super) fn name_words(text: &[u8]) -> Vec<Vec<u8>> {
    let mut all = words(text);
    all.retain(|w| w.len() >= 2 && !SUFFIXES.contains(&w.as_slice()));
    if all.iter().any(|w| !is_particle(w)) {
        all.retain(|w| !is_particle(w));
    }
    all
}

/// Whether nothing but initials and small words stands between two words of a name.
pub(super) fn joins(gap: &[u8]) -> bool {
    let fits = gap.iter().all(|b| is_letter(*b) || matches!(b, b' ' | b'.' | b',' | b'-' | b'\''));
    fits && words(gap).iter().all(|w| w.len() == 1 || is_particle(w))
}

/// A record number: letters and digits only, in capitals; zeros in front of digits alone count for nothing.
pub(super) fn record_number(text: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend(text.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase));
    if out.iter().all(u8::is_ascii_digit) {
        let zeros = out.iter().take_while(|b| **b == b'0').count();
        out.drain(..zeros);
    }
}

/// The digits of a telephone number, without the 1 in front of a North American one and the 00 of an international
/// one. Fewer than nine could be anything.
pub(super) fn phone(text: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    out.extend(text.iter().filter(|b| b.is_ascii_digit()));
    if out.starts_with(b"00") {
        out.drain(..2);
    }
    if out.len() == 11 && out[0] == b'1' {
        out.remove(0);
    }
    (9..=15).contains(&out.len())
}

/// House number and street word of an address.
pub(super) fn street(text: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let text = text.trim_ascii();
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(1..=6).contains(&digits) {
        return None;
    }
    let found = words(&text[digits..]).into_iter();
    let word = found.skip_while(|w| DIRECTIONS.contains(&w.as_slice())).find(|w| w.len() >= 3)?;
    Some((&text[..digits], word))
}

/// A day: year, month, day of the month.
pub(super) type Day = (u16, u8, u8);

/// The date that stands at `at`: its end, and the days it may mean.
pub(super) fn date_at(text: &[u8], at: usize) -> Option<(usize, [Option<Day>; 2])> {
    let mut r = Reader { text, at };
    if let Some(month) = r.month() {
        r.skip(b" .");
        let (day, _) = r.number(2)?;
        r.word(&[b"st", b"nd", b"rd", b"th"]);
        r.skip(b" ,");
        let year = r.year()?;
        return Some((r.at, [day_of(year, month, day), None]));
    }
    let (first, len) = r.number(8)?;
    if len == 8 {
        return Some((r.at, [day_of(first / 10_000, first / 100 % 100, first % 100), None]));
    }
    if len > 4 || len == 3 {
        return None;
    }
    let sep = *text.get(r.at)?;
    r.word(&[b"st", b"nd", b"rd", b"th"]);
    let before = r.at;
    r.skip(b" -./,");
    if len <= 2
        && let Some(month) = r.month()
    {
        r.skip(b" -./,");
        let year = r.year()?;
        return Some((r.at, [day_of(year, month, first), None]));
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
        return Some((r.at, [day_of(first, second, third), None]));
    }
    let year = r.year()?;
    Some((r.at, [day_of(year, first, second), day_of(year, second, first)]))
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

    /// Two digits are of the last century as often as of this one; the last is likelier for whoever has a record.
    fn year(&mut self) -> Option<u32> {
        let (year, len) = self.number(4)?;
        match len {
            4 => Some(year),
            2 => Some(if year > 30 { 1900 + year } else { 2000 + year }),
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
    fn names_come_apart() {
        let cases: &[(&str, &[&str])] = &[
            ("Mary-Ann O\u{2019}Brien", &["mary", "ann", "obrien"]),
            ("de la Cru\u{301}z, Jr.", &["cruz"]),
            ("Van", &["van"]),
            ("J. R\u{fc}diger", &["rudiger"]),
            ("", &[]),
        ];
        for (text, want) in cases {
            let got = name_words(text.as_bytes());
            assert_eq!(got, want.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>(), "{text}");
        }
    }

    #[test]
    fn dates_in_every_form() {
        let day = Some((1962, 3, 14));
        for text in [
            "1962-03-14",
            "1962/3/14",
            "19620314",
            "3/14/1962",
            "03-14-62",
            "14.03.1962",
            "14 Mar 1962",
            "14-MAR-1962",
            "March 14th, 1962",
            "14th of",
            "Mar. 14 1962",
            "1962-13-14",
            "1962-02-30",
            "abc",
            "12:30",
        ] {
            let got = date_at(text.as_bytes(), 0);
            let hit = got.is_some_and(|(end, days)| end == text.len() && days.contains(&day));
            let wrong = ["14th of", "1962-13-14", "1962-02-30", "abc", "12:30"].contains(&text);
            assert_eq!(hit, !wrong, "{text}: {got:?}");
        }
        let both = date_at(b"03/04/1962", 0).map(|(_, days)| days);
        assert_eq!(both, Some([Some((1962, 3, 4)), Some((1962, 4, 3))]));
    }

    #[test]
    fn numbers_and_streets() {
        let mut out = Vec::new();
        for (text, want) in [("00-123 456", "123456"), ("mrn00123", "MRN00123"), ("a-1", "A1"), ("000", "")] {
            record_number(text.as_bytes(), &mut out);
            assert_eq!(out, want.as_bytes());
        }
        for (text, want) in [
            ("+1 (415) 555-2671", Some("4155552671")),
            ("0044 20 7946 0958", Some("442079460958")),
            ("555-2671", None),
        ] {
            let good = phone(text.as_bytes(), &mut out);
            assert_eq!(good.then_some(out.as_slice()), want.map(str::as_bytes));
        }
        let cases = [
            ("12 N. Elm St", Some(("12", "elm"))),
            ("4B Oak", Some(("4", "oak"))),
            ("PO Box 7", None),
            ("7", None),
        ];
        for (text, want) in cases {
            let got = street(text.as_bytes());
            let want = want.map(|(n, w)| (n.as_bytes(), w.as_bytes().to_vec()));
            assert_eq!(got, want, "{text}");
        }
    }
}
