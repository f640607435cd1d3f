//! Identifiers, invented: each is of a form that its kind has, with a right check digit where there is one.

use std::fmt::Write;

use super::names::Lists;
use super::random::Random;

const MONTHS: [&str; 12] = [
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
const CAPITALS: &str = "ABCDEFGHJKLMNPQRSTUVWXYZ";

/// Whom a record is about: what stands in it more than once is the same.
pub struct Person {
    pub given: String,
    pub middle: String,
    pub surname: String,
    /// Year, month and day.
    pub born: (u64, u64, u64),
    /// Which town of the list their address is in.
    pub town: usize,
}

impl Person {
    pub fn draw(r: &mut Random, lists: &Lists) -> Person {
        Person {
            given: r.pick(&lists.given).clone(),
            middle: r.pick(&lists.given).clone(),
            surname: r.pick(&lists.surnames).clone(),
            born: (r.range(1934, 2021), r.range(1, 12), r.range(1, 28)),
            town: r.index(&lists.towns),
        }
    }
}

/// A date in one of the forms that are in use.
#[derive(Clone, Copy)]
pub enum DateForm {
    /// 03/14/1962
    Us,
    /// 3/14/62
    UsShort,
    /// 1962-03-14
    Iso,
    /// March 14, 1962
    Long,
    /// 14 Mar 1962
    European,
    /// 14-MAR-1962
    Oracle,
    /// 19620314
    Compact,
    /// Mar 14, 1962
    Abbreviated,
    /// 14.03.1962
    Dotted,
}

impl DateForm {
    pub const ALL: [DateForm; 9] = [
        DateForm::Us,
        DateForm::UsShort,
        DateForm::Iso,
        DateForm::Long,
        DateForm::European,
        DateForm::Oracle,
        DateForm::Compact,
        DateForm::Abbreviated,
        DateForm::Dotted,
    ];

    pub fn write(self, (y, m, d): (u64, u64, u64), out: &mut String) {
        let month = MONTHS[m as usize - 1];
        let short = &month[..3];
        let done = match self {
            DateForm::Us => write!(out, "{m:02}/{d:02}/{y}"),
            DateForm::UsShort => write!(out, "{m}/{d}/{:02}", y % 100),
            DateForm::Iso => write!(out, "{y}-{m:02}-{d:02}"),
            DateForm::Long => write!(out, "{month} {d}, {y}"),
            DateForm::European => write!(out, "{d} {short} {y}"),
            DateForm::Oracle => write!(out, "{d:02}-{}-{y}", short.to_uppercase()),
            DateForm::Compact => write!(out, "{y}{m:02}{d:02}"),
            DateForm::Abbreviated => write!(out, "{short} {d}, {y}"),
            DateForm::Dotted => write!(out, "{d:02}.{m:02}.{y}"),
        };
        done.expect("a string takes all");
    }
}

/// Area, group and serial, with `between` them. No number begins with 000, 666 or 9.
pub fn ssn(r: &mut Random, between: &str, out: &mut String) {
    let area = r.range(1, 898);
    let area = if area == 666 { 667 } else { area };
    let _ = write!(out, "{area:03}{between}{:02}{between}{:04}", r.range(1, 99), r.range(1, 9999));
}

/// 555-0100 to 555-0199 of a real area code are nobody's.
pub fn phone(r: &mut Random, form: u64, out: &mut String) {
    let (area, line) = (Lists::area_code(r), r.range(100, 199));
    let _ = match form % 10 {
        0 => write!(out, "({area}) 555-{line:04}"),
        1 => write!(out, "{area}-555-{line:04}"),
        2 => write!(out, "{area}.555.{line:04}"),
        3 => write!(out, "{area} 555 {line:04}"),
        4 => write!(out, "+1 {area} 555 {line:04}"),
        5 => write!(out, "+1{area}555{line:04}"),
        6 => write!(out, "{area}555{line:04}"),
        7 => write!(out, "1-{area}-555-{line:04}"),
        8 => write!(out, "({area})555-{line:04}"),
        _ => write!(out, "+1 ({area}) 555-{line:04}"),
    };
}

/// As hospitals write them: digits, some with leading zeros or a letter.
pub fn mrn(r: &mut Random, out: &mut String) {
    match r.below(8) {
        0 => r.digits(6, out),
        1 => {
            out.push_str("00");
            r.digits(6, out);
        }
        2 => {
            r.letters("EMHZ", 1, out);
            r.digits(7, out);
        }
        3 => r.digits(10, out),
        4 | 5 => r.digits(7, out),
        _ => r.digits(8, out),
    }
}

pub fn member(r: &mut Random, out: &mut String) {
    match r.below(5) {
        0 => {
            r.letters(CAPITALS, 3, out);
            r.digits(9, out);
        }
        1 => {
            r.letters("WHUR", 1, out);
            r.digits(9, out);
        }
        2 => {
            r.letters("HU", 1, out);
            r.digits(8, out);
            let _ = write!(out, "-{:02}", r.range(1, 6));
        }
        3 => r.digits(9, out),
        _ => r.digits(11, out),
    }
}

/// A Medicare Beneficiary Identifier: C A AN N A AN N A A N N.
pub fn mbi(r: &mut Random, dashed: bool, out: &mut String) {
    let (letters, both) = ("ACDEFGHJKMNPQRTUVWXY", "0123456789ACDEFGHJKMNPQRTUVWXY");
    let dash = if dashed { "-" } else { "" };
    r.letters("123456789", 1, out);
    r.letters(letters, 1, out);
    r.letters(both, 1, out);
    r.digits(1, out);
    out.push_str(dash);
    r.letters(letters, 1, out);
    r.letters(both, 1, out);
    r.digits(1, out);
    out.push_str(dash);
    r.letters(letters, 2, out);
    r.digits(2, out);
}

/// The digit that makes the Luhn sum of these digits and itself a multiple of ten.
fn luhn(digits: &str, prefix: &str) -> u64 {
    let sum: u64 = (prefix.bytes().chain(digits.bytes()).rev().enumerate())
        .map(|(i, b)| {
            let digit = u64::from(b - b'0');
            if i % 2 == 1 { digit } else { digit * 2 % 10 + digit * 2 / 10 }
        })
        .sum();
    (10 - sum % 10) % 10
}

/// A National Provider Identifier, checked as if 80840 stood before it.
pub fn npi(r: &mut Random, out: &mut String) {
    let mut digits = String::new();
    r.letters("12", 1, &mut digits);
    r.digits(8, &mut digits);
    let _ = write!(out, "{digits}{}", luhn(&digits, "80840"));
}

/// A card number of 16 digits, in groups or not.
pub fn card(r: &mut Random, between: &str, out: &mut String) {
    let mut digits = r.pick(&["4", "51", "52", "53", "54", "55", "6011", "2221"]).to_string();
    let n = 15 - digits.len();
    r.digits(n, &mut digits);
    let check = luhn(&digits, "");
    let _ = write!(digits, "{check}");
    for (i, group) in digits.as_bytes().chunks(4).enumerate() {
        out.push_str(if i == 0 { "" } else { between });
        out.extend(group.iter().map(|b| char::from(*b)));
    }
}

/// A registration with the Drug Enforcement Administration: two letters, six digits, and their check.
pub fn dea(r: &mut Random, surname: &str, out: &mut String) {
    r.letters("ABFGM", 1, out);
    let initial = surname.chars().next().filter(char::is_ascii_alphabetic).unwrap_or('X');
    out.push(initial.to_ascii_uppercase());
    let d: Vec<u64> = (0..6).map(|_| r.below(10)).collect();
    d.iter().for_each(|d| out.push(char::from(b'0' + *d as u8)));
    let _ = write!(out, "{}", (d[0] + d[2] + d[4] + 2 * (d[1] + d[3] + d[5])) % 10);
}

/// A vehicle identification number, with its check in the ninth place.
pub fn vin(r: &mut Random, out: &mut String) {
    const ALPHABET: &str = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789";
    const WEIGHTS: [u64; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let mut vin = r.pick(&["1HG", "1FT", "2T1", "3VW", "5YJ", "JTD", "KNA", "WBA", "1G1", "4T1"]).to_string();
    r.letters(ALPHABET, 8, &mut vin);
    r.digits(6, &mut vin);
    let worth = |c: char| match c {
        '0'..='9' => c as u64 - '0' as u64,
        'A'..='H' => c as u64 - 'A' as u64 + 1,
        'J'..='R' => c as u64 - 'J' as u64 + 1,
        _ => c as u64 - 'S' as u64 + 2,
    };
    let sum: u64 = vin.chars().zip(WEIGHTS).map(|(c, weight)| worth(c) * weight).sum();
    let check = if sum % 11 == 10 { 'X' } else { char::from(b'0' + (sum % 11) as u8) };
    vin.replace_range(8..9, &check.to_string());
    out.push_str(&vin);
}

/// Out of the letters of a name, or of its initials, at a domain of examples.
pub fn email(r: &mut Random, person: &Person, out: &mut String) {
    let (given, surname) = (mailable(&person.given), mailable(&person.surname));
    let initial = given.get(..1).unwrap_or("x");
    let _ = match r.below(6) {
        0 => write!(out, "{given}.{surname}"),
        1 => write!(out, "{initial}{surname}"),
        2 => write!(out, "{given}{}", person.born.0 % 100),
        3 => write!(out, "{surname}.{given}+health"),
        4 => write!(out, "{given}_{surname}{}", r.below(100)),
        _ => write!(out, "{initial}.{surname}"),
    };
    let domain = r.pick(&[
        "example.org",
        "example.com",
        "mail.example.net",
        "example.edu",
        "inbox.example.com",
        "post.example.org",
    ]);
    let _ = write!(out, "@{domain}");
}

fn mailable(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect()
}

pub fn street(r: &mut Random, lists: &Lists, out: &mut String) {
    let _ = match r.below(20) {
        0 => write!(out, "PO Box {}", r.range(10, 9999)),
        _ => write!(out, "{} {} {}", r.range(1, 9899), r.pick(&lists.streets), r.pick(&lists.suffixes)),
    };
    if !out.starts_with("PO") && r.chance(1, 4) {
        let n = r.range(1, 420);
        let _ = match r.below(4) {
            0 => write!(out, ", Apt {n}"),
            1 => write!(out, " Unit {n}"),
            2 => write!(out, " #{n}"),
            _ => write!(out, ", Apt {}{}", r.range(1, 30), r.pick(&["A", "B", "C", "D"])),
        };
    }
}

/// An address that is routed in public.
pub fn public_ip(r: &mut Random, out: &mut String) {
    let first = loop {
        let first = r.range(2, 222);
        if ![10, 100, 127, 169, 172, 192, 198, 203].contains(&first) {
            break first;
        }
    };
    let _ = write!(out, "{first}.{}.{}.{}", r.below(256), r.below(256), r.range(1, 254));
}

pub fn public_ip6(r: &mut Random, out: &mut String) {
    let _ = write!(out, "2600:{:x}", r.range(0x1000, 0x9fff));
    for _ in 0..6 {
        let _ = write!(out, ":{:x}", r.below(0x10000));
    }
}

pub fn device(r: &mut Random, out: &mut String) {
    match r.below(4) {
        0 => {
            out.push_str("SN-");
            r.letters("ABCDEF0123456789", 10, out);
        }
        1 => {
            r.letters(CAPITALS, 3, out);
            r.digits(7, out);
            r.letters(CAPITALS, 1, out);
        }
        2 => {
            r.digits(4, out);
            out.push('-');
            r.digits(6, out);
        }
        _ => {
            r.letters("PQRW", 2, out);
            r.digits(8, out);
        }
    }
}

/// An IMEI: 14 digits and their Luhn check.
pub fn imei(r: &mut Random, out: &mut String) {
    let mut digits = "35".to_string();
    r.digits(12, &mut digits);
    let _ = write!(out, "{digits}{}", luhn(&digits, ""));
}

pub fn mac(r: &mut Random, out: &mut String) {
    // The lowest two bits of the first byte: not a group, not local.
    let _ = write!(out, "{:02x}", r.below(64) * 4);
    for _ in 0..5 {
        let _ = write!(out, ":{:02x}", r.below(256));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_right() {
        assert_eq!(luhn("123456789", "80840"), 3);
        assert_eq!(luhn("411111111111111", ""), 1);
        assert_eq!(luhn("35209900176148", ""), 1);
    }

    #[test]
    fn what_is_made_has_its_form() {
        let mut r = Random::new(1);
        for _ in 0..1000 {
            let mut out = String::new();
            vin(&mut r, &mut out);
            assert_eq!(out.len(), 17, "{out}");
            out.clear();
            mbi(&mut r, false, &mut out);
            assert_eq!(out.len(), 11, "{out}");
            out.clear();
            card(&mut r, "", &mut out);
            assert_eq!(out.len(), 16, "{out}");
            out.clear();
            ssn(&mut r, "", &mut out);
            assert!(out.len() == 9 && !out.starts_with("000") && !out.starts_with("666"), "{out}");
        }
    }
}
