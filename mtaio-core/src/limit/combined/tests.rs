mod interleavings;
mod model;

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use super::*;
use crate::limit::{PartKind, Quota, ResourceLimitErrorKind as Kind};
use crate::runtime::{Clock, ManualClock, Spawn, Timer, VirtualRuntime};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn rate(clock: &ManualClock, quota: Quota) -> RateLimiter<ManualClock> {
    RateLimiter::with_runtime(quota, clock.clone())
}

#[test]
fn two_rates_conform_together_or_nothing_is_spent() {
    let clock = ManualClock::new();
    let slow = rate(&clock, Quota::per_second(1).burst(1));
    let fast = rate(&clock, Quota::per_second(10).burst(2));
    let both = ResourceLimiter::builder().rate(&fast).rate(&slow).build().unwrap();
    drop(both.try_acquire().unwrap());
    let refused = both.try_acquire().unwrap_err();
    assert_eq!(refused.part().map(|part| (part.kind(), part.index())), Some((PartKind::Rate, 1)));
    assert_eq!(fast.available(), 1);
    let mut waiting = pin!(both.acquire());
    assert!(poll(waiting.as_mut()).is_pending());
    assert_eq!((fast.waiters(), slow.waiters()), (0, 1));
    // It waits for the slow one and does not block the fast one.
    fast.try_acquire().unwrap();
    clock.advance(Duration::from_secs(1));
    assert!(matches!(poll(waiting), Poll::Ready(Ok(_))));
    assert_eq!((fast.available(), slow.available()), (1, 0));
    assert_eq!((fast.waiters(), slow.waiters()), (0, 0));
}

#[test]
fn a_turn_that_is_held_keeps_the_line_and_spends_nothing() {
    let clock = ManualClock::new();
    let slow = rate(&clock, Quota::per_second(1).burst(1));
    let fast = rate(&clock, Quota::per_second(10).burst(10));
    let both = ResourceLimiter::builder().rate(&slow).rate(&fast).build().unwrap();
    fast.try_acquire_many(10).unwrap();
    let mut ahead = Box::pin(fast.acquire_many(10));
    assert!(poll(ahead.as_mut()).is_pending());
    let mut waiting = Box::pin(both.acquire());
    assert!(poll(waiting.as_mut()).is_pending());
    assert_eq!((fast.waiters(), slow.waiters()), (2, 1));
    // The cell of the slow one is there, and reserved.
    assert_eq!(slow.try_acquire().unwrap_err().kind(), Kind::NotReady);
    clock.advance(Duration::from_secs(3600));
    assert_eq!(clock.pending(), 0, "there is nothing to ring for");
    drop(waiting);
    assert!(poll(ahead.as_mut()).is_ready());
    assert_eq!((slow.available(), slow.waiters(), fast.waiters()), (1, 0, 0));
}

#[test]
fn builders_refuse_what_limits_nothing_and_what_waits_for_itself() {
    let clock = ManualClock::new();
    let rate = rate(&clock, Quota::per_second(1));
    let slots = ConcurrencyLimiter::with_runtime(1, clock.clone());
    assert!(ResourceLimiter::<ManualClock>::builder().build().is_err());
    let twice = ResourceLimiter::builder().rate(&rate).concurrency(&slots).rate(&rate.clone()).build();
    assert!(twice.unwrap_err().to_string().starts_with("rate 0 and rate 2 are the same limiter"));
    let twice = ResourceLimiter::builder().concurrency(&slots).concurrency(&slots).build();
    assert!(twice.unwrap_err().to_string().starts_with("slots 0 and slots 1 are the same limiter"));
}

#[test]
fn parts_of_different_clocks_are_no_combination() {
    let (here, there) =
        (rate(&ManualClock::new(), Quota::per_second(1)), rate(&ManualClock::new(), Quota::per_second(1)));
    let error = ResourceLimiter::builder().rate(&here).rate(&there).build().unwrap_err();
    assert_eq!(error.to_string(), "rate 0 and rate 1 go by different clocks, so that nobody can wait for both");
}

#[test]
fn a_crowd_passes_two_shared_rates_in_order_at_the_pace_of_the_slow_one() {
    let runtime = VirtualRuntime::new();
    let slow = RateLimiter::with_runtime(Quota::per_second(10).burst(1), runtime.clone());
    let fast = RateLimiter::with_runtime(Quota::per_second(100).burst(1), runtime.clone());
    let both = ResourceLimiter::builder().rate(&fast).rate(&slow).build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let both = both.clone();
                runtime.spawn(async move { drop(both.acquire().await) })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(runtime.now().as_nanos(), 1_900_000_000);
}

#[test]
fn opposite_orders_and_tasks_that_give_up_end_in_every_order_of_the_tasks() {
    for seed in 0..200 {
        let runtime = VirtualRuntime::with_seed(seed);
        let rate = |cells| RateLimiter::with_runtime(Quota::per_second(cells).burst(2), runtime.clone());
        let slots = |limit| ConcurrencyLimiter::with_runtime(limit, runtime.clone());
        let (a, b, x, y, z) = (slots(1), slots(2), rate(5), rate(7), rate(11));
        let builder = ResourceLimiter::builder;
        let limiters = [
            builder().concurrency(&a).concurrency(&b).rate(&x).rate(&y).rate(&z),
            builder().rate(&z).rate(&y).rate(&x).concurrency(&b).concurrency(&a),
            builder().rate(&y).concurrency(&b).rate(&x),
            builder().rate(&z).rate(&x),
        ];
        let limiters = limiters.map(|builder| builder.build().unwrap());
        runtime.block_on(async {
            let tasks: Vec<_> = (0..40_u64)
                .map(|number| {
                    let (limiter, runtime) = (limiters[number as usize % 4].clone(), runtime.clone());
                    let at = runtime.now() + Duration::from_millis(number * 37 % 400);
                    let task = async move {
                        runtime.sleep_until(at).await;
                        // Some give up, wherever they are then.
                        let patience = Duration::from_millis(if number % 3 == 0 { 50 * number } else { 1 << 30 });
                        let permit = limiter.acquire_within(patience).await;
                        runtime.sleep_until(runtime.now() + Duration::from_millis(30)).await;
                        permit.is_ok()
                    };
                    limiters[0].runtime().spawn(task)
                })
                .collect();
            let mut passed = 0;
            for task in tasks {
                passed += u32::from(task.await.unwrap());
            }
            assert!(passed >= 26, "seed {seed}: {passed} passed");
        });
        assert_eq!((a.in_flight(), b.in_flight()), (0, 0), "seed {seed}");
        assert_eq!((x.waiters(), y.waiters(), z.waiters()), (0, 0, 0), "seed {seed}");
    }
}
