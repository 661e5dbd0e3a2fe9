//! What timeouts promise.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_timeout {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness timeout {
            a_future_that_is_ready_touches_neither_clock_nor_timer
            no_time_polls_once
            a_deadline_that_has_passed_polls_once
            the_value_wins_over_the_deadline
            the_future_is_dropped_before_anybody_hears_of_the_end
            the_time_counts_from_the_end_of_the_first_poll
            run_within_replaces_the_managers_timeout_by_less_and_by_more
            run_until_ends_at_its_deadline
            the_longest_times_never_end_and_overflow_nothing
            the_end_of_one_does_not_cancel_the_others
            one_manager_serves_many_tasks
            a_crowd_with_one_timeout_ends_and_nobody_is_early
            a_crowd_with_mixed_timeouts_ends_and_nobody_is_early
            a_hundred_thousand_deadlines_come_in_order
            giving_up_in_any_order_leaves_nothing
            those_who_give_up_while_others_end_are_no_trouble
            a_run_that_is_never_polled_waits_for_nothing
            a_run_is_woken_by_the_waker_it_was_polled_with_last
            a_run_polled_once_and_left_alone_holds_up_nobody
            a_waker_that_panics_costs_nobody_else_the_end
            a_waker_that_comes_back_into_the_manager_does_not_hang
            a_future_that_panics_leaves_nothing
            close_ends_what_runs_and_what_comes_later
            a_manager_dropped_while_its_alarm_is_set_leaves_nothing_behind
            clocks_that_jump_both_ways_hang_nobody
            what_timeouts_say_of_themselves_is_text
            timeouts_can_be_sent_to_other_threads
        } }
    };
}

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::{Future, pending, poll_fn, ready};
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Poll, Waker};
use core::time::Duration;

use super::Harness;
use super::gate::Log;
use super::hand::{ByHand, Trap, at_once, yield_once};
use super::rig::Rig;
use crate::runtime::{Clock, Dice, ManualClock, Timer};
use crate::time::{Deadline, Instant};
use crate::timeout::{Elapsed, ElapsedKind as Kind, TimeoutManager, cascade, timeout, timeout_at};

pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// How long something takes that is over while a check runs.
pub(super) const SHORT: Duration = Duration::from_millis(2);

/// How many wait at a time.
const fn crowd<H: Harness>() -> usize {
    if H::VIRTUAL { 20_000 } else { 2_000 }
}

/// Notes its own drop.
pub(super) struct Noted(pub(super) Arc<AtomicUsize>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[track_caller]
pub(super) fn assert_over<T>(outcome: Result<T, Elapsed>, kind: Kind, limit: Duration) {
    let Err(elapsed) = outcome else { panic!("it ended in time") };
    assert_eq!((elapsed.kind(), elapsed.limit()), (kind, limit), "{elapsed}");
}

/// Needs a clock that must not be touched.
async fn panics() {
    unreachable!("it is polled")
}

pub async fn a_future_that_is_ready_touches_neither_clock_nor_timer<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(HOUR);
    let before = rig.now();
    assert_eq!(at_once(tm.run(ready(7))), Ok(7));
    assert_eq!(at_once(tm.run_within(Duration::ZERO, ready(7))), Ok(7));
    assert_eq!(at_once(tm.run_until(before, ready(7))), Ok(7));
    assert_eq!(at_once(tm.run_owned(ready(7))), Ok(7));
    assert_eq!(at_once(timeout(Untouched, HOUR, ready(7))), Ok(7));
    assert_eq!(at_once(TimeoutManager::with_runtime(HOUR, Untouched).run(ready(7))), Ok(7));
    assert_eq!(tm.pending(), 0);
}

/// A timer that nobody may use.
#[derive(Clone)]
struct Untouched;

impl Clock for Untouched {
    fn now(&self) -> Instant {
        unreachable!("the clock is read")
    }

    fn clock_id(&self) -> crate::time::ClockId {
        crate::time::ClockId::new(0)
    }
}

impl Timer for Untouched {
    type Sleep = <ManualClock as Timer>::Sleep;
    type Alarm = crate::alarm::SleepAlarm<Self>;

    fn sleep_until(&self, _: Instant) -> Self::Sleep {
        unreachable!("a sleep is made")
    }

    fn granularity(&self) -> Duration {
        Duration::ZERO
    }

    fn alarm(&self, _: alloc::sync::Weak<dyn crate::runtime::Tick>) -> Self::Alarm {
        unreachable!("an alarm is made")
    }
}

pub async fn no_time_polls_once<H: Harness>(rig: Rig<H>) {
    let (tm, polls) = (rig.timeouts(Duration::ZERO), AtomicUsize::new(0));
    let count = || {
        poll_fn(|_| {
            polls.fetch_add(1, Ordering::SeqCst);
            Poll::<()>::Pending
        })
    };
    assert_over(at_once(tm.run(count())), Kind::Own, Duration::ZERO);
    assert_over(at_once(tm.scope(count())), Kind::Own, Duration::ZERO);
    assert_over(at_once(rig.timeouts(HOUR).run_within(Duration::ZERO, count())), Kind::Own, Duration::ZERO);
    assert_over(at_once(timeout(rig.runtime.clone(), Duration::ZERO, count())), Kind::Own, Duration::ZERO);
    assert_eq!((polls.load(Ordering::SeqCst), tm.pending()), (4, 0));
}

pub async fn a_deadline_that_has_passed_polls_once<H: Harness>(rig: Rig<H>) {
    let (tm, polls) = (rig.timeouts(HOUR), AtomicUsize::new(0));
    let count = || {
        poll_fn(|_| {
            polls.fetch_add(1, Ordering::SeqCst);
            Poll::<()>::Pending
        })
    };
    let passed = rig.now();
    rig.sleep(SHORT).await;
    assert_over(at_once(tm.run_until(passed, count())), Kind::Own, Duration::ZERO);
    assert_over(at_once(timeout_at(rig.runtime.clone(), passed, count())), Kind::Own, Duration::ZERO);
    assert_eq!((polls.load(Ordering::SeqCst), tm.pending()), (2, 0));
}

pub async fn the_value_wins_over_the_deadline<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(SHORT);
    let end = rig.now() + 2 * SHORT;
    // Ready at its second poll, which comes when the time is over.
    let second = || {
        let mut polls = 0;
        poll_fn(move |_| {
            polls += 1;
            if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
        })
    };
    let mut run = ByHand::waiting(tm.run(second()));
    let mut scope = ByHand::waiting(tm.scope(second()));
    let mut alone = ByHand::waiting(timeout(rig.runtime.clone(), SHORT, second()));
    let mut twin = ByHand::new(tm.run(rig.runtime.sleep_until(end)));
    // On a real clock it may be over at its first poll.
    let twin_first = twin.poll();
    rig.until(|| run.is_woken() && scope.is_woken() && alone.is_woken() && rig.now() >= end).await;
    assert_eq!((run.output(), scope.output(), alone.output()), (Ok(()), Ok(()), Ok(())));
    assert!(twin_first == Poll::Ready(Ok(())) || twin.output() == Ok(()));
    assert_eq!(tm.pending(), 0);
}

pub async fn the_future_is_dropped_before_anybody_hears_of_the_end<H: Harness>(rig: Rig<H>) {
    let (tm, drops) = (rig.timeouts(SHORT), Arc::new(AtomicUsize::new(0)));
    let hold = || {
        let noted = Noted(Arc::clone(&drops));
        async move {
            let _noted = noted;
            pending::<()>().await;
        }
    };
    let mut held = pin!(tm.run(hold()));
    assert!(held.as_mut().await.is_err());
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    let mut held = pin!(tm.scope(hold()));
    assert!(held.as_mut().await.is_err());
    assert_eq!(drops.load(Ordering::SeqCst), 2);
    let mut held = pin!(tm.scope_with(|_| hold()));
    assert!(held.as_mut().await.is_err());
    assert_eq!(drops.load(Ordering::SeqCst), 3);
    let mut held = pin!(timeout(rig.runtime.clone(), SHORT, hold()));
    assert!(held.as_mut().await.is_err());
    assert_eq!(drops.load(Ordering::SeqCst), 4);
}

pub async fn the_time_counts_from_the_end_of_the_first_poll<H: Harness>(rig: Rig<H>) {
    let clock = ManualClock::new();
    let tm = TimeoutManager::with_runtime(HOUR, clock.clone());
    // The first poll takes a minute.
    let slow = async {
        clock.advance(HOUR / 60);
        pending::<()>().await;
    };
    let mut run = ByHand::waiting(tm.run(slow));
    clock.advance(HOUR - Duration::from_nanos(1));
    assert!(!run.is_woken());
    clock.advance(Duration::from_nanos(1));
    assert_over(run.output_after_wake(), Kind::Own, HOUR);
    drop(rig);
}

pub async fn run_within_replaces_the_managers_timeout_by_less_and_by_more<H: Harness>(rig: Rig<H>) {
    let (long, short) = (rig.timeouts(HOUR), rig.timeouts(SHORT));
    let start = rig.now();
    assert_over(long.run_within(SHORT, pending::<()>()).await, Kind::Own, SHORT);
    rig.assert_elapsed(start, SHORT);
    let mut more = ByHand::waiting(short.run_within(HOUR, pending::<()>()));
    assert_over(short.run(pending::<()>()).await, Kind::Own, SHORT);
    more.assert_waits();
    assert_eq!((long.timeout(), short.timeout(), short.pending()), (Some(HOUR), Some(SHORT), 1));
}

pub async fn run_until_ends_at_its_deadline<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(Duration::ZERO);
    let start = rig.now();
    let outcome = tm.run_until(start + SHORT, pending::<()>()).await;
    rig.assert_elapsed(start, SHORT);
    let elapsed = outcome.expect_err("it never ends");
    assert!(elapsed.kind() == Kind::Own && elapsed.limit() <= SHORT, "{elapsed}");
    ByHand::waiting(tm.run_until(Deadline::NEVER, pending::<()>()));
    // A deadline of another clock says nothing here.
    ByHand::waiting(tm.run_until(Deadline::at(start).on(ManualClock::new().clock_id()), pending::<()>()));
}

pub async fn the_longest_times_never_end_and_overflow_nothing<H: Harness>(rig: Rig<H>) {
    let (tm, short) = (rig.timeouts(Duration::MAX), rig.timeouts(SHORT));
    let unbounded = TimeoutManager::unbounded_on(rig.runtime.clone());
    let mut all = Vec::new();
    for tm in [&tm, &unbounded, &short] {
        all.push(ByHand::waiting(tm.run_within(Duration::MAX, pending::<()>())));
        all.push(ByHand::waiting(tm.run_within(Duration::from_nanos(u64::MAX - 1), pending::<()>())));
        all.push(ByHand::waiting(tm.run_until(Instant::FAR, pending::<()>())));
    }
    all.push(ByHand::waiting(tm.run(pending::<()>())));
    all.push(ByHand::waiting(unbounded.run(pending::<()>())));
    let mut alone = ByHand::waiting(timeout(rig.runtime.clone(), Duration::MAX, pending::<()>()));
    let mut scope = ByHand::waiting(tm.scope(tm.run_within(Duration::MAX, pending::<()>())));
    // Those that end go by them.
    assert!(unbounded.run_within(SHORT, pending::<()>()).await.is_err());
    assert!(tm.run_within(SHORT, pending::<()>()).await.is_err());
    all.iter_mut().for_each(ByHand::assert_waits);
    alone.assert_waits();
    scope.assert_waits();
    assert_eq!(unbounded.timeout(), None);
}

pub async fn the_end_of_one_does_not_cancel_the_others<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(HOUR);
    let mut others: Vec<_> = (0..10).map(|_| ByHand::waiting(tm.run(pending::<()>()))).collect();
    assert!(tm.run_within(SHORT, pending::<()>()).await.is_err());
    assert_eq!(tm.clone().run(yield_once()).await, Ok(()));
    drop(tm.clone());
    drop(others.pop());
    others.iter_mut().for_each(|other| {
        assert!(!other.is_woken());
        other.assert_waits();
    });
    assert_eq!(tm.pending(), 9);
}

pub async fn one_manager_serves_many_tasks<H: Harness>(rig: Rig<H>) {
    let (tm, log) = (rig.timeouts(SHORT), Log::new());
    let tasks: Vec<_> = (0..100)
        .map(|index| {
            let (tm, log) = (tm.clone(), log.clone());
            rig.start(async move {
                let outcome = if index % 2 == 0 { tm.run(pending()).await } else { tm.run(yield_once()).await };
                log.push((index, outcome.is_ok()));
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task ends");
    }
    assert_eq!((log.len(), tm.pending()), (100, 0));
    assert!(log.entries().iter().all(|&(index, is_ok)| is_ok == (index % 2 == 1)));
}

/// Waits until all of them are woken, and checks that none of them was early and all are over.
async fn all_end<H: Harness>(rig: &Rig<H>, mut line: Vec<(Instant, ByHand<'_, Result<(), Elapsed>>)>) {
    while !line.is_empty() {
        let mut later = Vec::new();
        for (end, mut run) in line {
            if run.is_woken() {
                assert!(rig.now() >= end, "{:?} too early", end - rig.now());
                assert!(run.output().is_err());
            } else {
                assert!(!H::VIRTUAL || rig.now() <= end + 2 * rig.runtime.granularity() + LOOK, "it is late");
                later.push((end, run));
            }
        }
        line = later;
        rig.sleep(LOOK).await;
    }
}

/// How often a crowd is looked at.
const LOOK: Duration = Duration::from_micros(500);

pub async fn a_crowd_with_one_timeout_ends_and_nobody_is_early<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(SHORT);
    let line = (0..crowd::<H>())
        .map(|_| {
            let start = rig.now();
            (start + SHORT, ByHand::waiting(tm.run(pending::<()>())))
        })
        .collect();
    all_end(&rig, line).await;
    assert_eq!(tm.pending(), 0);
}

pub async fn a_crowd_with_mixed_timeouts_ends_and_nobody_is_early<H: Harness>(rig: Rig<H>) {
    let (tm, mut lots) = (rig.timeouts(SHORT), Dice::new(7));
    let line = (0..crowd::<H>() / 10)
        .map(|_| {
            let timeout = Duration::from_nanos(1 + lots.roll() % 5_000_000);
            let end = rig.now() + timeout;
            (end, ByHand::new(tm.run_within(timeout, pending::<()>())))
        })
        // The shortest may be over by now, on a real clock.
        .filter_map(|(end, mut run)| run.poll().is_pending().then_some((end, run)))
        .collect();
    all_end(&rig, line).await;
    assert_eq!(tm.pending(), 0);
}

pub async fn a_hundred_thousand_deadlines_come_in_order<H: Harness>(rig: Rig<H>) {
    let clock = ManualClock::new();
    let tm = TimeoutManager::with_runtime(HOUR, clock.clone());
    let (mut lots, log) = (Dice::new(11), Log::new());
    let mut line: Vec<_> = (0..if H::VIRTUAL { 100_000 } else { 10_000 })
        .map(|index| {
            let timeout = HOUR - Duration::from_nanos(lots.roll() % if index % 2 == 0 { 1 } else { 1 << 41 });
            let (log, clock) = (log.clone(), clock.clone());
            let note = super::hand::on_wake(move || log.push((clock.now(), timeout)));
            let mut run = ByHand::new(tm.run_within(timeout, pending::<()>()));
            assert!(run.poll_with(&note).is_pending());
            run
        })
        .collect();
    assert_eq!(tm.pending(), line.len());
    clock.advance(HOUR);
    let ends = log.entries();
    assert_eq!((ends.len(), tm.pending()), (line.len(), 0));
    assert!(ends.iter().all(|&(now, timeout)| now == Instant::ORIGIN + timeout), "none is early, and none late");
    assert!(ends.is_sorted_by_key(|&(now, _)| now));
    assert!(line.iter_mut().all(|run| run.poll().is_ready()));
    drop(rig);
}

pub async fn giving_up_in_any_order_leaves_nothing<H: Harness>(rig: Rig<H>) {
    let (tm, mut lots) = (rig.timeouts(HOUR), Dice::new(3));
    let mut line: Vec<_> = (0..1000)
        .map(|index| {
            let timeout = if index % 2 == 0 { HOUR } else { HOUR + Duration::from_nanos(lots.roll() >> 24) };
            let run = if index % 3 == 0 { tm.run(pending::<()>()) } else { tm.run_within(timeout, pending::<()>()) };
            ByHand::waiting(run)
        })
        .collect();
    while !line.is_empty() {
        assert_eq!(tm.pending(), line.len());
        drop(line.swap_remove(lots.roll() as usize % line.len()));
    }
    assert_eq!(tm.pending(), 0);
    assert!(tm.run_within(SHORT, pending::<()>()).await.is_err());
}

pub async fn those_who_give_up_while_others_end_are_no_trouble<H: Harness>(rig: Rig<H>) {
    let (tm, mut lots) = (rig.timeouts(SHORT), Dice::new(5));
    let mut line: Vec<_> = (0..500).map(|_| ByHand::waiting(tm.run(pending::<()>()))).collect();
    while tm.pending() > 0 {
        if !line.is_empty() {
            drop(line.swap_remove(lots.roll() as usize % line.len()));
        }
        rig.sleep(Duration::from_micros(20)).await;
    }
    assert!(line.iter_mut().all(|run| run.is_woken() && run.output().is_err()));
}

pub async fn a_run_that_is_never_polled_waits_for_nothing<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(SHORT);
    let _unpolled = tm.run(panics());
    assert_eq!(tm.pending(), 0);
}

pub async fn a_run_is_woken_by_the_waker_it_was_polled_with_last<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(SHORT);
    let mut run = ByHand::new(tm.run(pending::<()>()));
    assert!(run.poll_with(Waker::noop()).is_pending());
    // On a real clock its time may be over by now.
    if run.poll().is_pending() {
        rig.until(|| run.is_woken()).await;
        assert!(run.output().is_err());
    }
}

pub async fn a_run_polled_once_and_left_alone_holds_up_nobody<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(SHORT);
    let left_alone: Vec<_> = (0..3).map(|_| ByHand::waiting(tm.run(pending::<()>()))).collect();
    let other = tm.clone();
    let task = rig.start(async move { other.run(pending::<()>()).await });
    assert!(task.await.expect("the task ends").is_err());
    assert!(left_alone.iter().all(ByHand::is_woken));
}

pub async fn a_waker_that_panics_costs_nobody_else_the_end<H: Harness>(rig: Rig<H>) {
    let clock = ManualClock::new();
    let tm = TimeoutManager::with_runtime(SHORT, clock.clone());
    let mut trapped = ByHand::new(tm.run(pending::<()>()));
    assert!(trapped.poll_with(&Waker::from(Arc::new(Trap))).is_pending());
    let mut others: Vec<_> = (0..100).map(|_| ByHand::waiting(tm.run(pending::<()>()))).collect();
    assert!(super::hand::panic_of(|| clock.advance(SHORT)).contains("a waker that panics"));
    assert!(others.iter_mut().all(|run| run.output_after_wake().is_err()));
    assert!(trapped.output().is_err());
    let mut later = ByHand::waiting(tm.run(pending::<()>()));
    clock.advance(SHORT);
    assert!(later.output_after_wake().is_err());
    drop(rig);
}

pub async fn a_waker_that_comes_back_into_the_manager_does_not_hang<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(SHORT);
    let (inner, log) = (tm.clone(), Log::new());
    let seen = log.clone();
    let back = super::hand::on_wake(move || {
        let mut run = ByHand::waiting(inner.run(pending::<()>()));
        let pending = inner.pending();
        run.assert_waits();
        drop(run);
        seen.push(pending);
    });
    let mut run = ByHand::new(tm.run(pending::<()>()));
    assert!(run.poll_with(&back).is_pending());
    rig.until(|| log.len() == 1).await;
    assert!(run.output().is_err());
    assert_eq!((log.entries(), tm.pending()), (Vec::from([1]), 0));
}

pub async fn a_future_that_panics_leaves_nothing<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(HOUR);
    let inner = tm.clone();
    let task = rig.start(async move {
        inner
            .scope(inner.run(async {
                yield_once().await;
                panic!("a future that panics");
            }))
            .await
    });
    assert!(task.await.is_err());
    assert_eq!(tm.pending(), 0);
    assert_eq!((tm.remaining(), tm.run(yield_once()).await), (None, Ok(())));
}

pub async fn close_ends_what_runs_and_what_comes_later<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(HOUR);
    let mut runs = Vec::new();
    for timeout in [HOUR, HOUR / 2, Duration::MAX] {
        runs.push(ByHand::waiting(tm.run_within(timeout, pending::<()>())));
    }
    let mut usual = ByHand::waiting(tm.run(pending::<()>()));
    let mut scope = ByHand::waiting(tm.scope(pending::<()>()));
    let mut closed = ByHand::waiting(tm.closed());
    assert!(!tm.is_closed());
    tm.clone().close();
    tm.close();
    assert!(tm.is_closed());
    closed.output_after_wake();
    runs.iter_mut().for_each(|run| assert_over(run.output_after_wake(), Kind::Closed, Duration::ZERO));
    assert_over(usual.output_after_wake(), Kind::Closed, Duration::ZERO);
    assert_over(scope.output_after_wake(), Kind::Closed, Duration::ZERO);
    assert_eq!(tm.pending(), 0);
    // Later ones are polled once.
    assert_eq!(at_once(tm.run(ready(7))), Ok(7));
    assert_over(at_once(tm.run(pending::<()>())), Kind::Closed, Duration::ZERO);
    assert_over(at_once(tm.scope(pending::<()>())), Kind::Closed, Duration::ZERO);
    assert_over(at_once(tm.run_owned(pending::<()>())), Kind::Closed, Duration::ZERO);
}

pub async fn a_manager_dropped_while_its_alarm_is_set_leaves_nothing_behind<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(SHORT);
    let mut owned = ByHand::waiting(tm.run_owned(pending::<()>()));
    drop(ByHand::waiting(tm.run(pending::<()>())));
    drop(tm);
    rig.until(|| owned.is_woken()).await;
    assert!(owned.output().is_err());
    drop(owned);
    rig.sleep(SHORT).await;
}

pub async fn clocks_that_jump_both_ways_hang_nobody<H: Harness>(rig: Rig<H>) {
    let (clock, mut lots) = (ManualClock::new(), Dice::new(17));
    let tm = TimeoutManager::with_runtime(HOUR, clock.clone());
    let mut line = Vec::new();
    for _ in 0..500 {
        clock.set(Instant::from_nanos(lots.roll() >> (lots.roll() % 64)));
        let timeout = Duration::from_nanos(lots.roll() >> (lots.roll() % 64));
        let end = clock.now() + timeout;
        let mut run = ByHand::new(tm.run_within(timeout, pending::<()>()));
        if run.poll().is_pending() {
            line.push((end, run));
        }
    }
    clock.set(Instant::ORIGIN);
    for (end, mut run) in line {
        if !run.is_woken() && end != Instant::FAR {
            clock.set(end - Duration::from_nanos(1));
            assert!(!run.is_woken(), "it is early");
            clock.set(end);
            assert!(run.output_after_wake().is_err());
        }
    }
    drop(rig);
}

/// What is said of something, which has no line breaks and is not empty.
fn text(what: &impl core::fmt::Debug) {
    let text = alloc::format!("{what:?}");
    assert!(!text.is_empty() && !text.contains('\n'), "{text}");
}

pub async fn what_timeouts_say_of_themselves_is_text<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(HOUR);
    text(&tm);
    text(&tm.run(pending::<()>()));
    text(&tm.run_owned(pending::<()>()));
    text(&tm.scope(pending::<()>()));
    text(&tm.scope_with(|scope| {
        text(&scope);
        pending::<()>()
    }));
    text(&timeout(rig.runtime.clone(), HOUR, pending::<()>()));
    text(&crate::timeout::shield(pending::<()>()));
    text(&cascade(rig.runtime.clone(), [HOUR], |_| pending::<Result<(), Elapsed>>()));
    for elapsed in [
        at_once(rig.timeouts(Duration::ZERO).run(pending::<()>())),
        at_once(cascade(rig.runtime.clone(), [], |_| pending::<Result<(), Elapsed>>())),
    ] {
        let elapsed = elapsed.expect_err("there is no time");
        assert!(!alloc::format!("{elapsed}").is_empty());
    }
}

/// Whether a future can be sent to another thread.
fn is_send<F: Future + Send>(_: F) {}

pub async fn timeouts_can_be_sent_to_other_threads<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(HOUR);
    is_send(tm.run(ready(())));
    is_send(tm.scope(ready(())));
    is_send(tm.scope_with(|_| ready(())));
    is_send(timeout(rig.runtime.clone(), HOUR, ready(())));
    is_send(cascade(rig.runtime.clone(), [HOUR], |_| ready(Ok::<(), Elapsed>(()))));
}
