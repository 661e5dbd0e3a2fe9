//! Permits that are told what came of them.

use alloc::sync::Arc;
use core::fmt;

use super::Shared;
use crate::limit::adaptive::algorithm::Sample;
use crate::primitive::Ordering;
use crate::runtime::Timer;
use crate::sync::OwnedPermit;
use crate::time::Instant;

/// What came of a request, as far as it says something about who served it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It was served. An answer that the caller does not like is one too, if it was made as others are.
    Success,
    /// It was given up, or refused for want of capacity: a timeout, a status 503. It would have taken longer than it did.
    Dropped,
    /// It says nothing: it failed before it was sent, or the caller went away.
    Ignored,
}

/// A permit of an [`AdaptiveConcurrencyLimiter`](crate::limit::AdaptiveConcurrencyLimiter): say what came of it, and it returns.
///
/// One that is dropped without a word is [ignored](Self::ignore): it returns, and the limiter learns nothing.
#[must_use = "a permit that is not held is returned at once"]
pub struct AdaptivePermit<R: Timer> {
    shared: Arc<Shared<R>>,
    /// Returns when this is dropped.
    #[expect(dead_code, reason = "it is held to be dropped")]
    slot: OwnedPermit,
    start: Instant,
    in_flight: usize,
}

impl<R: Timer> AdaptivePermit<R> {
    pub(super) const fn new(shared: Arc<Shared<R>>, slot: OwnedPermit, start: Instant, in_flight: usize) -> Self {
        Self { shared, slot, start, in_flight }
    }

    /// It was served, and took until now.
    pub fn success(self) {
        self.finish(Outcome::Success);
    }

    /// It was given up now, or refused for want of capacity. It counts as one that took at least until now.
    pub fn dropped(self) {
        self.finish(Outcome::Dropped);
    }

    /// It says nothing about the backend: the permit returns, and the limiter learns nothing.
    pub fn ignore(self) {}

    /// Says what came of it.
    pub fn finish(self, outcome: Outcome) {
        if outcome == Outcome::Ignored {
            return;
        }
        let Self { shared, start, in_flight, .. } = &self;
        let (end, dropped) = (shared.slots.runtime().now(), outcome == Outcome::Dropped);
        let sample = Sample { start: *start, end, in_flight: *in_flight, dropped };
        // Before the slot returns, so that one too many is not let in.
        shared.desk.hand_in(sample, |limit| shared.slots.set_limit(limit));
    }

    /// When it was let in.
    pub const fn started(&self) -> Instant {
        self.start
    }
}

impl<R: Timer> Drop for AdaptivePermit<R> {
    fn drop(&mut self) {
        // ORDERING: Relaxed: a statistic, orders nothing.
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<R: Timer> fmt::Debug for AdaptivePermit<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdaptivePermit").field("started", &self.start).finish_non_exhaustive()
    }
}
