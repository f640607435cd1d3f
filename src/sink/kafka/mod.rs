//! The Kafka sink: an idempotent producer.
//!
//! At least once: `flush` returns when every record of the batch is on all in-sync replicas. A record goes to the
//! partition it was read from, with its key, headers and timestamp; order within a partition is kept, which
//! idempotence guarantees across retries. A broker that is away is waited for.

mod delivery;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, PurgeConfig, ThreadedProducer};

use self::delivery::Delivery;
use super::{Sink, SinkError};
use crate::kafka::{KafkaRefusal, Output, Preflight, config_error, describe, producer_config};
use crate::record::{Checkpoint, Origin, Timestamp};
use crate::scrubber::{Outgoing, Scrubbed, ScrubbedBatch, Sealed};

/// Name of the header that says where a sealed record came from.
pub const ORIGIN_HEADER: &str = "scrubjay.origin";
/// A wait longer than this is reported.
const PATIENCE: Duration = Duration::from_secs(5);
/// After being asked to stop, records on their way are waited for this long.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// The same while no broker can be reached: what they do not have then is read again on the next start.
const STOP_WITHOUT_BROKERS: Duration = Duration::from_millis(800);
/// A partition just made may take this long to be known to the producer.
const APPEAR: Duration = Duration::from_secs(30);
/// How often a wait looks around.
const LOOK: Duration = Duration::from_millis(100);

/// Writes records to the topic that belongs to the one they were read from.
pub struct KafkaSink {
    producer: ThreadedProducer<Delivery>,
    preflight: Preflight,
    /// Output topics by source topic.
    routes: BTreeMap<Arc<str>, Output>,
    /// Records handed to the producer.
    sent: u64,
    /// How many reports were in when it was last seen to change, and when that was.
    progress: (u64, Instant),
    /// When it was first seen that the line is to stop.
    stopping: Option<Instant>,
}

impl KafkaSink {
    /// A sink for what the checks have allowed.
    pub fn new(preflight: Preflight) -> Result<KafkaSink, SinkError> {
        let options = preflight.sink();
        let config = producer_config(options, preflight.batch_bytes, preflight.record_bytes);
        let config = config.map_err(SinkError::Failed)?;
        let producer = config.create_with_context(Delivery::new(&options.brokers));
        let producer = producer.map_err(|e| SinkError::Failed(config_error(&e)))?;
        let progress = (0, Instant::now());
        Ok(KafkaSink { producer, preflight, routes: BTreeMap::new(), sent: 0, progress, stopping: None })
    }

    /// The topic for a record, checked when it is first needed and when a partition is new.
    fn route(&mut self, topic: &Arc<str>, partition: i32) -> Result<Arc<str>, SinkError> {
        if let Some(output) = self.routes.get(topic)
            && partition < output.partitions
        {
            return Ok(output.topic.clone());
        }
        let output = match self.preflight.known(topic) {
            Some(output) if partition < output.partitions => output,
            _ => self.preflight.open(topic, partition)?,
        };
        let name = output.topic.clone();
        self.routes.insert(topic.clone(), output);
        Ok(name)
    }

    fn write_clean(&mut self, record: &Scrubbed<'_>) -> Result<(), SinkError> {
        let Origin::Kafka { topic, partition, offset, timestamp } = record.origin() else {
            return Err(SinkError::Failed("a Kafka sink needs a Kafka source".to_string()));
        };
        let topic = self.route(topic, *partition)?;
        let mut outgoing = BaseRecord::with_opaque_to(&topic, usize::try_from(*offset).unwrap_or(0));
        outgoing.partition = Some(*partition);
        outgoing.payload = record.payload();
        outgoing.key = record.key();
        // Without a timestamp the producer sets its own time.
        outgoing.timestamp = match *timestamp {
            _ if record.restamp() => None,
            // librdkafka takes 0 for the present; the next millisecond is as near as it can get.
            Timestamp::Create(0) | Timestamp::Append(0) => Some(1),
            Timestamp::Create(ms) | Timestamp::Append(ms) => Some(ms),
            Timestamp::None => None,
        };
        let mut headers = record.headers();
        if headers.len() > 0 {
            let all = OwnedHeaders::new_with_capacity(headers.len());
            let all = headers.try_fold(all, |all, (name, value)| {
                let key = std::str::from_utf8(name).map_err(|_| {
                    SinkError::Failed(format!("{}: a header's name is not UTF-8", record.origin()))
                })?;
                Ok::<_, SinkError>(all.insert(Header { key, value }))
            })?;
            outgoing.headers = Some(all);
        }
        self.send(outgoing)
    }

    fn write_sealed(&mut self, sealed: &Sealed) -> Result<(), SinkError> {
        // Without a topic of ours another sink beside this one keeps it.
        let Some(output) = self.preflight.quarantine() else { return Ok(()) };
        let (partition, offset) = match sealed.origin() {
            Origin::Kafka { partition, offset, .. } => (*partition, *offset),
            Origin::Line(_) => (0, 0),
        };
        let origin = sealed.origin().to_string();
        let headers = OwnedHeaders::new_with_capacity(1);
        let mut outgoing = BaseRecord::<[u8], [u8], usize>::with_opaque_to(
            &output.topic,
            usize::try_from(offset).unwrap_or(0),
        );
        // Records of one partition stay together, in order.
        outgoing.partition = Some(partition % output.partitions.max(1));
        outgoing.payload = Some(sealed.envelope());
        outgoing.headers =
            Some(headers.insert(Header { key: ORIGIN_HEADER, value: Some(origin.as_bytes()) }));
        self.send(outgoing)
    }

    /// Hands a record to the producer, waiting while its queue is full.
    fn send(&mut self, mut record: BaseRecord<'_, [u8], [u8], usize>) -> Result<(), SinkError> {
        let began = Instant::now();
        loop {
            let (error, back) = match self.producer.send(record) {
                Ok(()) => {
                    self.sent += 1;
                    return Ok(());
                }
                Err(refused) => refused,
            };
            record = back;
            let code = match error {
                KafkaError::MessageProduction(code) => code,
                other => return Err(SinkError::Failed(other.to_string())),
            };
            match code {
                // Any report makes room.
                Code::QueueFull => self.wait(self.producer.context().done() + 1)?,
                Code::UnknownPartition | Code::UnknownTopic if began.elapsed() < APPEAR => {
                    let _ = self.producer.client().fetch_metadata(Some(record.topic), LOOK * 20);
                    self.wait(u64::MAX)?;
                }
                code => {
                    return Err(SinkError::Failed(format!(
                        "topic {}, partition {}, the record that was read at offset {}: {}",
                        record.topic,
                        record.partition.unwrap_or(-1),
                        record.delivery_opaque,
                        describe(code)
                    )));
                }
            }
        }
    }

    /// Waits a moment for `count` reports in all; fails when they cannot come.
    fn wait(&mut self, count: u64) -> Result<(), SinkError> {
        let delivery = self.producer.context();
        delivery.wait(count, LOOK);
        if let Some(failure) = delivery.failure() {
            return Err(SinkError::Failed(failure));
        }
        let done = delivery.done();
        if done != self.progress.0 {
            self.progress = (done, Instant::now());
        }
        let (missing, stuck) = (self.sent - done, self.progress.1.elapsed());
        if missing > 0 && stuck > PATIENCE {
            delivery.reach.waiting(&format!("waiting for the brokers to take {missing} records"));
        }
        if !self.preflight.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let stopping = self.stopping.get_or_insert_with(Instant::now).elapsed();
        if stuck > STOP_WITHIN || delivery.away() && stuck.min(stopping) > STOP_WITHOUT_BROKERS {
            return Err(SinkError::Failed(format!(
                "stopped while {missing} records could not be delivered: they are not committed and will be read again"
            )));
        }
        Ok(())
    }
}

impl Sink for KafkaSink {
    fn begin(&mut self) -> Result<(), SinkError> {
        self.progress.1 = Instant::now();
        Ok(())
    }

    fn write(&mut self, batch: &ScrubbedBatch) -> Result<(), SinkError> {
        for record in batch.iter() {
            match record {
                Outgoing::Clean(record) => self.write_clean(&record)?,
                Outgoing::Sealed(sealed) => self.write_sealed(sealed)?,
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        while self.producer.context().done() < self.sent {
            self.wait(self.sent)?;
        }
        match self.producer.context().failure() {
            Some(failure) => Err(SinkError::Failed(failure)),
            None => Ok(()),
        }
    }

    fn commit(&mut self, _: &Checkpoint) -> Result<(), SinkError> {
        // The source commits its own offsets once it is told.
        Ok(())
    }

    fn abort(&mut self) {
        // What has not been sent need not be: it is read again.
        self.producer.purge(PurgeConfig::default().queue());
    }
}

impl From<KafkaRefusal> for SinkError {
    fn from(refusal: KafkaRefusal) -> SinkError {
        SinkError::Failed(refusal.to_string())
    }
}
