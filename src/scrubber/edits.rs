//! From what was decided in the leaves of a record's part to edits of its bytes.
//!
//! What takes a key waits until all leaves have been seen: only then is it known whose record it is and whom it speaks of.

use super::leaves::{LeafScratch, replace};
use super::part::Unreadable;
use super::{Keys, whose::Whose};
use crate::codec::{Edit, Leaf, Place};
use crate::kind::Kind;
use crate::policy::Action;
use crate::span::Span;
use crate::transform::{Failed, KeyedScratch, Value};

/// The edits of one part of a record.
#[derive(Default)]
pub(super) struct Edits {
    pub(super) list: Vec<Edit>,
    /// What the replacements are ranges of.
    pub(super) text: Vec<u8>,
    pending: Vec<Pending>,
}

/// An edit whose replacement is still the value itself.
struct Pending {
    edit: usize,
    kind: Kind,
    action: Action,
    number: bool,
}

impl Edits {
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.text.clear();
        self.pending.clear();
    }

    /// Adds an edit for each thing decided in a leaf, and shows its kind and where it begins in the payload to `count`; whether a rule
    /// says to drop the record.
    pub(super) fn add(
        &mut self,
        leaf: &Leaf<'_>,
        scratch: &LeafScratch,
        this_year: i32,
        mut count: impl FnMut(Kind, usize),
    ) -> bool {
        for d in &scratch.decided {
            let start = self.text.len();
            let value = &leaf.text[d.span.range()];
            if d.action.is_keyed() {
                let (edit, number) = (self.list.len(), leaf.place == Place::Number);
                self.pending.push(Pending { edit, kind: d.lead.kind, action: d.action, number });
                self.text.extend_from_slice(value);
            } else {
                replace(d, leaf, this_year, &mut self.text);
                // A year that stands alone generalises to itself.
                if d.action == Action::Generalize && self.text[start..] == *value {
                    self.text.truncate(start);
                    continue;
                }
            }
            let span = leaf.map.to_payload(d.span);
            count(d.lead.kind, span.start());
            let replacement = Span::at(start, self.text.len());
            self.list.push(Edit { span, replacement, place: leaf.place, depth: leaf.depth });
        }
        scratch.decided.iter().any(|d| d.action == Action::Drop)
    }

    /// Puts in place what takes a key. Whether the vault gave out tokens, which have to be made durable.
    pub(super) fn resolve(
        &mut self,
        keys: Option<&Keys>,
        whose: &Whose,
        scratch: &mut KeyedScratch,
    ) -> Result<bool, Unreadable> {
        if self.pending.is_empty() {
            return Ok(false);
        }
        let Edits { list, text, pending } = self;
        let Some(keys) = keys else {
            // No configuration gets here: without a key nothing is put in place but markers.
            for p in pending.drain(..) {
                let start = text.len();
                text.extend_from_slice(p.kind.marker().as_bytes());
                list[p.edit].replacement = Span::at(start, text.len());
            }
            return Ok(false);
        };
        let context = whose.context(&keys.tenant);
        let mut made = Vec::new();
        for p in pending.iter().filter(|p| p.action != Action::Token) {
            made.clear();
            let value = p.value(&list[p.edit], text);
            keys.keyed.transform(value, context, scratch, &mut made)?;
            list[p.edit].replacement = append(text, &made);
        }
        let mut tokens = Vec::new();
        let asked = pending.iter().filter(|p| p.action == Action::Token);
        if asked.clone().next().is_some() {
            let values = asked.clone().map(|p| p.value(&list[p.edit], text));
            keys.keyed.tokenize(values, context, scratch, |token| tokens.push(token.to_vec()))?;
        }
        let edits: Vec<usize> = asked.map(|p| p.edit).collect();
        for (edit, token) in edits.iter().zip(&tokens) {
            list[*edit].replacement = append(text, token);
        }
        pending.clear();
        Ok(!tokens.is_empty())
    }
}

fn append(text: &mut Vec<u8>, more: &[u8]) -> Span {
    let start = text.len();
    text.extend_from_slice(more);
    Span::at(start, text.len())
}

impl Pending {
    fn value<'t>(&self, edit: &Edit, text: &'t [u8]) -> Value<'t> {
        let Pending { kind, action, number, .. } = *self;
        Value { kind, action, text: &text[edit.replacement.range()], number }
    }
}

impl From<Failed> for Unreadable {
    fn from(failed: Failed) -> Unreadable {
        match failed {
            Failed::Record(reason) => Unreadable { reason, halts: false },
            Failed::Keys(reason) => Unreadable { reason, halts: true },
        }
    }
}
