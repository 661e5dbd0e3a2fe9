//! Keys that come, go and are waited for, in every order of two threads.

use alloc::sync::Arc;
use core::time::Duration;

use super::{SLOW, Waiting};
use crate::limit::error::ResourceLimitErrorKind as Kind;
use crate::limit::{KeyedConcurrencyLimiter, KeyedLimiter, KeyedRateLimiter, KeysSnapshot, Quota};
use crate::primitive::model::{explore, thread};
use crate::primitive::{AtomicBool, Ordering};
use crate::runtime::tests::held::Held;
use crate::runtime::tests::places::Places;

type Rates = KeyedRateLimiter<u64, Places>;

/// One table, so that it does not matter to a model how keys are hashed.
fn rates(quota: Quota, max_keys: usize) -> (Places, Rates) {
    let places = Places::default();
    let limiter = Rates::builder(quota).max_keys(max_keys).tables(1).build_on(places.clone());
    (places, limiter)
}

fn acquire(limiter: &Rates, key: u64) -> Waiting {
    Held::new(KeyedLimiter::admit(limiter, key, 1))
}

#[test]
fn loom_two_who_come_with_a_new_key_make_one_of_it() {
    explore(|| {
        let (_, limiter) = rates(SLOW, 2);
        let other = {
            let limiter = limiter.clone();
            thread::spawn(move || limiter.try_acquire(&1).is_ok())
        };
        let ours = limiter.try_acquire(&1).is_ok();
        assert!(other.join().unwrap() ^ ours, "the key has one cell");
        assert_eq!(limiter.len(), 1);
    });
}

#[test]
fn loom_a_key_gets_a_line_while_another_takes_its_cell() {
    explore(|| {
        let (places, limiter) = rates(Quota::per_second(1).burst(1), 2);
        limiter.try_acquire(&1).unwrap();
        places.pass(Duration::from_secs(1));
        let taker = {
            let limiter = limiter.clone();
            thread::spawn(move || limiter.try_acquire(&1).is_ok())
        };
        let line = limiter.limiter(&1).unwrap();
        let taken = taker.join().unwrap();
        // Nobody waits: the cell that has come is there for one, wherever it was taken from.
        assert!(taken, "there was a cell");
        assert!(line.try_acquire().is_err(), "there was only one");
    });
}

#[test]
fn loom_a_key_is_not_forgotten_while_somebody_begins_to_wait_for_it() {
    explore(|| {
        let (_, limiter) = rates(SLOW, 1);
        limiter.try_acquire(&1).unwrap();
        let other = {
            let limiter = limiter.clone();
            thread::spawn(move || limiter.try_acquire(&2).map_err(|error| error.kind()))
        };
        let mut waiting = acquire(&limiter, 1);
        let first = waiting.poll();
        match other.join().unwrap() {
            // It went before the other one came to wait; its bucket is full when it comes back, and then it may find no room.
            Ok(()) => assert!(first.is_ready() || limiter.waiters(&1) == 1),
            Err(kind) => {
                assert_eq!(kind, Kind::TooManyKeys);
                assert!(first.is_pending());
                limiter.refund(&1, 1);
                assert!(waiting.poll().is_ready(), "whoever waits is known");
            }
        }
        assert!(limiter.len() <= 1);
    });
}

#[test]
fn loom_who_waits_for_a_key_that_is_removed_hears_of_it() {
    explore(|| {
        let (_, limiter) = rates(SLOW, 2);
        limiter.try_acquire(&1).unwrap();
        let remover = {
            let limiter = limiter.clone();
            thread::spawn(move || limiter.remove(&1))
        };
        let mut waiting = acquire(&limiter, 1);
        let first = waiting.poll();
        assert!(remover.join().unwrap());
        if first.is_pending() {
            // Either it waits for the key that is gone, and was woken; or for the one that came after it, which had a cell.
            assert_eq!(waiting.woken(), 1, "a wake was lost");
            assert!(waiting.poll().is_ready());
        }
    });
}

#[test]
fn loom_a_line_that_is_set_while_the_chime_strikes_is_struck() {
    explore(|| {
        let (places, limiter) = rates(Quota::per_second(1).burst(1), 2);
        limiter.try_acquire(&1).unwrap();
        limiter.try_acquire(&2).unwrap();
        let mut early = acquire(&limiter, 1);
        assert!(early.poll().is_pending());
        places.pass(Duration::from_secs(1));
        let ringer = {
            let places = places.clone();
            thread::spawn(move || places.ring(0))
        };
        limiter.refund(&2, 1);
        limiter.try_acquire(&2).unwrap();
        let mut late = acquire(&limiter, 2);
        assert!(late.poll().is_pending());
        ringer.join().unwrap();
        assert!(early.poll().is_ready());
        places.pass(Duration::from_secs(1));
        places.ring(0);
        assert!(late.woken() > 0 && late.poll().is_ready(), "its alarm was not set");
    });
}

#[test]
fn loom_slots_are_forgotten_only_when_no_permit_is_held() {
    explore(|| {
        let slots = KeyedConcurrencyLimiter::<u64, Places>::builder(1).max_keys(1).tables(1);
        let slots = slots.build_on(Places::default()).unwrap();
        let permit = slots.try_acquire(&1).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let holder = {
            let is_over = Arc::clone(&is_over);
            thread::spawn(move || {
                is_over.store(true, Ordering::SeqCst);
                drop(permit);
            })
        };
        let other = slots.try_acquire(&2).map_err(|error| error.kind());
        match &other {
            Ok(_) => assert!(is_over.load(Ordering::SeqCst), "it went while its permit was held"),
            Err(kind) => assert_eq!(*kind, Kind::TooManyKeys),
        }
        holder.join().unwrap();
        drop(other);
        drop(slots.try_acquire(&3).expect("all permits are back"));
    });
}

#[test]
fn loom_a_quota_that_is_said_while_its_key_comes_is_that_of_the_key() {
    explore(|| {
        let (_, limiter) = rates(SLOW, 2);
        let speaker = {
            let limiter = limiter.clone();
            thread::spawn(move || limiter.set_quota(&1, SLOW.burst(2)))
        };
        limiter.try_acquire(&1).unwrap();
        speaker.join().unwrap();
        assert_eq!(limiter.quota(&1), SLOW.burst(2));
    });
}

#[test]
fn loom_of_two_quotas_that_are_said_at_once_the_key_has_the_one_that_it_comes_back_with() {
    for has_line in [false, true] {
        explore(move || {
            let (_, limiter) = rates(SLOW, 2);
            limiter.try_acquire(&1).unwrap();
            if has_line {
                drop(limiter.limiter(&1).unwrap());
            }
            let speaker = {
                let limiter = limiter.clone();
                thread::spawn(move || limiter.set_quota(&1, SLOW.burst(2)))
            };
            limiter.set_quota(&1, SLOW.burst(3));
            speaker.join().unwrap();
            let quota = limiter.quota(&1);
            limiter.remove(&1);
            assert_eq!(limiter.quota(&1), quota, "it comes back with another one");
        });
    }
}

#[test]
fn loom_of_two_limits_that_are_said_at_once_the_key_has_the_one_that_it_comes_back_with() {
    explore(|| {
        let slots = KeyedConcurrencyLimiter::<u64, Places>::builder(1).max_keys(2).tables(1);
        let slots = slots.build_on(Places::default()).unwrap();
        drop(slots.try_acquire(&1).unwrap());
        let speaker = {
            let slots = slots.clone();
            thread::spawn(move || slots.set_limit(&1, 2))
        };
        slots.set_limit(&1, 3);
        speaker.join().unwrap();
        let limit = slots.limit(&1);
        slots.remove(&1);
        assert_eq!(slots.limit(&1), limit, "it comes back with another one");
    });
}

#[test]
fn loom_what_a_line_has_counted_is_told_while_its_key_goes() {
    explore(|| {
        let (_, limiter) = rates(SLOW, 1);
        limiter.try_acquire(&1).unwrap();
        let mut waiting = acquire(&limiter, 1);
        assert!(waiting.poll().is_pending());
        limiter.refund(&1, 1);
        assert!(waiting.poll().is_ready());
        drop(waiting);
        let other = {
            let limiter = limiter.clone();
            thread::spawn(move || limiter.try_acquire(&2).is_ok())
        };
        assert_eq!(limiter.snapshot().line.granted, 1);
        let came = other.join().unwrap();
        let snapshot = limiter.snapshot();
        let KeysSnapshot { known, evicted, refused, .. } = snapshot.keys;
        assert_eq!((snapshot.line.granted, known), (1, 1));
        // The snapshot holds the line for a moment, and then it cannot go.
        assert_eq!((evicted, refused), if came { (1, 0) } else { (0, 1) });
    });
}
