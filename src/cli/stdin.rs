//! Standard input for a pipeline that has to stop when it is told to.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

/// Standard input, read by a thread of its own: a read that waits for input cannot be interrupted, and a stop must be.
///
/// Told to stop, it gives what it has read and then ends, as its input would: whatever reads from it takes a last
/// line without a line end for a line, rather than wait for the rest.
pub(super) struct PatientStdin {
    chunks: Receiver<io::Result<Vec<u8>>>,
    stop: Arc<AtomicBool>,
    /// What of the last chunk has not been taken.
    left: io::Cursor<Vec<u8>>,
}

impl PatientStdin {
    /// Bytes in a chunk, and how many chunks are read ahead.
    const CHUNK_BYTES: usize = 256 << 10;
    const AHEAD: usize = 4;
    /// How long a read waits for input.
    const PATIENCE: Duration = Duration::from_millis(20);

    /// Begins to read, until the input ends or `stop` is set.
    pub(super) fn start(stop: Arc<AtomicBool>) -> io::Result<PatientStdin> {
        let (tx, chunks) = bounded(PatientStdin::AHEAD);
        let stopping = stop.clone();
        // Not joined: it may wait for input for ever, which must not keep the process.
        thread::Builder::new().name("stdin".into()).spawn(move || {
            let mut stdin = io::stdin().lock();
            while !stopping.load(Ordering::Relaxed) {
                let mut chunk = vec![0; PatientStdin::CHUNK_BYTES];
                let read = match stdin.read(&mut chunk) {
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    read => read,
                };
                let last = !matches!(read, Ok(1..));
                let chunk = read.map(|n| {
                    chunk.truncate(n);
                    chunk
                });
                if tx.send(chunk).is_err() || last {
                    return;
                }
            }
        })?;
        Ok(PatientStdin { chunks, stop, left: io::Cursor::default() })
    }
}

impl io::Read for PatientStdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left.position() == self.left.get_ref().len() as u64 {
            match self.chunks.recv_timeout(PatientStdin::PATIENCE) {
                Ok(chunk) => self.left = io::Cursor::new(chunk?),
                Err(RecvTimeoutError::Timeout) if self.stop.load(Ordering::Relaxed) => return Ok(0),
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::WouldBlock.into()),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
        self.left.read(buffer)
    }
}
