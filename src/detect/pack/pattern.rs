//! Patterns, read and linted.

use std::ops::Range;

use regex_syntax::ast::{self, Ast};
use regex_syntax::hir::translate::{Translator, TranslatorBuilder};
use toml::Spanned;

use super::{MAX_MATCH_BYTES, Pattern, Places};
use crate::authored::Reader;
use crate::detect::slow::SlowPattern;
use crate::detect::starts::Starts;

/// What patterns mean: bytes, ASCII classes.
fn meaning(case_insensitive: bool) -> Translator {
    TranslatorBuilder::new().unicode(false).utf8(false).case_insensitive(case_insensitive).build()
}

/// Groups in groups.
const MOST_NESTED: u32 = 64;

/// Reads a pattern; `search` says whether it is looked for in texts. What is wrong stays with the reader, at its place
/// in the pattern.
pub(super) fn read(
    reader: &Reader,
    p: &Spanned<String>,
    case_insensitive: bool,
    search: bool,
) -> Option<Pattern> {
    let read = match ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|look| p.get_ref().contains(look)) {
        true => with_look_around(p.get_ref(), case_insensitive),
        false => plain(p.get_ref(), case_insensitive, search),
    };
    let fault = match read {
        Ok(pattern) => return Some(pattern),
        Err(fault) => fault,
    };
    let (span, label) = match fault.at {
        Some(at) => (reader.inside(p, at), "here"),
        None => (p.span(), "this pattern"),
    };
    reader.error(span, fault.what, label, fault.help.map(str::to_owned));
    None
}

/// What is wrong with a pattern.
struct Fault {
    /// Where in the pattern; `None` is all of it.
    at: Option<Range<usize>>,
    what: String,
    help: Option<&'static str>,
}

impl Fault {
    fn new(at: Option<Range<usize>>, what: impl Into<String>) -> Fault {
        Fault { at, what: what.into(), help: None }
    }

    fn syntax(at: &ast::Span, why: &dyn std::fmt::Display) -> Fault {
        Fault::new(Some(range(at)), format!("the pattern does not parse: {why}"))
    }
}

fn with_look_around(text: &str, case_insensitive: bool) -> Result<Pattern, Fault> {
    match SlowPattern::new(text, case_insensitive) {
        Ok(_) => Ok(Pattern {
            text: flagged(text, case_insensitive),
            places: Places::LookAround,
            max_len: MAX_MATCH_BYTES,
        }),
        Err(fancy_regex::Error::ParseError(at, why)) => {
            let why = why.to_string();
            let why = why.strip_prefix("General parsing error: ").unwrap_or(&why);
            Err(Fault::new(Some(at..at + 1), format!("the pattern does not parse: {why}")))
        }
        Err(e) => Err(Fault::new(None, format!("the pattern does not compile: {e}"))),
    }
}

fn plain(text: &str, case_insensitive: bool, search: bool) -> Result<Pattern, Fault> {
    let ast = parser().parse(text).map_err(|e| Fault::syntax(e.span(), &e.kind()))?;
    if let Some((at, what)) = mistake(&ast) {
        return Err(Fault::new(Some(range(at)), what));
    }
    let hir = meaning(case_insensitive).translate(text, &ast);
    let hir = hir.map_err(|e| Fault::syntax(e.span(), &e.kind()))?;
    let Some(max_len) = hir.properties().maximum_len().filter(|n| *n <= MAX_MATCH_BYTES) else {
        let what = format!("a pattern must be bounded, to at most {MAX_MATCH_BYTES} bytes");
        let help = Some("write {0,64} for *, {1,64} for +");
        return Err(Fault { help, ..Fault::new(unbounded(&ast).map(range), what) });
    };
    if hir.properties().minimum_len().unwrap_or(0) == 0 {
        return Err(Fault::new(None, "a pattern must not match the empty string"));
    }
    let places = if search { Starts::of(&hir).map(Places::Starts) } else { Some(Places::Whole) };
    let Some(places) = places else {
        let what = "the pattern starts with nothing definite, so that it would have to run everywhere";
        let help =
            Some(r"begin with a digit class, a word after \b, or have an @ or % after a bounded class");
        return Err(Fault { help, ..Fault::new(None, what) });
    };
    Ok(Pattern { text: flagged(text, case_insensitive), places, max_len })
}

fn parser() -> ast::parse::Parser {
    ast::parse::ParserBuilder::new().nest_limit(MOST_NESTED).build()
}

/// The starts of a pattern that was found to be in order before.
pub(super) fn starts(text: &str) -> Option<Starts> {
    let ast = parser().parse(text).ok()?;
    Starts::of(&meaning(false).translate(text, &ast).ok()?)
}

fn range(span: &ast::Span) -> Range<usize> {
    span.start.offset..span.end.offset
}

/// The pattern, which says itself that case does not matter.
pub(super) fn flagged(text: &str, case_insensitive: bool) -> String {
    if case_insensitive { format!("(?i:{text})") } else { text.to_owned() }
}

/// The first repetition without an end.
fn unbounded(ast: &Ast) -> Option<&ast::Span> {
    use ast::{RepetitionKind, RepetitionRange};
    match ast {
        Ast::Repetition(r) => match r.op.kind {
            RepetitionKind::ZeroOrMore
            | RepetitionKind::OneOrMore
            | RepetitionKind::Range(RepetitionRange::AtLeast(_)) => Some(&r.op.span),
            _ => unbounded(&r.ast),
        },
        Ast::Group(g) => unbounded(&g.ast),
        Ast::Alternation(a) => a.asts.iter().find_map(unbounded),
        Ast::Concat(c) => c.asts.iter().find_map(unbounded),
        _ => None,
    }
}

/// Mistakes that read as something else than they are, each with its place.
fn mistake(ast: &Ast) -> Option<(&ast::Span, &'static str)> {
    use ast::{ClassSet, ClassSetItem};
    fn in_set(set: &ClassSet) -> Option<&ast::Span> {
        match set {
            ClassSet::Item(item) => in_item(item),
            ClassSet::BinaryOp(op) => in_set(&op.lhs).or_else(|| in_set(&op.rhs)),
        }
    }
    fn in_item(item: &ClassSetItem) -> Option<&ast::Span> {
        match item {
            ClassSetItem::Literal(l) if l.c == '|' => Some(&l.span),
            ClassSetItem::Bracketed(b) => in_set(&b.kind),
            ClassSetItem::Union(u) => u.items.iter().find_map(in_item),
            _ => None,
        }
    }
    fn bar(ast: &Ast) -> Option<&ast::Span> {
        match ast {
            Ast::ClassBracketed(c) => in_set(&c.kind),
            Ast::Repetition(r) => bar(&r.ast),
            Ast::Group(g) => bar(&g.ast),
            Ast::Alternation(a) => a.asts.iter().find_map(bar),
            Ast::Concat(c) => c.asts.iter().find_map(bar),
            _ => None,
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
    if let Some(at) = bar(ast) {
        return Some((at, "a `|` inside of [] is a character, not an alternative"));
    }
    let Ast::Alternation(a) = ast else { return None };
    let arm = a.asts.iter().find(|arm| starts_or_ends_with_assertion(arm))?;
    let what = "an anchor binds to one alternative only: group them, as in \\b(?:a|b)\\b, or write several `patterns`";
    Some((arm.span(), what))
}

#[cfg(test)]
mod tests {
    use super::super::Pack;

    #[test]
    fn carets_stand_where_the_pattern_fails() {
        for (line, at, says) in [
            (r"pattern = '\d{2}(x'", "(", "unclosed group"),
            (r"pattern = '\d{2}x)y'", ")", "unopened group"),
            (r#"pattern = "\\d{2}\u00e9[z-a]""#, "z-a", "invalid character class range"),
            (r"pattern = '\d{3,2}'", "{3,2}", "repetition"),
            (r"patterns = ['\d\d', '\d\q']", r"\q", "unrecognized escape"),
            (r"pattern = '\d+x'", "+", "bounded"),
            (r"pattern = '\d(?:\w{2,}|x)'", "{2,}", "bounded"),
            (r"pattern = '\d[a|b]'", "|", "not an alternative"),
            (r"pattern = '\d\d|\d\b'", r"\d\b", "anchor"),
            // The other engine says where it ends.
            (r"pattern = '(?<!x)\d{2}('", "'", "parenthesis"),
            ("pattern = '''\n\\d\\d[a-'''", "[", "unclosed character class"),
        ] {
            let text = format!(
                "[[detector]]\nid = 'x'\nkind = 'ssn'\nweights = {{ base = 1 }}\n{line}\n\
                 examples = ['a «1»', 'b «2»']\ncounter_examples = ['a', 'b']\n"
            );
            let all = Pack::parse("p.toml", &text).unwrap_err().0;
            assert_eq!(all.len(), 1, "{line}: {all:?}");
            assert!(all[0].title.contains(says), "{line}: {}", all[0].title);
            let span = all[0].span.clone();
            let place = text.find(line).unwrap() + line.rfind(at).unwrap();
            assert_eq!((&text[span.clone()], span.start), (at, place), "{line}: {}", all[0]);
        }
    }
}
