//! Keys: references to them, what they seal, and the keys that other keys are wrapped with.

pub(crate) mod encoding;
mod kek;
pub mod memory;
mod quarantine;
mod reference;

pub use kek::{Kek, KekError, KekRef};
pub use quarantine::{HeaderSlices, OpenError, QuarantineKey, SealError, SealedRecord};
pub use reference::{KeyError, SecretRef};
