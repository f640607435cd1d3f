//! What is done with a finding: profiles and rules.

mod allowed;
mod path;

use std::str::FromStr;
use std::sync::Arc;

pub(crate) use allowed::Places;
pub use allowed::{Allowed, LinkPattern, Recipient, Template};
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
    /// 45 CFR 164.514(b)(2): every kind goes, event times included; of dates the year stays, of ZIP codes three digits.
    SafeHarbor,
    /// 45 CFR 164.514(e)(2): a limited data set. Dates and ages, cities and ZIP codes stay. What comes out is PHI, and goes only to
    /// those who have signed a data use agreement.
    LimitedDataSet,
    /// As `logs`, with pseudonyms for markers: joinable. What comes out is PHI.
    Pseudonymised,
    /// As `safe-harbor`, for mail and SMS: what carries a message (its ids, trace and dates, the addresses it goes to) is no text, and
    /// stays.
    Notification,
}

impl Profile {
    /// All profiles by their names.
    pub const NAMES: &'static [(&'static str, Profile)] = &[
        ("logs", Profile::Logs),
        ("safe-harbor", Profile::SafeHarbor),
        ("limited-data-set", Profile::LimitedDataSet),
        ("pseudonymised", Profile::Pseudonymised),
        ("notification", Profile::Notification),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Profile::NAMES.iter().find(|(_, p)| *p == self).map_or("", |(n, _)| n)
    }

    /// Rises when the profile does something else with the same text.
    pub fn version(self) -> u32 {
        match self {
            Profile::Logs => 1,
            Profile::SafeHarbor => 3,
            Profile::LimitedDataSet | Profile::Pseudonymised | Profile::Notification => 1,
        }
    }

    /// The confidence from which a finding acts.
    pub fn threshold(self) -> f32 {
        match self {
            Profile::Logs | Profile::Pseudonymised => 0.5,
            Profile::SafeHarbor | Profile::LimitedDataSet | Profile::Notification => 0.3,
        }
    }

    /// Whether what makes a log a log stays: the line's own event time, private addresses, the route of a URL.
    pub fn keeps_logs_useful(self) -> bool {
        matches!(self, Profile::Logs | Profile::Pseudonymised)
    }

    /// Whether codes that are derived from what they stand for are let through: 45 CFR 164.514(c)(1) rules them out.
    pub fn refuses_derived(self) -> bool {
        matches!(self, Profile::SafeHarbor | Profile::Notification)
    }

    /// What is done with a finding of this kind where no rule says otherwise.
    pub fn usual(self, kind: Kind) -> Action {
        match (self, kind) {
            (Profile::SafeHarbor | Profile::Notification, Kind::Date | Kind::Age | Kind::Zip) => {
                Action::Generalize
            }
            (Profile::LimitedDataSet, Kind::Date | Kind::Age | Kind::City | Kind::Zip) => Action::Keep,
            // Of a picture there is no other spelling.
            (Profile::Pseudonymised, Kind::Biometric | Kind::Photo) => Action::Redact,
            (Profile::Pseudonymised, _) => Action::Pseudonym,
            _ => Action::Redact,
        }
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(s: &str) -> Result<Profile, String> {
        let found = Profile::NAMES.iter().find(|(n, _)| *n == s);
        found.map(|p| p.1).ok_or_else(|| {
            let names: Vec<&str> = Profile::NAMES.iter().map(|p| p.0).collect();
            format!("unknown profile; the profiles are {}", names.join(", "))
        })
    }
}

/// What is done with a finding, from the mildest to the strictest: where findings overlap the strictest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It stays.
    Keep,
    /// A date moves by whole days, the same for all dates of a person; without a person it is redacted.
    DateShift {
        /// By how many days at most, either way; never by none.
        days: u16,
    },
    /// Of a date the year stays, of a ZIP code three digits, an age over 89 becomes `90+`; all else is redacted.
    Generalize,
    /// Something made up of the same kind takes its place, the same wherever it stands.
    Surrogate,
    /// Its digits and letters are encrypted to digits and letters (FF1, NIST SP 800-38G); punctuation stays.
    FormatPreserving,
    /// A keyed hash takes its place: joinable, not reversible.
    Pseudonym,
    /// It is encrypted where it stands: whoever has the key can read it.
    Seal,
    /// A random token takes its place; the vault can lead back.
    Token,
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
            Action::DateShift { .. } => "date_shift",
            Action::Generalize => "generalize",
            Action::Surrogate => "surrogate",
            Action::FormatPreserving => "format_preserving",
            Action::Pseudonym => "pseudonym",
            Action::Seal => "seal",
            Action::Token => "token",
            Action::Mask { .. } => "mask",
            Action::Redact => "redact",
            Action::Drop => "drop",
        }
    }

    /// Whether it takes a key.
    pub fn is_keyed(self) -> bool {
        matches!(
            self,
            Action::DateShift { .. }
                | Action::Surrogate
                | Action::FormatPreserving
                | Action::Pseudonym
                | Action::Seal
                | Action::Token
        )
    }

    /// Whether what it puts out is derived from the value, which 45 CFR 164.514(c)(1) rules out for a code that stays in
    /// de-identified data.
    pub fn is_derived(self) -> bool {
        self.is_keyed() && self != Action::Token
    }

    /// Whether what it puts out looks like what it stands for, and would be found again.
    pub fn looks_like_phi(self) -> bool {
        matches!(self, Action::DateShift { .. } | Action::Surrogate | Action::FormatPreserving)
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
    /// What stays although it is found, whatever profile and rules say.
    pub allowed: Option<Arc<Allowed>>,
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

    /// What to do with a finding: the first rule that holds, else what the profile does from the threshold on.
    pub fn action(&self, kind: Kind, confidence: f32, path: Path<'_>) -> Action {
        match self.ruled(kind, confidence, path) {
            Some(action) => action,
            None if confidence >= self.threshold() => self.profile.usual(kind),
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

    /// Everything that is done by a rule, or by the profile.
    pub fn actions(&self) -> impl Iterator<Item = Action> {
        let usual = Kind::ALL.iter().map(|kind| self.profile.usual(*kind));
        self.rules.iter().map(|rule| rule.action).chain(usual)
    }

    /// Whether anything that is done takes a key.
    pub fn needs_keys(&self) -> bool {
        self.actions().any(Action::is_keyed)
    }

    /// Whether the vault is asked for tokens.
    pub fn needs_vault(&self) -> bool {
        self.actions().any(|action| action == Action::Token)
    }

    /// Why the rules do not go with the profile, and which rule.
    pub fn contradiction(&self) -> Option<(usize, String)> {
        if !self.profile.refuses_derived() {
            return None;
        }
        let at = self.rules.iter().position(|rule| rule.action.is_derived())?;
        let name = self.rules[at].action.name();
        Some((
            at,
            format!(
                "profile {} allows no `{name}`: what it puts out is derived from the value, and under 45 CFR \
                 164.514(c) a code in de-identified data must not be derived from information about the individual; use \
                 \"token\", which is random, \"redact\" or \"generalize\", or profile pseudonymised, whose output is PHI",
                self.profile.name()
            ),
        ))
    }

    /// 16 hexadecimal digits that differ when a policy does something else: the head of a SHA-256 of all it says.
    pub fn fingerprint(&self) -> String {
        let mut said = format!("{}/{}\n", self.profile.name(), self.profile.version());
        said += &format!("{:?} {:?}\n", self.threshold, self.kinds);
        for Rule { kinds, path, min_confidence, action } in &self.rules {
            let path = path.as_ref().map(PathPattern::as_str);
            said += &format!("{kinds:?} {path:?} {min_confidence} {action:?}\n");
        }
        if let Some(allowed) = &self.allowed {
            said += &format!("{allowed:?}\n");
        }
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, said.as_bytes());
        hash.as_ref()[..8].iter().map(|b| format!("{b:02x}")).collect()
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
    fn fingerprints_differ_where_policies_do() {
        let mask = |keep_last| Action::Mask { keep_last, with: '*' };
        let policies = [
            Policy::default(),
            Policy { profile: Profile::SafeHarbor, ..Policy::default() },
            Policy { threshold: Some(0.4), ..Policy::default() },
            Policy { kinds: Some(KindSet::EMPTY.with(Kind::Ssn)), ..Policy::default() },
            Policy { rules: vec![rule(&[Kind::Ssn], None, 0.0, mask(4))], ..Policy::default() },
            Policy { rules: vec![rule(&[Kind::Ssn], None, 0.0, mask(3))], ..Policy::default() },
            Policy { rules: vec![rule(&[Kind::Ssn], Some("$.a"), 0.0, mask(3))], ..Policy::default() },
            Policy { rules: vec![rule(&[Kind::Mrn], None, 0.0, mask(3))], ..Policy::default() },
            Policy {
                allowed: Some(Arc::new(Allowed { greeting: true, ..Allowed::default() })),
                ..Policy::default()
            },
        ];
        let all: std::collections::BTreeSet<String> = policies.iter().map(Policy::fingerprint).collect();
        assert_eq!(all.len(), policies.len());
        assert_eq!(policies[0].fingerprint(), Policy::default().fingerprint());
        assert!(all.iter().all(|f| f.len() == 16));
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
