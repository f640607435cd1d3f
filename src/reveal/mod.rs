//! Reveal: from a token back to the value, for those who may, and always on record.
//!
//! ```text
//! authenticate -> purpose -> token genuine -> role: kind, tenant -> hourly limit -> second person, if many
//!              -> the audit log has it, on the disk -> the value
//! ```
//!
//! Every step that fails is put on record as refused. What cannot be put on record is not revealed.

mod approval;
mod named;
mod operators;
#[cfg(test)]
mod tests;

use crate::audit::{Actor, AuditError, AuditLog, Entry, Event, Outcome, Reader, Record, What};
use crate::kind::Kind;
use crate::secret::Sensitive;
use crate::transform::{Keyed, TokenType};
use crate::vault::{TokenId, TokenStore};

use named::Named;

pub use approval::{Approval, Request};
pub use operators::{Authenticated, Limits, Operators};

/// A purpose has at least so many characters: `x` is none.
const MIN_PURPOSE: usize = 8;
const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
/// The audit log writes its own time, a moment later than the one that is compared with it.
const CLOCK_SLACK_MS: i64 = 5000;

/// Why nothing was revealed.
#[derive(Debug, thiserror::Error)]
pub enum RevealError {
    /// It is not allowed, or not possible: a sentence.
    #[error("{0}")]
    Refused(String),
    /// It could not be put on record.
    #[error("nothing is revealed that cannot be put on record: {0}")]
    Audit(#[from] AuditError),
}

/// Why it is refused: a fixed phrase for the record, and a sentence for who asked.
pub(crate) type Refusal = (&'static str, String);

/// A value that was revealed.
#[derive(Debug)]
pub struct Revealed {
    /// The token.
    pub token: String,
    /// What the value is.
    pub kind: Kind,
    /// Whose it is.
    pub tenant: String,
    /// The exact bytes.
    pub value: Sensitive<Vec<u8>>,
}

/// How the request is justified beyond the operator's role.
#[derive(Clone, Copy, Debug, Default)]
pub enum Ground<'a> {
    /// By the role alone.
    #[default]
    Role,
    /// A second person has approved these tokens and this purpose.
    Approved(&'a Approval),
    /// The glass is broken: see [`Revealer::break_glass`].
    BrokenGlass,
}

/// Reveals.
pub struct Revealer<'r> {
    /// The keys of sealed values and of the checks in tokens.
    pub keyed: &'r Keyed,
    /// What vault tokens lead to.
    pub vault: Option<&'r dyn TokenStore>,
    /// Who may reveal what.
    pub operators: &'r Operators,
    /// Where it is put on record.
    pub log: &'r AuditLog,
    /// The directory of the same log: what was revealed in the last hour is read from it.
    pub log_dir: &'r std::path::Path,
    /// Tells somebody that the glass was broken.
    pub alert: &'r dyn Fn(&str) -> Result<(), String>,
    /// Milliseconds since 1970.
    pub now_ms: i64,
}

impl Revealer<'_> {
    /// Reveals the values behind tokens, all or none of them. `purpose` has been scrubbed. `tenant` is whose sealed values they are; a
    /// vault knows it by itself.
    ///
    /// # Errors
    /// When it is refused, which is on record, or could not be put on record.
    pub fn reveal(
        &self,
        who: Authenticated<'_>,
        tokens: &[String],
        tenant: &str,
        purpose: &str,
        ground: Ground<'_>,
    ) -> Result<Vec<Revealed>, RevealError> {
        let event = match ground {
            Ground::BrokenGlass => Event::BreakGlass,
            _ if tokens.len() >= self.operators.limits.bulk_from => Event::VaultRevealBulk,
            _ => Event::VaultReveal,
        };
        let mut what = What {
            count: Some(tokens.len() as u64),
            // Who had which role at the time.
            digest: Some(self.operators.digest()),
            ..What::default()
        };
        if let Ground::Approved(approval) = ground {
            what.approver = Some(approval.approver.clone());
            what.object = Some(approval.name());
        }
        let found = match self.check(who, tokens, tenant, purpose, ground, &mut what) {
            Ok(found) => found,
            Err((phrase, sentence)) => {
                self.record(event, who, what, purpose, Outcome::refused(phrase))?;
                return Err(RevealError::Refused(sentence));
            }
        };
        what.tenant = common(found.iter().map(|r| &*r.tenant));
        if let Ground::BrokenGlass = ground {
            self.tell(who, "revealed with the glass broken", (&what, purpose))?;
        }
        // On the disk before anybody sees the value.
        self.record(event, who, what.clone(), purpose, Outcome::Ok)?;
        // Another process may have done the same since the limit was looked at: each sees both on record, and neither shows more than
        // the limit.
        if !matches!(ground, Ground::BrokenGlass)
            && let Err((phrase, sentence)) = self.within_the_hour(who, 0).and_then(|()| match ground {
                Ground::Approved(approval) => self.used(who, approval, tokens.len() as u64),
                _ => Ok(()),
            })
        {
            self.record(event, who, what, purpose, Outcome::refused(phrase))?;
            return Err(RevealError::Refused(sentence));
        }
        Ok(found)
    }

    /// Breaks the glass: for some minutes this operator may reveal what no role of theirs is about, without a second person and without
    /// an hourly limit. It is on record, and somebody is told; where nobody can be told it stays whole.
    ///
    /// # Errors
    /// As [`Revealer::reveal`].
    pub fn break_glass(&self, who: Authenticated<'_>, purpose: &str) -> Result<(), RevealError> {
        let what = What { count: Some(0), ..What::default() };
        let refused = if !who.may_break_glass() {
            Some(("no role that may", format!("no role of {} may break the glass", who.id())))
        } else if purpose.trim().chars().count() < MIN_PURPOSE {
            Some(no_purpose())
        } else {
            self.on_record(who, self.now_ms, |_| true).err()
        };
        if let Some((phrase, sentence)) = refused {
            self.record(Event::BreakGlass, who, what, purpose, Outcome::refused(phrase))?;
            return Err(RevealError::Refused(sentence));
        }
        self.tell(who, "broke the glass", (&what, purpose))?;
        self.record(Event::BreakGlass, who, what, purpose, Outcome::Ok)
    }

    /// Tells somebody; that nobody could be told is on record.
    fn tell(&self, who: Authenticated<'_>, did: &str, about: (&What, &str)) -> Result<(), RevealError> {
        let (what, purpose) = about;
        let event = serde_json::json!({
            "event": "break_glass", "operator": who.id(), "what": did, "tokens": what.count, "time_ms": self.now_ms,
        });
        let Err(e) = (self.alert)(&event.to_string()) else { return Ok(()) };
        let outcome = Outcome::failed("nobody could be alerted");
        self.record(Event::BreakGlass, who, what.clone(), purpose, outcome)?;
        Err(RevealError::Refused(format!("nobody could be alerted: {e}")))
    }

    /// Everything that can be refused is: a phrase for the record, and a sentence.
    fn check(
        &self,
        who: Authenticated<'_>,
        tokens: &[String],
        tenant: &str,
        purpose: &str,
        ground: Ground<'_>,
        what: &mut What,
    ) -> Result<Vec<Revealed>, Refusal> {
        let limits = &self.operators.limits;
        if purpose.trim().chars().count() < MIN_PURPOSE {
            return Err(no_purpose());
        }
        if tokens.len() > crate::audit::MAX_TOKENS {
            let most = crate::audit::MAX_TOKENS;
            return Err((
                "too many tokens",
                format!("at most {most} tokens at once: each is named on record"),
            ));
        }
        let mut read = Vec::new();
        for (at, text) in tokens.iter().enumerate() {
            let named = Named::read(self.keyed, text).ok_or_else(|| match self.keyed.missing_version(text) {
                Some(version) => (
                    "a version of the key that is not in the ring",
                    format!(
                        "the text at place {} is of version {version} of the key, which is not in this ring: it was destroyed, or the ring \
                         is an older copy or another one",
                        at + 1
                    ),
                ),
                None => (
                    "no token of this key ring",
                    format!("the text at place {} is no token of this key ring", at + 1),
                ),
            })?;
            what.tokens.push(named.on_record(self.keyed, tenant)?);
            read.push(named);
        }
        what.kinds = Kind::ALL.iter().copied().filter(|k| read.iter().any(|t| t.kind() == *k)).collect();
        let since = self.now_ms - limits.break_glass_minutes * MINUTE_MS;
        match ground {
            Ground::BrokenGlass if !who.may_break_glass() => {
                return Err(("no role that may", format!("no role of {} may break the glass", who.id())));
            }
            Ground::BrokenGlass => {
                let broken = |r: &Record| r.entry.event == Event::BreakGlass && r.entry.what.count == Some(0);
                if self.on_record(who, since, broken)? == 0 {
                    let minutes = limits.break_glass_minutes;
                    let sentence = format!(
                        "the glass is not broken; `scrubjay vault break-glass` breaks it for {minutes} minutes, and somebody is told"
                    );
                    return Err(("the glass is not broken", sentence));
                }
            }
            _ => {
                self.within_the_hour(who, tokens.len() as u64)?;
            }
        }
        if tokens.len() >= limits.bulk_from && !matches!(ground, Ground::BrokenGlass) {
            let Ground::Approved(approval) = ground else {
                let sentence = format!(
                    "{} tokens at once need a second person: `scrubjay vault request` and `scrubjay vault approve`",
                    tokens.len()
                );
                return Err(("no approval by a second person", sentence));
            };
            approval.holds(self.operators, who.id(), tokens, purpose, self.now_ms)?;
            self.used(who, approval, 0)?;
        }
        let mut found = Vec::new();
        for (text, named) in tokens.iter().zip(&read) {
            let kind = named.kind();
            let (tenant, value) = self.open(named, tenant)?;
            if !matches!(ground, Ground::BrokenGlass) && !who.may_reveal(kind, &tenant) {
                let sentence =
                    format!("no role of {} is about values of kind {kind} of this tenant", who.id());
                return Err(("no role for this kind and tenant", sentence));
            }
            if let Ground::Approved(Approval { approver, .. }) = ground
                && !self.operators.may_reveal(approver, kind, &tenant)
            {
                let sentence = format!(
                    "no role of {approver}, who approved, is about values of kind {kind} of this tenant"
                );
                return Err(("approved by one without a role for it", sentence));
            }
            found.push(Revealed { token: text.clone(), kind, tenant, value });
        }
        Ok(found)
    }

    /// Whose value it is, and the value.
    fn open(&self, named: &Named, tenant: &str) -> Result<(String, Sensitive<Vec<u8>>), Refusal> {
        let token = match named {
            Named::Token(token) => token,
            Named::Formatted { kind, version, text } => {
                return match self.keyed.decrypt_format(*version, tenant, *kind, text.as_bytes()) {
                    Ok(value) => Ok((tenant.to_owned(), value)),
                    Err(why) => Err(("it does not open", format!("an encrypted value: {why}"))),
                };
            }
        };
        match token.token_type {
            TokenType::Pseudonym => Err((
                "a pseudonym",
                "a pseudonym leads back to nothing; only tokens and sealed values do".to_owned(),
            )),
            TokenType::Sealed => match self.keyed.unseal(token, tenant) {
                Ok(value) => Ok((tenant.to_owned(), value)),
                Err(why) => Err(("it does not open", format!("a sealed value: {why}"))),
            },
            TokenType::Vault => {
                let vault = self.vault.ok_or((
                    "no vault",
                    "which vault? name it with --vault, --postgres or --config".to_owned(),
                ))?;
                let mut id = [0; 16];
                id.copy_from_slice(token.name());
                let gone =
                    "it is not in this vault: it was erased, has expired, or is another vault's".to_owned();
                match vault.open(TokenId(id)) {
                    Ok(Some(original)) if original.kind == token.kind => {
                        Ok((original.tenant, original.value))
                    }
                    Ok(_) => Err(("not in the vault", gone)),
                    Err(e) => Err(("the vault failed", e.to_string())),
                }
            }
        }
    }

    /// Refused where an approval was used for more than so many tokens: it is good once.
    fn used(&self, who: Authenticated<'_>, approval: &Approval, most: u64) -> Result<(), Refusal> {
        let name = approval.name();
        let same = |r: &Record| r.entry.what.object.as_deref() == Some(&*name);
        if self.on_record(who, approval.request.time_ms, same)? > most {
            return Err(("the approval was used", "an approval is good once; ask again".to_owned()));
        }
        Ok(())
    }

    /// Whether so many tokens more are within this operator's limit of an hour.
    fn within_the_hour(&self, who: Authenticated<'_>, more: u64) -> Result<(), Refusal> {
        let revealed = |r: &Record| matches!(r.entry.event, Event::VaultReveal | Event::VaultRevealBulk);
        let (before, most) =
            (self.on_record(who, self.now_ms - HOUR_MS, revealed)?, self.operators.limits.per_hour);
        if before + more > most {
            let sentence = format!(
                "{} has revealed {before} tokens within the hour, and {most} may be; wait, or ask the privacy officer",
                who.id(),
            );
            return Err(("above the limit of an hour", sentence));
        }
        Ok(())
    }

    /// How many tokens this operator's entries of a sort are about since a moment; of breaking the glass, how many entries. Refused where the
    /// clock is behind the log: no limit of time can be held then.
    fn on_record(
        &self,
        who: Authenticated<'_>,
        since_ms: i64,
        is: impl Fn(&Record) -> bool,
    ) -> Result<u64, Refusal> {
        let unread = |e: AuditError| ("the audit log cannot be read", e.to_string());
        let (mut count, mut latest_ms) = (0, 0);
        for record in Reader::of_open_log(self.log_dir).map_err(unread)? {
            let record = record.map_err(unread)?;
            latest_ms = record.time_ms;
            let own = record.entry.actor.operator_id() == Some(who.id()) && record.time_ms >= since_ms;
            if own && record.entry.outcome == Outcome::Ok && is(&record) {
                count += record.entry.what.count.unwrap_or(1).max(1);
            }
        }
        let behind_ms = latest_ms - self.now_ms;
        if behind_ms > CLOCK_SLACK_MS {
            let sentence = format!(
                "the clock is {} s behind the last entry of the audit log, so that no limit of time can be held; set it right",
                behind_ms / 1000
            );
            return Err(("the clock is behind the audit log", sentence));
        }
        Ok(count)
    }

    fn record(
        &self,
        event: Event,
        who: Authenticated<'_>,
        what: What,
        purpose: &str,
        outcome: Outcome,
    ) -> Result<(), RevealError> {
        let entry = Entry::new(event, Actor::current().operator(who.id()))
            .what(what)
            .purpose(purpose)
            .outcome(outcome);
        self.log.append(&entry)?;
        Ok(())
    }
}

/// Whose they all are, if they are one tenant's.
fn common<'t>(mut tenants: impl Iterator<Item = &'t str>) -> Option<String> {
    let first = tenants.next()?;
    tenants.all(|t| t == first).then(|| What::tenant_id(first))
}

fn no_purpose() -> Refusal {
    ("no purpose", format!("say why, in at least {MIN_PURPOSE} characters: --purpose \"...\""))
}
