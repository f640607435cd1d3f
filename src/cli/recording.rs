//! What commands put on record: policy loads, key events, reveals, openings of the quarantine.

use std::path::{Path, PathBuf};

use super::args::{SecretArg, secret};
use super::audit;
use super::failure::{Failure, say};
use crate::audit::{Actor, AuditError, AuditLog, AuditSettings, Entry, Event, Outcome, What};
use crate::config::ConfigError;
use crate::scrubber::Settings;

/// Where it is put on record.
#[derive(Debug, clap::Args)]
pub(super) struct LogArgs {
    /// The directory of the audit log in which it is put on record [default: `[audit]` of the file that --config names, where the command
    /// has that, or the environment variable SCRUBJAY_AUDIT_DIR]
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

/// What is told where no log is named.
pub(super) const UNRECORDED: &str =
    "warning: this is not put on record; --audit DIR names an audit log, or SCRUBJAY_AUDIT_DIR";

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

/// The log that a file names, or else the environment.
pub(super) fn named_or_usual(named: Option<AuditSettings>) -> Option<AuditSettings> {
    let usual = || variable("SCRUBJAY_AUDIT_DIR").map(PathBuf::from);
    named.or_else(|| usual().map(|dir| AuditSettings { dir, ..AuditSettings::default() }))
}

/// Puts on record which policy is used from now on. What cannot be put on record is not used.
pub(super) fn policy_load(
    log: Option<AuditSettings>,
    file: &Path,
    digest: Option<[u8; 32]>,
    settings: &Settings,
) -> Result<(), ConfigError> {
    let Some(log) = log else { return Ok(()) };
    let ring = settings.keys.as_ref().map(|keys| keys.keyed.ring());
    let what = What {
        object: file.file_name().map(|name| name.to_string_lossy().into_owned()),
        digest,
        key: ring.map(|ring| format!("ring-{}", ring.id())),
        key_versions: ring.map(|ring| ring.active()).into_iter().collect(),
        ..What::default()
    };
    let recorded = AuditLog::open(log).and_then(|log| {
        log.append(&Entry::new(Event::PolicyLoad, Actor::current()).what(what))?;
        log.close()
    });
    recorded.map_err(|e| ConfigError::Unreadable(e.to_string()))
}

impl LogArgs {
    /// Opens the log, if one is named, and says where it is. `named` is what a configuration file says of it; options go before it.
    pub(super) fn open(&self, named: Option<AuditSettings>) -> Result<Option<(PathBuf, AuditLog)>, Failure> {
        let settings = match (&self.audit, named) {
            (Some(dir), named) => Some(AuditSettings { dir: dir.clone(), ..named.unwrap_or_default() }),
            (None, named) => named_or_usual(named),
        };
        let Some(mut settings) = settings else { return Ok(None) };
        if let Some(key) = &self.audit_key {
            settings.key = Some(key.reference()?);
        }
        if let Some(dir) = &self.audit_copy_to {
            settings.copy_to = Some(dir.clone());
        }
        let place = settings.dir.clone();
        Ok(Some((place, AuditLog::open(settings).map_err(told)?)))
    }
}

impl RecordArgs {
    /// Opens the log before anything is done: what cannot be put on record is not done. `named` is what a configuration file says of the
    /// log.
    pub(super) fn open(&self, named: Option<AuditSettings>) -> Result<Recorder, Failure> {
        let mut actor = Actor::current();
        if let Some(operator) = self.operator.clone().or_else(|| variable("SCRUBJAY_OPERATOR")) {
            actor = actor.operator(operator);
        }
        let purpose = audit::scrubbed(self.purpose.as_deref())?;
        let log = self.log.open(named)?.map(|(_, log)| log);
        if log.is_none() {
            say(UNRECORDED);
        }
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
