//! What needs a runtime that the test drives, and what happens in one order only.

use core::future::{pending, poll_fn};
use core::pin::pin;

use super::*;
use crate::runtime::tests::places::Places;
use crate::runtime::{Clock, ManualClock, Timer, VirtualRuntime};
use crate::time::{Deadline, Instant};
use crate::timeout::{Elapsed, ElapsedKind, ScopeHandle, TimeoutManager, cascade, shield, timeout};

fn manager(clock: &ManualClock) -> TimeoutManager<ManualClock> {
    TimeoutManager::with_runtime(SECOND, clock.clone())
}

fn run<R: Timer>(tm: &TimeoutManager<R>, timeout: Duration) -> Held<Result<(), Elapsed>> {
    let tm = tm.clone();
    Held::waiting(async move { tm.run_within(timeout, pending::<()>()).await })
}

#[test]
fn who_moves_to_another_runtime_sets_an_alarm_there() {
    let places = Places::default();
    let tm = TimeoutManager::with_runtime(SECOND, places.clone());
    let mut moved = places.at(1, || run(&tm, SECOND));
    assert!(places.at(2, || moved.poll()).is_pending());
    places.pass(SECOND);
    // Nobody drives the first one any more.
    places.ring(2);
    assert_eq!(moved.woken(), 1);
    assert!(places.at(2, || moved.poll()).is_ready());
}

#[test]
fn who_loses_its_alarm_waits_where_it_is_polled_next() {
    let places = Places::default();
    let tm = TimeoutManager::with_runtime(SECOND, places.clone());
    let mut waiting: [_; 3] = core::array::from_fn(|_| places.at(1, || run(&tm, SECOND)));
    places.lose(1);
    for run in &mut waiting {
        assert_eq!(run.woken(), 1);
        assert!(places.at(2, || run.poll()).is_pending());
    }
    assert_eq!(tm.pending(), 3);
    places.pass(SECOND);
    places.ring(2);
    assert!(waiting.iter_mut().all(|run| run.woken() == 1 && run.poll().is_ready()));
}

#[test]
fn a_close_while_alarms_are_lost_tells_of_the_close() {
    let places = Places::default();
    let tm = TimeoutManager::with_runtime(SECOND, places.clone());
    let mut run = places.at(1, || run(&tm, SECOND));
    places.lose(1);
    tm.close();
    let Poll::Ready(Err(elapsed)) = places.at(2, || run.poll()) else { panic!("it still waits") };
    assert_eq!((elapsed.kind(), tm.pending()), (ElapsedKind::Closed, 0));
}

#[test]
fn never_does_not_come_even_at_the_end_of_time() {
    let clock = ManualClock::new();
    let tm = manager(&clock);
    let mut run = run(&tm, Duration::MAX);
    clock.set(Instant::FAR);
    assert!(run.poll().is_pending());
    tm.clone().close();
    assert!(run.poll().is_ready());
    let mut late = Held::new(async move { timeout(clock, Duration::MAX, pending::<()>()).await });
    assert!(late.poll().is_pending());
}

#[test]
fn a_clock_that_steps_back_makes_nothing_early() {
    let clock = ManualClock::new();
    let tm = manager(&clock);
    clock.set(Instant::from_nanos(3_600_000_000_000));
    let mut before = run(&tm, SECOND);
    clock.set(Instant::ORIGIN);
    let mut after = run(&tm, 2 * SECOND);
    clock.advance(SECOND);
    assert_eq!((before.woken(), after.woken()), (0, 0));
    clock.advance(SECOND);
    assert_eq!((before.woken(), after.woken()), (0, 1));
    assert!(after.poll().is_ready() && before.poll().is_pending());
    clock.advance(3600 * SECOND);
    assert!(before.woken() == 1 && before.poll().is_ready());
}

#[test]
fn an_attempt_that_is_late_leaves_no_time_for_another() {
    let clock = ManualClock::new();
    let tried = Arc::new(AtomicUsize::new(0));
    let (count, runtime) = (Arc::clone(&tried), clock.clone());
    let mut cascade = Held::waiting(async move {
        let attempts = cascade(runtime, [SECOND, SECOND], |_| {
            count.fetch_add(1, Ordering::SeqCst);
            pending::<Result<(), Elapsed>>()
        });
        attempts.until(Instant::ORIGIN + 2 * SECOND).await
    });
    clock.set(Instant::ORIGIN + 60 * SECOND);
    let Poll::Ready(Err(elapsed)) = cascade.poll() else { panic!("it goes on") };
    assert_eq!((elapsed.kind(), elapsed.limit()), (ElapsedKind::Inherited, 2 * SECOND));
    assert_eq!(tried.load(Ordering::SeqCst), 1);
}

#[test]
fn a_shield_keeps_the_scope_open_in_which_it_is_polled_now() {
    let runtime = VirtualRuntime::new();
    let tm = TimeoutManager::with_runtime(SECOND, runtime.clone());
    let work = async { runtime.sleep_until(runtime.now() + 5 * SECOND).await };
    runtime.block_on(async {
        let mut shielded = pin!(shield(work));
        let first = tm.scope(poll_fn(|context| {
            assert!(shielded.as_mut().poll(context).is_pending());
            Poll::Ready(())
        }));
        assert_eq!(first.await, Ok(()));
        assert_eq!(tm.scope(shielded).await, Ok(()));
    });
    assert_eq!(runtime.now(), Instant::ORIGIN + 5 * SECOND);
}

#[test]
fn a_shield_that_leaves_its_scope_lets_it_end() {
    let clock = ManualClock::new();
    let tm = manager(&clock);
    let taken = Arc::new(std::sync::Mutex::new(None));
    let mut shielded = Some(Box::pin(shield(pending::<()>())));
    let body = {
        let taken = Arc::clone(&taken);
        poll_fn(move |context| {
            if let Some(mut shield) = shielded.take() {
                assert!(shield.as_mut().poll(context).is_pending());
                *taken.lock().unwrap() = Some(shield);
            }
            Poll::<()>::Pending
        })
    };
    let mut scope = Held::waiting(async move { tm.scope(body).await });
    clock.advance(2 * SECOND);
    assert!(scope.poll().is_pending());
    assert_eq!(scope.woken(), 0);
    drop(taken.lock().unwrap().take());
    assert_eq!(scope.woken(), 1);
    assert!(scope.poll().is_ready());
}

/// A scope that waits, and its handle.
fn scope_with(tm: &TimeoutManager<ManualClock>) -> (Held<Result<(), Elapsed>>, ScopeHandle<ManualClock>) {
    let (tm, handle) = (tm.clone(), Arc::new(std::sync::Mutex::new(None)));
    let given = Arc::clone(&handle);
    let scope = Held::waiting(async move {
        tm.scope_with(|scope| {
            *given.lock().unwrap() = Some(scope);
            pending::<()>()
        })
        .await
    });
    let handle = handle.lock().unwrap().take().unwrap();
    (scope, handle)
}

#[test]
fn a_handle_keeps_no_waker_of_a_scope_that_is_gone() {
    let (scope, handle) = scope_with(&manager(&ManualClock::new()));
    let waker = Arc::downgrade(&scope.calls);
    drop(scope);
    assert_eq!(waker.strong_count(), 0);
    handle.expire();
    assert!(handle.deadline().instant().is_some());
}

#[test]
fn all_extensions_count() {
    let clock = ManualClock::new();
    let (_scope, handle) = scope_with(&manager(&clock));
    std::thread::scope(|threads| {
        for _ in 0..4 {
            let handle = handle.clone();
            threads.spawn(move || (0..1000).for_each(|_| handle.extend(Duration::from_nanos(1))));
        }
    });
    let end = Instant::ORIGIN + SECOND + Duration::from_nanos(4000);
    assert_eq!(handle.deadline(), Deadline::at(end).on(clock.clock_id()));
}

#[test]
fn a_deadline_a_nanosecond_after_another_is_not_over_with_it() {
    let clock = ManualClock::new();
    let tm = manager(&clock);
    // Longer than the manager's own: these are not in order, but in the wheel.
    let mut second = run(&tm, 3 * SECOND);
    let mut first = run(&tm, 3 * SECOND - Duration::from_nanos(1));
    clock.advance(3 * SECOND - Duration::from_nanos(1));
    assert!(first.poll().is_ready());
    assert_eq!(second.woken(), 0);
    assert!(second.poll().is_pending());
    clock.advance(Duration::from_nanos(1));
    assert!(second.poll().is_ready());
}

#[test]
fn what_is_left_inside_is_what_the_earliest_scope_leaves() {
    let clock = ManualClock::new();
    let tm = manager(&clock);
    let (long, inner) = (TimeoutManager::with_runtime(3 * SECOND, clock.clone()), tm.clone());
    let left = Held::new(async move { tm.scope(long.scope(async move { inner.remaining() })).await }).poll();
    assert_eq!(left, Poll::Ready(Ok(Ok(Some(SECOND)))));
}
