//! `scrubjay vault`: makes and tends vaults, and reveals what stands behind tokens.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::args::{SecretArg, secret};
use super::failure::{Failure, say};
use super::recording::RecordArgs;
use super::reveal;
use super::summary::counted;
use crate::audit::{AuditSettings, Event, MAX_TOKENS, Outcome, What};
use crate::config::{self, OpenVault, Treatment, VaultConfig, VaultPlace};
use crate::keys::{Ring, RingFile};
use crate::kind::Kind;
use crate::scrubber::Tenant;
use crate::secret::Sensitive;
use crate::time::day_text;
use crate::transform::{Keyed, TokenType};
use crate::vault::{TokenId, VaultError, back_up, restore};

/// Records that are sealed anew in one go.
const REWRAP_BATCH: usize = 1000;

/// Make and tend vaults, and reveal what stands behind tokens.
#[derive(clap::Args)]
pub(super) struct VaultArgs {
    #[command(subcommand)]
    command: Command,
}

/// Which vault, and the ring its values are sealed with.
#[derive(clap::Args)]
pub(super) struct PlaceArgs {
    /// A pipeline, or another file with `[vault]` and `[keys]`, that names vault and ring; options given here go before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The file of the vault
    #[arg(long, value_name = "PATH", conflicts_with = "postgres")]
    vault: Option<PathBuf>,
    /// Where the connection string of a PostgreSQL vault is: env:NAME or file:PATH
    #[arg(long, value_name = "REF", value_parser = secret)]
    postgres: Option<SecretArg>,
    /// A PEM file with the authority of the server's certificate
    #[arg(long, value_name = "FILE", requires = "postgres")]
    ca: Option<PathBuf>,
    /// The key ring
    #[arg(long, value_name = "RING")]
    keys: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make a vault: a file, or the tables in a database
    Init {
        #[command(flatten)]
        place: PlaceArgs,
        #[command(flatten)]
        record: RecordArgs,
    },
    /// Count what is there, by kind and version of the key
    Stats {
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// Remove what is past its retention
    Expire {
        #[command(flatten)]
        place: PlaceArgs,
        #[command(flatten)]
        record: RecordArgs,
    },
    /// Erase the values behind tokens, for a request of erasure or amendment. Their tokens lead to nothing from then on
    Delete {
        /// The tokens, as they stand in text
        #[arg(value_name = "TOKEN", required = true)]
        tokens: Vec<String>,
        #[command(flatten)]
        place: PlaceArgs,
        /// It is meant: this cannot be undone
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        record: RecordArgs,
    },
    /// Give the room of what was removed back to the file system
    Compact {
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// Seal the values of an old version of the key anew, under the active one
    Rewrap {
        #[command(flatten)]
        place: PlaceArgs,
        /// The old version
        #[arg(long, value_name = "VERSION")]
        from: u32,
        #[command(flatten)]
        record: RecordArgs,
    },
    /// Write all of it, sealed, to a file
    Backup {
        #[command(flatten)]
        place: PlaceArgs,
        /// The file to write
        file: PathBuf,
        /// The key that the backup is sealed with: env:NAME or file:PATH
        #[arg(long, value_name = "REF", value_parser = secret)]
        key: SecretArg,
        #[command(flatten)]
        record: RecordArgs,
    },
    /// Read a backup into an empty vault
    Restore {
        #[command(flatten)]
        place: PlaceArgs,
        /// The backup
        file: PathBuf,
        /// The key that it was sealed with: env:NAME or file:PATH
        #[arg(long, value_name = "REF", value_parser = secret)]
        key: SecretArg,
        #[command(flatten)]
        record: RecordArgs,
    },
    /// Show the values behind tokens, to operators whose role allows it. It is put on record before it is shown
    Reveal(reveal::RevealArgs),
    /// Ask a second person for the reveal of many tokens at once: prints the request
    Request(reveal::RequestArgs),
    /// Approve what another operator asks for: prints the approval
    Approve(reveal::ApproveArgs),
    /// Break the glass: for some minutes reveal without role and limit. Somebody is told
    BreakGlass(reveal::BreakGlassArgs),
    /// Print the public key of an operator's key, for the file of operators
    OperatorKey(reveal::OperatorKeyArgs),
}

impl PlaceArgs {
    fn treatment(&self) -> Result<Option<Treatment>, Failure> {
        Ok(self.config.as_ref().map(|file| config::load_treatment(file)).transpose()?)
    }

    /// What the file says of the audit log.
    pub(super) fn audit(&self) -> Result<Option<AuditSettings>, Failure> {
        Ok(self.treatment()?.and_then(|t| t.audit))
    }

    /// Whose values a record's are, if the file says so for all of them.
    pub(super) fn tenant(&self) -> Result<Option<String>, Failure> {
        Ok(self.treatment()?.and_then(|t| match t.keys.tenant {
            Tenant::Fixed(name) => Some(name),
            _ => None,
        }))
    }

    fn ring(&self) -> Result<(Arc<Ring>, Option<VaultConfig>), Failure> {
        let treatment = self.treatment()?;
        let named = treatment.as_ref().and_then(|t| t.keys.ring.clone());
        let path = self.keys.clone().or(named).ok_or_else(|| {
            Failure::Sentence(
                "which key ring? name it with --keys RING, or a file with [keys] with --config".to_owned(),
            )
        })?;
        let ring = RingFile::read(&path)?.open()?;
        Ok((Arc::new(ring), treatment.and_then(|t| t.vault)))
    }

    /// Where the vault is, if it is said.
    fn place(&self, named: Option<VaultConfig>) -> Result<Option<VaultConfig>, Failure> {
        let place = match (&self.vault, &self.postgres) {
            (Some(path), _) => VaultPlace::File(path.clone()),
            (None, Some(connection)) => {
                VaultPlace::Postgres { connection: connection.reference()?, ca_file: self.ca.clone() }
            }
            (None, None) => return Ok(named),
        };
        let named =
            named.unwrap_or(VaultConfig { place: place.clone(), retention_days: None, cache_bytes: None });
        Ok(Some(VaultConfig { place, ..named }))
    }

    /// The keys, and the vault if one is named and `wanted`: a file vault may be a running pipeline's.
    pub(super) fn open(&self, wanted: bool) -> Result<(Keyed, Option<Arc<OpenVault>>), Failure> {
        let (ring, named) = self.ring()?;
        let vault = match self.place(named)? {
            Some(config) if wanted => Some(config.open(&ring)?),
            _ => None,
        };
        let keyed = Keyed::new(ring, config::this_year()).map_err(|e| Failure::Sentence(e.to_string()))?;
        Ok((keyed, vault))
    }

    fn vault(&self, create: bool) -> Result<(Arc<Ring>, Arc<OpenVault>), Failure> {
        let (ring, named) = self.ring()?;
        let config = self.place(named)?.ok_or_else(no_vault)?;
        let vault = if create { config.create(&ring)? } else { config.open(&ring)? };
        Ok((ring, vault))
    }
}

impl From<VaultError> for Failure {
    fn from(e: VaultError) -> Failure {
        Failure::Sentence(e.to_string())
    }
}

pub(super) fn run(args: &VaultArgs) -> Result<ExitCode, Failure> {
    match &args.command {
        Command::Init { place, record } => {
            let recorder = record.open(place.audit()?)?;
            let (ring, _) = place.vault(true)?;
            let what = What { key: Some(format!("ring-{}", ring.id())), ..What::default() };
            recorder.record(Event::VaultInit, what, Outcome::Ok)?;
            recorder.close()?;
            say("the vault is there");
        }
        Command::Stats { place } => stats(&place.vault(false)?.1)?,
        Command::Expire { place, record } => {
            let recorder = record.open(place.audit()?)?;
            let (_, vault) = place.vault(false)?;
            let count = recorder.around(Event::VaultExpire, counting, || Ok(vault.store().expire()?))?;
            recorder.close()?;
            say(format!("{} removed", counted(count, "value")));
        }
        Command::Delete { tokens, place, yes, record } => {
            let recorder = record.open(place.audit()?)?;
            let (keyed, vault) = place.open(true)?;
            let vault = vault.ok_or_else(no_vault)?;
            let ids = vault_tokens(&keyed, tokens)?;
            if !yes {
                let what = counted(ids.len() as u64, "value");
                return Err(Failure::Sentence(format!(
                    "{what} would be erased for good; add --yes if that is meant"
                )));
            }
            let mut what = What { kinds: ids.iter().map(|(kind, ..)| *kind).collect(), ..What::default() };
            what.kinds.sort_unstable();
            what.kinds.dedup();
            what.tokens = ids.iter().map(|(.., name)| name.clone()).collect();
            let count = recorder.before(Event::VaultDelete, what, || {
                let erase = |count, (_, id, _): &(Kind, TokenId, String)| {
                    Ok(count + u64::from(vault.store().delete(*id)?))
                };
                ids.iter().try_fold(0, erase)
            })?;
            recorder.close()?;
            say(format!("{} erased; `vault compact` gives their room back", counted(count, "value")));
            if count < ids.len() as u64 {
                say(format!("{} not there, or past retention", counted(ids.len() as u64 - count, "value")));
            }
        }
        Command::Compact { place } => match place.vault(false)?.1.store().compact()? {
            true => say("the file is smaller"),
            false => say("there was nothing to give back"),
        },
        Command::Rewrap { place, from, record } => {
            let recorder = record.open(place.audit()?)?;
            let (ring, vault) = place.vault(false)?;
            let done = recorder.around(Event::KeyRewrap, counting, || rewrap(&ring, &vault, *from))?;
            recorder.close()?;
            say(format!("{} sealed anew under version {}", counted(done, "value"), ring.active()));
        }
        Command::Backup { place, file, key, record } => {
            let copy = |vault: &OpenVault, key: &_| back_up(vault.store(), file, key);
            let count = sealed_copy(place, key, record, Event::VaultBackup, copy)?;
            say(format!("{} in {}", counted(count, "value"), file.display()));
        }
        Command::Restore { place, file, key, record } => {
            let copy = |vault: &OpenVault, key: &_| restore(vault.store(), file, key);
            let count = sealed_copy(place, key, record, Event::VaultRestore, copy)?;
            say(format!("{} restored", counted(count, "value")));
        }
        Command::Reveal(args) => reveal::reveal(args)?,
        Command::Request(args) => reveal::request(args)?,
        Command::Approve(args) => reveal::approve(args)?,
        Command::BreakGlass(args) => reveal::break_glass(args)?,
        Command::OperatorKey(args) => reveal::operator_key(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn no_vault() -> Failure {
    Failure::Sentence("which vault? name it with --vault PATH, --postgres REF or --config FILE".to_owned())
}

/// What each token is of, which it is in the vault, and how it is named on record.
fn vault_tokens(keyed: &Keyed, tokens: &[String]) -> Result<Vec<(Kind, TokenId, String)>, Failure> {
    if tokens.len() > MAX_TOKENS {
        return Err(Failure::Sentence(format!(
            "at most {MAX_TOKENS} tokens at once: each is named on record"
        )));
    }
    let read = |(at, text): (usize, &String)| {
        let text = text.as_bytes();
        let read = keyed.recognize(text).or_else(|| keyed.recognize_by_form(text));
        let token = read.filter(|t| t.token_type == TokenType::Vault).ok_or_else(|| {
            Failure::Sentence(format!("the text at place {} is no vault token of this key ring", at + 1))
        })?;
        let mut id = [0; 16];
        id.copy_from_slice(token.name());
        Ok((token.kind, TokenId(id), token.on_record()))
    };
    tokens.iter().enumerate().map(read).collect()
}

/// Copies a vault out or in under a key of its own, on record, and counts the values.
fn sealed_copy(
    place: &PlaceArgs,
    key: &SecretArg,
    record: &RecordArgs,
    event: Event,
    copy: impl FnOnce(&OpenVault, &Sensitive<[u8; 32]>) -> Result<u64, VaultError>,
) -> Result<u64, Failure> {
    let recorder = record.open(place.audit()?)?;
    let key = key.reference()?.read_key().map_err(|e| Failure::Sentence(e.to_string()))?;
    let (_, vault) = place.vault(false)?;
    let count = recorder.around(event, counting, || Ok(copy(&vault, &key)?))?;
    recorder.close()?;
    Ok(count)
}

fn counting(count: Option<&u64>) -> What {
    What { count: count.copied(), ..What::default() }
}

/// Seals all values of a version anew. What names each in its token stays; the version in the text is the new one from then on.
fn rewrap(ring: &Arc<Ring>, vault: &OpenVault, from: u32) -> Result<u64, Failure> {
    let keyed =
        Keyed::new(ring.clone(), config::this_year()).map_err(|e| Failure::Sentence(e.to_string()))?;
    let retag = |original: &crate::vault::Original| {
        keyed.vault_tag(original.kind, &original.tenant, original.value.expose()).ok()
    };
    let (mut done, mut damaged, mut after): (u64, u64, Option<TokenId>) = (0, 0, None);
    loop {
        let step = vault.store().rewrap(from, REWRAP_BATCH, after, &retag)?;
        done += step.done;
        damaged += step.damaged;
        after = step.next;
        if after.is_none() {
            break;
        }
    }
    if damaged > 0 {
        say(format!(
            "warning: {} of version {from} did not open, and stayed as they are",
            counted(damaged, "value")
        ));
    }
    Ok(done)
}

fn stats(vault: &OpenVault) -> Result<(), Failure> {
    let stats = vault.store().stats()?;
    let mut out = io::stdout().lock();
    writeln!(out, "{:<15} {:>7} {:>10}", "kind", "version", "values")?;
    for ((kind, version), count) in &stats.records {
        writeln!(out, "{kind:<15} {version:>7} {count:>10}")?;
    }
    writeln!(
        out,
        "{} values, {} bytes; {} past retention",
        stats.total(),
        stats.stored_bytes,
        stats.expired
    )?;
    if stats.total() > 0 {
        writeln!(
            out,
            "the latest was made on {}",
            day_text(i64::try_from(stats.latest_created_ms).unwrap_or(i64::MAX))
        )?;
    }
    out.flush()?;
    Ok(())
}
