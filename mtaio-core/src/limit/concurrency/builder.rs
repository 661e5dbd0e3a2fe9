//! How a concurrency limiter is made, where `new` does not say enough.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::marker::PhantomData;
use core::time::Duration;

use super::ConcurrencyLimiter;
use crate::limit::policy::{Delay, QueuePolicy};
use crate::limit::quota::InvalidQuota;
use crate::runtime::Timer;
use crate::sync::{BoxClock, Plan, Semaphore};

/// Makes a [`ConcurrencyLimiter`]: see [`ConcurrencyLimiter::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it builds"]
pub struct ConcurrencyLimiterBuilder<R> {
    limit: usize,
    max_waiters: usize,
    policy: QueuePolicy,
    delay: Option<Delay>,
    counting: bool,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Timer> ConcurrencyLimiterBuilder<R> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            max_waiters: usize::MAX,
            policy: QueuePolicy::Fifo,
            delay: None,
            counting: false,
            runtime: PhantomData,
        }
    }

    /// Lets at most so many wait; whoever comes then is refused at once, unless the [order](Self::queue) says who goes instead.
    pub fn max_waiters(self, waiters: usize) -> Self {
        Self { max_waiters: waiters, ..self }
    }

    /// Serves those who wait in that order. First come, first served, if it is not said.
    pub fn queue(self, policy: QueuePolicy) -> Self {
        Self { policy, ..self }
    }

    /// Refuses those who have waited longer than `target`, with an error of kind
    /// [overloaded](crate::limit::ResourceLimitErrorKind::Overloaded), while the line is overloaded.
    ///
    /// The line is overloaded when somebody in it has waited longer than `target` at every moment of an `interval`, and until nobody
    /// has waited longer than half of `target`: a burst is served, and a line that only makes everybody late is cut. This is CoDel (RFC 8289)
    /// as servers use it. A `target` of a few times what one takes, and an `interval` of some ten or twenty targets, are
    /// usual: 5 ms and 100 ms. The limiter looks whenever anybody comes, leaves or is served; it has no timer for this.
    ///
    /// # Examples
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use mtaio_core::limit::{ConcurrencyLimiter};
    /// # use mtaio_core::runtime::ManualClock;
    /// let limiter = ConcurrencyLimiter::builder(100)
    ///     .codel(Duration::from_millis(5), Duration::from_millis(100))
    ///     .build_on(ManualClock::new());
    /// # drop(limiter);
    /// ```
    pub fn codel(self, target: Duration, interval: Duration) -> Self {
        Self { delay: Some(Delay::new(target, interval)), ..self }
    }

    /// Counts every request in [`snapshot`](ConcurrencyLimiter::snapshot), and not only those that stand in line.
    ///
    /// It costs nothing where it is not said. Where it is, there is no way around the lock of the line: each request takes it, also one that
    /// finds something free.
    pub fn counting(self) -> Self {
        Self { counting: true, ..self }
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
        Ok(ConcurrencyLimiter { semaphore: self.semaphore(self.limit, &runtime), runtime })
    }

    #[cfg(feature = "keyed")]
    pub(in crate::limit) const fn is_counting(&self) -> bool {
        self.counting
    }

    /// Whether its line goes by the clock.
    pub(in crate::limit) const fn needs_clock(&self) -> bool {
        self.delay.is_some() || self.counting
    }

    /// What the limiter would count with, for another limit.
    pub(in crate::limit) fn semaphore(&self, limit: usize, runtime: &R) -> Arc<Semaphore> {
        let clock = self.needs_clock().then(|| {
            let runtime = runtime.clone();
            Box::new(move || runtime.now()) as BoxClock
        });
        let codel = self.delay.map(Delay::control);
        let plan = Plan { order: self.policy.order(), codel, counting: self.counting };
        Arc::new(Semaphore::planned(limit.min(Semaphore::MAX_PERMITS), self.max_waiters, plan, clock))
    }
}
