//! Finds PHI in leaves.

mod pack;

use std::sync::Arc;

pub use pack::{Pack, PackError};

use crate::codec::Leaf;
use crate::kind::Kind;
use crate::span::Span;

/// Names a detector of an [`Engine`]: an index into [`Engine::detectors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DetectorId(pub u16);

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
    /// What it is: `base`, `keyword`, `field`, `check`, or the name of a protected form.
    pub what: &'static str,
    /// Which: the keyword or field name, as the pack writes it. Never text of the record.
    pub which: String,
    /// Log-odds.
    pub weight: f32,
}

/// What a detector of an engine is, for listings.
#[derive(Clone, Debug)]
pub struct DetectorInfo {
    /// Its unique id.
    pub id: String,
    /// What it finds.
    pub kind: Kind,
    /// The pack it stands in.
    pub pack: String,
    /// Needs look-around and runs on a slower engine.
    pub slow: bool,
    /// The pattern as written.
    pub pattern: String,
    /// Words that count as context.
    pub keywords: Vec<String>,
    /// Field names that count as context.
    pub fields: Vec<String>,
    /// The name of its check.
    pub check: Option<String>,
    /// Examples, «» around the spans.
    pub examples: Vec<String>,
    /// Texts in which it finds nothing.
    pub counter_examples: Vec<String>,
}

/// Packs, compiled.
pub struct Engine {}

/// A worker's memory for detection.
#[derive(Default)]
pub struct DetectScratch {}

impl Engine {
    /// The built-in packs.
    pub fn builtin() -> Arc<Engine> {
        Arc::new(Engine {})
    }

    /// Compiles packs; a detector of a later pack overrides one of the same id.
    pub fn new(_packs: &[Pack]) -> Result<Engine, PackError> {
        Ok(Engine {})
    }

    /// The built-in packs, for [`Engine::new`] together with others.
    pub fn builtin_packs() -> Vec<Pack> {
        Vec::new()
    }

    /// Its detectors.
    pub fn detectors(&self) -> &[DetectorInfo] {
        &[]
    }

    /// The evidence behind a finding of this leaf.
    pub fn explain(
        &self,
        _leaf: &Leaf<'_>,
        _finding: &Finding,
        _scratch: &mut DetectScratch,
    ) -> Vec<Evidence> {
        Vec::new()
    }

    /// Runs a pack's examples and counter-examples, plain and wrapped; returns what failed.
    pub fn test_examples(&self) -> Vec<ExampleFailure> {
        Vec::new()
    }

    /// How many bytes around a place can have a say in what is found there: windows of long lines overlap by this.
    pub fn reach(&self) -> usize {
        4096
    }
}

/// An example that did not hold.
#[derive(Clone, Debug)]
pub struct ExampleFailure {
    /// The detector.
    pub detector: String,
    /// What went wrong, with the example (which is pack text, not data).
    pub message: String,
}
