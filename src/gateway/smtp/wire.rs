//! A connection with its buffers: plain or TLS, to the client or to the relay.
//!
//! What is read waits in a buffer until it is consumed, what is written waits in another until it is gone, so every
//! `async` function here may be dropped half-way (by a timeout, by `select!`) without losing or doubling a byte.

use std::future::{pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::unconstrained;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::line::{Line, LineReader};

/// Bytes asked of the system in one read, and about what is written in one.
pub(super) const CHUNK: usize = 32 << 10;
/// Bytes that a peer may have sent ahead while it is watched for its end: the MAIL and RCPT of a next message.
const AHEAD: usize = 64 << 10;
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
        match &self.stream {
            Stream::Plain(_) => !self.is_quiet(),
            Stream::Tls(_) | Stream::Gone => is_ready(self.fill()),
        }
    }

    /// Returns when the peer has closed, if only its own side, or the connection has broken. What it sends until then is
    /// kept; one that sends more than [`AHEAD`] without being asked is not watched any longer.
    pub(super) async fn closed(&mut self) {
        while self.buffered().len() < AHEAD {
            if self.fill().await.is_err() {
                return;
            }
        }
        pending().await
    }

    /// The same without waiting.
    pub(super) fn is_closed(&mut self) -> bool {
        is_ready(self.closed())
    }

    /// Whether nothing has come that was not read, not even the end. The system is asked itself, which knows before the
    /// runtime does. Under TLS it cannot tell: something may have been read that was not yet deciphered.
    pub(super) fn is_quiet(&self) -> bool {
        let Stream::Plain(tcp) = &self.stream else { return false };
        let look = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        matches!(rustix::net::recv(tcp, &mut [0], look), Err(Errno::AGAIN))
    }

    /// The next line, which may have `limit` bytes with its CRLF.
    pub(super) async fn line(&mut self, limit: usize) -> io::Result<Line> {
        let mut reader = LineReader::default();
        loop {
            let (read, line) = reader.feed(self.buffered(), limit);
            self.consume(read);
            match line {
                Some(line) => return Ok(line),
                None => self.fill().await?,
            }
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

    /// Whether something waits to be written, or part of it.
    pub(super) fn has_unsent(&self) -> bool {
        !self.output.is_empty()
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

    /// Writes what waits, unless the peer says something: then the rest waits on. Whether all is written.
    pub(super) async fn flush_unless_answered(&mut self) -> io::Result<bool> {
        poll_fn(|cx| {
            if let Poll::Ready(written) = pin!(self.flush()).poll(cx) {
                return Poll::Ready(written.map(|()| true));
            }
            // An end without a word is for the one who reads to find.
            pin!(self.fill()).poll(cx).map(|_| Ok(false))
        })
        .await
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

    /// Closes without another byte: what waits here, and what the system has not sent yet, is thrown away. The peer sees
    /// the connection break, and not an end in order.
    pub(super) fn abort(self) {
        let tcp = match &self.stream {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.get_ref().0,
            Stream::Gone => return,
        };
        // Where it cannot be set the system sends on what it has; what waits here is thrown away all the same.
        let _ = tcp.set_zero_linger();
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

/// Polls once, whatever the runtime thinks of this task's share of time: "not yet" would be taken for "no".
fn is_ready(future: impl Future) -> bool {
    pin!(unconstrained(future)).poll(&mut Context::from_waker(Waker::noop())).is_ready()
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
