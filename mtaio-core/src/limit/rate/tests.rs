mod debt;
mod interleavings;
mod policies;
mod strict;

use alloc::sync::{Arc, Weak};
use alloc::task::Wake;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Mutex;

use proptest::prelude::*;

use super::RateLimiter;
use crate::limit::quota::Quota;
use crate::runtime::{Alarm, Clock, ManualClock, ManualSleep, Spawn, Tick, Timer, VirtualRuntime};
use crate::time::{ClockId, Instant};

/// A runtime whose alarm rings at once the first time: time has passed before `set` returns.
#[derive(Clone, Default)]
struct Hasty {
    clock: ManualClock,
    sets: Arc<Mutex<Vec<Instant>>>,
}

struct HastyAlarm {
    runtime: Hasty,
    target: Weak<dyn Tick>,
}

impl Clock for Hasty {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn clock_id(&self) -> ClockId {
        self.clock.clock_id()
    }
}

impl Timer for Hasty {
    type Sleep = ManualSleep;
    type Alarm = HastyAlarm;

    fn sleep_until(&self, at: Instant) -> ManualSleep {
        self.clock.sleep_until(at)
    }

    fn granularity(&self) -> Duration {
        self.clock.granularity()
    }

    fn alarm(&self, target: Weak<dyn Tick>) -> HastyAlarm {
        HastyAlarm { runtime: self.clone(), target }
    }
}

impl Alarm for HastyAlarm {
    fn set(&self, at: Instant) {
        let first = {
            let mut sets = self.runtime.sets.lock().unwrap();
            sets.push(at);
            sets.len() == 1
        };
        if first {
            self.runtime.clock.set(at);
            self.target.upgrade().unwrap().tick();
        }
    }
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn an_alarm_that_rings_before_the_limiter_knows_of_it_is_set_again() {
    let runtime = Hasty::default();
    let limiter = RateLimiter::with_runtime(Quota::per_second(10).burst(1), runtime.clone());
    limiter.try_acquire().unwrap();
    let (mut first, mut second) = (pin!(limiter.acquire()), pin!(limiter.acquire()));
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending());
    assert!(poll(first).is_ready(), "the alarm has rung for it");
    assert_eq!(runtime.sets.lock().unwrap().last(), Some(&Instant::from_nanos(200_000_000)));
}

#[test]
fn a_tick_that_serves_more_waiters_than_one_batch_sets_the_alarm_again() {
    let runtime = VirtualRuntime::coarse(0, Duration::from_millis(10));
    let limiter = RateLimiter::with_runtime(Quota::per_second(10_000).burst(1), runtime.clone());
    runtime.block_on(async {
        let tasks: Vec<_> = (0..1000)
            .map(|_| {
                let limiter = limiter.clone();
                runtime.spawn(async move { limiter.acquire().await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    });
    assert_eq!(runtime.now(), Instant::from_nanos(100_000_000));
}

/// A waker that panics, and one that counts.
struct Panics;

impl alloc::task::Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker of somebody else");
    }
}

#[derive(Default)]
struct Counts(core::sync::atomic::AtomicUsize);

impl alloc::task::Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
    }
}

fn poll_as<F: Future>(
    future: Pin<&mut F>,
    waker: Arc<impl alloc::task::Wake + Send + Sync + 'static>,
) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(waker)))
}

#[test]
fn a_waker_that_panics_in_a_tick_does_not_silence_the_alarm() {
    let clock = ManualClock::new();
    let limiter = RateLimiter::with_runtime(Quota::per_second(10).burst(1), clock.clone());
    limiter.try_acquire().unwrap();
    let (mut first, mut second) = (pin!(limiter.acquire()), pin!(limiter.acquire()));
    let awake = Arc::new(Counts::default());
    let woken = || awake.0.load(core::sync::atomic::Ordering::Relaxed);
    assert!(poll_as(first.as_mut(), Arc::new(Panics)).is_pending());
    assert!(poll_as(second.as_mut(), awake.clone()).is_pending());
    let step = Duration::from_millis(100);
    let outcome = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| clock.advance(step)));
    assert!(outcome.is_err(), "the panic goes on to whoever moved the clock");
    // It may have been woken to look after itself.
    if woken() > 0 {
        assert!(poll_as(second.as_mut(), awake.clone()).is_pending());
    }
    let before = woken();
    clock.advance(step);
    assert_eq!(woken(), before + 1);
    assert!(poll(second).is_ready());
}

#[test]
fn an_alarm_rings_in_time_after_the_clock_has_stepped_back() {
    let clock = ManualClock::new();
    clock.set(Instant::from_nanos(3_600_000_000_000));
    let limiter = RateLimiter::with_runtime(Quota::per_second(10).burst(1), clock.clone());
    limiter.try_acquire().unwrap();
    let step = Duration::from_millis(100);
    let mut first = pin!(limiter.acquire());
    assert!(poll(first.as_mut()).is_pending());
    clock.advance(step);
    assert!(poll(first).is_ready());
    clock.set(Instant::from_nanos(1_000_000_000));
    let awake = Arc::new(Counts::default());
    let mut second = pin!(limiter.acquire());
    assert!(poll_as(second.as_mut(), awake.clone()).is_pending());
    clock.advance(step);
    assert_eq!(awake.0.load(core::sync::atomic::Ordering::Relaxed), 1);
    assert!(poll(second).is_ready());
}

#[test]
fn who_comes_behind_others_after_the_clock_has_stepped_back_sets_the_alarm_for_them() {
    let clock = ManualClock::new();
    clock.set(Instant::from_nanos(3_600_000_000_000));
    let limiter = RateLimiter::with_runtime(Quota::per_second(10).burst(1), clock.clone());
    limiter.try_acquire().unwrap();
    let awake = Arc::new(Counts::default());
    let (mut first, mut second) = (pin!(limiter.acquire()), pin!(limiter.acquire()));
    assert!(poll_as(first.as_mut(), awake.clone()).is_pending());
    clock.set(Instant::from_nanos(1_000_000_000));
    assert!(poll(second.as_mut()).is_pending());
    let step = Duration::from_millis(100);
    clock.advance(step);
    assert_eq!(awake.0.load(core::sync::atomic::Ordering::Relaxed), 1);
    assert!(poll(first).is_ready());
    clock.advance(step);
    assert!(poll(second).is_ready());
}

#[test]
fn nothing_asked_for_is_there_at_once_also_behind_others() {
    let clock = ManualClock::new();
    let limiter = RateLimiter::with_runtime(Quota::per_second(10).burst(1), clock);
    limiter.try_acquire().unwrap();
    let mut first = pin!(limiter.acquire());
    assert!(poll(first.as_mut()).is_pending());
    assert_eq!(poll(pin!(limiter.acquire_many(0))), Poll::Ready(Ok(())));
    limiter.close();
    assert!(matches!(poll(pin!(limiter.acquire_many(0))), Poll::Ready(Err(error)) if error.is_closed()));
}

#[test]
fn a_manual_clock_that_advances_is_on_time_for_everybody_who_waits() {
    let clock = ManualClock::new();
    let limiter = RateLimiter::with_runtime(Quota::per_second(10).burst(1), clock.clone());
    limiter.try_acquire().unwrap();
    let mut waits: Vec<_> = (0..10).map(|_| alloc::boxed::Box::pin(limiter.acquire())).collect();
    assert!(waits.iter_mut().all(|wait| poll(wait.as_mut()).is_pending()));
    clock.advance(Duration::from_secs(1));
    assert!(waits.iter_mut().all(|wait| poll(wait.as_mut()).is_ready()));
}

/// A clock that no runtime polls by.
#[derive(Clone, Default)]
struct Homeless(ManualClock);

impl Clock for Homeless {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn clock_id(&self) -> ClockId {
        self.0.clock_id()
    }
}

impl Timer for Homeless {
    type Sleep = ManualSleep;
    type Alarm = crate::alarm::SleepAlarm<Self>;

    fn sleep_until(&self, at: Instant) -> ManualSleep {
        self.0.sleep_until(at)
    }

    fn granularity(&self) -> Duration {
        self.0.granularity()
    }

    fn alarm(&self, target: Weak<dyn Tick>) -> Self::Alarm {
        crate::alarm::SleepAlarm::new(self.clone(), target)
    }

    fn context_id(&self) -> u64 {
        panic!("no runtime polls this")
    }
}

#[test]
fn who_need_not_wait_needs_no_runtime_also_after_a_long_time() {
    let clock = Homeless::default();
    let limiter = RateLimiter::with_runtime(Quota::per_second(1).burst(1), clock.clone());
    assert!(poll(pin!(limiter.acquire())).is_ready());
    clock.0.set(Instant::from_nanos(1 << 60));
    assert!(poll(pin!(limiter.acquire())).is_ready());
    let waits = || _ = poll(pin!(limiter.acquire()));
    assert!(std::panic::catch_unwind(core::panic::AssertUnwindSafe(waits)).is_err());
    assert_eq!(limiter.waiters(), 0);
}

/// What happens before a question: after each pause somebody asks for cells and waits; some of those who wait leave.
type Story = [(u64, u32, bool)];

/// Lets the same things happen again, and `more` time pass; then asks.
fn after<T>(quota: Quota, story: &Story, more: Duration, ask: impl FnOnce(&RateLimiter<VirtualRuntime>) -> T) -> T {
    let runtime = VirtualRuntime::new();
    let limiter = RateLimiter::with_runtime(quota, runtime.clone());
    let mut waits = Vec::new();
    for &(pause, n, leaves) in story {
        runtime.run_for(Duration::from_nanos(pause));
        let mut wait = alloc::boxed::Box::pin(limiter.acquire_many(n.min(quota.burst_size())));
        let _ = poll(wait.as_mut());
        waits.push(wait);
        if leaves {
            drop(waits.remove(waits.len() / 2));
        }
    }
    runtime.run_for(more);
    ask(&limiter)
}

fn quota() -> impl Strategy<Value = Quota> {
    (1..2000_u32, 1..1_000_000_000_u64, 1..8_u32)
        .prop_map(|(cells, period, burst)| Quota::new(cells, Duration::from_nanos(period)).unwrap().burst(burst))
}

proptest! {
    #[test]
    fn retry_after_is_true_to_the_nanosecond_behind_a_queue(
        quota in quota(),
        story in prop::collection::vec((0..3_000_000_u64, 0..8_u32, any::<bool>()), 0..24),
        n in 1..8_u32,
    ) {
        let n = n.min(quota.burst_size());
        let refused = after(quota, &story, Duration::ZERO, |limiter| limiter.try_acquire_many(n).err());
        if let Some(wait) = refused.map(|error| error.retry_after().unwrap()) {
            prop_assert!(after(quota, &story, wait, |limiter| limiter.try_acquire_many(n).is_ok()));
            let early = wait - Duration::from_nanos(1);
            prop_assert!(after(quota, &story, early, |limiter| limiter.try_acquire_many(n).is_err()));
        }
    }

    #[test]
    fn who_waits_within_a_time_waits_no_longer_and_who_is_refused_would_have(
        quota in quota(),
        story in prop::collection::vec((0..3_000_000_u64, 0..8_u32, any::<bool>()), 0..24),
        n in 1..8_u32,
        off in 0..2_u64,
    ) {
        let n = n.min(quota.burst_size());
        let refused = after(quota, &story, Duration::ZERO, |limiter| limiter.try_acquire_many(n).err());
        let Some(wait) = refused.map(|error| error.retry_after().unwrap()) else { return Ok(()) };
        let max_wait = wait - Duration::from_nanos(off);
        let refused = after(quota, &story, Duration::ZERO, |limiter| {
            let mut within = pin!(limiter.acquire_many_within(n, max_wait));
            let first = poll(within.as_mut());
            limiter.runtime().run_for(max_wait);
            match first {
                Poll::Ready(outcome) => outcome.is_err(),
                Poll::Pending => poll(within).is_pending(),
            }
        });
        prop_assert_eq!(refused, off == 1);
    }

    #[test]
    fn no_window_has_more_than_the_bound_whatever_the_timer(
        rate in 1..5000_u32,
        burst in 1..12_u32,
        granularity in 0..20_000_000_u64,
        seed in any::<u64>(),
        tasks in prop::collection::vec((0..50_000_000_u64, 1..12_u32, 1..20_u32), 1..30),
    ) {
        let runtime = VirtualRuntime::coarse(seed, Duration::from_nanos(granularity));
        let limiter = RateLimiter::with_runtime(Quota::per_second(rate).burst(burst), runtime.clone());
        let grants: Arc<Mutex<Vec<(Instant, u32)>>> = Arc::default();
        runtime.block_on(async {
            let tasks: Vec<_> = tasks.into_iter().map(|(pause, n, times)| {
                let (runtime, limiter, grants) = (runtime.clone(), limiter.clone(), grants.clone());
                let n = n.min(burst);
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
            let mut cells = 0;
            for &(end, n) in &grants[first..] {
                cells += u128::from(n);
                let window = (end - start).as_nanos() + cap;
                let over = cells.saturating_sub(burst.into()) * 1_000_000_000;
                prop_assert!(over <= window * u128::from(rate), "{} cells in {:?}", cells, end - start);
            }
        }
    }
}
