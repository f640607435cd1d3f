//! Streams of bytes: standard output, a file, a pipe.

use std::io::{self, ErrorKind, Write};
use std::thread;
use std::time::Duration;

use super::{Sink, SinkError};
use crate::reason::plain_reason;
use crate::record::Checkpoint;
use crate::scrubber::ScrubbedBatch;

/// Pieces at least this large are written as they are, smaller ones gathered.
const DIRECT_BYTES: usize = 16 << 10;
/// What is gathered before it is written.
const GATHER_BYTES: usize = 256 << 10;
/// How long to wait for an output that does not block and is full.
const RETRY: Duration = Duration::from_millis(2);

/// Writes scrubbed records to a stream, in few and large writes, and flushes after each batch: the source ends a batch
/// where its input pauses, so what came last never waits.
///
/// Sealed records have no place in a stream and are left out; the quarantine takes them.
pub struct StreamSink<W> {
    out: W,
    name: String,
    gathered: Vec<u8>,
}

impl<W: Write + Send> StreamSink<W> {
    /// A sink that writes to `out`, which messages call `name` (`standard output`, a path).
    pub fn new(out: W, name: impl Into<String>) -> StreamSink<W> {
        StreamSink { out, name: name.into(), gathered: Vec::new() }
    }

    /// The stream.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn put(&mut self, chunk: &[u8]) -> Result<(), SinkError> {
        if chunk.len() >= DIRECT_BYTES {
            self.write_gathered()?;
            return write_all(&mut self.out, chunk).map_err(|e| failed(&self.name, &e));
        }
        self.gathered.extend_from_slice(chunk);
        if self.gathered.len() >= GATHER_BYTES { self.write_gathered() } else { Ok(()) }
    }

    fn write_gathered(&mut self) -> Result<(), SinkError> {
        let written = write_all(&mut self.out, &self.gathered);
        self.gathered.clear();
        written.map_err(|e| failed(&self.name, &e))
    }
}

impl<W: Write + Send> Sink for StreamSink<W> {
    fn begin(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn write(&mut self, batch: &ScrubbedBatch) -> Result<(), SinkError> {
        batch.chunks().try_for_each(|chunk| self.put(chunk))
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.write_gathered()?;
        loop {
            match self.out.flush() {
                Ok(()) => return Ok(()),
                Err(e) if again(&e) => {}
                Err(e) => return Err(failed(&self.name, &e)),
            }
        }
    }

    fn commit(&mut self, _: &Checkpoint) -> Result<(), SinkError> {
        Ok(())
    }

    fn abort(&mut self) {
        self.gathered.clear();
    }
}

/// Writes all of it, also to an output that does not block: a terminal shared with such a program may be one.
fn write_all(out: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(e) if again(&e) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Whether to try again, after a wait where one is due.
fn again(error: &io::Error) -> bool {
    if error.kind() == ErrorKind::WouldBlock {
        thread::sleep(RETRY);
    }
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock)
}

fn failed(name: &str, error: &io::Error) -> SinkError {
    let remedy = match error.kind() {
        ErrorKind::BrokenPipe => return SinkError::Closed,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "make room there and run again; its last line may be cut"
        }
        ErrorKind::FileTooLarge => "write to another file system or in parts; its last line may be cut",
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => "write where it is allowed",
        _ => "its last line may be cut",
    };
    SinkError::Failed(format!("cannot write to {name}: {}; {remedy}", plain_reason(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes up to `most` bytes a write, and fails as told, once each.
    #[derive(Default)]
    struct Out {
        bytes: Vec<u8>,
        writes: usize,
        flushes: usize,
        most: usize,
        errors: Vec<io::Error>,
    }

    impl Write for Out {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(e) = self.errors.pop() {
                return Err(e);
            }
            let n = bytes.len().min(self.most);
            self.bytes.extend_from_slice(&bytes[..n]);
            self.writes += 1;
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.flushes += 1;
            Ok(())
        }
    }

    fn sink(most: usize, errors: Vec<io::Error>) -> StreamSink<Out> {
        StreamSink::new(Out { most, errors, ..Out::default() }, "standard output")
    }

    #[test]
    fn small_pieces_are_gathered_and_order_is_kept() {
        let mut s = sink(usize::MAX, vec![]);
        let large = vec![b'L'; DIRECT_BYTES];
        for _ in 0..100 {
            s.put(b"small\n").unwrap();
        }
        s.put(&large).unwrap();
        s.put(b"last\n").unwrap();
        s.flush().unwrap();
        let out = s.into_inner();
        assert_eq!(out.bytes, [b"small\n".repeat(100), large, b"last\n".to_vec()].concat());
        assert_eq!((out.writes, out.flushes), (3, 1));
    }

    #[test]
    fn much_is_written_before_the_flush() {
        let mut s = sink(usize::MAX, vec![]);
        for _ in 0..=GATHER_BYTES {
            s.put(b"12").unwrap();
        }
        assert!(s.gathered.len() < GATHER_BYTES);
        assert!(s.into_inner().writes >= 2);
    }

    #[test]
    fn short_writes_and_full_pipes_lose_nothing() {
        let mut s = sink(7, vec![ErrorKind::WouldBlock.into(), ErrorKind::Interrupted.into()]);
        s.put(b"a line of some length\n").unwrap();
        s.flush().unwrap();
        assert_eq!(s.into_inner().bytes, b"a line of some length\n");
    }

    #[test]
    fn errors_say_what_to_do() {
        let mut s = sink(7, vec![ErrorKind::BrokenPipe.into()]);
        s.put(b"x").unwrap();
        assert!(matches!(s.flush(), Err(SinkError::Closed)));
        for (error, want) in [
            (ErrorKind::StorageFull.into(), "make room there"),
            (io::Error::from_raw_os_error(5), "input/output error; its"),
        ] {
            let mut s = sink(7, vec![error]);
            let message = s.put(&[b'x'; DIRECT_BYTES]).unwrap_err().to_string();
            assert!(message.starts_with("cannot write to standard output: "), "{message}");
            assert!(message.contains(want), "{message}");
        }
        let message = sink(0, vec![]).put(&[b'x'; DIRECT_BYTES]).unwrap_err().to_string();
        assert!(message.contains("cannot write"), "{message}");
    }
}
