//! Keys: references to them, what they seal, and the keys that other keys are wrapped with.

pub(crate) mod encoding;
mod kek;
pub mod memory;
mod quarantine;
mod reference;
mod ring;
mod ring_file;

pub(crate) use memory::LockedBox;

pub use kek::{Kek, KekError, KekRef};
#[cfg(all(feature = "kms", feature = "gateway"))]
pub(crate) use kek::{RequestSigner, ToSign};
pub use quarantine::{HeaderSlices, OpenError, QuarantineKey, SealError, SealedRecord};
pub use reference::{KeyError, SecretRef};
pub use ring::{KeyState, KeyVersion, Purpose, ROOT_BYTES, Ring, RingError};
pub use ring_file::{Entry, RingFile, RingFileError};
