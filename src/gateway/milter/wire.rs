//! A connection and what was read from it.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// Bytes asked of the system in one read: a piece of a body comes in one.
const CHUNK: usize = 66 << 10;

/// A connection of either kind.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A connection and its buffer. The buffer has no more than one packet and one read.
pub(super) struct Wire {
    stream: Stream,
    input: Vec<u8>,
    consumed: usize,
}

impl Wire {
    pub(super) fn new(stream: Stream) -> Wire {
        if let Stream::Tcp(tcp) = &stream {
            // Replies are small and waited for. Where it cannot be set, they are merely slower.
            let _ = tcp.set_nodelay(true);
            quick(tcp);
        }
        Wire { stream, input: Vec::new(), consumed: 0 }
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

    /// Reads more; an error at the end of the stream. It may be dropped half-way.
    pub(super) async fn fill(&mut self) -> io::Result<()> {
        if self.consumed > 0 {
            self.input.drain(..self.consumed);
            self.consumed = 0;
        }
        if self.input.is_empty() && self.input.capacity() > 2 * CHUNK {
            self.input = Vec::new();
        }
        // Exactly, for what a connection may take is promised.
        self.input.reserve_exact(CHUNK);
        let read = match &mut self.stream {
            Stream::Tcp(tcp) => {
                let read = tcp.read_buf(&mut self.input).await?;
                quick(tcp);
                read
            }
            Stream::Unix(unix) => unix.read_buf(&mut self.input).await?,
        };
        if read == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Writes. Where it is dropped half-way, the connection is of no more use.
    pub(super) async fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(tcp) => tcp.write_all(bytes).await,
            Stream::Unix(unix) => unix.write_all(bytes).await,
        }
    }
}

/// Acknowledges at once what comes in. An MTA writes a packet in pieces, and its system holds the second back until the
/// first is acknowledged (Nagle), for up to 40 ms. The system forgets this setting, so it is set after each read.
fn quick(tcp: &TcpStream) {
    #[cfg(target_os = "linux")]
    let _ = tcp.set_quickack(true);
    #[cfg(not(target_os = "linux"))]
    let _ = tcp;
}
