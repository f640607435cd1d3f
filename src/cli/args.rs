//! Options that several commands share.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::failure::Failure;
use super::recording;
use crate::codec::Format;
use crate::config::{self, MAX_RECORD_BYTES, RosterConfig, Treatment};
use crate::detect::Engine;
use crate::keys::{KeyError, SecretRef};
use crate::kind::{Kind, KindSet};
use crate::policy::{Policy, Profile};
use crate::scrubber::{Settings, Tenant};

/// What is looked for, and how.
#[derive(clap::Args)]
pub(super) struct CommonArgs {
    /// What may stay: `logs` is log hygiene, `safe-harbor` follows 45 CFR 164.514(b)(2) [default: logs]
    #[arg(long, value_name = "NAME", value_parser = profile())]
    profile: Option<Profile>,
    /// Only these kinds, separated by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = kind())]
    kinds: Vec<Kind>,
    /// Every kind but names
    #[arg(long)]
    no_names: bool,
    /// What records are read as [default: auto]
    #[arg(long, value_name = "FORMAT", value_parser = format())]
    input_format: Option<Format>,
    /// A detector pack beside the built-in ones; may be given several times
    #[arg(long, value_name = "PATH")]
    pack: Vec<PathBuf>,
    /// A roster of the organisation's own patients, made by `scrubjay roster build`
    #[arg(long, value_name = "PATH", requires = "roster_key")]
    roster: Option<PathBuf>,
    /// Where the key of the roster stands: env:NAME or file:PATH
    #[arg(long, value_name = "REF", requires = "roster", value_parser = secret)]
    roster_key: Option<SecretArg>,
    /// The key ring that pseudonyms and other keyed actions take their keys from, made by `scrubjay keys init`
    #[arg(long, value_name = "RING")]
    keys: Option<PathBuf>,
    /// Whose keys are used: each tenant's tokens are its own [default: default]
    #[arg(long, value_name = "NAME", requires = "keys", value_parser = tenant)]
    tenant: Option<String>,
    /// A TOML file with `[policy]` rules, such as a pipeline's; options given here go before it
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// How many threads work.
#[derive(clap::Args)]
pub(super) struct ThreadsArgs {
    /// Threads that scrub, from 1 to 1024 [default: the cores]
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<usize>,
}

impl ThreadsArgs {
    /// How many.
    pub(super) fn count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.threads.unwrap_or_else(cores)
    }
}

impl CommonArgs {
    /// The settings these options and the policy file make together; their use is put on record where the file names an audit log.
    pub(super) fn settings(&self) -> Result<Settings, Failure> {
        let (treatment, engine) = self.treatment(Profile::default())?;
        let settings = treatment.settings(engine)?;
        if let Some(file) = &self.policy {
            recording::policy_load(treatment.audit, file, treatment.digest, &settings)?;
        }
        Ok(settings)
    }

    /// The same for a command that changes nothing, with `usual` as the profile where neither an option nor a policy file says
    /// otherwise.
    pub(super) fn settings_to_report(&self, usual: Profile) -> Result<Settings, Failure> {
        let (treatment, engine) = self.treatment(usual)?;
        Ok(treatment.settings_to_report(engine)?)
    }

    fn treatment(&self, usual: Profile) -> Result<(Treatment, Arc<Engine>), Failure> {
        let mut treatment = match &self.policy {
            Some(file) => config::load_treatment(file)?,
            None => Treatment {
                policy: Policy { profile: usual, ..Policy::default() },
                codec: Default::default(),
                packs: Vec::new(),
                roster: None,
                keys: Default::default(),
                vault: None,
                stamp: None,
                audit: None,
                digest: None,
                max_record_bytes: MAX_RECORD_BYTES,
            },
        };
        let policy = &mut treatment.policy;
        if let Some(profile) = self.profile {
            policy.profile = profile;
        }
        if !self.kinds.is_empty() {
            policy.kinds = Some(self.kinds.iter().copied().collect());
        }
        if self.no_names {
            policy.kinds = Some(policy.kinds.unwrap_or(KindSet::ALL).without(Kind::Name));
        }
        if let Some(format) = self.input_format {
            treatment.codec.format = format;
        }
        if let Some(ring) = &self.keys {
            treatment.keys.ring = Some(ring.clone());
        }
        if let Some(tenant) = &self.tenant {
            treatment.keys.tenant = Tenant::Fixed(tenant.clone());
        }
        treatment.packs.extend(self.pack.iter().cloned());
        let engine = config::engine(&treatment.packs)?;
        if let (Some(path), Some(key)) = (&self.roster, &self.roster_key) {
            treatment.roster = Some(RosterConfig { path: path.clone(), key: key.reference()? });
        }
        Ok((treatment, engine))
    }
}

/// A reference to a secret. It is told to be wrong by the command: the parser of arguments would repeat what it refuses,
/// and that may be the secret itself.
#[derive(Clone, Debug)]
pub(super) struct SecretArg(Result<SecretRef, KeyError>);

impl SecretArg {
    /// The reference.
    pub(super) fn reference(&self) -> Result<SecretRef, Failure> {
        self.0.clone().map_err(|e| Failure::Sentence(e.to_string()))
    }
}

/// Parses a [`SecretArg`], which never fails here.
pub(super) fn secret(text: &str) -> Result<SecretArg, std::convert::Infallible> {
    Ok(SecretArg(text.parse()))
}

/// Each has memory of its own: more than a large machine has cores would only be a mistake.
fn threads(text: &str) -> Result<usize, &'static str> {
    let count = text.parse().ok().filter(|n| (1..=1024).contains(n));
    count.ok_or("it must be a whole number from 1 to 1024; without the option there is one for each core")
}

fn tenant(text: &str) -> Result<String, String> {
    let name = text.trim();
    let good = (1..=Tenant::MAX_BYTES).contains(&name.len());
    if good {
        Ok(name.to_owned())
    } else {
        Err(format!("it must be a name of 1 to {} bytes", Tenant::MAX_BYTES))
    }
}

pub(super) fn profile() -> impl TypedValueParser<Value = Profile> {
    let names = Profile::NAMES.iter().map(|(name, _)| *name);
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Profile>())
}

fn format() -> impl TypedValueParser<Value = Format> {
    let names = Format::NAMES.iter().map(|(name, _)| *name);
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Format>())
}

fn kind() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.iter().map(|k| k.name())).try_map(|name| name.parse::<Kind>())
}
