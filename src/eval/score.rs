//! The counters.

use super::gold::{Document, Labelled};
use super::labels::{Rules, counts, family, is_placeholder, title_len};
use super::wilson::Share;

/// What became of the gold spans of one label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GoldCounts {
    /// Gold spans.
    pub n: u64,
    /// With at least one letter or digit predicted, under any label.
    pub hit: u64,
    /// With every letter and digit predicted.
    pub full: u64,
    /// That a prediction of the same family overlaps.
    pub typed: u64,
    /// Their letters and digits.
    pub chars: u64,
    /// Of those, predicted.
    pub chars_hit: u64,
}

/// What the predictions of one label were worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PredictedCounts {
    /// Predictions that are judged.
    pub n: u64,
    /// With at least one letter or digit in gold, of any label.
    pub good: u64,
    /// Their letters and digits, those in neutral gold left out.
    pub chars: u64,
    /// Of those, in gold.
    pub chars_good: u64,
}

/// Sums over documents and over characters, each counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Documents.
    pub docs: u64,
    /// Documents with gold spans that are not neutral.
    pub docs_with_phi: u64,
    /// Of those, with all of them fully covered.
    pub docs_covered: u64,
    /// Documents without any gold span: hard negatives.
    pub docs_negative: u64,
    /// Of those, with a prediction other than AGE or a neutral label.
    pub docs_flagged: u64,
    /// Words, parted by white space.
    pub words: u64,
    /// Letters and digits in gold.
    pub need: u64,
    /// Of those, predicted.
    pub need_hit: u64,
    /// Letters and digits predicted, those in neutral gold left out.
    pub claimed: u64,
    /// Of those, in gold.
    pub claimed_good: u64,
}

/// A span to be shown to who asked for it: text.
#[derive(Clone)]
pub struct Example {
    /// The document.
    pub id: String,
    /// The label it has in gold, or was given.
    pub label: String,
    /// What it says.
    pub text: String,
}

/// Compares documents with what was predicted for them.
#[derive(Clone, Default)]
pub struct Score {
    rules: Rules,
    /// By gold label, in the order in which they first came.
    pub gold: Vec<(String, GoldCounts)>,
    /// By predicted label, in the order in which they first came.
    pub predicted: Vec<(String, PredictedCounts)>,
    /// Of all documents.
    pub totals: Totals,
    /// The first gold spans that were not fully covered.
    pub missed: Vec<Example>,
    /// The first predictions outside of all gold.
    pub wrong: Vec<Example>,
}

/// One document, character by character.
struct Marks {
    /// Letters and digits.
    counts: Vec<bool>,
    /// In gold that is not neutral.
    need: Vec<bool>,
    any_gold: Vec<bool>,
    covered: Vec<bool>,
    /// Covered by a label that is judged.
    claimed: Vec<bool>,
}

impl Score {
    /// Nothing counted yet.
    pub fn new(rules: Rules) -> Score {
        Score { rules, ..Score::default() }
    }

    /// Counts one document.
    pub fn add(&mut self, document: &Document, predicted: &[Labelled]) {
        let chars: Vec<char> = document.text.chars().collect();
        let gold = parted_titles(&chars, &document.spans);
        let predicted = self.distinct(&chars, predicted);
        let marks = self.marks(&chars, &gold, &predicted);
        self.recall(document, &chars, &gold, &predicted, &marks);
        self.precision(document, &chars, &predicted, &marks);
        let t = &mut self.totals;
        t.docs += 1;
        t.words += document.text.split_whitespace().count() as u64;
        if document.spans.is_empty() {
            let rules = &self.rules;
            t.docs_negative += 1;
            t.docs_flagged +=
                u64::from(predicted.iter().any(|p| p.label != "AGE" && !rules.is_neutral(&p.label)));
        }
        for i in (0..chars.len()).filter(|i| marks.counts[*i]) {
            t.need += u64::from(marks.need[i]);
            t.need_hit += u64::from(marks.need[i] && marks.covered[i]);
            let judged = marks.claimed[i] && marks.is_judged(i);
            t.claimed += u64::from(judged);
            t.claimed_good += u64::from(judged && marks.need[i]);
        }
    }

    /// Predictions in order, each once.
    fn distinct(&self, chars: &[char], predicted: &[Labelled]) -> Vec<Labelled> {
        let mut all: Vec<Labelled> = predicted.to_vec();
        all.retain(|p| {
            let text = chars.get(p.start..p.end).filter(|t| !t.is_empty());
            text.is_some_and(|t| !self.rules.ignore_placeholders || !is_placeholder(t))
        });
        all.sort();
        all.dedup();
        all
    }

    fn marks(&self, chars: &[char], gold: &[Labelled], predicted: &[Labelled]) -> Marks {
        let none = vec![false; chars.len()];
        let mut marks = Marks {
            counts: chars.iter().map(|c| counts(*c)).collect(),
            need: none.clone(),
            any_gold: none.clone(),
            covered: none.clone(),
            claimed: none,
        };
        for g in gold {
            marks.any_gold[g.start..g.end].fill(true);
            if !self.rules.is_neutral(&g.label) {
                marks.need[g.start..g.end].fill(true);
            }
        }
        for p in predicted {
            marks.covered[p.start..p.end].fill(true);
            if self.rules.judges(&p.label) {
                marks.claimed[p.start..p.end].fill(true);
            }
        }
        marks
    }

    fn recall(
        &mut self,
        document: &Document,
        chars: &[char],
        gold: &[Labelled],
        predicted: &[Labelled],
        marks: &Marks,
    ) {
        let (mut any, mut all_full) = (false, true);
        for g in gold.iter().filter(|g| !self.rules.is_neutral(&g.label)) {
            let own = (g.start..g.end).filter(|i| marks.counts[*i]);
            let (len, got) = own.fold((0, 0), |(len, got), i| (len + 1, got + u64::from(marks.covered[i])));
            let full = got == len;
            let same =
                |p: &&Labelled| p.start < g.end && g.start < p.end && family(&p.label) == family(&g.label);
            let c = entry(&mut self.gold, &g.label);
            c.n += 1;
            c.hit += u64::from(got > 0);
            c.full += u64::from(full);
            c.typed += u64::from(predicted.iter().find(same).is_some());
            c.chars += len;
            c.chars_hit += got;
            any = true;
            all_full &= full;
            if !full && self.missed.len() < self.rules.examples {
                self.missed.push(example(document, chars, g));
            }
        }
        self.totals.docs_with_phi += u64::from(any);
        self.totals.docs_covered += u64::from(any && all_full);
    }

    fn precision(&mut self, document: &Document, chars: &[char], predicted: &[Labelled], marks: &Marks) {
        for p in predicted.iter().filter(|p| self.rules.judges(&p.label)) {
            let own = || (p.start..p.end).filter(|i| marks.counts[*i]);
            let scored = own().filter(|i| marks.is_judged(*i)).count() as u64;
            let good = own().filter(|i| marks.need[*i]).count() as u64;
            // What only touches neutral gold, or reaches from it into text without gold, is not judged.
            if scored == 0 || good == 0 && own().any(|i| marks.any_gold[i]) {
                continue;
            }
            let c = entry(&mut self.predicted, &p.label);
            c.n += 1;
            c.good += u64::from(good > 0);
            c.chars += scored;
            c.chars_good += good;
            if good == 0 && self.wrong.len() < self.rules.examples {
                self.wrong.push(example(document, chars, p));
            }
        }
    }

    /// All gold labels together.
    pub fn all_gold(&self) -> GoldCounts {
        self.gold.iter().fold(GoldCounts::default(), |a, (_, c)| GoldCounts {
            n: a.n + c.n,
            hit: a.hit + c.hit,
            full: a.full + c.full,
            typed: a.typed + c.typed,
            chars: a.chars + c.chars,
            chars_hit: a.chars_hit + c.chars_hit,
        })
    }

    /// All predicted labels together.
    pub fn all_predicted(&self) -> PredictedCounts {
        self.predicted.iter().fold(PredictedCounts::default(), |a, (_, c)| PredictedCounts {
            n: a.n + c.n,
            good: a.good + c.good,
            chars: a.chars + c.chars,
            chars_good: a.chars_good + c.chars_good,
        })
    }
}

impl Marks {
    /// In gold that is asked for, or in none.
    fn is_judged(&self, i: usize) -> bool {
        self.need[i] || !self.any_gold[i]
    }
}

impl GoldCounts {
    /// Share of spans hit.
    pub fn hit(&self) -> Share {
        Share::of(self.hit, self.n)
    }

    /// Share of spans fully covered.
    pub fn full(&self) -> Share {
        Share::of(self.full, self.n)
    }

    /// Share of letters and digits covered.
    pub fn char(&self) -> Share {
        Share::of(self.chars_hit, self.chars)
    }

    /// Share of spans found as what they are.
    pub fn typed(&self) -> Share {
        Share::of(self.typed, self.n)
    }
}

impl PredictedCounts {
    /// Share of predictions that touch gold.
    pub fn span(&self) -> Share {
        Share::of(self.good, self.n)
    }

    /// Share of letters and digits in gold.
    pub fn char(&self) -> Share {
        Share::of(self.chars_good, self.chars)
    }
}

impl Totals {
    /// Share of documents with PHI that are fully covered.
    pub fn docs_covered(&self) -> Share {
        Share::of(self.docs_covered, self.docs_with_phi)
    }

    /// Share of hard negatives in which something is predicted.
    pub fn flagged(&self) -> Share {
        Share::of(self.docs_flagged, self.docs_negative)
    }

    /// Share of letters and digits of gold that are predicted.
    pub fn char_recall(&self) -> Share {
        Share::of(self.need_hit, self.need)
    }

    /// Share of letters and digits predicted that are gold.
    pub fn char_precision(&self) -> Share {
        Share::of(self.claimed_good, self.claimed)
    }

    /// `n` as a rate of 1,000 words; none of no words.
    pub fn per_1000_words(&self, n: u64) -> Option<f64> {
        (self.words > 0).then(|| n as f64 * 1000.0 / self.words as f64)
    }
}

/// Gold with each title at the start of a name as a span of its own, which a label may make neutral.
fn parted_titles(chars: &[char], spans: &[Labelled]) -> Vec<Labelled> {
    let mut all = Vec::with_capacity(spans.len());
    for s in spans {
        let named = family(&s.label) == "NAME" && s.label != "TITLE";
        let Some(text) = chars.get(s.start..s.end).filter(|t| !t.is_empty()) else { continue };
        let title = title_len(text).filter(|_| named).unwrap_or(0);
        if title > 0 {
            all.push(Labelled { start: s.start, end: s.start + title, label: "TITLE".to_owned() });
        }
        all.push(Labelled { start: s.start + title, end: s.end, label: s.label.clone() });
    }
    all
}

fn entry<'a, C: Default>(all: &'a mut Vec<(String, C)>, label: &str) -> &'a mut C {
    let at = all.iter().position(|(l, _)| l == label).unwrap_or_else(|| {
        all.push((label.to_owned(), C::default()));
        all.len() - 1
    });
    &mut all[at].1
}

fn example(document: &Document, chars: &[char], span: &Labelled) -> Example {
    let text = chars[span.start..span.end].iter().collect();
    Example { id: document.id.clone(), label: span.label.clone(), text }
}

#[cfg(test)]
mod tests;
