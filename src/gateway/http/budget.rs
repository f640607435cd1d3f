//! The memory that the bodies of all requests together may take.
//!
//! Counted rather than waited for: a client that is told 503 comes back, while those made to wait would hold what they
//! have, and in the end all would wait for each other.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What it is counted in, bytes: permits are 32 bits wide.
const UNIT: usize = 1 << 10;

/// A number of bytes that requests take from and give back to.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<Semaphore>);

/// Bytes taken from a [`Budget`]; they go back when it is dropped, whichever way a request ends.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Budget {
        Budget(Arc::new(Semaphore::new((bytes / UNIT).min(Semaphore::MAX_PERMITS))))
    }

    /// Nothing yet.
    pub(super) fn empty(&self) -> Reservation {
        Reservation { budget: Arc::clone(&self.0), permit: None }
    }

    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.0.available_permits() * UNIT
    }
}

impl Reservation {
    /// Makes it `bytes` at least; `false`, and unchanged, where the budget has not that many left.
    #[must_use]
    pub(super) fn grow_to(&mut self, bytes: usize) -> bool {
        let held = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = bytes.div_ceil(UNIT).saturating_sub(held);
        if more == 0 {
            return true;
        }
        let Ok(more) = u32::try_from(more) else { return false };
        match (Arc::clone(&self.budget).try_acquire_many_owned(more), &mut self.permit) {
            (Ok(more), Some(permit)) => permit.merge(more),
            (Ok(more), permit) => *permit = Some(more),
            (Err(_), _) => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_grown_and_given_back() {
        let budget = Budget::new(100 << 10);
        let mut one = budget.empty();
        assert!(!one.grow_to((100 << 10) + 1));
        assert!(one.grow_to(0));
        assert_eq!(budget.free(), 100 << 10);
        assert!(one.grow_to(60_000));
        assert_eq!(budget.free(), 41 << 10);
        let mut two = budget.empty();
        assert!(!two.grow_to(42 << 10));
        assert!(two.grow_to(40 << 10));
        assert!(one.grow_to(60 << 10) && one.grow_to(5));
        assert!(!one.grow_to(61 << 10));
        assert_eq!(budget.free(), 0);
        drop(two);
        assert_eq!(budget.free(), 40 << 10);
        assert!(!one.grow_to(usize::MAX));
        drop(one);
        assert_eq!(budget.free(), 100 << 10);
    }
}
