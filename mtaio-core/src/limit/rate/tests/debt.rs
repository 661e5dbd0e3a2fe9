//! Requests beyond the burst, in line and under the fast path.

use super::*;
use crate::limit::error::ResourceLimitError;

/// Lets the same things happen again, and `more` time pass; then asks.
fn after_with_debt<T>(
    (quota, debt): (Quota, u32),
    story: &Story,
    more: Duration,
    ask: impl FnOnce(&RateLimiter<VirtualRuntime>) -> T,
) -> T {
    let runtime = VirtualRuntime::new();
    let limiter = RateLimiter::builder(quota).debt(debt).build_on(runtime.clone());
    let mut waits = Vec::new();
    for &(pause, n, leaves) in story {
        runtime.run_for(Duration::from_nanos(pause));
        let mut wait = alloc::boxed::Box::pin(limiter.acquire_many(n.min(limiter.largest())));
        let _ = poll(wait.as_mut());
        waits.push(wait);
        if leaves {
            drop(waits.remove(waits.len() / 2));
        }
    }
    runtime.run_for(more);
    ask(&limiter)
}

proptest! {
    #[test]
    fn retry_after_is_true_to_the_nanosecond_behind_a_queue_and_a_debt(
        (quota, debt) in (quota(), 0..20_u32),
        story in prop::collection::vec((0..3_000_000_u64, 0..28_u32, any::<bool>()), 0..16),
        n in 1..28_u32,
    ) {
        let (n, limits) = (n.min(quota.burst_size() + debt), (quota, debt));
        let refused = after_with_debt(limits, &story, Duration::ZERO, |limiter| limiter.try_acquire_many(n).err());
        if let Some(wait) = refused.map(|error| error.retry_after().unwrap()) {
            prop_assert!(after_with_debt(limits, &story, wait, |limiter| limiter.try_acquire_many(n).is_ok()));
            let early = wait - Duration::from_nanos(1);
            prop_assert!(after_with_debt(limits, &story, early, |limiter| limiter.try_acquire_many(n).is_err()));
        }
    }

    #[test]
    fn no_window_has_more_than_its_largest_request_or_the_burst_and_the_rate(
        (rate, burst, debt) in (1..5000_u32, 1..12_u32, 0..40_u32),
        granularity in 0..20_000_000_u64,
        seed in any::<u64>(),
        tasks in prop::collection::vec((0..50_000_000_u64, 1..52_u32, 1..20_u32), 1..20),
    ) {
        let runtime = VirtualRuntime::coarse(seed, Duration::from_nanos(granularity));
        let limiter =
            RateLimiter::builder(Quota::per_second(rate).burst(burst)).debt(debt).build_on(runtime.clone());
        let grants: Arc<Mutex<Vec<(Instant, u32)>>> = Arc::default();
        runtime.block_on(async {
            let tasks: Vec<_> = tasks.into_iter().map(|(pause, n, times)| {
                let (runtime, limiter, grants) = (runtime.clone(), limiter.clone(), grants.clone());
                let n = n.min(burst + debt);
                runtime.clone().spawn(async move {
                    for _ in 0..times {
                        limiter.acquire_many(n).await.unwrap();
                        grants.lock().unwrap().push((runtime.now(), n));
                        if pause % 3 == 0 {
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
            let (mut cells, mut largest) = (0, burst);
            for &(end, n) in &grants[first..] {
                cells += u128::from(n);
                largest = largest.max(n);
                let window = (end - start).as_nanos() + cap;
                let over = cells.saturating_sub(largest.into()) * 1_000_000_000;
                prop_assert!(over <= window * u128::from(rate), "{} cells in {:?}", cells, end - start);
            }
        }
    }
}

#[test]
fn a_clock_that_steps_back_a_little_does_not_empty_a_debt() {
    let clock = ManualClock::new();
    clock.set(Instant::from_nanos(1 << 50));
    let limiter = RateLimiter::builder(Quota::per_second(10).burst(10)).debt(90).build_on(clock.clone());
    limiter.try_acquire_many(100).unwrap();
    let wait =
        |limiter: &RateLimiter<_>| limiter.try_acquire().map_err(|error: ResourceLimitError| error.retry_after());
    assert_eq!(wait(&limiter), Err(Some(Duration::from_millis(9100))));
    clock.advance(Duration::from_secs(9));
    clock.set(clock.now() - Duration::from_secs(1));
    assert_eq!(wait(&limiter), Err(Some(Duration::from_millis(1100))));
    // Further back than all that can be owed: so much is, and no more.
    clock.set(Instant::from_nanos(1 << 40));
    assert_eq!(wait(&limiter), Err(Some(Duration::from_millis(9100))));
}
