//! Patterns over the paths of leaves.

use std::ops::Range;
use std::str::FromStr;

use crate::codec::{Path, PathStep};

/// A path with wildcards, matched against the whole path of a leaf: `$.patient.*`, `$.items[*].name`, `$..ssn`.
///
/// `*` and `[*]` are any one step, `**` any number of steps, none included; `..` before a name is short for
/// `.**.`. A key with other characters than letters, digits, `_`, `-`, `@`, `:` and `/` is quoted: `$["a.b"].c`.
///
/// ```
/// use scrubjay::codec::PathBuf;
/// use scrubjay::policy::PathPattern;
///
/// let pattern: PathPattern = "$.items[*].name".parse().unwrap();
/// let mut path = PathBuf::default();
/// path.push_key(b"items");
/// path.push_index(3);
/// path.push_key(b"name");
/// assert!(pattern.matches(path.as_path()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Key(Vec<u8>),
    Index(u32),
    /// `*`
    One,
    /// `**`
    Any,
}

/// What is wrong with a pattern, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PathPatternError {
    /// What is wrong.
    pub message: &'static str,
    /// Byte range of the culprit in the pattern.
    pub span: Range<usize>,
}

impl PathPattern {
    /// Whether it holds for a path, from the root to the last step.
    ///
    /// The time this takes is bounded, however deep the path is: what stands between two `**` is looked for in the
    /// first and the last [`PathPattern::SEARCHED_STEPS`] steps only, and a name between two `**` does not hold for
    /// one farther inside.
    pub fn matches(&self, path: Path<'_>) -> bool {
        self.holds(path.depth(), &mut |i| path.step(i))
    }

    /// At most this many steps from either end of a path are searched for what stands between two `**`.
    pub const SEARCHED_STEPS: usize = 256;

    fn holds<'p>(&self, depth: usize, step: &mut dyn FnMut(usize) -> Option<PathStep<'p>>) -> bool {
        let mut fits = |part: &Part, i: usize| step(i).is_some_and(|s| part.takes(s));
        let is_any = |p: &Part| *p == Part::Any;
        let Some(first) = self.parts.iter().position(is_any) else {
            return self.parts.len() == depth && self.parts.iter().zip(0..).all(|(p, i)| fits(p, i));
        };
        // What stands before the first `**` and after the last is tied to the ends.
        let last = self.parts.iter().rposition(is_any).unwrap_or(first);
        let (head, tail) = (&self.parts[..first], &self.parts[last + 1..]);
        if head.len() + tail.len() > depth
            || !head.iter().zip(0..).all(|(p, i)| fits(p, i))
            || !tail.iter().zip(depth - tail.len()..).all(|(p, i)| fits(p, i))
        {
            return false;
        }
        // Each run between two `**`: the first place where it fits leaves the most to the others.
        let (mut from, end) = (first, depth - tail.len());
        for run in self.parts[first..=last].split(is_any).filter(|run| !run.is_empty()) {
            let near = (from..end).take_while(|i| *i < PathPattern::SEARCHED_STEPS);
            let far =
                from.max(PathPattern::SEARCHED_STEPS).max(end.saturating_sub(PathPattern::SEARCHED_STEPS));
            let places = near.chain(far..end).filter(|i| i + run.len() <= end);
            let Some(at) = { places }.find(|&i| run.iter().zip(i..).all(|(p, i)| fits(p, i))) else {
                return false;
            };
            from = at + run.len();
        }
        true
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Part {
    fn takes(&self, step: PathStep<'_>) -> bool {
        match (self, step) {
            (Part::Key(name), PathStep::Key(key)) => name == key,
            (Part::Index(i), PathStep::Index(j)) => *i == j,
            (Part::One, _) => true,
            _ => false,
        }
    }
}

impl FromStr for PathPattern {
    type Err = PathPatternError;

    fn from_str(text: &str) -> Result<PathPattern, PathPatternError> {
        let mut parser = Parser { text, at: 0 };
        if !parser.eat("$") {
            return Err(parser.error(0, "a path starts at the root, with `$`"));
        }
        let mut parts = Vec::new();
        while parser.at < text.len() {
            parser.step(&mut parts)?;
        }
        Ok(PathPattern { text: text.to_owned(), parts })
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn step(&mut self, parts: &mut Vec<Part>) -> Result<(), PathPatternError> {
        let start = self.at;
        if self.eat("..") {
            push_any(parts);
            if self.rest().starts_with('[') {
                return Ok(());
            }
            parts.push(self.name(start)?);
        } else if self.eat(".") {
            match self.name(start)? {
                Part::Any => push_any(parts),
                part => parts.push(part),
            }
        } else if self.eat("[") {
            parts.push(self.bracket(start)?);
        } else {
            return Err(
                self.error(start, "a step is `.name`, `.*`, `.**`, `..name`, `[*]`, `[0]` or `[\"name\"]`")
            );
        }
        Ok(())
    }

    fn name(&mut self, start: usize) -> Result<Part, PathPatternError> {
        let rest = self.rest();
        let len = rest.find(['.', '[', ']']).unwrap_or(rest.len());
        let name = &rest[..len];
        self.at += len;
        match name {
            "*" => Ok(Part::One),
            "**" => Ok(Part::Any),
            "" => Err(self.error(start, "a name, `*` or `**` is missing here")),
            _ if name.contains('*') => {
                Err(self.error(start, "`*` stands for a whole step, not a part of a name"))
            }
            _ if name
                .bytes()
                .any(|b| b.is_ascii() && !b.is_ascii_alphanumeric() && !b"_-@:/".contains(&b)) =>
            {
                Err(self.error(start, "a key with such a character is written quoted, as in `$[\"a key\"]`"))
            }
            _ => Ok(Part::Key(name.as_bytes().to_vec())),
        }
    }

    fn bracket(&mut self, start: usize) -> Result<Part, PathPatternError> {
        for quote in ["\"", "'"] {
            if self.eat(quote) {
                let Some(len) = self.rest().find(quote) else {
                    self.at = self.text.len();
                    return Err(self.error(start, "the quote is not closed"));
                };
                let name = self.rest().as_bytes()[..len].to_vec();
                self.at += len + 1;
                return self.close(start).map(|()| Part::Key(name));
            }
        }
        let len = self.rest().find(']').unwrap_or(self.rest().len());
        let inside = &self.rest()[..len];
        let part = match inside {
            "*" => Some(Part::One),
            _ => inside.parse().ok().map(Part::Index),
        };
        self.at += len;
        match part {
            Some(part) => self.close(start).map(|()| part),
            None => Err(self.error(start, "in brackets stands `*`, a position such as `0`, or a quoted key")),
        }
    }

    fn close(&mut self, start: usize) -> Result<(), PathPatternError> {
        if self.eat("]") { Ok(()) } else { Err(self.error(start, "`]` is missing")) }
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// An error over what has been read since `start`, at least one character of it.
    fn error(&self, start: usize, message: &'static str) -> PathPatternError {
        let next = self.text[start..].chars().next().map_or(0, char::len_utf8);
        PathPatternError { message, span: start..self.at.max(start + next) }
    }
}

/// Two `**` in a row are one.
fn push_any(parts: &mut Vec<Part>) {
    if parts.last() != Some(&Part::Any) {
        parts.push(Part::Any);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::PathBuf;
    use proptest::prelude::*;

    /// A path from words: a number is a position, anything else a key.
    fn path(steps: &[&str]) -> PathBuf {
        let mut path = PathBuf::default();
        for s in steps {
            match s.parse() {
                Ok(i) => path.push_index(i),
                Err(_) => path.push_key(s.as_bytes()),
            }
        }
        path
    }

    #[test]
    fn patterns_hold_for_whole_paths() {
        let cases: &[(&str, &[&str], bool)] = &[
            ("$", &[], true),
            ("$", &["a"], false),
            ("$.patient.*", &["patient", "name"], true),
            ("$.patient.*", &["patient"], false),
            ("$.patient.*", &["patient", "name", "given"], false),
            ("$.patient.*", &["other", "name"], false),
            ("$.patient.*", &["x", "patient", "name"], false),
            ("$.patient.**", &["patient"], true),
            ("$.patient.**", &["patient", "name", "0", "given"], true),
            ("$.items[*].name", &["items", "3", "name"], true),
            ("$.items[*].name", &["items", "name"], false),
            ("$.items[1].name", &["items", "1", "name"], true),
            ("$.items[1].name", &["items", "2", "name"], false),
            ("$..ssn", &["ssn"], true),
            ("$..ssn", &["a", "0", "b", "ssn"], true),
            ("$..ssn", &["a", "ssn", "b"], false),
            ("$..ssn", &["a", "ssn", "b", "ssn"], true),
            ("$.a..b.c", &["a", "b", "b", "c"], true),
            ("$.a..b.*.c", &["a", "b", "b", "x", "c"], true),
            ("$..a..b", &["x", "a", "y", "a", "b"], true),
            ("$..a..b", &["b", "a"], false),
            ("$.**", &[], true),
            ("$.**", &["a", "b"], true),
            ("$..*", &[], false),
            ("$..[0]", &["a", "0"], true),
            ("$..[0]", &["a", "1"], false),
            ("$[\"a.b\"].c", &["a.b", "c"], true),
            ("$.a.b.c", &["a.b", "c"], false),
            ("$['it\"s']", &["it\"s"], true),
            ("$.@timestamp", &["@timestamp"], true),
            ("$.prénom", &["prénom"], true),
            ("$.SSN", &["ssn"], false),
        ];
        for (pattern, steps, want) in cases {
            let parsed: PathPattern = pattern.parse().unwrap();
            assert_eq!(parsed.matches(path(steps).as_path()), *want, "{pattern} on {steps:?}");
            assert_eq!(parsed.as_str(), *pattern);
        }
    }

    #[test]
    fn bad_patterns_say_where() {
        for (pattern, span, words) in [
            ("", 0..0, "starts at the root"),
            ("patient", 0..1, "starts at the root"),
            ("$patient", 1..2, "a step is"),
            ("$.", 1..2, "missing"),
            ("$.a..", 3..5, "missing"),
            ("$.a*", 1..4, "whole step"),
            ("$.a b", 1..5, "quoted"),
            ("$.a[x]", 3..5, "in brackets"),
            ("$.a[1", 3..5, "`]` is missing"),
            ("$[\"a", 1..4, "not closed"),
            ("$.a]", 3..4, "a step is"),
            ("$.é*x", 1..6, "whole step"),
        ] {
            let error = pattern.parse::<PathPattern>().unwrap_err();
            assert_eq!(error.span, span, "{pattern}: {error}");
            assert!(error.message.contains(words), "{pattern}: {error}");
        }
    }

    #[test]
    fn a_deep_path_costs_no_more_than_a_bounded_number_of_looks() {
        for (pattern, want, at_most) in [
            ("$..ssn", true, 1),
            ("$.a.**", true, 1),
            ("$.a..ssn", true, 2),
            ("$.a.a.a", false, 0),
            ("$..b..ssn", false, 2 * PathPattern::SEARCHED_STEPS + 1),
            ("$..a.b..a.b..ssn", false, 4 * PathPattern::SEARCHED_STEPS + 1),
            ("$..a..a..a..ssn", true, 4),
        ] {
            let pattern: PathPattern = pattern.parse().unwrap();
            let depth = 1_000_000;
            let mut looks = 0;
            let held = pattern.holds(depth, &mut |i| {
                looks += 1;
                Some(PathStep::Key(if i + 1 == depth { b"ssn" } else { b"a" }))
            });
            assert_eq!(held, want, "{pattern:?}");
            assert!(looks <= at_most, "{pattern:?}: {looks} looks");
        }
    }

    /// The plain recursive meaning of a pattern.
    fn oracle(parts: &[Part], steps: &[PathStep<'_>]) -> bool {
        match (parts, steps) {
            ([], []) => true,
            ([Part::Any, rest @ ..], _) => (0..=steps.len()).any(|n| oracle(rest, &steps[n..])),
            ([p, parts @ ..], [s, steps @ ..]) => p.takes(*s) && oracle(parts, steps),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_the_recursive_meaning(
            pattern in prop::collection::vec(prop::sample::select(vec![".a", ".b", ".*", ".**", "[0]", "[*]", "..a"]), 0..7),
            steps in prop::collection::vec(prop::sample::select(vec!["a", "b", "0", "1"]), 0..8),
        ) {
            let pattern: PathPattern = format!("${}", pattern.concat()).parse().unwrap();
            let path = path(&steps);
            let steps: Vec<_> = (0..steps.len()).filter_map(|i| path.as_path().step(i)).collect();
            prop_assert_eq!(pattern.matches(path.as_path()), oracle(&pattern.parts, &steps));
        }

        #[test]
        fn a_deep_path_is_matched_by_its_ends(
            (head, tail) in (prop::sample::select(vec!["", ".a", ".a.b"]), prop::sample::select(vec!["", ".c", ".b.c"])),
            runs in prop::collection::vec(prop::sample::select(vec![".a", ".b", ".a.b", ".*.a"]), 0..3),
            (start, end) in (prop::collection::vec("[abc]", 0..5), prop::collection::vec("[abc]", 0..5)),
        ) {
            let middle: String = runs.iter().map(|r| format!("{r}.**")).collect();
            let pattern: PathPattern = format!("${head}.**{middle}{tail}").parse().unwrap();
            let words = |deep: usize| -> Vec<&str> {
                let filler = std::iter::repeat_n("x", deep);
                start.iter().map(|s| &**s).chain(filler).chain(end.iter().map(|s| &**s)).collect()
            };
            // More steps that no name holds for change nothing.
            let shallow = pattern.matches(path(&words(20)).as_path());
            prop_assert_eq!(pattern.matches(path(&words(2000)).as_path()), shallow);
        }

        #[test]
        fn a_quoted_path_holds_for_itself_alone(keys in prop::collection::vec("[^\"]{0,6}", 0..5), other in "[^\"]{0,6}") {
            let text: String = keys.iter().map(|k| format!("[\"{k}\"]")).collect();
            let pattern: PathPattern = format!("${text}").parse().unwrap();
            let mut path = PathBuf::default();
            keys.iter().for_each(|k| path.push_key(k.as_bytes()));
            prop_assert!(pattern.matches(path.as_path()));
            path.push_key(other.as_bytes());
            prop_assert!(!pattern.matches(path.as_path()));
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,20}", tail in "[$.*\\[\\]\"'a0é]{0,12}") {
            for t in [text, format!("${tail}")] {
                if let Err(e) = t.parse::<PathPattern>() {
                    prop_assert!(t.get(e.span).is_some());
                }
            }
        }
    }
}
