//! A directory for sealed records, in front of any sink.
//!
//! Each start of the program appends to a file of its own, `MILLISECONDS-PID.sealed`, which it makes when the first
//! record comes. A file is the line `SCRUBJAY-QUARANTINE 1` and then frames: the length of an envelope in four bytes,
//! little-endian, and the envelope. A crash can cut the last frame short; that record had not been acknowledged to its
//! source, and [`Envelopes`] passes over it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Sink, SinkError};
use crate::reason::unwritable;
use crate::record::Checkpoint;
use crate::scrubber::ScrubbedBatch;

/// The ending of the files.
pub const EXTENSION: &str = "sealed";
/// How another directory is chosen.
const ELSEWHERE: &str = "point [on_error] to = { dir = ... } elsewhere";
const FILE_MAGIC: &[u8] = b"SCRUBJAY-QUARANTINE 1\n";

/// Where sealed records are kept in a directory.
pub struct SealedFiles {
    dir: PathBuf,
    file: Option<SealedFile>,
    unsynced: bool,
}

impl SealedFiles {
    /// Opens the directory, and makes it, for its owner alone, where it is not there.
    pub fn open(dir: &Path) -> Result<SealedFiles, SinkError> {
        let failed = |why: String| {
            SinkError::Failed(format!("the quarantine directory {} cannot be used: {why}", dir.display()))
        };
        let unwritable = |e: io::Error| failed(unwritable(&e, ELSEWHERE));
        match fs::metadata(dir) {
            Ok(about) if !about.is_dir() => {
                return Err(failed(format!("it is not a directory; {ELSEWHERE}")));
            }
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => make_dir(dir).map_err(unwritable)?,
            Err(e) => return Err(unwritable(e)),
        }
        // Better now than with the first record that has to go there.
        probe(dir).map_err(unwritable)?;
        Ok(SealedFiles { dir: dir.to_path_buf(), file: None, unsynced: false })
    }

    /// Adds an envelope, which is durable after the next [`SealedFiles::sync`].
    pub fn append(&mut self, envelope: &[u8]) -> Result<(), SinkError> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(SealedFile::create(&self.dir).map_err(|e| failed(&self.dir, &e))?),
        };
        self.unsynced = true;
        file.append(envelope).map_err(|e| failed(&file.path, &e))
    }

    /// Returns when everything that was added has reached the disk.
    pub fn sync(&mut self) -> Result<(), SinkError> {
        if let Some(file) = self.file.as_ref().filter(|_| self.unsynced) {
            file.file.sync_data().map_err(|e| failed(&file.path, &e))?;
            self.unsynced = false;
        }
        Ok(())
    }
}

/// Puts sealed records into a directory, and hands every batch on to another sink, which takes the clean ones and
/// passes over the sealed.
///
/// A flush returns after the sealed records have reached the disk, and before it the inner sink's have been
/// acknowledged: what is acknowledged to the source is in one place or the other.
pub struct QuarantineDir<'a> {
    sealed: SealedFiles,
    inner: Box<dyn Sink + 'a>,
}

impl<'a> QuarantineDir<'a> {
    /// Opens the directory; see [`SealedFiles::open`].
    pub fn open(dir: &Path, inner: Box<dyn Sink + 'a>) -> Result<QuarantineDir<'a>, SinkError> {
        Ok(QuarantineDir { sealed: SealedFiles::open(dir)?, inner })
    }
}

impl Sink for QuarantineDir<'_> {
    fn begin(&mut self) -> Result<(), SinkError> {
        self.inner.begin()
    }

    fn write(&mut self, batch: &ScrubbedBatch) -> Result<(), SinkError> {
        for sealed in batch.sealed() {
            self.sealed.append(sealed.envelope())?;
        }
        self.inner.write(batch)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.sealed.sync()?;
        self.inner.flush()
    }

    fn commit(&mut self, checkpoint: &Checkpoint) -> Result<(), SinkError> {
        self.inner.commit(checkpoint)
    }

    /// What was sealed stays: a source that cannot be read again, such as a pipe, would have lost it.
    fn abort(&mut self) {
        self.inner.abort();
    }
}

fn failed(at: &Path, error: &io::Error) -> SinkError {
    SinkError::Failed(format!(
        "a sealed record cannot be written to the quarantine {}: {}, and start again",
        at.display(),
        unwritable(error, ELSEWHERE)
    ))
}

/// Whether files can be made there.
fn probe(dir: &Path) -> io::Result<()> {
    let path = dir.join(format!(".probe-{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&path)?;
    match fs::remove_file(&path) {
        // Another line of this process has done it.
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn make_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

struct SealedFile {
    path: PathBuf,
    file: File,
}

impl SealedFile {
    fn create(dir: &Path) -> io::Result<SealedFile> {
        let mut ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let (path, mut file) = loop {
            let path = dir.join(format!("{ms:013}-{}.{EXTENSION}", std::process::id()));
            match options.open(&path) {
                // Two lines of one process began within a millisecond.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => ms += 1,
                opened => break (path, opened?),
            }
        };
        file.write_all(FILE_MAGIC)?;
        // The name of a new file is durable only when its directory is.
        #[cfg(unix)]
        File::open(dir)?.sync_all()?;
        Ok(SealedFile { path, file })
    }

    fn append(&mut self, envelope: &[u8]) -> io::Result<()> {
        let len = u32::try_from(envelope.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        // In two writes, so that a large record is not copied; a frame cut short between them is what a crash leaves too.
        self.file.write_all(&len.to_le_bytes())?;
        self.file.write_all(envelope)
    }
}

/// Reads the envelopes of a quarantine file, or of anything that is one envelope, such as a message of a
/// quarantine topic.
pub struct Envelopes<R> {
    input: R,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Frames,
    End,
    CutShort,
}

impl<R: Read> Envelopes<R> {
    /// Reads from `input`, which should be buffered.
    pub fn new(input: R) -> Envelopes<R> {
        Envelopes { input, state: State::Start }
    }

    /// Whether the last frame was cut short, as a crash does.
    pub fn cut_short(&self) -> bool {
        self.state == State::CutShort
    }

    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.state == State::Start {
            let head = self.up_to(FILE_MAGIC.len())?;
            self.state = State::Frames;
            if head != FILE_MAGIC {
                self.state = State::End;
                let mut whole = head;
                self.input.read_to_end(&mut whole)?;
                return Ok(Some(whole).filter(|w| !w.is_empty()));
            }
        }
        if self.state != State::Frames {
            return Ok(None);
        }
        let head = self.up_to(4)?;
        let Ok(len) = <[u8; 4]>::try_from(&head[..]) else {
            self.state = if head.is_empty() { State::End } else { State::CutShort };
            return Ok(None);
        };
        let len = u32::from_le_bytes(len) as usize;
        let envelope = self.up_to(len)?;
        if envelope.len() < len {
            self.state = State::CutShort;
            return Ok(None);
        }
        Ok(Some(envelope))
    }

    /// Reads `len` bytes, or all there are. Grows as they come: a damaged length asks for no memory.
    fn up_to(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.input.by_ref().take(len as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl<R: Read> Iterator for Envelopes<R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes what it is called with; fails to flush when told so.
    #[derive(Default)]
    struct Inner {
        flush_fails: bool,
    }

    impl Sink for Inner {
        fn begin(&mut self) -> Result<(), SinkError> {
            Ok(())
        }
        fn write(&mut self, _: &ScrubbedBatch) -> Result<(), SinkError> {
            Ok(())
        }
        fn flush(&mut self) -> Result<(), SinkError> {
            if self.flush_fails { Err(SinkError::Closed) } else { Ok(()) }
        }
        fn commit(&mut self, _: &Checkpoint) -> Result<(), SinkError> {
            Ok(())
        }
        fn abort(&mut self) {}
    }

    fn open(dir: &Path) -> Result<QuarantineDir<'static>, SinkError> {
        QuarantineDir::open(dir, Box::<Inner>::default())
    }

    fn files(dir: &Path) -> Vec<PathBuf> {
        let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
        paths.sort();
        paths
    }

    fn read(bytes: &[u8]) -> (Vec<Vec<u8>>, bool) {
        let mut envelopes = Envelopes::new(bytes);
        let read = envelopes.by_ref().map(Result::unwrap).collect();
        (read, envelopes.cut_short())
    }

    #[test]
    fn reads_back_what_it_wrote_from_a_file_a_start() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("a/b");
        for start in 0..2u8 {
            let mut sink = open(&at).unwrap();
            assert_eq!(files(&at).len(), usize::from(start), "a file only when there is a record");
            sink.sealed.append(&[start; 3]).unwrap();
            sink.sealed.append(b"").unwrap();
            sink.sealed.append(&[start; 300]).unwrap();
            sink.flush().unwrap();
        }
        for (start, path) in (0u8..).zip(files(&at)) {
            let (envelopes, cut_short) = read(&fs::read(&path).unwrap());
            assert_eq!(envelopes, [vec![start; 3], vec![], vec![start; 300]]);
            assert!(!cut_short);
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read() {
        use std::os::unix::fs::PermissionsExt;
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("q");
        open(&at).unwrap().sealed.append(b"x").unwrap();
        assert_eq!(mode(&at), 0o700);
        assert_eq!(mode(&files(&at)[0]), 0o600);
    }

    #[test]
    fn a_cut_last_frame_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let mut sink = open(dir.path()).unwrap();
        sink.sealed.append(b"first").unwrap();
        sink.sealed.append(b"second").unwrap();
        let whole = fs::read(&files(dir.path())[0]).unwrap();
        let first_ends = FILE_MAGIC.len() + 4 + 5;
        for len in FILE_MAGIC.len()..whole.len() {
            let (envelopes, cut_short) = read(&whole[..len]);
            let complete = usize::from(len >= first_ends);
            assert_eq!(envelopes, [b"first".to_vec()][..complete], "{len}");
            assert_eq!(cut_short, len != first_ends && len != FILE_MAGIC.len(), "{len}");
        }
    }

    #[test]
    fn anything_else_is_one_envelope() {
        assert_eq!(read(b"SCRUBJAY-SEALED..."), (vec![b"SCRUBJAY-SEALED...".to_vec()], false));
        assert_eq!(read(b"x"), (vec![b"x".to_vec()], false));
        assert_eq!(read(b""), (vec![], false));
    }

    #[test]
    fn says_what_is_wrong_with_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        fs::write(&file, "").unwrap();
        let error = open(&file).err().unwrap().to_string();
        assert!(error.contains("/f cannot be used: it is not a directory"), "{error}");
        assert!(open(&file.join("below")).is_err());
        let mut sink = open(&dir.path().join("gone")).unwrap();
        fs::remove_dir(dir.path().join("gone")).unwrap();
        assert!(
            sink.sealed.append(b"x").unwrap_err().to_string().contains("cannot be written to the quarantine")
        );
    }

    /// A place where not even root can make files.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_directory_that_takes_no_files_is_refused_at_once() {
        for dir in ["/proc/self", "/proc/self/quarantine"] {
            let error = open(Path::new(dir)).err().expect(dir).to_string();
            assert!(
                error.starts_with(&format!("the quarantine directory {dir} cannot be used: ")),
                "{error}"
            );
            assert!(error.ends_with(", or point [on_error] to = { dir = ... } elsewhere"), "{error}");
            assert!(!error.contains("os error"), "{error}");
        }
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).unwrap();
        assert!(files(dir.path()).is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_said_so() {
        let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut sink = open(dir.path()).unwrap();
        sink.sealed.file = Some(SealedFile { path: "/dev/full".into(), file: full });
        let error = sink.sealed.append(b"x").unwrap_err().to_string();
        assert!(error.contains("/dev/full") && error.contains("make room"), "{error}");
    }

    #[test]
    fn the_inner_sink_fails_the_flush_after_the_disk_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut sink = QuarantineDir::open(dir.path(), Box::new(Inner { flush_fails: true })).unwrap();
        sink.sealed.append(b"kept").unwrap();
        assert!(sink.flush().is_err());
        assert!(!sink.sealed.unsynced);
        sink.abort();
        assert_eq!(read(&fs::read(&files(dir.path())[0]).unwrap()).0, [b"kept".to_vec()]);
    }
}
