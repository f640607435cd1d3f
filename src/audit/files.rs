//! The files of a log, and their lines.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::line::MAX_LINE_BYTES;

/// The file that is locked, by those who append for themselves and by those who read together.
const LOCK: &str = "lock";

/// The name of the file with this number; the first is 1.
pub(super) fn name(number: u32) -> String {
    format!("audit-{number:06}.jsonl")
}

/// The numbers of the files there are, in order.
pub(super) fn numbers(dir: &Path) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in dir.read_dir()? {
        let file = entry?.file_name();
        let number = file.to_str().and_then(|f| f.strip_prefix("audit-")?.strip_suffix(".jsonl"));
        let number = number.and_then(|n| n.parse().ok()).filter(|n| *n > 0);
        // Not `audit-1.jsonl`, nor `audit-+00001.jsonl`: each number has one name.
        found.extend(number.filter(|n| *name(*n) == *file));
    }
    found.sort_unstable();
    Ok(found)
}

/// How far a log goes at one moment. It only grows: read up to here, it is as it was then.
#[derive(Clone, Debug, Default)]
pub(super) struct Extent {
    /// Numbers and lengths of the files.
    pub(super) files: Vec<(u32, u64)>,
    /// Length of the file of checkpoints.
    pub(super) checkpoints: u64,
}

impl Extent {
    /// Measures it. Nobody must append meanwhile.
    pub(super) fn of(dir: &Path) -> io::Result<Extent> {
        let len = |file: &str| match dir.join(file).metadata() {
            Ok(about) => Ok(about.len()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(e) => Err(e),
        };
        let files = numbers(dir)?.into_iter().map(|n| Ok((n, len(&name(n))?))).collect::<io::Result<_>>()?;
        Ok(Extent { files, checkpoints: len(super::checkpoint::FILE)? })
    }

    /// The same, as a reader: those who append are waited for, where there is a lock at all.
    pub(super) fn read(dir: &Path) -> io::Result<Extent> {
        let _lock = match File::open(dir.join(LOCK)) {
            Ok(file) => {
                file.lock_shared()?;
                Some(file)
            }
            // A copy of a log needs none.
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        Extent::of(dir)
    }
}

/// Opens the file that is locked while something is appended.
pub(super) fn lock_file(dir: &Path) -> io::Result<File> {
    private(OpenOptions::new().read(true).write(true).create(true)).open(dir.join(LOCK))
}

/// Makes a directory for its owner alone, with those above it.
pub(super) fn make_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Makes a file for its owner alone. Its name is durable only when its directory is.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let file = private(OpenOptions::new().append(true).create_new(true)).open(path)?;
    sync_dir(path.parent().unwrap_or(path))?;
    Ok(file)
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Makes names of files durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(dir)?.sync_all()?;
    Ok(())
}

/// Appends a line and waits until it is on the disk. Where that fails, the file is cut back to `len`, its length
/// before, so that no half of a line stays.
pub(super) fn append_line(path: &Path, len: u64, line: &str) -> io::Result<()> {
    let mut file = match OpenOptions::new().append(true).open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound && len == 0 => create(path)?,
        opened => opened?,
    };
    let written = file.write_all(format!("{line}\n").as_bytes()).and_then(|()| file.sync_data());
    if written.is_err() {
        // Where not even this works, the next one to append finds the torn line and deals with it.
        let _ = file.set_len(len);
    }
    written
}

/// The lines of a file up to a length, in memory bounded by the longest line.
pub(super) struct Lines {
    input: io::Take<BufReader<File>>,
    line: Vec<u8>,
}

/// A piece of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A line, without its end.
    Line(&'a [u8]),
    /// What stands after the last line end.
    Torn(&'a [u8]),
    /// More bytes without a line end than a line may have.
    TooLong,
}

impl Lines {
    /// Reads from `offset` to `len`. `None` where there is no such file.
    pub(super) fn open(path: &Path, offset: u64, len: u64) -> io::Result<Option<Lines>> {
        let mut file = match File::open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        file.seek(SeekFrom::Start(offset))?;
        let ahead = len.saturating_sub(offset);
        // Mostly nothing is there to be read: an append looks for what others have written.
        let capacity = ahead.clamp(1, 256 << 10) as usize;
        let input = BufReader::with_capacity(capacity, file).take(ahead);
        Ok(Some(Lines { input, line: Vec::new() }))
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        self.line.clear();
        self.input.by_ref().take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', &mut self.line)?;
        Ok(match self.line.strip_suffix(b"\n") {
            Some(line) => Some(Piece::Line(line)),
            None if self.line.is_empty() => None,
            None if self.line.len() > MAX_LINE_BYTES => Some(Piece::TooLong),
            None => Some(Piece::Torn(&self.line)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_what_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "ab\n\nc").unwrap();
        let read = |offset, len| {
            let (mut lines, mut out) = (Lines::open(&path, offset, len).unwrap().unwrap(), Vec::new());
            while let Some(piece) = lines.next().unwrap() {
                out.push(format!("{piece:?}"));
                if piece == Piece::TooLong {
                    break;
                }
            }
            out
        };
        assert_eq!(read(0, 5), ["Line([97, 98])", "Line([])", "Torn([99])"]);
        assert_eq!(read(3, 4), ["Line([])"]);
        assert_eq!(read(0, 2), ["Torn([97, 98])"]);
        std::fs::write(&path, vec![b'x'; MAX_LINE_BYTES + 9]).unwrap();
        assert_eq!(read(0, u64::MAX), ["TooLong"]);
        assert!(Lines::open(&dir.path().join("absent"), 0, 1).unwrap().is_none());
    }

    #[test]
    fn only_files_of_a_log_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        for file in [
            "audit-000002.jsonl",
            "audit-1000000.jsonl",
            "audit-1.jsonl",
            "audit-000000.jsonl",
            "audit-000003.jsonl.gz",
        ] {
            std::fs::write(dir.path().join(file), "x").unwrap();
        }
        assert_eq!(numbers(dir.path()).unwrap(), [2, 1_000_000]);
        let extent = Extent::read(dir.path()).unwrap();
        assert_eq!((extent.files, extent.checkpoints), (vec![(2, 1), (1_000_000, 1)], 0));
    }
}
