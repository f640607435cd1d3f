//! Made-up codes: each digit becomes a digit, each letter a letter of the same case, all else stays.
//!
//! A random number might be somebody's. Where a sort of number has a registry, or a rule for all of its numbers, the surrogate is one
//! that nobody can have:
//!
//! | what has the form of | what the surrogate is | why nobody has it |
//! | --- | --- | --- |
//! | nine digits: Social Security, taxpayer, bank routing numbers, with letters around them too | begins with 9, group 01 to 49 | SSA POMS RM 10201.035: none begins with 9; IRS groups are 50 and above; ABA: no Federal Reserve prefix is 9x |
//! | ten digits: NPI, telephone numbers | begins with 9, its fourth digit 0 or 1 | an NPI begins with 1 or 2 (69 FR 3434 on 45 CFR 162.406); no central office code of the North American plan begins with 0 or 1 |
//! | 13 to 19 digits: cards, IMEI | begins with 00, Luhn's check fails | ISO/IEC 7812-1: 00 is not for card issuers; its annex B and 3GPP TS 23.003 have all numbers pass |
//! | 17 digits and letters: VIN | its first letter is I, O or Q | ISO 3779 and 49 CFR 565.13(g) use none of them |
//! | 11 characters as an MBI has them | begins with 0 | CMS, Medicare Beneficiary Identifier format: the first is 1 to 9 |
//! | two letters, two digits, up to 34 in all: IBAN | the country is one of QM to QZ | ISO 3166-1 gives them to users, never to a country |
//! | DEA registration | its check digit fails | DEA practice under 21 CFR 1301.13: the seventh digit checks the six before |
//!
//! Medical record numbers, plans' own member numbers, account numbers, state licences, plates and serial numbers are given out by
//! whoever likes, in ranges nobody knows: none is reserved. Those of six digits and more begin with 9. Whoever counts up from below
//! gets there last, so that a clash with a real number is unlikely, not impossible. Shorter ones have too few values for that.

use super::Draw;

/// Of so many digits the first can be spared.
const LONG: usize = 6;

/// Appends a code of the form of `text`; `false` where that has no digit or is not ASCII.
pub(super) fn surrogate(text: &[u8], draw: &mut Draw<'_, '_>, out: &mut Vec<u8>) -> bool {
    if !text.is_ascii() || !text.iter().any(u8::is_ascii_digit) {
        return false;
    }
    let random = |b: &u8| match b {
        b'0'..=b'9' => b'0' + draw.below(10) as u8,
        _ => b'A' + draw.below(26) as u8,
    };
    let mut code: Vec<u8> = text.iter().filter(|b| b.is_ascii_alphanumeric()).map(random).collect();
    let last = draw.below(1 << 16);
    reserve(&mut code, last);
    let mut next = code.into_iter();
    out.extend(text.iter().map(|b| match (b.is_ascii_alphanumeric(), b.is_ascii_lowercase()) {
        (true, true) => next.next().unwrap_or(b'a').to_ascii_lowercase(),
        (true, false) => next.next().unwrap_or(b'0'),
        (false, _) => *b,
    }));
    true
}

/// Makes a random code, digits and capital letters, one that nobody has. `random` is below 2^16.
fn reserve(code: &mut [u8], random: u32) {
    let pick = |from: u8, count: u32| from + (random % count) as u8;
    let digits: Vec<usize> = (0..code.len()).filter(|i| code[*i].is_ascii_digit()).collect();
    match digits.len() {
        9 => {
            let group = 1 + random % 49;
            code[digits[0]] = b'9';
            (code[digits[3]], code[digits[4]]) = (b'0' + (group / 10) as u8, b'0' + (group % 10) as u8);
        }
        10 => {
            code[digits[0]] = b'9';
            code[digits[3]] = pick(b'0', 2);
        }
        13..=19 => {
            (code[digits[0]], code[digits[1]]) = (b'0', b'0');
            fail(code, &digits, random, luhn);
        }
        LONG.. => code[digits[0]] = b'9',
        _ => {}
    }
    let letter = code.iter().position(u8::is_ascii_uppercase);
    if let (17, Some(at)) = (code.len(), letter) {
        code[at] = b"IOQ"[random as usize % 3];
    }
    if (15..=34).contains(&code.len()) && is_like(&code[..4], b"AANN") {
        (code[0], code[1]) = (b'Q', pick(b'M', 14));
    } else if is_like(code, b"NAXNAXNAANN") {
        code[0] = b'0';
    } else if is_like(code, b"AXNNNNNNN") {
        fail(code, &[2, 3, 4, 5, 6, 7, 8], random, dea);
    }
}

/// Whether a code is made as a form says: A a letter, N a digit, X either.
fn is_like(code: &[u8], form: &[u8]) -> bool {
    let fits = |(c, f): (&u8, &u8)| match f {
        b'A' => c.is_ascii_uppercase(),
        b'N' => c.is_ascii_digit(),
        _ => true,
    };
    code.len() == form.len() && code.iter().zip(form).all(fits)
}

/// Makes the last digit any but the one that passes, which `check` tells from the others.
fn fail(code: &mut [u8], digits: &[usize], random: u32, check: fn(&[u8]) -> u32) {
    let Some((last, others)) = digits.split_last() else { return };
    let others: Vec<u8> = others.iter().map(|i| code[*i] - b'0').collect();
    code[*last] = b'0' + ((check(&others) + 1 + random % 9) % 10) as u8;
}

/// Luhn's check digit (ISO/IEC 7812-1, annex B).
fn luhn(digits: &[u8]) -> u32 {
    let of = |(i, d): (usize, &u8)| match u32::from(*d) {
        d if i % 2 == 1 => d,
        d => d * 2 / 10 + d * 2 % 10,
    };
    (10 - digits.iter().rev().enumerate().map(of).sum::<u32>() % 10) % 10
}

/// The check digit of a DEA registration.
fn dea(digits: &[u8]) -> u32 {
    let of = |(i, d): (usize, &u8)| u32::from(*d) * if i % 2 == 0 { 1 } else { 2 };
    digits.iter().enumerate().map(of).sum::<u32>() % 10
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{keyed, of, shape};
    use super::*;
    use crate::detect::Check;
    use crate::kind::Kind;

    /// What has a registry or a check digit of its own.
    const REGISTERED: [Check; 9] = [
        Check::Aba,
        Check::Card,
        Check::Dea,
        Check::Iban,
        Check::Imei,
        Check::Itin,
        Check::Mbi,
        Check::Npi,
        Check::Ssn,
    ];

    const CODES: [Kind; 7] = [
        Kind::Mrn,
        Kind::HealthPlanId,
        Kind::Account,
        Kind::License,
        Kind::Vehicle,
        Kind::Device,
        Kind::UniqueId,
    ];

    fn digits(text: &str) -> String {
        text.chars().filter(char::is_ascii_digit).collect()
    }

    #[test]
    fn nobody_has_it() {
        type Says = fn(&str) -> bool;
        let cases: &[(Kind, &str, Option<Check>, Says)] = &[
            (Kind::License, "1234567893", Some(Check::Npi), |s| s.starts_with('9')),
            (Kind::Account, "4242 4242 4242 4242", Some(Check::Card), |s| s.starts_with("00")),
            (Kind::Account, "378282246310005", Some(Check::Card), |s| s.starts_with("00")),
            (Kind::Account, "4222222222222", Some(Check::Card), |s| s.starts_with("00")),
            (Kind::Account, "021000021", Some(Check::Aba), |s| s.starts_with('9')),
            (Kind::Account, "GB82 WEST 1234 5698 7654 32", Some(Check::Iban), |s| s.starts_with('Q')),
            (Kind::Device, "49-015420-323751-8", Some(Check::Imei), |s| s.starts_with("00")),
            (Kind::Vehicle, "1M8GDM9AXKP042788", Some(Check::Vin), |s| s.contains(['I', 'O', 'Q'])),
            (Kind::Vehicle, "1m8gdm9axkp042788", Some(Check::Vin), |s| s.contains(['i', 'o', 'q'])),
            (Kind::License, "AB1234563", Some(Check::Dea), |s| digits(s).starts_with('9')),
            (Kind::License, "F91234563", Some(Check::Dea), |s| digits(s).starts_with('9')),
            (Kind::HealthPlanId, "1EG4-TE5-MK73", Some(Check::Mbi), |s| s.starts_with('0')),
            // A Social Security number with a letter behind it was a Medicare number until 2020.
            (Kind::HealthPlanId, "219-10-9999A", None, |s| &s[..1] == "9" && &s[4..6] < "50"),
            (Kind::Mrn, "4471902", None, |s| s.starts_with('9')),
            (Kind::Mrn, "E87-1234", None, |s| &s[1..2] == "9"),
        ];
        for key in 0..20 {
            for (kind, text, check, says) in cases {
                let got = keyed(key, *kind, text).unwrap();
                assert_eq!(shape(&got), shape(text), "{kind}: {text}");
                assert!(says(&got), "{kind}: {text}: {got}");
                if let Some(check) = check {
                    assert!(check.passes(text.as_bytes()) && !check.passes(got.as_bytes()), "{text}: {got}");
                }
            }
        }
    }

    #[test]
    fn check_digits_are_those_of_the_checks() {
        for n in (0..1_000_000_000_000u64).step_by(7_654_321_987) {
            let text = format!("{n:014}");
            let body: Vec<u8> = text.bytes().map(|b| b - b'0').collect();
            assert!(Check::Imei.passes(format!("{text}{}", luhn(&body)).as_bytes()) || n == 0, "{text}");
            assert!(Check::Dea.passes(format!("BM{}{}", &text[8..], dea(&body[8..])).as_bytes()), "{text}");
        }
    }

    #[test]
    fn short_codes_become_others() {
        for text in ["7", "42", "A7", "123", "AB12"] {
            for key in 0..50 {
                assert_ne!(keyed(key, Kind::Mrn, text).unwrap(), text);
            }
        }
        assert_eq!((of(Kind::Mrn, "none"), of(Kind::Mrn, "\u{ff11}23")), (None, None));
    }

    proptest! {
        #[test]
        fn none_is_registered(
            which in 0..CODES.len(),
            key: u8,
            text in "[0-9]{1,22}|[A-Z0-9]{8,24}|[A-Z]{1,3}[0-9]{5,10}|[A-Z]{2}[0-9]{13,32}|[1-9][A-Y][0-9][0-9]-?[A-Y][A-Y][0-9]-?[A-Y]{2}[0-9]{2}\
                |[0-9]{3}-[0-9]{2}-[0-9]{4}[A-Z]?|[0-9]{3}-[0-9]{3}-[0-9]{4}|([0-9]{4}[ -]){3,4}[0-9]{1,4}",
        ) {
            prop_assume!(text.contains(|c: char| c.is_ascii_digit()));
            let got = keyed(key, CODES[which], &text).unwrap();
            prop_assert_eq!(shape(&got), shape(&text));
            prop_assert_ne!(&got, &text);
            for check in REGISTERED {
                prop_assert!(!check.passes(got.as_bytes()), "{}: {} is {:?}", text, got, check);
            }
            if got.len() == 17 && got.contains(|c: char| c.is_ascii_alphabetic()) {
                prop_assert!(!Check::Vin.passes(got.as_bytes()), "{}: {} is a vehicle", text, got);
            }
            if digits(&got).len() == 10 {
                prop_assert!(!Check::Nanp.passes(got.as_bytes()), "{}: {} is a telephone number", text, got);
            }
            prop_assert_eq!(keyed(key, CODES[which], &text), Some(got));
        }
    }
}
