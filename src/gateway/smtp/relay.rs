//! The connection to the relay.
//!
//! The relay's replies are matched to commands by their order alone, so a reply that nobody asked for would be taken
//! for the next command's, and in the end a message acknowledged that the relay has refused. Whatever comes unasked
//! therefore ends the connection.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use zeroize::Zeroizing;

use super::data::Stuffer;
use super::ehlo;
use super::reply::Reply;
use super::wire::{CHUNK, Wire};
use super::{Options, RelayAuth, RelayTls, Timeouts};
use crate::keys::encoding::base64;

/// A connection that is older is not taken over by another session: a relay may have been moved, or balanced by its
/// address, meanwhile.
const OLDEST: Duration = Duration::from_secs(300);
/// How long a reply is looked for on a connection that is broken already.
const PARTING: Duration = Duration::from_secs(1);

/// Why the relay could not be used. It says what was done, never what was said.
#[derive(Debug, thiserror::Error)]
pub(super) enum RelayError {
    #[error("it cannot be connected to: {0}")]
    Connect(io::ErrorKind),
    #[error("no TLS with it: {0}")]
    Tls(String),
    #[error("it took too long over {0}")]
    Slow(&'static str),
    #[error("it closed the connection at {0}")]
    Closed(&'static str),
    #[error("it answered {code} to {step}")]
    Refused { step: &'static str, code: u16 },
    #[error("it does not offer {0}")]
    Lacks(&'static str),
    #[error("it does not keep to the protocol at {0}")]
    Protocol(&'static str),
}

/// A connection to the relay.
pub(super) struct Relay {
    wire: Wire,
    timeouts: Timeouts,
    /// NOOPs whose replies have not been read.
    owed: usize,
    /// It failed, or is in the middle of what only its own end makes whole.
    broken: bool,
    /// MAIL was sent, and it is not known to be over.
    pub(super) in_transaction: bool,
    /// It has refused a client something since it took a message last: many relays count that, and get slower and then
    /// close.
    has_refused: bool,
    /// The EHLO or HELO that it was greeted with last, and its reply.
    pub(super) greeted_with: Option<(Vec<u8>, Reply)>,
    connected: Instant,
}

impl Relay {
    /// Connects, with TLS and credentials as the options want them; the client's EHLO comes next.
    pub(super) async fn connect(options: &Options) -> Result<Relay, RelayError> {
        let timeouts = options.timeouts.clone();
        let tcp = within(timeouts.connect, "connecting", async {
            TcpStream::connect(&options.relay).await.map_err(|e| RelayError::Connect(e.kind()))
        });
        let mut relay = Relay {
            wire: Wire::new(tcp.await?),
            timeouts,
            owed: 0,
            broken: false,
            in_transaction: false,
            has_refused: false,
            greeted_with: None,
            connected: Instant::now(),
        };
        if let RelayTls::Implicit(config, name) = &options.relay_tls {
            relay.start_tls(config, name).await?;
        }
        let greeting = relay.reply("the greeting", relay.timeouts.greeting).await?;
        done(&greeting, "the greeting")?;
        if let RelayTls::StartTls(config, name) = &options.relay_tls {
            if !ehlo::offers(&relay.ehlo(options).await?, b"STARTTLS") {
                return Err(RelayError::Lacks("STARTTLS"));
            }
            relay.must(b"STARTTLS", "STARTTLS").await?;
            // Someone in between could have put a reply behind this one, to be taken for one under TLS.
            if !relay.wire.buffered().is_empty() {
                return Err(RelayError::Protocol("STARTTLS"));
            }
            relay.start_tls(config, name).await?;
        }
        if let Some(auth) = &options.relay_auth {
            relay.authenticate(options, auth).await?;
        }
        Ok(relay)
    }

    /// Sends a client's command, without its CRLF, and reads the reply.
    pub(super) async fn command(&mut self, line: &[u8]) -> Result<Reply, RelayError> {
        self.command_within(self.timeouts.command, line).await
    }

    /// The same for the first command since it waited: where its connection is dead, that must show before the client
    /// has waited long enough.
    pub(super) async fn first_command(&mut self, line: &[u8]) -> Result<Reply, RelayError> {
        self.command_within(self.timeouts.command.min(self.timeouts.connect), line).await
    }

    async fn command_within(&mut self, patience: Duration, line: &[u8]) -> Result<Reply, RelayError> {
        let reply = self.exchange(line, "a command", patience).await;
        self.has_refused |= reply.as_ref().is_ok_and(Reply::is_refusal);
        reply
    }

    /// Lets go of a transaction.
    pub(super) async fn reset(&mut self) -> Result<(), RelayError> {
        self.must(b"RSET", "RSET").await?;
        self.in_transaction = false;
        Ok(())
    }

    /// Sends DATA and a message, all but its last dot; a message that is a single piece waits to be sent with the dot.
    /// Returns the reply where the relay refuses one or the other. It can be dropped at any time: the relay does not have
    /// the message, and the connection is of no more use.
    pub(super) async fn offer(&mut self, message: &[u8]) -> Result<Option<Reply>, RelayError> {
        let start = self.exchange(b"DATA", "DATA", self.timeouts.data_start).await?;
        // Until the last dot is answered, a command would be taken for text.
        match start.code() {
            354 => self.broken = true,
            _ if start.is_refusal() => return Ok(Some(start)),
            _ => {
                self.broken = true;
                return Err(RelayError::Protocol("DATA"));
            }
        }
        let mut stuffer = Stuffer::new(message);
        if !stuffer.more(self.wire.queued(), CHUNK) {
            return Ok(None);
        }
        let mut more = true;
        loop {
            let refused = self.send_piece().await?;
            if refused.is_some() || !more {
                return Ok(refused);
            }
            more = stuffer.more(self.wire.queued(), CHUNK);
        }
    }

    /// Sends the last dot of a message that [`Relay::offer`] has sent, and returns the reply that decides on it. After an
    /// error nobody knows whether the relay has it.
    pub(super) async fn finish(&mut self) -> Result<Reply, RelayError> {
        let step = "the end of a message";
        if self.wire.unasked() {
            return self.early_reply(step).await;
        }
        self.wire.queue(Stuffer::END);
        match self.flush_piece(step).await {
            Ok(true) => {}
            Ok(false) => return self.early_reply(step).await,
            Err(error) => return self.parting_reply(step).await.ok_or(error),
        }
        let end = self.reply(step, self.timeouts.data_end).await?;
        if end.is_done() || end.is_refusal() {
            self.broken = end.is_goodbye();
            self.in_transaction &= !end.is_done();
            self.has_refused = end.is_refusal();
            Ok(end)
        } else {
            Err(RelayError::Protocol(step))
        }
    }

    /// Writes a piece of a message, without its last dot. A relay that has had enough may say so before the end, and then
    /// read no further or close, so it is listened to all the while.
    async fn send_piece(&mut self) -> Result<Option<Reply>, RelayError> {
        let step = "the message";
        match self.flush_piece(step).await {
            Ok(true) if !self.wire.unasked() => Ok(None),
            Ok(_) => self.early_reply(step).await.map(Some),
            Err(error) => self.parting_reply(step).await.map(Some).ok_or(error),
        }
    }

    /// Writes what waits, unless the relay says something. Whether all is written.
    async fn flush_piece(&mut self, step: &'static str) -> Result<bool, RelayError> {
        let flush = async { self.wire.flush_unless_answered().await.map_err(|_| RelayError::Closed(step)) };
        within(self.timeouts.data_block, step, flush).await
    }

    /// The reply of a relay that has not seen the end yet. It may be a refusal; one that acknowledges before the end is not
    /// to be trusted.
    async fn early_reply(&mut self, step: &'static str) -> Result<Reply, RelayError> {
        let early = self.reply(step, self.timeouts.data_block).await?;
        if early.is_refusal() { Ok(early) } else { Err(RelayError::Protocol(step)) }
    }

    /// The refusal that a relay may have sent before it broke the connection. Only what is there: it was listened to
    /// long enough.
    async fn parting_reply(&mut self, step: &'static str) -> Option<Reply> {
        let reply = self.reply(step, PARTING).await.ok()?;
        reply.is_refusal().then_some(reply)
    }

    /// Keeps the relay from giving up while it waits for a message, for as long as it is polled. It can be dropped at any
    /// time; what fails here fails at the next command.
    pub(super) async fn keep_alive(&mut self) -> Infallible {
        while !self.broken {
            sleep(self.timeouts.keep_alive).await;
            self.owed += 1;
            self.wire.queue(b"NOOP\r\n");
            self.broken = self.settle().await.is_err();
        }
        pending().await
    }

    /// Whether it can take another command.
    pub(super) fn is_usable(&self) -> bool {
        !self.broken
    }

    /// Whether another session can begin with it: it stands between two transactions, nothing has come that nobody has
    /// asked for, and it is not too old.
    pub(super) fn is_settled(&mut self) -> bool {
        let said_all = !self.broken && !self.in_transaction && self.owed == 0 && !self.wire.has_unsent();
        said_all && !self.has_refused && self.connected.elapsed() < OLDEST && !self.wire.unasked()
    }

    /// Whether this was its last EHLO or HELO.
    pub(super) fn was_greeted_with(&self, hello: &[u8]) -> bool {
        self.greeted_with.as_ref().is_some_and(|(said, _)| said == hello)
    }

    /// Makes it unusable.
    pub(super) fn give_up(&mut self) {
        self.broken = true;
    }

    /// Says QUIT, and waits a moment for the relay to close. A connection that failed is broken off instead: half a
    /// command may be in its buffer, or the last dot of a message that the client was told to send again.
    pub(super) async fn quit(mut self) {
        if self.broken || self.wire.has_unsent() {
            return self.wire.abort();
        }
        if self.owed == 0 {
            self.wire.queue(b"QUIT\r\n");
        }
        self.wire.close().await;
    }

    #[cfg(test)]
    pub(super) fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    async fn exchange(
        &mut self,
        line: &[u8],
        step: &'static str,
        patience: Duration,
    ) -> Result<Reply, RelayError> {
        if self.broken {
            return Err(RelayError::Closed(step));
        }
        // Whatever failed, the next reply might be this command's: also where nobody waits for it any longer.
        self.broken = true;
        let reply = self.exchange_unguarded(line, step, patience).await;
        self.broken = reply.as_ref().map_or(true, Reply::is_goodbye);
        reply
    }

    async fn exchange_unguarded(
        &mut self,
        line: &[u8],
        step: &'static str,
        patience: Duration,
    ) -> Result<Reply, RelayError> {
        self.settle().await?;
        if self.wire.unasked() {
            // A relay that waited too long for us says 421 and closes (RFC 5321, 3.8).
            let reply = self.reply(step, patience).await?;
            return if reply.is_goodbye() { Ok(reply) } else { Err(RelayError::Protocol(step)) };
        }
        self.wire.queue(line);
        self.wire.queue(b"\r\n");
        self.flush(step).await?;
        self.reply(step, patience).await
    }

    /// Reads the replies to NOOPs.
    async fn settle(&mut self) -> Result<(), RelayError> {
        while self.owed > 0 {
            self.flush("NOOP").await?;
            let reply = self.reply("NOOP", self.timeouts.command).await?;
            self.owed -= 1;
            if reply.is_goodbye() {
                return Err(RelayError::Refused { step: "NOOP", code: reply.code() });
            }
        }
        Ok(())
    }

    async fn reply(&mut self, step: &'static str, patience: Duration) -> Result<Reply, RelayError> {
        within(patience, step, async {
            loop {
                if let Some((reply, bytes)) =
                    Reply::parse(self.wire.buffered()).map_err(|_| RelayError::Protocol(step))?
                {
                    self.wire.consume(bytes);
                    return Ok(reply);
                }
                self.wire.fill().await.map_err(|_| RelayError::Closed(step))?;
            }
        })
        .await
    }

    async fn flush(&mut self, step: &'static str) -> Result<(), RelayError> {
        let flush = async { self.wire.flush().await.map_err(|_| RelayError::Closed(step)) };
        within(self.timeouts.data_block, step, flush).await
    }

    async fn must(&mut self, line: &[u8], step: &'static str) -> Result<(), RelayError> {
        done(&self.exchange(line, step, self.timeouts.command).await?, step)
    }

    async fn ehlo(&mut self, options: &Options) -> Result<Reply, RelayError> {
        let line = format!("EHLO {}", options.hostname);
        let reply = self.exchange(line.as_bytes(), "EHLO", self.timeouts.command).await?;
        done(&reply, "EHLO")?;
        Ok(reply)
    }

    async fn start_tls(
        &mut self,
        config: &std::sync::Arc<rustls::ClientConfig>,
        name: &rustls::pki_types::ServerName<'static>,
    ) -> Result<(), RelayError> {
        let shake = self.wire.connect_tls(config, name);
        let shake = async { shake.await.map_err(|e| RelayError::Tls(e.to_string())) };
        within(self.timeouts.connect, "the TLS handshake", shake).await
    }

    /// AUTH PLAIN (RFC 4616), or LOGIN where that is all there is.
    async fn authenticate(&mut self, options: &Options, auth: &RelayAuth) -> Result<(), RelayError> {
        let mechanisms = ehlo::mechanisms(&self.ehlo(options).await?);
        let has = |name: &[u8]| mechanisms.iter().any(|m| m == name);
        if has(b"PLAIN") {
            let secret =
                Zeroizing::new([b"\0", auth.user.as_bytes(), b"\0", auth.password.expose()].concat());
            let line = Zeroizing::new([b"AUTH PLAIN ", base64(&secret).as_bytes()].concat());
            return self.must(&line, "AUTH").await;
        }
        if !has(b"LOGIN") {
            return Err(RelayError::Lacks("AUTH PLAIN or LOGIN"));
        }
        for line in ["AUTH LOGIN".to_owned(), base64(auth.user.as_bytes())] {
            let reply = self.exchange(line.as_bytes(), "AUTH", self.timeouts.command).await?;
            if reply.code() != 334 {
                return Err(RelayError::Refused { step: "AUTH", code: reply.code() });
            }
        }
        self.must(Zeroizing::new(base64(auth.password.expose())).as_bytes(), "AUTH").await
    }
}

fn done(reply: &Reply, step: &'static str) -> Result<(), RelayError> {
    if reply.is_done() { Ok(()) } else { Err(RelayError::Refused { step, code: reply.code() }) }
}

async fn within<T>(
    patience: Duration,
    step: &'static str,
    work: impl Future<Output = Result<T, RelayError>>,
) -> Result<T, RelayError> {
    timeout(patience, work).await.unwrap_or(Err(RelayError::Slow(step)))
}
