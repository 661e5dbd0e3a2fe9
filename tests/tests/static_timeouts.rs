//! One manager of timeouts, many tokio runtimes: it outlives them, and waits in each.

use core::future::pending;
use core::pin::pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::sync::LazyLock;
use std::thread;

use mtaio_tests::{CountingWaker, panic_of, park_on, poll_once, within_a_minute};
use mtaio_tokio::{Elapsed, ElapsedKind, TimeoutManager};
use tokio::runtime::{Builder, Runtime};

const SHORT: Duration = Duration::from_millis(2);
const HOUR: Duration = Duration::from_secs(3600);

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap()
}

async fn time_out(tm: &TimeoutManager, times: usize) {
    for _ in 0..times {
        assert_eq!(tm.run_within(SHORT, pending::<()>()).await.unwrap_err().kind(), ElapsedKind::Own);
    }
}

#[test]
fn it_works_from_one_runtime_to_the_next() {
    static TM: LazyLock<TimeoutManager> = LazyLock::new(|| TimeoutManager::new(SHORT));
    within_a_minute(|| {
        for runtime in [current_thread, multi_thread, current_thread, multi_thread] {
            runtime().block_on(time_out(&TM, 5));
        }
    });
    assert_eq!(TM.pending(), 0);
}

#[test]
fn it_works_in_two_runtimes_at_once() {
    static TM: LazyLock<TimeoutManager> = LazyLock::new(|| TimeoutManager::new(SHORT));
    within_a_minute(|| {
        let drivers = [current_thread, multi_thread, current_thread]
            .map(|runtime| thread::spawn(move || runtime().block_on(time_out(&TM, 20))));
        drivers.into_iter().for_each(|driver| driver.join().unwrap());
    });
    assert_eq!(TM.pending(), 0);
}

#[test]
fn it_works_after_a_runtime_was_dropped_while_its_timer_was_armed() {
    static TM: LazyLock<TimeoutManager> = LazyLock::new(|| TimeoutManager::new(HOUR));
    within_a_minute(|| {
        for runtime in [current_thread, multi_thread] {
            let first = runtime();
            first.spawn(TM.run_owned(pending::<()>()));
            first.block_on(async {
                while TM.pending() == 0 {
                    tokio::task::yield_now().await;
                }
            });
            drop(first);
            assert_eq!(TM.pending(), 0, "the runtime's tasks went with it");
            runtime().block_on(time_out(&TM, 5));
        }
    });
}

#[test]
fn a_run_in_an_idle_runtime_holds_up_nobody() {
    static TM: LazyLock<TimeoutManager> = LazyLock::new(|| TimeoutManager::new(SHORT));
    within_a_minute(|| {
        let idle = current_thread();
        let mut left_alone = Box::pin(TM.run(pending::<()>()));
        assert!(idle.block_on(async { poll_once(left_alone.as_mut()) }).is_pending());
        current_thread().block_on(time_out(&TM, 5));
        multi_thread().block_on(time_out(&TM, 5));
        assert!(idle.block_on(left_alone).is_err(), "its time was over while nobody looked");
    });
}

#[test]
fn a_run_that_moves_out_of_a_runtime_that_is_idle_ends_in_time() {
    within_a_minute(|| {
        let tm = TimeoutManager::new(SHORT);
        let idle = current_thread();
        let mut moved = Box::pin(tm.run(pending::<()>()));
        assert!(idle.block_on(async { poll_once(moved.as_mut()) }).is_pending());
        assert!(current_thread().block_on(moved).is_err());
    });
}

#[test]
fn every_run_is_told_when_the_one_alarm_goes_away_and_waits_on_in_the_next() {
    within_a_minute(|| {
        let tm = TimeoutManager::new(HOUR);
        let (counter, waker) = CountingWaker::new();
        let mut runs: Vec<_> = (0..100).map(|_| Box::pin(tm.run_within(HOUR, pending::<()>()))).collect();
        let mut short = pin!(tm.scope(pending::<()>()));
        let first = multi_thread();
        {
            let _entered = first.enter();
            for run in &mut runs {
                assert!(run.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            }
            assert!(short.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        drop(first);
        assert_eq!(counter.count(), 101);

        let second = multi_thread();
        let _entered = second.enter();
        for run in &mut runs {
            assert!(run.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        assert!(short.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(tm.pending(), 101);
        park_on(time_out(&tm, 2));
        tm.close();
        let is_closed = |outcome: Result<(), Elapsed>| outcome.unwrap_err().kind() == ElapsedKind::Closed;
        assert!(runs.into_iter().all(|run| is_closed(park_on(run))));
        assert!(is_closed(park_on(short)));
    });
}

#[test]
fn a_run_that_waits_in_a_runtime_that_is_gone_panics_and_says_so() {
    within_a_minute(|| {
        let tm = TimeoutManager::new(HOUR);
        let gone = current_thread();
        let handle = gone.handle().clone();
        drop(gone);
        let _entered = handle.enter();
        let mut run = Box::pin(tm.run(pending::<()>()));
        let message = panic_of(|| poll_once(run.as_mut())).expect("nobody could ever wake it");
        assert!(message.contains("shutting down"), "{message}");
        drop(run);
        assert_eq!(tm.pending(), 0);
        // What never ends needs no timer.
        assert!(matches!(poll_once(pin!(tm.run_within(Duration::MAX, pending::<()>()))), Poll::Pending));
    });
}
