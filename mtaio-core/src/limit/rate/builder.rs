//! How a rate limiter is made, where `new` does not say enough.

use core::marker::PhantomData;

use super::RateLimiter;
use crate::limit::quota::Quota;
use crate::runtime::Timer;

/// Makes a [`RateLimiter`]: see [`RateLimiter::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it builds"]
pub struct RateLimiterBuilder<R> {
    pub(super) quota: Quota,
    pub(super) initial: u32,
    pub(super) max_waiters: usize,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Timer> RateLimiterBuilder<R> {
    pub(super) fn new(quota: Quota) -> Self {
        Self { quota, initial: quota.burst_size(), max_waiters: usize::MAX, runtime: PhantomData }
    }

    /// Begins with `cells` cells instead of a full burst, at most that.
    pub fn initial(self, cells: u32) -> Self {
        Self { initial: cells, ..self }
    }

    /// Lets at most so many wait; whoever comes then is refused at once.
    pub fn max_waiters(self, waiters: usize) -> Self {
        Self { max_waiters: waiters, ..self }
    }

    /// Makes the limiter on the default runtime of its type.
    pub fn build(self) -> RateLimiter<R>
    where
        R: Default,
    {
        self.build_on(R::default())
    }

    /// Makes the limiter on `runtime`.
    pub fn build_on(self, runtime: R) -> RateLimiter<R> {
        RateLimiter::from_builder(self, runtime)
    }
}
