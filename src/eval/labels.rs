//! Labels: which mean the same, which are neutral, and what of a text counts.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

/// Labels of one family answer for each other in typed recall. A label that stands nowhere is a family of its own.
const FAMILIES: &[(&str, &[&str])] = &[
    ("NAME", &["NAME", "TITLE", "USERNAME"]),
    ("DATE", &["DATE", "AGE"]),
    ("PHONE", &["PHONE", "FAX"]),
    ("LOCATION", &["ADDRESS", "LOCATION", "CITY", "GEO", "FACILITY", "ZIP", "ORG", "STATE", "COUNTRY"]),
    (
        "ID",
        &[
            "MRN",
            "ID",
            "UNIQUE_ID",
            "HEALTH_PLAN",
            "HEALTH_PLAN_ID",
            "ACCOUNT",
            "LICENSE",
            "VEHICLE",
            "DEVICE",
            "IBAN",
            "CREDIT_CARD",
        ],
    ),
];

/// The family a label belongs to.
pub fn family(label: &str) -> &str {
    FAMILIES.iter().find(|(_, labels)| labels.contains(&label)).map_or(label, |(name, _)| name)
}

/// What is asked of a set of labels.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Labels that are neither required nor punished.
    pub neutral: BTreeSet<String>,
    /// Labels that begin so are neutral, too; empty for none.
    pub neutral_prefix: String,
    /// Precision is of predictions with these labels only; empty for all.
    pub judge: BTreeSet<String>,
    /// Predictions of what stands for a name in text that was stripped of names are passed over.
    pub ignore_placeholders: bool,
    /// How many misses and how many wrong predictions are kept to be shown.
    pub examples: usize,
}

impl Rules {
    /// Labels that are neutral unless told otherwise, separated by commas. Safe Harbor lets states and countries stand, and covers ages
    /// over 89 only.
    pub const NEUTRAL: &'static str = "ORG,NRP,TITLE,STATE,COUNTRY,AGE";
    /// Labels with this prefix are neutral unless told otherwise.
    pub const NEUTRAL_PREFIX: &'static str = "N_";

    /// Whether a label is neutral.
    pub fn is_neutral(&self, label: &str) -> bool {
        self.neutral.contains(label)
            || !self.neutral_prefix.is_empty() && label.starts_with(&self.neutral_prefix)
    }

    /// Whether predictions with this label count for precision.
    pub fn judges(&self, label: &str) -> bool {
        self.judge.is_empty() || self.judge.contains(label)
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            neutral: Rules::NEUTRAL.split(',').map(str::to_owned).collect(),
            neutral_prefix: Rules::NEUTRAL_PREFIX.to_owned(),
            judge: BTreeSet::new(),
            ignore_placeholders: false,
            examples: 0,
        }
    }
}

/// How many characters of a name are titles before it: `Dr. `, `Prof. Dr. `, `mrs`. None if the name is nothing else.
pub(super) fn title_len(name: &[char]) -> Option<usize> {
    const TITLES: &[&str] = &["dr", "mr", "mrs", "ms", "miss", "prof", "rev", "sir"];
    let mut at = 0;
    loop {
        let rest = &name[at..];
        let title = TITLES.iter().find(|title| {
            let next = rest.get(title.len());
            rest.len() >= title.len()
                && title.chars().zip(rest).all(|(a, b)| b.eq_ignore_ascii_case(&a))
                && next.is_none_or(|c| !c.is_ascii_alphanumeric() && *c != '_')
        });
        let Some(title) = title else { break };
        at += title.len();
        at += usize::from(name.get(at) == Some(&'.'));
        at += name[at..].iter().take_while(|c| matches!(c, ' ' | '\t'..='\r')).count();
    }
    (0 < at && at < name.len()).then_some(at)
}

/// Whether a predicted text only stands for a name: a single letter, or `ABC`, `XYZ`, `XXX`.
pub(super) fn is_placeholder(text: &[char]) -> bool {
    let letters: String = text.iter().filter(|c| counts(**c)).collect();
    let mut chars = letters.chars();
    let single = matches!((chars.next(), chars.next()), (Some(c), None) if !c.is_numeric());
    single || matches!(&*letters, "ABC" | "XYZ" | "XXX")
}

/// Whether a character is a letter or a number, general category L or N: what has to be covered of a span. Marks,
/// which `char::is_alphanumeric` takes for letters where a script needs them, are none.
pub(super) fn counts(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    static RANGES: LazyLock<Option<Vec<(char, char)>>> = LazyLock::new(|| {
        let class = regex_syntax::Parser::new().parse(r"[\p{L}\p{N}]").ok()?;
        match class.kind() {
            HirKind::Class(Class::Unicode(class)) => {
                Some(class.ranges().iter().map(|r| (r.start(), r.end())).collect())
            }
            _ => None,
        }
    });
    match &*RANGES {
        Some(ranges) => {
            let after = ranges.partition_point(|(start, _)| *start <= c);
            after > 0 && c <= ranges[after - 1].1
        }
        None => c.is_alphanumeric(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;

    #[test]
    fn families() {
        for (label, want) in [
            ("NAME", "NAME"),
            ("USERNAME", "NAME"),
            ("AGE", "DATE"),
            ("FAX", "PHONE"),
            ("FACILITY", "LOCATION"),
            ("COUNTRY", "LOCATION"),
            ("HEALTH_PLAN", "ID"),
            ("IBAN", "ID"),
            ("SSN", "SSN"),
            ("IP", "IP"),
            ("N_YEAR", "N_YEAR"),
            ("name", "name"),
        ] {
            assert_eq!(family(label), want);
        }
        // Each kind is its own family's member, under the label that its findings have.
        for kind in Kind::ALL {
            assert!(!family(&kind.name().to_uppercase()).is_empty());
        }
    }

    #[test]
    fn neutral_labels() {
        let mut rules = Rules::default();
        for (label, want) in [("ORG", true), ("N_YEAR", true), ("NAME", false), ("N", false), ("AGE", true)] {
            assert_eq!(rules.is_neutral(label), want, "{label}");
        }
        rules.neutral_prefix.clear();
        assert!(!rules.is_neutral("N_YEAR"));
    }

    #[test]
    fn titles() {
        for (name, want) in [
            ("Dr. Ann Lee", Some(4)),
            ("dr Ann", Some(3)),
            ("Prof. Dr.\tAnn", Some(10)),
            ("MRS.LEE", Some(4)),
            ("Miss  Lee", Some(6)),
            ("Mrs", None),
            ("Dr.", None),
            ("Dr. ", None),
            ("Drew Lee", None),
            ("Dr_Lee", None),
            ("Mr5", None),
            ("Ann, Dr. Lee", None),
            ("", None),
            // The word ends where ASCII does.
            ("Drü", Some(2)),
            ("Dr.\u{a0}Lee", Some(3)),
        ] {
            assert_eq!(title_len(&name.chars().collect::<Vec<_>>()), want, "{name:?}");
        }
    }

    #[test]
    fn placeholders() {
        for (text, want) in [
            ("X", true),
            ("X.", true),
            ("ABC", true),
            ("XYZ", true),
            ("XXX", true),
            ("Abc", false),
            ("AB", false),
            ("7", false),
            ("Lee", false),
            (".", false),
            ("é", true),
        ] {
            assert_eq!(is_placeholder(&text.chars().collect::<Vec<_>>()), want, "{text}");
        }
    }

    #[test]
    fn letters_and_digits() {
        for c in ['a', 'Z', '0', 'é', '日', '٣', '½', 'Ⅳ', 'ª', 'ʰ'] {
            assert!(counts(c), "{c:?}");
        }
        // A combining acute, a Devanagari vowel sign, a circled letter: marks and symbols.
        for c in [' ', '-', '_', '.', '\u{a0}', '–', '\u{301}', '\u{93e}', 'ⓐ', '😀', '€', '\u{200d}']
        {
            assert!(!counts(c), "{c:?}");
        }
    }
}
