//! Generalisation: what of a value may stay under Safe Harbor, 45 CFR 164.514(b)(2)(i)(B) and (C).

use super::{dates, zip3};
use crate::calendar::YEARS;
use crate::kind::Kind;

/// Ages over this one are not told, nor years that tell of one: 164.514(b)(2)(i)(C).
const MAX_AGE: i32 = 89;
/// What takes the place of an age over 89.
const OVER_MAX_AGE: &[u8] = b"90+";

/// Appends what stays of a value; `false` where nothing may. `number` says that it is a JSON number.
pub(crate) fn generalize(kind: Kind, text: &[u8], number: bool, this_year: i32, out: &mut Vec<u8>) -> bool {
    match kind {
        Kind::Date => {
            // A year that long ago tells of an age over 89.
            let year =
                dates::year(text, this_year).filter(|y| *y >= this_year - MAX_AGE && YEARS.contains(y));
            year.is_some_and(|year| {
                out.extend_from_slice(format!("{year:04}").as_bytes());
                true
            })
        }
        Kind::Age => {
            out.extend_from_slice(OVER_MAX_AGE);
            true
        }
        Kind::Zip => zip3::generalize(text, number).is_some_and(|prefix| {
            out.extend_from_slice(&prefix);
            true
        }),
        _ => false,
    }
}

/// Whether what stands at `start..end` is what an age became: `90+` would be found by its `90`.
pub(crate) fn is_general_age(text: &[u8], start: usize, end: usize) -> bool {
    let found = &text[start..end];
    found == OVER_MAX_AGE || found == &OVER_MAX_AGE[..2] && text.get(end) == Some(&b'+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays() {
        for (kind, text, number, want) in [
            (Kind::Date, "2021-03-05", false, Some("2021")),
            (Kind::Date, "3/5/21 at 10:15", false, Some("2021")),
            (Kind::Date, "20210305", true, Some("2021")),
            (Kind::Date, "2021", false, Some("2021")),
            (Kind::Date, "3/5", false, None),
            // Born so, or seen so, one is 90 or older.
            (Kind::Date, "1936-12-31", false, None),
            (Kind::Date, "1937-01-01", false, Some("1937")),
            (Kind::Age, "93", false, Some("90+")),
            (Kind::Age, "ninety-three", false, Some("90+")),
            (Kind::Zip, "94110", false, Some("941")),
            (Kind::Zip, "03601", false, Some("000")),
            (Kind::Zip, "K1A 0B1", false, None),
            (Kind::City, "Wexley", false, None),
            (Kind::Ssn, "219-10-9999", false, None),
        ] {
            let mut out = Vec::new();
            let done = generalize(kind, text.as_bytes(), number, 2026, &mut out);
            assert_eq!(
                done.then(|| String::from_utf8(out.clone()).unwrap()).as_deref(),
                want,
                "{kind} {text}"
            );
            // What stays stays.
            if done && kind != Kind::Age {
                let mut again = Vec::new();
                assert!(generalize(kind, &out, false, 2026, &mut again));
                assert_eq!(again, out);
            }
        }
        assert!(is_general_age(b"age 90+ now", 4, 6) && is_general_age(b"90+", 0, 3));
        assert!(!is_general_age(b"age 91+", 4, 6) && !is_general_age(b"age 90 now", 4, 6));
    }
}
