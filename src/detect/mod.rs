//! Finds PHI in leaves.
//!
//! ```text
//! bytes -> prefilter -> candidates
//! leaf + its candidates -> match -> check, keywords, field, protected forms -> Finding
//! ```
//!
//! Detectors are data ([`Pack`]); an [`Engine`] is packs compiled. One pass over the raw bytes gives the few places where
//! any pattern can start; patterns run only there. Whether a match acts is decided by adding up evidence, in
//! log-odds.

mod automaton;
mod checks;
mod classes;
mod engine;
mod event_time;
mod examples;
mod facts;
mod fields;
mod fold;
mod keywords;
mod known;
mod matcher;
pub(crate) mod names;
mod nfa;
mod pack;
mod pass;
mod pieces;
mod prefilter;
mod private;
#[doc(hidden)]
pub mod probe;
mod protected;
mod query;
pub mod roster;
mod rostered;
mod rows;
mod scan;
mod simd;
mod slow;
mod starts;
mod steps;
mod tables;
mod values;
mod whatever;

pub use checks::Check;
pub use engine::{DetectorInfo, Engine};
pub(crate) use event_time::{KEYS as EVENT_TIME_KEYS, is_instant, leading};
pub use examples::ExampleFailure;
pub(crate) use known::Known;
pub use pack::{MAX_MATCH_BYTES, Pack, PackErrors, Weights};
pub(crate) use prefilter::Candidate;
pub(crate) use private::is_private_address;
pub use query::Query;
pub use scan::DetectScratch;
pub use slow::StepLimit;
pub(crate) use values::Values;

use crate::kind::Kind;
use crate::span::Span;

/// Names a detector of an [`Engine`]: an index into [`Engine::detectors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DetectorId(pub u16);

impl DetectorId {
    /// No detector: the text has the form of a token, which says itself what it stands for.
    pub const TOKEN: DetectorId = DetectorId(u16::MAX);
}

/// Something found: where, by which detector, how sure. It never holds the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// Where, in the leaf's text.
    pub span: Span,
    /// By which detector.
    pub detector: DetectorId,
    /// What it is.
    pub kind: Kind,
    /// How sure, 0 to 1: the logistic of the evidence's sum.
    pub confidence: f32,
}

/// One piece of evidence for or against a finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// What it is: `base`, `check`, `field`, `keyword` or `protected`.
    pub what: &'static str,
    /// Which: the check, field, keyword or protected form, as the pack writes it. Never text of the record.
    pub which: String,
    /// Log-odds.
    pub weight: f32,
}
