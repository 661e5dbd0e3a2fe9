//! The rate limiter whose keys have weights, by the load that is reported of them.

mod builder;
mod scale;
mod weights;

use alloc::borrow::ToOwned;
use alloc::sync::Arc;
use core::borrow::Borrow;
use core::fmt;
use core::future::Future;
use core::hash::Hash;
use core::time::Duration;

pub use builder::AdaptiveRateLimiterBuilder;
use weights::Weights;

use crate::limit::error::ResourceLimitError;
use crate::limit::keyed::{AcquireKeyedCells, AdmitKeyedCells, KeyedLimiter, KeyedRateLimiter};
use crate::limit::quota::Quota;
use crate::limit::run::{Run, TryRun};
use crate::limit::snapshot::KeyedRateSnapshot;
use crate::runtime::Timer;
use crate::sync::Closed;

/// A rate limit for each key that follows the load which is reported of it: of a host, a tenant, a backend.
///
/// Each key has a weight, 1 at first. [`adjust_rate`](Self::adjust_rate) reports a load from 0 to 1:
///
/// | load | weight | admission |
/// |---|---|---|
/// | above 0.9 | times 0.8 | halved |
/// | above 0.8, up to 0.9 | | halved |
/// | from 0.5 to 0.8 | | |
/// | below 0.5 | times 1.2 | |
///
/// The rate of a key is its quota times its weight, times a half as long as the load last reported is above 0.8. The burst stays
/// what it is, so that what was admissible remains so, only later. All numbers can be [said otherwise](AdaptiveRateLimiterBuilder);
/// weights stay between 0.01 and 10 unless that is. A rate is scaled to a millionth.
///
/// Reports are what it goes by: a key of which nothing is reported any more keeps its weight, and its admission halved if that was the last
/// thing said, for an hour; then it is as one that nothing was said of. It is a handle: clones share everything.
///
/// Use an [`AdaptiveConcurrencyLimiter`](crate::limit::AdaptiveConcurrencyLimiter) where nobody reports a load, and
/// [`KeyedRateLimiter::set_quota`] where somebody knows the rate itself.
///
/// # What is guaranteed
///
/// For each key what [`KeyedRateLimiter`] guarantees; a new rate reaches those who wait already. Memory is bounded as there: besides the
/// keys that it knows, there is an entry for each one whose weight is not 1 or whose admission is halved.
///
/// # Fairness
///
/// For each key strictly first come, first served, by first poll.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use mtaio_core::limit::{AdaptiveRateLimiter, Quota};
/// use mtaio_core::runtime::VirtualRuntime;
///
/// let per_host = AdaptiveRateLimiter::<String, _>::with_runtime(Quota::per_second(10).burst(1), VirtualRuntime::new());
/// assert_eq!(per_host.adjust_rate("a", 0.95), 0.8);
/// // 10 a second, times 0.8, times a half for the load.
/// assert_eq!(per_host.quota("a"), Quota::per_second(4).burst(1));
/// per_host.try_acquire("a")?;
/// assert_eq!(per_host.try_acquire("a").unwrap_err().retry_after(), Some(Duration::from_millis(250)));
///
/// assert_eq!(per_host.adjust_rate("a", 0.7), 0.8);
/// assert_eq!(per_host.quota("a"), Quota::per_second(8).burst(1));
/// // Of others nothing was said.
/// assert_eq!((per_host.weight("b"), per_host.quota("b")), (1.0, Quota::per_second(10).burst(1)));
/// # Ok::<(), mtaio_core::limit::ResourceLimitError>(())
/// ```
pub struct AdaptiveRateLimiter<K, R: Timer> {
    keyed: KeyedRateLimiter<K, R>,
    weights: Arc<Weights<K>>,
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static, R: Timer + Default> AdaptiveRateLimiter<K, R> {
    /// Makes a limiter that gives every key the same quota, at first.
    pub fn new(quota: Quota) -> Self {
        Self::with_runtime(quota, R::default())
    }
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static, R: Timer> AdaptiveRateLimiter<K, R> {
    /// Makes a limiter that gives every key the same quota, at first, on `runtime`.
    pub fn with_runtime(quota: Quota, runtime: R) -> Self {
        Self::builder(quota).build_on(runtime).expect("the defaults are sensible")
    }

    /// Makes a limiter step by step: its thresholds and factors, a quota for each key, how many keys there may be.
    pub fn builder(quota: Quota) -> AdaptiveRateLimiterBuilder<K, R> {
        AdaptiveRateLimiterBuilder::new(quota)
    }

    /// Reports the load of a key, from 0 to 1, and returns its weight from now on.
    ///
    /// A load below 0 counts as 0, and one above 1 as 1: that of a machine can be more than its cores. What is not a number is ignored.
    pub fn adjust_rate<Q>(&self, key: &Q, load: f64) -> f64
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let report = self.weights.report(key, load, self.runtime().now());
        if report.all {
            // The load of all has passed the threshold: every key that is known has another quota, and so has who is on its way.
            self.keyed.quotas_have_changed();
            self.keyed.retain(|usage| {
                self.keyed.reset_quota(usage.key.borrow());
                true
            });
        }
        if report.one {
            self.keyed.reset_quota(key);
        }
        report.forgotten.iter().for_each(|key| self.keyed.reset_quota(key.borrow()));
        report.weight
    }

    /// The weight of a key: what its quota is multiplied by, without what an overload takes off for now.
    pub fn weight<Q>(&self, key: &Q) -> f64
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.weights.weight(key)
    }

    /// The quota that a key has now, its weight and its load taken into account.
    pub fn quota<Q>(&self, key: &Q) -> Quota
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.keyed.quota(key)
    }

    /// Takes a cell of the key's bucket if it conforms now and nobody waits for that key.
    ///
    /// # Errors
    ///
    /// As [`KeyedRateLimiter::try_acquire`].
    pub fn try_acquire<Q>(&self, key: &Q) -> Result<(), ResourceLimitError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.keyed.try_acquire(key)
    }

    /// Takes `n` cells of the key's bucket if they conform now and nobody waits for that key.
    ///
    /// # Errors
    ///
    /// As [`KeyedRateLimiter::try_acquire_many`].
    pub fn try_acquire_many<Q>(&self, key: &Q, n: u32) -> Result<(), ResourceLimitError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.keyed.try_acquire_many(key, n)
    }

    /// Waits until a cell of the key's bucket conforms.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place in the key's line. Nothing is spent.
    ///
    /// # Errors
    ///
    /// As [`KeyedRateLimiter::acquire`].
    ///
    /// # Panics
    ///
    /// If it has to wait and no runtime polls it, where the runtime's timers need one.
    pub fn acquire<'a, Q: ?Sized>(&'a self, key: &'a Q) -> AcquireKeyedCells<'a, K, Q, R> {
        self.keyed.acquire(key)
    }

    /// Waits until `n` cells of the key's bucket conform, all at once.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`KeyedRateLimiter::acquire_many`].
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    pub fn acquire_many<'a, Q: ?Sized>(&'a self, key: &'a Q, n: u32) -> AcquireKeyedCells<'a, K, Q, R> {
        self.keyed.acquire_many(key, n)
    }

    /// Waits for a cell of the key's bucket if its turn comes within `max_wait`, counted from the first poll.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`KeyedRateLimiter::acquire_within`].
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    pub fn acquire_within<'a, Q: ?Sized>(&'a self, key: &'a Q, max_wait: Duration) -> AcquireKeyedCells<'a, K, Q, R> {
        self.keyed.acquire_within(key, max_wait)
    }

    /// Waits for a cell of the key's bucket, then runs `future`.
    ///
    /// # Cancel safety
    ///
    /// Before `future` is polled first, as [`acquire`](Self::acquire); after that, as `future`, and the cell is spent.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); `future` is dropped then, unpolled.
    pub fn run<'a, Q, F>(&'a self, key: &'a Q, future: F) -> Run<AcquireKeyedCells<'a, K, Q, R>, F>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: Future,
    {
        self.keyed.run(key, future)
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
    pub fn try_run<'a, Q, T, E, F>(&'a self, key: &'a Q, future: F) -> TryRun<AcquireKeyedCells<'a, K, Q, R>, F>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: Future<Output = Result<T, E>>,
        E: From<ResourceLimitError>,
    {
        self.keyed.try_run(key, future)
    }

    /// How many wait for cells of the key's bucket.
    pub fn waiters<Q>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.keyed.waiters(key)
    }

    /// Of how many keys the weight is not 1, or the admission is halved.
    pub fn adjusted(&self) -> usize {
        self.weights.len()
    }

    /// What it looks like now, of all keys together: as [`KeyedRateLimiter::snapshot`].
    pub fn snapshot(&self) -> KeyedRateSnapshot {
        self.keyed.snapshot()
    }

    /// The limiter under it: what a key's bucket holds, who uses it most, refunds and handles of single keys. A quota that is set there
    /// stays until a report changes that of the key.
    pub const fn keyed(&self) -> &KeyedRateLimiter<K, R> {
        &self.keyed
    }

    /// Forgets a key: it has weight 1 and a full bucket when it comes again. Whoever waits for it is refused as if its limiter were
    /// closed. False if it was not known.
    pub fn remove<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let weighed = self.weights.remove(key);
        if weighed {
            self.keyed.quotas_have_changed();
        }
        self.keyed.remove(key) || weighed
    }

    /// Ends every wait, now and later and for every key, with a closed error. Closing twice is closing.
    pub fn close(&self) {
        self.keyed.close();
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.keyed.is_closed()
    }

    /// Waits until it is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub fn closed(&self) -> Closed<'_> {
        self.keyed.closed()
    }

    /// The runtime it waits on.
    pub fn runtime(&self) -> &R {
        self.keyed.runtime()
    }
}

impl<K: Hash + Eq + Clone, R: Timer> KeyedLimiter<K> for AdaptiveRateLimiter<K, R> {
    type Permit = ();
    type Admit = AdmitKeyedCells<K, R>;

    fn admit(&self, key: K, n: u32) -> Self::Admit {
        self.keyed.admit(key, n)
    }

    fn try_admit(&self, key: &K, n: u32) -> Result<(), ResourceLimitError> {
        self.keyed.try_admit(key, n)
    }
}

impl<K, R: Timer> Clone for AdaptiveRateLimiter<K, R> {
    fn clone(&self) -> Self {
        Self { keyed: self.keyed.clone(), weights: Arc::clone(&self.weights) }
    }
}

impl<K, R: Timer> fmt::Debug for AdaptiveRateLimiter<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdaptiveRateLimiter").field("keyed", &self.keyed).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests;
