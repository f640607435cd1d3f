//! What the tests of this module share: keys in memory, and a clock that is set by hand.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::clock::Clock;
use super::{NewToken, VaultError, VaultKeys};
use crate::kind::Kind;
use crate::secret::Sensitive;

/// Versions 1 to the current one; any may be destroyed.
pub(crate) struct Keys {
    current: AtomicU32,
    keys: Mutex<HashMap<u32, [u8; 32]>>,
}

impl Keys {
    pub(crate) fn new(current: u32) -> Keys {
        let keys = (1..=current).map(|v| (v, [v as u8; 32])).collect();
        Keys { current: AtomicU32::new(current), keys: Mutex::new(keys) }
    }

    pub(crate) fn destroy(&self, version: u32) {
        self.keys.lock().unwrap().remove(&version);
    }

    pub(crate) fn rotate(&self) -> u32 {
        let version = self.current.fetch_add(1, Ordering::Relaxed) + 1;
        self.keys.lock().unwrap().insert(version, [version as u8; 32]);
        version
    }
}

impl VaultKeys for Keys {
    fn current(&self) -> u32 {
        self.current.load(Ordering::Relaxed)
    }

    fn ring(&self) -> u64 {
        1
    }

    fn data_key(&self, version: u32, table: &'static str) -> Result<Sensitive<[u8; 32]>, VaultError> {
        let key =
            self.keys.lock().unwrap().get(&version).copied().ok_or(VaultError::MissingKey { version })?;
        let label = aws_lc_rs::hmac::sign(
            &aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key),
            table.as_bytes(),
        );
        let mut out = [0; 32];
        out.copy_from_slice(label.as_ref());
        Ok(Sensitive::new(out))
    }
}

/// A clock that stands until it is set.
pub(crate) struct Hands(AtomicU64);

impl Hands {
    pub(crate) fn at_day(day: u64) -> Hands {
        let hands = Hands(AtomicU64::new(0));
        hands.set_day(day);
        hands
    }

    pub(crate) fn set_day(&self, day: u64) {
        self.0.store(day * 86_400_000 + 3_600_000, Ordering::Relaxed);
    }
}

impl Clock for Hands {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The tag that a caller would make, without a key.
pub(crate) fn tag(version: u32, value: &[u8]) -> [u8; 32] {
    let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    hash.update(&version.to_le_bytes());
    hash.update(value);
    let mut tag = [0; 32];
    tag.copy_from_slice(hash.finish().as_ref());
    tag
}

/// A value under a key version.
pub(crate) fn item(version: u32, value: &[u8]) -> NewToken<'_> {
    NewToken { tag: tag(version, value), kind: Kind::Ssn, tenant: "clinic", version, value }
}
