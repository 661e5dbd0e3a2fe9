//! What was reported of keys.
//!
//! What it keeps:
//!
//! 1. Only what differs from a key of which nothing was reported has an entry.
//! 2. Of foreign code only the keys' `Eq` runs under the lock. Keys are hashed, made and dropped outside.
//! 3. A report looks at a handful of entries.
//! 4. Whatever changes the factor of a key also changes what [`Weights::changes`] says of it, under the same lock.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::hash::{BuildHasher, Hash};
use core::ops::Bound::{Excluded, Unbounded};
use core::time::Duration;

use rapidhash::quality::RandomState;

use crate::limit::adaptive::error::{InvalidAdaptation, Reason};
use crate::primitive::Lock;
use crate::time::Instant;

/// How many entries are looked at in passing.
const IN_PASSING: usize = 4;

/// How loads become weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) lower_above: f64,
    pub(super) lower: f64,
    pub(super) raise_below: f64,
    pub(super) raise: f64,
    pub(super) shed_above: f64,
    pub(super) shed: f64,
    pub(super) floor: f64,
    pub(super) ceiling: f64,
    pub(super) global: bool,
    pub(super) forget_after: Duration,
    pub(super) max_keys: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            lower_above: 0.9,
            lower: 0.8,
            raise_below: 0.5,
            raise: 1.2,
            shed_above: 0.8,
            shed: 0.5,
            floor: 0.01,
            ceiling: 10.0,
            global: false,
            forget_after: Duration::from_secs(3600),
            max_keys: usize::MAX,
        }
    }
}

impl Rules {
    pub(super) fn checked(self) -> Result<Self, InvalidAdaptation> {
        const LOAD: &str = "a load from 0 to 1";
        const FACTOR: &str = "above 0, and 1 at most";
        let load = |load: f64| (0.0..=1.0).contains(&load);
        let factor = |factor: f64| factor > 0.0 && factor <= 1.0;
        let rules = [
            ("the load above which weights sink", self.lower_above, load(self.lower_above), LOAD),
            ("the load below which weights rise", self.raise_below, load(self.raise_below), LOAD),
            (
                "the load below which weights rise",
                self.raise_below,
                self.raise_below <= self.lower_above,
                "no more than that above which they sink",
            ),
            ("the load above which less is admitted", self.shed_above, load(self.shed_above), LOAD),
            ("the factor by which weights sink", self.lower, factor(self.lower), FACTOR),
            ("the factor for an overload", self.shed, factor(self.shed), FACTOR),
            ("the factor by which weights rise", self.raise, (1.0..=1e6).contains(&self.raise), "from 1 to a million"),
            ("the least weight", self.floor, (1e-4..=1.0).contains(&self.floor), "from 0.0001 to 1"),
            ("the largest weight", self.ceiling, (1.0..=1e6).contains(&self.ceiling), "from 1 to a million"),
        ];
        match rules.into_iter().find(|(_, _, good, _)| !good) {
            Some((name, value, _, rule)) => Err(InvalidAdaptation::new(Reason::Number(name, value, rule))),
            None => Ok(self),
        }
    }

    /// The weight after a report.
    fn next(&self, weight: f64, load: f64) -> f64 {
        let factor = match () {
            () if load > self.lower_above => self.lower,
            () if load < self.raise_below => self.raise,
            () => 1.0,
        };
        (weight * factor).clamp(self.floor, self.ceiling)
    }

    fn sheds(&self, load: f64) -> bool {
        load > self.shed_above
    }
}

struct Entry<K> {
    key: K,
    weight: f64,
    /// Its own load is too high.
    sheds: bool,
    reported: Instant,
}

pub(super) struct Weights<K> {
    rules: Rules,
    hasher: RandomState,
    state: Lock<State<K>>,
}

struct State<K> {
    /// By hash; those whose hashes are the same lie side by side.
    entries: BTreeMap<u64, Vec<Entry<K>>>,
    len: usize,
    /// The hash that was looked at last in passing.
    hand: u64,
    /// The load of all is too high.
    all_shed: bool,
}

/// What a report changes.
pub(super) struct Report<K> {
    pub(super) weight: f64,
    /// The key has another quota.
    pub(super) one: bool,
    /// All keys have.
    pub(super) all: bool,
    /// So have those that were forgotten in passing.
    pub(super) forgotten: Vec<K>,
}

impl<K> Weights<K> {
    pub(super) fn new(rules: Rules) -> Self {
        let state = State { entries: BTreeMap::new(), len: 0, hand: 0, all_shed: false };
        Self { rules, hasher: RandomState::new(), state: Lock::new(state) }
    }

    pub(super) fn len(&self) -> usize {
        self.state.with(|state| state.len)
    }

    pub(super) fn weight<Q>(&self, key: &Q) -> f64
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        self.state.with(|state| state.find(hash, key).map_or(1.0, |(entries, at)| entries[at].weight))
    }

    /// What the key's quota is multiplied by.
    pub(super) fn factor(&self, key: &K) -> f64
    where
        K: Hash + Eq,
    {
        let hash = self.hasher.hash_one(key);
        self.state.with(|state| {
            let all = state.all_shed;
            let (weight, sheds) =
                state.find(hash, key).map_or((1.0, false), |(entries, at)| (entries[at].weight, entries[at].sheds));
            if sheds || all { weight * self.rules.shed } else { weight }
        })
    }

    pub(super) fn remove<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        self.state.with(|state| state.take(hash, key)).is_some()
    }

    pub(super) fn report<Q>(&self, key: &Q, load: f64, now: Instant) -> Report<K>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        if load.is_nan() {
            return Report { weight: self.weight(key), one: false, all: false, forgotten: Vec::new() };
        }
        let (rules, load, hash) = (&self.rules, load.clamp(0.0, 1.0), self.hasher.hash_one(key));
        let mut owned = Some(key.to_owned());
        let (report, gone) = self.state.with(|state| {
            let all = rules.global && core::mem::replace(&mut state.all_shed, rules.sheds(load)) != rules.sheds(load);
            let sheds = !rules.global && rules.sheds(load);
            let (weight, shed) =
                state.find(hash, key).map_or((1.0, false), |(entries, at)| (entries[at].weight, entries[at].sheds));
            let next = rules.next(weight, load);
            let one = next != weight || sheds != shed;
            let gone = match next == 1.0 && !sheds {
                true => state.take(hash, key),
                false => {
                    state.put(hash, key, &mut owned, (next, sheds, now));
                    None
                }
            };
            let forgotten = state.forget(hash, rules, now);
            (Report { weight: next, one, all, forgotten }, gone)
        });
        drop(gone);
        report
    }
}

impl<K> State<K> {
    fn find<Q>(&mut self, hash: u64, key: &Q) -> Option<(&mut Vec<Entry<K>>, usize)>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let entries = self.entries.get_mut(&hash)?;
        let at = entries.iter().position(|entry| entry.key.borrow() == key)?;
        Some((entries, at))
    }

    fn take<Q>(&mut self, hash: u64, key: &Q) -> Option<K>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let (entries, at) = self.find(hash, key)?;
        let entry = entries.swap_remove(at);
        if entries.is_empty() {
            self.entries.remove(&hash);
        }
        self.len -= 1;
        Some(entry.key)
    }

    /// Keeps what a key has. `owned` is taken if there was no entry.
    fn put<Q>(&mut self, hash: u64, key: &Q, owned: &mut Option<K>, (weight, sheds, reported): (f64, bool, Instant))
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        if let Some((entries, at)) = self.find(hash, key) {
            let entry = &mut entries[at];
            (entry.weight, entry.sheds, entry.reported) = (weight, sheds, reported);
        } else if let Some(key) = owned.take() {
            self.entries.entry(hash).or_default().push(Entry { key, weight, sheds, reported });
            self.len += 1;
        }
    }

    /// Looks at a few entries, and takes out those that are too old; and the oldest of them if there are too many, but for the one of
    /// `reported`.
    fn forget(&mut self, reported: u64, rules: &Rules, now: Instant) -> Vec<K> {
        let mut forgotten = Vec::new();
        let mut oldest: Option<(Instant, u64)> = None;
        for _ in 0..IN_PASSING {
            let next = self.entries.range((Excluded(self.hand), Unbounded)).next();
            let Some((&hash, entries)) = next.or_else(|| self.entries.iter().next()) else { break };
            self.hand = hash;
            let last = entries.iter().map(|entry| entry.reported).max().unwrap_or(now);
            if now - last > rules.forget_after {
                self.forget_all(hash, &mut forgotten);
            } else if hash != reported && oldest.is_none_or(|(at, _)| last < at) {
                oldest = Some((last, hash));
            }
        }
        if let (true, Some((_, hash))) = (self.len > rules.max_keys, oldest) {
            self.forget_all(hash, &mut forgotten);
        }
        forgotten
    }

    fn forget_all(&mut self, hash: u64, forgotten: &mut Vec<K>) {
        if let Some(entries) = self.entries.remove(&hash) {
            self.len -= entries.len();
            forgotten.extend(entries.into_iter().map(|entry| entry.key));
        }
    }
}
