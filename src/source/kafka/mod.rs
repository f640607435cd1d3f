//! The Kafka source: a member of a consumer group.
//!
//! At least once: an offset is committed only when the sink has acknowledged every record before it. The reader's
//! thread alone polls, commits and answers rebalances, so that no commit can race with one:
//!
//! - `next` copies what has been fetched into a batch; `idle` pauses the partitions when the rest of the line stays
//!   full, and keeps polling, so that the group does not expel this member.
//! - The acknowledger only notes how far the sink has come. The reader commits that every [`COMMIT_EVERY`], which spares
//!   the broker, and when partitions are given away, and at the end; after a crash at most so much is read again. It waits
//!   for the answer, a round trip in which librdkafka goes on fetching.
//! - When partitions are to be given away, what of them stands in an unfinished batch is dropped from it, and what is
//!   already on its way is waited for, up to [`DRAIN_AT_MOST`]. What is delivered after that moves no offset, and the
//!   partition's next owner reads it again.

mod assignment;
mod context;
mod headers;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Message};

use self::assignment::Assignment;
use self::context::Context;
use self::headers::append_headers;
use super::{Acknowledge, Polled, Source, SourceError};
use crate::kafka::{
    KafkaSourceOptions, Reach, TopicPatterns, config_error, consumer_config, describe, is_denied,
    is_unreachable,
};
use crate::record::{Batch, Checkpoint, Origin, Timestamp};

/// Offsets are committed this often while records flow.
const COMMIT_EVERY: Duration = Duration::from_millis(200);
/// A full line is waited for this long before partitions are paused: pausing throws away what has been fetched.
const PAUSE_AFTER: Duration = Duration::from_millis(300);
/// A rebalance waits this long for batches on their way, or half of what the group allows if that is less.
const DRAIN_AT_MOST: Duration = Duration::from_secs(30);
/// librdkafka's defaults, in milliseconds.
const SESSION_TIMEOUT_MS: u64 = 45_000;
const MAX_POLL_INTERVAL_MS: u64 = 300_000;

/// Reads topics as a member of a consumer group.
pub struct KafkaSource {
    consumer: Arc<BaseConsumer<Context>>,
    assignment: Arc<Assignment>,
    max_batch_records: usize,
    max_batch_bytes: usize,
    /// What came although its partition was paused: it begins the next batch.
    held: Batch,
    /// The assignment's version when batches were last checked against it.
    version: u64,
    /// Partition of the last message: most come in runs.
    run: Option<Run>,
    idle_since: Option<Instant>,
    committed_at: Instant,
}

struct Run {
    topic: Arc<str>,
    partition: i32,
    epoch: u64,
}

impl KafkaSource {
    /// Joins the group. Brokers need not be there yet: `next` waits for them, and says so.
    pub fn new(options: &KafkaSourceOptions) -> Result<KafkaSource, SourceError> {
        TopicPatterns::new(&options.topics).map_err(SourceError::Failed)?;
        let config = consumer_config(options).map_err(SourceError::Failed)?;
        let limit = |name: &str, default| {
            let set = options.properties.get(name).and_then(|v| v.parse().ok());
            Duration::from_millis(set.unwrap_or(default) / 2)
        };
        let assignment = Arc::new(Assignment::default());
        let context = Context {
            assignment: assignment.clone(),
            consumer: OnceLock::new(),
            stop: OnceLock::new(),
            on_assigned: OnceLock::new(),
            reach: Reach::new(&options.brokers),
            drain: DRAIN_AT_MOST
                .min(limit("session.timeout.ms", SESSION_TIMEOUT_MS))
                .min(limit("max.poll.interval.ms", MAX_POLL_INTERVAL_MS)),
            paused: AtomicBool::new(false),
            joined: AtomicBool::new(false),
            reason: Mutex::default(),
            denied: Mutex::default(),
        };
        let failed = |e: KafkaError| SourceError::Failed(config_error(&e));
        let consumer: BaseConsumer<Context> = config.create_with_context(context).map_err(failed)?;
        let consumer = Arc::new(consumer);
        let _ = consumer.context().consumer.set(Arc::downgrade(&consumer));
        let topics: Vec<_> = options.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&topics).map_err(failed)?;
        Ok(KafkaSource {
            consumer,
            assignment,
            max_batch_records: options.max_batch_records.max(1),
            max_batch_bytes: options.max_batch_bytes.max(1),
            held: Batch::new(),
            version: 0,
            run: None,
            idle_since: None,
            committed_at: Instant::now(),
        })
    }

    /// With the flag that asks the line to stop: once it is set, brokers that do not answer are not waited for.
    pub fn stopped_by(self, stop: &Arc<AtomicBool>) -> KafkaSource {
        let _ = self.consumer.context().stop.set(stop.clone());
        self
    }

    /// With someone to tell, on the reader's thread, when the group has given this member its partitions (`true`; that
    /// may be none, where there are more members than partitions), and when it has lost them until the next assignment.
    pub fn tells_assigned(self, tell: impl Fn(bool) + Send + Sync + 'static) -> KafkaSource {
        let _ = self.consumer.context().on_assigned.set(Box::new(tell));
        self
    }

    /// Polls once. Whether a message came, which then stands in `batch`. A rebalance may happen in here: `batch`
    /// then loses what is no longer this member's.
    fn poll(&mut self, batch: &mut Batch, wait: Duration) -> Result<bool, SourceError> {
        let polled = self.consumer.poll(wait);
        let version = self.assignment.version();
        if version != self.version {
            self.version = version;
            self.run = None;
            drop_foreign(batch, &self.assignment);
            drop_foreign(&mut self.held, &self.assignment);
        }
        match polled {
            None => Ok(false),
            Some(Ok(message)) => {
                append(batch, &message, &mut self.run, &self.assignment);
                Ok(true)
            }
            Some(Err(error)) => self.judge(&error).map(|()| false),
        }
    }

    /// Errors that mend themselves are reported now and then; the others end the line.
    fn judge(&self, error: &KafkaError) -> Result<(), SourceError> {
        let context = self.consumer.context();
        let Some(code) = error.rdkafka_error_code() else { return Ok(()) };
        let failed = || Err(SourceError::Failed(format!("reading failed: {}", describe(code))));
        let joined = context.joined.load(Ordering::Relaxed);
        if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
            return failed();
        }
        match code {
            Code::PollExceeded => tracing::warn!(
                "the line was stuck for longer than max.poll.interval.ms: this member was expelled, and joins again"
            ),
            code if is_unreachable(code) => context.reach.unreachable(&context.reason()),
            // A certificate that expires does not end a line that runs: the broker's may be replaced first.
            Code::SSL if joined => context.reach.unreachable(&context.reason()),
            Code::UnknownTopicOrPartition | Code::UnknownTopic if joined => {
                context.reach.waiting("a topic that was read is gone: waiting for it to come back");
            }
            Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::AutoOffsetReset
            | Code::BadMessage
            | Code::InvalidMessage
            | Code::BadCompression
            | Code::NotImplemented
            | Code::UnsupportedCompressionType
            | Code::UnsupportedFeature
            | Code::InconsistentGroupProtocol
            | Code::InvalidGroupId
            | Code::InvalidSessionTimeout
            | Code::FencedInstanceId
            | Code::GroupMaxSizeReached => return failed(),
            code if is_denied(code) => return failed(),
            code => context.reach.waiting(&format!("{code}: {}", context.reason())),
        }
        Ok(())
    }

    /// Commits what has been delivered, if it is time.
    fn commit(&mut self) -> Result<(), SourceError> {
        let context = self.consumer.context();
        if let Some(denied) = context.denied.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Err(SourceError::Failed(denied));
        }
        if self.committed_at.elapsed() >= COMMIT_EVERY {
            context.commit();
            self.committed_at = Instant::now();
        }
        Ok(())
    }

    fn pause(&mut self) -> Result<(), SourceError> {
        let context = self.consumer.context();
        if !context.paused.swap(true, Ordering::Relaxed) {
            let paused = self.consumer.assignment().and_then(|held| self.consumer.pause(&held));
            paused.map_err(|e| SourceError::Failed(format!("partitions cannot be paused: {e}")))?;
            tracing::debug!("the line is full: reading pauses");
        }
        Ok(())
    }

    fn resume(&mut self) -> Result<(), SourceError> {
        self.idle_since = None;
        if self.consumer.context().paused.swap(false, Ordering::Relaxed) {
            let resumed = self.consumer.assignment().and_then(|held| self.consumer.resume(&held));
            resumed.map_err(|e| SourceError::Failed(format!("partitions cannot be resumed: {e}")))?;
            tracing::debug!("the line has room: reading goes on");
        }
        Ok(())
    }
}

impl Source for KafkaSource {
    fn next(&mut self, batch: &mut Batch, max_wait: Duration) -> Result<Polled, SourceError> {
        self.resume()?;
        if !self.held.is_empty() {
            std::mem::swap(batch, &mut self.held);
        }
        let mut wait = if batch.is_empty() { max_wait } else { Duration::ZERO };
        while self.poll(batch, wait)? {
            wait = Duration::ZERO;
            if batch.records.len() >= self.max_batch_records || batch.arena.len() >= self.max_batch_bytes {
                break;
            }
        }
        self.commit()?;
        if batch.is_empty() {
            return Ok(Polled::Idle);
        }
        self.assignment.hand_out(&batch.checkpoint);
        Ok(Polled::Batch)
    }

    fn idle(&mut self, wait: Duration) -> Result<(), SourceError> {
        let since = self.idle_since.get_or_insert_with(Instant::now);
        if since.elapsed() < PAUSE_AFTER {
            thread::sleep(wait);
        } else {
            self.pause()?;
            let mut held = std::mem::take(&mut self.held);
            let polled = self.poll(&mut held, wait);
            self.held = held;
            polled?;
        }
        self.commit()
    }

    fn acknowledger(&self) -> Box<dyn Acknowledge> {
        Box::new(Acknowledger { assignment: self.assignment.clone() })
    }
}

impl Drop for KafkaSource {
    /// Commits what was delivered last, before the consumer leaves the group.
    fn drop(&mut self) {
        self.assignment.close();
        self.consumer.context().commit();
    }
}

/// Notes how far the sink has come. When it is dropped, nobody waits for the sink any longer.
struct Acknowledger {
    assignment: Arc<Assignment>,
}

impl Acknowledge for Acknowledger {
    fn acknowledge(&mut self, checkpoint: &Checkpoint) -> Result<(), SourceError> {
        self.assignment.acknowledge(checkpoint);
        Ok(())
    }
}

impl Drop for Acknowledger {
    fn drop(&mut self) {
        self.assignment.close();
    }
}

/// Drops records of partitions that are not held any more: their next owner reads them again.
fn drop_foreign(batch: &mut Batch, assignment: &Assignment) {
    let positions = batch.checkpoint.positions.iter();
    let foreign: Vec<_> =
        positions.filter(|p| !assignment.holds(p)).map(|p| (p.topic.clone(), p.partition)).collect();
    if foreign.is_empty() {
        return;
    }
    let is_foreign =
        |topic: &str, partition: i32| foreign.iter().any(|(t, p)| **t == *topic && *p == partition);
    batch.records.retain(|record| match record.origin() {
        Origin::Kafka { topic, partition, .. } => !is_foreign(topic, *partition),
        Origin::Line(_) => true,
    });
    batch.checkpoint.positions.retain(|p| !is_foreign(&p.topic, p.partition));
    if batch.records.is_empty() {
        batch.clear(usize::MAX);
    }
}

/// Copies a message to the end of the batch.
fn append(batch: &mut Batch, message: &BorrowedMessage<'_>, run: &mut Option<Run>, assignment: &Assignment) {
    let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
    if !run.as_ref().is_some_and(|run| run.partition == partition && *run.topic == *topic) {
        // A message of a partition given away meanwhile is not ours to handle.
        let Some((topic, epoch)) = assignment.find(topic, partition) else { return };
        *run = Some(Run { topic, partition, epoch });
    }
    let Some(run) = run else { return };
    if batch.is_empty() {
        batch.read_at_ms = now_ms();
    }
    let (headers, flaw) = append_headers(batch, message);
    let key = message.key().map(|key| batch.append(key));
    let payload = message.payload().map(|payload| batch.append(payload));
    let timestamp = match message.timestamp() {
        rdkafka::Timestamp::NotAvailable => Timestamp::None,
        rdkafka::Timestamp::CreateTime(ms) => Timestamp::Create(ms),
        rdkafka::Timestamp::LogAppendTime(ms) => Timestamp::Append(ms),
    };
    let origin = Origin::Kafka { topic: run.topic.clone(), partition, offset, timestamp };
    batch.push_message(origin, payload, key, headers);
    if let Some(flaw) = flaw {
        batch.mark_flawed(flaw);
    }
    batch.checkpoint.advance(&run.topic, partition, offset + 1, run.epoch);
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
