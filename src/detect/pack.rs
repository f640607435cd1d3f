//! Packs: detectors as data, in TOML. See `docs/detectors.md` for the format.

mod pattern;

use std::fmt;

use toml::Spanned;

use super::checks::Check;
use super::facts::{Facts, PatternFacts};
use super::names::Topic;
use super::starts::{Inner, Starts};
use crate::authored::{Diagnostic, Reader, Table};
use crate::kind::Kind;

/// The longest text a pattern may match, in bytes. Bounded patterns are what makes scanning linear, and lets
/// windows of long lines overlap by a fixed amount.
pub const MAX_MATCH_BYTES: usize = 4096;
/// How far a context word may stand from a match, in bytes, where a detector does not say.
const DEFAULT_WINDOW: u32 = 48;
const MAX_WINDOW: u32 = 512;
/// The log-odds of standing inside of a machine identifier, where a detector does not say.
const PROTECTED_WEIGHT: f32 = -4.0;

/// A pack, parsed and linted.
#[derive(Clone, Debug)]
pub struct Pack {
    pub(super) file: String,
    pub(super) detectors: Vec<Detector>,
}

/// What is wrong with a pack: each place, in the order of the file.
#[derive(Clone)]
pub struct PackErrors(pub Vec<Diagnostic>);

impl fmt::Display for PackErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(Diagnostic::to_string).collect();
        f.write_str(&all.join("; "))
    }
}

impl fmt::Debug for PackErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for PackErrors {}

/// Log-odds that are added up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// For the pattern having matched.
    pub base: f32,
    /// For a keyword in the window.
    pub keyword: f32,
    /// For a field that says what it holds.
    pub field: f32,
    /// For the check having passed.
    pub check: f32,
    /// For standing inside of a machine identifier.
    pub protected: f32,
    /// For standing in what a program tells of itself.
    pub user_agent: f32,
}

/// A detector, linted.
#[derive(Clone, Debug)]
pub(super) struct Detector {
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) patterns: Vec<Pattern>,
    pub(super) keywords: Vec<String>,
    pub(super) window: u32,
    pub(super) fields: Vec<String>,
    pub(super) not_fields: Vec<String>,
    pub(super) check: Option<Check>,
    pub(super) veto: bool,
    pub(super) whole_field: bool,
    pub(super) value: Option<Pattern>,
    /// Found by the model of names, not by patterns.
    pub(super) model: Option<Topic>,
    pub(super) weights: Weights,
    pub(super) examples: Vec<String>,
    pub(super) counter_examples: Vec<String>,
}

/// A pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) text: String,
    pub(super) places: Places,
    pub(super) max_len: usize,
}

/// How the places are found where a pattern may match.
#[derive(Clone, Debug)]
pub(super) enum Places {
    /// By its starts.
    Starts(Starts),
    /// The same, but they are worked out when they are needed: a built-in pattern.
    Known {
        /// What they say of what stands before.
        inner: Option<Inner>,
    },
    /// It needs look-around, and is tried everywhere.
    LookAround,
    /// It is compared with whole values only.
    Whole,
}

impl Places {
    pub(super) fn needs_look_around(&self) -> bool {
        matches!(self, Places::LookAround)
    }

    /// What may stand before the part that is looked for.
    pub(super) fn inner(&self) -> Option<&Inner> {
        match self {
            Places::Starts(starts) => starts.inner.as_ref(),
            Places::Known { inner } => inner.as_ref(),
            Places::LookAround | Places::Whole => None,
        }
    }

    /// The starts of the pattern, if that is how its places are found.
    pub(super) fn starts(&self, pattern: &str) -> Option<Starts> {
        match self {
            Places::Starts(starts) => Some(starts.clone()),
            Places::Known { .. } => pattern::starts(pattern),
            Places::LookAround | Places::Whole => None,
        }
    }
}

impl Detector {
    /// One that finds only what the roster says.
    pub(super) fn of_roster(id: &str, kind: Kind) -> Detector {
        let none = Weights {
            base: super::roster::SURE,
            keyword: 0.0,
            field: 0.0,
            check: 0.0,
            protected: 0.0,
            user_agent: 0.0,
        };
        Detector {
            id: id.to_owned(),
            kind,
            patterns: Vec::new(),
            keywords: Vec::new(),
            window: 0,
            fields: Vec::new(),
            not_fields: Vec::new(),
            check: None,
            veto: false,
            whole_field: false,
            value: None,
            model: None,
            weights: none,
            examples: Vec::new(),
            counter_examples: Vec::new(),
        }
    }
}

impl Pack {
    /// Reads a pack from the text of its file and lints it.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place. After an error of TOML's own nothing else is looked at.
    pub fn parse(file: &str, text: &str) -> Result<Pack, PackErrors> {
        Pack::read(file, text, &mut Patterns::Lint)
    }

    /// Reads packs of whose patterns everything is known already, and which therefore need no lint.
    pub(super) fn parse_known(packs: &[(&str, &str)], facts: &Facts<'_>) -> Result<Vec<Pack>, PackErrors> {
        let mut known = Patterns::Known(facts.patterns.iter());
        packs.iter().map(|(file, text)| Pack::read(file, text, &mut known)).collect()
    }

    fn read(file: &str, text: &str, patterns: &mut Patterns<'_>) -> Result<Pack, PackErrors> {
        let reader = Reader::without_secrets(file.to_owned(), text);
        let mut detectors: Vec<Detector> = Vec::new();
        if let Some(root) = reader.parse(text) {
            let root = reader.root(&root);
            if !root.has("detector") {
                root.missing("detector", "begin each with a line [[detector]]");
            }
            let mut ids: Vec<String> = Vec::new();
            for table in root.tables("detector") {
                let id = table.required_string("id", "write one: id = \"site-badge\"");
                if let Some(id) = id.as_ref().filter(|id| ids.contains(id.get_ref())) {
                    let title = format!("two detectors are called {}", id.get_ref());
                    reader.error(id.span(), title, "the second", None);
                }
                ids.extend(id.iter().map(|id| id.get_ref().clone()));
                detectors.extend(lint(&reader, &table, id, patterns));
            }
            root.finish(&[]);
        }
        match reader.finish() {
            Ok(_) => Ok(Pack { file: file.to_owned(), detectors }),
            Err(found) => Err(PackErrors(found)),
        }
    }

    /// What its detectors find.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.detectors.iter().map(|d| d.kind)
    }

    /// The file it was read from.
    pub fn file(&self) -> &str {
        &self.file
    }
}

/// How patterns are read.
enum Patterns<'f> {
    /// Parsed, and looked through for what cannot be meant.
    Lint,
    /// One after the other as it is known to be.
    Known(std::slice::Iter<'f, PatternFacts>),
}

impl Patterns<'_> {
    /// Reads a pattern; `search` says whether it is looked for in texts.
    fn read(
        &mut self,
        reader: &Reader,
        p: &Spanned<String>,
        any_case: bool,
        search: bool,
    ) -> Option<Pattern> {
        match self {
            Patterns::Lint => pattern::read(reader, p, any_case, search),
            Patterns::Known(facts) => {
                let facts = facts.next()?;
                let places = match (facts.look_around, search) {
                    (true, _) => Places::LookAround,
                    (false, true) => Places::Known { inner: facts.inner },
                    (false, false) => Places::Whole,
                };
                Some(Pattern {
                    text: pattern::flagged(p.get_ref(), any_case),
                    places,
                    max_len: facts.max_len,
                })
            }
        }
    }
}

/// Reads a detector and looks for what cannot be meant. What is wrong stays with the reader; then there may be no
/// detector.
fn lint(
    reader: &Reader,
    t: &Table<'_>,
    id: Option<Spanned<String>>,
    read: &mut Patterns<'_>,
) -> Option<Detector> {
    let flag = |key, default| t.boolean(key).unwrap_or(default);
    let list = |key| t.strings(key).unwrap_or_default();
    let wrong = |span, title: &str, label: &str| reader.error(span, title.to_owned(), label, None);
    let lower = |s: &str, also: u8| {
        !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == also)
    };

    let name = id.as_ref().map_or(String::new(), |id| format!(" {}", id.get_ref()));
    if let Some(id) = id.as_ref().filter(|id| !lower(id.get_ref(), b'-')) {
        wrong(id.span(), "an id is lower-case letters, digits and dashes", "this id");
    }
    if !t.has("kind") {
        t.missing("kind", "write one of the kinds: kind = \"unique_id\"");
    }
    let kinds: Vec<(&str, Kind)> = Kind::ALL.iter().map(|k| (k.name(), *k)).collect();
    let kind = t.one_of("kind", &kinds, &[]);

    let case_insensitive = flag("case_insensitive", false);
    let (one, many) = (t.string("pattern"), list("patterns"));
    let patterns = one.iter().chain(&many).filter_map(|p| read.read(reader, p, case_insensitive, true));
    let patterns: Vec<Pattern> = patterns.collect();
    let whole_field = flag("whole_field", false);
    let (fields, not_fields) = (list("fields"), list("not_fields"));
    let value_given = t.string("value");
    let value = value_given.as_ref().and_then(|p| read.read(reader, p, case_insensitive, false));
    let model = t.one_of("model", &Topic::NAMES, &[]);
    if !whole_field && !t.has("pattern") && many.is_empty() && !t.has("model") {
        let help = "give `pattern`, or `whole_field = true` with `fields`, or `model`".to_owned();
        reader.error(t.span(), format!("detector{name} has nothing to find"), "this detector", Some(help));
    }
    if whole_field && !t.has("fields") {
        wrong(t.span(), "whole_field needs `fields`", "this detector");
    }
    if let Some(value) = value_given.filter(|_| !whole_field) {
        wrong(value.span(), "`value` goes with whole_field = true", "would not be used");
    }
    let check = t.one_of("check", Check::NAMES, &[]);
    let inner = |p: &Pattern| p.places.inner().is_some();
    let needs_whole = check.as_ref().filter(|c| !c.get_ref().allows_more_before());
    if let Some(check) = needs_whole.filter(|_| patterns.iter().any(inner)) {
        wrong(
            check.span(),
            "a pattern that is found by what stands inside of it cannot have this check",
            "take it out",
        );
    }
    let window = t.integer("window", 0..=i64::from(MAX_WINDOW)).map_or(DEFAULT_WINDOW, |w| w as u32);
    let keywords = list("keywords");
    let printable = |k: &str| k.len() >= 2 && k.bytes().all(|b| (0x20..0x7f).contains(&b));
    for k in keywords.iter().filter(|k| !printable(k.get_ref())) {
        wrong(k.span(), "a keyword is two or more printable ASCII characters", "this one");
    }
    for f in fields.iter().chain(&not_fields).filter(|f| !lower(f.get_ref(), b'_')) {
        let title = "a field is written in lower case with underscores, whatever form the data has";
        wrong(f.span(), title, "this field");
    }
    let weights = weights(t);
    let (examples, counter_examples) = (list("examples"), list("counter_examples"));
    if examples.len() < 2 || counter_examples.len() < 2 {
        let title = format!("detector{name} needs at least two examples and two counter_examples");
        let help = "an example marks what is found with «»; a counter-example is a text in which nothing is";
        reader.error(t.span(), title, "this detector", Some(help.to_owned()));
    }
    for e in &examples {
        let (open, close) = (e.get_ref().matches('«').count(), e.get_ref().matches('»').count());
        if open == 0 || open != close {
            let title = "an example marks each span with « before and » after";
            wrong(e.span(), title, "no marks, or not in pairs");
        }
    }
    let veto = flag("veto", true);
    t.finish(&[]);

    let strings = |v: Vec<Spanned<String>>| v.into_iter().map(Spanned::into_inner).collect::<Vec<_>>();
    Some(Detector {
        id: id?.into_inner(),
        kind: kind?.into_inner(),
        patterns,
        keywords: strings(keywords).into_iter().map(|k| k.to_ascii_lowercase()).collect(),
        window,
        fields: strings(fields),
        not_fields: strings(not_fields),
        check: check.map(Spanned::into_inner),
        veto,
        whole_field,
        value,
        model: model.map(Spanned::into_inner),
        weights: weights?,
        examples: strings(examples),
        counter_examples: strings(counter_examples),
    })
}

fn weights(detector: &Table<'_>) -> Option<Weights> {
    const HELP: &str = "write what a match alone is worth, in log-odds: weights = { base = 1.0 }";
    if !detector.has("weights") {
        detector.missing("weights", HELP);
    }
    let t = detector.table("weights")?;
    if !t.has("base") {
        t.missing("base", HELP);
    }
    let weight = |key| t.number(key, -100.0..=100.0).map(|w| w as f32);
    let base = weight("base");
    let [keyword, field, check, user_agent] =
        ["keyword", "field", "check", "user_agent"].map(|key| weight(key).unwrap_or(0.0));
    let protected = weight("protected").unwrap_or(PROTECTED_WEIGHT);
    t.finish(&[]);
    Some(Weights { base: base?, keyword, field, check, protected, user_agent })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detector(lines: &str) -> String {
        format!("[[detector]]\nid = \"x-1\"\nkind = \"ssn\"\nweights = {{ base = 1.0 }}\n{lines}\n")
    }

    const EXAMPLES: &str = "examples = [\"a «1»\", \"b «2»\"]\ncounter_examples = [\"a\", \"b\"]\n";

    #[test]
    fn lints() {
        let cases = [
            (r"pattern = '\d+'", "bounded"),
            (r"pattern = '\d{0,3}'", "empty string"),
            (r"pattern = '^a|b$'", "group them"),
            (r"pattern = '\d[a|b]'", "not an alternative"),
            (r"pattern = '\d('", "does not parse"),
            (r"pattern = '(?<!x)('", "does not parse"),
            ("", "nothing to find"),
            ("whole_field = true", "needs `fields`"),
            ("pattern = '\\d\\d'\ncheck = 'nope'", "check"),
            ("pattern = '\\d\\d'\nkeywords = ['x']", "keyword"),
            ("pattern = '\\d\\d'\nfields = ['Patient-Name']", "lower case"),
            ("pattern = '\\d\\d'\nwindow = 9999", "window"),
            ("pattern = '\\d\\d'\nwibble = 1", "unknown key"),
        ];
        for (lines, want) in cases {
            let text = detector(&format!("{lines}\n{EXAMPLES}"));
            let all = Pack::parse("p.toml", &text).expect_err(lines).0;
            assert_eq!(all.len(), 1, "{lines}: {all:?}");
            let e = &all[0];
            assert!(e.title.contains(want), "{lines}: {}", e.title);
            assert!(e.span.end <= text.len() && !e.span.is_empty(), "{lines}: {:?}", e.span);
        }
        let e = Pack::parse("p.toml", &detector(r"pattern = '\d\d'")).expect_err("no examples");
        assert!(e.0[0].title.contains("at least two examples"), "{e}");
        let two = detector(&format!("pattern = '\\d\\d'\n{EXAMPLES}")).repeat(2);
        assert!(Pack::parse("p.toml", &two).expect_err("twice").to_string().contains("two detectors"));
    }

    #[test]
    fn every_error_of_a_file_is_told_with_what_was_meant() {
        let text = "[[detector]]\nid = \"A\"\nkind = \"snn\"\npatern = '\\d\\d'\ncheck = \"lunh\"\nwindow = 9999\n\
                    weights = { bse = 1 }\nexamples = [\"«1» x\", 7]\n\
                    [[detector]]\npattern = '\\d{2}('\nvalue = '\\d\\d'\nveto = 1\n[detectors]\n";
        let all = Pack::parse("p.toml", text).unwrap_err().0;
        let lines: Vec<String> = all.iter().map(|d| format!("{d}")).collect();
        let begins = [
            "p.toml:1:1: detector A has nothing to find; give `pattern`",
            "p.toml:1:1: detector A needs at least two examples and two counter_examples; ",
            "p.toml:2:6: an id is lower-case letters, digits and dashes",
            "p.toml:3:8: `detector.kind` must be one of name, address, ",
            "p.toml:4:1: unknown key in [detector]; did you mean `pattern`? in [detector] stand: id, kind, ",
            "p.toml:5:9: `detector.check` must be one of aba, card, date, ",
            "p.toml:6:10: `detector.window` must be a whole number from 0 to 512",
            "p.toml:7:1: `detector.weights.base` is missing; ",
            "p.toml:7:13: unknown key in [detector.weights]; did you mean `base`? ",
            "p.toml:8:22: `detector.examples` must be a list of strings",
            "p.toml:9:1: `detector.id` is missing; ",
            "p.toml:9:1: `detector.kind` is missing; ",
            "p.toml:9:1: `detector.weights` is missing; ",
            "p.toml:9:1: detector needs at least two examples",
            "p.toml:10:17: the pattern does not parse: unclosed group",
            "p.toml:11:9: `value` goes with whole_field = true",
            "p.toml:12:8: `detector.veto` must be true or false",
            "p.toml:13:2: unknown table in the file; did you mean `detector`? ",
        ];
        assert_eq!(lines.len(), begins.len(), "{lines:#?}");
        for (line, begin) in lines.iter().zip(begins) {
            assert!(line.starts_with(begin), "{line}\n{begin}");
        }
        assert!(lines[3].ends_with("did you mean \"ssn\"?") && lines[5].ends_with("did you mean \"luhn\"?"));
        let none = Pack::parse("p.toml", "# nothing\n").unwrap_err().to_string();
        assert_eq!(none, "p.toml:1:1: `detector` is missing; begin each with a line [[detector]]");
    }

    #[test]
    fn a_good_one_parses() {
        let text = detector(&format!(
            "pattern = '\\b\\d{{3}}-\\d{{2}}-\\d{{4}}\\b'\nkeywords = ['SSN']\n{EXAMPLES}"
        ));
        let pack = Pack::parse("p.toml", &text).unwrap();
        assert_eq!(pack.detectors[0].keywords, ["ssn"]);
        assert_eq!(pack.detectors[0].patterns[0].max_len, 11);
        assert_eq!(pack.detectors[0].window, DEFAULT_WINDOW);
    }
}
