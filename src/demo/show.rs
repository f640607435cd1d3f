//! What the demo tells a newcomer.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;

use anstyle::{AnsiColor, Style};

use super::{Outcome, Stage};
use crate::kind::Kind;

const BEFORE: Style = AnsiColor::Red.on_default();
const AFTER: Style = AnsiColor::Green.on_default();
const FAINT: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();
/// Below this width the two columns stand one above the other.
const SIDE_BY_SIDE: usize = 100;
/// Records shown, and the lines each may take.
const SAMPLES: usize = 3;
const SAMPLE_LINES: usize = 6;

/// How it is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Columns of the terminal.
    pub(crate) width: usize,
}

/// Tells what is about to be done.
pub(crate) fn begin(stage: &Stage, out: &mut dyn Write) -> io::Result<()> {
    let bytes: usize = stage.messages.iter().map(super::Message::bytes).sum();
    let planted: usize = stage.messages.iter().map(super::Message::planted).sum();
    writeln!(out, "{STRONG}Hospital logs and notifications through Kafka, scrubbed on the way.{STRONG:#}\n")?;
    writeln!(out, "  broker    {}, embedded in this process", stage.address())?;
    writeln!(out, "  pipeline  pipelines/demo.toml: app.logs and notify.* to clean.{{topic}}")?;
    writeln!(
        out,
        "  records   {}, {}, invented (seed {}), with {} identifiers planted in payloads, keys and headers\n\n  \
         The consumer group takes some seconds to form.\n",
        thousands(stage.messages.len()),
        megabytes(bytes),
        stage.plan.seed,
        thousands(planted)
    )?;
    out.flush()
}

/// Tells what came of it.
pub(crate) fn end(outcome: &Outcome, look: Look, out: &mut dyn Write) -> io::Result<()> {
    samples(outcome, look, out)?;
    kinds(outcome, out)?;
    if outcome.missing == 0 {
        speed(outcome, out)?;
    }
    verdict(outcome, out)?;
    out.flush()
}

/// The first record of each shape that fits: they differ most.
fn samples(outcome: &Outcome, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let narrow = look.width < SIDE_BY_SIDE;
    let column = if narrow { look.width.saturating_sub(4).max(40) } else { (look.width - 5) / 2 };
    let mut shown: Vec<Vec<Kind>> = Vec::new();
    for (message, output) in outcome.stage.messages.iter().zip(&outcome.outputs) {
        let (Some(before), Some(after)) = (&message.payload, &output.payload) else { continue };
        let shape: Vec<Kind> = before.planted.iter().map(|p| p.kind).collect();
        let before_at: Vec<_> = before.planted.iter().map(|p| p.at.clone()).collect();
        let before = rows(&before.text, &before_at, BEFORE, column);
        let after = String::from_utf8_lossy(after);
        let after = rows(&after, &markers(&after), AFTER, column);
        if shape.len() < 3 || shown.contains(&shape) || before.len().max(after.len()) > SAMPLE_LINES {
            continue;
        }
        if narrow {
            writeln!(out, "  {FAINT}before{FAINT:#}")?;
            for row in &before {
                writeln!(out, "  {row}")?;
            }
            writeln!(out, "  {FAINT}after{FAINT:#}")?;
            for row in &after {
                writeln!(out, "  {row}")?;
            }
            writeln!(out)?;
        } else {
            if shown.is_empty() {
                writeln!(out, "  {FAINT}{:column$} | after{FAINT:#}", "before")?;
            }
            let blank = " ".repeat(column);
            for i in 0..before.len().max(after.len()) {
                let cell = |rows: &[String]| rows.get(i).unwrap_or(&blank).clone();
                writeln!(out, "  {} {FAINT}|{FAINT:#} {}", cell(&before), cell(&after).trim_end())?;
            }
            writeln!(out, "  {FAINT}{blank} |{FAINT:#}")?;
        }
        shown.push(shape);
        if shown.len() == SAMPLES {
            break;
        }
    }
    Ok(())
}

/// Where the markers stand in a scrubbed text.
fn markers(text: &str) -> Vec<Range<usize>> {
    let starts = text.match_indices('[').map(|(at, _)| at);
    starts
        .filter_map(|at| {
            let end = at + text[at..].find(']')? + 1;
            Kind::is_marker(&text.as_bytes()[at..end]).then_some(at..end)
        })
        .collect()
}

/// Breaks a text into rows of `width` columns, each filled up with blanks, with some ranges of it set in a style.
fn rows(text: &str, styled: &[Range<usize>], style: Style, width: usize) -> Vec<String> {
    let mut rows = Vec::new();
    let (mut row, mut columns, mut on) = (String::new(), 0, false);
    let mut finish = |row: &mut String, columns: &mut usize, on: &mut bool| {
        if std::mem::take(on) {
            *row += &format!("{style:#}");
        }
        *row += &" ".repeat(width - *columns);
        *columns = 0;
        rows.push(std::mem::take(row));
    };
    for (at, c) in text.char_indices() {
        if columns == width || c == '\n' {
            finish(&mut row, &mut columns, &mut on);
            if c == '\n' {
                continue;
            }
        }
        let wanted = styled.iter().any(|r| r.contains(&at));
        if wanted != on {
            row += &if wanted { format!("{style}") } else { format!("{style:#}") };
            on = wanted;
        }
        row.push(if c.is_control() { ' ' } else { c });
        columns += 1;
    }
    finish(&mut row, &mut columns, &mut on);
    rows
}

fn kinds(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let mut planted: BTreeMap<Kind, usize> = BTreeMap::new();
    for text in outcome.stage.messages.iter().flat_map(super::Message::texts) {
        for p in &text.planted {
            *planted.entry(p.kind).or_default() += 1;
        }
    }
    writeln!(out, "  {FAINT}{:<14}{:>10}{:>12}{FAINT:#}", "kind", "planted", "removed")?;
    for &kind in Kind::ALL {
        let (planted, removed) =
            (planted.get(&kind).copied().unwrap_or(0), outcome.tally.findings[kind as usize]);
        if planted > 0 || removed > 0 {
            writeln!(
                out,
                "  {:<14}{:>10}{:>12}",
                kind.name(),
                thousands(planted),
                thousands(usize::try_from(removed).unwrap_or(usize::MAX))
            )?;
        }
    }
    writeln!(out)
}

fn speed(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let records = outcome.outputs.len();
    let bytes: usize = outcome.stage.messages.iter().map(super::Message::bytes).sum();
    let seconds = outcome.took.as_secs_f64().max(0.001);
    writeln!(
        out,
        "  {} records within {seconds:.2} s of each other: {} records/s, {}/s, with broker, writer and reader\n  \
         in the same process\n",
        thousands(records),
        thousands((records as f64 / seconds) as usize),
        megabytes((bytes as f64 / seconds) as usize)
    )
}

fn verdict(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let checked = &outcome.checked;
    let written = outcome.stage.messages.len();
    let mut line = |fine: bool, text: String| {
        let (style, word) = if fine { (AFTER, "ok  ") } else { (BEFORE, "FAIL") };
        writeln!(out, "  {style}{word}{style:#}  {text}")
    };
    let (missing, surplus, misplaced) = (outcome.missing, outcome.surplus, checked.misplaced);
    if missing + surplus + misplaced == 0 {
        line(
            true,
            format!(
                "{} records in, {0} out: each in its partition, in order, with its headers and nulls",
                thousands(written)
            ),
        )?;
    } else {
        line(
            false,
            format!(
                "of {} records {} are missing, {} came that nobody wrote, {} are out of place or shape",
                thousands(written),
                thousands(missing),
                thousands(surplus),
                thousands(misplaced)
            ),
        )?;
    }
    let changed = checked.clean_changed;
    line(
        changed == 0,
        format!(
            "{} records without identifiers: {} came out byte for byte",
            thousands(checked.clean),
            if changed == 0 { "all".to_string() } else { thousands(checked.clean - changed) }
        ),
    )?;
    if checked.leaks.is_empty() {
        if missing == written {
            return Ok(());
        }
        return line(
            true,
            format!(
                "{} planted identifiers looked for in all payloads, keys and headers: none came out",
                thousands(checked.planted)
            ),
        );
    }
    let mut by_kind: BTreeMap<Kind, Vec<usize>> = BTreeMap::new();
    for leak in &checked.leaks {
        by_kind.entry(leak.kind).or_default().push(leak.record);
    }
    line(false, format!("of {} planted identifiers some CAME OUT:", thousands(checked.planted)))?;
    for (kind, records) in by_kind {
        let some: Vec<_> = records.iter().take(5).map(|r| format!("#{r}")).collect();
        let more = if records.len() > some.len() { ", ..." } else { "" };
        writeln!(
            out,
            "          {:<12}{:>8}  in records {}{more}",
            kind.name(),
            thousands(records.len()),
            some.join(", ")
        )?;
    }
    Ok(())
}

/// `1234567` as `1,234,567`.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

fn megabytes(bytes: usize) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What would be told to a pipe.
    pub(in crate::demo) fn plain(outcome: &Outcome) -> String {
        let mut styled = Vec::new();
        begin(&outcome.stage, &mut styled).unwrap();
        end(outcome, Look { width: 120 }, &mut styled).unwrap();
        anstream::adapter::strip_str(std::str::from_utf8(&styled).unwrap()).to_string()
    }

    #[test]
    fn rows_have_the_width_whatever_the_style() {
        let text = "call Zoë\nnow, [NAME]";
        let styled = rows(text, &markers(text), AFTER, 6);
        let bare: Vec<_> = styled.iter().map(|r| anstream::adapter::strip_str(r).to_string()).collect();
        assert_eq!(bare, ["call Z", "oë    ", "now, [", "NAME] "]);
        assert_eq!(styled[2], format!("now, {AFTER}[{AFTER:#}"));
        assert_eq!(rows("", &[], AFTER, 3), ["   "]);
    }

    #[test]
    fn markers_are_found_among_brackets() {
        assert_eq!(markers("[x] [SSN][NAME] [ssn] ["), [4..9, 9..15]);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
