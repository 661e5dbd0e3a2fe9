//! One face for all semaphores, and one for all rate limiters, so that each gets the same work.

use alloc::sync::Arc;
use core::future::Future;
use core::num::NonZeroU32;
use core::time::Duration;

use governor::DefaultDirectRateLimiter;
use mtaio_core::limit::{Quota, RateLimiter};
use mtaio_core::runtime::Timer;

use crate::limiters;

/// Keeps a value until the program ends, for futures that borrow it and are stored beside it.
pub(crate) fn keep<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// A semaphore. What its futures give is left as it is: a wrapper would be measured too.
pub(crate) trait Slots: Send + Sync + 'static {
    /// What its future gives: the permit, perhaps in a result. Dropping it returns the permit.
    type Got: Send;

    fn with(permits: usize) -> Self;
    fn acquire(&'static self) -> impl Future<Output = Self::Got> + Send;
    /// Drops what was got, and does not return the permit.
    fn forget(got: Self::Got);
    fn add(&self, permits: usize);
    fn can_take(&self) -> bool;
}

impl Slots for mtaio_tokio::Semaphore {
    type Got = Result<mtaio_tokio::Permit<'static>, mtaio_core::sync::AcquireError>;

    fn with(permits: usize) -> Self {
        Self::new(permits)
    }

    fn acquire(&'static self) -> impl Future<Output = Self::Got> + Send {
        self.acquire()
    }

    fn forget(got: Self::Got) {
        got.expect("a permit").forget();
    }

    fn add(&self, permits: usize) {
        self.add_permits(permits);
    }

    fn can_take(&self) -> bool {
        self.try_acquire().is_ok()
    }
}

impl Slots for tokio::sync::Semaphore {
    type Got = Result<tokio::sync::SemaphorePermit<'static>, tokio::sync::AcquireError>;

    fn with(permits: usize) -> Self {
        Self::new(permits)
    }

    fn acquire(&'static self) -> impl Future<Output = Self::Got> + Send {
        self.acquire()
    }

    fn forget(got: Self::Got) {
        got.expect("a permit").forget();
    }

    fn add(&self, permits: usize) {
        self.add_permits(permits);
    }

    fn can_take(&self) -> bool {
        self.try_acquire().is_ok()
    }
}

impl Slots for async_lock::Semaphore {
    type Got = async_lock::SemaphoreGuard<'static>;

    fn with(permits: usize) -> Self {
        Self::new(permits)
    }

    fn acquire(&'static self) -> impl Future<Output = Self::Got> + Send {
        self.acquire()
    }

    fn forget(got: Self::Got) {
        got.forget();
    }

    fn add(&self, permits: usize) {
        self.add_permits(permits);
    }

    fn can_take(&self) -> bool {
        self.try_acquire().is_some()
    }
}

impl Slots for futures_intrusive::sync::Semaphore {
    type Got = futures_intrusive::sync::SemaphoreReleaser<'static>;

    fn with(permits: usize) -> Self {
        Self::new(true, permits)
    }

    fn acquire(&'static self) -> impl Future<Output = Self::Got> + Send {
        self.acquire(1)
    }

    fn forget(mut got: Self::Got) {
        got.disarm();
    }

    fn add(&self, permits: usize) {
        self.release(permits);
    }

    fn can_take(&self) -> bool {
        self.try_acquire(1).is_some()
    }
}

impl Slots for maitake_sync::Semaphore {
    type Got = Result<maitake_sync::semaphore::Permit<'static>, maitake_sync::Closed>;

    fn with(permits: usize) -> Self {
        Self::new(permits)
    }

    fn acquire(&'static self) -> impl Future<Output = Self::Got> + Send {
        self.acquire(1)
    }

    fn forget(got: Self::Got) {
        got.expect("a permit").forget();
    }

    fn add(&self, permits: usize) {
        self.add_permits(permits);
    }

    fn can_take(&self) -> bool {
        self.try_acquire(1).is_ok()
    }
}

/// A rate limiter that one can wait for.
pub(crate) trait Rate: Clone + Send + Sync + 'static {
    /// With a full bucket. Called in the runtime that will wait for it.
    fn with(per_second: u32, burst: u32) -> Self;
    fn acquire(&self) -> impl Future<Output = ()> + Send;
}

impl<R: Timer + Default> Rate for RateLimiter<R> {
    fn with(per_second: u32, burst: u32) -> Self {
        Self::new(Quota::per_second(per_second).burst(burst))
    }

    async fn acquire(&self) {
        self.acquire().await.expect("nobody closes it");
    }
}

impl Rate for Arc<DefaultDirectRateLimiter> {
    fn with(rate: u32, burst: u32) -> Self {
        let burst = NonZeroU32::new(burst).expect("a burst above zero");
        Arc::new(DefaultDirectRateLimiter::direct(limiters::per_second(rate).allow_burst(burst)))
    }

    async fn acquire(&self) {
        self.until_ready().await;
    }
}

impl Rate for Arc<leaky_bucket::RateLimiter> {
    fn with(per_second: u32, burst: u32) -> Self {
        // A millisecond is its shortest interval, and it must hold what comes in one.
        let interval = (Duration::from_secs(1) / per_second).max(Duration::from_millis(1));
        let refill = (per_second as usize / 1_000).max(1);
        let mut builder = leaky_bucket::RateLimiter::builder();
        builder.max(refill.max(burst as usize)).initial(burst as usize).refill(refill).interval(interval);
        Arc::new(builder.build())
    }

    async fn acquire(&self) {
        self.acquire_one().await;
    }
}

/// A semaphore of tokio, to which a task adds each millisecond what the rate has earned: one timer, and nothing else.
#[derive(Clone)]
pub(crate) struct FedSemaphore {
    permits: Arc<tokio::sync::Semaphore>,
    _feeder: Arc<Feeder>,
}

struct Feeder(tokio::task::JoinHandle<()>);

impl Drop for Feeder {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Rate for FedSemaphore {
    fn with(per_second: u32, burst: u32) -> Self {
        let permits = Arc::new(tokio::sync::Semaphore::new(burst as usize));
        let feeder = tokio::spawn(feed(Arc::clone(&permits), per_second, burst as usize));
        Self { permits, _feeder: Arc::new(Feeder(feeder)) }
    }

    async fn acquire(&self) {
        self.permits.acquire().await.expect("nobody closes it").forget();
    }
}

async fn feed(permits: Arc<tokio::sync::Semaphore>, per_second: u32, burst: usize) {
    let start = tokio::time::Instant::now();
    let (mut ticks, mut fed) = (tokio::time::interval(Duration::from_millis(1)), 0);
    loop {
        let earned = ((ticks.tick().await - start).as_secs_f64() * f64::from(per_second)) as usize;
        permits.add_permits((earned - fed).min(burst.saturating_sub(permits.available_permits())));
        fed = earned;
    }
}
