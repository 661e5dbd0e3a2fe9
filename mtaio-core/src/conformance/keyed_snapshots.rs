//! What limiters per key tell of themselves.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_keyed_snapshots {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness keyed_snapshots {
            a_snapshot_of_keys_tells_what_is_there
            a_rate_per_key_that_counts_counts_every_request
            slots_per_key_that_count_count_every_request
            those_per_key_that_do_not_count_tell_of_those_who_stood_in_line
            what_was_counted_outlives_its_key
            the_oldest_wait_and_the_longest_grant_are_those_of_all_keys
        } }
    };
}

use alloc::vec::Vec;
use core::time::Duration;

use super::Harness;
use super::hand::{ByHand, assert_refused, at_once};
use super::rig::{Rig, SLOW};
use crate::limit::{
    KeyedConcurrencyLimiter, KeyedConcurrencyLimiterBuilder, KeyedLimiter, KeyedRateLimiter, KeyedRateLimiterBuilder,
    KeysSnapshot, LineSnapshot, Quota, ResourceLimitErrorKind as Kind, WhenFull,
};

const SHORT: Duration = Duration::from_millis(2);
/// What two stamps can be off together.
const TICKS: Duration = Duration::from_micros(2);

type Rates<H> = KeyedRateLimiter<u64, <H as Harness>::Runtime>;
type Slots<H> = KeyedConcurrencyLimiter<u64, <H as Harness>::Runtime>;

fn rates<H: Harness>(quota: Quota) -> KeyedRateLimiterBuilder<u64, H::Runtime> {
    Rates::<H>::builder(quota)
}

fn slots<H: Harness>(limit: usize) -> KeyedConcurrencyLimiterBuilder<u64, H::Runtime> {
    Slots::<H>::builder(limit)
}

/// How many were granted, refused and given up.
fn counts(line: &LineSnapshot) -> (u64, u64, u64) {
    (line.granted, line.refused, line.cancelled)
}

fn keys(keys: &KeysSnapshot) -> (usize, Option<usize>, u64, u64) {
    (keys.known, keys.max, keys.evicted, keys.refused)
}

pub async fn a_snapshot_of_keys_tells_what_is_there<H: Harness>(rig: Rig<H>) {
    let rate = rates::<H>(SLOW).build_on(rig.runtime.clone());
    let slots = slots::<H>(2).max_keys(9).build_on(rig.runtime.clone()).expect("the limit is valid");
    let _permits: Vec<_> = (0..3).map(|key| slots.try_acquire_many(&key, 2).expect("they are free")).collect();
    (0..3).for_each(|key| rate.try_acquire(&key).expect("it is full"));
    let _waiting = [1, 1, 2].map(|key| {
        let (cell, slot) = (KeyedLimiter::admit(&rate, key, 1), KeyedLimiter::admit(&slots, key, 1));
        (ByHand::waiting(cell), ByHand::waiting(slot))
    });
    let (of_rate, of_slots) = (rate.snapshot(), slots.snapshot());
    assert_eq!((keys(&of_rate.keys), keys(&of_slots.keys)), ((3, None, 0, 0), (3, Some(9), 0, 0)));
    assert_eq!((of_rate.line.waiting, of_slots.line.waiting, of_slots.in_flight), (3, 3, 6));
    assert!(!of_rate.closed && !of_slots.closed);
    rate.close();
    slots.close();
    let (of_rate, of_slots) = (rate.snapshot(), slots.snapshot());
    assert!(of_rate.closed && of_slots.closed);
    assert_eq!((of_rate.keys.known, of_slots.keys.known), (0, 0));
    // They were in line, and hear of it.
    assert_eq!((counts(&of_rate.line), counts(&of_slots.line)), ((0, 3, 0), (0, 3, 0)));
}

pub async fn a_rate_per_key_that_counts_counts_every_request<H: Harness>(rig: Rig<H>) {
    let rate = rates::<H>(SLOW.burst(2)).counting().max_keys(2).when_full(WhenFull::Refuse);
    let rate = rate.build_on(rig.runtime.clone());
    assert_eq!((rate.try_acquire_many(&1, 0), rate.try_acquire_many(&1, 0)), (Ok(()), Ok(())));
    assert_eq!((rate.try_acquire(&1), at_once(rate.acquire(&1))), (Ok(()), Ok(())));
    assert_eq!(rate.try_acquire_many(&1, 0), Ok(()));
    assert_eq!(counts(&rate.snapshot().line), (2, 0, 0));
    assert_refused(rate.try_acquire(&1), Kind::NotReady);
    assert_refused(rate.try_acquire_many(&1, 3), Kind::TooLarge);
    assert_refused(at_once(rate.acquire_many(&1, 3)), Kind::TooLarge);
    // Not known, and they do not become so.
    assert_refused(rate.try_acquire_many(&2, 3), Kind::TooLarge);
    assert_eq!((rate.try_acquire(&2), counts(&rate.snapshot().line)), (Ok(()), (3, 4, 0)));
    assert_refused(rate.try_acquire(&3), Kind::TooManyKeys);
    assert_refused(at_once(rate.acquire(&3)), Kind::TooManyKeys);
    assert_eq!((counts(&rate.snapshot().line), rate.snapshot().keys.refused), ((3, 6, 0), 2));
    // From here on the key has a line, which counts in turn.
    let mut waiting = ByHand::waiting(rate.acquire(&1));
    assert_refused(rate.try_acquire(&1), Kind::NotReady);
    assert_refused(at_once(rate.acquire_within(&1, SHORT)), Kind::Deadline);
    rate.refund(&1, 2);
    assert_eq!(waiting.output_after_wake(), Ok(()));
    assert_eq!((at_once(rate.acquire(&1)), counts(&rate.snapshot().line)), (Ok(()), (5, 8, 0)));
    rate.close();
    assert_refused(rate.try_acquire(&1), Kind::Closed);
    assert_refused(at_once(rate.acquire(&1)), Kind::Closed);
    assert_eq!(counts(&rate.snapshot().line), (5, 10, 0));
}

pub async fn slots_per_key_that_count_count_every_request<H: Harness>(rig: Rig<H>) {
    let slots = slots::<H>(2).counting().max_keys(2).when_full(WhenFull::Refuse);
    let slots = slots.build_on(rig.runtime.clone()).expect("the limit is valid");
    let two = at_once(slots.acquire_many(&1, 2)).expect("they are free");
    assert_refused(slots.try_acquire(&1).map(drop), Kind::NotReady);
    assert_refused(slots.try_acquire_many(&2, 3).map(drop), Kind::TooLarge);
    let other = slots.try_acquire(&2).expect("it has its own");
    assert_refused(slots.try_acquire(&3).map(drop), Kind::TooManyKeys);
    assert_refused(at_once(slots.acquire(&3)).map(drop), Kind::TooManyKeys);
    let mut waiting = ByHand::waiting(slots.acquire(&1));
    drop((two, other));
    drop(waiting.output_after_wake().expect("it is open"));
    drop(waiting);
    drop(slots.try_acquire_many(&1, 0).expect("it is nothing"));
    let snapshot = slots.snapshot();
    assert_eq!((counts(&snapshot.line), snapshot.in_flight, snapshot.keys.refused), ((3, 4, 0), 0, 2));
    slots.close();
    assert_refused(slots.try_acquire(&1).map(drop), Kind::Closed);
    assert_eq!(counts(&slots.snapshot().line), (3, 5, 0));
}

pub async fn those_per_key_that_do_not_count_tell_of_those_who_stood_in_line<H: Harness>(rig: Rig<H>) {
    let rate = rates::<H>(SLOW).build_on(rig.runtime.clone());
    let slots = slots::<H>(1).build_on(rig.runtime.clone()).expect("the limit is valid");
    for key in 0..2 {
        rate.try_acquire(&key).expect("it is full");
        assert_refused(rate.try_acquire(&key), Kind::NotReady);
        let permit = slots.try_acquire(&key).expect("it is free");
        assert_refused(slots.try_acquire(&key).map(drop), Kind::NotReady);
        let mut first = (ByHand::waiting(rate.acquire(&key)), ByHand::waiting(slots.acquire(&key)));
        drop((ByHand::waiting(rate.acquire(&key)), ByHand::waiting(slots.acquire(&key))));
        rate.refund(&key, 1);
        drop(permit);
        first.0.output_after_wake().expect("it is open");
        drop(first.1.output_after_wake().expect("it is open"));
    }
    let (of_rate, of_slots) = (rate.snapshot().line, slots.snapshot().line);
    assert_eq!((counts(&of_rate), counts(&of_slots)), ((2, 0, 2), (2, 0, 2)));
    assert_eq!((of_rate.counting, of_rate.longest_unclaimed, of_rate.oldest_wait), (false, None, Some(Duration::ZERO)));
    assert_eq!((of_slots.counting, of_slots.longest_unclaimed, of_slots.oldest_wait), (false, None, None));
}

pub async fn what_was_counted_outlives_its_key<H: Harness>(rig: Rig<H>) {
    let rate = rates::<H>(SLOW).max_keys(1).build_on(rig.runtime.clone());
    let slots = slots::<H>(1).max_keys(1).build_on(rig.runtime.clone()).expect("the limit is valid");
    for key in 0..10 {
        // Each makes the one before go: of the rate, that has an empty bucket.
        rate.try_acquire(&key).expect("there is room");
        let permit = slots.try_acquire(&key).expect("there is room");
        let mut waiting = (ByHand::waiting(rate.acquire(&key)), ByHand::waiting(slots.acquire(&key)));
        rate.refund(&key, 1);
        drop(permit);
        waiting.0.output_after_wake().expect("it is open");
        drop(waiting.1.output_after_wake().expect("it is open"));
    }
    let (of_rate, of_slots) = (rate.snapshot(), slots.snapshot());
    assert_eq!((counts(&of_rate.line), counts(&of_slots.line)), ((10, 0, 0), (10, 0, 0)));
    assert_eq!((keys(&of_rate.keys), keys(&of_slots.keys)), ((1, Some(1), 9, 0), (1, Some(1), 0, 0)));
    // Who waits for a key that is removed is refused, and counted.
    let _waiting = (ByHand::waiting(rate.acquire(&9)), ByHand::waiting(rate.acquire(&9)));
    assert!(rate.remove(&9));
    assert_eq!((counts(&rate.snapshot().line), rate.snapshot().line.waiting), ((10, 2, 0), 0));
}

pub async fn the_oldest_wait_and_the_longest_grant_are_those_of_all_keys<H: Harness>(rig: Rig<H>) {
    let rate = rates::<H>(SLOW).counting().build_on(rig.runtime.clone());
    let slots = slots::<H>(1).counting().build_on(rig.runtime.clone()).expect("the limit is valid");
    let mut permits: Vec<_> = (0..2).map(|key| slots.try_acquire(&key).expect("it is free")).collect();
    (0..2).for_each(|key| rate.try_acquire(&key).expect("it is full"));
    let told = || [rate.snapshot().line, slots.snapshot().line];
    for line in told() {
        assert_eq!((line.oldest_wait, line.longest_unclaimed), (Some(Duration::ZERO), Some(Duration::ZERO)));
    }
    let mut first = (ByHand::waiting(rate.acquire(&1)), ByHand::waiting(slots.acquire(&1)));
    rig.sleep(SHORT).await;
    let _second = (ByHand::waiting(rate.acquire(&0)), ByHand::waiting(slots.acquire(&0)));
    for line in told() {
        assert!(line.oldest_wait.expect("it has a clock") + TICKS >= SHORT, "{line:?}");
    }
    rate.refund(&1, 1);
    drop(permits.pop());
    rig.sleep(SHORT).await;
    first.0.output_after_wake().expect("it is open");
    drop(first.1.output_after_wake().expect("it is open"));
    for line in told() {
        assert!(line.longest_unclaimed.expect("it counts") + TICKS >= SHORT, "{line:?}");
    }
}
