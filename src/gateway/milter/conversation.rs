//! What a packet means after those before it: the protocol without its connection.

use std::sync::Arc;

use super::super::budget::Budget;
use super::message::{Incoming, Kept};
use super::negotiate::{Asked, Terms, Unfit, negotiate};
use super::packet::{Command, Malformed};
use super::reply::CONTINUE;

/// An MTA that does not keep to the protocol, or to one that is spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error("a command out of turn")]
    OutOfTurn,
}

/// What is to be done after a packet.
pub(super) enum Next {
    Nothing,
    /// A message that was underway is no more.
    GivenUp,
    /// A reply is waited for.
    Say(Vec<u8>),
    /// Both.
    GivenUpSay(Vec<u8>),
    /// A message is there, and what becomes of it is waited for.
    Decide {
        kept: Kept,
        leading_space: bool,
    },
    Close,
}

/// Where an MTA stands.
enum At {
    /// Between messages.
    Envelope,
    Header(Incoming),
    Body(Incoming),
}

/// The conversation with an MTA.
pub(super) struct Conversation {
    budget: Arc<Budget>,
    limit: usize,
    /// `None` until it has been negotiated.
    terms: Option<Terms>,
    at: At,
}

impl Conversation {
    /// With an MTA whose messages may have `limit` bytes.
    pub(super) fn new(budget: Arc<Budget>, limit: usize) -> Conversation {
        Conversation { budget, limit, terms: None, at: At::Envelope }
    }

    pub(super) fn message_underway(&self) -> bool {
        !matches!(self.at, At::Envelope)
    }

    /// Takes a command.
    pub(super) fn take(&mut self, command: Command<'_>) -> Result<Next, Fault> {
        match command {
            Command::Negotiate { version, actions, protocol } if !self.message_underway() => {
                let terms = negotiate(version, actions, protocol)?;
                self.terms = Some(terms);
                return Ok(Next::Say(terms.encode()));
            }
            Command::Macros => return Ok(Next::Nothing),
            Command::Abort | Command::QuitForNext => return Ok(self.give_up(Vec::new())),
            Command::Quit => return Ok(Next::Close),
            _ => {}
        }
        let terms = self.terms.ok_or(Fault::OutOfTurn)?;
        let go_on = |asked| if terms.answered(asked) { CONTINUE.to_vec() } else { Vec::new() };
        let say = |bytes: Vec<u8>| if bytes.is_empty() { Next::Nothing } else { Next::Say(bytes) };
        let at = std::mem::replace(&mut self.at, At::Envelope);
        let next = match (command, at) {
            (Command::Envelope(step), at) => {
                // Where a message was underway, this is another.
                self.at = at;
                return Ok(self.give_up(go_on(Asked::Envelope(step))));
            }
            (Command::Header { name, value }, at @ (At::Envelope | At::Header(_))) => {
                let mut message = self.message(at, terms);
                message.field(name, value);
                self.at = At::Header(message);
                say(go_on(Asked::Header))
            }
            (Command::EndOfHeader, at @ (At::Envelope | At::Header(_))) => {
                let mut message = self.message(at, terms);
                message.end_of_header();
                self.at = At::Body(message);
                say(go_on(Asked::EndOfHeader))
            }
            (Command::Body(piece), At::Body(mut message)) => {
                message.body(piece);
                self.at = At::Body(message);
                say(go_on(Asked::Body))
            }
            (Command::EndOfMessage(piece), At::Body(mut message)) => {
                message.body(piece);
                Next::Decide { kept: message.finish(), leading_space: terms.leading_space() }
            }
            (_, at) => {
                self.at = at;
                return Err(Fault::OutOfTurn);
            }
        };
        Ok(next)
    }

    /// The message that comes in, or a new one.
    fn message(&self, at: At, terms: Terms) -> Incoming {
        match at {
            At::Header(message) | At::Body(message) => message,
            At::Envelope => Incoming::new(&self.budget, self.limit, terms.leading_space()),
        }
    }

    fn give_up(&mut self, reply: Vec<u8>) -> Next {
        let underway = self.message_underway();
        self.at = At::Envelope;
        match (underway, reply.is_empty()) {
            (true, true) => Next::GivenUp,
            (true, false) => Next::GivenUpSay(reply),
            (false, true) => Next::Nothing,
            (false, false) => Next::Say(reply),
        }
    }
}
