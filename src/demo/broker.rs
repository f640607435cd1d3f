//! The embedded broker, and the two clients that are not Scrubjay: one writes what hospitals write, one reads what
//! came out.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, Message as _, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

use super::check::Output;
use super::message::{Message, TOPICS};

/// The mock keeps 5 MB of a partition. No more than this many records, of which none has 1 KB with its headers, are on
/// their way from the writer to the reader.
const MOST_ON_THE_WAY: usize = 4000;
/// After this long without a record something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to look for records that should not have come.
const AFTERWARDS: Duration = Duration::from_millis(200);

/// librdkafka's mock cluster, in this process.
pub(super) struct Broker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Broker {
    /// Starts it on a free port of the loopback interface, and makes the topics to write to and to read from.
    pub(super) fn start() -> Result<Broker, String> {
        let failed = |e: KafkaError| format!("the embedded broker cannot be started: {e}");
        let cluster = MockCluster::new(1).map_err(failed)?;
        for (topic, partitions) in TOPICS {
            cluster.create_topic(topic, *partitions, 1).map_err(failed)?;
            cluster.create_topic(&clean(topic), *partitions, 1).map_err(failed)?;
        }
        Ok(Broker { cluster })
    }

    /// Its address.
    pub(super) fn address(&self) -> String {
        self.cluster.bootstrap_servers()
    }
}

fn clean(topic: &str) -> String {
    format!("clean.{topic}")
}

/// Which messages are expected from which partition, in order, and how many have come.
pub(super) struct Expected {
    partitions: Vec<Partition>,
    /// Set when the other side has given up.
    pub(super) stop: AtomicBool,
}

struct Partition {
    topic: usize,
    partition: i32,
    messages: Vec<usize>,
    read: AtomicUsize,
}

impl Expected {
    pub(super) fn new(messages: &[Message]) -> Expected {
        let mut partitions: Vec<Partition> = Vec::new();
        for (topic, (_, count)) in TOPICS.iter().enumerate() {
            for partition in 0..*count {
                partitions.push(Partition {
                    topic,
                    partition,
                    messages: Vec::new(),
                    read: AtomicUsize::new(0),
                });
            }
        }
        let mut expected = Expected { partitions, stop: AtomicBool::new(false) };
        for (number, message) in messages.iter().enumerate() {
            let of = expected.partitions.iter_mut();
            if let Some(p) =
                of.into_iter().find(|p| p.topic == message.topic && p.partition == message.partition)
            {
                p.messages.push(number);
            }
        }
        expected
    }

    fn of(&self, topic: usize, partition: i32) -> Option<&Partition> {
        self.partitions.iter().find(|p| p.topic == topic && p.partition == partition)
    }

    fn missing(&self) -> usize {
        self.partitions.iter().map(|p| p.messages.len().saturating_sub(p.read.load(Ordering::Relaxed))).sum()
    }
}

/// Writes all messages, no faster than they are read at the other end.
pub(super) fn write(address: &str, messages: &[Message], expected: &Expected) -> Result<(), String> {
    let failed = |e: KafkaError| format!("the demo's records cannot be written to the embedded broker: {e}");
    let producer: ThreadedProducer<DefaultProducerContext> =
        client(address).set("linger.ms", "5").set("enable.idempotence", "true").create().map_err(failed)?;
    let mut written = vec![0; expected.partitions.len()];
    for message in messages {
        let Some(at) = expected
            .partitions
            .iter()
            .position(|p| p.topic == message.topic && p.partition == message.partition)
        else {
            continue;
        };
        while written[at] - expected.partitions[at].read.load(Ordering::Relaxed).min(written[at])
            >= MOST_ON_THE_WAY
        {
            if expected.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        written[at] += 1;
        send(&producer, message).map_err(failed)?;
    }
    producer.flush(PATIENCE).map_err(failed)
}

fn send(producer: &ThreadedProducer<DefaultProducerContext>, message: &Message) -> Result<(), KafkaError> {
    let mut headers = OwnedHeaders::new_with_capacity(message.headers.len());
    for (name, value) in &message.headers {
        headers = headers.insert(Header { key: name, value: Some(&value.text) });
    }
    let mut record: BaseRecord<'_, str, str> =
        BaseRecord::to(TOPICS[message.topic].0).partition(message.partition).headers(headers);
    record.key = message.key.as_ref().map(|k| k.text.as_str());
    record.payload = message.payload.as_ref().map(|p| p.text.as_str());
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                record = again;
                std::thread::sleep(Duration::from_millis(1));
            }
            Err((e, _)) => return Err(e),
        }
    }
}

/// What was read back.
#[derive(Default)]
pub(super) struct Read {
    /// One for each message, in the order they were written in.
    pub(super) outputs: Vec<Output>,
    /// Records that nobody wrote, or that came twice.
    pub(super) surplus: usize,
    /// Records that did not come in time.
    pub(super) missing: usize,
    /// From the first record to the last.
    pub(super) took: Duration,
}

/// Reads the clean topics from their beginning until everything expected has come, and puts each record where its
/// partition's order says.
pub(super) fn read(address: &str, messages: usize, expected: &Expected) -> Result<Read, String> {
    let failed = |e: KafkaError| format!("the clean topics cannot be read from the embedded broker: {e}");
    let consumer: BaseConsumer = client(address)
        .set("group.id", "scrubjay-demo-check")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "20")
        .create()
        .map_err(failed)?;
    let mut all = TopicPartitionList::new();
    for (topic, partitions) in TOPICS {
        for partition in 0..*partitions {
            all.add_partition_offset(&clean(topic), partition, Offset::Beginning).map_err(failed)?;
        }
    }
    consumer.assign(&all).map_err(failed)?;

    let mut read = Read { outputs: vec![Output::default(); messages], ..Read::default() };
    let (mut first, mut last) = (None, Instant::now());
    while expected.missing() > 0 && last.elapsed() < PATIENCE && !expected.stop.load(Ordering::Relaxed) {
        if let Some(record) = consumer.poll(Duration::from_millis(50)) {
            place(&record.map_err(failed)?, expected, &mut read);
            last = Instant::now();
            first.get_or_insert(last);
        }
    }
    read.took = first.map_or(Duration::ZERO, |first| last.duration_since(first));
    read.missing = expected.missing();
    if read.missing == 0 {
        while let Some(record) = consumer.poll(AFTERWARDS) {
            place(&record.map_err(failed)?, expected, &mut read);
        }
    }
    Ok(read)
}

fn place(record: &rdkafka::message::BorrowedMessage<'_>, expected: &Expected, read: &mut Read) {
    let topic = TOPICS.iter().position(|(topic, _)| clean(topic) == record.topic());
    let next = topic.and_then(|topic| expected.of(topic, record.partition())).and_then(|partition| {
        let nth = partition.read.fetch_add(1, Ordering::Relaxed);
        partition.messages.get(nth)
    });
    let Some(number) = next else {
        read.surplus += 1;
        return;
    };
    read.outputs[*number] = Output {
        payload: record.payload().map(<[u8]>::to_vec),
        key: record.key().map(<[u8]>::to_vec),
        headers: record
            .headers()
            .map(|h| h.iter().map(|h| (h.key.to_string(), h.value.map(<[u8]>::to_vec))).collect())
            .unwrap_or_default(),
    };
}

fn client(address: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set("log_level", "0");
    config
}

/// Copies the source topics to the clean ones as they are: the pipeline of whoever forgets to scrub. For tests.
#[cfg(test)]
pub(super) fn copy(address: &str, stop: &AtomicBool) -> Result<(), String> {
    let consumer: BaseConsumer =
        client(address).set("group.id", "copy").create().map_err(|e| e.to_string())?;
    let producer: ThreadedProducer<DefaultProducerContext> =
        client(address).create().map_err(|e| e.to_string())?;
    let mut all = TopicPartitionList::new();
    for (topic, partitions) in TOPICS {
        for partition in 0..*partitions {
            all.add_partition_offset(topic, partition, Offset::Beginning).map_err(|e| e.to_string())?;
        }
    }
    consumer.assign(&all).map_err(|e| e.to_string())?;
    while !stop.load(Ordering::Relaxed) {
        let Some(record) = consumer.poll(Duration::from_millis(20)) else { continue };
        let record = record.map_err(|e| e.to_string())?;
        let topic = clean(record.topic());
        let mut out: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&topic).partition(record.partition());
        out.key = record.key();
        out.payload = record.payload();
        if let Some(headers) = record.headers() {
            out = out.headers(headers.detach());
        }
        producer.send(out).map_err(|(e, _)| e.to_string())?;
    }
    producer.flush(PATIENCE).map_err(|e| e.to_string())
}
