//! Streams of bytes: standard input, files, pipes.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use memchr::memrchr;

use super::{Acknowledge, Nothing, Polled, Source, SourceError};
use crate::codec::Framer;
use crate::reason::plain_reason;
use crate::record::{Batch, Record, make_room};

/// Bytes asked of a reader at once. What one read brings is one batch: a file gives this much, a pipe what it
/// holds.
const READ_BYTES: usize = 512 << 10;
/// Records of a batch. What is said of one takes more memory than a short line does.
const MOST_RECORDS: usize = 8192;
/// Of what is left over when a batch is full, so much is taken for the next one.
const TAKE_BYTES: usize = 256 << 10;
/// How long to wait before a reader that does not block is asked again.
const RETRY: Duration = Duration::from_millis(5);

/// Reads one stream after the other and cuts them into records. A record never spans two of them.
///
/// Bytes are read straight into the batch and framed there. Whatever a read brought is handed out before the next
/// one, so a line of `tail -f` is passed on when it comes, while a file is read in large pieces. [`Source::next`] blocks
/// as long as the reader does.
///
/// Compressed streams and UTF-16 are refused: they could not be scanned, and so would pass unscanned.
pub struct StreamSource {
    /// The stream being read, and those to come.
    inputs: VecDeque<Input>,
    framer: Framer,
    /// Bytes of a record not yet whole, or of the records that were too many for the batch before.
    left: Vec<u8>,
    /// How many of them have been handed out.
    taken: usize,
    /// There may be whole records among them.
    surplus: bool,
}

struct Input {
    name: String,
    reader: Box<dyn Read + Send>,
    /// Its first bytes have been looked at.
    checked: bool,
    ended: bool,
}

impl StreamSource {
    /// A source of these streams, in order, each with the name it has in messages (`standard input`, a path).
    pub fn new(inputs: Vec<(String, Box<dyn Read + Send>)>, framer: Framer) -> StreamSource {
        let input = |(name, reader)| Input { name, reader, checked: false, ended: false };
        let inputs = inputs.into_iter().map(input).collect();
        StreamSource {
            inputs,
            framer: framer.with_most_records(MOST_RECORDS),
            left: Vec::new(),
            taken: 0,
            surplus: false,
        }
    }

    /// Puts what is left over into the batch, which ends at `from`; whether that gave it records. Of much that holds whole
    /// records this takes a part, up to a line end, and leaves the rest where it is: it must not be moved again and again.
    fn take(&mut self, batch: &mut Batch, from: usize) -> bool {
        let mut most = TAKE_BYTES.max(2 * self.framer.seen());
        while self.surplus && self.left.len() - self.taken > most {
            let part = &self.left[self.taken..self.taken + most];
            if let Some(end) = memrchr(b'\n', part).filter(|end| *end >= self.framer.seen()) {
                batch.arena.extend_from_slice(&part[..=end]);
                let end = self.framer.frame(batch, from, false);
                batch.arena.truncate(end);
                if !batch.is_empty() {
                    self.taken += end - from;
                    return true;
                }
            }
            most *= 2;
        }
        batch.arena.extend_from_slice(&self.left[self.taken..]);
        (self.left, self.taken) = (Vec::new(), 0);
        if std::mem::take(&mut self.surplus) {
            let end = self.framer.frame(batch, from, false);
            if !batch.is_empty() {
                self.keep_rest(batch, end);
                return true;
            }
        }
        false
    }

    /// Takes what is not yet a record off the batch, for the next one.
    fn keep_rest(&mut self, batch: &mut Batch, from: usize) {
        self.left.extend_from_slice(&batch.arena[from..]);
        self.surplus = self.framer.has_more();
        // The last window of a long line may reach into what is kept.
        let used = batch.records.last().map_or(0, |r| end_of(r).max(from));
        batch.arena.truncate(used);
    }
}

fn end_of(record: &Record) -> usize {
    record.payload.map_or(0, |p| p.end()).max(record.frame_end as usize)
}

impl Source for StreamSource {
    fn next(&mut self, batch: &mut Batch, max_wait: Duration) -> Result<Polled, SourceError> {
        let mut from = batch.arena.len();
        batch.read_at_ms = now_ms();
        if self.take(batch, from) {
            return Ok(Polled::Batch);
        }
        loop {
            let Some(input) = self.inputs.front_mut() else { return Ok(Polled::End) };
            let read = if input.ended { Ok(0) } else { input.read(batch) };
            match read {
                Ok(0) => {
                    input.ended = true;
                    input.check(&batch.arena[from..], true)?;
                    from = self.framer.frame(batch, from, true);
                    if !self.framer.has_more() {
                        self.inputs.pop_front();
                    }
                }
                Ok(_) => {
                    if !input.check(&batch.arena[from..], false)? {
                        continue;
                    }
                    from = self.framer.frame(batch, from, false);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    thread::sleep(max_wait.min(RETRY));
                    self.keep_rest(batch, from);
                    return Ok(Polled::Idle);
                }
                Err(e) => return Err(input.failed(&e)),
            }
            if !batch.is_empty() {
                self.keep_rest(batch, from);
                return Ok(if self.inputs.is_empty() { Polled::End } else { Polled::Batch });
            }
        }
    }

    fn idle(&mut self, wait: Duration) -> Result<(), SourceError> {
        thread::sleep(wait);
        Ok(())
    }

    fn acknowledger(&self) -> Box<dyn Acknowledge> {
        Box::new(Nothing)
    }
}

impl Input {
    /// One read to the end of the arena.
    fn read(&mut self, batch: &mut Batch) -> std::io::Result<usize> {
        let len = batch.arena.len();
        make_room(&mut batch.arena, READ_BYTES);
        batch.arena.resize(len + READ_BYTES, 0);
        let read = loop {
            match self.reader.read(&mut batch.arena[len..]) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        batch.arena.truncate(len + *read.as_ref().unwrap_or(&0));
        read
    }

    /// Whether the stream's first bytes are text as far as one can tell; `false` asks for more of them.
    fn check(&mut self, head: &[u8], eof: bool) -> Result<bool, SourceError> {
        if self.checked {
            return Ok(true);
        }
        for (magic, what, remedy) in UNREADABLE {
            if head.starts_with(magic) {
                return Err(SourceError::Failed(format!("{} is {what}; {remedy}", self.name)));
            }
            if !eof && magic.starts_with(head) {
                return Ok(false);
            }
        }
        self.checked = true;
        Ok(true)
    }

    fn failed(&self, error: &std::io::Error) -> SourceError {
        let remedy = match error.kind() {
            ErrorKind::IsADirectory => "name the files in it instead",
            ErrorKind::PermissionDenied => "run as a user who may read it",
            _ => "whole records before it have been passed on; run again once it can be read",
        };
        SourceError::Failed(format!("cannot read {}: {}; {remedy}", self.name, plain_reason(error)))
    }
}

/// First bytes of what cannot be scanned, what that is, and what to do.
const UNREADABLE: &[(&[u8], &str, &str)] = &[
    (b"\x1f\x8b", "compressed with gzip", "decompress it first: gzip -dc FILE | scrubjay"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "decompress it first: zstd -dc FILE | scrubjay"),
    (b"\xfd7zXZ\0", "compressed with xz", "decompress it first: xz -dc FILE | scrubjay"),
    (b"BZh91AY&SY", "compressed with bzip2", "decompress it first: bzip2 -dc FILE | scrubjay"),
    (b"\x04\x22\x4d\x18", "compressed with lz4", "decompress it first: lz4 -dc FILE | scrubjay"),
    (b"PK\x03\x04", "a zip archive", "unpack it first: unzip -p FILE | scrubjay"),
    (b"\xff\xfe", "UTF-16 or UTF-32 text", "convert it first: iconv -f UTF-16 -t UTF-8 FILE | scrubjay"),
    (b"\xfe\xff", "UTF-16 text", "convert it first: iconv -f UTF-16 -t UTF-8 FILE | scrubjay"),
];

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor};

    use super::*;
    use crate::codec::Format;

    /// Gives its parts one a read, errors included.
    struct Parts(VecDeque<io::Result<&'static [u8]>>);

    impl Read for Parts {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(part) = self.0.pop_front() else { return Ok(0) };
            let part = part?;
            buffer[..part.len()].copy_from_slice(part);
            Ok(part.len())
        }
    }

    fn source(inputs: Vec<(&str, Vec<io::Result<&'static [u8]>>)>) -> StreamSource {
        let boxed = |(name, parts): (&str, Vec<_>)| {
            (name.to_string(), Box::new(Parts(parts.into())) as Box<dyn Read + Send>)
        };
        StreamSource::new(inputs.into_iter().map(boxed).collect(), Framer::new(Format::Auto, 1 << 20, 100))
    }

    fn step(source: &mut StreamSource) -> (Result<Polled, String>, Vec<(String, String)>) {
        let mut batch = Batch::new();
        let polled = source.next(&mut batch, Duration::ZERO).map_err(|e| e.to_string());
        let record = |r: &Record| {
            let payload = batch.slice(r.payload.unwrap());
            (r.origin().to_string(), String::from_utf8_lossy(payload).into_owned())
        };
        (polled, batch.records().iter().map(record).collect())
    }

    fn records(list: &[(u32, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(n, t)| (format!("record {n}"), t.to_string())).collect()
    }

    #[test]
    fn hands_out_what_a_read_brought() {
        let interrupted = || Err(ErrorKind::Interrupted.into());
        let mut s = source(vec![
            ("a", vec![Ok(b"one\ntwo\nth"), interrupted(), Ok(b"r"), Ok(b"ee\n"), Ok(b"fo"), Ok(b"ur")]),
            ("b", vec![Ok(b"five\n")]),
            ("empty", vec![]),
        ]);
        assert_eq!(step(&mut s), (Ok(Polled::Batch), records(&[(1, "one"), (2, "two")])));
        assert_eq!(step(&mut s), (Ok(Polled::Batch), records(&[(3, "three")])));
        assert_eq!(step(&mut s), (Ok(Polled::Batch), records(&[(4, "four")])));
        assert_eq!(step(&mut s), (Ok(Polled::Batch), records(&[(5, "five")])));
        assert_eq!(step(&mut s), (Ok(Polled::End), vec![]));
        assert_eq!(step(&mut s), (Ok(Polled::End), vec![]));
    }

    /// Lines so short that a read brings more of them than a batch holds, and documents that break after as many.
    #[test]
    fn a_batch_holds_so_many_records() {
        let blank = "\n".repeat(3 * READ_BYTES);
        let broken = format!("[{}1 2\n{}\nlast", "\n".repeat(400_000), "x".repeat(3 * TAKE_BYTES));
        let mixed = format!("{}[\n{}", "a\n\n{}\n".repeat(30_000), "1,\n[\n".repeat(90_000));
        let files = [blank, broken, mixed];
        let read = |most: usize| {
            let input =
                |t: &String| ("x".to_owned(), Box::new(Cursor::new(t.clone().into_bytes())) as Box<_>);
            let mut s =
                StreamSource::new(files.iter().map(input).collect(), Framer::new(Format::Auto, 1 << 20, 100));
            s.framer = Framer::new(Format::Auto, 1 << 20, 100).with_most_records(most);
            let (mut all, mut records, mut largest) = (Vec::new(), Vec::new(), 0);
            loop {
                let mut batch = Batch::new();
                let polled = s.next(&mut batch, Duration::ZERO).unwrap();
                largest = largest.max(batch.records().len());
                for r in batch.records() {
                    let payload = r.payload.unwrap();
                    records.push((r.origin().to_string(), payload.len()));
                    all.extend_from_slice(&batch.arena[payload.start()..r.frame_end as usize]);
                }
                if polled == Polled::End {
                    return (all, records, largest);
                }
            }
        };
        let (all, records, largest) = read(MOST_RECORDS);
        assert!(all == files.concat().into_bytes(), "all comes, in order");
        // A line that ends a document's trouble may bring one more.
        assert!(largest <= MOST_RECORDS + 1, "{largest}");
        assert!(read(usize::MAX).1 == records, "the records are the same");
        assert!(read(7).1 == records, "the records are the same");
    }

    #[test]
    fn the_end_may_bring_a_last_record() {
        let mut s = source(vec![("a", vec![Ok(b"one\ntwo")])]);
        assert_eq!(step(&mut s), (Ok(Polled::Batch), records(&[(1, "one")])));
        assert_eq!(step(&mut s), (Ok(Polled::End), records(&[(2, "two")])));
    }

    #[test]
    fn a_reader_that_does_not_block_is_asked_again() {
        let wait = || Err(ErrorKind::WouldBlock.into());
        let mut s = source(vec![("a", vec![wait(), Ok(b"o"), wait(), wait(), Ok(b"ne\n")])]);
        for _ in 0..3 {
            assert_eq!(step(&mut s), (Ok(Polled::Idle), vec![]));
        }
        assert_eq!(step(&mut s), (Ok(Polled::Batch), records(&[(1, "one")])));
    }

    #[test]
    fn failures_name_the_stream_and_the_reason() {
        let mut s = source(vec![("app.log", vec![Ok(b"one\ntw"), Err(io::Error::from_raw_os_error(5))])]);
        assert_eq!(step(&mut s).1, records(&[(1, "one")]));
        let message = step(&mut s).0.unwrap_err();
        assert!(message.starts_with("cannot read app.log: "), "{message}");
        assert!(
            message.contains("input/output error; ")
                && !message.contains("os error")
                && message.contains("run again"),
            "{message}"
        );
    }

    #[test]
    fn what_cannot_be_scanned_is_refused() {
        let cases: &[(&[&'static [u8]], &str)] = &[
            (&[b"\x1f\x8b\x08\0\0"], "x is compressed with gzip; decompress"),
            (&[b"\x1f", b"\x8b\x08"], "x is compressed with gzip"),
            (&[b"\x28\xb5", b"\x2f", b"\xfd\n"], "x is compressed with zstd"),
            (&[b"BZh91AY&SY\n"], "bzip2"),
            (&[b"\xff\xfea\0\n\0"], "iconv -f UTF-16"),
            (&[b"\xfe", b"\xff\0a\0\n"], "x is UTF-16 text"),
        ];
        for (parts, want) in cases {
            let mut s = source(vec![("x", parts.iter().map(|p| Ok(*p)).collect())]);
            let message = step(&mut s).0.unwrap_err();
            assert!(message.contains(want), "{message}");
        }
        // The first file of two being fine does not let the second pass.
        let mut s = source(vec![("a", vec![Ok(b"fine\n")]), ("b", vec![Ok(b"\x1f\x8b\n")])]);
        assert_eq!(step(&mut s).1, records(&[(1, "fine")]));
        assert!(step(&mut s).0.is_err());
        // What only begins like one passes.
        let fine: &[&'static [u8]] = &[b"B", b"Z", b"\x1f", b"PK\n", b"\xff\n", b"\x1f\n\x8b"];
        for part in fine {
            assert!(step(&mut source(vec![("x", vec![Ok(*part)])])).0.is_ok(), "{part:?}");
        }
    }

    #[test]
    fn a_file_is_read_to_its_last_byte() {
        let text: String = (0..200_000).map(|n| format!("line {n} of some text\n")).collect();
        let reader: Box<dyn Read + Send> = Box::new(Cursor::new(text.clone().into_bytes()));
        let mut s = StreamSource::new(vec![("f".into(), reader)], Framer::new(Format::Auto, 1 << 20, 100));
        let (mut all, mut batches) = (Vec::new(), 0);
        loop {
            let mut batch = Batch::new();
            let polled = s.next(&mut batch, Duration::ZERO).unwrap();
            for r in batch.records() {
                all.extend_from_slice(&batch.arena[r.payload.unwrap().start()..r.frame_end as usize]);
            }
            batches += 1;
            if polled == Polled::End {
                break;
            }
        }
        assert_eq!(all, text.as_bytes());
        // Of lines so short a read brings more than one batch holds.
        assert!(batches < 35, "{batches}");
    }

    #[test]
    fn windows_survive_the_change_of_batches() {
        let line = "0123456789".repeat(200_000);
        let reader: Box<dyn Read + Send> = Box::new(Cursor::new(line.clone().into_bytes()));
        let mut s = StreamSource::new(vec![("f".into(), reader)], Framer::new(Format::Auto, 10_000, 1000));
        let mut all = Vec::new();
        loop {
            let mut batch = Batch::new();
            let polled = s.next(&mut batch, Duration::ZERO).unwrap();
            for r in batch.records() {
                let payload = batch.slice(r.payload.unwrap());
                all.extend_from_slice(&payload[r.piece.head as usize..payload.len() - r.piece.tail as usize]);
            }
            if polled == Polled::End {
                break;
            }
        }
        assert!(all == line.as_bytes());
    }
}
