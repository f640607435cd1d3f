//! From the client to the SMSC: PDUs with text are judged, all others pass.
//!
//! Requests keep their order, but for segments, which wait for each other. Replies of the client and `enquire_link` wait
//! for nothing.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use rusmpp::{CommandId, CommandStatus};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::decide::Part;
use super::held::{Held, Kept};
use super::job::{Done, Job, Ticket};
use super::layout;
use super::link::{Link, Retry};
use super::net::{BadLength, Frames, Output};
use super::pdu::{self, HEADER, Header};
use super::refusal::{Reason, Refusal};
use super::{Outcome, Segments, Shared, stopped};

/// PDUs and octets that wait in a session before no more are read from its client.
const MOST_QUEUED: usize = 256;
const MOST_QUEUED_BYTES: usize = 256 << 10;
/// Messages judged in one go.
const BATCH: usize = 64;
/// Octets that a PDU with text takes besides its own.
const OVERHEAD: usize = 512;

const TOO_FAST: Refusal = Refusal::new(Reason::Busy, "Too many messages at once");
const INCOMPLETE: Refusal = Refusal::new(Reason::Later, "Not all segments came in time");
const SEGMENTED: Refusal = Refusal::new(Reason::Refused, "Long messages are sent in message_payload");
const DOWN: Refusal = Refusal::new(Reason::Down, "The service is not available");

/// Why nothing more is read from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It has closed, or sent nothing for too long; or the proxy stops.
    Quiet,
    /// It has sent a PDU that is none; its sequence number, if that is known.
    Malformed(u32),
}

/// The direction from the client to the SMSC.
pub(super) struct Upstream {
    shared: Arc<Shared>,
    link: Arc<Link>,
    client: Frames,
    to_client: Arc<Output>,
    to_smsc: Output,
    /// PDUs that wait for their turn, and their octets.
    queue: VecDeque<Vec<u8>>,
    queued: usize,
    held: Held,
    job: Option<Job>,
    /// What is to be written to the SMSC, and to the client.
    requests: Vec<u8>,
    replies: Vec<u8>,
    end: Option<End>,
}

impl Upstream {
    pub(super) fn new(
        shared: Arc<Shared>,
        link: Arc<Link>,
        client: Frames,
        to_client: Arc<Output>,
        to_smsc: Output,
    ) -> Upstream {
        Upstream {
            shared,
            link,
            client,
            to_client,
            to_smsc,
            queue: VecDeque::new(),
            queued: 0,
            held: Held::default(),
            job: None,
            requests: Vec::new(),
            replies: Vec::new(),
            end: None,
        }
    }

    /// Serves the client until it ends, and what it has sent is answered.
    pub(super) async fn run(&mut self, stop: &mut watch::Receiver<bool>) -> io::Result<()> {
        let patience = self.shared.options.timeouts.clone();
        let mut quiet_until = Instant::now() + patience.client;
        loop {
            self.receive();
            self.advance();
            self.flush().await?;
            if self.end.is_some() && self.job.is_none() && self.queue.is_empty() {
                return self.finish().await;
            }
            let (reads, held_until) = (self.end.is_none() && !self.is_full(), self.held.deadline());
            let Upstream { client, job, .. } = self;
            tokio::select! {
                () = stopped(stop), if reads => self.end = Some(End::Quiet),
                (done, last) = next(job.as_mut(), patience.judge) => {
                    self.apply(done);
                    if last {
                        self.job = None;
                    }
                }
                filled = client.fill(), if reads => {
                    quiet_until = Instant::now() + patience.client;
                    if !filled? {
                        self.end = Some(End::Quiet);
                    }
                }
                () = sleep_until(held_until.unwrap_or(quiet_until)), if held_until.is_some() => {
                    for kept in self.held.expired(Instant::now()) {
                        self.refuse(Ticket::of(&kept), INCOMPLETE);
                    }
                }
                () = sleep_until(quiet_until), if reads => self.end = Some(End::Quiet),
            }
        }
    }

    fn is_full(&self) -> bool {
        self.queue.len() >= MOST_QUEUED || self.queued >= MOST_QUEUED_BYTES
    }

    /// Takes what has come into the queue, or past it.
    fn receive(&mut self) {
        while self.end.is_none() && !self.is_full() {
            match self.client.take() {
                Ok(Some(pdu)) => {
                    let header = Header::of(&pdu);
                    if header.is_reply() || header.id == CommandId::EnquireLink {
                        self.requests.extend(pdu);
                    } else {
                        self.queued += pdu.len();
                        self.queue.push_back(pdu);
                    }
                }
                Ok(None) => return,
                Err(bad) => {
                    let outcome = if bad == BadLength::TooLong { Outcome::TooLarge } else { Outcome::Failed };
                    self.shared.options.observer.message(outcome, 0);
                    self.end = Some(End::Malformed(0));
                }
            }
        }
    }

    /// Passes PDUs on up to the next with text, and has those judged that come in a row from there.
    fn advance(&mut self) {
        if self.job.is_some() {
            return;
        }
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            let Some(header) = self.queue.front().map(|pdu| Header::of(pdu)) else { break };
            let has_text = layout::carries_text(header.id);
            if !has_text && !batch.is_empty() {
                break;
            }
            let Some(pdu) = self.queue.pop_front() else { break };
            self.queued -= pdu.len();
            if !has_text {
                self.pass(&header, &pdu);
            } else if let Some(message) = self.keep(header, pdu) {
                batch.push(message);
            }
        }
        if !batch.is_empty() {
            self.job = Some(Job::start(&self.shared, self.link.account(), batch));
        }
    }

    fn pass(&mut self, header: &Header, pdu: &[u8]) {
        match header.id {
            CommandId::BindTransmitter | CommandId::BindReceiver | CommandId::BindTransceiver => {
                if let Some((system_id, version)) = layout::bind(pdu) {
                    self.link.claim(header.sequence, system_id, version);
                }
            }
            CommandId::Unbind => self.refuse_held(INCOMPLETE),
            CommandId::Other(_) if !self.shared.options.pass_unknown => {
                let nack = pdu::generic_nack(header.sequence, CommandStatus::EsmeRinvcmdid);
                return self.replies.extend(nack);
            }
            _ => {}
        }
        self.requests.extend_from_slice(pdu);
    }

    /// Takes a PDU with text apart; the result is the message, if it is complete with it.
    fn keep(&mut self, header: Header, pdu: Vec<u8>) -> Option<Vec<Kept>> {
        let options = &self.shared.options;
        let ticket = Ticket { header, bytes: pdu.len(), segment: None };
        let room = u32::try_from(pdu.len() + OVERHEAD).ok();
        let room = room.and_then(|room| Arc::clone(&self.shared.memory).try_acquire_many_owned(room).ok());
        let Some(room) = room.filter(|_| self.link.outstanding() < options.max_outstanding) else {
            self.refuse(ticket, TOO_FAST);
            return None;
        };
        let part = match Part::new(pdu) {
            Ok(Ok(part)) => part,
            Ok(Err(refusal)) => {
                self.refuse(ticket, refusal);
                return None;
            }
            Err(_) => {
                self.shared.options.observer.message(Outcome::Failed, ticket.bytes);
                // What comes behind it is not to be trusted either.
                self.queue.clear();
                self.queued = 0;
                self.end = Some(End::Malformed(header.sequence));
                return None;
            }
        };
        let Some(segment) = part.body.as_ref().and_then(|body| body.segment) else {
            return Some(vec![Kept { part, room }]);
        };
        if let Some(Retry { request, mut sent }) = self.link.retry(&part.pdu[HEADER..]) {
            pdu::set_sequence(&mut sent, header.sequence);
            self.requests.extend_from_slice(&sent);
            self.link.sent(&header, part.pdu.len(), Some(Retry { request, sent }));
            return None;
        }
        if options.segments == Segments::Refuse {
            self.refuse(ticket, SEGMENTED);
            return None;
        }
        let deadline = Instant::now() + options.timeouts.segments;
        let added = self.held.add(Kept { part, room }, segment, deadline);
        if let Some(replaced) = added.replaced {
            self.refuse(Ticket::of(&replaced), INCOMPLETE);
        }
        if self.held.len() > self.shared.options.max_held {
            self.refuse_held(TOO_FAST);
        }
        added.complete
    }

    fn refuse_held(&mut self, why: Refusal) {
        for kept in self.held.all() {
            self.refuse(Ticket::of(&kept), why);
        }
    }

    /// Tells the client that a PDU of its was not passed on.
    fn refuse(&mut self, Ticket { header, bytes, .. }: Ticket, why: Refusal) {
        let version = self.link.version();
        let status = why.status(header.id, version);
        self.replies.extend(pdu::refusal(header.id, header.sequence, status, version, why.text));
        self.shared.options.observer.message(why.outcome(), bytes);
    }

    /// Does what was decided.
    fn apply(&mut self, done: Vec<(Vec<Ticket>, Done)>) {
        for (tickets, done) in done {
            match done {
                Ok(pdus) => {
                    for (ticket, pdu) in tickets.into_iter().zip(pdus) {
                        self.requests.extend_from_slice(&pdu);
                        let retry = ticket.segment.map(|request| Retry { request, sent: pdu });
                        self.link.sent(&ticket.header, ticket.bytes, retry);
                    }
                }
                Err(why) => tickets.into_iter().for_each(|ticket| self.refuse(ticket, why)),
            }
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.replies.is_empty() {
            self.to_client.send(&self.replies).await?;
            self.replies.clear();
        }
        if !self.requests.is_empty() {
            self.to_smsc.send(&self.requests).await?;
            self.requests.clear();
        }
        Ok(())
    }

    /// Waits for the SMSC to answer what it was sent.
    async fn finish(&mut self) -> io::Result<()> {
        let why = if self.end == Some(End::Quiet) { DOWN } else { INCOMPLETE };
        self.refuse_held(why);
        self.flush().await?;
        let _ = timeout(self.shared.options.timeouts.stop, self.link.settled()).await;
        if let Some(End::Malformed(sequence)) = self.end {
            tracing::warn!("SMPP: a client sent a PDU that is malformed or too long, and was disconnected");
            self.replies.extend(pdu::generic_nack(sequence, CommandStatus::EsmeRinvcmdlen));
            self.flush().await?;
        }
        Ok(())
    }

    /// Tells the client what will not be sent any more, and closes both sides. For what the SMSC has not answered there
    /// is nothing to be told.
    pub(super) async fn close(mut self) {
        // Half of these may have been written, and anything behind that half would be read as its end.
        let interrupted = !self.replies.is_empty();
        if let Some(mut job) = self.job.take() {
            let given_up = job.give_up(DOWN);
            self.apply(given_up);
        }
        self.refuse_held(DOWN);
        for pdu in std::mem::take(&mut self.queue) {
            let header = Header::of(&pdu);
            if layout::carries_text(header.id) {
                self.refuse(Ticket { header, bytes: pdu.len(), segment: None }, DOWN);
            }
        }
        if !interrupted && !self.replies.is_empty() {
            let _ = self.to_client.send(&self.replies).await;
        }
        tokio::join!(self.to_client.shutdown(), self.to_smsc.shutdown());
        self.client.linger().await;
    }
}

/// The next verdicts; never where nothing is judged.
async fn next(job: Option<&mut Job>, patience: std::time::Duration) -> (Vec<(Vec<Ticket>, Done)>, bool) {
    match job {
        Some(job) => job.next(patience).await,
        None => std::future::pending().await,
    }
}
