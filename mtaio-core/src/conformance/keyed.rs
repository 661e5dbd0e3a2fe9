//! What rate limits per key promise.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_keyed {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness keyed {
            each_key_has_a_bucket_of_its_own
            a_key_is_looked_up_by_what_it_borrows_as
            a_refusal_of_a_key_says_when_to_try_again
            who_waits_for_a_key_is_served_in_order
            keys_do_not_wait_for_each_other
            a_hundred_keys_are_waited_for_at_once
            a_key_waits_at_most_so_long
            a_cancelled_wait_for_a_key_leaves_no_trace
            no_cells_of_a_key_are_ready_and_too_many_are_refused
            each_key_has_the_quota_that_is_said_of_it
            a_quota_that_changes_its_mind_is_asked_once_a_key
            a_quota_that_panics_takes_nothing
            one_key_can_have_another_quota_at_any_time
            a_key_that_is_as_good_as_new_is_forgotten_in_passing
            a_key_that_is_waited_for_is_not_forgotten
            a_key_with_a_handle_is_not_forgotten
            no_more_keys_than_may_be_are_kept
            a_new_key_is_refused_where_it_was_said_so
            a_key_in_use_is_never_evicted
            a_key_that_is_removed_ends_its_waits
            keys_that_are_not_retained_go
            a_key_is_part_of_a_combination_with_a_limit_for_all
            closing_ends_the_waits_of_all_keys
            keys_that_are_all_equal_are_one
        } }
    };
}

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;

use super::Harness;
use super::hand::{ByHand, assert_refused, at_once, panic_of, refused};
use super::rig::{FAST, Rig, SLOW};
use crate::limit::{KeyedLimiter, KeyedRateLimiter, Quota, ResourceLimitErrorKind as Kind, ResourceLimiter, WhenFull};
use crate::runtime::Spawn;

type Keyed<H, K = u64> = KeyedRateLimiter<K, <H as Harness>::Runtime>;

fn keyed<H: Harness>(rig: &Rig<H>, quota: Quota) -> Keyed<H> {
    KeyedRateLimiter::with_runtime(quota, rig.runtime.clone())
}

/// Lets so many keys come, from `first` on, each of which is as good as new at once.
fn pass_by<H: Harness>(limiter: &Keyed<H>, first: u64, keys: u64) {
    for key in first..first + keys {
        limiter.try_acquire(&key).expect("its bucket is full");
        limiter.refund(&key, 1);
    }
}

pub async fn each_key_has_a_bucket_of_its_own<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, SLOW.burst(2));
    for key in 0..100 {
        assert_eq!(limiter.available(&key), 2);
        assert_eq!(limiter.try_acquire(&key), Ok(()));
        assert_eq!(limiter.try_acquire_many(&key, 1), Ok(()));
        assert_refused(limiter.try_acquire(&key), Kind::NotReady);
        assert_eq!(limiter.available(&key), 0);
    }
    assert_eq!(limiter.len(), 100);
    limiter.refund(&7, 1);
    assert_eq!((limiter.available(&7), limiter.available(&8)), (1, 0));
}

pub async fn a_key_is_looked_up_by_what_it_borrows_as<H: Harness>(rig: Rig<H>) {
    let limiter: Keyed<H, String> = KeyedRateLimiter::with_runtime(SLOW, rig.runtime.clone());
    assert_eq!(limiter.try_acquire("ann"), Ok(()));
    assert_refused(limiter.try_acquire(&"ann".to_string()), Kind::NotReady);
    let mut waiting = ByHand::waiting(limiter.acquire("ann"));
    assert_eq!((limiter.waiters("ann"), limiter.waiters("bob")), (1, 0));
    limiter.refund("ann", 1);
    assert_eq!(waiting.output_after_wake(), Ok(()));
}

pub async fn a_refusal_of_a_key_says_when_to_try_again<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, Quota::per_second(10).burst(1));
    let start = rig.now();
    assert_eq!(limiter.try_acquire(&1), Ok(()));
    let wait = refused(limiter.try_acquire(&1)).retry_after().expect("it says when");
    assert!(wait <= Duration::from_millis(100));
    rig.sleep(wait).await;
    assert_eq!(limiter.try_acquire(&1), Ok(()));
    rig.assert_elapsed(start, Duration::from_millis(100));
}

pub async fn who_waits_for_a_key_is_served_in_order<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, SLOW);
    assert_eq!((limiter.try_acquire(&1), limiter.try_acquire(&2)), (Ok(()), Ok(())));
    let mut waiting: Vec<_> =
        (0..10).map(|number| ByHand::waiting(KeyedLimiter::admit(&limiter, 1 + number % 2, 1))).collect();
    for number in 0..10 {
        limiter.refund(&(1 + number % 2), 1);
        let woken: Vec<_> = (0..10_usize).filter(|other| waiting[*other].is_woken()).collect();
        assert_eq!(woken, (0..=number as usize).collect::<Vec<_>>());
        assert_eq!(waiting[number as usize].output_after_wake(), Ok(()));
    }
}

pub async fn keys_do_not_wait_for_each_other<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, SLOW);
    let _drained: Vec<_> = (0..50).map(|key| limiter.try_acquire(&key)).collect();
    let mut waiting: Vec<_> = (0..50).map(|key| ByHand::waiting(KeyedLimiter::admit(&limiter, key, 1))).collect();
    assert_eq!(limiter.try_acquire(&50), Ok(()));
    limiter.refund(&30, 1);
    assert_eq!(waiting[30].output_after_wake(), Ok(()));
    for (key, waiter) in waiting.iter_mut().enumerate().filter(|(key, _)| *key != 30) {
        assert!(!waiter.is_woken(), "{key}");
        waiter.assert_waits();
    }
}

pub async fn a_hundred_keys_are_waited_for_at_once<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, FAST);
    let start = rig.now();
    let tasks: Vec<_> = (0..300_u64)
        .map(|number| {
            let limiter = limiter.clone();
            rig.runtime.spawn(async move { limiter.acquire(&(number % 100)).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("it ends"), Ok(()));
    }
    rig.assert_elapsed(start, Duration::from_millis(2));
}

pub async fn a_key_waits_at_most_so_long<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, SLOW);
    assert_eq!(at_once(limiter.acquire_within(&1, Duration::ZERO)), Ok(()));
    let late = refused(at_once(limiter.acquire_within(&1, Duration::from_secs(60))));
    assert_eq!(late.kind(), Kind::Deadline);
    assert!(late.left() <= Some(Duration::from_secs(60)) && late.needed() > Some(Duration::from_secs(3500)));
}

pub async fn a_cancelled_wait_for_a_key_leaves_no_trace<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, SLOW);
    assert_eq!(limiter.try_acquire(&1), Ok(()));
    let first = ByHand::waiting(limiter.acquire(&1));
    let mut second = ByHand::waiting(limiter.acquire(&1));
    limiter.refund(&1, 1);
    // The first one was granted it, and goes without having seen it.
    assert!(first.is_woken() && !second.is_woken());
    drop(first);
    assert_eq!(second.output_after_wake(), Ok(()));
    assert_eq!(limiter.waiters(&1), 0);
}

pub async fn no_cells_of_a_key_are_ready_and_too_many_are_refused<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, SLOW.burst(3));
    assert_eq!((limiter.try_acquire_many(&1, 0), at_once(limiter.acquire_many(&1, 0))), (Ok(()), Ok(())));
    assert_refused(limiter.try_acquire_many(&1, 4), Kind::TooLarge);
    assert_refused(at_once(limiter.acquire_many(&1, 4)), Kind::TooLarge);
    // Neither made a key of it.
    assert_eq!(limiter.len(), 0);
    assert_eq!(limiter.try_acquire(&1), Ok(()));
    assert_refused(at_once(limiter.acquire_many(&1, u32::MAX)), Kind::TooLarge);
    assert_eq!(limiter.try_acquire_many(&1, 0), Ok(()));
}

pub async fn each_key_has_the_quota_that_is_said_of_it<H: Harness>(rig: Rig<H>) {
    let limiter = Keyed::<H>::builder(SLOW).quota_of(|key| SLOW.burst(1 + *key as u32)).build_on(rig.runtime.clone());
    // More different ones than a table knows by number.
    for key in 0..3000_u64 {
        assert_eq!(limiter.quota(&key), SLOW.burst(1 + key as u32));
        assert_eq!(limiter.try_acquire_many(&key, 1 + key as u32), Ok(()), "{key}");
        assert_refused(limiter.try_acquire(&key), Kind::NotReady);
        assert_refused(limiter.try_acquire_many(&key, 2 + key as u32), Kind::TooLarge);
    }
    for key in 0..3000_u64 {
        assert_eq!(limiter.available(&key), 0, "{key}");
    }
}

pub async fn a_quota_that_changes_its_mind_is_asked_once_a_key<H: Harness>(rig: Rig<H>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    // ORDERING: SeqCst, here and below: checks are not in a hurry.
    let quota_of = move |_: &u64| SLOW.burst(1 + count.fetch_add(1, Ordering::SeqCst) as u32);
    let limiter = Keyed::<H>::builder(SLOW).quota_of(quota_of).build_on(rig.runtime.clone());
    assert_eq!(limiter.try_acquire(&1), Ok(()));
    assert_refused(limiter.try_acquire(&1), Kind::NotReady);
    assert_refused(limiter.try_acquire_many(&1, 2), Kind::TooLarge);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert!(limiter.remove(&1));
    assert_eq!(limiter.try_acquire_many(&1, 2), Ok(()));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

pub async fn a_quota_that_panics_takes_nothing<H: Harness>(rig: Rig<H>) {
    let armed = Arc::new(AtomicBool::new(true));
    let trap = Arc::clone(&armed);
    // ORDERING: SeqCst, here and below: checks are not in a hurry.
    let quota_of = move |key: &u64| if trap.load(Ordering::SeqCst) { panic!("no quota for {key}") } else { SLOW };
    let limiter = Keyed::<H>::builder(SLOW).quota_of(quota_of).build_on(rig.runtime.clone());
    assert_eq!(panic_of(|| limiter.try_acquire(&1)), "no quota for 1");
    assert_eq!(panic_of(|| at_once(limiter.acquire(&1))), "no quota for 1");
    assert_eq!(limiter.len(), 0);
    armed.store(false, Ordering::SeqCst);
    assert_eq!(limiter.try_acquire(&1), Ok(()));
}

pub async fn one_key_can_have_another_quota_at_any_time<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, SLOW);
    limiter.set_quota(&1, SLOW.burst(5));
    assert_eq!((limiter.quota(&1).burst_size(), limiter.quota(&2).burst_size()), (5, 1));
    assert_eq!(limiter.try_acquire_many(&1, 5), Ok(()));
    // It lasts when the key is forgotten.
    assert!(limiter.remove(&1));
    assert_eq!(limiter.try_acquire_many(&1, 2), Ok(()));
    // What is there stays, at most the new burst of it.
    limiter.set_quota(&1, SLOW.burst(2));
    assert_eq!(limiter.available(&1), 2);
    assert_eq!(limiter.try_acquire_many(&1, 2), Ok(()));
    // It reaches those who wait.
    let mut waiting = ByHand::waiting(limiter.acquire_many(&1, 2));
    limiter.reset_quota(&1);
    assert_refused(waiting.output_after_wake(), Kind::TooLarge);
    assert_eq!(limiter.quota(&1), SLOW);
}

pub async fn a_key_that_is_as_good_as_new_is_forgotten_in_passing<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, SLOW);
    pass_by::<H>(&limiter, 0, 10_000);
    assert!(limiter.len() < 200, "{}", limiter.len());
    // Those that are not are kept.
    for key in 10_000..11_000 {
        assert_eq!(limiter.try_acquire(&key), Ok(()));
    }
    pass_by::<H>(&limiter, 20_000, 10_000);
    for key in 10_000..11_000 {
        assert_refused(limiter.try_acquire(&key), Kind::NotReady);
    }
}

pub async fn a_key_that_is_waited_for_is_not_forgotten<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, SLOW);
    assert_eq!(limiter.try_acquire(&1), Ok(()));
    let mut waiting = ByHand::waiting(limiter.acquire(&1));
    pass_by::<H>(&limiter, 100, 5_000);
    assert_refused(limiter.try_acquire(&1), Kind::NotReady);
    assert_eq!(limiter.waiters(&1), 1);
    limiter.refund(&1, 1);
    assert_eq!(waiting.output_after_wake(), Ok(()));
    drop(waiting);
    // Its bucket is empty, so that it is still not as good as new. Full again, it goes.
    pass_by::<H>(&limiter, 10_000, 5_000);
    assert_refused(limiter.try_acquire(&1), Kind::NotReady);
    limiter.refund(&1, 1);
    pass_by::<H>(&limiter, 20_000, 5_000);
    assert!(!limiter.remove(&1));
}

pub async fn a_key_with_a_handle_is_not_forgotten<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, SLOW);
    let one = limiter.limiter(&1).expect("there is room");
    pass_by::<H>(&limiter, 100, 5_000);
    assert_eq!(one.try_acquire(), Ok(()));
    assert_refused(limiter.try_acquire(&1), Kind::NotReady);
}

pub async fn no_more_keys_than_may_be_are_kept<H: Harness>(rig: Rig<H>) {
    let limiter = Keyed::<H>::builder(SLOW).max_keys(100).build_on(rig.runtime.clone());
    for key in 0..5_000 {
        assert_eq!(limiter.try_acquire(&key), Ok(()));
        assert!(limiter.len() <= 100);
    }
    assert_eq!(limiter.len(), 100);
}

pub async fn a_new_key_is_refused_where_it_was_said_so<H: Harness>(rig: Rig<H>) {
    let limiter = Keyed::<H>::builder(SLOW).max_keys(3).when_full(WhenFull::Refuse).build_on(rig.runtime.clone());
    for key in 0..3 {
        assert_eq!(limiter.try_acquire(&key), Ok(()));
    }
    let error = refused(limiter.try_acquire(&3));
    assert_eq!((error.kind(), error.retry_after()), (Kind::TooManyKeys, None));
    assert_eq!(error.to_string(), "there are as many keys as may be: 3");
    assert_refused(at_once(limiter.acquire(&3)), Kind::TooManyKeys);
    assert_refused(limiter.limiter(&3).map(drop), Kind::TooManyKeys);
    // Those that are known are none the worse.
    assert_refused(limiter.try_acquire(&0), Kind::NotReady);
    assert!(limiter.remove(&1));
    assert_eq!(limiter.try_acquire(&3), Ok(()));
}

pub async fn a_key_in_use_is_never_evicted<H: Harness>(rig: Rig<H>) {
    let limiter = Keyed::<H>::builder(SLOW).max_keys(1).build_on(rig.runtime.clone());
    assert_eq!(limiter.try_acquire(&1), Ok(()));
    let mut waiting = ByHand::waiting(limiter.acquire(&1));
    assert_refused(limiter.try_acquire(&2), Kind::TooManyKeys);
    limiter.refund(&1, 1);
    assert_eq!(waiting.output_after_wake(), Ok(()));
    drop(waiting);
    assert_eq!(limiter.try_acquire(&2), Ok(()));
    assert_eq!(limiter.len(), 1);
}

pub async fn a_key_that_is_removed_ends_its_waits<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, SLOW);
    assert!(!limiter.remove(&1));
    assert_eq!(limiter.try_acquire(&1), Ok(()));
    let (mut first, mut second) = (ByHand::waiting(limiter.acquire(&1)), ByHand::waiting(limiter.acquire(&1)));
    let handle = limiter.limiter(&1).expect("it is known");
    assert!(limiter.remove(&1));
    assert_refused(first.output_after_wake(), Kind::Closed);
    assert_refused(second.output_after_wake(), Kind::Closed);
    assert_refused(handle.try_acquire(), Kind::Closed);
    // It comes back with a full bucket.
    assert_eq!(limiter.try_acquire(&1), Ok(()));
}

pub async fn keys_that_are_not_retained_go<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, SLOW.burst(2));
    for key in 0..100 {
        assert_eq!(limiter.try_acquire_many(&key, 1 + (key % 2) as u32), Ok(()));
    }
    let _waiting = ByHand::waiting(limiter.acquire_many(&4, 2));
    // It may use the limiter: no lock is held.
    limiter.retain(|usage| usage.waiting > 0 || limiter.available(&usage.key) > 0);
    assert_eq!(limiter.len(), 50);
    let busiest: Vec<_> =
        limiter.busiest(2).into_iter().map(|usage| (usage.key, usage.waiting, usage.in_use)).collect();
    assert_eq!(busiest[0], (4, 1, 1));
    assert_eq!((busiest.len(), busiest[1].2), (2, 1));
}

pub async fn a_key_is_part_of_a_combination_with_a_limit_for_all<H: Harness>(rig: Rig<H>) {
    let all = rig.rate(SLOW.burst(3));
    let limiter = keyed(&rig, SLOW);
    let both = |key| {
        let one = limiter.limiter(&key).expect("there is room");
        ResourceLimiter::builder().rate(&all).rate(&one).build().expect("they are two limits")
    };
    for key in 0..3 {
        drop(both(key).try_acquire().expect("both have a cell"));
        assert_refused(limiter.try_acquire(&key), Kind::NotReady);
    }
    // All or nothing: the key keeps its cell.
    assert_refused(both(3).try_acquire().map(drop), Kind::NotReady);
    assert_eq!((all.available(), limiter.available(&3)), (0, 1));
    let combination = both(0);
    let waiting = ByHand::waiting(combination.acquire());
    drop(waiting);
    all.refund(1);
    assert_eq!((all.available(), limiter.available(&0)), (1, 0));
}

pub async fn closing_ends_the_waits_of_all_keys<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, SLOW);
    let _drained: Vec<_> = (0..10).map(|key| limiter.try_acquire(&key)).collect();
    let mut waiting: Vec<_> = (0..10).map(|key| ByHand::waiting(KeyedLimiter::admit(&limiter, key, 1))).collect();
    limiter.close();
    limiter.close();
    for waiter in &mut waiting {
        assert_refused(waiter.output_after_wake(), Kind::Closed);
    }
    limiter.closed().await;
    assert_refused(limiter.try_acquire(&77), Kind::Closed);
    assert_refused(limiter.try_acquire_many(&77, 0), Kind::Closed);
    assert_refused(at_once(limiter.acquire(&1)), Kind::Closed);
    assert_refused(limiter.limiter(&1).map(drop), Kind::Closed);
    assert_eq!((limiter.is_closed(), limiter.len(), limiter.available(&1)), (true, 0, 0));
}

pub async fn keys_that_are_all_equal_are_one<H: Harness>(rig: Rig<H>) {
    let limiter = keyed(&rig, SLOW.burst(1000));
    for _ in 0..1000 {
        assert_eq!(limiter.try_acquire(&7), Ok(()));
    }
    assert_refused(limiter.try_acquire(&7), Kind::NotReady);
    assert_eq!(limiter.len(), 1);
}
