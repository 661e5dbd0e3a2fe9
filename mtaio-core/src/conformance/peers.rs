//! What other limiters get wrong, each by a sentence that says what is right.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_peers {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness peers {
            a_hundred_waiters_take_two_polls_each_and_finish_in_order
            a_large_request_is_not_starved_by_loops_of_small_ones
            a_quota_changed_after_an_hour_refuses_nobody
            a_clock_that_steps_back_costs_at_most_one_refill
            six_hundred_million_a_second_is_that_and_not_a_thousand_million
            a_period_of_more_than_584_years_is_an_error_and_not_a_panic
            intervals_under_a_millisecond_are_kept
            one_waiter_polled_once_and_left_alone_does_not_stop_the_others
            a_cancelled_hand_over_does_not_stop_the_others
            permits_released_to_two_waiters_wake_both
            nobody_barges_in_between_a_release_and_the_waiters_next_poll
            a_waiter_keeps_its_place_however_often_it_is_polled
            when_the_head_gives_up_the_next_is_woken
            a_busy_semaphore_shrinks_by_exactly_what_was_asked
            acquire_does_not_pend_while_permits_are_free
            waiting_exactly_as_long_as_a_refusal_says_is_enough_and_no_less_is
            a_limit_that_shrinks_and_grows_is_never_exceeded
            a_lower_limit_does_not_stop_the_refill
            who_would_be_refused_in_the_end_is_refused_at_once
            a_cancelled_waiter_keeps_no_permits
            cells_of_a_cancelled_wait_are_not_lost_when_later_ones_exist
            a_rate_below_one_has_a_burst_of_one_and_succeeds
            a_future_that_nobody_polls_blocks_no_one_that_it_does_not_precede
        } }
    };
}

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;

use super::Harness;
use super::gate::Log;
use super::hand::{ByHand, assert_refused, at_once, refused, yield_once};
use super::rig::{FAST, Rig, SLOW};
use crate::limit::{Quota, RateLimiter, ResourceLimitErrorKind as Kind};
use crate::runtime::ManualClock;
use crate::sync::Semaphore;
use crate::time::Instant;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A limiter on a clock that the check moves.
fn by_clock(quota: Quota) -> (RateLimiter<ManualClock>, ManualClock) {
    let clock = ManualClock::new();
    (RateLimiter::with_runtime(quota, clock.clone()), clock)
}

/// A future that counts how often it is polled.
async fn counting_polls<F: Future>(future: F) -> (F::Output, usize) {
    let (mut future, mut polls) = (pin!(future), 0);
    poll_fn(|context| {
        polls += 1;
        future.as_mut().poll(context).map(|output| (output, polls))
    })
    .await
}

pub async fn a_hundred_waiters_take_two_polls_each_and_finish_in_order<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_second(10_000).burst(1));
    let log = Log::new();
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let (limiter, log) = (limiter.clone(), log.clone());
            rig.start(async move {
                let (outcome, polls) = counting_polls(limiter.acquire()).await;
                outcome.expect("it is open");
                log.push(number);
                polls
            })
        })
        .collect();
    for task in tasks {
        // The one that spawns, and the one after the grant; and one more if the task moved to another waker between them.
        let polls = task.await.expect("the task ends");
        assert!(polls <= 3, "{polls} polls");
    }
    // Grants that come in one tick may run in any order; the tick before them may not come after them.
    let order = log.entries();
    if H::VIRTUAL && crate::runtime::Timer::granularity(&rig.runtime) < Duration::from_micros(100) {
        assert!(order.is_sorted(), "{order:?}");
    }
}

pub async fn a_large_request_is_not_starved_by_loops_of_small_ones<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_second(10_000).burst(10));
    let (done, small) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let loops = [(); 8].map(|()| {
        let (limiter, done, small) = (limiter.clone(), Arc::clone(&done), Arc::clone(&small));
        rig.start(async move {
            while !done.load(Ordering::SeqCst) {
                limiter.acquire().await.expect("it is open");
                small.fetch_add(1, Ordering::SeqCst);
                yield_once().await;
            }
        })
    });
    let large = limiter.clone();
    let large = rig.start(async move { large.acquire_many(10).await });
    assert_eq!(large.await, Ok(Ok(())));
    done.store(true, Ordering::SeqCst);
    for task in loops {
        task.await.expect("the task ends");
    }
}

pub async fn a_quota_changed_after_an_hour_refuses_nobody<H: Harness>(_: Rig<H>) {
    let (limiter, clock) = by_clock(Quota::per_second(10).burst(10));
    for _ in 0..3600 {
        clock.advance(SECOND);
        assert_eq!(limiter.try_acquire_many(10), Ok(()));
    }
    clock.advance(SECOND);
    limiter.set_quota(Quota::per_second(20).burst(20));
    assert_eq!(limiter.try_acquire_many(10), Ok(()));
    assert_eq!(refused(limiter.try_acquire()).retry_after(), Some(Duration::from_millis(50)));
}

pub async fn a_clock_that_steps_back_costs_at_most_one_refill<H: Harness>(_: Rig<H>) {
    let (limiter, clock) = by_clock(Quota::per_second(10).burst(10));
    for back in [Duration::from_nanos(1), 2 * SECOND, HOUR, 100_000 * HOUR] {
        let now = Instant::ORIGIN + 200_000 * HOUR;
        clock.set(now);
        assert_eq!(limiter.try_acquire(), Ok(()), "before {back:?}");
        clock.set(now - back);
        let waits = limiter.try_acquire().err().and_then(|error| error.retry_after()).unwrap_or_default();
        assert!(waits <= SECOND, "refused for {waits:?} after a step of {back:?}");
        clock.advance(SECOND);
        assert_eq!(limiter.available(), 10, "after a step of {back:?}");
    }
}

pub async fn six_hundred_million_a_second_is_that_and_not_a_thousand_million<H: Harness>(_: Rig<H>) {
    let (limiter, clock) = by_clock(Quota::per_second(600_000_000));
    assert_eq!(limiter.try_acquire_many(600_000_000), Ok(()));
    clock.advance(Duration::from_micros(1));
    assert_eq!(limiter.available(), 600);
    clock.advance(SECOND / 2);
    assert_eq!(limiter.available(), 300_000_600);
}

pub async fn a_period_of_more_than_584_years_is_an_error_and_not_a_panic<H: Harness>(rig: Rig<H>) {
    assert!(Quota::new(1, Duration::MAX).is_err());
    assert!(Quota::new(u32::MAX, Duration::from_nanos(u64::MAX) + Duration::from_nanos(1)).is_err());
    let slowest = Quota::every(Duration::from_nanos(u64::MAX)).expect("it is the longest there is");
    let limiter = rig.rate(slowest);
    assert_eq!(limiter.try_acquire(), Ok(()));
    assert!(refused(limiter.try_acquire()).retry_after() > Some(1_000_000 * HOUR));
}

pub async fn intervals_under_a_millisecond_are_kept<H: Harness>(_: Rig<H>) {
    for nanos in [1, 2, 999, 1_000, 333_333, 999_999] {
        let quota = Quota::every(Duration::from_nanos(nanos)).expect("it is valid").burst(1);
        let (limiter, clock) = by_clock(quota);
        assert_eq!(limiter.try_acquire(), Ok(()));
        clock.advance(Duration::from_nanos(nanos - 1));
        assert_eq!(refused(limiter.try_acquire()).retry_after(), Some(Duration::from_nanos(1)));
        clock.advance(Duration::from_nanos(1));
        assert_eq!(limiter.try_acquire(), Ok(()));
    }
}

pub async fn one_waiter_polled_once_and_left_alone_does_not_stop_the_others<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(FAST);
    let mut left_alone = ByHand::waiting(limiter.acquire());
    for _ in 0..3 {
        let limiter = limiter.clone();
        assert_eq!(rig.start(async move { limiter.acquire().await }).await, Ok(Ok(())));
    }
    assert_eq!(left_alone.output_after_wake(), Ok(()));
}

pub async fn a_cancelled_hand_over_does_not_stop_the_others<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(FAST);
    let mut line: Vec<_> = (0..4).map(|_| ByHand::waiting(limiter.acquire())).collect();
    let last = {
        let limiter = limiter.clone();
        rig.start(async move { limiter.acquire().await })
    };
    for _ in 0..4 {
        rig.until(|| line[0].is_woken()).await;
        line.remove(0);
    }
    assert_eq!(last.await, Ok(Ok(())));
}

pub async fn permits_released_to_two_waiters_wake_both<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(2);
    let permits = (slots.try_acquire().expect("free"), slots.try_acquire().expect("free"));
    let (mut first, mut second) = (ByHand::waiting(slots.acquire()), ByHand::waiting(slots.acquire()));
    drop(permits);
    let _permits = (first.output_after_wake(), second.output_after_wake());
}

pub async fn nobody_barges_in_between_a_release_and_the_waiters_next_poll<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let permit = slots.try_acquire().expect("a slot is free");
    let mut waiting = ByHand::waiting(slots.acquire());
    drop(permit);
    assert_refused(slots.try_acquire(), Kind::NotReady);
    let mut late = ByHand::waiting(slots.acquire());
    drop(waiting.output_after_wake());
    assert!(late.output_after_wake().is_ok());
}

pub async fn a_waiter_keeps_its_place_however_often_it_is_polled<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let permit = slots.try_acquire().expect("a slot is free");
    let (mut first, mut second) = (ByHand::waiting(slots.acquire()), ByHand::waiting(slots.acquire()));
    (0..10).for_each(|_| first.assert_waits());
    drop(permit);
    second.assert_waits();
    assert!(first.output_after_wake().is_ok());
}

pub async fn when_the_head_gives_up_the_next_is_woken<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(2);
    let _permit = slots.try_acquire().expect("a slot is free");
    let (head, mut next) = (ByHand::waiting(slots.acquire_many(2)), ByHand::waiting(slots.acquire()));
    drop(head);
    assert!(next.output_after_wake().is_ok());
}

pub async fn a_busy_semaphore_shrinks_by_exactly_what_was_asked<H: Harness>(_: Rig<H>) {
    let semaphore = Semaphore::new(5);
    let held = semaphore.try_acquire_many(4).expect("they are free");
    assert_eq!(semaphore.reduce_permits(3), 3);
    assert_eq!((semaphore.total(), semaphore.available()), (2, 0));
    drop(held);
    assert_eq!((semaphore.total(), semaphore.available(), semaphore.in_flight()), (2, 2, 0));
    assert_eq!(semaphore.reduce_permits(3), 2);
}

pub async fn acquire_does_not_pend_while_permits_are_free<H: Harness>(rig: Rig<H>) {
    let (slots, limiter) = (rig.slots(1), rig.rate(Quota::per_hour(1).burst(10_000)));
    let many = counting_polls(async move {
        for _ in 0..10_000 {
            drop(slots.acquire().await.expect("it is open"));
            limiter.acquire().await.expect("it is open");
        }
    });
    assert_eq!(rig.runtime_task(many).await, ((), 1));
}

impl<H: Harness> Rig<H> {
    /// Runs `future` as a task, where budgets that runtimes give to their tasks apply.
    async fn runtime_task<F>(&self, future: F) -> F::Output
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        crate::runtime::Spawn::spawn(&self.runtime, future).await.expect("the task ends")
    }
}

pub async fn waiting_exactly_as_long_as_a_refusal_says_is_enough_and_no_less_is<H: Harness>(_: Rig<H>) {
    for cells in [1, 2, 3, 5, 6, 7, 9, 11, 13, 17, 30, 60, 70, 100, 300, 700, 900, 1100] {
        for quota in [Quota::per_second(cells), Quota::per_minute(cells), Quota::per_hour(cells)] {
            let (limiter, clock) = by_clock(quota.burst(3));
            assert_eq!(limiter.try_acquire_many(3), Ok(()));
            clock.advance(Duration::from_nanos(12_345));
            let retry_after = refused(limiter.try_acquire_many(2)).retry_after().expect("it knows");
            clock.advance(retry_after - Duration::from_nanos(1));
            assert_refused(limiter.try_acquire_many(2), Kind::NotReady);
            clock.advance(Duration::from_nanos(1));
            assert_eq!(limiter.try_acquire_many(2), Ok(()), "{quota}");
        }
    }
}

pub async fn a_limit_that_shrinks_and_grows_is_never_exceeded<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(10);
    let mut held: Vec<_> = (0..10).map(|_| slots.try_acquire().expect("they are free")).collect();
    slots.set_limit(5);
    slots.set_limit(7);
    assert_eq!(slots.available(), 0);
    held.truncate(5);
    held.extend(core::iter::from_fn(|| slots.try_acquire().ok()));
    assert_eq!((held.len(), slots.in_flight(), slots.limit()), (7, 7, 7));
    drop(held);
    assert_eq!(slots.available(), 7);
}

pub async fn a_lower_limit_does_not_stop_the_refill<H: Harness>(_: Rig<H>) {
    let (limiter, clock) = by_clock(Quota::per_second(100).burst(10));
    assert_eq!(limiter.try_acquire_many(10), Ok(()));
    limiter.set_quota(Quota::per_second(10).burst(2));
    let (mut first, mut second) = (ByHand::waiting(limiter.acquire()), ByHand::waiting(limiter.acquire_many(2)));
    clock.advance(SECOND / 10);
    assert_eq!(first.output_after_wake(), Ok(()));
    clock.advance(SECOND / 5);
    assert_eq!(second.output_after_wake(), Ok(()));
    clock.advance(SECOND);
    assert_eq!(limiter.available(), 2);
}

pub async fn who_would_be_refused_in_the_end_is_refused_at_once<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(SLOW);
    assert_refused(at_once(limiter.acquire_within(HOUR / 2)), Kind::Deadline);
}

pub async fn a_cancelled_waiter_keeps_no_permits<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(3);
    let one = slots.try_acquire().expect("a slot is free");
    drop(ByHand::waiting(slots.acquire_many(3)));
    assert_eq!(slots.try_acquire_many(2).map(|permits| permits.count()), Ok(2));
    drop(one);
    assert_eq!(slots.available(), 3);
}

pub async fn cells_of_a_cancelled_wait_are_not_lost_when_later_ones_exist<H: Harness>(_: Rig<H>) {
    let (limiter, clock) = by_clock(Quota::per_second(10).burst(5));
    assert_eq!(limiter.try_acquire_many(5), Ok(()));
    let (first, mut second) = (ByHand::waiting(limiter.acquire_many(5)), ByHand::waiting(limiter.acquire()));
    clock.advance(SECOND / 10);
    second.assert_waits();
    drop(first);
    assert_eq!(second.output_after_wake(), Ok(()));
}

pub async fn a_rate_below_one_has_a_burst_of_one_and_succeeds<H: Harness>(_: Rig<H>) {
    let quota = Quota::from_rate(0.25).expect("it is valid");
    let (limiter, clock) = by_clock(quota);
    assert_eq!((quota.burst_size(), limiter.try_acquire()), (1, Ok(())));
    clock.advance(4 * SECOND);
    assert_eq!(limiter.try_acquire(), Ok(()));
}

pub async fn a_future_that_nobody_polls_blocks_no_one_that_it_does_not_precede<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let mut unpolled: Pin<alloc::boxed::Box<_>> = alloc::boxed::Box::pin(slots.acquire());
    drop(at_once(slots.acquire()));
    assert!(ByHand::new(unpolled.as_mut()).output().is_ok());
}
