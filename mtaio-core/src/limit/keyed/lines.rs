//! What a table of rates has besides its keys: the quotas that its levels go by, and whole limiters for the few keys that need one.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::marker::PhantomData;

use super::level::{Level, SPARE_BITS, stale_after};
use super::store::{Kind, Use};
use super::totals::Totals;
use crate::limit::gcra::Gcra;
use crate::limit::quota::Quota;
use crate::limit::rate::{RateLimiter, Shared};
use crate::runtime::Timer;
use crate::sync::counts::Counts;
use crate::time::Instant;

/// What the spare bits of a level say: which quota it goes by, or that it is none.
const SPARE: u64 = (1 << SPARE_BITS) - 1;
/// What is no level is the number of a line.
const LINE: u64 = SPARE;
/// How many quotas a table knows. A key with yet another one has a limiter of its own.
const MOST_QUOTAS: usize = LINE as usize;

/// How a key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// A level, by one of the quotas of the table.
    Level { level: Level, quota: u8 },
    /// A limiter of its own, by its number.
    Line(u64),
}

impl Kept {
    #[inline]
    pub(super) fn of(word: u64) -> Self {
        match word & SPARE {
            LINE => Self::Line(word >> SPARE_BITS),
            quota => Self::Level { level: Level(word & !SPARE), quota: quota as u8 },
        }
    }

    /// As it lies in the table.
    #[inline]
    pub(super) fn pack(self) -> u64 {
        match self {
            Self::Level { level, quota } => level.0 | u64::from(quota),
            Self::Line(number) => (number << SPARE_BITS) | LINE,
        }
    }
}

/// A whole limiter, and the quota that a key would come back with.
struct Line<R: Timer> {
    limiter: Arc<Shared<R>>,
    quota: Quota,
}

pub(super) struct Lines<R: Timer> {
    /// The quota that the table was made with: number 0.
    usual: Gcra,
    /// Those that keys were given besides, from number 1 on.
    others: Vec<Gcra>,
    /// How long an entry of this table may go unseen.
    stale_after: u64,
    /// By number; none is used twice.
    lines: BTreeMap<u64, Line<R>>,
    made: u64,
    pub(super) totals: Totals,
}

impl<R: Timer> Lines<R> {
    pub(super) fn new(quota: Quota, counting: bool) -> Self {
        let usual = Gcra::new(quota);
        Self {
            usual,
            others: Vec::new(),
            stale_after: stale_after(usual.scale()),
            lines: BTreeMap::new(),
            made: 0,
            totals: Totals::new(counting),
        }
    }

    /// The number of a quota, if there is room for it.
    pub(super) fn know(&mut self, quota: Quota) -> Option<u8> {
        let mut known = core::iter::once(&self.usual).chain(&self.others);
        let number = known.position(|gcra| gcra.quota() == quota).or_else(|| {
            (self.others.len() + 1 < MOST_QUOTAS).then(|| {
                let gcra = Gcra::new(quota);
                self.stale_after = self.stale_after.min(stale_after(gcra.scale()));
                self.others.push(gcra);
                self.others.len()
            })
        });
        number.map(|number| number as u8)
    }

    #[inline]
    pub(super) fn gcra(&self, quota: u8) -> &Gcra {
        match usize::from(quota).checked_sub(1) {
            None => &self.usual,
            Some(other) => &self.others[other],
        }
    }

    /// Whether levels of a quota cannot be told any more, but were full long ago: the table was not used for so many nanoseconds.
    pub(super) fn are_long_full(&self, quota: u8, unused: u64) -> bool {
        unused > self.stale_after && unused > stale_after(self.gcra(quota).scale())
    }

    /// All limiters.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Shared<R>>> {
        self.lines.values().map(|line| &line.limiter)
    }

    /// # Panics
    /// If there is none of this number.
    pub(super) fn line(&self, number: u64) -> &Arc<Shared<R>> {
        &self.lines.get(&number).expect("an entry that says it has a line has one").limiter
    }

    /// Adds a limiter of a key that would come back with `quota`.
    pub(super) fn add(&mut self, limiter: Arc<Shared<R>>, quota: Quota) -> Kept {
        self.made += 1;
        self.lines.insert(self.made, Line { limiter, quota });
        Kept::Line(self.made)
    }

    /// A key with this line would come back with `quota`.
    pub(super) fn set_home(&mut self, number: u64, quota: Quota) {
        if let Some(line) = self.lines.get_mut(&number) {
            line.quota = quota;
        }
    }
}

/// How keys of a rate limiter are judged.
pub(super) struct Rates<R: Timer>(pub(super) PhantomData<fn() -> R>);

impl<R: Timer> Kind for Rates<R> {
    const NAME: &'static str = "keyed rate";

    type Value = u64;
    type More = Lines<R>;
    type Gone = Option<Arc<Shared<R>>>;

    fn judge(&self, lines: &Lines<R>, word: &u64, now: Instant, unused: u64) -> Use {
        let missing = match Kept::of(*word) {
            Kept::Level { quota, .. } if lines.are_long_full(quota, unused) => 0,
            Kept::Level { level, quota } => level.full_in(lines.gcra(quota).scale(), now.as_nanos()).as_nanos(),
            Kept::Line(number) => match lines.lines.get(&number) {
                // Nobody can come to it meanwhile: handles are made under the table's lock only.
                Some(line) if Arc::strong_count(&line.limiter) == 1 => match line.limiter.full_in(now, line.quota) {
                    Some(missing) => missing,
                    None => return Use::Held,
                },
                _ => return Use::Held,
            },
        };
        if missing == 0 { Use::Fresh } else { Use::Idle(missing) }
    }

    #[inline]
    fn stale_after(&self, lines: &Lines<R>) -> u64 {
        lines.stale_after
    }

    fn bury(&self, lines: &mut Lines<R>, word: u64) -> Option<Arc<Shared<R>>> {
        match Kept::of(word) {
            Kept::Line(number) => lines.lines.remove(&number).map(|line| line.limiter),
            Kept::Level { .. } => None,
        }
    }

    fn end(line: &Option<Arc<Shared<R>>>) {
        line.iter().for_each(|line| RateLimiter::from_shared(Arc::clone(line)).close());
    }

    fn take_counts(line: &Option<Arc<Shared<R>>>) -> Option<Counts> {
        line.as_ref().map(|line| line.take_counts())
    }

    fn totals(lines: &mut Lines<R>) -> &mut Totals {
        &mut lines.totals
    }
}
