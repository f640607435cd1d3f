//! Keeps the keys of an object apart.
//!
//! Two keys that held different names may hold the same marker after the edits, and most readers then lose one of
//! their values. The edited ones get `_2`, `_3` and so on; keys that no edit touched stay as they were, even
//! where they were equal from the start.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::lex::{self, Events};
use crate::codec::{Leaf, Place};
use crate::span::Span;

/// Memory of [`renamed`].
#[derive(Default)]
pub(super) struct Memory {
    renamed: Vec<(u32, String)>,
}

/// The suffixes that edited keys of `document` need, and the offsets they go to, in order. `edited` says where
/// the edits' replacements stand.
pub(super) fn renamed<'m>(
    document: &[u8],
    edited: &[Span],
    lexer: &mut lex::Memory,
    memory: &'m mut Memory,
) -> &'m [(u32, String)] {
    memory.renamed.clear();
    let mut objects = Objects {
        edited,
        names: Vec::new(),
        keys: Vec::new(),
        open: Vec::new(),
        renamed: &mut memory.renamed,
    };
    lex::walk(document, lexer, &mut objects);
    memory.renamed.sort_unstable();
    &memory.renamed
}

/// The objects that are open, and their keys so far.
struct Objects<'a> {
    /// Edits not yet passed.
    edited: &'a [Span],
    /// The keys' names, one after the other.
    names: Vec<u8>,
    keys: Vec<Key>,
    /// For each open object its first key, and whether one of its keys was edited.
    open: Vec<(usize, bool)>,
    renamed: &'a mut Vec<(u32, String)>,
}

struct Key {
    name: Range<usize>,
    /// Where it ends in the document.
    end: u32,
    edited: bool,
}

impl Events for Objects<'_> {
    fn leaf(&mut self, leaf: &Leaf<'_>) {
        if leaf.place != Place::Key {
            return;
        }
        let span = leaf.map.to_payload(Span::at(0, leaf.text.len()));
        while let Some((first, rest)) = self.edited.split_first()
            && first.end() <= span.start()
        {
            self.edited = rest;
        }
        let edited = self.edited.first().is_some_and(|e| e.overlaps(span));
        let start = self.names.len();
        self.names.extend_from_slice(leaf.text);
        self.keys.push(Key { name: start..self.names.len(), end: span.end() as u32, edited });
        if let Some(object) = self.open.last_mut() {
            object.1 |= edited;
        }
    }

    fn open_object(&mut self) {
        self.open.push((self.keys.len(), false));
    }

    fn close_object(&mut self) {
        let Some((first, edited)) = self.open.pop() else { return };
        if edited {
            self.separate(first);
        }
        if let Some(key) = self.keys.get(first) {
            self.names.truncate(key.name.start);
        }
        self.keys.truncate(first);
    }
}

impl Objects<'_> {
    fn separate(&mut self, first: usize) {
        let keys = &self.keys[first..];
        let name = |k: &Key| &self.names[k.name.clone()];
        let mut taken: HashSet<Vec<u8>> =
            keys.iter().filter(|k| !k.edited).map(|k| name(k).to_vec()).collect();
        let mut next: HashMap<&[u8], u32> = HashMap::new();
        for key in keys.iter().filter(|k| k.edited) {
            let name = name(key);
            if taken.insert(name.to_vec()) {
                continue;
            }
            let n = next.entry(name).or_insert(2);
            loop {
                let suffix = format!("_{n}");
                *n += 1;
                if taken.insert([name, suffix.as_bytes()].concat()) {
                    self.renamed.push((key.end, suffix));
                    break;
                }
            }
        }
    }
}
