//! The topics a line writes to: each is checked before the first record goes there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::admin::{Cluster, TopicSettings, Trouble};
use super::{KafkaSinkOptions, KafkaSourceOptions, Route, TopicPatterns};

/// What brokers take when nothing else is set.
pub(super) const DEFAULT_MAX_MESSAGE_BYTES: usize = 1_048_588;
/// Room for what Kafka adds to payload, key and headers: a batch's 61 bytes, a record's 36, and 10 for each of
/// some forty headers.
pub(super) const OVERHEAD: usize = 512;
/// How much a sealed envelope is larger than its record, generously.
const ENVELOPE: usize = 64 << 10;

/// A topic that may be written to.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) topic: Arc<str>,
    /// It has partitions 0 to this.
    pub(crate) partitions: i32,
    pub(crate) max_message_bytes: usize,
}

/// Decides where records go, and knows which of those topics have been checked.
pub(super) struct Outputs {
    pub(super) source: KafkaSourceOptions,
    pub(super) sink: KafkaSinkOptions,
    pub(super) patterns: TopicPatterns,
    pub(super) route: Route,
    /// Different keys stay different: a compacted topic may be written to.
    pub(super) key_injective: bool,
    /// Source and sink are, or may be, the same cluster.
    pub(super) same_cluster: bool,
    /// Missing topics may be made.
    pub(super) create: bool,
    /// Checked, by name.
    pub(super) known: BTreeMap<String, Output>,
    pub(super) quarantine: Option<Output>,
}

impl Outputs {
    pub(super) fn new(
        source: &KafkaSourceOptions,
        sink: &KafkaSinkOptions,
        key_injective: bool,
    ) -> Result<Outputs, String> {
        let outputs = Outputs {
            patterns: TopicPatterns::new(&source.topics)?,
            route: Route::new(&sink.topic)?,
            source: source.clone(),
            sink: sink.clone(),
            key_injective,
            same_cluster: true,
            create: sink.create,
            known: BTreeMap::new(),
            quarantine: None,
        };
        if let Some(name) = &sink.quarantine_topic {
            super::topics::check_name(name).map_err(|why| format!("quarantine topic `{name}` {why}"))?;
        }
        Ok(outputs)
    }

    /// Refuses what can be seen to be a loop without asking a broker: constant outputs, and names that are read.
    pub(super) fn refuse_loops(&self) -> Result<(), String> {
        if !self.same_cluster {
            return Ok(());
        }
        let constant = self.route.constant().map(str::to_string);
        let literal = self.patterns.literals().iter().map(|topic| self.route.output(topic));
        for output in constant.into_iter().chain(literal).chain(self.sink.quarantine_topic.clone()) {
            self.refuse_loop(&output)?;
        }
        Ok(())
    }

    fn refuse_loop(&self, output: &str) -> Result<(), String> {
        match self.patterns.matching(output) {
            Some(entry) if self.same_cluster => Err(format!(
                "topic {output} would be written and read again, for ever: `{entry}` in the source's `topics` matches \
                 it; narrow the pattern, or choose another sink topic"
            )),
            _ => Ok(()),
        }
    }

    /// Checks, and where allowed creates, the topic that records of `topic` go to.
    pub(super) fn open(
        &mut self,
        cluster: &Cluster,
        existing: &BTreeMap<String, usize>,
        topic: &str,
        partitions: usize,
        settings: Option<TopicSettings>,
    ) -> Result<Output, Trouble> {
        let name = self.route.output(topic);
        super::topics::check_name(&name)
            .and_then(|()| self.refuse_loop(&name))
            .map_err(|why| Trouble::Refused(format!("records of topic {topic}: {why}")))?;
        if self.is_written(topic) {
            return Err(Trouble::Refused(format!(
                "topic {topic} is written and read again, for ever: narrow the source's `topics`"
            )));
        }
        let output =
            self.ensure(cluster, existing, &name, partitions, settings.and_then(|s| s.max_message_bytes))?;
        if !self.key_injective && self.is_compacted(cluster, &name)? {
            return Err(Trouble::Refused(format!(
                "topic {name} is compacted (`cleanup.policy`), and redacted keys would make records of different keys \
                 overwrite each other: set `key_action` to an HMAC, which keeps different keys different, or \
                 use a topic with `cleanup.policy=delete`"
            )));
        }
        self.known.insert(name, output.clone());
        Ok(output)
    }

    /// Checks, and where allowed creates, the quarantine topic.
    pub(super) fn open_quarantine(
        &mut self,
        cluster: &Cluster,
        existing: &BTreeMap<String, usize>,
        partitions: usize,
        largest: usize,
    ) -> Result<(), Trouble> {
        let Some(name) = self.sink.quarantine_topic.clone() else { return Ok(()) };
        let output = self.ensure(cluster, existing, &name, partitions.max(1), Some(largest + ENVELOPE))?;
        if self.is_compacted(cluster, &name)? {
            return Err(Trouble::Refused(format!(
                "quarantine topic {name} is compacted (`cleanup.policy`), but sealed records have no key: use a topic with \
                 `cleanup.policy=delete`"
            )));
        }
        if output.max_message_bytes < largest {
            tracing::warn!(
                "quarantine topic {name} takes {} bytes a record, the source {largest}: a sealed record that does not \
                 fit would stop the pipeline; raise its `max.message.bytes`",
                output.max_message_bytes
            );
        }
        self.quarantine = Some(output);
        Ok(())
    }

    /// The topic that records of `topic` go to, if it has been checked.
    pub(super) fn known_for(&self, topic: &str) -> Option<Output> {
        let output = self.known.get(&self.route.output(topic));
        output.filter(|_| !self.is_written(topic)).cloned()
    }

    /// A topic that this line writes has come in: the pattern means something else to librdkafka than to us.
    fn is_written(&self, topic: &str) -> bool {
        let written = self.known.contains_key(topic) || self.sink.quarantine_topic.as_deref() == Some(topic);
        self.same_cluster && written
    }

    fn ensure(
        &self,
        cluster: &Cluster,
        existing: &BTreeMap<String, usize>,
        name: &str,
        partitions: usize,
        source_max_bytes: Option<usize>,
    ) -> Result<Output, Trouble> {
        let quarantine = self.sink.quarantine_topic.as_deref() == Some(name);
        // Several source topics may go to one: what the last of them has made is not in `existing` yet.
        let made = self.known.get(name).and_then(|output| usize::try_from(output.partitions).ok());
        let mut count = existing.get(name).copied().max(made);
        match count {
            None if self.create => {
                let max =
                    source_max_bytes.filter(|max| *max > DEFAULT_MAX_MESSAGE_BYTES).map(|m| m.to_string());
                let settings: Vec<_> = max.iter().map(|max| ("max.message.bytes", max.as_str())).collect();
                cluster.create(name, partitions, &settings)?;
                count = Some(partitions);
            }
            None => {
                return Err(Trouble::Refused(format!(
                    "topic {name} does not exist on {}, or this user may not see it: create it with {partitions} \
                     partitions, or set `create = true` in the sink",
                    cluster.brokers
                )));
            }
            Some(has) if has < partitions && !quarantine && self.create => {
                cluster.grow(name, partitions)?;
                count = Some(partitions);
            }
            Some(has) if has < partitions && !quarantine => {
                return Err(Trouble::Refused(format!(
                    "topic {name} has {has} partitions, but its source has {partitions}, and a record keeps its \
                     partition: add partitions, or set `create = true` in the sink"
                )));
            }
            Some(_) => {}
        }
        let settings = cluster.settings(&[name])?.get(name).copied().unwrap_or_default();
        Ok(Output {
            topic: name.into(),
            partitions: i32::try_from(count.unwrap_or(partitions)).unwrap_or(i32::MAX),
            max_message_bytes: settings.max_message_bytes.unwrap_or(DEFAULT_MAX_MESSAGE_BYTES),
        })
    }

    fn is_compacted(&self, cluster: &Cluster, name: &str) -> Result<bool, Trouble> {
        Ok(cluster.settings(&[name])?.get(name).and_then(|s| s.compacted).unwrap_or(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(topics: &[&str], template: &str, quarantine: Option<&str>) -> Result<(), String> {
        let source = KafkaSourceOptions::new("b:1", topics, "g");
        let mut sink = KafkaSinkOptions::new("b:1", template);
        sink.quarantine_topic = quarantine.map(str::to_string);
        Outputs::new(&source, &sink, false)?.refuse_loops()
    }

    #[test]
    fn loops_are_refused_before_any_broker_is_asked() {
        for (topics, template, quarantine, ok) in [
            (&["app"][..], "clean.{topic}", None, true),
            (&["app"], "{topic}", None, false),
            (&["app"], "app", None, false),
            (&["app", "clean.app"], "clean.{topic}", None, false),
            (&["^app\\..*"], "clean.{topic}", None, true),
            (&["^.*"], "clean", None, false),
            (&["^app\\..*"], "clean.{topic}", Some("app.quarantine"), false),
            (&["app"], "clean.{topic}", Some("app"), false),
            (&["app"], "clean.{topic}", Some("quarantine"), true),
        ] {
            let result = outputs(topics, template, quarantine);
            assert_eq!(result.is_ok(), ok, "{topics:?} {template} {quarantine:?} {result:?}");
        }
        assert!(outputs(&["app"], "clean", Some("no good")).unwrap_err().contains("quarantine topic"));
    }

    #[test]
    fn another_cluster_may_have_the_same_names() {
        let source = KafkaSourceOptions::new("b:1", &["app"], "g");
        let sink = KafkaSinkOptions::new("c:1", "{topic}");
        let mut outputs = Outputs::new(&source, &sink, false).unwrap();
        outputs.same_cluster = false;
        assert_eq!(outputs.refuse_loops(), Ok(()));
    }
}
