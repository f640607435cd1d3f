//! `[source.*]` and `[sink.*]`.

use toml::Spanned;

use super::gateway::{self, HttpSinkSpec, HttpSourceSpec, MilterSpec, SmppSinkSpec, SmppSourceSpec};
use super::mail::{self, SmtpSinkSpec, SmtpSourceSpec};
use crate::authored::{Reader, Table};

pub(in crate::config) enum SourceSpec {
    Kafka(KafkaSourceSpec),
    Stdin,
    Smtp(SmtpSourceSpec),
    Milter(MilterSpec),
    Http(HttpSourceSpec),
    Smpp(SmppSourceSpec),
}

impl SourceSpec {
    /// Whether notifications come from it, each of which is answered.
    pub(in crate::config) fn is_gateway(&self) -> bool {
        match self {
            SourceSpec::Kafka(_) | SourceSpec::Stdin => false,
            SourceSpec::Smtp(_) | SourceSpec::Milter(_) | SourceSpec::Http(_) | SourceSpec::Smpp(_) => true,
        }
    }

    /// Whether it answers by itself where there is no sink.
    fn may_lack_sink(&self) -> bool {
        matches!(self, SourceSpec::Milter(_) | SourceSpec::Http(_))
    }
}

pub(in crate::config) enum SinkSpec {
    Kafka(KafkaSinkSpec),
    Stdout,
    Smtp(SmtpSinkSpec),
    Http(HttpSinkSpec),
    Smpp(SmppSinkSpec),
}

/// A client property: name and value.
pub(in crate::config) type Property = (Spanned<String>, Spanned<String>);

/// `[source.kafka]`
pub(in crate::config) struct KafkaSourceSpec {
    pub(in crate::config) brokers: Option<Spanned<String>>,
    pub(in crate::config) topics: Vec<Spanned<String>>,
    pub(in crate::config) group: Option<Spanned<String>>,
    pub(in crate::config) properties: Vec<Property>,
}

/// `[sink.kafka]`
pub(in crate::config) struct KafkaSinkSpec {
    pub(in crate::config) topic: Option<Spanned<String>>,
    pub(in crate::config) create: bool,
    pub(in crate::config) brokers: Option<Spanned<String>>,
    pub(in crate::config) key_hmac: Option<Spanned<String>>,
    pub(in crate::config) properties: Vec<Property>,
}

/// The one source of the file.
pub(super) fn source(reader: &Reader, root: &Table<'_>, needed: bool) -> Option<Spanned<SourceSpec>> {
    let help = "name where records come from: [source.kafka], [source.stdin], [source.smtp], [source.milter], \
                [source.http] or [source.smpp]";
    let t = edge(root, "source", help, needed)?;
    let kafka = t.table("kafka").map(|k| Spanned::new(k.span(), SourceSpec::Kafka(kafka_source(&k))));
    let stdin = t.table("stdin").map(|s| {
        s.finish(&[]);
        Spanned::new(s.span(), SourceSpec::Stdin)
    });
    let smtp = t.table("smtp").map(|s| Spanned::new(s.span(), SourceSpec::Smtp(mail::source(&s))));
    let milter = t.table("milter").map(|s| Spanned::new(s.span(), SourceSpec::Milter(gateway::milter(&s))));
    let http =
        t.table("http").map(|s| Spanned::new(s.span(), SourceSpec::Http(gateway::http_source(reader, &s))));
    let smpp = t.table("smpp").map(|s| Spanned::new(s.span(), SourceSpec::Smpp(gateway::smpp_source(&s))));
    t.finish(&[]);
    one(&t, [kafka, stdin, smtp, milter, http, smpp], "one source")
}

/// The one sink of the file; some sources need none.
pub(super) fn sink(root: &Table<'_>, source: Option<&SourceSpec>, needed: bool) -> Option<Spanned<SinkSpec>> {
    let help = "name where records go: [sink.kafka], [sink.stdout], [sink.smtp], [sink.http] or [sink.smpp]";
    let needed = needed && !source.is_some_and(SourceSpec::may_lack_sink);
    let t = edge(root, "sink", help, needed)?;
    let kafka = t.table("kafka").map(|k| Spanned::new(k.span(), SinkSpec::Kafka(kafka_sink(&k))));
    let stdout = t.table("stdout").map(|s| {
        s.finish(&[]);
        Spanned::new(s.span(), SinkSpec::Stdout)
    });
    let smtp = t.table("smtp").map(|s| Spanned::new(s.span(), SinkSpec::Smtp(mail::sink(&s))));
    let http = t.table("http").map(|s| Spanned::new(s.span(), SinkSpec::Http(gateway::http_sink(&s))));
    let smpp = t.table("smpp").map(|s| Spanned::new(s.span(), SinkSpec::Smpp(gateway::smpp_sink(&s))));
    t.finish(&[]);
    one(&t, [kafka, stdout, smtp, http, smpp], "one sink")
}

fn edge<'r>(root: &Table<'r>, key: &'static str, help: &str, needed: bool) -> Option<Table<'r>> {
    let table = root.table(key);
    match &table {
        None if needed && !root.has(key) => root.missing(key, help),
        Some(t) if t.keys().next().is_none() => {
            root.wrong(key, t.span(), "a table with one table in it", "empty", Some(help.to_owned()))
        }
        _ => {}
    }
    table
}

fn one<T, const N: usize>(t: &Table<'_>, edges: [Option<Spanned<T>>; N], what: &str) -> Option<Spanned<T>> {
    let mut given: Vec<Spanned<T>> = edges.into_iter().flatten().collect();
    given.sort_by_key(|edge| edge.span().start);
    if let [_, later, ..] = &given[..] {
        let help =
            "a pipeline is one line: put the other one into a file of its own; `scrubjay run` takes several";
        t.only_one(later.span(), what, help);
        return None;
    }
    given.pop()
}

fn kafka_source(t: &Table<'_>) -> KafkaSourceSpec {
    let _ = t.one_of("delivery", &[("at-least-once", ())], &["exactly-once"]);
    if !t.has("topics") {
        t.missing(
            "topics",
            "name topics, or patterns that begin with ^: topics = [\"app.logs\", \"^notify\\\\..*\"]",
        );
    }
    let topics = t.strings("topics");
    if topics.as_ref().is_some_and(Vec::is_empty) {
        t.wrong("topics", t.value_span("topics"), "a list with at least one topic", "it is empty here", None);
    }
    let spec = KafkaSourceSpec {
        brokers: t.required_string("brokers", "name at least one: brokers = \"127.0.0.1:9092\""),
        topics: topics.unwrap_or_default(),
        group: t.string("group"),
        properties: t.properties("properties"),
    };
    t.finish(&[]);
    spec
}

fn kafka_sink(t: &Table<'_>) -> KafkaSinkSpec {
    let spec = KafkaSinkSpec {
        topic: t.required_string("topic", "name it, {topic} being the source's: topic = \"clean.{topic}\""),
        create: t.boolean("create").unwrap_or(false),
        brokers: t.string("brokers"),
        key_hmac: t.table("key_action").and_then(|k| {
            let hmac = k.required_string("hmac", "write key_action = { hmac = \"file:keys.hmac\" }");
            k.finish(&[]);
            hmac
        }),
        properties: t.properties("properties"),
    };
    t.finish(&[]);
    spec
}
