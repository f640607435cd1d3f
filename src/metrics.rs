//! Every metric name in one enum.
//!
//! Nothing is recorded until [`install`] has been called, which `run` does where the pipeline has a `[metrics]` table.
//! Labels hold kinds, stages, topics and partitions: never text of a record.

use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Recorder, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::kind::Kind;
use crate::record::{Origin, Timestamp};
use crate::scrubber::{Outgoing, ScrubbedBatch, Tally};

/// Upper bounds of the latency buckets, in seconds: from a record at a terminal to an hour of backlog.
const LATENCY_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0,
];

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations in buckets.
    Histogram,
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
            Type::Histogram => "histogram",
        }
    }
}

macro_rules! metrics {
    ($($variant:ident $name:literal $kind:ident $unit:expr, [$($label:literal),*] $help:literal;)*) => {
        /// Every metric there is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Metric {
            $(#[doc = concat!("`", $name, "`: ", $help, ".")] $variant,)*
        }

        impl Metric {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Metric] = &[$(Metric::$variant,)*];

            /// Its name on `/metrics`.
            pub const fn name(self) -> &'static str {
                match self { $(Metric::$variant => $name,)* }
            }

            /// How it behaves.
            pub const fn kind(self) -> Type {
                match self { $(Metric::$variant => Type::$kind,)* }
            }

            /// What it counts in, where that is not a plain number.
            pub const fn unit(self) -> Option<Unit> {
                match self { $(Metric::$variant => $unit,)* }
            }

            /// The names of its labels.
            pub const fn labels(self) -> &'static [&'static str] {
                match self { $(Metric::$variant => &[$($label),*],)* }
            }

            /// What it says.
            pub const fn help(self) -> &'static str {
                match self { $(Metric::$variant => $help,)* }
            }
        }
    };
}

metrics! {
    BuildInfo "scrubjay_build_info" Gauge None, ["version"] "Always 1; the label says which version runs";
    PipelineUp "scrubjay_pipeline_up" Gauge None, ["pipeline"] "1 while the pipeline is ready, else 0";
    Records "scrubjay_records_total" Counter None, [] "Records read and delivered, in whatever form";
    BytesIn "scrubjay_bytes_in_total" Counter Some(Unit::Bytes), [] "Payload bytes read";
    BytesOut "scrubjay_bytes_out_total" Counter Some(Unit::Bytes), [] "Payload bytes forwarded";
    Findings "scrubjay_findings_total" Counter None, ["kind"] "Findings acted upon, by kind";
    Edited "scrubjay_records_edited_total" Counter None, [] "Records in which something was replaced";
    Dropped "scrubjay_records_dropped_total" Counter None, [] "Records that a rule dropped";
    Sealed "scrubjay_records_sealed_total" Counter None, [] "Records sealed for quarantine";
    Unreadable "scrubjay_records_unreadable_total" Counter None, [] "Records that became a marker because they could not be read";
    Errors "scrubjay_errors_total" Counter None, ["stage"] "Failures, by stage: config, source, scrub, sink";
    Reloads "scrubjay_reloads_total" Counter None, ["result"] "Reloads of the configuration, by result: ok, failed";
    EndToEnd "scrubjay_end_to_end_seconds" Histogram Some(Unit::Seconds), [] "From the timestamp of a batch's first record (or its reading, where it has none) to its delivery";
    Batch "scrubjay_batch_seconds" Histogram Some(Unit::Seconds), [] "From the reading of a batch's first record to its delivery";
    Messages "scrubjay_messages_total" Counter None, ["channel", "outcome"] "Notifications by protocol (smtp, milter, http, smpp) and outcome: forwarded, refused, failed, too_large, no_memory";
    Leaks "scrubjay_messages_with_phi_total" Counter None, ["channel", "tenant", "template"] "Notifications that held PHI or were refused, by protocol, tenant and template";
    Lag "scrubjay_consumer_lag_records" Gauge None, ["topic", "partition"] "Records of a partition that have not been delivered yet; 0 where another member has it";
}

/// Where something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A configuration or pack could not be used.
    Config,
    /// Reading.
    Source,
    /// Between the two: a record that stops the pipeline.
    Scrub,
    /// Writing.
    Sink,
}

impl Stage {
    const ALL: [Stage; 4] = [Stage::Config, Stage::Source, Stage::Scrub, Stage::Sink];

    fn name(self) -> &'static str {
        match self {
            Stage::Config => "config",
            Stage::Source => "source",
            Stage::Scrub => "scrub",
            Stage::Sink => "sink",
        }
    }
}

/// The recorder, and handles to what every batch touches, so that a batch costs a few atomic additions.
struct Installed {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    records: Counter,
    bytes_in: Counter,
    bytes_out: Counter,
    edited: Counter,
    dropped: Counter,
    sealed: Counter,
    unreadable: Counter,
    findings: Vec<Counter>,
    errors: [Counter; Stage::ALL.len()],
    reloads: [Counter; 2],
    end_to_end: Histogram,
    batch: Histogram,
}

static INSTALLED: OnceLock<Installed> = OnceLock::new();

/// Begins to record. May be called again.
pub fn install() {
    INSTALLED.get_or_init(Installed::new);
}

/// Everything recorded, in the Prometheus text format (version 0.0.4). Empty before [`install`].
pub fn render() -> String {
    INSTALLED.get().map_or_else(String::new, |i| i.handle.render())
}

/// Folds observations together; to be called every few seconds, or what nobody scrapes takes memory without bound.
pub fn upkeep() {
    if let Some(installed) = INSTALLED.get() {
        installed.handle.run_upkeep();
    }
}

/// Counts a batch that has been delivered.
pub fn delivered(batch: &ScrubbedBatch) {
    let Some(to) = INSTALLED.get() else { return };
    counted(batch.tally());
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
    let read_ms = batch.read_at_ms();
    if read_ms > 0 {
        to.batch.record(seconds(read_ms, now_ms));
    }
    match first_timestamp_ms(batch).unwrap_or(read_ms) {
        ms if ms > 0 => to.end_to_end.record(seconds(ms, now_ms)),
        _ => {}
    }
}

/// Counts records that have been delivered, or have been refused for good.
pub fn counted(tally: &Tally) {
    let Some(to) = INSTALLED.get() else { return };
    to.records.increment(tally.records);
    to.bytes_in.increment(tally.bytes_in);
    to.bytes_out.increment(tally.bytes_out);
    to.edited.increment(tally.edited);
    to.dropped.increment(tally.dropped);
    to.sealed.increment(tally.sealed);
    to.unreadable.increment(tally.unreadable);
    for (counter, count) in to.findings.iter().zip(tally.findings) {
        if count > 0 {
            counter.increment(count);
        }
    }
}

/// Counts how a notification ended.
pub fn message(channel: &'static str, outcome: &'static str) {
    if let Some(to) = INSTALLED.get() {
        to.counter(Metric::Messages, &[channel, outcome]).increment(1);
    }
}

/// Counts a notification that held PHI, or was refused. The names must be bounded, and hold no text of a message.
pub fn leaked(channel: &str, tenant: &str, template: &str) {
    if let Some(to) = INSTALLED.get() {
        to.counter(Metric::Leaks, &[channel, tenant, template]).increment(1);
    }
}

/// Clocks of different machines differ: what seems to come from the future took no time.
fn seconds(from_ms: i64, to_ms: i64) -> f64 {
    to_ms.saturating_sub(from_ms).max(0) as f64 / 1000.0
}

fn first_timestamp_ms(batch: &ScrubbedBatch) -> Option<i64> {
    let origin = match batch.iter().next()? {
        Outgoing::Clean(scrubbed) => scrubbed.origin(),
        Outgoing::Sealed(sealed) => sealed.origin(),
    };
    match origin {
        Origin::Kafka { timestamp: Timestamp::Create(ms) | Timestamp::Append(ms), .. } => Some(*ms),
        _ => None,
    }
}

/// Counts a failure.
pub fn error(stage: Stage) {
    if let Some(to) = INSTALLED.get() {
        to.errors[stage as usize].increment(1);
    }
}

/// Counts a reload: whether the new configuration was taken.
pub fn reloaded(ok: bool) {
    if let Some(to) = INSTALLED.get() {
        to.reloads[usize::from(!ok)].increment(1);
    }
}

/// How many records of a partition have not been delivered yet. Set it to 0 when the partition goes to another
/// member, which will tell its own figure.
pub fn lag(topic: &str, partition: i32, records: u64) {
    if let Some(to) = INSTALLED.get() {
        let labels = [("topic", topic.to_string()), ("partition", partition.to_string())];
        to.gauge(Metric::Lag, labels).set(records as f64);
    }
}

/// Whether a pipeline is ready.
pub(crate) fn pipeline_up(pipeline: &str, up: bool) {
    if let Some(to) = INSTALLED.get() {
        to.gauge(Metric::PipelineUp, [("pipeline", pipeline.to_string())]).set(f64::from(u8::from(up)));
    }
}

impl Installed {
    fn new() -> Installed {
        let mut builder = PrometheusBuilder::new();
        for metric in Metric::ALL.iter().filter(|m| m.kind() == Type::Histogram) {
            // It refuses only an empty list of buckets.
            let matcher = Matcher::Full(metric.name().to_string());
            builder = builder.set_buckets_for_metric(matcher, LATENCY_BUCKETS).unwrap_or_default();
        }
        let recorder = builder.build_recorder();
        for metric in Metric::ALL {
            let describe = match metric.kind() {
                Type::Counter => Recorder::describe_counter,
                Type::Gauge => Recorder::describe_gauge,
                Type::Histogram => Recorder::describe_histogram,
            };
            describe(&recorder, KeyName::from_const_str(metric.name()), metric.unit(), metric.help().into());
        }
        let counter = |metric: Metric| recorder.register_counter(&Key::from_name(metric.name()), &METADATA);
        let labelled = |metric: Metric, value: &'static str| {
            let label = Label::new(metric.labels()[0], value);
            recorder.register_counter(&Key::from_parts(metric.name(), vec![label]), &METADATA)
        };
        let histogram =
            |metric: Metric| recorder.register_histogram(&Key::from_name(metric.name()), &METADATA);
        let installed = Installed {
            handle: recorder.handle(),
            records: counter(Metric::Records),
            bytes_in: counter(Metric::BytesIn),
            bytes_out: counter(Metric::BytesOut),
            edited: counter(Metric::Edited),
            dropped: counter(Metric::Dropped),
            sealed: counter(Metric::Sealed),
            unreadable: counter(Metric::Unreadable),
            findings: Kind::ALL.iter().map(|k| labelled(Metric::Findings, k.name())).collect(),
            errors: Stage::ALL.map(|s| labelled(Metric::Errors, s.name())),
            reloads: ["ok", "failed"].map(|r| labelled(Metric::Reloads, r)),
            end_to_end: histogram(Metric::EndToEnd),
            batch: histogram(Metric::Batch),
            recorder,
        };
        installed.gauge(Metric::BuildInfo, [("version", env!("CARGO_PKG_VERSION").to_string())]).set(1.0);
        installed
    }

    /// The counter with these values of its labels.
    fn counter(&self, metric: Metric, values: &[&str]) -> Counter {
        let labels = metric.labels().iter().zip(values);
        let labels: Vec<_> =
            labels.map(|(name, value)| Label::new(*name, Arc::<str>::from(*value))).collect();
        self.recorder.register_counter(&Key::from_parts(metric.name(), labels), &METADATA)
    }

    fn gauge<const N: usize>(&self, metric: Metric, labels: [(&'static str, String); N]) -> Gauge {
        let labels: Vec<_> =
            labels.into_iter().map(|(name, value)| Label::new(name, Arc::<str>::from(value))).collect();
        self.recorder.register_gauge(&Key::from_parts(metric.name(), labels), &METADATA)
    }
}

const METADATA: metrics::Metadata<'static> = metrics::Metadata::new("scrubjay", metrics::Level::INFO, None);

/// The documentation of the metrics, `docs/metrics.md`.
pub fn documentation() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         A pipeline with a `[metrics]` table serves these on `/metrics`, in the Prometheus text format. No label ever\n\
         holds text of a record. This page is written from `src/metrics.rs`; a test keeps it so.\n\n\
         | name | type | labels | what it says |\n| --- | --- | --- | --- |\n",
    );
    for metric in Metric::ALL {
        let labels: Vec<_> = metric.labels().iter().map(|l| format!("`{l}`")).collect();
        text += &format!(
            "| `{}` | {} | {} | {} |\n",
            metric.name(),
            metric.kind().name(),
            labels.join(", "),
            metric.help()
        );
    }
    let bounds: Vec<_> = LATENCY_BUCKETS.iter().map(f64::to_string).collect();
    text += &format!("\nThe histograms have the buckets {}, in seconds.\n", bounds.join(", "));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_appears() {
        install();
        pipeline_up("logs.toml", true);
        lag("app.logs", 3, 17);
        error(Stage::Config);
        reloaded(false);
        message("smtp", "forwarded");
        leaked("smtp", "default", "reminder");
        let page = render();
        for metric in Metric::ALL {
            let (name, help, kind) = (metric.name(), metric.help(), metric.kind().name());
            // A histogram's lines come with its first observation.
            if metric.kind() != Type::Histogram {
                assert!(page.contains(&format!("# TYPE {name} {kind}\n")), "{name}:\n{page}");
                assert!(page.contains(&format!("# HELP {name} {help}")), "{name}:\n{page}");
            }
        }
        for line in [
            r#"scrubjay_consumer_lag_records{topic="app.logs",partition="3"} 17"#,
            r#"scrubjay_pipeline_up{pipeline="logs.toml"} 1"#,
            r#"scrubjay_reloads_total{result="failed"} "#,
            r#"scrubjay_findings_total{kind="health_plan_id"} "#,
            r#"scrubjay_errors_total{stage="config"} "#,
            r#"scrubjay_messages_total{channel="smtp",outcome="forwarded"} 1"#,
            r#"scrubjay_messages_with_phi_total{channel="smtp",tenant="default",template="reminder"} 1"#,
        ] {
            assert!(page.contains(line), "{line}:\n{page}");
        }
    }

    #[test]
    fn histograms_are_served_as_buckets() {
        let installed = Installed::new();
        installed.end_to_end.record(0.3);
        let page = installed.handle.render();
        assert!(page.contains(r#"scrubjay_end_to_end_seconds_bucket{le="0.25"} 0"#), "{page}");
        assert!(page.contains(r#"scrubjay_end_to_end_seconds_bucket{le="0.5"} 1"#), "{page}");
        assert!(!page.contains("quantile"), "{page}");
    }

    #[test]
    fn names_follow_the_conventions() {
        for metric in Metric::ALL {
            let name = metric.name();
            assert!(name.starts_with("scrubjay_"));
            assert_eq!(name.ends_with("_total"), metric.kind() == Type::Counter, "{name}");
            if let Some(unit) = metric.unit() {
                assert!(name.contains(&format!("_{}", unit.as_str())), "{name} has no unit in its name");
            }
        }
    }

    #[test]
    fn a_clock_behind_takes_no_time() {
        assert_eq!(seconds(2_000, 1_000), 0.0);
        assert_eq!(seconds(1_000, 2_500), 1.5);
        assert_eq!(seconds(i64::MIN, i64::MAX), i64::MAX as f64 / 1000.0);
    }

    /// Rewritten by `SCRUBJAY_BLESS=1 cargo test documentation_is_up_to_date`.
    #[test]
    fn documentation_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
        if std::env::var_os("SCRUBJAY_BLESS").is_some() {
            std::fs::write(path, documentation()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(written, documentation(), "run it with SCRUBJAY_BLESS=1 set to rewrite {path}");
    }
}
