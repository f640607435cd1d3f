//! The walk along a log: entries and checkpoints in the order in which they were written.

use std::path::{Path, PathBuf};

use super::chain::{Chain, Trust};
use super::checkpoint::{self, Checkpoint, Pruned};
use super::event::Event;
use super::files::{Extent, Lines, Piece, name};
use super::line::Frame;
use super::{AuditError, Problem};

/// How far one has walked.
#[derive(Clone, Debug)]
pub(super) struct Position {
    /// Number of the file, bytes and lines of it so far, and the time of its first entry.
    pub(super) file: u32,
    pub(super) offset: u64,
    line: u64,
    /// Lines of all files walked along.
    pub(super) lines: u64,
    pub(super) first_ms: Option<i64>,
    /// Bytes and lines of the file of checkpoints so far.
    pub(super) checkpoint_offset: u64,
    checkpoint_line: u64,
    /// Bytes of checkpoints that are known to be in the copy.
    pub(super) copied: Option<u64>,
    pub(super) chain: Chain,
}

/// What stands after the last line end.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// Of the last file of entries.
    pub(super) entries: Option<Vec<u8>>,
    /// Of the checkpoints.
    pub(super) checkpoints: Option<Vec<u8>>,
}

/// Who walks along.
pub(super) trait Visitor {
    /// Something does not fit. To go on is for those who want to know what else does not.
    fn problem(&mut self, problem: Problem) -> Result<(), AuditError>;

    /// An entry. What else is wrong with it is the answer.
    fn entry(&mut self, _frame: &Frame, _line: &[u8], _before: &Before) -> Option<String> {
        None
    }

    /// A checkpoint that has its place now.
    fn checkpoint(&mut self, _checkpoint: &Checkpoint) -> Result<(), AuditError> {
        Ok(())
    }

    /// The end of a file that another follows.
    fn file_end(&mut self, _number: u32, _chain: &Chain) {}
}

/// What stood before an entry.
pub(super) struct Before {
    /// The number of the file before, where the entry is the first of its file.
    pub(super) file: Option<u32>,
}

/// Accepts no problem.
pub(super) struct Strict;

impl Visitor for Strict {
    fn problem(&mut self, problem: Problem) -> Result<(), AuditError> {
        Err(AuditError::Tampered(problem))
    }
}

impl Position {
    /// The first entry of a log, or of what pruning has left of it; then also what was pruned.
    pub(super) fn start(dir: &Path, extent: &Extent) -> Result<(Position, Option<Checkpoint>), AuditError> {
        let first = extent.files.first().map_or(1, |(number, _)| *number);
        let (mut file, mut pruned) = (1, None);
        if first > 1 {
            (file, pruned) = start_of_rest(dir, extent)?.ok_or_else(|| {
                AuditError::Tampered(Problem {
                    file: name(first),
                    line: 0,
                    what: "the files before it are missing, and no checkpoint says that they were pruned"
                        .to_owned(),
                })
            })?;
        }
        let before: Option<&Pruned> = pruned.as_ref().and_then(|c: &Checkpoint| c.pruned.as_ref());
        let start = Position {
            file,
            offset: 0,
            line: 0,
            lines: 0,
            first_ms: None,
            checkpoint_offset: 0,
            checkpoint_line: 0,
            copied: None,
            chain: Chain::new(before),
        };
        Ok((start, pruned))
    }

    /// Walks to the end of `extent`.
    pub(super) fn walk(
        &mut self,
        dir: &Path,
        extent: &Extent,
        trust: &Trust,
        visitor: &mut impl Visitor,
    ) -> Result<Ends, AuditError> {
        let mut ends = Ends::default();
        if extent.checkpoints < self.checkpoint_offset {
            let (was, is) = (self.checkpoint_offset, extent.checkpoints);
            let what = format!("it was {was} bytes long and is now {is}");
            visitor.problem(Problem { file: checkpoint::FILE.to_owned(), line: 0, what })?;
        }
        let mut checkpoints = Checkpoints::open(dir, self, extent)?;
        checkpoints.take(self, self.chain.seq, trust, visitor)?;
        if let Some((_, len)) = extent.files.iter().find(|(n, _)| *n == self.file) {
            if *len < self.offset {
                visitor.problem(self.here(format!("it was {} bytes long and is now {len}", self.offset)))?;
            }
        } else if self.offset > 0 || extent.files.iter().any(|(n, _)| *n > self.file) {
            visitor.problem(Problem { file: name(self.file), line: 0, what: "it is missing".to_owned() })?;
        }
        let ahead = extent.files.iter().filter(|(n, _)| *n >= self.file).copied().collect::<Vec<_>>();
        let last = ahead.last().map_or(self.file, |(n, _)| *n);
        for (number, len) in ahead {
            let before = self.enter(number, visitor)?;
            let path = dir.join(name(number));
            let opened = Lines::open(&path, self.offset, len).map_err(|e| AuditError::read(&path, &e))?;
            let Some(mut lines) = opened else {
                let what =
                    format!("{} went while the log was read: was it pruned? begin anew", path.display());
                return Err(AuditError::Io(what));
            };
            while let Some(piece) = lines.next().map_err(|e| AuditError::read(&path, &e))? {
                match piece {
                    Piece::Line(line) => self.entry(line, before, visitor)?,
                    Piece::Torn(bytes) if number == last => ends.entries = Some(bytes.to_vec()),
                    Piece::Torn(_) => {
                        self.line += 1;
                        visitor
                            .problem(self.here("the file is cut off in the middle of a line".to_owned()))?;
                    }
                    Piece::TooLong => {
                        self.line += 1;
                        visitor.problem(self.here("the line is longer than any entry".to_owned()))?;
                        self.chain.lost = true;
                        break;
                    }
                }
                checkpoints.take(self, self.chain.seq, trust, visitor)?;
            }
            if self.line == 0 && number != last {
                visitor.problem(self.here("it is empty".to_owned()))?;
            }
            if number != last {
                visitor.file_end(number, &self.chain);
            }
        }
        checkpoints.take(self, u64::MAX, trust, visitor)?;
        ends.checkpoints = checkpoints.torn;
        Ok(ends)
    }

    /// Begins a file, or goes on in it; gives the file before where one ended.
    fn enter(&mut self, number: u32, visitor: &mut impl Visitor) -> Result<Option<u32>, AuditError> {
        if number == self.file {
            return Ok(None);
        }
        let before = self.file;
        if number != before + 1 {
            let what = match number - before {
                2 => format!("{} before it is missing", name(before + 1)),
                _ => format!("{} to {} before it are missing", name(before + 1), name(number - 1)),
            };
            visitor.problem(Problem { file: name(number), line: 0, what })?;
            self.chain.lost = true;
        }
        self.enter_file(number);
        Ok(Some(before))
    }

    /// Goes to the beginning of a file.
    pub(super) fn enter_file(&mut self, number: u32) {
        (self.file, self.offset, self.line, self.first_ms) = (number, 0, 0, None);
    }

    /// Whether the next entry is the first of a file that is not the log's first.
    pub(super) fn begins_file(&self) -> bool {
        self.offset == 0 && self.file > 1
    }

    /// Takes in a line that was appended to the log.
    pub(super) fn wrote(&mut self, line: &[u8]) -> Result<(), AuditError> {
        self.entry(line, None, &mut Strict)
    }

    /// Takes in a checkpoint that was appended.
    pub(super) fn signed(&mut self, checkpoint: &Checkpoint) -> Result<(), AuditError> {
        self.checkpoint_line += 1;
        self.checkpoint_offset += checkpoint.to_line().len() as u64 + 1;
        self.chain.checkpoint(checkpoint, &Trust::Unchecked).map_err(|what| {
            let (file, line) = (checkpoint::FILE.to_owned(), self.checkpoint_line);
            AuditError::Tampered(Problem { file, line, what })
        })
    }

    fn entry(
        &mut self,
        line: &[u8],
        before: Option<u32>,
        visitor: &mut impl Visitor,
    ) -> Result<(), AuditError> {
        self.line += 1;
        self.lines += 1;
        self.offset += line.len() as u64 + 1;
        match self.chain.add(line) {
            Ok(frame) => {
                let before = Before { file: before.filter(|_| self.line == 1) };
                if before.file.is_some() && frame.event != Event::AuditRotate {
                    let what = "the file does not begin with audit_rotate".to_owned();
                    visitor.problem(self.here(what))?;
                }
                self.first_ms.get_or_insert(frame.time_ms);
                if let Some(what) = visitor.entry(&frame, line, &before) {
                    visitor.problem(self.here(what))?;
                }
                Ok(())
            }
            Err(what) => visitor.problem(self.here(what)),
        }
    }

    fn here(&self, what: String) -> Problem {
        Problem { file: name(self.file), line: self.line, what }
    }
}

/// After pruning: the file that is the first of those left, and the checkpoint that says so. It is the last of them
/// that fits: older ones were made by earlier prunings. Files before it are left over from a pruning that was cut short.
fn start_of_rest(dir: &Path, extent: &Extent) -> Result<Option<(u32, Option<Checkpoint>)>, AuditError> {
    let mut begins = Vec::new();
    for (number, len) in &extent.files {
        let path = dir.join(name(*number));
        let failed = |e: std::io::Error| AuditError::read(&path, &e);
        let Some(mut lines) = Lines::open(&path, 0, *len).map_err(failed)? else { continue };
        if let Some(Piece::Line(line)) = lines.next().map_err(failed)? {
            begins.extend(Frame::read(line).map(|frame| (frame.seq, *number)));
        }
    }
    let path = dir.join(checkpoint::FILE);
    let failed = |e: std::io::Error| AuditError::read(&path, &e);
    let mut found = None;
    let Some(mut lines) = Lines::open(&path, 0, extent.checkpoints).map_err(failed)? else { return Ok(None) };
    while let Some(Piece::Line(line)) = lines.next().map_err(failed)? {
        let Ok(checkpoint) = Checkpoint::parse(line) else { continue };
        let Some(pruned) = &checkpoint.pruned else { continue };
        let after = pruned.tree.size() + 1;
        if let Some((_, number)) = begins.iter().find(|(seq, _)| *seq == after) {
            found = Some((*number, Some(checkpoint)));
        }
    }
    Ok(found)
}

/// The checkpoints, read along with the entries.
struct Checkpoints {
    path: PathBuf,
    lines: Option<Lines>,
    next: Option<Checkpoint>,
    torn: Option<Vec<u8>>,
}

impl Checkpoints {
    fn open(dir: &Path, at: &Position, extent: &Extent) -> Result<Checkpoints, AuditError> {
        let path = dir.join(checkpoint::FILE);
        let lines = Lines::open(&path, at.checkpoint_offset, extent.checkpoints)
            .map_err(|e| AuditError::read(&path, &e))?;
        Ok(Checkpoints { path, lines, next: None, torn: None })
    }

    /// Hands the checkpoints over entries up to `seq` to the chain; all that are left, where that is the end.
    fn take(
        &mut self,
        at: &mut Position,
        seq: u64,
        trust: &Trust,
        visitor: &mut impl Visitor,
    ) -> Result<(), AuditError> {
        loop {
            if self.next.is_none() {
                self.next = self.read(at, visitor)?;
            }
            let Some(checkpoint) = self.next.take_if(|c| c.size <= seq) else { return Ok(()) };
            let place = |what| Problem { file: checkpoint::FILE.to_owned(), line: at.checkpoint_line, what };
            let (number, size, end) = (checkpoint.number, checkpoint.size, at.chain.seq);
            if size > end {
                visitor.problem(place(format!(
                    "checkpoint {number} is over {size} entries, and the log ends with entry {end}: entries were cut off"
                )))?;
            }
            if let Err(what) = at.chain.checkpoint(&checkpoint, trust) {
                visitor.problem(place(what))?;
            }
            visitor.checkpoint(&checkpoint)?;
        }
    }

    fn read(
        &mut self,
        at: &mut Position,
        visitor: &mut impl Visitor,
    ) -> Result<Option<Checkpoint>, AuditError> {
        let Some(lines) = &mut self.lines else { return Ok(None) };
        while let Some(piece) = lines.next().map_err(|e| AuditError::read(&self.path, &e))? {
            at.checkpoint_line += 1;
            let place = |what| Problem { file: checkpoint::FILE.to_owned(), line: at.checkpoint_line, what };
            match piece {
                Piece::Line(line) => {
                    at.checkpoint_offset += line.len() as u64 + 1;
                    match Checkpoint::parse(line) {
                        Ok(checkpoint) => return Ok(Some(checkpoint)),
                        Err(e) => visitor.problem(place(e.to_string()))?,
                    }
                }
                Piece::Torn(bytes) => {
                    at.checkpoint_line -= 1;
                    self.torn = Some(bytes.to_vec());
                }
                Piece::TooLong => {
                    visitor.problem(place("the line is longer than any checkpoint".to_owned()))?;
                    self.lines = None;
                    break;
                }
            }
        }
        Ok(None)
    }
}
