//! What is looked for, and what is not worth a look.

use crate::kind::{Kind, KindSet};

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Findings of other kinds are left out.
    pub(crate) kinds: KindSet,
    /// Findings below this are left out, in log-odds.
    pub(super) least: f32,
    /// Past this nobody asks how sure a finding is, in log-odds.
    pub(super) enough: f32,
    /// Dates within the time that the text begins with are left out.
    pub(super) spares_leading_time: bool,
    /// Addresses that mean nothing outside of their network are left out.
    pub(super) spares_private_addresses: bool,
    /// Nobody on the roster is looked for.
    pub(super) passes_roster_by: bool,
}

impl Query {
    /// Findings of `kinds` with a confidence of `min_confidence` or more.
    pub fn new(kinds: KindSet, min_confidence: f32) -> Query {
        Query {
            kinds,
            least: log_odds(min_confidence),
            enough: f32::INFINITY,
            spares_leading_time: false,
            spares_private_addresses: false,
            passes_roster_by: false,
        }
    }

    /// The same for one kind alone, if it is asked for.
    pub(crate) fn only(self, kind: Kind) -> Query {
        let kinds = if self.kinds.contains(kind) { KindSet::EMPTY.with(kind) } else { KindSet::EMPTY };
        Query { kinds, ..self }
    }

    /// The same without one kind.
    pub(crate) fn without(self, kind: Kind) -> Query {
        Query { kinds: self.kinds.without(kind), ..self }
    }

    /// The same without dates within the time that the text begins with.
    pub(crate) fn sparing_leading_time(self) -> Query {
        Query { spares_leading_time: true, ..self }
    }

    /// The same with the time that a line begins with.
    pub(crate) fn heeding_leading_time(self) -> Query {
        Query { spares_leading_time: false, ..self }
    }

    /// The same without addresses that mean nothing outside of their network.
    pub(crate) fn sparing_private_addresses(self) -> Query {
        Query { spares_private_addresses: true, ..self }
    }

    /// The same without patients on the roster.
    pub(crate) fn passing_roster_by(self) -> Query {
        Query { passes_roster_by: true, ..self }
    }

    /// The same, for someone who does not ask how far above `confidence` a finding is: evidence that would not bring it
    /// below any more need not be gathered, and its confidence is then a lower bound.
    pub fn up_to(self, confidence: f32) -> Query {
        Query { enough: log_odds(confidence), ..self }
    }
}

fn log_odds(confidence: f32) -> f32 {
    let p = confidence.clamp(1e-6, 1.0 - 1e-6);
    (p / (1.0 - p)).ln()
}

/// The confidence of a sum of log-odds.
pub(super) fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
