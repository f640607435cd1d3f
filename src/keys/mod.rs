//! Keys: references to them, and what they seal.

pub(crate) mod encoding;
mod quarantine;
mod reference;

pub use quarantine::{HeaderSlices, OpenError, QuarantineKey, SealError, SealedRecord};
pub use reference::{KeyError, SecretRef};
