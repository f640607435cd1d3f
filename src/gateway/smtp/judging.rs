//! The turns of messages to be judged, and the memory that judgements take.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::super::budget::Reservation;
use super::data::Message;
use super::{Options, Shared, Verdict};

/// Bytes a judgement may take for each of its message: the parts of a mail, their texts decoded, what was found in them
/// and the mail written anew. It is mail made to be costly that takes so much.
const PER_BYTE: usize = 48;
/// Bytes any judgement is taken to need.
const LEAST: usize = 1 << 20;
/// Bytes of a permit, as a semaphore counts no further than `u32` in one step.
const UNIT: usize = 64 << 10;

/// What all judgements share: their number and their memory. Both are given in the order in which they were asked for,
/// so that a large message waits for small ones to end but is never passed by for ever.
pub(super) struct Judgements {
    turns: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    /// All of the memory.
    units: u32,
}

/// A turn and its memory; they go back when it is dropped.
struct Admitted {
    _turn: OwnedSemaphorePermit,
    _memory: OwnedSemaphorePermit,
}

impl Judgements {
    pub(super) fn new(options: &Options) -> Judgements {
        let turns = Arc::new(Semaphore::new(options.max_judgements.clamp(1, Semaphore::MAX_PERMITS)));
        let most = Semaphore::MAX_PERMITS.min(i32::MAX as usize);
        let units = u32::try_from((options.judge_memory / UNIT).clamp(1, most)).unwrap_or(1);
        Judgements { turns, memory: Arc::new(Semaphore::new(units as usize)), units }
    }

    /// Turns that nobody has.
    #[cfg(test)]
    pub(super) fn free_turns(&self) -> usize {
        self.turns.available_permits()
    }

    /// The units for a message of `bytes`. One that wants more than there is has all, and is judged alone.
    fn units(&self, bytes: usize) -> u32 {
        let units = bytes.saturating_mul(PER_BYTE).max(LEAST).div_ceil(UNIT);
        u32::try_from(units).map_or(self.units, |units| units.min(self.units))
    }

    /// Waits for a turn, then for memory: always in this order, so that nobody waits for one who waits for him.
    async fn admit(&self, bytes: usize) -> Result<Admitted, AcquireError> {
        Ok(Admitted {
            _turn: Arc::clone(&self.turns).acquire_owned().await?,
            _memory: Arc::clone(&self.memory).acquire_many_owned(self.units(bytes)).await?,
        })
    }
}

/// What was said of a message, and the memory that is accounted for until it is gone.
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    _reservation: Reservation,
}

/// Asks the judge; `None` where there is no verdict. The memory is accounted for until the judge has ended, even when
/// nobody waits for it any more. What the judge logs bears the number of the session.
pub(super) async fn judge(shared: &Arc<Shared>, message: Message) -> Option<Judged> {
    let patience = shared.options.timeouts.judge;
    let (shared, session) = (Arc::clone(shared), tracing::Span::current());
    let judged = timeout(patience, async move {
        let admitted = shared.judgements.admit(message.bytes.len()).await.ok()?;
        let is_quick = shared.judge.is_quick(message.bytes.len());
        let judge = move || {
            let _admitted = admitted;
            let Message { bytes, reservation } = message;
            let verdict = session.in_scope(|| shared.judge.judge(bytes));
            Judged { verdict, _reservation: reservation }
        };
        if is_quick {
            // A judge that fails leaves nothing behind: on a thread of its own it would not either.
            return catch_unwind(AssertUnwindSafe(judge)).ok();
        }
        tokio::task::spawn_blocking(judge).await.ok()
    });
    let judged = judged.await.ok().flatten();
    if judged.is_none() {
        tracing::error!(
            "SMTP: a message was not judged: the judge failed or took too long; the client keeps it"
        );
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_message_weighs() {
        const MIB: usize = 1 << 20;
        for (memory, bytes, units) in [
            (2_048 * MIB, 0, 16),
            (2_048 * MIB, 21_845, 16),
            (2_048 * MIB, 21_846, 17),
            (2_048 * MIB, 10 * MIB, 7_680),
            (2_048 * MIB, 50 * MIB, 32_768),
            (2_048 * MIB, usize::MAX, 32_768),
            (100, 0, 1),
            (0, MIB, 1),
            (usize::MAX, usize::MAX, i32::MAX as u32),
        ] {
            let mut options = Options::new("", "");
            options.judge_memory = memory;
            assert_eq!(Judgements::new(&options).units(bytes), units, "{bytes} of {memory}");
        }
    }
}
