//! A client's connection: TLS, the protocol's version, and how long it is kept.

use std::convert::Infallible;
use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Duration, Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

use super::activity::{Activity, Look};
use super::wire::Patient;
use super::{Observer, Shared, exchange, stopped};

/// HTTP/2: requests at a time on a connection, and how much of a body may come before it is asked for, on a stream and on
/// the connection, bytes. What has come is taken at once, so this is not in the budget.
const MAX_STREAMS: u32 = 100;
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// What the library below asks for at least, for the header section of HTTP/1.1.
const MIN_HEADER_BYTES: usize = 8 << 10;
/// How long an idle client may take to take leave.
const LEAVE: Duration = Duration::from_secs(1);

/// Tells the observer that a client is there, and that it is gone.
struct Session(Arc<dyn Observer>);

impl Session {
    fn open(observer: &Arc<dyn Observer>) -> Session {
        observer.session_opened();
        Session(Arc::clone(observer))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.0.session_closed();
    }
}

/// Serves a client until it goes, has been idle for too long, or the proxy stops.
pub(super) async fn run(
    shared: Arc<Shared>,
    client: TcpStream,
    tls: Option<TlsAcceptor>,
    mut stop: watch::Receiver<bool>,
) {
    let _session = Session::open(&shared.options.observer);
    // Where it does not do, replies are slower.
    let _ = client.set_nodelay(true);
    let client = Patient::new(client, shared.options.timeouts.client);
    let builder = builder(&shared);
    let Some(tls) = tls else { return serve(shared, builder, client, stop).await };
    let handshake = timeout(shared.options.timeouts.handshake, tls.accept(client));
    let handshake = tokio::select! {
        handshake = handshake => handshake,
        () = stopped(&mut stop) => return,
    };
    let client = match handshake {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => return tracing::debug!("HTTP: a TLS handshake failed: {}", error.kind()),
        Err(_) => return tracing::debug!("HTTP: a TLS handshake took too long"),
    };
    let is_h2 = client.get_ref().1.alpn_protocol() == Some(b"h2");
    let builder = if is_h2 { builder.http2_only() } else { builder.http1_only() };
    serve(shared, builder, client, stop).await;
}

type Builder = auto::Builder<TokioExecutor>;

fn builder(shared: &Shared) -> Builder {
    let options = &shared.options;
    let max_header = options.max_header_bytes.max(MIN_HEADER_BYTES);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(options.timeouts.header)
        .max_buf_size(max_header)
        // Names of fields reach the client as the upstream has written them.
        .preserve_header_case(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(max_header).unwrap_or(u32::MAX));
    builder
}

async fn serve(
    shared: Arc<Shared>,
    builder: Builder,
    client: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    mut stop: watch::Receiver<bool>,
) {
    let activity = Activity::new();
    let service = service_fn(|request: Request<Incoming>| {
        let (shared, busy) = (Arc::clone(&shared), activity.begin());
        async move { Ok::<_, Infallible>(exchange::answer(shared, request, busy).await) }
    });
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(client), service));
    let timeouts = &shared.options.timeouts;
    let (mut stopping, mut leave_by) = (false, None);
    loop {
        let next = match (activity.look(timeouts.header, timeouts.client), leave_by) {
            (Look::Again(next), _) => next,
            (Look::Idle, None) => {
                connection.as_mut().graceful_shutdown();
                *leave_by.insert(Instant::now() + LEAVE)
            }
            // A request may have crossed our leave-taking; it is served.
            (Look::Idle, Some(leave_by)) if Instant::now() < leave_by => leave_by,
            (Look::Idle, Some(_)) => return,
            (Look::Stuck, _) => {
                tracing::warn!("HTTP: a client did not take its reply");
                return;
            }
        };
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if ended.is_err() {
                    tracing::debug!("HTTP: a connection was broken off");
                }
                return;
            }
            () = stopped(&mut stop), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = sleep_until(next) => {}
        }
    }
}
