//! Format-preserving encryption of numbers in text: each digit becomes a digit, and punctuation stays where it is.

use super::ff1::Ff1;
use crate::kind::{Kind, KindSet};

/// The kinds whose values are numbers, or letters and digits without a meaning of their own. Names have no alphabet to stay in; of
/// dates and ZIP codes there are so few that all can be tried.
pub(crate) const KINDS: KindSet = KindSet::EMPTY
    .with(Kind::Phone)
    .with(Kind::Fax)
    .with(Kind::Ssn)
    .with(Kind::Mrn)
    .with(Kind::HealthPlanId)
    .with(Kind::Account)
    .with(Kind::License)
    .with(Kind::Vehicle)
    .with(Kind::Device)
    .with(Kind::UniqueId);

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Encrypt,
    Decrypt,
}

/// Appends the encrypted form of `text`, or what was encrypted; `false`, with nothing appended, where there are too few
/// digits and letters to be safe, or too many, or letters of both cases, which would not come back.
pub(crate) fn apply(ff1: &Ff1, way: Way, kind: Kind, text: &[u8], out: &mut Vec<u8>) -> bool {
    let upper = text.iter().any(u8::is_ascii_uppercase);
    let lower = text.iter().any(u8::is_ascii_lowercase);
    let phone = matches!(kind, Kind::Phone | Kind::Fax);
    if !text.is_ascii() || !KINDS.contains(kind) || upper && lower && !phone {
        return false;
    }
    let letters = (upper || lower) && !phone;
    let counts = |b: &u8| b.is_ascii_digit() || letters && b.is_ascii_alphabetic();
    let radix = if letters { 36 } else { 10 };
    let skipped = if phone { country(text) } else { 0 };
    let mut numerals: Vec<u8> = text.iter().filter(|b| counts(b)).skip(skipped).map(|b| value(*b)).collect();
    // What says how a text is read must say the same of what it becomes, or it would not come back: letters among digits, and no
    // country code 1 where there was none. Encrypting again until it does stays within such texts.
    let whole = phone && skipped == 0 && has_country(text);
    loop {
        let done = match way {
            Way::Encrypt => ff1.encrypt(radix, b"", &mut numerals),
            Way::Decrypt => ff1.decrypt(radix, b"", &mut numerals),
        };
        if done.is_err() {
            return false;
        }
        let told = !letters || numerals.iter().any(|n| *n >= 10);
        if told && !(whole && numerals.first() == Some(&1)) {
            break;
        }
    }
    let mut next = numerals.iter();
    let mut seen = 0;
    out.extend(text.iter().map(|b| {
        seen += usize::from(counts(b));
        if !counts(b) || seen <= skipped {
            return *b;
        }
        next.next().map_or(*b, |n| letter(*n, lower))
    }));
    true
}

fn value(b: u8) -> u8 {
    if b.is_ascii_digit() { b - b'0' } else { b.to_ascii_lowercase() - b'a' + 10 }
}

fn letter(n: u8, lower: bool) -> u8 {
    match n {
        0..10 => b'0' + n,
        _ if lower => b'a' + n - 10,
        _ => b'A' + n - 10,
    }
}

/// Digits of a phone number that stay: the 1 of North America. What it is called by abroad tells of nobody.
fn country(text: &[u8]) -> usize {
    let one = text.iter().find(|b| b.is_ascii_digit()) == Some(&b'1');
    usize::from(one && has_country(text))
}

fn has_country(text: &[u8]) -> bool {
    let digits = text.iter().filter(|b| b.is_ascii_digit()).take(12).count();
    text.trim_ascii_start().starts_with(b"+") || digits == 11
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ff1() -> Ff1 {
        Ff1::new(&[3; 32]).unwrap()
    }

    #[test]
    fn forms_are_kept() {
        for (kind, text, good) in [
            (Kind::Ssn, "219-10-9999", true),
            (Kind::Account, "4242 4242 4242 4242", true),
            (Kind::Phone, "+1 (415) 555-2671 x204", true),
            (Kind::Phone, "1-800-555-0199", true),
            (Kind::Mrn, "E87-1234", true),
            (Kind::Mrn, "e87-1234", true),
            (Kind::Mrn, "eE87-1234", false),
            (Kind::Mrn, "1234", false),
            (Kind::Mrn, "12345", false),
            (Kind::Mrn, "123456", true),
            (Kind::Zip, "94110-1234", false),
            (Kind::Name, "Keller", false),
            (Kind::Ssn, "219\u{2013}10\u{2013}9999", false),
        ] {
            let mut out = b"x".to_vec();
            assert_eq!(apply(&ff1(), Way::Encrypt, kind, text.as_bytes(), &mut out), good, "{text}");
            if !good {
                assert_eq!(out, b"x");
                continue;
            }
            let shape = |t: &[u8]| -> Vec<u8> {
                t.iter()
                    .map(|b| {
                        if b.is_ascii_alphanumeric() && kind != Kind::Phone || b.is_ascii_digit() {
                            b'0'
                        } else {
                            *b
                        }
                    })
                    .collect()
            };
            assert_eq!(shape(&out[1..]), shape(text.as_bytes()), "{text}");
            assert_ne!(&out[1..], text.as_bytes());
            let mut back = Vec::new();
            assert!(apply(&ff1(), Way::Decrypt, kind, &out[1..], &mut back));
            assert_eq!(String::from_utf8(back).unwrap(), text);
        }
        let mut out = Vec::new();
        apply(&ff1(), Way::Encrypt, Kind::Phone, b"+1 (415) 555-2671", &mut out);
        assert!(out.starts_with(b"+1 ("));
    }

    /// Digits with others between them, wherever that is.
    fn strewn(len: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = String> {
        let digit = "[0-9]([-./ ()]|[-./ ()][-./ ()])?";
        proptest::collection::vec(digit, len).prop_map(|parts| parts.concat())
    }

    /// Numbers of cards, of social security and of phones with separators in any place; identifiers with letters of one case.
    fn written() -> impl Strategy<Value = (Kind, String)> {
        let phone =
            (proptest::sample::select(vec![Kind::Phone, Kind::Fax]), "(\\+|\\+1|1-|\\(|)", strewn(10..=10));
        let phone = (phone, "( ?(x|ext\\. |EXT )[0-9]{1,4}|)");
        prop_oneof![
            ("[( ]?", strewn(12..=19)).prop_map(|(before, text)| (Kind::Account, before + &text)),
            strewn(9..=9).prop_map(|text| (Kind::Ssn, text)),
            phone.prop_map(|((kind, before, text), extension)| (kind, before + &text + &extension)),
            ("[A-Z]{1,3}-?", strewn(6..=10), "[A-Z]?").prop_map(|(a, b, c)| (Kind::Mrn, a + &b + &c)),
            ("[a-z]{1,3}/?", strewn(6..=10), "[a-z]?").prop_map(|(a, b, c)| (Kind::Vehicle, a + &b + &c)),
        ]
    }

    proptest! {
        /// Length, punctuation and the case of letters are those of the text, each in its place; a number without letters gets none.
        #[test]
        fn the_form_is_kept_wherever_separators_stand((kind, text) in written()) {
            let mut out = Vec::new();
            prop_assert!(apply(&ff1(), Way::Encrypt, kind, text.as_bytes(), &mut out));
            prop_assert_eq!(out.len(), text.len());
            let phone = matches!(kind, Kind::Phone | Kind::Fax);
            let letters = !phone && text.bytes().any(|b| b.is_ascii_alphabetic());
            let lower = text.bytes().any(|b| b.is_ascii_lowercase());
            for (new, old) in out.iter().zip(text.bytes()) {
                let kept = match old {
                    b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' if letters => {
                        new.is_ascii_digit() || new.is_ascii_alphabetic() && new.is_ascii_lowercase() == lower
                    }
                    b'0'..=b'9' => new.is_ascii_digit(),
                    _ => *new == old,
                };
                prop_assert!(kept, "{} became {}", text, String::from_utf8_lossy(&out));
            }
            let mut back = Vec::new();
            prop_assert!(apply(&ff1(), Way::Decrypt, kind, &out, &mut back));
            prop_assert_eq!(String::from_utf8(back).unwrap(), text);
        }

        #[test]
        fn comes_back(kind in 0..Kind::COUNT, text in "[0-9A-Z]{0,3}[-0-9A-Z ().+x]{0,30}") {
            let (kind, mut out) = (Kind::ALL[kind], Vec::new());
            if apply(&ff1(), Way::Encrypt, kind, text.as_bytes(), &mut out) {
                prop_assert_eq!(out.len(), text.len());
                let mut back = Vec::new();
                prop_assert!(apply(&ff1(), Way::Decrypt, kind, &out, &mut back));
                prop_assert_eq!(String::from_utf8(back).unwrap(), text);
            }
        }
    }
}
