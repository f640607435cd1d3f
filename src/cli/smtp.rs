//! Pipelines whose source is mail: the SMTP proxy on a thread of its own.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use crate::config::{Pipeline, RelayTls, SinkConfig, SmtpSink, SmtpSource, SourceConfig};
use crate::gateway::smtp::{self, ClientTls, Judge, Observer, Options, Outcome, RelayAuth, Verdict};
use crate::gateway::{Decision, MailPolicy};
use crate::health::Light;
use crate::reason::unreadable;
use crate::scrubber::{Scratch, Scrubber, Tally};

/// How often the stop flag is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// What a judgement that goes on may take when all else has ended.
const LAST: Duration = Duration::from_secs(5);

/// Serves until `stop`; the sums of what went through.
pub(super) fn serve(
    pipeline: &Pipeline,
    scrubber: Arc<ArcSwap<Scrubber>>,
    threads: usize,
    stop: &AtomicBool,
    light: &Light,
) -> Result<Tally, String> {
    let (SourceConfig::Smtp(source), SinkConfig::Smtp(sink)) = (&pipeline.source, &pipeline.sink) else {
        return Err("source and sink do not fit".to_owned());
    };
    let counts = Arc::new(Counts::default());
    let options = options(source, sink, threads, counts.clone())?;
    let judge = MailJudge {
        scrubber,
        policy: pipeline.mail.clone(),
        scratches: Mutex::default(),
        file: pipeline.file.display().to_string(),
        counts: counts.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start: {}", unreadable(&e)))?;
    let served = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(source.listen)
            .await
            .map_err(|e| format!("cannot listen on {}: {}", source.listen, unreadable(&e)))?;
        light.ready();
        tracing::info!("{}: mail is taken on {}", pipeline.file.display(), source.listen);
        let (tell, told) = tokio::sync::watch::channel(false);
        let watch = async {
            while !stop.load(Ordering::Relaxed) {
                tokio::time::sleep(LOOK).await;
            }
            let _ = tell.send(true);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = smtp::serve_on(listener, options, Arc::new(judge), told) => Ok(()),
            () = watch => Ok(()),
        }
    });
    runtime.shutdown_timeout(LAST);
    served.map(|()| counts.tally())
}

/// Sums.
#[derive(Default)]
struct Counts {
    messages: AtomicU64,
    bytes_in: AtomicU64,
    edited: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    fn tally(&self) -> Tally {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Tally {
            records: of(&self.messages),
            bytes_in: of(&self.bytes_in),
            edited: of(&self.edited),
            dropped: of(&self.dropped),
            ..Tally::default()
        }
    }
}

impl Observer for Counts {
    fn message(&self, outcome: Outcome, bytes: usize) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
        if outcome != Outcome::Forwarded {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Asks the policy.
struct MailJudge {
    scrubber: Arc<ArcSwap<Scrubber>>,
    policy: MailPolicy,
    /// Memory of judgements that have ended, for those to come.
    scratches: Mutex<Vec<Scratch>>,
    file: String,
    counts: Arc<Counts>,
}

impl Judge for MailJudge {
    fn judge(&self, message: Vec<u8>) -> Verdict {
        let scratches = || self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = scratches().pop().unwrap_or_default();
        let decision = self.policy.decide(&self.scrubber.load(), message, &mut scratch);
        scratches().push(scratch);
        match decision {
            Decision::Forward { mail, findings, overlooked } => {
                let found: u64 = findings.iter().sum();
                self.counts.edited.fetch_add(u64::from(found > 0 && !self.policy.dry_run), Ordering::Relaxed);
                if let Some(why) = overlooked {
                    tracing::warn!("{}: dry run: a mail would have been refused: {why}", self.file);
                } else if found > 0 {
                    let dry = if self.policy.dry_run { "dry run: " } else { "" };
                    tracing::info!(findings = found, "{}: {dry}a mail held PHI", self.file);
                }
                Verdict::Forward(mail)
            }
            Decision::Refuse(why) => {
                tracing::warn!("{}: a mail was refused: {why}", self.file);
                Verdict::Refuse { code: "5.7.1", text: format!("refused: {why}") }
            }
            Decision::TryLater(why) => Verdict::TryLater { text: why.to_owned() },
        }
    }
}

fn options(
    source: &SmtpSource,
    sink: &SmtpSink,
    threads: usize,
    counts: Arc<Counts>,
) -> Result<Options, String> {
    let hostname = source.hostname.clone().unwrap_or_else(|| "scrubjay.localdomain".to_owned());
    let mut options = Options::new(source.listen, &*sink.relay, hostname);
    if let Some((certificate, key)) = &source.tls {
        options.client_tls =
            Some(ClientTls { config: server_config(certificate, key)?, implicit: source.implicit_tls });
    }
    let name = || {
        let host = sink.relay.rsplit_once(':').map_or(&*sink.relay, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        ServerName::try_from(host).map_err(|_| "the relay's name is no host name".to_owned())
    };
    options.relay_tls = match sink.tls {
        RelayTls::None => smtp::RelayTls::None,
        RelayTls::StartTls => smtp::RelayTls::StartTls(client_config(sink.ca_file.as_deref())?, name()?),
        RelayTls::Implicit => smtp::RelayTls::Implicit(client_config(sink.ca_file.as_deref())?, name()?),
    };
    if let Some((user, password)) = &sink.auth {
        let password = password.read().map_err(|e| e.to_string())?;
        // An editor puts a line end behind it.
        let password = password.expose().trim_ascii_end().to_vec();
        options.relay_auth = Some(RelayAuth { user: user.clone(), password });
    }
    options.max_message_bytes = source.max_message_bytes.unwrap_or(options.max_message_bytes);
    options.memory_budget = source.memory_bytes.unwrap_or(options.memory_budget);
    options.max_sessions = source.max_sessions.unwrap_or(options.max_sessions);
    options.max_judgements = threads;
    options.observer = counts;
    Ok(options)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn server_config(certificate: &Path, key: &Path) -> Result<Arc<rustls::ServerConfig>, String> {
    let unusable = |path: &Path, what: &str| format!("{} {what}", path.display());
    let read = |path: &Path| {
        fs::read(path).map_err(|e| format!("cannot read {}: {}", path.display(), unreadable(&e)))
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<_, _>>()
        .map_err(|_| unusable(certificate, "holds no certificate in PEM"))?;
    let key_der = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|_| unusable(key, "holds no private key in PEM"))?;
    let config = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .map_err(|_| unusable(key, "is not the key of the certificate"))?;
    Ok(Arc::new(config))
}

fn client_config(ca_file: Option<&Path>) -> Result<Arc<rustls::ClientConfig>, String> {
    let mut roots = rustls::RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let pem =
                fs::read(path).map_err(|e| format!("cannot read {}: {}", path.display(), unreadable(&e)))?;
            let found = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
            let (added, _) = roots.add_parsable_certificates(found.unwrap_or_default());
            if added == 0 {
                return Err(format!("{} holds no certificate in PEM", path.display()));
            }
        }
        None => {
            let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if added == 0 {
                return Err("the system trusts no certificate authority; name one with ca_file".to_owned());
            }
        }
    }
    let config = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
