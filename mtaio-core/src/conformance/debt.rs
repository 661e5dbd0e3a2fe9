//! What a rate limiter promises where a request may exceed the burst.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_debt {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness debt {
            a_request_beyond_the_burst_goes_through_when_the_bucket_is_full
            a_request_beyond_the_burst_and_the_debt_is_refused_at_once_and_for_good
            nothing_is_there_before_the_debt_is_paid
            a_refusal_in_debt_says_when_to_try_again
            a_large_request_waits_in_line_until_the_bucket_is_full
            whoever_comes_behind_a_large_request_waits_for_its_debt
            a_large_request_that_gives_up_owes_nothing
            a_refund_pays_a_debt_first
            a_new_quota_forgives_no_debt
            a_new_quota_moves_what_can_be_had_in_one_request
            a_combination_takes_more_than_the_burst_of_a_part
            a_lease_can_ask_for_more_than_the_burst
            large_requests_keep_the_rate
        } }
    };
}

use core::time::Duration;

use super::Harness;
use super::hand::{ByHand, assert_refused, at_once, refused};
use super::rig::Rig;
use crate::limit::{Quota, RateLimiter, ResourceLimitErrorKind as Kind, ResourceLimiter};
use crate::runtime::Timer;

const HOUR: Duration = Duration::from_secs(3600);

/// No cell comes while a check runs.
const STILL: Quota = Quota::per_hour(1).burst(10);

fn with_debt<H: Harness>(rig: &Rig<H>, quota: Quota, debt: u32) -> RateLimiter<H::Runtime> {
    RateLimiter::<H::Runtime>::builder(quota).debt(debt).build_on(rig.runtime.clone())
}

pub async fn a_request_beyond_the_burst_goes_through_when_the_bucket_is_full<H: Harness>(rig: Rig<H>) {
    let limiter = with_debt(&rig, STILL, 20);
    assert_eq!(limiter.largest(), 30);
    assert_eq!(limiter.try_acquire(), Ok(()));
    assert_refused(limiter.try_acquire_many(11), Kind::NotReady);
    assert_eq!(limiter.try_acquire_many(9), Ok(()));
    limiter.refund(10);
    assert_eq!(limiter.try_acquire_many(30), Ok(()));
    limiter.refund(30);
    assert_eq!(at_once(limiter.acquire_many(11)), Ok(()));
}

pub async fn a_request_beyond_the_burst_and_the_debt_is_refused_at_once_and_for_good<H: Harness>(rig: Rig<H>) {
    let limiter = with_debt(&rig, STILL, 20);
    for n in [31, u32::MAX] {
        let error = refused(limiter.try_acquire_many(n));
        assert_eq!((error.kind(), error.retry_after()), (Kind::TooLarge, None));
        let text = alloc::format!("{error}");
        assert!(text.contains("30") && text.contains(&alloc::format!("{n}")), "{text}");
        assert_refused(at_once(limiter.acquire_many(n)), Kind::TooLarge);
    }
    assert_refused(rig.rate(STILL).try_acquire_many(11), Kind::TooLarge);
    assert_eq!(with_debt(&rig, STILL, u32::MAX).largest(), u32::MAX);
}

pub async fn nothing_is_there_before_the_debt_is_paid<H: Harness>(rig: Rig<H>) {
    let limiter = with_debt(&rig, STILL, 20);
    limiter.try_acquire_many(15).expect("it is full");
    assert_eq!(limiter.available(), 0);
    assert_refused(limiter.try_acquire(), Kind::NotReady);
    limiter.refund(5);
    assert_refused(limiter.try_acquire(), Kind::NotReady);
    limiter.refund(1);
    assert_eq!((limiter.available(), limiter.try_acquire()), (1, Ok(())));
}

pub async fn a_refusal_in_debt_says_when_to_try_again<H: Harness>(rig: Rig<H>) {
    let limiter = with_debt(&rig, STILL, 20);
    limiter.try_acquire_many(15).expect("it is full");
    for (n, hours) in [(1, 6), (10, 15), (11, 15), (30, 15)] {
        let wait = refused(limiter.try_acquire_many(n)).retry_after().expect("it knows");
        assert!(wait <= hours * HOUR && wait > (hours - 1) * HOUR, "{n}: {wait:?}");
    }
}

pub async fn a_large_request_waits_in_line_until_the_bucket_is_full<H: Harness>(rig: Rig<H>) {
    let limiter = with_debt(&rig, STILL, 20);
    limiter.try_acquire_many(10).expect("it is full");
    let mut large = ByHand::waiting(limiter.acquire_many(25));
    let mut small = ByHand::waiting(limiter.acquire());
    limiter.refund(9);
    large.assert_waits();
    small.assert_waits();
    limiter.refund(1);
    assert_eq!(large.output_after_wake(), Ok(()));
    small.assert_waits();
}

pub async fn whoever_comes_behind_a_large_request_waits_for_its_debt<H: Harness>(rig: Rig<H>) {
    let limiter = with_debt(&rig, Quota::per_second(1000).burst(2), 10);
    let start = rig.now();
    limiter.acquire_many(12).await.expect("it is full");
    limiter.acquire().await.expect("it is open");
    rig.assert_elapsed(start, Duration::from_millis(11));
    limiter.acquire_many(7).await.expect("it is open");
    rig.assert_elapsed(start, Duration::from_millis(13));
}

pub async fn a_large_request_that_gives_up_owes_nothing<H: Harness>(rig: Rig<H>) {
    let limiter = with_debt(&rig, STILL, 20);
    limiter.try_acquire_many(4).expect("it is full");
    let large = ByHand::waiting(limiter.acquire_many(25));
    let mut small = ByHand::waiting(limiter.acquire_many(6));
    drop(large);
    assert_eq!(small.output_after_wake(), Ok(()));
    // And so does one who was granted it.
    let granted = ByHand::waiting(limiter.acquire_many(25));
    limiter.refund(10);
    assert!(granted.is_woken());
    drop(granted);
    assert_eq!(limiter.available(), 10);
}

pub async fn a_refund_pays_a_debt_first<H: Harness>(rig: Rig<H>) {
    let limiter = with_debt(&rig, STILL, 20);
    limiter.try_acquire_many(30).expect("it is full");
    limiter.refund(23);
    assert_eq!(limiter.available(), 3);
    limiter.refund(u32::MAX);
    assert_eq!(limiter.available(), 10);
}

pub async fn a_new_quota_forgives_no_debt<H: Harness>(rig: Rig<H>) {
    let limiter = with_debt(&rig, STILL, 20);
    limiter.try_acquire_many(25).expect("it is full");
    for quota in [Quota::per_hour(7).burst(100), Quota::per_hour(3).burst(1), STILL] {
        limiter.set_quota(quota);
        assert_eq!(limiter.available(), 0);
    }
    limiter.refund(15);
    assert_eq!(limiter.available(), 0);
    limiter.refund(1);
    assert_eq!(limiter.available(), 1);
}

pub async fn a_new_quota_moves_what_can_be_had_in_one_request<H: Harness>(rig: Rig<H>) {
    let limiter = with_debt(&rig, STILL, 20);
    limiter.try_acquire_many(10).expect("it is full");
    let (mut larger, mut large) =
        (ByHand::waiting(limiter.acquire_many(30)), ByHand::waiting(limiter.acquire_many(25)));
    limiter.set_quota(Quota::per_hour(1).burst(5));
    assert_refused(larger.output_after_wake(), Kind::TooLarge);
    large.assert_waits();
    assert_eq!(limiter.largest(), 25);
    limiter.refund(5);
    assert_eq!(large.output_after_wake(), Ok(()));
}

pub async fn a_combination_takes_more_than_the_burst_of_a_part<H: Harness>(rig: Rig<H>) {
    let (limiter, slots) = (with_debt(&rig, STILL, 20), rig.slots(30));
    let both = ResourceLimiter::new(&limiter, &slots);
    assert_refused(both.try_acquire_many(&[31, 1]).map(drop), Kind::TooLarge);
    drop(both.try_acquire_many(&[30, 1]).expect("it is full"));
    assert_refused(both.try_acquire_many(&[1, 1]).map(drop), Kind::NotReady);
    limiter.refund(29);
    let mut waiting = ByHand::waiting(both.acquire_many(&[12, 1]));
    limiter.refund(1);
    drop(waiting.output_after_wake().expect("it is full again"));
    assert_eq!((limiter.available(), slots.available()), (0, 30));
}

pub async fn a_lease_can_ask_for_more_than_the_burst<H: Harness>(rig: Rig<H>) {
    let limiter = with_debt(&rig, STILL, 20);
    let mut lease = limiter.lease(100);
    assert_eq!((lease.try_acquire_many(30), lease.held()), (Ok(()), 0));
    limiter.refund(30);
    // Its batches make no debt.
    for _ in 0..10 {
        assert_eq!(lease.try_acquire(), Ok(()));
    }
    assert_refused(lease.try_acquire(), Kind::NotReady);
    assert_eq!(refused(lease.try_acquire()).retry_after().map(|wait| wait <= HOUR), Some(true));
}

pub async fn large_requests_keep_the_rate<H: Harness>(rig: Rig<H>) {
    let limiter = with_debt(&rig, Quota::per_second(10_000).burst(10), 90);
    let start = rig.now();
    let tasks = [100, 1, 37].map(|n| {
        let limiter = limiter.clone();
        rig.start(async move {
            for _ in 0..5 {
                limiter.acquire_many(n).await.expect("it is open");
            }
        })
    });
    for task in tasks {
        task.await.expect("the task ends");
    }
    // 690 cells, and at most the largest request of them is owed.
    assert!(rig.now() - start >= Duration::from_millis(59));
    if H::VIRTUAL {
        assert!(rig.now() - start <= Duration::from_millis(69) + rig.runtime.granularity());
    }
}
