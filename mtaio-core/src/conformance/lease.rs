//! What the lease of a rate limiter promises.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_lease {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness lease {
            a_lease_hands_out_what_it_took_before
            a_lease_that_is_not_used_takes_nothing
            what_a_lease_holds_goes_back_when_it_is_dropped
            what_a_lease_gives_back_is_clipped_at_the_burst
            a_lease_takes_what_is_missing_where_the_batch_is_not_there
            a_refusal_of_a_lease_says_when_to_try_again
            a_lease_does_not_overtake_those_who_wait
            a_lease_waits_for_what_is_missing
            a_wait_of_a_lease_that_is_given_up_keeps_what_is_held
            a_cell_granted_to_a_lease_that_gives_up_goes_to_the_next
            more_than_a_lease_could_ever_get_is_refused_at_once
            a_lease_larger_than_the_burst_takes_batches_of_the_burst
            a_smaller_burst_leaves_a_lease_what_it_holds
            what_a_lease_holds_outlives_the_end_of_its_limiter
            what_a_forgotten_lease_held_is_spent
            a_lease_can_be_dropped_on_another_thread
            a_lease_of_nothing_panics_and_says_why
            a_lease_serves_those_who_wait_when_it_gives_back
            tasks_with_leases_get_every_cell_and_no_more
            what_a_lease_says_of_itself_is_text
        } }
    };
}

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::thread;

use alloc::sync::Arc;

use super::Harness;
use super::hand::{ByHand, assert_refused, at_once, panic_of, refused};
use super::rig::{FAST, Rig, SLOW};
use crate::limit::{Lease, Quota, ResourceLimitErrorKind as Kind};
use crate::runtime::Timer;

/// No cell comes while a check runs.
const STILL: Quota = Quota::per_hour(1).burst(100);

/// Takes single cells until the lease holds some of a batch.
fn fill<R: Timer>(lease: &mut Lease<R>) -> u32 {
    for taken in 1..=50 {
        lease.try_acquire().expect("there are cells");
        if lease.held() >= 2 {
            return taken;
        }
    }
    panic!("it takes no batches")
}

pub async fn a_lease_hands_out_what_it_took_before<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(STILL);
    let mut lease = limiter.lease(10);
    let taken = fill(&mut lease);
    let (held, available) = (lease.held(), limiter.available());
    assert_eq!(taken + held + available, 100);
    for _ in 0..held {
        assert_eq!(lease.try_acquire(), Ok(()));
    }
    assert_eq!((lease.held(), limiter.available()), (0, available), "it looked at nothing that is shared");
    assert_eq!(at_once(lease.acquire()), Ok(()));
}

pub async fn a_lease_that_is_not_used_takes_nothing<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(STILL);
    let mut lease = limiter.lease(10);
    assert_eq!(lease.try_acquire_many(0), Ok(()));
    assert_eq!((lease.held(), lease.size(), limiter.available()), (0, 10, 100));
}

pub async fn what_a_lease_holds_goes_back_when_it_is_dropped<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(STILL);
    let mut lease = limiter.lease(10);
    let taken = fill(&mut lease);
    drop(lease);
    assert_eq!(limiter.available(), 100 - taken);
}

pub async fn what_a_lease_gives_back_is_clipped_at_the_burst<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(STILL);
    let mut lease = limiter.lease(10);
    fill(&mut lease);
    limiter.refund(100);
    lease.give_back();
    assert_eq!((lease.held(), limiter.available()), (0, 100));
    lease.give_back();
    assert_eq!(limiter.available(), 100);
}

pub async fn a_lease_takes_what_is_missing_where_the_batch_is_not_there<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(STILL);
    let mut lease = limiter.lease(50);
    fill(&mut lease);
    lease.try_acquire_many(lease.held()).expect("they are at hand");
    limiter.try_acquire_many(limiter.available() - 1).expect("they are there");
    assert_eq!((lease.try_acquire(), lease.held(), limiter.available()), (Ok(()), 0, 0));
    assert_refused(lease.try_acquire(), Kind::NotReady);
}

pub async fn a_refusal_of_a_lease_says_when_to_try_again<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_second(100).burst(5));
    let mut lease = limiter.lease(5);
    let retry_after = refused(lease.try_acquire_many(3)).retry_after().expect("it knows");
    assert!(retry_after <= Duration::from_millis(30));
    rig.sleep(retry_after).await;
    assert_eq!(lease.try_acquire_many(3), Ok(()));
}

pub async fn a_lease_does_not_overtake_those_who_wait<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(STILL);
    let mut lease = limiter.lease(10);
    let mut large = ByHand::waiting(limiter.acquire_many(50));
    limiter.refund(40);
    assert_refused(lease.try_acquire(), Kind::NotReady);
    let mut behind = ByHand::waiting(lease.acquire());
    limiter.refund(10);
    assert_eq!(large.output_after_wake(), Ok(()));
    behind.assert_waits();
    limiter.refund(1);
    assert_eq!(behind.output_after_wake(), Ok(()));
}

pub async fn a_lease_waits_for_what_is_missing<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(STILL);
    let mut lease = limiter.lease(10);
    fill(&mut lease);
    let held = lease.held();
    limiter.try_acquire_many(limiter.available()).expect("they are there");
    let mut waiting = ByHand::waiting(lease.acquire_many(held + 3));
    limiter.refund(3);
    assert_eq!(waiting.output_after_wake(), Ok(()));
    drop(waiting);
    assert_eq!((lease.held(), limiter.available()), (0, 0));
}

pub async fn a_wait_of_a_lease_that_is_given_up_keeps_what_is_held<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(STILL);
    let mut lease = limiter.lease(10);
    fill(&mut lease);
    let held = lease.held();
    limiter.try_acquire_many(limiter.available()).expect("they are there");
    drop(ByHand::waiting(lease.acquire_many(held + 1)));
    assert_eq!((lease.held(), limiter.waiters()), (held, 0));
    assert_eq!(lease.try_acquire_many(held), Ok(()));
}

pub async fn a_cell_granted_to_a_lease_that_gives_up_goes_to_the_next<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(STILL);
    let mut lease = limiter.lease(10);
    let first = ByHand::waiting(lease.acquire());
    let mut next = ByHand::waiting(limiter.acquire());
    limiter.refund(1);
    assert!(first.is_woken());
    drop(first);
    assert_eq!(next.output_after_wake(), Ok(()));
    assert_eq!((lease.held(), limiter.available()), (0, 0));
}

pub async fn more_than_a_lease_could_ever_get_is_refused_at_once<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(STILL);
    let mut lease = limiter.lease(10);
    let error = refused(lease.try_acquire_many(101));
    assert_eq!(error.kind(), Kind::TooLarge);
    assert_refused(at_once(lease.acquire_many(u32::MAX)), Kind::TooLarge);
    fill(&mut lease);
    let text = alloc::format!("{}", refused(lease.try_acquire_many(200)));
    assert!(text.contains("200") && text.contains("100"), "{text}");
    // What is at hand counts, and so only the rest has to go through.
    limiter.refund(100);
    assert_eq!(lease.try_acquire_many(101), Ok(()));
}

pub async fn a_lease_larger_than_the_burst_takes_batches_of_the_burst<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(Quota::per_hour(1).burst(3));
    let mut lease = limiter.lease(u32::MAX);
    for _ in 0..20 {
        assert_eq!(lease.try_acquire(), Ok(()));
        assert!(lease.held() < 3);
        limiter.refund(3);
    }
}

pub async fn a_smaller_burst_leaves_a_lease_what_it_holds<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(STILL);
    let mut lease = limiter.lease(50);
    while lease.held() < 10 {
        lease.try_acquire().expect("there are cells");
    }
    limiter.set_quota(Quota::per_hour(1).burst(4));
    assert_eq!(lease.try_acquire_many(lease.held()), Ok(()));
    // The next batch is at most the new burst.
    assert_eq!(lease.try_acquire(), Ok(()));
    assert!(lease.held() < 4);
    while lease.held() > 0 {
        lease.try_acquire().expect("it is at hand");
    }
    limiter.set_quota(STILL);
}

pub async fn what_a_lease_holds_outlives_the_end_of_its_limiter<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(STILL);
    let mut lease = limiter.lease(10);
    fill(&mut lease);
    limiter.close();
    for _ in 0..lease.held() {
        assert_eq!(lease.try_acquire(), Ok(()));
    }
    assert_refused(lease.try_acquire(), Kind::Closed);
    assert_refused(at_once(lease.acquire()), Kind::Closed);
    assert_eq!(lease.try_acquire_many(0), Ok(()));
}

pub async fn what_a_forgotten_lease_held_is_spent<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(STILL);
    let mut lease = limiter.lease(10);
    let gone = fill(&mut lease) + lease.held();
    core::mem::forget(lease);
    assert_eq!((limiter.available(), limiter.try_acquire_many(100 - gone)), (100 - gone, Ok(())));
}

pub async fn a_lease_can_be_dropped_on_another_thread<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(STILL);
    let mut lease = limiter.lease(10);
    let taken = fill(&mut lease);
    thread::spawn(move || drop(lease)).join().expect("it can be dropped there");
    assert_eq!(limiter.available(), 100 - taken);
}

pub async fn a_lease_of_nothing_panics_and_says_why<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(STILL);
    let message = panic_of(|| limiter.lease(0));
    assert!(message.contains("lease of 0"), "{message}");
}

pub async fn a_lease_serves_those_who_wait_when_it_gives_back<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(STILL);
    let mut lease = limiter.lease(10);
    fill(&mut lease);
    limiter.try_acquire_many(limiter.available()).expect("they are there");
    let mut waiting = ByHand::waiting(limiter.acquire_many(2));
    drop(lease);
    assert_eq!(waiting.output_after_wake(), Ok(()));
    assert_refused(rig.drained(SLOW).lease(1).try_acquire(), Kind::NotReady);
}

pub async fn tasks_with_leases_get_every_cell_and_no_more<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(STILL);
    let taken = Arc::new(AtomicU32::new(0));
    let tasks: Vec<_> = (1..=8)
        .map(|size| {
            let (mut lease, taken) = (limiter.lease(size), Arc::clone(&taken));
            rig.start(async move {
                // ORDERING: SeqCst, here and below: checks are not in a hurry.
                while taken.load(Ordering::SeqCst) < 60 && lease.try_acquire().is_ok() {
                    taken.fetch_add(1, Ordering::SeqCst);
                    super::hand::yield_once().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task ends");
    }
    assert_eq!(limiter.available() + taken.load(Ordering::SeqCst), 100);
    limiter.set_quota(FAST);
    assert_eq!(limiter.lease(3).acquire().await, Ok(()));
}

pub async fn what_a_lease_says_of_itself_is_text<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(STILL);
    let mut lease = limiter.lease(10);
    fill(&mut lease);
    let text = alloc::format!("{lease:?}");
    assert!(text.starts_with("Lease { held: ") && text.contains("size: 10"), "{text}");
    let text = alloc::format!("{:?}", lease.acquire_many(7));
    assert!(text.starts_with("AcquireLeased { n: 7, waits: false"), "{text}");
    assert!(!lease.limiter().is_closed());
}
