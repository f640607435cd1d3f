//! Commands whose use is put on record: key events, reveals, openings of the quarantine.

use std::path::PathBuf;

use super::args::{SecretArg, secret};
use super::audit;
use super::failure::Failure;
use crate::audit::{Actor, AuditError, AuditLog, AuditSettings, Entry, Event, Outcome, What};

/// Where it is put on record.
#[derive(Debug, clap::Args)]
pub(super) struct LogArgs {
    /// The directory of the audit log in which it is put on record [default: the environment variable SCRUBJAY_AUDIT_DIR]
    #[arg(long, global = true, value_name = "DIR")]
    audit: Option<PathBuf>,
    /// The Ed25519 seed that signs the log's checkpoints: env:NAME or file:PATH
    #[arg(long, global = true, value_name = "REF", value_parser = secret)]
    audit_key: Option<SecretArg>,
    /// A directory in another trust domain that gets a copy of each checkpoint
    #[arg(long, global = true, value_name = "DIR")]
    audit_copy_to: Option<PathBuf>,
}

/// Where it is put on record, who did it, and why.
#[derive(Debug, clap::Args)]
pub(super) struct RecordArgs {
    #[command(flatten)]
    log: LogArgs,
    /// The id you are known by [default: the environment variable SCRUBJAY_OPERATOR]
    #[arg(long, global = true, value_name = "ID")]
    operator: Option<String>,
    /// Why; what looks like PHI is taken out before it is recorded
    #[arg(long, global = true, value_name = "TEXT")]
    purpose: Option<String>,
}

/// An audit log that is open, if there is one.
pub(super) struct Recorder {
    log: Option<AuditLog>,
    actor: Actor,
    purpose: Option<String>,
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

impl LogArgs {
    /// Opens the log, if one is named, and says where it is.
    pub(super) fn open(&self) -> Result<Option<(PathBuf, AuditLog)>, Failure> {
        let named = self.audit.clone().or_else(|| variable("SCRUBJAY_AUDIT_DIR").map(PathBuf::from));
        let Some(dir) = named else { return Ok(None) };
        let key = self.audit_key.as_ref().map(SecretArg::reference).transpose()?;
        let (place, copy_to) = (dir.clone(), self.audit_copy_to.clone());
        let log = AuditLog::open(AuditSettings { dir, key, copy_to, ..AuditSettings::default() });
        Ok(Some((place, log.map_err(told)?)))
    }
}

impl RecordArgs {
    /// Opens the log before anything is done: what cannot be put on record is not done.
    pub(super) fn open(&self) -> Result<Recorder, Failure> {
        let mut actor = Actor::current();
        if let Some(operator) = self.operator.clone().or_else(|| variable("SCRUBJAY_OPERATOR")) {
            actor = actor.operator(operator);
        }
        let purpose = audit::scrubbed(self.purpose.as_deref())?;
        let log = self.log.open()?.map(|(_, log)| log);
        Ok(Recorder { log, actor, purpose })
    }
}

impl Recorder {
    /// Does something and puts on record how it went. What was done and could not be put on record is told as a failure.
    pub(super) fn around<T>(
        &self,
        event: Event,
        what: impl FnOnce(Option<&T>) -> What,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let done = work();
        let outcome = match &done {
            Ok(_) => Outcome::Ok,
            Err(_) => Outcome::failed("the command failed; its message says why"),
        };
        self.record(event, what(done.as_ref().ok()), outcome)?;
        done
    }

    /// Puts on record what cannot be undone, and only then does it. If it fails a second entry says so.
    pub(super) fn before<T>(
        &self,
        event: Event,
        what: What,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.record(event, what.clone(), Outcome::Ok)?;
        let done = work();
        if done.is_err() {
            self.record(event, what, Outcome::failed("the command failed; its message says why"))?;
        }
        done
    }

    /// Appends one entry.
    pub(super) fn record(&self, event: Event, what: What, outcome: Outcome) -> Result<(), Failure> {
        let Some(log) = &self.log else { return Ok(()) };
        let mut entry = Entry::new(event, self.actor.clone()).what(what).outcome(outcome);
        if let Some(purpose) = &self.purpose {
            entry = entry.purpose(purpose.clone());
        }
        log.append(&entry).map_err(told)?;
        Ok(())
    }

    /// Makes the last checkpoint.
    pub(super) fn close(self) -> Result<(), Failure> {
        if let Some(log) = self.log {
            log.close().map_err(told)?;
        }
        Ok(())
    }
}

pub(super) fn told(e: AuditError) -> Failure {
    Failure::Sentence(e.to_string())
}
