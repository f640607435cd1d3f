//! A name that was found once in a record is found again in it: its surname alone, its capitals.

use memchr::memmem;

use super::names::{Names, Word};
use super::scan::{DetectScratch, Query, Scene};
use super::{Engine, Finding, fold};
use crate::codec::{Leaf, Map};
use crate::span::Span;

/// More words of names than this in one record are not looked for again.
const MOST: usize = 64;

/// The words of the names found in a record.
#[derive(Default)]
pub(crate) struct Known {
    words: Vec<Word>,
}

impl Known {
    pub(crate) fn clear(&mut self) {
        self.words.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether a word stands somewhere in `bytes` outside of `taken`, which is in order.
    pub(crate) fn stands_in(&self, bytes: &[u8], taken: impl Iterator<Item = Span> + Clone) -> bool {
        let free = |at: usize, len: usize| !taken.clone().any(|t| t.start() <= at && at + len <= t.end());
        let escaped = bytes.contains(&b'\\');
        self.words.iter().any(|w| {
            escaped && w.forms[0].iter().any(|b| *b >= 0x80)
                || w.forms.iter().any(|f| memmem::find_iter(bytes, f).any(|at| free(at, f.len())))
        })
    }
}

impl Engine {
    /// Remembers the words of a name.
    pub(crate) fn remember(&self, text: &[u8], name: Span, known: &mut Known) {
        if self.again.is_none() {
            return;
        }
        Names::builtin().words(text, name, |word| {
            if known.words.len() < MOST && known.words.iter().all(|w| w.folded != word.folded) {
                known.words.push(word);
            }
        });
    }

    /// Finds the words of names that the record is known to hold.
    pub(crate) fn find_known(
        &self,
        leaf: &Leaf<'_>,
        known: &Known,
        query: Query,
        scratch: &mut DetectScratch,
        out: &mut Vec<Finding>,
    ) {
        let Some(number) = self.again.filter(|_| !known.is_empty()) else { return };
        let (field, names, keywords, folded) = self.for_known(leaf, scratch);
        let mut look = |text: &[u8], out: &mut Vec<Finding>| {
            let scene = Scene { text, field, query };
            keywords.clear();
            Names::builtin().find_again(text, &known.words, names, |span| {
                out.extend(self.weigh(&scene, number, span, Some(0.0), keywords));
            });
        };
        look(leaf.text, out);
        if fold::fold(leaf.text, folded) {
            let first = out.len();
            look(&folded.text, out);
            let map = Map::Segments(&folded.segments);
            out[first..].iter_mut().for_each(|f| f.span = map.to_payload(f.span));
        }
    }
}
