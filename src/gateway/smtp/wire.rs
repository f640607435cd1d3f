//! A connection with its buffers: plain or TLS, to the client or to the relay.
//!
//! What is read waits in a buffer until it is consumed, what is written waits in another until it is gone, so every
//! `async` function here may be dropped half-way (by a timeout, by `select!`) without losing or doubling a byte.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

/// Bytes asked of the system in one read, and about what is written in one.
pub(super) const CHUNK: usize = 32 << 10;
/// How long a peer that was told goodbye may take to close.
const LINGER: Duration = Duration::from_secs(1);

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// A TLS handshake has failed: nothing can be said any more.
    Gone,
}

/// A connection and its buffers.
pub(super) struct Wire {
    stream: Stream,
    input: Vec<u8>,
    consumed: usize,
    output: Vec<u8>,
    written: usize,
}

/// What came where a line was waited for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line, without its CRLF.
    Whole(Vec<u8>),
    /// One over the limit; it was read to its end and thrown away.
    TooLong,
    /// A bare CR, a bare LF or a NUL. What follows cannot be trusted to be what the sender meant as a line (RFC 5321,
    /// 2.3.8).
    Broken,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Wire {
        // Replies are small and waited for. Where it cannot be set, they are merely slower.
        let _ = stream.set_nodelay(true);
        let (input, output) = (Vec::new(), Vec::new());
        Wire { stream: Stream::Plain(stream), input, consumed: 0, output, written: 0 }
    }

    /// What was read and not yet consumed.
    pub(super) fn buffered(&self) -> &[u8] {
        &self.input[self.consumed..]
    }

    pub(super) fn consume(&mut self, bytes: usize) {
        self.consumed = (self.consumed + bytes).min(self.input.len());
        if self.consumed == self.input.len() {
            self.input.clear();
            self.consumed = 0;
        }
    }

    /// Throws away what was read and not yet consumed.
    pub(super) fn discard(&mut self) {
        self.input.clear();
        self.consumed = 0;
    }

    /// Reads more; an error at the end of the stream.
    pub(super) async fn fill(&mut self) -> io::Result<()> {
        if self.consumed > 0 && self.input.capacity() - self.input.len() < CHUNK {
            self.input.drain(..self.consumed);
            self.consumed = 0;
        }
        self.input.reserve(CHUNK);
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Whether something has come, the end included, that nobody has asked for yet. Does not wait.
    pub(super) fn unasked(&mut self) -> bool {
        if !self.buffered().is_empty() {
            return true;
        }
        pin!(self.fill()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// The next line, which may have `limit` bytes with its CRLF.
    pub(super) async fn line(&mut self, limit: usize) -> io::Result<Line> {
        let (mut looked_at, mut over) = (0, false);
        loop {
            let buffered = self.buffered();
            if let Some(at) = memchr::memchr(b'\n', &buffered[looked_at..]).map(|at| at + looked_at) {
                let line =
                    buffered[..at].strip_suffix(b"\r").filter(|l| memchr::memchr2(b'\r', 0, l).is_none());
                let line = match line {
                    _ if over => Line::TooLong,
                    None => Line::Broken,
                    Some(line) if line.len() + 2 > limit => Line::TooLong,
                    Some(line) => Line::Whole(line.to_vec()),
                };
                self.consume(at + 1);
                return Ok(line);
            }
            looked_at = buffered.len();
            if looked_at > limit {
                (looked_at, over) = (0, true);
                self.discard();
            }
            self.fill().await?;
        }
    }

    /// Whether a whole line is in the buffer: answers may wait for its answer (RFC 2920, 3.2).
    pub(super) fn has_line(&self) -> bool {
        memchr::memchr(b'\n', self.buffered()).is_some()
    }

    /// Puts bytes behind those waiting to be written.
    pub(super) fn queue(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    pub(super) fn queued(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Writes what waits.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        while self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..]).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => self.written += n,
            }
        }
        self.output.clear();
        self.written = 0;
        self.stream.flush().await
    }

    /// TLS, as the server. What the client has sent in clear must have been dealt with by the caller: bytes left in the
    /// buffer are thrown away, for they must never count as sent under TLS (CVE-2011-0411).
    pub(super) async fn accept_tls(&mut self, config: &Arc<rustls::ServerConfig>) -> io::Result<()> {
        let tcp = self.take_plain()?;
        let tls = TlsAcceptor::from(Arc::clone(config)).accept(tcp).await?;
        self.stream = Stream::Tls(Box::new(tls.into()));
        Ok(())
    }

    /// TLS, as the client; the same holds for what the server has sent in clear.
    pub(super) async fn connect_tls(
        &mut self,
        config: &Arc<rustls::ClientConfig>,
        name: &ServerName<'static>,
    ) -> io::Result<()> {
        let tcp = self.take_plain()?;
        let tls = TlsConnector::from(Arc::clone(config)).connect(name.clone(), tcp).await?;
        self.stream = Stream::Tls(Box::new(tls.into()));
        Ok(())
    }

    fn take_plain(&mut self) -> io::Result<TcpStream> {
        (self.input, self.consumed) = (Vec::new(), 0);
        match std::mem::replace(&mut self.stream, Stream::Gone) {
            Stream::Plain(tcp) => Ok(tcp),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Closes, and reads for a moment what the peer still sends: closing with unread bytes resets the connection, and a
    /// reset can overtake the last reply on its way.
    pub(super) async fn close(mut self) {
        let goodbye = async {
            self.flush().await?;
            self.stream.shutdown().await?;
            loop {
                self.discard();
                self.fill().await?;
            }
        };
        let _: Result<io::Result<()>, _> = timeout(LINGER, goodbye).await;
    }
}

fn gone<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(s) => Pin::new(s).poll_read(cx, to),
            Stream::Tls(s) => Pin::new(s).poll_read(cx, to),
            Stream::Gone => gone(),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(s) => Pin::new(s).poll_write(cx, from),
            Stream::Tls(s) => Pin::new(s).poll_write(cx, from),
            Stream::Gone => gone(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(s) => Pin::new(s).poll_flush(cx),
            Stream::Tls(s) => Pin::new(s).poll_flush(cx),
            Stream::Gone => gone(),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(s) => Pin::new(s).poll_shutdown(cx),
            Stream::Tls(s) => Pin::new(s).poll_shutdown(cx),
            Stream::Gone => gone(),
        }
    }
}
