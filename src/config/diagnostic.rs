//! Errors with a place.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::detect::PackError;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It cannot be used.
    Error,
    /// It can, but somebody should look.
    Warning,
}

/// Something to say about a place in a text file.
#[derive(Clone)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, without a value from the file.
    pub title: String,
    /// The file.
    pub file: String,
    /// Its text, secrets blanked.
    pub text: Arc<str>,
    /// The bytes of the text that are meant.
    pub span: Range<usize>,
    /// A word at the place.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Line and column, both from 1, the column in characters.
    pub fn line_column(&self) -> (usize, usize) {
        let before = self.text.get(..self.span.start).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The place drawn with a caret, for people.
    pub fn render(&self, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        // A caret needs something to stand under.
        let span = match self.span.is_empty() && self.span.end < self.text.len() {
            true => {
                self.span.start
                    ..self.span.end + self.text[self.span.end..].chars().next().map_or(0, char::len_utf8)
            }
            false => self.span.clone(),
        };
        let caret = AnnotationKind::Primary.span(span).label(&self.label);
        let snippet = Snippet::source(&*self.text).path(&*self.file).annotation(caret);
        let mut report = vec![level.primary_title(&self.title).element(snippet)];
        if let Some(help) = &self.help {
            report.push(Group::with_title(Level::HELP.secondary_title(help)));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.decor_style(DecorStyle::Ascii).render(&report)
    }
}

/// One line, for logs.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        write!(f, "{}:{line}:{column}: {}", self.file, self.title)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}

impl fmt::Debug for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<PackError> for Diagnostic {
    fn from(e: PackError) -> Diagnostic {
        let PackError { file, source_text: text, span, title, label, help } = e;
        Diagnostic { severity: Severity::Error, title, file, text, span, label, help }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, span: Range<usize>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            title: "`x` is not known".into(),
            file: "a.toml".into(),
            text: text.into(),
            span,
            label: "here".into(),
            help: Some("use `y`".into()),
        }
    }

    #[test]
    fn places() {
        for (text, span, want) in [
            ("x = 1", 0..1, (1, 1)),
            ("a = 1\nx = 1", 6..7, (2, 1)),
            ("é = 1\r\nb = 'é' # x", 16..17, (2, 8)),
            ("a\n", 2..2, (2, 1)),
            ("", 0..0, (1, 1)),
            ("short", 99..100, (1, 6)),
        ] {
            assert_eq!(at(text, span.clone()).line_column(), want, "{text:?} {span:?}");
        }
    }

    #[test]
    fn drawn_with_a_caret() {
        let drawn = at("[policy]\nx = 1\n", 9..10).render(false);
        for part in ["error: `x` is not known", "--> a.toml:2:1", "2 | x = 1", "^ here", "help: use `y`"] {
            assert!(drawn.contains(part), "{part:?} in\n{drawn}");
        }
        assert!(!drawn.contains('\u{1b}'));
        assert!(at("x", 0..1).render(true).contains('\u{1b}'));
        // At the end of the file, and in an empty one.
        assert!(at("x = 1\n", 6..6).render(false).contains("here"));
        assert!(at("", 0..0).render(false).contains("a.toml"));
    }

    #[test]
    fn one_line_for_logs() {
        assert_eq!(at("[policy]\nx = 1\n", 9..10).to_string(), "a.toml:2:1: `x` is not known; use `y`");
    }
}
