//! JSON, scanned in place.

use super::{Edit, Leaf};

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
pub(crate) struct Scratch {}

pub(super) fn leaves(payload: &[u8], _scratch: &mut Scratch, visit: &mut dyn FnMut(&Leaf<'_>)) {
    super::plain::leaves(payload, visit);
}

pub(super) fn encode(
    payload: &[u8],
    edits: &[Edit],
    text: &[u8],
    _number: NumberStyle,
    _scratch: &mut Scratch,
    out: &mut Vec<u8>,
) {
    super::plain::encode(payload, edits, text, out);
}
