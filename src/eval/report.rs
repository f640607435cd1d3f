//! The numbers as a table and as JSON.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::score::{Example, Score};
use super::wilson::Share;

impl Score {
    /// Writes the table; `with_precision` is false where gold labels only part of what is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_table(&self, with_precision: bool, out: &mut dyn Write) -> io::Result<()> {
        let [hit, full, chars, typed] = ["hit", "full", "char", "typed"].map(|m| format!("{m:<18}"));
        writeln!(out, "{:<16}{:>7}   {hit}{full}{chars}{}", "gold label", "n", typed.trim_end())?;
        let all = ("ALL".to_owned(), self.all_gold());
        for (label, c) in by_count(&self.gold, |c| c.n).into_iter().chain([&all]) {
            let shares = [c.hit(), c.full(), c.char(), c.typed()].map(cell);
            writeln!(out, "{label:<16}{:>7}   {}", c.n, shares.concat().trim_end())?;
        }
        if with_precision {
            let [span, chars] = ["span", "char"].map(|m| format!("{m:<18}"));
            writeln!(out, "\n{:<16}{:>7}   {span}{chars}in 1,000 words", "predicted", "n")?;
            let all = ("ALL".to_owned(), self.all_predicted());
            for (label, c) in by_count(&self.predicted, |c| c.n).into_iter().chain([&all]) {
                let rate = self.totals.per_1000_words(c.n).map_or("-".to_owned(), |r| format!("{r:.2}"));
                writeln!(out, "{label:<16}{:>7}   {}{}{rate:>14}", c.n, cell(c.span()), cell(c.char()))?;
            }
        }
        self.write_totals(with_precision, out)
    }

    fn write_totals(&self, with_precision: bool, out: &mut dyn Write) -> io::Result<()> {
        let t = &self.totals;
        let covered = cell(t.docs_covered());
        writeln!(
            out,
            "\n{}, {} with labels to be found: all of them fully covered in {}",
            documents(t.docs),
            t.docs_with_phi,
            covered.trim_end()
        )?;
        if t.docs_negative > 0 {
            let flagged = cell(t.flagged());
            writeln!(out, "{} without labels: flagged {}", documents(t.docs_negative), flagged.trim_end())?;
        }
        let all = (self.all_gold().hit(), self.all_predicted().span());
        for (name, recall, precision) in
            [("spans", all.0, all.1), ("characters", t.char_recall(), t.char_precision())]
        {
            write!(out, "{name:<11} recall {}", three(recall.value()))?;
            if with_precision {
                let f1 = f1(precision.value(), recall.value());
                write!(out, "   precision {}   F1 {}", three(precision.value()), three(f1))?;
            }
            writeln!(out)?;
        }
        writeln!(out, "In brackets: 95 % intervals (Wilson).")
    }

    /// The numbers as one object: `recall` by gold label, `precision` by predicted label, `overall`. A share of nothing is
    /// `null`; `..._ci` is its 95 % interval.
    pub fn to_json(&self) -> Value {
        let (mut recall, mut precision) = (Map::new(), Map::new());
        let all = ("ALL".to_owned(), self.all_gold());
        for (label, c) in self.gold.iter().chain([&all]) {
            let mut row = Map::from_iter([("n".to_owned(), json!(c.n))]);
            for (name, s) in [("hit", c.hit()), ("full", c.full()), ("char", c.char()), ("typed", c.typed())]
            {
                put(&mut row, name, s);
            }
            recall.insert(label.clone(), Value::Object(row));
        }
        let t = &self.totals;
        let all = ("ALL".to_owned(), self.all_predicted());
        for (label, c) in self.predicted.iter().chain([&all]) {
            let rate = t.per_1000_words(c.n);
            let mut row =
                Map::from_iter([("n".to_owned(), json!(c.n)), ("per_1000_words".to_owned(), json!(rate))]);
            put(&mut row, "span", c.span());
            put(&mut row, "char", c.char());
            precision.insert(label.clone(), Value::Object(row));
        }
        let mut overall = Map::new();
        for (name, n) in [
            ("docs", t.docs),
            ("docs_with_phi", t.docs_with_phi),
            ("docs_negative", t.docs_negative),
            ("words", t.words),
        ] {
            overall.insert(name.to_owned(), json!(n));
        }
        put(&mut overall, "docs_fully_covered", t.docs_covered());
        put(&mut overall, "negatives_flagged", t.flagged());
        for (name, recall, precision) in [
            ("span", self.all_gold().hit(), self.all_predicted().span()),
            ("char", t.char_recall(), t.char_precision()),
        ] {
            let mut both = Map::new();
            put(&mut both, "recall", recall);
            put(&mut both, "precision", precision);
            both.insert("f1".to_owned(), json!(f1(precision.value(), recall.value())));
            overall.insert(name.to_owned(), Value::Object(both));
        }
        json!({ "recall": recall, "precision": precision, "overall": overall })
    }
}

impl Example {
    /// For `--json`, where it was asked for.
    pub fn to_json(&self) -> Value {
        json!({ "id": self.id, "label": self.label, "text": self.text })
    }
}

fn put(row: &mut Map<String, Value>, name: &str, share: Share) {
    row.insert(name.to_owned(), json!(share.value()));
    row.insert(format!("{name}_ci"), share.interval().map_or(Value::Null, |(a, b)| json!([a, b])));
}

/// The most frequent first, then in the order in which they came.
fn by_count<C>(all: &[(String, C)], n: impl Fn(&C) -> u64) -> Vec<&(String, C)> {
    let mut sorted: Vec<_> = all.iter().collect();
    sorted.sort_by_key(|(_, c)| std::cmp::Reverse(n(c)));
    sorted
}

fn documents(n: u64) -> String {
    format!("{n} document{}", if n == 1 { "" } else { "s" })
}

/// A share with its interval: `0.983 [.967-.991] `.
fn cell(share: Share) -> String {
    match (share.value(), share.interval()) {
        (Some(value), Some((low, high))) => {
            format!("{:<18}", format!("{value:.3} [{}-{}]", short(low), short(high)))
        }
        _ => format!("{:<18}", "-"),
    }
}

fn short(share: f64) -> String {
    let text = format!("{share:.2}");
    text.strip_prefix('0').map(str::to_owned).unwrap_or(text)
}

fn three(value: Option<f64>) -> String {
    value.map_or("    -".to_owned(), |v| format!("{v:.3}"))
}

fn f1(precision: Option<f64>, recall: Option<f64>) -> Option<f64> {
    match (precision, recall) {
        (Some(p), Some(r)) if p > 0.0 && r > 0.0 => Some(2.0 * p * r / (p + r)),
        (Some(_), Some(_)) => Some(0.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::gold::{Document, Labelled};
    use crate::eval::labels::Rules;

    fn scored() -> Score {
        let mut score = Score::new(Rules::default());
        let span = |start, end, label: &str| Labelled { start, end, label: label.into() };
        let text = "Ann Lee, born 1962-03-14, has a cold".to_owned();
        let spans = vec![span(0, 7, "NAME"), span(14, 24, "DATE")];
        score.add(&Document { id: "a".into(), text, spans }, &[span(0, 7, "NAME"), span(32, 36, "NAME")]);
        score.add(&Document { id: "b".into(), text: "a cold".into(), spans: Vec::new() }, &[]);
        score
    }

    #[test]
    fn the_table() {
        let mut out = Vec::new();
        scored().write_table(true, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for line in [
            "gold label            n   hit               full              char              typed",
            "NAME                  1   1.000 [.21-1.00]  1.000 [.21-1.00]  1.000 [.61-1.00]  1.000 [.21-1.00]",
            "DATE                  1   0.000 [.00-.79]   0.000 [.00-.79]   0.000 [.00-.32]   0.000 [.00-.79]",
            "ALL                   2   0.500 [.09-.91]   0.500 [.09-.91]   0.429 [.21-.67]   0.500 [.09-.91]",
            "NAME                  2   0.500 [.09-.91]   0.600 [.31-.83]           222.22",
            "2 documents, 1 with labels to be found: all of them fully covered in 0.000 [.00-.79]",
            "1 document without labels: flagged 0.000 [.00-.79]",
            "spans       recall 0.500   precision 0.500   F1 0.500",
            "characters  recall 0.429   precision 0.600   F1 0.500",
        ] {
            assert!(text.lines().any(|l| l == line), "{line:?} is not in\n{text}");
        }
        assert!(text.lines().all(|l| l == l.trim_end() && l.len() <= 100), "{text}");
        let mut out = Vec::new();
        Score::default().write_table(false, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("ALL                   0   -  ") && !text.contains("precision"), "{text}");
    }

    #[test]
    fn the_json() {
        let value = scored().to_json();
        assert_eq!(value["recall"]["NAME"]["hit"], json!(1.0));
        assert_eq!(value["recall"]["ALL"]["char"], json!(6.0 / 14.0));
        assert_eq!(value["recall"]["ALL"]["n"], json!(2));
        assert_eq!(value["precision"]["NAME"]["span"], json!(0.5));
        assert_eq!(value["overall"]["docs_fully_covered"], json!(0.0));
        assert_eq!(value["overall"]["char"]["f1"], json!(0.5));
        assert_eq!(value["recall"]["NAME"]["hit_ci"][1], json!(1.0));
        assert_eq!(Score::default().to_json()["overall"]["span"]["f1"], Value::Null);
    }
}
