//! Scrubjay finds protected health information (PHI) in log and notification streams, removes it, and forwards
//! clean output.

pub mod cli;
pub mod codec;
pub mod config;
#[cfg(feature = "console")]
pub mod console;
#[cfg(feature = "kafka")]
mod demo;
pub mod detect;
pub mod health;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod keys;
pub mod metrics;
pub mod pipeline;
pub mod policy;
pub mod record;
pub mod scrubber;
pub mod sink;
pub mod source;

mod kind;
mod secret;
mod span;
mod transform;

pub use kind::{Kind, KindSet, UnknownKind};
pub use secret::Sensitive;
pub use span::Span;
