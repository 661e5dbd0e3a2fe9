//! A rate limiter as one of many, each for a key.

use alloc::sync::Arc;

use super::cells::{Cells, State};
use super::{RateLimiter, RateLimiterBuilder, Shared};
use crate::alarm::chime::Chime;
use crate::limit::bucket::TokenBucket;
use crate::limit::quota::Quota;
use crate::runtime::Timer;
use crate::sync::counts::{Counts, Survey};
use crate::time::Instant;

impl<R: Timer> RateLimiter<R> {
    pub(in crate::limit) fn from_shared(shared: Arc<Shared<R>>) -> Self {
        Self { shared }
    }
}

impl<R: Timer> RateLimiterBuilder<R> {
    /// The same, for another quota.
    pub(in crate::limit) fn with_quota(mut self, quota: Quota) -> Self {
        (self.quota, self.initial) = (quota, quota.burst_size());
        self
    }

    pub(in crate::limit) const fn is_counting(&self) -> bool {
        self.counting
    }

    /// Makes a limiter that owes `units` of its quota at `now`, and rings by `chime`.
    pub(in crate::limit) fn build_member(
        self,
        runtime: R,
        chime: &Arc<Chime<R>>,
        now: Instant,
        units: u64,
    ) -> Arc<Shared<R>> {
        let bucket = TokenBucket::owing(self.quota, now, units);
        RateLimiter::from_parts(self, runtime, bucket, Some(Arc::clone(chime))).shared
    }
}

impl<R: Timer> Shared<R> {
    /// In how many nanoseconds it cannot be told from a new one with `quota`. `None` if that will never be, or only when somebody
    /// does something about it.
    pub(in crate::limit) fn full_in(&self, now: Instant, quota: Quota) -> Option<u64> {
        self.queue.peek(|state, waiters| {
            let alike = waiters == 0 && !state.closed && state.bucket.quota() == quota;
            alike.then(|| self.queue.supply.full_in(state, now))
        })
    }

    /// How many wait, and how many cells are missing to a full bucket, begun ones too.
    pub(in crate::limit) fn busy(&self, now: Instant) -> (usize, u64) {
        self.queue.peek(|state, waiters| {
            let bucket = self.queue.supply.bucket(state);
            (waiters, bucket.owed_units(now).div_ceil(bucket.gcra().scale().cost))
        })
    }
}

impl<R: Timer> Shared<R> {
    /// What its line looks like at `now`. It serves nobody: see [`tick`](Self::tick).
    pub(in crate::limit) fn glance(&self, now: Instant) -> Survey {
        self.queue.glance(Some(now))
    }

    pub(in crate::limit) fn is_waited_for(&self) -> bool {
        self.queue.peek(|_, waiters| waiters > 0)
    }

    /// Takes what was counted so far, for who keeps it instead.
    pub(in crate::limit) fn take_counts(&self) -> Counts {
        self.queue.take_counts()
    }
}

impl<R: Timer> Cells<R> {
    /// Under the lock: the bucket, with what the fast path took from it.
    fn bucket(&self, state: &State<R>) -> TokenBucket {
        let mut bucket = state.bucket.clone();
        bucket.set_mark(self.word.look());
        bucket
    }

    /// Under the lock, while nobody waits: in how many nanoseconds it is full, and has nothing to make up for.
    fn full_in(&self, state: &State<R>, now: Instant) -> u64 {
        let bucket = self.bucket(state);
        bucket.full_in(now).as_nanos().saturating_add(if bucket.mark().late { self.cap } else { 0 })
    }
}
