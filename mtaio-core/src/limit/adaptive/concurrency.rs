//! The concurrency limiter that finds its limit by itself.

mod builder;
mod desk;
mod future;
mod permit;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::time::Duration;

pub use builder::AdaptiveConcurrencyLimiterBuilder;
use desk::Desk;
pub use future::{AcquireAdaptive, RunAdaptive, TryRunAdaptive};
pub use permit::{AdaptivePermit, Outcome};

use super::algorithm::LimitAlgorithm;
use super::error::InvalidAdaptation;
use crate::limit::concurrency::{AcquireSlotsOwned, ConcurrencyLimiter};
use crate::limit::error::ResourceLimitError;
use crate::primitive::{AtomicUsize, Ordering};
use crate::runtime::Timer;
use crate::sync::{Closed, Idle, OwnedPermit};

/// Limits how much runs at once, and finds out by itself how much that should be.
///
/// Whoever is let in holds an [`AdaptivePermit`], and says what came of it: [`success`](AdaptivePermit::success);
/// [`dropped`](AdaptivePermit::dropped), for what timed out or was refused by the backend; or [`ignore`](AdaptivePermit::ignore), for what
/// says nothing about the backend. From these and their times a [`LimitAlgorithm`] makes the limit:
/// [`Elastic`](crate::limit::Elastic), unless another one is said.
///
/// It is a handle: clones share the limit. Applications use the alias of their runtime's adapter, which has no parameter.
///
/// Where the limit is known, use a [`ConcurrencyLimiter`]: a number that somebody measured is better than one that has to be found. Where
/// several clients share a backend, put it where the backend is: several of these in front of one outbid each other, up to their bounds.
///
/// It is no [`Limiter`](crate::limit::Limiter): what holds a permit without knowing what it is for cannot say what came of it.
///
/// # What is guaranteed
///
/// What [`ConcurrencyLimiter`] guarantees, for whatever limit there is. The limit stays within its bounds. The algorithm is called by one
/// at a time, without a lock; what ends meanwhile waits for its turn in a list, and holds up nobody.
///
/// # Fairness
///
/// Strictly first come, first served, by first poll.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use mtaio_core::limit::AdaptiveConcurrencyLimiter;
/// use mtaio_core::runtime::{Clock, Timer, VirtualRuntime};
///
/// let runtime = VirtualRuntime::new();
/// let limiter = AdaptiveConcurrencyLimiter::with_runtime(20, runtime.clone());
/// runtime.block_on(async {
///     let permit = limiter.acquire().await?;
///     runtime.sleep_until(runtime.now() + Duration::from_millis(30)).await;
///     permit.success();
///     assert_eq!(limiter.snapshot().last_rtt, Some(Duration::from_millis(30)));
///
///     // Or all of it at once: what is `Err` counts as dropped.
///     let answer: Result<u32, Box<dyn core::error::Error>> = limiter.try_run(async { Ok(42) }).await;
///     assert_eq!(answer.unwrap(), 42);
///     Ok::<_, mtaio_core::limit::ResourceLimitError>(())
/// }).unwrap();
/// ```
pub struct AdaptiveConcurrencyLimiter<R: Timer> {
    shared: Arc<Shared<R>>,
}

/// What clones and permits share.
struct Shared<R: Timer> {
    slots: ConcurrencyLimiter<R>,
    /// How many have begun and not ended: unlike the slots that are held, without those that were handed out and not seen yet.
    in_flight: AtomicUsize,
    desk: Desk,
}

/// What an adaptive limiter was like at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdaptiveSnapshot {
    /// How much might run at once.
    pub limit: usize,
    /// How many permits were held. Where the limit sank that can be more.
    pub in_flight: usize,
    /// How many waited.
    pub waiters: usize,
    /// How long the last request took whose outcome said something; of one that was dropped, how long it was waited for.
    pub last_rtt: Option<Duration>,
}

impl<R: Timer + Default> AdaptiveConcurrencyLimiter<R> {
    /// Makes a limiter that begins at `initial`, and follows [`Elastic`](crate::limit::Elastic) between 1 and 1000.
    ///
    /// # Panics
    ///
    /// If `initial` is zero. [`try_new`](Self::try_new) returns an error instead.
    pub fn new(initial: usize) -> Self {
        Self::with_runtime(initial, R::default())
    }

    /// Makes a limiter that begins at `initial`, and follows [`Elastic`](crate::limit::Elastic) between 1 and 1000.
    ///
    /// # Errors
    ///
    /// [`InvalidAdaptation`] if `initial` is zero.
    pub fn try_new(initial: usize) -> Result<Self, InvalidAdaptation> {
        Self::builder(initial).build()
    }
}

impl<R: Timer> AdaptiveConcurrencyLimiter<R> {
    /// Makes a limiter that begins at `initial`, and follows [`Elastic`](crate::limit::Elastic) between 1 and 1000, on `runtime`.
    ///
    /// # Panics
    ///
    /// If `initial` is zero.
    pub fn with_runtime(initial: usize, runtime: R) -> Self {
        match Self::builder(initial).build_on(runtime) {
            Ok(limiter) => limiter,
            Err(error) => panic!("{error}"),
        }
    }

    /// Makes a limiter that follows `algorithm`, on `runtime`.
    pub fn with_algorithm(algorithm: impl LimitAlgorithm + 'static, runtime: R) -> Self {
        Self::from_parts(Box::new(algorithm), usize::MAX, runtime)
    }

    /// Makes a limiter step by step: its bounds, its algorithm, how many may wait.
    pub fn builder(initial: usize) -> AdaptiveConcurrencyLimiterBuilder<R> {
        AdaptiveConcurrencyLimiterBuilder::new(initial)
    }

    fn from_parts(algorithm: Box<dyn LimitAlgorithm>, max_waiters: usize, runtime: R) -> Self {
        let limit = algorithm.limit().max(1);
        let slots = ConcurrencyLimiter::builder(limit).max_waiters(max_waiters).build_on(runtime);
        let slots = slots.expect("a limit of at least one");
        Self { shared: Arc::new(Shared { slots, in_flight: AtomicUsize::new(0), desk: Desk::new(algorithm, limit) }) }
    }

    /// Takes a permit if one is free and nobody waits.
    ///
    /// # Errors
    ///
    /// [`ResourceLimitError`]: not ready, without a `retry_after`, or closed.
    pub fn try_acquire(&self) -> Result<AdaptivePermit<R>, ResourceLimitError> {
        Ok(self.begin(self.shared.slots.try_acquire_owned()?, false))
    }

    /// Waits for a permit. Neither the future nor the permit has a lifetime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place in line. A permit that it was granted already goes to the next.
    ///
    /// # Errors
    ///
    /// [`ResourceLimitError`] when the limiter is closed, also while waiting; or when as many wait as may; or of kind deadline, when the
    /// [scopes](crate::timeout::TimeoutManager::scope) around it leave no more time.
    #[doc(alias = "acquire_owned")]
    pub fn acquire(&self) -> AcquireAdaptive<R> {
        AcquireAdaptive::new(self.clone(), self.shared.slots.acquire_owned())
    }

    /// Waits for a permit, at most `max_wait` from the first poll.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); and of kind deadline when the time is over. A permit that comes at that very moment wins.
    ///
    /// # Panics
    ///
    /// If it has to wait and no runtime polls it, where the runtime's timers need one.
    pub fn acquire_within(&self, max_wait: Duration) -> AcquireAdaptive<R> {
        let slots = &self.shared.slots;
        let acquire = slots.semaphore().acquire_owned();
        let acquire = AcquireSlotsOwned::within(acquire, slots.runtime().clone(), Some(max_wait));
        AcquireAdaptive::new(self.clone(), acquire)
    }

    /// Waits for a permit, runs `future`, and counts it as a success once it is done.
    ///
    /// # Cancel safety
    ///
    /// Before `future` is polled first, as [`acquire`](Self::acquire); after that, as `future`, and it is ignored: nobody knows how it
    /// would have ended. A timeout belongs inside, where its end is seen: see [`try_run`](Self::try_run).
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); `future` is dropped then, unpolled.
    pub fn run<F: Future>(&self, future: F) -> RunAdaptive<R, F> {
        self.run_judged(future, |_| Outcome::Success)
    }

    /// As [`run`](Self::run), and `judge` says what came of it.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// # use mtaio_core::limit::AdaptiveConcurrencyLimiter;
    /// use mtaio_core::limit::Outcome;
    /// # use mtaio_core::runtime::VirtualRuntime;
    /// # let runtime = VirtualRuntime::new();
    /// # let limiter = AdaptiveConcurrencyLimiter::with_runtime(20, runtime.clone());
    ///
    /// let request = limiter.run_judged(async { 503_u16 }, |status| match status {
    ///     429 | 503 | 504 => Outcome::Dropped,
    ///     400..=499 => Outcome::Ignored,
    ///     _ => Outcome::Success,
    /// });
    /// assert_eq!(runtime.block_on(request), Ok(503));
    /// ```
    pub fn run_judged<F: Future>(&self, future: F, judge: fn(&F::Output) -> Outcome) -> RunAdaptive<R, F> {
        RunAdaptive::new(self.acquire(), future, judge)
    }

    /// As [`run`](Self::run), with one result of both: `Ok` counts as a success, `Err` as dropped.
    ///
    /// Where an error says nothing about the backend's load, as that of a request that is wrong, use [`run_judged`](Self::run_judged).
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// Those of [`acquire`](Self::acquire), as the error of `future`, and those of `future`.
    pub fn try_run<T, E, F>(&self, future: F) -> TryRunAdaptive<R, F>
    where
        F: Future<Output = Result<T, E>>,
        E: From<ResourceLimitError>,
    {
        TryRunAdaptive::new(self.run_judged(future, |result| match result {
            Ok(_) => Outcome::Success,
            Err(_) => Outcome::Dropped,
        }))
    }

    /// How much may run at once, now.
    pub fn limit(&self) -> usize {
        self.shared.slots.limit()
    }

    /// How many permits are held. Where the limit sank that can be more.
    pub fn in_flight(&self) -> usize {
        self.shared.slots.in_flight()
    }

    /// How many permits are free.
    pub fn available(&self) -> usize {
        self.shared.slots.available()
    }

    /// How many wait.
    pub fn waiters(&self) -> usize {
        self.shared.slots.waiters()
    }

    /// What it is like now. The numbers are read one after the other.
    pub fn snapshot(&self) -> AdaptiveSnapshot {
        let last_rtt = self.shared.desk.last_rtt();
        AdaptiveSnapshot { limit: self.limit(), in_flight: self.in_flight(), waiters: self.waiters(), last_rtt }
    }

    /// Waits until no permit is held.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub fn idle(&self) -> Idle<'_> {
        self.shared.slots.idle()
    }

    /// Ends every wait, now and later, with a closed error. Held permits stay valid. Closing twice is closing.
    pub fn close(&self) {
        self.shared.slots.close();
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.shared.slots.is_closed()
    }

    /// Waits until it is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub fn closed(&self) -> Closed<'_> {
        self.shared.slots.closed()
    }

    /// The runtime it waits on.
    pub fn runtime(&self) -> &R {
        self.shared.slots.runtime()
    }

    /// A request begins, which may have waited.
    fn begin(&self, slot: OwnedPermit, waited: bool) -> AdaptivePermit<R> {
        // ORDERING: Relaxed: a statistic, orders nothing.
        let begun = self.shared.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        // Who waited was handed its slot, as others were perhaps that have not seen it yet: theirs were taken, too.
        let in_flight = if waited { begun.max(self.in_flight()) } else { begun };
        AdaptivePermit::new(Arc::clone(&self.shared), slot, self.runtime().now(), in_flight)
    }
}

impl<R: Timer> Clone for AdaptiveConcurrencyLimiter<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<R: Timer> fmt::Debug for AdaptiveConcurrencyLimiter<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdaptiveConcurrencyLimiter")
            .field("limit", &self.limit())
            .field("in_flight", &self.in_flight())
            .field("waiters", &self.waiters())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests;
