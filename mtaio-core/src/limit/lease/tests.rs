use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Mutex;

use proptest::prelude::*;

use super::Lease;
use super::pace::HOLDING_TIME;
use crate::limit::quota::Quota;
use crate::limit::rate::RateLimiter;
use crate::runtime::{Clock, ManualClock, Spawn, Timer, VirtualRuntime};
use crate::time::Instant;

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn full(burst: u32) -> (ManualClock, RateLimiter<ManualClock>) {
    let clock = ManualClock::new();
    (clock.clone(), RateLimiter::with_runtime(Quota::per_second(1000).burst(burst), clock))
}

#[test]
fn batches_double_while_the_holder_is_fast_and_are_single_cells_when_it_is_slow() {
    let (clock, limiter) = full(1000);
    let mut lease = limiter.lease(16);
    let mut left = Vec::new();
    for _ in 0..32 {
        lease.try_acquire().unwrap();
        left.push(limiter.available());
    }
    left.dedup();
    // 1, 2, 4, 8 and 16 cells, and then 16 again.
    assert_eq!(left, [999, 997, 993, 985, 969, 953]);
    clock.advance(Duration::from_nanos(100 * HOLDING_TIME));
    while lease.held() > 0 {
        lease.try_acquire().unwrap();
    }
    lease.try_acquire().unwrap();
    assert_eq!(lease.held(), 0);
}

#[test]
fn a_lease_that_gave_back_did_not_use_it() {
    let (_, limiter) = full(1000);
    let mut lease = limiter.lease(64);
    while lease.held() < 20 {
        lease.try_acquire().unwrap();
    }
    lease.give_back();
    assert_eq!(lease.held(), 0);
    let before = limiter.available();
    lease.try_acquire().unwrap();
    assert!(before - limiter.available() < 32, "a batch of {}", before - limiter.available());
}

#[test]
fn a_lease_makes_use_of_a_larger_burst_after_it_has_given_back() {
    let (_, limiter) = full(2);
    let mut lease = limiter.lease(64);
    limiter.set_quota(Quota::per_second(1000).burst(1000));
    limiter.refund(1000);
    let largest = |lease: &mut Lease<_>| (0..100).map(|_| lease.try_acquire().map(|()| lease.held()).unwrap()).max();
    assert_eq!(largest(&mut lease), Some(1));
    lease.give_back();
    assert_eq!(largest(&mut lease), Some(63));
}

#[test]
fn a_request_for_all_cells_there_are_leaves_no_overflow() {
    let clock = ManualClock::new();
    let limiter = RateLimiter::with_runtime(Quota::per_second(u32::MAX).burst(u32::MAX), clock.clone());
    let mut lease = limiter.lease(u32::MAX);
    for n in [1, 1, 2, u32::MAX - 4, u32::MAX] {
        clock.advance(Duration::from_secs(1));
        assert_eq!(lease.try_acquire_many(n), Ok(()));
    }
    lease.give_back();
    assert_eq!(limiter.available(), 0);
}

/// What is done with one of several leases.
#[derive(Clone, Debug)]
enum Step {
    Try(usize, u32),
    Wait(usize, u32),
    Direct(u32),
    GiveBack(usize),
    Renew(usize, u32),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let time = (0..10_u32, 0..1000_u64).prop_map(|(size, time)| time * 10_u64.pow(size.min(6)));
    prop_oneof![
        8 => (any::<usize>(), 0..6_u32).prop_map(|(index, n)| Step::Try(index, n)),
        3 => (any::<usize>(), 1..6_u32).prop_map(|(index, n)| Step::Wait(index, n)),
        2 => (0..6_u32).prop_map(Step::Direct),
        1 => any::<usize>().prop_map(Step::GiveBack),
        1 => (any::<usize>(), 1..200_u32).prop_map(|(index, size)| Step::Renew(index, size)),
        4 => time.prop_map(Step::Pass),
    ]
}

/// Plays the steps on a clock that does not go on by itself. Returns how many cells were handed out.
fn play(limiter: &RateLimiter<ManualClock>, clock: &ManualClock, steps: &[Step]) -> u64 {
    let mut leases: Vec<_> = [3, 10, 100].map(|size| limiter.lease(size)).into();
    let mut spent = 0;
    for step in steps {
        let taken = match *step {
            Step::Try(index, n) => leases[index % 3].try_acquire_many(n).map_or(0, |()| n),
            // Polled once and, if it has to wait, given up.
            Step::Wait(index, n) => match poll(pin!(leases[index % 3].acquire_many(n))) {
                Poll::Ready(Ok(())) => n,
                _ => 0,
            },
            Step::Direct(n) => limiter.try_acquire_many(n).map_or(0, |()| n),
            Step::GiveBack(index) => {
                leases[index % 3].give_back();
                0
            }
            Step::Renew(index, size) => {
                leases[index % 3] = limiter.lease(size);
                0
            }
            Step::Pass(nanos) => {
                clock.advance(Duration::from_nanos(nanos));
                0
            }
        };
        spent += u64::from(taken);
    }
    spent
}

proptest! {
    #[test]
    fn cells_of_leases_are_conserved_however_they_are_dropped(
        burst in 1..2000_u32,
        steps in prop::collection::vec(step(), 1..200),
    ) {
        // No cell comes while it runs: what was spent and what is there are what there was.
        let clock = ManualClock::new();
        let quota = Quota::every(Duration::from_secs(1 << 32)).unwrap().burst(burst);
        let limiter = RateLimiter::with_runtime(quota, clock.clone());
        let spent = play(&limiter, &clock, &steps);
        prop_assert_eq!(u64::from(limiter.available()) + spent, u64::from(burst));
        prop_assert_eq!(limiter.waiters(), 0);
    }

    #[test]
    fn a_lease_grants_what_its_limiter_has_and_its_refusals_are_true_to_the_nanosecond(
        rate in 1..100_000_u32,
        burst in 1..200_u32,
        size in 1..300_u32,
        steps in prop::collection::vec((0..2_000_000_u64, 1..12_u32), 1..100),
    ) {
        let clock = ManualClock::new();
        let quota = Quota::per_second(rate).burst(burst);
        let (leased, plain) = [(); 2].map(|()| RateLimiter::with_runtime(quota, clock.clone())).into();
        let mut lease = leased.lease(size);
        for (nanos, n) in steps {
            clock.advance(Duration::from_nanos(nanos));
            // What the lease holds misses the refill that the bucket would have clipped: it never has less.
            let expected = plain.try_acquire_many(n);
            let answer = lease.try_acquire_many(n);
            prop_assert!(answer.is_ok() || expected.is_err(), "{:?}, and not {:?}", answer, expected);
            if answer.is_ok() && expected.is_err() {
                // From here on they have not spent the same.
                break;
            }
            let Err(error) = answer else { continue };
            let Some(wait) = error.retry_after() else { continue };
            clock.advance(wait - Duration::from_nanos(1));
            prop_assert!(lease.try_acquire_many(n).is_err());
            clock.advance(Duration::from_nanos(1));
            prop_assert!(lease.try_acquire_many(n).is_ok());
            if plain.try_acquire_many(n).is_err() {
                break;
            }
        }
    }

    #[test]
    fn no_window_has_more_than_the_bound_and_what_the_leases_hold(
        (rate, burst) in (1..50_000_u32, 1..64_u32),
        granularity in 0..3_000_000_u64,
        seed in any::<u64>(),
        tasks in prop::collection::vec((0..5_000_000_u64, 1..12_u32, 1..40_u32, 1..50_u32), 1..10),
    ) {
        let runtime = VirtualRuntime::coarse(seed, Duration::from_nanos(granularity));
        let limiter = RateLimiter::with_runtime(Quota::per_second(rate).burst(burst), runtime.clone());
        let grants: Arc<Mutex<Vec<(Instant, u32)>>> = Arc::default();
        let outstanding: u32 = tasks.iter().map(|&(_, _, size, _)| size.min(burst)).sum();
        runtime.block_on(async {
            let tasks: Vec<_> = tasks.into_iter().map(|(pause, n, size, times)| {
                let (runtime, mut lease, grants) = (runtime.clone(), limiter.lease(size), grants.clone());
                let n = n.min(burst);
                runtime.clone().spawn(async move {
                    for time in 0..times {
                        lease.acquire_many(n).await.unwrap();
                        grants.lock().unwrap().push((runtime.now(), n));
                        if time % 5 == 0 {
                            runtime.sleep_until(runtime.now() + Duration::from_nanos(pause)).await;
                        }
                    }
                })
            }).collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        let cap = (2 * runtime.granularity().as_nanos()).max(1);
        let grants = grants.lock().unwrap();
        for (first, &(start, _)) in grants.iter().enumerate() {
            let mut cells = 0;
            for &(end, n) in &grants[first..] {
                cells += u128::from(n);
                let window = (end - start).as_nanos() + cap;
                let over = cells.saturating_sub(u128::from(burst) + u128::from(outstanding)) * 1_000_000_000;
                prop_assert!(over <= window * u128::from(rate), "{} cells in {:?}", cells, end - start);
            }
        }
    }
}

#[test]
fn tasks_with_leases_keep_the_rate() {
    let runtime = VirtualRuntime::coarse(1, Duration::from_millis(1));
    let limiter = RateLimiter::builder(Quota::per_second(100_000).burst(100)).initial(0).build_on(runtime.clone());
    let granted = Arc::new(Mutex::new(0));
    for size in [1, 10, 100, 1000] {
        let (mut lease, granted) = (limiter.lease(size), Arc::clone(&granted));
        runtime.spawn_detached(async move {
            while lease.acquire().await.is_ok() {
                *granted.lock().unwrap() += 1;
            }
        });
    }
    runtime.run_for(Duration::from_secs(1));
    // Its tasks go on for ever, and hold it.
    runtime.shutdown();
    let granted = *granted.lock().unwrap();
    assert!((99_000..=100_300).contains(&granted), "{granted} cells of 100,000");
}

#[test]
fn a_lease_is_sent_and_its_future_too() {
    fn is_sent<T: Send + 'static>(_: &T) {}
    fn future_is_sent<T: Send>(_: &T) {}
    let (_, limiter) = full(1);
    let mut lease = limiter.lease(1);
    is_sent(&lease);
    let future = Box::pin(lease.acquire());
    future_is_sent(&future);
}
