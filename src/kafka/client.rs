//! What all clients do alike: say what went wrong, and say it not too often.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// A condition that lasts is reported this often.
const REPEAT: Duration = Duration::from_secs(5);

/// Reports that brokers cannot be reached: at once, then every few seconds.
pub(crate) struct Reach {
    brokers: String,
    said: Mutex<Option<Instant>>,
}

impl Reach {
    pub(crate) fn new(brokers: &str) -> Reach {
        Reach { brokers: brokers.to_string(), said: Mutex::new(None) }
    }

    /// Whether it is time to speak.
    fn due(&self) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let due = said.is_none_or(|at| at.elapsed() >= REPEAT);
        if due {
            *said = Some(Instant::now());
        }
        due
    }

    pub(crate) fn unreachable(&self, reason: &str) {
        if self.due() {
            tracing::warn!("cannot reach {}, trying again ({reason})", self.brokers);
        }
    }

    /// Any other condition that mends itself.
    pub(crate) fn waiting(&self, what: &str) {
        if self.due() {
            tracing::warn!("{}: {what}", self.brokers);
        }
    }
}

/// librdkafka's own log lines. Lost connections are reported by [`Reach`], so they stand at debug level here. The
/// lines name brokers, topics and offsets, never what a record holds.
pub(crate) fn forward_log(level: RDKafkaLogLevel, facility: &str, line: &str) {
    use RDKafkaLogLevel::{Alert, Critical, Emerg, Error, Warning};
    match level {
        Emerg | Alert | Critical => tracing::error!(target: "librdkafka", "{facility}: {line}"),
        Error | Warning if !matches!(facility, "FAIL" | "ERROR") => {
            tracing::warn!(target: "librdkafka", "{facility}: {line}");
        }
        _ => tracing::debug!(target: "librdkafka", "{facility}: {line}"),
    }
}

/// Whether the error means that brokers are away for now.
pub(crate) fn is_unreachable(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::TimedOutQueue
            | Code::WaitingForCoordinator
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::BrokerNotAvailable
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::ReplicaNotAvailable
            | Code::NetworkException
            | Code::NodeUpdate
    )
}

/// Whether the error means that these credentials do not suffice.
pub(crate) fn is_denied(code: Code) -> bool {
    matches!(
        code,
        Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState
            | Code::SSL
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::SecurityDisabled
    )
}

/// What an error means and what to do about it, as the second half of a sentence.
pub(crate) fn describe(code: Code) -> String {
    let text = match code {
        Code::Authentication | Code::SaslAuthenticationFailed => {
            "the broker refused the credentials: check `sasl.username`, `sasl.password` and `sasl.mechanism`"
        }
        Code::UnsupportedSASLMechanism | Code::IllegalSASLState => {
            "the broker does not take this way of logging in: check `sasl.mechanism` and `security.protocol`"
        }
        Code::SSL => {
            "the TLS handshake failed: check `ssl.ca.location`, the client's certificate and `security.protocol`"
        }
        Code::TopicAuthorizationFailed => {
            "this user has no permission for the topic: it needs Read and Describe on what is read, Write and \
             Describe on what is written"
        }
        Code::GroupAuthorizationFailed => {
            "this user has no permission for the consumer group: it needs Read on the group"
        }
        Code::ClusterAuthorizationFailed => {
            "this user has no permission on the cluster: idempotent writing needs IdempotentWrite before Kafka 2.8"
        }
        Code::UnknownTopicOrPartition | Code::UnknownTopic => {
            "the topic does not exist, or this user may not see it: create it, correct `topics`, or grant Describe"
        }
        Code::MessageSizeTooLarge | Code::InvalidMessageSize => {
            "the record is larger than the topic takes: raise `max.message.bytes` of the topic"
        }
        Code::InvalidRecord => {
            "the broker does not accept the record: a compacted topic takes none without a key. Write to a topic that is \
             not compacted, or move the group's offset past the record"
        }
        Code::UnknownPartition => {
            "the topic has no such partition: add partitions to it, or set `create = true`"
        }
        Code::FencedInstanceId => {
            "another member has joined with the same `group.instance.id`: give each its own"
        }
        Code::AutoOffsetReset | Code::OffsetOutOfRange => {
            "the committed offset is no longer in the topic, and `auto.offset.reset` forbids to start elsewhere: reset \
             the group's offsets"
        }
        Code::BadMessage | Code::InvalidMessage | Code::BadCompression => {
            "a batch of the topic is damaged and cannot be read: move the group's offset past it"
        }
        Code::NotImplemented | Code::UnsupportedCompressionType => {
            "a batch is compressed in a way this program cannot read"
        }
        other => return other.to_string(),
    };
    text.to_string()
}

/// The sentence for a client that could not be made. Values are left out: they may be passwords.
pub(crate) fn config_error(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, _, name, _) => {
            format!("property `{name}` is not known to librdkafka, or its value is not allowed")
        }
        KafkaError::ClientCreation(why) => format!("the Kafka client cannot be made: {why}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_condition_is_not_repeated_at_once() {
        let reach = Reach::new("b:1");
        assert!(reach.due());
        assert!(!reach.due());
    }

    #[test]
    fn errors_say_what_to_do() {
        for (code, says) in [
            (Code::TopicAuthorizationFailed, "Describe"),
            (Code::UnknownTopicOrPartition, "create it"),
            (Code::MessageSizeTooLarge, "max.message.bytes"),
            (Code::InvalidRecord, "without a key"),
        ] {
            assert!(describe(code).contains(says));
        }
    }

    #[test]
    fn a_bad_value_is_not_shown() {
        let error = rdkafka::ClientConfig::new()
            .set("bootstrap.servers", "127.0.0.1:1")
            .set("security.protocol", "hunter2")
            .create::<rdkafka::consumer::BaseConsumer>()
            .err()
            .unwrap();
        let said = config_error(&error);
        assert!(said.contains("security.protocol") && !said.contains("hunter2"), "{said}");
    }
}
