//! What a concurrency limiter promises.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_concurrency {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness concurrency {
            acquire_waits_and_try_acquire_refuses
            a_refusal_does_not_say_when_to_try_again
            a_permit_returns_when_it_is_dropped
            an_owned_permit_outlives_its_limiter
            clones_share_the_limit
            acquire_within_waits_at_most_so_long
            acquire_within_takes_what_comes_in_time
            a_permit_that_comes_at_the_deadline_wins
            acquire_within_no_time_tries_once
            more_than_the_limit_is_refused_at_once_and_for_good
            zero_permits_are_ready_and_do_not_queue
            zero_permits_are_refused_once_it_is_closed
            waiters_are_served_in_the_order_of_their_first_poll
            a_large_request_at_the_front_is_not_overtaken
            try_acquire_fails_while_anybody_waits
            dropping_a_waiting_future_leaves_no_trace
            a_future_that_is_never_polled_has_no_place
            a_permit_granted_and_not_yet_taken_goes_to_the_next
            a_permit_granted_and_not_yet_taken_is_free_again_if_nobody_waits
            a_waiter_polled_once_and_left_alone_holds_up_only_what_it_was_granted
            a_waiter_is_woken_by_the_waker_it_was_polled_with_last
            a_higher_limit_serves_the_waiting_at_once
            a_lower_limit_takes_nothing_from_who_holds_a_permit
            a_request_that_no_longer_fits_ends_and_those_behind_move_up
            a_limit_of_zero_pauses
            what_does_not_fit_after_a_pause_is_refused
            close_ends_every_wait
            a_grant_that_came_before_the_end_stays_valid
            held_permits_stay_valid_after_close
            closing_twice_is_closing
            closed_completes_when_it_is_closed
            idle_completes_when_all_permits_are_back
            run_holds_a_permit_until_its_future_is_gone
            run_that_is_refused_drops_its_future_unpolled
            try_run_gives_one_result_of_both
            a_wrapped_function_holds_a_permit_while_it_runs
            a_wrapped_function_is_not_called_before_its_turn
            a_full_queue_refuses_at_once
            a_second_acquire_inside_ones_own_permit_waits_for_itself
            a_future_that_panics_returns_its_permit
            a_waker_that_panics_costs_nobody_else_anything
            many_tasks_never_hold_more_than_the_limit
            what_a_limiter_says_of_itself_is_text
        } }
    };
}

use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::{pending, ready};
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::Waker;
use core::time::Duration;

use super::Harness;
use super::gate::Gate;
use super::hand::{ByHand, Trap, assert_refused, at_once, panic_of, refused, yield_once};
use super::rig::Rig;
use crate::limit::{ConcurrencyLimiter, ResourceError, ResourceLimitErrorKind as Kind};
use crate::runtime::Timer;
use crate::sync::Permit;

const SHORT: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_secs(3600);

/// One who waits for slots.
type Waiting<'a> = ByHand<'a, Result<Permit<'a>, crate::limit::ResourceLimitError>>;

fn wait_for<R: Timer>(slots: &ConcurrencyLimiter<R>, n: u32) -> Waiting<'_> {
    ByHand::waiting(slots.acquire_many(n))
}

pub async fn acquire_waits_and_try_acquire_refuses<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let permit = slots.acquire().await.expect("a slot is free");
    assert_refused(slots.try_acquire(), Kind::NotReady);
    let mut next = wait_for(&slots, 1);
    drop(permit);
    assert!(next.output_after_wake().is_ok());
}

pub async fn a_refusal_does_not_say_when_to_try_again<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let _permit = slots.try_acquire().expect("a slot is free");
    assert_eq!(refused(slots.try_acquire()).retry_after(), None);
}

pub async fn a_permit_returns_when_it_is_dropped<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(5);
    let three = slots.try_acquire_many(3).expect("they are free");
    assert_eq!((slots.available(), slots.in_flight(), slots.limit(), slots.waiters()), (2, 3, 5, 0));
    drop(three);
    assert_eq!((slots.available(), slots.in_flight()), (5, 0));
}

pub async fn an_owned_permit_outlives_its_limiter<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(2);
    let permit = slots.acquire_owned().await.expect("a slot is free");
    let other = slots.try_acquire_owned().expect("a slot is free");
    drop(slots);
    drop((permit, other));
}

pub async fn clones_share_the_limit<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let clone = slots.clone();
    let _permit = clone.try_acquire().expect("a slot is free");
    assert_refused(slots.try_acquire(), Kind::NotReady);
}

pub async fn acquire_within_waits_at_most_so_long<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let _permit = slots.try_acquire().expect("a slot is free");
    let start = rig.now();
    let error = refused(slots.acquire_within(SHORT).await);
    rig.assert_elapsed(start, SHORT);
    assert_eq!((error.kind(), error.left(), error.needed()), (Kind::Deadline, Some(SHORT), None));
    assert_eq!(slots.waiters(), 0);
}

pub async fn acquire_within_takes_what_comes_in_time<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let permit = slots.try_acquire().expect("a slot is free");
    let mut within = ByHand::waiting(slots.acquire_within(LONG));
    drop(permit);
    assert!(within.output_after_wake().is_ok());
}

pub async fn a_permit_that_comes_at_the_deadline_wins<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let permit = slots.try_acquire().expect("a slot is free");
    let mut within = ByHand::new(slots.acquire_within(SHORT));
    let polled = within.poll();
    rig.sleep(SHORT * 2).await;
    drop(permit);
    assert!(polled.is_ready() || within.output().is_ok());
}

pub async fn acquire_within_no_time_tries_once<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let permit = at_once(slots.acquire_within(Duration::ZERO)).expect("a slot is free");
    assert_refused(at_once(slots.acquire_within(Duration::ZERO)), Kind::Deadline);
    assert_eq!(slots.waiters(), 0);
    drop(permit);
}

pub async fn more_than_the_limit_is_refused_at_once_and_for_good<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(3);
    assert_refused(slots.try_acquire_many(4), Kind::TooLarge);
    assert_refused(at_once(slots.acquire_many(4)), Kind::TooLarge);
    assert_refused(at_once(slots.acquire_many_owned(u32::MAX)), Kind::TooLarge);
    assert_refused(at_once(slots.acquire_many_within(4, LONG)), Kind::TooLarge);
    assert_eq!(slots.available(), 3);
}

pub async fn zero_permits_are_ready_and_do_not_queue<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let _permit = slots.try_acquire().expect("a slot is free");
    let _waiting = wait_for(&slots, 1);
    assert!(slots.try_acquire_many(0).is_ok());
    assert_eq!(at_once(slots.acquire_many(0)).map(|permit| permit.count()), Ok(0));
    assert_eq!(slots.waiters(), 1);
}

pub async fn zero_permits_are_refused_once_it_is_closed<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    slots.close();
    assert_refused(slots.try_acquire_many(0), Kind::Closed);
    assert_refused(at_once(slots.acquire_many(0)), Kind::Closed);
}

pub async fn waiters_are_served_in_the_order_of_their_first_poll<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(4);
    let mut held = Vec::from([slots.try_acquire_many(4).expect("they are free")]);
    let created: Vec<_> = [2, 4, 1, 3].map(|n| ByHand::new(slots.acquire_many(n))).into();
    // Polled last to first: that, and not the order in which they were made, is their order.
    let mut line: Vec<_> = created.into_iter().rev().collect();
    line.iter_mut().for_each(ByHand::assert_waits);
    for served in [2, 1, 1] {
        held.clear();
        let outcomes: Vec<_> = line.iter_mut().map(ByHand::poll).collect();
        let ready = outcomes.iter().take_while(|poll| poll.is_ready()).count();
        assert_eq!(ready, served, "{outcomes:?}");
        assert!(outcomes[served..].iter().all(core::task::Poll::is_pending), "{outcomes:?}");
        line.drain(..served);
        held = outcomes
            .into_iter()
            .filter_map(|poll| if let core::task::Poll::Ready(Ok(p)) = poll { Some(p) } else { None })
            .collect();
    }
}

pub async fn a_large_request_at_the_front_is_not_overtaken<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(3);
    let one = slots.try_acquire().expect("a slot is free");
    let mut large = wait_for(&slots, 3);
    let mut small = wait_for(&slots, 1);
    assert_eq!(slots.available(), 2);
    small.assert_waits();
    drop(one);
    drop(large.output_after_wake());
    assert!(small.output_after_wake().is_ok());
}

pub async fn try_acquire_fails_while_anybody_waits<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(3);
    let one = slots.try_acquire().expect("a slot is free");
    let large = wait_for(&slots, 3);
    assert_refused(slots.try_acquire(), Kind::NotReady);
    drop(large);
    assert!(slots.try_acquire().is_ok());
    drop(one);
}

pub async fn dropping_a_waiting_future_leaves_no_trace<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(2);
    let one = slots.try_acquire().expect("a slot is free");
    let (large, mut small, last) = (wait_for(&slots, 2), wait_for(&slots, 1), wait_for(&slots, 2));
    drop(large);
    let second = small.output_after_wake();
    drop(last);
    assert_eq!((slots.waiters(), slots.in_flight()), (0, 2));
    drop((one, second));
    assert_eq!(slots.available(), 2);
}

pub async fn a_future_that_is_never_polled_has_no_place<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let _unpolled = slots.acquire();
    assert_eq!(slots.waiters(), 0);
    assert!(slots.try_acquire().is_ok());
}

pub async fn a_permit_granted_and_not_yet_taken_goes_to_the_next<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(2);
    let both = slots.try_acquire_many(2).expect("they are free");
    let (granted, mut next, mut last) = (wait_for(&slots, 2), wait_for(&slots, 1), wait_for(&slots, 1));
    drop(both);
    assert!(granted.is_woken());
    drop(granted);
    drop((next.output_after_wake(), last.output_after_wake()));
    assert_eq!(slots.available(), 2);
}

pub async fn a_permit_granted_and_not_yet_taken_is_free_again_if_nobody_waits<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let permit = slots.try_acquire().expect("a slot is free");
    let granted = wait_for(&slots, 1);
    drop(permit);
    drop(granted);
    assert_eq!((slots.available(), slots.in_flight()), (1, 0));
}

pub async fn a_waiter_polled_once_and_left_alone_holds_up_only_what_it_was_granted<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(2);
    let (one, other) = (slots.try_acquire().expect("free"), slots.try_acquire().expect("free"));
    let (left_alone, mut next) = (wait_for(&slots, 1), wait_for(&slots, 1));
    drop(one);
    drop(other);
    assert!(left_alone.is_woken());
    assert!(next.output_after_wake().is_ok());
    assert_eq!(slots.available(), 1);
}

pub async fn a_waiter_is_woken_by_the_waker_it_was_polled_with_last<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let permit = slots.try_acquire().expect("a slot is free");
    let mut waiting = ByHand::new(slots.acquire());
    assert!(waiting.poll_with(Waker::noop()).is_pending());
    waiting.assert_waits();
    drop(permit);
    assert!(waiting.output_after_wake().is_ok());
}

pub async fn a_higher_limit_serves_the_waiting_at_once<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let _permit = slots.try_acquire().expect("a slot is free");
    let (mut first, mut second, mut third) = (wait_for(&slots, 1), wait_for(&slots, 1), wait_for(&slots, 1));
    slots.set_limit(3);
    let _permits = (first.output_after_wake(), second.output_after_wake());
    third.assert_waits();
    assert_eq!((slots.limit(), slots.in_flight(), slots.waiters()), (3, 3, 1));
}

pub async fn a_lower_limit_takes_nothing_from_who_holds_a_permit<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(3);
    let held = [(); 3].map(|()| slots.try_acquire().expect("they are free"));
    slots.set_limit(1);
    assert_eq!((slots.limit(), slots.in_flight(), slots.available()), (1, 3, 0));
    let [first, second, third] = held;
    drop(first);
    drop(second);
    assert_eq!((slots.in_flight(), slots.available()), (1, 0));
    drop(third);
    assert_eq!((slots.in_flight(), slots.available()), (0, 1));
}

pub async fn a_request_that_no_longer_fits_ends_and_those_behind_move_up<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(3);
    let one = slots.try_acquire().expect("a slot is free");
    let (mut large, mut small) = (wait_for(&slots, 3), wait_for(&slots, 1));
    slots.set_limit(2);
    assert_refused(large.output_after_wake(), Kind::TooLarge);
    assert!(small.output_after_wake().is_ok());
    drop(one);
}

pub async fn a_limit_of_zero_pauses<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(2);
    slots.set_limit(0);
    let error = refused(slots.try_acquire());
    assert_eq!((error.kind(), error.retry_after()), (Kind::NotReady, None));
    let (mut one, mut two) = (wait_for(&slots, 1), wait_for(&slots, 2));
    slots.set_limit(2);
    drop(one.output_after_wake());
    assert!(two.output_after_wake().is_ok());
}

pub async fn what_does_not_fit_after_a_pause_is_refused<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(5);
    slots.set_limit(0);
    let mut large = wait_for(&slots, 5);
    slots.set_limit(2);
    assert_refused(large.output_after_wake(), Kind::TooLarge);
}

pub async fn close_ends_every_wait<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(2);
    let _one = slots.try_acquire().expect("a slot is free");
    let mut line = [2, 1, 2].map(|n| wait_for(&slots, n));
    slots.close();
    line.iter_mut().for_each(|waiting| assert_refused(waiting.output_after_wake(), Kind::Closed));
    assert_refused(slots.try_acquire(), Kind::Closed);
    assert_refused(at_once(slots.acquire()), Kind::Closed);
    assert_refused(at_once(slots.acquire_within(LONG)), Kind::Closed);
    assert_eq!(slots.waiters(), 0);
    assert!(slots.is_closed());
}

pub async fn a_grant_that_came_before_the_end_stays_valid<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let permit = slots.try_acquire().expect("a slot is free");
    let mut granted = wait_for(&slots, 1);
    drop(permit);
    slots.close();
    assert!(granted.output_after_wake().is_ok());
}

pub async fn held_permits_stay_valid_after_close<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(2);
    let permit = slots.try_acquire_many(2).expect("they are free");
    slots.close();
    assert_eq!((permit.count(), slots.in_flight()), (2, 2));
    drop(permit);
    assert_eq!(slots.in_flight(), 0);
}

pub async fn closing_twice_is_closing<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    slots.close();
    slots.close();
    assert!(slots.is_closed());
    assert_refused(slots.try_acquire(), Kind::Closed);
}

pub async fn closed_completes_when_it_is_closed<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let (mut first, mut second) = (ByHand::waiting(slots.closed()), ByHand::waiting(slots.closed()));
    slots.close();
    first.output_after_wake();
    second.output_after_wake();
    at_once(slots.closed());
}

pub async fn idle_completes_when_all_permits_are_back<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(2);
    at_once(slots.idle());
    let (one, other) = (slots.try_acquire().expect("free"), slots.try_acquire().expect("free"));
    let mut waiting = wait_for(&slots, 1);
    let mut idle = ByHand::waiting(slots.idle());
    drop(one);
    let handed_over = waiting.output_after_wake();
    drop(other);
    idle.assert_waits();
    drop(handed_over);
    idle.output_after_wake();
}

pub async fn run_holds_a_permit_until_its_future_is_gone<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let gate = Gate::new();
    let mut run = ByHand::waiting(slots.run(async {
        gate.pass().await;
        42
    }));
    assert_eq!(slots.in_flight(), 1);
    gate.open();
    assert_eq!(run.output_after_wake(), Ok(42));
    assert_eq!(slots.in_flight(), 0);
    drop(ByHand::waiting(slots.run_many(1, pending::<()>())));
    assert_eq!(slots.in_flight(), 0);
}

pub async fn run_that_is_refused_drops_its_future_unpolled<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    slots.close();
    let outcome = slots.run(async { panic!("it must not run") }).await;
    let outcome: Result<(), _> = outcome;
    assert_refused(outcome, Kind::Closed);
}

pub async fn try_run_gives_one_result_of_both<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    assert_eq!(slots.try_run(ready(Ok::<_, ResourceError>(7))).await, Ok(7));
    let invalid = crate::limit::Quota::every(Duration::ZERO).expect_err("it is invalid");
    assert_eq!(slots.try_run(ready(Err::<(), ResourceError>(invalid.into()))).await, Err(invalid.into()));
    slots.close();
    let closed = slots.try_run(ready(Ok::<_, ResourceError>(7))).await.expect_err("it is closed");
    assert!(matches!(closed, ResourceError::Limit(error) if error.is_closed()));
}

pub async fn a_wrapped_function_holds_a_permit_while_it_runs<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(2);
    let seen = slots.clone();
    let double = slots.wrap(move |x: u32| {
        let seen = seen.clone();
        async move { (2 * x, seen.in_flight()) }
    });
    assert_eq!(double(21).await, Ok((42, 1)));
    let seen = slots.clone();
    assert_eq!(slots.wrap_many(2, move |()| ready(seen.in_flight()))(()).await, Ok(2));
    let seen = slots.clone();
    assert_eq!(slots.wrap_sync(move |(a, b): (u32, u32)| (a + b, seen.in_flight()))((1, 2)).await, Ok((3, 1)));
    assert_eq!(slots.in_flight(), 0);
}

pub async fn a_wrapped_function_is_not_called_before_its_turn<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let permit = slots.try_acquire().expect("a slot is free");
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let count = slots.wrap_sync(move |()| counted.fetch_add(1, Ordering::SeqCst));
    let mut call = ByHand::waiting(count(()));
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    drop(permit);
    assert_eq!(call.output_after_wake(), Ok(0));
}

pub async fn a_full_queue_refuses_at_once<H: Harness>(rig: Rig<H>) {
    let slots = ConcurrencyLimiter::<H::Runtime>::builder(1)
        .max_waiters(1)
        .build_on(rig.runtime.clone())
        .expect("a limit of 1 is valid");
    let permit = slots.try_acquire().expect("a slot is free");
    let mut first = wait_for(&slots, 1);
    assert_refused(at_once(slots.acquire()), Kind::QueueFull);
    drop(permit);
    drop(first.output_after_wake());
    assert!(at_once(slots.acquire()).is_ok());
}

pub async fn a_second_acquire_inside_ones_own_permit_waits_for_itself<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let mut stuck = ByHand::waiting(slots.run(slots.run(ready(()))));
    rig.sleep(SHORT).await;
    stuck.assert_waits();
    assert_eq!((slots.in_flight(), slots.waiters()), (1, 1));
    drop(stuck);
    assert_eq!((slots.in_flight(), slots.waiters()), (0, 0));
}

pub async fn a_future_that_panics_returns_its_permit<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    panic_of(|| at_once(slots.run(async { panic!("a future that panics") })).map(|(): ()| ()));
    let call = slots.wrap_sync(|()| -> () { panic!("a function that panics") });
    panic_of(|| at_once(call(())));
    let runtime_task = {
        let slots = slots.clone();
        rig.start(async move {
            yield_once().await;
            slots.run(async { panic!("a task that panics") }).await.map(|(): ()| ())
        })
    };
    assert!(runtime_task.await.is_err());
    assert_eq!((slots.in_flight(), slots.available()), (0, 1));
}

pub async fn a_waker_that_panics_costs_nobody_else_anything<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(2);
    let both = slots.try_acquire_many(2).expect("they are free");
    let mut trapped = ByHand::new(slots.acquire());
    assert!(trapped.poll_with(&Waker::from(Arc::new(Trap))).is_pending());
    let mut next = wait_for(&slots, 1);
    assert_eq!(panic_of(|| drop(both)), "a waker that panics");
    let permits = (trapped.output(), next.output_after_wake());
    assert_eq!((slots.in_flight(), slots.waiters()), (2, 0));
    drop(permits);
    assert_eq!(slots.available(), 2);
}

pub async fn many_tasks_never_hold_more_than_the_limit<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(5);
    let (inside, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let tasks: Vec<_> = (0..200)
        .map(|index: u32| {
            let (slots, inside, peak) = (slots.clone(), Arc::clone(&inside), Arc::clone(&peak));
            rig.start(async move {
                let permit = slots.acquire_many(1 + index % 5).await.expect("it is open");
                let n = permit.count() as usize;
                peak.fetch_max(inside.fetch_add(n, Ordering::SeqCst) + n, Ordering::SeqCst);
                yield_once().await;
                inside.fetch_sub(n, Ordering::SeqCst);
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task ends");
    }
    assert!(peak.load(Ordering::SeqCst) <= 5);
    assert_eq!((slots.available(), slots.in_flight(), slots.waiters()), (5, 0, 0));
}

pub async fn what_a_limiter_says_of_itself_is_text<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let _permit = slots.try_acquire().expect("a slot is free");
    let text = alloc::format!("{slots:?}");
    assert!(text.contains("limit: 1") && text.contains("in_flight: 1"), "{text}");
    assert!(!refused(slots.try_acquire()).to_string().is_empty());
}
