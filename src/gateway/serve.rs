//! Clients come, are served, and end: what the servers of all protocols have in common.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long it is waited where no connection could be accepted.
const PAUSE: Duration = Duration::from_millis(50);

/// A server, as far as its clients' coming and going is concerned.
pub(super) struct Serving {
    /// The protocol, for the log.
    pub(super) protocol: &'static str,
    /// Clients at a time.
    pub(super) most: usize,
    /// How long running sessions may take to end after a stop.
    pub(super) patience: Duration,
    /// What holds for the messages of a session that is broken off, for the log.
    pub(super) broken_off: &'static str,
    /// Runtimes that sessions run on where that of the caller has several already.
    pub(super) runtimes: Vec<Handle>,
}

/// Sessions of a runtime before the next is used as well: the fewer threads there are to wake, the less time goes into waking them.
const FEW: usize = 8;

/// A runtime, if not that of the caller, and something that each of its sessions has a share of.
struct Place(Option<Handle>, Arc<()>);

impl Place {
    fn sessions(&self) -> usize {
        Arc::strong_count(&self.1) - 1
    }

    /// The first that has few sessions, or else one that has the fewest.
    fn free(places: &[Place]) -> Option<&Place> {
        let few = places.iter().find(|place| place.sessions() < FEW);
        few.or_else(|| places.iter().min_by_key(|place| place.sessions()))
    }
}

/// Accepts clients until `stop` is true or its sender is gone, and runs a session for each, which is told whether it is to
/// run on another runtime than the caller's; clients above the most go to `turn_away`. Then nobody is accepted any more,
/// for `accept` is dropped with what listens, and the sessions may end.
pub(super) async fn clients<C, S: Future<Output = ()> + Send + 'static>(
    serving: Serving,
    mut stop: watch::Receiver<bool>,
    accept: impl AsyncFn() -> io::Result<C>,
    mut session: impl FnMut(C, bool) -> S,
    turn_away: impl Fn(C),
) {
    let Serving { protocol, most, patience, broken_off, runtimes } = serving;
    let places = std::iter::once(None).chain(runtimes.into_iter().map(Some));
    let places: Vec<Place> = places.map(|runtime| Place(runtime, Arc::default())).collect();
    let log_ended = |ended: &Result<(), tokio::task::JoinError>| {
        if ended.as_ref().is_err_and(tokio::task::JoinError::is_panic) {
            tracing::error!("{protocol}: a session ended in a fault of its own; {broken_off}");
        }
    };
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            Some(ended) = sessions.join_next() => log_ended(&ended),
            accepted = accept() => match accepted {
                Ok(client) if sessions.len() < most
                    && let Some(Place(runtime, share)) = Place::free(&places) =>
                {
                    let (session, share) = (session(client, runtime.is_some()), Arc::clone(share));
                    let session = async move {
                        session.await;
                        drop(share);
                    };
                    match runtime {
                        Some(runtime) => sessions.spawn_on(session, runtime),
                        None => sessions.spawn(session),
                    };
                }
                Ok(client) => {
                    tracing::warn!("{protocol}: a client was turned away: {most} sessions are open");
                    turn_away(client);
                }
                Err(error) => {
                    // Too many open files, or a client that is gone again: the next one may do.
                    tracing::warn!("{protocol}: no connection accepted: {}", error.kind());
                    sleep(PAUSE).await;
                }
            },
        }
    }
    drop(accept);
    let all = async {
        while let Some(ended) = sessions.join_next().await {
            log_ended(&ended);
        }
    };
    if timeout(patience, all).await.is_err() {
        tracing::warn!("{protocol}: {} sessions had to be broken off; {broken_off}", sessions.len());
        sessions.shutdown().await;
    }
}

/// Returns when `stop` is true, or nobody is left to make it so.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
