//! What the Kafka tests share: a client that is not ours, and a line that runs in a thread.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::{ClientConfig, Offset};

use scrubjay::kafka::{KafkaSinkOptions, KafkaSourceOptions, preflight};
use scrubjay::pipeline::{Line, LineError};
use scrubjay::scrubber::{Scrubber, Settings, Tally};
use scrubjay::sink::Sink;
use scrubjay::sink::kafka::KafkaSink;
use scrubjay::source::kafka::KafkaSource;

/// How long a test waits for what must come. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A message as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Seen {
    pub partition: i32,
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub timestamp: Option<i64>,
}

impl Seen {
    /// A message with a payload and nothing else.
    pub fn text(partition: i32, payload: &str) -> Seen {
        Seen { partition, payload: Some(payload.as_bytes().to_vec()), ..Seen::default() }
    }

    /// Its payload as text.
    pub fn str(&self) -> &str {
        self.payload.as_deref().map_or("", |p| std::str::from_utf8(p).unwrap())
    }
}

/// Another client of the same broker.
pub struct Client {
    brokers: String,
    config: ClientConfig,
}

impl Client {
    pub fn new(brokers: &str) -> Client {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("log_level", "2");
        Client { brokers: brokers.to_string(), config }
    }

    /// The same client with other properties.
    pub fn with(mut self, properties: &[(&str, String)]) -> Client {
        for (name, value) in properties {
            self.config.set(*name, value);
        }
        self
    }

    /// Creates a topic.
    pub fn create(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.config.create().unwrap();
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let made = runtime.block_on(admin.create_topics([&topic], &AdminOptions::new())).unwrap();
        made.into_iter().for_each(|made| drop(made.unwrap()));
        let deadline = Instant::now() + PATIENCE;
        while self.partitions(name) < partitions as usize {
            assert!(Instant::now() < deadline, "{name} does not appear");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// How many partitions a topic has; 0 when there is none.
    pub fn partitions(&self, name: &str) -> usize {
        let consumer: BaseConsumer = self.config.create().unwrap();
        let all = consumer.fetch_metadata(None, PATIENCE).unwrap();
        all.topics().iter().find(|t| t.name() == name).map_or(0, |t| t.partitions().len())
    }

    /// Writes messages and waits until the broker has them.
    pub fn produce(&self, topic: &str, messages: impl IntoIterator<Item = Seen>) {
        let producer: ThreadedProducer<DefaultProducerContext> =
            self.config.clone().set("linger.ms", "5").set("message.max.bytes", "10000000").create().unwrap();
        for m in messages {
            let mut record = BaseRecord::<[u8], [u8]>::to(topic).partition(m.partition);
            record.payload = m.payload.as_deref();
            record.key = m.key.as_deref();
            record.timestamp = m.timestamp;
            if !m.headers.is_empty() {
                let headers = m.headers.iter().fold(OwnedHeaders::new(), |all, (key, value)| {
                    all.insert(Header { key, value: value.as_deref() })
                });
                record.headers = Some(headers);
            }
            while let Err((error, back)) = producer.send(record) {
                assert_eq!(error.rdkafka_error_code(), Some(rdkafka::error::RDKafkaErrorCode::QueueFull));
                std::thread::sleep(Duration::from_millis(5));
                record = back;
            }
        }
        producer.flush(PATIENCE).unwrap();
    }

    /// Reads a topic until `enough` says so, then a little longer, to see what should not be there.
    pub fn read_until(&self, topic: &str, enough: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let mut config = self.config.clone();
        // Not a group: partitions are assigned by hand.
        config.set("group.id", "reader").set("enable.auto.commit", "false").set("fetch.wait.max.ms", "20");
        config.set("receive.message.max.bytes", "2000000000");
        let consumer: BaseConsumer = config.create().unwrap();
        let mut all = TopicPartitionList::new();
        let deadline = Instant::now() + PATIENCE;
        // A line may still be making it.
        while self.partitions(topic) == 0 {
            assert!(Instant::now() < deadline, "{topic} does not appear");
            std::thread::sleep(Duration::from_millis(20));
        }
        for partition in 0..self.partitions(topic) {
            all.add_partition_offset(topic, partition as i32, Offset::Beginning).unwrap();
        }
        consumer.assign(&all).unwrap();
        let mut seen = Vec::new();
        let mut quiet = Instant::now();
        loop {
            let done = enough(&seen);
            if done && quiet.elapsed() > Duration::from_millis(300) {
                return seen;
            }
            assert!(
                done || Instant::now() < deadline,
                "{topic}: {} messages, not what was expected",
                seen.len()
            );
            let mut wait = Duration::from_millis(50);
            while let Some(message) = consumer.poll(wait) {
                let message = message.unwrap();
                wait = Duration::ZERO;
                quiet = Instant::now();
                let headers = message.headers().map_or(Vec::new(), |h| {
                    h.iter().map(|h| (h.key.to_string(), h.value.map(<[u8]>::to_vec))).collect()
                });
                seen.push(Seen {
                    partition: message.partition(),
                    key: message.key().map(<[u8]>::to_vec),
                    payload: message.payload().map(<[u8]>::to_vec),
                    headers,
                    timestamp: message.timestamp().to_millis(),
                });
            }
        }
    }

    /// Reads `count` messages and sees that no more come.
    pub fn read(&self, topic: &str, count: usize) -> Vec<Seen> {
        let seen = self.read_until(topic, |seen| seen.len() >= count);
        assert_eq!(seen.len(), count, "{topic} has more than was expected");
        seen
    }

    /// How many records a topic has; 0 when there is none.
    pub fn count(&self, topic: &str) -> usize {
        let consumer: BaseConsumer = self.config.create().unwrap();
        let ends = (0..self.partitions(topic)).map(|p| consumer.fetch_watermarks(topic, p as i32, PATIENCE));
        ends.map(|ends| ends.unwrap().1 as usize).sum()
    }

    /// What a group has committed of a topic, by partition; -1 where nothing.
    pub fn committed(&self, group: &str, topic: &str) -> Vec<i64> {
        let consumer: BaseConsumer = self.config.clone().set("group.id", group).create().unwrap();
        let mut asked = TopicPartitionList::new();
        for partition in 0..self.partitions(topic) {
            asked.add_partition(topic, partition as i32);
        }
        let told = consumer.committed_offsets(asked, PATIENCE).unwrap();
        told.elements().iter().map(|e| if let Offset::Offset(o) = e.offset() { o } else { -1 }).collect()
    }

    /// Options of a source on this broker, quick to rebalance.
    pub fn source(&self, topics: &[&str], group: &str) -> KafkaSourceOptions {
        let mut options = KafkaSourceOptions::new(&self.brokers, topics, group);
        for (name, value) in [
            ("session.timeout.ms", "6000"),
            ("heartbeat.interval.ms", "300"),
            ("topic.metadata.refresh.interval.ms", "1000"),
            ("receive.message.max.bytes", "2000000000"),
        ] {
            options.properties.insert(name.to_string(), value.to_string());
        }
        options
    }

    /// Options of a sink on this broker that makes its topics.
    pub fn sink(&self) -> KafkaSinkOptions {
        KafkaSinkOptions { create: true, ..KafkaSinkOptions::new(&self.brokers, "clean.{topic}") }
    }
}

/// A line that runs.
pub struct Running {
    pub stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Tally, String>>,
}

impl Running {
    /// Starts a line from Kafka to Kafka. The checks before the start have passed when this returns.
    pub fn start(source: &KafkaSourceOptions, sink: &KafkaSinkOptions) -> Running {
        Running::with(source, sink, Settings::new(), |sink| Box::new(sink))
    }

    /// The same, with settings of the scrubber, and something around the sink.
    pub fn with(
        source: &KafkaSourceOptions,
        sink: &KafkaSinkOptions,
        mut settings: Settings,
        around: impl FnOnce(KafkaSink) -> Box<dyn Sink>,
    ) -> Running {
        let stop = Arc::new(AtomicBool::new(false));
        let passed = preflight(source, sink, true, &stop).unwrap_or_else(|e| panic!("{e}"));
        settings.max_output_bytes = passed.max_output_bytes;
        let sink = around(KafkaSink::new(passed).unwrap());
        Running::line(source, sink, settings, stop)
    }

    /// A line from Kafka to any sink.
    pub fn line(
        source: &KafkaSourceOptions,
        sink: Box<dyn Sink>,
        settings: Settings,
        stop: Arc<AtomicBool>,
    ) -> Running {
        // `RUST_LOG=debug` shows what the line says, when a test fails.
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
        let source = KafkaSource::new(source).unwrap();
        let stopping = stop.clone();
        let thread = std::thread::spawn(move || {
            let scrubber = Arc::new(arc_swap::ArcSwap::from_pointee(Scrubber::new(settings)));
            let line = Line { source: Box::new(source), sink, scrubber, threads: 2, stop: stopping };
            scrubjay::pipeline::run(line).map_err(|e: LineError| e.to_string())
        });
        Running { stop, thread }
    }

    /// Asks it to stop and waits for its end.
    pub fn stop(self) -> Result<Tally, String> {
        self.stop.store(true, Ordering::Relaxed);
        self.end()
    }

    /// Waits for its end.
    pub fn end(self) -> Result<Tally, String> {
        self.thread.join().unwrap()
    }

    /// Whether it still runs.
    pub fn runs(&self) -> bool {
        !self.thread.is_finished()
    }
}

/// Text that holds a number and that nothing can take for an identifier.
pub fn word(n: usize) -> String {
    let mut n = n;
    let mut letters = String::from("event ");
    // Without vowels: names have some.
    const CONSONANTS: &[u8; 20] = b"bcdfghjklmnpqrstvwxz";
    for _ in 0..5 {
        letters.push(char::from(CONSONANTS[n % 20]));
        n /= 20;
    }
    letters
}

/// Payloads by partition, in order.
pub fn by_partition(seen: &[Seen]) -> BTreeMap<i32, Vec<&str>> {
    let mut sorted: BTreeMap<i32, Vec<&str>> = BTreeMap::new();
    for m in seen {
        sorted.entry(m.partition).or_default().push(m.str());
    }
    sorted
}

/// What was sent must all be there, in order, where a repetition goes back to something already seen.
pub fn assert_nothing_lost(sent: &[Seen], seen: &[Seen]) {
    let (sent, seen) = (by_partition(sent), by_partition(seen));
    for (partition, wanted) in sent {
        let place: BTreeMap<&str, usize> = wanted.iter().enumerate().map(|(i, w)| (*w, i)).collect();
        let mut next = 0;
        for got in seen.get(&partition).into_iter().flatten() {
            let at =
                *place.get(got).unwrap_or_else(|| panic!("{got} was never sent to partition {partition}"));
            assert!(at <= next, "partition {partition}: {got} came before {}", wanted[next]);
            next = next.max(at + 1);
        }
        assert_eq!(
            next,
            wanted.len(),
            "partition {partition}: {} is missing",
            wanted[next.min(wanted.len() - 1)]
        );
    }
}
