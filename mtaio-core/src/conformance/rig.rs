//! What a check works with: the limiters of the runtime under test, its time and its tasks.

use alloc::boxed::Box;
use core::fmt;
use core::future::{Future, ready};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use super::Harness;
use crate::limit::{ConcurrencyLimiter, Quota, RateLimiter};
use crate::runtime::{Clock, JoinHandle, Spawn, Timer};
use crate::time::Instant;
use crate::timeout::TimeoutManager;

/// A rate at which waiting takes no noticeable time.
pub(super) const FAST: Quota = Quota::per_second(1000).burst(1);

/// A rate at which no cell comes while a check runs.
pub(super) const SLOW: Quota = Quota::per_hour(1).burst(1);

/// How often [`Rig::until`] looks.
const LOOK: Duration = Duration::from_micros(100);

/// The place where one check runs.
pub struct Rig<H: Harness> {
    pub(super) runtime: H::Runtime,
}

impl<H: Harness> Rig<H> {
    pub(super) fn new(harness: &H) -> Self {
        Self { runtime: harness.runtime() }
    }

    pub(super) fn rate(&self, quota: Quota) -> RateLimiter<H::Runtime> {
        RateLimiter::with_runtime(quota, self.runtime.clone())
    }

    /// A rate limiter that has nothing to give.
    pub(super) fn drained(&self, quota: Quota) -> RateLimiter<H::Runtime> {
        RateLimiter::<H::Runtime>::builder(quota).initial(0).build_on(self.runtime.clone())
    }

    pub(super) fn slots(&self, limit: usize) -> ConcurrencyLimiter<H::Runtime> {
        ConcurrencyLimiter::with_runtime(limit, self.runtime.clone())
    }

    pub(super) fn timeouts(&self, timeout: Duration) -> TimeoutManager<H::Runtime> {
        TimeoutManager::with_runtime(timeout, self.runtime.clone())
    }

    pub(super) fn now(&self) -> Instant {
        self.runtime.now()
    }

    pub(super) async fn sleep(&self, duration: Duration) {
        self.runtime.sleep_until(self.now() + duration).await;
    }

    /// Lets the runtime go on until something has come about. The watchdog ends it if that never happens.
    pub(super) async fn until(&self, mut condition: impl FnMut() -> bool) {
        while !condition() {
            self.sleep(LOOK).await;
        }
    }

    /// Waits for so long, in a task that has no rig.
    pub(super) async fn rest(runtime: &H::Runtime, duration: Duration) {
        runtime.sleep_until(runtime.now() + duration).await;
    }

    /// Spawns `future` after its first poll, so that tasks come first in the order in which they are started.
    pub(super) fn start<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let mut future = Box::pin(future);
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => self.runtime.spawn(ready(output)),
            Poll::Pending => self.runtime.spawn(future),
        }
    }

    /// Whether so much time has passed since `start`: at least that, and where time is virtual, no more.
    #[track_caller]
    pub(super) fn assert_elapsed(&self, start: Instant, expected: Duration) {
        let elapsed = self.now() - start;
        assert!(elapsed >= expected, "{elapsed:?} have passed, and not {expected:?}");
        if H::VIRTUAL {
            let late = elapsed - expected;
            assert!(late <= self.runtime.granularity(), "{elapsed:?} have passed, {late:?} more than {expected:?}");
        }
    }
}

impl<H: Harness> fmt::Debug for Rig<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rig").field("now", &self.now()).field("is_virtual", &H::VIRTUAL).finish_non_exhaustive()
    }
}
