//! `scrubjay explain`: draws the findings under the text, each with its evidence.
//!
//! The only command, beside the filter, that shows a record's text: it was asked to, about this text.

use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthChar;

use super::args::CommonArgs;
use super::failure::{Failure, colour_on};
use super::inputs::Inputs;
use super::scan::printable;
use crate::codec::Framer;
use crate::detect::{DetectScratch, Evidence};
use crate::kind::Kind;
use crate::policy::{Action, Profile};
use crate::record::{Batch, Record};
use crate::scrubber::{Scratch, Scrubber};
use crate::source::{Polled, Source, StreamSource};
use crate::span::Span;

/// Columns of text on a line.
const WIDTH: usize = 100;

#[derive(clap::Args)]
pub(super) struct ExplainArgs {
    /// The text, as one record; without it the records of standard input are explained
    text: Option<String>,
    #[command(flatten)]
    common: CommonArgs,
}

/// A finding, with all that is shown of it.
struct Shown {
    span: Span,
    kind: Kind,
    confidence: f32,
    action: Action,
    detector: String,
    pack: String,
    path: String,
    evidence: Vec<Evidence>,
}

pub(super) fn run(args: &ExplainArgs) -> Result<ExitCode, Failure> {
    let scrubber = Scrubber::new(args.common.settings_to_report(Profile::default())?);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut painter = Painter { colour: colour_on(io::stdout().is_terminal()) };
    let settings = scrubber.settings();
    let (format, limit, overlap) =
        (settings.codec.format, settings.max_record_bytes, settings.engine.reach());
    let inputs = Inputs::new(&[]);
    let readers = match &args.text {
        Some(text) => {
            let reader: Box<dyn Read + Send> = Box::new(io::Cursor::new(text.clone().into_bytes()));
            vec![("the text".to_owned(), reader)]
        }
        None => {
            inputs.hint();
            inputs.readers()
        }
    };
    let mut source = StreamSource::new(readers, Framer::new(format, limit, overlap));
    let (mut scratch, mut number) = (Scratch::default(), 0u64);
    let policy = &settings.policy;
    writeln!(out, "profile {}; a finding acts from {:.2} on", policy.profile.name(), policy.threshold())?;
    loop {
        let mut batch = Batch::new();
        let polled = source
            .next(&mut batch, Duration::from_millis(100))
            .map_err(|e| Failure::Sentence(e.to_string()))?;
        for record in batch.records().iter().filter(|r| r.payload.is_some_and(|p| !p.is_empty())) {
            number += 1;
            writeln!(out, "\n{}", painter.paint(Style::new().bold(), &format!("record {number}")))?;
            explain(&scrubber, &batch, record, &mut scratch, &mut painter, &mut out)?;
        }
        out.flush()?;
        if polled == Polled::End {
            break;
        }
    }
    Ok(if inputs.finish() { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

fn explain(
    scrubber: &Scrubber,
    batch: &Batch,
    record: &Record,
    scratch: &mut Scratch,
    painter: &mut Painter,
    out: &mut dyn Write,
) -> io::Result<()> {
    let engine = &scrubber.settings().engine;
    let mut shown = Vec::new();
    let mut detect = DetectScratch::default();
    let scanned = scrubber.scan(batch, record, scratch, &mut |located| {
        let info = engine.detectors().get(usize::from(located.finding.detector.0));
        let mut path = String::new();
        located.leaf.path.print(&mut path);
        shown.push(Shown {
            span: located.payload,
            kind: located.finding.kind,
            confidence: located.finding.confidence,
            action: located.action,
            detector: info.map_or_else(|| "token".to_owned(), |d| d.id.clone()),
            pack: info.map_or_else(String::new, |d| d.pack.clone()),
            path,
            evidence: engine.explain(located.leaf, &located.finding, &mut detect),
        });
    });
    let payload = record.payload.map_or(&[][..], |p| batch.slice(p));
    draw(payload, &shown, painter, out)?;
    if let Err(halt) = scanned {
        writeln!(out, "  it cannot be scanned: {}", halt.reason)?;
    } else if shown.is_empty() {
        writeln!(out, "  nothing found")?;
    }
    for (i, finding) in shown.iter().enumerate() {
        describe(i + 1, finding, painter, out)?;
    }
    Ok(())
}

/// A character of the record as it is shown: its bytes, and how wide it is.
struct Cell {
    bytes: Span,
    text: char,
    width: usize,
}

/// The text in lines of bounded width, with carets and numbers under the findings.
fn draw(payload: &[u8], shown: &[Shown], painter: &mut Painter, out: &mut dyn Write) -> io::Result<()> {
    let cells = cells(payload);
    for line in lines(&cells) {
        let text: String = line.iter().map(|c| c.text).collect();
        writeln!(out, "  {}", text.trim_end())?;
        // Findings may overlap: each row takes those that leave room for their number.
        let mut waiting: Vec<(usize, &Shown)> = shown.iter().enumerate().map(|(i, s)| (i + 1, s)).collect();
        waiting.retain(|(_, s)| line.iter().any(|c| c.bytes.overlaps(s.span)));
        while !waiting.is_empty() {
            let (mut row, mut free, mut later) = (String::new(), 0, Vec::new());
            for (number, s) in waiting {
                let width = |cells: &[Cell]| cells.iter().map(|c| c.width).sum::<usize>();
                let first = line.iter().position(|c| c.bytes.overlaps(s.span)).unwrap_or(0);
                let count = line[first..].iter().take_while(|c| c.bytes.overlaps(s.span)).count();
                let (at, long) = (width(&line[..first]), width(&line[first..first + count]).max(1));
                let label = format!("{}{number}", "^".repeat(long));
                if at < free {
                    later.push((number, s));
                    continue;
                }
                row.push_str(&" ".repeat(at - free));
                row.push_str(&painter.paint(colour(s.action), &label));
                free = at + label.len();
            }
            writeln!(out, "  {row}")?;
            waiting = later;
        }
    }
    Ok(())
}

fn cells(payload: &[u8]) -> Vec<Cell> {
    let (mut cells, mut at) = (Vec::new(), 0);
    for chunk in payload.utf8_chunks() {
        for c in chunk.valid().chars() {
            let text = match c {
                '\n' => '\n',
                '\t' => ' ',
                c if c.is_control() => '\u{fffd}',
                c => c,
            };
            cells.push(Cell {
                bytes: Span::at(at, at + c.len_utf8()),
                text,
                width: text.width().unwrap_or(0),
            });
            at += c.len_utf8();
        }
        for _ in chunk.invalid() {
            cells.push(Cell { bytes: Span::at(at, at + 1), text: '\u{fffd}', width: 1 });
            at += 1;
        }
    }
    cells
}

/// Cut at line ends, and where a line would get too wide.
fn lines(cells: &[Cell]) -> Vec<&[Cell]> {
    let (mut lines, mut start, mut width) = (Vec::new(), 0, 0);
    for (i, c) in cells.iter().enumerate() {
        if width + c.width > WIDTH {
            lines.push(&cells[start..i]);
            (start, width) = (i, 0);
        }
        width += c.width;
        if c.text == '\n' {
            lines.push(&cells[start..i]);
            (start, width) = (i + 1, 0);
        }
    }
    if start < cells.len() {
        lines.push(&cells[start..]);
    }
    lines
}

fn describe(number: usize, s: &Shown, painter: &mut Painter, out: &mut dyn Write) -> io::Result<()> {
    let head = format!("{number} {} {:.2} -> {}", s.kind, s.confidence, s.action.name());
    writeln!(
        out,
        "  {}  {} ({}), at {}, bytes {}..{}",
        painter.paint(colour(s.action).bold(), &head),
        s.detector,
        s.pack,
        printable(&s.path),
        s.span.start(),
        s.span.end()
    )?;
    for e in &s.evidence {
        let blank = if e.which.is_empty() { "" } else { " " };
        writeln!(out, "      {:+6.1}  {}{blank}{}", e.weight, e.what, printable(&e.which))?;
    }
    let sum: f32 = s.evidence.iter().map(|e| e.weight).sum();
    let logistic = 1.0 / (1.0 + (-sum).exp());
    writeln!(out, "      {:+6.1}  sum: confidence {logistic:.2}", sum)
}

fn colour(action: Action) -> Style {
    let colour = match action {
        Action::Keep => AnsiColor::Cyan,
        Action::Mask { .. } | Action::Generalize => AnsiColor::Yellow,
        Action::Drop => AnsiColor::Red,
        _ => AnsiColor::Green,
    };
    colour.on_default()
}

struct Painter {
    colour: bool,
}

impl Painter {
    fn paint(&mut self, style: Style, text: &str) -> String {
        match self.colour {
            true => format!("{}{text}{}", style.render(), style.render_reset()),
            false => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(start: usize, end: usize, action: Action) -> Shown {
        let span = Span::at(start, end);
        let evidence = vec![Evidence { what: "base", which: String::new(), weight: 1.0 }];
        let (detector, pack, path) = ("us-ssn".to_owned(), "ssn.toml".to_owned(), "$".to_owned());
        Shown { span, kind: Kind::Ssn, confidence: 0.73, action, detector, pack, path, evidence }
    }

    fn drawn(payload: &[u8], spans: &[(usize, usize)]) -> String {
        let shown: Vec<Shown> = spans.iter().map(|&(a, b)| finding(a, b, Action::Redact)).collect();
        let mut out = Vec::new();
        draw(payload, &shown, &mut Painter { colour: false }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn carets_stand_under_the_findings() {
        for (payload, spans, want) in [
            ("a 123 b", vec![(2, 5)], "  a 123 b\n    ^^^1\n"),
            ("é日 x", vec![(6, 7)], "  é日 x\n      ^1\n"),
            ("ab\ncd", vec![(3, 5)], "  ab\n  cd\n  ^^1\n"),
            ("ab\ncd", vec![(1, 4)], "  ab\n   ^1\n  cd\n  ^1\n"),
            ("a 12 34", vec![(2, 4), (5, 7)], "  a 12 34\n    ^^1^^2\n"),
            ("a 1234", vec![(2, 6), (2, 4)], "  a 1234\n    ^^^^1\n    ^^2\n"),
            ("\u{1b}[31m x", vec![(6, 7)], "  \u{fffd}[31m x\n        ^1\n"),
        ] {
            assert_eq!(drawn(payload.as_bytes(), &spans), want, "{payload:?}");
        }
        assert_eq!(drawn(b"\xff\xfe 1", &[(3, 4)]), "  \u{fffd}\u{fffd} 1\n     ^1\n");
    }

    #[test]
    fn long_lines_are_cut() {
        let text = "x".repeat(WIDTH) + "123";
        let got = drawn(text.as_bytes(), &[(WIDTH, WIDTH + 3)]);
        assert_eq!(got, format!("  {}\n  123\n  ^^^1\n", "x".repeat(WIDTH)));
    }

    #[test]
    fn the_sum_is_told() {
        let mut out = Vec::new();
        describe(1, &finding(2, 5, Action::Redact), &mut Painter { colour: false }, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("  1 ssn 0.73 -> redact  us-ssn (ssn.toml), at $, bytes 2..5\n"), "{text}");
        assert!(text.contains("+1.0  base\n") && text.ends_with("+1.0  sum: confidence 0.73\n"), "{text}");
    }
}
