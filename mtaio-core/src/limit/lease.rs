//! A lease: cells of a rate limiter that one holder has at hand.

mod future;
mod pace;

use core::fmt;

pub use future::AcquireLeased;

use pace::Pace;

use super::error::{ResourceLimitError, ResourceLimitErrorKind};
use super::rate::RateLimiter;
use crate::runtime::Timer;

/// Cells that one task or thread has at hand: taken from a [`RateLimiter`] in batches, and handed out without looking at what
/// others share, or at the clock.
///
/// It is for holders who ask millions of times a second; [`RateLimiter::lease`] makes one for each. A cell that is at hand costs
/// a few instructions, on any number of cores at once. Where nobody is that fast, the limiter itself is simpler, and as good.
///
/// # What is guaranteed
///
/// In any window of length `w` no more than `burst + outstanding + rate * (w + cap)` cells are handed out by the limiter and all
/// its leases together, where `outstanding` is what the leases hold when the window begins: never more than the sum of their
/// sizes. The other terms are those of [`RateLimiter`]. Nothing is lost: what is held and not handed out goes back, up to the
/// burst, when the lease is dropped or told to [`give_back`](Self::give_back).
///
/// # How large a batch is
///
/// About what the holder uses in a millisecond, between one cell and the size of the lease, and at most twice what it used of the
/// batch before. So a holder that asks less than a thousand times a second holds nothing that it does not ask for; one that is
/// fast and then stops holds at most twice what it used before that. A batch is never larger than the burst; where the quota gets
/// a larger one, a lease makes use of it after it has given back.
///
/// # Fairness
///
/// A batch comes in line as any other request: it overtakes nobody who waits, and does not wait to be full. Where the whole batch
/// is not there, only what is missing to the request is taken, or waited for. What is at hand is handed out whoever else waits:
/// it was granted before.
///
/// # What happens to what it holds
///
/// When the limiter is closed, or its burst gets smaller, cells at hand stay valid: they were granted before. A lease that is
/// forgotten ([`mem::forget`](core::mem::forget)) has spent them. It can be dropped on any thread.
///
/// # Examples
///
/// ```
/// use mtaio_core::limit::{Quota, RateLimiter};
/// # use mtaio_core::runtime::ManualClock;
///
/// let limiter = RateLimiter::with_runtime(Quota::per_second(1_000_000).burst(1000), ManualClock::new());
/// let mut lease = limiter.lease(100);
/// for _ in 0..100 {
///     lease.try_acquire()?;
/// }
/// assert_eq!(limiter.available() + lease.held(), 900);
/// drop(lease);
/// assert_eq!(limiter.available(), 900);
/// # Ok::<(), mtaio_core::limit::ResourceLimitError>(())
/// ```
pub struct Lease<R: Timer> {
    limiter: RateLimiter<R>,
    stock: Stock,
}

/// What a lease holds, and how it comes to more.
struct Stock {
    held: u32,
    pace: Pace,
    /// The largest batch that was asked for when the lease was made.
    size: u32,
}

impl Stock {
    /// Hands out `n` cells of those that are held.
    #[inline]
    fn take(&mut self, n: u32) -> bool {
        match self.held.checked_sub(n) {
            Some(rest) => {
                self.held = rest;
                true
            }
            None => false,
        }
    }

    /// Hands out `n` cells, more than are held: fetches a batch, or what is missing if that is all there is.
    fn take_more<R: Timer>(&mut self, limiter: &RateLimiter<R>, n: u32) -> Result<(), ResourceLimitError> {
        let now = limiter.runtime().now();
        let missing = n - self.held;
        let batch = self.pace.batch(now, self.held).clamp(missing, u32::MAX - self.held);
        let fetch = |cells| limiter.shared().take(|| now, cells).map(|()| cells);
        let fetched = fetch(batch).or_else(|error| match error.kind() {
            ResourceLimitErrorKind::NotReady | ResourceLimitErrorKind::TooLarge if batch > missing => {
                if error.kind() == ResourceLimitErrorKind::TooLarge {
                    self.look_at_the_burst(limiter);
                }
                fetch(missing)
            }
            _ => Err(error),
        });
        let stock = self.held + fetched.map_err(|error| error.asked(n))?;
        self.pace.fetched(now, stock);
        self.held = stock - n;
        Ok(())
    }

    /// Hands out `n` cells, of which those that were missing were waited for.
    fn take_with_waited_for<R: Timer>(&mut self, limiter: &RateLimiter<R>, n: u32) {
        self.pace.fetched(limiter.runtime().now(), n);
        self.held = 0;
    }

    fn look_at_the_burst<R: Timer>(&mut self, limiter: &RateLimiter<R>) {
        self.pace.set_ceiling(self.size.min(limiter.quota().burst_size()));
    }
}

impl<R: Timer> RateLimiter<R> {
    /// A handle of its own for one task or thread, that takes cells in batches of at most `n` and hands them out without looking
    /// at what others share: see [`Lease`].
    ///
    /// It takes nothing before it is used. A batch is at most the burst, also if `n` is larger.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    #[track_caller]
    pub fn lease(&self, n: u32) -> Lease<R> {
        assert!(n > 0, "a lease of 0 cells would never hold any; it is at least 1");
        let ceiling = n.min(self.quota().burst_size());
        Lease { limiter: self.clone(), stock: Stock { held: 0, pace: Pace::new(ceiling), size: n } }
    }
}

impl<R: Timer> Lease<R> {
    /// Takes a cell if one is at hand, or can be fetched now.
    ///
    /// # Errors
    ///
    /// As [`try_acquire_many`](Self::try_acquire_many).
    #[inline]
    pub fn try_acquire(&mut self) -> Result<(), ResourceLimitError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` cells if so many are at hand, or those that are missing can be fetched now. Zero cells always can.
    ///
    /// # Errors
    ///
    /// As [`RateLimiter::try_acquire_many`] for the cells that are missing: not ready, with
    /// [`retry_after`](ResourceLimitError::retry_after), closed, or too large. What is at hand stays there.
    #[inline]
    pub fn try_acquire_many(&mut self, n: u32) -> Result<(), ResourceLimitError> {
        if self.stock.take(n) { Ok(()) } else { self.try_fetch(n) }
    }

    #[cold]
    #[inline(never)]
    fn try_fetch(&mut self, n: u32) -> Result<(), ResourceLimitError> {
        self.stock.take_more(&self.limiter, n)
    }

    /// Takes a cell that is at hand, or fetches and, if it has to, waits for one.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire_many`](Self::acquire_many).
    ///
    /// # Errors
    ///
    /// As [`RateLimiter::acquire`].
    ///
    /// # Panics
    ///
    /// As [`RateLimiter::acquire`].
    #[inline]
    pub fn acquire(&mut self) -> AcquireLeased<'_, R> {
        self.acquire_many(1)
    }

    /// Takes `n` cells that are at hand, or fetches and, if it has to, waits for those that are missing.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place in line. Nothing is spent, and what is at hand stays there.
    ///
    /// # Errors
    ///
    /// As [`RateLimiter::acquire_many`], for the cells that are missing.
    ///
    /// # Panics
    ///
    /// As [`RateLimiter::acquire`].
    #[inline]
    pub fn acquire_many(&mut self, n: u32) -> AcquireLeased<'_, R> {
        AcquireLeased::new(&self.limiter, &mut self.stock, n)
    }

    /// How many cells are at hand.
    pub const fn held(&self) -> u32 {
        self.stock.held
    }

    /// The size of the largest batch, as it was asked for.
    pub const fn size(&self) -> u32 {
        self.stock.size
    }

    /// The limiter that the cells are from.
    pub const fn limiter(&self) -> &RateLimiter<R> {
        &self.limiter
    }

    /// Puts the cells at hand back, as before a long pause. What exceeds the burst is lost.
    pub fn give_back(&mut self) {
        let held = core::mem::take(&mut self.stock.held);
        self.stock.pace.gave_back(held);
        self.stock.look_at_the_burst(&self.limiter);
        if held > 0 {
            self.limiter.refund(held);
        }
    }
}

impl<R: Timer> Drop for Lease<R> {
    fn drop(&mut self) {
        if self.stock.held > 0 {
            self.limiter.refund(self.stock.held);
        }
    }
}

impl<R: Timer> fmt::Debug for Lease<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("held", &self.held())
            .field("size", &self.size())
            .field("limiter", &self.limiter)
            .finish()
    }
}

#[cfg(all(test, feature = "test-util", not(any(loom, shuttle))))]
mod tests;
