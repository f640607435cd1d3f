//! Surrogates: something made up takes the place of a value, of the same kind and form, and the same wherever the value stands.
//!
//! Numbers are such as nobody has, where any are kept free for that: telephone numbers end in 555-01xx (ATIS-0300115, reserved for
//! fiction), Social Security numbers begin with 9, which the SSA gives to nobody (POMS RM 10201.035), and have a group from 01 to 49,
//! which the IRS gives to nobody (its groups are 50 and above), ZIP codes begin with 000 to 004 (the USPS begins with 005), addresses
//! of machines are those of documentation (RFC 5737, RFC 3849), names of hosts those of RFC 2606. Of codes see [`code`].
//!
//! Of names of people, streets, towns and hospitals none is reserved: real ones may be called so.
//!
//! Which surrogate a value gets follows from a keyed hash of it; it is never the value itself, however that is written. There are fewer
//! surrogates than people: two may become one.

mod code;
mod names;

use std::fmt::Write as _;
use std::net::IpAddr;

use super::canonical::{canonical, written_out};
use super::{base32, dates};
use crate::calendar::Civil;
use crate::kind::Kind;

/// 32 bytes that follow from the key and some bytes.
pub(super) type Seed<'s> = &'s mut dyn FnMut(&[u8]) -> [u8; 32];

const STREETS: [&str; 48] = [
    "Alder", "Amber", "Aspen", "Bay", "Beech", "Birch", "Bluff", "Briar", "Brook", "Cedar", "Chestnut",
    "Clover", "Coral", "Creek", "Cypress", "Dogwood", "Elm", "Fern", "Garden", "Glen", "Grove", "Harbor",
    "Hawthorn", "Hazel", "Heather", "Hickory", "Holly", "Iris", "Ivy", "Juniper", "Laurel", "Lilac",
    "Linden", "Magnolia", "Maple", "Meadow", "Mill", "Oak", "Orchard", "Pine", "Poplar", "Prairie", "River",
    "Spruce", "Sycamore", "Valley", "Walnut", "Willow",
];
const WAYS: [&str; 6] = ["Street", "Avenue", "Road", "Lane", "Drive", "Court"];
const CITIES: [&str; 32] = [
    "Alderton",
    "Ashbrook",
    "Bayford",
    "Birchfield",
    "Brookhaven",
    "Cedarville",
    "Claymont",
    "Creston",
    "Dunmore",
    "Eastfield",
    "Elmhurst",
    "Fairbrook",
    "Fernley",
    "Glenwood",
    "Greenfield",
    "Harborview",
    "Hillcrest",
    "Kingsley",
    "Lakeport",
    "Larkspur",
    "Maplewood",
    "Millbrook",
    "Northgate",
    "Oakdale",
    "Pinehurst",
    "Riverton",
    "Rosedale",
    "Southport",
    "Stonebridge",
    "Summerfield",
    "Westbrook",
    "Woodside",
];
/// Area codes in use, none of which says anything: the number behind them is nobody's.
const AREAS: [&str; 24] = [
    "202", "206", "212", "213", "214", "215", "216", "303", "305", "312", "313", "314", "404", "412", "414",
    "415", "503", "504", "602", "612", "615", "617", "702", "713",
];

/// So often another surrogate is drawn where one is the value itself. Of the fewest there are, ten ages, one value in 10^16 then has none.
const TRIES: usize = 16;

/// Draws numbers from 32 bytes, and more where these do not do.
struct Draw<'s, 'f> {
    seed: Seed<'f>,
    about: &'s [u8],
    block: [u8; 32],
    used: usize,
}

impl<'s, 'f> Draw<'s, 'f> {
    fn new(seed: Seed<'f>, about: &'s [u8]) -> Draw<'s, 'f> {
        let block = seed(about);
        Draw { seed, about, block, used: 0 }
    }

    /// A number below `n`.
    fn below(&mut self, n: u32) -> u32 {
        if self.used + 8 > self.block.len() {
            let next = [self.about, b"\0more".as_slice(), &self.block].concat();
            self.block = (self.seed)(&next);
            self.used = 0;
        }
        let mut eight = [0; 8];
        eight.copy_from_slice(&self.block[self.used..self.used + 8]);
        self.used += 8;
        (u64::from_be_bytes(eight) % u64::from(n.max(1))) as u32
    }

    fn of<'t>(&mut self, list: &[&'t str]) -> &'t str {
        self.of_but(list, |_| false)
    }

    /// An entry of a list: the one drawn, or the next one after it that is not `unfit`, if there is one.
    fn of_but<'t>(&mut self, list: &[&'t str], unfit: impl Fn(&str) -> bool) -> &'t str {
        let at = self.below(list.len() as u32) as usize;
        let (before, from) = list.split_at(at.min(list.len()));
        let fit = from.iter().chain(before).find(|entry| !unfit(entry));
        fit.or(from.first()).copied().unwrap_or_default()
    }

    /// An entry of a list of names none of which the value itself holds.
    fn other<'t>(&mut self, list: &[&'t str]) -> &'t str {
        let about = self.about;
        let holds = |name: &str| {
            let name = name.as_bytes();
            about.windows(name.len().max(1)).any(|w| w.eq_ignore_ascii_case(name))
        };
        self.of_but(list, holds)
    }
}

/// Appends what stands for a value; `false`, with nothing appended, where nothing can be made up for it.
pub(super) fn surrogate(
    kind: Kind,
    text: &[u8],
    number: bool,
    this_year: i32,
    seed: Seed<'_>,
    out: &mut Vec<u8>,
) -> bool {
    if kind == Kind::Name {
        return names::surrogate(text, seed, out);
    }
    let plain = if number { written_out(text) } else { None };
    let text = plain.as_ref().map_or(text, |p| p.as_bytes());
    let mut form = Vec::new();
    canonical(kind, text, number, this_year, &mut form);
    let draw = &mut Draw::new(seed, &form);
    let (start, mut again) = (out.len(), Vec::new());
    for _ in 0..TRIES {
        if !made_up(kind, text, this_year, draw, out) {
            return false;
        }
        again.clear();
        canonical(kind, &out[start..], false, this_year, &mut again);
        if again != form {
            return true;
        }
        out.truncate(start);
    }
    false
}

/// Appends something made up, which may be the value itself.
fn made_up(kind: Kind, text: &[u8], this_year: i32, draw: &mut Draw<'_, '_>, out: &mut Vec<u8>) -> bool {
    match kind {
        Kind::Date => date(text, this_year, draw, out),
        Kind::Phone | Kind::Fax => phone(text, draw, out),
        Kind::Ssn => ssn(text, draw, out),
        Kind::Zip => {
            let digits = text.iter().filter(|b| b.is_ascii_digit()).count();
            let more = if digits == 9 { format!("-{:04}", 1 + draw.below(9999)) } else { String::new() };
            push(out, format_args!("00{}{:02}{more}", draw.below(5), draw.below(100)))
        }
        Kind::Email => {
            let (first, last) = (names::given(draw), names::family(draw));
            let host = draw.of(&["example.org", "example.com", "example.net"]);
            push(out, format_args!("{first}.{last}{}@{host}", draw.below(1000)))
        }
        Kind::Address => {
            let house = text.first().is_some_and(u8::is_ascii_digit);
            let number = if house { format!("{} ", 1 + draw.below(9899)) } else { String::new() };
            push(out, format_args!("{number}{} {}", draw.other(&STREETS), draw.of(&WAYS)))
        }
        Kind::City => push(out, format_args!("{}", draw.other(&CITIES))),
        Kind::Facility => {
            let lower = text.to_ascii_lowercase();
            let says = |word: &[u8]| lower.windows(word.len()).any(|w| w == word);
            let sort = if says(b"clinic") {
                "Clinic"
            } else if says(b"center") {
                "Medical Center"
            } else {
                "Hospital"
            };
            push(out, format_args!("{} {sort}", draw.other(&CITIES)))
        }
        Kind::Age => push(out, format_args!("{}", 90 + draw.below(10))),
        Kind::Ip => ip(text, draw, out),
        Kind::Url => {
            let mut name = Vec::new();
            base32::encode(&draw.below(u32::MAX).to_be_bytes(), &mut name);
            out.extend_from_slice(b"https://example.org/");
            out.extend_from_slice(&name);
            true
        }
        Kind::Mrn
        | Kind::HealthPlanId
        | Kind::Account
        | Kind::License
        | Kind::Vehicle
        | Kind::Device
        | Kind::UniqueId => code::surrogate(text, draw, out),
        Kind::Name | Kind::Geo | Kind::Biometric | Kind::Photo => false,
    }
}

fn push(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) -> bool {
    let mut buffer = String::new();
    let _ = buffer.write_fmt(text);
    out.extend_from_slice(buffer.as_bytes());
    true
}

/// Another day of the same year, in the same form.
fn date(text: &[u8], this_year: i32, draw: &mut Draw<'_, '_>, out: &mut Vec<u8>) -> bool {
    let Some(written) = dates::read(text, this_year) else { return false };
    let first = Civil { month: 1, day: 1, ..written.day };
    let own = written.day.days() - first.days();
    let other = (own + 1 + draw.below(364) as i32).rem_euclid(365);
    written.write(text, Civil::from_days(first.days() + other), out);
    true
}

/// The digits become those of a number for fiction.
fn phone(text: &[u8], draw: &mut Draw<'_, '_>, out: &mut Vec<u8>) -> bool {
    let main = text
        .iter()
        .position(|b| b.is_ascii_alphabetic() || matches!(b, b'#' | b';' | b','))
        .unwrap_or(text.len());
    let digits: Vec<u8> = text[..main].iter().copied().filter(u8::is_ascii_digit).collect();
    let last = format!("55501{:02}", draw.below(100));
    let area = draw.of(&AREAS);
    let fake = match digits.len() {
        7 => last,
        10 => format!("{area}{last}"),
        11 if digits[0] == b'1' => format!("1{area}{last}"),
        // What is written in a form of another country becomes a number of the North American plan.
        8.. => return push(out, format_args!("+1 {area}-555-{}", &last[3..])),
        _ => return false,
    };
    let mut next = fake.bytes();
    for (i, b) in text.iter().enumerate() {
        out.push(match b.is_ascii_digit() {
            true if i < main => next.next().unwrap_or(b'0'),
            true => b'0' + draw.below(10) as u8,
            false => *b,
        });
    }
    true
}

/// Nine digits become a number that is nobody's; the last four alone become others, and are the last four of many.
fn ssn(text: &[u8], draw: &mut Draw<'_, '_>, out: &mut Vec<u8>) -> bool {
    let digits = text.iter().filter(|b| b.is_ascii_digit()).count();
    let serial = format!("{:04}", 1 + draw.below(9999));
    let fake = match digits {
        8 | 9 => format!("9{:02}{:02}{serial}", draw.below(100), 1 + draw.below(49)),
        4 => serial,
        _ => return false,
    };
    if digits == 8 || !text.is_ascii() {
        out.extend_from_slice(fake.as_bytes());
        return true;
    }
    let mut next = fake.bytes();
    out.extend(text.iter().map(|b| if b.is_ascii_digit() { next.next().unwrap_or(b'0') } else { *b }));
    true
}

fn ip(text: &[u8], draw: &mut Draw<'_, '_>, out: &mut Vec<u8>) -> bool {
    let Some(address) = std::str::from_utf8(text).ok().and_then(|t| t.trim_matches(['[', ']']).parse().ok())
    else {
        return false;
    };
    match address {
        IpAddr::V4(_) => {
            let net = draw.of(&["192.0.2", "198.51.100", "203.0.113"]);
            push(out, format_args!("{net}.{}", 1 + draw.below(254)))
        }
        IpAddr::V6(_) => {
            push(out, format_args!("2001:db8::{:x}:{:x}", 1 + draw.below(0xfffe), 1 + draw.below(0xfffe)))
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};
    use proptest::prelude::*;

    use super::*;

    pub(super) fn seed(key: u8) -> impl FnMut(&[u8]) -> [u8; 32] {
        move |about| digest(&SHA256, &[b"key", &[key][..], about].concat()).as_ref().try_into().unwrap()
    }

    pub(super) fn of(kind: Kind, text: &str) -> Option<String> {
        keyed(0, kind, text)
    }

    pub(super) fn keyed(key: u8, kind: Kind, text: &str) -> Option<String> {
        let mut out = Vec::new();
        let done = surrogate(kind, text.as_bytes(), false, 2026, &mut seed(key), &mut out);
        assert!(done || out.is_empty());
        done.then(|| String::from_utf8(out).unwrap())
    }

    /// Letters, digits and all else as they stand.
    pub(super) fn shape(text: &str) -> String {
        let kind = |c: char| {
            if c.is_ascii_digit() {
                '0'
            } else if c.is_ascii_lowercase() {
                'a'
            } else if c.is_ascii_uppercase() {
                'A'
            } else {
                c
            }
        };
        text.chars().map(kind).collect()
    }

    #[test]
    fn forms_are_kept() {
        for (kind, text) in [
            (Kind::Ssn, "219-10-9999"),
            (Kind::Ssn, "219 10 9999"),
            (Kind::Ssn, "219109999"),
            (Kind::Ssn, "9999"),
            (Kind::Phone, "(415) 555-2671"),
            (Kind::Phone, "+1-415-555-2671 x9"),
            (Kind::Phone, "555-2671"),
            (Kind::Fax, "415.555.2671"),
            (Kind::Mrn, "E87-1234"),
            (Kind::Account, "4242 4242 4242 4242"),
            (Kind::Zip, "94110"),
            (Kind::Zip, "94110-1234"),
            (Kind::Date, "2021-03-05T10:15:30Z"),
            (Kind::Date, "03/05/2021"),
            (Kind::Date, "20210305"),
        ] {
            let got = of(kind, text).unwrap();
            assert_eq!(shape(&got), shape(text), "{kind}: {text}");
            assert_ne!(got, text);
        }
        for (kind, text) in [
            (Kind::Geo, "44.1, -68.2"),
            (Kind::Photo, "data:"),
            (Kind::Date, "3/5"),
            (Kind::Ip, "x"),
            (Kind::Ssn, "12"),
        ] {
            assert_eq!(of(kind, text), None, "{kind}: {text}");
        }
    }

    #[test]
    fn numbers_are_nobodys() {
        for i in 0..500u32 {
            let phone = of(Kind::Phone, &format!("415-{:03}-{:04}", 200 + i, 7 * i)).unwrap();
            assert_eq!(&phone[3..10], "-555-01", "{phone}");
            let ssn = of(Kind::Ssn, &format!("219-10-{:04}", i + 1)).unwrap();
            // Groups of taxpayer numbers are 50 to 65, 70 to 88, 90 to 92 and 94 to 99.
            assert!(
                ssn.starts_with('9')
                    && (1..50).contains(&ssn[4..6].parse::<u32>().unwrap())
                    && &ssn[7..] != "0000"
            );
            let zip = of(Kind::Zip, &format!("94{i:03}")).unwrap();
            assert!(("000".."005").contains(&&zip[..3]), "{zip}");
            let ip = of(Kind::Ip, &format!("12.1.2.{}", i % 256)).unwrap();
            assert!(["192.0.2.", "198.51.100.", "203.0.113."].iter().any(|net| ip.starts_with(net)));
        }
        assert!(of(Kind::Ip, "2600::1").unwrap().starts_with("2001:db8::"));
        assert!(of(Kind::Email, "ana@keller.org").unwrap().contains("@example."));
        assert!(of(Kind::Url, "https://keller.org/ana").unwrap().starts_with("https://example.org/"));
        assert!(of(Kind::Phone, "+44 20 7946 0958").unwrap().starts_with("+1 "));
        assert!(of(Kind::Facility, "Lincoln Clinic").unwrap().ends_with(" Clinic"));
    }

    /// Where there are few surrogates a value is likely to be one of them.
    #[test]
    fn none_is_the_value_itself() {
        let upper = |texts: Vec<String>| {
            let capitals: Vec<String> = texts.iter().map(|t| t.to_uppercase()).collect();
            [texts, capitals].concat()
        };
        let towns = || CITIES.iter().map(|c| (*c).to_owned());
        let hospitals = |sort| towns().map(move |c| format!("{c} {sort}"));
        let facilities = ["Hospital", "Clinic", "Medical Center"].into_iter().flat_map(hospitals).collect();
        let cases = [
            (Kind::City, upper(towns().collect())),
            (Kind::Facility, upper(facilities)),
            (Kind::Address, STREETS.iter().map(|s| format!("12 {s} Street")).collect()),
            (Kind::Age, (90..100).map(|age| age.to_string()).collect()),
            (Kind::Ip, (1..255).map(|n| format!("192.0.2.{n}")).collect()),
            (Kind::Phone, (0..100).map(|n| format!("555-01{n:02}")).collect()),
            (Kind::Phone, AREAS.iter().map(|area| format!("({area}) 555-0142")).collect()),
            (Kind::Zip, (0..500).map(|n| format!("{n:05}")).collect()),
            (Kind::Ssn, (0..200).map(|n| format!("{n:04}")).collect()),
            (Kind::Mrn, (0..10).map(|n| n.to_string()).collect()),
        ];
        let form = |kind, text: &str| {
            let mut out = Vec::new();
            canonical(kind, text.as_bytes(), false, 2026, &mut out);
            out
        };
        for (kind, texts) in &cases {
            for (key, text) in (0..12).flat_map(|key| texts.iter().map(move |t| (key, t))) {
                let got = keyed(key, *kind, text).unwrap();
                assert_ne!(form(*kind, &got), form(*kind, text), "{kind}: {text}, {got}");
                if matches!(kind, Kind::City | Kind::Facility) {
                    let town = got.split(' ').next().unwrap().to_lowercase();
                    assert!(!text.to_lowercase().contains(&town), "{kind}: {text}, {got}");
                }
            }
        }
        // Not even a part of an address for mail is kept.
        for name in ["smith", "mary", "james"] {
            for key in 0..=255 {
                let got = keyed(key, Kind::Email, &format!("{name}@keller.org")).unwrap();
                let names = got.split('@').next().unwrap().trim_end_matches(|c: char| c.is_ascii_digit());
                assert!(names.split('.').all(|part| part != name), "{got}");
            }
        }
    }

    #[test]
    fn spellings_of_one_value_become_one() {
        let digits = |text: String| -> String { text.chars().filter(char::is_ascii_digit).collect() };
        assert_eq!(digits(of(Kind::Ssn, "219-10-9999").unwrap()), of(Kind::Ssn, "219109999").unwrap());
        assert_eq!(
            digits(of(Kind::Phone, "(415) 555-2671").unwrap()),
            of(Kind::Phone, "4155552671").unwrap()
        );
        assert_eq!(of(Kind::City, "Boston"), of(Kind::City, "BOSTON"));
        assert_eq!(digits(of(Kind::Date, "2021-03-05").unwrap()), of(Kind::Date, "20210305").unwrap());
    }

    proptest! {
        #[test]
        fn the_year_stays_and_the_day_does_not(days in 0..20_000i32) {
            let day = Civil::from_days(days);
            let text = format!("{:04}-{:02}-{:02}", day.year, day.month, day.day);
            let got = of(Kind::Date, &text).unwrap();
            prop_assert_eq!(&got[..4], &text[..4]);
            prop_assert_ne!(got, text);
        }

        #[test]
        fn never_panics(kind in 0..Kind::COUNT, text: Vec<u8>, words in "\\PC{0,30}", number: bool) {
            for text in [text.as_slice(), words.as_bytes()] {
                let mut out = Vec::new();
                let done = surrogate(Kind::ALL[kind], text, number, 2026, &mut seed(0), &mut out);
                prop_assert!(done || out.is_empty());
            }
        }
    }
}
