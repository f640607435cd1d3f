//! Which partitions this member holds, how far each has been handed out, delivered and committed.
//!
//! The reader's thread assigns, revokes and commits; the sink's thread acknowledges. Every assignment of a partition
//! has an epoch of its own, and an acknowledgement counts only under the epoch its records were read in: what comes
//! late, after the partition has been given away, moves no offset.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::record::{Checkpoint, Position};

/// Shared by the consumer's callbacks, the source and its acknowledger.
#[derive(Default)]
pub(super) struct Assignment {
    state: Mutex<State>,
    progressed: Condvar,
}

#[derive(Default)]
struct State {
    topics: BTreeMap<Arc<str>, BTreeMap<i32, Progress>>,
    /// Epoch of the newest assignment.
    epoch: u64,
    /// Counts every change of what is assigned.
    version: u64,
    /// Nobody will acknowledge any more.
    closed: bool,
}

#[derive(Clone, Copy)]
struct Progress {
    epoch: u64,
    /// Next offset after what has been handed out; -1 before the first.
    handed: i64,
    /// Next offset after what has been delivered.
    delivered: i64,
    /// The offset last sent to be committed.
    committing: i64,
}

/// A partition by name.
pub(super) type Partition = (String, i32);

impl Assignment {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes partitions on, under a new epoch.
    pub(super) fn assign(&self, partitions: &[Partition]) {
        let state = &mut *self.lock();
        state.epoch += 1;
        state.version += 1;
        for (topic, partition) in partitions {
            let progress = Progress { epoch: state.epoch, handed: -1, delivered: -1, committing: -1 };
            match state.topics.get_mut(topic.as_str()) {
                Some(held) => held.insert(*partition, progress),
                None => state.topics.entry(topic.as_str().into()).or_default().insert(*partition, progress),
            };
        }
    }

    /// Gives partitions up: acknowledgements for them no longer count.
    pub(super) fn revoke(&self, partitions: &[Partition]) {
        let state = &mut *self.lock();
        state.version += 1;
        for (topic, partition) in partitions {
            if let Some(held) = state.topics.get_mut(topic.as_str()) {
                held.remove(partition);
            }
        }
        state.topics.retain(|_, held| !held.is_empty());
    }

    /// Changes whenever partitions are assigned or revoked.
    pub(super) fn version(&self) -> u64 {
        self.lock().version
    }

    /// The topic's shared name and the partition's epoch, while it is assigned.
    pub(super) fn find(&self, topic: &str, partition: i32) -> Option<(Arc<str>, u64)> {
        let state = self.lock();
        let (name, held) = state.topics.get_key_value(topic)?;
        held.get(&partition).map(|progress| (name.clone(), progress.epoch))
    }

    /// Whether the position was read under the present assignment.
    pub(super) fn holds(&self, position: &Position) -> bool {
        self.find(&position.topic, position.partition).is_some_and(|(_, epoch)| epoch == position.epoch)
    }

    /// The partitions held.
    pub(super) fn partitions(&self) -> Vec<Partition> {
        let state = self.lock();
        state.topics.iter().flat_map(|(t, held)| held.keys().map(|p| (t.to_string(), *p))).collect()
    }

    /// A batch goes down the line.
    pub(super) fn hand_out(&self, checkpoint: &Checkpoint) {
        self.lock().advance(checkpoint, |progress, offset| progress.handed = offset);
    }

    /// A batch has been delivered.
    pub(super) fn acknowledge(&self, checkpoint: &Checkpoint) {
        self.lock()
            .advance(checkpoint, |progress, offset| progress.delivered = progress.delivered.max(offset));
        self.progressed.notify_all();
    }

    /// No acknowledgement will come any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.progressed.notify_all();
    }

    /// Waits until everything handed out of these partitions has been delivered; `false` when that did not happen
    /// in time or will never happen.
    pub(super) fn drain(&self, partitions: &[Partition], patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            let pending = partitions.iter().any(|(topic, partition)| {
                let progress = state.topics.get(topic.as_str()).and_then(|held| held.get(partition));
                progress.is_some_and(|p| p.delivered < p.handed)
            });
            let left = deadline.saturating_duration_since(Instant::now());
            if !pending || state.closed || left.is_zero() {
                return !pending;
            }
            state = match self.progressed.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// What has been delivered and not yet sent to be committed; it counts as sent from now on.
    pub(super) fn take_uncommitted(&self) -> Vec<(Arc<str>, i32, i64)> {
        let mut due = Vec::new();
        for (topic, held) in &mut self.lock().topics {
            for (partition, progress) in held {
                if progress.delivered > progress.committing {
                    progress.committing = progress.delivered;
                    due.push((topic.clone(), *partition, progress.delivered));
                }
            }
        }
        due
    }

    /// A commit failed for now: send it again.
    pub(super) fn commit_again(&self, partitions: &[Partition]) {
        let state = &mut *self.lock();
        for (topic, partition) in partitions {
            if let Some(progress) =
                state.topics.get_mut(topic.as_str()).and_then(|held| held.get_mut(partition))
            {
                progress.committing = -1;
            }
        }
    }
}

impl State {
    fn advance(&mut self, checkpoint: &Checkpoint, set: impl Fn(&mut Progress, i64)) {
        for position in &checkpoint.positions {
            let held = self.topics.get_mut(&position.topic);
            if let Some(progress) = held.and_then(|held| held.get_mut(&position.partition))
                && progress.epoch == position.epoch
            {
                set(progress, position.next_offset);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn checkpoint(assignment: &Assignment, partition: i32, next_offset: i64) -> Checkpoint {
        let (topic, epoch) = assignment.find("t", partition).expect("assigned");
        Checkpoint { positions: vec![Position { topic, partition, next_offset, epoch }] }
    }

    fn p(partition: i32) -> Partition {
        ("t".to_string(), partition)
    }

    fn uncommitted(assignment: &Assignment) -> Vec<(i32, i64)> {
        assignment.take_uncommitted().into_iter().map(|(_, p, o)| (p, o)).collect()
    }

    #[test]
    fn what_is_delivered_is_committed_once() {
        let a = Assignment::default();
        a.assign(&[p(0), p(1)]);
        let batch = checkpoint(&a, 0, 10);
        a.hand_out(&batch);
        assert_eq!(uncommitted(&a), []);
        a.acknowledge(&batch);
        assert_eq!(uncommitted(&a), [(0, 10)]);
        assert_eq!(uncommitted(&a), []);
        a.commit_again(&[p(0), p(7)]);
        assert_eq!(uncommitted(&a), [(0, 10)]);
    }

    #[test]
    fn a_late_acknowledgement_moves_nothing() {
        let a = Assignment::default();
        a.assign(&[p(0)]);
        let late = checkpoint(&a, 0, 10);
        a.hand_out(&late);
        a.revoke(&[p(0)]);
        a.acknowledge(&late);
        assert_eq!(uncommitted(&a), []);
        a.assign(&[p(0)]);
        a.acknowledge(&late);
        assert_eq!(uncommitted(&a), [], "the partition came back, under another epoch");
        assert!(!a.holds(&late.positions[0]));
        a.acknowledge(&checkpoint(&a, 0, 3));
        assert_eq!(uncommitted(&a), [(0, 3)]);
    }

    #[test]
    fn draining_waits_for_the_sink() {
        let a = Arc::new(Assignment::default());
        a.assign(&[p(0), p(1)]);
        let batch = checkpoint(&a, 0, 10);
        a.hand_out(&batch);
        assert!(a.drain(&[p(1)], Duration::ZERO), "nothing is out of partition 1");
        assert!(!a.drain(&[p(0)], Duration::from_millis(5)));
        let sink = std::thread::spawn({
            let a = a.clone();
            move || a.acknowledge(&batch)
        });
        assert!(a.drain(&[p(0), p(1)], Duration::from_secs(10)));
        sink.join().unwrap();
        a.hand_out(&checkpoint(&a, 0, 11));
        a.close();
        assert!(!a.drain(&[p(0)], Duration::from_secs(3600)), "nobody will acknowledge");
    }

    #[derive(Clone, Debug)]
    enum Step {
        Assign(i32),
        Revoke(i32),
        Hand(i32),
        Deliver,
        Commit,
        Fail(i32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..3).prop_map(Step::Assign),
            (0..3).prop_map(Step::Revoke),
            (0..3).prop_map(Step::Hand),
            Just(Step::Deliver),
            Just(Step::Commit),
            (0..3).prop_map(Step::Fail),
        ]
    }

    proptest! {
        /// Whatever happens in whatever order, no offset is committed past what was delivered of it.
        #[test]
        fn nothing_undelivered_is_committed(steps in proptest::collection::vec(step(), 0..200)) {
            let a = Assignment::default();
            // Offsets continue where the partition was last committed.
            let (mut committed, mut next, mut delivered) = ([0i64; 3], [0i64; 3], [0i64; 3]);
            let mut line = std::collections::VecDeque::new();
            for step in steps {
                match step {
                    Step::Assign(n) if a.find("t", n).is_none() => {
                        a.assign(&[p(n)]);
                        next[n as usize] = committed[n as usize];
                    }
                    Step::Revoke(n) => a.revoke(&[p(n)]),
                    Step::Hand(n) if a.find("t", n).is_some() => {
                        next[n as usize] += 1;
                        let batch = checkpoint(&a, n, next[n as usize]);
                        a.hand_out(&batch);
                        line.push_back((n, batch));
                    }
                    Step::Deliver => {
                        if let Some((n, batch)) = line.pop_front() {
                            let offset = batch.positions[0].next_offset;
                            delivered[n as usize] = delivered[n as usize].max(offset);
                            a.acknowledge(&batch);
                        }
                    }
                    Step::Commit => {
                        for (n, offset) in uncommitted(&a) {
                            prop_assert!(offset <= delivered[n as usize]);
                            prop_assert!(offset >= committed[n as usize], "an offset went back");
                            committed[n as usize] = offset;
                        }
                    }
                    Step::Fail(n) => a.commit_again(&[p(n)]),
                    Step::Assign(_) | Step::Hand(_) => {}
                }
            }
        }
    }
}
