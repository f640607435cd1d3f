//! The upstream: where it is, and how requests get there, and when they are sent again.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::time::{Instant, sleep, timeout_at};

use super::Options;
use super::connector::Connector;
use super::fields;
use super::refusal::{self, Refusal};

/// Idle connections that are kept.
const MAX_IDLE: usize = 64;
/// How often a running connection of HTTP/2 is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);
/// What the library below asks for at least, for the header section of HTTP/1.1.
const MIN_HEADER_BYTES: usize = 8 << 10;
/// How long the upstream is left alone before a request is sent again.
const PAUSE: Duration = Duration::from_millis(100);

/// The provider's API: whatever a client asks for, it is asked here.
#[derive(Clone)]
pub struct Upstream {
    /// Scheme and authority, with the path `/`.
    uri: Uri,
    authority: Authority,
    scheme: Scheme,
    /// What is put before each path: empty, or from a slash on, and without one at its end.
    base_path: String,
    tls: Option<(Arc<rustls::ClientConfig>, ServerName<'static>)>,
    protocol: Protocol,
}

/// Which HTTP the upstream is spoken to in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// What it chooses, under TLS; HTTP/1.1 in clear text.
    #[default]
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, without which it counts as down; in clear text, it is taken for granted (RFC 9113, 3.3).
    Http2,
}

/// Why an address cannot be an upstream's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// It is no URL with `http` or `https`, a host, and a path without dot segments.
    #[error("it is not an address like https://api.example.com/v1")]
    NotAUrl,
    /// It has a user, a query or a fragment.
    #[error("it has more to it than scheme, host, port and path")]
    TooMuch,
    /// It begins with `https`, and there is no configuration for TLS; or the other way round.
    #[error("it is https without TLS, or http with it")]
    Tls,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upstream({}{}, {:?})", self.uri, self.base_path, self.protocol)
    }
}

impl Upstream {
    /// The upstream at `url`, such as `https://api.twilio.com` or `https://gateway.example/twilio`, whose path is put before
    /// those of requests. `tls` is whom to trust and, where the upstream asks for it, our certificate; ALPN is set here.
    pub fn new(
        url: &str,
        tls: Option<Arc<rustls::ClientConfig>>,
        protocol: Protocol,
    ) -> Result<Upstream, UpstreamError> {
        if url.contains(['?', '#', '@']) {
            return Err(UpstreamError::TooMuch);
        }
        let uri: Uri = url.parse().map_err(|_| UpstreamError::NotAUrl)?;
        let base_path =
            fields::target(&uri).ok_or(UpstreamError::NotAUrl)?.path().trim_end_matches('/').to_owned();
        let (Some(scheme), Some(authority)) = (uri.scheme().cloned(), uri.authority().cloned()) else {
            return Err(UpstreamError::NotAUrl);
        };
        let tls = match (scheme == Scheme::HTTPS, tls) {
            (true, Some(config)) => {
                let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
                Some((config, ServerName::try_from(host).map_err(|_| UpstreamError::NotAUrl)?))
            }
            (false, None) if scheme == Scheme::HTTP => None,
            (false, _) if scheme != Scheme::HTTP => return Err(UpstreamError::NotAUrl),
            _ => return Err(UpstreamError::Tls),
        };
        let uri =
            Uri::builder().scheme(scheme.clone()).authority(authority.clone()).path_and_query("/").build();
        let uri = uri.map_err(|_| UpstreamError::NotAUrl)?;
        Ok(Upstream { uri, authority, scheme, base_path, tls, protocol })
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(super) fn tls(&self) -> Option<&(Arc<rustls::ClientConfig>, ServerName<'static>)> {
        self.tls.as_ref()
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Where a request for `target` goes.
    fn locate(&self, target: &PathAndQuery) -> Option<Uri> {
        let uri = Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone());
        let uri = match self.base_path.as_str() {
            "" => uri.path_and_query(target.clone()),
            base => uri.path_and_query(format!("{base}{target}")),
        };
        uri.build().ok()
    }
}

/// Sends requests, over connections that are kept.
pub(super) struct Sender {
    client: Client<Connector, Full<Bytes>>,
    upstream: Upstream,
    idempotency_headers: Vec<HeaderName>,
    retries: u32,
    patience: Duration,
}

impl Sender {
    pub(super) fn new(options: &Options) -> Sender {
        let upstream = options.upstream.clone();
        let max_header = options.max_header_bytes.max(MIN_HEADER_BYTES);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(options.timeouts.upstream_idle)
            .pool_max_idle_per_host(MAX_IDLE)
            // That is for requests of which not a byte was written, because their connection was closed while idle.
            .retry_canceled_requests(true)
            .http2_only(upstream.protocol == Protocol::Http2)
            .http2_keep_alive_interval(PING)
            .http2_max_header_list_size(u32::try_from(max_header).unwrap_or(u32::MAX))
            .http1_max_buf_size(max_header)
            .http1_preserve_header_case(true)
            .build(Connector::new(&upstream, options.timeouts.connect));
        Sender {
            client,
            upstream,
            idempotency_headers: options.idempotency_headers.clone(),
            retries: options.retries,
            patience: options.timeouts.response,
        }
    }

    /// Sends a request, again where that is safe ([`Options::retries`]), and waits for the header section of the reply.
    pub(super) async fn send(
        &self,
        method: &Method,
        target: &PathAndQuery,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, Refusal> {
        let uri = self.upstream.locate(target).ok_or(refusal::BAD_PATH)?;
        let known = self.idempotency_headers.iter().any(|name| headers.contains_key(name));
        let repeatable = known || is_idempotent(method);
        let until = Instant::now() + self.patience;
        let mut left = self.retries;
        loop {
            let mut request = Request::new(Full::new(body.clone()));
            *request.method_mut() = method.clone();
            *request.uri_mut() = uri.clone();
            *request.headers_mut() = headers.clone();
            let failure = match timeout_at(until, self.client.request(request)).await {
                Ok(Ok(reply)) => return Ok(reply),
                Ok(Err(error)) => Failure::of(&error),
                Err(_) => {
                    tracing::warn!("HTTP: the upstream did not reply in time");
                    return Err(refusal::NO_REPLY);
                }
            };
            if left == 0 || (failure == Failure::Unknown && !repeatable) || Instant::now() + PAUSE >= until {
                return Err(failure.refusal());
            }
            left -= 1;
            sleep(PAUSE).await;
        }
    }
}

/// What is known of a request that got no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// There was no connection to send it on.
    NotConnected,
    /// The upstream says that it has done nothing about it.
    NotTaken,
    /// Nothing: it may have been taken.
    Unknown,
}

impl Failure {
    fn of(error: &legacy::Error) -> Failure {
        if error.is_connect() {
            return Failure::NotConnected;
        }
        let mut source = error.source();
        while let Some(cause) = source {
            if cause.downcast_ref::<h2::Error>().is_some_and(not_taken) {
                return Failure::NotTaken;
            }
            source = cause.source();
        }
        Failure::Unknown
    }

    fn refusal(self) -> Refusal {
        match self {
            Failure::NotConnected | Failure::NotTaken => refusal::UNREACHABLE,
            Failure::Unknown => {
                tracing::warn!("HTTP: the upstream broke off before it replied");
                refusal::BROKEN
            }
        }
    }
}

/// Whether a stream's error says that nothing was done about it (RFC 9113, 8.7): it was refused, or it is behind the last that
/// an upstream which takes its leave (GOAWAY) looks at. Streams before that one never get this error: they end as they end.
fn not_taken(error: &h2::Error) -> bool {
    error.is_remote() && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM))
}

/// Whether doing it twice is doing it once (RFC 9110, 9.2.2).
fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}
