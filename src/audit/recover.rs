//! What a crash leaves: a last line that was not written to its end.
//!
//! No entry in it was acknowledged: that happens only after the line and its end are on the disk. Its bytes are
//! moved to a file of their own, `*.torn`, and an entry `audit_recover` says so. The name of that file has the number
//! of the entry that will record it, so that a second crash in between is made good too.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::AuditError;
use super::checkpoint::{self, Checkpoint};
use super::entry::What;
use super::files::{self, name};
use super::merkle::sha256;
use super::walk::{Ends, Position};

/// Deals with torn ends. Says whether something was done, so that the log must be looked at again.
pub(super) fn mend(dir: &Path, position: &Position, ends: &Ends) -> Result<bool, AuditError> {
    let record = record_number(position);
    let mut done = false;
    if let Some(bytes) = &ends.entries {
        let file = name(position.file);
        // Complete but for its line end, it may have been acted upon by a reader of the log: it stays.
        let complete = position.chain.clone().add(bytes).is_ok();
        let aside = format!("{}-{record}.torn", file.trim_end_matches(".jsonl"));
        mend_file(dir, &file, bytes, complete, position.offset, &aside)?;
        done = true;
    }
    if let Some(bytes) = &ends.checkpoints {
        let complete = Checkpoint::parse(bytes).is_ok();
        let aside = format!("checkpoints-{record}.torn");
        mend_file(dir, checkpoint::FILE, bytes, complete, position.checkpoint_offset, &aside)?;
        done = true;
    }
    Ok(done)
}

fn mend_file(
    dir: &Path,
    file: &str,
    bytes: &[u8],
    complete: bool,
    len: u64,
    aside: &str,
) -> Result<(), AuditError> {
    let (path, aside) = (dir.join(file), dir.join(aside));
    let failed = |e: io::Error| AuditError::write(&path, &e);
    let mut log = OpenOptions::new().append(true).open(&path).map_err(failed)?;
    if complete {
        return log.write_all(b"\n").and_then(|()| log.sync_data()).map_err(failed);
    }
    // First the copy, then the cut: at no moment are the bytes nowhere.
    keep(&aside, bytes).map_err(|e| AuditError::write(&aside, &e))?;
    log.set_len(len).and_then(|()| log.sync_all()).map_err(failed)
}

fn keep(aside: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = match files::create(aside) {
        // From a try before that did not come to the cut.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => File::create(aside)?,
        created => created?,
    };
    file.write_all(bytes)?;
    file.sync_all()
}

/// The number of the entry that will say what was moved aside: the next; but a new file begins with another.
fn record_number(position: &Position) -> u64 {
    position.chain.seq + if position.begins_file() { 2 } else { 1 }
}

/// What was moved aside and has no entry yet.
pub(super) fn unrecorded(dir: &Path, position: &Position) -> Result<Vec<What>, AuditError> {
    let record = record_number(position);
    let mut found = Vec::new();
    for file in [
        format!("{}-{record}.torn", name(position.file).trim_end_matches(".jsonl")),
        format!("checkpoints-{record}.torn"),
    ] {
        let path = dir.join(&file);
        match std::fs::read(&path) {
            Ok(bytes) => found.push(What {
                object: Some(file),
                count: Some(bytes.len() as u64),
                digest: Some(sha256(&[&bytes])),
                ..What::default()
            }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(AuditError::read(&path, &e)),
        }
    }
    Ok(found)
}
