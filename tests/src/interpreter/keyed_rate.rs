//! A rate for each of a few keys: each does what a limiter of its own does, to the nanosecond, as long as no key is evicted.

use alloc::vec::Vec;
use core::time::Duration;

use mtaio_core::limit::{
    KeyedRateLimiter, LineSnapshot, Quota, RateLimiter, ResourceLimitError, ResourceLimitErrorKind as Kind, WhenFull,
};
use mtaio_core::runtime::{Clock as _, ManualClock};

use super::Machine;
use super::bytes::Bytes;
use super::ledger::Ledger;
use super::line::Line;

type Outcome = Result<(), ResourceLimitError>;

const KEYS: usize = 4;
/// How many there may be where that is bounded.
const FEW: usize = 2;

/// A key, and a limiter without keys that everything is done with, too.
struct Key {
    quota: Quota,
    line: Line<Outcome>,
    twin: RateLimiter<ManualClock>,
    twin_line: Line<Outcome>,
    ledger: Ledger,
}

pub(super) struct KeyedRate {
    clock: ManualClock,
    limiter: KeyedRateLimiter<usize, ManualClock>,
    keys: Vec<Key>,
    counting: bool,
    /// Whether keys can be evicted that had a debt: then they have more than their twins.
    evicts: bool,
    evicted: u64,
    /// Requests that were refused because of their key.
    turned_away: u64,
    /// What was counted by twins that are gone.
    past: (u64, u64, u64),
}

fn counts(line: &LineSnapshot) -> (u64, u64, u64) {
    (line.granted, line.refused, line.cancelled)
}

fn sum(a: (u64, u64, u64), b: (u64, u64, u64)) -> (u64, u64, u64) {
    (a.0 + b.0, a.1 + b.1, a.2 + b.2)
}

fn twin(quota: Quota, counting: bool, clock: &ManualClock) -> RateLimiter<ManualClock> {
    let builder = RateLimiter::builder(quota);
    if counting { builder.counting() } else { builder }.build_on(clock.clone())
}

impl KeyedRate {
    pub(super) fn new(bytes: &mut Bytes<'_>) -> Self {
        let (clock, quota) = (ManualClock::new(), bytes.quota());
        let (bound, counting) = (bytes.below(3), bytes.below(2) == 1);
        let mut builder = KeyedRateLimiter::builder(quota);
        if counting {
            builder = builder.counting();
        }
        if bound > 0 {
            builder = builder.max_keys(FEW);
        }
        if bound == 1 {
            builder = builder.when_full(WhenFull::Refuse);
        }
        let key = |_| Key {
            quota,
            line: Line::new(),
            twin: twin(quota, counting, &clock),
            twin_line: Line::new(),
            ledger: Ledger::new(quota),
        };
        Self {
            keys: (0..KEYS).map(key).collect(),
            limiter: builder.build_on(clock.clone()),
            counting,
            evicts: bound == 2,
            evicted: 0,
            turned_away: 0,
            past: (0, 0, 0),
            clock,
        }
    }

    /// Whether the key was let in. If it was not, its twin is not asked.
    fn came(&mut self, n: u32, outcome: Option<&Outcome>) -> bool {
        let came = !matches!(outcome, Some(Err(error)) if error.kind() == Kind::TooManyKeys);
        if !came && n > 0 && self.counting {
            self.turned_away += 1;
        }
        came
    }

    /// What was said, and what the twin says.
    fn compare(&mut self, key: usize, ours: Option<(u32, Outcome)>, twin: Option<(u32, Outcome)>) {
        if !self.evicts {
            assert_eq!(ours, twin, "key {key} has an answer of its own");
        }
        if let Some((n, Ok(()))) = ours {
            self.keys[key].ledger.granted += u128::from(n);
        }
    }

    fn acquire(&mut self, key: usize, n: u32, within: Option<Duration>) {
        let (limiter, twin) = (self.limiter.clone(), self.keys[key].twin.clone());
        let ours = self.keys[key].line.join(n, async move {
            match within {
                Some(time) => limiter.acquire_within(&key, time).await,
                None => limiter.acquire_many(&key, n).await,
            }
        });
        if self.came(n, ours.as_ref().map(|(_, outcome)| outcome)) {
            let theirs = self.keys[key].twin_line.join(n, async move {
                match within {
                    Some(time) => twin.acquire_within(time).await,
                    None => twin.acquire_many(n).await,
                }
            });
            self.compare(key, ours, theirs);
        }
    }

    fn try_acquire(&mut self, key: usize, n: u32, by_handle: bool) {
        let ours = match by_handle {
            true => self.limiter.limiter(&key).map(|limiter| limiter.try_acquire_many(n)),
            false => Ok(self.limiter.try_acquire_many(&key, n)),
        };
        // A handle that cannot be had is no request.
        let Ok(ours) = ours else { return };
        if self.came(n, Some(&ours)) {
            let theirs = self.keys[key].twin.try_acquire_many(n);
            self.compare(key, Some((n, ours)), Some((n, theirs)));
        }
    }

    fn pass(&mut self, time: Duration) {
        self.keys.iter_mut().for_each(|key| key.ledger.pass(time));
    }

    fn harvest(&mut self) {
        for key in 0..KEYS {
            let state = &mut self.keys[key];
            let (ours, twins) = (state.line.harvest(Result::is_ok), state.twin_line.harvest(Result::is_ok));
            assert!(self.evicts || ours.len() == twins.len(), "{ours:?} and {twins:?}");
            let mut twins = twins.into_iter();
            ours.into_iter().for_each(|ours| self.compare(key, Some(ours), twins.next()));
        }
    }

    /// It comes back with another quota. Who waits for it hears that it is gone.
    fn remove(&mut self, key: usize, quota: Quota) {
        self.limiter.remove(&key);
        self.limiter.set_quota(&key, quota);
        self.keys[key].twin.close();
        self.harvest();
        let old = &mut self.keys[key];
        assert_eq!(old.line.len(), 0, "somebody waits for a key that is gone");
        old.twin_line.clear();
        self.past = sum(self.past, counts(&old.twin.snapshot().line));
        (old.twin, old.quota) = (twin(quota, self.counting, &self.clock), quota);
        old.ledger = Ledger::new(quota);
    }

    fn refund(&mut self, key: usize, n: u32) {
        let state = &mut self.keys[key];
        state.ledger.refund(n);
        self.limiter.refund(&key, n);
        state.twin.refund(n);
    }

    /// For a key that is waited for it does the same as for a limiter.
    fn set_quota(&mut self, key: usize, quota: Quota) {
        if self.limiter.waiters(&key) > 0 {
            let state = &mut self.keys[key];
            state.ledger.change(quota);
            state.quota = quota;
            self.limiter.set_quota(&key, quota);
            state.twin.set_quota(quota);
        }
    }

    fn leave(&mut self, key: usize, index: usize) {
        if !self.evicts {
            self.keys[key].twin_line.leave(index);
        }
        self.keys[key].line.leave(index);
    }

    /// Who goes over all keys sees each as it is.
    fn look_at_all(&self) {
        self.limiter.retain(|usage| {
            let twin = &self.keys[usage.key].twin;
            assert!(self.evicts || usage.waiting == twin.waiters(), "{usage:?}, and {twin:?}");
            true
        });
    }

    fn check_snapshot(&mut self) {
        let snapshot = self.limiter.snapshot();
        assert_eq!((snapshot.keys.known, snapshot.line.counting), (self.limiter.len(), self.counting));
        let evicted = snapshot.keys.evicted - self.evicted;
        self.evicted = snapshot.keys.evicted;
        if evicted > 0 {
            assert!(self.evicts, "{evicted} keys were evicted");
            // It was one of these.
            self.keys.iter_mut().for_each(|key| key.ledger.refund(evicted as u32 * key.quota.burst_size()));
        }
        if !self.evicts {
            let twins: Vec<_> = self.keys.iter().map(|key| key.twin.snapshot().line).collect();
            let counted = twins.iter().map(counts).fold(self.past, sum);
            assert_eq!(counts(&snapshot.line), (counted.0, counted.1 + self.turned_away, counted.2));
            assert_eq!(snapshot.line.waiting, twins.iter().map(|twin| twin.waiting).sum());
            assert_eq!(snapshot.line.oldest_wait, twins.iter().map(|twin| twin.oldest_wait).max().flatten());
        }
    }
}

impl Machine for KeyedRate {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let (what, index, key) = (bytes.below(16), bytes.below(16), bytes.below(KEYS));
        match what {
            0..3 => self.acquire(key, bytes.cells(), None),
            3..6 => self.try_acquire(key, bytes.cells(), index == 0),
            6 => self.acquire(key, 1, Some(bytes.time())),
            7..9 => {
                let time = bytes.time();
                self.clock.advance(time);
                self.pass(time);
            }
            9 => {
                let time = bytes.time();
                self.clock.set(self.clock.now() + time);
                self.pass(time);
            }
            10 => self.leave(key, index),
            11..13 => self.harvest(),
            13 => self.refund(key, bytes.cells()),
            14 if index < 4 => self.remove(key, bytes.quota()),
            14 => self.set_quota(key, bytes.quota()),
            _ => self.look_at_all(),
        }
        self.check_snapshot();
    }

    fn check(&self) {
        assert!(self.limiter.len() <= if self.evicts { FEW } else { KEYS });
        for (number, key) in self.keys.iter().enumerate() {
            let (ours, twin) = (self.limiter.available(&number), key.twin.available());
            assert!(self.evicts || ours == twin, "key {number} has {ours} cells, and its twin {twin}");
            assert!(self.limiter.waiters(&number) <= key.line.len());
            key.ledger.check(ours);
        }
    }

    fn end(mut self) {
        for key in &mut self.keys {
            key.line.clear();
            key.twin_line.clear();
        }
        self.check_snapshot();
        assert_eq!(self.limiter.snapshot().line.waiting, 0);
        for (number, key) in self.keys.iter().enumerate() {
            key.ledger.check_at_rest(self.limiter.available(&number));
        }
        self.limiter.retain(|_| false);
        assert!(self.limiter.is_empty());
    }
}
