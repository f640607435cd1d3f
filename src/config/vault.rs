//! Opens vaults. A file has one writer: pipelines of one process, and a pipeline that is loaded anew, share what is open.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwap;

use super::ConfigError;
use super::resolved::{VaultConfig, VaultPlace};
use crate::keys::{Purpose, Ring};
use crate::secret::Sensitive;
use crate::transform::{Failed, NewToken, Tokens};
use crate::vault::{FileVault, Maintain, Portable, VaultError, VaultKeys, VaultOptions};
#[cfg(feature = "postgres")]
use crate::vault::{PostgresOptions, PostgresVault};

/// What keepers of a vault work with.
pub trait VaultKeeper: Maintain + Portable {
    /// Gives freed room back; whether there was any. A database does this by itself.
    ///
    /// # Errors
    /// As those of the store.
    fn compact(&self) -> Result<bool, VaultError>;
}

impl VaultKeeper for FileVault {
    fn compact(&self) -> Result<bool, VaultError> {
        FileVault::compact(self)
    }
}

#[cfg(feature = "postgres")]
impl VaultKeeper for PostgresVault {
    fn compact(&self) -> Result<bool, VaultError> {
        Ok(false)
    }
}

/// A vault that is open, and the ring its values are sealed with.
pub struct OpenVault {
    store: Box<dyn VaultKeeper>,
    ring: Arc<RingKeys>,
    place: PathBuf,
}

/// The keys of a vault: a ring that may have got a new version since.
struct RingKeys(ArcSwap<Ring>);

impl VaultKeys for RingKeys {
    fn current(&self) -> u32 {
        self.0.load().active()
    }

    fn ring(&self) -> u64 {
        self.0.load().number()
    }

    fn data_key(&self, version: u32, table: &'static str) -> Result<Sensitive<[u8; 32]>, VaultError> {
        let key = self.0.load().derive::<32>(version, Purpose::VaultSeal, &[table.as_bytes()]);
        key.map_err(|_| VaultError::MissingKey { version })
    }
}

/// The files that this process has open.
static FILES: Mutex<Vec<Weak<OpenVault>>> = Mutex::new(Vec::new());

impl VaultConfig {
    /// Opens the vault, or gives the one that this process has open already.
    ///
    /// # Errors
    /// When it is not there, damaged, in use by another process, or was opened with another ring.
    pub fn open(&self, ring: &Arc<Ring>) -> Result<Arc<OpenVault>, ConfigError> {
        self.at(ring, false).map_err(wrong)
    }

    /// Makes the vault where it is not there.
    ///
    /// # Errors
    /// As [`VaultConfig::open`].
    pub fn create(&self, ring: &Arc<Ring>) -> Result<Arc<OpenVault>, ConfigError> {
        self.at(ring, true).map_err(wrong)
    }

    fn at(&self, ring: &Arc<Ring>, create: bool) -> Result<Arc<OpenVault>, VaultError> {
        let keys = Arc::new(RingKeys(ArcSwap::new(ring.clone())));
        match &self.place {
            VaultPlace::File(path) => {
                let place = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
                let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
                files.retain(|vault| vault.strong_count() > 0);
                if let Some(vault) = files.iter().filter_map(Weak::upgrade).find(|vault| vault.place == place)
                {
                    if vault.ring.0.load().id() != ring.id() {
                        let what = "one vault cannot be used with two key rings; give each pipeline the same [keys] ring";
                        return Err(VaultError::Setting(what.to_owned()));
                    }
                    vault.ring.0.store(ring.clone());
                    return Ok(vault);
                }
                let mut options =
                    VaultOptions { retention_days: self.retention_days, ..VaultOptions::default() };
                options.cache_bytes = self.cache_bytes.unwrap_or(options.cache_bytes);
                let store = match create {
                    true => FileVault::create(path, keys.clone(), options)?,
                    false => FileVault::open(path, keys.clone(), options)?,
                };
                let vault = Arc::new(OpenVault { store: Box::new(store), ring: keys, place });
                files.push(Arc::downgrade(&vault));
                Ok(vault)
            }
            #[cfg(feature = "postgres")]
            VaultPlace::Postgres { connection, ca_file } => {
                let options = || {
                    let mut options = PostgresOptions::new(connection.clone());
                    options.ca_file = ca_file.clone();
                    options.retention_days = self.retention_days;
                    options.cache_bytes = self.cache_bytes.unwrap_or(options.cache_bytes);
                    options
                };
                if create {
                    PostgresVault::init(&options())?;
                }
                let store = Box::new(PostgresVault::open(keys.clone(), options())?);
                Ok(Arc::new(OpenVault { store, ring: keys, place: PathBuf::new() }))
            }
            #[cfg(not(feature = "postgres"))]
            VaultPlace::Postgres { .. } => Err(VaultError::Setting(
                "this scrubjay was built without PostgreSQL; build it with the feature `postgres`".to_owned(),
            )),
        }
    }
}

impl OpenVault {
    /// What it is kept in.
    pub fn store(&self) -> &dyn VaultKeeper {
        &*self.store
    }
}

impl Tokens for OpenVault {
    fn tokenize(&self, items: &[NewToken<'_>]) -> Result<Vec<[u8; 16]>, Failed> {
        let tokens = self.store.tokenize(items).map_err(|e| match e {
            VaultError::TooLong { .. } => Failed::Record("a value is too long for the vault"),
            VaultError::Tenant { .. } => Failed::Record("the tenant's name is none that the vault takes"),
            e => Failed::Keys(told(&e)),
        })?;
        Ok(tokens.into_iter().map(|token| token.0).collect())
    }

    fn commit(&self) -> Result<(), &'static str> {
        self.store.commit().map_err(|e| told(&e))
    }
}

/// What a worker is told; the whole of it goes to the log, which holds no value.
fn told(e: &VaultError) -> &'static str {
    tracing::error!("{e}");
    match e {
        VaultError::MissingKey { .. } | VaultError::Key(_) => "the vault lacks a version of the key",
        VaultError::Damaged { .. } => "the vault is damaged",
        _ => "the vault cannot be used; the log says why",
    }
}

fn wrong(e: VaultError) -> ConfigError {
    ConfigError::Unreadable(e.to_string())
}
