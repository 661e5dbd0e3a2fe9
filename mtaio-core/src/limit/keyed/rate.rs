//! The rate limiter with a bucket for each key.

mod inner;

use alloc::borrow::ToOwned;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;
use core::future::Future;
use core::hash::Hash;
use core::marker::PhantomData;
use core::time::Duration;

use inner::{Inner, Request, Said, ask, give_back};

use super::builder::KeyedRateLimiterBuilder;
use super::future::AcquireKeyedCells;
use super::homes::Homes;
use super::level::{Draw, Level};
use super::lines::{Kept, Lines, Rates};
use super::store::{Kind, NoEntry, Store};
use super::table::Visits;
use super::totals::Sum;
use super::usage::KeyUsage;
use crate::alarm::chime::Chime;
use crate::limit::error::ResourceLimitError;
use crate::limit::gcra::Gcra;
use crate::limit::quota::Quota;
use crate::limit::rate::{RateLimiter, Shared};
use crate::limit::run::{Run, TryRun};
use crate::limit::snapshot::KeyedRateSnapshot;
use crate::runtime::Timer;
use crate::sync::observe;
use crate::sync::{Closed, Closing};
use crate::time::Instant;

/// A rate limit for each key: so many cells in a time for every user, host or address.
///
/// Each key has a bucket of its own, which is full when the key comes first, and those who come too early for theirs wait in a
/// line of its own. Keys need only be hashed and compared, and are looked up by whatever they borrow as (`&str` for `String`). It
/// is a handle: clones share the limits. Applications use the alias of their runtime's adapter, which has the key as its only
/// parameter.
///
/// # What is guaranteed
///
/// For each key, as long as it is not [removed](Self::remove) or evicted, what [`RateLimiter`] guarantees.
///
/// Memory is bounded by itself: a key whose bucket is full again, that nobody waits for and that has no handle of its own is
/// forgotten in passing when other keys come, since it could not be told from a new one. A few are looked at each time; nothing
/// sweeps, and no operation becomes slower the more keys there are. [`max_keys`](KeyedRateLimiterBuilder::max_keys) sets a hard bound.
/// All keys together have one alarm of the runtime.
///
/// A key takes some 19 bytes and its own size; one that was waited for takes some hundred more until it is forgotten. Where a quota
/// in lowest terms has more than 80,000 cells in its period of whole nanoseconds, a table of keys may have to be looked at as a whole,
/// every half an hour at that number and more often in proportion, unless keys came often enough to look at all in passing.
///
/// # Keys that attackers choose
///
/// Keys are hashed with a seed that differs from limiter to limiter, so that nobody can choose many that collide. `Eq` and `Borrow`
/// of the keys run under a lock of the limiter, and must not use it; nothing else of theirs does, except `Clone` where it is asked
/// for.
///
/// # Fairness
///
/// For each key strictly first come, first served, by first poll. Keys do not wait for each other.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use mtaio_core::limit::{KeyedRateLimiter, Quota};
/// use mtaio_core::runtime::{Clock, VirtualRuntime};
///
/// let runtime = VirtualRuntime::new();
/// let quota = Quota::per_second(10).burst(2);
/// let per_user = KeyedRateLimiter::<String, _>::with_runtime(quota, runtime.clone());
/// runtime.block_on(async {
///     per_user.try_acquire("ann")?;
///     per_user.try_acquire("ann")?;
///     assert_eq!(per_user.try_acquire("ann").unwrap_err().retry_after(), Some(Duration::from_millis(100)));
///     // Another one has a bucket of its own.
///     per_user.try_acquire("bob")?;
///     per_user.acquire("ann").await?;
///     assert_eq!(runtime.now().as_nanos(), 100_000_000);
///     Ok::<_, mtaio_core::limit::ResourceLimitError>(())
/// }).unwrap();
/// ```
pub struct KeyedRateLimiter<K, R: Timer> {
    inner: Arc<Inner<K, R>>,
}

impl<K: Hash + Eq, R: Timer + Default> KeyedRateLimiter<K, R> {
    /// Makes a limiter that gives every key the same quota.
    pub fn new(quota: Quota) -> Self {
        Self::with_runtime(quota, R::default())
    }
}

impl<K: Hash + Eq, R: Timer> KeyedRateLimiter<K, R> {
    /// Makes a limiter that gives every key the same quota, on `runtime`.
    pub fn with_runtime(quota: Quota, runtime: R) -> Self {
        Self::builder(quota).build_on(runtime)
    }

    /// Makes a limiter step by step: a quota for each key, how many keys there may be, how many may wait.
    pub fn builder(quota: Quota) -> KeyedRateLimiterBuilder<K, R> {
        KeyedRateLimiterBuilder::new(quota)
    }

    pub(super) fn from_builder(builder: KeyedRateLimiterBuilder<K, R>, runtime: R) -> Self {
        let KeyedRateLimiterBuilder { template, quota, quota_of, options } = builder;
        let counting = template.is_counting();
        let store = Store::new(Rates(PhantomData), &options, runtime.now(), || Lines::new(quota, counting));
        let usual = if counting { Gcra::new(quota).without_burst() } else { Gcra::new(quota) };
        let (homes, chime) = (Homes::new(quota, quota_of), Chime::new(runtime.clone()));
        Self { inner: Arc::new(Inner { store, usual, homes, template, chime, closing: Closing::new(), runtime }) }
    }

    /// Takes a cell of the key's bucket if it conforms now and nobody waits for that key.
    ///
    /// # Errors
    ///
    /// As [`RateLimiter::try_acquire`]; and of kind
    /// [`TooManyKeys`](crate::limit::ResourceLimitErrorKind::TooManyKeys) if the key is new and there is no room for it.
    ///
    /// # Panics
    ///
    /// If the key is new, and the function that says its quota panics. Nothing is taken then.
    #[inline]
    pub fn try_acquire<Q>(&self, key: &Q) -> Result<(), ResourceLimitError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.try_acquire_many(key, 1)
    }

    /// Takes `n` cells of the key's bucket if they conform now and nobody waits for that key. Zero cells always do.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire), and too large if `n` exceeds the burst.
    ///
    /// # Panics
    ///
    /// As [`try_acquire`](Self::try_acquire).
    #[inline]
    pub fn try_acquire_many<Q>(&self, key: &Q, n: u32) -> Result<(), ResourceLimitError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.decide::<false, Q>(key, n)
    }

    /// Takes `n` cells, or says why not. One who `WAITS` if they are not there is not counted as refused then.
    #[inline]
    pub(super) fn decide<const WAITS: bool, Q>(&self, key: &Q, n: u32) -> Result<(), ResourceLimitError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let (inner, hash) = (&*self.inner, self.inner.store.hash(key));
        let (now, scale, request) = (inner.runtime.now(), inner.usual.scale(), Request { n, waits: WAITS });
        let Some(draw) = Draw::of(scale, now.as_nanos(), n) else { return inner.ask_at_length(key, request) };
        match inner.store.with_once(hash, key, now, |lines, word| ask(lines, &draw, word, now, n)) {
            Ok(Said::Taken) => Ok(()),
            Ok(Said::Short(units)) => match scale.wait_for_units(units) {
                Some(wait) => Err(ResourceLimitError::not_ready(Some(wait))),
                None => inner.ask_at_length(key, request),
            },
            // Whatever it is, it is found again there: what is not needed here need not be kept while the lock is held.
            Ok(Said::Unclear) | Err(_) => inner.ask_at_length(key, request),
        }
    }

    /// As [`try_acquire`](Self::try_acquire), counting how many entries are looked at.
    #[cfg(test)]
    pub(super) fn try_acquire_counted(&self, key: &K, visits: &mut Visits) -> Result<(), ResourceLimitError>
    where
        K: Clone,
    {
        self.inner.ask_counted(key, Request { n: 1, waits: false }, visits)
    }

    /// For how many nanoseconds an entry may have gone unseen, in the table where that is longest, and how many that should be.
    #[cfg(test)]
    pub(super) fn unseen(&self) -> (u64, u64) {
        let (mut longest, mut due, now) = (0, u64::MAX, self.inner.runtime.now());
        self.inner.store.tell(|shard| {
            longest = shard.unseen(now).max(longest);
            due = self.inner.store.kind.stale_after(&shard.more).min(due);
        });
        (longest, due)
    }

    /// Waits until a cell of the key's bucket conforms.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place in the key's line. Nothing is spent.
    ///
    /// # Errors
    ///
    /// As [`RateLimiter::acquire`]; of kind [`TooManyKeys`](crate::limit::ResourceLimitErrorKind::TooManyKeys) if the key is new
    /// and there is no room for it; and closed if the key is removed meanwhile.
    ///
    /// # Panics
    ///
    /// If it has to wait and no runtime polls it, where the runtime's timers need one; or as [`try_acquire`](Self::try_acquire).
    #[inline]
    pub fn acquire<'a, Q: ?Sized>(&'a self, key: &'a Q) -> AcquireKeyedCells<'a, K, Q, R> {
        self.acquire_many(key, 1)
    }

    /// Waits until `n` cells of the key's bucket conform, all at once. Zero cells do at once, and do not queue.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); and too large if `n` exceeds the burst.
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    #[inline]
    pub fn acquire_many<'a, Q: ?Sized>(&'a self, key: &'a Q, n: u32) -> AcquireKeyedCells<'a, K, Q, R> {
        AcquireKeyedCells::new(self, key, n, None)
    }

    /// Waits for a cell of the key's bucket if its turn comes within `max_wait`, counted from the first poll.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); and of kind deadline, without waiting, if its turn comes later than that.
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    pub fn acquire_within<'a, Q: ?Sized>(&'a self, key: &'a Q, max_wait: Duration) -> AcquireKeyedCells<'a, K, Q, R> {
        AcquireKeyedCells::new(self, key, 1, Some(max_wait))
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
        Run::new(self.acquire(key), future)
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
        TryRun::new(self.run(key, future))
    }

    /// The limiter of one key, to do with it what a limiter can do: to be part of a
    /// [`ResourceLimiter`](crate::limit::ResourceLimiter), for example, together with a limit for all.
    ///
    /// The key is kept as long as there are handles to it. A quota that is changed through one is that of the key until it is
    /// forgotten; [`set_quota`](Self::set_quota) lasts.
    ///
    /// # Errors
    ///
    /// [`ResourceLimitError`] if the key is new and there is no room for it, or when the limiter is closed.
    ///
    /// # Panics
    ///
    /// As [`try_acquire`](Self::try_acquire).
    ///
    /// # Examples
    ///
    /// ```
    /// use mtaio_core::limit::{KeyedRateLimiter, Quota, RateLimiter, ResourceLimiter};
    /// # use mtaio_core::runtime::VirtualRuntime;
    /// # let runtime = VirtualRuntime::new();
    ///
    /// let all = RateLimiter::with_runtime(Quota::per_second(100), runtime.clone());
    /// let per_user = KeyedRateLimiter::<u64, _>::with_runtime(Quota::per_second(1), runtime.clone());
    ///
    /// // One cell of both, or of none.
    /// let ann = ResourceLimiter::builder().rate(&all).rate(&per_user.limiter(&7)?).build()?;
    /// let _permit = ann.try_acquire()?;
    /// assert!(ann.try_acquire().is_err());
    /// assert_eq!((all.available(), per_user.available(&7)), (99, 0));
    /// # Ok::<(), mtaio_core::limit::ResourceError>(())
    /// ```
    pub fn limiter<Q>(&self, key: &Q) -> Result<RateLimiter<R>, ResourceLimitError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.line(key).map(RateLimiter::from_shared)
    }

    /// As [`limiter`](Self::limiter), for one who waits for `n` cells.
    pub(super) fn line_for<Q>(&self, key: &Q, n: u32) -> Result<Arc<Shared<R>>, ResourceLimitError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let line = self.line(key);
        if self.inner.is_counting() && line.is_err() {
            self.inner.store.note(self.inner.store.hash(key), n, &line);
        }
        line
    }

    fn line<Q>(&self, key: &Q) -> Result<Arc<Shared<R>>, ResourceLimitError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let inner = &*self.inner;
        let (hash, now, mut visits) = (inner.store.hash(key), inner.runtime.now(), Visits::default());
        let promote = |lines: &mut Lines<R>, word: &mut u64| inner.promote(lines, word, now);
        match inner.store.with_counted(hash, key, now, promote, &mut visits) {
            Ok(line) => Ok(line),
            Err(NoEntry::Closed) => Err(ResourceLimitError::CLOSED),
            Err(_) => inner.enter(hash, key, now, None, promote, &mut visits),
        }
    }

    /// Puts `n` cells back into the key's bucket, as for work that was not done. What exceeds the burst is lost.
    pub fn refund<Q>(&self, key: &Q, n: u32)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let inner = &*self.inner;
        let (hash, now) = (inner.store.hash(key), inner.runtime.now());
        if let Ok(Some(line)) = inner.store.with(hash, key, now, |lines, word| give_back(lines, word, now, n)) {
            line.give_back(n);
        }
    }

    /// How many cells of the key's bucket one who does not wait can have now: none while anybody waits for it. A key that is not
    /// known has a full bucket.
    ///
    /// # Panics
    ///
    /// As [`try_acquire`](Self::try_acquire).
    pub fn available<Q>(&self, key: &Q) -> u32
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.look(key, |gcra, level, now| level.available(gcra.scale(), now.as_nanos()), RateLimiter::available)
            .unwrap_or_else(|| if self.is_closed() { 0 } else { self.quota_of_new(key).burst_size() })
    }

    /// How many wait for cells of the key's bucket.
    pub fn waiters<Q>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.look(key, |_, _, _| 0, RateLimiter::waiters).unwrap_or(0)
    }

    /// The key's quota, or the one that it would have if it came now.
    ///
    /// # Panics
    ///
    /// As [`try_acquire`](Self::try_acquire).
    pub fn quota<Q>(&self, key: &Q) -> Quota
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.look(key, |gcra, _, _| gcra.quota(), RateLimiter::quota).unwrap_or_else(|| self.quota_of_new(key))
    }

    fn quota_of_new<Q>(&self, key: &Q) -> Quota
    where
        K: Borrow<Q>,
        Q: Hash + ToOwned<Owned = K> + ?Sized,
    {
        self.inner.homes.of(self.inner.store.hash(key), &key.to_owned())
    }

    /// Looks at a key that is known: at its level, or at its limiter without the lock.
    fn look<Q, T>(
        &self,
        key: &Q,
        level: impl Fn(&Gcra, Level, Instant) -> T,
        limiter: impl FnOnce(&RateLimiter<R>) -> T,
    ) -> Option<T>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        enum Seen<T, R: Timer> {
            Level(T),
            Line(Arc<Shared<R>>),
        }
        let now = self.inner.runtime.now();
        let seen = self.inner.store.with(self.inner.store.hash(key), key, now, |lines, word| match Kept::of(*word) {
            Kept::Level { level: found, quota } => Seen::Level(level(lines.gcra(quota), found, now)),
            Kept::Line(number) => Seen::Line(Arc::clone(lines.line(number))),
        });
        match seen.ok()? {
            Seen::Level(seen) => Some(seen),
            Seen::Line(line) => Some(limiter(&RateLimiter::from_shared(line))),
        }
    }

    /// Gives a key another quota, now and whenever it comes again, whatever that of the others is. The cells that are there stay,
    /// at most the new burst of them.
    ///
    /// Whoever waits for more than the new burst is refused.
    ///
    /// # Panics
    ///
    /// As [`try_acquire`](Self::try_acquire), if somebody [resets](Self::reset_quota) it at the same time.
    pub fn set_quota<Q>(&self, key: &Q, quota: Quota)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let hash = self.inner.store.hash(key);
        self.inner.homes.say(hash, key.to_owned(), quota);
        let quota = self.inner.bring_home(hash, key);
        observe::reconfigured(Rates::<R>::NAME, &format_args!("{quota}"));
    }

    /// Gives a key the quota again that it would have without [`set_quota`](Self::set_quota).
    ///
    /// # Panics
    ///
    /// As [`try_acquire`](Self::try_acquire).
    pub fn reset_quota<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let hash = self.inner.store.hash(key);
        self.inner.homes.unsay(hash, key);
        let quota = self.inner.bring_home(hash, key);
        observe::reconfigured(Rates::<R>::NAME, &format_args!("{quota}"));
    }

    /// What the function says that gives keys their quotas may be another one from now on. Keys that are known keep theirs until it is
    /// [reset](Self::reset_quota).
    #[cfg(feature = "adaptive")]
    pub(in crate::limit) fn quotas_have_changed(&self) {
        self.inner.homes.touch();
    }

    /// How many keys are known now. Some of them may be forgotten as soon as others come.
    pub fn len(&self) -> usize {
        self.inner.store.len()
    }

    /// Whether no key is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets a key: it has a full bucket when it comes again. Whoever waits for it is refused as if its limiter were closed, and
    /// so is who has a [handle](Self::limiter) to it. False if it was not known.
    pub fn remove<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.inner.store.remove(self.inner.store.hash(key), key)
    }

    /// [Removes](Self::remove) all keys that `keep` returns false for.
    ///
    /// It looks at all keys, a table at a time, and calls `keep` without a lock: what it is told was true a moment ago.
    pub fn retain(&self, mut keep: impl FnMut(&KeyUsage<K>) -> bool)
    where
        K: Clone,
    {
        let now = self.inner.runtime.now();
        self.inner.store.for_each_table(
            |shard, seen: &mut Vec<KeyUsage<K>>| {
                seen.extend(shard.places().filter_map(|place| self.inner.usage(shard, place, now)));
            },
            |usage| {
                if !keep(&usage) {
                    self.remove(&usage.key);
                }
            },
        );
    }

    /// The `n` keys that are used most now: those that most wait for, and then those whose buckets miss most cells.
    ///
    /// It looks at all keys, a table at a time.
    pub fn busiest(&self, n: usize) -> Vec<KeyUsage<K>>
    where
        K: Clone,
    {
        let now = self.inner.runtime.now();
        self.inner.store.busiest(n, |shard, place| self.inner.rank(shard, place, now))
    }

    /// What it looks like now, all keys together, and what has become of those who stood in their lines.
    ///
    /// It looks at all keys that were waited for, a table at a time: what it tells of different keys need not have been true at one
    /// moment. With [`counting`](KeyedRateLimiterBuilder::counting) all requests are counted. What becomes of a key's handles after the key
    /// was [removed](Self::remove) is not.
    ///
    /// # Examples
    ///
    /// ```
    /// use mtaio_core::limit::{KeyedRateLimiter, Quota};
    /// # use mtaio_core::runtime::ManualClock;
    ///
    /// let per_user = KeyedRateLimiter::<u64, _>::builder(Quota::per_hour(1)).counting().build_on(ManualClock::new());
    /// per_user.try_acquire(&7)?;
    /// per_user.try_acquire(&8)?;
    /// assert!(per_user.try_acquire(&7).is_err());
    /// let snapshot = per_user.snapshot();
    /// assert_eq!((snapshot.keys.known, snapshot.line.granted, snapshot.line.refused), (2, 2, 1));
    /// # Ok::<(), mtaio_core::limit::ResourceLimitError>(())
    /// ```
    pub fn snapshot(&self) -> KeyedRateSnapshot {
        let inner = &*self.inner;
        // Those whose turn has come do not wait. They are served without the lock, because that wakes them.
        inner.store.for_each_table(
            |shard, waited_for| waited_for.extend(shard.more.all().filter(|line| line.is_waited_for()).cloned()),
            |line: Arc<Shared<R>>| line.tick(),
        );
        let (now, mut sum) = (inner.runtime.now(), Sum::new(true, inner.is_counting()));
        let keys = inner.store.tell(|shard| {
            shard.more.all().for_each(|line| sum.add_line(&line.glance(now)));
            sum.add_totals(&shard.more.totals);
        });
        KeyedRateSnapshot { keys, closed: self.is_closed(), line: sum.snapshot() }
    }

    /// Ends every wait, now and later and for every key, with a closed error, and forgets all keys. Closing twice is closing.
    pub fn close(&self) {
        self.inner.closing.close_after(|| self.inner.store.close());
        observe::closed(Rates::<R>::NAME);
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.inner.closing.is_closed()
    }

    /// Waits until it is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub fn closed(&self) -> Closed<'_> {
        self.inner.closing.closed()
    }

    /// The runtime it waits on.
    pub fn runtime(&self) -> &R {
        &self.inner.runtime
    }
}

impl<K, R: Timer> Clone for KeyedRateLimiter<K, R> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<K, R: Timer> fmt::Debug for KeyedRateLimiter<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRateLimiter")
            .field("quota", &self.inner.homes.default())
            .field("keys", &self.inner.store.len())
            .field("closed", &self.inner.closing.is_closed())
            .finish()
    }
}
