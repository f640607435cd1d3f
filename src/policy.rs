//! What is done with a finding: profiles and rules.

mod path;

use std::str::FromStr;

pub use path::{PathPattern, PathPatternError};

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
    /// Only findings at or above this confidence; 0 stands for the policy's threshold.
    pub min_confidence: f32,
    /// What is done.
    pub action: Action,
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

    /// What to do with a finding: the first rule that holds, else `redact` from the threshold on.
    pub fn action(&self, kind: Kind, confidence: f32, path: Path<'_>) -> Action {
        match self.ruled(kind, confidence, path) {
            Some(action) => action,
            None if confidence >= self.threshold() => Action::Redact,
            None => Action::Keep,
        }
    }

    /// What the first rule that holds says, if one does: it stands above what the profile lets be.
    pub fn ruled(&self, kind: Kind, confidence: f32, path: Path<'_>) -> Option<Action> {
        let holds = |rule: &&Rule| {
            rule.kinds.contains(kind)
                && confidence >= self.least(rule)
                && rule.path.as_ref().is_none_or(|pattern| pattern.matches(path))
        };
        self.rules.iter().find(holds).map(|rule| rule.action)
    }

    /// Whether a rule is about this kind.
    pub fn speaks_of(&self, kind: Kind) -> bool {
        self.rules.iter().any(|rule| rule.kinds.contains(kind))
    }

    /// The least confidence that can matter: findings below it are not looked for.
    pub fn min_confidence(&self) -> f32 {
        self.rules.iter().map(|r| self.least(r)).fold(self.threshold(), f32::min)
    }

    /// The confidence above which all findings of a kind at a place fare alike.
    pub fn max_confidence(&self) -> f32 {
        self.rules.iter().map(|r| self.least(r)).fold(self.threshold(), f32::max)
    }

    fn least(&self, rule: &Rule) -> f32 {
        if rule.min_confidence > 0.0 { rule.min_confidence } else { self.threshold() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::PathBuf;

    fn rule(kinds: &[Kind], path: Option<&str>, min_confidence: f32, action: Action) -> Rule {
        let path = path.map(|p| p.parse().unwrap());
        Rule { kinds: kinds.iter().copied().collect(), path, min_confidence, action }
    }

    #[test]
    fn first_rule_that_holds_wins_and_the_threshold_decides_the_rest() {
        let mask = Action::Mask { keep_last: 4, with: '*' };
        let policy = Policy {
            rules: vec![
                rule(&[Kind::Mrn], Some("$.patient.*"), 0.6, mask),
                rule(&[Kind::Mrn, Kind::Ip], None, 0.0, Action::Keep),
                rule(&[Kind::Ssn], None, 0.9, Action::Drop),
                rule(&[Kind::Ssn], None, 0.2, mask),
                rule(&[Kind::Ip], None, 0.0, Action::Drop),
            ],
            ..Policy::default()
        };
        let mut patient = PathBuf::default();
        patient.push_key(b"patient");
        patient.push_key(b"id");
        let patient = patient.as_path();
        for (kind, confidence, path, want) in [
            (Kind::Mrn, 0.9, patient, mask),
            (Kind::Mrn, 0.6, patient, mask),
            (Kind::Mrn, 0.59, patient, Action::Keep),
            (Kind::Mrn, 0.9, Path::ROOT, Action::Keep),
            (Kind::Ip, 0.99, patient, Action::Keep),
            (Kind::Ssn, 0.95, Path::ROOT, Action::Drop),
            (Kind::Ssn, 0.5, Path::ROOT, mask),
            (Kind::Ssn, 0.2, Path::ROOT, mask),
            (Kind::Ssn, 0.1, Path::ROOT, Action::Keep),
            (Kind::Name, 0.5, patient, Action::Redact),
            (Kind::Name, 0.49, patient, Action::Keep),
        ] {
            assert_eq!(policy.action(kind, confidence, path), want, "{kind} {confidence}");
        }
    }

    #[test]
    fn thresholds_come_from_the_profile_unless_set() {
        let mut policy = Policy { profile: Profile::SafeHarbor, ..Policy::default() };
        assert_eq!(policy.action(Kind::Name, 0.3, Path::ROOT), Action::Redact);
        policy.threshold = Some(0.8);
        assert_eq!(policy.action(Kind::Name, 0.79, Path::ROOT), Action::Keep);
        assert_eq!(policy.action(Kind::Name, 0.8, Path::ROOT), Action::Redact);
    }

    #[test]
    fn strictness_orders_actions() {
        let mask = Action::Mask { keep_last: 0, with: '*' };
        assert!(Action::Keep < mask && mask < Action::Redact && Action::Redact < Action::Drop);
    }

    #[test]
    fn profiles_have_names() {
        for (name, profile) in Profile::NAMES {
            assert_eq!(name.parse(), Ok(*profile));
            assert_eq!(profile.name(), *name);
        }
    }
}
