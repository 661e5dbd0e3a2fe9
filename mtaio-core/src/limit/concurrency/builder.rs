//! How a concurrency limiter is made, where `new` does not say enough.

use alloc::sync::Arc;
use core::marker::PhantomData;

use super::ConcurrencyLimiter;
use crate::limit::quota::InvalidQuota;
use crate::runtime::Timer;
use crate::sync::Semaphore;

/// Makes a [`ConcurrencyLimiter`]: see [`ConcurrencyLimiter::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it builds"]
pub struct ConcurrencyLimiterBuilder<R> {
    limit: usize,
    max_waiters: usize,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Timer> ConcurrencyLimiterBuilder<R> {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, max_waiters: usize::MAX, runtime: PhantomData }
    }

    /// Lets at most so many wait; whoever comes then is refused at once.
    pub fn max_waiters(self, waiters: usize) -> Self {
        Self { max_waiters: waiters, ..self }
    }

    /// Makes the limiter on the default runtime of its type.
    ///
    /// # Errors
    ///
    /// [`InvalidQuota`] if the limit is zero.
    pub fn build(self) -> Result<ConcurrencyLimiter<R>, InvalidQuota>
    where
        R: Default,
    {
        self.build_on(R::default())
    }

    /// Makes the limiter on `runtime`.
    ///
    /// # Errors
    ///
    /// [`InvalidQuota`] if the limit is zero.
    pub fn build_on(self, runtime: R) -> Result<ConcurrencyLimiter<R>, InvalidQuota> {
        if self.limit == 0 {
            return Err(InvalidQuota::no_slots());
        }
        Ok(ConcurrencyLimiter { semaphore: self.semaphore(self.limit), runtime })
    }

    /// What the limiter would count with, for another limit.
    pub(in crate::limit) fn semaphore(&self, limit: usize) -> Arc<Semaphore> {
        Arc::new(Semaphore::bounded(limit.min(Semaphore::MAX_PERMITS), self.max_waiters))
    }
}
