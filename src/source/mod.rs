//! Where records come from.

#[cfg(feature = "kafka")]
pub mod kafka;
mod memory;
mod stdin;

use std::time::Duration;

pub use memory::{Acknowledgements, MemorySource, Message};
pub use stdin::StreamSource;

use crate::record::{Batch, Checkpoint};

/// What [`Source::next`] brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// The batch holds at least one record.
    Batch,
    /// Nothing came within the time.
    Idle,
    /// There will be no more. The batch may hold last records.
    End,
}

/// Gives records, batch by batch. Called from one thread.
pub trait Source: Send {
    /// Fills the empty `batch` with what there is, in order, waiting at most `max_wait` for the first record.
    fn next(&mut self, batch: &mut Batch, max_wait: Duration) -> Result<Polled, SourceError>;

    /// Called instead of `next` while the rest of the line has no room: stay alive (answer heartbeats) but take
    /// nothing in, for about `wait`.
    fn idle(&mut self, wait: Duration) -> Result<(), SourceError>;

    /// The handle through which the far end of the line acknowledges batches.
    fn acknowledger(&self) -> Box<dyn Acknowledge>;
}

/// Tells a source that a batch has been delivered. Called from the sink's thread, in the order of the batches.
pub trait Acknowledge: Send {
    /// Everything up to `checkpoint` has been delivered for good and need never be read again.
    fn acknowledge(&mut self, checkpoint: &Checkpoint) -> Result<(), SourceError>;
}

/// For sources with nothing to acknowledge, such as a pipe.
pub struct Nothing;

impl Acknowledge for Nothing {
    fn acknowledge(&mut self, _: &Checkpoint) -> Result<(), SourceError> {
        Ok(())
    }
}

/// Why a source could not be read. The messages say where and what to do, never what a record held.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Any failure.
    #[error("{0}")]
    Failed(String),
}
