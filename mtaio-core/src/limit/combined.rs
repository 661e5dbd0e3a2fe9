//! The combined limiter: any number of limits, all or nothing.

mod builder;
mod costs;
mod error;
mod future;
mod parts;
mod permit;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::time::Duration;

pub use builder::ResourceLimiterBuilder;
pub use error::InvalidLimiter;
pub use future::AcquireResources;
pub use permit::ResourcePermit;

use costs::Costs;
use parts::{Lent, Parts};

use super::concurrency::{ConcurrencyLimiter, snapshot_of};
use super::error::{Part, ResourceLimitError};
use super::rate::RateLimiter;
use super::run::{Call, NotAsync, Run, TryRun, Wrapped};
use super::snapshot::PartSnapshot;
use crate::runtime::Timer;
use crate::sync::Closed;

/// Passes several limits at once: all of them, or none.
///
/// Its parts are rate limiters and concurrency limiters, in any number, and each may be shared: with other combinations, and with
/// those who use it alone. It is a handle: clones are the same limiter. Applications use the alias of their runtime's
/// adapter, which has no parameter.
///
/// # What is guaranteed
///
/// Slots are waited for first, one part after the other, and held while it waits on. Then come the rates, the slowest one first, and
/// no cell of any rate is spent before all of them conform: where its turn comes early, it holds that turn, and those behind it
/// in that line wait. If a part refuses, or the future is dropped, all is as it was. The order of the parts is the same in all
/// combinations, in whatever order they were built: they cannot wait for each other in a circle.
///
/// A wait that has come past its first part needs its task to be polled: one that is polled once, and then neither polled nor
/// dropped, keeps the slots and the turns that it has.
///
/// # Fairness
///
/// As that of the parts: in each line strictly first come, first served, where coming means to have passed the parts before it.
///
/// # Examples
///
/// ```
/// use mtaio_core::limit::{ConcurrencyLimiter, PartKind, Quota, RateLimiter, ResourceLimiter};
/// use mtaio_core::runtime::VirtualRuntime;
///
/// let runtime = VirtualRuntime::new();
/// let everybody = RateLimiter::with_runtime(Quota::per_second(100), runtime.clone());
/// let user = RateLimiter::with_runtime(Quota::per_second(1), runtime.clone());
/// let slots = ConcurrencyLimiter::with_runtime(4, runtime.clone());
///
/// let limiter = ResourceLimiter::builder()
///     .rate_named("everybody", &everybody)
///     .rate_named("this user", &user)
///     .concurrency(&slots)
///     .build()?;
/// runtime.block_on(async {
///     let permit = limiter.acquire().await?;
///     assert_eq!(slots.in_flight(), 1);
///     let refused = limiter.try_acquire().unwrap_err();
///     assert_eq!(refused.to_string(), "rate 1: the limit is reached; try again in 1s");
///     assert_eq!(refused.part().and_then(|part| limiter.name(part)), Some("this user"));
///     drop(permit);
///     assert_eq!((slots.in_flight(), everybody.available()), (0, 99));
///     Ok::<_, mtaio_core::limit::ResourceLimitError>(())
/// })?;
/// # Ok::<(), mtaio_core::limit::ResourceError>(())
/// ```
pub struct ResourceLimiter<R: Timer> {
    parts: Arc<Parts<R>>,
}

impl<R: Timer> ResourceLimiter<R> {
    /// Combines a rate and a number of slots.
    ///
    /// # Panics
    ///
    /// If they go by different clocks; [`builder`](Self::builder) returns an error instead.
    pub fn new(rate: &RateLimiter<R>, slots: &ConcurrencyLimiter<R>) -> Self {
        match Self::builder().rate(rate).concurrency(slots).build() {
            Ok(limiter) => limiter,
            Err(error) => panic!("{error}"),
        }
    }

    /// Combines limiters part by part.
    pub fn builder() -> ResourceLimiterBuilder<R> {
        ResourceLimiterBuilder::new()
    }

    fn from_parts(parts: Parts<R>) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// Takes one of each part if all have it now and nobody waits there.
    ///
    /// # Errors
    ///
    /// [`ResourceLimitError`], with the [part](ResourceLimitError::part) that refused. If it is a rate, that is the one that
    /// refuses longest, and [`retry_after`](ResourceLimitError::retry_after) is its time; if slots are missing, there is none.
    #[inline]
    pub fn try_acquire(&self) -> Result<ResourcePermit<'_, R>, ResourceLimitError> {
        ResourcePermit::take(self.lend(), Costs::Each(1))
    }

    /// Takes so many of each part, in the order of building, if all have them now and nobody waits there.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire); too large if a part would never grant its cost; and of kind wrong costs if there are
    /// not as many as parts.
    #[inline]
    pub fn try_acquire_many(&self, costs: &[u32]) -> Result<ResourcePermit<'_, R>, ResourceLimitError> {
        ResourcePermit::take(self.lend(), Costs::new(costs))
    }

    /// As [`try_acquire`](Self::try_acquire), for a permit without a lifetime.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_owned(&self) -> Result<ResourcePermit<'static, R>, ResourceLimitError> {
        self.try_acquire_each_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), for a permit without a lifetime.
    ///
    /// # Errors
    ///
    /// As [`try_acquire_many`](Self::try_acquire_many).
    pub fn try_acquire_many_owned(&self, costs: &[u32]) -> Result<ResourcePermit<'static, R>, ResourceLimitError> {
        ResourcePermit::take(self.share(), Costs::new(costs))
    }

    /// Waits for one of each part.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its places in line, and gives back what it holds. No cell is spent.
    ///
    /// # Errors
    ///
    /// [`ResourceLimitError`] when a part refuses to wait or is closed, with that [part](ResourceLimitError::part); or, without a part,
    /// when this combination is closed.
    ///
    /// # Panics
    ///
    /// If it has to wait and no runtime polls it, where the runtime's timers need one.
    #[inline]
    pub fn acquire(&self) -> AcquireResources<'_, R> {
        AcquireResources::new(self.lend(), Costs::Each(1), None)
    }

    /// Waits for so many of each part, in the order of building. A part that costs nothing is not waited for.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); at once if a part would never grant its cost; and of kind wrong costs if there are not as many as
    /// parts.
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    #[inline]
    pub fn acquire_many(&self, costs: &[u32]) -> AcquireResources<'_, R> {
        AcquireResources::new(self.lend(), Costs::new(costs), None)
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
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    pub fn acquire_owned(&self) -> AcquireResources<'static, R> {
        self.acquire_each_owned(1)
    }

    /// As [`acquire_many`](Self::acquire_many), for a permit without a lifetime.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`acquire_many`](Self::acquire_many).
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    pub fn acquire_many_owned(&self, costs: &[u32]) -> AcquireResources<'static, R> {
        AcquireResources::new(self.share(), Costs::new(costs), None)
    }

    /// Waits for one of each part, at most `max_wait` from the first poll.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); and of kind deadline: without waiting if the turn at some rate comes later than that, or
    /// when the time is over, with the part that it waited for.
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    pub fn acquire_within(&self, max_wait: Duration) -> AcquireResources<'_, R> {
        AcquireResources::new(self.lend(), Costs::Each(1), Some(max_wait))
    }

    /// Waits for so many of each part, in the order of building, at most `max_wait` from the first poll.
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
    /// As [`acquire`](Self::acquire).
    pub fn acquire_many_within(&self, costs: &[u32], max_wait: Duration) -> AcquireResources<'_, R> {
        AcquireResources::new(self.lend(), Costs::new(costs), Some(max_wait))
    }

    /// Waits for one of each part, runs `future`, and returns the slots.
    ///
    /// # Cancel safety
    ///
    /// Before `future` is polled first, as [`acquire`](Self::acquire); after that, as `future`. The slots return after `future`
    /// was dropped, and the cells are spent.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); `future` is dropped then, unpolled.
    pub fn run<F: Future>(&self, future: F) -> Run<AcquireResources<'_, R>, F> {
        Run::new(self.acquire(), future)
    }

    /// Waits for so many of each part, in the order of building, runs `future`, and returns the slots.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// As [`acquire_many`](Self::acquire_many); `future` is dropped then, unpolled.
    pub fn run_many<F: Future>(&self, costs: &[u32], future: F) -> Run<AcquireResources<'_, R>, F> {
        Run::new(self.acquire_many(costs), future)
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
    pub fn try_run<T, E, F>(&self, future: F) -> TryRun<AcquireResources<'_, R>, F>
    where
        F: Future<Output = Result<T, E>>,
        E: From<ResourceLimitError>,
    {
        TryRun::new(self.run(future))
    }

    /// Builds the limits into a function: each call waits for one of each part, calls `f`, and returns the slots when that is done.
    ///
    /// The function takes one argument; use a tuple for more.
    #[doc(alias = "limit")]
    pub fn wrap<X, F, T>(
        &self,
        f: F,
    ) -> impl Fn(X) -> Wrapped<AcquireResources<'static, R>, F, X> + Clone + use<X, F, T, R>
    where
        F: Fn(X) -> T,
        T: Future,
    {
        self.wrap_call(f)
    }

    /// Builds the limits into a function that is not async: each call waits for one of each part, and calls `f` then.
    pub fn wrap_sync<X, F, T>(
        &self,
        f: F,
    ) -> impl Fn(X) -> Wrapped<AcquireResources<'static, R>, NotAsync<F>, X> + Clone + use<X, F, T, R>
    where
        F: Fn(X) -> T,
    {
        self.wrap_call(NotAsync(f))
    }

    fn wrap_call<X, F>(&self, f: F) -> impl Fn(X) -> Wrapped<AcquireResources<'static, R>, F, X> + Clone + use<X, F, R>
    where
        F: Call<X>,
    {
        let (limiter, f) = (self.clone(), Arc::new(f));
        move |argument| Wrapped::new(limiter.acquire_owned(), Arc::clone(&f), argument)
    }

    /// The parts, in the order of building, which is that of their costs.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = Part> + '_ {
        self.parts.entries.iter().map(|entry| entry.part)
    }

    /// The name that a part was given.
    pub fn name(&self, part: Part) -> Option<&str> {
        let entry = self.parts.entries.get(part.index()).filter(|entry| entry.part == part)?;
        entry.name.as_deref()
    }

    /// What each part looks like now, in the order of building. Parts that are shared count what others do there too.
    ///
    /// ```
    /// # use mtaio_core::limit::{ConcurrencyLimiter, PartSnapshot, Quota, RateLimiter, ResourceLimiter};
    /// # use mtaio_core::runtime::VirtualRuntime;
    /// # let runtime = VirtualRuntime::new();
    /// let rate = RateLimiter::with_runtime(Quota::per_second(10), runtime.clone());
    /// let slots = ConcurrencyLimiter::with_runtime(2, runtime);
    /// let both = ResourceLimiter::new(&rate, &slots);
    /// let permit = both.try_acquire().expect("both have one");
    /// for (part, snapshot) in both.snapshot() {
    ///     match snapshot {
    ///         PartSnapshot::Rate(rate) => assert_eq!(rate.available, 9),
    ///         PartSnapshot::Concurrency(slots) => assert_eq!(slots.in_flight, 1),
    ///         _ => println!("{part}: {:?}", snapshot.line()),
    ///     }
    /// }
    /// # drop(permit);
    /// ```
    pub fn snapshot(&self) -> Vec<(Part, PartSnapshot)> {
        let rates = self.parts.rates.iter().map(|rate| (rate.part, PartSnapshot::Rate(rate.limit.snapshot())));
        let slots = self.parts.slots.iter();
        let slots = slots.map(|slots| (slots.part, PartSnapshot::Concurrency(snapshot_of(&slots.limit))));
        let mut all: Vec<_> = rates.chain(slots).collect();
        all.sort_by_key(|(part, _)| part.index());
        all
    }

    /// Ends every wait at this combination, now and later, with a closed error that names no part. Held permits stay valid.
    ///
    /// The parts stay open, for others may share them. Closing twice is closing.
    pub fn close(&self) {
        self.parts.closing.close();
    }

    /// Whether this combination is closed. Its parts can be closed nevertheless.
    pub fn is_closed(&self) -> bool {
        self.parts.closing.is_closed()
    }

    /// Waits until this combination is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub fn closed(&self) -> Closed<'_> {
        self.parts.closing.closed()
    }

    /// The runtime it waits on: that of its first part.
    pub fn runtime(&self) -> &R {
        &self.parts.runtime
    }

    fn lend(&self) -> Lent<'_, R> {
        Lent::Borrowed(&self.parts)
    }

    fn share(&self) -> Lent<'static, R> {
        Lent::Owned(Arc::clone(&self.parts))
    }

    /// Waits for `n` of each part.
    pub(super) fn acquire_each_owned(&self, n: u32) -> AcquireResources<'static, R> {
        AcquireResources::new(self.share(), Costs::Each(n), None)
    }

    /// Takes `n` of each part.
    pub(super) fn try_acquire_each_owned(&self, n: u32) -> Result<ResourcePermit<'static, R>, ResourceLimitError> {
        ResourcePermit::take(self.share(), Costs::Each(n))
    }
}

impl<R: Timer> Clone for ResourceLimiter<R> {
    fn clone(&self) -> Self {
        Self { parts: Arc::clone(&self.parts) }
    }
}

impl<R: Timer> fmt::Debug for ResourceLimiter<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct List<'a, R: Timer>(&'a ResourceLimiter<R>);
        impl<R: Timer> fmt::Debug for List<'_, R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.0.parts().map(|part| (part, self.0.name(part)))).finish()
            }
        }
        f.debug_struct("ResourceLimiter").field("parts", &List(self)).field("closed", &self.is_closed()).finish()
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests;
