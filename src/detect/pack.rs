//! Packs: detectors as data, in TOML. See `docs/detectors.md` for the format.

use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use super::checks::Check;
use super::starts::Starts;
use crate::kind::Kind;

/// The longest text a pattern may match, in bytes. Bounded patterns are what makes scanning linear, and lets
/// windows of long lines overlap by a fixed amount.
pub const MAX_MATCH_BYTES: usize = 4096;
/// How far a context word may stand from a match, in bytes, where a detector does not say.
const DEFAULT_WINDOW: u32 = 48;
const MAX_WINDOW: u32 = 512;

/// A pack, parsed and linted.
#[derive(Clone, Debug)]
pub struct Pack {
    pub(super) file: String,
    pub(super) detectors: Vec<Detector>,
}

/// What is wrong with a pack, and where.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{file}: {title}")]
pub struct PackError {
    /// The pack's file.
    pub file: String,
    /// The pack's text.
    pub source_text: Arc<str>,
    /// Byte range of the culprit.
    pub span: Range<usize>,
    /// What is wrong.
    pub title: String,
    /// A word at the culprit.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PackSpec {
    #[serde(default)]
    detector: Vec<Spanned<DetectorSpec>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DetectorSpec {
    id: Spanned<String>,
    kind: Spanned<String>,
    pattern: Option<Spanned<String>>,
    #[serde(default)]
    patterns: Vec<Spanned<String>>,
    #[serde(default)]
    keywords: Vec<Spanned<String>>,
    window: Option<Spanned<u32>>,
    #[serde(default)]
    fields: Vec<Spanned<String>>,
    #[serde(default)]
    not_fields: Vec<Spanned<String>>,
    check: Option<Spanned<String>>,
    #[serde(default = "yes")]
    veto: bool,
    #[serde(default)]
    whole_field: bool,
    value: Option<Spanned<String>>,
    #[serde(default)]
    case_insensitive: bool,
    weights: Weights,
    #[serde(default)]
    examples: Vec<Spanned<String>>,
    #[serde(default)]
    counter_examples: Vec<Spanned<String>>,
}

fn yes() -> bool {
    true
}

/// Log-odds that are added up.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// For the pattern having matched.
    pub base: f32,
    /// For a keyword in the window.
    #[serde(default)]
    pub keyword: f32,
    /// For a field that says what it holds.
    #[serde(default)]
    pub field: f32,
    /// For the check having passed.
    #[serde(default)]
    pub check: f32,
    /// For standing inside of a machine identifier.
    #[serde(default = "protected_default")]
    pub protected: f32,
}

fn protected_default() -> f32 {
    -4.0
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
    pub(super) weights: Weights,
    pub(super) examples: Vec<String>,
    pub(super) counter_examples: Vec<String>,
}

/// A pattern and how its starts are found; `None` for one that needs look-around.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) text: String,
    pub(super) starts: Option<Starts>,
    pub(super) max_len: usize,
}

impl Pack {
    /// Reads a pack from the text of its file and lints it.
    ///
    /// # Errors
    /// At the first thing that is wrong, with its place.
    pub fn parse(file: &str, text: &str) -> Result<Pack, PackError> {
        let source: Arc<str> = text.into();
        let fail = |span: Range<usize>, title: String, label: &str, help: Option<&str>| PackError {
            file: file.to_string(),
            source_text: source.clone(),
            span,
            title,
            label: label.to_string(),
            help: help.map(str::to_string),
        };
        let spec: PackSpec = toml::from_str(text).map_err(|e| {
            fail(e.span().unwrap_or(0..0), format!("not a pack: {}", e.message()), "here", None)
        })?;
        let mut pack = Pack { file: file.to_string(), detectors: Vec::new() };
        for spec in spec.detector {
            let span = spec.span();
            let detector = lint(spec.into_inner(), span, &fail)?;
            if pack.detectors.iter().any(|d| d.id == detector.0.id) {
                return Err(fail(
                    detector.1,
                    format!("two detectors are called {}", detector.0.id),
                    "the second",
                    None,
                ));
            }
            pack.detectors.push(detector.0);
        }
        Ok(pack)
    }

    /// The file it was read from.
    pub fn file(&self) -> &str {
        &self.file
    }
}

type Fail<'a> = &'a dyn Fn(Range<usize>, String, &str, Option<&str>) -> PackError;

fn lint(
    spec: DetectorSpec,
    whole: Range<usize>,
    fail: Fail<'_>,
) -> Result<(Detector, Range<usize>), PackError> {
    let id_span = spec.id.span();
    let id = spec.id.into_inner();
    let valid_id =
        !id.is_empty() && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !valid_id {
        return Err(fail(id_span, "an id is lower-case letters, digits and dashes".into(), "this id", None));
    }
    let kind: Kind = spec
        .kind
        .get_ref()
        .parse()
        .map_err(|e: crate::UnknownKind| fail(spec.kind.span(), e.to_string(), "not a kind", None))?;
    if spec.examples.len() < 2 || spec.counter_examples.len() < 2 {
        let title = format!("detector {id} needs at least two examples and two counter_examples");
        let help = "an example marks what is found with «»; a counter-example is a text in which nothing is";
        return Err(fail(whole, title, "this detector", Some(help)));
    }
    for e in &spec.examples {
        let (open, close) = (e.get_ref().matches('«').count(), e.get_ref().matches('»').count());
        if open == 0 || open != close {
            let title = "an example marks each span with « before and » after".to_string();
            return Err(fail(e.span(), title, "no marks, or not in pairs", None));
        }
    }
    let mut patterns = Vec::new();
    for p in spec.pattern.iter().chain(&spec.patterns) {
        patterns.push(pattern(p, spec.case_insensitive, true, fail)?);
    }
    let value = spec.value.as_ref().map(|p| pattern(p, spec.case_insensitive, false, fail)).transpose()?;
    if patterns.is_empty() && !spec.whole_field {
        let help = "give `pattern`, or `whole_field = true` with `fields`";
        return Err(fail(whole, format!("detector {id} has nothing to find"), "this detector", Some(help)));
    }
    if spec.whole_field && spec.fields.is_empty() {
        return Err(fail(whole, "whole_field needs `fields`".into(), "this detector", None));
    }
    if value.is_some() && !spec.whole_field {
        return Err(fail(whole, "`value` goes with whole_field = true".into(), "this detector", None));
    }
    let check = match &spec.check {
        None => None,
        Some(c) => Some(
            c.get_ref().parse::<Check>().map_err(|e| fail(c.span(), e.to_string(), "not a check", None))?,
        ),
    };
    let inner = |p: &Pattern| p.starts.as_ref().is_some_and(|s| s.inner.is_some());
    if check.is_some() && patterns.iter().any(inner) {
        let title = "a pattern that is found by a byte inside of it cannot have a check".to_string();
        return Err(fail(whole, title, "this detector", None));
    }
    let window = spec.window.as_ref().map_or(DEFAULT_WINDOW, |w| *w.get_ref());
    if let Some(w) = spec.window.as_ref().filter(|w| *w.get_ref() > MAX_WINDOW) {
        return Err(fail(w.span(), format!("a window is at most {MAX_WINDOW} bytes"), "too wide", None));
    }
    for k in &spec.keywords {
        let ok = k.get_ref().len() >= 2 && k.get_ref().bytes().all(|b| (0x20..0x7f).contains(&b));
        if !ok {
            return Err(fail(
                k.span(),
                "a keyword is two or more printable ASCII characters".into(),
                "this one",
                None,
            ));
        }
    }
    for f in spec.fields.iter().chain(&spec.not_fields) {
        let ok = !f.get_ref().is_empty()
            && f.get_ref().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !ok {
            let title =
                "a field is written in lower case with underscores, whatever form the data has".into();
            return Err(fail(f.span(), title, "this field", None));
        }
    }
    let strings = |v: Vec<Spanned<String>>| v.into_iter().map(Spanned::into_inner).collect::<Vec<_>>();
    let detector = Detector {
        id,
        kind,
        patterns,
        keywords: strings(spec.keywords).into_iter().map(|k| k.to_ascii_lowercase()).collect(),
        window,
        fields: strings(spec.fields),
        not_fields: strings(spec.not_fields),
        check,
        veto: spec.veto,
        whole_field: spec.whole_field,
        value,
        weights: spec.weights,
        examples: strings(spec.examples),
        counter_examples: strings(spec.counter_examples),
    };
    Ok((detector, id_span))
}

/// The syntax patterns are written in: bytes, ASCII classes.
pub(super) fn syntax(case_insensitive: bool) -> regex_syntax::ParserBuilder {
    let mut b = regex_syntax::ParserBuilder::new();
    b.unicode(false).utf8(false).case_insensitive(case_insensitive).nest_limit(64);
    b
}

fn pattern(
    p: &Spanned<String>,
    case_insensitive: bool,
    search: bool,
    fail: Fail<'_>,
) -> Result<Pattern, PackError> {
    let text = p.get_ref();
    if ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|look| text.contains(look)) {
        super::slow::SlowPattern::new(text, case_insensitive).map_err(|e| {
            fail(p.span(), format!("the pattern does not compile: {e}"), "this pattern", None)
        })?;
        return Ok(Pattern { text: flagged(text, case_insensitive), starts: None, max_len: MAX_MATCH_BYTES });
    }
    let ast = regex_syntax::ast::parse::Parser::new().parse(text).map_err(|e| {
        fail(p.span(), format!("the pattern does not parse: {}", e.kind()), "this pattern", None)
    })?;
    if let Some(what) = ast_lint(&ast) {
        return Err(fail(p.span(), what.to_string(), "this pattern", None));
    }
    let hir = syntax(case_insensitive).build().parse(text).map_err(|e| {
        let what = match &e {
            regex_syntax::Error::Translate(t) => t.kind().to_string(),
            regex_syntax::Error::Parse(t) => t.kind().to_string(),
            _ => "unknown reason".to_string(),
        };
        fail(p.span(), format!("the pattern does not parse: {what}"), "this pattern", None)
    })?;
    let max_len = match hir.properties().maximum_len() {
        Some(n) if n <= MAX_MATCH_BYTES => n,
        _ => {
            let title = format!("a pattern must be bounded, to at most {MAX_MATCH_BYTES} bytes");
            return Err(fail(p.span(), title, "unbounded", Some("write {0,64} for *, {1,64} for +")));
        }
    };
    if hir.properties().minimum_len().unwrap_or(0) == 0 {
        return Err(fail(p.span(), "a pattern must not match the empty string".into(), "this pattern", None));
    }
    let starts = if search { Starts::of(&hir) } else { None };
    if search && starts.is_none() {
        let title =
            "the pattern starts with nothing definite, so that it would have to run everywhere".to_string();
        let help = r"begin with a digit class, a word after \b, or have an @ or % after a bounded class";
        return Err(fail(p.span(), title, "this pattern", Some(help)));
    }
    Ok(Pattern { text: flagged(text, case_insensitive), starts, max_len })
}

fn flagged(text: &str, case_insensitive: bool) -> String {
    if case_insensitive { format!("(?i:{text})") } else { text.to_string() }
}

/// Mistakes that read as something else than they are.
fn ast_lint(ast: &regex_syntax::ast::Ast) -> Option<&'static str> {
    use regex_syntax::ast::{Ast, ClassSet, ClassSetItem};
    fn set_has_bar(set: &ClassSet) -> bool {
        match set {
            ClassSet::Item(item) => item_has_bar(item),
            ClassSet::BinaryOp(op) => set_has_bar(&op.lhs) || set_has_bar(&op.rhs),
        }
    }
    fn item_has_bar(item: &ClassSetItem) -> bool {
        match item {
            ClassSetItem::Literal(l) => l.c == '|',
            ClassSetItem::Bracketed(b) => set_has_bar(&b.kind),
            ClassSetItem::Union(u) => u.items.iter().any(item_has_bar),
            _ => false,
        }
    }
    fn starts_or_ends_with_assertion(ast: &Ast) -> bool {
        match ast {
            Ast::Assertion(_) => true,
            Ast::Concat(c) => {
                [c.asts.first(), c.asts.last()].into_iter().flatten().any(|a| matches!(a, Ast::Assertion(_)))
            }
            _ => false,
        }
    }
    fn has_bar(ast: &Ast) -> bool {
        match ast {
            Ast::ClassBracketed(c) => set_has_bar(&c.kind),
            Ast::Repetition(r) => has_bar(&r.ast),
            Ast::Group(g) => has_bar(&g.ast),
            Ast::Alternation(a) => a.asts.iter().any(has_bar),
            Ast::Concat(c) => c.asts.iter().any(has_bar),
            _ => false,
        }
    }
    if has_bar(ast) {
        return Some("a `|` inside of [] is a character, not an alternative");
    }
    match ast {
        Ast::Alternation(a) if a.asts.iter().any(starts_or_ends_with_assertion) => Some(
            "an anchor binds to one alternative only: group them, as in \\b(?:a|b)\\b, or write several `patterns`",
        ),
        _ => None,
    }
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
            (r"pattern = '(?<!x)('", "does not compile"),
            ("", "nothing to find"),
            ("whole_field = true", "needs `fields`"),
            ("pattern = '\\d\\d'\ncheck = 'nope'", "check"),
            ("pattern = '\\d\\d'\nkeywords = ['x']", "keyword"),
            ("pattern = '\\d\\d'\nfields = ['Patient-Name']", "lower case"),
            ("pattern = '\\d\\d'\nwindow = 9999", "window"),
            ("pattern = '\\d\\d'\nwibble = 1", "unknown field"),
        ];
        for (lines, want) in cases {
            let text = detector(&format!("{lines}\n{EXAMPLES}"));
            let e = Pack::parse("p.toml", &text).expect_err(lines);
            assert!(e.title.contains(want), "{lines}: {}", e.title);
            assert!(e.span.end <= text.len() && !e.span.is_empty(), "{lines}: {:?}", e.span);
        }
        let e = Pack::parse("p.toml", &detector(r"pattern = '\d\d'")).expect_err("no examples");
        assert!(e.title.contains("at least two examples"), "{}", e.title);
        let two = detector(&format!("pattern = '\\d\\d'\n{EXAMPLES}")).repeat(2);
        assert!(Pack::parse("p.toml", &two).expect_err("twice").title.contains("two detectors"));
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
