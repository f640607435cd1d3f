//! A milter: a mail server (Postfix, Sendmail) shows each message to it before it takes it, and a [`Judge`] decides.
//!
//! ```text
//! MTA --header fields, body--> milter            nothing is answered before the end
//!                              milter --> judge  on a thread of its own; the MTA is told that work goes on
//! MTA <--changes, "go on"----- milter            or 550, 451, 452, 552 for the MTA's client
//! ```
//!
//! The protocol is Sendmail's, versions 2 to 6, as Postfix speaks it too. The MTA takes no message before it was told to
//! go on, so nothing is lost and nothing kept here. Where a connection breaks, or anything is in doubt, it has no such word:
//! **`milter_default_action = tempfail`** (Postfix) and `F=T` (Sendmail) make it answer 451 then, and must be set.
//!
//! # What becomes of a message's bytes
//!
//! A message that the judge leaves as it is stays so in the MTA, byte for byte: no change is asked for. Of one that it changes,
//!
//! - fields that are the same keep their bytes, and their places;
//! - a field that is changed gets the judge's bytes behind its colon. White space between name and colon, which the MTA
//!   does not show, is gone from it. An MTA without `SMFIP_HDR_LEADSPC` (before version 6) does not show the white
//!   space behind the colon either: there one space stands then. A value that is to be empty becomes a space, for to an
//!   MTA an empty one means that the field goes;
//! - new fields stand where the judge has them, and removed ones are gone;
//! - a body that is changed is replaced as a whole by the judge's. The MTA ends its last line where it has no end.
//!
//! What the judge is shown differs from what the MTA has in line ends only: folds are CRLF, a bare LF is CRLF, a bare CR
//! a space (`lines.rs`). A field or body with a bare CR or LF *is* changed, so that what goes on is what was judged.
//!
//! # What is not shown to a milter
//!
//! The `Received` field that the MTA itself puts first, with the client's name and the recipient. Postfix cuts fields at
//! its `header_size_limit`, and at a NUL, before it shows them: the rest goes nowhere. An MTA keeps the original in its queue
//! file, overwritten in part, until the message is delivered. A message that `sendmail(1)` put in and that is refused goes
//! back to its sender as a bounce, and its header with it.
//!
//! # Memory
//!
//! Messages are counted in [`Options::memory_budget`] from their first byte until the MTA has its answer; what a judge
//! needs on top, and the judge's message, are not. Each connection may take up to 330 KiB on top, for the longest packet,
//! and each judgement up to 8 MiB for a moment, for the comparison of very long headers.

mod conversation;
mod decide;
pub mod fields;
mod lines;
mod listen;
mod message;
pub mod negotiate;
pub mod packet;
mod reply;
mod session;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use super::budget::Budget;
pub use super::judge::{Judge, Observer, Outcome, Verdict};
use super::serve::{self, Serving, stopped};
pub use listen::{Listen, Listener};

/// How the milter is set up.
#[derive(Clone)]
pub struct Options {
    /// The longest message: header, empty line and body. A longer one is refused with 552.
    pub max_message_bytes: usize,
    /// What all messages being received and judged may take together. Above it the MTA is told 452.
    pub memory_budget: usize,
    /// Connections at a time; further ones are closed. Postfix has one for each client it serves.
    pub max_connections: usize,
    /// Messages judged at a time, each on a blocking thread of the runtime.
    pub max_judgements: usize,
    /// How long each step may take.
    pub timeouts: Timeouts,
    /// Told what happens.
    pub observer: Arc<dyn Observer>,
}

/// How long each step may take.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// Between messages. The MTA keeps the connection as long as its client keeps its own.
    pub idle: Duration,
    /// The next packet of a message.
    pub packet: Duration,
    /// A whole message, which otherwise could come a byte a minute and hold its memory for days.
    pub message: Duration,
    /// A judgement, with the wait for its turn.
    pub judge: Duration,
    /// How often the MTA is told that a judgement goes on. Postfix waits for `milter_content_timeout`, 300 s unless set
    /// otherwise.
    pub progress: Duration,
    /// Writing a reply, or a piece of a body.
    pub write: Duration,
    /// How long messages that are underway may take after a stop.
    pub stop: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Timeouts {
            idle: minutes(120),
            packet: minutes(5),
            message: minutes(30),
            judge: minutes(5),
            progress: Duration::from_secs(10),
            write: minutes(3),
            stop: Duration::from_secs(30),
        }
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            max_message_bytes: 50 << 20,
            memory_budget: 512 << 20,
            max_connections: 200,
            max_judgements: std::thread::available_parallelism().map_or(1, usize::from),
            timeouts: Timeouts::default(),
            observer: Arc::new(()),
        }
    }
}

/// What all sessions share.
struct Shared {
    options: Options,
    judge: Arc<dyn Judge>,
    budget: Arc<Budget>,
    judgements: Arc<Semaphore>,
}

/// Serves MTAs until `stop` is true or its sender is gone. Connections without a message are closed then; the
/// others may end theirs, for up to [`Timeouts::stop`].
pub async fn serve_on(
    listener: impl Into<Listener>,
    options: Options,
    judge: Arc<dyn Judge>,
    stop: watch::Receiver<bool>,
) {
    let budget = Budget::new(options.memory_budget);
    serve_within(listener.into(), options, judge, stop, budget).await;
}

async fn serve_within(
    listener: Listener,
    options: Options,
    judge: Arc<dyn Judge>,
    stop: watch::Receiver<bool>,
    budget: Arc<Budget>,
) {
    let judgements = Arc::new(Semaphore::new(options.max_judgements.clamp(1, Semaphore::MAX_PERMITS)));
    let shared = Arc::new(Shared { options, judge, budget, judgements });
    let serving = Serving {
        protocol: "milter",
        most: shared.options.max_connections,
        patience: shared.options.timeouts.stop,
        broken_off: "the MTA keeps its mail",
        runtimes: Vec::new(),
    };
    let session = |stream, _| session::run(Arc::clone(&shared), stream, stop.clone());
    serve::clients(serving, stop.clone(), async move || listener.accept().await, session, drop).await;
}
