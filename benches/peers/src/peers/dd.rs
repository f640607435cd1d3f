//! Datadog's Sensitive Data Scanner as a library: each line an event, twelve of the yardstick's rules, matches replaced.

use std::sync::Arc;

use dd_sds::{MatchAction, RegexRuleConfig, RootRuleConfig, RuleConfig, Scanner};

use super::{Contestant, Finds, NAMES, TWELVE};
use crate::common;
use crate::corpus::Labelled;
use crate::recall::Removed;

pub struct Dd {
    scanner: Scanner,
    out: Vec<u8>,
}

impl Dd {
    pub fn new() -> Dd {
        let rules: Vec<RootRuleConfig<Arc<dyn RuleConfig>>> = TWELVE
            .iter()
            .map(|at| {
                let rule = RegexRuleConfig::new(common::RULES[*at]).build();
                RootRuleConfig::new(rule).match_action(MatchAction::redact("[REDACTED]"))
            })
            .collect();
        let scanner = Scanner::builder(&rules).build().expect("the rules are accepted");
        Dd { scanner, out: Vec::new() }
    }
}

/// A line as an event, which owns its text.
fn event(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}

impl Contestant for Dd {
    fn name(&self) -> &'static str {
        NAMES[4]
    }

    fn version(&self) -> String {
        format!("{}; {} rules, each line an event", version!("dd-sensitive-data-scanner"), TWELVE.len())
    }

    fn finds(&self) -> Finds {
        Finds::Structured
    }

    fn redact(&mut self, labelled: &Labelled) -> usize {
        self.out.clear();
        for line in labelled.text.split(|b| *b == b'\n') {
            let mut event = event(line);
            self.scanner.scan(&mut event).expect("lines can be scanned");
            self.out.extend_from_slice(event.as_bytes());
            self.out.push(b'\n');
        }
        self.out.len()
    }

    fn removed(&mut self, labelled: &Labelled) -> Option<Removed> {
        let mut spans = Vec::new();
        for told in &labelled.records {
            let mut event = event(&labelled.text[told.start..told.end]);
            let matches = self.scanner.scan(&mut event).expect("lines can be scanned");
            // Matches are told in order, by where their replacements stand; the shift leads back.
            let mut shift = 0;
            for found in &matches {
                let start = found.start_index as isize - shift;
                shift = found.shift_offset;
                let end = found.end_index_exclusive as isize - shift;
                spans.push(told.start + start as usize..told.start + end as usize);
            }
        }
        Some(Removed::Spans(spans))
    }
}
