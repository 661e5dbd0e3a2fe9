//! What limits on how much runs at once promise per key.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_keyed_slots {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness keyed_slots {
            each_key_has_slots_of_its_own
            who_waits_for_a_slot_of_a_key_is_served_in_order
            each_key_runs_so_many_at_once
            a_slot_of_a_key_is_waited_for_at_most_so_long
            a_cancelled_wait_for_a_slot_of_a_key_leaves_no_trace
            a_key_without_a_permit_is_forgotten_in_passing
            a_permit_of_a_key_outlives_its_limiter
            a_key_whose_permits_are_held_is_never_evicted
            a_key_that_is_removed_keeps_its_permits_valid
            each_key_has_the_limit_that_is_said_of_it
            a_limit_changed_by_a_handle_is_kept_with_the_key
            slots_of_a_key_are_part_of_a_combination
            closing_ends_the_waits_for_slots_of_all_keys
        } }
    };
}

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;

use super::Harness;
use super::hand::{ByHand, assert_refused, at_once, refused};
use super::rig::Rig;
use crate::limit::{KeyedConcurrencyLimiter, ResourceLimitErrorKind as Kind, ResourceLimiter, WhenFull};
use crate::runtime::Spawn;

type Keyed<H, K = u64> = KeyedConcurrencyLimiter<K, <H as Harness>::Runtime>;

fn keyed<H: Harness>(rig: &Rig<H>, limit: usize) -> Keyed<H> {
    KeyedConcurrencyLimiter::with_runtime(limit, rig.runtime.clone())
}

/// Lets so many keys come and go, from `first` on.
fn pass_by<H: Harness>(limiter: &Keyed<H>, first: u64, keys: u64) {
    for key in first..first + keys {
        drop(limiter.try_acquire(&key).expect("its slots are free"));
    }
}

pub async fn each_key_has_slots_of_its_own<H: Harness>(rig: Rig<H>) {
    let limiter: Keyed<H, String> = KeyedConcurrencyLimiter::with_runtime(2, rig.runtime.clone());
    let first = limiter.acquire("one").await.expect("a slot is free");
    let second = limiter.try_acquire("one").expect("a slot is free");
    assert_refused(limiter.try_acquire("one"), Kind::NotReady);
    let other = limiter.acquire_many("two", 2).await.expect("they are free");
    assert_eq!((limiter.in_flight("one"), limiter.available("two"), limiter.available("three")), (2, 0, 2));
    drop((second, other));
    assert_eq!((limiter.in_flight("one"), limiter.available("two")), (1, 2));
    drop(first);
}

pub async fn who_waits_for_a_slot_of_a_key_is_served_in_order<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, 1);
    let permit = limiter.try_acquire(&1).expect("a slot is free");
    let mut first = ByHand::waiting(limiter.acquire(&1));
    let mut second = ByHand::waiting(limiter.acquire(&1));
    assert_eq!(limiter.waiters(&1), 2);
    drop(permit);
    assert!(first.is_woken() && !second.is_woken());
    drop(first.output_after_wake());
    assert!(second.output_after_wake().is_ok());
}

pub async fn each_key_runs_so_many_at_once<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, 3);
    let running: Arc<[AtomicUsize; 4]> = Arc::default();
    let tasks: Vec<_> = (0..80_u64)
        .map(|number| {
            let (limiter, running, runtime) = (limiter.clone(), Arc::clone(&running), rig.runtime.clone());
            rig.runtime.spawn(async move {
                let key = number % 4;
                let work = async {
                    // ORDERING: SeqCst, here and below: checks are not in a hurry.
                    let now = 1 + running[key as usize].fetch_add(1, Ordering::SeqCst);
                    Rig::<H>::rest(&runtime, Duration::from_micros(200)).await;
                    running[key as usize].fetch_sub(1, Ordering::SeqCst);
                    now
                };
                limiter.run(&key, work).await.expect("nothing closes it")
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.expect("it ends") <= 3);
    }
    assert_eq!(limiter.busiest(10).iter().map(|usage| usage.in_use).sum::<usize>(), 0);
}

pub async fn a_slot_of_a_key_is_waited_for_at_most_so_long<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, 1);
    let permit = limiter.try_acquire(&1).expect("a slot is free");
    let late = refused(limiter.acquire_within(&1, Duration::from_millis(2)).await);
    assert_eq!((late.kind(), late.left()), (Kind::Deadline, Some(Duration::from_millis(2))));
    drop(permit);
    assert!(at_once(limiter.acquire_within(&1, Duration::ZERO)).is_ok());
}

pub async fn a_cancelled_wait_for_a_slot_of_a_key_leaves_no_trace<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, 1);
    let permit = limiter.try_acquire(&1).expect("a slot is free");
    let first = ByHand::waiting(limiter.acquire(&1));
    let mut second = ByHand::waiting(limiter.acquire(&1));
    drop(permit);
    drop(first);
    drop(second.output_after_wake());
    assert_eq!((limiter.waiters(&1), limiter.in_flight(&1)), (0, 0));
}

pub async fn a_key_without_a_permit_is_forgotten_in_passing<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, 1);
    pass_by::<H>(&limiter, 0, 10_000);
    assert!(limiter.len() < 200, "{}", limiter.len());
    let permits: Vec<_> = (10_000..11_000).map(|key| limiter.try_acquire(&key).expect("it is free")).collect();
    pass_by::<H>(&limiter, 20_000, 10_000);
    for key in 10_000..11_000 {
        assert_refused(limiter.try_acquire(&key), Kind::NotReady);
    }
    drop(permits);
    pass_by::<H>(&limiter, 40_000, 10_000);
    assert!(limiter.len() < 200, "{}", limiter.len());
}

pub async fn a_permit_of_a_key_outlives_its_limiter<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, 1);
    let permit = limiter.try_acquire(&1).expect("a slot is free");
    drop(limiter);
    drop(permit);
}

pub async fn a_key_whose_permits_are_held_is_never_evicted<H: Harness>(rig: Rig<H>) {
    for when_full in [WhenFull::EvictIdlest, WhenFull::Refuse] {
        let limiter = Keyed::<H>::builder(1).max_keys(2).when_full(when_full).build_on(rig.runtime.clone());
        let limiter = limiter.expect("a limit of one is valid");
        let _permits = [0, 1].map(|key| limiter.try_acquire(&key).expect("a slot is free"));
        assert_refused(limiter.try_acquire(&2), Kind::TooManyKeys);
        assert_refused(limiter.try_acquire(&1), Kind::NotReady);
        assert_eq!(limiter.len(), 2);
    }
}

pub async fn a_key_that_is_removed_keeps_its_permits_valid<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, 1);
    let old = limiter.try_acquire(&1).expect("a slot is free");
    let mut waiting = ByHand::waiting(limiter.acquire(&1));
    assert!(limiter.remove(&1));
    assert_refused(waiting.output_after_wake(), Kind::Closed);
    let new = limiter.try_acquire(&1).expect("it is a new key");
    drop(old);
    assert_refused(limiter.try_acquire(&1), Kind::NotReady);
    drop(new);
}

pub async fn each_key_has_the_limit_that_is_said_of_it<H: Harness>(rig: Rig<H>) {
    let limiter = Keyed::<H>::builder(1).limit_of(|key| *key as usize).build_on(rig.runtime.clone());
    let limiter = limiter.expect("a limit of one is valid");
    let three = limiter.try_acquire_many(&3, 3).expect("they are free");
    assert_refused(limiter.try_acquire_many(&3, 4), Kind::TooLarge);
    assert_refused(limiter.try_acquire_many(&5, 6), Kind::TooLarge);
    // A limit of nothing is a pause.
    let mut paused = ByHand::waiting(limiter.acquire(&0));
    limiter.set_limit(&0, 1);
    assert!(paused.output_after_wake().is_ok());
    // It lasts when the key is forgotten, until it is reset.
    limiter.set_limit(&3, 4);
    drop(three);
    assert!(limiter.remove(&3));
    assert_eq!(limiter.limit(&3), 4);
    limiter.reset_limit(&3);
    assert_eq!((limiter.limit(&3), limiter.limit(&4)), (3, 4));
}

pub async fn a_limit_changed_by_a_handle_is_kept_with_the_key<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, 1);
    limiter.limiter(&1).expect("there is room").set_limit(7);
    pass_by::<H>(&limiter, 100, 5_000);
    assert_eq!(limiter.limit(&1), 7);
}

pub async fn slots_of_a_key_are_part_of_a_combination<H: Harness>(rig: Rig<H>) {
    let (all, limiter) = (rig.slots(2), keyed(&rig, 1));
    let both = |key| {
        let one = limiter.limiter(&key).expect("there is room");
        ResourceLimiter::builder().concurrency(&all).concurrency(&one).build().expect("they are two limits")
    };
    let (ann, bob) = (both(0), both(1));
    let first = ann.try_acquire_owned().expect("both are free");
    assert_refused(ann.try_acquire(), Kind::NotReady);
    assert_eq!(all.in_flight(), 1);
    drop(bob.try_acquire().expect("both are free"));
    drop(first);
    assert_eq!((all.in_flight(), limiter.in_flight(&0)), (0, 0));
}

pub async fn closing_ends_the_waits_for_slots_of_all_keys<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, 1);
    let permit = limiter.try_acquire(&1).expect("a slot is free");
    let mut waiting = ByHand::waiting(limiter.acquire(&1));
    limiter.close();
    assert_refused(waiting.output_after_wake(), Kind::Closed);
    assert_refused(limiter.try_acquire(&2), Kind::Closed);
    limiter.closed().await;
    drop(permit);
}
