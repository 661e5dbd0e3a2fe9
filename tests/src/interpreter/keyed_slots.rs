//! Slots for each of a few keys: each does what a limiter of its own does, and all of them go when nobody needs them.

use alloc::vec::Vec;

use mtaio_core::limit::{
    ConcurrencyLimiter, KeyedConcurrencyLimiter, LineSnapshot, ResourceLimitError, ResourceLimitErrorKind as Kind,
};
use mtaio_core::runtime::ManualClock;
use mtaio_core::sync::OwnedPermit;

use super::Machine;
use super::bytes::Bytes;
use super::line::Line;

type Outcome = Result<OwnedPermit, ResourceLimitError>;

const KEYS: usize = 4;
/// How many there may be where that is bounded.
const FEW: usize = 2;

/// A key, and a limiter without keys that everything is done with, too.
struct Key {
    line: Line<Outcome>,
    twin: ConcurrencyLimiter<ManualClock>,
    twin_line: Line<Outcome>,
    held: Vec<(OwnedPermit, OwnedPermit)>,
}

pub(super) struct KeyedSlots {
    clock: ManualClock,
    limiter: KeyedConcurrencyLimiter<usize, ManualClock>,
    keys: Vec<Key>,
    counting: bool,
    bounded: bool,
    turned_away: u64,
    /// What was counted by twins that are gone.
    past: (u64, u64, u64),
    /// Permits of keys that are gone.
    stray: Vec<(OwnedPermit, OwnedPermit)>,
}

fn counts(line: &LineSnapshot) -> (u64, u64, u64) {
    (line.granted, line.refused, line.cancelled)
}

fn sum(a: (u64, u64, u64), b: (u64, u64, u64)) -> (u64, u64, u64) {
    (a.0 + b.0, a.1 + b.1, a.2 + b.2)
}

fn key(limit: usize, counting: bool, clock: &ManualClock) -> Key {
    let builder = ConcurrencyLimiter::builder(limit.max(1));
    let twin = if counting { builder.counting() } else { builder }.build_on(clock.clone()).expect("it is not zero");
    twin.set_limit(limit);
    Key { line: Line::new(), twin, twin_line: Line::new(), held: Vec::new() }
}

impl KeyedSlots {
    pub(super) fn new(bytes: &mut Bytes<'_>) -> Self {
        let (clock, limit) = (ManualClock::new(), 1 + bytes.below(5));
        let (bounded, counting) = (bytes.below(2) == 1, bytes.below(2) == 1);
        let mut builder = KeyedConcurrencyLimiter::builder(limit);
        if counting {
            builder = builder.counting();
        }
        if bounded {
            builder = builder.max_keys(FEW);
        }
        let limiter = builder.build_on(clock.clone()).expect("it is not zero");
        let keys = (0..KEYS).map(|_| key(limit, counting, &clock)).collect();
        Self { clock, limiter, keys, counting, bounded, turned_away: 0, past: (0, 0, 0), stray: Vec::new() }
    }

    /// Whether the key was let in. If it was not, its twin is not asked.
    fn came(&mut self, n: u32, outcome: Option<&Outcome>) -> bool {
        let came = !matches!(outcome, Some(Err(error)) if error.kind() == Kind::TooManyKeys);
        assert!(came || self.bounded, "there are as many keys as may be");
        if !came && n > 0 && self.counting {
            self.turned_away += 1;
        }
        came
    }

    fn compare(&mut self, key: usize, ours: Option<(u32, Outcome)>, twin: Option<(u32, Outcome)>) {
        match (ours, twin) {
            (None, None) => {}
            (Some((_, Ok(ours))), Some((_, Ok(twin)))) => self.keys[key].held.push((ours, twin)),
            (Some((_, Err(ours))), Some((_, Err(twin)))) => assert_eq!(ours, twin),
            (ours, twin) => panic!("key {key} has an answer of its own: {ours:?}, and not {twin:?}"),
        }
    }

    fn acquire(&mut self, key: usize, n: u32) {
        let (limiter, twin) = (self.limiter.clone(), self.keys[key].twin.clone());
        let ours = self.keys[key].line.join(n, async move { limiter.acquire_many(&key, n).await });
        if self.came(n, ours.as_ref().map(|(_, outcome)| outcome)) {
            let theirs = self.keys[key].twin_line.join(n, async move { twin.acquire_many_owned(n).await });
            self.compare(key, ours, theirs);
        }
    }

    fn try_acquire(&mut self, key: usize, n: u32) {
        let ours = self.limiter.try_acquire_many(&key, n);
        if self.came(n, Some(&ours)) {
            let theirs = self.keys[key].twin.try_acquire_many_owned(n);
            self.compare(key, Some((n, ours)), Some((n, theirs)));
        }
    }

    fn release(&mut self, key: usize, index: usize) {
        let held = if index == 15 { &mut self.stray } else { &mut self.keys[key].held };
        if let Some(index) = index.checked_rem(held.len()) {
            drop(held.swap_remove(index));
        }
    }

    fn harvest(&mut self) {
        for key in 0..KEYS {
            let state = &mut self.keys[key];
            let (ours, twins) = (state.line.harvest(Result::is_ok), state.twin_line.harvest(Result::is_ok));
            assert_eq!(ours.len(), twins.len());
            ours.into_iter().zip(twins).for_each(|(ours, twin)| self.compare(key, Some(ours), Some(twin)));
        }
    }

    /// Who waits for it hears that it is gone; what is held stays valid, and is counted no more.
    fn remove(&mut self, number: usize) {
        self.limiter.remove(&number);
        let limit = self.limiter.limit(&number);
        self.keys[number].twin.close();
        self.harvest();
        let old = core::mem::replace(&mut self.keys[number], key(limit, self.counting, &self.clock));
        assert_eq!(old.line.len(), 0, "somebody waits for a key that is gone");
        self.past = sum(self.past, counts(&old.twin.snapshot().line));
        self.stray.extend(old.held);
    }

    fn check_snapshot(&self) {
        let snapshot = self.limiter.snapshot();
        let twins: Vec<_> = self.keys.iter().map(|key| key.twin.snapshot()).collect();
        let counted = twins.iter().map(|twin| counts(&twin.line)).fold(self.past, sum);
        assert_eq!(counts(&snapshot.line), (counted.0, counted.1 + self.turned_away, counted.2));
        assert_eq!(snapshot.line.waiting, twins.iter().map(|twin| twin.line.waiting).sum());
        assert_eq!(snapshot.in_flight, twins.iter().map(|twin| twin.in_flight).sum());
        assert_eq!((snapshot.keys.known, snapshot.keys.evicted), (self.limiter.len(), 0));
    }
}

impl Machine for KeyedSlots {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let (what, index, key) = (bytes.below(16), bytes.below(16), bytes.below(KEYS));
        match what {
            0..4 => self.acquire(key, bytes.cells()),
            4..6 => self.try_acquire(key, bytes.cells()),
            6..10 => self.release(key, index),
            10 => {
                self.keys[key].twin_line.leave(index);
                self.keys[key].line.leave(index);
            }
            11..13 => self.harvest(),
            13 => {
                self.limiter.set_limit(&key, index % 6);
                self.keys[key].twin.set_limit(index % 6);
            }
            14 if index < 5 => self.remove(key),
            _ => {}
        }
    }

    fn check(&self) {
        for (number, key) in self.keys.iter().enumerate() {
            let ours = (self.limiter.in_flight(&number), self.limiter.available(&number), self.limiter.limit(&number));
            assert_eq!(ours, (key.twin.in_flight(), key.twin.available(), key.twin.limit()), "key {number}");
            assert_eq!(self.limiter.waiters(&number), key.twin.waiters());
            let held: usize = key.held.iter().map(|(permit, _)| permit.count() as usize).sum();
            assert!(ours.0 >= held, "{held} are held, and {} are said to be", ours.0);
        }
        assert!(!self.bounded || self.limiter.len() <= FEW);
        self.check_snapshot();
    }

    fn end(mut self) {
        for key in &mut self.keys {
            key.line.clear();
            key.twin_line.clear();
        }
        self.check();
        self.keys.iter_mut().for_each(|key| key.held.clear());
        self.stray.clear();
        self.check();
        assert_eq!((self.limiter.snapshot().in_flight, self.limiter.snapshot().line.waiting), (0, 0));
        if self.bounded {
            // All keys can go now: whoever comes finds room.
            for key in KEYS..KEYS + 5 {
                assert!(self.limiter.try_acquire(&key).is_ok(), "a key that nobody needs is in the way");
            }
        }
        self.limiter.retain(|_| false);
        assert!(self.limiter.is_empty());
    }
}
