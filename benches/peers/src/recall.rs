//! How much of what was planted a contestant removed, and how much else.

use std::ops::Range;

use crate::corpus::{Kind, Labelled, Told, Truth};

/// What a contestant removed from a corpus.
pub enum Removed {
    /// Ranges of the text, in any order.
    Spans(Vec<Range<usize>>),
    /// It does not say where; but this is what became of each record.
    #[cfg_attr(not(feature = "vrl"), allow(dead_code))]
    Outputs(Vec<Vec<u8>>),
}

/// Planted, and of them wholly and partly removed.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    pub planted: usize,
    pub covered: usize,
    pub touched: usize,
}

impl Tally {
    pub fn recall(self) -> f64 {
        self.covered as f64 / self.planted.max(1) as f64
    }

    pub fn touched_share(self) -> f64 {
        self.touched as f64 / self.planted.max(1) as f64
    }
}

/// How a contestant did on a corpus.
pub struct Score {
    pub kinds: Vec<(Kind, Tally)>,
    /// Removed bytes outside of all spans, for a million bytes; not known of who does not tell where.
    pub false_bytes_per_mb: Option<f64>,
    /// Which truths were not wholly removed: indices of record and span.
    pub missed: Vec<(usize, usize)>,
}

impl Score {
    /// The sum over all kinds, or over those that have a form.
    pub fn tally(&self, words: bool) -> Tally {
        let mut sum = Tally::default();
        for (kind, tally) in &self.kinds {
            if words || !kind.is_word() {
                sum.planted += tally.planted;
                sum.covered += tally.covered;
                sum.touched += tally.touched;
            }
        }
        sum
    }
}

/// Scores what was removed.
pub fn score(labelled: &Labelled, removed: &Removed) -> Score {
    let mut tallies = vec![Tally::default(); Kind::ALL.len()];
    let mut missed = Vec::new();
    let marks = match removed {
        Removed::Spans(spans) => Some(marks(labelled.text.len(), spans)),
        Removed::Outputs(_) => None,
    };
    for (number, record) in labelled.records.iter().enumerate() {
        for (at, truth) in record.planted.iter().enumerate().filter(|(_, t)| t.kind.counts()) {
            let (covered, touched) = match (&marks, removed) {
                (Some(marks), _) => coverage(&labelled.text, marks, truth),
                (None, Removed::Outputs(outputs)) => {
                    let gone = is_gone(labelled, record, at, &outputs[number]);
                    (gone, gone)
                }
                (None, Removed::Spans(_)) => unreachable!("spans have marks"),
            };
            let tally = &mut tallies[truth.kind as usize];
            tally.planted += 1;
            tally.covered += usize::from(covered);
            tally.touched += usize::from(touched);
            if !covered {
                missed.push((number, at));
            }
        }
    }
    let false_bytes_per_mb = marks.map(|mut marks| {
        for truth in labelled.records.iter().flat_map(|r| &r.planted) {
            marks[truth.start..truth.end].fill(false);
        }
        let outside = marks.iter().filter(|m| **m).count();
        outside as f64 * 1e6 / labelled.text.len() as f64
    });
    let kinds = Kind::ALL.iter().zip(tallies).filter(|(_, t)| t.planted > 0).map(|(k, t)| (*k, t)).collect();
    Score { kinds, false_bytes_per_mb, missed }
}

/// Which bytes were removed.
fn marks(len: usize, spans: &[Range<usize>]) -> Vec<bool> {
    let mut marks = vec![false; len];
    for span in spans {
        marks[span.clone()].fill(true);
    }
    marks
}

/// Whether all and whether any of its letters and digits are gone; a bracket or a blank that is left tells nobody anything.
fn coverage(text: &[u8], marks: &[bool], truth: &Truth) -> (bool, bool) {
    let (mut all, mut any) = (true, false);
    for at in truth.start..truth.end {
        if text[at].is_ascii_alphanumeric() || !text[at].is_ascii() {
            all &= marks[at];
            any |= marks[at];
        }
    }
    (all, any)
}

/// Whether a planted text is gone from what became of its record. The same text may stand there for another reason, so that the
/// number of times counts: of equal spans those that come first are taken to be the ones that went.
fn is_gone(labelled: &Labelled, record: &Told, at: usize, output: &[u8]) -> bool {
    let truth = &record.planted[at];
    let planted = &labelled.text[truth.start..truth.end];
    let mut after = count(output, planted);
    if let Some(value) = &truth.unescaped {
        after += count(output, value.as_bytes());
    }
    let before = count(&labelled.text[record.start..record.end], planted);
    let earlier = record.planted[..at].iter().filter(|t| labelled.text[t.start..t.end] == *planted).count();
    before.saturating_sub(after) > earlier
}

fn count(text: &[u8], value: &[u8]) -> usize {
    memchr::memmem::find_iter(text, value).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled() -> Labelled {
        let text = b"call (415) 555-0100 or 415 \\u00e9 Ana\n".to_vec();
        let truth = |start, end, kind| Truth { start, end, kind, unescaped: None };
        let planted = vec![
            truth(5, 19, Kind::Phone),
            Truth { unescaped: Some("\u{e9}".into()), ..truth(27, 33, Kind::Name) },
            truth(34, 37, Kind::Name),
        ];
        Labelled { records: vec![Told { start: 0, end: 37, planted }], text }
    }

    #[test]
    fn spans_are_scored() {
        // All digits of the number, but not the bracket before it; a part of the escape; and what is nothing.
        let score = score(&labelled(), &Removed::Spans(vec![6..19, 0..4, 27..30]));
        let (all, structured) = (score.tally(true), score.tally(false));
        assert_eq!((all.planted, all.covered, all.touched), (3, 1, 2));
        assert_eq!((structured.planted, structured.covered), (1, 1));
        assert_eq!(score.false_bytes_per_mb, Some(4.0 * 1e6 / 38.0));
        assert_eq!(score.missed, [(0, 1), (0, 2)]);
    }

    #[test]
    fn outputs_are_scored() {
        let scored = |output: &str| score(&labelled(), &Removed::Outputs(vec![output.as_bytes().to_vec()]));
        assert_eq!(scored("call [REDACTED] or 415 \u{e9} [REDACTED]").missed, [(0, 1)]);
        assert_eq!(scored("call (415) 555-0100 or 415 Ana").missed, [(0, 0), (0, 2)]);
    }
}
