//! The speeds as bars on a logarithmic scale, in SVG: readable without colour, on light and on dark ground.

use std::fmt::Write;
use std::path::Path;

use crate::measure::{Outcome, Table};
use crate::report::counted;

const WIDTH: f64 = 860.0;
/// Where bars begin, and where the longest may end.
const LEFT: f64 = 200.0;
const RIGHT: f64 = 700.0;
const ROW: f64 = 20.0;
const GAP: f64 = 50.0;
const TOP: f64 = 62.0;

const STYLE: &str = "
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .head { font-weight: 600; font-size: 14px }
  .note { fill: #59636e }
  .grid { stroke: #d1d9e0; stroke-width: 1 }
  .own { fill: #0969da }
  .peer { fill: #818b98 }
  .limit { fill: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .note { fill: #9198a1 }
    .grid { stroke: #3d444d }
    .own { fill: #4493f8 }
    .peer { fill: #7d8590 }
    .limit { fill: #3d444d }
  }
";

/// Writes docs/assets/benchmarks.svg.
pub fn write(tables: &[Table]) -> Result<(), String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/assets/benchmarks.svg");
    let told = |e: std::io::Error| format!("{}: {e}", file.display());
    if let Some(dir) = file.parent() {
        std::fs::create_dir_all(dir).map_err(told)?;
    }
    std::fs::write(&file, draw(tables)).map_err(told)?;
    println!("\nWrote docs/assets/benchmarks.svg");
    Ok(())
}

/// The scale: powers of ten that hold all speeds.
struct Scale {
    low: i32,
    high: i32,
}

impl Scale {
    fn of(tables: &[Table]) -> Scale {
        let speeds = || tables.iter().flat_map(|t| &t.results).map(|r| r.speed.max(0.01).log10());
        let low = speeds().fold(f64::INFINITY, f64::min).floor() as i32;
        let high = speeds().fold(f64::NEG_INFINITY, f64::max).ceil() as i32;
        Scale { low, high: high.max(low + 1) }
    }

    fn x(&self, speed: f64) -> f64 {
        let share = (speed.max(0.01).log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }
}

fn draw(tables: &[Table]) -> String {
    let scale = Scale::of(tables);
    let rows: usize = tables.iter().map(|t| t.results.len()).sum();
    let height = TOP + rows as f64 * ROW + tables.len() as f64 * GAP;
    let mut svg = String::new();
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Speed of redactors, MB a second of one core\">\n<style>{STYLE}</style>\n"
    );
    text(&mut svg, 16.0, 24.0, "head", "Redacting on one core, MB/s (logarithmic)");
    text(
        &mut svg,
        16.0,
        42.0,
        "note",
        "Behind each bar: MB/s, and the share of planted identifiers that was removed.",
    );
    let mut y = TOP;
    for table in tables {
        y = corpus(&mut svg, table, &scale, y);
    }
    svg.push_str("</svg>\n");
    svg
}

fn corpus(svg: &mut String, table: &Table, scale: &Scale, top: f64) -> f64 {
    let begin = top + 26.0;
    let end = begin + table.results.len() as f64 * ROW;
    text(svg, 16.0, top + 18.0, "head", table.corpus.name());
    for power in scale.low..=scale.high {
        let x = scale.x(10f64.powi(power));
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{begin:.1}\" y2=\"{end:.1}\"/>"
        );
        text(svg, x + 3.0, begin - 2.0, "note", &10f64.powi(power).to_string());
    }
    for (row, result) in table.results.iter().enumerate() {
        bar(svg, result, scale, begin + row as f64 * ROW);
    }
    top + GAP + table.results.len() as f64 * ROW
}

fn bar(svg: &mut String, result: &Outcome, scale: &Scale, y: f64) {
    let x = scale.x(result.speed);
    let (class, recall) = match &result.score {
        None => ("limit", String::new()),
        Some(_) => {
            let class = if result.name.starts_with("scrubjay") { "own" } else { "peer" };
            (class, format!(" · {:.0} %", counted(result).recall() * 100.0))
        }
    };
    text(svg, 16.0, y + 14.0, "", result.name);
    let width = (x - LEFT).max(1.0);
    let _ = writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{}\" rx=\"2\"/>",
        y + 3.0,
        ROW - 6.0
    );
    text(svg, x + 6.0, y + 14.0, "", &format!("{:.0}{recall}", result.speed));
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, text: &str) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    let _ = writeln!(svg, "<text{class} x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Corpus;
    use crate::peers::Finds;

    #[test]
    fn bars_grow_with_speed() {
        let result =
            |name, speed| Outcome { name, finds: Finds::Nothing, times: Vec::new(), score: None, speed };
        let results = vec![result("a", 30.0), result("b", 3000.0)];
        let tables = [Table { corpus: Corpus::Json, bytes: 1, records: 1, results }];
        let scale = Scale::of(&tables);
        assert_eq!((scale.low, scale.high), (1, 4));
        assert!((scale.x(100.0) - LEFT) * 2.0 - (scale.x(1000.0) - LEFT) < 1e-9);
        let svg = draw(&tables);
        assert_eq!(svg.matches("<rect").count(), 2);
        assert!(svg.contains(">30<") && svg.contains(">3000<") && svg.ends_with("</svg>\n"));
    }
}
