//! What is checked before a line starts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::admin::{Cluster, TopicSettings, Trouble};
use super::outputs::{DEFAULT_MAX_MESSAGE_BYTES, OVERHEAD, Output, Outputs};
use super::{KafkaRefusal, KafkaSinkOptions, KafkaSourceOptions, Reach, consumer_config, producer_config};

/// Waits between attempts to reach a broker.
const RETRY: Duration = Duration::from_millis(500);
/// The largest request, whatever the topics take.
const MAX_REQUEST_BYTES: usize = 1_000_000;

/// Proof that a line may start, and what was learnt: a sink is made from it.
pub struct Preflight {
    /// The most bytes of payload, key and headers that every sink topic takes: the scrubber must not let a record
    /// grow past it.
    pub max_output_bytes: usize,
    outputs: Outputs,
    pub(crate) stop: Arc<AtomicBool>,
    /// The producer's batches stay below this.
    pub(crate) batch_bytes: usize,
    /// The producer takes records up to this.
    pub(crate) record_bytes: usize,
}

/// Checks that the line can run without loss, and creates missing topics where the sink says so. While the brokers
/// cannot be reached it waits, says so every few seconds, and ends when `stop` is set.
///
/// `key_injective` says whether the scrubber's key action keeps different keys different.
pub fn preflight(
    source: &KafkaSourceOptions,
    sink: &KafkaSinkOptions,
    key_injective: bool,
    stop: &Arc<AtomicBool>,
) -> Result<Preflight, KafkaRefusal> {
    run(source, sink, key_injective, stop, None, sink.create)
}

/// Checks the same, but creates nothing and gives up on brokers that cannot be reached within `patience`. Topics
/// that the sink would create are not reported as missing.
pub fn check(
    source: &KafkaSourceOptions,
    sink: &KafkaSinkOptions,
    key_injective: bool,
    patience: Duration,
) -> Result<(), KafkaRefusal> {
    let stop = Arc::new(AtomicBool::new(false));
    run(source, sink, key_injective, &stop, Some(patience), false).map(|_| ())
}

fn run(
    source: &KafkaSourceOptions,
    sink: &KafkaSinkOptions,
    key_injective: bool,
    stop: &Arc<AtomicBool>,
    patience: Option<Duration>,
    create: bool,
) -> Result<Preflight, KafkaRefusal> {
    let refused = KafkaRefusal::Refused;
    consumer_config(source).map_err(refused)?;
    producer_config(sink, MAX_REQUEST_BYTES, MAX_REQUEST_BYTES).map_err(refused)?;
    let mut outputs = Outputs::new(source, sink, key_injective).map_err(refused)?;
    outputs.create = create;
    let waiting = Waiting { stop, deadline: patience.map(|p| Instant::now() + p) };

    let from = Cluster::new(&source.brokers, &source.properties, stop).map_err(refused)?;
    let mut another = None;
    let elsewhere = if (&source.brokers, &source.properties) == (&sink.brokers, &sink.properties) {
        &from
    } else {
        &*another.insert(Cluster::new(&sink.brokers, &sink.properties, stop).map_err(refused)?)
    };
    if source.brokers == sink.brokers {
        outputs.refuse_loops().map_err(refused)?;
    }
    let read = waiting.until_answered(&from, || from.topics())?;
    let existing = waiting.until_answered(elsewhere, || elsewhere.topics())?;
    if let (Some(a), Some(b)) = (from.id(), elsewhere.id()) {
        outputs.same_cluster = source.brokers == sink.brokers || a == b;
    }
    outputs.refuse_loops().map_err(refused)?;

    let wanted = topics_to_read(&outputs, &read, source)?;
    let names: Vec<_> = wanted.iter().map(|(name, _)| *name).collect();
    let settings = waiting.until_answered(&from, || from.settings(&names))?;
    for (topic, partitions) in &wanted {
        let name = outputs.route.output(topic);
        if !create && sink.create && !existing.contains_key(&name) {
            continue;
        }
        let of_source = settings.get(*topic).copied();
        waiting.until_answered(elsewhere, || {
            outputs.open(elsewhere, &existing, topic, *partitions, of_source)
        })?;
    }
    let most = wanted.iter().map(|(_, partitions)| *partitions).max().unwrap_or(1);
    let largest =
        settings.values().filter_map(|s| s.max_message_bytes).max().unwrap_or(DEFAULT_MAX_MESSAGE_BYTES);
    let later =
        sink.quarantine_topic.as_ref().is_some_and(|q| !create && sink.create && !existing.contains_key(q));
    if !later {
        waiting.until_answered(elsewhere, || outputs.open_quarantine(elsewhere, &existing, most, largest))?;
    }
    Ok(conclude(outputs, sink, stop))
}

/// Names must exist; patterns bring what there is.
fn topics_to_read<'a>(
    outputs: &Outputs,
    read: &'a BTreeMap<String, usize>,
    source: &KafkaSourceOptions,
) -> Result<Vec<(&'a str, usize)>, KafkaRefusal> {
    for topic in outputs.patterns.literals() {
        if !read.contains_key(topic) {
            return Err(KafkaRefusal::Refused(format!(
                "topic {topic} does not exist on {}, or this user may not see it: create it, correct `topics`, or grant \
                 Describe on it",
                source.brokers
            )));
        }
    }
    let mut wanted: Vec<(&str, usize)> = Vec::new();
    for (topic, partitions) in read {
        if outputs.patterns.matching(topic).is_some() {
            wanted.push((topic, *partitions));
        }
    }
    if wanted.is_empty() {
        tracing::info!("no topic matches `topics` yet: waiting for one to be created");
    }
    Ok(wanted)
}

fn conclude(outputs: Outputs, sink: &KafkaSinkOptions, stop: &Arc<AtomicBool>) -> Preflight {
    let limits = || outputs.known.values().map(|o| o.max_message_bytes);
    let lowest = limits().min().unwrap_or(DEFAULT_MAX_MESSAGE_BYTES);
    let quarantine = outputs.quarantine.as_ref().map(|o: &Output| o.max_message_bytes);
    let highest = limits().chain(quarantine).max().unwrap_or(0).max(MAX_REQUEST_BYTES) + OVERHEAD;
    let own = sink.properties.get("message.max.bytes").and_then(|v| v.parse().ok()).unwrap_or(usize::MAX);
    let batch_bytes =
        lowest.min(quarantine.unwrap_or(usize::MAX)).saturating_sub(OVERHEAD).min(MAX_REQUEST_BYTES);
    Preflight {
        max_output_bytes: lowest.min(own).saturating_sub(OVERHEAD),
        batch_bytes: batch_bytes.max(1),
        // librdkafka's own ceiling.
        record_bytes: highest.min(1_000_000_000),
        stop: stop.clone(),
        outputs,
    }
}

impl Preflight {
    /// The options of the sink.
    pub(crate) fn sink(&self) -> &KafkaSinkOptions {
        &self.outputs.sink
    }

    /// Where sealed records go, if that is a topic.
    pub(crate) fn quarantine(&self) -> Option<Output> {
        self.outputs.quarantine.clone()
    }

    /// The topic that records of `topic` go to, if it has been checked already.
    pub(crate) fn known(&self, topic: &str) -> Option<Output> {
        self.outputs.known_for(topic)
    }

    /// Checks the topic that records of `topic` go to, when the first record of it comes or a partition has been
    /// added. Waits for brokers as [`preflight`] does.
    pub(crate) fn open(&mut self, topic: &str, partition: i32) -> Result<Output, KafkaRefusal> {
        let refused = KafkaRefusal::Refused;
        let stop = &self.stop;
        let waiting = Waiting { stop, deadline: None };
        let (source, sink) = (&self.outputs.source, &self.outputs.sink);
        let from = Cluster::new(&source.brokers, &source.properties, stop).map_err(refused)?;
        let mut another = None;
        let elsewhere = if (&source.brokers, &source.properties) == (&sink.brokers, &sink.properties) {
            &from
        } else {
            &*another.insert(Cluster::new(&sink.brokers, &sink.properties, stop).map_err(refused)?)
        };
        let at_least = usize::try_from(partition).unwrap_or(0) + 1;
        let read = waiting.until_answered(&from, || from.topics())?;
        let partitions = read.get(topic).copied().unwrap_or(0).max(at_least);
        let settings: Option<TopicSettings> =
            waiting.until_answered(&from, || from.settings(&[topic]))?.get(topic).copied();
        let existing = waiting.until_answered(elsewhere, || elsewhere.topics())?;
        let outputs = &mut self.outputs;
        let output = waiting
            .until_answered(elsewhere, || outputs.open(elsewhere, &existing, topic, partitions, settings))?;
        if output.max_message_bytes < self.batch_bytes.min(self.max_output_bytes) {
            return Err(KafkaRefusal::Refused(format!(
                "topic {} takes {} bytes a record, less than this pipeline was started for: start it again, and it will \
                 keep to that",
                output.topic, output.max_message_bytes
            )));
        }
        Ok(output)
    }
}

/// Asks until there is an answer.
struct Waiting<'a> {
    stop: &'a AtomicBool,
    deadline: Option<Instant>,
}

impl Waiting<'_> {
    fn until_answered<T>(
        &self,
        cluster: &Cluster,
        mut ask: impl FnMut() -> Result<T, Trouble>,
    ) -> Result<T, KafkaRefusal> {
        let reach = Reach::new(&cluster.brokers);
        loop {
            match ask() {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Refused(why)) => return Err(KafkaRefusal::Refused(why)),
                Err(Trouble::Away(_)) if self.stop.load(Ordering::Relaxed) => {
                    return Err(KafkaRefusal::Stopped);
                }
                Err(Trouble::Away(reason)) if self.deadline.is_some_and(|d| Instant::now() >= d) => {
                    return Err(KafkaRefusal::Unreachable { brokers: cluster.brokers.clone(), reason });
                }
                Err(Trouble::Away(reason)) => reach.unreachable(&reason),
            }
            let again = Instant::now() + RETRY;
            while Instant::now() < again {
                if self.stop.load(Ordering::Relaxed) {
                    return Err(KafkaRefusal::Stopped);
                }
                thread::sleep(RETRY / 10);
            }
        }
    }
}
