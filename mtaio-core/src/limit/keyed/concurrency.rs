//! The concurrency limiter with slots for each key.

use alloc::borrow::ToOwned;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;
use core::future::Future;
use core::hash::Hash;
use core::time::Duration;

use super::builder::KeyedConcurrencyLimiterBuilder;
use super::future::AcquireKeyedSlots;
use super::homes::Homes;
use super::store::{Kind, NoEntry, Store, Use};
use super::table::Visits;
use super::totals::{Sum, Totals};
use super::usage::{KeyUsage, Rank};
use crate::limit::concurrency::{ConcurrencyLimiter, ConcurrencyLimiterBuilder};
use crate::limit::error::ResourceLimitError;
use crate::limit::quota::InvalidQuota;
use crate::limit::run::{Run, TryRun};
use crate::limit::snapshot::KeyedConcurrencySnapshot;
use crate::runtime::Timer;
use crate::sync::counts::Counts;
use crate::sync::observe;
use crate::sync::{Closed, Closing, OwnedPermit, Semaphore};
use crate::time::Instant;

/// A limit on how much runs at once for each key: so many at a time for every user, host or address.
///
/// Each key has slots of its own, and those who come when none is free wait in a line of its own. Keys need only be hashed and
/// compared, and are looked up by whatever they borrow as (`&str` for `String`). It is a handle: clones share the limits.
/// Applications use the alias of their runtime's adapter, which has the key as its only parameter.
///
/// # What is guaranteed
///
/// For each key, as long as it is not [removed](Self::remove), what [`ConcurrencyLimiter`] guarantees.
///
/// Memory is bounded by itself: a key without a permit, a waiter or a handle of its own is forgotten in passing when other keys come,
/// since it could not be told from a new one. A few are looked at each time; nothing sweeps, and no operation becomes slower
/// the more keys there are. [`max_keys`](KeyedConcurrencyLimiterBuilder::max_keys) sets a hard bound; a key that is in use is never
/// evicted, so that new ones are refused when all are.
///
/// What [`KeyedRateLimiter`](super::KeyedRateLimiter) says of keys that attackers choose holds here too.
///
/// # Fairness
///
/// For each key strictly first come, first served, by first poll. Keys do not wait for each other.
///
/// # Examples
///
/// ```
/// use mtaio_core::limit::KeyedConcurrencyLimiter;
/// use mtaio_core::runtime::VirtualRuntime;
///
/// let runtime = VirtualRuntime::new();
/// let per_host = KeyedConcurrencyLimiter::<String, _>::with_runtime(2, runtime.clone());
/// runtime.block_on(async {
///     let first = per_host.acquire("one.example").await?;
///     let second = per_host.acquire("one.example").await?;
///     assert!(per_host.try_acquire("one.example").is_err());
///     let other = per_host.acquire("two.example").await?;
///     drop((first, second, other));
///     Ok::<_, mtaio_core::limit::ResourceLimitError>(())
/// }).unwrap();
/// ```
pub struct KeyedConcurrencyLimiter<K, R: Timer> {
    inner: Arc<Inner<K, R>>,
}

/// What the clones share.
struct Inner<K, R: Timer> {
    store: Store<K, Slots>,
    homes: Homes<K, usize>,
    /// How the slots of a single key are made, but for their number.
    template: ConcurrencyLimiterBuilder<R>,
    closing: Closing,
    runtime: R,
}

/// How keys of a concurrency limiter are judged.
pub(super) struct Slots;

/// The slots of a key, and how many it would come back with.
pub(super) struct Slot {
    semaphore: Arc<Semaphore>,
    limit: usize,
}

impl Kind for Slots {
    const NAME: &'static str = "keyed slots";

    type Value = Slot;
    type More = Totals;
    type Gone = Arc<Semaphore>;

    fn judge(&self, _: &Totals, Slot { semaphore, limit }: &Slot, _: Instant, _: u64) -> Use {
        // Permits, waiters and handles keep it alive, and are made under the table's lock only.
        let alike = || !semaphore.is_closed() && semaphore.total() == *limit;
        if Arc::strong_count(semaphore) == 1 && alike() { Use::Fresh } else { Use::Held }
    }

    fn stale_after(&self, _: &Totals) -> u64 {
        u64::MAX
    }

    fn bury(&self, _: &mut Totals, value: Slot) -> Arc<Semaphore> {
        value.semaphore
    }

    fn end(semaphore: &Arc<Semaphore>) {
        semaphore.close();
    }

    fn take_counts(semaphore: &Arc<Semaphore>) -> Option<Counts> {
        Some(semaphore.take_counts())
    }

    fn totals(totals: &mut Totals) -> &mut Totals {
        totals
    }
}

impl<K: Hash + Eq, R: Timer + Default> KeyedConcurrencyLimiter<K, R> {
    /// Makes a limiter that lets in `limit` at once for every key.
    ///
    /// # Panics
    ///
    /// If `limit` is zero. [`try_new`](Self::try_new) returns an error instead.
    pub fn new(limit: usize) -> Self {
        Self::with_runtime(limit, R::default())
    }

    /// Makes a limiter that lets in `limit` at once for every key.
    ///
    /// # Errors
    ///
    /// [`InvalidQuota`] if `limit` is zero.
    pub fn try_new(limit: usize) -> Result<Self, InvalidQuota> {
        Self::builder(limit).build()
    }
}

impl<K: Hash + Eq, R: Timer> KeyedConcurrencyLimiter<K, R> {
    /// Makes a limiter that lets in `limit` at once for every key, on `runtime`.
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

    /// Makes a limiter step by step: a limit for each key, how many keys there may be, how many may wait.
    pub fn builder(limit: usize) -> KeyedConcurrencyLimiterBuilder<K, R> {
        KeyedConcurrencyLimiterBuilder::new(limit)
    }

    pub(super) fn from_builder(
        builder: KeyedConcurrencyLimiterBuilder<K, R>,
        runtime: R,
    ) -> Result<Self, InvalidQuota> {
        let KeyedConcurrencyLimiterBuilder { template, limit, limit_of, options } = builder;
        if limit == 0 {
            return Err(InvalidQuota::no_slots());
        }
        let counting = template.is_counting();
        let store = Store::new(Slots, &options, Instant::ORIGIN, || Totals::new(counting));
        let homes = Homes::new(limit, limit_of);
        Ok(Self { inner: Arc::new(Inner { store, homes, template, closing: Closing::new(), runtime }) })
    }

    /// Takes a permit of the key if one is free and nobody waits for that key.
    ///
    /// # Errors
    ///
    /// As [`ConcurrencyLimiter::try_acquire`]; and of kind
    /// [`TooManyKeys`](crate::limit::ResourceLimitErrorKind::TooManyKeys) if the key is new and there is no room for it.
    ///
    /// # Panics
    ///
    /// If the key is new, and the function that says its limit panics. Nothing is taken then.
    pub fn try_acquire<Q>(&self, key: &Q) -> Result<OwnedPermit, ResourceLimitError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.try_acquire_many(key, 1)
    }

    /// Takes `n` permits of the key if they are free and nobody waits for that key. Zero always are.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire), and too large if `n` exceeds the limit.
    ///
    /// # Panics
    ///
    /// As [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_many<Q>(&self, key: &Q, n: u32) -> Result<OwnedPermit, ResourceLimitError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        Ok(self.semaphore(key, Some(n))?.try_acquire_many_owned(n)?)
    }

    /// Waits for a permit of the key.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place in the key's line. A permit that it was granted already goes to the next.
    ///
    /// # Errors
    ///
    /// As [`ConcurrencyLimiter::acquire`]; of kind [`TooManyKeys`](crate::limit::ResourceLimitErrorKind::TooManyKeys) if the key
    /// is new and there is no room for it; and closed if the key is removed meanwhile.
    ///
    /// # Panics
    ///
    /// As [`try_acquire`](Self::try_acquire).
    pub fn acquire<'a, Q: ?Sized>(&'a self, key: &'a Q) -> AcquireKeyedSlots<'a, K, Q, R> {
        self.acquire_many(key, 1)
    }

    /// Waits for `n` permits of the key, all at once. Zero are there at once, and do not queue.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); and too large if `n` exceeds the limit.
    ///
    /// # Panics
    ///
    /// As [`try_acquire`](Self::try_acquire).
    pub fn acquire_many<'a, Q: ?Sized>(&'a self, key: &'a Q, n: u32) -> AcquireKeyedSlots<'a, K, Q, R> {
        AcquireKeyedSlots::new(self, key, n, None)
    }

    /// Waits for a permit of the key, at most `max_wait` from the first poll.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); and of kind deadline when the time is over.
    ///
    /// # Panics
    ///
    /// If it has to wait and no runtime polls it, where the runtime's timers need one; or as [`try_acquire`](Self::try_acquire).
    pub fn acquire_within<'a, Q: ?Sized>(&'a self, key: &'a Q, max_wait: Duration) -> AcquireKeyedSlots<'a, K, Q, R> {
        AcquireKeyedSlots::new(self, key, 1, Some(max_wait))
    }

    /// Waits for a permit of the key, runs `future`, and returns the permit.
    ///
    /// # Cancel safety
    ///
    /// Before `future` is polled first, as [`acquire`](Self::acquire); after that, as `future`.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); `future` is dropped then, unpolled.
    pub fn run<'a, Q, F>(&'a self, key: &'a Q, future: F) -> Run<AcquireKeyedSlots<'a, K, Q, R>, F>
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
    pub fn try_run<'a, Q, T, E, F>(&'a self, key: &'a Q, future: F) -> TryRun<AcquireKeyedSlots<'a, K, Q, R>, F>
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
    /// The key is kept as long as there are handles to it, and for good if its limit is changed through one;
    /// [`set_limit`](Self::set_limit) changes it so that the key can be forgotten and comes back with that limit.
    ///
    /// # Errors
    ///
    /// [`ResourceLimitError`] if the key is new and there is no room for it, or when the limiter is closed.
    ///
    /// # Panics
    ///
    /// As [`try_acquire`](Self::try_acquire).
    pub fn limiter<Q>(&self, key: &Q) -> Result<ConcurrencyLimiter<R>, ResourceLimitError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        Ok(ConcurrencyLimiter::from_parts(self.semaphore(key, None)?, self.inner.runtime.clone()))
    }

    /// The slots of a key. A key that is new and of which `n` is too much to ask gets none.
    pub(super) fn semaphore<Q>(&self, key: &Q, n: Option<u32>) -> Result<Arc<Semaphore>, ResourceLimitError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let hash = self.inner.store.hash(key);
        match self.inner.store.with(hash, key, Instant::ORIGIN, handle_of) {
            Ok(semaphore) => Ok(semaphore),
            Err(why) => self.inner.come(hash, key, n, why),
        }
    }

    /// Changes the limit of a key, now and whenever it comes again, whatever that of the others is. A limit of zero is a pause.
    ///
    /// As [`ConcurrencyLimiter::set_limit`] for those who wait or hold permits.
    ///
    /// # Panics
    ///
    /// As [`try_acquire`](Self::try_acquire), if somebody [resets](Self::reset_limit) it at the same time.
    pub fn set_limit<Q>(&self, key: &Q, limit: usize)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let hash = self.inner.store.hash(key);
        self.inner.homes.say(hash, key.to_owned(), limit.min(Semaphore::MAX_PERMITS));
        let limit = self.inner.bring_home(hash, key);
        observe::reconfigured(Slots::NAME, &limit);
    }

    /// Gives a key the limit again that it would have without [`set_limit`](Self::set_limit).
    ///
    /// # Panics
    ///
    /// As [`try_acquire`](Self::try_acquire).
    pub fn reset_limit<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let hash = self.inner.store.hash(key);
        self.inner.homes.unsay(hash, key);
        let limit = self.inner.bring_home(hash, key);
        observe::reconfigured(Slots::NAME, &limit);
    }

    /// How much may run at once for the key, or might if it came now.
    ///
    /// # Panics
    ///
    /// As [`try_acquire`](Self::try_acquire).
    pub fn limit<Q>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.look(key, Semaphore::total).unwrap_or_else(|| self.inner.home(self.inner.store.hash(key), key))
    }

    /// How many permits of the key are held.
    pub fn in_flight<Q>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.look(key, Semaphore::in_flight).unwrap_or(0)
    }

    /// How many permits of the key are free.
    ///
    /// # Panics
    ///
    /// As [`try_acquire`](Self::try_acquire).
    pub fn available<Q>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.look(key, Semaphore::available).unwrap_or_else(|| self.inner.home(self.inner.store.hash(key), key))
    }

    /// How many wait for permits of the key.
    pub fn waiters<Q>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.look(key, Semaphore::waiters).unwrap_or(0)
    }

    fn look<Q, T>(&self, key: &Q, look: impl FnOnce(&Semaphore) -> T) -> Option<T>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let semaphore = self.inner.store.with(self.inner.store.hash(key), key, Instant::ORIGIN, handle_of);
        semaphore.ok().map(|semaphore| look(&semaphore))
    }

    /// How many keys are known now. Some of them may be forgotten as soon as others come.
    pub fn len(&self) -> usize {
        self.inner.store.len()
    }

    /// Whether no key is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets a key: all its slots are free when it comes again. Whoever waits for it is refused as if its limiter were closed;
    /// permits that are held stay valid, and are counted no more. False if it was not known.
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
        self.inner.store.for_each_table(
            |shard, seen: &mut Vec<KeyUsage<K>>| {
                let entries = shard.places().filter_map(|place| shard.table.get(place));
                seen.extend(entries.map(|entry| KeyUsage::new(entry.key.clone(), rank(&entry.value))));
            },
            |usage| {
                if !keep(&usage) {
                    self.remove(&usage.key);
                }
            },
        );
    }

    /// The `n` keys that are used most now: those that most wait for, and then those with the most permits held.
    ///
    /// It looks at all keys, a table at a time.
    pub fn busiest(&self, n: usize) -> Vec<KeyUsage<K>>
    where
        K: Clone,
    {
        self.inner.store.busiest(n, |shard, place| shard.table.get(place).map(|entry| rank(&entry.value)))
    }

    /// What it looks like now, all keys together, and what has become of those who stood in their lines.
    ///
    /// It looks at all keys, a table at a time: what it tells of different keys need not have been true at one moment. With
    /// [`counting`](KeyedConcurrencyLimiterBuilder::counting) all requests are counted. What becomes of a key's handles and permits after
    /// the key was [removed](Self::remove) is not.
    ///
    /// # Examples
    ///
    /// ```
    /// use mtaio_core::limit::KeyedConcurrencyLimiter;
    /// # use mtaio_core::runtime::ManualClock;
    ///
    /// let per_host = KeyedConcurrencyLimiter::<u64, _>::with_runtime(2, ManualClock::new());
    /// let _permits = (per_host.try_acquire(&7)?, per_host.try_acquire_many(&8, 2)?);
    /// let snapshot = per_host.snapshot();
    /// assert_eq!((snapshot.keys.known, snapshot.in_flight, snapshot.line.waiting), (2, 3, 0));
    /// # Ok::<(), mtaio_core::limit::ResourceLimitError>(())
    /// ```
    pub fn snapshot(&self) -> KeyedConcurrencySnapshot {
        let template = &self.inner.template;
        let now = template.needs_clock().then(|| self.inner.runtime.now());
        let (mut sum, mut in_flight) = (Sum::new(now.is_some(), template.is_counting()), 0);
        let keys = self.inner.store.tell(|shard| {
            for entry in shard.places().filter_map(|place| shard.table.get(place)) {
                let (held, line) = entry.value.semaphore.glance(now);
                in_flight += held;
                sum.add_line(&line);
            }
            sum.add_totals(&shard.more);
        });
        KeyedConcurrencySnapshot { keys, in_flight, closed: self.is_closed(), line: sum.snapshot() }
    }

    /// Ends every wait, now and later and for every key, with a closed error, and forgets all keys. Held permits stay valid. Closing
    /// twice is closing.
    pub fn close(&self) {
        self.inner.closing.close_after(|| self.inner.store.close());
        observe::closed(Slots::NAME);
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

fn rank(Slot { semaphore, .. }: &Slot) -> Rank {
    Rank { waiting: semaphore.waiters(), in_use: semaphore.in_flight() }
}

fn handle_of(_: &mut Totals, Slot { semaphore, .. }: &mut Slot) -> Arc<Semaphore> {
    Arc::clone(semaphore)
}

impl<K: Hash + Eq, R: Timer> Inner<K, R> {
    /// What the key would come with.
    fn home<Q>(&self, hash: u64, key: &Q) -> usize
    where
        K: Borrow<Q>,
        Q: ToOwned<Owned = K> + ?Sized,
    {
        self.homes.of(hash, &key.to_owned())
    }

    /// The slots of a key that had none a moment ago, for one who asks for `n` of them.
    #[cold]
    fn come<Q>(&self, hash: u64, key: &Q, n: Option<u32>, why: NoEntry) -> Result<Arc<Semaphore>, ResourceLimitError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let entered = match why {
            NoEntry::Closed => Err(ResourceLimitError::CLOSED),
            _ => self.enter(hash, key, n, &mut Visits::default()),
        };
        // Who gets the slots is counted there.
        if let (true, Some(n), Err(_)) = (self.template.is_counting(), n, &entered) {
            self.store.note(hash, n, &entered);
        }
        entered
    }

    fn enter<Q>(
        &self,
        hash: u64,
        key: &Q,
        n: Option<u32>,
        visits: &mut Visits,
    ) -> Result<Arc<Semaphore>, ResourceLimitError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let (owned, changes) = (key.to_owned(), self.homes.changes());
        let limit = self.homes.of(hash, &owned).min(Semaphore::MAX_PERMITS);
        if let Some(n) = n.filter(|n| limit > 0 && *n as usize > limit) {
            return Err(ResourceLimitError::too_large(n, limit));
        }
        let make = |_: &mut Totals| Slot { semaphore: self.template.semaphore(limit, &self.runtime), limit };
        let entered = self.store.with_new(hash, owned, Instant::ORIGIN, make, handle_of, visits)?;
        if self.homes.changes() != changes {
            // Somebody said a limit while the key was on its way.
            self.bring_home(hash, key);
        }
        Ok(entered)
    }

    /// Gives a key that is known the limit that it would come back with, and returns that.
    fn bring_home<Q>(&self, hash: u64, key: &Q) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        loop {
            let changes = self.homes.changes();
            let limit = self.home(hash, key);
            let semaphore = self.store.with(hash, key, Instant::ORIGIN, |_, slot| {
                slot.limit = limit;
                Arc::clone(&slot.semaphore)
            });
            if let Ok(semaphore) = semaphore {
                semaphore.resize(limit);
            }
            // Another one may have been said since, and given already.
            if self.homes.changes() == changes {
                return limit;
            }
        }
    }
}

impl<K, R: Timer> Clone for KeyedConcurrencyLimiter<K, R> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<K, R: Timer> fmt::Debug for KeyedConcurrencyLimiter<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedConcurrencyLimiter")
            .field("limit", &self.inner.homes.default())
            .field("keys", &self.inner.store.len())
            .field("closed", &self.inner.closing.is_closed())
            .finish()
    }
}
