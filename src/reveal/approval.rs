//! Requests that a second person approves: what is signed is who asks, for which tokens, why and when.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::operators::{Authenticated, Operators, pair};
use super::{Refusal, RevealError};
use crate::audit::{Actor, AuditLog, Entry, Event, Outcome, What};
use crate::keys::SecretRef;
use crate::keys::encoding::{hex, unhex};

/// An approval is good for so long.
const GOOD_FOR_MS: i64 = 24 * 3_600_000;
/// Keeps what is signed here apart from all else that is signed with the same key.
const DOMAIN: &str = "scrubjay reveal approval v1";

/// What somebody asks a second person to approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub operator: String,
    /// For which tokens.
    pub tokens: Vec<String>,
    /// Why, scrubbed.
    pub purpose: String,
    /// When, in milliseconds since 1970.
    pub time_ms: i64,
}

/// A request that was approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// What was approved.
    pub request: Request,
    /// Who approved it.
    pub approver: String,
    pub(super) signature: Vec<u8>,
}

impl Request {
    /// What is signed: every part behind its length.
    fn message(&self, approver: &str) -> Vec<u8> {
        let time = self.time_ms.to_string();
        let parts = [DOMAIN, approver, &self.operator, &self.purpose, &time];
        let mut out = Vec::new();
        for part in parts.into_iter().chain(self.tokens.iter().map(String::as_str)) {
            out.extend_from_slice(&(part.len() as u64).to_be_bytes());
            out.extend_from_slice(part.as_bytes());
        }
        digest(&SHA256, &out).as_ref().to_vec()
    }

    /// As JSON, to be handed to the second person.
    pub fn to_json(&self) -> String {
        let Request { operator, tokens, purpose, time_ms } = self;
        json!({ "operator": operator, "tokens": tokens, "purpose": purpose, "time_ms": time_ms }).to_string()
    }

    /// Reads what [`Request::to_json`] wrote.
    pub fn from_json(text: &str) -> Option<Request> {
        Request::of(&serde_json::from_str(text).ok()?)
    }

    fn of(value: &Value) -> Option<Request> {
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        let tokens = value.get("tokens")?.as_array()?;
        Some(Request {
            operator: text("operator")?,
            tokens: tokens.iter().map(|t| t.as_str().map(str::to_owned)).collect::<Option<_>>()?,
            purpose: text("purpose")?,
            time_ms: value.get("time_ms")?.as_i64()?,
        })
    }

    /// What is put on record of it: who asks, for how many tokens and why, and the name under which it is approved.
    pub fn on_record(&self, actor: Actor) -> Entry {
        let what =
            What { count: Some(self.tokens.len() as u64), object: Some(self.name()), ..What::default() };
        Entry::new(Event::ApprovalRequest, actor.operator(&self.operator)).what(what).purpose(&*self.purpose)
    }

    /// What it is called on record.
    fn name(&self) -> String {
        format!("request-{}", hex(&self.message("")[..8]))
    }

    /// Approves it, by a second person. That is on record before anybody has the approval, and so is a refusal.
    ///
    /// # Errors
    /// When the approver is who asks, the request is not of this day, the key cannot be read, or it cannot be put on record.
    pub fn approve(
        self,
        who: Authenticated<'_>,
        key: &SecretRef,
        log: &AuditLog,
        actor: Actor,
        now_ms: i64,
    ) -> Result<Approval, RevealError> {
        let mut what = What { count: Some(self.tokens.len() as u64), ..What::default() };
        let entry = Entry::new(Event::ApprovalGrant, actor.operator(who.id())).purpose(&*self.purpose);
        let refused = if who.id() == self.operator {
            Some(("approved by oneself", "nobody approves what they ask for themselves"))
        } else if !self.is_fresh(now_ms) {
            Some((
                "the request is not of this day",
                "the request is older than a day, or from the future; ask anew",
            ))
        } else {
            None
        };
        if let Some((phrase, sentence)) = refused {
            what.object = Some(self.name());
            log.append(&entry.what(what).outcome(Outcome::refused(phrase)))?;
            return Err(RevealError::Refused(sentence.to_owned()));
        }
        let seed = key.read_key().map_err(|e| RevealError::Refused(e.to_string()))?;
        let signature = pair(&seed)?.sign(&self.message(who.id())).as_ref().to_vec();
        let name = self.name();
        let approval = Approval { request: self, approver: who.id().to_owned(), signature };
        // The reveal's entry has the name of the approval, the request's the other.
        what.object = Some(format!("{} of {name}", approval.name()));
        log.append(&entry.what(what))?;
        Ok(approval)
    }

    /// Whether it was made within a day before. A clock that has gone back makes none good again, and one that goes ahead none good for
    /// longer.
    fn is_fresh(&self, now_ms: i64) -> bool {
        (self.time_ms..self.time_ms.saturating_add(GOOD_FOR_MS)).contains(&now_ms)
    }
}

impl Approval {
    /// As JSON, to be handed back to who asked.
    pub fn to_json(&self) -> String {
        let request: Value = serde_json::from_str(&self.request.to_json()).unwrap_or(Value::Null);
        json!({ "request": request, "approver": self.approver, "signature": hex(&self.signature) })
            .to_string()
    }

    /// Reads what [`Approval::to_json`] wrote.
    pub fn from_json(text: &str) -> Option<Approval> {
        let value: Value = serde_json::from_str(text).ok()?;
        let mut signature = vec![0; 64];
        if !unhex(value.get("signature")?.as_str()?.as_bytes(), &mut signature) {
            return None;
        }
        let approver = value.get("approver")?.as_str()?.to_owned();
        Some(Approval { request: Request::of(value.get("request")?)?, approver, signature })
    }

    /// What it is called on record.
    pub(super) fn name(&self) -> String {
        format!("approval-{}", hex(&self.signature[..8]))
    }

    /// Whether it approves this, now.
    pub(super) fn holds(
        &self,
        operators: &Operators,
        operator: &str,
        tokens: &[String],
        purpose: &str,
        now_ms: i64,
    ) -> Result<(), Refusal> {
        let refuse = |phrase, sentence: &str| Err((phrase, sentence.to_owned()));
        let request = &self.request;
        if request.operator != operator || request.tokens != tokens || request.purpose != purpose {
            return refuse(
                "approved was something else",
                "the approval is for another operator, other tokens or another purpose",
            );
        }
        if self.approver == operator {
            return refuse("approved by oneself", "nobody approves what they ask for themselves");
        }
        if !request.is_fresh(now_ms) {
            return refuse(
                "the approval is too old",
                "an approval is good for a day from the request on; ask again",
            );
        }
        if !operators.has_signed(&self.approver, &request.message(&self.approver), &self.signature) {
            return refuse(
                "the approval is not signed by an operator",
                "the approval is not signed by an operator of the file",
            );
        }
        Ok(())
    }
}
