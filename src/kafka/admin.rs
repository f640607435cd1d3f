//! Questions to a cluster, asked one at a time by a thread that waits for the answer.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, bounded};
use rdkafka::ClientContext;
use rdkafka::admin::{
    AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::client::{config_error, describe, forward_log, is_denied, is_unreachable};
use super::options::admin_config;

/// How long one question may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a topic just made may take to be seen everywhere.
const APPEAR: Duration = Duration::from_secs(15);
/// How long events that have come in may take to be handed over.
const EVENTS: Duration = Duration::from_millis(20);
/// How often a wait looks whether it is time to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Why a question has no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The brokers are away: it may be asked again.
    Away(String),
    /// It will not get better by itself.
    Refused(String),
}

/// What a topic is set to; `None` where the broker does not say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TopicSettings {
    pub(super) max_message_bytes: Option<usize>,
    pub(super) compacted: Option<bool>,
}

/// A connection that asks.
pub(super) struct Cluster {
    pub(super) brokers: String,
    config: ClientConfig,
    /// Set when nobody wants the answer any more.
    stop: Arc<AtomicBool>,
    /// A consumer without a group: it asks for metadata, and never makes a broker create a topic by asking.
    probe: Arc<BaseConsumer<Quiet>>,
    admin: OnceLock<AdminClient<DefaultClientContext>>,
    /// How long a question about settings may take.
    patience: Duration,
    /// Questions about settings that got no answer.
    unanswered: AtomicU32,
    /// These brokers do not tell settings, and are not asked again.
    mute: AtomicBool,
    /// Questions for topics so far.
    attempts: AtomicU32,
}

/// Reports nothing by itself, but keeps the reason of the last error. librdkafka tells the same one only twice a minute.
#[derive(Default)]
struct Quiet {
    reason: Mutex<Option<String>>,
}

impl Quiet {
    fn reason(&self) -> Option<String> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, reason: Option<&str>) {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = reason.map(str::to_string);
    }
}

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        // That a broker has closed the connection is no error to librdkafka, only a line: `[thrd:NAME]: WHY`.
        if facility == "FAIL" {
            self.set(Some(line.split_once("]: ").map_or(line, |(_, why)| why)));
        }
        forward_log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // That all brokers are down says less than why one of them is.
        if error.rdkafka_error_code() != Some(Code::AllBrokersDown) {
            self.set(Some(reason));
        }
    }
}

impl ConsumerContext for Quiet {}

impl Cluster {
    /// A connection that gives up waiting once `stop` is set.
    pub(super) fn new(
        brokers: &str,
        properties: &BTreeMap<String, String>,
        stop: &Arc<AtomicBool>,
    ) -> Result<Cluster, String> {
        let config = admin_config(brokers, properties)?;
        let probe: BaseConsumer<Quiet> =
            config.create_with_context(Quiet::default()).map_err(|e| config_error(&e))?;
        let timeout = properties.get("socket.timeout.ms").and_then(|v| v.parse().ok());
        Ok(Cluster {
            brokers: brokers.to_string(),
            config,
            stop: stop.clone(),
            probe: Arc::new(probe),
            admin: OnceLock::new(),
            patience: timeout.map_or(ANSWER, |ms| ANSWER.min(Duration::from_millis(ms))),
            unanswered: AtomicU32::new(0),
            mute: AtomicBool::new(false),
            attempts: AtomicU32::new(0),
        })
    }

    /// Every topic this user may see, with its number of partitions.
    pub(super) fn topics(&self) -> Result<BTreeMap<String, usize>, Trouble> {
        // Soon back to say that nobody answers, yet in the end patient enough for a large and slow cluster.
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed).min(4);
        let Some(answer) = self.metadata(Duration::from_secs(1 << attempt)) else {
            return Err(Trouble::Away("stopped before an answer came".to_string()));
        };
        match answer {
            Ok(topics) => {
                self.attempts.store(0, Ordering::Relaxed);
                self.probe.context().set(None);
                Ok(topics)
            }
            Err(error) => Err(match self.denied() {
                Some(code) => Trouble::Refused(self.refusal(code)),
                None => self.trouble(&error),
            }),
        }
    }

    /// Why a connection failed comes as an event of its own, among others: the error, if it is one that lasts.
    fn denied(&self) -> Option<Code> {
        // With a wait of zero the client's own log lines would end it.
        while let Some(event) = self.probe.poll(EVENTS) {
            match event.err().and_then(|error| error.rdkafka_error_code()) {
                Some(code) if is_denied(code) => return Some(code),
                _ => {}
            }
        }
        None
    }

    /// What is wrong and what to do, and what the client has reported of it.
    fn refusal(&self, code: Code) -> String {
        let reason = self.probe.context().reason();
        let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        format!("{}: {}{reason}", self.brokers, describe(code))
    }

    /// Asks for all topics, in a thread of its own, because librdkafka's call cannot be called off. `None` when it is
    /// time to stop.
    fn metadata(&self, patience: Duration) -> Option<Result<BTreeMap<String, usize>, KafkaError>> {
        let probe = self.probe.clone();
        let (told, answer) = bounded(1);
        let ask = move || {
            let answer = probe.fetch_metadata(None, patience).map(|metadata| {
                let known = metadata.topics().iter().filter(|t| t.error().is_none());
                known.map(|t| (t.name().to_string(), t.partitions().len())).collect()
            });
            let _ = told.send(answer);
        };
        if let Err(error) = thread::Builder::new().name("metadata".into()).spawn(ask) {
            tracing::warn!("{}: no thread can be started: {error}", self.brokers);
            return None;
        }
        loop {
            match answer.recv_timeout(LOOK) {
                Ok(answer) => return Some(answer),
                Err(RecvTimeoutError::Timeout) if !self.stop.load(Ordering::Relaxed) => {}
                Err(_) => return None,
            }
        }
    }

    /// What the cluster calls itself, if it does; known once it has been asked for its topics.
    pub(super) fn id(&self) -> Option<String> {
        self.probe.client().fetch_cluster_id(Duration::ZERO).filter(|id| !id.is_empty())
    }

    /// The settings of topics. Topics whose settings this user may not read, or all on a broker that cannot tell
    /// them, are left out.
    pub(super) fn settings(&self, topics: &[&str]) -> Result<BTreeMap<String, TopicSettings>, Trouble> {
        let asked: Vec<_> = topics.iter().map(|t| ResourceSpecifier::Topic(t)).collect();
        let mut settings = BTreeMap::new();
        if asked.is_empty() || self.mute.load(Ordering::Relaxed) {
            return Ok(settings);
        }
        let options = AdminOptions::new().request_timeout(Some(self.patience));
        let answers = match self.answer(self.admin()?.describe_configs(&asked, &options))? {
            Ok(answers) => answers,
            Err(error) => return self.not_told(&error).map(|()| settings),
        };
        for (topic, answer) in topics.iter().zip(answers) {
            match answer {
                Ok(resource) => {
                    let value = |name: &str| resource.get(name).and_then(|entry| entry.value.clone());
                    let read = TopicSettings {
                        max_message_bytes: value("max.message.bytes").and_then(|v| v.parse().ok()),
                        compacted: value("cleanup.policy").map(|v| v.contains("compact")),
                    };
                    settings.insert(topic.to_string(), read);
                }
                Err(code) if is_denied(code) => tracing::warn!(
                    "{}: the settings of topic {topic} cannot be read (grant DescribeConfigs): its size limit and \
                     clean-up policy are not checked",
                    self.brokers
                ),
                Err(code) => tracing::debug!("{}: settings of topic {topic}: {code}", self.brokers),
            }
        }
        Ok(settings)
    }

    /// A question about settings has failed. It is asked again, unless the broker has no such question or the time
    /// for it was cut short; a broker that never answers it is taken as it is, and that is said.
    fn not_told(&self, error: &KafkaError) -> Result<(), Trouble> {
        const TRIES: u32 = 3;
        let unknown =
            matches!(error, KafkaError::AdminOp(Code::UnsupportedFeature | Code::UnsupportedVersion));
        let tries = self.unanswered.fetch_add(1, Ordering::Relaxed) + 1;
        if !unknown && self.patience >= ANSWER && tries < TRIES {
            return Err(self.trouble(error));
        }
        self.mute.store(true, Ordering::Relaxed);
        let brokers = &self.brokers;
        if self.patience < ANSWER {
            tracing::info!("{brokers}: topic settings are not told in time: limits are not checked");
        } else {
            tracing::warn!(
                "{brokers}: topic settings are not told: size limits and clean-up policies are not checked"
            );
        }
        Ok(())
    }

    /// Creates a topic with the broker's own replication and waits until it can be written to.
    pub(super) fn create(
        &self,
        name: &str,
        partitions: usize,
        settings: &[(&str, &str)],
    ) -> Result<(), Trouble> {
        let count = i32::try_from(partitions).unwrap_or(i32::MAX);
        // -1 is the broker's default; brokers before 2.4 do not know it.
        let mut last = Code::Unknown;
        for replication in [-1, 1] {
            let mut topic = NewTopic::new(name, count, TopicReplication::Fixed(replication));
            for (key, value) in settings {
                topic = topic.set(key, value);
            }
            let answers = self.answer(self.admin()?.create_topics([&topic], &options()))?;
            match answers.map_err(|e| self.trouble(&e))?.pop() {
                None | Some(Ok(_) | Err((_, Code::TopicAlreadyExists))) => {
                    tracing::info!("{}: created topic {name} with {partitions} partitions", self.brokers);
                    return self.await_partitions(name, partitions);
                }
                Some(Err((_, code))) if is_denied(code) => {
                    last = code;
                    break;
                }
                Some(Err((_, code))) => last = code,
            }
        }
        Err(Trouble::Refused(format!(
            "topic {name} cannot be created on {}: {}; create it yourself",
            self.brokers,
            describe(last)
        )))
    }

    /// Adds partitions to a topic until it has `partitions`.
    pub(super) fn grow(&self, name: &str, partitions: usize) -> Result<(), Trouble> {
        let wanted = NewPartitions::new(name, partitions);
        let answers = self.answer(self.admin()?.create_partitions([&wanted], &options()))?;
        match answers.map_err(|e| self.trouble(&e))?.pop() {
            // Another member may have been faster.
            None | Some(Ok(_) | Err((_, Code::InvalidPartitions))) => {
                tracing::info!("{}: topic {name} now has {partitions} partitions", self.brokers);
                self.await_partitions(name, partitions)
            }
            Some(Err((_, code))) => Err(Trouble::Refused(format!(
                "partitions cannot be added to topic {name} on {}: {}; add them yourself",
                self.brokers,
                describe(code)
            ))),
        }
    }

    fn await_partitions(&self, name: &str, partitions: usize) -> Result<(), Trouble> {
        let deadline = Instant::now() + APPEAR;
        loop {
            if self.topics()?.get(name).is_some_and(|n| *n >= partitions) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let brokers = &self.brokers;
                return Err(Trouble::Refused(format!(
                    "{brokers}: topic {name} was asked for with {partitions} partitions but has not appeared"
                )));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The answer of the admin client, unless it is time to stop.
    fn answer<F: Future>(&self, question: F) -> Result<F::Output, Trouble> {
        let stopped = || Trouble::Away("stopped before an answer came".to_string());
        block_on(question, &self.stop).ok_or_else(stopped)
    }

    fn admin(&self) -> Result<&AdminClient<DefaultClientContext>, Trouble> {
        if let Some(admin) = self.admin.get() {
            return Ok(admin);
        }
        let admin = self.config.create().map_err(|e| Trouble::Refused(config_error(&e)))?;
        Ok(self.admin.get_or_init(|| admin))
    }

    fn trouble(&self, error: &KafkaError) -> Trouble {
        let code = match error {
            KafkaError::AdminOp(code) => Some(*code),
            other => other.rdkafka_error_code(),
        };
        match code {
            Some(code) if is_denied(code) => Trouble::Refused(self.refusal(code)),
            _ => {
                let hint = "does `security.protocol` fit what they expect?";
                Trouble::Away(match (self.probe.context().reason(), code) {
                    (Some(reason), _) if reason.contains("Disconnected") => format!("{reason}; {hint}"),
                    (Some(reason), _) => reason,
                    (None, Some(code)) if is_unreachable(code) => {
                        format!("no broker answers: if they run, {hint}")
                    }
                    (None, _) => error.to_string(),
                })
            }
        }
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER))
}

/// Waits for the answer of an admin client, which a thread of its own brings. `None` once `stop` is set.
fn block_on<F: Future>(future: F, stop: &AtomicBool) -> Option<F::Output> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return Some(answer),
            Poll::Pending if stop.load(Ordering::Relaxed) => return None,
            Poll::Pending => thread::park_timeout(LOOK),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_on_waits_for_another_thread() {
        let (tx, rx) = std::sync::mpsc::channel::<Waker>();
        let waker = thread::spawn(move || rx.recv().unwrap().wake());
        let mut asked = false;
        let answered = std::future::poll_fn(|cx| {
            if asked {
                return Poll::Ready(7);
            }
            asked = true;
            tx.send(cx.waker().clone()).unwrap();
            Poll::Pending
        });
        let answer = block_on(answered, &AtomicBool::new(false));
        waker.join().unwrap();
        assert_eq!(answer, Some(7));
    }

    #[test]
    fn block_on_waits_no_longer_when_it_is_time_to_stop() {
        assert_eq!(block_on(std::future::pending::<()>(), &AtomicBool::new(true)), None);
    }
}
