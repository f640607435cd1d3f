//! Overlapping findings are united, and the strictest action wins.

use crate::detect::Finding;
use crate::policy::Action;
use crate::span::Span;

/// A finding with what is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Decided {
    /// What it covers: at least the finding's own span.
    pub(super) span: Span,
    /// What decides the kind.
    pub(super) lead: Finding,
    pub(super) action: Action,
}

/// Unites what overlaps, in place. The result is sorted and free of overlaps.
///
/// The kind is that of the strictest, then the longest. Where two findings overlap only in part, what both cover is
/// redacted whole: a mask or a token of it would depend on its neighbours. A tail never stays in clear because
/// another detector took the head.
pub(super) fn unite(all: &mut Vec<Decided>) {
    all.retain(|d| d.action != Action::Keep && !d.span.is_empty());
    if all.len() < 2 {
        return;
    }
    // Outer before inner; so a finding that is not within the one before it sticks out on the right.
    all.sort_by_key(|d| (d.span.start(), std::cmp::Reverse(d.span.end())));
    let mut kept = 0;
    // Of two alike the one that stands first among the kinds: a name before a town.
    let rank = |d: &Decided| (d.action, d.span.len(), std::cmp::Reverse(d.lead.kind as usize));
    let mut lead = rank(&all[0]);
    for i in 1..all.len() {
        let next = all[i];
        let last = &mut all[kept];
        if !last.span.overlaps(next.span) {
            kept += 1;
            all[kept] = next;
            lead = rank(&next);
            continue;
        }
        let partial = !last.span.contains(next.span);
        if rank(&next) > lead {
            last.lead = next.lead;
            lead = rank(&next);
        }
        last.action = last.action.max(next.action);
        if partial {
            last.action = last.action.max(Action::Redact);
        }
        last.span = last.span.union(next.span);
    }
    all.truncate(kept + 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::detect::DetectorId;
    use crate::kind::Kind;

    const MASK: Action = Action::Mask { keep_last: 4, with: '*' };

    #[test]
    fn overlaps() {
        let d = |a, b, kind, action| {
            let span = Span::new(a, b);
            Decided { span, lead: Finding { span, detector: DetectorId(0), kind, confidence: 0.9 }, action }
        };
        use Action::{Drop, Keep, Redact};
        use Kind::{Date, Phone, Ssn};
        let cases: &[(&[Decided], &[Decided])] = &[
            (&[d(0, 3, Ssn, Redact), d(3, 5, Date, Redact)], &[d(0, 3, Ssn, Redact), d(3, 5, Date, Redact)]),
            (&[d(0, 5, Ssn, Redact), d(1, 3, Date, Redact)], &[d(0, 5, Ssn, Redact)]),
            (&[d(1, 3, Date, Redact), d(0, 5, Ssn, MASK)], &[d(0, 5, Date, Redact)]),
            (&[d(0, 5, Ssn, MASK), d(3, 9, Phone, MASK)], &[d(0, 9, Phone, Redact)]),
            (&[d(0, 5, Ssn, MASK), d(1, 4, Ssn, MASK)], &[d(0, 5, Ssn, MASK)]),
            (&[d(0, 5, Ssn, Keep), d(3, 9, Phone, MASK)], &[d(3, 9, Phone, MASK)]),
            (&[d(0, 5, Ssn, Redact), d(3, 4, Phone, Drop)], &[d(0, 5, Phone, Drop)]),
            (&[d(0, 4, Ssn, MASK), d(2, 6, Date, MASK), d(5, 20, Phone, MASK)], &[d(0, 20, Phone, Redact)]),
            (&[d(4, 4, Ssn, Redact)], &[]),
        ];
        for (given, want) in cases {
            let mut got = given.to_vec();
            unite(&mut got);
            let shown =
                |all: &[Decided]| all.iter().map(|d| (d.span, d.lead.kind, d.action)).collect::<Vec<_>>();
            assert_eq!(shown(&got), shown(want), "{given:?}");
        }
    }
}
