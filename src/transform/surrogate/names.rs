//! Made-up names: a given name for a given name, of the same gender where it is known, a surname for a surname, in the same form.
//!
//! The lists are those of the US census of 1990 (public domain; PyPI `names` 0.3.0), the most frequent first. A name that women and
//! men bear stands with those who bear it more often.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{Draw, Seed};

const FEMALE: &str = include_str!("female.txt");
const MALE: &str = include_str!("male.txt");
const FAMILY: &str = include_str!("surnames.txt");
/// So many of the most frequent given names are used; rarer ones would say when somebody was born.
const USED: usize = 256;
/// What belongs to a surname and is none, and what stands behind it.
const KEPT: [&str; 32] = [
    "de", "la", "las", "los", "del", "da", "das", "dos", "di", "du", "von", "van", "der", "den", "ter", "al",
    "el", "bin", "ibn", "y", "jr", "sr", "ii", "iii", "iv", "md", "phd", "rn", "np", "do", "dds", "esq",
];

struct Lists {
    female: Vec<&'static str>,
    male: Vec<&'static str>,
    family: Vec<&'static str>,
    /// Whether a given name is a woman's.
    gender: HashMap<&'static str, bool>,
}

static LISTS: LazyLock<Lists> = LazyLock::new(|| Lists {
    female: FEMALE.lines().take(USED).collect(),
    male: MALE.lines().take(USED).collect(),
    family: FAMILY.lines().collect(),
    gender: FEMALE.lines().map(|n| (n, true)).chain(MALE.lines().map(|n| (n, false))).collect(),
});

/// A given name, in lower case.
pub(super) fn given(draw: &mut Draw<'_, '_>) -> &'static str {
    let list = if draw.below(2) == 0 { &LISTS.female } else { &LISTS.male };
    draw.of(list)
}

/// A surname, in lower case.
pub(super) fn family(draw: &mut Draw<'_, '_>) -> &'static str {
    draw.of(&LISTS.family)
}

/// Appends a made-up name; `false` where there is no word in the text.
pub(super) fn surrogate(text: &[u8], seed: Seed<'_>, out: &mut Vec<u8>) -> bool {
    let text = String::from_utf8_lossy(text);
    let is_word = |c: char| {
        c.is_alphanumeric()
            || matches!(c, '\'' | '\u{2019}' | '-' | '\u{200b}' | '\u{ad}')
            || !c.is_ascii() && !c.is_whitespace()
    };
    let mut words: Vec<(usize, &str)> = Vec::new();
    let mut from = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (from, is_word(c)) {
            (None, true) => from = Some(at),
            (Some(start), false) => {
                words.push((start, &text[start..at]));
                from = None;
            }
            _ => {}
        }
    }
    let kept = |word: &str| KEPT.contains(&word.to_lowercase().as_str());
    let names: Vec<usize> = (0..words.len()).filter(|i| !kept(words[*i].1)).collect();
    let Some(last) = names.last().copied() else { return false };
    // `KELLER, ANA`: the family comes first.
    let comma = text.find([',', '^']).unwrap_or(usize::MAX);
    let turned = names.iter().any(|i| words[*i].0 > comma);
    let mut at = 0;
    for (i, (start, word)) in words.iter().enumerate() {
        out.extend_from_slice(&text.as_bytes()[at..*start]);
        at = start + word.len();
        let alone = names.len() == 1;
        let lower = word.to_lowercase();
        let is_given = match turned {
            true => *start > comma,
            false if alone => LISTS.gender.contains_key(lower.as_str()),
            false => i != last,
        };
        if kept(word) {
            out.extend_from_slice(word.as_bytes());
        } else {
            out.extend_from_slice(one(word, &lower, is_given, seed).as_bytes());
        }
    }
    out.extend_from_slice(&text.as_bytes()[at..]);
    true
}

/// What stands for one name.
fn one(word: &str, lower: &str, is_given: bool, seed: &mut dyn FnMut(&[u8]) -> [u8; 32]) -> String {
    let about = [if is_given { "given|" } else { "family|" }, lower].concat();
    let mut draw = Draw::new(seed, about.as_bytes());
    if lower.chars().count() == 1 {
        let letter = char::from(b'A' + draw.below(26) as u8);
        return letter.to_string();
    }
    let list = match (is_given, LISTS.gender.get(lower)) {
        (false, _) => &LISTS.family,
        (true, Some(true)) => &LISTS.female,
        (true, Some(false)) => &LISTS.male,
        (true, None) if draw.below(2) == 0 => &LISTS.female,
        (true, None) => &LISTS.male,
    };
    let mut name = draw.of(list);
    if name == lower {
        let next = list.iter().position(|n| *n == lower).map_or(0, |i| (i + 1) % list.len());
        name = list[next];
    }
    let mut chars = word.chars();
    let upper = |c: Option<char>| c.is_some_and(char::is_uppercase);
    match (upper(chars.next()), upper(chars.next())) {
        (true, true) => name.to_uppercase(),
        (true, false) => name[..1].to_uppercase() + &name[1..],
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::seed;
    use super::*;

    fn of(text: &str) -> String {
        let mut out = Vec::new();
        assert!(surrogate(text.as_bytes(), &mut seed, &mut out));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn forms_are_kept() {
        let plain = of("Ana Keller");
        let (given, family) = plain.split_once(' ').unwrap();
        assert_eq!(of("ana keller"), plain.to_lowercase());
        assert_eq!(of("KELLER, ANA"), format!("{}, {}", family.to_uppercase(), given.to_uppercase()));
        assert_eq!(of("Keller"), family);
        assert_eq!(of("Ana"), given);
        assert_eq!(of("Keller^Ana"), format!("{family}^{given}"));
        assert_eq!(of("Ana Keller, MD"), format!("{given} {family}, MD"));
        assert!(
            of("Ana M. Keller").starts_with(&format!("{given} "))
                && of("Ana M. Keller").ends_with(&format!(". {family}"))
        );
        assert!(of("Ana de la Keller").ends_with(&format!(" de la {family}")));
        assert!(!surrogate(b"  ", &mut seed, &mut Vec::new()));
    }

    #[test]
    fn women_stay_women() {
        for (i, name) in FEMALE.lines().chain(MALE.lines()).step_by(7).enumerate() {
            let (was, got) = (LISTS.gender[name], of(&format!("{name} keller")));
            let got = got.split(' ').next().unwrap();
            assert_eq!(LISTS.gender[got], was, "{i}: {name}, {got}");
            assert_ne!(got, name);
        }
    }

    #[test]
    fn the_lists_are_sound() {
        let both = FEMALE.lines().filter(|n| MALE.lines().any(|m| m == *n)).count();
        assert_eq!((both, LISTS.female.len(), LISTS.male.len(), LISTS.family.len()), (0, USED, USED, 1024));
        assert!(
            FEMALE
                .lines()
                .chain(MALE.lines())
                .chain(FAMILY.lines())
                .all(|n| n.bytes().all(|b| b.is_ascii_lowercase()))
        );
    }
}
