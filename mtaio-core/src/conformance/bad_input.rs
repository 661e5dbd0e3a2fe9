//! Values, clocks and callers that are out of order: nothing is lost, nothing hangs.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_bad_input {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness bad_input {
            rates_that_are_no_positive_number_are_errors
            absurd_rates_are_errors_or_exact
            a_rate_of_zero_panics_where_it_is_a_constant
            a_burst_of_zero_is_refused
            the_largest_burst_is_there_at_once_and_comes_back_to_the_last_cell
            more_and_more_waiters_overflow_nothing
            waits_of_no_time_and_of_all_time_are_waits
            a_limit_of_zero_is_refused_where_a_limiter_is_made
            the_largest_limit_works
            a_limit_changed_to_nothing_and_everything_under_load_loses_nothing
            a_quota_changed_to_the_least_and_the_most_under_load_hangs_nobody
            clocks_that_jump_both_ways_hang_nobody_for_longer_than_a_refill
            a_clock_at_the_end_of_time_is_a_clock
            refunds_beyond_the_burst_give_the_burst
            a_refund_to_a_closed_limiter_lets_nobody_in
            acquire_outside_any_runtime_works_or_says_what_to_do
            what_does_not_wait_needs_no_runtime
            a_waker_that_comes_back_into_the_limiter_does_not_hang
            a_waker_whose_drop_comes_back_into_the_limiter_does_not_hang
        } }
    };
}

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Poll, Waker};
use core::time::Duration;
use std::panic::catch_unwind;
use std::thread;

use super::Harness;
use super::hand::{ByHand, assert_refused, at_once, panic_of, refused, yield_once};
use super::rig::{FAST, Rig, SLOW};
use crate::limit::{ConcurrencyLimiter, Quota, RateLimiter, ResourceLimitErrorKind as Kind};
use crate::runtime::{Clock, ManualClock};
use crate::sync::Semaphore;
use crate::time::Instant;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
const YEAR: Duration = Duration::from_secs(86_400 * 365);

pub async fn rates_that_are_no_positive_number_are_errors<H: Harness>(_: Rig<H>) {
    for rate in [0.0, -0.0, -1.0, f64::NEG_INFINITY, f64::INFINITY, f64::NAN, -f64::MIN_POSITIVE] {
        assert!(Quota::from_rate(rate).is_err(), "{rate}");
    }
    assert!(Quota::new(0, SECOND).is_err());
    assert!(Quota::new(1, Duration::ZERO).is_err());
    assert!(Quota::every(Duration::ZERO).is_err());
}

pub async fn absurd_rates_are_errors_or_exact<H: Harness>(rig: Rig<H>) {
    for rate in [f64::MAX, 1e300, 1e20, 5e-324, 1e-300, 1e-12] {
        assert!(Quota::from_rate(rate).is_err(), "{rate}");
    }
    for rate in [4e18, 1e9, 1e-9, 1e-10] {
        let quota = Quota::from_rate(rate).expect("it is within what a quota can say");
        assert!((quota.rate() / rate - 1.0).abs() < 1e-9, "{quota} for {rate}");
        assert_eq!(rig.rate(quota).try_acquire(), Ok(()));
    }
}

pub async fn a_rate_of_zero_panics_where_it_is_a_constant<H: Harness>(_: Rig<H>) {
    for quota in [Quota::per_second, Quota::per_minute, Quota::per_hour] {
        assert!(panic_of(|| quota(0)).contains("a rate of 0"));
    }
}

pub async fn a_burst_of_zero_is_refused<H: Harness>(_: Rig<H>) {
    assert!(Quota::per_second(1).try_burst(0).is_err());
    assert!(panic_of(|| Quota::per_second(1).burst(0)).contains("a burst of 0"));
}

pub async fn the_largest_burst_is_there_at_once_and_comes_back_to_the_last_cell<H: Harness>(_: Rig<H>) {
    let daily = Quota::every(DAY).expect("it is valid");
    for quota in [daily, SLOW, FAST, Quota::per_second(u32::MAX)] {
        let clock = ManualClock::new();
        let limiter = RateLimiter::with_runtime(quota.burst(u32::MAX), clock.clone());
        assert_eq!((limiter.available(), limiter.try_acquire_many(u32::MAX)), (u32::MAX, Ok(())));
        let next = refused(limiter.try_acquire()).retry_after().expect("it knows");
        // Where a burst is too large for exact units, a millionth of a cell is.
        let (interval, unit) = (quota.emission_interval(), quota.emission_interval() / 1_000_000);
        assert!(next <= interval + Duration::from_nanos(1) && next >= interval - unit, "{next:?} for {interval:?}");
        clock.advance(next - Duration::from_nanos(1));
        assert_refused(limiter.try_acquire(), Kind::NotReady);
        clock.advance(Duration::from_nanos(1));
        assert_eq!(limiter.try_acquire(), Ok(()));
        limiter.refund(u32::MAX);
        assert_eq!(limiter.available(), u32::MAX);
    }
}

pub async fn more_and_more_waiters_overflow_nothing<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::every(YEAR * 500).expect("it is valid").burst(u32::MAX));
    let line: Vec<_> = (0..20).map(|_| ByHand::waiting(limiter.acquire_many(u32::MAX))).collect();
    assert!(refused(limiter.try_acquire_many(u32::MAX)).retry_after() > Some(YEAR * 500));
    drop(line);
    assert_eq!(limiter.waiters(), 0);
}

pub async fn waits_of_no_time_and_of_all_time_are_waits<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(FAST);
    assert_eq!(limiter.acquire_within(Duration::MAX).await, Ok(()));
    let slow = rig.drained(SLOW);
    assert_refused(at_once(slow.acquire_within(Duration::ZERO)), Kind::Deadline);
    let slots = rig.slots(1);
    let permit = slots.acquire_within(Duration::MAX).await.expect("a slot is free");
    assert_refused(slots.acquire_within(Duration::ZERO).await, Kind::Deadline);
    let mut forever = ByHand::waiting(slots.acquire_within(Duration::MAX));
    rig.sleep(Duration::from_millis(3)).await;
    forever.assert_waits();
    drop(permit);
    assert!(forever.output_after_wake().is_ok());
}

pub async fn a_limit_of_zero_is_refused_where_a_limiter_is_made<H: Harness>(rig: Rig<H>) {
    let made = ConcurrencyLimiter::<H::Runtime>::builder(0).build_on(rig.runtime.clone());
    assert!(made.is_err());
    assert!(!panic_of(|| rig.slots(0)).is_empty());
}

pub async fn the_largest_limit_works<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(usize::MAX);
    assert_eq!(slots.limit(), Semaphore::MAX_PERMITS);
    let permits = slots.try_acquire_many(u32::MAX).expect("there are more");
    assert_eq!(slots.available(), Semaphore::MAX_PERMITS - u32::MAX as usize);
    drop(permits);
    assert_eq!(slots.available(), Semaphore::MAX_PERMITS);
}

pub async fn a_limit_changed_to_nothing_and_everything_under_load_loses_nothing<H: Harness>(rig: Rig<H>) {
    let (slots, stop) = (rig.slots(3), Arc::new(AtomicBool::new(false)));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (slots, stop) = (slots.clone(), Arc::clone(&stop));
            rig.start(async move {
                while !stop.load(Ordering::SeqCst) {
                    let permit = slots.acquire().await.expect("it is open");
                    yield_once().await;
                    drop(permit);
                    yield_once().await;
                }
            })
        })
        .collect();
    for limit in [0, usize::MAX, 1, 0, 5, usize::MAX, 2, 0, 3].into_iter().cycle().take(90) {
        slots.set_limit(limit);
        assert_eq!(slots.limit(), limit.min(Semaphore::MAX_PERMITS));
        yield_once().await;
    }
    slots.set_limit(3);
    stop.store(true, Ordering::SeqCst);
    for task in tasks {
        task.await.expect("the task ends");
    }
    assert_eq!((slots.available(), slots.in_flight(), slots.waiters()), (3, 0, 0));
}

pub async fn a_quota_changed_to_the_least_and_the_most_under_load_hangs_nobody<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(FAST);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let limiter = limiter.clone();
            rig.start(async move {
                for _ in 0..5 {
                    limiter.acquire().await.expect("it is open");
                }
            })
        })
        .collect();
    let least = Quota::every(Duration::from_nanos(u64::MAX)).expect("it is valid");
    for quota in [least, Quota::per_second(u32::MAX).burst(1), SLOW, FAST].into_iter().cycle().take(40) {
        limiter.set_quota(quota);
        assert_eq!(limiter.quota(), quota);
        rig.sleep(Duration::from_micros(10)).await;
    }
    limiter.set_quota(Quota::per_second(10_000).burst(1));
    for task in tasks {
        task.await.expect("the task ends");
    }
    assert_eq!(limiter.waiters(), 0);
}

pub async fn clocks_that_jump_both_ways_hang_nobody_for_longer_than_a_refill<H: Harness>(_: Rig<H>) {
    let middle = Instant::ORIGIN + 200 * YEAR;
    for jump in [Duration::from_nanos(1), SECOND, YEAR, 100 * YEAR] {
        for landing in [middle - jump, middle + jump] {
            let clock = ManualClock::new();
            clock.set(middle);
            let quota = Quota::per_second(10).burst(2);
            let limiter = RateLimiter::<ManualClock>::builder(quota).initial(0).build_on(clock.clone());
            let mut waiting = ByHand::waiting(limiter.acquire());
            clock.set(landing);
            // Whoever waits is told by a timer, or finds out when somebody else comes.
            _ = limiter.try_acquire();
            clock.advance(SECOND / 5);
            _ = limiter.try_acquire();
            assert_eq!(waiting.output(), Ok(()), "after a jump from {middle:?} to {landing:?}");
            clock.advance(SECOND / 5);
            assert_eq!(limiter.available(), 2, "after a jump from {middle:?} to {landing:?}");
        }
    }
}

pub async fn a_clock_at_the_end_of_time_is_a_clock<H: Harness>(_: Rig<H>) {
    let clock = ManualClock::new();
    let limiter = RateLimiter::with_runtime(Quota::per_second(10).burst(1), clock.clone());
    for now in [Instant::FAR, Instant::ORIGIN, Instant::FAR, Instant::FAR - SECOND, Instant::ORIGIN + SECOND] {
        clock.set(now);
        _ = limiter.try_acquire();
        assert!(limiter.available() <= 1, "at {now:?}");
        assert_eq!(clock.now(), now);
    }
    clock.advance(SECOND);
    assert_eq!(limiter.try_acquire(), Ok(()));
}

pub async fn refunds_beyond_the_burst_give_the_burst<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_hour(1).burst(3));
    for cells in [0, 4, u32::MAX, u32::MAX] {
        limiter.refund(cells);
        assert_eq!(limiter.available(), if cells == 0 { 0 } else { 3 });
    }
}

pub async fn a_refund_to_a_closed_limiter_lets_nobody_in<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(SLOW);
    limiter.close();
    limiter.refund(1);
    limiter.set_quota(FAST);
    assert_refused(limiter.try_acquire(), Kind::Closed);
    let slots = rig.slots(1);
    slots.close();
    slots.set_limit(5);
    assert_refused(slots.try_acquire(), Kind::Closed);
}

pub async fn acquire_outside_any_runtime_works_or_says_what_to_do<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(FAST);
    let there = limiter.clone();
    let outside = thread::spawn(move || {
        catch_unwind(AssertUnwindSafe(|| ByHand::new(there.acquire()).poll().is_pending())).map_err(|panic| {
            panic
                .downcast_ref::<alloc::string::String>()
                .cloned()
                .or(panic.downcast_ref::<&str>().map(|&text| text.into()))
        })
    });
    if let Err(message) = outside.join().expect("the panic is caught") {
        let message = message.expect("the panic has a message");
        assert!(message.contains("runtime"), "{message}");
    }
    assert_eq!(limiter.acquire().await, Ok(()));
    assert_eq!(limiter.waiters(), 0);
}

pub async fn what_does_not_wait_needs_no_runtime<H: Harness>(rig: Rig<H>) {
    let (limiter, slots) = (rig.rate(Quota::per_hour(1).burst(5)), rig.slots(1));
    let (cells, permits) = (limiter.clone(), slots.clone());
    let outside = thread::spawn(move || {
        assert_eq!(at_once(cells.acquire()), Ok(()));
        assert_eq!(cells.try_acquire(), Ok(()));
        let permit = at_once(permits.acquire()).expect("a slot is free");
        assert!(ByHand::new(permits.acquire()).poll().is_pending());
        drop(permit);
        cells.set_quota(Quota::per_hour(2).burst(5));
        cells.refund(1);
        cells.close();
    });
    outside.join().expect("nothing of it panics");
    assert_eq!(slots.available(), 1);
    assert!(limiter.is_closed());
}

pub async fn a_waker_that_comes_back_into_the_limiter_does_not_hang<H: Harness>(rig: Rig<H>) {
    struct ComesBack<R: crate::runtime::Timer>(RateLimiter<R>, ConcurrencyLimiter<R>);
    impl<R: crate::runtime::Timer> alloc::task::Wake for ComesBack<R> {
        fn wake(self: Arc<Self>) {
            _ = (self.0.try_acquire(), self.0.available(), self.0.waiters());
            self.0.refund(1);
            self.1.set_limit(self.1.limit() + 1);
            _ = (self.1.try_acquire(), self.1.in_flight());
        }
    }
    let (limiter, slots) = (rig.drained(Quota::per_hour(1).burst(5)), rig.slots(1));
    let waker = Waker::from(Arc::new(ComesBack(limiter.clone(), slots.clone())));
    let permit = slots.try_acquire().expect("a slot is free");
    let (mut cell, mut slot) = (ByHand::new(limiter.acquire()), ByHand::new(slots.acquire()));
    assert!(cell.poll_with(&waker).is_pending() && slot.poll_with(&waker).is_pending());
    limiter.refund(1);
    drop(permit);
    assert_eq!(cell.output(), Ok(()));
    assert!(slot.output().is_ok());
}

pub async fn a_waker_whose_drop_comes_back_into_the_limiter_does_not_hang<H: Harness>(rig: Rig<H>) {
    struct ComesBack<R: crate::runtime::Timer>(RateLimiter<R>);
    impl<R: crate::runtime::Timer> alloc::task::Wake for ComesBack<R> {
        fn wake(self: Arc<Self>) {}
    }
    impl<R: crate::runtime::Timer> Drop for ComesBack<R> {
        fn drop(&mut self) {
            _ = (self.0.try_acquire(), self.0.waiters());
        }
    }
    let limiter = rig.drained(SLOW);
    let mut waiting = ByHand::new(limiter.acquire());
    let waker = Waker::from(Arc::new(ComesBack(limiter.clone())));
    assert!(waiting.poll_with(&waker).is_pending());
    drop(waker);
    assert!(matches!(waiting.poll_with(Waker::noop()), Poll::Pending));
    let waker = Waker::from(Arc::new(ComesBack(limiter.clone())));
    assert!(waiting.poll_with(&waker).is_pending());
    drop(waker);
    drop(waiting);
    assert_eq!(limiter.waiters(), 0);
}
