//! Context words near a match.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};

use crate::kind::Kind;
use crate::span::Span;

/// All keywords of all detectors.
pub(super) struct Keywords {
    finder: Option<AhoCorasick>,
    words: Vec<String>,
    longest: usize,
}

/// The keywords found in one text so far. Texts are searched from front to back, and only as far as someone asks.
#[derive(Default)]
pub(crate) struct KeywordHits {
    hits: Vec<(Span, u16)>,
    searched: std::ops::Range<usize>,
}

impl KeywordHits {
    /// Forgets the text.
    pub(super) fn clear(&mut self) {
        self.hits.clear();
        self.searched = 0..0;
    }
}

/// A step of the search, in bytes.
const STEP: usize = 512;

impl Keywords {
    /// Collects the keywords, lower case, of all detectors.
    pub(super) fn new(words: Vec<String>) -> Keywords {
        let longest = words.iter().map(String::len).max().unwrap_or(0);
        let finder = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&words)
            .ok();
        Keywords { finder, words, longest }
    }

    /// The number of a keyword.
    pub(super) fn id(&self, word: &str) -> Option<u16> {
        self.words.iter().position(|w| w == word).map(|i| i as u16)
    }

    /// The keyword of a number.
    pub(super) fn word(&self, id: u16) -> &str {
        &self.words[id as usize]
    }

    /// The first of `wanted` (sorted ids) that stands wholly within `window` bytes of `span`.
    pub(super) fn near(
        &self,
        text: &[u8],
        span: Span,
        window: usize,
        wanted: &[u16],
        hits: &mut KeywordHits,
    ) -> Option<u16> {
        if wanted.is_empty() {
            return None;
        }
        let from = span.start().saturating_sub(window);
        let to = (span.end() + window).min(text.len());
        self.search(text, from, to, hits);
        let first = hits.hits.partition_point(|(s, _)| s.start() < from);
        hits.hits[first..]
            .iter()
            .take_while(|(s, _)| s.start() < to)
            .find(|(s, id)| s.end() <= to && wanted.binary_search(id).is_ok())
            .map(|h| h.1)
    }

    /// Makes sure that hits in `from..to` are known.
    fn search(&self, text: &[u8], from: usize, to: usize, hits: &mut KeywordHits) {
        if from < hits.searched.start || from > hits.searched.end {
            hits.hits.clear();
            hits.searched = from..from;
        }
        if to <= hits.searched.end {
            return;
        }
        let Some(finder) = &self.finder else { return };
        // Steps overlap by the longest keyword, so that none is lost between two; a hit belongs to the step it ends in.
        let old_end = hits.searched.end;
        let start = old_end.saturating_sub(self.longest).max(hits.searched.start);
        let end = text.len().min(to.max(old_end + STEP));
        let known = hits.hits.len();
        for m in finder.find_overlapping_iter(&text[start..end]) {
            let s = Span::at(start + m.start(), start + m.end());
            if (s.end() > old_end || known == 0) && stands_alone(text, s) && !in_marker(text, s) {
                hits.hits.push((s, m.pattern().as_u32() as u16));
            }
        }
        hits.hits.sort_unstable();
        hits.hits.dedup();
        hits.searched.end = end;
    }

    /// The ids of all keywords in a short text, such as a field's name with its parts parted by blanks.
    pub(super) fn all_in(&self, text: &[u8]) -> Vec<u16> {
        let Some(finder) = &self.finder else { return Vec::new() };
        let alone = finder
            .find_overlapping_iter(text)
            .filter(|m| stands_alone(text, Span::at(m.start(), m.end())))
            .map(|m| m.pattern().as_u32() as u16);
        let mut ids: Vec<u16> = alone.collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// Letters and digits on neither side; an underscore parts words.
fn stands_alone(text: &[u8], s: Span) -> bool {
    let edge = |inside: Option<&u8>, outside: Option<&u8>| {
        let both = inside.zip(outside);
        both.is_none_or(|(a, b)| !(a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric()))
    };
    let before = s.start().checked_sub(1).and_then(|i| text.get(i));
    edge(text.get(s.start()), before) && edge(text.get(s.end() - 1), text.get(s.end()))
}

/// Whether the word is part of one of our own markers: `[MRN]` says nothing about its neighbours and holds nothing
/// itself, or the second pass over a text would find more than the first.
pub(super) fn in_marker(text: &[u8], s: Span) -> bool {
    let in_name = |b: &u8| b.is_ascii_uppercase() || *b == b'_';
    let start = text[..s.start()].iter().rposition(|b| !in_name(b));
    let end = text[s.end()..].iter().position(|b| !in_name(b)).map(|i| s.end() + i);
    match (start, end) {
        (Some(start), Some(end)) => text[start] == b'[' && Kind::is_marker(&text[start..=end]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_and_alone() {
        let k = Keywords::new(vec!["mrn".into(), "chart no".into()]);
        let near = |text: &str, at: usize, window: usize| {
            let span = Span::at(at, at + 1);
            k.near(text.as_bytes(), span, window, &[0, 1], &mut KeywordHits::default())
                .map(|i| k.word(i).to_string())
        };
        assert_eq!(near("MRN 1", 4, 10), Some("mrn".into()));
        assert_eq!(near("1 is the Mrn", 0, 12), Some("mrn".into()));
        assert_eq!(near("MRNA 1", 5, 10), None);
        assert_eq!(near("patient_mrn=1", 12, 10), Some("mrn".into()));
        assert_eq!(near("MRN          1", 13, 10), None);
        assert_eq!(near("chart no 1", 9, 10), Some("chart no".into()));
        assert_eq!(near("[MRN] 1", 6, 10), None, "a marker is no context");
        assert_eq!(near("[XMRN] mrn: 1", 12, 10), Some("mrn".into()));
    }

    #[test]
    fn steps_lose_nothing() {
        let k = Keywords::new(vec!["mrn".into()]);
        for shift in 0..8 {
            let mut text = vec![b'.'; 3 * STEP];
            let at = STEP - 4 + shift;
            text[at..at + 3].copy_from_slice(b"mrn");
            let mut hits = KeywordHits::default();
            for i in (0..text.len()).step_by(7) {
                let want = at + 3 <= i + 1 + 40 && at + 40 >= i && !(at < i && at + 3 > i + 40);
                let got = k.near(&text, Span::at(i, i + 1), 40, &[0], &mut hits).is_some();
                assert_eq!(got, want && at >= i.saturating_sub(40), "shift {shift} at {i}");
            }
        }
    }
}
