//! The keys of a vault that protects nothing: one version, the same key for all that is in it. The fuzz target of the vault has this
//! file, too.

use scrubjay::Sensitive;
use scrubjay::vault::{VaultError, VaultKeys};

pub struct Keys;

impl VaultKeys for Keys {
    fn current(&self) -> u32 {
        1
    }

    fn ring(&self) -> u64 {
        1
    }

    fn data_key(&self, _: u32, _: &'static str) -> Result<Sensitive<[u8; 32]>, VaultError> {
        Ok(Sensitive::new([1; 32]))
    }
}
