//! A proxy between an SMTP client and its relay that shows each message to a [`Judge`] before the relay gets it.
//!
//! ```text
//! client --EHLO, MAIL, RCPT--> proxy --the same--> relay      the relay's replies go back word for word
//! client --DATA, message-----> proxy                          354 is ours; the message is read to its end
//!                              proxy --> judge                on a thread of its own
//!                              proxy --DATA, message-> relay  or RSET, and 550 or 451 to the client
//! ```
//!
//! It takes no responsibility for a message (RFC 5321, 6.1): it acknowledges nothing that the relay has not
//! acknowledged, keeps nothing on disk, and adds no trace header. When in doubt it answers 451 or 421, and the client
//! keeps the mail and comes back. In doubt is what lies between the last dot and the relay's reply to it (RFC 1047):
//! the relay may have the message then, and may get it twice, but it is never lost.
//!
//! The relay sees this proxy's address in place of the client's, unless the client sends XFORWARD: who may connect is
//! for the address that is listened on and the firewall to say, as the relay may take mail from this host that it would not take
//! from others.
//!
//! A message is delivered only to be acknowledged: a client that has closed, or that has waited for so long that it may
//! have, comes again with its message, which therefore is not passed on. For this a client that closes its own side
//! alone, and then reads on, counts as gone too: it is told 451.
//!
//! What a client or relay says goes to the other and nowhere else: errors and log lines have reply codes, sizes and
//! steps, but no address, no header and no reply's text.

mod command;
mod data;
mod ehlo;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod idle;
mod judging;
mod line;
mod message;
mod relay;
mod reply;
mod session;
#[cfg(test)]
mod tests;
mod wire;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::Instrument;

use self::idle::Idle;
use self::judging::Judgements;
use super::budget::Budget;
pub use super::judge::{Judge, Observer, Outcome, Verdict};
use super::serve::{self, Serving, stopped};
use crate::secret::Sensitive;

/// How the proxy is set up.
#[derive(Clone)]
pub struct Options {
    /// TLS for clients; `None` is clear text.
    pub client_tls: Option<ClientTls>,
    /// The relay, `host:port`.
    pub relay: String,
    /// TLS to the relay.
    pub relay_tls: RelayTls,
    /// Credentials at the relay. With them clients are not offered AUTH; without, AUTH goes through to the relay.
    pub relay_auth: Option<RelayAuth>,
    /// The name in our greeting and in our EHLO.
    pub hostname: String,
    /// The longest message. The relay's own limit counts too.
    pub max_message_bytes: usize,
    /// Bytes that all messages being received, judged and delivered may take together, as they came. What a judge needs
    /// on top is in [`Options::judge_memory`]; besides, a session takes up to half a MiB of buffers.
    pub memory_budget: usize,
    /// Bytes that all judgements may take together, on top of the messages: to take one apart and write it anew, a judge
    /// may need 48 times its length where the mail was made to be costly, and 1 MiB is counted at least. So large
    /// messages are judged fewer at a time than [`Options::max_judgements`]; one that would need more than there is, is
    /// judged alone, so this is a limit only for messages of up to a 48th of it.
    pub judge_memory: usize,
    /// Sessions at a time; further ones are told 421.
    pub max_sessions: usize,
    /// Messages judged at a time.
    pub max_judgements: usize,
    /// Runtimes of a thread each for sessions, beside that of the caller: a session runs on one of them from its first byte
    /// to its last, on the next where those before it have several.
    pub runtimes: Vec<Handle>,
    /// How long each step may take.
    pub timeouts: Timeouts,
    /// Told what happens.
    pub observer: Arc<dyn Observer>,
}

/// TLS for clients.
#[derive(Clone)]
pub struct ClientTls {
    /// Certificate and key.
    pub config: Arc<rustls::ServerConfig>,
    /// TLS from the first byte (RFC 8314, 3.3) rather than by STARTTLS.
    pub implicit: bool,
}

/// TLS to the relay. It is never fallen back from: a relay that does not do it is a relay that is down.
#[derive(Clone)]
pub enum RelayTls {
    /// Clear text.
    None,
    /// By STARTTLS (RFC 3207).
    StartTls(Arc<rustls::ClientConfig>, ServerName<'static>),
    /// From the first byte (RFC 8314, 3.3).
    Implicit(Arc<rustls::ClientConfig>, ServerName<'static>),
}

/// Credentials at the relay, for AUTH PLAIN or LOGIN.
#[derive(Clone)]
pub struct RelayAuth {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Arc<Sensitive<Vec<u8>>>,
}

impl fmt::Debug for RelayAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RelayAuth")
    }
}

/// How long each step may take; the defaults are those of RFC 5321, 4.5.3.2, or longer where it sets none.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// Connecting to the relay, and each TLS handshake.
    pub connect: Duration,
    /// The relay's greeting.
    pub greeting: Duration,
    /// The relay's reply to a command.
    pub command: Duration,
    /// The relay's reply to DATA.
    pub data_start: Duration,
    /// Writing a piece of a message to the relay, or a reply to the client.
    pub data_block: Duration,
    /// The relay's reply to the last dot.
    pub data_end: Duration,
    /// The client's next command, or its next piece of a message.
    pub client: Duration,
    /// A whole message of the client, which otherwise could come a byte a minute and hold its memory for days.
    pub message: Duration,
    /// A judgement, with the wait for its turn.
    pub judge: Duration,
    /// From the client's last dot to ours: the judgement, DATA and the message together. A client that waits for its reply
    /// need not do so for longer than 10 minutes (RFC 5321, 4.5.3.2.6), and comes again then; a message delivered later
    /// would be there twice. After this time the client is told 451 and the relay is told no end. It ends when the last
    /// dot is sent, so the relay's reply to that ([`Timeouts::data_end`]) comes on top.
    pub reply: Duration,
    /// How often the relay gets a NOOP while it waits for a message to be received and judged.
    pub keep_alive: Duration,
    /// How long a connection to the relay waits for another session to take it over; nothing, and each session has one
    /// of its own from beginning to end.
    pub relay_idle: Duration,
    /// How long running transactions may take to end after a stop.
    pub stop: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Timeouts {
            connect: Duration::from_secs(30),
            greeting: minutes(5),
            command: minutes(5),
            data_start: minutes(2),
            data_block: minutes(3),
            data_end: minutes(10),
            client: minutes(5),
            message: minutes(30),
            judge: minutes(5),
            reply: minutes(10),
            keep_alive: minutes(1),
            relay_idle: Duration::ZERO,
            stop: Duration::from_secs(30),
        }
    }
}

impl Options {
    /// Clear text to `relay`, with every limit at its default.
    pub fn new(relay: impl Into<String>, hostname: impl Into<String>) -> Options {
        Options {
            client_tls: None,
            relay: relay.into(),
            relay_tls: RelayTls::None,
            relay_auth: None,
            hostname: hostname.into(),
            max_message_bytes: 50 << 20,
            memory_budget: 512 << 20,
            judge_memory: 2 << 30,
            max_sessions: 200,
            max_judgements: std::thread::available_parallelism().map_or(1, usize::from),
            runtimes: Vec::new(),
            timeouts: Timeouts::default(),
            observer: Arc::new(()),
        }
    }
}

/// What all sessions share.
struct Shared {
    options: Options,
    judge: Arc<dyn Judge>,
    budget: Arc<Budget>,
    judgements: Judgements,
    idle: Arc<Idle>,
}

impl Shared {
    fn new(options: Options, judge: Arc<dyn Judge>) -> Arc<Shared> {
        let (budget, judgements) = (Budget::new(options.memory_budget), Judgements::new(&options));
        let idle = Idle::new(options.timeouts.relay_idle);
        Arc::new(Shared { options, judge, budget, judgements, idle })
    }
}

/// Serves clients until `stop` is true or its sender is gone. Sessions without a transaction are told 421
/// then; the others may end theirs, for up to [`Timeouts::stop`].
pub async fn serve_on(
    listener: TcpListener,
    options: Options,
    judge: Arc<dyn Judge>,
    stop: watch::Receiver<bool>,
) {
    serve_within(listener, Shared::new(options, judge), stop).await;
}

async fn serve_within(listener: TcpListener, shared: Arc<Shared>, stop: watch::Receiver<bool>) {
    // Sessions are counted on from anywhere, so that log lines of one can be told from those of another, here and in
    // other processes.
    let mut number = RandomState::new().hash_one(()) as u32;
    let serving = Serving {
        protocol: "SMTP",
        most: shared.options.max_sessions,
        patience: shared.options.timeouts.stop,
        broken_off: "its client keeps the mail",
        runtimes: shared.options.runtimes.clone(),
    };
    let session = |client: TcpStream, moves: bool| {
        number = number.wrapping_add(1);
        // At the level of errors, so that no filter that lets a line through drops its number.
        let span = tracing::error_span!("smtp", session = number);
        let (shared, stop) = (Arc::clone(&shared), stop.clone());
        // It is to be known to the runtime that the session runs on, and no longer to that which has accepted it.
        let client = if moves { client.into_std().map(Err) } else { Ok(Ok(client)) };
        let session = async move {
            match client.and_then(|client| client.or_else(TcpStream::from_std)) {
                // On its way to its runtime a future is moved several times, and this one has some ten thousand bytes.
                Ok(client) => Box::pin(session::run(shared, client, stop)).await,
                Err(error) => tracing::warn!("SMTP: a connection cannot be served: {}", error.kind()),
            }
        };
        session.instrument(span)
    };
    let accept = async move || Ok(listener.accept().await?.0);
    serve::clients(serving, stop.clone(), accept, session, |client| turn_away(client, &shared.options)).await;
    shared.idle.close().await;
}

/// Says 421 without waiting for it to be sent: the buffer of a new connection is empty, and a flood of clients must not
/// become a flood of tasks. Where TLS comes first, nothing can be said.
fn turn_away(client: TcpStream, options: &Options) {
    if options.client_tls.as_ref().is_some_and(|tls| tls.implicit) {
        return;
    }
    if let Ok(mut client) = client.into_std() {
        let text = format!("421 4.3.2 {} has too many sessions; try again later\r\n", options.hostname);
        let _ = io::Write::write(&mut client, text.as_bytes());
    }
}
