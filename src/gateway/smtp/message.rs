//! DATA: a message is received, judged, and delivered or not.

use std::io;
use std::ops::ControlFlow::{Break, Continue};

use tokio::task::yield_now;
use tokio::time::{Duration, Instant, sleep_until, timeout};

use super::data::{Body, Kept, Message};
use super::judging::judge;
use super::session::{Flow, Session};
use super::wire::Wire;
use super::{Outcome, Verdict};

const COME_BACK: &str = "The message could not be passed on; try again later";

/// Why a message is not delivered, whatever is thought of it.
enum Cut {
    /// The client has closed: it will come again with the message, as if it had been told 451 (RFC 5321, 3.8).
    Gone,
    /// The client has waited long enough. One that no longer does comes again, and must not find its message delivered.
    Late,
}

impl Session {
    pub(super) async fn data(&mut self) -> Flow {
        let Some(transaction) = self.transaction.take().filter(|t| t.recipients > 0) else {
            return self.data_out_of_turn().await;
        };
        let Some(body) = Body::new(&self.shared.budget, transaction.size, self.limit) else {
            self.transaction = Some(transaction);
            self.ended(Outcome::NoMemory, 0);
            let flow = self.answer("452", "4.3.1", "Too much mail at once; try again later");
            self.flush().await?;
            return Ok(flow);
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
        let until = Instant::now() + self.shared.options.timeouts.reply;
        let Session { shared, client, relay, .. } = self;
        let judged = attended(client, until, async {
            tokio::select! {
                judged = judge(shared, message) => judged,
                never = relay.keep_alive() => match never {},
            }
        });
        let judged = match judged.await {
            Ok(judged) => judged,
            Err(cut) => return self.cut(cut, bytes).await,
        };
        match judged.as_ref().map(|j| &j.verdict) {
            Some(Verdict::Forward(message)) => self.deliver(message, bytes, until).await,
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
    async fn deliver(&mut self, message: &[u8], bytes: usize, until: Instant) -> Flow {
        let reply = match attended(&mut self.client, until, self.relay.offer(message)).await {
            Err(cut) => return self.cut(cut, bytes).await,
            // From here on the relay may have it, so its reply is waited for even where the client has gone.
            Ok(Ok(None)) => self.relay.finish().await,
            Ok(Ok(Some(refusal))) => Ok(refusal),
            Ok(Err(error)) => Err(error),
        };
        match reply {
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

    async fn cut(&mut self, cut: Cut, bytes: usize) -> Flow {
        self.ended(Outcome::Failed, bytes);
        let flow = match cut {
            Cut::Gone => {
                tracing::debug!("SMTP: a client went before its message was delivered, and keeps it");
                Break(())
            }
            Cut::Late => {
                tracing::warn!("SMTP: a message could not be delivered in time; the client keeps it");
                Continue(())
            }
        };
        // One that has closed its own side only can hear this.
        self.turn_down("451", "4.3.0", COME_BACK).await.map(|_| flow)
    }

    /// Tells the client, which has waited long enough, and lets the relay forget the transaction. Where the relay does not
    /// answer, that shows at the next command.
    async fn turn_down(&mut self, code: &str, enhanced: &str, text: &str) -> Flow {
        let flow = self.answer(code, enhanced, text);
        let told = self.flush().await;
        if self.relay.is_usable()
            && let Err(error) = self.relay.reset().await
        {
            tracing::warn!("SMTP: the relay was lost: {error}");
            self.relay.give_up();
        }
        told.map(|()| flow)
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

/// Does `work` while the client waits for it, and no longer. Whatever the client sends meanwhile is kept.
async fn attended<T>(client: &mut Wire, until: Instant, work: impl Future<Output = T>) -> Result<T, Cut> {
    let done = tokio::select! {
        biased;
        () = client.closed() => return Err(Cut::Gone),
        () = sleep_until(until) => return Err(Cut::Late),
        done = work => done,
    };
    if client.is_quiet() {
        return Ok(done);
    }
    // What came while nobody asked is known to the runtime only when it has had a turn.
    yield_now().await;
    if client.is_closed() { Err(Cut::Gone) } else { Ok(done) }
}
