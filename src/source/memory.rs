//! Records from memory, for tests of the line and for use as a library.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::{Acknowledge, Polled, Source, SourceError};
use crate::record::{Batch, Checkpoint, Origin, Timestamp};
use crate::span::Span;

/// A message as Kafka has them.
#[derive(Clone, Default)]
pub struct Message {
    /// Topic; `memory` if none is given.
    pub topic: Option<Arc<str>>,
    /// Partition.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
    /// Milliseconds since 1970, as the producer set them.
    pub timestamp_ms: Option<i64>,
    /// Key; `None` is null.
    pub key: Option<Vec<u8>>,
    /// Payload; `None` is a tombstone.
    pub payload: Option<Vec<u8>>,
    /// Headers, in order.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message([{}]@{})", self.partition, self.offset)
    }
}

/// What has been acknowledged to a [`MemorySource`], in order.
#[derive(Clone, Default)]
pub struct Acknowledgements(Arc<Mutex<Vec<Checkpoint>>>);

impl Acknowledgements {
    /// The checkpoints so far.
    pub fn checkpoints(&self) -> Vec<Checkpoint> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Acknowledge for Acknowledgements {
    fn acknowledge(&mut self, checkpoint: &Checkpoint) -> Result<(), SourceError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(checkpoint.clone());
        Ok(())
    }
}

/// Gives the batches it was made with.
pub struct MemorySource {
    batches: VecDeque<Content>,
    lines: u64,
    acknowledged: Acknowledgements,
}

enum Content {
    Lines(Vec<Vec<u8>>),
    Messages(Vec<Message>),
}

impl MemorySource {
    /// Batches of lines, numbered from 1. A line end belongs to the frame, if there is one.
    pub fn lines(batches: Vec<Vec<Vec<u8>>>) -> MemorySource {
        MemorySource::new(batches.into_iter().map(Content::Lines))
    }

    /// Batches of messages. Each batch's checkpoint is what follows its last offsets.
    pub fn messages(batches: Vec<Vec<Message>>) -> MemorySource {
        MemorySource::new(batches.into_iter().map(Content::Messages))
    }

    fn new(batches: impl Iterator<Item = Content>) -> MemorySource {
        MemorySource { batches: batches.collect(), lines: 0, acknowledged: Acknowledgements::default() }
    }

    /// A handle that shows what has been acknowledged, also after the line has taken the source.
    pub fn acknowledgements(&self) -> Acknowledgements {
        self.acknowledged.clone()
    }
}

impl Source for MemorySource {
    fn next(&mut self, batch: &mut Batch, _: Duration) -> Result<Polled, SourceError> {
        match self.batches.pop_front() {
            None => return Ok(Polled::End),
            Some(Content::Lines(lines)) => {
                for line in lines {
                    self.lines += 1;
                    push_line(batch, self.lines, &line);
                }
            }
            Some(Content::Messages(messages)) => messages.iter().for_each(|m| push_message(batch, m)),
        }
        Ok(if batch.is_empty() { Polled::Idle } else { Polled::Batch })
    }

    fn idle(&mut self, wait: Duration) -> Result<(), SourceError> {
        thread::sleep(wait);
        Ok(())
    }

    fn acknowledger(&self) -> Box<dyn Acknowledge> {
        Box::new(self.acknowledged.clone())
    }
}

fn push_line(batch: &mut Batch, number: u64, line: &[u8]) {
    let frame = batch.append(line);
    let text = line.strip_suffix(b"\n").map_or(line, |l| l.strip_suffix(b"\r").unwrap_or(l));
    batch.push_line(number, Span::at(frame.start(), frame.start() + text.len()), frame.end());
}

fn push_message(batch: &mut Batch, message: &Message) {
    let topic = message.topic.clone().unwrap_or_else(|| "memory".into());
    let payload = message.payload.as_ref().map(|p| batch.append(p));
    let key = message.key.as_ref().map(|k| batch.append(k));
    for (name, value) in &message.headers {
        batch.push_header(name, value.as_deref());
    }
    batch.checkpoint.advance(&topic, message.partition, message.offset + 1, 0);
    let origin = Origin::Kafka {
        topic,
        partition: message.partition,
        offset: message.offset,
        timestamp: message.timestamp_ms.map_or(Timestamp::None, Timestamp::Create),
    };
    batch.push_message(origin, payload, key, message.headers.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_ends_in_the_frame() {
        let lines = [&b"one\r\n"[..], b"two\n", b"three"].map(<[u8]>::to_vec).to_vec();
        let mut source = MemorySource::lines(vec![lines, vec![], vec![b"four".to_vec()]]);
        let mut batch = Batch::new();
        assert_eq!(source.next(&mut batch, Duration::ZERO).unwrap(), Polled::Batch);
        let payloads: Vec<_> = batch.records().iter().map(|r| batch.slice(r.payload.unwrap())).collect();
        assert_eq!(payloads, [b"one".as_slice(), b"two", b"three"]);
        assert_eq!(batch.bytes(), 14);
        let mut batch = Batch::new();
        assert_eq!(source.next(&mut batch, Duration::ZERO).unwrap(), Polled::Idle);
        assert_eq!(source.next(&mut batch, Duration::ZERO).unwrap(), Polled::Batch);
        assert_eq!(batch.records()[0].origin(), &Origin::Line(4));
        assert_eq!(source.next(&mut Batch::new(), Duration::ZERO).unwrap(), Polled::End);
    }

    #[test]
    fn messages_carry_everything_and_acknowledgements_come_back() {
        let message = Message {
            offset: 6,
            timestamp_ms: Some(1),
            key: Some(b"k".to_vec()),
            headers: vec![(b"h".to_vec(), None), (b"h".to_vec(), Some(b"v".to_vec()))],
            ..Message::default()
        };
        let mut source = MemorySource::messages(vec![vec![message.clone()]]);
        let seen = source.acknowledgements();
        let mut batch = Batch::new();
        source.next(&mut batch, Duration::ZERO).unwrap();
        let record = &batch.records()[0];
        assert_eq!(record.origin().to_string(), "memory[0]@6");
        assert_eq!((record.payload, record.headers.len()), (None, 2));
        assert_eq!(batch.slice(record.key.unwrap()), b"k");
        assert_eq!(batch.checkpoint.positions[0].next_offset, 7);
        source.acknowledger().acknowledge(&batch.checkpoint).unwrap();
        assert_eq!(seen.checkpoints(), [batch.checkpoint.clone()]);
        assert_eq!(format!("{message:?}"), "Message([0]@6)");
    }
}
