//! Mail: the SMTP proxy and the milter, and what decides for both.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;

use super::tls::{client_config, server_config};
use super::{Gateway, Seen};
use crate::config::{MilterListen, MilterSource, RelayTls, SmtpSink, SmtpSource};
use crate::gateway::judge::{Judge, Verdict};
use crate::gateway::smtp::{self, ClientTls, Options, RelayAuth};
use crate::gateway::{Decision, milter};
use crate::secret::Sensitive;

/// Bytes of a mail that is soon decided on: even one of nothing but names, dates or markup takes some milliseconds only.
const QUICK: usize = 16 << 10;

/// How long a connection to the relay waits for the next client: each takes one of the places that the relay has.
const IDLE: Duration = Duration::from_secs(5);

/// Asks the policy.
pub(super) struct MailJudge(pub(super) Arc<Gateway>);

impl Judge for MailJudge {
    fn is_quick(&self, bytes: usize) -> bool {
        // Neither a vault nor a disk is waited for.
        bytes <= QUICK && self.0.quarantine.is_none() && self.0.scrubber.load().settings().keys.is_none()
    }

    fn judge(&self, message: Vec<u8>) -> Verdict {
        let gateway = &*self.0;
        let (scrubber, policy) = (gateway.scrubber.load(), gateway.policy.load());
        let decision =
            gateway.with_scratch(message.len(), |scratch| policy.mail.decide(&scrubber, &message, scratch));
        let seen = || Seen::of_mail(gateway, &scrubber, &policy, &message);
        match decision {
            Decision::Forward { mail, findings, keep, overlooked } => {
                if keep && let Err(why) = gateway.keep(&scrubber, "an attachment was taken out", &message) {
                    return Verdict::TryLater { text: why.to_owned() };
                }
                let sent = mail.as_ref().map_or(message.len(), Vec::len);
                gateway.judged(&seen, &findings, mail.is_some(), message.len(), sent, overlooked);
                Verdict::Forward(mail.unwrap_or(message))
            }
            Decision::TryLater(why) => {
                gateway.waits(why);
                Verdict::TryLater { text: why.to_owned() }
            }
            Decision::Refuse(why) => {
                // Its sender has it back all the same: a copy that cannot be kept changes nothing.
                let _ = gateway.keep(&scrubber, why, &message);
                gateway.refused(&seen(), why, message.len());
                Verdict::Refuse { code: "5.7.1", text: format!("refused: {why}") }
            }
        }
    }
}

/// The SMTP proxy's options.
pub(super) fn smtp_options(source: &SmtpSource, sink: &SmtpSink, threads: usize) -> Result<Options, String> {
    let hostname = source.hostname.clone().unwrap_or_else(|| "scrubjay.localdomain".to_owned());
    let mut options = Options::new(&*sink.relay, hostname);
    if let Some((certificate, key)) = &source.tls {
        options.client_tls =
            Some(ClientTls { config: server_config(certificate, key, None)?, implicit: source.implicit_tls });
    }
    let name = || {
        let host = sink.relay.rsplit_once(':').map_or(&*sink.relay, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        ServerName::try_from(host).map_err(|_| "the relay's name is no host name".to_owned())
    };
    options.relay_tls = match sink.tls {
        RelayTls::None => smtp::RelayTls::None,
        RelayTls::StartTls => {
            smtp::RelayTls::StartTls(client_config(sink.ca_file.as_deref(), None)?, name()?)
        }
        RelayTls::Implicit => {
            smtp::RelayTls::Implicit(client_config(sink.ca_file.as_deref(), None)?, name()?)
        }
    };
    if let Some((user, password)) = &sink.auth {
        let password = password.read().map_err(|e| e.to_string())?;
        let password = Arc::new(Sensitive::new(password.expose().to_vec()));
        options.relay_auth = Some(RelayAuth { user: user.clone(), password });
    }
    options.max_message_bytes = source.max_message_bytes.unwrap_or(options.max_message_bytes);
    options.memory_budget = source.memory_bytes.unwrap_or(options.memory_budget);
    options.max_sessions = source.max_sessions.unwrap_or(options.max_sessions);
    options.max_judgements = threads;
    options.timeouts.relay_idle = sink.idle.unwrap_or(IDLE);
    Ok(options)
}

/// Where the milter listens.
pub(super) fn milter_place(source: &MilterSource) -> milter::Listen {
    match &source.listen {
        MilterListen::Tcp(address) => milter::Listen::Tcp(*address),
        MilterListen::Unix { path, mode } => milter::Listen::Unix { path: path.clone(), mode: *mode },
    }
}

/// The milter's options.
pub(super) fn milter_options(source: &MilterSource, threads: usize) -> milter::Options {
    let mut options = milter::Options::default();
    options.max_message_bytes = source.max_message_bytes.unwrap_or(options.max_message_bytes);
    options.memory_budget = source.memory_bytes.unwrap_or(options.memory_budget);
    options.max_connections = source.max_connections.unwrap_or(options.max_connections);
    options.max_judgements = threads;
    options
}
