//! What is done with a finding: profiles and rules.

use std::str::FromStr;

use crate::codec::Path;
use crate::kind::{Kind, KindSet};

/// A named stance on what may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Profile {
    /// Log hygiene: every kind goes, but what makes a log a log stays (the line's own event time, private
    /// addresses, the route of a URL). Not a Safe Harbor de-identification.
    #[default]
    Logs,
    /// 45 CFR 164.514(b)(2): every kind goes, event times included.
    SafeHarbor,
}

impl Profile {
    /// All profiles by their names.
    pub const NAMES: &'static [(&'static str, Profile)] =
        &[("logs", Profile::Logs), ("safe-harbor", Profile::SafeHarbor)];

    /// Its name.
    pub fn name(self) -> &'static str {
        Profile::NAMES.iter().find(|(_, p)| *p == self).map_or("", |(n, _)| n)
    }

    /// The confidence from which a finding acts.
    pub fn threshold(self) -> f32 {
        match self {
            Profile::Logs => 0.5,
            Profile::SafeHarbor => 0.3,
        }
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(s: &str) -> Result<Profile, String> {
        let found = Profile::NAMES.iter().find(|(n, _)| *n == s);
        found.map(|p| p.1).ok_or_else(|| "unknown profile; the profiles are logs and safe-harbor".to_string())
    }
}

/// What is done with a finding, from the mildest to the strictest: where findings overlap the strictest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It stays.
    Keep,
    /// Letters and digits become a mask character, but for the last few.
    Mask {
        /// How many letters and digits stay at the end; never more than half.
        keep_last: u8,
        /// What stands for each of the others.
        with: char,
    },
    /// The marker of its kind takes its place.
    Redact,
    /// The whole record is not forwarded.
    Drop,
}

impl Action {
    /// Its name in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Action::Keep => "keep",
            Action::Mask { .. } => "mask",
            Action::Redact => "redact",
            Action::Drop => "drop",
        }
    }
}

/// One rule: it holds for a finding when all of its conditions do.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The kinds it is about.
    pub kinds: KindSet,
    /// The paths it is about; `None` is any.
    pub path: Option<PathPattern>,
    /// Only findings at or above this confidence.
    pub min_confidence: f32,
    /// What is done.
    pub action: Action,
}

/// A path with wildcards: `$.patient.*`, `$.items[*].name`, `$..ssn`. `*` is one step, `**` or `..` any number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
}

/// A [`Policy`] decides; it is made from a [`Profile`] and rules.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The stance where no rule holds.
    pub profile: Profile,
    /// First match wins.
    pub rules: Vec<Rule>,
    /// Kinds that are looked for at all.
    pub kinds: Option<KindSet>,
    /// Overrides the profile's threshold.
    pub threshold: Option<f32>,
}

impl Policy {
    /// The confidence from which a finding acts.
    pub fn threshold(&self) -> f32 {
        self.threshold.unwrap_or(self.profile.threshold())
    }

    /// Whether findings of this kind are acted on at all.
    pub fn wants(&self, kind: Kind) -> bool {
        self.kinds.is_none_or(|k| k.contains(kind))
    }

    /// What to do with a finding. `path` is asked for only when a rule names one.
    pub fn action(&self, kind: Kind, confidence: f32, path: Path<'_>) -> Action {
        let mut printed = None;
        for rule in &self.rules {
            if !rule.kinds.contains(kind) || confidence < rule.min_confidence {
                continue;
            }
            if let Some(pattern) = &rule.path {
                let printed = printed.get_or_insert_with(|| {
                    let mut s = String::new();
                    path.print(&mut s);
                    s
                });
                if !pattern.matches(printed) {
                    continue;
                }
            }
            return rule.action;
        }
        if confidence >= self.threshold() { Action::Redact } else { Action::Keep }
    }
}

impl PathPattern {
    /// Whether it holds for a printed path.
    pub fn matches(&self, path: &str) -> bool {
        self.text == path
    }
}
