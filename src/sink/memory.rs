//! Keeps what it is given, for tests of the line and for use as a library.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Sink, SinkError};
use crate::record::{Checkpoint, Origin};
use crate::scrubber::{Outgoing, Scrubbed, ScrubbedBatch};

/// The calls of a [`Sink`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// [`Sink::begin`].
    Begin,
    /// [`Sink::write`].
    Write,
    /// [`Sink::flush`].
    Flush,
    /// [`Sink::commit`].
    Commit,
    /// [`Sink::abort`].
    Abort,
}

/// A record as it was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Where it came from.
    pub origin: Origin,
    /// Whether it was sealed: then the payload is the envelope.
    pub sealed: bool,
    /// Payload; of a stream the whole frame.
    pub payload: Option<Vec<u8>>,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Headers, in order.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Whether its timestamp must be replaced.
    pub restamp: bool,
}

impl Received {
    fn clean(record: &Scrubbed<'_>) -> Received {
        let owned = |v: Option<&[u8]>| v.map(<[u8]>::to_vec);
        Received {
            origin: record.origin().clone(),
            sealed: false,
            payload: owned(record.payload()),
            key: owned(record.key()),
            headers: record.headers().map(|(n, v)| (n.to_vec(), owned(v))).collect(),
            restamp: record.restamp(),
        }
    }
}

/// What a [`MemorySink`] has been given.
#[derive(Clone, Debug, Default)]
pub struct Delivered {
    /// All that was written, in order, committed or not.
    pub written: Vec<Received>,
    /// How many of the first of them are committed.
    pub committed: usize,
    /// The checkpoints of the commits.
    pub checkpoints: Vec<Checkpoint>,
    /// Every call, in order.
    pub steps: Vec<Step>,
}

impl Delivered {
    /// The payloads of the committed records, one after the other.
    pub fn text(&self) -> Vec<u8> {
        self.written[..self.committed]
            .iter()
            .filter_map(|r| r.payload.as_deref())
            .collect::<Vec<_>>()
            .concat()
    }
}

/// Keeps what it is given; fails where it is told to.
#[derive(Clone, Default)]
pub struct MemorySink {
    delivered: Arc<Mutex<Delivered>>,
    failure: Option<(Step, usize)>,
}

impl MemorySink {
    /// A sink that fails never. Its clones share what they keep.
    pub fn new() -> MemorySink {
        MemorySink::default()
    }

    /// The same, but the `n`th call (from 1) of `step` fails.
    pub fn failing_at(step: Step, n: usize) -> MemorySink {
        MemorySink { failure: Some((step, n)), ..MemorySink::default() }
    }

    /// What it has been given so far.
    pub fn delivered(&self) -> Delivered {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Delivered> {
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, step: Step) -> Result<MutexGuard<'_, Delivered>, SinkError> {
        let mut delivered = self.lock();
        delivered.steps.push(step);
        let n = delivered.steps.iter().filter(|s| **s == step).count();
        if self.failure == Some((step, n)) {
            return Err(SinkError::Failed(format!("{step:?} {n} fails, as the test wants it")));
        }
        Ok(delivered)
    }
}

impl Sink for MemorySink {
    fn begin(&mut self) -> Result<(), SinkError> {
        self.step(Step::Begin).map(drop)
    }

    fn write(&mut self, batch: &ScrubbedBatch) -> Result<(), SinkError> {
        let mut delivered = self.step(Step::Write)?;
        delivered.written.extend(batch.iter().map(|outgoing| match outgoing {
            Outgoing::Clean(record) => Received::clean(&record),
            Outgoing::Sealed(sealed) => Received {
                origin: sealed.origin().clone(),
                sealed: true,
                payload: Some(sealed.envelope().to_vec()),
                key: None,
                headers: Vec::new(),
                restamp: false,
            },
        }));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.step(Step::Flush).map(drop)
    }

    fn commit(&mut self, checkpoint: &Checkpoint) -> Result<(), SinkError> {
        let mut delivered = self.step(Step::Commit)?;
        delivered.committed = delivered.written.len();
        delivered.checkpoints.push(checkpoint.clone());
        Ok(())
    }

    fn abort(&mut self) {
        self.lock().steps.push(Step::Abort);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fails_at_the_call_it_was_told() {
        let mut sink = MemorySink::failing_at(Step::Flush, 2);
        let seen = sink.clone();
        for n in 1..=2 {
            sink.begin().unwrap();
            assert_eq!(sink.flush().is_ok(), n == 1);
        }
        sink.abort();
        sink.flush().unwrap();
        let steps = [Step::Begin, Step::Flush, Step::Begin, Step::Flush, Step::Abort, Step::Flush];
        assert_eq!(seen.delivered().steps, steps);
    }
}
