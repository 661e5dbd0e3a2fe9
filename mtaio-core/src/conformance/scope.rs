//! What deadlines over blocks promise, and what is in them.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_scope {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness scope {
            a_block_that_takes_too_long_ends
            what_waits_in_a_scope_has_what_is_left
            what_is_in_a_scope_ends_although_it_knows_nothing_of_it
            a_scope_bounds_every_kind_of_wait
            nested_scopes_take_the_earliest_deadline
            three_scopes_of_three_managers_are_one_deadline
            a_run_is_no_scope
            a_scope_inside_a_run_and_a_run_inside_a_scope
            a_scope_that_is_dropped_half_way_leaves_nothing
            a_scope_that_loses_a_race_leaves_nothing
            a_scope_that_panics_leaves_nothing
            a_scope_may_be_polled_on_any_thread
            under_another_clock_only_the_scope_itself_bounds
            a_deadline_goes_along_into_other_tasks_when_it_is_attached
            a_task_that_is_spawned_in_a_scope_knows_nothing_of_it
            deadlines_that_are_attached_take_the_earliest
            a_rate_in_a_scope_refuses_at_once_what_cannot_come_in_time
            a_rate_in_a_scope_waits_if_its_turn_comes_in_time
            a_wait_for_a_slot_in_a_scope_ends_with_it
            a_wait_for_a_slot_ends_with_an_attached_deadline
        } }
    };
}

use alloc::boxed::Box;
use core::future::{Future, pending, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::thread;

use super::Harness;
use super::gate::Log;
use super::hand::{ByHand, assert_refused, at_once, refused, yield_once};
use super::rig::{FAST, Rig, SLOW};
use super::timeout::{HOUR, SHORT, assert_over};
use crate::limit::ResourceLimitErrorKind;
use crate::runtime::{Clock, ManualClock, Spawn, Timer};
use crate::time::{Deadline, Instant};
use crate::timeout::{Elapsed, ElapsedKind as Kind, TimeoutManager, shield, timeout, timeout_at};

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// A clock of its own, which the check moves, and a manager on it.
pub(super) fn by_hand(timeout: Duration) -> (ManualClock, TimeoutManager<ManualClock>) {
    let clock = ManualClock::new();
    (clock.clone(), TimeoutManager::with_runtime(timeout, clock))
}

/// Waits for nothing on `tm`, as code does that knows of no scope, and tells how that ended.
pub(super) async fn wait<R: Timer>(tm: &TimeoutManager<R>, limit: Duration) -> (Kind, Duration) {
    let elapsed = tm.run_within(limit, pending::<()>()).await.expect_err("it never ends");
    (elapsed.kind(), elapsed.limit())
}

/// The output of whichever is ready first; the other one is dropped.
pub(super) async fn select<T>(first: impl Future<Output = T>, second: impl Future<Output = T>) -> T {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|context| match first.as_mut().poll(context) {
        Poll::Pending => second.as_mut().poll(context),
        ready => ready,
    })
    .await
}

pub async fn a_block_that_takes_too_long_ends<H: Harness>(rig: Rig<H>) {
    let (tm, start) = (rig.timeouts(SHORT), rig.now());
    assert_over(tm.scope(pending::<()>()).await, Kind::Own, SHORT);
    rig.assert_elapsed(start, SHORT);
    assert_over(tm.scope_with(|_| pending::<()>()).await, Kind::Own, SHORT);
    rig.assert_elapsed(start, 2 * SHORT);
    assert_eq!((tm.scope(async { 7 }).await, tm.scope_with(|_| async { 7 }).await), (Ok(7), Ok(7)));
    assert_eq!(tm.pending(), 0);
}

pub async fn what_waits_in_a_scope_has_what_is_left<H: Harness>(_: Rig<H>) {
    let (clock, tm) = by_hand(5 * SECOND);
    let log = Log::new();
    let mut block = ByHand::waiting(tm.scope(async {
        log.push(wait(&tm, 2 * SECOND).await);
        assert_eq!(tm.remaining(), Some(3 * SECOND));
        log.push(wait(&tm, HOUR).await);
        assert_eq!(tm.remaining(), Some(Duration::ZERO));
        log.push(wait(&tm, HOUR).await);
        log.len()
    }));
    clock.advance(2 * SECOND);
    block.assert_waits();
    clock.advance(3 * SECOND);
    assert_eq!(block.output_after_wake(), Ok(3));
    let inherited = (Kind::Inherited, 5 * SECOND);
    assert_eq!(log.entries(), [(Kind::Own, 2 * SECOND), inherited, inherited]);
}

pub async fn what_is_in_a_scope_ends_although_it_knows_nothing_of_it<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(SHORT);
    let start = rig.now();
    let alone = timeout(rig.runtime.clone(), HOUR, pending::<()>());
    match tm.scope(alone).await {
        Ok(inner) => assert_over(inner, Kind::Inherited, SHORT),
        Err(elapsed) => assert_eq!((elapsed.kind(), elapsed.limit()), (Kind::Own, SHORT)),
    }
    rig.assert_elapsed(start, SHORT);
}

pub async fn a_scope_bounds_every_kind_of_wait<H: Harness>(_: Rig<H>) {
    let (clock, tm) = by_hand(SECOND);
    let unbounded = TimeoutManager::unbounded_on(clock.clone());
    let far = || clock.now() + HOUR;
    let log = Log::new();
    let mut block = ByHand::waiting(tm.scope(async {
        wait(&tm, SECOND).await;
        let waits = [
            unbounded.run(pending()).await,
            unbounded.run_until(far(), pending()).await,
            unbounded.run_owned(pending()).await,
            unbounded.scope(pending()).await,
            unbounded.scope_with(|_| pending()).await,
            timeout(clock.clone(), HOUR, pending()).await,
            timeout_at(clock.clone(), far(), pending()).await,
        ];
        for outcome in waits {
            let outcome: Result<(), Elapsed> = outcome;
            log.push(outcome.expect_err("there is no time").kind());
        }
        // What is ready needs no time.
        assert_eq!(unbounded.run(async { 7 }).await, Ok(7));
    }));
    clock.advance(SECOND);
    assert_eq!(block.output_after_wake(), Ok(()));
    assert_eq!(log.entries(), [Kind::Inherited; 7]);
}

pub async fn nested_scopes_take_the_earliest_deadline<H: Harness>(_: Rig<H>) {
    for (outer, inner, expected) in [
        (SECOND, HOUR, (Kind::Inherited, SECOND)),
        (HOUR, SECOND, (Kind::Own, SECOND)),
        (SECOND, SECOND, (Kind::Own, SECOND)),
    ] {
        let (clock, outer) = by_hand(outer);
        let inner = TimeoutManager::with_runtime(inner, clock.clone());
        let mut block = ByHand::waiting(outer.scope(async {
            // The inner one has gone when it has ended.
            let error = inner.scope(pending::<()>()).await.expect_err("it never ends");
            (error.kind(), error.limit(), outer.deadline())
        }));
        // Both managers are told; the outer scope's own end comes only when nothing in it ends in the same poll.
        clock.set(Instant::ORIGIN + SECOND);
        if let Ok((kind, limit, deadline)) = block.output_after_wake() {
            let all = Deadline::at(Instant::ORIGIN + outer.timeout().expect("it has one")).on(clock.clock_id());
            assert_eq!(((kind, limit), deadline), (expected, all));
        } else {
            assert_eq!(expected.1, SECOND);
        }
    }
}

pub async fn three_scopes_of_three_managers_are_one_deadline<H: Harness>(_: Rig<H>) {
    let (clock, first) = by_hand(3 * SECOND);
    let second = TimeoutManager::with_runtime(SECOND, clock.clone());
    let third = TimeoutManager::with_runtime(2 * SECOND, clock.clone());
    at_once(first.scope(second.scope(third.scope(async {
        assert_eq!(first.remaining(), Some(SECOND));
        assert_eq!(third.deadline(), Deadline::at(Instant::ORIGIN + SECOND).on(clock.clock_id()));
        assert_eq!(Deadline::current(), third.deadline());
    }))))
    .and_then(|second| second.and_then(|third| third))
    .expect("it is ready");
    assert_eq!((first.remaining(), Deadline::current()), (None, Deadline::NEVER));
}

pub async fn a_run_is_no_scope<H: Harness>(_: Rig<H>) {
    let (clock, tm) = by_hand(SECOND);
    let log = Log::new();
    let mut run = ByHand::waiting(tm.run(async {
        assert_eq!((tm.remaining(), Deadline::current()), (None, Deadline::NEVER));
        // Longer than the run: nothing in it knows.
        log.push(wait(&tm, 2 * SECOND).await);
    }));
    clock.advance(SECOND);
    assert_over(run.output_after_wake(), Kind::Own, SECOND);
    assert_eq!(log.len(), 0);
}

pub async fn a_scope_inside_a_run_and_a_run_inside_a_scope<H: Harness>(_: Rig<H>) {
    let (clock, tm) = by_hand(SECOND);
    let half = TimeoutManager::with_runtime(SECOND / 2, clock.clone());
    let mut scope_in_run = ByHand::waiting(tm.run(half.scope(async { wait(&tm, HOUR).await })));
    let mut run_in_scope = ByHand::waiting(half.scope(tm.run(pending::<()>())));
    let mut run_ends_first = ByHand::waiting(tm.scope(half.run(pending::<()>())));
    clock.advance(SECOND / 2);
    match scope_in_run.output_after_wake() {
        Ok(Ok(inner)) => assert_eq!(inner, (Kind::Inherited, SECOND / 2)),
        outcome => assert_over(outcome.expect("the run has time"), Kind::Own, SECOND / 2),
    }
    match run_in_scope.output_after_wake() {
        Ok(inner) => assert_over(inner, Kind::Inherited, SECOND / 2),
        outcome => assert_over(outcome, Kind::Own, SECOND / 2),
    }
    assert_over(run_ends_first.output_after_wake().expect("the scope has time"), Kind::Own, SECOND / 2);
    assert_eq!((tm.pending(), half.pending()), (0, 0));
}

pub async fn a_scope_that_is_dropped_half_way_leaves_nothing<H: Harness>(rig: Rig<H>) {
    let (tm, inner) = (rig.timeouts(HOUR), rig.timeouts(HOUR / 2));
    drop(ByHand::waiting(tm.scope(pending::<()>())));
    assert_eq!((tm.pending(), tm.remaining()), (0, None));
    let outcome = tm.scope(async {
        let before = tm.deadline();
        drop(ByHand::waiting(inner.scope(pending::<()>())));
        drop(ByHand::waiting(inner.scope_with(|_| inner.scope(pending::<()>()))));
        assert_eq!((tm.deadline(), inner.pending()), (before, 0));
        yield_once().await;
        assert_eq!(tm.deadline(), before);
    });
    assert_eq!(outcome.await, Ok(()));
    assert_eq!(tm.pending(), 0);
}

pub async fn a_scope_that_loses_a_race_leaves_nothing<H: Harness>(rig: Rig<H>) {
    let (tm, inner) = (rig.timeouts(HOUR), rig.timeouts(SHORT));
    let outcome = tm.scope(async {
        let before = tm.deadline();
        let waits = async {
            inner.scope(wait(&tm, HOUR)).await.expect_err("it never ends");
        };
        select(waits, yield_once()).await;
        assert_eq!((tm.deadline(), inner.pending()), (before, 0));
        // A scope in one branch bounds nothing in the other one.
        select(async { _ = inner.scope(pending::<()>()).await }, async {
            assert_eq!(tm.deadline(), before);
            yield_once().await;
            assert_eq!(tm.deadline(), before);
        })
        .await;
    });
    assert_eq!(outcome.await, Ok(()));
    assert_eq!((tm.pending(), Deadline::current()), (0, Deadline::NEVER));
}

pub async fn a_scope_that_panics_leaves_nothing<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(HOUR);
    let outer = tm.scope(async {
        let before = tm.deadline();
        let panics = || at_once(rig.timeouts(SHORT).scope(async { panic!("a scope that panics") }));
        assert!(super::hand::panic_of(panics).contains("a scope that panics"));
        let shielded = || at_once(shield(async { panic!("a shield that panics") }));
        assert!(super::hand::panic_of(shielded).contains("a shield that panics"));
        assert_eq!(tm.deadline(), before);
    });
    assert_eq!((outer.await, tm.remaining()), (Ok(()), None));
}

pub async fn a_scope_may_be_polled_on_any_thread<H: Harness>(_: Rig<H>) {
    let (clock, tm) = by_hand(SECOND);
    let (inner, log) = (tm.clone(), Log::new());
    let seen = log.clone();
    let mut block: Pin<Box<dyn Future<Output = Result<(), Elapsed>> + Send>> = Box::pin(async move {
        let work = async {
            for _ in 0..4 {
                seen.push(inner.remaining());
                yield_once().await;
            }
            seen.push(Some(inner.run(pending::<()>()).await.expect_err("it never ends").limit()));
        };
        inner.scope(work).await
    });
    for _ in 0..4 {
        clock.advance(SECOND / 4);
        block = thread::spawn(|| {
            assert!(block.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            assert_eq!(Deadline::current(), Deadline::NEVER);
            block
        })
        .join()
        .expect("it does not panic");
        assert_eq!(tm.remaining(), None);
    }
    clock.advance(SECOND);
    assert!(block.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    let left = [4, 3, 2, 1, 4].map(|quarters| Some(quarters * SECOND / 4));
    assert_eq!(log.entries(), left);
}

pub async fn under_another_clock_only_the_scope_itself_bounds<H: Harness>(rig: Rig<H>) {
    let (clock, other) = by_hand(2 * SECOND);
    let tm = rig.timeouts(SHORT);
    // On the clock that stands still nobody knows of the scope, which ends all the same.
    let block = tm.scope(async {
        assert!(tm.remaining().is_some() && other.remaining().is_none());
        other.run(pending::<()>()).await
    });
    assert_over(block.await.map(|_| ()), Kind::Own, SHORT);
    // And the other way round.
    let mut block = ByHand::new(other.scope(async {
        assert_eq!((tm.remaining(), other.remaining()), (None, Some(2 * SECOND)));
        // Two clocks: each with what is around it on that clock, the innermost being the current one.
        at_once(tm.scope(async {
            assert_eq!((Deadline::current(), other.remaining()), (tm.deadline(), Some(2 * SECOND)));
        }))
        .expect("it is ready");
        tm.run(pending::<()>()).await
    }));
    block.assert_waits();
    clock.advance(2 * SECOND);
    assert_over(block.output_after_wake().map(|_| ()), Kind::Own, 2 * SECOND);
}

pub async fn a_deadline_goes_along_into_other_tasks_when_it_is_attached<H: Harness>(rig: Rig<H>) {
    let (tm, start) = (rig.timeouts(SHORT), rig.now());
    let deadline = at_once(tm.scope(async { Deadline::current() })).expect("it is ready");
    let runtime = rig.runtime.clone();
    let work = async move {
        yield_once().await;
        let bounded = timeout(runtime.clone(), HOUR, pending::<()>()).await.expect_err("it never ends");
        // It ends what waits in the task, not the task.
        runtime.sleep_until(runtime.now() + SHORT).await;
        bounded.kind()
    };
    assert_eq!(rig.runtime.spawn(deadline.attach(work)).await, Ok(Kind::Inherited));
    rig.assert_elapsed(start, 2 * SHORT);
}

pub async fn a_task_that_is_spawned_in_a_scope_knows_nothing_of_it<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(HOUR);
    let task = tm.clone();
    let outcome = tm.scope(async { rig.runtime.spawn(async move { task.remaining() }).await });
    assert_eq!(outcome.await, Ok(Ok(None)));
}

pub async fn deadlines_that_are_attached_take_the_earliest<H: Harness>(_: Rig<H>) {
    let (clock, tm) = by_hand(2 * SECOND);
    let at = |seconds: u32| Deadline::at(Instant::ORIGIN + seconds * SECOND).on(clock.clock_id());
    let current = || async { Deadline::current() };
    assert_eq!(at_once(at(1).attach(current())), at(1));
    assert_eq!(at_once(at(1).attach(at(3).attach(current()))), at(1));
    assert_eq!(at_once(tm.scope(at(3).attach(current()))), Ok(at(2)));
    assert_eq!(at_once(tm.scope(at(1).attach(current()))), Ok(at(1)));
    assert_eq!(at_once(at(1).attach(tm.scope(current()))), Ok(at(1)));
    // Nobody knows of which clock these are, or they do not come.
    let unnamed = Deadline::at(Instant::ORIGIN + SECOND);
    for nothing in [unnamed, Deadline::NEVER, Deadline::NEVER.on(clock.clock_id())] {
        assert_eq!(at_once(nothing.attach(current())), Deadline::NEVER);
    }
    let mut attached = ByHand::waiting(at(1).attach(async { wait(&tm, HOUR).await }));
    clock.advance(SECOND);
    assert_eq!(attached.output_after_wake(), (Kind::Inherited, SECOND));
}

pub async fn a_rate_in_a_scope_refuses_at_once_what_cannot_come_in_time<H: Harness>(rig: Rig<H>) {
    let (tm, limiter) = (rig.timeouts(HOUR / 2), rig.drained(SLOW));
    let block = tm.scope(async {
        for error in [
            refused(limiter.acquire().await),
            refused(limiter.acquire_within(HOUR).await),
            refused(limiter.run(async {}).await),
            refused(limiter.wrap(|()| async {})(()).await),
        ] {
            let (needed, left) = (error.needed().expect("it knows"), error.left().expect("it knows"));
            assert_eq!(error.kind(), ResourceLimitErrorKind::Deadline);
            assert!(needed > HOUR / 2 && needed <= HOUR && left <= HOUR / 2, "{error}");
        }
    });
    assert_eq!((at_once(block), limiter.waiters()), (Ok(()), 0));
    // Outside of it there is time enough.
    ByHand::waiting(limiter.acquire());
}

pub async fn a_rate_in_a_scope_waits_if_its_turn_comes_in_time<H: Harness>(rig: Rig<H>) {
    let (tm, limiter) = (rig.timeouts(HOUR), rig.drained(FAST));
    let outcome = tm.scope(async {
        for _ in 0..3 {
            limiter.acquire().await.expect("it comes in time");
        }
    });
    assert_eq!((outcome.await, limiter.waiters(), tm.pending()), (Ok(()), 0, 0));
}

pub async fn a_wait_for_a_slot_in_a_scope_ends_with_it<H: Harness>(rig: Rig<H>) {
    let (tm, slots) = (rig.timeouts(SHORT), rig.slots(1));
    let permit = slots.try_acquire().expect("it is free");
    let start = rig.now();
    match tm.scope(slots.acquire()).await {
        Ok(outcome) => assert_refused(outcome, ResourceLimitErrorKind::Deadline),
        Err(elapsed) => assert_eq!((elapsed.kind(), elapsed.limit()), (Kind::Own, SHORT)),
    }
    rig.assert_elapsed(start, SHORT);
    assert_eq!((slots.waiters(), tm.pending()), (0, 0));
    drop(permit);
    assert!(tm.scope(slots.acquire()).await.expect("it is ready").is_ok());
}

pub async fn a_wait_for_a_slot_ends_with_an_attached_deadline<H: Harness>(rig: Rig<H>) {
    let (tm, slots) = (rig.timeouts(SHORT), rig.slots(1));
    let _permit = slots.try_acquire().expect("it is free");
    let waiting = slots.clone();
    let wait = async move { waiting.acquire().await.map(drop) };
    let deadline = at_once(tm.scope(async { Deadline::current() })).expect("it is ready");
    let outcome = rig.runtime.spawn(deadline.attach(wait)).await.expect("the task ends");
    assert_refused(outcome, ResourceLimitErrorKind::Deadline);
    assert_eq!(slots.waiters(), 0);
}
