//! Judging: messages go to a blocking thread in batches, so that a hop to it and back costs a message next to nothing,
//! and their verdicts come back one by one, in the messages' order.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};

use super::Shared;
use super::decide::{Part, decide};
use super::held::Kept;
use super::pdu::{HEADER, Header};
use super::refusal::{Reason, Refusal};

/// There was no verdict.
pub(super) const NO_VERDICT: Refusal = Refusal::new(Reason::Later, "Try again later");

/// What is to be done with a message: the PDUs that are to be sent in its place, or why not.
pub(super) type Done = Result<Vec<Vec<u8>>, Refusal>;

/// Octets of a segment that can be sent again alone, at most.
const LONGEST_RETRY: usize = 512;

/// A PDU that is being judged.
pub(super) struct Ticket {
    pub(super) header: Header,
    /// Its length as it came.
    pub(super) bytes: usize,
    /// It is a segment, and this is what it asked.
    pub(super) segment: Option<Vec<u8>>,
}

impl Ticket {
    pub(super) fn of(kept: &Kept) -> Ticket {
        let Part { pdu, header, body, .. } = &kept.part;
        let segment = body.as_ref().is_some_and(|body| body.segment.is_some()) && pdu.len() <= LONGEST_RETRY;
        Ticket { header: *header, bytes: pdu.len(), segment: segment.then(|| pdu[HEADER..].to_vec()) }
    }
}

/// Messages that are being judged.
pub(super) struct Job {
    /// The PDUs of each message that has no verdict yet.
    tickets: VecDeque<Vec<Ticket>>,
    verdicts: UnboundedReceiver<Done>,
    /// When the next verdict must be there.
    deadline: Instant,
    cancelled: Arc<AtomicBool>,
}

impl Job {
    /// Has messages judged, each in the PDUs of its segments.
    pub(super) fn start(shared: &Arc<Shared>, account: Arc<str>, messages: Vec<Vec<Kept>>) -> Job {
        let tickets = messages.iter().map(|m| m.iter().map(Ticket::of).collect()).collect();
        // As many verdicts as there are messages: the channel has its bound.
        let (sender, verdicts) = unbounded_channel();
        let cancelled = Arc::new(AtomicBool::new(false));
        let deadline = Instant::now() + shared.options.timeouts.judge;
        let (shared, stop) = (Arc::clone(shared), Arc::clone(&cancelled));
        tokio::spawn(async move {
            let turn = Arc::clone(&shared.judgements).acquire_owned().await;
            tokio::task::spawn_blocking(move || {
                let _turn = turn;
                judge(&shared, &account, messages, &sender, &stop);
            });
        });
        Job { tickets, verdicts, deadline, cancelled }
    }

    /// Waits for a verdict. What is there by then comes with it, each with the PDUs that it is about; `true` tells that it
    /// was the last. Where it takes too long, the others are decided on: there is no verdict. It may be dropped.
    pub(super) async fn next(&mut self, patience: std::time::Duration) -> (Vec<(Vec<Ticket>, Done)>, bool) {
        let mut done = Vec::new();
        let received = timeout_at(self.deadline, self.verdicts.recv_many(&mut done, usize::MAX)).await;
        if !matches!(received, Ok(1..)) {
            tracing::error!(
                "SMPP: texts were not judged: the judge failed or took too long; the client keeps them"
            );
            return (self.give_up(NO_VERDICT), true);
        }
        self.deadline = Instant::now() + patience;
        let done = done.into_iter().map_while(|done| Some((self.tickets.pop_front()?, done))).collect();
        (done, self.tickets.is_empty())
    }

    /// Waits for nothing any more.
    pub(super) fn give_up(&mut self, why: Refusal) -> Vec<(Vec<Ticket>, Done)> {
        self.cancelled.store(true, Ordering::Relaxed);
        self.tickets.drain(..).map(|tickets| (tickets, Err(why))).collect()
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// Judges messages one after another. Their memory is accounted for until they are judged, even when nobody waits for it.
fn judge(
    shared: &Shared,
    account: &str,
    messages: Vec<Vec<Kept>>,
    verdicts: &UnboundedSender<Done>,
    stop: &AtomicBool,
) {
    for message in messages {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let (parts, _room): (Vec<_>, Vec<_>) = message.into_iter().map(|k| (k.part, k.room)).unzip();
        // A text that the judge fails at must not take the others with it.
        let done = catch_unwind(AssertUnwindSafe(|| {
            decide(parts, &shared.options.rules, account, shared.judge.as_ref())
        }));
        let done = done.unwrap_or_else(|_| {
            tracing::error!("SMPP: the judge failed at a text; the client keeps it");
            Err(NO_VERDICT)
        });
        if verdicts.send(done).is_err() {
            return;
        }
    }
}
