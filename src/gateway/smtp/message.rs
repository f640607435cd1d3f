//! DATA: a message is received, judged, and delivered or not.

use std::io;
use std::ops::ControlFlow::{Break, Continue};
use std::sync::Arc;

use tokio::time::{Duration, timeout};

use super::super::budget::Reservation;
use super::data::{Body, Kept, Message};
use super::session::{Flow, Session, Transaction};
use super::wire::Wire;
use super::{Outcome, Shared, Verdict};

const COME_BACK: &str = "The message could not be passed on; try again later";

/// What was said of a message, and the memory that is accounted for until it is gone.
struct Judged {
    verdict: Verdict,
    _reservation: Reservation,
}

impl Session {
    pub(super) async fn data(&mut self) -> Flow {
        let Some(transaction) = self.transaction.take().filter(|t| t.recipients > 0) else {
            return self.data_out_of_turn().await;
        };
        let body = match Body::new(transaction.reservation, self.limit) {
            Ok(body) => body,
            Err(reservation) => {
                self.transaction = Some(Transaction { reservation, ..transaction });
                self.ended(Outcome::NoMemory, 0);
                let flow = self.answer("452", "4.3.1", "Too much mail at once; try again later");
                self.flush().await?;
                return Ok(flow);
            }
        };
        self.client.queue(b"354 End with a dot on a line of its own\r\n");
        self.flush().await?;
        let kept = match self.receive(body).await {
            Ok(Some(kept)) => kept,
            Ok(None) => {
                self.ended(Outcome::Failed, 0);
                return Ok(self.too_slow());
            }
            Err(error) => {
                self.ended(Outcome::Failed, 0);
                return Err(error);
            }
        };
        match kept {
            Kept::Whole(message) => self.decide(message).await,
            Kept::TooLarge => {
                self.ended(Outcome::TooLarge, 0);
                self.turn_down("552", "5.3.4", "The message is too large").await
            }
            Kept::NoMemory => {
                self.ended(Outcome::NoMemory, 0);
                self.turn_down("452", "4.3.1", "Too much mail at once; try again later").await
            }
        }
    }

    /// DATA without an accepted recipient: what to say is for the relay, which may know the reason. One that wants the
    /// message all the same is not given any.
    async fn data_out_of_turn(&mut self) -> Flow {
        self.transaction = None;
        match self.relay.command(b"DATA").await {
            Ok(reply) if reply.is_goodbye() => {
                self.client.queue(reply.bytes());
                Ok(Break(()))
            }
            Ok(reply) if reply.is_refusal() => {
                self.client.queue(reply.bytes());
                // What MAIL has opened there is closed here.
                if let Err(error) = self.relay.reset().await {
                    return Ok(self.lost(Some(&error)));
                }
                self.flush().await?;
                Ok(Continue(()))
            }
            Ok(_) => {
                self.relay.give_up();
                Ok(self.lost(None))
            }
            Err(error) => Ok(self.lost(Some(&error))),
        }
    }

    /// Reads a message to its end, while the relay is kept waiting. `None` where that took too long.
    async fn receive(&mut self, body: Body) -> io::Result<Option<Kept>> {
        let timeouts = &self.shared.options.timeouts;
        let received = timeout(timeouts.message, receive(&mut self.client, body, timeouts.client));
        let received = tokio::select! {
            received = received => received,
            never = self.relay.keep_alive() => match never {},
        };
        match received {
            Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => Ok(None),
            Ok(kept) => kept.map(Some),
            Err(_) => Ok(None),
        }
    }

    async fn decide(&mut self, message: Message) -> Flow {
        let bytes = message.bytes.len();
        let judged = tokio::select! {
            judged = judge(Arc::clone(&self.shared), message) => judged,
            never = self.relay.keep_alive() => match never {},
        };
        match judged.as_ref().map(|j| &j.verdict) {
            Some(Verdict::Forward(message)) => self.deliver(message, bytes).await,
            Some(Verdict::Refuse { code, text }) => {
                self.ended(Outcome::Refused, bytes);
                self.turn_down("550", code, text).await
            }
            Some(Verdict::TryLater { text }) => {
                self.ended(Outcome::Failed, bytes);
                self.turn_down("451", "4.3.0", text).await
            }
            None => {
                self.ended(Outcome::Failed, bytes);
                self.turn_down("451", "4.3.0", COME_BACK).await
            }
        }
    }

    /// Gives the message to the relay. Its reply is the client's; where there is none, the client comes back, for only
    /// the relay can say that it has the message.
    async fn deliver(&mut self, message: &[u8], bytes: usize) -> Flow {
        match self.relay.deliver(message).await {
            Ok(reply) => {
                self.ended(if reply.is_done() { Outcome::Forwarded } else { Outcome::Failed }, bytes);
                self.client.queue(reply.bytes());
                if reply.is_goodbye() {
                    return Ok(Break(()));
                }
                self.flush().await?;
                // Where DATA was refused, the transaction may still be open there (RFC 5321, 4.1.1.4).
                if reply.is_refusal() && self.relay.is_usable() {
                    let _ = self.relay.reset().await;
                }
                Ok(Continue(()))
            }
            Err(error) => {
                tracing::warn!("SMTP: the relay did not take a message: {error}; the client keeps it");
                self.relay.give_up();
                self.ended(Outcome::Failed, bytes);
                let flow = self.answer("451", "4.3.0", COME_BACK);
                self.flush().await?;
                Ok(flow)
            }
        }
    }

    /// Lets the relay forget the transaction, and tells the client. Where the relay does not answer, that shows at the
    /// next command.
    async fn turn_down(&mut self, code: &str, enhanced: &str, text: &str) -> Flow {
        let reset = self.relay.reset().await;
        if let Err(error) = reset {
            tracing::warn!("SMTP: the relay was lost: {error}");
            self.relay.give_up();
        }
        let flow = self.answer(code, enhanced, text);
        self.flush().await?;
        Ok(flow)
    }

    fn ended(&self, outcome: Outcome, bytes: usize) {
        self.shared.options.observer.message(outcome, bytes);
    }
}

async fn receive(client: &mut Wire, mut body: Body, patience: Duration) -> io::Result<Kept> {
    loop {
        let (read, end) = body.feed(client.buffered());
        client.consume(read);
        if end {
            return Ok(body.finish());
        }
        timeout(patience, client.fill()).await??;
    }
}

/// Asks the judge; `None` where there is no verdict. The memory is accounted for until the judge has ended, even when
/// nobody waits for it any more.
async fn judge(shared: Arc<Shared>, message: Message) -> Option<Judged> {
    let patience = shared.options.timeouts.judge;
    let judged = timeout(patience, async move {
        let turn = Arc::clone(&shared.judgements).acquire_owned().await.ok()?;
        let judged = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let Message { bytes, reservation } = message;
            let verdict = shared.judge.judge(bytes);
            Judged { verdict, _reservation: reservation }
        });
        judged.await.ok()
    });
    let judged = judged.await.ok().flatten();
    if judged.is_none() {
        tracing::error!(
            "SMTP: a message was not judged: the judge failed or took too long; the client keeps it"
        );
    }
    judged
}
