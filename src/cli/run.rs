//! `scrubjay run`: pipelines, until they end or are stopped.
//!
//! Each pipeline has a thread with its line; this one watches for signals. SIGTERM and SIGINT stop reading, what has
//! been read is delivered and committed; a second one ends the process at once. SIGHUP reads the files again;
//! a roster is read again when its file changes.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, RecvTimeoutError, unbounded};
use signal_hook::consts::TERM_SIGNALS;

use super::args::ThreadsArgs;
use super::coverage;
use super::failure::{Failure, report_config};
use super::recording;
use super::roster::RosterWatch;
use super::stdin::PatientStdin;
use super::summary;
use crate::codec::Framer;
use crate::config::{self, ConfigError, OnErrorConfig, Pipeline, QuarantineTo, SinkConfig, SourceConfig};
use crate::gateway::GatewayPolicy;
use crate::health::{Health, Light};
use crate::metrics::{self, Stage};
use crate::pipeline::{self, Line, LineError};
use crate::reason::plain_reason;
use crate::scrubber::{Scrubber, Settings, Tally};
use crate::sink::{QuarantineDir, Sink, SinkError, StreamSink};
use crate::source::{Source, StreamSource};

/// How often the signals are looked at.
const LOOK: Duration = Duration::from_millis(50);

#[derive(clap::Args)]
pub(super) struct RunArgs {
    /// Pipeline files; each runs as a line of its own
    #[arg(value_name = "PIPELINE", required = true)]
    pipelines: Vec<PathBuf>,
    #[command(flatten)]
    threads: ThreadsArgs,
}

/// A pipeline that runs.
struct Running {
    pipeline: Pipeline,
    scrubber: Arc<ArcSwap<Scrubber>>,
    gateway: Arc<ArcSwap<GatewayPolicy>>,
    roster: RosterWatch,
}

/// What the signals have asked for.
struct Signals {
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

pub(super) fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    let pipelines = load(&args.pipelines)?;
    let signals = Signals::watch()
        .map_err(|e| Failure::Sentence(format!("cannot watch for signals: {}", plain_reason(&e))))?;
    let health = Health::default();
    // Before anyone can ask: without a pipeline all would be well.
    let light = |p: &Pipeline| health.pipeline(&p.file.display().to_string());
    let lights: Vec<_> = pipelines.iter().map(light).collect();
    let _console = serve(&pipelines, &health)?;
    let stop = Arc::new(AtomicBool::new(false));
    let (ended_tx, ended) = unbounded();
    let (mut running, mut workers) = (Vec::new(), Vec::new());
    // Everything that can be refused is, before any of them begins.
    for (pipeline, light) in pipelines.into_iter().zip(lights) {
        // Before it is read: what changes in between is read once more.
        let roster = RosterWatch::new(pipeline.treatment.roster.as_ref());
        let settings = pipeline.settings(config::engine(&pipeline.treatment.packs)?)?;
        refuse_gaps(&pipeline, &settings)?;
        #[cfg(feature = "gateway")]
        super::gateway::check(&pipeline, false)
            .map_err(|e| Failure::Sentence(format!("{}: {e}", pipeline.file.display())))?;
        put_on_record(&pipeline, &settings)?;
        let scrubber = Arc::new(ArcSwap::from_pointee(Scrubber::new(settings)));
        let gateway = Arc::new(ArcSwap::from_pointee(pipeline.gateway.clone()));
        workers.push(Worker {
            pipeline: pipeline.clone(),
            scrubber: scrubber.clone(),
            gateway: gateway.clone(),
            threads: args.threads.count(),
            stop: stop.clone(),
            light,
        });
        running.push(Running { pipeline, scrubber, gateway, roster });
    }
    for worker in workers {
        let ended = ended_tx.clone();
        let thread = thread::Builder::new().name("line".into()).spawn(move || {
            let _ = ended.send(worker.run());
        });
        if let Err(e) = thread {
            // What has begun is stopped in order.
            tracing::error!("{}", no_thread(&e));
            let _ = ended_tx.send(false);
            break;
        }
    }
    drop(ended_tx);
    let good = watch(&mut running, &signals, &stop, &ended);
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

/// Refuses settings that do not hold what their profile promises, in the words of `scrubjay check`: what goes out would bear a name that
/// it has no right to.
fn refuse_gaps(pipeline: &Pipeline, settings: &Settings) -> Result<(), ConfigError> {
    // The trial takes a moment: only where there is something to hold.
    let profile = settings.policy.profile;
    if !profile.refuses_derived() {
        return Ok(());
    }
    let kafka = matches!(pipeline.source, SourceConfig::Kafka(_));
    match coverage::measure(settings, kafka).gaps(profile) {
        None => Ok(()),
        Some(gaps) => Err(ConfigError::Unreadable(format!("{}: {gaps}", pipeline.file.display()))),
    }
}

/// Puts on record which policy is used from now on.
fn put_on_record(pipeline: &Pipeline, settings: &Settings) -> Result<(), ConfigError> {
    let named = recording::named_or_usual(pipeline.treatment.audit.clone());
    recording::policy_load(named, &pipeline.file, pipeline.treatment.digest, settings)
}

/// Reads every file, and tells what is wrong in all of them before giving up.
fn load(files: &[PathBuf]) -> Result<Vec<Pipeline>, Failure> {
    let (mut pipelines, mut wrong) = (Vec::new(), Vec::new());
    for file in files {
        match config::load(file) {
            Ok(pipeline) => {
                for warning in &pipeline.warnings {
                    tracing::warn!("{warning}");
                }
                pipelines.push(pipeline);
            }
            Err(e) => wrong.push(e),
        }
    }
    if pipelines.iter().filter(|p| p.source == SourceConfig::Stdin).count() > 1 {
        let text = "only one pipeline of a process can read standard input; run the others by themselves";
        return Err(Failure::Sentence(text.to_owned()));
    }
    config::chained(&pipelines).iter().for_each(|text| tracing::warn!("{text}"));
    let Some(last) = wrong.pop() else { return Ok(pipelines) };
    wrong.iter().for_each(report_config);
    Err(last.into())
}

/// Waits for the lines to end, and does what the signals say. Whether all ended well.
fn watch(running: &mut [Running], signals: &Signals, stop: &AtomicBool, ended: &Receiver<bool>) -> bool {
    let mut good = true;
    loop {
        match ended.recv_timeout(LOOK) {
            Ok(true) => {}
            Ok(false) => {
                good = false;
                stop.store(true, Ordering::Relaxed);
            }
            Err(RecvTimeoutError::Disconnected) => return good,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if signals.stop.load(Ordering::Relaxed) && !stop.swap(true, Ordering::Relaxed) {
            tracing::info!(
                "stopping: what has been read is delivered first; a second signal ends it at once"
            );
        }
        if signals.reload.swap(false, Ordering::Relaxed) {
            running.iter_mut().for_each(Running::reload);
        }
        for one in running.iter_mut() {
            one.roster.look(&one.pipeline, &one.scrubber);
        }
    }
}

impl Signals {
    fn watch() -> io::Result<Signals> {
        let signals = Signals { stop: Arc::default(), reload: Arc::default() };
        for &signal in TERM_SIGNALS {
            // In this order: the second signal finds the flag set by the first.
            signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, signals.stop.clone())?;
            signal_hook::flag::register(signal, signals.stop.clone())?;
        }
        #[cfg(unix)]
        signal_hook::flag::register(signal_hook::consts::SIGHUP, signals.reload.clone())?;
        Ok(signals)
    }
}

impl Running {
    /// Reads the file and its packs again. A bad one changes nothing.
    fn reload(&mut self) {
        let file = self.pipeline.file.clone();
        match self.reloaded(&file) {
            Ok((pipeline, roster)) => {
                (self.pipeline, self.roster) = (pipeline, roster);
                metrics::reloaded(true);
                tracing::info!("{}: reloaded", file.display());
            }
            Err(e) => {
                metrics::reloaded(false);
                metrics::error(Stage::Config);
                let kept = "not reloaded, what was loaded before stays";
                match e {
                    ConfigError::Unreadable(text) => tracing::error!("{}: {kept}: {text}", file.display()),
                    ConfigError::Invalid(all) => all.iter().for_each(|d| tracing::error!("{kept}: {d}")),
                }
            }
        }
    }

    fn reloaded(&self, file: &Path) -> Result<(Pipeline, RosterWatch), ConfigError> {
        let mut new = config::load(file)?;
        // Before it is read: what changes in between is read once more.
        let roster = RosterWatch::new(new.treatment.roster.as_ref());
        let old = &self.pipeline;
        let mut fixed = Vec::new();
        // What the line was built with stays until it is built again.
        if new.source != old.source {
            fixed.push("[source]");
            new.source = old.source.clone();
        }
        if new.sink != old.sink {
            fixed.push("[sink]");
            new.sink = old.sink.clone();
        }
        if new.on_error != old.on_error {
            fixed.push("[on_error]");
            new.on_error = old.on_error.clone();
        }
        if new.treatment.vault != old.treatment.vault {
            // What is open stays open, with the retention that it was opened with.
            fixed.push("[vault]");
            new.treatment.vault = old.treatment.vault.clone();
        }
        if new.metrics_listen != old.metrics_listen {
            fixed.push("[metrics]");
            new.metrics_listen = old.metrics_listen;
        }
        let (now, before) = (&mut new.treatment, &old.treatment);
        if now.max_record_bytes != before.max_record_bytes {
            fixed.push("[limits]");
            now.max_record_bytes = before.max_record_bytes;
        }
        if now.codec.format != before.codec.format {
            fixed.push("[codec]");
            now.codec.format = before.codec.format;
        }
        let current = self.scrubber.load();
        let current = current.settings();
        let settings = new.treatment.settings(config::engine(&new.treatment.packs)?)?;
        // The source cuts long lines into windows that overlap by what the old packs need.
        if settings.engine.reach() > current.engine.reach() && new.source == SourceConfig::Stdin {
            let text = "a new pack looks further around than the old ones did; restart to use it".to_owned();
            return Err(ConfigError::Unreadable(text));
        }
        let settings = Settings {
            on_error: current.on_error.clone(),
            key_action: current.key_action.clone(),
            ..settings
        };
        refuse_gaps(&new, &settings)?;
        put_on_record(&new, &settings)?;
        // What the line has learnt from its sink meanwhile stays.
        Scrubber::amend(&self.scrubber, |now| {
            *now = Settings { max_output_bytes: now.max_output_bytes, ..settings.clone() };
        });
        self.gateway.store(Arc::new(new.gateway.clone()));
        if !fixed.is_empty() {
            tracing::warn!("{}: {} changed; restart to use it", file.display(), fixed.join(", "));
        }
        for warning in &new.warnings {
            tracing::warn!("{warning}");
        }
        Ok((new, roster))
    }
}

fn no_thread(e: &io::Error) -> String {
    format!(
        "cannot start a thread: {}; raise the limits of processes and memory of this user",
        plain_reason(e)
    )
}

/// Runs one pipeline until it ends or `stop` is set, and gives the sums of what was delivered.
///
/// # Errors
/// In a sentence: the file, a secret or a pack cannot be read, or the line failed.
#[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "the demo has need of it"))]
pub(super) fn one(pipeline: &Pipeline, threads: usize, stop: &Arc<AtomicBool>) -> Result<Tally, String> {
    let engine = config::engine(&pipeline.treatment.packs).map_err(|e| e.to_string())?;
    let settings = pipeline.settings(engine).map_err(|e| e.to_string())?;
    let name = pipeline.file.display().to_string();
    let worker = Worker {
        pipeline: pipeline.clone(),
        scrubber: Arc::new(ArcSwap::from_pointee(Scrubber::new(settings))),
        gateway: Arc::new(ArcSwap::from_pointee(pipeline.gateway.clone())),
        threads,
        stop: stop.clone(),
        light: Health::default().pipeline(&name),
    };
    worker.line()
}

/// What a line's thread has.
struct Worker {
    pipeline: Pipeline,
    scrubber: Arc<ArcSwap<Scrubber>>,
    #[cfg_attr(
        not(feature = "gateway"),
        expect(dead_code, reason = "a build with a gateway has need of it")
    )]
    gateway: Arc<ArcSwap<GatewayPolicy>>,
    threads: usize,
    stop: Arc<AtomicBool>,
    light: Light,
}

impl Worker {
    /// Runs the line to its end. Whether that was a good one.
    fn run(self) -> bool {
        let file = self.pipeline.file.display().to_string();
        let light = self.light.clone();
        let stop = self.stop.clone();
        // A panic in one line must stop the others in order.
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.line()));
        let result = ran.unwrap_or_else(|_| Err("internal error".to_owned()));
        match result {
            Ok(tally) => {
                light.stopped();
                tracing::info!(records = tally.records, "{file}: ended; {}", summary::counts(&tally));
                true
            }
            Err(e) => {
                light.failed();
                stop.store(true, Ordering::Relaxed);
                tracing::error!("{file}: {e}");
                false
            }
        }
    }

    fn line(self) -> Result<Tally, String> {
        if self.pipeline.source.is_gateway() {
            return self.notifications();
        }
        let Some((source, sink)) = self.edges()? else { return Ok(Tally::default()) };
        let stop = match self.pipeline.source {
            // It is its input that stops: what has been read of a last line is delivered too.
            SourceConfig::Stdin => Arc::default(),
            _ => self.stop,
        };
        let sink = match &self.pipeline.on_error {
            OnErrorConfig::Quarantine { to: QuarantineTo::Dir(dir), .. } => {
                Box::new(QuarantineDir::open(dir, sink).map_err(|e| e.to_string())?)
            }
            _ => sink,
        };
        tracing::info!("{}: running", self.pipeline.file.display());
        if self.pipeline.source == SourceConfig::Stdin {
            self.light.ready();
        }
        let line = Line { source, sink, scrubber: self.scrubber, threads: self.threads, stop };
        match pipeline::run(line) {
            // Whoever reads the output has gone: a filter that ends like any other.
            Err(LineError::Sink(SinkError::Closed)) => Ok(Tally::default()),
            result => result.map_err(|e| e.to_string()),
        }
    }

    /// Notifications have no line: each goes through by itself.
    #[cfg(feature = "gateway")]
    fn notifications(self) -> Result<Tally, String> {
        let Worker { pipeline, scrubber, gateway, threads, stop, light } = self;
        super::gateway::serve(&pipeline, scrubber, gateway, threads, &stop, &light)
    }

    #[cfg(not(feature = "gateway"))]
    fn notifications(self) -> Result<Tally, String> {
        Err("this build has no gateway; build it with the feature `gateway`".to_owned())
    }

    /// The source and the sink; `None` if it was stopped while waiting for them.
    fn edges(&self) -> Result<Option<Edges>, String> {
        match (&self.pipeline.source, &self.pipeline.sink) {
            (SourceConfig::Stdin, SinkConfig::Stdout) => {
                let scrubber = self.scrubber.load();
                let settings = scrubber.settings();
                let (format, limit) = (settings.codec.format, settings.max_record_bytes);
                let input = PatientStdin::start(self.stop.clone()).map_err(|e| no_thread(&e))?;
                let input: Vec<(String, Box<dyn io::Read + Send>)> =
                    vec![("standard input".to_owned(), Box::new(input))];
                let source = StreamSource::new(input, Framer::new(format, limit, settings.engine.reach()));
                Ok(Some((Box::new(source), Box::new(StreamSink::new(io::stdout(), "standard output")))))
            }
            _ => self.kafka(),
        }
    }

    #[cfg(feature = "kafka")]
    fn kafka(&self) -> Result<Option<Edges>, String> {
        use crate::kafka::{KafkaRefusal, preflight};
        use crate::sink::kafka::KafkaSink;
        use crate::source::kafka::KafkaSource;

        let options = self.pipeline.kafka_options().map_err(|e| e.to_string())?;
        let Some((source, sink)) = options else { return Err("source and sink do not fit".to_owned()) };
        let checked = match preflight(&source, &sink, self.pipeline.keys_stay_apart(), &self.stop) {
            Ok(checked) => checked,
            Err(KafkaRefusal::Stopped) => return Ok(None),
            Err(e) => return Err(e.to_string()),
        };
        Scrubber::amend(&self.scrubber, |settings| settings.max_output_bytes = checked.max_output_bytes);
        let sink = KafkaSink::new(checked).map_err(|e| e.to_string())?;
        let light = self.light.clone();
        let source = KafkaSource::new(&source).map_err(|e| e.to_string())?.stopped_by(&self.stop);
        // The sink's brokers have answered; now the group has to.
        let source =
            source.tells_assigned(move |assigned| if assigned { light.ready() } else { light.waiting() });
        Ok(Some((Box::new(source), Box::new(sink))))
    }

    #[cfg(not(feature = "kafka"))]
    fn kafka(&self) -> Result<Option<Edges>, String> {
        Err("this build has no Kafka; build it with the feature `kafka`".to_owned())
    }
}

type Edges = (Box<dyn Source>, Box<dyn Sink>);

#[cfg(feature = "console")]
fn serve(pipelines: &[Pipeline], health: &Health) -> Result<Option<crate::console::Console>, Failure> {
    let mut addresses: Vec<_> = pipelines.iter().filter_map(|p| p.metrics_listen).collect();
    addresses.dedup();
    match addresses[..] {
        [] => Ok(None),
        [address] => {
            let console = crate::console::serve(address, health.clone());
            let console = console.map_err(|e| Failure::Sentence(e.to_string()))?;
            tracing::info!("metrics on http://{}/metrics", console.address());
            Ok(Some(console))
        }
        _ => {
            let text = "the pipelines of one process share their metrics: give [metrics] listen in one file only, \
                        or the same address in all";
            Err(Failure::Sentence(text.to_owned()))
        }
    }
}

/// What a build without the console serves.
#[cfg(not(feature = "console"))]
struct Unserved;

#[cfg(not(feature = "console"))]
fn serve(pipelines: &[Pipeline], _: &Health) -> Result<Unserved, Failure> {
    match pipelines.iter().any(|p| p.metrics_listen.is_some()) {
        true => Err(Failure::Sentence(
            "this build serves no metrics; build it with the feature `console`".to_owned(),
        )),
        false => Ok(Unserved),
    }
}
