//! Options of the source and the sink, and the client settings made from them.

use std::collections::BTreeMap;
use std::fmt;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

/// What a [`KafkaSource`](crate::source::kafka::KafkaSource) reads, and how.
#[derive(Clone)]
pub struct KafkaSourceOptions {
    /// `host:port`, separated by commas.
    pub brokers: String,
    /// Topic names; entries that begin with `^` are regular expressions.
    pub topics: Vec<String>,
    /// The consumer group.
    pub group: String,
    /// librdkafka properties, over the defaults of this program.
    pub properties: BTreeMap<String, String>,
    /// A batch is handed on at this many records,
    pub max_batch_records: usize,
    /// or at this many bytes.
    pub max_batch_bytes: usize,
}

impl KafkaSourceOptions {
    /// Options with the usual batch sizes: 10,000 records or 4 MiB.
    pub fn new(brokers: &str, topics: &[&str], group: &str) -> KafkaSourceOptions {
        KafkaSourceOptions {
            brokers: brokers.to_string(),
            topics: topics.iter().map(|t| t.to_string()).collect(),
            group: group.to_string(),
            properties: BTreeMap::new(),
            max_batch_records: 10_000,
            max_batch_bytes: 4 << 20,
        }
    }
}

/// Where a [`KafkaSink`](crate::sink::kafka::KafkaSink) writes, and how.
#[derive(Clone)]
pub struct KafkaSinkOptions {
    /// `host:port`, separated by commas.
    pub brokers: String,
    /// The topic, in which `{topic}` stands for the topic a record was read from.
    pub topic: String,
    /// librdkafka properties, over the defaults of this program.
    pub properties: BTreeMap<String, String>,
    /// Create missing topics and partitions rather than refuse to start.
    pub create: bool,
    /// Where sealed records go. Without it they are left to another sink beside this one.
    pub quarantine_topic: Option<String>,
}

impl KafkaSinkOptions {
    /// Options that create nothing and have no quarantine topic.
    pub fn new(brokers: &str, topic: &str) -> KafkaSinkOptions {
        KafkaSinkOptions {
            brokers: brokers.to_string(),
            topic: topic.to_string(),
            properties: BTreeMap::new(),
            create: false,
            quarantine_topic: None,
        }
    }
}

// Properties may hold passwords: names only.
impl fmt::Debug for KafkaSourceOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSourceOptions")
            .field("brokers", &self.brokers)
            .field("topics", &self.topics)
            .field("group", &self.group)
            .field("properties", &self.properties.keys())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for KafkaSinkOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSinkOptions")
            .field("brokers", &self.brokers)
            .field("topic", &self.topic)
            .field("properties", &self.properties.keys())
            .field("create", &self.create)
            .field("quarantine_topic", &self.quarantine_topic)
            .finish()
    }
}

/// Settings of every client. Brokers that were away are tried again at least every three seconds.
const COMMON: &[(&str, &str)] = &[
    ("client.id", "scrubjay"),
    ("log.connection.close", "false"),
    ("socket.keepalive.enable", "true"),
    ("reconnect.backoff.ms", "100"),
    ("reconnect.backoff.max.ms", "3000"),
];

const CONSUMER: &[(&str, &str)] = &[
    ("auto.offset.reset", "earliest"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("fetch.wait.max.ms", "50"),
    ("queued.min.messages", "100000"),
    ("queued.max.messages.kbytes", "131072"),
    // New partitions, and new topics of a pattern, are seen within this time.
    ("topic.metadata.refresh.interval.ms", "60000"),
    ("statistics.interval.ms", "5000"),
];

const PRODUCER: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    ("acks", "all"),
    // Tried for ever: a record is never given up because a broker is away.
    ("message.timeout.ms", "0"),
    ("linger.ms", "5"),
    ("batch.num.messages", "10000"),
    ("queue.buffering.max.messages", "500000"),
    ("queue.buffering.max.kbytes", "1048576"),
];

/// A property a user may not set: its name, the values that are fine all the same, and the reason.
type Refused = (&'static str, &'static [&'static str], &'static str);

const REFUSED: &[Refused] = &[
    ("bootstrap.servers", &[], "set `brokers` instead"),
    ("metadata.broker.list", &[], "set `brokers` instead"),
];

const REFUSED_CONSUMER: &[Refused] = &[
    ("group.id", &[], "set `group` instead"),
    (
        "enable.auto.commit",
        &["false"],
        "offsets are committed only for records that have been delivered, or a crash would lose the others",
    ),
    (
        "enable.auto.offset.store",
        &["false"],
        "offsets are committed only for records that have been delivered, or a crash would lose the others",
    ),
];

const REFUSED_PRODUCER: &[Refused] = &[
    (
        "enable.idempotence",
        &["true"],
        "without it a retry may change the order of records or write one twice",
    ),
    ("acks", &["all", "-1"], "a record counts as delivered only when all in-sync replicas have it"),
    (
        "request.required.acks",
        &["all", "-1"],
        "a record counts as delivered only when all in-sync replicas have it",
    ),
    ("transactional.id", &[], "exactly-once delivery is not supported yet"),
    ("delivery.report.only.error", &["false"], "every record's delivery is counted before it is committed"),
];

/// The settings of the consumer.
pub(crate) fn consumer_config(options: &KafkaSourceOptions) -> Result<ClientConfig, String> {
    let mut config = config(&options.brokers, &options.properties, CONSUMER, REFUSED_CONSUMER)?;
    if options.group.is_empty() {
        return Err("`group` is empty: name the consumer group".to_string());
    }
    config.set("group.id", &options.group);
    Ok(config)
}

/// The settings of the producer. `batch_bytes` is the size of a request that every topic it writes to takes,
/// `record_bytes` that of a record.
pub(crate) fn producer_config(
    options: &KafkaSinkOptions,
    batch_bytes: usize,
    record_bytes: usize,
) -> Result<ClientConfig, String> {
    let mut config = config(&options.brokers, &options.properties, PRODUCER, REFUSED_PRODUCER)?;
    let own = |name: &str| options.properties.contains_key(name);
    if !own("batch.size") {
        config.set("batch.size", batch_bytes.to_string());
    }
    if !own("message.max.bytes") {
        config.set("message.max.bytes", record_bytes.to_string());
    }
    Ok(config)
}

/// The settings of a client that only asks about topics: how to connect, and nothing of reading or writing.
pub(crate) fn admin_config(
    brokers: &str,
    properties: &BTreeMap<String, String>,
) -> Result<ClientConfig, String> {
    const CONNECTION: &[&str] = &[
        "security.",
        "ssl.",
        "sasl.",
        "enable.ssl.",
        "enable.sasl.",
        "socket.",
        "client.",
        "broker.",
        "https.",
    ];
    let connection = |name: &str| CONNECTION.iter().any(|prefix| name.starts_with(prefix)) || name == "debug";
    let connection = properties.iter().filter(|(name, _)| connection(name));
    // A broker that closes the connection says with that what is wrong with it.
    const TOLD: &[(&str, &str)] = &[("log.connection.close", "true")];
    config(brokers, &connection.map(|(k, v)| (k.clone(), v.clone())).collect(), TOLD, &[])
}

fn config(
    brokers: &str,
    properties: &BTreeMap<String, String>,
    defaults: &[(&str, &str)],
    refused: &[Refused],
) -> Result<ClientConfig, String> {
    if brokers.trim().is_empty() {
        return Err("`brokers` is empty: give at least one as host:port".to_string());
    }
    for (name, fine, reason) in REFUSED.iter().chain(refused) {
        if let Some(value) = properties.get(*name)
            && !fine.contains(&value.as_str())
        {
            return Err(format!("property `{name}` cannot be set: {reason}"));
        }
    }
    let mut config = ClientConfig::new();
    for (name, value) in COMMON.iter().chain(defaults) {
        config.set(*name, *value);
    }
    for (name, value) in properties {
        config.set(name, value);
    }
    config.set("bootstrap.servers", brokers);
    let chatty = properties.contains_key("debug");
    config.set_log_level(if chatty { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Info });
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(properties: &[(&str, &str)]) -> KafkaSourceOptions {
        let mut options = KafkaSourceOptions::new("127.0.0.1:9092", &["t"], "g");
        options.properties = properties.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        options
    }

    fn sink(properties: &[(&str, &str)]) -> KafkaSinkOptions {
        let properties = source(properties).properties;
        KafkaSinkOptions { properties, ..KafkaSinkOptions::new("127.0.0.1:9092", "clean.{topic}") }
    }

    #[test]
    fn properties_go_over_the_defaults() {
        let config =
            consumer_config(&source(&[("fetch.wait.max.ms", "7"), ("isolation.level", "read_committed")]));
        let config = config.unwrap();
        for (name, value) in [
            ("fetch.wait.max.ms", "7"),
            ("isolation.level", "read_committed"),
            ("enable.auto.commit", "false"),
            ("group.id", "g"),
            ("bootstrap.servers", "127.0.0.1:9092"),
        ] {
            assert_eq!(config.get(name), Some(value), "{name}");
        }
        let config = producer_config(&sink(&[("linger.ms", "1"), ("acks", "-1")]), 1000, 2000).unwrap();
        for (name, value) in [
            ("linger.ms", "1"),
            ("acks", "-1"),
            ("enable.idempotence", "true"),
            ("message.timeout.ms", "0"),
            ("batch.size", "1000"),
            ("message.max.bytes", "2000"),
        ] {
            assert_eq!(config.get(name), Some(value), "{name}");
        }
    }

    #[test]
    fn what_would_break_the_guarantees_is_refused() {
        for (name, value) in [
            ("enable.auto.commit", "true"),
            ("enable.auto.offset.store", "true"),
            ("group.id", "other"),
            ("bootstrap.servers", "127.0.0.1:1"),
        ] {
            let error = consumer_config(&source(&[(name, value)])).expect_err(name);
            assert!(error.contains(name), "{error}");
        }
        for (name, value) in [
            ("enable.idempotence", "false"),
            ("acks", "1"),
            ("request.required.acks", "0"),
            ("transactional.id", "x"),
            ("delivery.report.only.error", "true"),
        ] {
            let error = producer_config(&sink(&[(name, value)]), 1, 1).expect_err(name);
            assert!(error.contains(name), "{error}");
        }
        assert!(consumer_config(&source(&[("enable.auto.commit", "false")])).is_ok());
        assert!(consumer_config(&KafkaSourceOptions::new(" ", &["t"], "g")).is_err());
        assert!(consumer_config(&KafkaSourceOptions::new("b:1", &["t"], "")).is_err());
    }

    #[test]
    fn an_admin_client_only_learns_how_to_connect() {
        let options = source(&[("security.protocol", "ssl"), ("fetch.wait.max.ms", "7")]);
        let config = admin_config(&options.brokers, &options.properties).unwrap();
        assert_eq!(config.get("security.protocol"), Some("ssl"));
        assert_eq!(config.get("fetch.wait.max.ms"), None);
    }

    #[test]
    fn debug_shows_no_password() {
        let options = source(&[("sasl.password", "hunter2")]);
        let shown = format!("{options:?} {:?}", sink(&[("sasl.password", "hunter2")]));
        assert!(shown.contains("sasl.password") && !shown.contains("hunter2"), "{shown}");
    }
}
