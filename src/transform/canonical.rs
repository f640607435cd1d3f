//! One spelling for all the ways a value is written: what `pseudonym`, `token`, `date_shift` and `surrogate` are keyed on, so
//! that `219-10-9999`, `219109999` and a JSON number agree.
//!
//! | kind | canonical form |
//! | --- | --- |
//! | ssn | nine digits |
//! | phone, fax | E.164, an extension behind `;ext=` (RFC 3966); without a country `+1` for ten digits |
//! | mrn, health_plan_id, account, license, vehicle, device, unique_id, zip | letters and digits, upper case |
//! | email | lower case |
//! | date | ISO 8601 where the day is known, and the time as written |
//! | name | `surname\|given`, NFKC, case folded: see [`name`] |
//! | ip | as RFC 5952 has it |
//! | url | scheme and host in lower case |
//! | all others | words between single blanks, NFKC, case folded, without punctuation |

pub(super) mod name;

use std::net::IpAddr;

use unicode_normalization::UnicodeNormalization;

use super::dates;
use crate::kind::Kind;

/// A value's canonical form, appended to `out`. `number` says that it is a JSON number, which may be written with a
/// fraction or an exponent and has lost its leading zeros.
pub(crate) fn canonical(kind: Kind, text: &[u8], number: bool, this_year: i32, out: &mut Vec<u8>) {
    let plain = if number { written_out(text) } else { None };
    let text = plain.as_ref().map_or(text, |plain| plain.as_bytes());
    // Of text in ASCII most kinds are done in one go.
    match kind {
        Kind::Ssn => padded(text, 9, out),
        Kind::Phone | Kind::Fax => phone(&folded(text), out),
        Kind::Zip if text.len() <= 5 && text.iter().all(u8::is_ascii_digit) => padded(text, 5, out),
        Kind::Mrn
        | Kind::HealthPlanId
        | Kind::Account
        | Kind::License
        | Kind::Vehicle
        | Kind::Device
        | Kind::UniqueId
        | Kind::Zip => letters_and_digits(text, out),
        Kind::Age => out.extend(text.iter().filter(|b| b.is_ascii_digit())),
        Kind::Email => out.extend_from_slice(folded(text).trim().as_bytes()),
        Kind::Date => date(text, this_year, out),
        Kind::Name => name::canonical(text, out),
        Kind::Ip => ip(text, out),
        Kind::Url => url(text, out),
        Kind::Geo => out.extend(text.iter().filter(|b| !b.is_ascii_whitespace())),
        Kind::Address | Kind::Facility | Kind::City | Kind::Biometric | Kind::Photo => {
            words(&folded(text), out)
        }
    }
}

/// A whole number that is written with a fraction or an exponent, in plain digits; up to 19 of them, more than any
/// identifier has.
pub(crate) fn written_out(number: &[u8]) -> Option<String> {
    let dot = number.iter().position(|b| *b == b'.');
    let scaled = number.iter().any(|b| matches!(b, b'e' | b'E'));
    let whole = !scaled && dot.is_some_and(|dot| number[dot + 1..].iter().all(|b| *b == b'0'));
    if !scaled && !whole {
        return None;
    }
    let value: f64 = std::str::from_utf8(number).ok()?.parse().ok()?;
    (value.fract() == 0.0 && value.abs() < 1e19).then(|| format!("{value:.0}"))
}

/// NFKC, case folded, without characters that nobody sees. Bytes that are not UTF-8 become U+FFFD.
fn folded(text: &[u8]) -> String {
    if text.is_ascii() {
        return String::from_utf8_lossy(text).to_lowercase();
    }
    // The simple form of folding twice: it also takes ß to ss.
    let text = String::from_utf8_lossy(text);
    let seen = text.nfkc().filter(|c| !is_unseen(*c));
    seen.flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

/// Zero-width characters, soft hyphens, direction marks and variation selectors.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

fn letters_and_digits(text: &[u8], out: &mut Vec<u8>) {
    // Mostly it is in this form already: looked at without a branch for each byte.
    if text.iter().fold(true, |so_far, b| so_far & (b.is_ascii_digit() | b.is_ascii_uppercase())) {
        out.extend_from_slice(text);
    } else if text.is_ascii() {
        out.extend(text.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase));
    } else {
        let upper: String =
            folded(text).chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect();
        out.extend_from_slice(upper.as_bytes());
    }
}

/// Letters and digits, with zeros in front of them that a number has lost.
fn padded(text: &[u8], len: usize, out: &mut Vec<u8>) {
    let start = out.len();
    letters_and_digits(text, out);
    let missing = len.saturating_sub(out.len() - start);
    out.splice(start..start, std::iter::repeat_n(b'0', missing));
}

fn phone(text: &str, out: &mut Vec<u8>) {
    let is_extension = |c: char| matches!(c, 'x' | 'e' | '#' | ';' | ',');
    let (number, extension) = text.split_at(text.find(is_extension).unwrap_or(text.len()));
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let international = number.trim_start().trim_start_matches('(').starts_with('+');
    let digits = match digits.as_str() {
        d if international => format!("+{d}"),
        d if d.starts_with("011") && d.len() > 10 => format!("+{}", &d[3..]),
        d if d.starts_with("00") && d.len() > 10 => format!("+{}", &d[2..]),
        d if d.len() == 10 => format!("+1{d}"),
        d if d.len() == 11 && d.starts_with('1') => format!("+{d}"),
        d => d.to_owned(),
    };
    out.extend_from_slice(digits.as_bytes());
    let extension: String = extension.chars().filter(char::is_ascii_digit).collect();
    if !extension.is_empty() {
        out.extend_from_slice(b";ext=");
        out.extend_from_slice(extension.as_bytes());
    }
}

fn date(text: &[u8], this_year: i32, out: &mut Vec<u8>) {
    let Some(written) = dates::read(text, this_year) else { return words(&folded(text), out) };
    let d = written.day;
    out.extend_from_slice(format!("{:04}-{:02}-{:02}", d.year, d.month, d.day).as_bytes());
    // Only the day is normalised: of a time it is not known in which zone it is.
    let rest = written.rest(text);
    if !rest.is_empty() {
        out.push(b'T');
        out.extend_from_slice(&rest);
    }
}

fn ip(text: &[u8], out: &mut Vec<u8>) {
    let address =
        std::str::from_utf8(text).ok().and_then(|t| t.trim_matches(['[', ']']).parse::<IpAddr>().ok());
    match address {
        Some(address) => out.extend_from_slice(address.to_canonical().to_string().as_bytes()),
        None => out.extend(text.to_ascii_lowercase()),
    }
}

fn url(text: &[u8], out: &mut Vec<u8>) {
    let authority = text.windows(3).position(|w| w == b"://").map_or(0, |i| i + 3);
    let end = text[authority..].iter().position(|b| b"/?#".contains(b)).map_or(text.len(), |i| authority + i);
    out.extend(text[..end].to_ascii_lowercase());
    out.extend_from_slice(&text[end..]);
}

fn words(text: &str, out: &mut Vec<u8>) {
    let mut first = true;
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
        if !first {
            out.push(b' ');
        }
        first = false;
        out.extend_from_slice(word.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(kind: Kind, text: &str) -> String {
        let mut out = Vec::new();
        canonical(kind, text.as_bytes(), false, 2026, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn spellings_agree() {
        use Kind::*;
        let cases: &[(Kind, &str, &[&str])] = &[
            (
                Ssn,
                "219109999",
                &[
                    "219-10-9999",
                    "219 10 9999",
                    "219109999",
                    "219.10.9999",
                    "219\u{2013}10\u{2013}9999",
                    "\u{ff12}19-10-9999",
                ],
            ),
            (
                Phone,
                "+14155552671",
                &[
                    "(415) 555-2671",
                    "415.555.2671",
                    "+1 415 555 2671",
                    "1-415-555-2671",
                    "4155552671",
                    "011 1 415 555 2671",
                ],
            ),
            (Phone, "+14155552671;ext=204", &["415-555-2671 ext. 204", "(415) 555-2671 x204"]),
            (Phone, "+442079460958", &["+44 20 7946 0958", "0044 20 7946 0958"]),
            (Mrn, "E871234", &["E87-1234", "e871234", "E87 1234"]),
            (Zip, "02115", &["02115", "2115"]),
            (Zip, "021150042", &["02115-0042"]),
            (Email, "ana.keller@example.org", &["Ana.Keller@Example.org", "ana.keller@EXAMPLE.ORG"]),
            (
                Date,
                "1962-03-14",
                &[
                    "1962-03-14",
                    "3/14/1962",
                    "03/14/62",
                    "March 14, 1962",
                    "14-Mar-1962",
                    "19620314",
                    "14.03.1962",
                ],
            ),
            (
                Name,
                "keller|ana",
                &[
                    "Ana Keller",
                    "KELLER, ANA",
                    "Keller, Ana M.",
                    "Ana M. Keller",
                    "Ana Keller, MD",
                    "ana keller jr.",
                    "KELLER^ANA",
                    "Ana\u{200b} Keller",
                ],
            ),
            (Name, "o'neil|patrick", &["O'Neil, Patrick", "Patrick O\u{2019}Neil"]),
            (Name, "cruz|mar\u{ed}a", &["Mar\u{ed}a Jos\u{e9} de la Cruz", "de la Cruz, Mari\u{301}a"]),
            (Name, "gro\u{73}\u{73}|eva", &["Eva Gro\u{df}", "Eva GROSS"]),
            (Name, "keller|", &["Keller", "KELLER"]),
            (Ip, "2001:db8::1", &["2001:db8::1", "2001:0DB8:0:0::1"]),
            (Ip, "12.1.2.3", &["12.1.2.3", "::ffff:12.1.2.3"]),
            (Url, "https://h.example/Path?Q=1", &["HTTPS://H.example/Path?Q=1"]),
            (Address, "12 elm st apt 4", &["12 Elm St., Apt 4", "12 ELM ST APT 4"]),
            (Age, "93", &["93 y/o", "93-year-old"]),
        ];
        for (kind, want, spellings) in cases {
            for text in *spellings {
                assert_eq!(of(*kind, text), *want, "{kind}: {text}");
            }
        }
    }

    #[test]
    fn numbers_lose_nothing() {
        for (kind, number, want) in [
            (Kind::Ssn, "219109999", "219109999"),
            (Kind::Ssn, "12109999", "012109999"),
            (Kind::Ssn, "2.19109999E8", "219109999"),
            (Kind::Ssn, "219109999.0", "219109999"),
            (Kind::Zip, "2115", "02115"),
            (Kind::Mrn, "4471902", "4471902"),
        ] {
            let mut out = Vec::new();
            canonical(kind, number.as_bytes(), true, 2026, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), want, "{number}");
        }
        // What is text keeps its letters.
        assert_eq!(of(Kind::Mrn, "12E4"), "12E4");
    }

    #[test]
    fn what_differs_stays_apart() {
        for (kind, a, b) in [
            (Kind::Name, "Ana Keller", "Ina Keller"),
            (Kind::Name, "Keller", "Ana Keller"),
            (Kind::Date, "1962-03-14", "1962-03-15"),
            (Kind::Date, "1962-03-14 10:15", "1962-03-14 10:16"),
            (Kind::Phone, "415-555-2671", "415-555-2672"),
            (Kind::Mrn, "A-12", "B-12"),
        ] {
            assert_ne!(of(kind, a), of(kind, b), "{kind}: {a}, {b}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_have_one(kind in 0..Kind::COUNT, bytes: Vec<u8>, text in "\\PC{0,30}", number: bool) {
            for text in [bytes.as_slice(), text.as_bytes()] {
                let (mut once, mut again) = (Vec::new(), Vec::new());
                canonical(Kind::ALL[kind], text, number, 2026, &mut once);
                canonical(Kind::ALL[kind], text, number, 2026, &mut again);
                prop_assert_eq!(once, again);
            }
        }
    }
}
