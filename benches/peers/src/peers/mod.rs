//! Who is measured. All of them read and write the same text and replace what they find; how they are set up stands in their files.

/// The version of a crate, as the lock file of this build has it.
macro_rules! version {
    ($name:literal) => {
        crate::peers::locked(include_str!("../../Cargo.lock"), $name)
    };
}

#[cfg(feature = "dd")]
mod dd;
#[cfg(feature = "hyperscan")]
mod hyperscan;
mod memory;
mod meta_regex;
mod ripgrep;
mod scrubjay;
#[cfg(feature = "vrl")]
mod vrl;

use std::time::Duration;

use crate::common::cpu_time;
use crate::corpus::{Corpus, Labelled};
use crate::recall::Removed;

/// What a contestant looks for: its recall is told over that.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Finds {
    /// Names and towns, too.
    Everything,
    /// Only what has a form or a label.
    Structured,
    Nothing,
}

/// One way to redact text. It keeps its memory from round to round, as a worker does.
pub trait Contestant {
    fn name(&self) -> &'static str;

    /// Its version and its rules, in a few words.
    fn version(&self) -> String;

    fn finds(&self) -> Finds;

    /// Redacts the whole text once; gives the bytes that came out.
    fn redact(&mut self, labelled: &Labelled) -> usize;

    /// CPU time of one turn.
    fn turn(&mut self, labelled: &Labelled) -> Duration {
        let before = cpu_time();
        std::hint::black_box(self.redact(labelled));
        cpu_time() - before
    }

    /// What it removes, worked out once and not timed; none of who removes nothing.
    fn removed(&mut self, labelled: &Labelled) -> Option<Removed>;
}

/// All names, in the order of the tables.
pub const NAMES: [&str; 10] = [
    "scrubjay structured",
    "scrubjay everything",
    "meta-regex",
    "meta-regex roomy",
    "dd-sensitive-data-scanner",
    "vrl",
    "hyperscan",
    "ripgrep",
    "memcpy",
    "newline scan",
];

/// Twelve of the yardstick's rules (`RULES` in benches/common/mod.rs), for those whose time grows with their number: SSN with dashes and
/// behind a label, telephone, e-mail, IPv4, two forms of dates, MRN, member number, MBI, card, web address.
#[cfg(any(feature = "dd", feature = "vrl"))]
const TWELVE: [usize; 12] = [0, 1, 2, 4, 5, 8, 9, 12, 13, 14, 15, 21];

fn wanted(name: &str, only: &[String]) -> bool {
    only.is_empty() || only.iter().any(|o| name.starts_with(o.as_str()))
}

/// Those that can run here and are asked for.
pub fn all(corpus: Corpus, only: &[String]) -> Vec<Box<dyn Contestant>> {
    let _ = corpus;
    let is_wanted = |name: &str| wanted(name, only);
    let mut contestants: Vec<Box<dyn Contestant>> = Vec::new();
    for everything in [false, true] {
        if is_wanted(NAMES[usize::from(everything)]) {
            contestants.push(Box::new(scrubjay::Scrubjay::new(everything)));
        }
    }
    for roomy in [false, true] {
        if is_wanted(NAMES[2 + usize::from(roomy)]) {
            contestants.push(Box::new(meta_regex::MetaRegex::new(roomy)));
        }
    }
    #[cfg(feature = "dd")]
    if is_wanted(NAMES[4]) {
        contestants.push(Box::new(dd::Dd::new()));
    }
    #[cfg(feature = "vrl")]
    if is_wanted(NAMES[5]) {
        contestants.push(Box::new(vrl::Vrl::new(corpus == Corpus::Json)));
    }
    #[cfg(feature = "hyperscan")]
    if is_wanted(NAMES[6]) {
        contestants.push(Box::new(hyperscan::Hyperscan::new()));
    }
    if is_wanted(NAMES[7])
        && let Some(ripgrep) = ripgrep::Ripgrep::new()
    {
        contestants.push(Box::new(ripgrep));
    }
    if is_wanted(NAMES[8]) {
        contestants.push(Box::new(memory::Memcpy::default()));
    }
    if is_wanted(NAMES[9]) {
        contestants.push(Box::new(memory::NewlineScan));
    }
    contestants
}

/// Who was asked for and is not there, and why.
pub fn left_out(only: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    let mut lacking = |name: &str, is_there: bool, why: &str| {
        if wanted(name, only) && !is_there {
            notes.push(format!("{name}: {why}"));
        }
    };
    lacking(NAMES[4], cfg!(feature = "dd"), "built without the feature dd");
    lacking(NAMES[5], cfg!(feature = "vrl"), "built without the feature vrl");
    lacking(NAMES[6], cfg!(feature = "hyperscan"), "pkg-config knows no libhs (Debian: libhyperscan-dev)");
    lacking(NAMES[7], ripgrep::version().is_some(), "there is no rg");
    notes
}

/// The version of a package in a lock file.
fn locked<'l>(lock: &'l str, name: &str) -> &'l str {
    let package = format!("name = \"{name}\"\nversion = \"");
    let version = lock.split(&package).nth(1).and_then(|rest| rest.split('"').next());
    version.unwrap_or("of an unknown version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_lock_file() {
        assert_eq!(locked("[[package]]\nname = \"a\"\nversion = \"1.2\"\n", "a"), "1.2");
        assert!(version_of_regex().starts_with("0."));
    }

    fn version_of_regex() -> &'static str {
        locked(include_str!("../../Cargo.lock"), "regex-automata")
    }
}
