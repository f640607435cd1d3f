//! Floors and ceilings that a measurement must keep to.

use std::fmt;
use std::str::FromStr;

use super::score::Score;
use super::wilson::Share;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Share of gold spans hit.
    Hit,
    /// Share of gold spans fully covered.
    Full,
    /// Share of gold spans found as what they are.
    Typed,
    /// Share of predictions that touch gold.
    Precision,
    /// Share of documents fully covered.
    Docs,
    /// Share of documents without gold in which something is predicted.
    Flagged,
    /// Predictions in 1,000 words.
    PerThousandWords,
}

impl Measure {
    fn name(self) -> &'static str {
        match self {
            Measure::Hit => "recall (hit)",
            Measure::Full => "full cover",
            Measure::Typed => "typed recall",
            Measure::Precision => "precision (span)",
            Measure::Docs => "the share of documents fully covered",
            Measure::Flagged => "the share of documents without labels that were flagged",
            Measure::PerThousandWords => "predictions in 1,000 words",
        }
    }

    /// Whether less is better.
    fn is_ceiling(self) -> bool {
        matches!(self, Measure::Flagged | Measure::PerThousandWords)
    }
}

/// `X`, or `LABEL=X` for one label.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// The label it is about, in capitals; none for all together.
    pub label: Option<String>,
    /// The bound.
    pub value: f64,
}

impl FromStr for Bound {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Bound, &'static str> {
        let (label, number) = match text.rsplit_once('=') {
            Some((label, number)) => (Some(label.trim().to_uppercase()), number),
            None => (None, text),
        };
        // As the report calls them.
        let label = label.filter(|l| l != "ALL");
        if label.as_ref().is_some_and(String::is_empty) {
            return Err("before the = stands a label, as in NAME=0.9");
        }
        let value = number.trim().parse().ok().filter(|v: &f64| v.is_finite() && *v >= 0.0);
        value.map(|value| Bound { label, value }).ok_or("it must be a number such as 0.95, or LABEL=0.95")
    }
}

/// One bound on one measure.
#[derive(Clone, Debug)]
pub struct Gate {
    /// What is measured.
    pub measure: Measure,
    /// Of what, and how much it may or must be.
    pub bound: Bound,
}

impl Gate {
    /// Why the gate is missed, with the value that was measured; none if it is kept.
    pub fn missed(&self, score: &Score) -> Option<String> {
        let (measure, wanted) = (self.measure, self.bound.value);
        let of = self.bound.label.as_ref().map(|l| format!(" of {l}")).unwrap_or_default();
        let Some(measured) = self.measured(score) else {
            return Some(format!(
                "{}{of} cannot be measured: there is nothing to measure it on",
                measure.name()
            ));
        };
        let (kept, word) = match measure.is_ceiling() {
            true => (measured.value <= wanted, "more"),
            false => (measured.value >= wanted, "less"),
        };
        (!kept).then(|| format!("{}{of} is {measured}, {word} than {wanted}", measure.name()))
    }

    fn measured(&self, score: &Score) -> Option<Measured> {
        let label = self.bound.label.as_deref();
        let same = |l: &str| label.is_none_or(|wanted| l.to_uppercase() == wanted);
        let gold = || {
            let one = score.gold.iter().find(|(l, _)| same(l)).map(|(_, c)| *c);
            if label.is_some() { one } else { Some(score.all_gold()) }
        };
        let predicted = || {
            let one = score.predicted.iter().find(|(l, _)| same(l)).map(|(_, c)| *c);
            if label.is_some() { one } else { Some(score.all_predicted()) }
        };
        let share = match self.measure {
            Measure::Hit => gold()?.hit(),
            Measure::Full => gold()?.full(),
            Measure::Typed => gold()?.typed(),
            Measure::Precision => predicted()?.span(),
            Measure::Docs => score.totals.docs_covered(),
            Measure::Flagged => score.totals.flagged(),
            Measure::PerThousandWords => {
                // What is never predicted has a rate of 0.
                let n = predicted().map_or(0, |c| c.n);
                let value = score.totals.per_1000_words(n)?;
                return Some(Measured { value, share: Share::of(n, score.totals.words) });
            }
        };
        Some(Measured { value: share.value()?, share })
    }
}

struct Measured {
    value: f64,
    share: Share,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4} ({} of {})", self.value, self.share.part, self.share.whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::score::{GoldCounts, PredictedCounts, Totals};

    fn gate(measure: Measure, bound: &str) -> Gate {
        Gate { measure, bound: bound.parse().unwrap() }
    }

    #[test]
    fn bounds_are_read() {
        for (text, label, value) in [
            ("0.95", None, 0.95),
            ("name=1", Some("NAME"), 1.0),
            ("ALL=1", None, 1.0),
            (" HEALTH_PLAN = 0.5 ", Some("HEALTH_PLAN"), 0.5),
        ] {
            let bound: Bound = text.parse().unwrap();
            assert_eq!((bound.label.as_deref(), bound.value), (label, value), "{text}");
        }
        for text in ["", "x", "NAME", "=0.5", "NAME=", "-1", "nan", "inf", "NAME=0.5%"] {
            assert!(text.parse::<Bound>().is_err(), "{text}");
        }
    }

    #[test]
    fn gates() {
        let mut score = Score::default();
        score.gold = vec![
            ("NAME".into(), GoldCounts { n: 50, hit: 49, full: 40, typed: 45, chars: 9, chars_hit: 9 }),
            ("SSN".into(), GoldCounts { n: 50, hit: 50, full: 50, typed: 50, chars: 9, chars_hit: 9 }),
        ];
        score.predicted = vec![("NAME".into(), PredictedCounts { n: 10, good: 9, chars: 9, chars_good: 8 })];
        score.totals = Totals {
            docs_with_phi: 8,
            docs_covered: 6,
            docs_negative: 10,
            docs_flagged: 1,
            words: 5000,
            ..Totals::default()
        };
        for (measure, bound, missed) in [
            (Measure::Hit, "0.99", None),
            (Measure::Hit, "NAME=0.98", None),
            (Measure::Hit, "name=0.981", Some("recall (hit) of NAME is 0.9800 (49 of 50), less than 0.981")),
            (Measure::Full, "0.91", Some("full cover is 0.9000 (90 of 100), less than 0.91")),
            (Measure::Typed, "NAME=0.9", None),
            (
                Measure::Precision,
                "NAME=0.91",
                Some("precision (span) of NAME is 0.9000 (9 of 10), less than 0.91"),
            ),
            (Measure::Precision, "0.9", None),
            (Measure::Precision, "SSN=0.1", Some("precision (span) of SSN cannot be measured")),
            (Measure::Docs, "0.75", None),
            (Measure::Docs, "0.76", Some("the share of documents fully covered is 0.7500 (6 of 8)")),
            (Measure::Flagged, "0.1", None),
            (Measure::Flagged, "0.09", Some("flagged is 0.1000 (1 of 10), more than 0.09")),
            (Measure::PerThousandWords, "NAME=2", None),
            (Measure::PerThousandWords, "NAME=1.9", Some("2.0000 (10 of 5000), more than 1.9")),
            (Measure::PerThousandWords, "IP=0", None),
            (Measure::Hit, "IP=0", Some("recall (hit) of IP cannot be measured")),
        ] {
            let got = gate(measure, bound).missed(&score);
            match missed {
                None => assert_eq!(got, None, "{measure:?} {bound}"),
                Some(want) => {
                    assert!(got.as_ref().is_some_and(|g| g.contains(want)), "{measure:?} {bound}: {got:?}")
                }
            }
        }
        assert!(gate(Measure::Docs, "0").missed(&Score::default()).is_some());
    }
}
