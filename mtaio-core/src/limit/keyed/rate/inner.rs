//! How the rate of a key is decided: by its level in the table, or by its own limiter.

use alloc::borrow::ToOwned;
use alloc::sync::Arc;
use core::borrow::Borrow;
use core::hash::Hash;

use crate::alarm::chime::Chime;
use crate::limit::bucket::TokenBucket;
use crate::limit::error::ResourceLimitError;
use crate::limit::gcra::Gcra;
use crate::limit::keyed::homes::Homes;
use crate::limit::keyed::level::{Draw, Level, Shortage};
use crate::limit::keyed::lines::{Kept, Lines, Rates};
use crate::limit::keyed::store::{NoEntry, Shard, Store};
use crate::limit::keyed::table::{Place, Visits};
use crate::limit::keyed::usage::{KeyUsage, Rank};
use crate::limit::quota::Quota;
use crate::limit::rate::{RateLimiter, RateLimiterBuilder, Shared, is_not_ready};
use crate::runtime::Timer;
use crate::sync::Closing;
use crate::time::Instant;

/// What the clones share.
pub(super) struct Inner<K, R: Timer> {
    pub(super) store: Store<K, Rates<R>>,
    /// The quota of nearly all keys, which every table knows as number 0, for who asks in a hurry. Where requests are counted it has
    /// no burst, so that everybody has to ask at length.
    pub(super) usual: Gcra,
    pub(super) homes: Homes<K, Quota>,
    /// How the limiter of a single key is made, but for its quota.
    pub(super) template: RateLimiterBuilder<R>,
    pub(super) chime: Arc<Chime<R>>,
    pub(super) closing: Closing,
    pub(super) runtime: R,
}

/// What is asked of a key's bucket.
#[derive(Clone, Copy)]
pub(super) struct Request {
    pub(super) n: u32,
    /// Whether whoever asks waits in line if it is not there.
    pub(super) waits: bool,
}

impl<K: Hash + Eq, R: Timer> Inner<K, R> {
    pub(super) fn is_counting(&self) -> bool {
        self.template.is_counting()
    }

    /// Takes cells of a key where that is not just a number in a table, or where it is to be counted.
    #[cold]
    pub(super) fn ask_at_length<Q>(&self, key: &Q, request: Request) -> Result<(), ResourceLimitError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.ask_counted(key, request, &mut Visits::default())
    }

    /// As `ask_at_length`, counting how many entries are looked at.
    pub(super) fn ask_counted<Q>(
        &self,
        key: &Q,
        request: Request,
        visits: &mut Visits,
    ) -> Result<(), ResourceLimitError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let (hash, now) = (self.store.hash(key), self.runtime.now());
        let ask = |lines: &mut Lines<R>, word: &mut u64| self.ask_oddly(lines, word, request);
        match self.store.with_counted(hash, key, now, ask, visits) {
            Ok(decided) => self.ask_line(decided?, request),
            Err(why) => self.ask_anew(hash, key, request, why, visits),
        }
    }

    /// As [`ask`], and if the key has a line, that is returned: it has to decide, and to count.
    fn ask_oddly(
        &self,
        lines: &mut Lines<R>,
        word: &mut u64,
        request: Request,
    ) -> Result<Option<Arc<Shared<R>>>, ResourceLimitError> {
        let Kept::Level { level, quota } = Kept::of(*word) else { return Ok(line_of(lines, *word)) };
        let decided = self.ask_level(lines.gcra(quota), level, request.n, |level| {
            *word = Kept::Level { level, quota }.pack();
        });
        if !(request.waits && decided.as_ref().is_err_and(is_not_ready)) {
            lines.totals.decide(request.n, &decided);
        }
        decided.map(|()| None)
    }

    /// Takes `n` cells of a level, and stores what is left in it.
    fn ask_level(
        &self,
        gcra: &Gcra,
        level: Level,
        n: u32,
        store: impl FnOnce(Level),
    ) -> Result<(), ResourceLimitError> {
        let now = self.runtime.now().as_nanos();
        let level = level.even(gcra.scale(), now);
        let taken = level.take(gcra.scale(), now, n);
        store(taken.unwrap_or(level));
        taken.map(drop).map_err(|shortage| match shortage {
            Shortage::Units(units) => ResourceLimitError::not_ready(Some(gcra.scale().wait_after(now, units))),
            // An even level is not odd.
            Shortage::TooLarge | Shortage::Odd => ResourceLimitError::too_large(n, gcra.quota().burst_size() as usize),
        })
    }

    /// Asks the key's own limiter, if it has one. Where that counts, who waits asks it only once, and that is in line.
    fn ask_line(&self, line: Option<Arc<Shared<R>>>, request: Request) -> Result<(), ResourceLimitError> {
        match line {
            Some(_) if request.waits && self.is_counting() && request.n > 0 => Err(ResourceLimitError::not_ready(None)),
            Some(line) => line.take(|| self.runtime.now(), request.n),
            None => Ok(()),
        }
    }

    /// Takes cells of a key that had no entry a moment ago.
    #[cold]
    fn ask_anew<Q>(
        &self,
        hash: u64,
        key: &Q,
        request: Request,
        why: NoEntry,
        visits: &mut Visits,
    ) -> Result<(), ResourceLimitError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let n = request.n;
        if n == 0 {
            return if why == NoEntry::Closed { Err(ResourceLimitError::CLOSED) } else { Ok(()) };
        }
        let ask = |lines: &mut Lines<R>, word: &mut u64| self.ask_oddly(lines, word, request);
        let entered = match why {
            NoEntry::Closed => Err(ResourceLimitError::CLOSED),
            _ => self.enter(hash, key, self.runtime.now(), Some(n), ask, visits),
        };
        if self.is_counting() && entered.is_err() {
            self.store.note(hash, n, &entered);
        }
        self.ask_line(entered??, request)
    }

    /// Uses the entry of a key that had none a moment ago. If more than the burst of its quota is asked for, it gets none.
    pub(super) fn enter<Q, T>(
        &self,
        hash: u64,
        key: &Q,
        now: Instant,
        n: Option<u32>,
        act: impl Fn(&mut Lines<R>, &mut u64) -> T,
        visits: &mut Visits,
    ) -> Result<T, ResourceLimitError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let (owned, changes) = (key.to_owned(), self.homes.changes());
        let quota = self.homes.of(hash, &owned);
        if let Some(n) = n.filter(|n| *n > quota.burst_size()) {
            return Err(ResourceLimitError::too_large(n, quota.burst_size() as usize));
        }
        let runtime = self.runtime.clone();
        let make = |lines: &mut Lines<R>| self.keep(lines, &runtime, now, quota, 0).pack();
        let done = self.store.with_new(hash, owned, now, make, act, visits)?;
        if self.homes.changes() != changes {
            // Somebody said a quota while the key was on its way.
            self.bring_home(hash, key);
        }
        Ok(done)
    }

    /// How a key is kept whose bucket has `quota` and owes so many of its units.
    fn keep(&self, lines: &mut Lines<R>, runtime: &R, now: Instant, quota: Quota, units: u64) -> Kept {
        match lines.know(quota) {
            Some(number) => {
                let level = Level::owing(lines.gcra(number).scale(), now.as_nanos(), units);
                Kept::Level { level, quota: number }
            }
            None => {
                let template = self.template.clone().with_quota(quota);
                lines.add(template.build_member(runtime.clone(), &self.chime, now, units), quota)
            }
        }
    }

    /// The limiter of a key, which gets one of its own.
    pub(super) fn promote(&self, lines: &mut Lines<R>, word: &mut u64, now: Instant) -> Arc<Shared<R>> {
        match Kept::of(*word) {
            Kept::Line(number) => Arc::clone(lines.line(number)),
            Kept::Level { level, quota } => {
                let gcra = lines.gcra(quota);
                let (quota, units) = (gcra.quota(), level.owed(gcra.scale(), now.as_nanos()));
                let template = self.template.clone().with_quota(quota);
                let line = template.build_member(self.runtime.clone(), &self.chime, now, units);
                *word = lines.add(Arc::clone(&line), quota).pack();
                line
            }
        }
    }

    /// Gives a key that is known the quota that it would come back with, and returns that.
    pub(super) fn bring_home<Q>(&self, hash: u64, key: &Q) -> Quota
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        loop {
            let changes = self.homes.changes();
            let quota = self.homes.of(hash, &key.to_owned());
            self.give(hash, key, quota);
            // Another one may have been said since, and given already.
            if self.homes.changes() == changes {
                return quota;
            }
        }
    }

    fn give<Q>(&self, hash: u64, key: &Q, quota: Quota)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let (now, runtime) = (self.runtime.now(), self.runtime.clone());
        let line = self.store.with(hash, key, now, |lines, word| match Kept::of(*word) {
            Kept::Line(number) => {
                lines.set_home(number, quota);
                Some(Arc::clone(lines.line(number)))
            }
            Kept::Level { level, quota: old } => {
                let gcra = lines.gcra(old);
                let mut bucket = TokenBucket::owing(gcra.quota(), now, level.owed(gcra.scale(), now.as_nanos()));
                bucket.set_quota(now, quota);
                *word = self.keep(lines, &runtime, now, quota, bucket.owed_units(now)).pack();
                None
            }
        });
        if let Ok(Some(line)) = line {
            RateLimiter::from_shared(line).set_quota(quota);
        }
    }

    /// How many wait for a key, and how many cells its bucket misses.
    pub(super) fn rank(&self, shard: &Shard<K, Rates<R>>, place: Place, now: Instant) -> Option<Rank> {
        Some(match Kept::of(shard.table.get(place)?.value) {
            Kept::Level { quota, .. } if shard.more.are_long_full(quota, shard.unused(now)) => {
                Rank { waiting: 0, in_use: 0 }
            }
            Kept::Level { level, quota } => {
                let scale = shard.more.gcra(quota).scale();
                Rank { waiting: 0, in_use: level.owed(scale, now.as_nanos()).div_ceil(scale.cost) as usize }
            }
            Kept::Line(number) => {
                let (waiting, missing) = shard.more.line(number).busy(now);
                Rank { waiting, in_use: missing as usize }
            }
        })
    }

    pub(super) fn usage(&self, shard: &Shard<K, Rates<R>>, place: Place, now: Instant) -> Option<KeyUsage<K>>
    where
        K: Clone,
    {
        let rank = self.rank(shard, place, now)?;
        Some(KeyUsage::new(shard.table.get(place)?.key.clone(), rank))
    }
}

/// What a level has to say.
pub(super) enum Said {
    Taken,
    /// So many units are missing, by the usual quota.
    Short(u64),
    /// It is no level, or an odd one, or one by another quota that misses some.
    Unclear,
}

/// Takes `n` cells of a level, or says why not: `draw` is what that comes to by the usual quota.
#[inline(always)]
pub(super) fn ask<R: Timer>(lines: &Lines<R>, draw: &Draw, word: &mut u64, now: Instant, n: u32) -> Said {
    match Kept::of(*word) {
        Kept::Level { level, quota: 0 } => match level.draw(draw) {
            Ok(level) => {
                *word = Kept::Level { level, quota: 0 }.pack();
                Said::Taken
            }
            Err(Shortage::Units(units)) => Said::Short(units),
            Err(_) => Said::Unclear,
        },
        Kept::Level { level, quota } => ask_other(lines, word, level, quota, now, n),
        Kept::Line(_) => Said::Unclear,
    }
}

/// As [`ask`], of a level by another quota.
#[inline(never)]
fn ask_other<R: Timer>(lines: &Lines<R>, word: &mut u64, level: Level, quota: u8, now: Instant, n: u32) -> Said {
    match level.take(lines.gcra(quota).scale(), now.as_nanos(), n) {
        Ok(level) => {
            *word = Kept::Level { level, quota }.pack();
            Said::Taken
        }
        Err(_) => Said::Unclear,
    }
}

/// The limiter of a key that has one.
fn line_of<R: Timer>(lines: &Lines<R>, word: u64) -> Option<Arc<Shared<R>>> {
    match Kept::of(word) {
        Kept::Line(number) => Some(Arc::clone(lines.line(number))),
        Kept::Level { .. } => None,
    }
}

/// Puts cells back into a level. If it is a limiter, that has to be done there.
pub(super) fn give_back<R: Timer>(lines: &Lines<R>, word: &mut u64, now: Instant, n: u32) -> Option<Arc<Shared<R>>> {
    match Kept::of(*word) {
        Kept::Level { level, quota } => {
            let level = level.give_back(lines.gcra(quota).scale(), now.as_nanos(), n);
            *word = Kept::Level { level, quota }.pack();
            None
        }
        Kept::Line(number) => Some(Arc::clone(lines.line(number))),
    }
}
