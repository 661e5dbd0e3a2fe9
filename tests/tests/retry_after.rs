//! `retry_after` is honest to the nanosecond: after exactly that time the request goes through, and not one before.
//!
//! Some quotas cannot be counted in whole nanoseconds (see `Gcra`). They are as exact until the base of the time moves, which
//! happens once while a bucket fills twice, and then they may be off by a unit: 2^-51 of the time in which it fills.

use core::time::Duration;

use mtaio_core::limit::{Quota, RateLimiter, TokenBucket};
use mtaio_core::runtime::{Clock, ManualClock, VirtualRuntime};
use mtaio_core::{Instant, limit::ResourceLimitError};
use mtaio_tests::poll_once;
use proptest::prelude::*;

const NANOSECOND: Duration = Duration::from_nanos(1);

/// Numbers of all sizes, each size as likely as any other.
fn of_any_size(max: u64) -> impl Strategy<Value = u64> {
    (0..max.ilog2() + 1, any::<u64>()).prop_map(move |(bits, number)| (number % (1 << bits) + 1).min(max))
}

fn small() -> impl Strategy<Value = u32> {
    of_any_size(u64::from(u32::MAX)).prop_map(|n| n as u32)
}

fn quota() -> impl Strategy<Value = Quota> {
    let century = 86_400 * 365 * 100 * 1_000_000_000;
    let rate = prop_oneof![
        (small(), of_any_size(century))
            .prop_map(|(cells, nanos)| Quota::new(cells, Duration::from_nanos(nanos)).unwrap()),
        (-8.0..18.0_f64).prop_map(|exponent| Quota::from_rate(10_f64.powf(exponent)).unwrap()),
        small().prop_map(Quota::per_second),
        small().prop_map(Quota::per_minute),
        small().prop_map(Quota::per_hour),
    ];
    (rate, prop::option::of(small())).prop_map(|(quota, burst)| burst.map_or(quota, |burst| quota.burst(burst)))
}

/// Part of a burst: at least one cell.
fn part(quota: Quota, of_1000: u32) -> u32 {
    let burst = u64::from(quota.burst_size());
    (burst * u64::from(of_1000) / 1000).max(1) as u32
}

/// What the moves of the base may cost, all together: nothing where time is counted in whole nanoseconds.
fn grain(quota: Quota) -> Duration {
    let (cells, period) = quota.fraction();
    let (cells, burst) = (u128::from(cells), u128::from(quota.burst_size()));
    let to_fill = period.as_nanos() * burst;
    if to_fill <= 1 << 52 && cells <= 1 << 29 {
        return Duration::ZERO;
    }
    Duration::from_nanos((4 * to_fill / cells).div_ceil(1 << 51) as u64)
}

/// Checks that a request conforms after `wait`, and a nanosecond before it does not. `request` lets some time pass and tries.
fn conforms_after(
    wait: Duration,
    grain: Duration,
    mut request: impl FnMut(Duration) -> Result<(), ResourceLimitError>,
) -> Result<(), TestCaseError> {
    let just_before = wait.saturating_sub(NANOSECOND + grain);
    let rest = request(just_before).map_or_else(|refused| refused.retry_after(), |()| None);
    match rest.filter(|rest| just_before + *rest <= wait + grain) {
        Some(rest) => prop_assert_eq!(request(rest), Ok(())),
        None => prop_assert!(false, "{:?} are left, {:?} before it was to conform", rest, NANOSECOND + grain),
    }
    Ok(())
}

fn wait_of(refused: Result<(), ResourceLimitError>) -> Duration {
    refused.unwrap_err().retry_after().expect("time alone helps")
}

/// Whether it is within 292 years: a clock that moves further at once looks as if it stepped back.
fn is_sayable(now: Instant, wait: Duration) -> bool {
    wait.as_nanos() < 1 << 62 && now.as_nanos() < 1 << 62
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_exact_where_nobody_waits(
        quota in quota(),
        origin in of_any_size(u64::MAX / 4),
        parts in prop::collection::vec(1..=1000_u32, 1..4),
        pauses in prop::collection::vec(of_any_size(1_000_000_000_000), 4),
    ) {
        let clock = ManualClock::new();
        clock.set(Instant::from_nanos(origin));
        let limiter = RateLimiter::with_runtime(quota, clock.clone());
        limiter.try_acquire_many(quota.burst_size()).unwrap();
        for (n, pause) in parts.into_iter().map(|part_of| part(quota, part_of)).zip(pauses) {
            clock.advance(Duration::from_nanos(pause));
            let Err(refused) = limiter.try_acquire_many(n) else { continue };
            let wait = refused.retry_after().unwrap();
            prop_assert!(wait > Duration::ZERO);
            prop_assume!(is_sayable(clock.now(), wait));
            conforms_after(wait, grain(quota), |time| {
                clock.advance(time);
                limiter.try_acquire_many(n)
            })?;
        }
    }

    #[test]
    fn it_is_exact_for_a_bucket_alone(
        quota in quota(),
        origin in of_any_size(u64::MAX / 4),
        first in 1..=1000_u32,
        second in 1..=1000_u32,
    ) {
        let (first, second) = (part(quota, first), part(quota, second));
        let mut now = Instant::from_nanos(origin);
        let mut bucket = TokenBucket::new(quota);
        bucket.try_take(now, first).unwrap();
        let Err(refused) = bucket.try_take(now, second) else { return Ok(()) };
        let wait = refused.retry_after().unwrap();
        prop_assume!(is_sayable(now, wait));
        prop_assert_eq!(bucket.ready_at(now, second), Ok(now + wait));
        conforms_after(wait, grain(quota), |time| {
            now = now + time;
            bucket.try_take(now, second)
        })?;
    }

    #[test]
    fn it_counts_those_who_queue(
        quota in quota(),
        queue in prop::collection::vec(1..=1000_u32, 1..6),
        own in 1..=1000_u32,
        stalls in any::<bool>(),
        pause in 0..1000_u64,
    ) {
        let runtime = VirtualRuntime::new();
        let limiter = RateLimiter::with_runtime(quota, runtime.clone());
        limiter.try_acquire_many(quota.burst_size()).unwrap();
        runtime.stall(Duration::from_nanos(pause));
        let sizes: Vec<_> = queue.into_iter().map(|of_1000| part(quota, of_1000)).collect();
        let queued: u64 = sizes.iter().copied().map(u64::from).sum();
        let mut queue: Vec<_> = sizes.into_iter().map(|n| Box::pin(limiter.acquire_many(n))).collect();
        queue.iter_mut().for_each(|waiter| _ = poll_once(waiter.as_mut()));
        let waiters = limiter.waiters();
        let n = part(quota, own);
        // A stall that lasts longer than the whole bucket takes to fill is forgiven only up to a cap.
        let stalls = stalls && queued + u64::from(n) <= quota.burst_size().into();
        let Err(refused) = limiter.try_acquire_many(n) else { return Ok(()) };
        let wait = refused.retry_after().unwrap();
        prop_assume!(is_sayable(runtime.now(), wait));

        conforms_after(wait, grain(quota), |time| {
            if stalls { runtime.stall(time) } else { runtime.run_for(time) }
            limiter.try_acquire_many(n)
        })?;
        prop_assert_eq!(limiter.waiters(), 0, "those who queued were served first");
        for waiter in queue.iter_mut().rev().take(waiters) {
            prop_assert!(poll_once(waiter.as_mut()).is_ready());
        }
    }

    #[test]
    fn a_refused_deadline_says_the_same(quota in quota(), queued in 1..=1000_u32, own in 1..=1000_u32) {
        let clock = ManualClock::new();
        let limiter = RateLimiter::with_runtime(quota, clock.clone());
        limiter.try_acquire_many(quota.burst_size()).unwrap();
        let mut waiter = Box::pin(limiter.acquire_many(part(quota, queued)));
        prop_assert!(poll_once(waiter.as_mut()).is_pending());
        let n = part(quota, own);
        let wait = wait_of(limiter.try_acquire_many(n));
        prop_assume!(is_sayable(clock.now(), wait));

        let mut hasty = Box::pin(limiter.acquire_many_within(n, wait - NANOSECOND));
        let core::task::Poll::Ready(Err(refused)) = poll_once(hasty.as_mut()) else { panic!("it cannot be in time") };
        prop_assert_eq!((refused.needed(), refused.left()), (Some(wait), Some(wait - NANOSECOND)));
        let mut patient = Box::pin(limiter.acquire_many_within(n, wait));
        prop_assert!(poll_once(patient.as_mut()).is_pending());
        clock.advance(wait);
        prop_assert!(poll_once(patient.as_mut()).is_ready());
    }
}

#[test]
fn a_refusal_without_a_time_to_wait_for_has_no_retry_after() {
    let clock = ManualClock::new();
    let limiter = RateLimiter::with_runtime(Quota::per_second(10), clock);
    assert_eq!(limiter.try_acquire_many(11).unwrap_err().retry_after(), None);
    limiter.close();
    assert_eq!(limiter.try_acquire().unwrap_err().retry_after(), None);
}
