//! Errors drawn with their place.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::authored::{Diagnostic, Severity};

impl Diagnostic {
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

#[cfg(test)]
mod tests {
    use std::ops::Range;

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
