//! What runs on a connection, and since when it waits for its client.
//!
//! HTTP/2 has no time limits in the library below, and HTTP/1.1 only some; so each connection looks after its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The requests running on a connection.
pub(super) struct Activity(Mutex<State>);

struct State {
    next: u64,
    /// For each, since when the client has a piece of the reply to take.
    running: HashMap<u64, Option<Instant>>,
    /// When the last one ended, or the connection was opened.
    idle_since: Instant,
}

/// What is to be done about a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing; look again then.
    Again(Instant),
    /// Nothing was asked for too long.
    Idle,
    /// A reply was not taken for too long.
    Stuck,
}

/// A request that runs. It ends when this is dropped.
pub(super) struct Busy {
    activity: Arc<Activity>,
    number: u64,
}

impl Activity {
    pub(super) fn new() -> Arc<Activity> {
        let state = State { next: 0, running: HashMap::new(), idle_since: Instant::now() };
        Arc::new(Activity(Mutex::new(state)))
    }

    pub(super) fn begin(self: &Arc<Activity>) -> Busy {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.running.insert(number, None);
        Busy { activity: Arc::clone(self), number }
    }

    /// Looks after the connection: `idle` is how long it may be without a request, `stuck` how long a client may take for a
    /// piece of a reply.
    pub(super) fn look(&self, idle: Duration, stuck: Duration) -> Look {
        let state = self.state();
        let now = Instant::now();
        let oldest = state.running.values().flatten().min();
        match (state.running.is_empty(), oldest) {
            (true, _) if now >= state.idle_since + idle => Look::Idle,
            // A request may begin at any time, and be stuck from then on.
            (true, _) => Look::Again((state.idle_since + idle).min(now + stuck)),
            (false, Some(oldest)) if now >= *oldest + stuck => Look::Stuck,
            (false, oldest) => Look::Again(oldest.map_or(now, |o| *o) + stuck),
        }
    }

    /// A panic cannot leave the state half-changed.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Busy {
    /// The client has a piece of the reply to take.
    pub(super) fn given(&self) {
        self.activity.state().running.insert(self.number, Some(Instant::now()));
    }

    /// It has taken it.
    pub(super) fn taken(&self) {
        self.activity.state().running.insert(self.number, None);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state.running.remove(&self.number);
        state.idle_since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_busy_and_stuck() {
        const LONG: Duration = Duration::from_secs(3600);
        const NONE: Duration = Duration::ZERO;
        let activity = Activity::new();
        assert_eq!(activity.look(NONE, LONG), Look::Idle);
        assert!(matches!(activity.look(LONG, NONE), Look::Again(_)));
        let (one, two) = (activity.begin(), activity.begin());
        assert!(matches!(activity.look(NONE, NONE), Look::Again(_)));
        one.given();
        assert_eq!(activity.look(NONE, NONE), Look::Stuck);
        assert!(matches!(activity.look(NONE, LONG), Look::Again(_)));
        one.taken();
        two.given();
        assert_eq!(activity.look(NONE, NONE), Look::Stuck);
        drop(two);
        assert!(matches!(activity.look(NONE, NONE), Look::Again(_)));
        drop(one);
        assert_eq!(activity.look(NONE, NONE), Look::Idle);
    }
}
