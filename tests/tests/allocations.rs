//! A hundred thousand waiters: one alarm, one sleep, and no memory but their own futures.

extern crate alloc;

use alloc::sync::{Arc, Weak};
use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::future::{Future, pending, ready};
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::alloc::System;

use mtaio_core::Instant;
use mtaio_core::alarm::SleepAlarm;
use mtaio_core::limit::{ConcurrencyLimiter, KeyedRateLimiter, Quota, RateLimiter, ResourceLimiter};
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
    /// Whether alarms never ring.
    deaf: bool,
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
        self.clock.sleep_until(if self.deaf { Instant::FAR } else { at })
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
fn a_thousand_keys_that_are_waited_for_arm_one_timer() {
    let clock = CountingClock::default();
    let limiter = KeyedRateLimiter::<u64, _>::with_runtime(Quota::per_second(1).burst(1), clock.clone());
    let keys: Vec<u64> = (0..1000).collect();
    for key in &keys {
        limiter.try_acquire(key).expect("its bucket is full");
    }
    let mut waiters: Waiters<_> = keys.iter().map(|key| Box::pin(limiter.acquire(key))).collect();
    assert_eq!((poll_all(&mut waiters), clock.made()), (0, (1, 1)));
    assert_eq!(clock.clock.pending(), 1);
    clock.clock.advance(Duration::from_secs(1));
    assert_eq!((poll_all(&mut waiters), clock.made()), (1000, (1, 1)));
}

#[test]
fn a_check_of_a_known_key_allocates_nothing() {
    let limiter = KeyedRateLimiter::<String, _>::with_runtime(Quota::per_second(1).burst(2), CountingClock::default());
    limiter.try_acquire("ann").expect("its bucket is full");
    let ((), allocations) = allocations_of(|| {
        limiter.try_acquire("ann").expect("there is another cell");
        limiter.try_acquire("ann").expect_err("there is none");
    });
    assert_eq!(allocations, 0);
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

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Is ready at its second poll.
fn one_yield() -> impl Future<Output = ()> {
    let mut yielded = false;
    core::future::poll_fn(move |_| if core::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending })
}

/// How often each path of `docs/performance.md` allocates, by its name there.
#[derive(Default)]
struct Paths(Vec<(&'static str, usize)>);

impl Paths {
    fn add<T>(&mut self, name: &'static str, path: impl FnOnce() -> T) -> T {
        let (result, allocations) = allocations_of(path);
        self.0.push((name, allocations));
        result
    }

    fn rate(&mut self, clock: &CountingClock) {
        let full = RateLimiter::with_runtime(Quota::per_second(1).burst(100), clock.clone());
        let empty = RateLimiter::builder(Quota::per_second(1)).initial(0).build_on(clock.clone());
        self.add("rate: `try_acquire`, allowed", || full.try_acquire().unwrap());
        self.add("rate: `try_acquire`, refused", || empty.try_acquire().unwrap_err());
        self.add("rate: `acquire`, ready", || assert!(poll(pin!(full.acquire())).is_ready()));
        self.add("rate: `acquire_many(8)`, ready", || assert!(poll(pin!(full.acquire_many(8))).is_ready()));
        // The first one who waits makes the alarm.
        let mut front = pin!(empty.acquire());
        assert!(poll(front.as_mut()).is_pending());
        let mut second = pin!(Some(empty.acquire()));
        self.add("rate: to join the line", || assert!(poll(second.as_mut().as_pin_mut().unwrap()).is_pending()));
        self.add("rate: `try_acquire`, refused because others wait", || empty.try_acquire().unwrap_err());
        self.add("rate: to leave the line", || second.set(None));
        clock.clock.advance(Duration::from_secs(1));
        self.add("rate: a tick that serves one", || assert_eq!(empty.available(), 0));
        assert_eq!(empty.waiters(), 0);
        self.add("rate: to take what was granted", || assert!(poll(front).is_ready()));
    }

    fn lease(&mut self, clock: &CountingClock) {
        let full = RateLimiter::with_runtime(Quota::per_second(1).burst(100), clock.clone());
        let empty = RateLimiter::builder(Quota::per_second(1)).initial(0).build_on(clock.clone());
        let (mut lease, mut none) = (full.lease(8), empty.lease(8));
        lease.try_acquire_many(2).unwrap();
        self.add("lease: `try_acquire` that fetches a batch", || lease.try_acquire().unwrap());
        self.add("lease: `try_acquire`, at hand", || lease.try_acquire().unwrap());
        self.add("lease: `acquire`, at hand", || assert!(poll(pin!(lease.acquire())).is_ready()));
        self.add("lease: `try_acquire`, refused", || none.try_acquire().unwrap_err());
        self.add("lease: drop, with cells", || drop(lease));
    }

    fn semaphore(&mut self) {
        let (free, taken) = (Arc::new(Semaphore::new(8)), Semaphore::new(0));
        self.add("semaphore: `try_acquire` and drop", || drop(free.try_acquire().unwrap()));
        self.add("semaphore: `try_acquire`, refused", || taken.try_acquire().map(drop).unwrap_err());
        self.add("semaphore: `acquire` and drop", || assert!(poll(pin!(free.acquire())).is_ready()));
        self.add("semaphore: `acquire_many(8)` and drop", || assert!(poll(pin!(free.acquire_many(8))).is_ready()));
        self.add("semaphore: `acquire_owned` and drop", || {
            assert!(poll(pin!(Arc::clone(&free).acquire_owned())).is_ready());
        });
        let (mut front, mut second) = (pin!(taken.acquire()), pin!(Some(taken.acquire())));
        assert!(poll(front.as_mut()).is_pending());
        self.add("semaphore: to join the queue", || {
            assert!(poll(second.as_mut().as_pin_mut().unwrap()).is_pending());
        });
        self.add("semaphore: `try_acquire`, refused because others wait", || {
            taken.try_acquire().map(drop).unwrap_err();
        });
        self.add("semaphore: to leave the queue", || second.set(None));
        self.add("semaphore: a permit that returns and serves one", || taken.add_permits(1));
        self.add("semaphore: to take what was granted", || assert!(poll(front).is_ready()));
    }

    fn combined(&mut self, clock: &CountingClock) {
        let slots = ConcurrencyLimiter::with_runtime(8, clock.clone());
        let full = RateLimiter::with_runtime(Quota::per_second(1).burst(1), clock.clone());
        let both = ResourceLimiter::new(&full, &slots);
        self.add("rate and slots: `try_acquire` and drop", || drop(both.try_acquire().unwrap()));
        self.add("rate and slots: `try_acquire`, refused by the rate", || both.try_acquire().map(drop).unwrap_err());
    }

    fn timeouts(&mut self, clock: &CountingClock) {
        let second = Duration::from_secs(1);
        let tm = TimeoutManager::with_runtime(second, clock.clone());
        // The first one that is pending makes the alarm, and the first one of another duration the wheel.
        let mut first = [pin!(tm.run(pending::<()>())), pin!(tm.run_within(2 * second, pending()))];
        first.iter_mut().for_each(|first| assert!(poll(first.as_mut()).is_pending()));
        let (mut equal, mut other) = (pin!(tm.run(one_yield())), pin!(tm.run_within(3 * second, one_yield())));
        self.add("timeout: around what is ready", || assert!(poll(pin!(tm.run(ready(())))).is_ready()));
        self.add("timeout: becomes pending", || assert!(poll(equal.as_mut()).is_pending()));
        self.add("timeout: ends in time", || assert!(poll(equal).is_ready()));
        self.add("timeout: becomes pending, another duration", || assert!(poll(other.as_mut()).is_pending()));
        self.add("timeout: ends in time, another duration", || assert!(poll(other).is_ready()));
        // The first scope on a thread makes the stack.
        assert!(poll(pin!(tm.scope(ready(())))).is_ready());
        self.add("scope: around what is ready", || assert!(poll(pin!(tm.scope(ready(())))).is_ready()));
    }
}

#[test]
fn each_path_allocates_what_the_page_says() {
    let clock = CountingClock { deaf: true, ..CountingClock::default() };
    let mut paths = Paths::default();
    paths.rate(&clock);
    paths.lease(&clock);
    paths.semaphore();
    paths.combined(&clock);
    paths.timeouts(&clock);
    let page = include_str!("../../docs/performance.md");
    let table = page.split("\n## ").find(|section| section.starts_with("What each path does")).expect("the table");
    let is_row = |line: &&str| line.starts_with('|');
    let rows: Vec<_> = table.lines().skip_while(|line| !is_row(line)).take_while(is_row).skip(2).collect();
    assert_eq!(rows.len(), paths.0.len(), "each path has one row in docs/performance.md");
    for (name, allocations) in paths.0 {
        let row = rows.iter().find(|row| row.starts_with(&format!("| {name} |")));
        let row = row.unwrap_or_else(|| panic!("docs/performance.md has no row for {name}"));
        assert!(row.ends_with(&format!("| {allocations} |")), "{name}: {allocations} allocations, and {row}");
    }
}
