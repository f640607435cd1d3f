//! `[policy]` and `[[policy.rule]]`.

use std::ops::Range;

use toml::Spanned;

use crate::authored::{Reader, Table};
use crate::kind::{Kind, KindSet};
use crate::policy::{Action, PathPattern, Profile};

/// `[policy]`
#[derive(Default)]
pub(in crate::config) struct PolicySpec {
    pub(in crate::config) profile: Option<Spanned<Profile>>,
    pub(in crate::config) threshold: Option<f32>,
    pub(in crate::config) kinds: Option<KindSet>,
    pub(in crate::config) rules: Vec<RuleSpec>,
}

/// `[[policy.rule]]`
pub(in crate::config) struct RuleSpec {
    pub(in crate::config) span: Range<usize>,
    pub(in crate::config) kinds: Option<KindSet>,
    pub(in crate::config) path: Option<PathPattern>,
    pub(in crate::config) min_confidence: Option<f32>,
    pub(in crate::config) action: Action,
}

const PROFILES_LATER: &[&str] = &["limited-data-set", "pseudonymised", "notification"];
const ACTIONS: &[(&str, Action)] =
    &[("keep", Action::Keep), ("redact", Action::Redact), ("drop", Action::Drop)];
/// The action that has settings, and how it is written.
const MASK: (&str, &str) = ("mask", "{ mask = { keep_last = 4 } }");
const ACTIONS_LATER: &[&str] =
    &["pseudonym", "seal", "token", "format_preserving", "date_shift", "generalize", "surrogate"];

impl PolicySpec {
    pub(super) fn read(reader: &Reader, t: &Table<'_>) -> PolicySpec {
        let spec = PolicySpec {
            profile: t.one_of("profile", Profile::NAMES, PROFILES_LATER),
            threshold: t.number("threshold", 0.0..=1.0).map(|n| n as f32),
            kinds: kinds(t, "kinds"),
            rules: t.tables("rule").iter().filter_map(|r| rule(reader, r)).collect(),
        };
        t.finish(&["subject"]);
        spec
    }
}

fn rule(reader: &Reader, t: &Table<'_>) -> Option<RuleSpec> {
    let kinds = kinds(t, "kind");
    let path = t.string("path").and_then(|text| match text.get_ref().parse::<PathPattern>() {
        Ok(path) => Some(path),
        Err(e) => {
            let span = reader.inside(&text, e.span.clone());
            let title = format!("`{}` is not a path pattern", t.full_name("path"));
            reader.error(
                span,
                title,
                e.message,
                Some("examples: $.patient.*, $.items[*].name, $..ssn".to_owned()),
            );
            None
        }
    });
    let min_confidence = t.number("min_confidence", 0.0..=1.0).map(|n| n as f32);
    if !t.has("action") {
        t.missing(
            "action",
            "write what is done: action = \"keep\", \"redact\", \"drop\" or { mask = { keep_last = 4 } }",
        );
    }
    let action = action(t);
    t.finish(&[]);
    Some(RuleSpec { span: t.span(), kinds, path, min_confidence, action: action? })
}

fn action(t: &Table<'_>) -> Option<Action> {
    let table = match t.string_or_table("action")? {
        Ok(word) if word.get_ref() == "mask" => {
            let help = Some("action = { mask = { keep_last = 4 } }".to_owned());
            t.wrong("action", word.span(), "a table to mask", "it needs its settings", help);
            return None;
        }
        Ok(word) => return t.choose_or("action", &word, ACTIONS, ACTIONS_LATER, Some(MASK)),
        Err(table) => table,
    };
    let mask = table.table("mask");
    let words: Vec<&str> = ACTIONS.iter().map(|(name, _)| *name).chain([MASK.1]).collect();
    let allowed = format!("one of {}", words.join(", "));
    let mut others = table.keys().filter(|(key, _)| *key != MASK.0);
    let known = |key| ACTIONS.iter().any(|(name, _)| *name == key) || ACTIONS_LATER.contains(&key);
    match others.find(|(key, _)| known(*key)) {
        Some((key, span)) if ACTIONS_LATER.contains(&key) => {
            t.not_yet(span, &format!("`{}.{key}`", t.full_name("action")), &allowed);
            return None;
        }
        Some((key, span)) => {
            let help = Some(format!("action = \"{key}\""));
            t.wrong("action", span, &allowed, "a word, without settings", help);
            return None;
        }
        None => table.finish(&[]),
    }
    let Some(mask) = mask else {
        if table.keys().next().is_none() {
            table.missing("mask", "action = { mask = { keep_last = 4 } }");
        }
        return None;
    };
    let keep_last = mask.integer("keep_last", 0..=255).unwrap_or(0) as u8;
    let with = mask.string("with");
    mask.finish(&[]);
    let with = match with {
        None => '*',
        Some(text) => {
            let mut chars = text.get_ref().chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) if !c.is_alphanumeric() && !c.is_control() && !c.is_whitespace() => c,
                _ => {
                    let must = "one character that is no letter, digit, blank or control character";
                    mask.wrong(
                        "with",
                        text.span(),
                        must,
                        "not such a character",
                        Some("with = \"*\"".to_owned()),
                    );
                    return None;
                }
            }
        }
    };
    Some(Action::Mask { keep_last, with })
}

/// A list of kinds; an empty one is refused, since it would mean "nothing" or "everything" to different readers.
fn kinds(t: &Table<'_>, key: &'static str) -> Option<KindSet> {
    let words = t.strings(key)?;
    if words.is_empty() {
        let help = Some("leave the key out to mean every kind".to_owned());
        t.wrong(key, t.value_span(key), "a list with at least one kind", "it is empty", help);
    }
    let names: Vec<(&str, Kind)> = Kind::ALL.iter().map(|k| (k.name(), *k)).collect();
    Some(words.iter().filter_map(|w| t.choose(key, w, &names, &[])).collect())
}
