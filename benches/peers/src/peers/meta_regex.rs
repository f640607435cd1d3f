//! The yardstick of the benches, with its rules and its loop; and once more with room for all the states that it needs.
//!
//! The rules count (`{1,64}@`, `[A-Z0-9]{11,30}`), so that on varied text the lazy automaton goes on making states: with the 2 MB that
//! it has by default it forgets them before it meets them again. Whoever looks at a profile gives it more.

use regex_automata::meta::Regex;
use regex_automata::util::syntax;

use super::{Contestant, Finds, NAMES};
use crate::common;
use crate::corpus::Labelled;
use crate::recall::Removed;

/// Room for states, in bytes.
const ROOM: usize = 1 << 30;

pub struct MetaRegex {
    roomy: bool,
    regex: Regex,
    out: Vec<u8>,
}

impl MetaRegex {
    pub fn new(roomy: bool) -> MetaRegex {
        let regex = if roomy { with_room() } else { common::yardstick() };
        MetaRegex { roomy, regex, out: Vec::new() }
    }
}

/// As `common::yardstick`, but for the size of its cache.
fn with_room() -> Regex {
    Regex::builder()
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .configure(Regex::config().utf8_empty(false).hybrid_cache_capacity(ROOM))
        .build_many(&common::RULES)
        .expect("the rules compile together")
}

impl Contestant for MetaRegex {
    fn name(&self) -> &'static str {
        NAMES[if self.roomy { 3 } else { 2 }]
    }

    fn version(&self) -> String {
        let room = if self.roomy { "1 GB of states" } else { "2 MB of states, its default" };
        format!(
            "regex-automata {}; {} rules in one regex, {room}",
            version!("regex-automata"),
            common::RULES.len()
        )
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
