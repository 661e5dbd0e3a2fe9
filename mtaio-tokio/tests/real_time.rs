//! The limiters on a tokio built as users build it: without its `test-util`, on real time.
//!
//! Only order, counts and completion are looked at, under a watchdog.

extern crate alloc;

use alloc::sync::Arc;
use core::future::Future;
use core::time::Duration;
use std::sync::Mutex;

use mtaio_core::runtime::Clock;
use mtaio_tokio::{ConcurrencyLimiter, Quota, RateLimiter, ResourceLimitErrorKind, TokioRuntime};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

const FAST: Quota = Quota::per_second(1000).burst(1);
const SLOW: Quota = Quota::per_hour(1).burst(1);

fn flavours() -> [Runtime; 2] {
    [
        Builder::new_current_thread().enable_time().build().unwrap(),
        Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap(),
    ]
}

/// Runs what `scenario` makes on both flavours of runtime, each within a minute.
fn on_both<F: Future<Output = ()>>(scenario: impl Fn() -> F) {
    for runtime in flavours() {
        let outcome = runtime.block_on(async { timeout(Duration::from_secs(60), scenario()).await });
        outcome.expect("not done after a minute: it hangs");
    }
}

/// Looks again and again until `condition` holds.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn the_clock_moves_by_itself() {
    on_both(|| async {
        let start = TokioRuntime.now();
        until(|| TokioRuntime.now() > start).await;
    });
    let outside = TokioRuntime.now();
    while TokioRuntime.now() == outside {}
}

#[test]
fn a_waiter_is_woken_by_the_timer() {
    on_both(|| async {
        let limiter = RateLimiter::new(FAST);
        for _ in 0..50 {
            limiter.acquire().await.unwrap();
        }
        assert_eq!(limiter.waiters(), 0);
    });
}

#[test]
fn cells_come_back_to_who_only_tries() {
    on_both(|| async {
        let limiter = RateLimiter::new(FAST);
        limiter.try_acquire().unwrap();
        for _ in 0..10 {
            until(|| limiter.try_acquire().is_ok()).await;
        }
    });
}

#[test]
fn a_refusal_says_when() {
    on_both(|| async {
        let limiter = RateLimiter::new(SLOW);
        limiter.try_acquire().unwrap();
        let wait = limiter.try_acquire().unwrap_err().retry_after().unwrap();
        assert!(wait <= Duration::from_secs(3600));
        let refused = limiter.acquire_within(Duration::ZERO).await.unwrap_err();
        assert_eq!(refused.kind(), ResourceLimitErrorKind::Deadline);
    });
}

#[test]
fn waiters_are_served_in_the_order_in_which_they_came() {
    on_both(|| async {
        let limiter = RateLimiter::new(SLOW);
        limiter.try_acquire().unwrap();
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for i in 0..100 {
            let (mine, served) = (limiter.clone(), Arc::clone(&served));
            tasks.push(tokio::spawn(async move {
                mine.acquire().await.unwrap();
                served.lock().unwrap().push(i);
            }));
            until(|| limiter.waiters() == i + 1).await;
        }
        // One after the other, so that no two tasks are ready at once.
        for i in 0..100 {
            limiter.refund(1);
            until(|| served.lock().unwrap().len() == i + 1).await;
        }
        assert!(served.lock().unwrap().is_sorted());
    });
}

#[test]
fn many_tasks_get_what_they_ask_for_and_no_more() {
    on_both(|| async {
        let limiter = RateLimiter::new(Quota::per_second(20_000).burst(10));
        let tasks: Vec<_> = (1..=64)
            .map(|i| {
                let limiter = limiter.clone();
                tokio::spawn(async move { limiter.acquire_many(1 + i % 10).await })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), Ok(()));
        }
        assert_eq!(limiter.waiters(), 0);
    });
}

#[test]
fn a_waiter_that_is_cancelled_leaves_its_place() {
    on_both(|| async {
        let limiter = RateLimiter::new(FAST);
        limiter.try_acquire().unwrap();
        for _ in 0..20 {
            let cancelled = tokio::spawn({
                let limiter = limiter.clone();
                async move { limiter.acquire().await }
            });
            tokio::task::yield_now().await;
            cancelled.abort();
            let _ = cancelled.await;
            limiter.acquire().await.unwrap();
        }
        assert_eq!(limiter.waiters(), 0);
    });
}

#[test]
fn closing_ends_every_wait() {
    on_both(|| async {
        let limiter = RateLimiter::new(SLOW);
        limiter.try_acquire().unwrap();
        let waiters: Vec<_> = (0..100)
            .map(|_| {
                let limiter = limiter.clone();
                tokio::spawn(async move { limiter.acquire().await })
            })
            .collect();
        until(|| limiter.waiters() == 100).await;
        limiter.close();
        limiter.closed().await;
        for waiter in waiters {
            assert!(waiter.await.unwrap().unwrap_err().is_closed());
        }
        assert!(limiter.acquire().await.unwrap_err().is_closed());
    });
}

#[test]
fn a_new_quota_reaches_who_already_waits() {
    on_both(|| async {
        let limiter = RateLimiter::new(SLOW);
        limiter.try_acquire().unwrap();
        let waiter = tokio::spawn({
            let limiter = limiter.clone();
            async move { limiter.acquire().await }
        });
        until(|| limiter.waiters() == 1).await;
        limiter.set_quota(FAST);
        assert_eq!(waiter.await.unwrap(), Ok(()));
    });
}

#[test]
fn no_more_run_at_once_than_there_are_slots() {
    on_both(|| async {
        let slots = ConcurrencyLimiter::new(3);
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let slots = slots.clone();
                tokio::spawn(async move {
                    let _permit = slots.acquire().await.unwrap();
                    tokio::task::yield_now().await;
                    assert!((1..=3).contains(&slots.in_flight()));
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        slots.idle().await;
        assert_eq!((slots.available(), slots.waiters()), (3, 0));
    });
}

#[test]
fn a_wait_for_a_slot_ends_when_its_time_is_over() {
    on_both(|| async {
        let slots = ConcurrencyLimiter::new(1);
        let permit = slots.acquire().await.unwrap();
        let refused = slots.acquire_within(Duration::from_millis(5)).await.unwrap_err();
        assert_eq!(refused.kind(), ResourceLimitErrorKind::Deadline);
        assert_eq!(slots.waiters(), 0);
        drop(permit);
        assert!(slots.acquire_within(Duration::ZERO).await.is_ok());
    });
}

#[test]
fn an_alarm_far_away_gives_way_to_one_that_is_near() {
    on_both(|| async {
        let limiter = RateLimiter::new(Quota::per_hour(2).burst(2));
        limiter.try_acquire_many(2).unwrap();
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let limiter = limiter.clone();
                tokio::spawn(async move { limiter.acquire_many(2).await })
            })
            .collect();
        until(|| limiter.waiters() == 2).await;
        limiter.set_quota(Quota::per_second(500).burst(2));
        for waiter in waiters {
            assert_eq!(waiter.await.unwrap(), Ok(()));
        }
    });
}
