//! The one pass over the raw bytes: gives the places where some pattern may match.

use std::collections::BTreeMap;

use super::classes::{self, BLOCK, COUNT, Masks, class};
use super::shape::{Sequence, Starts, word_key};

/// A place where the patterns of a group may match (or, for an inner sequence, where that stands).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate {
    pub(crate) at: u32,
    /// Index into [`Prefilter::groups`].
    pub(crate) group: u16,
}

/// Blocks classified in one go: their masks stay in the first-level cache.
const CHUNK: usize = 32;

/// Bytes of a sequence that the tree looks at: deeper, it would grow faster than it filters. The guard sees the rest.
const MAX_DEPTH: usize = 7;

/// A node of the tree of class sequences, in pre-order.
#[derive(Debug)]
struct Node {
    set: u16,
    depth: u8,
    /// Index of the next node that is not below this one.
    skip: u16,
    /// The group that ends here, if any.
    group: Option<u16>,
}

/// All patterns' starts, merged.
pub(super) struct Prefilter {
    /// The distinct unions of classes that nodes ask for.
    sets: Vec<u32>,
    /// Two trees: starts anywhere, starts at a word boundary.
    anywhere: Vec<Node>,
    boundary: Vec<Node>,
    /// Patterns by group.
    groups: Vec<Vec<u16>>,
    /// Of each group, which of the first 64 patterns are in it.
    first_64: Vec<u64>,
    /// First four letters of words that start patterns: a bitmap, then the exact table.
    word_bits: Box<[u64; WORD_BITS / 64]>,
    words: Vec<(u32, u16)>,
}

const WORD_BITS: usize = 1 << 14;

fn word_hash(key: u32) -> usize {
    (key.wrapping_mul(0x9E37_79B1) >> (32 - 14)) as usize
}

/// A worker's memory for the pass.
#[derive(Default)]
pub(crate) struct PrefilterScratch {
    masks: Vec<Masks>,
    sets: Vec<u64>,
}

#[derive(Default)]
struct Tree {
    children: BTreeMap<u32, Tree>,
    patterns: Vec<u16>,
}

impl Tree {
    fn insert(&mut self, classes: &[u32], pattern: u16) {
        match classes.split_first() {
            Some((first, rest)) => self.children.entry(*first).or_default().insert(rest, pattern),
            None if self.patterns.contains(&pattern) => {}
            None => self.patterns.push(pattern),
        }
    }
}

impl Prefilter {
    /// Merges the starts of all patterns; `starts[i]` is pattern `i`'s.
    pub(super) fn new(starts: &[Starts]) -> Prefilter {
        let (mut anywhere, mut boundary) = (Tree::default(), Tree::default());
        let mut words: BTreeMap<u32, Vec<u16>> = BTreeMap::new();
        for (pattern, start) in starts.iter().enumerate() {
            let pattern = pattern as u16;
            let (at_boundary, sequences) = match start {
                Starts::Words(keys) => {
                    keys.iter().for_each(|k| words.entry(*k).or_default().push(pattern));
                    continue;
                }
                Starts::Prefix { boundary, sequences } => (*boundary, sequences),
                Starts::Inner { sequences, .. } => (false, sequences),
            };
            for s in sequences {
                let in_word = s[0].iter().all(|b| classes::classes_of(b) >> class::WORD & 1 == 1);
                let tree = if at_boundary && in_word { &mut boundary } else { &mut anywhere };
                tree.insert(&cover(s), pattern);
            }
        }
        let mut p = Prefilter {
            sets: Vec::new(),
            anywhere: Vec::new(),
            boundary: Vec::new(),
            groups: Vec::new(),
            first_64: Vec::new(),
            word_bits: Box::new([0; WORD_BITS / 64]),
            words: Vec::new(),
        };
        p.anywhere = p.flatten(anywhere);
        p.boundary = p.flatten(boundary);
        for (key, patterns) in words {
            let h = word_hash(key);
            p.word_bits[h / 64] |= 1 << (h % 64);
            let group = p.group(patterns);
            p.words.push((key, group));
        }
        p
    }

    /// The patterns of a group.
    pub(super) fn patterns(&self, group: u16) -> &[u16] {
        &self.groups[group as usize]
    }

    /// Whether a pattern is in a group, for patterns up to the 64th.
    pub(super) fn is_in(&self, pattern: u16, group: u16) -> bool {
        self.first_64[group as usize] >> pattern & 1 == 1
    }

    fn group(&mut self, patterns: Vec<u16>) -> u16 {
        if let Some(i) = self.groups.iter().position(|g| *g == patterns) {
            return i as u16;
        }
        self.first_64.push(patterns.iter().filter(|p| **p < 64).fold(0, |bits, p| bits | 1 << p));
        self.groups.push(patterns);
        (self.groups.len() - 1) as u16
    }

    fn flatten(&mut self, tree: Tree) -> Vec<Node> {
        let mut nodes = Vec::new();
        self.flatten_below(tree, 0, &mut nodes);
        nodes
    }

    fn flatten_below(&mut self, tree: Tree, depth: u8, nodes: &mut Vec<Node>) {
        for (classes, child) in tree.children {
            let set = self.sets.iter().position(|s| *s == classes).unwrap_or_else(|| {
                self.sets.push(classes);
                self.sets.len() - 1
            });
            let group = (!child.patterns.is_empty()).then(|| self.group(child.patterns.clone()));
            let at = nodes.len();
            nodes.push(Node { set: set as u16, depth, skip: 0, group });
            self.flatten_below(child, depth + 1, nodes);
            nodes[at].skip = nodes.len() as u16;
        }
    }

    /// Appends every candidate of `text` to `out`, in order of place.
    pub(super) fn candidates(&self, text: &[u8], scratch: &mut PrefilterScratch, out: &mut Vec<Candidate>) {
        let mut word_before = false;
        let mut at = 0;
        while at < text.len() {
            // One block more than is looked at, since sequences reach over the end of a block.
            let upto = text.len().min(at + (CHUNK + 1) * BLOCK);
            classes::classify(&text[at..upto], &mut scratch.masks);
            scratch.masks.push([0; COUNT]);
            self.union_sets(scratch);
            let blocks = (text.len() - at).div_ceil(BLOCK).min(CHUNK);
            for b in 0..blocks {
                let first = out.len();
                let base = at + b * BLOCK;
                let masks = &scratch.masks[b];
                let preceded = masks[class::WORD] << 1 | u64::from(word_before);
                word_before = masks[class::WORD] >> 63 == 1;
                let valid =
                    if text.len() - base < BLOCK { (1u64 << (text.len() - base)) - 1 } else { u64::MAX };
                self.walk(&self.anywhere, &scratch.sets, b, valid, base, out);
                self.walk(&self.boundary, &scratch.sets, b, valid & !preceded, base, out);
                self.probe_words(text, base, masks, scratch.masks[b + 1][class::ALPHA], !preceded, out);
                if out.len() - first > 1 {
                    out[first..].sort_unstable();
                }
            }
            at += blocks * BLOCK;
        }
    }

    fn union_sets(&self, scratch: &mut PrefilterScratch) {
        scratch.sets.clear();
        for m in &scratch.masks {
            for &set in &self.sets {
                let mut bits = set;
                let mut union = 0;
                while bits != 0 {
                    union |= m[bits.trailing_zeros() as usize];
                    bits &= bits - 1;
                }
                scratch.sets.push(union);
            }
        }
    }

    /// Walks a tree for the 64 places of block `b`: a mask a depth says where the sequence fits so far, and a
    /// branch that fits nowhere is skipped whole.
    #[inline]
    fn walk(
        &self,
        nodes: &[Node],
        sets: &[u64],
        b: usize,
        start: u64,
        base: usize,
        out: &mut Vec<Candidate>,
    ) {
        let n = self.sets.len();
        let (here, next) = (&sets[b * n..(b + 1) * n], &sets[(b + 1) * n..(b + 2) * n]);
        let mut fits = [0u64; MAX_DEPTH + 1];
        fits[0] = start;
        let mut i = 0;
        while let Some(node) = nodes.get(i) {
            let (d, s) = (node.depth as usize, node.set as usize);
            let ahead = if d == 0 { here[s] } else { here[s] >> d | next[s] << (BLOCK - d) };
            let m = fits[d] & ahead;
            if m == 0 {
                i = node.skip as usize;
                continue;
            }
            if let Some(group) = node.group {
                let mut m = m;
                while m != 0 {
                    out.push(Candidate { at: (base + m.trailing_zeros() as usize) as u32, group });
                    m &= m - 1;
                }
            }
            fits[d + 1] = m;
            i += 1;
        }
    }

    /// Looks up every word's first four letters.
    #[inline]
    fn probe_words(
        &self,
        text: &[u8],
        base: usize,
        masks: &Masks,
        next_alpha: u64,
        unpreceded: u64,
        out: &mut Vec<Candidate>,
    ) {
        let alpha = masks[class::ALPHA];
        let mut starts = alpha & unpreceded;
        while starts != 0 {
            let i = starts.trailing_zeros() as usize;
            starts &= starts - 1;
            let ahead = if i == 0 { alpha } else { alpha >> i | next_alpha << (BLOCK - i) };
            let letters = ahead.trailing_ones();
            let raw = match text.get(base + i..base + i + 4) {
                Some(four) => u32::from_le_bytes([four[0], four[1], four[2], four[3]]),
                None => text[base + i..].iter().rev().fold(0, |k, &b| k << 8 | u32::from(b)),
            };
            let key = word_key(raw, letters);
            let h = word_hash(key);
            if self.word_bits[h / 64] >> (h % 64) & 1 == 1
                && let Ok(found) = self.words.binary_search_by_key(&key, |w| w.0)
            {
                out.push(Candidate { at: (base + i) as u32, group: self.words[found].1 });
            }
        }
    }
}

fn cover(s: &Sequence) -> Vec<u32> {
    s.iter().take(MAX_DEPTH).map(|set| set.cover()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_automata::{Anchored, Input, meta::Regex};

    use super::*;
    use crate::detect::shape;

    const PATTERNS: &[&str] = &[
        r"\b\d{3}-\d{2}-\d{4}\b",
        r"\b\d{3} ?\d{2} ?\d{4}\b",
        r"\(?\d{3}\)?[ .-]\d{3}",
        r"\b(?i:patient|pt|dr)[.: ]{1,2}[A-Z]",
        r"\b(?i:jan|feb)(?i:uary)? \d",
        r"\b[0-9a-fA-F]{1,4}:[0-9a-fA-F]{1,4}:",
    ];

    fn build() -> (Prefilter, Vec<Regex>) {
        let mut starts = Vec::new();
        let mut regexes = Vec::new();
        for p in PATTERNS {
            let hir = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(p).unwrap();
            starts.push(shape::starts(&hir).unwrap());
            regexes.push(Regex::builder().build_from_hir(&hir).unwrap());
        }
        (Prefilter::new(&starts), regexes)
    }

    proptest! {
        /// No place where a pattern matches is missed.
        #[test]
        fn every_match_is_a_candidate(
            head in "[a-z0-9 ]{0,70}",
            body in r"(?:[0-9]{1,5}|[-. :/()]|patient|Pt|DR|jan|February|[a-f]{1,4}|[A-Z]|\u{e9}){0,40}",
        ) {
            let (prefilter, regexes) = build();
            let text = format!("{head}{body}").into_bytes();
            let mut found = Vec::new();
            prefilter.candidates(&text, &mut PrefilterScratch::default(), &mut found);
            prop_assert!(found.windows(2).all(|w| w[0].at <= w[1].at));
            for at in 0..text.len() {
                for (i, re) in regexes.iter().enumerate() {
                    let input = Input::new(&text).span(at..text.len()).anchored(Anchored::Yes);
                    if re.search(&input).is_some() {
                        let hit = found.iter().any(|c| c.at as usize == at && prefilter.patterns(c.group).contains(&(i as u16)));
                        prop_assert!(hit, "pattern {i} at {at} of {:?}", String::from_utf8_lossy(&text));
                    }
                }
            }
        }
    }

    #[test]
    fn clean_text_has_no_candidates() {
        let (prefilter, _) = build();
        let mut found = Vec::new();
        let text =
            b"level=info msg=started worker=7 took 12ms and nothing else happened in the meantime, honestly";
        prefilter.candidates(text, &mut PrefilterScratch::default(), &mut found);
        assert_eq!(found, []);
    }
}
