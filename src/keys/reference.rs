//! Secrets are named in configuration, never written there: `env:NAME` or `file:PATH`.

use crate::secret::Sensitive;

/// Where a secret stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file.
    File(std::path::PathBuf),
}

/// Why a secret cannot be used. It says which reference, never the secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(pub String);

impl SecretRef {
    /// Reads the secret's bytes.
    pub fn read(&self) -> Result<Sensitive<Vec<u8>>, KeyError> {
        Err(KeyError("not built".into()))
    }
}
