//! Every check takes any bytes; and each says what its rule, written down once more in another way, says.

#![no_main]

use std::net::{Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use scrubjay::detect::Check;

/// Of one text.
const MOST_BYTES: usize = 1 << 14;

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Bytes(&'a [u8]),
    /// Much of the same.
    Long(&'a [u8], u16),
    /// Digits with something between them, which most checks want.
    Digits(u64, u64, u8, char),
    Date(u16, u8, u8, u8),
    V4([u8; 4]),
    V6([u16; 8], u8),
}

fuzz_target!(|input: Input<'_>| {
    match input {
        Input::Bytes(bytes) => all(bytes),
        Input::Long(bytes, times) => all(&bytes.repeat(usize::from(times) % MOST_BYTES / bytes.len().max(1))),
        Input::Digits(high, low, count, between) => {
            let digits = format!("{low:020}{high:020}");
            let digits = &digits[..usize::from(count) % 24 + 1];
            all(digits.as_bytes());
            let spaced: String = digits.chars().flat_map(|d| [d, between]).collect();
            all(spaced.as_bytes());
            // With the check digit that fits, whichever it is.
            for last in 0..10 {
                all(format!("{}{last}", &digits[..digits.len() - 1]).as_bytes());
            }
        }
        Input::Date(year, month, day, rest) => dates(u32::from(year % 3000), month % 16, day % 40, rest),
        Input::V4([a, b, c, d]) => all(format!("{a}.{b:02}.{c:03}.{d}").as_bytes()),
        Input::V6(groups, cut) => {
            let whole = Ipv6Addr::from(groups).to_string();
            all(whole.as_bytes());
            all(&whole.as_bytes()[usize::from(cut) % whole.len()..]);
        }
    }
});

fn all(text: &[u8]) {
    for (name, check) in Check::NAMES {
        let passes = check.passes(text);
        assert_eq!(passes, check.passes(text), "{name} is in two minds");
        if let Some(expected) = expected(*check, text) {
            assert_eq!(passes, expected, "{name} of {:?}", String::from_utf8_lossy(text));
        }
    }
    // What stands in front of it does not unmake a place.
    if Check::PlaceWords.passes(text) {
        assert!(Check::PlaceWords.passes(&[b"Wexley ", text].concat()), "a word more: {text:?}");
    }
}

/// What the rule says, if it is one that can be said in another way.
fn expected(check: Check, text: &[u8]) -> Option<bool> {
    let digits: Vec<u64> = text.iter().filter(|b| b.is_ascii_digit()).map(|b| u64::from(b - b'0')).collect();
    let number = |range: std::ops::Range<usize>| digits[range].iter().fold(0, |n, d| n * 10 + d);
    let count = digits.len();
    Some(match check {
        Check::Luhn => count >= 2 && luhn(&digits),
        Check::Card => {
            // Necessary only: whose card it is stands in one table.
            if Check::Card.passes(text) {
                assert!((13..=19).contains(&count) && luhn(&digits), "a card: {text:?}");
            }
            return None;
        }
        Check::Npi => {
            count == 10 && matches!(digits[0], 1 | 2) && {
                let with_prefix: Vec<u64> =
                    [8, 0, 8, 4, 0].into_iter().chain(digits.iter().copied()).collect();
                luhn(&with_prefix)
            }
        }
        Check::Imei => count == 15 && number(0..15) > 0 && luhn(&digits),
        Check::Ssn => {
            count == 9 && !matches!(number(0..3), 0 | 666 | 900..) && number(3..5) != 0 && number(5..9) != 0
        }
        Check::Itin => {
            count == 9 && digits[0] == 9 && {
                let group = number(3..5);
                group >= 50 && !(66..70).contains(&group) && group != 89
            }
        }
        Check::Aba => {
            count == 9 && number(0..9) > 0 && {
                let d = &digits;
                let sum = 3 * (d[0] + d[3] + d[6]) + 7 * (d[1] + d[4] + d[7]) + d[2] + d[5] + d[8];
                let lead = number(0..2);
                let known = lead <= 12 || (21..33).contains(&lead) || (61..73).contains(&lead) || lead == 80;
                sum % 10 == 0 && known
            }
        }
        Check::Id => count >= 2 && digits.iter().any(|d| *d > 0),
        Check::Nanp => {
            let national = &digits[usize::from(digits.first() == Some(&1))..];
            national.len() >= 10 && national[0] > 1 && national[3] > 1 && national[1..3] != [1, 1]
        }
        Check::Ipv4 => {
            let text = std::str::from_utf8(text).unwrap_or_default();
            let plain: Vec<&str> = text.split('.').map(|o| o.trim_start_matches('0')).collect();
            let written = text.split('.').all(|o| (1..=3).contains(&o.len()));
            let plain: Vec<&str> = plain.into_iter().map(|o| if o.is_empty() { "0" } else { o }).collect();
            let address = plain.join(".").parse::<Ipv4Addr>();
            written && address.is_ok_and(|a| a.octets()[1..] != [0, 0, 0])
        }
        Check::Ipv6 => {
            let address = text.split(|b| *b == b'%').next().and_then(|a| std::str::from_utf8(a).ok());
            if Check::Ipv6.passes(text) {
                assert!(address.is_some_and(|a| a.parse::<Ipv6Addr>().is_ok()), "an address: {text:?}");
                return None;
            }
            // Written with four digits a group it is no MAC, and with a digit no path in a program.
            let long = address
                .is_some_and(|a| a.len() == 39 && a.parse::<Ipv6Addr>().is_ok_and(|a| !a.is_unspecified()));
            assert!(!long || !text.iter().any(u8::is_ascii_digit), "no address: {text:?}");
            return None;
        }
        Check::Vin => vin(text),
        Check::Dea => {
            let upper = text.to_ascii_uppercase();
            upper.len() == 9
                && b"ABCDEFGHJKLMPRSTUX".contains(&upper[0])
                && (upper[1].is_ascii_uppercase() || upper[1] == b'9')
                && upper[2..].iter().all(u8::is_ascii_digit)
                && {
                    let d: Vec<u32> = upper[2..].iter().map(|b| u32::from(b - b'0')).collect();
                    (d[0] + d[2] + d[4] + 2 * (d[1] + d[3] + d[5])) % 10 == d[6]
                }
        }
        Check::Iban => {
            if Check::Iban.passes(text) {
                assert!(mod_97(text), "an IBAN: {text:?}");
            }
            return None;
        }
        Check::Mbi => {
            let chars: Vec<u8> =
                text.iter().filter(|b| !b"- ".contains(b)).map(u8::to_ascii_uppercase).collect();
            let letter = |c: u8| b"ACDEFGHJKMNPQRTUVWXY".contains(&c);
            let digit = |c: u8| c.is_ascii_digit();
            chars.len() == 11
                && chars[0] != b'0'
                && [0, 3, 6, 9, 10].iter().all(|i| digit(chars[*i]))
                && [1, 4, 7, 8].iter().all(|i| letter(chars[*i]))
                && [2, 5].iter().all(|i| digit(chars[*i]) || letter(chars[*i]))
        }
        Check::Zip => {
            if Check::Zip.passes(text) {
                assert!(count == 5 || count == 9, "a ZIP code: {text:?}");
                return Some(Check::Zip.passes(format!("{:05}", number(0..5)).as_bytes()));
            }
            return None;
        }
        _ => return None,
    })
}

/// From the right, with a table of what a doubled digit comes to.
fn luhn(digits: &[u64]) -> bool {
    const DOUBLED: [u64; 10] = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
    let mut sum = 0;
    for (i, d) in digits.iter().rev().enumerate() {
        sum += if i % 2 == 1 { DOUBLED[*d as usize] } else { *d };
    }
    sum % 10 == 0
}

fn vin(text: &[u8]) -> bool {
    // The values of A to Z; 0 for those that are not used.
    const LETTERS: &[u8; 26] = b"12345678012345070923456789";
    let upper = text.to_ascii_uppercase();
    if upper.len() != 17 || !upper.iter().all(|b| b.is_ascii_alphanumeric() && !b"IOQ".contains(b)) {
        return false;
    }
    let values = upper.iter().map(|b| match b {
        b'A'..=b'Z' => u32::from(LETTERS[usize::from(b - b'A')] - b'0'),
        _ => u32::from(b - b'0'),
    });
    let weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let sum: u32 = values.zip(weights).map(|(v, w)| v * w).sum();
    let same = text.iter().all(|b| *b == text[0]);
    b"0123456789X"[sum as usize % 11] == upper[8] && !same
}

/// ISO 7064 by long division of the whole number, seven digits at a time.
fn mod_97(text: &[u8]) -> bool {
    let chars: Vec<u8> = text.iter().filter(|b| !b" -".contains(b)).map(u8::to_ascii_uppercase).collect();
    let turned = [&chars[4..], &chars[..4]].concat();
    let mut digits = String::new();
    for c in turned {
        match char::from(c).to_digit(36) {
            Some(value) => digits.push_str(&value.to_string()),
            None => return false,
        }
    }
    let rest = digits.as_bytes().chunks(7).fold(0_u64, |rest, chunk| {
        let chunk = std::str::from_utf8(chunk).expect("digits");
        format!("{rest}{chunk}").parse::<u64>().expect("nine digits") % 97
    });
    rest == 1
}

/// Every way to write a date says what the calendar says.
fn dates(year: u32, month: u8, day: u8, rest: u8) {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let known = (1800..2200).contains(&year);
    let there = |month: u8, day: u8| known && is_day(i64::from(year), i64::from(month), i64::from(day));
    let passes = |text: &str, expected: bool| {
        assert_eq!(Check::Date.passes(text.as_bytes()), expected, "{text:?}");
    };
    let (y, m, d) = (year, month, day);
    passes(&format!("{y:04}-{m:02}-{d:02}"), there(m, d));
    passes(&format!("{y:04}{m:02}{d:02}"), there(m, d));
    passes(&format!("{m}/{d}/{y:04}"), there(m, d) || there(d, m));
    passes(&format!("{d:02}.{m:02}.{y:04}"), there(m, d) || there(d, m));
    let (hour, minute) = (rest % 30, rest / 3);
    passes(&format!("{y:04}{m:02}{d:02}{hour:02}{minute:02}"), there(m, d) && hour < 24 && minute < 60);
    if let Some(name) = usize::from(m).checked_sub(1).and_then(|m| NAMES.get(m)) {
        passes(&format!("{d} {name} {y:04}"), there(m, d));
        passes(&format!("{d:02}-{}-{y:04}", &name[..3]), there(m, d));
        passes(&format!("{name} {d}, {y:04}"), there(m, d));
        passes(&format!("{y:04}-{}-{d:02}", &name[..3]), there(m, d));
        passes(&format!("{name} {y:04}"), known);
    }
    all(format!("{y:04}-{m:02}-{d:02}T{hour:02}:{minute:02}:00Z").as_bytes());
}

/// Whether the calendar has a day: months alternate but for July and August, and a leap year has one day more.
fn is_day(year: i64, month: i64, day: i64) -> bool {
    let leap_days = |year: i64| year / 4 - year / 100 + year / 400;
    let length = match month {
        2 => 28 + leap_days(year) - leap_days(year - 1),
        _ => 30 + (month + month / 8) % 2,
    };
    (1..=12).contains(&month) && (1..=length).contains(&day)
}
