//! What both keyed limiters keep their keys in: tables behind small locks, bounded in size by themselves.
//!
//! What it keeps:
//!
//! 1. A key has at most one entry, in the table that its hash says. Entries are made, used and removed under that table's lock only.
//! 2. An entry that is removed in passing is [fresh](Use::Fresh): one that comes instead of it cannot be told from it. Only where
//!    there may be no more keys, and it was said so, the idlest of a few goes that is not fresh; one that is held never does.
//! 3. No operation looks at more than 32 entries, as long as the keys' hashes are spread; but for those that say that they look
//!    at all, and for the first one after so long a time with so few others that what is kept [may be too old](passing::LATEST).
//! 4. Of foreign code only the keys' `Eq` runs under a lock. Keys are hashed, made and dropped outside.

mod passing;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::hash::{BuildHasher, Hash};

use passing::{Gone, tell_and_drop};
use rapidhash::quality::RandomState;

use super::page::Entry;
use super::table::{Place, Table, Visits};
use super::totals::Totals;
use super::usage::{Busiest, KeyUsage, Rank};
use crate::limit::error::ResourceLimitError;
use crate::limit::snapshot::KeysSnapshot;
use crate::primitive::{AtomicU64, AtomicUsize, Lock, Ordering, catch, resume};
use crate::sync::counts::Counts;
use crate::time::Instant;

/// What a keyed limiter keeps for each key, and how it judges that.
pub(super) trait Kind {
    /// What events call it.
    const NAME: &'static str;

    /// What is kept for a key.
    type Value;
    /// What a table has besides its keys.
    type More;
    /// What is left of an entry that goes, to be dropped outside the lock.
    type Gone;

    /// Its table was not used for so many nanoseconds before.
    fn judge(&self, more: &Self::More, value: &Self::Value, now: Instant, unused: u64) -> Use;

    /// For how many nanoseconds an entry may go unseen. It is told rightly for four times that.
    fn stale_after(&self, more: &Self::More) -> u64;

    /// An entry goes.
    fn bury(&self, more: &mut Self::More, value: Self::Value) -> Self::Gone;

    /// Ends the waits of what is gone.
    fn end(gone: &Self::Gone);

    /// Takes what the line of what is gone has counted, if it had one.
    fn take_counts(gone: &Self::Gone) -> Option<Counts>;

    /// What no line of the table counts.
    fn totals(more: &mut Self::More) -> &mut Totals;
}

/// What use an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// None: it cannot be told from one that comes anew.
    Fresh,
    /// It will be fresh in so many nanoseconds.
    Idle(u64),
    /// Somebody counts on it.
    Held,
}

/// What happens to a new key where there may be no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// The key that has been idle longest, among a few that are looked at, is forgotten: its bucket is full again when it comes back. A
    /// key that somebody waits for, or holds a permit of, is never forgotten.
    #[default]
    EvictIdlest,
    /// The new key is refused, with an error of kind [`TooManyKeys`](crate::limit::ResourceLimitErrorKind::TooManyKeys).
    Refuse,
}

/// Keys and what is kept for them.
pub(super) struct Store<K, T: Kind> {
    pub(super) kind: T,
    hasher: RandomState,
    shards: Box<[Padded<K, T>]>,
    /// How many keys there are in all.
    count: AtomicUsize,
    /// How often a new key was refused because there were as many as may be.
    refused: AtomicU64,
    options: Options,
}

/// Why an entry cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoEntry {
    /// The key is not known.
    Unknown,
    /// No key is.
    Closed,
    /// What is known of it may be too old.
    Stale,
}

/// How many keys there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) max_keys: usize,
    pub(super) when_full: WhenFull,
    /// Among how many tables the keys are dealt out; a power of two.
    pub(super) tables: usize,
}

impl Options {
    pub(super) fn new() -> Self {
        Self { max_keys: usize::MAX, when_full: WhenFull::EvictIdlest, tables: table_count() }
    }
}

/// No two locks share a cache line.
#[repr(align(128))]
struct Padded<K, T: Kind>(Lock<Shard<K, T>>);

/// One of the tables. What each use changes is beside the lock, and where the pages are too: the cache line that the lock brings along
/// has it all.
#[repr(C)]
pub(super) struct Shard<K, T: Kind> {
    /// When it was used last.
    used: Instant,
    pub(super) table: Table<K, T::Value>,
    closed: bool,
    pub(super) more: T::More,
    /// Every entry was looked at in passing since then.
    seen: Instant,
    /// When the hand began its round, and how many it has done.
    round: (Instant, u64),
    /// How many keys were evicted that could still be told from new ones.
    evicted: u64,
}

/// What went out of a table, and is dropped outside the lock.
type Removed<K, T> = (K, <T as Kind>::Gone);

/// Many for each processor, so that two hardly ever meet at one lock.
fn table_count() -> usize {
    #[cfg(feature = "std")]
    let processors = std::thread::available_parallelism().map_or(1, core::num::NonZeroUsize::get);
    #[cfg(not(feature = "std"))]
    let processors: usize = 1;
    (16 * processors).next_power_of_two().clamp(16, 1024)
}

impl<K, T: Kind> Shard<K, T> {
    /// Uses the entry of a key.
    #[inline]
    fn act<Q, R>(
        &mut self,
        hash: u64,
        key: &Q,
        now: Instant,
        act: impl FnOnce(&mut T::More, &mut T::Value) -> R,
    ) -> Result<R, NoEntry>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.used = now;
        match self.table.find_mut(hash, |other| other.borrow() == key) {
            Some(entry) => Ok(act(&mut self.more, &mut entry.value)),
            None if self.closed => Err(NoEntry::Closed),
            None => Err(NoEntry::Unknown),
        }
    }

    /// For how many nanoseconds nobody has come.
    pub(super) fn unused(&self, now: Instant) -> u64 {
        now.as_nanos().saturating_sub(self.used.as_nanos())
    }

    /// For how many nanoseconds an entry may have gone unseen.
    #[inline]
    pub(super) fn unseen(&self, now: Instant) -> u64 {
        now.as_nanos().saturating_sub(self.seen.as_nanos())
    }

    fn judge(&self, kind: &T, place: Place, now: Instant) -> Use {
        let judge = |entry: &Entry<K, T::Value>| kind.judge(&self.more, &entry.value, now, self.unused(now));
        self.table.get(place).map_or(Use::Held, judge)
    }

    /// Moves the hand past the entry that it is at.
    fn pass(&mut self, now: Instant) {
        self.table.pass();
        if self.table.rounds() != self.round.1 {
            (self.seen, self.round) = (self.round.0, (now, self.table.rounds()));
        }
    }

    /// All places, from the last one on.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> + '_ {
        core::iter::successors(self.table.before(None), |place| self.table.before(Some(*place)))
    }
}

impl<K, T: Kind> Store<K, T> {
    pub(super) fn new(kind: T, options: &Options, now: Instant, more: impl Fn() -> T::More) -> Self {
        let shard = || Shard {
            table: Table::new(),
            more: more(),
            closed: false,
            used: now,
            seen: now,
            round: (now, 0),
            evicted: 0,
        };
        Self {
            kind,
            hasher: RandomState::new(),
            shards: (0..options.tables).map(|_| Padded(Lock::new(shard()))).collect(),
            count: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            options: *options,
        }
    }

    #[inline]
    pub(super) fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.hasher.hash_one(key)
    }

    #[inline]
    fn shard(&self, hash: u64) -> &Lock<Shard<K, T>> {
        // Bits far above those that say where in the table. There is a power of two of them.
        let index = (hash >> 48) as usize & (self.shards.len() - 1);
        &self.shards[index].0
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        // ORDERING: Relaxed: a statistic, orders nothing.
        self.count.load(Ordering::Relaxed)
    }

    /// Uses the entry of a key.
    ///
    /// # Errors
    /// [`NoEntry`] if it has none.
    #[inline]
    pub(super) fn with<Q, R>(
        &self,
        hash: u64,
        key: &Q,
        now: Instant,
        act: impl Fn(&mut T::More, &mut T::Value) -> R,
    ) -> Result<R, NoEntry>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.with_counted(hash, key, now, act, &mut Visits::default())
    }

    /// As `with`, counting how many entries are looked at.
    #[inline]
    pub(super) fn with_counted<Q, R>(
        &self,
        hash: u64,
        key: &Q,
        now: Instant,
        act: impl Fn(&mut T::More, &mut T::Value) -> R,
        visits: &mut Visits,
    ) -> Result<R, NoEntry>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        match self.with_once(hash, key, now, &act) {
            Err(NoEntry::Stale) => self.with_a_look_round(hash, key, now, act, visits),
            done => done,
        }
    }

    /// As `with`, but if some of the table should be looked at first, that is all it says.
    #[inline]
    pub(super) fn with_once<Q, R>(
        &self,
        hash: u64,
        key: &Q,
        now: Instant,
        act: impl FnOnce(&mut T::More, &mut T::Value) -> R,
    ) -> Result<R, NoEntry>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.shard(hash).with(|shard| {
            if shard.unseen(now) > self.kind.stale_after(&shard.more) {
                return Err(NoEntry::Stale);
            }
            shard.act(hash, key, now, act)
        })
    }

    /// Uses the entry of a key, and makes one if it has none.
    ///
    /// # Errors
    /// [`ResourceLimitError`] if there is no room for it, or the store is closed.
    #[cold]
    pub(super) fn with_new<R>(
        &self,
        hash: u64,
        key: K,
        now: Instant,
        make: impl Fn(&mut T::More) -> T::Value,
        act: impl Fn(&mut T::More, &mut T::Value) -> R,
        visits: &mut Visits,
    ) -> Result<R, ResourceLimitError>
    where
        K: Eq,
    {
        // Dropped behind the lock: the key too, if somebody else was faster.
        let mut key = Some(key);
        for last in [false, true] {
            let mut gone: Gone<K, T> = Gone { in_passing: [const { None }; 2], evicted: None };
            let done = self.shard(hash).with(|shard| {
                if shard.closed {
                    return Err(ResourceLimitError::CLOSED);
                }
                let found = shard.table.find(hash, visits, |other| Some(other) == key.as_ref());
                let place = match found {
                    Some(place) => Some(place),
                    None if self.make_room(shard, now, &mut gone, visits) => key.take().map(|key| {
                        let value = make(&mut shard.more);
                        shard.table.insert(hash, key, value, visits)
                    }),
                    None => None,
                };
                let entry = place.and_then(|place| shard.table.get_mut(place));
                Ok(entry.map(|entry| act(&mut shard.more, &mut entry.value)))
            });
            drop(gone.in_passing);
            tell_and_drop::<K, T>(gone.evicted);
            match done? {
                Some(done) => return Ok(done),
                None if last || !self.make_room_elsewhere(hash, now, visits) => break,
                None => {}
            }
        }
        // ORDERING: Relaxed: a statistic, orders nothing.
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(ResourceLimitError::too_many_keys(self.options.max_keys))
    }

    /// Removes a key, and ends the waits for it. False if it was not known.
    pub(super) fn remove<Q>(&self, hash: u64, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let shard = self.shard(hash);
        let removed = shard.with(|shard| {
            let place = shard.table.find(hash, &mut Visits::default(), |other| other.borrow() == key)?;
            Some(self.take_out(shard, place, &mut Visits::default()))
        });
        let known = removed.is_some();
        Self::retire(shard, removed);
        known
    }

    /// Ends the waits of what was taken out of a table: of all, also where one of those who wait panics.
    fn retire(shard: &Lock<Shard<K, T>>, removed: impl IntoIterator<Item = Removed<K, T>>) {
        let mut panic = None;
        for (_key, gone) in removed {
            panic = catch(|| T::end(&gone)).err().or(panic);
            if let Some(counts) = T::take_counts(&gone) {
                shard.with(|shard| T::totals(&mut shard.more).keep(counts));
            }
        }
        panic.into_iter().for_each(resume);
    }

    /// Counts one that met no entry.
    #[cold]
    pub(super) fn note<R, E>(&self, hash: u64, n: u32, decided: &Result<R, E>) {
        self.shard(hash).with(|shard| T::totals(&mut shard.more).decide(n, decided));
    }

    /// Looks at all tables, each for itself, and tells of the keys.
    pub(super) fn tell(&self, mut look: impl FnMut(&mut Shard<K, T>)) -> KeysSnapshot {
        let mut evicted = 0;
        for shard in &self.shards {
            shard.0.with(|shard| {
                evicted += shard.evicted;
                look(shard);
            });
        }
        // ORDERING: Relaxed: a statistic, orders nothing.
        let refused = self.refused.load(Ordering::Relaxed);
        let max = Some(self.options.max_keys).filter(|max| *max < usize::MAX);
        KeysSnapshot { known: self.len(), max, evicted, refused }
    }

    /// Gathers something from all keys, a table at a time, and does something with it without the lock.
    pub(super) fn for_each_table<T2>(
        &self,
        mut gather: impl FnMut(&mut Shard<K, T>, &mut Vec<T2>),
        mut each: impl FnMut(T2),
    ) {
        for shard in &self.shards {
            let mut gathered = Vec::new();
            shard.0.with(|shard| gather(shard, &mut gathered));
            gathered.into_iter().for_each(&mut each);
        }
    }

    /// The `n` keys that rank highest: those of each table first, and then those of all.
    pub(super) fn busiest(&self, n: usize, rank: impl Fn(&Shard<K, T>, Place) -> Option<Rank>) -> Vec<KeyUsage<K>>
    where
        K: Clone,
    {
        let mut all = Busiest::new(n);
        self.for_each_table(
            |shard, found| {
                let mut here = Busiest::new(n);
                shard
                    .places()
                    .filter_map(|place| Some((rank(shard, place)?, place)))
                    .for_each(|(rank, place)| here.offer(rank, place));
                let key_of = |(rank, place)| Some((rank, shard.table.get(place)?.key.clone()));
                found.extend(here.into_vec().into_iter().filter_map(key_of));
            },
            |(rank, key)| all.offer(rank, key),
        );
        all.into_vec().into_iter().map(|(rank, key)| KeyUsage::new(key, rank)).collect()
    }

    /// Lets no key in any more, takes all out, and ends all waits: also where one of those who wait panics.
    pub(super) fn close(&self) {
        let mut panic = None;
        for shard in &self.shards {
            let gone: Vec<_> = shard.0.with(|shard| {
                shard.closed = true;
                let last = || shard.table.before(None).map(|place| self.take_out(shard, place, &mut Visits::default()));
                core::iter::from_fn(last).collect()
            });
            panic = catch(|| Self::retire(&shard.0, gone)).err().or(panic);
        }
        panic.into_iter().for_each(resume);
    }

    fn take_out(&self, shard: &mut Shard<K, T>, place: Place, visits: &mut Visits) -> Removed<K, T> {
        // ORDERING: Relaxed, as in `make_room`.
        self.count.fetch_sub(1, Ordering::Relaxed);
        let entry = shard.table.remove(place, visits);
        let gone = self.kind.bury(&mut shard.more, entry.value);
        // Under this lock, so that no count is in both places, or in none.
        T::take_counts(&gone).into_iter().for_each(|counts| T::totals(&mut shard.more).keep(counts));
        (entry.key, gone)
    }
}
