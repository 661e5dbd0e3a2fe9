//! A counting semaphore: strictly fair, exact when it shrinks, and without an allocation per waiter.

mod error;
mod future;
mod permit;
mod permits;

use core::fmt;

#[cfg(feature = "alloc")]
use super::closed::Closed;
pub use error::{AcquireError, AcquireErrorKind};
pub use future::Acquire;
#[cfg(feature = "alloc")]
pub use future::{AcquireOwned, Idle};
#[cfg(feature = "alloc")]
pub use permit::OwnedPermit;
pub use permit::{HeldPermit, Permit};

pub(crate) use error::Refusal;
#[cfg(feature = "alloc")]
pub(crate) use permits::BoxClock;
use permits::{Permits, Tally};

#[cfg(feature = "alloc")]
use super::counts::Survey;
use super::observe;
use super::supply::Supply;
#[cfg(feature = "alloc")]
use super::wait_queue::Plan;
use super::wait_queue::{WaitQueue, waits};
use crate::primitive::const_fn;

#[cfg(feature = "alloc")]
use alloc::sync::Arc;

/// Hands out a limited number of permits.
///
/// One acquires any number of permits at once, and returns them by dropping the [`Permit`]. Without contention acquiring is
/// one compare-and-swap and returning one addition; a waiter lives inside its own future, so that waiting allocates nothing.
/// It can be a `static`.
///
/// Use [`ConcurrencyLimiter`](crate::limit::ConcurrencyLimiter) to limit how much runs at once in an application; it is this
/// semaphore with a limit that can be changed, waits with a deadline, and wrapped functions.
///
/// # Fairness
///
/// Strictly first come, first served, by first poll. A large request at the front is never overtaken by small ones, and
/// [`try_acquire`](Self::try_acquire) fails while anybody waits.
///
/// # Examples
///
/// ```
/// use mtaio_core::sync::Semaphore;
///
/// static CONNECTIONS: Semaphore = Semaphore::new(2);
///
/// let first = CONNECTIONS.try_acquire()?;
/// let second = CONNECTIONS.try_acquire()?;
/// assert!(CONNECTIONS.try_acquire().is_err());
/// drop(first);
/// assert_eq!(CONNECTIONS.available(), 1);
/// # drop(second);
/// # Ok::<(), mtaio_core::sync::AcquireError>(())
/// ```
pub struct Semaphore {
    queue: WaitQueue<Permits>,
}

waits!([] Semaphore, Permits, queue);

impl Semaphore {
    /// The most permits that a semaphore can have: 2^61 - 1 where pointers have 64 bits.
    pub const MAX_PERMITS: usize = permits::MAX;

    const_fn! {
        /// Makes a semaphore with `permits` permits.
        ///
        /// # Panics
        ///
        /// If `permits` exceeds [`MAX_PERMITS`](Self::MAX_PERMITS); in a constant that is a compile error.
        pub const fn new(permits: usize) -> Self {
            assert!(permits <= Self::MAX_PERMITS, "a semaphore has at most Semaphore::MAX_PERMITS permits");
            Self { queue: WaitQueue::new(Permits::new(permits), Tally::new(permits)) }
        }
    }

    /// Makes a semaphore that refuses what exceeds its total, and more than `max_waiters` at a time.
    #[cfg(all(test, feature = "std"))]
    pub(crate) fn bounded(permits: usize, max_waiters: usize) -> Self {
        let plan = Plan { order: super::line::Order::Fifo, codel: None, counting: false };
        Self::planned(permits, max_waiters, plan, None)
    }

    /// As `bounded`, with a line that is kept so. What goes by time needs a clock.
    #[cfg(feature = "alloc")]
    pub(crate) fn planned(permits: usize, max_waiters: usize, plan: Plan, clock: Option<BoxClock>) -> Self {
        let tally = Tally { bounded: true, max_waiters, clock, ..Tally::new(permits) };
        let supply = if plan.counting { Permits::counting(permits) } else { Permits::new(permits) };
        Self { queue: WaitQueue::ordered(supply, tally, plan) }
    }

    /// What the line looks like, how many permits there are in all, and how many are held.
    #[cfg(feature = "alloc")]
    pub(crate) fn survey(&self) -> ((usize, usize), Survey) {
        self.queue.survey(|tally, _| (tally.total, self.queue.supply.in_flight(tally)))
    }

    /// What the line looks like to one whose clock says `now`, and how many permits are held. It serves nobody.
    #[cfg(feature = "keyed")]
    pub(crate) fn glance(&self, now: Option<crate::time::Instant>) -> (usize, Survey) {
        (self.in_flight(), self.queue.glance(now))
    }

    /// Takes what was counted so far, for who keeps it instead.
    #[cfg(feature = "keyed")]
    pub(crate) fn take_counts(&self) -> super::counts::Counts {
        self.queue.take_counts()
    }

    /// Waits for a permit.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place in the queue. A permit that it was granted already goes to the next.
    ///
    /// # Errors
    ///
    /// [`AcquireErrorKind::Closed`] when the semaphore is closed, also while waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mtaio_core::{runtime::VirtualRuntime, sync::Semaphore};
    /// # VirtualRuntime::new().block_on(async {
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.acquire().await?;
    /// assert_eq!(semaphore.available(), 0);
    /// drop(permit);
    /// assert_eq!(semaphore.available(), 1);
    /// # Ok::<(), mtaio_core::sync::AcquireError>(()) }).unwrap();
    /// ```
    #[inline]
    pub fn acquire(&self) -> Acquire<'_> {
        self.acquire_many(1)
    }

    /// Waits for `n` permits, all at once. Zero permits are there at once, and do not queue.
    ///
    /// If there are fewer than `n` in all, it waits until they have been [added](Self::add_permits).
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    #[inline]
    pub fn acquire_many(&self, n: u32) -> Acquire<'_> {
        Acquire::new(self, n)
    }

    /// Takes a permit if one is free and nobody waits.
    ///
    /// # Errors
    ///
    /// [`AcquireErrorKind::NoPermits`] or [`AcquireErrorKind::Closed`].
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_>, AcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if they are free and nobody waits.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire).
    #[inline]
    pub fn try_acquire_many(&self, n: u32) -> Result<Permit<'_>, AcquireError> {
        self.take(n).map(|()| Permit::new(self, n))
    }

    /// As [`acquire`](Self::acquire), for a permit that keeps the semaphore alive.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    #[cfg(feature = "alloc")]
    #[inline]
    pub fn acquire_owned(self: &Arc<Self>) -> AcquireOwned {
        self.acquire_many_owned(1)
    }

    /// As [`acquire_many`](Self::acquire_many), for permits that keep the semaphore alive.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    #[cfg(feature = "alloc")]
    #[inline]
    pub fn acquire_many_owned(self: &Arc<Self>, n: u32) -> AcquireOwned {
        AcquireOwned::new(Arc::clone(self), n)
    }

    /// As [`try_acquire`](Self::try_acquire), for a permit that keeps the semaphore alive.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire).
    #[cfg(feature = "alloc")]
    #[inline]
    pub fn try_acquire_owned(self: &Arc<Self>) -> Result<OwnedPermit, AcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), for permits that keep the semaphore alive.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire).
    #[cfg(feature = "alloc")]
    #[inline]
    pub fn try_acquire_many_owned(self: &Arc<Self>, n: u32) -> Result<OwnedPermit, AcquireError> {
        self.take(n).map(|()| OwnedPermit::new(Arc::clone(self), n))
    }

    /// Adds `n` permits, and serves at once whoever waited for them. They pay a debt first.
    ///
    /// # Panics
    ///
    /// If there would be more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    pub fn add_permits(&self, n: usize) {
        let fits = self.queue.change(|tally| {
            let held_and_free = (tally.total + tally.debt).saturating_add(n);
            if held_and_free > Self::MAX_PERMITS {
                return false;
            }
            tally.total += n;
            tally.give(n);
            true
        });
        assert!(fits, "a semaphore has at most {} permits, so {n} more are too many", Self::MAX_PERMITS);
    }

    /// Removes `n` permits, or all if there are fewer, and returns how many.
    ///
    /// Free ones go at once; for the rest the next ones that come back vanish, exactly as many. Nothing is taken from who holds
    /// one.
    pub fn reduce_permits(&self, n: usize) -> usize {
        self.queue.change(|tally| {
            let n = n.min(tally.total);
            tally.total -= n;
            tally.debt += n;
            n
        })
    }

    /// Makes the total `total`. Whoever waits for more than that, and it is not zero, is refused.
    pub(crate) fn resize(&self, total: usize) {
        let total = total.min(Self::MAX_PERMITS);
        self.queue.change_and_review(|tally| {
            let grown = total.saturating_sub(tally.total);
            tally.debt += tally.total.saturating_sub(total);
            tally.total = total;
            // What grows beyond the debt is free at once.
            let paid = grown.min(tally.debt);
            tally.debt -= paid;
            tally.give(grown - paid);
        });
        observe::reconfigured(Permits::NAME, &total);
    }

    /// How many permits can be had at once by who does not wait, if nobody does.
    pub fn available(&self) -> usize {
        let supply = &self.queue.supply;
        supply.free().unwrap_or_else(|| self.queue.peek(|tally, _| supply.free_locked(tally)))
    }

    /// How many permits are held. Where permits come and go meanwhile, it is a number that was true a moment ago.
    pub fn in_flight(&self) -> usize {
        self.queue.peek(|tally, _| self.queue.supply.in_flight(tally))
    }

    /// How many permits there are in all, held or free, without those that vanish when they come back.
    pub fn total(&self) -> usize {
        self.queue.peek(|tally, _| tally.total)
    }

    /// How many wait.
    pub fn waiters(&self) -> usize {
        self.queue.peek(|_, waiters| waiters)
    }

    /// Ends every wait, now and later, with [`AcquireErrorKind::Closed`]. Held permits stay valid. Closing twice is closing.
    pub fn close(&self) {
        let close = || self.queue.change_and_review(|_| self.queue.supply.close());
        #[cfg(feature = "alloc")]
        self.queue.supply.closing.close_after(close);
        #[cfg(not(feature = "alloc"))]
        close();
        observe::closed(Permits::NAME);
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.queue.supply.is_closed()
    }

    /// Waits until it is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    #[cfg(feature = "alloc")]
    pub fn closed(&self) -> Closed<'_> {
        self.queue.supply.closing.closed()
    }

    /// Waits until no permit is held.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    #[cfg(feature = "alloc")]
    pub fn idle(&self) -> Idle<'_> {
        Idle::new(self)
    }

    /// Refuses what would never be granted.
    #[cfg(feature = "alloc")]
    pub(crate) fn vet(&self, n: u32) -> Result<(), AcquireError> {
        let vetted = self.queue.peek(|tally, _| self.queue.supply.vet(tally, &n));
        vetted.map_err(|refusal| AcquireError::new(refusal, n))
    }

    /// Takes `n` permits that whoever calls [`release`](Self::release)s.
    #[inline]
    pub(crate) fn take(&self, n: u32) -> Result<(), AcquireError> {
        match self.try_take_at_once(n) {
            Some(()) => Ok(()),
            None => self.take_in_turn(n),
        }
    }

    #[inline]
    fn try_take_at_once(&self, n: u32) -> Option<()> {
        self.queue.supply.try_take(n)
    }

    #[cold]
    fn take_in_turn(&self, n: u32) -> Result<(), AcquireError> {
        // More than one can be more than there ever are, which the lock knows.
        let refused = n == 1 && self.queue.supply.is_empty();
        let answer = if refused { Err(Refusal::NoPermits) } else { self.queue.try_take(&n) };
        answer.map_err(|refusal| AcquireError::new(refusal, n))
    }

    #[inline]
    pub(crate) fn release(&self, n: usize) {
        if self.queue.supply.is_queued() {
            self.hand_over(n);
        } else if self.queue.supply.give(n) {
            self.hand_over(0);
        }
    }

    /// Returns `n` permits, and serves whoever waits.
    #[cold]
    fn hand_over(&self, n: usize) {
        self.queue.change(|tally| tally.give(n));
    }

    fn forget(&self, n: u32) {
        let n = n as usize;
        // Where the total bounds a request, somebody may ask for too much now.
        self.queue.change_and_review(|tally| {
            // What the total does not cover was a debt, and is paid now.
            let uncovered = n.saturating_sub(tally.total);
            tally.total -= n - uncovered;
            tally.debt -= uncovered;
        });
    }

    #[cfg(feature = "alloc")]
    fn watch(&self, change: isize) {
        self.queue.change(|tally| tally.watchers = tally.watchers.saturating_add_signed(change));
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available", &self.available())
            .field("total", &self.total())
            .field("waiters", &self.waiters())
            .field("closed", &self.is_closed())
            .finish()
    }
}
