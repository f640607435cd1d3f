//! What an entry says, before the log gives it a number, a time and its place in the chain.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};

use super::AuditError;
use super::actor::{Actor, MAX_FACT_BYTES};
use super::event::Event;
use crate::keys::encoding::hex;
use crate::kind::Kind;

/// Bytes of a purpose, at most.
pub const MAX_PURPOSE_BYTES: usize = 1024;
/// Tokens named in one entry, at most: who reveals more writes several entries, or a count and a digest.
pub const MAX_TOKENS: usize = 256;
const MAX_KEY_VERSIONS: usize = 256;
const MAX_ID_BYTES: usize = 128;

/// One thing that happened. It names values by their tokens, kinds and counts, and never holds one.
///
/// ```
/// use scrubjay::audit::{Actor, Entry, Event, Outcome, What};
/// let what = What { tokens: vec!["mrn.7Q2k".into()], ..What::default() };
/// let entry = Entry::new(Event::VaultReveal, Actor::current())
///     .what(what)
///     .purpose("billing dispute 4711")
///     .outcome(Outcome::refused("no approval"));
/// assert_eq!(entry.purpose.as_deref(), Some("billing dispute 4711"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What happened.
    pub event: Event,
    /// Who did it, and from where.
    pub actor: Actor,
    /// To what.
    pub what: What,
    /// Why, in the operator's words. **The caller scrubs it first**: an operator may write PHI here by mistake, and what
    /// stands in the log stays there for years. At most [`MAX_PURPOSE_BYTES`]; control characters are escaped.
    pub purpose: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
}

/// What an event was about: names, ids and numbers, never values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct What {
    /// Kinds of the values.
    pub kinds: Vec<Kind>,
    /// Ids of tokens, at most [`MAX_TOKENS`]. Printable ASCII without blanks and with a letter in it: an SSN or a
    /// telephone number is refused.
    pub tokens: Vec<String>,
    /// How many values, records, entries or files.
    pub count: Option<u64>,
    /// Whose key ring or vault; written as a token is.
    pub tenant: Option<String>,
    /// Id of a key; written as a token is.
    pub key: Option<String>,
    /// Versions of the key.
    pub key_versions: Vec<u32>,
    /// The name of a policy, a file or a request. It must not be made from a value. At most 256 bytes.
    pub object: Option<String>,
    /// The operator who approved; written as a token is.
    pub approver: Option<String>,
    /// SHA-256 of a policy or a file. Never of a value: a hash of few possible values gives them away.
    pub digest: Option<[u8; 32]>,
}

impl What {
    /// The name of a tenant as it is put on record: as it is, where it can be an id, and else by its SHA-256.
    pub fn tenant_id(name: &str) -> String {
        match is_id(name) {
            true => name.to_owned(),
            false => format!("sha256:{}", &hex(digest(&SHA256, name.as_bytes()).as_ref())[..32]),
        }
    }
}

/// How an event ended. Reasons are fixed phrases of the program, never text from elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    #[default]
    Ok,
    /// It was not allowed.
    Refused(Reason),
    /// It was allowed, and could not be done.
    Failed(Reason),
}

/// A fixed phrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(Cow<'static, str>);

impl Reason {
    /// The phrase.
    pub fn text(&self) -> &str {
        &self.0
    }

    pub(super) fn read(text: String) -> Reason {
        Reason(Cow::Owned(text))
    }
}

impl Outcome {
    /// Not allowed, and why.
    pub fn refused(reason: &'static str) -> Outcome {
        Outcome::Refused(Reason(Cow::Borrowed(reason)))
    }

    /// Allowed but not done, and why.
    pub fn failed(reason: &'static str) -> Outcome {
        Outcome::Failed(Reason(Cow::Borrowed(reason)))
    }

    /// `ok`, `refused` or `failed`.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Refused(_) => "refused",
            Outcome::Failed(_) => "failed",
        }
    }

    /// Why it was not done.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Outcome::Ok => None,
            Outcome::Refused(reason) | Outcome::Failed(reason) => Some(reason.text()),
        }
    }
}

impl Entry {
    /// An entry about something that was done.
    pub fn new(event: Event, actor: Actor) -> Entry {
        Entry { event, actor, what: What::default(), purpose: None, outcome: Outcome::Ok }
    }

    /// What it was about.
    pub fn what(mut self, what: What) -> Entry {
        self.what = what;
        self
    }

    /// Why, scrubbed; see [`Entry::purpose`].
    pub fn purpose(mut self, text: impl Into<String>) -> Entry {
        self.purpose = Some(text.into());
        self
    }

    /// How it ended.
    pub fn outcome(mut self, outcome: Outcome) -> Entry {
        self.outcome = outcome;
        self
    }

    /// Whether it may be written. The error names the part, never its text.
    pub(super) fn check(&self) -> Result<(), AuditError> {
        let What { tokens, tenant, key, key_versions, object, approver, kinds, .. } = &self.what;
        let ids = [
            ("the operator", self.actor.operator_id()),
            ("the tenant", tenant.as_deref()),
            ("the key", key.as_deref()),
            ("the approver", approver.as_deref()),
        ];
        let ids = ids.into_iter().filter_map(|(name, id)| Some((name, id?)));
        for (name, id) in ids.chain(tokens.iter().map(|t| ("a token", t.as_str()))) {
            if !is_id(id) {
                return Err(AuditError::Entry(format!(
                    "{name} is no id: up to {MAX_ID_BYTES} printable ASCII characters, no blanks, and a letter among them"
                )));
            }
        }
        for (name, len, most, advice) in [
            ("tokens", tokens.len(), MAX_TOKENS, "write several entries, or a count"),
            ("key versions", key_versions.len(), MAX_KEY_VERSIONS, "write several entries"),
            ("kinds", kinds.len(), Kind::COUNT, "name each once"),
            ("bytes of purpose", length(&self.purpose), MAX_PURPOSE_BYTES, "shorten it"),
            ("bytes of object", length(object), MAX_FACT_BYTES, "shorten it"),
            ("bytes of reason", self.outcome.reason().map_or(0, str::len), MAX_FACT_BYTES, "shorten it"),
        ] {
            if len > most {
                return Err(AuditError::Entry(format!("it has {len} {name}, more than {most}; {advice}")));
            }
        }
        Ok(())
    }
}

fn length(text: &Option<String>) -> usize {
    text.as_ref().map_or(0, String::len)
}

/// No blanks, so that no free text is an id; a letter, so that no SSN, telephone or card number is.
fn is_id(text: &str) -> bool {
    text.len() <= MAX_ID_BYTES
        && text.bytes().all(|b| b.is_ascii_graphic())
        && text.bytes().any(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tenant_has_an_id() {
        assert_eq!(What::tenant_id("north"), "north");
        for name in ["4711", "north clinic", "Ärzte", "", &"x".repeat(129)] {
            let id = What::tenant_id(name);
            assert!(is_id(&id) && id.starts_with("sha256:") && id.len() == 39, "{name}: {id}");
        }
    }

    #[test]
    fn what_may_not_be_written_is_refused_without_repeating_it() {
        let with = |what: What| Entry::new(Event::VaultReveal, Actor::default()).what(what);
        let token = |t: &str| with(What { tokens: vec![t.to_owned()], ..What::default() });
        let long = "x".repeat(2000);
        let entry = || Entry::new(Event::VaultReveal, Actor::default());
        for (entry, says) in [
            (token("219-10-9999"), "a token is no id"),
            (token("Ana Keller"), "a token is no id"),
            (token(""), "a token is no id"),
            (token(&long), "a token is no id"),
            (token("é"), "a token is no id"),
            (with(What { tokens: vec!["a".into(); 257], ..What::default() }), "257 tokens"),
            (with(What { tenant: Some("a b".into()), ..What::default() }), "the tenant"),
            (with(What { approver: Some("4711".into()), ..What::default() }), "the approver"),
            (with(What { object: Some(long.clone()), ..What::default() }), "2000 bytes of object"),
            (with(What { key_versions: vec![1; 300], ..What::default() }), "300 key versions"),
            (with(What { kinds: vec![Kind::Name; 24], ..What::default() }), "24 kinds"),
            (entry().purpose(long.clone()), "2000 bytes of purpose, more than 1024; shorten it"),
            (Entry::new(Event::Login, Actor::default().operator("Ana Keller")), "the operator"),
        ] {
            let error = entry.check().unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
            assert!(!error.contains("219") && !error.contains("Keller") && !error.contains("xxx"), "{error}");
        }
        for fine in ["mrn.7Q2k", "[MRN:v1:7Q2k]", "ana@clinic.example", "CLINIC\\ana"] {
            token(fine).check().unwrap();
        }
        entry()
            .purpose("x".repeat(MAX_PURPOSE_BYTES))
            .outcome(Outcome::refused("no approval"))
            .check()
            .unwrap();
    }
}
