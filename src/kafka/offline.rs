//! What can be seen to be wrong without asking a broker.

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::{Route, TopicPatterns};

/// What librdkafka has against a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PropertyFault {
    /// There is none of this name.
    Unknown,
    /// There is, but this build lacks what it is for.
    NotBuiltIn,
    /// It does not take this value; what it takes, where librdkafka says so.
    Value(Option<String>),
}

/// Asks librdkafka about a property, without making a client. Without a value (it is a secret, and not here) only the
/// name is asked about. The answer holds nothing of the value.
pub(crate) fn property_fault(name: &str, value: Option<&str>) -> Option<PropertyFault> {
    // Setting this one loads code: not before it is wanted.
    if name == "plugin.library.paths" {
        return None;
    }
    let mut config = ClientConfig::new();
    config.set(name, value.unwrap_or("x"));
    match config.create_native_config().err()? {
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..) => Some(PropertyFault::Unknown),
        KafkaError::ClientConfig(_, why, ..) if why.contains("not supported in this build") => {
            Some(PropertyFault::NotBuiltIn)
        }
        KafkaError::ClientConfig(_, why, ..) if value.is_some() => {
            let range =
                why.split_once("allowed range ").map(|(_, range)| format!("it takes {}", range.trim_end()));
            Some(PropertyFault::Value(range))
        }
        _ => None,
    }
}

/// Names of properties that people set, to find the one that was meant.
pub(crate) const USUAL_PROPERTIES: &[&str] = &[
    "allow.auto.create.topics",
    "api.version.request",
    "auto.offset.reset",
    "batch.num.messages",
    "batch.size",
    "broker.address.family",
    "broker.address.ttl",
    "check.crcs",
    "client.dns.lookup",
    "client.id",
    "client.rack",
    "compression.codec",
    "compression.level",
    "compression.type",
    "connections.max.idle.ms",
    "debug",
    "delivery.timeout.ms",
    "enable.metrics.push",
    "enable.partition.eof",
    "enable.sasl.oauthbearer.unsecure.jwt",
    "enable.ssl.certificate.verification",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.queue.backoff.ms",
    "fetch.wait.max.ms",
    "group.instance.id",
    "group.protocol",
    "heartbeat.interval.ms",
    "isolation.level",
    "linger.ms",
    "log.connection.close",
    "max.in.flight.requests.per.connection",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "message.max.bytes",
    "message.send.max.retries",
    "message.timeout.ms",
    "metadata.max.age.ms",
    "partition.assignment.strategy",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queue.buffering.max.ms",
    "queued.max.messages.kbytes",
    "queued.min.messages",
    "receive.message.max.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "retries",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.method",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.token.endpoint.url",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "session.timeout.ms",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "socket.nagle.disable",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "socket.timeout.ms",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.cipher.suites",
    "ssl.crl.location",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "statistics.interval.ms",
    "topic.metadata.refresh.interval.ms",
];

/// A topic that would be written and read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loop {
    /// A topic that is read, or would be if it were there.
    pub(crate) from: String,
    /// Where its records go.
    pub(crate) to: String,
    /// The entry of the source's topics that reads them again.
    pub(crate) entry: String,
}

/// The first of the source's `topics` whose records would come back: each name, and for each pattern some of the
/// names it stands for.
pub(crate) fn find_loop(topics: &[String], patterns: &TopicPatterns, route: &Route) -> Option<Loop> {
    let read = topics.iter().flat_map(|topic| match topic.starts_with('^') {
        true => samples(topic).into_iter().filter(|s| patterns.matching(s).is_some()).collect(),
        false => vec![topic.clone()],
    });
    read.map(|from| (route.output(&from), from)).find_map(|(to, from)| {
        let entry = patterns.matching(&to)?.to_owned();
        Some(Loop { from, to, entry })
    })
}

/// Names of topics that a pattern stands for.
fn samples(pattern: &str) -> Vec<String> {
    let Ok(hir) = regex_syntax::parse(pattern) else { return Vec::new() };
    let found = texts(&hir).into_iter().flat_map(|text| [format!("{text}t"), text]);
    found.filter(|name| super::topics::check_name(name).is_ok()).collect()
}

/// Some short texts an expression matches: an arm of each alternation, the least of each repetition.
fn texts(hir: &Hir) -> Vec<String> {
    const MOST: usize = 64;
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![String::new()],
        HirKind::Literal(literal) => vec![String::from_utf8_lossy(&literal.0).into_owned()],
        HirKind::Class(class) => member(class).map(String::from).into_iter().collect(),
        HirKind::Capture(capture) => texts(&capture.sub),
        HirKind::Repetition(r) => {
            // Longer than a topic's name can be is as good as none.
            let times = r.min.min(250) as usize;
            texts(&r.sub).into_iter().map(|t| t.repeat(times)).collect()
        }
        HirKind::Alternation(arms) => arms.iter().flat_map(texts).take(MOST).collect(),
        HirKind::Concat(parts) => parts.iter().fold(vec![String::new()], |heads, part| {
            let tails = texts(part);
            let joined = heads.iter().flat_map(|head| tails.iter().map(move |tail| format!("{head}{tail}")));
            joined.filter(|t| t.len() < 1000).take(MOST).collect()
        }),
    }
}

/// A character of a class that a topic's name may have.
fn member(class: &Class) -> Option<char> {
    let legal = ('a'..='z').chain('A'..='Z').chain('0'..='9').chain(['-', '_', '.']);
    legal.into_iter().find(|c| match class {
        Class::Unicode(class) => class.ranges().iter().any(|r| (r.start()..=r.end()).contains(c)),
        Class::Bytes(class) => {
            class.ranges().iter().any(|r| u8::try_from(*c).is_ok_and(|b| (r.start()..=r.end()).contains(&b)))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn librdkafka_knows_its_properties() {
        for (name, value, want) in [
            ("fetch.wait.max.ms", Some("50"), None),
            ("acks", Some("all"), None),
            ("fetch.wait.ms", Some("50"), Some(PropertyFault::Unknown)),
            ("sasl.pasword", None, Some(PropertyFault::Unknown)),
            ("sasl.password", None, None),
            ("security.protocol", Some("hunter2"), Some(PropertyFault::Value(None))),
            (
                "session.timeout.ms",
                Some("0"),
                Some(PropertyFault::Value(Some("it takes 1..3600000".to_owned()))),
            ),
            ("plugin.library.paths", Some("/nowhere"), None),
        ] {
            assert_eq!(property_fault(name, value), want, "{name}");
        }
        for name in USUAL_PROPERTIES {
            assert_ne!(property_fault(name, None), Some(PropertyFault::Unknown), "{name}");
        }
    }

    #[test]
    fn loops_are_seen_by_name_and_by_example() {
        for (topics, template, want) in [
            (&["app"][..], "clean.{topic}", None),
            (&["app"], "{topic}", Some(("app", "app", "app"))),
            (&["a", "b"], "b", Some(("a", "b", "b"))),
            (&["app", "clean.app"], "clean.{topic}", Some(("app", "clean.app", "clean.app"))),
            (&["^app\\..*"], "clean.{topic}", None),
            (&["^app\\..*"], "{topic}.clean", Some(("app.t", "app.t.clean", "^app\\..*"))),
            (&["^.*"], "clean.{topic}", Some(("t", "clean.t", "^.*"))),
            (&["^[a-z]+$"], "clean.{topic}", None),
            (&["^[a-z.]+$"], "clean.{topic}", Some(("at", "clean.at", "^[a-z.]+$"))),
            (
                &["^(?:app|audit)-x$", "clean.audit-x"],
                "clean.{topic}",
                Some(("audit-x", "clean.audit-x", "clean.audit-x")),
            ),
            (&["^x{3}\\d"], "xxx1", Some(("xxx0t", "xxx1", "^x{3}\\d"))),
            (&["^\\p{Greek}"], "clean", None),
        ] {
            let topics: Vec<String> = topics.iter().map(|t| (*t).to_owned()).collect();
            let (patterns, route) = (TopicPatterns::new(&topics).unwrap(), Route::new(template).unwrap());
            let got = find_loop(&topics, &patterns, &route);
            let got = got.as_ref().map(|l| (&*l.from, &*l.to, &*l.entry));
            assert_eq!(got, want, "{topics:?} -> {template}");
        }
    }
}
