//! What can be seen to be wrong with a Kafka pipeline without asking a broker: properties that librdkafka does not
//! know, and topics that would be written and read again.

use toml::Spanned;

use super::resolve::Resolver;
use super::resolved::{KafkaSink, KafkaSource, Pipeline, SinkConfig, SourceConfig};
use super::spec::{KafkaSinkSpec, KafkaSourceSpec, Property};
use crate::authored::did_you_mean;
use crate::authored::is_secret_name;
use crate::kafka::{PropertyFault, Route, TopicPatterns, USUAL_PROPERTIES, find_loop, property_fault};

impl Resolver<'_> {
    /// Asks librdkafka about a property of `[table]`; whether it will take it.
    pub(super) fn known_property(&self, table: &str, (name, value): &Property) -> bool {
        let plain = (!is_secret_name(name.get_ref())).then(|| value.get_ref().as_str());
        let key = name.get_ref();
        match property_fault(key, plain) {
            None => return true,
            Some(PropertyFault::Unknown) => {
                // Nobody knows what was meant, so it may have been a password.
                self.reader.blank(value.span());
                let title = format!("librdkafka has no such property, in {table}.properties");
                let near = did_you_mean(key, USUAL_PROPERTIES.iter().copied());
                let help = near.map_or_else(
                    || "its names are in librdkafka's CONFIGURATION.md".to_owned(),
                    |near| format!("did you mean \"{near}\"?"),
                );
                self.reader.error(name.span(), title, "not known", Some(help));
            }
            Some(PropertyFault::NotBuiltIn) => {
                let title = format!("`{key}` needs something that this build of librdkafka lacks");
                self.reader.error(name.span(), title, "not in this build", Some("take it out".to_owned()));
            }
            Some(PropertyFault::Value(takes)) => {
                self.reader.blank(value.span());
                let title = format!("`{table}.properties.{key}` does not take this value");
                self.reader.error(value.span(), title, "not allowed", takes);
            }
        }
        false
    }

    /// The patterns of the source must be regular expressions.
    pub(super) fn topic_patterns(&self, topics: &[Spanned<String>]) {
        for topic in topics.iter().filter(|t| t.get_ref().starts_with('^')) {
            if TopicPatterns::new(std::slice::from_ref(topic.get_ref())).is_err() {
                let title = "a pattern of `source.kafka.topics` is not a regular expression".to_owned();
                let help =
                    "a dot that is meant as one is written \\\\. and look-around is not known".to_owned();
                self.reader.error(topic.span(), title, "cannot be used", Some(help));
            }
        }
    }

    /// Refuses to write, on the cluster that is read, a topic that is read. `quarantine` is written too.
    pub(super) fn no_loop(
        &self,
        source: &KafkaSourceSpec,
        sink: &KafkaSinkSpec,
        quarantine: Option<&Spanned<String>>,
    ) {
        if !same_cluster(source.brokers.as_ref(), sink.brokers.as_ref()) {
            return;
        }
        let topics: Vec<String> = source.topics.iter().map(|t| t.get_ref().clone()).collect();
        // What is wrong with a name or a pattern has been said.
        let Ok(patterns) = TopicPatterns::new(&topics) else { return };
        for (key, to) in [("sink.kafka.topic", sink.topic.as_ref()), ("on_error.to.topic", quarantine)] {
            let Some((span, Ok(route))) = to.map(|t| (t.span(), Route::new(t.get_ref()))) else { continue };
            if let Some(found) = find_loop(&topics, &patterns, &route) {
                let title = format!("what goes to `{key}` would be read again, for ever");
                let label = format!("records of {} would go to {}", found.from, found.to);
                let help = format!(
                    "\"{}\" in source.kafka.topics reads that topic: narrow it, or choose another topic here",
                    found.entry
                );
                self.reader.error(span, title, &label, Some(help));
            }
        }
    }
}

impl Pipeline {
    /// What this pipeline puts out that the next one finds and changes once more: the topic it is read from, and by which action it was
    /// made. Such actions are not idempotent: a date that is shifted twice is off, and a fake name becomes another one.
    fn changed_again_by(&self, next: &Pipeline) -> Option<String> {
        let action = self.treatment.policy.rules.iter().map(|r| r.action).find(|a| a.looks_like_phi())?;
        let (SourceConfig::Kafka(from), SinkConfig::Kafka(to)) = (&self.source, &self.sink) else {
            return None;
        };
        let SourceConfig::Kafka(next) = &next.source else { return None };
        let found = fed(from, to, next)?;
        Some(format!("topic {found}, with what `{}` put there", action.name()))
    }
}

/// A topic that one pipeline writes and another one reads.
fn fed(from: &KafkaSource, to: &KafkaSink, next: &KafkaSource) -> Option<String> {
    if !same_hosts(&to.brokers, &next.brokers) {
        return None;
    }
    let (patterns, route) = (TopicPatterns::new(&next.topics).ok()?, Route::new(&to.topic).ok()?);
    find_loop(&from.topics, &patterns, &route).map(|found| found.to)
}

/// Where pipelines are chained so that what one has made is found and changed by the next, in sentences.
pub fn chained(pipelines: &[Pipeline]) -> Vec<String> {
    let mut told = Vec::new();
    for (at, first) in pipelines.iter().enumerate() {
        for (_, next) in pipelines.iter().enumerate().filter(|(other, _)| *other != at) {
            told.extend(first.changed_again_by(next).map(|what| {
                format!(
                    "{} reads {what} by {}, and scrubs it a second time: shifted dates, surrogates and encrypted values look like PHI; \
                     read what comes before {} instead, or leave these kinds out here",
                    next.file.display(),
                    first.file.display(),
                    first.file.display(),
                )
            }));
        }
    }
    told
}

/// Whether a broker stands in both lists; without a list of its own the sink has the source's.
fn same_cluster(source: Option<&Spanned<String>>, sink: Option<&Spanned<String>>) -> bool {
    source.zip(sink).is_none_or(|(a, b)| same_hosts(a.get_ref(), b.get_ref()))
}

/// Whether a broker stands in both lists.
fn same_hosts(a: &str, b: &str) -> bool {
    let hosts = |list: &str| -> Vec<String> {
        let with_port = |b: &str| if b.contains(':') { b.to_owned() } else { format!("{b}:9092") };
        list.split(',').map(|b| with_port(&b.trim().to_ascii_lowercase())).collect()
    };
    let b = hosts(b);
    hosts(a).iter().any(|host| b.contains(host))
}
