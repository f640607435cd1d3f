//! From what a pipeline file says ([`super::spec`]) to what it means ([`super::resolved`]).

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;

use super::resolved::{
    ClientProperty, KafkaSink, KafkaSource, KeysConfig, MAX_RECORD_BYTES, OnErrorConfig, Pipeline,
    PropertyValue, QuarantineTo, RosterConfig, SinkConfig, SourceConfig, TestCase, Treatment, VaultConfig,
    VaultPlace,
};
use super::spec::{
    HttpSinkSpec, KafkaSinkSpec, KafkaSourceSpec, OnErrorWord, Property, QuarantineToSpec, SinkSpec,
    SourceSpec, Spec, TO_HELP,
};
use crate::audit::AuditSettings;
use crate::authored::Reader;
use crate::authored::is_secret_name;
use crate::codec::{Codec, Format};
use crate::keys::SecretRef;
use crate::kind::KindSet;
use crate::policy::{Action, Policy, Profile, Rule};
use crate::scrubber::StampPlace;

/// A client property that is not the user's to set: its name, the values that do no harm, what to do instead.
type Owned = (&'static str, &'static [&'static str], &'static str);

const SOURCE_OWNED: &[Owned] = &[
    ("bootstrap.servers", &[], "use brokers = \"..\""),
    ("metadata.broker.list", &[], "use brokers = \"..\""),
    ("group.id", &[], "use group = \"..\""),
    ("enable.auto.commit", &["false"], "take it out: offsets are committed once the sink has the records"),
    (
        "enable.auto.offset.store",
        &["false"],
        "take it out: offsets are committed once the sink has the records",
    ),
];

const SINK_OWNED: &[Owned] = &[
    ("bootstrap.servers", &[], "use brokers = \"..\""),
    ("metadata.broker.list", &[], "use brokers = \"..\""),
    ("transactional.id", &[], "take it out: exactly-once delivery is not in this version"),
    ("enable.idempotence", &["true"], "take it out: without it a retry could change the order"),
    ("acks", &["all", "-1"], "take it out: a record is delivered when all in-sync replicas have it"),
    (
        "request.required.acks",
        &["all", "-1"],
        "take it out: a record is delivered when all in-sync replicas have it",
    ),
];

/// Resolves the values of one file.
pub(super) struct Resolver<'r> {
    /// Takes the errors.
    pub(super) reader: &'r Reader,
    /// What relative paths are relative to.
    pub(super) base: &'r Path,
}

impl Resolver<'_> {
    /// The whole pipeline; `None` after an error.
    pub(super) fn pipeline(&self, file: &Path, text: &str, spec: Spec) -> Option<Pipeline> {
        let treatment = self.treatment(&spec);
        self.stamp_fits(&spec);
        let gateway = self.gateway(&spec);
        self.keys_needed(&spec, &treatment.policy);
        let metrics_listen = spec.metrics_listen.as_ref().and_then(|l| self.address(l));
        let on_error = self.on_error(&spec);
        let tests = spec.tests.into_iter().map(|t| TestCase {
            name: t.name,
            line: text.get(..t.span.start).unwrap_or_default().matches('\n').count() + 1,
            input: t.input,
            output: t.output,
        });
        let tests = tests.collect();
        let source = spec.source?;
        let (source, sink) = match (source.get_ref(), spec.sink.as_ref().map(Spanned::get_ref)) {
            (SourceSpec::Kafka(from), Some(SinkSpec::Kafka(to))) => {
                #[cfg(feature = "kafka")]
                self.no_loop(from, to, spec.on_error.to.as_ref().and_then(|to| to.get_ref().topic()));
                let (from, to) = (self.kafka_source(from), self.kafka_sink(to, from));
                (SourceConfig::Kafka(from?), SinkConfig::Kafka(to?))
            }
            (SourceSpec::Stdin, Some(SinkSpec::Stdout)) => (SourceConfig::Stdin, SinkConfig::Stdout),
            (SourceSpec::Smtp(from), Some(SinkSpec::Smtp(to))) => {
                let (source, sink) = (self.smtp_source(from)?, self.smtp_sink(to)?);
                self.smtp_open(from, &source, &sink);
                (SourceConfig::Smtp(source), SinkConfig::Smtp(sink))
            }
            (SourceSpec::Milter(from), None) => (SourceConfig::Milter(self.milter(from)?), SinkConfig::Asker),
            (SourceSpec::Http(from), to @ (None | Some(SinkSpec::Http(_)))) => {
                let from = self.http_source(from)?;
                // One that only answers what it is asked sends nothing on.
                let to = match to {
                    None if from.provider.requests.is_empty() => SinkConfig::Asker,
                    Some(SinkSpec::Http(to)) => SinkConfig::Http(self.http_sink(to, &from)?),
                    _ => SinkConfig::Http(self.http_sink(&HttpSinkSpec::default(), &from)?),
                };
                (SourceConfig::Http(from), to)
            }
            (SourceSpec::Smpp(from), Some(SinkSpec::Smpp(to))) => {
                let (from, to) = (self.smpp_source(from), self.smpp_sink(to));
                (SourceConfig::Smpp(from?), SinkConfig::Smpp(to?))
            }
            (from, _) => {
                let (from, to) = match from {
                    SourceSpec::Kafka(_) => ("kafka", "[sink.kafka]"),
                    SourceSpec::Stdin => ("stdin", "[sink.stdout]"),
                    SourceSpec::Smtp(_) => ("smtp", "[sink.smtp]"),
                    SourceSpec::Milter(_) => ("milter", "no sink: the mail server gets its mail back"),
                    SourceSpec::Http(_) => ("http", "[sink.http]"),
                    SourceSpec::Smpp(_) => ("smpp", "[sink.smpp]"),
                };
                let title = format!("[source.{from}] goes with {to}");
                let help = match from {
                    "milter" => "take the sink out".to_owned(),
                    _ => format!("write {to}"),
                };
                // Without a sink the error is there already.
                let span = spec.sink.as_ref()?.span();
                self.reader.error(span, title, "does not fit the source", Some(help));
                return None;
            }
        };
        let file = file.to_owned();
        let on_error = on_error?;
        Some(Pipeline {
            file,
            source,
            sink,
            treatment,
            gateway,
            on_error,
            metrics_listen,
            tests,
            warnings: Vec::new(),
        })
    }

    /// What is done to records.
    pub(super) fn treatment(&self, spec: &Spec) -> Treatment {
        Treatment {
            policy: self.policy(spec),
            codec: Codec {
                format: spec.format.as_ref().map_or(Format::Auto, |f| *f.get_ref()),
                number: spec.number.unwrap_or_default(),
            },
            packs: spec.packs.iter().map(|p| self.base.join(p.get_ref())).collect(),
            roster: self.roster(spec),
            keys: KeysConfig {
                ring: spec.keys.ring.as_ref().map(|ring| self.base.join(ring.get_ref())),
                tenant: spec.keys.tenant.clone().unwrap_or_default(),
                subject: spec.keys.subject.clone(),
                form: spec.keys.form,
            },
            vault: self.vault(spec),
            stamp: spec.policy.stamp.clone(),
            audit: self.audit(spec),
            digest: None,
            max_record_bytes: spec.max_record_bytes.map_or(MAX_RECORD_BYTES, |n| n as usize),
        }
    }

    fn vault(&self, spec: &Spec) -> Option<VaultConfig> {
        let given = spec.vault.as_ref()?;
        let place = match (&given.path, &given.postgres) {
            (Some(path), None) => VaultPlace::File(self.base.join(path.get_ref())),
            (None, Some(connection)) => VaultPlace::Postgres {
                connection: self.secret(connection)?,
                ca_file: given.ca_file.as_ref().map(|ca| self.base.join(ca.get_ref())),
            },
            _ => {
                let help = "write path = \"vault.redb\", or postgres = \"env:NAME\" for a connection string"
                    .to_owned();
                let title = "[vault] must name one place".to_owned();
                self.reader.error(given.span.clone(), title, "here", Some(help));
                return None;
            }
        };
        let cache_bytes = given.cache_bytes.map(|n| n as usize);
        Some(VaultConfig { place, retention_days: given.retention_days, cache_bytes })
    }

    fn audit(&self, spec: &Spec) -> Option<AuditSettings> {
        let given = spec.audit.as_ref()?;
        let usual = AuditSettings::default();
        Some(AuditSettings {
            dir: self.base.join(given.dir.as_ref()?.get_ref()),
            key: match &given.key {
                Some(key) => Some(self.secret(key)?),
                None => None,
            },
            copy_to: given.copy_to.as_ref().map(|dir| self.base.join(dir.get_ref())),
            checkpoint_entries: given.checkpoint_entries.unwrap_or(usual.checkpoint_entries),
            checkpoint_seconds: given.checkpoint_seconds.unwrap_or(usual.checkpoint_seconds),
            rotate_bytes: given.rotate_bytes.unwrap_or(usual.rotate_bytes),
            rotate_days: given.rotate_days.unwrap_or(usual.rotate_days),
            retention_days: given.retention_days.unwrap_or(usual.retention_days),
        })
    }

    /// Lines have no headers.
    fn stamp_fits(&self, spec: &Spec) {
        let stream = spec.sink.as_ref().is_some_and(|sink| matches!(sink.get_ref(), SinkSpec::Stdout));
        if let (Some(StampPlace::Header(_)), true, Some(sink)) = (&spec.policy.stamp, stream, &spec.sink) {
            let title = "`policy.stamp` cannot be a header here".to_owned();
            let help = Some("write stamp = { field = \"_scrubjay\" }".to_owned());
            self.reader.error(sink.span(), title, "lines have no headers", help);
        }
    }

    /// What takes a key needs a ring; what goes to the vault a vault.
    fn keys_needed(&self, spec: &Spec, policy: &Policy) {
        let rule = spec.policy.rules.iter().find(|rule| rule.action == Action::Token);
        if let (Some(rule), None) = (rule, &spec.vault) {
            let help = "write [vault] path = \"vault.redb\"; `scrubjay vault init` makes one".to_owned();
            let title = "action `token` needs a vault".to_owned();
            self.reader.error(rule.span.clone(), title, "kept in a vault", Some(help));
        }
        if spec.keys.ring.is_some() || !policy.needs_keys() {
            return;
        }
        let rule = spec.policy.rules.iter().find(|rule| rule.action.is_keyed());
        let (span, what) = match (rule, &spec.policy.profile) {
            (Some(rule), _) => (rule.span.clone(), format!("action `{}`", rule.action.name())),
            (None, Some(profile)) => (profile.span(), format!("profile {}", profile.get_ref().name())),
            (None, None) => return,
        };
        let help = "write [keys] ring = \"ring\"; `scrubjay keys init` makes one".to_owned();
        self.reader.error(span, format!("{what} needs a key ring"), "takes a key", Some(help));
    }

    /// A roster and its key; one goes with the other.
    fn roster(&self, spec: &Spec) -> Option<RosterConfig> {
        match (&spec.roster, &spec.roster_key) {
            (Some(path), Some(key)) => {
                Some(RosterConfig { path: self.base.join(path.get_ref()), key: self.secret(key)? })
            }
            (Some(one), None) => {
                let title = "`detect.roster` needs the key it was built with".to_owned();
                let help = "write roster_key = \"env:NAME\" or \"file:PATH\"".to_owned();
                self.reader.error(one.span(), title, "no `roster_key`", Some(help));
                None
            }
            (None, Some(one)) => {
                let title = "`detect.roster_key` goes with `detect.roster`".to_owned();
                let help = "write roster = \"roster.bin\", or take this out".to_owned();
                self.reader.error(one.span(), title, "would not be used", Some(help));
                None
            }
            (None, None) => None,
        }
    }

    fn on_error(&self, spec: &Spec) -> Option<OnErrorConfig> {
        let given = &spec.on_error;
        let key = match &given.key {
            Some(key) => Some(self.secret(key)?),
            None => None,
        };
        let word = match &given.action {
            Some(word) => *word.get_ref(),
            None if key.is_some() => OnErrorWord::Quarantine,
            None => OnErrorWord::Redact,
        };
        if word != OnErrorWord::Quarantine {
            for (name, span) in
                [("key", given.key.as_ref().map(Spanned::span)), ("to", given.to.as_ref().map(Spanned::span))]
            {
                if let Some(span) = span {
                    let title = format!("`on_error.{name}` is for action = \"quarantine\" only");
                    let help = Some("set action = \"quarantine\", or take this out".to_owned());
                    self.reader.error(span, title, "would not be used", help);
                }
            }
            return Some(if word == OnErrorWord::Halt { OnErrorConfig::Halt } else { OnErrorConfig::Redact });
        }
        let missing = |name: &str, help: &str| {
            let span = given.action.as_ref().map_or(given.span.clone(), Spanned::span);
            self.reader.error(
                span,
                format!("`on_error.{name}` is missing"),
                "quarantine needs it",
                Some(help.to_owned()),
            );
        };
        if key.is_none() {
            missing(
                "key",
                "name a key of 32 bytes: key = \"file:quarantine.key\" or key = \"env:QUARANTINE_KEY\"",
            );
        }
        let to = match given.to.as_ref().map(|to| (to.span(), to.get_ref())) {
            Some((_, QuarantineToSpec::Dir(dir))) => Some(QuarantineTo::Dir(self.base.join(dir))),
            Some((span, QuarantineToSpec::Topic(topic))) => {
                if spec.sink.as_ref().is_some_and(|s| !matches!(s.get_ref(), SinkSpec::Kafka(_))) {
                    let title = "`on_error.to` must be a directory here".to_owned();
                    let help = Some("write to = { dir = \"quarantine\" }".to_owned());
                    self.reader.error(span, title, "there is no Kafka sink", help);
                }
                self.topic_name("on_error.to.topic", topic)
                    .then(|| QuarantineTo::Topic(topic.get_ref().clone()))
            }
            None if given.has_to => None,
            None => {
                missing("to", TO_HELP);
                None
            }
        };
        Some(OnErrorConfig::Quarantine { key: key?, to: to? })
    }

    fn kafka_source(&self, spec: &KafkaSourceSpec) -> Option<KafkaSource> {
        for topic in spec.topics.iter().filter(|t| !t.get_ref().starts_with('^')) {
            self.topic_name("source.kafka.topics", topic);
        }
        #[cfg(feature = "kafka")]
        self.topic_patterns(&spec.topics);
        Some(KafkaSource {
            brokers: self.brokers("source.kafka.brokers", spec.brokers.as_ref()?),
            topics: spec.topics.iter().map(|t| t.get_ref().clone()).collect(),
            group: match &spec.group {
                Some(group) if group.get_ref().trim().is_empty() => {
                    let title = "`source.kafka.group` must be a name".to_owned();
                    self.reader.error(group.span(), title, "empty", None);
                    return None;
                }
                Some(group) => group.get_ref().clone(),
                None => "scrubjay".to_owned(),
            },
            properties: self.properties("source.kafka", &spec.properties, SOURCE_OWNED),
        })
    }

    fn kafka_sink(&self, spec: &KafkaSinkSpec, source: &KafkaSourceSpec) -> Option<KafkaSink> {
        let topic = spec.topic.as_ref()?;
        let plain = Spanned::new(topic.span(), topic.get_ref().replace("{topic}", "t"));
        self.topic_name("sink.kafka.topic", &plain);
        let key_hmac = match &spec.key_hmac {
            Some(reference) => Some(self.secret(reference)?),
            None => None,
        };
        Some(KafkaSink {
            brokers: match &spec.brokers {
                Some(brokers) => self.brokers("sink.kafka.brokers", brokers),
                None => source.brokers.as_ref()?.get_ref().clone(),
            },
            topic: topic.get_ref().clone(),
            create: spec.create,
            key_hmac,
            properties: self.properties("sink.kafka", &spec.properties, SINK_OWNED),
        })
    }

    fn brokers(&self, name: &str, brokers: &Spanned<String>) -> String {
        if brokers.get_ref().split(',').any(|b| b.trim().is_empty()) {
            let help = Some("separate several by commas: \"a:9092,b:9092\"".to_owned());
            self.reader.error(
                brokers.span(),
                format!("`{name}` must be addresses, host:port"),
                "an address is empty",
                help,
            );
        }
        brokers.get_ref().clone()
    }

    /// Topic names are made of letters, digits, `.`, `_` and `-`, and have at most 249 of them.
    fn topic_name(&self, name: &str, topic: &Spanned<String>) -> bool {
        let text = topic.get_ref();
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let good = (1..=249).contains(&text.len()) && text.bytes().all(legal) && text != "." && text != "..";
        if !good {
            let help = match name {
                "source.kafka.topics" => {
                    "a name has letters, digits, `.`, `_` and `-`; a pattern begins with ^"
                }
                "sink.kafka.topic" => {
                    "a name has letters, digits, `.`, `_` and `-`; {topic} stands for the source's"
                }
                _ => "a name has letters, digits, `.`, `_` and `-`",
            };
            let title = format!("`{name}` must be the name of a topic");
            self.reader.error(topic.span(), title, "no topic can have this name", Some(help.to_owned()));
        }
        good
    }

    fn properties(&self, table: &str, given: &[Property], owned: &[Owned]) -> Vec<ClientProperty> {
        let read = given.iter().filter_map(|property| {
            let (name, value) = property;
            let taken = owned
                .iter()
                .find(|(taken, fine, _)| taken == name.get_ref() && !fine.contains(&&**value.get_ref()));
            if let Some((taken, _, instead)) = taken {
                let title = format!("`{taken}` cannot be set in {table}.properties");
                self.reader.error(name.span(), title, "set by Scrubjay", Some((*instead).to_owned()));
                return None;
            }
            #[cfg(feature = "kafka")]
            if !self.known_property(table, property) {
                return None;
            }
            let value = match is_secret_name(name.get_ref()) {
                true => PropertyValue::Secret(self.secret(value)?),
                false => PropertyValue::Plain(value.get_ref().clone()),
            };
            Some(ClientProperty { name: name.get_ref().clone(), value })
        });
        read.collect()
    }

    /// A reference to a secret; a relative file is beside the pipeline file.
    pub(super) fn secret(&self, text: &Spanned<String>) -> Option<SecretRef> {
        match text.get_ref().parse::<SecretRef>() {
            Ok(SecretRef::File(path)) => Some(SecretRef::File(self.base.join(path))),
            Ok(reference) => Some(reference),
            Err(e) => {
                let title = "a secret is named here, never written".to_owned();
                self.reader.error(text.span(), title, "not a reference", Some(e.to_string()));
                None
            }
        }
    }

    fn address(&self, text: &Spanned<String>) -> Option<SocketAddr> {
        let parsed = text.get_ref().parse().ok();
        if parsed.is_none() {
            let title = "`metrics.listen` must be an IP address and a port".to_owned();
            let help =
                Some("for example \"127.0.0.1:9464\", or \"0.0.0.0:9464\" for every interface".to_owned());
            self.reader.error(text.span(), title, "not an address", help);
        }
        parsed
    }

    /// A rule without a `min_confidence` acts where a finding acts at all, which 0 stands for.
    fn policy(&self, file: &Spec) -> Policy {
        let spec = &file.policy;
        let usual = match &file.source {
            Some(source) if source.get_ref().is_gateway() => Profile::Notification,
            _ => Profile::default(),
        };
        let allowed = file.notification.as_ref().map(|n| &n.allowed).filter(|allowed| !allowed.is_empty());
        let mut policy = Policy {
            profile: spec.profile.as_ref().map_or(usual, |p| *p.get_ref()),
            rules: Vec::new(),
            kinds: spec.kinds,
            threshold: spec.threshold,
            allowed: allowed.cloned().map(Arc::new),
        };
        for r in &spec.rules {
            let rule = Rule {
                kinds: r.kinds.unwrap_or(KindSet::ALL),
                path: r.path.clone(),
                min_confidence: r.min_confidence.map_or(0.0, |c| c.max(f32::MIN_POSITIVE)),
                action: r.action,
            };
            if policy.rules.iter().any(|earlier| covers(earlier, &rule, policy.threshold())) {
                let title = "this rule is never used".to_owned();
                let help = Some("the first rule that holds decides: move this one up".to_owned());
                self.reader.warning(
                    r.span.clone(),
                    title,
                    "an earlier rule holds whenever this one does",
                    help,
                );
            }
            policy.rules.push(rule);
        }
        if let Some((at, why)) = policy.contradiction() {
            let (what, help) = why.split_once("; ").unwrap_or((&why, ""));
            let label = "derived from the value";
            self.reader.error(spec.rules[at].span.clone(), what.to_owned(), label, Some(help.to_owned()));
        }
        policy
    }
}

/// Whether `earlier` holds whenever `later` does.
fn covers(earlier: &Rule, later: &Rule, threshold: f32) -> bool {
    let least = |rule: &Rule| if rule.min_confidence > 0.0 { rule.min_confidence } else { threshold };
    later.kinds.iter().all(|k| earlier.kinds.contains(k))
        && least(earlier) <= least(later)
        && (earlier.path.is_none() || earlier.path == later.path)
}
