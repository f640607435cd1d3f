//! Keys: references to them, and what they seal.

mod quarantine;
mod reference;

pub use quarantine::{OpenError, QuarantineKey, SealedRecord};
pub use reference::{KeyError, SecretRef};
