//! Measures detection on labelled text: how much of what should go would go, and how much of what would go should.
//!
//! Two questions are answered separately, because a scrubber must first of all cover the text and only then name it
//! rightly:
//!
//! - **recall**, for each gold label: `hit`, the share of gold spans of which at least one character is predicted
//!   under any label; `full`, of which every letter and digit is; `char`, the share of their letters and digits; `typed`,
//!   the share that overlaps a prediction of the same [family](labels::family);
//! - **precision**, for each predicted label: `span`, the share of predictions that overlap a gold span of any
//!   label; `char`, the share of their letters and digits inside gold.
//!
//! Neutral labels are neither required nor punished: they are left out of recall, and a prediction is wrong only for
//! what lies outside of all gold, neutral gold included. Offsets are Unicode code points, as such corpora have
//! them.

mod gates;
mod gold;
mod json;
pub mod labels;
mod predict;
mod report;
mod score;
mod wilson;

pub use gates::{Bound, Gate, Measure};
pub use gold::{Document, GoldError, Labelled, read, write};
pub use labels::Rules;
pub use predict::{Predictor, Unscanned};
pub use score::{Example, GoldCounts, PredictedCounts, Score, Totals};
pub use wilson::{Share, wilson};
