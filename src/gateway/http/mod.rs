//! A reverse proxy in front of the HTTP API of a provider of SMS, mail or push, that shows each request to a [`Hook`]
//! before the provider gets it.
//!
//! ```text
//! client --request, whole--> proxy                     read into memory that is accounted for
//!                            proxy --> hook            on a thread of its own
//!                            proxy --request--> upstream        in the form the hook gave it, or not at all
//! client <---------------- proxy <---- reply ---- upstream      passed through as it comes
//! ```
//!
//! There is one upstream, and the client has no say in which: of what it asks for, only path and query go on. A request is
//! read to its end before anything of it goes out, and goes out with a length of our own making, so that there is nothing
//! in how it was framed for the upstream to read differently (request smuggling). Fields that are between two hops end
//! here (RFC 9110, 7.6.1), and so do trailers of requests; no `Via` and no `X-Forwarded-For` is added, as the provider is
//! nobody to tell about hosts in here.
//!
//! When in doubt the client is told to come back, and nothing goes out. What went out is not sent again unless that is
//! safe: see [`Options::retries`].
//!
//! What a client or the upstream says goes to the other and nowhere else: errors and log lines have statuses, sizes and
//! times, but no path, no header and no text.
//!
//! Not done: `CONNECT`, `Upgrade` and WebSocket, trailers of requests, and interim replies (1xx) of the upstream, which
//! are dropped.

mod activity;
mod body;
mod budget;
mod connection;
mod connector;
mod exchange;
mod fields;
mod keys;
mod receive;
mod refusal;
#[cfg(test)]
mod tests;
mod tls;
mod upstream;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, Method, Response, Uri};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use self::budget::Budget;
use self::keys::Keys;
use self::upstream::Sender;
use super::judge::{Observer, Outcome};
use super::serve::{self, Serving, stopped};
use crate::secret::Sensitive;

pub use self::tls::server_config;
pub use self::upstream::{Protocol, Upstream, UpstreamError};

/// A request, whole: as it came, but for what is between the client and this proxy.
///
/// `Host`, `Content-Length`, the API key and the fields between two hops are not in [`Asked::headers`]; what a hook puts
/// there of these is taken out again. There is no dot segment in the path, but else it is as the client wrote it, percent
/// signs and double slashes included: what a hook does not know for sure, it must not let pass.
pub struct Asked {
    /// One of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS.
    pub method: Method,
    /// Path and query; what else there is to a URI plays no part.
    pub uri: Uri,
    /// The fields of the header section.
    pub headers: HeaderMap,
    /// The body as it came: where there is a `Content-Encoding`, it has not been undone.
    pub body: Vec<u8>,
}

/// Only sizes: a request is not for showing.
impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Asked({} fields, {} bytes)", self.headers.len(), self.body.len())
    }
}

/// Decides on requests.
///
/// It is called on a blocking thread of the runtime, for several requests at once, and may take as long as it needs: after
/// a time the client is told to come back, while the hook runs on, its memory accounted for, and its answer is dropped. A
/// panic is an [`Answer::TryLater`].
pub trait Hook: Send + Sync + 'static {
    /// Decides on a request. Fields that are made from the body (`Content-MD5`, `Content-Digest`, `Signature`) are the hook's
    /// to make anew or take out where it changes the body; the length is not.
    fn decide(&self, asked: Asked) -> Answer;
}

/// What becomes of a request.
pub enum Answer {
    /// It goes to the upstream, in this form.
    Forward(Asked),
    /// The client gets this, and nothing goes out. It must not repeat what it refuses.
    Reply(Response<Vec<u8>>),
    /// It cannot be decided on now: 503, and the client will come back. What it is told must repeat nothing of the request.
    TryLater(&'static str),
}

/// Only what was decided.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Forward(asked) => write!(f, "Forward({} bytes)", asked.body.len()),
            Answer::Reply(reply) => write!(f, "Reply({})", reply.status().as_u16()),
            Answer::TryLater(_) => f.write_str("TryLater"),
        }
    }
}

/// How the proxy is set up.
#[derive(Clone)]
pub struct Options {
    /// TLS for clients, with ALPN set here; `None` is clear text. [`server_config`] makes one.
    pub client_tls: Option<Arc<rustls::ServerConfig>>,
    /// Who has one of these may ask; with none, who can connect may.
    pub api_keys: Arc<[Sensitive<Vec<u8>>]>,
    /// The field they come in, which goes no further.
    pub api_key_header: HeaderName,
    /// Where requests go.
    pub upstream: Upstream,
    /// The longest body of a request.
    pub max_body_bytes: usize,
    /// The longest header section, of a request and of a reply; 8 KiB at least.
    pub max_header_bytes: usize,
    /// What the bodies of all requests may take together, as they came: what a hook needs on top, to take one apart and
    /// write it anew, is not in it.
    pub memory_budget: usize,
    /// Connections at a time; further ones are closed.
    pub max_connections: usize,
    /// Requests at a time, over all connections, from header section to the end of the reply; further ones are told 503.
    pub max_requests: usize,
    /// Requests decided on at a time, each on a blocking thread of the runtime.
    pub max_judgements: usize,
    /// How often a request is sent again. That is done where nothing of it can have been taken for a request: the connection
    /// could not be opened, was closed before it was written to, or the upstream says so (RFC 9113, 8.7); or
    /// where it can do no harm: the method is idempotent (RFC 9110, 9.2.2), or the request has one of
    /// [`Options::idempotency_headers`].
    pub retries: u32,
    /// Fields by which the provider knows a request that it has seen before.
    pub idempotency_headers: Vec<HeaderName>,
    /// What a client that is to come back is told in `Retry-After`, in seconds.
    pub retry_after_seconds: u32,
    /// How long each step may take.
    pub timeouts: Timeouts,
    /// Told what happens.
    pub observer: Arc<dyn Observer>,
}

/// How long each step may take.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// A client's TLS handshake.
    pub handshake: Duration,
    /// A client's next header section, with the wait for it to begin: also how long an idle connection is kept.
    pub header: Duration,
    /// A client's next piece of a body, and its taking of a piece of the reply.
    pub client: Duration,
    /// A whole body of a client, which otherwise could come a byte a minute and hold its memory for days.
    pub body: Duration,
    /// A decision, with the wait for its turn.
    pub judge: Duration,
    /// Connecting to the upstream, with name resolution and TLS handshake.
    pub connect: Duration,
    /// From a decision to the header section of the upstream's reply: with the sending of the body, and all retries.
    pub response: Duration,
    /// The upstream's next piece of a reply.
    pub response_piece: Duration,
    /// How long a connection to the upstream is kept that nothing is asked on. It should be less than the upstream's own time,
    /// as a request that crosses the closing of its connection is lost.
    pub upstream_idle: Duration,
    /// How long running requests may take to end after a stop.
    pub stop: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        let seconds = Duration::from_secs;
        Timeouts {
            handshake: seconds(10),
            header: seconds(60),
            client: seconds(30),
            body: seconds(300),
            judge: seconds(30),
            connect: seconds(10),
            response: seconds(60),
            response_piece: seconds(60),
            upstream_idle: seconds(20),
            stop: seconds(30),
        }
    }
}

impl Options {
    /// Clear text to `upstream`, with every limit at its default.
    pub fn new(upstream: Upstream) -> Options {
        Options {
            client_tls: None,
            api_keys: Arc::new([]),
            api_key_header: HeaderName::from_static("x-api-key"),
            upstream,
            max_body_bytes: 32 << 20,
            max_header_bytes: 64 << 10,
            memory_budget: 512 << 20,
            max_connections: 1_000,
            max_requests: 1_000,
            max_judgements: std::thread::available_parallelism().map_or(1, usize::from),
            retries: 1,
            idempotency_headers: vec![HeaderName::from_static("idempotency-key")],
            retry_after_seconds: 10,
            timeouts: Timeouts::default(),
            observer: Arc::new(()),
        }
    }
}

/// What all connections share.
struct Shared {
    options: Options,
    keys: Keys,
    hook: Arc<dyn Hook>,
    budget: Budget,
    judgements: Arc<Semaphore>,
    requests: Arc<Semaphore>,
    sender: Sender,
}

impl Shared {
    fn new(options: Options, hook: Arc<dyn Hook>, budget: Budget) -> Shared {
        let permits = |n: usize| Arc::new(Semaphore::new(n.clamp(1, Semaphore::MAX_PERMITS)));
        Shared {
            keys: Keys::new(&options.api_keys, options.api_key_header.clone()),
            hook,
            budget,
            judgements: permits(options.max_judgements),
            requests: permits(options.max_requests),
            sender: Sender::new(&options),
            options,
        }
    }
}

/// Serves clients until `stop` is true or its sender is gone. Idle connections are closed then; running
/// requests may end, for up to [`Timeouts::stop`].
pub async fn serve_on(
    listener: TcpListener,
    options: Options,
    hook: Arc<dyn Hook>,
    stop: watch::Receiver<bool>,
) {
    let budget = Budget::new(options.memory_budget);
    serve_within(listener, options, hook, stop, budget).await;
}

async fn serve_within(
    listener: TcpListener,
    options: Options,
    hook: Arc<dyn Hook>,
    stop: watch::Receiver<bool>,
    budget: Budget,
) {
    let tls = options.client_tls.as_ref().map(tls::acceptor);
    let shared = Arc::new(Shared::new(options, hook, budget));
    let serving = Serving {
        protocol: "HTTP",
        most: shared.options.max_connections,
        patience: shared.options.timeouts.stop,
        broken_off: "its client has no answer",
        runtimes: Vec::new(),
    };
    let session = |client, _| connection::run(Arc::clone(&shared), client, tls.clone(), stop.clone());
    let accept = async move || Ok(listener.accept().await?.0);
    serve::clients(serving, stop.clone(), accept, session, drop).await;
}
