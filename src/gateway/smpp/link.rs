//! What the two directions of a session tell each other: who is bound, and which messages the SMSC has yet to answer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusmpp::{CommandId, CommandStatus};
use tokio::sync::Notify;

use super::pdu::Header;
use super::{Observer, Outcome};

/// Octets of a `system_id` that are kept (SMPP 3.4, 4.1.1: 16 with the NUL).
const LONGEST_ACCOUNT: usize = 64;

/// Segments that the SMSC has turned down and may get again.
const MOST_RETRIES: usize = 256;

/// A segment whose message was judged: what the client asked, without the header, and what was sent for it. Where the
/// SMSC turns it down, the client may send this one again without the others of its message.
pub(super) struct Retry {
    pub(super) request: Vec<u8>,
    pub(super) sent: Vec<u8>,
}

struct Outstanding {
    command: CommandId,
    bytes: usize,
    retry: Option<Retry>,
}

/// A client with its SMSC.
pub(super) struct Link {
    observer: Arc<dyn Observer>,
    state: Mutex<State>,
    /// Told when the last message was answered.
    settled: Notify,
}

struct State {
    account: Arc<str>,
    version: u8,
    /// A bind that the SMSC has not answered: its sequence number, and what it would make true.
    claimed: Option<(u32, Arc<str>, u8)>,
    /// Messages that the SMSC has not answered, by their sequence numbers.
    outstanding: HashMap<u32, Outstanding>,
    /// Segments that it has turned down, the latest last.
    retries: VecDeque<Retry>,
}

impl Link {
    pub(super) fn new(observer: Arc<dyn Observer>) -> Link {
        let state = State {
            account: "".into(),
            version: 0,
            claimed: None,
            outstanding: HashMap::new(),
            retries: VecDeque::new(),
        };
        Link { observer, state: Mutex::new(state), settled: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whatever panicked has left numbers behind that are still good.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who is bound, once the SMSC has said so.
    pub(super) fn account(&self) -> Arc<str> {
        Arc::clone(&self.state().account)
    }

    /// The `interface_version` of the bind.
    pub(super) fn version(&self) -> u8 {
        self.state().version
    }

    /// A bind goes to the SMSC.
    pub(super) fn claim(&self, sequence: u32, system_id: &[u8], version: u8) {
        let account = String::from_utf8_lossy(&system_id[..system_id.len().min(LONGEST_ACCOUNT)]);
        self.state().claimed = Some((sequence, account.into(), version));
    }

    /// A message goes to the SMSC.
    pub(super) fn sent(&self, header: &Header, bytes: usize, retry: Option<Retry>) {
        let outstanding = Outstanding { command: header.id, bytes, retry };
        let earlier = self.state().outstanding.insert(header.sequence, outstanding);
        if let Some(Outstanding { bytes, .. }) = earlier {
            // The client has used the number again. Whose the reply is, nobody can tell.
            self.observer.message(Outcome::Failed, bytes);
        }
    }

    /// A PDU of the SMSC has gone to the client.
    pub(super) fn received(&self, header: &Header) {
        if !header.is_reply() {
            return;
        }
        let ok = header.status == CommandStatus::EsmeRok;
        let mut state = self.state();
        if let Some((_, account, version)) =
            state.claimed.take_if(|(sequence, ..)| *sequence == header.sequence)
            && ok
        {
            (state.account, state.version) = (account, version);
        }
        let nack = header.id == CommandId::GenericNack;
        let answered = state.outstanding.get(&header.sequence);
        if !answered.is_some_and(|o| nack || o.command.matching_response() == header.id) {
            return;
        }
        let Some(Outstanding { bytes, retry, .. }) = state.outstanding.remove(&header.sequence) else {
            return;
        };
        if let Some(retry) = retry.filter(|_| !ok) {
            state.retries.push_back(retry);
            if state.retries.len() > MOST_RETRIES {
                state.retries.pop_front();
            }
        }
        if state.outstanding.is_empty() {
            self.settled.notify_waiters();
        }
        drop(state);
        self.observer.message(if ok && !nack { Outcome::Forwarded } else { Outcome::Failed }, bytes);
    }

    /// What was sent for this very segment, if the SMSC has turned it down since.
    pub(super) fn retry(&self, request: &[u8]) -> Option<Retry> {
        let mut state = self.state();
        let at = state.retries.iter().position(|retry| retry.request == request)?;
        state.retries.remove(at)
    }

    /// How many messages are not answered.
    pub(super) fn outstanding(&self) -> usize {
        self.state().outstanding.len()
    }

    /// Returns when all are.
    pub(super) async fn settled(&self) {
        loop {
            let settled = self.settled.notified();
            if self.outstanding() == 0 {
                return;
            }
            settled.await;
        }
    }
}

/// What was not answered when the connection ended is in doubt: the SMSC may have it, and may get it again.
impl Drop for Link {
    fn drop(&mut self) {
        for outstanding in self.state().outstanding.values() {
            self.observer.message(Outcome::Failed, outstanding.bytes);
        }
    }
}
