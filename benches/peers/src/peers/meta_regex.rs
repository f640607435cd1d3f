//! The yardstick of the benches, with its rules and its loop.

use regex_automata::meta::Regex;

use super::{Contestant, Finds, NAMES};
use crate::common;
use crate::corpus::Labelled;
use crate::recall::Removed;

pub struct MetaRegex {
    regex: Regex,
    out: Vec<u8>,
}

impl MetaRegex {
    pub fn new() -> MetaRegex {
        MetaRegex { regex: common::yardstick(), out: Vec::new() }
    }
}

impl Contestant for MetaRegex {
    fn name(&self) -> &'static str {
        NAMES[2]
    }

    fn version(&self) -> String {
        format!("regex-automata {}; {} rules in one regex", version!("regex-automata"), common::RULES.len())
    }

    fn finds(&self) -> Finds {
        Finds::Structured
    }

    fn redact(&mut self, labelled: &Labelled) -> usize {
        self.out.clear();
        common::redact(&self.regex, &labelled.text, &mut self.out)
    }

    fn removed(&mut self, labelled: &Labelled) -> Option<Removed> {
        Some(Removed::Spans(self.regex.find_iter(&labelled.text).map(|m| m.range()).collect()))
    }
}
