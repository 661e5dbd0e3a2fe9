//! The rate limiter: GCRA with a queue.

mod builder;
mod cells;
mod future;
mod held;
#[cfg(feature = "keyed")]
mod member;
#[cfg(feature = "std")]
mod unused;
mod word;

use alloc::sync::{Arc, Weak};
use core::fmt;
use core::future::Future;
use core::time::Duration;

pub use builder::RateLimiterBuilder;
pub use future::{AcquireCells, AcquireCellsOwned, AcquireCellsWithin, Driver};

pub(super) use held::{HeldCells, is_not_ready};

use cells::{Ask, Cells, State};
use word::{Long, Short};

use super::bucket::TokenBucket;
use super::error::ResourceLimitError;
use super::policy::Delay;
use super::quota::Quota;
use super::run::{Call, NotAsync, Run, TryRun, Wrapped};
use super::snapshot::{LineSnapshot, RateSnapshot};
use crate::alarm::bells::{Bells, Rings};
#[cfg(feature = "keyed")]
use crate::alarm::chime::{Chime, ChimeAlarm};
use crate::runtime::{Alarm, Tick, Timer};
use crate::sync::observe;
use crate::sync::{Closed, Closing, Plan, Supply as _, WaitQueue, waits};
use crate::time::Instant;

/// Lets through so many cells in a time, evenly, and keeps those who come too early in line.
///
/// It is a handle: clones share the limit. Applications use the alias of their runtime's adapter, which has no parameter.
///
/// # What is guaranteed
///
/// In any window of length `w` no more than `burst + rate * (w + cap)` cells are granted, where `cap` is twice the
/// [granularity](Timer::granularity) of the runtime's timer. An idle limiter grants its burst and not one more. While anybody
/// waits the full rate is kept, also where the timer is late, up to `cap`.
///
/// # Fairness
///
/// Strictly first come, first served, by first poll, unless its [builder](RateLimiterBuilder::queue) was told another order. A
/// large request at the front is never overtaken by small ones, and [`try_acquire`](Self::try_acquire) fails while anybody's turn has not come. A waiter that is not polled holds up nobody: its
/// turn comes and goes.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use mtaio_core::limit::{Quota, RateLimiter};
/// use mtaio_core::runtime::{Clock, VirtualRuntime};
///
/// let runtime = VirtualRuntime::new();
/// let limiter = RateLimiter::with_runtime(Quota::per_second(10).burst(1), runtime.clone());
/// runtime.block_on(async {
///     for _ in 0..11 {
///         limiter.acquire().await?;
///     }
///     assert_eq!(runtime.now().as_nanos(), 1_000_000_000);
///     assert_eq!(limiter.try_acquire().unwrap_err().retry_after(), Some(Duration::from_millis(100)));
///     Ok::<_, mtaio_core::limit::ResourceLimitError>(())
/// }).unwrap();
/// ```
#[doc(alias = "throttle")]
pub struct RateLimiter<R: Timer> {
    shared: Arc<Shared<R>>,
}

/// What the clones share.
pub(crate) struct Shared<R: Timer> {
    queue: WaitQueue<Cells<R>>,
    closing: Closing,
    /// In nanoseconds, between two cells of the quota that it was made with: the place of its line among all others.
    interval: u128,
    /// For the alarms, which must not keep it alive.
    me: Weak<Self>,
    /// What it shares its alarm with, if it is one of many.
    #[cfg_attr(not(feature = "keyed"), allow(dead_code, reason = "only limits per key share one"))]
    chime: MaybeChime<R>,
}

#[cfg(feature = "keyed")]
type MaybeChime<R> = Option<Arc<Chime<R>>>;
#[cfg(not(feature = "keyed"))]
type MaybeChime<R> = Option<(core::convert::Infallible, core::marker::PhantomData<fn() -> R>)>;

/// The alarm of a limiter: one of its own, or a share in one.
pub(crate) enum Bellpull<R: Timer> {
    Own(R::Alarm),
    #[cfg(feature = "keyed")]
    Shared(ChimeAlarm<R>),
}

impl<R: Timer> Alarm for Bellpull<R> {
    fn set(&self, at: Instant) {
        match self {
            Self::Own(alarm) => alarm.set(at),
            #[cfg(feature = "keyed")]
            Self::Shared(alarm) => alarm.set(at),
        }
    }
}

waits!([R: Timer] Shared<R>, Cells<R>, queue);

impl<R: Timer> Rings for Shared<R> {
    type Runtime = R;
    type Alarm = Bellpull<R>;

    fn runtime(&self) -> &R {
        &self.queue.supply.runtime
    }

    fn alarm(&self, target: Weak<dyn Tick>) -> Bellpull<R> {
        #[cfg(feature = "keyed")]
        if let Some(chime) = &self.chime {
            return Bellpull::Shared(chime.line(target));
        }
        Bellpull::Own(self.runtime().alarm(target))
    }

    fn me(&self) -> &Weak<Self> {
        &self.me
    }

    fn peek<T>(&self, look: impl FnOnce(&mut Bells<Self>) -> T) -> T {
        self.queue.peek(|state, _| look(&mut state.bells))
    }

    fn turn<T>(&self, change: impl FnOnce(&mut Bells<Self>) -> T) -> T {
        self.queue.change(|state| change(&mut state.bells))
    }

    fn rouse(&self, change: impl FnOnce(&mut Bells<Self>)) {
        self.queue.change_and_rouse(|state| change(&mut state.bells));
    }

    fn nudge(&self, change: impl FnOnce(&mut Bells<Self>)) {
        self.queue.nudge(|state| {
            change(&mut state.bells);
            state.driver.take()
        });
    }
}

impl<R: Timer> Shared<R> {
    #[inline(always)]
    fn now(&self) -> Instant {
        self.queue.supply.runtime.now()
    }

    /// Takes `n` cells, or only looks whether they could be taken. `now` tells the time of the limiter's own clock.
    #[inline(always)]
    fn decide<const TAKE: bool>(&self, now: impl Fn() -> Instant, n: u32) -> Result<(), ResourceLimitError> {
        match self.queue.supply.word.decide::<TAKE>(&now, n) {
            Short::Taken => Ok(()),
            Short::NotReady(wait) => Err(ResourceLimitError::not_ready(Some(wait))),
            Short::Unclear => self.decide_at_length::<TAKE>(now, n),
        }
    }

    #[cold]
    fn decide_at_length<const TAKE: bool>(&self, now: impl Fn() -> Instant, n: u32) -> Result<(), ResourceLimitError> {
        match self.queue.supply.word.decide_at_length::<TAKE>(now, n) {
            Long::Taken => Ok(()),
            Long::Refused(error) => Err(error),
            Long::Locked if n == 0 => self.take_nothing(),
            Long::Locked => self.queue.try_take(&Ask { n, deadline: Instant::FAR, hold: !TAKE }),
        }
    }

    fn take_nothing(&self) -> Result<(), ResourceLimitError> {
        let closed = self.queue.peek(|state, _| state.closed);
        if closed { Err(ResourceLimitError::CLOSED) } else { Ok(()) }
    }

    pub(in crate::limit) fn snapshot(&self) -> RateSnapshot {
        let ((quota, available, closed), survey) = self.queue.survey(|state, waiters| {
            let available = if waiters > 0 || state.closed { 0 } else { state.bucket.available(state.now) };
            (state.bucket.quota(), available, state.closed)
        });
        RateSnapshot { quota, available, closed, line: LineSnapshot::of(survey) }
    }

    /// Serves those whose turn has come, and sets the alarms for the next.
    pub(in crate::limit) fn tick(&self) {
        self.queue.change(|_| ());
    }
}

impl<R: Timer + Default> RateLimiter<R> {
    /// Makes a limiter with a full bucket.
    pub fn new(quota: Quota) -> Self {
        Self::with_runtime(quota, R::default())
    }
}

impl<R: Timer> RateLimiter<R> {
    /// Makes a limiter with a full bucket, on `runtime`.
    pub fn with_runtime(quota: Quota, runtime: R) -> Self {
        RateLimiterBuilder::new(quota).build_on(runtime)
    }

    /// Makes a limiter step by step: how full it begins, how many may wait, in which order, and how long.
    pub fn builder(quota: Quota) -> RateLimiterBuilder<R> {
        RateLimiterBuilder::new(quota)
    }

    fn from_builder(builder: RateLimiterBuilder<R>, runtime: R) -> Self {
        let bucket = TokenBucket::with_debt(builder.quota, builder.debt).holding(runtime.now(), builder.initial);
        Self::from_parts(builder, runtime, bucket, None)
    }

    fn from_parts(builder: RateLimiterBuilder<R>, runtime: R, bucket: TokenBucket, chime: MaybeChime<R>) -> Self {
        let (order, counting) = (builder.policy.order(), builder.counting);
        let plan = Plan { order, codel: builder.delay.map(Delay::control), counting };
        let (cells, state) = (Cells::new(&bucket, runtime, counting), State::new(bucket, builder.max_waiters, order));
        let shared = Arc::new_cyclic(|me| Shared {
            queue: WaitQueue::ordered(cells, state, plan),
            closing: Closing::new(),
            interval: builder.quota.emission_interval().as_nanos(),
            me: Weak::clone(me),
            chime,
        });
        Self { shared }
    }

    /// Takes a cell if it conforms now and nobody waits.
    ///
    /// # Errors
    ///
    /// [`ResourceLimitError`]: not ready, with [`retry_after`](ResourceLimitError::retry_after), or closed.
    #[inline]
    pub fn try_acquire(&self) -> Result<(), ResourceLimitError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` cells if they conform now and nobody waits. Zero cells always do.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire), and too large if `n` exceeds the burst, and the [debt](RateLimiterBuilder::debt) that
    /// it may leave.
    #[inline(always)]
    pub fn try_acquire_many(&self, n: u32) -> Result<(), ResourceLimitError> {
        self.shared.decide::<true>(|| self.shared.now(), n)
    }

    /// Waits until a cell conforms.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place in line. Nothing is spent; a cell that it was granted already goes to the next.
    ///
    /// # Errors
    ///
    /// [`ResourceLimitError`] when the limiter is closed, also while waiting; or when as many wait as may; or of kind deadline, without
    /// waiting, if its turn comes later than a [scope](crate::timeout::TimeoutManager::scope) around it ends.
    ///
    /// # Panics
    ///
    /// If it has to wait and no runtime polls it, where the runtime's timers need one.
    #[inline]
    pub fn acquire(&self) -> AcquireCells<'_, R> {
        self.acquire_many(1)
    }

    /// Waits until `n` cells conform, all at once. Zero cells do at once, and do not queue.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); and at once if `n` exceeds the burst and the [debt](RateLimiterBuilder::debt) that it may
    /// leave (it would never conform), or later if a new quota makes it so.
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    #[inline]
    pub fn acquire_many(&self, n: u32) -> AcquireCells<'_, R> {
        AcquireCells::new(&self.shared, n)
    }

    /// Waits for a cell if its turn comes within `max_wait`, counted from the first poll.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); and of kind deadline, without waiting, if its turn comes later than that, saying how long
    /// it would have been. Also later, if a new quota makes it so, or if it is overtaken where the [order](RateLimiterBuilder::queue)
    /// allows that: then when its time is over at the latest.
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    pub fn acquire_within(&self, max_wait: Duration) -> AcquireCellsWithin<'_, R> {
        self.acquire_many_within(1, max_wait)
    }

    /// Waits for `n` cells if their turn comes within `max_wait`, counted from the first poll.
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
    pub fn acquire_many_within(&self, n: u32, max_wait: Duration) -> AcquireCellsWithin<'_, R> {
        AcquireCellsWithin::new(&self.shared, n, max_wait)
    }

    /// Waits for a cell, then runs `future`.
    ///
    /// # Cancel safety
    ///
    /// Before `future` is polled first, as [`acquire`](Self::acquire); after that, as `future`, and the cell is spent.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); `future` is dropped then, unpolled.
    pub fn run<F: Future>(&self, future: F) -> Run<AcquireCells<'_, R>, F> {
        self.run_many(1, future)
    }

    /// Waits for `n` cells, then runs `future`.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// As [`acquire_many`](Self::acquire_many); `future` is dropped then, unpolled.
    pub fn run_many<F: Future>(&self, n: u32, future: F) -> Run<AcquireCells<'_, R>, F> {
        Run::new(self.acquire_many(n), future)
    }

    /// Waits for a cell, then runs `future`, and returns one result of both.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// Those of [`acquire`](Self::acquire), as the error of `future`, and those of `future`.
    pub fn try_run<T, E, F>(&self, future: F) -> TryRun<AcquireCells<'_, R>, F>
    where
        F: Future<Output = Result<T, E>>,
        E: From<ResourceLimitError>,
    {
        TryRun::new(self.run(future))
    }

    /// Builds the limit into a function: each call waits for a cell, and calls `f` then.
    ///
    /// The function takes one argument; use a tuple for more.
    ///
    /// ```
    /// # use mtaio_core::limit::{Quota, RateLimiter};
    /// # use mtaio_core::runtime::VirtualRuntime;
    /// # let runtime = VirtualRuntime::new();
    /// let limiter = RateLimiter::with_runtime(Quota::per_second(10), runtime.clone());
    /// let double = limiter.wrap(|x: u32| async move { 2 * x });
    /// assert_eq!(runtime.block_on(double(21)), Ok(42));
    /// ```
    #[doc(alias = "limit")]
    pub fn wrap<X, F, T>(&self, f: F) -> impl Fn(X) -> Wrapped<AcquireCellsOwned<R>, F, X> + Clone + use<X, F, T, R>
    where
        F: Fn(X) -> T,
        T: Future,
    {
        self.wrap_many(1, f)
    }

    /// As [`wrap`](Self::wrap), at `n` cells a call.
    pub fn wrap_many<X, F, T>(
        &self,
        n: u32,
        f: F,
    ) -> impl Fn(X) -> Wrapped<AcquireCellsOwned<R>, F, X> + Clone + use<X, F, T, R>
    where
        F: Fn(X) -> T,
        T: Future,
    {
        self.wrap_call(n, f)
    }

    /// Builds the limit into a function that is not async: each call waits for a cell, and calls `f` then.
    pub fn wrap_sync<X, F, T>(
        &self,
        f: F,
    ) -> impl Fn(X) -> Wrapped<AcquireCellsOwned<R>, NotAsync<F>, X> + Clone + use<X, F, T, R>
    where
        F: Fn(X) -> T,
    {
        self.wrap_call(1, NotAsync(f))
    }

    fn wrap_call<X, F>(&self, n: u32, f: F) -> impl Fn(X) -> Wrapped<AcquireCellsOwned<R>, F, X> + Clone + use<X, F, R>
    where
        F: Call<X>,
    {
        let (shared, f) = (Arc::clone(&self.shared), Arc::new(f));
        move |argument| Wrapped::new(AcquireCellsOwned::new(Arc::clone(&shared), n), Arc::clone(&f), argument)
    }

    /// Changes the quota, also for those who wait. The cells that are there stay, at most the new burst of them.
    ///
    /// What is owed stays so too. Whoever waits for more than can be had in one request is refused, and so is who cannot be
    /// served within its `max_wait` any more.
    pub fn set_quota(&self, quota: Quota) {
        let cells = &self.shared.queue.supply;
        self.shared.queue.change_and_review(|state| {
            state.bucket.set_quota(state.now, quota);
            cells.resync(state);
        });
        observe::reconfigured(Cells::<R>::NAME, &format_args!("{quota}"));
    }

    /// The quota.
    pub fn quota(&self) -> Quota {
        self.shared.queue.peek(|state, _| state.bucket.quota())
    }

    /// The most cells that one request can have: the burst, and the [debt](RateLimiterBuilder::debt) that it may leave.
    pub fn largest(&self) -> u32 {
        self.shared.queue.peek(|state, _| state.bucket.largest())
    }

    /// How many cells one who does not wait can have now: none while anybody waits, or while there is a debt.
    pub fn available(&self) -> u32 {
        // A pump first: those whose turn has come are not in the way.
        self.shared.tick();
        self.shared.queue.peek(|state, waiters| match waiters {
            0 if !state.closed => state.bucket.available(state.now),
            _ => 0,
        })
    }

    /// How many wait.
    pub fn waiters(&self) -> usize {
        self.shared.queue.peek(|_, waiters| waiters)
    }

    /// What it looks like now, and what has become of those who stood in its line.
    ///
    /// ```
    /// # use mtaio_core::limit::{Quota, RateLimiter};
    /// # use mtaio_core::runtime::ManualClock;
    /// let limiter = RateLimiter::builder(Quota::per_second(10)).counting().build_on(ManualClock::new());
    /// limiter.try_acquire_many(3)?;
    /// let snapshot = limiter.snapshot();
    /// assert_eq!((snapshot.available, snapshot.line.granted, snapshot.line.refused), (7, 1, 0));
    /// # Ok::<(), mtaio_core::limit::ResourceLimitError>(())
    /// ```
    pub fn snapshot(&self) -> RateSnapshot {
        self.shared.snapshot()
    }

    /// Puts `n` cells back, as for work that was not done. What exceeds the burst is lost.
    pub fn refund(&self, n: u32) {
        let cells = &self.shared.queue.supply;
        self.shared.queue.change(|state| cells.give_back(state, n));
    }

    /// Ends every wait, now and later, with a closed error. Closing twice is closing.
    pub fn close(&self) {
        self.shared.closing.close_after(|| self.shared.queue.change_and_review(|state| state.closed = true));
        observe::closed(Cells::<R>::NAME);
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.shared.closing.is_closed()
    }

    /// Waits until it is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub fn closed(&self) -> Closed<'_> {
        self.shared.closing.closed()
    }

    /// Ticks the limiter where its runtime's timers cannot, because they call wakers under a lock of their own
    /// ([`Timer::WAKES_UNLOCKED`] is false there).
    ///
    /// Without it the waiter at the front does that, and one that is not polled holds up those behind it. Spawn one: a second takes its place. It
    /// completes when the limiter is closed. Everywhere else there is no need for it.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub fn driver(&self) -> Driver<R> {
        Driver::new(Arc::clone(&self.shared))
    }

    /// The runtime it waits on.
    pub fn runtime(&self) -> &R {
        &self.shared.queue.supply.runtime
    }
}

impl<R: Timer> Clone for RateLimiter<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<R: Timer> fmt::Debug for RateLimiter<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter")
            .field("quota", &format_args!("{}", self.quota()))
            .field("waiters", &self.waiters())
            .field("closed", &self.is_closed())
            .finish()
    }
}

impl<R: Timer> fmt::Debug for Shared<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests;
