//! How a rate limiter is made, where `new` does not say enough.

use core::marker::PhantomData;
use core::time::Duration;

use super::RateLimiter;
use crate::limit::policy::{Delay, QueuePolicy};
use crate::limit::quota::Quota;
use crate::runtime::Timer;

/// Makes a [`RateLimiter`]: see [`RateLimiter::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it builds"]
pub struct RateLimiterBuilder<R> {
    pub(super) quota: Quota,
    pub(super) initial: u32,
    pub(super) max_waiters: usize,
    pub(super) debt: u32,
    pub(super) policy: QueuePolicy,
    pub(super) delay: Option<Delay>,
    pub(super) counting: bool,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Timer> RateLimiterBuilder<R> {
    pub(super) fn new(quota: Quota) -> Self {
        Self {
            quota,
            initial: quota.burst_size(),
            max_waiters: usize::MAX,
            debt: 0,
            policy: QueuePolicy::Fifo,
            delay: None,
            counting: false,
            runtime: PhantomData,
        }
    }

    /// Begins with `cells` cells instead of a full burst, at most that.
    pub fn initial(self, cells: u32) -> Self {
        Self { initial: cells, ..self }
    }

    /// Lets requests through that are larger than the burst, by up to `cells`: such a one waits until the bucket is full, and
    /// leaves it so many cells below empty as it exceeds the burst. Nobody else is served before that debt is paid by what comes
    /// in, so that over a long time the rate is kept.
    ///
    /// In any window of length `w` at most `max(burst, largest) + rate * (w + cap)` cells are granted, where `largest` is the
    /// largest request in it, and `cap` is as for the [limiter](RateLimiter). A new quota leaves what is owed, and what may be.
    ///
    /// ```
    /// use core::time::Duration;
    /// use mtaio_core::limit::{Quota, RateLimiter};
    /// # use mtaio_core::runtime::ManualClock;
    ///
    /// let quota = Quota::per_second(100).burst(10);
    /// let limiter = RateLimiter::builder(quota).debt(90).build_on(ManualClock::new());
    /// limiter.try_acquire_many(100)?; // it was full
    /// assert_eq!(limiter.available(), 0);
    /// assert_eq!(limiter.try_acquire().unwrap_err().retry_after(), Some(Duration::from_millis(910)));
    /// # Ok::<(), mtaio_core::limit::ResourceLimitError>(())
    /// ```
    pub fn debt(self, cells: u32) -> Self {
        Self { debt: cells, ..self }
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
    /// # use mtaio_core::limit::{Quota, RateLimiter};
    /// # use mtaio_core::runtime::ManualClock;
    /// let limiter = RateLimiter::builder(Quota::per_second(100))
    ///     .codel(Duration::from_millis(5), Duration::from_millis(100))
    ///     .build_on(ManualClock::new());
    /// # drop(limiter);
    /// ```
    pub fn codel(self, target: Duration, interval: Duration) -> Self {
        Self { delay: Some(Delay::new(target, interval)), ..self }
    }

    /// Counts every request in [`snapshot`](RateLimiter::snapshot), and not only those that stand in line.
    ///
    /// It costs nothing where it is not said. Where it is, there is no way around the lock of the line: each request takes it, also one that
    /// finds something free.
    pub fn counting(self) -> Self {
        Self { counting: true, ..self }
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
