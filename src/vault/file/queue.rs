//! New tokens that are not durable yet, and the commit that threads share.
//!
//! A change waits in `fresh` until a thread commits. That thread, the leader, moves all that waits to `in_flight`, writes
//! it in one durable transaction, and wakes the others; what comes meanwhile waits for the next leader. A write that
//! fails puts everything back: nothing is lost but time.
//!
//! Changes are numbered. `durable` is the number up to which they are on the disk; a thread's commit is done when
//! `durable` has come to what was issued before its call, whoever wrote it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::vault::VaultError;
use crate::vault::record::Seen;
use crate::vault::types::{Tag, TokenId};

/// What is to be written.
#[derive(Default)]
pub(super) struct Changes {
    new: HashMap<Tag, NewRecord>,
    tags: HashMap<TokenId, Tag>,
    touched: HashMap<TokenId, Seen>,
}

/// A token made, with its record.
#[derive(Clone)]
pub(super) struct NewRecord {
    pub(super) token: TokenId,
    pub(super) record: Arc<[u8]>,
}

impl Changes {
    pub(super) fn new_records(&self) -> impl Iterator<Item = (&Tag, &NewRecord)> {
        self.new.iter()
    }

    pub(super) fn touched(&self) -> impl Iterator<Item = (&TokenId, &Seen)> {
        self.touched.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.new.len() + self.touched.len()
    }

    fn remove(&mut self, token: TokenId) -> Option<Tag> {
        self.touched.remove(&token);
        let tag = self.tags.remove(&token)?;
        self.new.remove(&tag);
        Some(tag)
    }

    /// Takes back what was not written, keeping what came later.
    fn put_back(&mut self, older: &Changes) {
        for (tag, record) in &older.new {
            self.tags.insert(record.token, *tag);
            self.new.insert(*tag, record.clone());
        }
        for (token, seen) in &older.touched {
            self.touch(*token, *seen);
        }
    }

    fn touch(&mut self, token: TokenId, seen: Seen) {
        self.touched.entry(token).and_modify(|s| *s = s.or_later(seen)).or_insert(seen);
    }
}

/// Guarded by the queue's lock.
#[derive(Default)]
pub(super) struct State {
    fresh: Changes,
    in_flight: Arc<Changes>,
    /// Goes up whenever what the disk says may have changed: who has read it before must read again.
    generation: u64,
    issued: u64,
    durable: u64,
    has_leader: bool,
    /// The last attempt failed: up to which number, and why.
    failed: Option<(u64, VaultError)>,
    /// Tokens being removed from the disk: they are given to nobody any more.
    doomed: HashSet<TokenId>,
}

impl State {
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn is_doomed(&self, token: TokenId) -> bool {
        self.doomed.contains(&token)
    }

    /// The token that a tag has been given and that is not durable yet.
    pub(super) fn pending(&self, tag: &Tag) -> Option<TokenId> {
        self.fresh.new.get(tag).or_else(|| self.in_flight.new.get(tag)).map(|n| n.token)
    }

    /// The record of a token that is not durable yet.
    pub(super) fn pending_record(&self, token: TokenId) -> Option<Arc<[u8]>> {
        [&self.fresh, &*self.in_flight].into_iter().find_map(|changes| {
            let tag = changes.tags.get(&token)?;
            changes.new.get(tag).map(|n| n.record.clone())
        })
    }

    /// When a token was seen, where that is not durable yet.
    pub(super) fn pending_seen(&self, token: TokenId) -> Option<Seen> {
        let (fresh, in_flight) = (self.fresh.touched.get(&token), self.in_flight.touched.get(&token));
        match (fresh, in_flight) {
            (Some(a), Some(b)) => Some(a.or_later(*b)),
            (a, b) => a.or(b).copied(),
        }
    }

    pub(super) fn add(&mut self, tag: Tag, new: NewRecord) {
        self.fresh.tags.insert(new.token, tag);
        self.fresh.new.insert(tag, new);
        self.issued += 1;
    }

    pub(super) fn touch(&mut self, token: TokenId, seen: Seen) {
        self.fresh.touch(token, seen);
        self.issued += 1;
    }

    /// How many changes wait.
    pub(super) fn waiting(&self) -> usize {
        self.fresh.len()
    }

    /// Forgets a token that is not durable yet; its tag.
    pub(super) fn withdraw(&mut self, token: TokenId) -> Option<Tag> {
        self.fresh.remove(token)
    }

    /// Marks tokens as being removed, until [`State::spare`].
    pub(super) fn doom(&mut self, tokens: impl IntoIterator<Item = TokenId>) {
        self.doomed.extend(tokens);
        self.generation += 1;
    }

    /// The removal is over.
    pub(super) fn spare(&mut self) {
        self.doomed.clear();
        self.generation += 1;
    }

    /// What the disk says has changed.
    pub(super) fn changed(&mut self) {
        self.generation += 1;
    }
}

/// The queue. Lock order: [`Queue::writer`], then [`Queue::lock`]; the latter is never held over a read or a write.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    ended: Condvar,
    writer: Mutex<()>,
    /// `State::failed` is there; read without the lock, for every batch.
    has_failed: AtomicBool,
}

impl Queue {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to write. While it is held nothing is in flight.
    pub(super) fn writer(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the last commit failed.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    /// Makes durable, by `write`, all that was issued before the call.
    pub(super) fn commit(
        &self,
        write: impl FnOnce(&Changes) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let mut state = self.lock();
        let target = state.issued;
        while state.has_leader && state.durable < target {
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
            if let Some((upto, error)) = &state.failed
                && *upto >= target
                && state.durable < target
                && !state.has_leader
            {
                return Err(error.clone());
            }
        }
        if state.durable >= target {
            return Ok(());
        }
        state.has_leader = true;
        drop(state);
        let _leader = Leader(self);
        let _writer = self.writer();
        let (changes, upto) = {
            let mut state = self.lock();
            state.in_flight = Arc::new(std::mem::take(&mut state.fresh));
            (state.in_flight.clone(), state.issued)
        };
        let written = write(&changes);
        let mut state = self.lock();
        state.in_flight = Arc::default();
        state.generation += 1;
        self.has_failed.store(written.is_err(), Ordering::Release);
        match &written {
            Ok(()) => {
                state.durable = upto;
                state.failed = None;
            }
            Err(error) => {
                state.fresh.put_back(&changes);
                state.failed = Some((upto, error.clone()));
            }
        }
        written
    }
}

/// Makes room for the next leader, whatever way this one leaves.
struct Leader<'q>(&'q Queue);

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        self.0.lock().has_leader = false;
        self.0.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn new(n: u8) -> (Tag, NewRecord) {
        ([n; 32], NewRecord { token: TokenId([n; 16]), record: Arc::from([n].as_slice()) })
    }

    fn add(queue: &Queue, n: u8) {
        let (tag, record) = new(n);
        queue.lock().add(tag, record);
    }

    #[test]
    fn one_write_serves_all_who_wait() {
        let queue = Queue::default();
        let writes = AtomicU32::new(0);
        thread::scope(|scope| {
            for n in 0..32 {
                let (queue, writes) = (&queue, &writes);
                scope.spawn(move || {
                    add(queue, n);
                    queue
                        .commit(|_| {
                            writes.fetch_add(1, Ordering::Relaxed);
                            thread::sleep(Duration::from_millis(30));
                            Ok(())
                        })
                        .unwrap();
                    let state = queue.lock();
                    assert!(state.pending(&[n; 32]).is_none(), "what was committed no longer waits");
                });
            }
        });
        let writes = writes.into_inner();
        assert!((1..16).contains(&writes), "{writes} writes for 32 threads");
        queue.commit(|_| unreachable!("nothing waits")).unwrap();
    }

    #[test]
    fn a_failure_is_told_to_all_who_wait_and_loses_nothing() {
        let queue = Queue::default();
        let error = VaultError::Server("failed".to_string());
        let failures = AtomicU32::new(0);
        thread::scope(|scope| {
            for n in 0..8 {
                let (queue, error, failures) = (&queue, &error, &failures);
                scope.spawn(move || {
                    add(queue, n);
                    let failed = queue.commit(|_| {
                        thread::sleep(Duration::from_millis(20));
                        Err(error.clone())
                    });
                    assert_eq!(failed.as_ref(), Err(error));
                    failures.fetch_add(1, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(failures.into_inner(), 8);
        assert!(queue.has_failed());
        assert_eq!(queue.lock().pending(&[3; 32]), Some(TokenId([3; 16])));
        assert_eq!(queue.commit(|_| Err(error.clone())), Err(error), "it goes on failing");
        let mut written = 0;
        queue
            .commit(|changes| {
                written = changes.len();
                Ok(())
            })
            .unwrap();
        assert_eq!((written, queue.has_failed()), (8, false));
    }

    #[test]
    fn what_comes_during_a_write_that_fails_is_kept_with_the_rest() {
        let queue = Queue::default();
        add(&queue, 1);
        let seen = |day| Seen { day, expires: day + 10 };
        queue.lock().touch(TokenId([9; 16]), seen(5));
        let failed = queue.commit(|_| {
            assert_eq!(queue.lock().pending(&[1; 32]), Some(TokenId([1; 16])));
            assert_eq!(queue.lock().pending_record(TokenId([1; 16])).as_deref(), Some([1].as_slice()));
            add(&queue, 2);
            queue.lock().touch(TokenId([9; 16]), seen(4));
            assert_eq!(queue.lock().pending_seen(TokenId([9; 16])), Some(seen(5)));
            Err(VaultError::Random)
        });
        assert_eq!(failed, Err(VaultError::Random));
        let state = queue.lock();
        assert_eq!((state.waiting(), state.pending_seen(TokenId([9; 16]))), (3, Some(seen(5))));
    }

    #[test]
    fn withdrawn_tokens_are_not_written() {
        let queue = Queue::default();
        add(&queue, 1);
        add(&queue, 2);
        assert_eq!(queue.lock().withdraw(TokenId([1; 16])), Some([1; 32]));
        let mut written = Vec::new();
        queue
            .commit(|changes| {
                written.extend(changes.new_records().map(|(tag, _)| tag[0]));
                Ok(())
            })
            .unwrap();
        assert_eq!(written, [2]);
    }
}
