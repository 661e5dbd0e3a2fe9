//! The concurrency limiter: a semaphore with a limit that can be changed, and waits that end.

mod builder;
mod future;
pub(crate) mod patience;

use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::time::Duration;

pub use builder::ConcurrencyLimiterBuilder;
pub use future::{AcquireSlots, AcquireSlotsOwned, AcquireSlotsWithin};

use super::error::ResourceLimitError;
use super::quota::InvalidQuota;
use super::run::{Call, NotAsync, Run, TryRun, Wrapped};
use super::snapshot::{ConcurrencySnapshot, LineSnapshot};
use crate::runtime::Timer;
use crate::sync::{Closed, Idle, OwnedPermit, Permit, Semaphore};

/// Limits how much runs at once, and keeps the rest in line.
///
/// Whoever is let in holds a [`Permit`], and lets the next one in by dropping it. It is a handle: clones share the limit.
/// Applications use the alias of their runtime's adapter, which has no parameter.
///
/// A task that holds a permit and waits for another one of the same limiter may wait for itself, as with every semaphore.
///
/// # Fairness
///
/// Strictly first come, first served, by first poll, unless its [builder](ConcurrencyLimiterBuilder::queue) was told another order. A
/// large request at the front is never overtaken by small ones, and [`try_acquire`](Self::try_acquire) fails while anybody waits.
///
/// # Examples
///
/// ```
/// use mtaio_core::limit::ConcurrencyLimiter;
/// use mtaio_core::runtime::VirtualRuntime;
///
/// let runtime = VirtualRuntime::new();
/// let slots = ConcurrencyLimiter::with_runtime(2, runtime.clone());
/// runtime.block_on(async {
///     let first = slots.acquire().await?;
///     let second = slots.acquire().await?;
///     assert!(slots.try_acquire().is_err());
///     drop(first);
///     assert_eq!((slots.in_flight(), slots.available()), (1, 1));
///     drop(second);
///     Ok::<_, mtaio_core::limit::ResourceLimitError>(())
/// }).unwrap();
/// ```
#[doc(alias = "bulkhead")]
pub struct ConcurrencyLimiter<R: Timer> {
    semaphore: Arc<Semaphore>,
    runtime: R,
}

impl<R: Timer + Default> ConcurrencyLimiter<R> {
    /// Makes a limiter that lets in `limit` at once.
    ///
    /// # Panics
    ///
    /// If `limit` is zero: it would never let anything in. [`try_new`](Self::try_new) returns an error instead, and
    /// [`set_limit`](Self::set_limit) can pause a limiter.
    pub fn new(limit: usize) -> Self {
        Self::with_runtime(limit, R::default())
    }

    /// Makes a limiter that lets in `limit` at once.
    ///
    /// # Errors
    ///
    /// [`InvalidQuota`] if `limit` is zero.
    pub fn try_new(limit: usize) -> Result<Self, InvalidQuota> {
        Self::builder(limit).build()
    }

    /// Makes a limiter that lets in `per_core` at once for each core that this process may use.
    ///
    /// # Panics
    ///
    /// If `per_core` is zero.
    #[cfg(feature = "std")]
    pub fn per_core(per_core: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, core::num::NonZeroUsize::get);
        Self::new(per_core.saturating_mul(cores))
    }
}

impl<R: Timer> ConcurrencyLimiter<R> {
    /// Makes a limiter that lets in `limit` at once, on `runtime`.
    ///
    /// # Panics
    ///
    /// If `limit` is zero.
    pub fn with_runtime(limit: usize, runtime: R) -> Self {
        match Self::builder(limit).build_on(runtime) {
            Ok(limiter) => limiter,
            Err(error) => panic!("{error}"),
        }
    }

    /// Makes a limiter step by step: how many may wait, in which order, and how long.
    pub fn builder(limit: usize) -> ConcurrencyLimiterBuilder<R> {
        ConcurrencyLimiterBuilder::new(limit)
    }

    #[cfg(feature = "keyed")]
    pub(super) const fn from_parts(semaphore: Arc<Semaphore>, runtime: R) -> Self {
        Self { semaphore, runtime }
    }

    pub(super) fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// Takes a permit if one is free and nobody waits.
    ///
    /// # Errors
    ///
    /// [`ResourceLimitError`]: not ready, without a `retry_after`, or closed.
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_>, ResourceLimitError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if they are free and nobody waits. Zero always are.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire), and too large if `n` exceeds the limit.
    #[inline]
    pub fn try_acquire_many(&self, n: u32) -> Result<Permit<'_>, ResourceLimitError> {
        Ok(self.semaphore.try_acquire_many(n)?)
    }

    /// As [`try_acquire`](Self::try_acquire), for a permit without a lifetime.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_owned(&self) -> Result<OwnedPermit, ResourceLimitError> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), for permits without a lifetime.
    ///
    /// # Errors
    ///
    /// As [`try_acquire_many`](Self::try_acquire_many).
    pub fn try_acquire_many_owned(&self, n: u32) -> Result<OwnedPermit, ResourceLimitError> {
        Ok(self.semaphore.try_acquire_many_owned(n)?)
    }

    /// Waits for a permit.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place in line. A permit that it was granted already goes to the next.
    ///
    /// # Errors
    ///
    /// [`ResourceLimitError`] when the limiter is closed, also while waiting; or when as many wait as may; or of kind deadline, when the
    /// [scopes](crate::timeout::TimeoutManager::scope) around it leave no more time.
    #[inline]
    pub fn acquire(&self) -> AcquireSlots<'_, R> {
        self.acquire_many(1)
    }

    /// Waits for `n` permits, all at once. Zero are there at once, and do not queue.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); and at once if `n` exceeds the limit, or later if a new limit makes it so. A limit of zero
    /// is a pause: there everybody waits.
    #[inline]
    pub fn acquire_many(&self, n: u32) -> AcquireSlots<'_, R> {
        AcquireSlots::new(self.semaphore.acquire_many(n), &self.runtime)
    }

    /// As [`acquire`](Self::acquire), for a permit without a lifetime.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    #[inline]
    pub fn acquire_owned(&self) -> AcquireSlotsOwned<R> {
        self.acquire_many_owned(1)
    }

    /// As [`acquire_many`](Self::acquire_many), for permits without a lifetime.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`acquire_many`](Self::acquire_many).
    #[inline]
    pub fn acquire_many_owned(&self, n: u32) -> AcquireSlotsOwned<R> {
        AcquireSlotsOwned::new(self.semaphore.acquire_many_owned(n), self.runtime.clone())
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
    pub fn acquire_within(&self, max_wait: Duration) -> AcquireSlotsWithin<'_, R> {
        self.acquire_many_within(1, max_wait)
    }

    /// Waits for `n` permits, at most `max_wait` from the first poll.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`acquire_within`](Self::acquire_within) and [`acquire_many`](Self::acquire_many).
    ///
    /// # Panics
    ///
    /// As [`acquire_within`](Self::acquire_within).
    pub fn acquire_many_within(&self, n: u32, max_wait: Duration) -> AcquireSlotsWithin<'_, R> {
        AcquireSlotsWithin::new(self.acquire_many(n), max_wait)
    }

    /// Waits for a permit, runs `future`, and returns the permit.
    ///
    /// # Cancel safety
    ///
    /// Before `future` is polled first, as [`acquire`](Self::acquire); after that, as `future`. The permit returns after `future`
    /// was dropped.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); `future` is dropped then, unpolled.
    pub fn run<F: Future>(&self, future: F) -> Run<AcquireSlots<'_, R>, F> {
        self.run_many(1, future)
    }

    /// Waits for `n` permits, runs `future`, and returns them.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// As [`acquire_many`](Self::acquire_many); `future` is dropped then, unpolled.
    pub fn run_many<F: Future>(&self, n: u32, future: F) -> Run<AcquireSlots<'_, R>, F> {
        Run::new(self.acquire_many(n), future)
    }

    /// As [`run`](Self::run), with one result of both.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// Those of [`acquire`](Self::acquire), as the error of `future`, and those of `future`.
    pub fn try_run<T, E, F>(&self, future: F) -> TryRun<AcquireSlots<'_, R>, F>
    where
        F: Future<Output = Result<T, E>>,
        E: From<ResourceLimitError>,
    {
        TryRun::new(self.run(future))
    }

    /// Builds the limit into a function: each call waits for a permit, calls `f`, and returns the permit when that is done.
    ///
    /// The function takes one argument; use a tuple for more.
    #[doc(alias = "limit")]
    pub fn wrap<X, F, T>(&self, f: F) -> impl Fn(X) -> Wrapped<AcquireSlotsOwned<R>, F, X> + Clone + use<X, F, T, R>
    where
        F: Fn(X) -> T,
        T: Future,
    {
        self.wrap_many(1, f)
    }

    /// As [`wrap`](Self::wrap), with `n` permits a call.
    pub fn wrap_many<X, F, T>(
        &self,
        n: u32,
        f: F,
    ) -> impl Fn(X) -> Wrapped<AcquireSlotsOwned<R>, F, X> + Clone + use<X, F, T, R>
    where
        F: Fn(X) -> T,
        T: Future,
    {
        self.wrap_call(n, f)
    }

    /// Builds the limit into a function that is not async: each call waits for a permit, and calls `f` then.
    pub fn wrap_sync<X, F, T>(
        &self,
        f: F,
    ) -> impl Fn(X) -> Wrapped<AcquireSlotsOwned<R>, NotAsync<F>, X> + Clone + use<X, F, T, R>
    where
        F: Fn(X) -> T,
    {
        self.wrap_call(1, NotAsync(f))
    }

    fn wrap_call<X, F>(&self, n: u32, f: F) -> impl Fn(X) -> Wrapped<AcquireSlotsOwned<R>, F, X> + Clone + use<X, F, R>
    where
        F: Call<X>,
    {
        let (slots, f) = (self.clone(), Arc::new(f));
        move |argument| Wrapped::new(slots.acquire_many_owned(n), Arc::clone(&f), argument)
    }

    /// Changes the limit, also for those who wait.
    ///
    /// More lets in at once whoever waited for it. Less takes nothing from who holds a permit: as many as are too many vanish as
    /// they return. Whoever waits for more than the new limit is refused; a limit of zero is a pause, in which everybody waits.
    /// Limits above [`Semaphore::MAX_PERMITS`] mean that many.
    pub fn set_limit(&self, limit: usize) {
        self.semaphore.resize(limit);
    }

    /// How much may run at once.
    pub fn limit(&self) -> usize {
        self.semaphore.total()
    }

    /// How many permits are held. After the limit was lowered that can be more than the limit.
    pub fn in_flight(&self) -> usize {
        self.semaphore.in_flight()
    }

    /// How many permits are free.
    pub fn available(&self) -> usize {
        self.semaphore.available()
    }

    /// How many wait.
    pub fn waiters(&self) -> usize {
        self.semaphore.waiters()
    }

    /// What it looks like now, and what has become of those who stood in its line.
    ///
    /// ```
    /// # use mtaio_core::limit::ConcurrencyLimiter;
    /// # use mtaio_core::runtime::ManualClock;
    /// let slots = ConcurrencyLimiter::builder(2).counting().build_on(ManualClock::new())?;
    /// let permit = slots.try_acquire().expect("two are free");
    /// let snapshot = slots.snapshot();
    /// assert_eq!((snapshot.limit, snapshot.in_flight, snapshot.line.waiting, snapshot.line.granted), (2, 1, 0, 1));
    /// # drop(permit);
    /// # Ok::<(), mtaio_core::limit::InvalidQuota>(())
    /// ```
    pub fn snapshot(&self) -> ConcurrencySnapshot {
        snapshot_of(&self.semaphore)
    }

    /// Waits until no permit is held.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub fn idle(&self) -> Idle<'_> {
        self.semaphore.idle()
    }

    /// Ends every wait, now and later, with a closed error. Held permits stay valid. Closing twice is closing.
    pub fn close(&self) {
        self.semaphore.close();
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.semaphore.is_closed()
    }

    /// Waits until it is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub fn closed(&self) -> Closed<'_> {
        self.semaphore.closed()
    }

    /// The runtime it waits on.
    pub fn runtime(&self) -> &R {
        &self.runtime
    }
}

pub(super) fn snapshot_of(semaphore: &Semaphore) -> ConcurrencySnapshot {
    let ((limit, in_flight), survey) = semaphore.survey();
    ConcurrencySnapshot { limit, in_flight, closed: semaphore.is_closed(), line: LineSnapshot::of(survey) }
}

impl<R: Timer> Clone for ConcurrencyLimiter<R> {
    fn clone(&self) -> Self {
        Self { semaphore: Arc::clone(&self.semaphore), runtime: self.runtime.clone() }
    }
}

impl<R: Timer> fmt::Debug for ConcurrencyLimiter<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyLimiter")
            .field("limit", &self.limit())
            .field("in_flight", &self.in_flight())
            .field("waiters", &self.waiters())
            .field("closed", &self.is_closed())
            .finish()
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests;
