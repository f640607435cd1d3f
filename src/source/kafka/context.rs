//! The consumer's callbacks. All of them run inside a poll, on the reader's thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, bounded};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::{ClientContext, Offset};

use super::assignment::{Assignment, Partition};
use crate::kafka::{Reach, describe, forward_log, is_denied, is_unreachable};
use crate::metrics;

/// After being asked to stop, the answer to a commit is waited for this long: a broker that is there gives it in
/// milliseconds, and one that is away may take as long as the group's session.
const ANSWER_WITHIN: Duration = Duration::from_millis(800);
/// How often a wait looks around.
const LOOK: Duration = Duration::from_millis(50);

/// What the callbacks know.
pub(super) struct Context {
    pub(super) assignment: Arc<Assignment>,
    /// The consumer whose context this is.
    pub(super) consumer: OnceLock<Weak<BaseConsumer<Context>>>,
    /// Set when the line is asked to stop.
    pub(super) stop: OnceLock<Arc<AtomicBool>>,
    /// Told when the group has given this member its partitions, and when it has none for a while.
    pub(super) on_assigned: OnceLock<Box<dyn Fn(bool) + Send + Sync>>,
    pub(super) reach: Reach,
    /// How long a rebalance may wait for batches on their way.
    pub(super) drain: Duration,
    /// The line has no room: what is newly assigned is paused as well.
    pub(super) paused: AtomicBool,
    /// Partitions have been assigned at least once.
    pub(super) joined: AtomicBool,
    /// What the client last said about an error.
    pub(super) reason: Mutex<String>,
    /// A commit was refused for good.
    pub(super) denied: Mutex<Option<String>>,
}

impl Context {
    pub(super) fn reason(&self) -> String {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Commits what has been delivered, if there is anything, and waits for the answer, so that no commit is under way
    /// when partitions change hands.
    pub(super) fn commit(&self) {
        let mut offsets = TopicPartitionList::new();
        for (topic, partition, offset) in self.assignment.take_uncommitted() {
            // Offsets are never negative, so that this cannot fail.
            let _ = offsets.add_partition_offset(&topic, partition, Offset::Offset(offset));
        }
        if offsets.count() == 0 {
            return;
        }
        match self.answer_to(offsets.clone()) {
            Some(Err(error)) => self.commit_failed(&error, &offsets),
            Some(Ok(())) => {}
            None => tracing::warn!(
                "stopping without an answer from the brokers: what was delivered last may not be committed, and is then \
                 read again"
            ),
        }
    }

    /// The answer to a commit. `None` when the line is to stop and none comes. A thread of its own waits for it,
    /// because librdkafka's call cannot be called off.
    fn answer_to(&self, offsets: TopicPartitionList) -> Option<KafkaResult<()>> {
        // A consumer that is being closed has committed before.
        let consumer = self.consumer.get()?.upgrade()?;
        let (told, answer) = bounded(1);
        let commit = move || {
            let result = consumer.commit(&offsets, CommitMode::Sync);
            // Before the answer is told, or this thread might be the one to close it.
            drop(consumer);
            let _ = told.send(result);
        };
        if let Err(error) = thread::Builder::new().name("commit".into()).spawn(commit) {
            self.reach.waiting(&format!("offsets wait to be committed: no thread can be started: {error}"));
            return Some(Err(KafkaError::ConsumerCommit(Code::Retry)));
        }
        let mut stopping = None;
        loop {
            match answer.recv_timeout(LOOK) {
                Ok(result) => return Some(result),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) if !self.is_stopping() => {}
                Err(RecvTimeoutError::Timeout) => {
                    if stopping.get_or_insert_with(Instant::now).elapsed() >= ANSWER_WITHIN {
                        return None;
                    }
                }
            }
        }
    }

    fn tell_assigned(&self, assigned: bool) {
        if let Some(tell) = self.on_assigned.get() {
            tell(assigned);
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.get().is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    fn commit_failed(&self, error: &KafkaError, offsets: &TopicPartitionList) {
        let Some(code) = error.rdkafka_error_code() else { return };
        match code {
            Code::NoOffset => {}
            Code::IllegalGeneration
            | Code::UnknownMemberId
            | Code::FencedInstanceId
            | Code::StaleMemberEpoch
            | Code::FencedMemberEpoch
            | Code::AssignmentLost => tracing::warn!(
                "the group has moved on ({code}): offsets were not committed, and the records will be read again"
            ),
            code if is_denied(code) => {
                let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
                denied.get_or_insert_with(|| format!("offsets cannot be committed: {}", describe(code)));
            }
            code => {
                self.assignment.commit_again(&partitions(offsets));
                if is_unreachable(code) {
                    self.reach.unreachable("offsets wait to be committed");
                } else {
                    self.reach.waiting(&format!("offsets were not committed, trying again: {code}"));
                }
            }
        }
    }

    /// Before partitions go: what is on its way is delivered and committed, so that the next member starts after it.
    fn let_go(&self, consumer: &BaseConsumer<Context>, going: &[Partition]) {
        if consumer.assignment_lost() {
            tracing::warn!(
                "partitions were taken away ({}): what was being delivered of them will be read again",
                list(going)
            );
        } else {
            if !self.assignment.drain(going, self.drain) {
                tracing::warn!(
                    "partitions are given away before all of their records were delivered ({}): those will be read \
                     again",
                    list(going)
                );
            }
            self.commit();
        }
        self.assignment.revoke(going);
        for (topic, partition) in going {
            metrics::lag(topic, *partition, 0);
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        forward_log(level, facility, line);
    }

    fn error(&self, _: KafkaError, reason: &str) {
        // The same error comes out of the poll, where it is dealt with.
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = reason.to_string();
    }

    fn stats(&self, statistics: Statistics) {
        let mine = self.assignment.partitions();
        for (topic, partition) in mine {
            let seen = statistics.topics.get(&topic).and_then(|t| t.partitions.get(&partition));
            // -1 while it is not known.
            if let Some(records) = seen.and_then(|seen| u64::try_from(seen.consumer_lag).ok()) {
                metrics::lag(&topic, partition, records);
            }
        }
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Context>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(coming) => {
                let coming = partitions(coming);
                if !coming.is_empty() {
                    tracing::info!("assigned {}", list(&coming));
                }
                self.assignment.assign(&coming);
                self.joined.store(true, Ordering::Relaxed);
            }
            Rebalance::Revoke(going) => {
                let going = partitions(going);
                if !going.is_empty() {
                    tracing::info!("revoked {}", list(&going));
                }
                // Where members keep the rest of their partitions they go on with it, unless the group has expelled them.
                let keeps_the_rest = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
                if !keeps_the_rest || consumer.assignment_lost() {
                    self.tell_assigned(false);
                }
                self.let_go(consumer, &going);
            }
            Rebalance::Error(error) => tracing::warn!("rebalance: {error}"),
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Context>, rebalance: &Rebalance<'_>) {
        let Rebalance::Assign(coming) = rebalance else { return };
        if self.paused.load(Ordering::Relaxed)
            && let Err(error) = consumer.pause(coming)
        {
            tracing::debug!("new partitions are not paused: {error}");
        }
        // No partition is an assignment too: there may be more members than partitions.
        self.tell_assigned(true);
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<Partition> {
    list.elements().iter().map(|e| (e.topic().to_string(), e.partition())).collect()
}

fn list(partitions: &[Partition]) -> String {
    const SHOWN: usize = 8;
    let mut shown: Vec<_> = partitions.iter().take(SHOWN).map(|(t, p)| format!("{t}[{p}]")).collect();
    if partitions.len() > SHOWN {
        shown.push(format!("and {} more", partitions.len() - SHOWN));
    }
    shown.join(", ")
}
