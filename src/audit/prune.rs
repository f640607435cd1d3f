//! Deleting old files, when they need be kept no longer.

use std::fs;

use super::chain::{Chain, Trust};
use super::checkpoint::Pruned;
use super::entry::{Entry, What};
use super::event::Event;
use super::files::{Extent, name, sync_dir};
use super::line::Frame;
use super::log::AuditLog;
use super::walk::{Before, Position, Visitor};
use super::{Actor, AuditError, Problem, time};

const DAY_MS: i64 = 86_400_000;

/// What was pruned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PruneReport {
    /// Files deleted.
    pub files: usize,
    /// Entries in them.
    pub entries: u64,
}

impl AuditLog {
    /// Deletes the files whose every entry is older than `older_than_days`, the newest file never. What goes is put on
    /// record first: an entry `audit_prune`, and a signed checkpoint from which the rest still verifies.
    ///
    /// Refused without a key, and for fewer days than [`AuditSettings::retention_days`](super::AuditSettings): six years
    /// unless set otherwise, 45 CFR 164.316(b)(2)(i). The purpose is scrubbed by the caller, as for [`Entry::purpose`].
    pub fn prune(
        &self,
        older_than_days: u32,
        actor: Actor,
        purpose: Option<String>,
    ) -> Result<PruneReport, AuditError> {
        self.prune_at(older_than_days, actor, purpose, time::now_ms())
    }

    pub(super) fn prune_at(
        &self,
        older_than_days: u32,
        actor: Actor,
        purpose: Option<String>,
        now_ms: i64,
    ) -> Result<PruneReport, AuditError> {
        let keep = self.settings.retention_days;
        if older_than_days < keep {
            return Err(AuditError::Refused(format!(
                "audit entries are kept for {keep} days, and those older than {older_than_days} days were asked for; ask for \
                 {keep} or more (45 CFR 164.316(b)(2)(i) asks for six years)"
            )));
        }
        if self.key.is_none() {
            return Err(AuditError::Refused(
                "without a key nothing is pruned: a signed checkpoint has to say what went; name one with --key"
                    .to_owned(),
            ));
        }
        self.locked(|log, position| {
            let dir = &log.settings.dir;
            let extent = Extent::of(dir).map_err(|e| AuditError::read(dir, &e))?;
            let (mut start, _) = Position::start(dir, &extent)?;
            let first = start.file;
            let mut old =
                Old { before_ms: now_ms - i64::from(older_than_days) * DAY_MS, ..Old::new(&start.chain) };
            start.walk(dir, &extent, &Trust::Unchecked, &mut old)?;
            let Some((last, pruned)) = old.found else { return Ok(PruneReport::default()) };
            let report = PruneReport {
                files: (last - first + 1) as usize,
                entries: pruned.tree.size() - old.entries_before,
            };
            let what = What {
                count: Some(report.entries),
                object: Some(format!("{} to {}", name(first), name(last))),
                digest: Some(pruned.head),
                ..What::default()
            };
            let entry = Entry { purpose, ..Entry::new(Event::AuditPrune, actor).what(what) };
            entry.check()?;
            log.write(position, entry, now_ms)?;
            log.sign(position, Some(pruned))?;
            // The oldest first, and with them what an earlier pruning that was cut short has left.
            for (number, _) in extent.files.iter().filter(|(n, _)| *n <= last) {
                let path = dir.join(name(*number));
                fs::remove_file(&path).map_err(|e| AuditError::write(&path, &e))?;
            }
            sync_dir(dir).map_err(|e| AuditError::write(dir, &e))?;
            Ok(report)
        })
    }
}

/// Finds the last file that is old enough, and what the chain was at its end.
struct Old {
    before_ms: i64,
    entries_before: u64,
    at_end: Option<(u32, Pruned, i64)>,
    found: Option<(u32, Pruned)>,
}

impl Old {
    fn new(start: &Chain) -> Old {
        Old { before_ms: 0, entries_before: start.seq, at_end: None, found: None }
    }
}

impl Visitor for Old {
    fn problem(&mut self, problem: Problem) -> Result<(), AuditError> {
        Err(AuditError::Tampered(problem))
    }

    fn file_end(&mut self, number: u32, chain: &Chain) {
        let tree = chain.tree().cloned();
        self.at_end = tree.map(|tree| (number, Pruned { head: chain.head, tree }, chain.time_ms));
    }

    fn entry(&mut self, _: &Frame, _: &[u8], before: &Before) -> Option<String> {
        let ended = self.at_end.take().filter(|_| before.file.is_some());
        if let Some((number, pruned, last_ms)) = ended.filter(|(_, _, ms)| *ms < self.before_ms) {
            // In order: those before it were old enough.
            self.found = Some((number, pruned)).filter(|_| last_ms < self.before_ms);
        }
        None
    }
}
