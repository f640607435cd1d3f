//! Connections to the relay that the next session takes over: to connect, to shake hands for TLS and to log in takes longer than to
//! deliver a small mail.
//!
//! Nothing of one session reaches the next. A connection waits only if it stands between two transactions, if its client has
//! neither logged in on it nor said XFORWARD, and if the relay has said all that it was asked for and refused nothing. It is taken
//! over by clients that call themselves the same: they are told what the relay said to EHLO before, and the relay does not hear
//! it again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::relay::Relay;

/// Connections that wait at a time: a relay has only so many places for one host (Postfix: 50), and they are for clients.
const MOST: usize = 10;

/// The connections that wait.
pub(super) struct Idle {
    /// How long one waits; none does where this is nothing.
    patience: Duration,
    /// Those of each thread by themselves: a runtime is woken for its own connections only.
    places: Mutex<HashMap<ThreadId, Place>>,
}

#[derive(Default)]
struct Place {
    /// The one that has waited longest comes first.
    waiting: Vec<(Relay, Instant)>,
    /// Somebody takes leave of those that have waited for long enough.
    watched: bool,
}

impl Idle {
    pub(super) fn new(patience: Duration) -> Arc<Idle> {
        Arc::new(Idle { patience, places: Mutex::default() })
    }

    fn places(&self) -> MutexGuard<'_, HashMap<ThreadId, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that waits and over which nothing has come since, not even its end; if so wanted, one that was greeted
    /// with this line.
    pub(super) fn take(&self, hello: Option<&[u8]>) -> Option<Relay> {
        loop {
            let (mut relay, since) = {
                let mut places = self.places();
                let waiting = &mut places.get_mut(&thread::current().id())?.waiting;
                let fits =
                    |(relay, _): &(Relay, Instant)| hello.is_none_or(|hello| relay.was_greeted_with(hello));
                let at = waiting.iter().rposition(fits)?;
                waiting.remove(at)
            };
            if since.elapsed() < self.patience && relay.is_settled() {
                return Some(relay);
            }
        }
    }

    /// Lets a connection wait; gives it back where it must not.
    pub(super) fn keep(self: &Arc<Idle>, mut relay: Relay) -> Option<Relay> {
        if self.patience.is_zero() || relay.greeted_with.is_none() || !relay.is_settled() {
            return Some(relay);
        }
        let thread = thread::current().id();
        let mut places = self.places();
        if places.values().map(|place| place.waiting.len()).sum::<usize>() >= MOST {
            return Some(relay);
        }
        let place = places.entry(thread).or_default();
        place.waiting.push((relay, Instant::now()));
        if !std::mem::replace(&mut place.watched, true) {
            tokio::spawn(Arc::clone(self).watch(thread));
        }
        None
    }

    /// Takes leave of connections that nobody has taken over, until none is left.
    async fn watch(self: Arc<Idle>, thread: ThreadId) {
        loop {
            let (next, gone) = {
                let mut places = self.places();
                let Some(place) = places.get_mut(&thread) else { return };
                let fresh = place.waiting.partition_point(|(_, since)| since.elapsed() >= self.patience);
                let gone: Vec<Relay> = place.waiting.drain(..fresh).map(|(relay, _)| relay).collect();
                let next = place.waiting.first().map(|(_, since)| *since + self.patience);
                place.watched = next.is_some();
                (next, gone)
            };
            take_leave(gone).await;
            match next {
                Some(next) => sleep_until(next).await,
                None => return,
            }
        }
    }

    /// Takes leave of all.
    pub(super) async fn close(&self) {
        let all =
            self.places().drain().flat_map(|(_, place)| place.waiting).map(|(relay, _)| relay).collect();
        take_leave(all).await;
    }
}

async fn take_leave(relays: Vec<Relay>) {
    relays.into_iter().map(Relay::quit).collect::<JoinSet<()>>().join_all().await;
}
