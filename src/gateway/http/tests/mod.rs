//! Exchanges with an upstream of the test's own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod dialogues;
mod faults;
mod hostile;
mod many;
mod secure;
mod streams;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::super::kit::Count;
use super::*;

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);
const PIECE: usize = 64 << 10;

/// A request as the upstream has got it.
#[derive(Clone, Debug)]
struct Seen {
    version: Version,
    method: Method,
    /// With scheme and authority, in HTTP/2.
    uri: Uri,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().unwrap())
    }
}

/// A body of the upstream's: frames, and then the end, or nothing more.
struct Script {
    frames: VecDeque<Frame<Bytes>>,
    stalls: bool,
}

impl Script {
    fn text(text: impl Into<Bytes>) -> Script {
        Script { frames: [Frame::data(text.into())].into(), stalls: false }
    }

    fn pieces(number: usize, stalls: bool) -> Script {
        let piece = Bytes::from(vec![b'x'; PIECE]);
        Script { frames: (0..number).map(|_| Frame::data(piece.clone())).collect(), stalls }
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.frames.pop_front() {
            None if self.stalls => Poll::Pending,
            frame => Poll::Ready(frame.map(Ok)),
        }
    }
}

/// What the upstream replies, by the path.
async fn reply(seen: &Seen) -> Response<Script> {
    let path = seen.uri.path();
    let mut reply = Response::new(Script::text("taken"));
    if let Some(status) = path.strip_prefix("/status/") {
        *reply.status_mut() = StatusCode::from_bytes(status.as_bytes()).unwrap();
        if matches!(status, "204" | "304") {
            *reply.body_mut() = Script::pieces(0, false);
        }
    } else if let Some(number) = path.strip_prefix("/big/") {
        *reply.body_mut() = Script::pieces(number.parse().unwrap(), false);
    } else {
        match path {
            "/hang" => std::future::pending().await,
            "/zip" => {
                reply.headers_mut().insert("content-encoding", HeaderValue::from_static("gzip"));
                *reply.body_mut() = Script::text(&b"\x1f\x8b\x08\x00\xff\xfenot really"[..]);
            }
            "/stall" => *reply.body_mut() = Script::pieces(1, true),
            "/trailers" => {
                reply.headers_mut().insert("trailer", HeaderValue::from_static("x-sum"));
                let trailers = [("x-sum".parse().unwrap(), HeaderValue::from_static("7"))];
                let trailers = Frame::trailers(HeaderMap::from_iter(trailers));
                reply.body_mut().frames.push_back(trailers);
            }
            _ => {
                *reply.status_mut() = StatusCode::CREATED;
                reply.headers_mut().insert("x-upstream", HeaderValue::from_static("yes"));
            }
        }
    }
    if seen.method == Method::HEAD {
        *reply.body_mut() = Script::pieces(0, false);
    }
    reply
}

/// What an upstream has got, from all its connections.
#[derive(Default)]
struct Got {
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
}

/// Serves one connection of the upstream.
async fn serve_upstream(tcp: TcpStream, tls: Option<Arc<rustls::ServerConfig>>, got: Arc<Got>) {
    let service = service_fn(|request: Request<Incoming>| {
        let got = Arc::clone(&got);
        async move {
            let (parts, body) = request.into_parts();
            let Ok(body) = body.collect().await else { return Err(io::Error::other("cut off")) };
            let seen = Seen {
                version: parts.version,
                method: parts.method,
                uri: parts.uri,
                headers: parts.headers,
                body: body.to_bytes().to_vec(),
            };
            got.seen.lock().unwrap().push(seen.clone());
            Ok(reply(&seen).await)
        }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let _ = match tls {
        None => builder.serve_connection(TokioIo::new(tcp), service).await,
        Some(config) => match tokio_rustls::TlsAcceptor::from(config).accept(tcp).await {
            Ok(tls) => builder.serve_connection(TokioIo::new(tls), service).await,
            Err(_) => return,
        },
    };
}

/// An upstream on a port of its own.
async fn upstream(tls: Option<Arc<rustls::ServerConfig>>) -> (SocketAddr, Arc<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, got) = (listener.local_addr().unwrap(), Arc::new(Got::default()));
    let theirs = Arc::clone(&got);
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            theirs.connections.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve_upstream(tcp, tls.clone(), Arc::clone(&theirs)));
        }
    });
    (address, got)
}

/// Forwards, but for bodies that say otherwise.
struct Words;

impl Hook for Words {
    fn decide(&self, mut asked: Asked) -> Answer {
        for gone in ["host", "content-length", "transfer-encoding", "connection", "x-api-key", "expect"] {
            assert!(!asked.headers.contains_key(gone), "the hook has got {gone}");
        }
        let says = |word: &str| memchr::memmem::find(&asked.body, word.as_bytes()).is_some();
        match () {
            () if says("REFUSE") => {
                let reply = Response::builder().status(400).header("content-type", "text/x-own");
                // Fields that it may not set are passed over.
                let reply = reply.header("content-length", "3").header("transfer-encoding", "chunked");
                Answer::Reply(reply.body(b"{\"code\":21610}".to_vec()).unwrap())
            }
            () if says("SCRUB") => Answer::Reply(Response::new(b"clean".to_vec())),
            () if says("CONTINUE") => Answer::Reply(Response::builder().status(100).body(vec![]).unwrap()),
            () if says("LATER") => Answer::TryLater("\"busy\""),
            () if says("PANIC") => panic!("as the test wants it"),
            () if says("SLOW") => {
                std::thread::sleep(Duration::from_millis(500));
                Answer::Forward(asked)
            }
            () if says("REWRITE") => {
                asked.body = b"a text that is longer than the one before".to_vec();
                for (name, value) in [
                    ("host", "evil.example"),
                    ("content-length", "3"),
                    ("transfer-encoding", "chunked"),
                    ("connection", "x-made"),
                ] {
                    asked.headers.append(name, HeaderValue::from_static(value));
                }
                asked.headers.append("x-left", HeaderValue::from_static("1"));
                asked.uri = "http://evil.example/made?up".parse().unwrap();
                asked.method = Method::PUT;
                Answer::Forward(asked)
            }
            () if says("ESCAPE") => {
                asked.uri = "/a/../b".parse().unwrap();
                Answer::Forward(asked)
            }
            () => Answer::Forward(asked),
        }
    }
}

/// An upstream, and a proxy in front of it.
struct Stage {
    proxy: SocketAddr,
    got: Arc<Got>,
    budget: Budget,
    count: Arc<Count>,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
}

impl Stage {
    async fn new() -> Stage {
        Stage::with(|_| ()).await
    }

    async fn with(set: impl FnOnce(&mut Options)) -> Stage {
        let (address, got) = upstream(None).await;
        Stage::before(&format!("http://{address}"), None, Protocol::Auto, got, set).await
    }

    /// In front of an upstream that is there already.
    async fn before(
        url: &str,
        tls: Option<Arc<rustls::ClientConfig>>,
        protocol: Protocol,
        got: Arc<Got>,
        set: impl FnOnce(&mut Options),
    ) -> Stage {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = listener.local_addr().unwrap();
        let mut options = Options::new(Upstream::new(url, tls, protocol).unwrap());
        let count = Arc::new(Count::default());
        options.observer = Arc::clone(&count) as Arc<dyn Observer>;
        set(&mut options);
        let (stop, stopping) = watch::channel(false);
        let budget = Budget::new(options.memory_budget);
        let served = tokio::spawn(serve_within(listener, options, Arc::new(Words), stopping, budget.clone()));
        Stage { proxy, got, budget, count, stop, served }
    }

    async fn client(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.proxy).await.unwrap())
    }

    /// What one request on a connection of its own gets.
    async fn ask(&self, request: &str) -> Reply {
        self.client().await.ask(request).await
    }

    fn seen(&self) -> Vec<Seen> {
        self.got.seen.lock().unwrap().clone()
    }

    /// The only request that the upstream has got.
    fn only(&self) -> Seen {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }

    fn outcomes(&self) -> Vec<&'static str> {
        self.count.0.lock().unwrap().1.iter().map(|(outcome, _)| *outcome).collect()
    }

    /// Waits for all connections to be over, and looks whether anything is left of them.
    async fn settled(&self, budget: usize) {
        until("sessions and memory are given back", || {
            self.count.0.lock().unwrap().0 == 0 && self.budget.free() == budget
        })
        .await;
    }
}

/// Waits for it to become true.
async fn until(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if is() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to be that {what}");
}

fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: proxy.example\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A reply of HTTP/1.1 as it came.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    /// Without the framing; with the trailers where it was chunked.
    body: Vec<u8>,
    /// It ended as it should, and did not just break off.
    whole: bool,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.split("\r\n").skip(1).find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    fn is(&self, status: u16, body: &str) {
        assert!(self.status == status && self.text() == body && self.whole, "{self:?}, not {status} {body}");
    }

    /// It is of the proxy's own.
    #[track_caller]
    fn is_own(&self, status: u16, error: &str, kind: &str) {
        self.is(status, &format!("{{\"error\":\"{error}\"}}"));
        assert_eq!(self.header("x-scrubjay"), Some(kind));
        assert_eq!(self.header("retry-after"), (status == 503).then_some("10"));
        assert_eq!(self.header("content-type"), Some("application/json"));
    }
}

/// A client of HTTP/1.1 that can say anything.
struct Client<S> {
    stream: S,
    input: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    fn new(stream: S) -> Client<S> {
        Client { stream, input: Vec::new() }
    }

    async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    async fn ask(&mut self, request: &str) -> Reply {
        self.send(request).await;
        self.reply(request.starts_with("HEAD")).await
    }

    /// Reads more; `false` at the end of the stream, or where it broke off.
    async fn more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.input));
        matches!(read.await.expect("something in time"), Ok(1..))
    }

    /// Reads to the end of the stream, and says what came.
    async fn rest(mut self) -> String {
        while self.more().await {}
        String::from_utf8(self.input).unwrap()
    }

    /// Takes what ends in `end`; what there is, where it never comes.
    async fn through(&mut self, end: &str) -> Result<String, String> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.input, end.as_bytes()) {
                let taken: Vec<u8> = self.input.drain(..at + end.len()).collect();
                return Ok(String::from_utf8(taken).unwrap());
            }
            if !self.more().await {
                return Err(String::from_utf8_lossy(&std::mem::take(&mut self.input)).into_owned());
            }
        }
    }

    async fn bytes(&mut self, number: usize) -> Option<Vec<u8>> {
        while self.input.len() < number {
            if !self.more().await {
                return None;
            }
        }
        Some(self.input.drain(..number).collect())
    }

    async fn reply(&mut self, to_head: bool) -> Reply {
        let head = self.through("\r\n\r\n").await.unwrap_or_else(|got| panic!("no reply but {got:?}"));
        let status = head[9..12].parse().unwrap();
        let mut reply = Reply { status, head, body: Vec::new(), whole: true };
        if to_head || status < 200 || status == 204 || status == 304 {
            return reply;
        }
        if let Some(length) = reply.header("content-length") {
            let length = length.parse().unwrap();
            match self.bytes(length).await {
                Some(body) => reply.body = body,
                None => reply.whole = false,
            }
            return reply;
        }
        assert_eq!(reply.header("transfer-encoding"), Some("chunked"), "{reply:?}");
        loop {
            let Ok(size) = self.through("\r\n").await else { break };
            let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
            if size == 0 {
                // Trailers end in an empty line.
                while let Ok(line) = self.through("\r\n").await {
                    if line == "\r\n" {
                        return reply;
                    }
                    reply.body.extend_from_slice(line.as_bytes());
                }
                break;
            }
            let Some(piece) = self.bytes(size + 2).await else { break };
            reply.body.extend_from_slice(&piece[..size]);
        }
        reply.whole = false;
        reply
    }
}
