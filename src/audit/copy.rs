//! Checkpoints in another trust domain: the file of checkpoints, line for line, in another directory.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::files::{Lines, Piece, create};
use super::{AuditError, Problem, checkpoint};

/// The copy must be what the log's own file begins with. If it is not, or has more, one of them was changed or
/// the log was set back to an older state.
pub(super) fn compare(dir: &Path, to: &Path) -> Result<(), AuditError> {
    let (own, copy) = (dir.join(checkpoint::FILE), to.join(checkpoint::FILE));
    let lines = |path: &Path| Lines::open(path, 0, u64::MAX).map_err(|e| AuditError::read(path, &e));
    let (Some(mut copied), mut owned) = (lines(&copy)?, lines(&own)?) else { return Ok(()) };
    let mut number = 0;
    while let Some(piece) = copied.next().map_err(|e| AuditError::read(&copy, &e))? {
        number += 1;
        let line = match &mut owned {
            Some(owned) => owned.next().map_err(|e| AuditError::read(&own, &e))?,
            None => None,
        };
        let same = match (piece, line) {
            (Piece::Line(copied), Some(Piece::Line(own))) => copied == own,
            // A copy that was broken off is carried on.
            (Piece::Torn(copied), Some(Piece::Line(own))) => own.starts_with(copied),
            _ => false,
        };
        if !same {
            return Err(differs(&copy, number));
        }
    }
    Ok(())
}

fn differs(copy: &Path, line: u64) -> AuditError {
    AuditError::Tampered(Problem {
        file: copy.display().to_string(),
        line,
        what: "this copied checkpoint is not among the log's own: the log was changed or set back, or the copy is \
               that of another log"
            .to_owned(),
    })
}

fn open(path: &Path) -> Result<Option<File>, AuditError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(AuditError::read(path, &e)),
    }
}

/// Appends what the copy lacks of the log's `len` bytes of checkpoints. The directory must be there: one that is made here,
/// because a mount is missing, would be in no other domain.
pub(super) fn bring_up(dir: &Path, to: &Path, len: u64) -> Result<(), AuditError> {
    let (own, copy) = (dir.join(checkpoint::FILE), to.join(checkpoint::FILE));
    if !to.is_dir() {
        return Err(AuditError::Io(format!(
            "checkpoints cannot be copied to {}: it is no directory; mount it or make it, or take copy_to away",
            to.display()
        )));
    }
    let failed = |e: io::Error| AuditError::write(&copy, &e);
    let have = match copy.metadata() {
        Ok(about) => about.len(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => 0,
        Err(e) => return Err(failed(e)),
    };
    if have > len {
        return Err(differs(&copy, 0));
    }
    if have == len {
        return Ok(());
    }
    let mut from = File::open(&own).map_err(|e| AuditError::read(&own, &e))?;
    from.seek(SeekFrom::Start(have)).map_err(|e| AuditError::read(&own, &e))?;
    let mut missing = Vec::new();
    from.take(len - have).read_to_end(&mut missing).map_err(|e| AuditError::read(&own, &e))?;
    let mut file = match OpenOptions::new().append(true).open(&copy) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => create(&copy).map_err(failed)?,
        opened => opened.map_err(failed)?,
    };
    file.write_all(&missing).and_then(|()| file.sync_data()).map_err(failed)
}

/// The last line of a file that ends in a line end, without that; nothing where it is empty.
pub(super) fn last_line(path: &Path) -> Result<String, AuditError> {
    let Some(mut file) = open(path)? else { return Ok(String::new()) };
    let failed = |e: io::Error| AuditError::read(path, &e);
    let len = file.metadata().map_err(failed)?.len();
    // A checkpoint has at most 64 peaks of 64 digits.
    file.seek(SeekFrom::Start(len.saturating_sub(16 << 10))).map_err(failed)?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).map_err(failed)?;
    let tail = tail.strip_suffix(b"\n").unwrap_or(&tail);
    let line = tail.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).into_owned())
}
