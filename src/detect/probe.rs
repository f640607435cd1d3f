//! The insides of detection, one at a time: for the fuzz targets, which look for what they do with any bytes.

use super::names::{Names, NamesScratch, Topic};
use super::{DetectScratch, Engine, Finding, Query, StepLimit};
use crate::codec::Leaf;
use crate::span::Span;

/// What is found in one leaf.
///
/// # Errors
/// When a look-around pattern exceeds its step limit.
pub fn find(
    engine: &Engine,
    leaf: &Leaf<'_>,
    query: Query,
    scratch: &mut DetectScratch,
    out: &mut Vec<Finding>,
) -> Result<(), StepLimit> {
    engine.find(leaf, None, query, scratch, out)
}

/// The reader of words, with its memory of words that it looked up before.
#[derive(Default)]
pub struct Words {
    scratch: NamesScratch,
}

/// What the model finds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Modelled {
    /// Where.
    pub span: Span,
    /// A town, and not a person's name.
    pub town: bool,
    /// In log-odds.
    pub score: f32,
}

impl Words {
    /// How many bytes around a place can have a say in what is found there.
    pub const REACH: usize = Names::REACH;

    /// Where words begin that may be names.
    pub fn places(&mut self, text: &[u8]) -> Vec<usize> {
        let mut places = Vec::new();
        Names::builtin().places(text, &mut self.scratch, |at| places.push(at));
        places
    }

    /// What is found around places, which are in order, with a score of `least` or more.
    pub fn find(&mut self, text: &[u8], places: &[usize], least: f32) -> Vec<Modelled> {
        let mut all = Vec::new();
        Names::builtin().find(text, places.iter().copied(), least, &mut self.scratch, |found| {
            all.push(Modelled { span: found.span, town: found.topic == Topic::Town, score: found.score });
        });
        all
    }

    /// What is left of a name that follows a cue.
    pub fn trim(text: &[u8], span: Span) -> Span {
        Names::builtin().trim(text, span)
    }
}
