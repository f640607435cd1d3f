//! Where clean records go.

#[cfg(feature = "kafka")]
pub mod kafka;
mod memory;
mod quarantine;
mod stdout;

pub use memory::{Delivered, MemorySink, Received, Step};
pub use quarantine::{EXTENSION as QUARANTINE_EXTENSION, Envelopes, QuarantineDir, SealedFiles};
pub use stdout::StreamSink;

use crate::record::Checkpoint;
use crate::scrubber::ScrubbedBatch;

/// Takes what the scrubber made, and nothing else: a [`ScrubbedBatch`] holds only scrubbed and sealed records,
/// and only the scrubber can make one.
///
/// The loop calls, for each batch and from one thread, `begin`, `write`, `flush`, `commit`, in this order.
/// When any of them fails it calls `abort` and stops: what was not committed is read again on the next start.
/// At-least-once sinks do their work in `write` and `flush`; a transactional sink opens its transaction in
/// `begin` and commits the checkpoint's offsets with it in `commit`.
pub trait Sink: Send {
    /// A batch begins.
    fn begin(&mut self) -> Result<(), SinkError>;

    /// Takes the records, in order. It may return before they are delivered. It must not reorder the records of a
    /// partition nor drop any: on a full queue it waits.
    fn write(&mut self, batch: &ScrubbedBatch) -> Result<(), SinkError>;

    /// Returns when every record written since `begin` has been acknowledged for good, or fails.
    fn flush(&mut self) -> Result<(), SinkError>;

    /// The batch is delivered; `checkpoint` is how far its source has been read. Sinks whose source commits on
    /// its own have nothing to do.
    fn commit(&mut self, checkpoint: &Checkpoint) -> Result<(), SinkError>;

    /// The batch failed: undo what can be undone. It must not block for long and cannot fail.
    fn abort(&mut self);
}

/// Why a sink could not take a record. The messages say where and what to do, never what a record held.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The reader on the other side has gone: `scrubjay | head`. Not an error for a filter.
    #[error("the output was closed")]
    Closed,
    /// Any other failure.
    #[error("{0}")]
    Failed(String),
}
