//! Reading a log again, to see whether it is what was written.

use std::path::{Path, PathBuf};

use super::chain::Trust;
use super::checkpoint::{self, Checkpoint, PublicKey};
use super::event::Event;
use super::files::{Extent, Lines, Piece, name};
use super::line::{Frame, Record};
use super::walk::{Before, Position, Visitor};
use super::{AuditError, Problem, time};

/// Problems that are told one by one; of more only the number.
const MAX_PROBLEMS: usize = 100;

/// What a log is held against.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// The public keys of those who may sign checkpoints. With none, no signature is checked: then only what was
    /// changed carelessly shows.
    pub public_keys: Vec<PublicKey>,
    /// Checkpoints that were kept elsewhere: a file, or a directory with `checkpoints.jsonl`.
    pub checkpoints: Option<PathBuf>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Entries read.
    pub entries: u64,
    /// Number of the last entry.
    pub last_seq: u64,
    /// Hash of the last entry.
    pub head: [u8; 32],
    /// Time of the last entry, in milliseconds since 1970.
    pub last_ms: i64,
    /// Files read.
    pub files: usize,
    /// Checkpoints of the log itself.
    pub checkpoints: u64,
    /// Entries that the last checkpoint is over.
    pub signed: u64,
    /// Whether signatures were checked.
    pub signatures_checked: bool,
    /// Checkpoints kept elsewhere that are those of the log.
    pub trusted: u64,
    /// What had been pruned.
    pub pruned: Option<PrunedReport>,
    /// What does not fit; at most a hundred.
    pub problems: Vec<Problem>,
    /// More that does not fit.
    pub more_problems: u64,
}

/// What a checkpoint says was pruned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrunedReport {
    /// Entries, from the first on.
    pub entries: u64,
    /// When the checkpoint was made, in milliseconds since 1970.
    pub time_ms: i64,
    /// The checkpoint.
    pub checkpoint: u64,
}

impl Report {
    /// Whether all fits.
    pub fn is_intact(&self) -> bool {
        self.problems.is_empty()
    }

    /// The time of the last entry as RFC 3339 has it.
    pub fn last_time(&self) -> String {
        time::format(self.last_ms)
    }

    fn add(&mut self, problem: Problem) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        } else {
            self.more_problems += 1;
        }
    }
}

/// Reads the log in `dir` from its beginning, in constant memory, and says what does not fit and where. The log may be
/// in use meanwhile: it is verified as far as it went when this began.
///
/// # Errors
///
/// [`AuditError::Io`] where a file cannot be read. Whatever is wrong with what can be read is in the [`Report`].
pub fn verify(dir: &Path, options: &VerifyOptions) -> Result<Report, AuditError> {
    let trust = match options.public_keys.is_empty() {
        true => Trust::Unchecked,
        false => Trust::Only(options.public_keys.clone()),
    };
    let mut trusted = match &options.checkpoints {
        Some(path) => Some(Trusted::open(path)?),
        None => None,
    };
    let extent = Extent::read(dir).map_err(|e| AuditError::read(dir, &e))?;
    if extent.files.is_empty() && extent.checkpoints == 0 {
        return Err(AuditError::Io(format!("{} holds no audit log; check the directory", dir.display())));
    }
    let (mut position, pruned) = match Position::start(dir, &extent) {
        Ok(start) => start,
        // Nothing that follows can be held against what is missing.
        Err(AuditError::Tampered(problem)) => {
            return Ok(Report { problems: vec![problem], ..Report::default() });
        }
        Err(e) => return Err(e),
    };
    let pruned = pruned.and_then(|c| {
        let entries = c.pruned?.tree.size();
        Some(PrunedReport { entries, time_ms: c.time_ms, checkpoint: c.number })
    });
    let first = position.file;
    let report = Report {
        signatures_checked: trust.is_checked(),
        files: extent.files.iter().filter(|(n, _)| *n >= first).count(),
        pruned,
        ..Report::default()
    };
    let mut auditor = Auditor { report, trusted: trusted.as_mut(), trust: trust.clone() };
    let ends = position.walk(dir, &extent, &trust, &mut auditor)?;
    for (torn, file) in [(ends.entries, name(position.file)), (ends.checkpoints, checkpoint::FILE.to_owned())]
    {
        if let Some(bytes) = torn {
            let what = format!(
                "the last line is not finished ({} bytes): a crash does that, and so does cutting it off; whoever appends next \
                 moves it aside",
                bytes.len()
            );
            auditor.report.add(Problem { file, line: 0, what });
        }
    }
    auditor.rest_of_trusted(position.chain.seq)?;
    let chain = &position.chain;
    let mut report = auditor.report;
    report.entries = position.lines;
    (report.last_seq, report.head, report.last_ms) = (chain.seq, chain.head, chain.time_ms);
    (report.checkpoints, report.signed) = (chain.signed.number, chain.signed.size);
    Ok(report)
}

struct Auditor<'a> {
    report: Report,
    trusted: Option<&'a mut Trusted>,
    trust: Trust,
}

impl Visitor for Auditor<'_> {
    fn problem(&mut self, problem: Problem) -> Result<(), AuditError> {
        self.report.add(problem);
        Ok(())
    }

    fn entry(&mut self, frame: &Frame, line: &[u8], before: &Before) -> Option<String> {
        let record = match Record::parse(line) {
            Ok(record) => record,
            Err(e) => return Some(format!("entry {}: {e}", frame.seq)),
        };
        let what = &record.entry.what;
        let file = before.file.filter(|_| frame.event == Event::AuditRotate)?;
        if what.object.as_deref() != Some(&*name(file)) || what.digest != Some(frame.prev) {
            return Some(format!("the file says that it follows another one than {}", name(file)));
        }
        None
    }

    /// The log's own checkpoint with this number must be the one that was kept elsewhere.
    fn checkpoint(&mut self, own: &Checkpoint) -> Result<(), AuditError> {
        let (trust, report) = (&self.trust, &mut self.report);
        let Some(trusted) = &mut self.trusted else { return Ok(()) };
        while let Some((line, kept)) = trusted.next(report)? {
            if kept.number > own.number {
                trusted.peeked = Some((line, kept));
                break;
            }
            let place = |what| Problem { file: trusted.shown.clone(), line, what };
            if let Err(what) = trust.check(&kept) {
                report.add(place(what));
            } else if kept.number < own.number || kept.hash() != own.hash() {
                report.add(place(differs(&kept)));
            } else {
                report.trusted += 1;
            }
        }
        Ok(())
    }
}

fn differs(kept: &Checkpoint) -> String {
    format!(
        "checkpoint {} over {} entries was kept here, and the log has not got it: checkpoints were taken away or replaced",
        kept.number, kept.size
    )
}

impl Auditor<'_> {
    /// What was kept elsewhere of later times than the log itself has.
    fn rest_of_trusted(&mut self, end: u64) -> Result<(), AuditError> {
        let (trust, report) = (&self.trust, &mut self.report);
        let Some(trusted) = &mut self.trusted else { return Ok(()) };
        while let Some((line, kept)) = trusted.next(report)? {
            let what = match trust.check(&kept) {
                Err(what) => what,
                Ok(()) if kept.size > end => format!(
                    "checkpoint {} over {} entries was kept here, and the log ends with entry {end}: entries were cut off",
                    kept.number, kept.size
                ),
                Ok(()) => differs(&kept),
            };
            report.add(Problem { file: trusted.shown.clone(), line, what });
        }
        if trusted.read == 0 {
            let what = "it holds no checkpoint that the log could be held against".to_owned();
            report.add(Problem { file: trusted.shown.clone(), line: 0, what });
        }
        Ok(())
    }
}

/// Checkpoints that were kept elsewhere.
struct Trusted {
    path: PathBuf,
    shown: String,
    lines: Lines,
    line: u64,
    read: u64,
    peeked: Option<(u64, Checkpoint)>,
}

impl Trusted {
    fn open(path: &Path) -> Result<Trusted, AuditError> {
        let path = if path.is_dir() { path.join(checkpoint::FILE) } else { path.to_owned() };
        let absent = || AuditError::read(&path, &std::io::ErrorKind::NotFound.into());
        let lines = Lines::open(&path, 0, u64::MAX).map_err(|e| AuditError::read(&path, &e))?;
        let lines = lines.ok_or_else(absent)?;
        let shown = path.display().to_string();
        Ok(Trusted { path, shown, lines, line: 0, read: 0, peeked: None })
    }

    fn next(&mut self, report: &mut Report) -> Result<Option<(u64, Checkpoint)>, AuditError> {
        if let Some(peeked) = self.peeked.take() {
            return Ok(Some(peeked));
        }
        while let Some(piece) = self.lines.next().map_err(|e| AuditError::read(&self.path, &e))? {
            self.line += 1;
            let parsed = match piece {
                Piece::Line(line) => Checkpoint::parse(line),
                // The copy is being written, or was when its host failed.
                Piece::Torn(_) => break,
                Piece::TooLong => Checkpoint::parse(b""),
            };
            match parsed {
                Ok(checkpoint) => {
                    self.read += 1;
                    return Ok(Some((self.line, checkpoint)));
                }
                Err(e) => {
                    report.add(Problem { file: self.shown.clone(), line: self.line, what: e.to_string() })
                }
            }
        }
        Ok(None)
    }
}
