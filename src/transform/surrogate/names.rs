//! Made-up names: a given name for a given name, of the same gender where it is known, a surname for a surname, in the same form.
//!
//! The lists are those of the US census of 1990 (public domain; PyPI `names` 0.3.0), the most frequent first. A name that women and
//! men bear stands with those who bear it more often.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use super::{Draw, Seed};
use crate::transform::canonical::name::{Part, Word, read};

const FEMALE: &str = include_str!("female.txt");
const MALE: &str = include_str!("male.txt");
const FAMILY: &str = include_str!("surnames.txt");
/// So many of the most frequent given names are used; rarer ones would say when somebody was born.
const USED: usize = 256;
/// What belongs to a surname and is none.
const PARTICLES: [&str; 20] = [
    "de", "la", "las", "los", "del", "da", "das", "dos", "di", "du", "von", "van", "der", "den", "ter", "al",
    "el", "bin", "ibn", "y",
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

/// A given name that the value does not hold, in lower case.
pub(super) fn given(draw: &mut Draw<'_, '_>) -> &'static str {
    let list = if draw.below(2) == 0 { &LISTS.female } else { &LISTS.male };
    draw.other(list)
}

/// A surname that the value does not hold, in lower case.
pub(super) fn family(draw: &mut Draw<'_, '_>) -> &'static str {
    draw.other(&LISTS.family)
}

/// Appends a made-up name; `false` where there is no word in the text. Titles, particles and suffixes stay.
pub(super) fn surrogate(text: &[u8], seed: Seed<'_>, out: &mut Vec<u8>) -> bool {
    let text = String::from_utf8_lossy(text);
    let words = read(&text);
    let is_name = |w: &&Word| matches!(w.part, Part::Given | Part::Family);
    let alone = words.iter().filter(is_name).count() == 1;
    if !words.iter().any(|w| is_name(&w)) {
        return false;
    }
    let mut at = 0;
    for (i, word) in words.iter().enumerate() {
        out.extend_from_slice(&text.as_bytes()[at..word.at.start]);
        at = word.at.end;
        let raw = &text[word.at.clone()];
        let is_given = match word.part {
            Part::Family if alone && word.segment == 0 => LISTS.gender.contains_key(word.folded.as_str()),
            part => part == Part::Given,
        };
        if !is_name(&word) || is_particle(&text, &words, i) {
            out.extend_from_slice(raw.as_bytes());
        } else if !raw.contains('.') {
            out.extend_from_slice(one(raw, &word.folded, is_given, seed).as_bytes());
        } else {
            for letter in raw.split_inclusive('.') {
                let bare = letter.trim_end_matches('.');
                if !bare.is_empty() {
                    out.extend_from_slice(one(bare, &bare.to_lowercase(), is_given, seed).as_bytes());
                }
                out.extend_from_slice(&letter.as_bytes()[bare.len()..]);
            }
        }
    }
    out.extend_from_slice(&text.as_bytes()[at..]);
    true
}

/// Whether a word is a particle here. `Al`, `Van` and `Di` are given names too, `La` and `Du` surnames: one that stays must stand between
/// other names, before another particle or before a surname with a comma, or be written small where others are not.
fn is_particle(text: &str, words: &[Word], i: usize) -> bool {
    let listed = |w: &Word| PARTICLES.contains(&w.folded.as_str());
    let word = &words[i];
    let raw = &text[word.at.clone()];
    if !listed(word) || word.folded == "y" && raw != "y" {
        return false;
    }
    let beside = |w: &&Word| w.segment == word.segment && matches!(w.part, Part::Given | Part::Family);
    let Some(next) = words.get(i + 1).filter(beside) else {
        return small(raw) && !small(text) && i > 0;
    };
    let inner = words[..i].iter().any(|w| beside(&w));
    let before_comma = word.part == Part::Family;
    let first_of_two = listed(next) && words.get(i + 2).is_some_and(|w| beside(&w));
    inner || before_comma || first_of_two || small(raw) && !small(text)
}

fn small(text: &str) -> bool {
    !text.chars().any(char::is_uppercase)
}

/// What stands for one name, which is `folded` without regard to case.
fn one(word: &str, folded: &str, is_given: bool, seed: &mut dyn FnMut(&[u8]) -> [u8; 32]) -> String {
    let about = [if is_given { "given|" } else { "family|" }, folded].concat();
    let mut draw = Draw::new(seed, about.as_bytes());
    let mut chars = word.chars();
    let (first, second) = (chars.next(), chars.next());
    let upper = |c: Option<char>| c.is_some_and(char::is_uppercase);
    let small = first.is_some_and(char::is_lowercase);
    if second.is_none() && (small || upper(first)) {
        let letter = draw.below(26) as u8;
        // `É` is an E.
        let own = plain(folded).bytes().next().is_some_and(|own| own == b'a' + letter);
        let letter = char::from(b'A' + (letter + u8::from(own)) % 26);
        return if small { letter.to_ascii_lowercase().into() } else { letter.into() };
    }
    let list = match (is_given, LISTS.gender.get(folded)) {
        (false, _) => &LISTS.family,
        (true, Some(true)) => &LISTS.female,
        (true, Some(false)) => &LISTS.male,
        (true, None) if draw.below(2) == 0 => &LISTS.female,
        (true, None) => &LISTS.male,
    };
    let own = plain(folded);
    let name = draw.of_but(list, |name| name == own);
    match (small, upper(second)) {
        (true, _) => name.to_owned(),
        (false, true) => name.to_uppercase(),
        (false, false) => name[..1].to_uppercase() + &name[1..],
    }
}

/// A name without accents and punctuation, as the lists have it: `O'Neál` is `oneal`.
fn plain(folded: &str) -> String {
    folded.nfkd().filter(char::is_ascii_alphanumeric).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::seed;
    use super::*;
    use crate::kind::Kind;
    use crate::transform::canonical::canonical;

    fn of(text: &str) -> String {
        keyed(0, text)
    }

    fn keyed(key: u8, text: &str) -> String {
        let mut out = Vec::new();
        assert!(surrogate(text.as_bytes(), &mut seed(key), &mut out));
        String::from_utf8(out).unwrap()
    }

    fn form(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        canonical(Kind::Name, text.as_bytes(), false, 2026, &mut out);
        out
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
        assert!(!surrogate(b"  ", &mut seed(0), &mut Vec::new()));
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

    /// Each name of the lists, as a given name, a surname, an initial, alone and in other spellings.
    #[test]
    fn nobody_keeps_a_name() {
        for key in 0..4 {
            // `Miss` is somebody's name, and before another one a title.
            let names = FEMALE.lines().chain(MALE.lines()).chain(FAMILY.lines()).filter(|n| *n != "miss");
            for name in names {
                let upper = name.to_uppercase();
                let got = keyed(key, name);
                assert_ne!(got, name);
                for (text, sep) in [(format!("{name} {name}"), ' '), (format!("{upper}, {upper}"), ',')] {
                    let got = keyed(key, &text).to_lowercase();
                    assert!(got.split(sep).all(|part| part.trim() != name), "{text}: {got}");
                }
            }
            for letter in 'A'..='Z' {
                for text in
                    [format!("{letter}. Keller"), format!("{letter} Keller"), format!("Keller, {letter}.")]
                {
                    let got = keyed(key, &text);
                    assert!(
                        !got.split([' ', '.', ',']).any(|part| part == letter.to_string()),
                        "{text}: {got}"
                    );
                    assert_ne!(form(&got), form(&text));
                }
            }
        }
        for (text, own) in [
            ("O'Neal", "oneal"),
            ("Mar\u{ed}a", "maria"),
            ("Mari\u{301}a", "maria"),
            ("S\u{ad}mith", "smith"),
        ] {
            assert!((0..=255).all(|key| {
                keyed(key, &format!("{text} {text}")).to_lowercase().split(' ').all(|n| n != own)
            }));
        }
    }

    /// What looks like a credential or a particle and may be a name does not stay.
    #[test]
    fn only_what_is_no_name_stays() {
        for (text, stays) in [
            ("Kim Do", &[][..]),
            ("KIM DO", &[]),
            ("KIM ANH DO", &[]),
            ("Do, Kim", &[]),
            ("Chue Pa", &[]),
            ("Al Keller", &[]),
            ("Van Keller", &[]),
            ("Keller, Al", &[]),
            ("al keller", &[]),
            ("Di Chen", &[]),
            ("Kim La", &[]),
            ("Chen^Du", &[]),
            ("Maria Y. Lopez", &[]),
            ("Md Rahman", &[]),
            ("Ana Keller, MD", &["MD"]),
            ("Ana Keller, DO", &["DO"]),
            ("Ana Keller PA-C", &["PA-C"]),
            ("Ana Keller, M.D.", &["M.D."]),
            ("Ana Keller Jr.", &["Jr."]),
            ("Dr. Ana Keller", &["Dr."]),
            ("Mrs. Keller", &["Mrs."]),
            ("Ana de la Cruz", &["de", "la"]),
            ("ANA DE LA CRUZ", &["DE", "LA"]),
            ("De La Cruz", &["De", "La"]),
            ("van Dijk, Ana", &["van"]),
            ("Van Dijk, Ana", &["Van"]),
            ("Cruz, Maria de la", &["de", "la"]),
            ("Ana Lopez y Garcia", &["y"]),
        ] {
            for key in 0..20 {
                let got = keyed(key, text);
                let kept: Vec<&str> = got
                    .split([' ', ',', '^'])
                    .filter(|w| text.split([' ', ',', '^']).any(|t| t == *w))
                    .filter(|w| !w.is_empty())
                    .collect();
                assert_eq!(kept, stays, "{text}: {got}");
                assert_ne!(form(&got), form(text), "{text}: {got}");
            }
        }
    }

    #[test]
    fn initials_stay_initials() {
        let shape = |text: &str| -> String {
            let sort = |c: char| match c {
                'a'..='z' => 'a',
                'A'..='Z' => 'A',
                _ => c,
            };
            text.chars().map(sort).collect()
        };
        for text in ["J. R. ", "J.R. ", "j r ", "J."] {
            assert_eq!(
                shape(&of(&format!("{text}Keller"))),
                shape(&format!("{text}{}", of("Keller"))),
                "{text}"
            );
        }
        // Of characters without case a whole name is made.
        assert!(of("\u{738b}").len() > 2);
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
