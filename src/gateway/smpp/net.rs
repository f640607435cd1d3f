//! Connections: reading PDUs from them, writing to them, TLS.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::Options;
use super::pdu::{self, HEADER};

/// Octets asked of the system in one read.
const CHUNK: usize = 32 << 10;
/// How long a peer that was told goodbye may take to close.
const LINGER: Duration = Duration::from_secs(1);

type Reader = Box<dyn AsyncRead + Send + Unpin>;
type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// Why the SMSC cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum SmscError {
    #[error("it cannot be connected to: {0}")]
    Connect(io::ErrorKind),
    #[error("no TLS with it: {0}")]
    Tls(io::ErrorKind),
    #[error("it took too long over connecting")]
    Slow,
}

/// The client's side, with TLS if the options want it.
pub(super) async fn accept(tcp: TcpStream, options: &Options) -> io::Result<(Frames, Output)> {
    let _ = tcp.set_nodelay(true);
    let Some(config) = &options.client_tls else { return Ok(plain(tcp, options)) };
    let tls = TlsAcceptor::from(std::sync::Arc::clone(config)).accept(tcp);
    let tls = timeout(options.timeouts.connect, tls).await??;
    Ok(halves(tokio::io::split(tls), options))
}

/// Connects to the SMSC, with TLS if the options want it.
pub(super) async fn connect(options: &Options) -> Result<(Frames, Output), SmscError> {
    let patience = options.timeouts.connect;
    let tcp = timeout(patience, TcpStream::connect(&options.smsc)).await.map_err(|_| SmscError::Slow)?;
    let tcp = tcp.map_err(|error| SmscError::Connect(error.kind()))?;
    let _ = tcp.set_nodelay(true);
    let Some((config, name)) = &options.smsc_tls else { return Ok(plain(tcp, options)) };
    let tls = TlsConnector::from(std::sync::Arc::clone(config)).connect(name.clone(), tcp);
    let tls = timeout(patience, tls).await.map_err(|_| SmscError::Slow)?;
    let tls = tls.map_err(|error| SmscError::Tls(error.kind()))?;
    Ok(halves(tokio::io::split(tls), options))
}

fn plain(tcp: TcpStream, options: &Options) -> (Frames, Output) {
    halves(tcp.into_split(), options)
}

fn halves<R, W>((reader, writer): (R, W), options: &Options) -> (Frames, Output)
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    (Frames::new(Box::new(reader), options.max_pdu_bytes), Output::new(Box::new(writer), options))
}

/// A PDU's length cannot be true, so nobody knows where the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadLength {
    TooShort,
    TooLong,
}

/// What comes from a peer, PDU by PDU.
pub(super) struct Frames {
    reader: Reader,
    buffer: Vec<u8>,
    consumed: usize,
    /// Octets of a PDU at most.
    limit: usize,
}

impl Frames {
    fn new(reader: Reader, limit: usize) -> Frames {
        Frames { reader, buffer: Vec::new(), consumed: 0, limit: limit.max(HEADER) }
    }

    /// What was read and not taken.
    pub(super) fn buffered(&self) -> &[u8] {
        &self.buffer[self.consumed..]
    }

    /// The length of the PDU that begins at `at`, if all of it is there.
    fn length_at(&self, at: usize) -> Result<Option<usize>, BadLength> {
        let rest = self.buffered().get(at..).unwrap_or_default();
        if rest.len() < 4 {
            return Ok(None);
        }
        match pdu::length(rest) {
            length if length < HEADER => Err(BadLength::TooShort),
            length if length > self.limit => Err(BadLength::TooLong),
            length => Ok((length <= rest.len()).then_some(length)),
        }
    }

    /// Takes the next PDU, if it is there.
    pub(super) fn take(&mut self) -> Result<Option<Vec<u8>>, BadLength> {
        let Some(length) = self.length_at(0)? else { return Ok(None) };
        let pdu = self.buffered()[..length].to_vec();
        self.consume(length);
        Ok(Some(pdu))
    }

    /// How many octets the PDUs have that are there as a whole, and whether a bad one comes behind them.
    pub(super) fn whole(&self) -> (usize, Result<(), BadLength>) {
        let mut at = 0;
        loop {
            match self.length_at(at) {
                Ok(Some(length)) => at += length,
                Ok(None) => return (at, Ok(())),
                Err(bad) => return (at, Err(bad)),
            }
        }
    }

    pub(super) fn consume(&mut self, octets: usize) {
        self.consumed = (self.consumed + octets).min(self.buffer.len());
        if self.consumed == self.buffer.len() {
            self.buffer.clear();
            self.consumed = 0;
        }
    }

    /// Reads more; `false` at the end. It may be dropped half-way.
    pub(super) async fn fill(&mut self) -> io::Result<bool> {
        if self.consumed > 0 && self.buffer.capacity() - self.buffer.len() < CHUNK {
            self.buffer.drain(..self.consumed);
            self.consumed = 0;
        }
        self.buffer.reserve(CHUNK);
        Ok(self.reader.read_buf(&mut self.buffer).await? > 0)
    }

    /// Reads for a moment what a peer still sends that was told goodbye: closing with unread octets resets the
    /// connection, and a reset can overtake the last reply on its way.
    pub(super) async fn linger(mut self) {
        let _ = timeout(LINGER, async {
            while matches!(self.fill().await, Ok(true)) {
                self.consume(usize::MAX >> 1);
            }
        })
        .await;
    }
}

/// Where PDUs are written to, whole ones by whole ones, from either direction.
pub(super) struct Output {
    writer: Mutex<Writer>,
    patience: Duration,
}

impl Output {
    fn new(writer: Writer, options: &Options) -> Output {
        Output { writer: Mutex::new(writer), patience: options.timeouts.write }
    }

    /// Writes PDUs. After an error nobody knows how much of them was written.
    pub(super) async fn send(&self, pdus: &[u8]) -> io::Result<()> {
        timeout(self.patience, async {
            let mut writer = self.writer.lock().await;
            writer.write_all(pdus).await?;
            writer.flush().await
        })
        .await?
    }

    /// Says that nothing more comes.
    pub(super) async fn shutdown(&self) {
        let _ = timeout(LINGER, async { self.writer.lock().await.shutdown().await }).await;
    }
}
