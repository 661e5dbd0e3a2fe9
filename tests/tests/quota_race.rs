//! Quotas that change while another thread takes cells: no grant that no quota allows, no refusal that no quota explains.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::thread;

use mtaio_core::Instant;
use mtaio_core::limit::{Quota, RateLimiter, ResourceLimitError};
use mtaio_core::runtime::{Clock, ManualClock};

/// Says that the tries are over, also when one panics.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Flips between two quotas on one thread while another tries `times` times. Returns what the tries came to.
fn race(
    limiter: &RateLimiter<ManualClock>,
    quotas: [Quota; 2],
    times: usize,
    mut between: impl FnMut(),
) -> Vec<Result<(), ResourceLimitError>> {
    let over = &AtomicBool::new(false);
    thread::scope(|scope| {
        let tries = scope.spawn(|| {
            let _over = Over(over);
            (0..times).map(|_| limiter.try_acquire()).collect()
        });
        for quota in quotas.into_iter().cycle() {
            limiter.set_quota(quota);
            between();
            if over.load(Ordering::Relaxed) {
                break;
            }
        }
        tries.join().unwrap()
    })
}

fn granted(outcomes: &[Result<(), ResourceLimitError>]) -> usize {
    outcomes.iter().filter(|outcome| outcome.is_ok()).count()
}

#[test]
fn while_the_clock_stands_still_the_level_is_all_there_is() {
    for _ in 0..300 {
        let quotas = [Quota::per_second(10).burst(100), Quota::per_second(1000).burst(60)];
        let limiter = RateLimiter::with_runtime(quotas[0], ManualClock::new());
        let granted = granted(&race(&limiter, quotas, 200, || ()));
        assert!((60..=100).contains(&granted), "{granted} were granted");
        assert_eq!(limiter.available(), 0);
    }
}

#[test]
fn equal_bursts_lose_not_one_cell() {
    for _ in 0..300 {
        let quotas = [Quota::per_second(7).burst(100), Quota::per_hour(11).burst(100)];
        let limiter = RateLimiter::with_runtime(quotas[0], ManualClock::new());
        assert_eq!(granted(&race(&limiter, quotas, 150, || ())), 100);
    }
}

#[test]
fn with_a_huge_burst_every_try_succeeds() {
    let quotas = [Quota::per_second(10).burst(u32::MAX), Quota::per_second(u32::MAX)];
    let limiter = RateLimiter::with_runtime(quotas[0], ManualClock::new());
    assert_eq!(granted(&race(&limiter, quotas, 100_000, || ())), 100_000);
    assert_eq!(limiter.available(), u32::MAX - 100_000);
}

#[test]
fn a_refusal_is_explained_by_one_of_the_quotas_and_not_by_a_mixture() {
    let quotas = [Quota::per_second(10).burst(50), Quota::per_second(1000).burst(5)];
    let limiter = RateLimiter::builder(quotas[0]).initial(0).build_on(ManualClock::new());
    for outcome in race(&limiter, quotas, 100_000, || ()) {
        let wait = outcome.expect_err("no cell is there").retry_after().unwrap();
        assert!([100, 1].map(Duration::from_millis).contains(&wait), "{wait:?}");
    }
}

#[test]
fn while_the_clock_runs_the_larger_quota_bounds_what_is_granted() {
    let quotas = [Quota::per_second(1000).burst(10), Quota::per_second(300).burst(20)];
    for _ in 0..20 {
        let clock = ManualClock::new();
        let limiter = RateLimiter::with_runtime(quotas[0], clock.clone());
        let outcomes = race(&limiter, quotas, 5_000, || clock.advance(Duration::from_micros(700)));
        let elapsed = (clock.now() - Instant::ORIGIN).as_secs_f64();
        // The cap of a `ManualClock` is two nanoseconds.
        let bound = 20.0 + 1000.0 * (elapsed + 2e-9);
        let granted = granted(&outcomes);
        assert!(granted as f64 <= bound + 1e-6, "{granted} of {bound}");
        for refused in outcomes.into_iter().filter_map(Result::err) {
            assert!(refused.retry_after().unwrap() <= Duration::from_secs(1) / 300 + Duration::from_nanos(1));
        }
    }
}

#[test]
fn a_full_bucket_refuses_nobody_while_the_clock_runs() {
    let quotas = [Quota::per_second(u32::MAX), Quota::every(Duration::from_nanos(3)).unwrap().burst(1_000_000)];
    let clock = ManualClock::new();
    let limiter = RateLimiter::with_runtime(quotas[0], clock.clone());
    let outcomes = race(&limiter, quotas, 100_000, || clock.advance(Duration::from_millis(50)));
    assert_eq!(granted(&outcomes), 100_000, "the base of the time moves under them, and nobody notices");
}

#[test]
fn two_threads_that_take_get_each_cell_once() {
    for _ in 0..100 {
        let quotas = [Quota::per_second(7).burst(100), Quota::per_second(7000).burst(100)];
        let limiter = RateLimiter::with_runtime(quotas[0], ManualClock::new());
        let sum = thread::scope(|scope| {
            let other = scope.spawn(|| (0..150).filter(|_| limiter.try_acquire().is_ok()).count());
            granted(&race(&limiter, quotas, 150, || ())) + other.join().unwrap()
        });
        assert_eq!(sum, 100);
    }
}
