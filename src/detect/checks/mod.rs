//! Checks: what a pattern cannot say about a value, one rule a file.
//!
//! A pack names a check by its name (`check = "ssn"`). The list is closed: a check is code, and the code that runs on
//! every candidate is reviewed with the engine. Each one sees the bytes a pattern marked, decides without allocating,
//! and answers `false` for whatever it cannot read.

mod aba;
mod card;
mod date;
mod dea;
mod iban;
mod imei;
mod ipv4;
mod ipv6;
mod itin;
mod label;
mod luhn;
mod mbi;
mod name_words;
mod nanp;
mod npi;
mod phone;
mod place_name;
mod place_words;
mod ssn;
mod vin;
mod zip;

pub(super) use date::MONTHS;

use std::fmt;
use std::str::FromStr;

/// A rule that a value must pass, chosen by its name in a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Check {
    /// An ABA routing number and its check digit.
    Aba,
    /// A payment card: Luhn's digit, and a length and leading digits that an issuer uses.
    Card,
    /// A date that the calendar has.
    Date,
    /// A DEA registration number and its check digit.
    Dea,
    /// A code under a label: at least two digits, and none of the forms that other detectors own.
    Id,
    /// An IBAN: its country's length and ISO 7064 mod 97-10.
    Iban,
    /// A device's IMEI and its check digit.
    Imei,
    /// An IPv4 address: four octets.
    Ipv4,
    /// An IPv6 address, as RFC 4291 writes it.
    Ipv6,
    /// A taxpayer number of the form the IRS assigns.
    Itin,
    /// Luhn's check digit over all digits.
    Luhn,
    /// A Medicare Beneficiary Identifier, position by position.
    Mbi,
    /// A name: its first word is none of the words that follow a cue without being a name.
    NameWords,
    /// A telephone number of the North American plan.
    Nanp,
    /// A National Provider Identifier and its check digit.
    Npi,
    /// As many digits as a telephone number has anywhere: 7 to 15.
    Phone,
    /// A place: some word of it says more than what sort of place it is.
    PlaceWords,
    /// The name of a place that is no state, country or month, nor a word of running text.
    PlaceName,
    /// A Social Security number that can have been assigned.
    Ssn,
    /// A vehicle identification number and its check digit.
    Vin,
    /// A ZIP code that there is.
    Zip,
}

impl Check {
    /// All checks by the names that packs use, in alphabetical order.
    pub const NAMES: &'static [(&'static str, Check)] = &[
        ("aba", Check::Aba),
        ("card", Check::Card),
        ("date", Check::Date),
        ("dea", Check::Dea),
        ("iban", Check::Iban),
        ("id", Check::Id),
        ("imei", Check::Imei),
        ("ipv4", Check::Ipv4),
        ("ipv6", Check::Ipv6),
        ("itin", Check::Itin),
        ("luhn", Check::Luhn),
        ("mbi", Check::Mbi),
        ("name_words", Check::NameWords),
        ("nanp", Check::Nanp),
        ("npi", Check::Npi),
        ("phone", Check::Phone),
        ("place_name", Check::PlaceName),
        ("place_words", Check::PlaceWords),
        ("ssn", Check::Ssn),
        ("vin", Check::Vin),
        ("zip", Check::Zip),
    ];

    /// Its name in packs.
    pub fn name(self) -> &'static str {
        Check::NAMES.iter().find(|(_, c)| *c == self).map_or("", |(name, _)| name)
    }

    /// Whether a text that passes does so with more words in front of it as well. Of the places where a pattern with a known
    /// word inside may begin, only the first is tried.
    pub(super) fn allows_more_before(self) -> bool {
        self == Check::PlaceWords
    }

    /// Whether `text`, the bytes a pattern marked, passes. Any bytes may be given.
    pub fn passes(self, text: &[u8]) -> bool {
        match self {
            Check::Aba => aba::passes(text),
            Check::Card => card::passes(text),
            Check::Date => date::passes(text),
            Check::Dea => dea::passes(text),
            Check::Iban => iban::passes(text),
            Check::Id => label::passes(text),
            Check::Imei => imei::passes(text),
            Check::Ipv4 => ipv4::passes(text),
            Check::Ipv6 => ipv6::passes(text),
            Check::Itin => itin::passes(text),
            Check::Luhn => luhn::passes(text),
            Check::Mbi => mbi::passes(text),
            Check::NameWords => name_words::passes(text),
            Check::Nanp => nanp::passes(text),
            Check::Npi => npi::passes(text),
            Check::Phone => phone::passes(text),
            Check::PlaceName => place_name::passes(text),
            Check::PlaceWords => place_words::passes(text),
            Check::Ssn => ssn::passes(text),
            Check::Vin => vin::passes(text),
            Check::Zip => zip::passes(text),
        }
    }
}

impl FromStr for Check {
    type Err = UnknownCheck;

    fn from_str(s: &str) -> Result<Check, UnknownCheck> {
        Check::NAMES.iter().find(|(name, _)| *name == s).map(|(_, check)| *check).ok_or(UnknownCheck)
    }
}

/// A name that is no check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCheck;

impl fmt::Display for UnknownCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown check; the checks are ")?;
        for (i, (name, _)) in Check::NAMES.iter().enumerate() {
            write!(f, "{}{name}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownCheck {}

/// The values of the ASCII digits in `text`, in order; everything else is skipped.
fn digits(text: &[u8]) -> impl Iterator<Item = u8> + Clone + '_ {
    text.iter().filter(|b| b.is_ascii_digit()).map(|b| b - b'0')
}

/// Exactly `N` digits of `text`, or none: fewer or more make no such number.
fn exactly<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    let mut found = digits(text);
    for slot in &mut out {
        *slot = found.next()?;
    }
    found.next().is_none().then_some(out)
}

/// The number that decimal digits write. At most nine digits, or it would not fit.
fn number(digits: &[u8]) -> u32 {
    digits.iter().take(9).fold(0, |n, d| n * 10 + u32::from(*d))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_sorted_unique_and_parse_back() {
        assert!(Check::NAMES.windows(2).all(|w| w[0].0 < w[1].0));
        for (name, check) in Check::NAMES {
            assert_eq!(name.parse(), Ok(*check));
            assert_eq!(check.name(), *name);
        }
        let error = "lun".parse::<Check>().unwrap_err().to_string();
        assert!(error.contains("luhn") && error.contains("zip"), "{error}");
    }

    #[test]
    fn exactly_takes_neither_fewer_nor_more() {
        assert_eq!(exactly::<3>(b"1-2-3"), Some([1, 2, 3]));
        assert_eq!(exactly::<3>(b"12"), None);
        assert_eq!(exactly::<3>(b"1234"), None);
        assert_eq!(number(&[0, 4, 2]), 42);
    }

    #[test]
    fn every_pack_parses() {
        let mut wrong = Vec::new();
        for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/detectors")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|e| e != "toml") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            if let Err(e) = crate::detect::Pack::parse(&path.to_string_lossy(), &text) {
                wrong.push(e.to_string());
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    proptest! {
        #[test]
        fn no_check_panics_on_any_bytes(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            for (_, check) in Check::NAMES {
                check.passes(&text);
            }
        }

        #[test]
        fn no_check_panics_on_text_of_its_own_alphabet(text in "[0-9A-Za-z:. /%+-]{0,48}") {
            for (_, check) in Check::NAMES {
                check.passes(text.as_bytes());
            }
        }
    }
}
