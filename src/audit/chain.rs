//! What must hold from one entry to the next, and between entries and checkpoints.

use super::checkpoint::{Checkpoint, Pruned, PublicKey};
use super::line::Frame;
use super::merkle::{Frontier, Hash};
use crate::keys::encoding::hex;

/// Which signatures of checkpoints are believed.
#[derive(Clone, Debug)]
pub(super) enum Trust {
    /// None is checked.
    Unchecked,
    /// Those of this key are checked; those of others may stem from a key before it.
    Own(PublicKey),
    /// Each must be of one of these.
    Only(Vec<PublicKey>),
}

/// The state of a log after an entry.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// Number of the last entry, its hash and its time.
    pub(super) seq: u64,
    pub(super) head: Hash,
    pub(super) time_ms: i64,
    /// The tree over all entries; none after a gap.
    tree: Option<Frontier>,
    /// The last checkpoint.
    pub(super) signed: Signed,
    /// After what could not be read, or a file that is missing: the next entry need not follow.
    pub(super) lost: bool,
    checkpoints_differ: bool,
}

/// The last checkpoint; zeros where there was none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signed {
    pub(super) number: u64,
    pub(super) size: u64,
    pub(super) time_ms: i64,
    pub(super) hash: Hash,
}

impl Chain {
    /// The beginning of a log, or of what is left of it.
    pub(super) fn new(pruned: Option<&Pruned>) -> Chain {
        let tree = pruned.map_or_else(Frontier::default, |p| p.tree.clone());
        Chain {
            seq: tree.size(),
            head: pruned.map_or([0; 32], |p| p.head),
            time_ms: 0,
            tree: Some(tree),
            signed: Signed::default(),
            lost: false,
            checkpoints_differ: false,
        }
    }

    /// The tree over all entries so far, unless some are missing.
    pub(super) fn tree(&self) -> Option<&Frontier> {
        self.tree.as_ref()
    }

    /// Takes the next line. Where it does not follow the error says why, and the chain goes on from what the line says
    /// of itself, so that the next fault is found too.
    pub(super) fn add(&mut self, line: &[u8]) -> Result<Frame, String> {
        let frame = match Frame::read(line) {
            Ok(frame) => frame,
            Err(e) => {
                (self.lost, self.tree) = (true, None);
                return Err(e.to_string());
            }
        };
        let fault = self.fault(&frame, line);
        match &mut self.tree {
            Some(tree) if frame.seq == tree.size() + 1 => tree.push(&frame.hash),
            _ => self.tree = None,
        }
        (self.seq, self.head) = (frame.seq, frame.hash);
        self.time_ms = self.time_ms.max(frame.time_ms);
        self.lost = false;
        match fault {
            None => Ok(frame),
            Some(fault) => Err(fault),
        }
    }

    fn fault(&mut self, frame: &Frame, line: &[u8]) -> Option<String> {
        let (n, due) = (frame.seq, self.seq.saturating_add(1));
        if !frame.is_hash_of(line) {
            return Some(format!("entry {n} was changed: its hash is not that of its text"));
        }
        let follows = frame.prev == self.head;
        if !self.lost && (n != due || !follows) {
            return Some(match n {
                n if n < due => {
                    format!(
                        "entry {n} comes after entry {}: entries were put in, repeated or moved",
                        self.seq
                    )
                }
                n if n > due && due == n - 1 => format!("entry {due} is missing before entry {n}"),
                n if n > due => format!("entries {due} to {} are missing before entry {n}", n - 1),
                _ => format!("entry {n} does not follow from the one before: that was changed or replaced"),
            });
        }
        if frame.time_ms < self.time_ms {
            return Some(format!("entry {n} is older than the one before: times never go back in a log"));
        }
        if frame.checkpoints != self.signed.number && self.tree.is_some() && !self.checkpoints_differ {
            self.checkpoints_differ = true;
            return Some(format!(
                "entry {n} was written after {} checkpoints, but there are {} up to it: checkpoints were taken away or added",
                frame.checkpoints, self.signed.number
            ));
        }
        None
    }

    /// Takes the next checkpoint, one of a size that has been reached. As with entries, it is taken even where it does
    /// not fit.
    pub(super) fn checkpoint(&mut self, checkpoint: &Checkpoint, trust: &Trust) -> Result<(), String> {
        let fault = self.checkpoint_fault(checkpoint, trust);
        self.signed = Signed {
            number: checkpoint.number,
            size: checkpoint.size,
            time_ms: checkpoint.time_ms,
            hash: checkpoint.hash(),
        };
        fault.map_or(Ok(()), Err)
    }

    fn checkpoint_fault(&self, checkpoint: &Checkpoint, trust: &Trust) -> Option<String> {
        let (n, size, last) = (checkpoint.number, checkpoint.size, self.signed);
        if let Err(fault) = trust.check(checkpoint) {
            return Some(fault);
        }
        if Some(n) != last.number.checked_add(1) {
            return Some(format!(
                "checkpoint {n} comes after checkpoint {}: some are missing or moved",
                last.number
            ));
        }
        if checkpoint.prev != last.hash || size <= last.size {
            return Some(format!(
                "checkpoint {n} does not follow from the one before: that was changed or replaced"
            ));
        }
        let root = self.tree.as_ref().filter(|t| t.size() == size)?.root();
        if root != checkpoint.root || self.head != checkpoint.head {
            return Some(format!(
                "checkpoint {n} is not of this log: entries {} to {size} have the root {}, where {} was signed; they were \
                 changed and the chain computed anew",
                last.size.saturating_add(1),
                hex(&root[..8]),
                hex(&checkpoint.root[..8]),
            ));
        }
        None
    }
}

impl Trust {
    /// Whether the signature of a checkpoint may be believed.
    pub(super) fn check(&self, checkpoint: &Checkpoint) -> Result<(), String> {
        let (n, id) = (checkpoint.number, &checkpoint.key);
        let key = match self {
            Trust::Unchecked => return Ok(()),
            Trust::Own(key) if key.id() != *id => return Ok(()),
            Trust::Own(key) => key,
            Trust::Only(keys) => keys.iter().find(|k| k.id() == *id).ok_or_else(|| {
                format!("checkpoint {n} is signed with a key that was not given: {}", shown(id))
            })?,
        };
        let forged = || format!("checkpoint {n} was forged or changed: its signature does not hold");
        if checkpoint.is_signed_by(key) { Ok(()) } else { Err(forged()) }
    }

    /// Whether signatures are checked.
    pub(super) fn is_checked(&self) -> bool {
        !matches!(self, Trust::Unchecked)
    }
}

/// An id that may be anything, as far as it can be shown.
fn shown(id: &str) -> String {
    id.chars().take(32).map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect()
}
