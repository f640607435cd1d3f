//! JSON, scanned in place.
//!
//! - `lex` walks the bytes once and hands out every string, key, number and stray text as a leaf.
//! - `decode` undoes escapes and keeps the way back to the payload.
//! - `encode` splices edits in, escaped for where they stand.
//! - `structure` tells where a document ends that goes over lines.
//! - `keys` keeps the keys of an object apart when edits would make them equal.

mod decode;
mod encode;
mod keys;
mod lex;
mod shape;
mod structure;

pub(super) use decode::escape;
pub(super) use encode::encode;
pub(crate) use shape::Shapes;
pub(super) use structure::{State, Structure};

use super::Leaf;

/// JSON inside a string is entered, and JSON inside a string of that, up to this many times; a string
/// deeper down is one leaf.
pub const MAX_NESTED: u8 = 8;

/// What takes the place of a redacted number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NumberStyle {
    /// A JSON string with the marker.
    #[default]
    String,
    /// `null`.
    Null,
    /// `0`.
    Zero,
}

/// Memory kept from record to record.
#[derive(Default)]
pub(crate) struct Scratch {
    lexer: lex::Memory,
    encoder: encode::Memory,
}

/// Visits the leaves of a record: string values, object keys, numbers, and whatever text stands where a token should.
///
/// Nothing fails: a broken or cut-off document is read on, and every byte that could carry text is in some leaf.
/// The literals `true`, `false` and `null` are none.
pub(super) fn leaves(payload: &[u8], scratch: &mut Scratch, visit: &mut dyn FnMut(&Leaf<'_>)) {
    lex::walk(payload, &mut scratch.lexer, &mut Visit(visit));
}

struct Visit<'a>(&'a mut dyn FnMut(&Leaf<'_>));

impl lex::Events for Visit<'_> {
    #[inline]
    fn leaf(&mut self, leaf: &Leaf<'_>) {
        (self.0)(leaf);
    }
}

#[cfg(test)]
mod tests;
