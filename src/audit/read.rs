//! Reading entries, for those who show or export them.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::files::{Extent, Lines, Piece, name};
use super::line::Record;
use super::{AuditError, Problem};

/// Goes through the entries of a log, first to last. Each must follow from the one before, or reading ends with an error: what is
/// handed on as an audit log should be one. Whether the log is whole is for [`verify()`](super::verify()) to say.
pub struct Reader {
    dir: PathBuf,
    extent: Extent,
    file: usize,
    lines: Option<Lines>,
    line: u64,
    last: Option<(u64, [u8; 32])>,
}

impl Reader {
    /// Begins with the first entry there is.
    pub fn open(dir: &Path) -> Result<Reader, AuditError> {
        let reader = Reader::of_open_log(dir)?;
        if reader.extent.files.is_empty() {
            return Err(AuditError::Io(format!("{} holds no audit log; check the directory", dir.display())));
        }
        Ok(reader)
    }

    /// The same, of a log that may not have begun yet: then there is no entry.
    pub fn of_open_log(dir: &Path) -> Result<Reader, AuditError> {
        let extent = Extent::read(dir).map_err(|e| AuditError::read(dir, &e))?;
        Ok(Reader { dir: dir.to_owned(), extent, file: 0, lines: None, line: 0, last: None })
    }

    fn read(&mut self) -> Result<Option<Record>, AuditError> {
        while let Some((number, len)) = self.extent.files.get(self.file).copied() {
            let path = self.dir.join(name(number));
            let failed = |e| AuditError::read(&path, &e);
            if self.lines.is_none() {
                (self.lines, self.line) = (Lines::open(&path, 0, len).map_err(failed)?, 0);
            }
            if let Some(lines) = &mut self.lines {
                match lines.next().map_err(failed)? {
                    Some(Piece::Line(line)) => {
                        self.line += 1;
                        let record = Record::parse(line).map_err(|e| e.to_string());
                        let record = record.and_then(|record| match self.last {
                            _ if !super::line::is_sound(line) => Err("it was changed".to_owned()),
                            Some((seq, hash)) if record.seq != seq + 1 || record.prev != hash => {
                                Err("it does not follow from the entry before".to_owned())
                            }
                            _ => Ok(record),
                        });
                        let record = record.map_err(|what| {
                            AuditError::Tampered(Problem { file: name(number), line: self.line, what })
                        })?;
                        self.last = Some((record.seq, record.hash));
                        return Ok(Some(record));
                    }
                    // What a crash left of a line is none.
                    Some(Piece::Torn(_)) | None => {}
                    Some(Piece::TooLong) => {
                        let what = "the line is longer than any entry".to_owned();
                        return Err(AuditError::Tampered(Problem {
                            file: name(number),
                            line: self.line + 1,
                            what,
                        }));
                    }
                }
            }
            (self.file, self.lines) = (self.file + 1, None);
        }
        Ok(None)
    }
}

impl Iterator for Reader {
    type Item = Result<Record, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.read().transpose();
        if matches!(item, Some(Err(_))) {
            self.file = self.extent.files.len();
        }
        item
    }
}

/// The last lines of a log, and those that come.
pub struct Follower {
    dir: PathBuf,
    file: u32,
    offset: u64,
}

impl Follower {
    /// The last `count` lines, as they stand there, and who hands out those that come after.
    pub fn open(dir: &Path, count: usize) -> Result<(Vec<Vec<u8>>, Follower), AuditError> {
        let extent = Extent::read(dir).map_err(|e| AuditError::read(dir, &e))?;
        if extent.files.is_empty() {
            return Err(AuditError::Io(format!("{} holds no audit log; check the directory", dir.display())));
        }
        let mut last: VecDeque<Vec<u8>> = VecDeque::new();
        for (number, len) in extent.files.iter().rev() {
            let mut of_file = VecDeque::new();
            let missing = count - last.len();
            each_line(dir, *number, 0, *len, &mut |line| {
                of_file.push_back(line.to_vec());
                if of_file.len() > missing {
                    of_file.pop_front();
                }
            })?;
            of_file.append(&mut last);
            last = of_file;
            if last.len() >= count {
                break;
            }
        }
        let (file, offset) = extent.files.last().copied().unwrap_or((1, 0));
        Ok((last.into(), Follower { dir: dir.to_owned(), file, offset }))
    }

    /// The lines that have come since.
    pub fn poll(&mut self) -> Result<Vec<Vec<u8>>, AuditError> {
        let extent = Extent::read(&self.dir).map_err(|e| AuditError::read(&self.dir, &e))?;
        let mut came = Vec::new();
        for (number, len) in extent.files {
            if number < self.file {
                continue;
            }
            if number > self.file {
                (self.file, self.offset) = (number, 0);
            }
            let read = each_line(&self.dir, number, self.offset, len, &mut |line| came.push(line.to_vec()))?;
            self.offset += read;
        }
        Ok(came)
    }
}

/// Hands out the whole lines of a part of a file, and says how many bytes they were.
fn each_line(
    dir: &Path,
    number: u32,
    offset: u64,
    len: u64,
    visit: &mut dyn FnMut(&[u8]),
) -> Result<u64, AuditError> {
    let path = dir.join(name(number));
    let failed = |e| AuditError::read(&path, &e);
    let mut read = 0;
    let Some(mut lines) = Lines::open(&path, offset, len).map_err(failed)? else { return Ok(0) };
    while let Some(Piece::Line(line)) = lines.next().map_err(failed)? {
        read += line.len() as u64 + 1;
        visit(line);
    }
    Ok(read)
}
