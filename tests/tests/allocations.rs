//! A hundred thousand waiters: one alarm, one sleep, and no memory but their own futures.

extern crate alloc;

use alloc::sync::{Arc, Weak};
use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::future::{Future, pending};
use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Waker};
use core::time::Duration;
use std::alloc::System;

use mtaio_core::Instant;
use mtaio_core::alarm::SleepAlarm;
use mtaio_core::limit::{ConcurrencyLimiter, Quota, RateLimiter, ResourceLimiter};
use mtaio_core::runtime::{Clock, ManualClock, ManualSleep, Tick, Timer};
use mtaio_core::sync::Semaphore;
use mtaio_core::time::ClockId;
use mtaio_core::timeout::{TimeoutManager, timeout};

const WAITERS: usize = 100_000;

/// Counts what each thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator; the counter needs no memory and no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations_of<T>(job: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATIONS.get();
    let result = job();
    (result, ALLOCATIONS.get() - before)
}

/// A manual clock that counts the alarms and sleeps that are made.
#[derive(Clone, Default)]
struct CountingClock {
    clock: ManualClock,
    alarms: Arc<AtomicUsize>,
    sleeps: Arc<AtomicUsize>,
}

impl CountingClock {
    fn made(&self) -> (usize, usize) {
        (self.alarms.load(Ordering::Relaxed), self.sleeps.load(Ordering::Relaxed))
    }
}

impl Clock for CountingClock {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn clock_id(&self) -> ClockId {
        self.clock.clock_id()
    }
}

impl Timer for CountingClock {
    type Sleep = ManualSleep;
    type Alarm = SleepAlarm<Self>;

    fn sleep_until(&self, at: Instant) -> ManualSleep {
        self.sleeps.fetch_add(1, Ordering::Relaxed);
        self.clock.sleep_until(at)
    }

    fn granularity(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn alarm(&self, target: Weak<dyn Tick>) -> SleepAlarm<Self> {
        self.alarms.fetch_add(1, Ordering::Relaxed);
        SleepAlarm::new(self.clone(), target)
    }
}

type Waiters<F> = Vec<Pin<Box<F>>>;

fn make<F>(wait: impl Fn() -> F) -> Waiters<F> {
    (0..WAITERS).map(|_| Box::pin(wait())).collect()
}

/// Polls all of them once. Returns how many are ready.
fn poll_all<F: Future>(waiters: &mut Waiters<F>) -> usize {
    let mut context = Context::from_waker(Waker::noop());
    waiters.iter_mut().filter_map(|waiter| waiter.as_mut().poll(&mut context).is_ready().then_some(())).count()
}

fn empty_limiter(clock: &CountingClock) -> RateLimiter<CountingClock> {
    RateLimiter::builder(Quota::per_second(10).burst(WAITERS as u32)).initial(0).build_on(clock.clone())
}

#[test]
fn waiters_for_a_rate_arm_one_timer_and_allocate_nothing() {
    let clock = CountingClock::default();
    let limiter = empty_limiter(&clock);
    let mut waiters = make(|| limiter.acquire());
    let (_, first) = allocations_of(|| poll_all(&mut waiters));
    assert_eq!((limiter.waiters(), clock.made()), (WAITERS, (1, 1)));
    assert!(first <= 10, "{first} allocations for the one alarm");
    assert_eq!(clock.clock.pending(), 1);

    let (_, again) = allocations_of(|| poll_all(&mut waiters));
    assert_eq!((again, clock.made()), (0, (1, 1)));

    let (_, granted) = allocations_of(|| clock.clock.advance(Duration::from_secs(3600 * 24)));
    assert!(granted <= 10, "{granted} allocations to serve everybody");
    assert_eq!((limiter.waiters(), clock.made()), (0, (1, 1)));
    let (ready, collected) = allocations_of(|| poll_all(&mut waiters));
    assert_eq!((ready, collected), (WAITERS, 0));
}

#[test]
fn waiters_that_give_up_allocate_nothing_and_the_timer_goes_with_the_limiter() {
    let clock = CountingClock::default();
    let limiter = empty_limiter(&clock);
    let mut waiters = make(|| limiter.acquire_within(Duration::MAX));
    poll_all(&mut waiters);
    let (_, dropped) = allocations_of(|| waiters.clear());
    assert_eq!((dropped, limiter.waiters(), clock.made()), (0, 0, (1, 1)));
    drop(waiters);
    drop(limiter);
    assert_eq!(clock.clock.pending(), 0, "the limiter is gone, and so is its sleep");
}

#[test]
fn ticks_are_put_together_where_the_timer_is_coarse() {
    let clock = CountingClock::default();
    let limiter = RateLimiter::builder(Quota::per_second(1_000_000).burst(1)).initial(0).build_on(clock.clone());
    let mut waiters = make(|| limiter.acquire());
    poll_all(&mut waiters);
    let (_, allocations) = allocations_of(|| {
        for _ in 0..=100 {
            clock.clock.advance(Duration::from_millis(1));
        }
    });
    assert_eq!(
        (limiter.waiters(), clock.made()),
        (0, (1, 1)),
        "hundreds of waiters a tick, and the last one no later than that"
    );
    assert!(allocations <= 500, "{allocations} allocations for a hundred ticks");
}

#[test]
fn runs_with_one_timeout_arm_one_timer_and_allocate_nothing() {
    let clock = CountingClock::default();
    let tm = TimeoutManager::with_runtime(Duration::from_secs(5), clock.clone());
    let mut runs = make(|| tm.run(pending::<()>()));
    let (_, first) = allocations_of(|| poll_all(&mut runs));
    assert_eq!((tm.pending(), clock.made()), (WAITERS, (1, 1)));
    assert!(first <= 10, "{first} allocations for the one alarm");

    let (_, again) = allocations_of(|| poll_all(&mut runs));
    assert_eq!((again, clock.made(), clock.clock.pending()), (0, (1, 1), 1));

    let (_, over) = allocations_of(|| clock.clock.advance(Duration::from_secs(5)));
    assert!(over <= 10, "{over} allocations to tell everybody");
    let (ready, collected) = allocations_of(|| poll_all(&mut runs));
    assert_eq!((ready, collected, tm.pending(), clock.made()), (WAITERS, 0, 0, (1, 1)));
    drop(runs);
    drop(tm);
    assert_eq!(clock.clock.pending(), 0, "the manager is gone, and so is its sleep");
}

#[test]
fn runs_with_mixed_timeouts_allocate_their_wheel_once() {
    let clock = CountingClock::default();
    let tm = TimeoutManager::with_runtime(Duration::from_secs(5), clock.clone());
    let seconds = Cell::new(0);
    let mixed = || {
        seconds.set((seconds.get() + 7919) % 86_400);
        tm.run_within(Duration::from_secs(1 + seconds.get()), pending::<()>())
    };
    let mut runs = make(mixed);
    let (_, first) = allocations_of(|| poll_all(&mut runs));
    assert!(first <= 11, "{first} allocations for the alarm and the wheel");
    let (_, dropped) = allocations_of(|| runs.drain(..WAITERS / 2).for_each(drop));
    assert_eq!((dropped, tm.pending(), clock.made()), (0, WAITERS / 2, (1, 1)));
    // As often as the alarm is set, its sleep has a new waker on the clock.
    let (_, over) = allocations_of(|| clock.clock.advance(Duration::from_secs(86_400)));
    assert!(over < WAITERS / 2, "{over} allocations to tell everybody");
    assert_eq!((poll_all(&mut runs), tm.pending(), clock.made()), (WAITERS / 2, 0, (1, 1)));

    // Another crowd finds everything there.
    let mut runs = make(mixed);
    let (_, again) = allocations_of(|| poll_all(&mut runs));
    assert!(again <= 4, "{again} allocations for the second crowd");
    let (_, dropped) = allocations_of(|| runs.clear());
    assert_eq!((dropped, tm.pending(), clock.made()), (0, 0, (1, 1)));
}

#[test]
fn waiters_for_permits_allocate_nothing() {
    let semaphore = Semaphore::new(0);
    let mut waiters = make(|| semaphore.acquire());
    let (_, allocations) = allocations_of(|| {
        poll_all(&mut waiters);
        semaphore.add_permits(WAITERS);
    });
    assert_eq!((allocations, semaphore.waiters()), (0, 0));
    let (ready, allocations) = allocations_of(|| poll_all(&mut waiters));
    assert_eq!((ready, allocations, semaphore.available()), (WAITERS, 0, WAITERS));
}

#[test]
fn what_is_ready_allocates_nothing() {
    let clock = CountingClock::default();
    let limiter = RateLimiter::with_runtime(Quota::per_second(10).burst(3), clock.clone());
    let slots = ConcurrencyLimiter::with_runtime(1, clock.clone());
    let other = RateLimiter::with_runtime(Quota::per_second(10).burst(3), clock.clone());
    let both = ResourceLimiter::new(&other, &slots);
    let tm = TimeoutManager::with_runtime(Duration::from_secs(5), clock.clone());
    let mut context = Context::from_waker(Waker::noop());
    let (_, allocations) = allocations_of(|| {
        assert!(limiter.try_acquire().is_ok());
        assert!(core::pin::pin!(limiter.acquire_many(2)).poll(&mut context).is_ready());
        assert!(limiter.try_acquire().is_err());
        let permit = core::pin::pin!(slots.acquire()).poll(&mut context);
        assert!(permit.is_ready() && slots.try_acquire().is_err());
        drop(core::pin::pin!(slots.acquire_owned()).poll(&mut context));
        drop(permit);
        // All parts of a combination, and none.
        drop(both.try_acquire().unwrap());
        assert!(core::pin::pin!(both.acquire_many(&[2, 1])).poll(&mut context).is_ready());
        assert!(both.try_acquire().is_err());
        assert!(core::pin::pin!(tm.run(async {})).poll(&mut context).is_ready());
        assert!(core::pin::pin!(timeout(clock.clone(), Duration::MAX, async {})).poll(&mut context).is_ready());
    });
    assert_eq!((allocations, clock.made()), (0, (0, 0)));
}
