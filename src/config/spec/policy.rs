//! `[policy]` and `[[policy.rule]]`.

use std::ops::Range;

use toml::Spanned;

use crate::authored::{Reader, Table};
use crate::kind::{Kind, KindSet};
use crate::policy::{Action, PathPattern, Profile};
use crate::scrubber::StampPlace;
use crate::transform::FORMAT_PRESERVING_KINDS;

/// `[policy]`
#[derive(Default)]
pub(in crate::config) struct PolicySpec {
    pub(in crate::config) profile: Option<Spanned<Profile>>,
    pub(in crate::config) threshold: Option<f32>,
    pub(in crate::config) kinds: Option<KindSet>,
    pub(in crate::config) rules: Vec<RuleSpec>,
    pub(in crate::config) stamp: Option<StampPlace>,
}

/// `[[policy.rule]]`
pub(in crate::config) struct RuleSpec {
    pub(in crate::config) span: Range<usize>,
    pub(in crate::config) kinds: Option<KindSet>,
    pub(in crate::config) path: Option<PathPattern>,
    pub(in crate::config) min_confidence: Option<f32>,
    pub(in crate::config) action: Action,
}

const PROFILES_LATER: &[&str] = &[];
/// Days by which dates move at most, where it is not said.
const SHIFT_DAYS: u16 = 365;
const ACTIONS: &[(&str, Action)] = &[
    ("keep", Action::Keep),
    ("date_shift", Action::DateShift { days: SHIFT_DAYS }),
    ("generalize", Action::Generalize),
    ("surrogate", Action::Surrogate),
    ("format_preserving", Action::FormatPreserving),
    ("pseudonym", Action::Pseudonym),
    ("seal", Action::Seal),
    ("token", Action::Token),
    ("redact", Action::Redact),
    ("drop", Action::Drop),
];
/// The action that must have settings, and how it is written.
const MASK: (&str, &str) = ("mask", "{ mask = { keep_last = 4 } }");
/// The action that may have some.
const SHIFT: &str = "date_shift";
/// The kinds that have dates to shift.
const SHIFTED: KindSet = KindSet::EMPTY.with(Kind::Date);

impl PolicySpec {
    pub(super) fn read(reader: &Reader, t: &Table<'_>) -> PolicySpec {
        let spec = PolicySpec {
            profile: t.one_of("profile", Profile::NAMES, PROFILES_LATER),
            threshold: t.number("threshold", 0.0..=1.0).map(|n| n as f32),
            kinds: kinds(t, "kinds"),
            rules: t.tables("rule").iter().filter_map(|r| rule(reader, r)).collect(),
            stamp: t.table("stamp").and_then(|stamp| place(t, &stamp)),
        };
        t.finish(&[]);
        spec
    }
}

fn rule(reader: &Reader, t: &Table<'_>) -> Option<RuleSpec> {
    let kinds = kinds(t, "kind");
    let path = path_pattern(reader, t, "path");
    let min_confidence = t.number("min_confidence", 0.0..=1.0).map(|n| n as f32);
    if !t.has("action") {
        t.missing(
            "action",
            "write what is done: action = \"keep\", \"redact\", \"pseudonym\", \"drop\" or { mask = { keep_last = 4 } }",
        );
    }
    let action = action(t);
    t.finish(&[]);
    let action = action?;
    match action {
        Action::DateShift { .. } => only(t, action, kinds, SHIFTED, true),
        Action::FormatPreserving => only(t, action, kinds, FORMAT_PRESERVING_KINDS, false),
        _ => {}
    }
    Some(RuleSpec { span: t.span(), kinds, path, min_confidence, action })
}

/// Where records are stamped.
fn place(policy: &Table<'_>, t: &Table<'_>) -> Option<StampPlace> {
    let (header, field) = (t.string("header"), t.string("field"));
    t.finish(&[]);
    let good = |name: &toml::Spanned<String>| !name.get_ref().is_empty();
    match (header, field) {
        (Some(name), None) if good(&name) => Some(StampPlace::Header(name.into_inner())),
        (None, Some(name)) if good(&name) => Some(StampPlace::Field(name.into_inner())),
        _ => {
            let help = "write stamp = { header = \"scrubjay-policy\" } or stamp = { field = \"_scrubjay\" }"
                .to_owned();
            policy.wrong("stamp", t.span(), "one place with a name", "here", Some(help));
            None
        }
    }
}

/// Some actions do nothing for some kinds but redact them: a rule that names such a kind means something else.
fn only(t: &Table<'_>, action: Action, kinds: Option<KindSet>, may: KindSet, named: bool) {
    let names = || may.iter().map(|k| format!("\"{k}\"")).collect::<Vec<_>>().join(", ");
    let other = kinds.and_then(|kinds| kinds.iter().find(|k| !may.contains(*k)));
    let label = match other {
        Some(other) => format!("nothing of kind {other} can be written so"),
        None if named && kinds.is_none() => "the rule is for every kind".to_owned(),
        None => return,
    };
    let span = if t.has("kind") { t.value_span("kind") } else { t.value_span("action") };
    let help = Some(format!("kind = [{}]", names()));
    t.wrong("kind", span, &format!("of those that `{}` is for", action.name()), &label, help);
}

fn action(t: &Table<'_>) -> Option<Action> {
    let table = match t.string_or_table("action")? {
        Ok(word) if word.get_ref() == "mask" => {
            let help = Some("action = { mask = { keep_last = 4 } }".to_owned());
            t.wrong("action", word.span(), "a table to mask", "it needs its settings", help);
            return None;
        }
        Ok(word) => return t.choose_or("action", &word, ACTIONS, &[], Some(MASK)),
        Err(table) => table,
    };
    if let Some(shift) = table.table(SHIFT) {
        table.finish(&[]);
        let days = shift.integer("days", 1..=3650).map_or(SHIFT_DAYS, |days| days as u16);
        shift.finish(&[]);
        return Some(Action::DateShift { days });
    }
    let mask = table.table("mask");
    let words: Vec<&str> = ACTIONS.iter().map(|(name, _)| *name).chain([MASK.1]).collect();
    let allowed = format!("one of {}", words.join(", "));
    let mut others = table.keys().filter(|(key, _)| *key != MASK.0);
    match others.find(|(key, _)| ACTIONS.iter().any(|(name, _)| name == key)) {
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

/// A pattern of paths.
pub(super) fn path_pattern(reader: &Reader, t: &Table<'_>, key: &'static str) -> Option<PathPattern> {
    let text = t.string(key)?;
    read_pattern(reader, &t.full_name(key), &text)
}

/// The same, of a text that was read; `name` is the key's.
pub(super) fn read_pattern(reader: &Reader, name: &str, text: &Spanned<String>) -> Option<PathPattern> {
    text.get_ref()
        .parse::<PathPattern>()
        .map_err(|e| {
            let span = reader.inside(text, e.span.clone());
            let title = format!("`{name}` is not a path pattern");
            let help = "examples: $.patient.*, $.items[*].name, $..ssn".to_owned();
            reader.error(span, title, e.message, Some(help));
        })
        .ok()
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
