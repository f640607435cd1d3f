//! A session: commands go to the relay, replies come back, until a message comes (`message.rs`).

use std::io;
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::command::{self, LONGEST_AUTH, Verb, Wrong};
use super::ehlo::{self, Offer};
use super::line::Line;
use super::relay::{Relay, RelayError};
use super::reply::{Reply, own};
use super::wire::{CHUNK, Wire};
use super::{ClientTls, Shared, stopped};

/// Commands that were refused here before the client is shown the door: no mail client needs as many.
const MOST_ERRORS: u32 = 20;

/// A client and the relay behind it.
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) client: Wire,
    pub(super) relay: Relay,
    stop: watch::Receiver<bool>,
    /// The client's connection is under TLS.
    secure: bool,
    /// EHLO or HELO was accepted.
    greeted: bool,
    /// The relay knows things about the client that must not outlive STARTTLS.
    told: bool,
    /// The relay knows things about the client that must not outlive the session: who has logged in, where it comes from.
    marked: bool,
    /// The relay's connection was that of another session, and has not been used in this one.
    taken_over: bool,
    /// The relay knows SIZE.
    relay_knows_size: bool,
    /// The longest message.
    pub(super) limit: usize,
    pub(super) transaction: Option<Transaction>,
    errors: u32,
}

/// A MAIL that the relay has accepted.
pub(super) struct Transaction {
    /// The size that was declared, or 0.
    pub(super) size: usize,
    pub(super) recipients: usize,
}

/// Whether the session goes on; an error is that of the client's connection.
pub(super) type Flow = io::Result<ControlFlow<()>>;

/// Counts a session from its beginning to its end, even where it is broken off.
struct Open<'a>(&'a Shared);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.options.observer.session_closed();
    }
}

/// Serves a client to its end.
pub(super) async fn run(shared: Arc<Shared>, client: TcpStream, stop: watch::Receiver<bool>) {
    shared.options.observer.session_opened();
    let _open = Open(&shared);
    let mut client = Wire::new(client);
    let mut secure = false;
    if let Some(ClientTls { config, implicit: true }) = &shared.options.client_tls {
        if !matches!(timeout(shared.options.timeouts.connect, client.accept_tls(config)).await, Ok(Ok(()))) {
            return;
        }
        secure = true;
    }
    let (relay, taken_over) = match shared.idle.take(None) {
        Some(relay) => (relay, true),
        None => match Relay::connect(&shared.options).await {
            Ok(relay) => (relay, false),
            Err(error) => {
                tracing::warn!("SMTP: the relay cannot be used: {error}; the client keeps its mail");
                client.queue(&unavailable(&shared.options.hostname));
                return client.close().await;
            }
        },
    };
    let limit = shared.options.max_message_bytes.min(shared.budget.total());
    let mut session = Session {
        shared: Arc::clone(&shared),
        client,
        relay,
        stop,
        secure,
        greeted: false,
        told: false,
        marked: false,
        taken_over,
        relay_knows_size: false,
        limit,
        transaction: None,
        errors: 0,
    };
    if let Err(error) = session.converse().await {
        tracing::debug!("SMTP: a client's connection broke: {}", error.kind());
    }
    let Session { client, relay, marked, .. } = session;
    match if marked { Some(relay) } else { shared.idle.keep(relay) } {
        Some(relay) => drop(tokio::join!(client.close(), relay.quit())),
        None => client.close().await,
    }
}

fn unavailable(hostname: &str) -> Vec<u8> {
    own("421", "4.3.0", &format!("{hostname} cannot reach its mail server; try again later"))
}

impl Session {
    async fn converse(&mut self) -> io::Result<()> {
        let greeting = format!("220 {} ESMTP\r\n", self.shared.options.hostname);
        self.client.queue(greeting.as_bytes());
        loop {
            let flow = match self.next_line().await? {
                None => return Ok(()),
                Some(Line::Whole(line)) if command::fits(&line) => self.obey(&line).await?,
                Some(Line::Whole(_) | Line::TooLong) => self.refuse("500", "5.5.2", "Line too long"),
                // Perhaps somebody else's commands are hidden in this one's argument.
                Some(Line::Broken) => {
                    self.leave("521", "5.5.2", "Lines end with CR LF; neither stands alone")
                }
            };
            if flow.is_break() {
                return self.flush().await;
            }
        }
    }

    /// The client's next line. `None` when the session is over: the client was too slow, or the proxy stops.
    async fn next_line(&mut self) -> io::Result<Option<Line>> {
        // Answers to pipelined commands go together, when no further command is there (RFC 2920, 3.2).
        if !self.client.has_line() || self.client.queued().len() > CHUNK {
            self.flush().await?;
        }
        let idle = self.transaction.is_none();
        let patience = self.shared.options.timeouts.client;
        let line = tokio::select! {
            biased;
            () = stopped(&mut self.stop), if idle => None,
            line = timeout(patience, self.client.line(LONGEST_AUTH)) => Some(line),
        };
        let _ = match line {
            Some(Ok(line)) => return line.map(Some),
            Some(Err(_)) => self.too_slow(),
            None => self.stopping(),
        };
        self.flush().await?;
        Ok(None)
    }

    async fn obey(&mut self, line: &[u8]) -> Flow {
        let (verb, rest) = Verb::of(line);
        if verb == Verb::Quit {
            self.client.queue(b"221 2.0.0 Bye\r\n");
            return Ok(Break(()));
        }
        if !self.relay.is_usable() {
            return Ok(self.lost(None));
        }
        match verb {
            Verb::Ehlo | Verb::Helo => self.greet(line, verb).await,
            Verb::Mail => self.mail(line).await,
            Verb::Rcpt => self.rcpt(line).await,
            Verb::Data if !rest.is_empty() => Ok(self.refuse("501", "5.5.4", "DATA takes no argument")),
            Verb::Data => self.data().await,
            Verb::Rset => {
                self.transaction = None;
                let reply = self.pass(line).await?;
                self.relay.in_transaction &= !reply.as_ref().is_some_and(Reply::is_done);
                Ok(flow(reply))
            }
            Verb::StartTls => self.start_tls(rest).await,
            Verb::Auth => self.auth(line, rest).await,
            Verb::Passed => {
                (self.told, self.marked) = (true, true);
                let passed = self.pass(line).await;
                self.flush().await?;
                passed.map(flow)
            }
            // The piece of a message that follows would be read as commands.
            Verb::Bdat => Ok(self.leave("502", "5.5.1", "BDAT is not offered; use DATA")),
            Verb::Refused => Ok(self.refuse("502", "5.5.1", "Not done here")),
            Verb::Unknown => Ok(self.refuse("500", "5.5.1", "No such command")),
            Verb::Quit => Ok(Break(())),
        }
    }

    /// Sends a line to the relay and its reply to the client. `None` where that was the last of the session.
    async fn pass(&mut self, line: &[u8]) -> io::Result<Option<Reply>> {
        let reply = self.ask(line).await;
        Ok(self.answer_with(reply))
    }

    /// Sends a line to the relay. One that was taken over may have closed just then, or may have had enough; it has heard
    /// nothing of this session yet, so that another connection does as well. A login is tried once only.
    async fn ask(&mut self, line: &[u8]) -> Result<Reply, RelayError> {
        if self.taken_over && !self.greeted {
            // Another client has greeted it, and this one has not yet.
            self.change_relay(None).await?;
        }
        if !std::mem::take(&mut self.taken_over) {
            return self.relay.command(line).await;
        }
        let reply = self.relay.first_command(line).await;
        let is_fine = reply.as_ref().is_ok_and(|reply| !reply.is_goodbye() && !reply.is_refusal());
        if is_fine || Verb::of(line).0 == Verb::Auth {
            return reply;
        }
        let relay = Relay::connect(&self.shared.options).await?;
        let mut before = std::mem::replace(&mut self.relay, relay);
        self.relay.in_transaction = before.in_transaction;
        let greeted_with = before.greeted_with.take();
        before.quit().await;
        if let Some((hello, offer)) = greeted_with {
            // What the client was offered must hold.
            let again = self.relay.command(&hello).await?;
            if !again.is_done() || !again.lines().skip(1).eq(offer.lines().skip(1)) {
                return Err(RelayError::Lacks("what it did before"));
            }
            self.relay.greeted_with = Some((hello, again));
        }
        self.relay.command(line).await
    }

    fn answer_with(&mut self, reply: Result<Reply, RelayError>) -> Option<Reply> {
        match reply {
            Ok(reply) => {
                self.client.queue(reply.bytes());
                (!reply.is_goodbye()).then_some(reply)
            }
            Err(error) => {
                let _ = self.lost(Some(&error));
                None
            }
        }
    }

    /// EHLO or HELO at the relay, which forgets any transaction then. One that was taken over from a client of the same
    /// name is not told again what it was told by that; one that was taken over from another goes on waiting, for many
    /// relays take a second EHLO amiss.
    async fn hello(&mut self, line: &[u8]) -> Result<Reply, RelayError> {
        if self.taken_over {
            if let Some((said, reply)) = &self.relay.greeted_with
                && said == line
            {
                return Ok(reply.clone());
            }
            self.change_relay(self.shared.idle.take(Some(line))).await?;
            if let Some((_, reply)) = self.relay.greeted_with.as_ref().filter(|_| self.taken_over) {
                return Ok(reply.clone());
            }
        }
        let reply = self.relay.command(line).await?;
        let is_done = reply.is_done();
        self.relay.in_transaction &= !is_done;
        self.relay.greeted_with = is_done.then(|| (line.to_vec(), reply.clone()));
        Ok(reply)
    }

    /// Lets the connection that was taken over wait on for another client, and goes on with this one, or a new one.
    async fn change_relay(&mut self, waiting: Option<Relay>) -> Result<(), RelayError> {
        self.taken_over = waiting.is_some();
        let relay = match waiting {
            Some(relay) => relay,
            None => Relay::connect(&self.shared.options).await?,
        };
        if let Some(relay) = self.shared.idle.keep(std::mem::replace(&mut self.relay, relay)) {
            relay.quit().await;
        }
        Ok(())
    }

    async fn greet(&mut self, line: &[u8], verb: Verb) -> Flow {
        self.transaction = None;
        let reply = self.hello(line).await;
        if verb == Verb::Helo {
            let reply = self.answer_with(reply);
            self.greeted |= reply.as_ref().is_some_and(Reply::is_done);
            return Ok(flow(reply));
        }
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => return Ok(self.lost(Some(&error))),
        };
        if !reply.is_done() {
            self.client.queue(reply.bytes());
            return Ok(if reply.is_goodbye() { Break(()) } else { Continue(()) });
        }
        let options = &self.shared.options;
        let starttls = !self.secure && options.client_tls.is_some();
        let offered = ehlo::answer(
            &reply,
            &Offer {
                hostname: &options.hostname,
                limit: options.max_message_bytes.min(self.shared.budget.total()),
                starttls,
                // A password is not asked for in clear where it could come under TLS.
                auth: options.relay_auth.is_none() && !starttls,
            },
        );
        self.client.queue(&offered.answer);
        (self.greeted, self.relay_knows_size, self.limit) = (true, offered.size, offered.limit);
        self.flush().await?;
        Ok(Continue(()))
    }

    async fn mail(&mut self, line: &[u8]) -> Flow {
        if *self.stop.borrow() {
            return Ok(self.stopping());
        }
        if !self.greeted || self.transaction.is_some() {
            let text = if self.greeted { "A transaction is open" } else { "EHLO comes first" };
            return Ok(self.refuse("503", "5.5.1", text));
        }
        let mail = match command::mail(line, self.relay_knows_size) {
            Ok(mail) => mail,
            Err(wrong) => return Ok(self.wrong(wrong)),
        };
        let size = mail.size.unwrap_or(0);
        if size > self.limit {
            return Ok(self.answer("552", "5.3.4", "The message is too large"));
        }
        // Only whether there would be room now: it is taken at DATA, for this mail may never come to that. What is taken
        // here is given back at once.
        if self.shared.budget.reserve(size).is_none() {
            self.shared.options.observer.message(super::Outcome::NoMemory, 0);
            return Ok(self.answer("452", "4.3.1", "Too much mail at once; try again later"));
        }
        self.told = true;
        self.relay.in_transaction = true;
        let Some(reply) = self.pass(&mail.line).await? else { return Ok(Break(())) };
        self.transaction = reply.is_done().then_some(Transaction { size, recipients: 0 });
        Ok(Continue(()))
    }

    async fn rcpt(&mut self, line: &[u8]) -> Flow {
        if self.transaction.is_none() {
            return Ok(self.refuse("503", "5.5.1", "MAIL comes first"));
        }
        if let Err(wrong) = command::rcpt(line) {
            return Ok(self.wrong(wrong));
        }
        let Some(reply) = self.pass(line).await? else { return Ok(Break(())) };
        if let Some(transaction) = &mut self.transaction {
            transaction.recipients += usize::from(reply.is_done());
        }
        Ok(Continue(()))
    }

    async fn start_tls(&mut self, rest: &[u8]) -> Flow {
        let shared = Arc::clone(&self.shared);
        let tls = match &shared.options.client_tls {
            Some(tls) if !self.secure => tls,
            _ => return Ok(self.refuse("503", "5.5.1", "TLS is not offered now")),
        };
        if !rest.is_empty() {
            return Ok(self.refuse("501", "5.5.4", "STARTTLS takes no argument"));
        }
        // Somebody in between could put commands behind STARTTLS that would seem to come under TLS (CVE-2011-0411).
        if !self.client.buffered().is_empty() {
            return Ok(self.leave("554", "5.5.1", "Nothing may follow STARTTLS"));
        }
        self.transaction = None;
        // Nothing that was said in clear may count any more (RFC 3207, 4.2): not to the relay either.
        if self.told {
            match Relay::connect(&shared.options).await {
                Ok(relay) => std::mem::replace(&mut self.relay, relay).quit().await,
                Err(error) => return Ok(self.lost(Some(&error))),
            }
            self.marked = false;
        }
        self.client.queue(b"220 2.0.0 Go ahead\r\n");
        self.flush().await?;
        timeout(shared.options.timeouts.connect, self.client.accept_tls(&tls.config)).await??;
        (self.secure, self.greeted, self.told, self.errors) = (true, false, false, 0);
        Ok(Continue(()))
    }

    /// AUTH goes through, with all its challenges and answers (RFC 4954).
    async fn auth(&mut self, line: &[u8], rest: &[u8]) -> Flow {
        let options = &self.shared.options;
        if options.relay_auth.is_some() {
            return Ok(self.refuse("502", "5.5.1", "AUTH is not offered"));
        }
        if options.client_tls.is_some() && !self.secure {
            return Ok(self.refuse("538", "5.7.11", "Encryption comes first: STARTTLS"));
        }
        if !ehlo::passes(rest.split(|&b| b == b' ').next().unwrap_or_default()) {
            return Ok(self.refuse("504", "5.5.4", "This mechanism does not work here"));
        }
        (self.told, self.marked) = (true, true);
        let mut reply = self.pass(line).await?;
        while reply.as_ref().is_some_and(|r| r.code() == 334) {
            match self.next_auth_line().await? {
                Some(Line::Whole(answer)) => reply = self.pass(&answer).await?,
                Some(_) => return Ok(self.leave("500", "5.5.6", "Line too long or broken")),
                None => return Ok(Break(())),
            }
        }
        Ok(flow(reply))
    }

    /// A line within AUTH; its exchange is finished even while the proxy stops.
    async fn next_auth_line(&mut self) -> io::Result<Option<Line>> {
        self.flush().await?;
        match timeout(self.shared.options.timeouts.client, self.client.line(LONGEST_AUTH)).await {
            Ok(line) => line.map(Some),
            Err(_) => {
                let _ = self.too_slow();
                Ok(None)
            }
        }
    }

    fn wrong(&mut self, wrong: Wrong) -> ControlFlow<()> {
        match wrong {
            Wrong::Syntax => self.refuse("501", "5.5.4", "Syntax error"),
            Wrong::Parameter => self.refuse("555", "5.5.4", "A parameter is not offered"),
        }
    }

    pub(super) fn answer(&mut self, code: &str, enhanced: &str, text: &str) -> ControlFlow<()> {
        self.client.queue(&own(code, enhanced, text));
        Continue(())
    }

    /// Answers a command that should not have come. After too many of them the session ends.
    pub(super) fn refuse(&mut self, code: &str, enhanced: &str, text: &str) -> ControlFlow<()> {
        self.errors += 1;
        if self.errors < MOST_ERRORS {
            self.answer(code, enhanced, text)
        } else {
            self.leave("421", "4.7.0", "Too many errors")
        }
    }

    pub(super) fn leave(&mut self, code: &str, enhanced: &str, text: &str) -> ControlFlow<()> {
        let _ = self.answer(code, enhanced, text);
        Break(())
    }

    /// The relay is lost, so the session is.
    pub(super) fn lost(&mut self, error: Option<&RelayError>) -> ControlFlow<()> {
        if let Some(error) = error {
            tracing::warn!("SMTP: the relay was lost: {error}; the client keeps its mail");
        }
        self.client.queue(&unavailable(&self.shared.options.hostname));
        Break(())
    }

    pub(super) fn too_slow(&mut self) -> ControlFlow<()> {
        self.leave("421", "4.4.2", "Nothing came for too long")
    }

    fn stopping(&mut self) -> ControlFlow<()> {
        self.leave("421", "4.3.2", "The service is shutting down; try again later")
    }

    /// Writes what the client has not been told yet.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        timeout(self.shared.options.timeouts.data_block, self.client.flush()).await?
    }
}

fn flow(reply: Option<Reply>) -> ControlFlow<()> {
    if reply.is_some() { Continue(()) } else { Break(()) }
}
