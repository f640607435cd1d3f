//! The redb file: opening it, its tables, and what its errors mean.

use std::fs::OpenOptions;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use redb::backends::FileBackend;
use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase, StorageBackend, TableDefinition,
    WriteTransaction,
};

use crate::reason::{unreadable, unwritable};
use crate::vault::VaultError;
use crate::vault::backup::sync_directory;

pub(super) const TAGS: TableDefinition<'_, &[u8; 32], &[u8; 16]> = TableDefinition::new("tags");
pub(super) const RECORDS: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("records");
/// Which key ring the values are sealed with.
pub(super) const RING: &str = "ring";
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// The latest time a record was stamped with: milliseconds since 1970.
pub(super) const LATEST_MS: &str = "latest_ms";
const FORMAT_KEY: &str = "format";
const FORMAT: u64 = 1;
/// After a failure the file is closed; it is opened again, and looked over, no sooner than this.
pub(super) const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Opens the file, the first time (`true`) or again after a failure, when a new one must not be made. Tests give one
/// whose storage fails.
pub(super) type Opener = Box<dyn Fn(bool) -> Result<Database, VaultError> + Send + Sync>;

/// The open file.
pub(super) struct Disk {
    path: PathBuf,
    opener: Opener,
    database: RwLock<Option<Database>>,
    /// The last failure, when it was, and that no try has succeeded since.
    failure: Mutex<Option<(Instant, VaultError)>>,
}

impl Disk {
    /// Opens the vault behind an opener, making its tables if it is new.
    pub(super) fn open(path: PathBuf, opener: Opener) -> Result<Disk, VaultError> {
        let database = caught(|| opener(true))?;
        let disk = Disk { path, opener, database: RwLock::new(Some(database)), failure: Mutex::new(None) };
        disk.prepare()?;
        Ok(disk)
    }

    fn prepare(&self) -> Result<(), VaultError> {
        let found = self.read(|tx| {
            let tables = tx.list_tables().map_err(|e| self.error(e))?.count();
            if tables == 0 {
                return Ok(None);
            }
            match tx.open_table(META) {
                Ok(meta) => {
                    let format = meta.get(FORMAT_KEY).map_err(|e| self.error(e))?;
                    format.map(|f| Some(f.value())).ok_or_else(|| self.no_vault())
                }
                Err(_) => Err(self.no_vault()),
            }
        })?;
        match found {
            Some(FORMAT) => Ok(()),
            Some(found) => Err(VaultError::Format { found, known: FORMAT }),
            None => self.write(|tx| {
                let mut meta = tx.open_table(META).map_err(|e| self.error(e))?;
                meta.insert(FORMAT_KEY, FORMAT).map_err(|e| self.error(e))?;
                tx.open_table(TAGS).map_err(|e| self.error(e))?;
                tx.open_table(RECORDS).map_err(|e| self.error(e))?;
                Ok(())
            }),
        }
    }

    /// Reads in one transaction.
    pub(super) fn read<R>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<R, VaultError>,
    ) -> Result<R, VaultError> {
        self.with(|database| {
            let tx = database.begin_read().map_err(|e| self.error(e))?;
            read(&tx)
        })
    }

    /// Writes in one transaction, durable when this returns `Ok`. On any error nothing of it is kept.
    pub(super) fn write<R>(
        &self,
        write: impl FnOnce(&WriteTransaction) -> Result<R, VaultError>,
    ) -> Result<R, VaultError> {
        self.with(|database| {
            let mut tx = database.begin_write().map_err(|e| self.error(e))?;
            tx.set_durability(Durability::Immediate).map_err(|e| self.error(e))?;
            let result = write(&tx)?;
            tx.commit().map_err(|e| self.error(e))?;
            Ok(result)
        })
    }

    /// Gives freed pages back to the file system. Waits for readers for some seconds.
    pub(super) fn compact(&self) -> Result<bool, VaultError> {
        let patience = Instant::now() + Duration::from_secs(5);
        let mut guard = loop {
            match self.database.try_write() {
                Ok(guard) => break guard,
                Err(std::sync::TryLockError::Poisoned(p)) => break p.into_inner(),
                Err(std::sync::TryLockError::WouldBlock) if Instant::now() < patience => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(std::sync::TryLockError::WouldBlock) => {
                    return Err(
                        self.file_error("is being read, by a backup perhaps; compact it when that is done")
                    );
                }
            }
        };
        let Some(database) = guard.as_mut() else {
            drop(guard);
            return self.read(|_| Ok(false));
        };
        let result = caught(|| database.compact().map_err(|e| self.error(e)));
        drop(guard);
        self.note(&result);
        result
    }

    /// Bytes of the file.
    pub(super) fn bytes(&self) -> Result<u64, VaultError> {
        let about = std::fs::metadata(&self.path);
        about.map(|a| a.len()).map_err(|e| self.file_error(&format!("cannot be read: {}", unreadable(&e))))
    }

    fn with<R>(&self, use_it: impl FnOnce(&Database) -> Result<R, VaultError>) -> Result<R, VaultError> {
        self.recover()?;
        let guard = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let result = match guard.as_ref() {
            Some(database) => caught(|| use_it(database)),
            None => Err(self.file_error("was closed after an error; try again")),
        };
        drop(guard);
        self.note(&result);
        result
    }

    /// After a failure redb refuses everything until the file is opened again, which also looks it over.
    fn recover(&self) -> Result<(), VaultError> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((at, error)) = &*failure else { return Ok(()) };
        if at.elapsed() < RETRY_AFTER {
            return Err(error.clone());
        }
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        let closed = caught(|| {
            drop(database.take());
            Ok(())
        });
        match closed.and_then(|()| caught(|| (self.opener)(false))) {
            Ok(opened) => {
                *database = Some(opened);
                *failure = None;
                Ok(())
            }
            Err(e) => {
                *failure = Some((Instant::now(), e.clone()));
                Err(e)
            }
        }
    }

    fn note<R>(&self, result: &Result<R, VaultError>) {
        if let Err(e @ (VaultError::File { .. } | VaultError::Damaged { what: PAGES })) = result {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), e.clone()));
        }
    }

    /// What an error of redb means. Its own texts name pages and tables, never what is in them.
    pub(super) fn error(&self, e: impl Into<redb::Error>) -> VaultError {
        meaning(&self.name(), e)
    }

    fn no_vault(&self) -> VaultError {
        VaultError::NotAVault { path: self.name() }
    }

    fn file_error(&self, why: &str) -> VaultError {
        VaultError::File { path: self.name(), why: why.to_string() }
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}

/// The damage that redb finds itself.
const PAGES: &str = "its pages do not match their checksums";

/// redb says of a damaged file that it is one; should it panic instead, that is said too.
fn caught<R>(work: impl FnOnce() -> Result<R, VaultError>) -> Result<R, VaultError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(VaultError::Damaged { what: PAGES }))
}

fn meaning(path: &str, e: impl Into<redb::Error>) -> VaultError {
    use redb::Error;
    let file = |why: String| VaultError::File { path: path.to_string(), why };
    match e.into() {
        Error::DatabaseAlreadyOpen => VaultError::InUse { path: path.to_string() },
        Error::Io(e) if e.kind() == std::io::ErrorKind::InvalidData => {
            VaultError::NotAVault { path: path.to_string() }
        }
        Error::Io(e) => file(format!("failed: {}", unwritable(&e, "move the vault"))),
        Error::PreviousIo => {
            file("failed before and is closed; it is opened again at the next try".to_string())
        }
        Error::Corrupted(_) => VaultError::Damaged { what: PAGES },
        Error::TableDoesNotExist(_)
        | Error::TableTypeMismatch { .. }
        | Error::TypeDefinitionChanged { .. }
        | Error::UpgradeRequired(_) => VaultError::NotAVault { path: path.to_string() },
        e => file(format!("cannot be used: {e}")),
    }
}

/// Opens a file for redb: only its owner may have access to it. The whole file is read, and each page checked.
pub(super) fn open_file(path: &Path, create: bool, page_cache_bytes: usize) -> Result<Database, VaultError> {
    let name = path.display().to_string();
    let refuse = |why: String| VaultError::File { path: name.clone(), why };
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    if create {
        match options.clone().create_new(true).open(path) {
            Ok(_) => sync_directory(path)
                .map_err(|e| refuse(format!("cannot be made: {}", unwritable(&e, "name another path"))))?,
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(refuse(format!("cannot be made: {}", unwritable(&e, "name another path")))),
        }
    }
    let about =
        std::fs::metadata(path).map_err(|e| refuse(format!("cannot be opened: {}", unreadable(&e))))?;
    if !about.is_file() {
        return Err(refuse("is no regular file; name the vault's file".to_string()));
    }
    let file = options.open(path).map_err(|e| refuse(format!("cannot be opened: {}", unreadable(&e))))?;
    let about = file.metadata().map_err(|e| refuse(format!("cannot be opened: {}", unreadable(&e))))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = about.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(refuse(format!(
                "can be used by others than its owner (mode {mode:04o}); do `chmod 600 {}`",
                path.display()
            )));
        }
    }
    if about.len() == 0 && !create {
        return Err(VaultError::NotAVault { path: name });
    }
    let backend = FileBackend::new(file).map_err(|e| meaning(&name, e))?;
    open_backend(&name, backend, page_cache_bytes)
}

/// Opens redb on a storage.
pub(super) fn open_backend(
    name: &str,
    backend: impl StorageBackend,
    page_cache_bytes: usize,
) -> Result<Database, VaultError> {
    let mut builder = Database::builder();
    builder.set_cache_size(page_cache_bytes).set_check_integrity_on_open(true);
    builder.create_with_backend(backend).map_err(|e| meaning(name, e))
}
