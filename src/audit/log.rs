//! Appending to the log.

use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::chain::Trust;
use super::checkpoint::{self, Checkpoint, Pruned, SigningKey};
use super::entry::{Entry, What};
use super::event::Event;
use super::files::{self, Extent, append_line, lock_file, make_dir, name};
use super::line::Record;
use super::walk::{Position, Strict};
use super::{Actor, AuditError, AuditSettings, PublicKey, copy, recover, time};

/// How far the clock may fall behind the last entry before an entry says so: what a clock that is being set by NTP may
/// do without anybody wondering.
const CLOCK_TOLERANCE_MS: i64 = 5000;
const DAY_MS: i64 = 86_400_000;

/// An audit log that is open for appending. Any number of threads and processes may have the same directory open; each
/// entry goes behind what the others have written.
#[derive(Debug)]
pub struct AuditLog {
    pub(super) settings: AuditSettings,
    pub(super) key: Option<SigningKey>,
    lock: File,
    /// How far the log has been read; nothing before the first time.
    position: Mutex<Option<Position>>,
}

/// Says that an entry is on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its number.
    pub seq: u64,
    /// Its time in the log, in milliseconds since 1970.
    pub time_ms: i64,
    /// Its hash.
    pub hash: [u8; 32],
}

/// A checkpoint, as far as it is to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointInfo {
    /// Its number.
    pub number: u64,
    /// The entries it is over.
    pub size: u64,
    /// Its line, to be kept elsewhere.
    pub line: String,
}

impl AuditLog {
    /// Opens the log, and makes its directory where it is not there.
    ///
    /// All of the log is read and must verify; a last line that a crash cut off is moved aside and an entry records it. Anything
    /// else that does not fit is an [`AuditError::Tampered`].
    pub fn open(settings: AuditSettings) -> Result<AuditLog, AuditError> {
        let key = settings.key.as_ref().map(SigningKey::load).transpose()?;
        let dir = &settings.dir;
        make_dir(dir).map_err(|e| AuditError::write(dir, &e))?;
        let lock = lock_file(dir).map_err(|e| AuditError::write(dir, &e))?;
        let log = AuditLog { key, lock, position: Mutex::default(), settings };
        log.locked(|log, position| {
            if let Some(to) = &log.settings.copy_to {
                copy::compare(&log.settings.dir, to)?;
            }
            log.copy(position)
        })?;
        Ok(log)
    }

    /// Appends an entry, and returns when it is on the disk.
    ///
    /// When this fails the entry may or may not be in the log; what it was to record must not be done. Where the clock
    /// has gone back, the entry gets the time of the one before, and says by how much the clock was behind if that is more than
    /// five seconds.
    pub fn append(&self, entry: &Entry) -> Result<Receipt, AuditError> {
        self.append_at(entry, time::now_ms())
    }

    pub(super) fn append_at(&self, entry: &Entry, now_ms: i64) -> Result<Receipt, AuditError> {
        entry.check()?;
        self.locked(|log, position| {
            // What failed with the last entry is tried before there is another one.
            log.copy(position)?;
            let record = log.write(position, entry.clone(), now_ms)?;
            if log.is_checkpoint_due(position) {
                log.sign(position, None)?;
            }
            Ok(Receipt { seq: record.seq, time_ms: record.time_ms, hash: record.hash })
        })
    }

    /// Makes a checkpoint now, if there are entries that none is over yet. Gives the last checkpoint; none where the
    /// log is empty.
    pub fn checkpoint(&self) -> Result<Option<CheckpointInfo>, AuditError> {
        if self.key.is_none() {
            return Err(AuditError::Refused(
                "without a key no checkpoint can be signed; name one with --key or in [audit] key".to_owned(),
            ));
        }
        self.locked(|log, position| {
            if position.chain.seq > position.chain.signed.size {
                log.sign(position, None)?;
            }
            let last = position.chain.signed;
            let line = copy::last_line(&log.settings.dir.join(checkpoint::FILE))?;
            Ok((last.number > 0).then_some(CheckpointInfo { number: last.number, size: last.size, line }))
        })
    }

    /// Makes a last checkpoint, if there is a key and something to sign, and closes the log. Dropping it does the same, but
    /// says nothing when that fails.
    pub fn close(self) -> Result<(), AuditError> {
        self.last_checkpoint()
    }

    /// The public key that belongs to the checkpoints made here.
    pub fn public_key(&self) -> Option<PublicKey> {
        self.key.as_ref().map(SigningKey::public)
    }

    fn last_checkpoint(&self) -> Result<(), AuditError> {
        let unsigned = self.position().as_ref().is_some_and(|p| p.chain.seq > p.chain.signed.size);
        if unsigned && self.key.is_some() { self.checkpoint().map(|_| ()) } else { Ok(()) }
    }

    fn position(&self) -> MutexGuard<'_, Option<Position>> {
        // A position says only what has been read from the files: it is sound wherever a panic left it.
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something behind everything that others have appended, and alone.
    pub(super) fn locked<T>(
        &self,
        work: impl FnOnce(&AuditLog, &mut Position) -> Result<T, AuditError>,
    ) -> Result<T, AuditError> {
        let mut held = self.position();
        self.lock.lock().map_err(|e| AuditError::write(&self.settings.dir, &e))?;
        let done = self.catch_up(held.as_ref()).and_then(|position| {
            let position = held.insert(position);
            self.record_repairs(position)?;
            work(self, position)
        });
        let unlocked = self.lock.unlock().map_err(|e| AuditError::write(&self.settings.dir, &e));
        done.and_then(|done| unlocked.map(|()| done))
    }

    /// Reads what others have appended since, and moves aside what one that crashed has left.
    fn catch_up(&self, from: Option<&Position>) -> Result<Position, AuditError> {
        let dir = &self.settings.dir;
        let trust = self.key.as_ref().map_or(Trust::Unchecked, |k| Trust::Own(k.public()));
        let mut from = from.cloned();
        loop {
            let extent = Extent::of(dir).map_err(|e| AuditError::read(dir, &e))?;
            let mut position = match from.take() {
                Some(position) => position,
                None => Position::start(dir, &extent)?.0,
            };
            let ends = position.walk(dir, &extent, &trust, &mut Strict)?;
            if !recover::mend(dir, &position, &ends)? {
                return Ok(position);
            }
            from = Some(position);
        }
    }

    fn record_repairs(&self, position: &mut Position) -> Result<(), AuditError> {
        for what in recover::unrecorded(&self.settings.dir, position)? {
            let entry = Entry::new(Event::AuditRecover, Actor::current()).what(what);
            // In this file, whatever its size and age: its number is in the name of what was moved aside.
            self.begin_file(position, time::now_ms())?;
            self.write_line(position, entry, time::now_ms())?;
        }
        Ok(())
    }

    /// Writes an entry, in a new file where it is time for one.
    pub(super) fn write(
        &self,
        position: &mut Position,
        entry: Entry,
        now_ms: i64,
    ) -> Result<Record, AuditError> {
        let settings = &self.settings;
        let age_ms = now_ms.saturating_sub(position.first_ms.unwrap_or(now_ms));
        let full = position.offset >= settings.rotate_bytes.max(1)
            || age_ms > i64::from(settings.rotate_days.max(1)) * DAY_MS;
        if position.offset > 0 && full {
            let path = settings.dir.join(name(position.file + 1));
            files::create(&path).map_err(|e| AuditError::write(&path, &e))?;
            position.enter_file(position.file + 1);
        }
        self.begin_file(position, now_ms)?;
        self.write_line(position, entry, now_ms)
    }

    /// The first entry of a file but the first names the file before.
    fn begin_file(&self, position: &mut Position, now_ms: i64) -> Result<(), AuditError> {
        if position.begins_file() {
            let what = What {
                object: Some(name(position.file - 1)),
                digest: Some(position.chain.head),
                ..What::default()
            };
            let rotated = Entry::new(Event::AuditRotate, Actor::current()).what(what);
            self.write_line(position, rotated, now_ms)?;
        }
        Ok(())
    }

    fn write_line(&self, position: &mut Position, entry: Entry, now_ms: i64) -> Result<Record, AuditError> {
        let chain = &position.chain;
        let behind = chain.time_ms.saturating_sub(now_ms);
        let told = u64::try_from(behind).ok().filter(|_| behind > CLOCK_TOLERANCE_MS);
        let moment = (now_ms.clamp(0, i64::MAX).max(chain.time_ms), told);
        let record = Record::seal(entry, chain.seq + 1, moment, chain.signed.number, chain.head);
        let (line, path) = (record.to_line(), self.settings.dir.join(name(position.file)));
        append_line(&path, position.offset, &line).map_err(|e| AuditError::write(&path, &e))?;
        position.wrote(line.as_bytes())?;
        Ok(record)
    }

    fn is_checkpoint_due(&self, position: &Position) -> bool {
        let (chain, settings) = (&position.chain, &self.settings);
        let entries = chain.seq - chain.signed.size;
        let age_ms = chain.time_ms.saturating_sub(chain.signed.time_ms);
        let patience_ms = i64::try_from(settings.checkpoint_seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        self.key.is_some() && (entries >= settings.checkpoint_entries || age_ms >= patience_ms)
    }

    /// Copies the checkpoints that have not been copied yet, whoever made them. As long as that does not work, no entry is
    /// acknowledged.
    fn copy(&self, position: &mut Position) -> Result<(), AuditError> {
        let made = position.checkpoint_offset;
        if let Some(to) = self.settings.copy_to.as_ref().filter(|_| position.copied != Some(made)) {
            copy::bring_up(&self.settings.dir, to, made)?;
            position.copied = Some(made);
        }
        Ok(())
    }

    /// Makes a checkpoint over all there is.
    pub(super) fn sign(&self, position: &mut Position, pruned: Option<Pruned>) -> Result<(), AuditError> {
        let chain = &position.chain;
        let (Some(key), Some(tree)) = (&self.key, chain.tree()) else { return Ok(()) };
        let checkpoint = Checkpoint {
            number: chain.signed.number + 1,
            size: chain.seq,
            head: chain.head,
            root: tree.root(),
            time_ms: chain.time_ms.max(time::now_ms()),
            prev: chain.signed.hash,
            pruned,
            key: String::new(),
            signature: Vec::new(),
        }
        .sign(key);
        let path = self.settings.dir.join(checkpoint::FILE);
        append_line(&path, position.checkpoint_offset, &checkpoint.to_line())
            .map_err(|e| AuditError::write(&path, &e))?;
        position.signed(&checkpoint)?;
        self.copy(position)
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        if let Err(e) = self.last_checkpoint() {
            tracing::warn!("the last entries of the audit log are in no checkpoint yet: {e}");
        }
    }
}
