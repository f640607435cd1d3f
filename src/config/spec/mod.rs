//! What a pipeline file says, value by value, each with its place. Nothing is interpreted here that needs more
//! than the value itself: see [`super::resolved`].

mod edges;
mod gateway;
mod keys;
mod mail;
mod notification;
mod policy;
mod provider;
mod vault;

use std::ops::Range;

use toml::Spanned;

pub(super) use edges::{KafkaSinkSpec, KafkaSourceSpec, Property, SinkSpec, SourceSpec};
pub use gateway::Alphabet;
pub(super) use gateway::{HttpSinkSpec, HttpSourceSpec, MilterSpec, SmppSinkSpec, SmppSourceSpec, TlsSpec};
pub(super) use keys::KeysSpec;
pub use mail::RelayTlsWord as RelayTls;
pub(super) use mail::{MailSpec, SmtpSinkSpec, SmtpSourceSpec};
pub(super) use notification::{NotificationSpec, SmsSpec};
pub(super) use policy::PolicySpec;
pub(super) use provider::provider;
pub(super) use vault::{AuditSpec, VaultSpec};

use crate::authored::{Reader, Table};
use crate::codec::{Format, NumberStyle};

/// A pipeline file.
pub(super) struct Spec {
    pub(super) source: Option<Spanned<SourceSpec>>,
    pub(super) sink: Option<Spanned<SinkSpec>>,
    pub(super) format: Option<Spanned<Format>>,
    pub(super) number: Option<NumberStyle>,
    pub(super) policy: PolicySpec,
    pub(super) mail: Option<MailSpec>,
    pub(super) sms: Option<SmsSpec>,
    pub(super) notification: Option<NotificationSpec>,
    pub(super) on_error: OnErrorSpec,
    pub(super) keys: KeysSpec,
    pub(super) vault: Option<VaultSpec>,
    pub(super) audit: Option<AuditSpec>,
    pub(super) packs: Vec<Spanned<String>>,
    pub(super) roster: Option<Spanned<String>>,
    pub(super) roster_key: Option<Spanned<String>>,
    pub(super) max_record_bytes: Option<u64>,
    pub(super) metrics_listen: Option<Spanned<String>>,
    pub(super) tests: Vec<TestSpec>,
}

/// `[on_error]`
#[derive(Default)]
pub(super) struct OnErrorSpec {
    pub(super) span: Range<usize>,
    pub(super) action: Option<Spanned<OnErrorWord>>,
    /// `to` is there, be it wrong.
    pub(super) has_to: bool,
    pub(super) to: Option<Spanned<QuarantineToSpec>>,
    pub(super) key: Option<Spanned<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OnErrorWord {
    Redact,
    Quarantine,
    Halt,
}

/// `to = { topic = ".." }` or `{ dir = ".." }`
pub(super) enum QuarantineToSpec {
    Topic(Spanned<String>),
    Dir(String),
}

#[cfg(feature = "kafka")]
impl QuarantineToSpec {
    /// The topic, if it is one.
    pub(super) fn topic(&self) -> Option<&Spanned<String>> {
        match self {
            QuarantineToSpec::Topic(topic) => Some(topic),
            QuarantineToSpec::Dir(_) => None,
        }
    }
}

/// `[[test]]`
pub(super) struct TestSpec {
    pub(super) span: Range<usize>,
    pub(super) name: Option<String>,
    pub(super) input: String,
    pub(super) output: String,
}

const FORMATS_LATER: &[&str] = &["logfmt", "syslog", "csv", "hl7v2", "x12", "avro", "protobuf", "mime"];
const NUMBER_STYLES: &[(&str, NumberStyle)] =
    &[("string", NumberStyle::String), ("null", NumberStyle::Null), ("zero", NumberStyle::Zero)];

impl Spec {
    /// Reads the root table. What is wrong stays with the reader; so does a missing source or sink if they are
    /// `needed`.
    pub(super) fn read(reader: &Reader, root: &Table<'_>, needed: bool) -> Spec {
        // In this order the tables are listed where one is not known.
        let source = edges::source(reader, root, needed);
        let (codec, json, policy) = (root.table("codec"), root.table("json"), root.table("policy"));
        let sink = edges::sink(root, source.as_ref().map(Spanned::get_ref), needed);
        let (mail, sms, notification) = (root.table("mail"), root.table("sms"), root.table("notification"));
        let errors = root.table("on_error");
        let (keys, vault, audit) = (root.table("keys"), root.table("vault"), root.table("audit"));
        let (detect, limits, metrics) = (root.table("detect"), root.table("limits"), root.table("metrics"));
        let spec = Spec {
            source,
            sink,
            format: codec.as_ref().and_then(|t| t.one_of("format", Format::NAMES, FORMATS_LATER)),
            number: json
                .as_ref()
                .and_then(|t| t.one_of("number", NUMBER_STYLES, &[]))
                .map(Spanned::into_inner),
            policy: policy.map(|t| PolicySpec::read(reader, &t)).unwrap_or_default(),
            mail: mail.map(|t| mail::mail(&t)),
            sms: sms.map(|t| notification::sms(&t)),
            notification: notification.map(|t| notification::notification(&t)),
            on_error: errors.map(|t| on_error(&t)).unwrap_or_default(),
            keys: keys.map(|t| KeysSpec::read(reader, &t)).unwrap_or_default(),
            vault: vault.map(|t| VaultSpec::read(&t)),
            audit: audit.map(|t| AuditSpec::read(&t)),
            packs: detect.as_ref().and_then(|t| t.strings("packs")).unwrap_or_default(),
            roster: detect.as_ref().and_then(|t| t.string("roster")),
            roster_key: detect.as_ref().and_then(|t| t.string("roster_key")),
            // Windows of long lines need room for their overlap; offsets in a batch have 32 bits.
            max_record_bytes: limits.as_ref().and_then(|t| t.size("max_record_bytes", 64 << 10..=1 << 30)),
            metrics_listen: metrics
                .as_ref()
                .and_then(|t| t.required_string("listen", "write an address: listen = \"127.0.0.1:9464\"")),
            tests: root.tables("test").iter().filter_map(test).collect(),
        };
        for table in [codec, json, detect, limits, metrics].iter().flatten() {
            table.finish(&[]);
        }
        root.finish(&[]);
        spec
    }
}

fn on_error(t: &Table<'_>) -> OnErrorSpec {
    let words = [
        ("redact", OnErrorWord::Redact),
        ("quarantine", OnErrorWord::Quarantine),
        ("halt", OnErrorWord::Halt),
    ];
    let spec = OnErrorSpec {
        span: t.span(),
        action: t.one_of("action", &words, &["refuse"]),
        has_to: t.has("to"),
        to: t.table("to").and_then(|to| {
            let (topic, dir) = (to.string("topic"), to.string("dir"));
            to.finish(&[]);
            let place = match (topic, dir) {
                (Some(topic), None) => QuarantineToSpec::Topic(topic),
                (None, Some(dir)) => QuarantineToSpec::Dir(dir.into_inner()),
                _ => {
                    t.wrong("to", to.span(), "one place", "here", Some(TO_HELP.to_owned()));
                    return None;
                }
            };
            Some(Spanned::new(to.span(), place))
        }),
        key: t.string("key"),
    };
    t.finish(&[]);
    spec
}

/// How a place for sealed records is written.
pub(super) const TO_HELP: &str =
    "write to = { topic = \"scrubjay.quarantine\" } or to = { dir = \"quarantine\" }";

fn test(t: &Table<'_>) -> Option<TestSpec> {
    let name = t.string("name").map(Spanned::into_inner);
    let input = t.required_string("input", "write the record as it comes: input = '''...'''");
    let output = t.required_string("output", "write the record as it should go out: output = '''...'''");
    t.finish(&[]);
    let (input, output) = (input?.into_inner(), output?.into_inner());
    Some(TestSpec { span: t.span(), name, input, output })
}
