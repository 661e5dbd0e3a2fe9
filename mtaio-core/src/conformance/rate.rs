//! What a rate limiter promises.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_rate {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness rate {
            acquire_waits_and_try_acquire_refuses
            a_refusal_says_when_to_try_again
            a_refusal_counts_those_who_wait_already
            acquire_within_refuses_at_time_zero_and_says_how_long_it_would_be
            acquire_within_waits_if_its_turn_comes_in_time
            acquire_within_counts_those_ahead
            acquire_within_no_time_tries_once
            more_than_the_burst_is_refused_at_once_and_for_good
            zero_cells_are_ready_and_do_not_queue
            zero_cells_are_refused_once_it_is_closed
            a_fresh_bucket_is_full
            a_bucket_begins_as_full_as_it_is_told
            the_burst_is_what_a_second_allows_unless_it_is_said
            waiters_are_served_in_the_order_of_their_first_poll
            tasks_pass_in_the_order_in_which_they_came
            a_large_request_at_the_front_is_not_overtaken
            try_acquire_fails_while_anybody_waits
            try_acquire_serves_a_waiter_whose_turn_has_come_and_is_not_stopped_by_it
            dropping_a_waiting_future_leaves_no_trace
            those_behind_one_who_gives_up_are_earlier
            a_future_that_is_never_polled_has_no_place
            cells_granted_and_not_yet_taken_go_to_the_next
            cells_granted_and_not_yet_taken_are_there_again_up_to_the_burst
            a_waiter_polled_once_and_left_alone_holds_up_nobody
            a_waiter_dropped_after_its_grant_and_before_its_poll_holds_up_nobody
            cells_stay_spent_unless_they_are_refunded
            a_refund_is_clipped_at_the_burst
            a_refund_serves_the_waiting_at_once
            a_higher_rate_reaches_those_who_wait
            a_lower_rate_lets_those_who_wait_wait_longer
            a_new_quota_keeps_the_cells_up_to_the_new_burst
            a_request_that_no_longer_fits_ends_and_those_behind_move_up
            a_wait_that_a_new_quota_makes_too_long_ends
            close_ends_every_wait
            a_grant_that_came_before_the_end_stays_valid
            closing_twice_is_closing
            closed_completes_when_it_is_closed
            run_spends_its_cells_and_gives_its_result
            run_that_is_refused_drops_its_future_unpolled
            run_that_is_dropped_while_it_waits_spends_nothing
            try_run_gives_one_result_of_both
            a_wrapped_function_spends_its_cells
            a_wrapped_function_is_not_called_before_its_turn
            a_wrapped_function_outlives_its_limiter
            a_full_queue_refuses_at_once
            clones_share_the_limit
            a_future_that_panics_spends_its_cell_and_no_more
            a_waker_that_panics_costs_nobody_else_anything
            the_full_rate_is_kept_while_anybody_waits
            an_idle_limiter_gathers_its_burst_and_not_one_more
            a_limiter_dropped_while_its_alarm_is_set_leaves_nothing_behind
        } }
    };
}

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::{pending, ready};
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Poll, Waker};
use core::time::Duration;

use super::Harness;
use super::gate::Log;
use super::hand::{ByHand, Trap, assert_refused, at_once, panic_of, refused};
use super::rig::{FAST, Rig, SLOW};
use crate::limit::{Quota, RateLimiter, ResourceError, ResourceLimitError, ResourceLimitErrorKind as Kind};
use crate::runtime::Timer;

const HOUR: Duration = Duration::from_secs(3600);

type Waiting<'a> = ByHand<'a, Result<(), ResourceLimitError>>;

fn wait_for<R: Timer>(limiter: &RateLimiter<R>, n: u32) -> Waiting<'_> {
    ByHand::waiting(limiter.acquire_many(n))
}

pub async fn acquire_waits_and_try_acquire_refuses<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(FAST);
    let start = rig.now();
    limiter.acquire().await.expect("it is full");
    limiter.acquire().await.expect("it is open");
    rig.assert_elapsed(start, Duration::from_millis(1));
    assert_refused(rig.drained(SLOW).try_acquire(), Kind::NotReady);
}

pub async fn a_refusal_says_when_to_try_again<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_second(100).burst(5));
    let retry_after = refused(limiter.try_acquire_many(3)).retry_after().expect("it knows");
    assert!(retry_after <= Duration::from_millis(30));
    rig.sleep(retry_after).await;
    assert_eq!(limiter.try_acquire_many(3), Ok(()));
}

pub async fn a_refusal_counts_those_who_wait_already<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_hour(1).burst(10));
    let ahead = limiter.clone();
    let _waiting = wait_for(&ahead, 4);
    let retry_after = refused(limiter.try_acquire_many(2)).retry_after().expect("it knows");
    assert!(retry_after > 5 * HOUR && retry_after <= 6 * HOUR, "{retry_after:?}");
}

pub async fn acquire_within_refuses_at_time_zero_and_says_how_long_it_would_be<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(SLOW);
    let error = refused(at_once(limiter.acquire_within(HOUR / 2)));
    let (needed, left) = (error.needed().expect("it knows"), error.left().expect("it knows"));
    assert_eq!(error.kind(), Kind::Deadline);
    assert!(needed <= HOUR && needed > HOUR / 2 && left <= HOUR / 2, "{error}");
    if H::VIRTUAL {
        assert_eq!((needed, left), (HOUR, HOUR / 2));
    }
    assert_eq!(limiter.waiters(), 0);
}

pub async fn acquire_within_waits_if_its_turn_comes_in_time<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(FAST);
    let start = rig.now();
    limiter.acquire_within(HOUR).await.expect("it comes in time");
    limiter.acquire_many_within(1, HOUR).await.expect("it comes in time");
    if H::VIRTUAL {
        rig.assert_elapsed(start, Duration::from_millis(2));
    }
}

pub async fn acquire_within_counts_those_ahead<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_hour(1).burst(5));
    let _waiting = wait_for(&limiter, 3);
    assert_refused(at_once(limiter.acquire_within(4 * HOUR - HOUR / 2)), Kind::Deadline);
    ByHand::waiting(limiter.acquire_within(4 * HOUR));
}

pub async fn acquire_within_no_time_tries_once<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(SLOW);
    assert_eq!(at_once(limiter.acquire_within(Duration::ZERO)), Ok(()));
    assert_refused(at_once(limiter.acquire_within(Duration::ZERO)), Kind::Deadline);
}

pub async fn more_than_the_burst_is_refused_at_once_and_for_good<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(Quota::per_hour(1).burst(3));
    assert_refused(limiter.try_acquire_many(4), Kind::TooLarge);
    assert_refused(at_once(limiter.acquire_many(4)), Kind::TooLarge);
    assert_refused(at_once(limiter.acquire_many(u32::MAX)), Kind::TooLarge);
    assert_refused(at_once(limiter.acquire_many_within(4, HOUR)), Kind::TooLarge);
    assert_eq!(refused(limiter.try_acquire_many(4)).retry_after(), None);
    assert_eq!(limiter.available(), 3);
}

pub async fn zero_cells_are_ready_and_do_not_queue<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(SLOW);
    let _waiting = wait_for(&limiter, 1);
    assert_eq!(limiter.try_acquire_many(0), Ok(()));
    assert_eq!(at_once(limiter.acquire_many(0)), Ok(()));
    assert_eq!(limiter.waiters(), 1);
}

pub async fn zero_cells_are_refused_once_it_is_closed<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(SLOW);
    limiter.close();
    assert_refused(limiter.try_acquire_many(0), Kind::Closed);
    assert_refused(at_once(limiter.acquire_many(0)), Kind::Closed);
}

pub async fn a_fresh_bucket_is_full<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(Quota::per_hour(1).burst(5));
    assert_eq!((limiter.available(), limiter.waiters()), (5, 0));
    assert_eq!(limiter.try_acquire_many(5), Ok(()));
    assert_refused(limiter.try_acquire(), Kind::NotReady);
}

pub async fn a_bucket_begins_as_full_as_it_is_told<H: Harness>(rig: Rig<H>) {
    for (initial, expected) in [(0, 0), (2, 2), (3, 3), (u32::MAX, 3)] {
        let builder = RateLimiter::<H::Runtime>::builder(Quota::per_hour(1).burst(3)).initial(initial);
        assert_eq!(builder.build_on(rig.runtime.clone()).available(), expected);
    }
}

pub async fn the_burst_is_what_a_second_allows_unless_it_is_said<H: Harness>(rig: Rig<H>) {
    let half = Quota::from_rate(0.5).expect("it is valid");
    let some = Quota::from_rate(2.9).expect("it is valid");
    for (quota, burst) in [(Quota::per_second(10), 10), (some, 2), (half, 1), (Quota::per_hour(7), 1)] {
        assert_eq!((quota.burst_size(), rig.rate(quota).available()), (burst, burst), "{quota}");
    }
}

pub async fn waiters_are_served_in_the_order_of_their_first_poll<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_hour(1).burst(10));
    let created: Vec<_> = [2, 4, 1, 3].map(|n| ByHand::new(limiter.acquire_many(n))).into();
    // Polled last to first: that, and not the order in which they were made, is their order.
    let mut line: Vec<_> = created.into_iter().rev().collect();
    line.iter_mut().for_each(ByHand::assert_waits);
    for (refund, served) in [(2, 0), (1, 1), (1, 1), (6, 2)] {
        limiter.refund(refund);
        let ready = line.iter_mut().map(ByHand::poll).take_while(Poll::is_ready).count();
        assert_eq!(ready, served, "after {refund} cells");
        line.drain(..served);
    }
}

pub async fn tasks_pass_in_the_order_in_which_they_came<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_second(2000).burst(4));
    let log = Log::new();
    let cells = [3, 1, 4, 1, 2, 4, 3, 1];
    let passes: Vec<_> = cells
        .into_iter()
        .enumerate()
        .map(|(index, n)| {
            let (limiter, log) = (limiter.clone(), log.clone());
            rig.start(async move {
                limiter.acquire_many(n).await.expect("it is open");
                log.push((index, limiter.waiters()));
            })
        })
        .collect();
    for task in passes {
        task.await.expect("the task ends");
    }
    if H::VIRTUAL {
        assert!(log.entries().is_sorted(), "{:?}", log.entries());
    }
    assert!(log.entries().iter().all(|&(index, behind)| behind < cells.len() - index), "{:?}", log.entries());
}

pub async fn a_large_request_at_the_front_is_not_overtaken<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_hour(1).burst(5));
    let (mut large, mut small) = (wait_for(&limiter, 5), wait_for(&limiter, 1));
    limiter.refund(4);
    small.assert_waits();
    large.assert_waits();
    limiter.refund(1);
    assert_eq!(large.output_after_wake(), Ok(()));
    small.assert_waits();
    limiter.refund(1);
    assert_eq!(small.output_after_wake(), Ok(()));
}

pub async fn try_acquire_fails_while_anybody_waits<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_hour(1).burst(5));
    let large = wait_for(&limiter, 5);
    limiter.refund(4);
    assert_refused(limiter.try_acquire(), Kind::NotReady);
    assert_eq!(limiter.available(), 0);
    drop(large);
    assert_eq!((limiter.available(), limiter.try_acquire()), (4, Ok(())));
}

pub async fn try_acquire_serves_a_waiter_whose_turn_has_come_and_is_not_stopped_by_it<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(FAST);
    let left_alone = wait_for(&limiter, 1);
    rig.until(|| limiter.try_acquire().is_ok()).await;
    assert!(left_alone.is_woken());
}

pub async fn dropping_a_waiting_future_leaves_no_trace<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_hour(1).burst(5));
    let (large, mut small, last) = (wait_for(&limiter, 5), wait_for(&limiter, 2), wait_for(&limiter, 5));
    limiter.refund(2);
    small.assert_waits();
    drop(large);
    assert_eq!(small.output_after_wake(), Ok(()));
    drop(last);
    assert_eq!(limiter.waiters(), 0);
    limiter.refund(5);
    assert_eq!(limiter.available(), 5);
}

pub async fn those_behind_one_who_gives_up_are_earlier<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_second(10).burst(10));
    let start = rig.now();
    let (first, mut second) = (wait_for(&limiter, 9), wait_for(&limiter, 1));
    drop(first);
    rig.until(|| second.is_woken()).await;
    assert_eq!(second.output(), Ok(()));
    if H::VIRTUAL {
        assert!(rig.now() - start < Duration::from_millis(110), "{:?}", rig.now() - start);
    }
}

pub async fn a_future_that_is_never_polled_has_no_place<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(SLOW);
    let _unpolled = limiter.acquire();
    assert_eq!((limiter.waiters(), limiter.available()), (0, 1));
}

pub async fn cells_granted_and_not_yet_taken_go_to_the_next<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_hour(1).burst(5));
    let (granted, mut next, mut last) = (wait_for(&limiter, 5), wait_for(&limiter, 3), wait_for(&limiter, 2));
    limiter.refund(5);
    assert!(granted.is_woken());
    drop(granted);
    assert_eq!((next.output_after_wake(), last.output_after_wake()), (Ok(()), Ok(())));
    assert_refused(limiter.try_acquire(), Kind::NotReady);
}

pub async fn cells_granted_and_not_yet_taken_are_there_again_up_to_the_burst<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_hour(1).burst(5));
    let granted = wait_for(&limiter, 3);
    limiter.refund(3);
    limiter.refund(4);
    assert_eq!(limiter.available(), 4);
    drop(granted);
    assert_eq!(limiter.available(), 5);
}

pub async fn a_waiter_polled_once_and_left_alone_holds_up_nobody<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(FAST);
    let left_alone: Vec<_> = (0..3).map(|_| wait_for(&limiter, 1)).collect();
    let task = {
        let limiter = limiter.clone();
        rig.start(async move { limiter.acquire().await })
    };
    assert_eq!(task.await, Ok(Ok(())));
    assert!(left_alone.iter().all(ByHand::is_woken));
}

pub async fn a_waiter_dropped_after_its_grant_and_before_its_poll_holds_up_nobody<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(FAST);
    let granted = wait_for(&limiter, 1);
    let task = {
        let limiter = limiter.clone();
        rig.start(async move { limiter.acquire().await })
    };
    rig.until(|| granted.is_woken()).await;
    drop(granted);
    assert_eq!(task.await, Ok(Ok(())));
    assert_eq!(limiter.waiters(), 0);
}

pub async fn cells_stay_spent_unless_they_are_refunded<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(Quota::per_hour(1).burst(5));
    assert_eq!(limiter.acquire_many(3).await, Ok(()));
    assert_eq!(limiter.available(), 2);
    limiter.refund(2);
    assert_eq!(limiter.available(), 4);
}

pub async fn a_refund_is_clipped_at_the_burst<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(Quota::per_hour(1).burst(5));
    limiter.refund(3);
    assert_eq!(limiter.available(), 5);
    assert_eq!(limiter.try_acquire_many(4), Ok(()));
    limiter.refund(u32::MAX);
    assert_eq!(limiter.available(), 5);
}

pub async fn a_refund_serves_the_waiting_at_once<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(SLOW);
    let mut waiting = wait_for(&limiter, 1);
    limiter.refund(1);
    assert_eq!(waiting.output_after_wake(), Ok(()));
}

pub async fn a_higher_rate_reaches_those_who_wait<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(SLOW);
    let tasks = [(); 3].map(|()| {
        let limiter = limiter.clone();
        rig.start(async move { limiter.acquire().await })
    });
    limiter.set_quota(FAST);
    for task in tasks {
        assert_eq!(task.await, Ok(Ok(())));
    }
    assert_eq!(limiter.quota(), FAST);
}

pub async fn a_lower_rate_lets_those_who_wait_wait_longer<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_second(1).burst(1));
    let mut waiting = wait_for(&limiter, 1);
    limiter.set_quota(SLOW);
    if H::VIRTUAL {
        rig.sleep(Duration::from_secs(2)).await;
    }
    waiting.assert_waits();
    let retry_after = refused(limiter.try_acquire()).retry_after().expect("it knows");
    assert!(retry_after > HOUR, "{retry_after:?}");
}

pub async fn a_new_quota_keeps_the_cells_up_to_the_new_burst<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(Quota::per_hour(1).burst(10));
    assert_eq!(limiter.try_acquire_many(4), Ok(()));
    limiter.set_quota(Quota::per_hour(7).burst(20));
    assert_eq!(limiter.available(), 6);
    limiter.set_quota(Quota::per_hour(3).burst(3));
    assert_eq!(limiter.available(), 3);
    limiter.set_quota(Quota::per_hour(1).burst(10));
    assert_eq!(limiter.available(), 3);
}

pub async fn a_request_that_no_longer_fits_ends_and_those_behind_move_up<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_hour(1).burst(5));
    let (mut large, mut small) = (wait_for(&limiter, 5), wait_for(&limiter, 2));
    limiter.refund(3);
    limiter.set_quota(Quota::per_hour(1).burst(4));
    assert_refused(large.output_after_wake(), Kind::TooLarge);
    assert_eq!(small.output_after_wake(), Ok(()));
    assert_eq!(limiter.available(), 1);
}

pub async fn a_wait_that_a_new_quota_makes_too_long_ends<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_hour(2).burst(1));
    let mut within = ByHand::waiting(limiter.acquire_within(HOUR * 3 / 4));
    limiter.set_quota(SLOW);
    assert_refused(within.output_after_wake(), Kind::Deadline);
}

pub async fn close_ends_every_wait<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_hour(1).burst(2));
    let mut line = [2, 1, 2].map(|n| wait_for(&limiter, n));
    limiter.close();
    line.iter_mut().for_each(|waiting| assert_refused(waiting.output_after_wake(), Kind::Closed));
    assert_refused(limiter.try_acquire(), Kind::Closed);
    assert_refused(at_once(limiter.acquire()), Kind::Closed);
    assert_refused(at_once(limiter.acquire_within(HOUR)), Kind::Closed);
    assert_eq!((limiter.waiters(), limiter.available()), (0, 0));
    assert!(limiter.is_closed());
}

pub async fn a_grant_that_came_before_the_end_stays_valid<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(SLOW);
    let mut granted = wait_for(&limiter, 1);
    limiter.refund(1);
    limiter.close();
    assert_eq!(granted.output_after_wake(), Ok(()));
}

pub async fn closing_twice_is_closing<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(SLOW);
    limiter.close();
    limiter.close();
    assert!(limiter.is_closed());
    assert_refused(limiter.try_acquire(), Kind::Closed);
}

pub async fn closed_completes_when_it_is_closed<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(SLOW);
    let (mut first, mut second) = (ByHand::waiting(limiter.closed()), ByHand::waiting(limiter.closed()));
    limiter.close();
    first.output_after_wake();
    second.output_after_wake();
    at_once(limiter.closed());
}

pub async fn run_spends_its_cells_and_gives_its_result<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(Quota::per_hour(1).burst(5));
    assert_eq!(limiter.run(ready(42)).await, Ok(42));
    assert_eq!(limiter.run_many(2, ready(())).await, Ok(()));
    drop(ByHand::waiting(limiter.run(pending::<()>())));
    assert_eq!(limiter.available(), 1);
}

pub async fn run_that_is_refused_drops_its_future_unpolled<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(SLOW);
    let outcome: Result<(), _> = limiter.run_many(2, async { panic!("it must not run") }).await;
    assert_refused(outcome, Kind::TooLarge);
    assert_eq!(limiter.available(), 1);
}

pub async fn run_that_is_dropped_while_it_waits_spends_nothing<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_hour(1).burst(5));
    let run = ByHand::waiting(limiter.run_many(5, ready(())));
    limiter.refund(3);
    drop(run);
    assert_eq!(limiter.available(), 3);
}

pub async fn try_run_gives_one_result_of_both<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(Quota::per_hour(1).burst(3));
    assert_eq!(limiter.try_run(ready(Ok::<_, ResourceError>(7))).await, Ok(7));
    let invalid = Quota::every(Duration::ZERO).expect_err("it is invalid");
    assert_eq!(limiter.try_run(ready(Err::<(), ResourceError>(invalid.into()))).await, Err(invalid.into()));
    limiter.close();
    let closed = limiter.try_run(ready(Ok::<_, ResourceError>(7))).await.expect_err("it is closed");
    assert!(matches!(closed, ResourceError::Limit(error) if error.is_closed()));
}

pub async fn a_wrapped_function_spends_its_cells<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(Quota::per_hour(1).burst(6));
    assert_eq!(limiter.wrap(|x: u32| async move { 2 * x })(21).await, Ok(42));
    assert_eq!(limiter.wrap_many(3, |()| ready(()))(()).await, Ok(()));
    assert_eq!(limiter.wrap_sync(|(a, b): (u32, u32)| a + b)((1, 2)).await, Ok(3));
    assert_eq!(limiter.available(), 1);
}

pub async fn a_wrapped_function_is_not_called_before_its_turn<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(SLOW);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let count = limiter.wrap_sync(move |()| counted.fetch_add(1, Ordering::SeqCst));
    let mut call = ByHand::waiting(count(()));
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    limiter.refund(1);
    assert_eq!(call.output_after_wake(), Ok(0));
}

pub async fn a_wrapped_function_outlives_its_limiter<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(FAST);
    let call = limiter.wrap_sync(|()| ());
    drop(limiter);
    assert_eq!(call(()).await, Ok(()));
}

pub async fn a_full_queue_refuses_at_once<H: Harness>(rig: Rig<H>) {
    let builder = RateLimiter::<H::Runtime>::builder(SLOW).initial(0).max_waiters(1);
    let limiter = builder.build_on(rig.runtime.clone());
    let mut first = wait_for(&limiter, 1);
    assert_refused(at_once(limiter.acquire()), Kind::QueueFull);
    limiter.refund(1);
    assert_eq!(first.output_after_wake(), Ok(()));
    limiter.refund(1);
    assert_eq!(at_once(limiter.acquire()), Ok(()));
}

pub async fn clones_share_the_limit<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(SLOW);
    assert_eq!(limiter.clone().try_acquire(), Ok(()));
    assert_refused(limiter.try_acquire(), Kind::NotReady);
}

pub async fn a_future_that_panics_spends_its_cell_and_no_more<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(Quota::per_hour(1).burst(3));
    panic_of(|| at_once(limiter.run(async { panic!("a future that panics") })).map(|(): ()| ()));
    let call = limiter.wrap_sync(|()| -> () { panic!("a function that panics") });
    panic_of(|| at_once(call(())));
    assert_eq!((limiter.available(), limiter.waiters()), (1, 0));
}

pub async fn a_waker_that_panics_costs_nobody_else_anything<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_hour(1).burst(2));
    let mut trapped = ByHand::new(limiter.acquire());
    assert!(trapped.poll_with(&Waker::from(Arc::new(Trap))).is_pending());
    let mut next = wait_for(&limiter, 1);
    assert_eq!(panic_of(|| limiter.refund(2)), "a waker that panics");
    assert_eq!((trapped.output(), next.output_after_wake()), (Ok(()), Ok(())));
    assert_eq!(limiter.waiters(), 0);
}

pub async fn the_full_rate_is_kept_while_anybody_waits<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(FAST);
    let start = rig.now();
    let tasks = [(); 4].map(|()| {
        let limiter = limiter.clone();
        rig.start(async move {
            for _ in 0..25 {
                limiter.acquire().await.expect("it is open");
            }
        })
    });
    for task in tasks {
        task.await.expect("the task ends");
    }
    // What is made up for after a late timer is at most twice its granularity.
    let least = Duration::from_millis(100).saturating_sub(2 * rig.runtime.granularity());
    let elapsed = rig.now() - start;
    assert!(elapsed >= least, "{elapsed:?}");
    if H::VIRTUAL {
        assert!(elapsed <= Duration::from_millis(100) + rig.runtime.granularity(), "{elapsed:?}");
    }
}

pub async fn an_idle_limiter_gathers_its_burst_and_not_one_more<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_second(1000).burst(3));
    rig.sleep(Duration::from_millis(20)).await;
    limiter.set_quota(Quota::per_hour(1).burst(100));
    assert_eq!(limiter.available(), 3);
}

pub async fn a_limiter_dropped_while_its_alarm_is_set_leaves_nothing_behind<H: Harness>(rig: Rig<H>) {
    for quota in [SLOW, FAST] {
        let limiter = rig.drained(quota);
        drop(wait_for(&limiter, 1));
        drop(limiter);
    }
    rig.sleep(Duration::from_millis(5)).await;
}
