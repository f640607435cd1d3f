//! Pipelines whose source is notifications: each is answered by itself, and there is no line. The servers run on one thread and decisions on
//! others; mail that is soon decided on stays where its session runs, and sessions of mail are spread over more threads where there are many.

mod ask;
mod http;
mod mail;
mod seen;
mod text;
mod threads;
mod tls;

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::{OnErrorConfig, Pipeline, QuarantineTo, SinkConfig, SourceConfig};
use crate::gateway::judge::{Observer, Outcome};
use crate::gateway::{GatewayPolicy, milter, smpp, smtp};
use crate::health::Light;
use crate::kind::Kind;
use crate::metrics::{self, Stage};
use crate::reason::unreadable;
use crate::record::{LARGE, Origin};
use crate::scrubber::{OnError, Scratch, Scrubber, Tally, Tenant};
use crate::sink::SealedFiles;
use seen::{Names, Seen};
use threads::Threads;

/// How often the stop flag is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// What a judgement that goes on may take when all else has ended.
const LAST: Duration = Duration::from_secs(5);
/// How long a server may take to be connected to, where it is only asked whether it is there.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves until `stop`; the sums of what went through.
pub(super) fn serve(
    pipeline: &Pipeline,
    scrubber: Arc<ArcSwap<Scrubber>>,
    policy: Arc<ArcSwap<GatewayPolicy>>,
    threads: usize,
    stop: &AtomicBool,
    light: &Light,
) -> Result<Tally, String> {
    let channel = match &pipeline.source {
        SourceConfig::Smtp(_) => "smtp",
        SourceConfig::Milter(_) => "milter",
        SourceConfig::Http(_) => "http",
        SourceConfig::Smpp(_) => "smpp",
        SourceConfig::Kafka(_) | SourceConfig::Stdin => return Err("no gateway".to_owned()),
    };
    let quarantine = match &pipeline.on_error {
        OnErrorConfig::Quarantine { to: QuarantineTo::Dir(dir), .. } => {
            Some(Mutex::new(SealedFiles::open(dir).map_err(|e| e.to_string())?))
        }
        _ => None,
    };
    let gateway = Arc::new(Gateway {
        scrubber,
        policy,
        file: pipeline.file.display().to_string(),
        channel,
        tenant: pipeline.treatment.keys.tenant.clone(),
        quarantine,
        kept: AtomicU64::new(0),
        tally: Mutex::default(),
        names: Names::default(),
        scratches: Mutex::default(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start: {}", unreadable(&e)))?;
    let served = runtime.block_on(async {
        let (tell, told) = watch::channel(false);
        let watch = async {
            while !stop.load(Ordering::Relaxed) {
                tokio::time::sleep(LOOK).await;
            }
            let _ = tell.send(true);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            served = listen(pipeline, &gateway, threads, told, light) => served,
            () = watch => Ok(()),
        }
    });
    runtime.shutdown_timeout(LAST);
    served.map(|()| gateway.sums())
}

async fn listen(
    pipeline: &Pipeline,
    gateway: &Arc<Gateway>,
    threads: usize,
    told: watch::Receiver<bool>,
    light: &Light,
) -> Result<(), String> {
    let file = pipeline.file.display();
    let up = |what: &str| {
        light.ready();
        tracing::info!("{file}: {what}");
    };
    match (&pipeline.source, &pipeline.sink) {
        (SourceConfig::Smtp(source), SinkConfig::Smtp(sink)) => {
            let mut options = mail::smtp_options(source, sink, threads)?;
            options.observer = gateway.clone();
            // This one is the first.
            let threads = Threads::start(threads.saturating_sub(1))?;
            options.runtimes = threads.runtimes();
            let listener = bind(source.listen).await?;
            up(&format!("mail is taken on {}", source.listen));
            smtp::serve_on(listener, options, Arc::new(mail::MailJudge(gateway.clone())), told).await;
        }
        (SourceConfig::Milter(source), SinkConfig::Asker) => {
            let mut options = mail::milter_options(source, threads);
            options.observer = gateway.clone();
            let listener = milter::Listener::bind(&mail::milter_place(source))
                .await
                .map_err(|e| format!("cannot listen: {}", unreadable(&e)))?;
            up("mail servers may ask");
            milter::serve_on(listener, options, Arc::new(mail::MailJudge(gateway.clone())), told).await;
        }
        (SourceConfig::Http(source), sink) => {
            let sink = sink.http();
            let mut options = http::http_options(source, sink, threads)?;
            options.observer = gateway.clone();
            let hook = Arc::new(http::ProviderHook::new(source, sink, gateway)?);
            let listener = bind(source.listen).await?;
            up(&format!("requests are taken on {}", source.listen));
            crate::gateway::http::serve_on(listener, options, hook, told).await;
        }
        (SourceConfig::Smpp(source), SinkConfig::Smpp(sink)) => {
            let mut options = text::smpp_options(source, sink, threads)?;
            options.observer = gateway.clone();
            let listener = bind(source.listen).await?;
            up(&format!("messages are taken on {}", source.listen));
            smpp::serve_on(listener, options, Arc::new(text::ShortTextJudge(gateway.clone())), told).await;
        }
        _ => return Err("source and sink do not fit".to_owned()),
    }
    Ok(())
}

/// Whether everything that such a pipeline needs to begin can be read: certificates, keys, passwords; with `online` also whether somebody
/// listens where it sends to.
///
/// # Errors
/// In a sentence.
pub(super) fn check(pipeline: &Pipeline, online: bool) -> Result<(), String> {
    let place = match (&pipeline.source, &pipeline.sink) {
        (SourceConfig::Smtp(source), SinkConfig::Smtp(sink)) => {
            mail::smtp_options(source, sink, 1)?;
            Some(sink.relay.clone())
        }
        (SourceConfig::Http(source), sink) => {
            http::http_options(source, sink.http(), 1)?;
            sink.http().map(|sink| http::place(&sink.upstream))
        }
        (SourceConfig::Smpp(source), SinkConfig::Smpp(sink)) => {
            text::smpp_options(source, sink, 1)?;
            Some(sink.smsc.clone())
        }
        _ => None,
    };
    let Some(place) = place.filter(|_| online) else { return Ok(()) };
    let nobody = |e: std::io::Error| format!("cannot connect to {place}: {}", unreadable(&e));
    let mut last = std::io::ErrorKind::NotFound.into();
    for address in place.to_socket_addrs().map_err(nobody)? {
        match std::net::TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(_) => return Ok(()),
            Err(e) => last = e,
        }
    }
    Err(nobody(last))
}

async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|e| format!("cannot listen on {address}: {}", unreadable(&e)))
}

/// What the judges of a pipeline share.
pub(super) struct Gateway {
    scrubber: Arc<ArcSwap<Scrubber>>,
    policy: Arc<ArcSwap<GatewayPolicy>>,
    /// The pipeline's file, for the log.
    file: String,
    /// The protocol, for counts.
    channel: &'static str,
    tenant: Tenant,
    quarantine: Option<Mutex<SealedFiles>>,
    /// Messages that went into quarantine.
    kept: AtomicU64,
    tally: Mutex<Tally>,
    names: Names,
    /// Memory of judgements that have ended, for those to come.
    scratches: Mutex<Vec<Scratch>>,
}

impl Gateway {
    /// Does something for a message of this many bytes, with memory that was used before.
    fn with_scratch<T>(&self, bytes: usize, work: impl FnOnce(&mut Scratch) -> T) -> T {
        let scratches = || self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = scratches().pop().unwrap_or_default();
        let done = work(&mut scratch);
        if bytes > LARGE {
            scratch.shrink();
        }
        scratches().push(scratch);
        done
    }

    /// Whose a message is where nothing in it says so: the configuration's tenant, unless that is for messages to say.
    fn tenant_or<'a>(&'a self, said: &'a str) -> &'a str {
        match &self.tenant {
            Tenant::Fixed(name) if name != Tenant::DEFAULT || said.is_empty() => name,
            _ => said,
        }
    }

    /// Says that a message has to wait for something that this process lacks.
    fn waits(&self, why: &'static str) {
        metrics::error(Stage::Scrub);
        tracing::error!("{}: a message has to wait: {why}", self.file);
    }

    fn sums(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, tally: &Tally) {
        metrics::counted(tally);
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).add(tally);
    }

    /// Counts a message that may go out, and says so where something was found.
    fn judged(
        &self,
        seen: &dyn Fn() -> Seen,
        findings: &[u64; Kind::COUNT],
        edited: bool,
        bytes_in: usize,
        bytes_out: usize,
        overlooked: Option<&'static str>,
    ) {
        let found: u64 = findings.iter().sum();
        self.count(&Tally {
            records: 1,
            bytes_in: bytes_in as u64,
            bytes_out: bytes_out as u64,
            edited: u64::from(edited),
            findings: *findings,
            ..Tally::default()
        });
        if found == 0 && overlooked.is_none() {
            return;
        }
        let (file, seen) = (&self.file, seen());
        seen.count();
        match overlooked {
            Some(why) => tracing::warn!("{file}: dry run: a message would have been refused: {why}{seen}"),
            None => {
                let dry = if edited { "" } else { "dry run: " };
                tracing::info!(findings = found, "{file}: {dry}a message held PHI{seen}");
            }
        }
    }

    /// Counts a message that does not go out, and says why.
    fn refused(&self, seen: &Seen, why: &'static str, bytes_in: usize) {
        self.count(&Tally { records: 1, bytes_in: bytes_in as u64, dropped: 1, ..Tally::default() });
        seen.count();
        tracing::warn!("{}: a message was refused: {why}{seen}", self.file);
    }

    /// Puts a message into quarantine, if there is one. Returns when it is durable there.
    ///
    /// # Errors
    /// In a fixed phrase.
    fn keep(&self, scrubber: &Scrubber, why: &'static str, message: &[u8]) -> Result<(), &'static str> {
        let (Some(files), OnError::Quarantine(key)) = (&self.quarantine, &scrubber.settings().on_error)
        else {
            return Ok(());
        };
        let origin = Origin::Line(self.kept.fetch_add(1, Ordering::Relaxed) + 1);
        let kept = key.seal(&origin, why, Some(message), None, &[]).map_err(|e| e.to_string()).and_then(
            |envelope| {
                let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
                files.append(&envelope).and_then(|()| files.sync()).map_err(|e| e.to_string())
            },
        );
        match kept {
            Ok(()) => {
                self.count(&Tally { sealed: 1, ..Tally::default() });
                Ok(())
            }
            Err(e) => {
                metrics::error(Stage::Sink);
                tracing::error!("{}: {e}", self.file);
                Err("the quarantine cannot be written to")
            }
        }
    }
}

impl Observer for Gateway {
    fn message(&self, outcome: Outcome, _: usize) {
        metrics::message(self.channel, outcome.as_str());
    }
}
