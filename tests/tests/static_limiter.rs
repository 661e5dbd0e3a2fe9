//! One limiter, many tokio runtimes: it outlives them, and waits in each.

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::sync::LazyLock;
use std::thread;

use mtaio_tests::{CountingWaker, panic_of, park_on, poll_once, until, within_a_minute};
use mtaio_tokio::{Quota, RateLimiter};
use tokio::runtime::{Builder, Runtime};

const FAST: Quota = Quota::per_second(1000).burst(1);
const SLOW: Quota = Quota::per_hour(1).burst(1);

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap()
}

async fn acquire(limiter: &RateLimiter, times: usize) {
    for _ in 0..times {
        limiter.acquire().await.unwrap();
    }
}

#[test]
fn it_works_from_one_runtime_to_the_next() {
    static LIMITER: LazyLock<RateLimiter> = LazyLock::new(|| RateLimiter::new(FAST));
    within_a_minute(|| {
        for runtime in [current_thread, multi_thread, current_thread, multi_thread] {
            runtime().block_on(acquire(&LIMITER, 5));
        }
    });
    assert_eq!(LIMITER.waiters(), 0);
}

#[test]
fn it_works_after_a_runtime_was_dropped_while_its_timer_was_armed() {
    static LIMITER: LazyLock<RateLimiter> = LazyLock::new(|| RateLimiter::new(SLOW));
    within_a_minute(|| {
        for runtime in [current_thread, multi_thread] {
            while LIMITER.try_acquire().is_ok() {}
            let first = runtime();
            first.spawn(LIMITER.acquire());
            first.block_on(async {
                while LIMITER.waiters() == 0 {
                    tokio::task::yield_now().await;
                }
            });
            drop(first);
            assert_eq!(LIMITER.waiters(), 0, "the runtime's tasks went with it");
            LIMITER.set_quota(FAST);
            runtime().block_on(acquire(&LIMITER, 5));
            LIMITER.set_quota(SLOW);
        }
    });
}

#[test]
fn it_works_in_two_runtimes_at_once() {
    static LIMITER: LazyLock<RateLimiter> = LazyLock::new(|| RateLimiter::new(FAST));
    within_a_minute(|| {
        let drivers = [current_thread, multi_thread, current_thread]
            .map(|runtime| thread::spawn(move || runtime().block_on(acquire(&LIMITER, 50))));
        drivers.into_iter().for_each(|driver| driver.join().unwrap());
    });
    assert_eq!(LIMITER.waiters(), 0);
}

#[test]
fn a_waiter_in_an_idle_runtime_holds_up_nobody() {
    static LIMITER: LazyLock<RateLimiter> = LazyLock::new(|| RateLimiter::new(FAST));
    within_a_minute(|| {
        LIMITER.try_acquire().unwrap();
        let idle = current_thread();
        let mut left_alone = Box::pin(LIMITER.acquire());
        let queued = idle.block_on(async { poll_once(left_alone.as_mut()).is_pending() });
        current_thread().block_on(acquire(&LIMITER, 5));
        multi_thread().block_on(acquire(&LIMITER, 5));
        if queued {
            assert_eq!(idle.block_on(left_alone), Ok(()), "its turn came while nobody looked");
        }
    });
}

#[test]
fn try_acquire_gets_past_a_waiter_in_an_idle_runtime() {
    static LIMITER: LazyLock<RateLimiter> = LazyLock::new(|| RateLimiter::new(FAST));
    within_a_minute(|| {
        LIMITER.try_acquire().unwrap();
        let idle = current_thread();
        let mut left_alone = Box::pin(LIMITER.acquire());
        idle.block_on(async { _ = poll_once(left_alone.as_mut()) });
        for _ in 0..5 {
            until(|| LIMITER.try_acquire().is_ok());
        }
    });
}

#[test]
fn a_waiter_whose_runtime_goes_away_waits_on_in_the_next_that_polls_it() {
    within_a_minute(|| {
        let limiter = RateLimiter::new(SLOW);
        limiter.try_acquire().unwrap();
        let (counter, waker) = CountingWaker::new();
        let mut waiter = pin!(limiter.acquire());

        let first = multi_thread();
        let entered = first.enter();
        assert!(waiter.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(entered);
        assert_eq!(counter.count(), 0);
        drop(first);
        assert_eq!(counter.count(), 1, "it is told that its alarm is lost");
        assert_eq!(limiter.waiters(), 1);

        let second = multi_thread();
        let _entered = second.enter();
        assert!(waiter.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        limiter.set_quota(Quota::every(Duration::from_millis(20)).unwrap());
        assert_eq!(park_on(waiter), Ok(()));
    });
}

#[test]
fn every_waiter_is_told_when_the_one_alarm_goes_away() {
    within_a_minute(|| {
        let limiter = RateLimiter::new(SLOW);
        limiter.try_acquire().unwrap();
        let (counter, waker) = CountingWaker::new();
        let mut waiters: Vec<_> = (0..100).map(|_| Box::pin(limiter.acquire())).collect();
        let first = multi_thread();
        {
            let _entered = first.enter();
            for waiter in &mut waiters {
                assert!(waiter.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            }
        }
        drop(first);
        assert_eq!(counter.count(), 100);

        let second = multi_thread();
        let _entered = second.enter();
        limiter.set_quota(Quota::per_second(10_000).burst(1));
        waiters.into_iter().for_each(|waiter| park_on(waiter).unwrap());
    });
}

#[test]
fn waiting_in_a_runtime_that_is_gone_panics_and_says_so() {
    within_a_minute(|| {
        let limiter = RateLimiter::new(SLOW);
        limiter.try_acquire().unwrap();
        let gone = current_thread();
        let handle = gone.handle().clone();
        drop(gone);
        let _entered = handle.enter();
        let mut waiter = Box::pin(limiter.acquire());
        let message = panic_of(|| poll_once(waiter.as_mut())).expect("nobody could ever wake it");
        assert!(message.contains("shutting down"), "{message}");
        drop(waiter);
        assert_eq!(limiter.waiters(), 0);
    });
}

#[test]
fn the_front_in_a_driven_runtime_is_served_while_others_are_idle() {
    within_a_minute(|| {
        let limiter = RateLimiter::new(SLOW);
        limiter.try_acquire().unwrap();
        let idle: Vec<_> = (0..3).map(|_| current_thread()).collect();
        let mut left_alone: Vec<_> = idle.iter().map(|_| Box::pin(limiter.acquire())).collect();
        for (runtime, waiter) in idle.iter().zip(&mut left_alone) {
            assert!(runtime.block_on(async { poll_once(waiter.as_mut()) }).is_pending());
        }
        limiter.set_quota(FAST);
        current_thread().block_on(acquire(&limiter, 3));
        for (runtime, waiter) in idle.iter().zip(&mut left_alone) {
            assert_eq!(runtime.block_on(async { poll_once(waiter.as_mut()) }), Poll::Ready(Ok(())));
        }
    });
}
