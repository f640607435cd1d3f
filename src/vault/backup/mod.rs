//! Backups: every record of a vault, encrypted once more, in one file.
//!
//! The values in it are sealed under the key versions of the ring as they are in the vault: whoever restores them needs
//! the ring, too, and a key version that was destroyed stays destroyed for backups made before.

mod stream;

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use self::stream::{ReadError, Reader, WriteError, Writer};
use super::types::TokenId;
use super::{Portable, VaultError};
use crate::reason::{unreadable, unwritable};
use crate::secret::Sensitive;

/// A record on its way to another store: its value sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its token.
    pub(crate) token: TokenId,
    /// Whether its tag leads to it: a value may have had several tokens.
    pub(crate) is_tagged: bool,
    /// The record as a vault's file has it.
    pub(crate) record: Vec<u8>,
}

/// Writes a backup to a file, mode 0600, which appears, or takes the place of the one there, when it is whole. Gives the
/// number of records. The vault may be in use: the backup is of one moment.
pub fn back_up(store: &dyn Portable, path: &Path, key: &Sensitive<[u8; 32]>) -> Result<u64, VaultError> {
    let partial = beside(path);
    let written = write_file(store, &partial, key).and_then(|count| {
        let moved = std::fs::rename(&partial, path).and_then(|()| sync_directory(path));
        moved.map(|()| count).map_err(|e| cannot_write(path, &e))
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&partial);
    }
    written
}

/// Restores a backup into an empty vault: all of it, or nothing. Gives the number of records.
pub fn restore(store: &dyn Portable, path: &Path, key: &Sensitive<[u8; 32]>) -> Result<u64, VaultError> {
    let file = File::open(path).map_err(|e| cannot_read(path, &e))?;
    read_from(store, BufReader::new(file), key).map_err(|e| match e {
        ReadError::Io(e) => cannot_read(path, &e),
        ReadError::Backup(why) => VaultError::Backup(format!("{} {why}", path.display())),
        ReadError::Vault(e) => e,
    })
}

fn write_file(store: &dyn Portable, path: &Path, key: &Sensitive<[u8; 32]>) -> Result<u64, VaultError> {
    let mut options = OpenOptions::new();
    // One left behind by a crash is not written over: its mode may be any.
    let _ = std::fs::remove_file(path);
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let file = options.open(path).map_err(|e| cannot_write(path, &e))?;
    let mut out = BufWriter::new(file);
    let count = write_to(store, &mut out, key).map_err(|e| match e {
        WriteError::Io(e) => cannot_write(path, &e),
        WriteError::Vault(e) => e,
    })?;
    let file = out.into_inner().map_err(|e| cannot_write(path, e.error()))?;
    file.sync_all().map_err(|e| cannot_write(path, &e))?;
    Ok(count)
}

fn write_to(store: &dyn Portable, out: &mut dyn Write, key: &Sensitive<[u8; 32]>) -> Result<u64, WriteError> {
    let mut stream = Writer::new(out, key)?;
    let mut count = 0;
    // The store knows only its own errors; one of the output is kept aside.
    let mut failed = None;
    let exported = store.export(&mut |entry| {
        count += 1;
        stream.write(entry).map_err(|e| match e {
            WriteError::Vault(e) => e,
            WriteError::Io(e) => {
                failed = Some(e);
                VaultError::Backup("cannot be written".to_string())
            }
        })
    });
    match failed {
        Some(e) => return Err(WriteError::Io(e)),
        None => exported.map_err(WriteError::Vault)?,
    }
    stream.finish()?;
    Ok(count)
}

fn read_from(store: &dyn Portable, input: impl Read, key: &Sensitive<[u8; 32]>) -> Result<u64, ReadError> {
    let mut stream = Reader::new(input, key)?;
    let mut failed = None;
    let imported = store.import(&mut || {
        stream.read().map_err(|e| match e {
            ReadError::Vault(e) => e,
            other => {
                failed = Some(other);
                VaultError::Backup("cannot be read".to_string())
            }
        })
    });
    match failed {
        Some(e) => Err(e),
        None => imported.map_err(ReadError::Vault),
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    path.with_file_name(name)
}

/// Makes the new name durable.
pub(crate) fn sync_directory(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

fn cannot_write(path: &Path, e: &std::io::Error) -> VaultError {
    VaultError::Backup(format!(
        "{} cannot be written: {}",
        path.display(),
        unwritable(e, "name another path")
    ))
}

fn cannot_read(path: &Path, e: &std::io::Error) -> VaultError {
    VaultError::Backup(format!("{} cannot be read: {}", path.display(), unreadable(e)))
}

#[cfg(test)]
mod tests;
