//! A connection of an MTA: packets come in, and those that are waited for are answered.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Duration, Instant, sleep, timeout, timeout_at};

use super::conversation::{Conversation, Fault, Next};
use super::decide::{Answer, Decided, decide};
use super::message::Kept;
use super::packet::{self, LONGEST_REPLY};
use super::reply::{CONTINUE, PROGRESS, refusal};
use super::wire::{Stream, Wire};
use super::{Outcome, Shared, stopped};

/// Why a connection ends, other than by a goodbye.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the MTA said what cannot be: {0}")]
    Fault(#[from] Fault),
    #[error("nothing came for too long")]
    TooSlow,
    #[error("the connection broke: {}", .0.kind())]
    Lost(#[from] io::Error),
}

struct Session {
    shared: Arc<Shared>,
    wire: Wire,
    conversation: Conversation,
    /// When the message that comes in has begun.
    began: Option<Instant>,
}

/// Counts a session from its beginning to its end, even where it is broken off.
struct Open<'a>(&'a Shared);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.options.observer.session_closed();
    }
}

/// Serves an MTA to the end of its connection.
pub(super) async fn run(shared: Arc<Shared>, stream: Stream, mut stop: watch::Receiver<bool>) {
    shared.options.observer.session_opened();
    let _open = Open(&shared);
    let limit = shared.options.max_message_bytes.min(shared.budget.total());
    let conversation = Conversation::new(Arc::clone(&shared.budget), limit);
    let mut session =
        Session { shared: Arc::clone(&shared), wire: Wire::new(stream), conversation, began: None };
    match session.converse(&mut stop).await {
        Ok(()) => {}
        Err(Broken::Lost(error)) => tracing::debug!("milter: a connection broke: {}", error.kind()),
        Err(broken) => tracing::warn!("milter: a connection was closed: {broken}; the MTA keeps its mail"),
    }
    if session.conversation.message_underway() {
        session.ended(Outcome::Failed, 0);
    }
}

impl Session {
    async fn converse(&mut self, stop: &mut watch::Receiver<bool>) -> Result<(), Broken> {
        loop {
            let (next, read) = match packet::parse(self.wire.buffered()).map_err(Fault::from)? {
                Some((command, read)) => (self.conversation.take(command)?, read),
                None => {
                    let idle = !self.conversation.message_underway();
                    let patience = self.patience(idle);
                    tokio::select! {
                        biased;
                        () = stopped(stop), if idle => return Ok(()),
                        filled = timeout_at(patience, self.wire.fill()) => filled.map_err(|_| Broken::TooSlow)??,
                    }
                    continue;
                }
            };
            self.wire.consume(read);
            match next {
                Next::Nothing => {}
                Next::GivenUp => self.given_up(),
                Next::Say(bytes) => self.say(&bytes).await?,
                Next::Decide { kept, leading_space } => self.decide(kept, leading_space).await?,
                Next::GivenUpSay(bytes) => {
                    self.given_up();
                    self.say(&bytes).await?;
                }
                Next::Close => return Ok(()),
            }
        }
    }

    /// Until when the MTA may take to send more.
    fn patience(&mut self, idle: bool) -> Instant {
        let (timeouts, now) = (&self.shared.options.timeouts, Instant::now());
        if idle {
            self.began = None;
            return now + timeouts.idle;
        }
        let began = *self.began.get_or_insert(now);
        (now + timeouts.packet).min(began + timeouts.message)
    }

    async fn decide(&mut self, kept: Kept, leading_space: bool) -> Result<(), Broken> {
        self.began = None;
        let message = match kept {
            Kept::Whole(message) => message,
            Kept::TooLarge => {
                self.ended(Outcome::TooLarge, 0);
                return self.say(&refusal(552, "5.3.4", "The message is too large")).await;
            }
            Kept::NoMemory => {
                self.ended(Outcome::NoMemory, 0);
                return self.say(&refusal(452, "4.3.1", "Too much mail at once; try again later")).await;
            }
            Kept::Unfit => {
                tracing::warn!("milter: a message has a header that cannot be read; the MTA keeps it");
                self.ended(Outcome::Failed, 0);
                return self.say(&refusal(451, "4.6.0", "The header cannot be read")).await;
            }
        };
        let bytes = message.bytes.len();
        let decided = self.wait_for(decide(Arc::clone(&self.shared), *message, leading_space)).await;
        let told = match &decided {
            Ok(Some(Decided { answer: Answer::Pass { edits, body }, .. })) => {
                self.pass(edits, body.as_ref().map(|b| b.bytes())).await.map(|()| Outcome::Forwarded)
            }
            Ok(Some(Decided { answer: Answer::Refuse(reply), .. })) => {
                self.say(reply).await.map(|()| Outcome::Refused)
            }
            Ok(Some(Decided { answer: Answer::TryLater(reply), .. })) => {
                self.say(reply).await.map(|()| Outcome::Failed)
            }
            Ok(None) => self.say(&come_back()).await.map(|()| Outcome::Failed),
            Err(_) => Ok(Outcome::Failed),
        };
        self.ended(*told.as_ref().unwrap_or(&Outcome::Failed), bytes);
        told.and(decided.map(|_| ()))
    }

    /// Waits for a judgement, and lets the MTA know meanwhile that it is waited for.
    async fn wait_for(
        &mut self,
        decided: impl Future<Output = Option<Decided>>,
    ) -> Result<Option<Decided>, Broken> {
        let every = self.shared.options.timeouts.progress.max(Duration::from_millis(1));
        let mut decided = pin!(decided);
        loop {
            tokio::select! {
                biased;
                decided = &mut decided => return Ok(decided),
                () = sleep(every) => self.say(PROGRESS).await?,
            }
        }
    }

    /// Makes the changes, and lets the message go on. Where the connection breaks before its end, the MTA has no word to
    /// let it go.
    async fn pass(&mut self, edits: &[u8], body: Option<&[u8]>) -> Result<(), Broken> {
        if !edits.is_empty() {
            self.say(edits).await?;
        }
        let mut packet = Vec::new();
        for piece in body.into_iter().flat_map(pieces) {
            packet.clear();
            packet::put(&mut packet, b'b', &[piece]);
            self.say(&packet).await?;
        }
        self.say(CONTINUE).await
    }

    async fn say(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let patience = self.shared.options.timeouts.write;
        timeout(patience, self.wire.say(bytes)).await.map_err(|_| Broken::TooSlow)??;
        Ok(())
    }

    fn given_up(&mut self) {
        self.began = None;
        self.ended(Outcome::Failed, 0);
    }

    fn ended(&self, outcome: Outcome, bytes: usize) {
        self.shared.options.observer.message(outcome, bytes);
    }
}

pub(super) fn come_back() -> Vec<u8> {
    refusal(451, "4.3.0", "The message could not be passed on; try again later")
}

/// A body in pieces for packets, each of whole lines where lines are short enough, and at least one.
fn pieces(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(body);
    std::iter::from_fn(move || {
        let body = rest?;
        if body.len() <= LONGEST_REPLY {
            rest = None;
            return Some(body);
        }
        let window = &body[..LONGEST_REPLY];
        let end = match memchr::memrchr(b'\n', window) {
            Some(at) => at + 1,
            None if window.ends_with(b"\r") => LONGEST_REPLY - 1,
            None => LONGEST_REPLY,
        };
        rest = Some(&body[end..]);
        Some(&body[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_goes_in_pieces_that_fit() {
        for (body, expected) in [
            (Vec::new(), vec![0]),
            (b"a\r\n".to_vec(), vec![3]),
            (vec![b'a'; LONGEST_REPLY], vec![LONGEST_REPLY]),
            (vec![b'a'; LONGEST_REPLY + 1], vec![LONGEST_REPLY, 1]),
            ([&vec![b'a'; LONGEST_REPLY - 1][..], b"\r\nb"].concat(), vec![LONGEST_REPLY - 1, 3]),
            ([b"x\r\n", &vec![b'a'; LONGEST_REPLY][..]].concat(), vec![3, LONGEST_REPLY]),
        ] {
            let got: Vec<&[u8]> = pieces(&body).collect();
            assert_eq!(got.iter().map(|p| p.len()).collect::<Vec<_>>(), expected);
            assert_eq!(got.concat(), body);
        }
    }
}
