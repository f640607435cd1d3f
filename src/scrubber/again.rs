//! Where a text that was rewritten is looked at again.
//!
//! What is found at a place depends on what stands near it. So of a long text only what stands near a change is gone through once
//! more: else each change would cost a pass over all of it.

use super::merge::Decided;
use crate::codec::Segment;
use crate::span::Span;

/// A part of a text that is gone through by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    /// What is read.
    pub(super) read: Span,
    /// What of it has all around it that counts: what is found elsewhere does not count.
    pub(super) counts: Span,
}

/// The windows of a text of `len` bytes around what `changed` in it; `None` if it is as well gone through as a whole. `segments` are
/// those of the rewritten text, `changed` is in order and counted in the text that it was, and `reach` is how far around a place
/// something counts, in bytes.
pub(super) fn windows(
    segments: &[Segment],
    changed: &[Decided],
    len: usize,
    reach: usize,
) -> Option<Vec<Window>> {
    if len / 4 < reach {
        return None;
    }
    let mut windows: Vec<Window> = Vec::new();
    let mut changed = changed.iter().map(|d| d.span).peekable();
    for s in segments.iter().filter(|s| !s.verbatim) {
        let raw = Span::new(s.raw, s.raw + s.raw_len);
        while changed.next_if(|c| c.end() <= raw.start()).is_some() {}
        if !changed.peek().is_some_and(|c| c.overlaps(raw)) {
            continue;
        }
        let (start, end) = (s.text as usize, (s.text + s.text_len) as usize);
        let around = |by: usize| Span::at(start.saturating_sub(by), len.min(end + by));
        let (read, counts) = (around(2 * reach), around(reach));
        match windows.last_mut().filter(|w| w.read.end() >= read.start()) {
            Some(last) => {
                *last = Window { read: last.read.union(read), counts: last.counts.union(counts) };
            }
            None => windows.push(Window { read, counts }),
        }
    }
    let all: usize = windows.iter().map(|w| w.read.len()).sum();
    (all < len / 2).then_some(windows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{DetectorId, Finding};
    use crate::kind::Kind;
    use crate::policy::Action;

    fn changed(spans: &[(u32, u32)]) -> Vec<Decided> {
        let decided = |&(a, b): &(u32, u32)| {
            let span = Span::new(a, b);
            let lead = Finding { span, detector: DetectorId(0), kind: Kind::Ssn, confidence: 1.0 };
            Decided { span, lead, action: Action::Redact }
        };
        spans.iter().map(decided).collect()
    }

    /// A text of 10,000 bytes in which some ten were replaced by five each.
    fn segments(places: &[u32]) -> Vec<Segment> {
        let (mut all, mut raw, mut text) = (Vec::new(), 0, 0);
        for at in places.iter().copied().chain([10_000]) {
            all.push(Segment { text, text_len: at - raw, raw, raw_len: at - raw, verbatim: true });
            text += at - raw;
            if at < 10_000 {
                all.push(Segment { text, text_len: 5, raw: at, raw_len: 10, verbatim: false });
                text += 5;
            }
            raw = at + 10;
        }
        all
    }

    #[test]
    fn windows_lie_around_changes() {
        let of = |places: &[u32], spans: &[(u32, u32)], reach: usize| {
            let len = 10_000 - 5 * places.len();
            let windows = windows(&segments(places), &changed(spans), len, reach)?;
            Some(
                windows
                    .iter()
                    .map(|w| [w.read.start(), w.counts.start(), w.counts.end(), w.read.end()])
                    .collect(),
            )
        };
        let none: Option<Vec<[usize; 4]>> = None;
        let places = [100, 5000, 5030, 9990];
        assert_eq!(of(&places, &[], 50), Some(vec![]));
        assert_eq!(of(&places, &[(100, 110)], 50), Some(vec![[0, 50, 155, 205]]));
        assert_eq!(of(&places, &[(100, 110)], 150), Some(vec![[0, 0, 255, 405]]));
        assert_eq!(of(&places, &[(5000, 5010)], 50), Some(vec![[4895, 4945, 5050, 5100]]));
        assert_eq!(of(&places, &[(5000, 5010), (5030, 5040)], 50), Some(vec![[4895, 4945, 5075, 5125]]));
        assert_eq!(of(&places, &[(5030, 5040)], 50), Some(vec![[4920, 4970, 5075, 5125]]));
        assert_eq!(of(&places, &[(9990, 10_000)], 50), Some(vec![[9875, 9925, 9980, 9980]]));
        // Nearly all of it; and a text that is too short for windows.
        assert_eq!(of(&places, &[(100, 110), (5000, 5010), (9990, 10_000)], 900), none);
        assert_eq!(of(&places, &[(100, 110)], 2500), none);
    }
}
