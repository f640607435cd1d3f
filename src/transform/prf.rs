//! HMAC-SHA256 (RFC 2104) of short values under one key, at the speed of a log.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of a tag.
pub(super) const TAG_BYTES: usize = 32;

/// A key whose two blocks have been hashed once and for all. What it holds is wiped when it goes.
pub(super) struct Prf(Hmac<Sha256>);

impl Prf {
    /// With a key of 32 bytes.
    pub(super) fn new(key: &[u8; 32]) -> Option<Prf> {
        Hmac::new_from_slice(key).ok().map(Prf)
    }

    /// The tag of some bytes.
    pub(super) fn tag(&self, bytes: &[u8]) -> [u8; TAG_BYTES] {
        let mut mac = self.0.clone();
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }
}
