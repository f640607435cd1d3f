//! Record in, [`Scrubbed`] out: the steps between source and sink.

mod scrubbed;

use std::sync::Arc;

pub use scrubbed::{Outgoing, Scrubbed, ScrubbedBatch, Sealed, Tally};

use crate::codec::{Codec, CodecScratch, Leaf};
use crate::detect::{DetectScratch, Engine, Finding};
use crate::keys::QuarantineKey;
use crate::policy::{Action, Policy};
use crate::record::{Batch, Record};

/// What becomes of a record that cannot be read, scanned or written. There is no pass-through.
#[derive(Clone, Default)]
pub enum OnError {
    /// The whole record becomes a marker of its format.
    #[default]
    Redact,
    /// It is sealed and goes to quarantine.
    Quarantine(Arc<QuarantineKey>),
    /// The pipeline stops before it.
    Halt,
}

/// What is done with a Kafka key that has findings.
#[derive(Clone, Default)]
pub enum KeyAction {
    /// The policy decides, as for any leaf.
    #[default]
    Policy,
    /// The whole key becomes the HMAC-SHA256 of its bytes under this key, in lower-case hex: equal keys stay equal, different
    /// keys stay different, so that compaction works.
    Hmac(Arc<aws_lc_rs::hmac::Key>),
}

/// Everything a [`Scrubber`] is made from.
#[derive(Clone)]
pub struct Settings {
    /// The detectors.
    pub engine: Arc<Engine>,
    /// What is done with findings.
    pub policy: Policy,
    /// How records are read and written.
    pub codec: Codec,
    /// What becomes of what cannot be.
    pub on_error: OnError,
    /// What is done with Kafka keys.
    pub key_action: KeyAction,
    /// A record larger than this many bytes is not read.
    pub max_record_bytes: usize,
    /// A record that has grown past this many bytes (payload, key and headers) is not forwarded; the sink's limit.
    pub max_output_bytes: usize,
}

impl Settings {
    /// Built-in detectors, profile `logs`, format `auto`.
    pub fn new() -> Settings {
        Settings {
            engine: Engine::builtin(),
            policy: Policy::default(),
            codec: Codec::default(),
            on_error: OnError::default(),
            key_action: KeyAction::default(),
            max_record_bytes: 16 << 20,
            max_output_bytes: usize::MAX,
        }
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings::new()
    }
}

/// Removes PHI from batches. Immutable: a changed configuration makes a new one.
pub struct Scrubber {
    settings: Settings,
}

/// A worker's memory, used again from record to record.
#[derive(Default)]
pub struct Scratch {
    _codec: CodecScratch,
    _detect: DetectScratch,
}

/// A record could not be read and the policy is to stop. It says where and why, never what.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{origin}: {reason}; stopped before it, as [on_error] action = \"halt\" says")]
pub struct Halt {
    /// Where the record stands.
    pub origin: crate::record::Origin,
    /// Why it could not be read.
    pub reason: &'static str,
}

/// A finding with what is known about it, for `scan`, `explain` and tests.
#[derive(Clone, Copy, Debug)]
pub struct Located<'a> {
    /// The finding; its span is in the leaf's text.
    pub finding: Finding,
    /// The leaf it stands in.
    pub leaf: &'a Leaf<'a>,
    /// Its span in the record's payload.
    pub payload: crate::Span,
    /// What the policy does with it.
    pub action: Action,
}

impl Scrubber {
    /// A scrubber with these settings.
    pub fn new(settings: Settings) -> Scrubber {
        Scrubber { settings }
    }

    /// What it was made from.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Scrubs every record of a batch.
    pub fn scrub(&self, _batch: Batch, _scratch: &mut Scratch) -> Result<ScrubbedBatch, Halt> {
        Err(Halt { origin: crate::record::Origin::Line(0), reason: "not built" })
    }

    /// Scrubs one text as one record, terminator included, and returns what would be written.
    pub fn scrub_text(&self, _text: &[u8], _scratch: &mut Scratch) -> Result<Vec<u8>, Halt> {
        Ok(Vec::new())
    }

    /// Reports findings of one record of a batch without changing it: payload leaves only, those kept
    /// by policy included (their action says so), in the order of the payload.
    pub fn scan(
        &self,
        _batch: &Batch,
        _record: &Record,
        _scratch: &mut Scratch,
        _visit: &mut dyn FnMut(&Located<'_>),
    ) {
    }
}
