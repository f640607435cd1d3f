//! The memory that all messages together may take.
//!
//! Counted rather than waited for: a sender that is told `452 4.3.1` keeps its mail and comes back, while one made to
//! wait would hold its session, and in the end all sessions would wait for each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The steps that a message of unknown size grows by, in bytes.
const STEP: (usize, usize) = (64 << 10, 4 << 20);

/// A number of bytes that sessions take from and give back to.
#[derive(Debug)]
pub(super) struct Budget {
    total: usize,
    free: AtomicUsize,
}

/// Bytes taken from a [`Budget`]; they go back when it is dropped, whichever way a session ends.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(super) fn new(total: usize) -> Arc<Budget> {
        Arc::new(Budget { total, free: AtomicUsize::new(total) })
    }

    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// Takes `bytes`, or nothing where that many are not free.
    pub(super) fn reserve(self: &Arc<Budget>, bytes: usize) -> Option<Reservation> {
        self.take(bytes).then(|| Reservation { budget: Arc::clone(self), bytes })
    }

    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.free.load(Ordering::Acquire)
    }

    fn take(&self, bytes: usize) -> bool {
        let less = |free: usize| free.checked_sub(bytes);
        self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_ok()
    }

    fn give(&self, bytes: usize) {
        self.free.fetch_add(bytes, Ordering::AcqRel);
    }
}

impl Reservation {
    #[cfg(any(test, fuzzing))]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes it `bytes` at least; `false`, and unchanged, where the budget has not that many left.
    #[must_use]
    pub(super) fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let taken = more == 0 || self.budget.take(more);
        if taken {
            self.bytes += more;
        }
        taken
    }

    /// Makes room in `held` for `more` bytes: in the budget first, then in memory, so that what is held is always paid for.
    #[must_use]
    pub(super) fn make_room(&mut self, held: &mut Vec<u8>, more: usize) -> bool {
        let len = held.len();
        let needed = len + more;
        if needed <= held.capacity() {
            return true;
        }
        let step = (len / 2).clamp(STEP.0, STEP.1).max(more);
        if needed > self.bytes && !self.grow_to(len + step) && !self.grow_to(needed) {
            return false;
        }
        // What was reserved at the beginning may be more than ever comes, so memory comes in steps all the same.
        held.reserve_exact(self.bytes.min(len + step.max(len)) - len);
        true
    }

    /// Gives back what is above `bytes`.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        let less = self.bytes.saturating_sub(bytes);
        self.budget.give(less);
        self.bytes -= less;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.give(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_grown_shrunk_and_given_back() {
        let budget = Budget::new(100);
        assert!(budget.reserve(101).is_none());
        let mut one = budget.reserve(60).unwrap();
        assert!(budget.reserve(41).is_none());
        let two = budget.reserve(30).unwrap();
        assert!(!one.grow_to(71));
        assert_eq!((one.bytes(), budget.free()), (60, 10));
        assert!(one.grow_to(70) && one.grow_to(5));
        assert_eq!((one.bytes(), budget.free()), (70, 0));
        one.shrink_to(20);
        one.shrink_to(50);
        assert_eq!((one.bytes(), budget.free()), (20, 50));
        drop(two);
        drop(one);
        assert_eq!((budget.free(), budget.total()), (100, 100));
    }

    #[test]
    fn what_is_held_is_paid_for() {
        let budget = Budget::new(100_000);
        let (mut held, mut reserved) = (Vec::new(), budget.reserve(0).unwrap());
        while reserved.make_room(&mut held, 1_000) {
            held.extend_from_slice(&[0; 1_000]);
            assert!(held.capacity() <= reserved.bytes() && reserved.bytes() <= 100_000);
        }
        // To the last piece that there is room for.
        assert_eq!(held.len(), 100_000);
    }
}
