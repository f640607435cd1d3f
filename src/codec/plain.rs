//! Plain text: the record is one leaf.

use super::{Edit, Leaf, Map, Path, Place};

pub(super) fn leaves(payload: &[u8], visit: &mut dyn FnMut(&Leaf<'_>)) {
    visit(&Leaf { text: payload, map: Map::Direct(0), path: Path::ROOT, place: Place::Text, depth: 0 });
}

pub(super) fn encode(payload: &[u8], edits: &[Edit], text: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    for e in edits {
        out.extend_from_slice(&payload[at..e.span.start()]);
        out.extend_from_slice(&text[e.replacement.range()]);
        at = e.span.end();
    }
    out.extend_from_slice(&payload[at..]);
}
