//! Context words near a match.

use super::classes::{BLOCK, ByteSet, Classifier, Masks};
use crate::kind::Kind;
use crate::span::Span;

/// Keywords with one of so many heads are looked at together.
const HEADS: usize = 1024;

/// Bits for as many beginnings of three bytes.
const BEGINNINGS: usize = HEADS * 32;

/// All keywords of all detectors.
pub(super) struct Keywords {
    /// By number, in order, in lower case.
    words: Vec<String>,
    /// By number: the rules that want it.
    rules: Vec<RuleSet>,
    /// By head: where its keywords stand in `entries`.
    heads: Box<[(u16, u16); HEADS]>,
    /// Keywords by head, the shorter ones first.
    entries: Vec<Entry>,
    /// One bit for each beginning: whether there is a keyword with it. There is none for most words.
    beginnings: Box<[u64; BEGINNINGS / 64]>,
    /// Letters and digits; and what else a keyword begins with.
    classifier: Classifier<{ set::COUNT }>,
}

/// A keyword, and the bytes that it begins with as [`fold`] gives them: nearly all that are not it differ there.
struct Entry {
    begins: u64,
    mask: u64,
    id: u16,
}

/// Eight bytes, or as many as there are, letters in one case; what else this makes alike does not matter.
fn fold(bytes: &[u8]) -> u64 {
    let eight = match bytes.first_chunk::<8>() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => bytes.iter().rev().fold(0, |all, b| all << 8 | u64::from(*b)),
    };
    eight | 0x2020_2020_2020_2020
}

/// Rules, by number, one bit each; of those without a bit nothing is known.
#[derive(Clone, Copy, Default)]
struct RuleSet([u64; 8]);

impl RuleSet {
    fn insert(&mut self, rule: u16) {
        if let Some(word) = self.0.get_mut(usize::from(rule / 64)) {
            *word |= 1 << (rule % 64);
        }
    }

    fn may_hold(&self, rule: u16) -> bool {
        self.0.get(usize::from(rule / 64)).is_none_or(|word| word >> (rule % 64) & 1 == 1)
    }

    fn unite(&mut self, other: &RuleSet) {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own |= other);
    }
}

/// The keywords found in one text so far. Texts are searched from front to back, and only as far as someone asks.
#[derive(Default)]
pub(crate) struct KeywordHits {
    hits: Vec<(Span, u16)>,
    /// The rules that want one of them.
    wanted: RuleSet,
    /// Where keywords begin that are known.
    searched: std::ops::Range<usize>,
    masks: Vec<Masks<{ set::COUNT }>>,
}

impl KeywordHits {
    /// Forgets the text.
    pub(super) fn clear(&mut self) {
        self.hits.clear();
        self.wanted = RuleSet::default();
        self.searched = 0..0;
    }
}

/// A step of the search, in bytes.
const STEP: usize = 4 * BLOCK;

/// The sets that places are chosen by.
mod set {
    pub(super) const WORD: usize = 0;
    pub(super) const ODD: usize = 1;
    pub(super) const COUNT: usize = 2;
}

/// The first two bytes of a word, whatever their case.
fn head(first: u8, second: u8) -> usize {
    usize::from(first & 31) << 5 | usize::from(second & 31)
}

impl Keywords {
    /// Collects the keywords, lower case, of all detectors.
    pub(super) fn new(mut words: Vec<String>) -> Keywords {
        words.retain(|w| !w.is_empty());
        words.sort();
        words.dedup();
        let mut sets = [ByteSet::default(); set::COUNT];
        (0..=255u8).filter(u8::is_ascii_alphanumeric).for_each(|b| sets[set::WORD].insert(b));
        words
            .iter()
            .map(|w| w.as_bytes()[0])
            .filter(|b| !b.is_ascii_alphanumeric())
            .for_each(|b| sets[set::ODD].insert(b));
        let mut heads = Box::new([(0, 0); HEADS]);
        let mut of_head: Vec<Vec<u16>> = vec![Vec::new(); HEADS];
        for (id, word) in (0..).zip(&words) {
            match *word.as_bytes() {
                // Anything may follow on a single byte.
                [one] => (0..32).for_each(|second| of_head[head(one, second)].push(id)),
                [first, second, ..] => of_head[head(first, second)].push(id),
                [] => {}
            }
        }
        let mut beginnings = Box::new([0; BEGINNINGS / 64]);
        for (head, id) in
            of_head.iter().enumerate().flat_map(|(head, ids)| ids.iter().map(move |id| (head, *id)))
        {
            let third = words[usize::from(id)].as_bytes().get(2);
            let thirds = third.map_or(0..32, |b| usize::from(b & 31)..usize::from(b & 31) + 1);
            thirds.map(|third| head << 5 | third).for_each(|i| beginnings[i / 64] |= 1 << (i % 64));
        }
        let mut entries: Vec<Entry> = Vec::new();
        for (ids, place) in of_head.iter().zip(heads.iter_mut()) {
            let from = entries.len();
            entries.extend(ids.iter().map(|&id| {
                let w = words[usize::from(id)].as_bytes();
                let mask = if w.len() < 8 { (1 << (8 * w.len())) - 1 } else { u64::MAX };
                Entry { begins: fold(w) & mask, mask, id }
            }));
            entries[from..].sort_by_key(|e| (words[usize::from(e.id)].len(), e.id));
            *place = (from as u16, entries.len() as u16);
        }
        let rules = vec![RuleSet::default(); words.len()];
        Keywords { words, rules, heads, entries, beginnings, classifier: Classifier::new(&sets) }
    }

    /// The number of a keyword.
    pub(super) fn id(&self, word: &str) -> Option<u16> {
        self.words.binary_search_by(|w| w.as_str().cmp(word)).ok().map(|i| i as u16)
    }

    /// Takes note of what a rule wants; the numbers of its keywords, sorted.
    pub(super) fn wants(&mut self, rule: u16, keywords: &[String]) -> Vec<u16> {
        let mut ids: Vec<u16> = keywords.iter().filter_map(|k| self.id(k)).collect();
        ids.sort_unstable();
        ids.iter().for_each(|id| self.rules[usize::from(*id)].insert(rule));
        ids
    }

    /// The keyword of a number.
    pub(super) fn word(&self, id: u16) -> &str {
        &self.words[id as usize]
    }

    /// The first of those that a rule wants (sorted ids) that stands wholly within `window` bytes of `span`.
    pub(super) fn near(
        &self,
        text: &[u8],
        span: Span,
        window: usize,
        (rule, wanted): (u16, &[u16]),
        hits: &mut KeywordHits,
    ) -> Option<u16> {
        if wanted.is_empty() {
            return None;
        }
        let from = span.start().saturating_sub(window);
        let to = (span.end() + window).min(text.len());
        self.search(text, from, to, hits);
        if !hits.wanted.may_hold(rule) {
            return None;
        }
        let first = hits.hits.partition_point(|(s, _)| s.start() < from);
        hits.hits[first..]
            .iter()
            .take_while(|(s, _)| s.start() < to)
            .find(|(s, id)| s.end() <= to && wanted.binary_search(id).is_ok())
            .map(|h| h.1)
    }

    /// Makes sure that those which begin in `from..to` are known.
    fn search(&self, text: &[u8], from: usize, to: usize, hits: &mut KeywordHits) {
        if from < hits.searched.start || from > hits.searched.end {
            hits.clear();
            hits.searched = from..from;
        }
        if to <= hits.searched.end {
            return;
        }
        let KeywordHits { hits, wanted, searched, masks } = hits;
        let start = searched.end;
        let end = text.len().min(to.max(start + STEP));
        self.each_in(text, start..end, masks, |span, id| {
            if !in_marker(text, span) {
                hits.push((span, id));
                wanted.unite(&self.rules[usize::from(id)]);
            }
        });
        searched.end = end;
    }

    /// Calls `visit` with each keyword that begins in `range`, in order.
    fn each_in(
        &self,
        text: &[u8],
        range: std::ops::Range<usize>,
        masks: &mut Vec<Masks<{ set::COUNT }>>,
        mut visit: impl FnMut(Span, u16),
    ) {
        self.classifier.masks(&text[range.clone()], masks);
        let before = range.start.checked_sub(1).and_then(|i| text.get(i));
        let mut word_before = u64::from(before.is_some_and(u8::is_ascii_alphanumeric));
        for (block, here) in masks.iter().enumerate() {
            let word = here[set::WORD];
            let mut begins = word & !(word << 1 | word_before) | here[set::ODD];
            word_before = word >> 63;
            while begins != 0 {
                let at = range.start + block * BLOCK + begins.trailing_zeros() as usize;
                begins &= begins - 1;
                let eight = fold(&text[at..]);
                let [first, second, third, ..] = eight.to_le_bytes();
                let head = head(first, second);
                let beginning = head << 5 | usize::from(third & 31);
                if self.beginnings[beginning / 64] >> (beginning % 64) & 1 == 0 {
                    continue;
                }
                let (from, to) = self.heads[head];
                for e in &self.entries[usize::from(from)..usize::from(to)] {
                    if eight & e.mask != e.begins {
                        continue;
                    }
                    let keyword = self.words[usize::from(e.id)].as_bytes();
                    let span = Span::at(at, at + keyword.len());
                    let same = text.get(span.range()).is_some_and(|t| t.eq_ignore_ascii_case(keyword));
                    if same && ends(text, span) {
                        visit(span, e.id);
                    }
                }
            }
        }
    }

    /// The ids of all keywords in a short text, such as a field's name with its parts parted by blanks.
    pub(super) fn all_in(&self, text: &[u8]) -> Vec<u16> {
        let mut ids = Vec::new();
        self.each_in(text, 0..text.len(), &mut Vec::new(), |_, id| ids.push(id));
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// No letter or digit goes on where one ends; an underscore parts words.
fn ends(text: &[u8], s: Span) -> bool {
    let after = text.get(s.end()).is_some_and(u8::is_ascii_alphanumeric);
    !(after && text[s.end() - 1].is_ascii_alphanumeric())
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
        let words = ["mrn".to_owned(), "chart no".to_owned()];
        let mut k = Keywords::new(words.to_vec());
        let (ids, none) = (k.wants(3, &words), k.wants(4, &[]));
        assert_eq!((ids.len(), none.len()), (2, 0));
        let near = |text: &str, at: usize, window: usize| {
            let span = Span::at(at, at + 1);
            k.near(text.as_bytes(), span, window, (3, &ids), &mut KeywordHits::default())
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

    /// Every keyword at every place, compared byte by byte.
    #[test]
    fn all_are_found() {
        let words = ["a", "ab", "abc", "mrn", "no.", "#", "d.o.b", "né", "é", "chart no", "x"];
        let k = Keywords::new(words.iter().map(|w| w.to_string()).collect());
        let parts = [
            "ab", "A", " ", "mrn", "MRN", "_", "#", "no.", "7", "D.O.B", "chart no", "NÉ", "né", "abc", "é",
            "x",
        ];
        let mut n = 1u32;
        for _ in 0..500 {
            let text: String = (0..40)
                .map(|_| {
                    n = n.wrapping_mul(1_103_515_245).wrapping_add(12_345);
                    parts[(n >> 16) as usize % parts.len()]
                })
                .collect();
            let text = text.as_bytes();
            let alone = |s: Span| {
                let edge = |a: usize, b: usize| {
                    let alnum = |i: usize| text.get(i).is_some_and(u8::is_ascii_alphanumeric);
                    alnum(a) && alnum(b)
                };
                !(s.start() > 0 && edge(s.start() - 1, s.start()) || edge(s.end() - 1, s.end()))
            };
            let mut want = Vec::new();
            for at in 0..text.len() {
                for (id, w) in k.words.iter().enumerate() {
                    let s = Span::at(at, at + w.len());
                    let same = text.get(s.range()).is_some_and(|t| t.eq_ignore_ascii_case(w.as_bytes()));
                    if same && alone(s) {
                        want.push((s, id as u16));
                    }
                }
            }
            want.sort_unstable();
            let mut got = Vec::new();
            let (first, rest) = (0..text.len() / 3, text.len() / 3..text.len());
            for range in [first, rest] {
                k.each_in(text, range, &mut Vec::new(), |s, id| got.push((s, id)));
            }
            assert_eq!(got, want);
        }
    }

    #[test]
    fn steps_lose_nothing() {
        let mut k = Keywords::new(vec!["mrn".into()]);
        let ids = k.wants(700, &["mrn".into()]);
        for shift in 0..8 {
            let mut text = vec![b'.'; 3 * STEP];
            let at = STEP - 4 + shift;
            text[at..at + 3].copy_from_slice(b"mrn");
            let mut hits = KeywordHits::default();
            for i in (0..text.len()).step_by(7) {
                let want = at + 3 <= i + 1 + 40 && at + 40 >= i && !(at < i && at + 3 > i + 40);
                let got = k.near(&text, Span::at(i, i + 1), 40, (700, &ids), &mut hits).is_some();
                assert_eq!(got, want && at >= i.saturating_sub(40), "shift {shift} at {i}");
            }
        }
    }
}
