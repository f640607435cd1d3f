//! What profile `logs` lets stand, so that a log stays a log.

use crate::codec::{Leaf, Place};
use crate::detect::{self, Finding};
use crate::kind::Kind;
use crate::span::Span;

/// Whether this leaf is a JSON record's own event time: a top-level member of one of the names that say so, whose
/// value is an instant.
pub(super) fn is_event_time(leaf: &Leaf<'_>) -> bool {
    matches!(leaf.place, Place::String | Place::Number)
        && leaf.depth == 0
        && leaf.path.depth() == 1
        && leaf.path.keys_inward_out().next().is_some_and(|k| detect::EVENT_TIME_KEYS.contains(&k))
        && detect::is_instant(leaf.text.trim_ascii())
}

/// The timestamp that a plain line begins with.
pub(super) fn leading_time(leaf: &Leaf<'_>) -> Option<Span> {
    if may_lead(leaf) { detect::leading(leaf.text) } else { None }
}

/// Whether a leaf is the beginning of a plain line.
pub(super) fn may_lead(leaf: &Leaf<'_>) -> bool {
    leaf.place == Place::Text && leaf.depth == 0 && leaf.path.depth() == 0 && leaf.map.base() == 0
}

/// Whether the profile lets a finding stand as it is: the line's own time, or an address that means nothing
/// outside of the network it was seen in.
pub(super) fn stands(finding: &Finding, text: &[u8], event_time: Option<Span>) -> bool {
    finding.kind == Kind::Date && event_time.is_some_and(|t| t.contains(finding.span))
        || finding.kind == Kind::Ip && detect::is_private_address(&text[finding.span.range()])
}
