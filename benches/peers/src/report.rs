//! What was measured, as tables and as JSON.

use std::fmt::Write;

use crate::corpus::Labelled;
use crate::measure::{Outcome, Table};
use crate::options::Measure;
use crate::peers::{Finds, NAMES};
use crate::recall::Tally;

/// A table of a corpus, and what each kind came to.
pub fn print_table(table: &Table) {
    let (name, mb, records) = (table.corpus.name(), table.bytes as f64 / 1e6, table.records);
    println!("\n{name}: {mb:.1} MB, {records} records\n");
    println!(
        "| {name} | MB/s a core | x meta-regex | x roomy | x dd | recall | touched | false bytes a MB |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for result in &table.results {
        let ratio = |of: &str| speed(table, of).map_or("-".into(), |s| format!("{:.2}", result.speed / s));
        let (recall, touched, false_bytes) = told(result);
        println!(
            "| {} | {:.0} | {} | {} | {} | {recall} | {touched} | {false_bytes} |",
            result.name,
            result.speed,
            ratio(NAMES[2]),
            ratio(NAMES[3]),
            ratio(NAMES[4]),
        );
    }
    print_kinds(table);
}

/// Recall, share touched, and bytes removed wrongly, each as a cell.
fn told(result: &Outcome) -> (String, String, String) {
    let Some(score) = &result.score else { return ("-".into(), "-".into(), "-".into()) };
    let tally = counted(result);
    let touched = match score.false_bytes_per_mb {
        Some(_) => format!("{:.3}", tally.touched_share()),
        None => "-".into(),
    };
    let false_bytes = score.false_bytes_per_mb.map_or("-".into(), |b| format!("{b:.0}"));
    (format!("{:.3}", tally.recall()), touched, false_bytes)
}

/// What a contestant is held to: names only where it looks for names.
pub fn counted(result: &Outcome) -> Tally {
    let score = result.score.as_ref();
    score.map_or(Tally::default(), |s| s.tally(result.finds == Finds::Everything))
}

fn speed(table: &Table, name: &str) -> Option<f64> {
    table.results.iter().find(|r| r.name == name).map(|r| r.speed)
}

/// Recall by kind, a column for each of those that remove anything.
fn print_kinds(table: &Table) {
    let scored: Vec<&Outcome> = table.results.iter().filter(|r| r.score.is_some()).collect();
    let Some(first) = scored.first().and_then(|r| r.score.as_ref()) else { return };
    let names: Vec<&str> = scored.iter().map(|r| r.name).collect();
    println!("\n| {}, recall | planted | {} |", table.corpus.name(), names.join(" | "));
    println!("| --- | --- |{}", " --- |".repeat(names.len()));
    for (at, (kind, tally)) in first.kinds.iter().enumerate() {
        let cells: Vec<String> = scored
            .iter()
            .filter_map(|r| r.score.as_ref())
            .map(|s| format!("{:.3}", s.kinds[at].1.recall()))
            .collect();
        println!("| {} | {} | {} |", kind.name(), tally.planted, cells.join(" | "));
    }
}

/// Some of what was missed, kind by kind, each with what stands around it.
pub fn print_missed(labelled: &Labelled, result: &Outcome, most: usize) {
    let Some(score) = &result.score else { return };
    println!("\nMissed by {}:", result.name);
    for (kind, tally) in &score.kinds {
        if (kind.is_word() && result.finds != Finds::Everything) || tally.covered == tally.planted {
            continue;
        }
        println!("  {}: {} of {}", kind.name(), tally.planted - tally.covered, tally.planted);
        let of_kind = score.missed.iter().filter(|(r, at)| labelled.records[*r].planted[*at].kind == *kind);
        // Not the first ones: spread over the corpus.
        let all: Vec<_> = of_kind.collect();
        for (number, at) in all.iter().step_by((all.len() / most).max(1)).take(most) {
            let record = &labelled.records[*number];
            let truth = &record.planted[*at];
            let part = |from: usize, to: usize| {
                String::from_utf8_lossy(&labelled.text[from..to]).replace('\r', "\\r")
            };
            let from = truth.start.saturating_sub(60).max(record.start);
            let to = (truth.end + 40).min(record.end);
            println!(
                "    {}«{}»{}",
                part(from, truth.start),
                part(truth.start, truth.end),
                part(truth.end, to)
            );
        }
    }
}

pub fn print_versions(versions: &[(&str, String)]) {
    println!();
    for (name, version) in versions {
        println!("- {name}: {version}");
    }
}

/// Everything, for programs.
pub fn json(tables: &[Table], versions: &[(&str, String)], options: &Measure) -> String {
    let mut rows = Vec::new();
    for table in tables {
        for result in &table.results {
            rows.push(row(table, result));
        }
    }
    let contestants: serde_json::Map<String, serde_json::Value> =
        versions.iter().map(|(name, version)| (name.to_string(), version.as_str().into())).collect();
    let whole = serde_json::json!({
        "seed": options.seed,
        "rounds": options.rounds,
        "contestants": contestants,
        "results": rows,
    });
    let mut text = String::new();
    let _ = writeln!(text, "{whole:#}");
    text
}

fn row(table: &Table, result: &Outcome) -> serde_json::Value {
    let seconds: Vec<f64> = result.times.iter().map(|t| t.as_secs_f64()).collect();
    let kinds: serde_json::Map<String, serde_json::Value> = (result.score.iter())
        .flat_map(|s| &s.kinds)
        .map(|(kind, t)| {
            let tally = serde_json::json!({"planted": t.planted, "covered": t.covered, "touched": t.touched});
            (kind.name().to_string(), tally)
        })
        .collect();
    let recall = result.score.as_ref().map(|_| counted(result).recall());
    serde_json::json!({
        "corpus": table.corpus.name(),
        "bytes": table.bytes,
        "records": table.records,
        "contestant": result.name,
        "mb_per_s": result.speed,
        "cpu_seconds": seconds,
        "recall": recall,
        "false_bytes_per_mb": result.score.as_ref().and_then(|s| s.false_bytes_per_mb),
        "kinds": kinds,
    })
}
