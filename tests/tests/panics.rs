//! Foreign code that panics: nothing is lost, nobody hangs, the limiter goes on.

extern crate alloc;

use alloc::sync::Arc;
use alloc::task::Wake;
use core::cell::Cell;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use mtaio_core::limit::{ConcurrencyLimiter, KeyedRateLimiter, Quota, RateLimiter};
use mtaio_core::runtime::{ManualClock, Spawn, Timer, VirtualRuntime};
use mtaio_core::sync::{Acquire, Semaphore};
use mtaio_smol::SmolRuntime;
use mtaio_std_compat::AsyncStdRuntime;
use mtaio_std_compat::thread::{ThreadRuntime, block_on};
use mtaio_tests::{CountingWaker, Panicky, message_of, panic_of, poll_once, within_a_minute};
use mtaio_tokio::TokioRuntime;

const WAITERS: usize = 100;

fn poll_with<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// Waiters of which every third panics when it is woken, and what counts the others.
fn queue_up<F: Future>(wait: impl Fn() -> F) -> (Vec<Pin<Box<F>>>, Arc<CountingWaker>) {
    let (counter, good) = CountingWaker::new();
    let bad = Panicky::Wake.waker();
    let waiters = (0..WAITERS)
        .map(|i| {
            let mut waiter = Box::pin(wait());
            assert!(poll_with(waiter.as_mut(), if i % 3 == 0 { &bad } else { &good }).is_pending());
            waiter
        })
        .collect();
    (waiters, counter)
}

const GOOD: usize = WAITERS - WAITERS.div_ceil(3);

fn assert_waker_panic(panic: Option<String>) {
    assert_eq!(panic.as_deref(), Some("a waker panics in Wake"), "the first panic goes on when all is done");
}

fn clock_and_limiter() -> (ManualClock, RateLimiter<ManualClock>) {
    let clock = ManualClock::new();
    let limiter = RateLimiter::with_runtime(Quota::per_second(10).burst(1), clock.clone());
    limiter.try_acquire().unwrap();
    (clock, limiter)
}

#[test]
fn added_permits_reach_everybody_though_wakers_panic() {
    let semaphore = Semaphore::new(0);
    let (waiters, counter) = queue_up(|| semaphore.acquire());
    assert_waker_panic(panic_of(|| semaphore.add_permits(WAITERS)));
    assert_eq!(counter.count(), GOOD);
    for waiter in waiters {
        assert!(poll_once(pin!(waiter)).is_ready());
    }
    assert_eq!(semaphore.available(), WAITERS);
}

#[test]
fn a_permit_that_is_dropped_reaches_the_next_though_its_waker_panics() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().unwrap();
    let mut waiter = pin!(semaphore.acquire());
    assert!(poll_with(waiter.as_mut(), &Panicky::Wake.waker()).is_pending());
    assert_waker_panic(panic_of(|| drop(permit)));
    assert!(poll_once(waiter).is_ready());
    assert_eq!(semaphore.available(), 1);
}

#[test]
fn a_new_quota_and_closing_reach_everybody_though_wakers_panic() {
    let (_clock, limiter) = clock_and_limiter();
    let (waiters, counter) = queue_up(|| limiter.acquire_many(1));
    let wide = Quota::per_second(10).burst(1000);
    assert_eq!(panic_of(|| limiter.set_quota(wide)), None, "a wider burst alone serves nobody");
    assert_waker_panic(panic_of(|| limiter.refund(WAITERS as u32)));
    assert_eq!(counter.count(), GOOD);
    waiters.into_iter().for_each(|waiter| assert_eq!(poll_once(pin!(waiter)), Poll::Ready(Ok(()))));

    let (waiters, counter) = queue_up(|| limiter.acquire_many(1));
    assert_waker_panic(panic_of(|| limiter.close()));
    assert_eq!(counter.count(), GOOD);
    assert!(limiter.is_closed());
    for waiter in waiters {
        assert!(matches!(poll_once(pin!(waiter)), Poll::Ready(Err(error)) if error.is_closed()));
    }
}

#[test]
fn closing_reaches_the_waiters_of_all_keys_though_wakers_panic() {
    let limiter = KeyedRateLimiter::<usize, _>::with_runtime(Quota::per_hour(1), ManualClock::new());
    let keys: Vec<_> = (0..WAITERS).collect();
    keys.iter().for_each(|key| limiter.try_acquire(key).unwrap());
    let next = Cell::new(0);
    let (waiters, counter) = queue_up(|| limiter.acquire(&keys[next.replace(next.get() + 1)]));
    assert_waker_panic(panic_of(|| assert!(limiter.remove(&0))));
    assert_waker_panic(panic_of(|| limiter.close()));
    assert_eq!((counter.count(), limiter.len(), limiter.is_closed()), (GOOD, 0, true));
    assert_eq!(limiter.snapshot().line.refused as usize, WAITERS);
    for waiter in waiters {
        assert!(matches!(poll_once(pin!(waiter)), Poll::Ready(Err(error)) if error.is_closed()));
    }
}

#[test]
fn the_alarm_goes_on_though_wakers_panic() {
    let (clock, limiter) = clock_and_limiter();
    let (waiters, counter) = queue_up(|| limiter.acquire());
    let mut panics = 0;
    for _ in 0..WAITERS {
        panics += usize::from(panic_of(|| clock.advance(Duration::from_millis(100))).is_some());
    }
    assert_eq!((panics, counter.count()), (WAITERS - GOOD, GOOD));
    waiters.into_iter().for_each(|waiter| assert_eq!(poll_once(pin!(waiter)), Poll::Ready(Ok(()))));
    assert_eq!(limiter.waiters(), 0);
}

#[test]
fn one_tick_serves_everybody_though_wakers_panic() {
    let (clock, limiter) = clock_and_limiter();
    limiter.set_quota(Quota::per_second(10).burst(1000));
    let (waiters, counter) = queue_up(|| limiter.acquire());
    assert_waker_panic(panic_of(|| clock.advance(Duration::from_secs(3600))));
    assert_eq!(counter.count(), GOOD);
    drop(waiters);
    assert_eq!(limiter.available(), 1000, "they were granted, and never took it");
}

/// Waiters whose wakers panic, in front of others; then the timer serves them all.
async fn serve_on<R: Timer>(runtime: R) {
    let limiter = RateLimiter::with_runtime(Quota::per_hour(1), runtime);
    limiter.try_acquire().unwrap();
    let mut waiters: Vec<_> = (0..6).map(|_| Box::pin(limiter.acquire())).collect();
    let (bad, good) = waiters.split_at_mut(3);
    for waiter in bad.iter_mut() {
        assert!(poll_with(waiter.as_mut(), &Panicky::Wake.waker()).is_pending());
    }
    for waiter in good.iter_mut() {
        assert!(poll_once(waiter.as_mut()).is_pending());
    }
    limiter.set_quota(Quota::per_second(1000).burst(1));
    for waiter in good {
        waiter.await.unwrap();
    }
    for waiter in bad {
        assert_eq!(poll_once(waiter.as_mut()), Poll::Ready(Ok(())));
    }
}

#[test]
fn every_runtime_serves_on_though_wakers_panic() {
    within_a_minute(|| {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        tokio.block_on(serve_on(TokioRuntime));
        smol::block_on(serve_on(SmolRuntime));
        async_std::task::block_on(serve_on(AsyncStdRuntime));
        block_on(serve_on(ThreadRuntime));
    });
}

#[test]
fn a_waker_that_panics_when_cloned_never_queues() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().unwrap();
    let mut waiter = Box::pin(semaphore.acquire());
    assert!(panic_of(|| poll_with(waiter.as_mut(), &Panicky::Clone.waker())).is_some());
    assert_eq!(semaphore.waiters(), 0);
    assert!(poll_once(waiter.as_mut()).is_pending());
    drop(permit);
    assert!(poll_once(waiter.as_mut()).is_ready());
    assert_eq!(semaphore.available(), 1);
}

#[test]
fn a_second_waker_that_panics_when_cloned_leaves_the_first() {
    let (clock, limiter) = clock_and_limiter();
    let (counter, good) = CountingWaker::new();
    let mut waiter = Box::pin(limiter.acquire());
    assert!(poll_with(waiter.as_mut(), &good).is_pending());
    assert!(panic_of(|| poll_with(waiter.as_mut(), &Panicky::Clone.waker())).is_some());
    clock.advance(Duration::from_millis(100));
    assert_eq!(counter.count(), 1);
    assert_eq!(poll_once(waiter.as_mut()), Poll::Ready(Ok(())));
}

#[test]
fn a_waker_that_panics_when_dropped_costs_its_owner_alone() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().unwrap();
    let bad = core::mem::ManuallyDrop::new(Panicky::Drop.waker());
    let mut first = Box::pin(semaphore.acquire());
    let mut second = Box::pin(semaphore.acquire());
    assert!(poll_with(first.as_mut(), &bad).is_pending());
    assert!(poll_with(second.as_mut(), &bad).is_pending());

    assert!(panic_of(|| poll_once(first.as_mut())).is_some(), "the old waker is dropped");
    assert_eq!(semaphore.waiters(), 2);
    assert!(panic_of(|| drop(second)).is_some());
    assert_eq!(semaphore.waiters(), 1);
    drop(permit);
    assert!(poll_once(first.as_mut()).is_ready());
    assert_eq!(semaphore.available(), 1);
}

#[test]
fn permits_granted_at_once_are_not_lost_to_a_waker_that_panics_when_dropped() {
    let semaphore = Semaphore::new(1);
    // Who waits for it to be idle sends everybody the slow way.
    let mut idle = pin!(semaphore.idle());
    let permit = semaphore.try_acquire().unwrap();
    assert!(poll_once(idle.as_mut()).is_pending());
    drop(permit);
    let bad = core::mem::ManuallyDrop::new(Panicky::Drop.waker());
    let mut waiter: Pin<Box<Acquire<'_>>> = Box::pin(semaphore.acquire());
    _ = panic_of(|| poll_with(waiter.as_mut(), &bad));
    drop(waiter);
    assert_eq!((semaphore.available(), semaphore.in_flight()), (1, 0));
}

/// Takes a permit, or a cell, on whatever thread it is woken, and panics with it.
struct Grabs<F: Fn()>(F);

impl<F: Fn() + Send + Sync> Wake for Grabs<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

#[test]
fn permits_granted_while_another_waker_panics_are_not_lost() {
    static SEMAPHORE: Semaphore = Semaphore::new(0);
    let outcome = Arc::new(std::sync::Mutex::new(None));
    // The first of a full batch tries for a permit while the rest of the line is still to be served.
    let grabs = Waker::from(Arc::new(Grabs({
        let outcome = Arc::clone(&outcome);
        move || {
            let panic = panic_of(|| drop(SEMAPHORE.try_acquire()));
            *outcome.lock().unwrap() = Some((panic, SEMAPHORE.in_flight()));
        }
    })));
    let mut waiters: Vec<_> = (0..33).map(|_| Box::pin(SEMAPHORE.acquire())).collect();
    for (i, waiter) in waiters.iter_mut().enumerate() {
        let waker = match i {
            0 => grabs.clone(),
            32 => Panicky::Wake.waker(),
            _ => Waker::noop().clone(),
        };
        assert!(poll_with(waiter.as_mut(), &waker).is_pending());
    }
    SEMAPHORE.add_permits(34);
    let (panic, in_flight) = outcome.lock().unwrap().take().expect("the first was woken");
    assert_waker_panic(panic);
    assert_eq!(in_flight, 33, "those of the waiters");
    waiters.into_iter().for_each(|waiter| assert!(poll_once(pin!(waiter)).is_ready()));
    assert_eq!(SEMAPHORE.available(), 34);
}

#[test]
fn a_cell_taken_while_another_waker_panics_is_not_lost() {
    let runtime = VirtualRuntime::new();
    let limiter = RateLimiter::with_runtime(Quota::per_second(10).burst(2), runtime.clone());
    limiter.try_acquire_many(2).unwrap();
    let mut waiter = pin!(limiter.acquire());
    assert!(poll_with(waiter.as_mut(), &Panicky::Wake.waker()).is_pending());
    // Both cells are there, and the timer has not told yet: who comes next serves the front first.
    runtime.stall(Duration::from_millis(200));
    assert_waker_panic(panic_of(|| limiter.try_acquire()));
    assert_eq!(poll_once(waiter), Poll::Ready(Ok(())));
    assert_eq!(limiter.available(), 1);
}

#[test]
fn everybody_who_waits_for_idle_or_closed_hears_of_it_though_wakers_panic() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().unwrap();
    let (counter, good) = CountingWaker::new();
    let bad = Panicky::Wake.waker();
    let mut idle: Vec<_> = (0..3).map(|_| Box::pin(semaphore.idle())).collect();
    let mut closed: Vec<_> = (0..3).map(|_| Box::pin(semaphore.closed())).collect();
    for (i, waker) in [&good, &bad, &good].into_iter().enumerate() {
        assert!(poll_with(idle[i].as_mut(), waker).is_pending());
        assert!(poll_with(closed[i].as_mut(), waker).is_pending());
    }
    _ = panic_of(|| drop(permit));
    assert!(idle.into_iter().all(|idle| poll_once(pin!(idle)).is_ready()));
    _ = panic_of(|| semaphore.close());
    assert!(closed.into_iter().all(|closed| poll_once(pin!(closed)).is_ready()));
    assert_eq!(counter.count(), 4);
}

#[test]
fn a_closure_that_panics_returns_its_permit() {
    let runtime = VirtualRuntime::new();
    let slots = ConcurrencyLimiter::with_runtime(1, runtime.clone());
    let run = slots.run(async { panic!("in run") });
    assert_eq!(panic_of(|| runtime.block_on(run)).as_deref(), Some("in run"));
    assert_eq!(slots.available(), 1);

    let wrapped = slots.wrap(|x: u32| async move { assert_ne!(x, 0, "in wrap") });
    assert!(panic_of(|| runtime.block_on(wrapped(0))).is_some());
    assert_eq!(slots.available(), 1);
    assert_eq!(runtime.block_on(wrapped(1)), Ok(()));

    let wrapped = slots.wrap_sync(|x: u32| assert_ne!(x, 0, "in wrap_sync"));
    assert!(panic_of(|| runtime.block_on(wrapped(0))).is_some());
    assert_eq!(runtime.block_on(wrapped(1)), Ok(()));
    assert_eq!((slots.available(), slots.waiters()), (1, 0));
}

#[test]
fn a_task_that_panics_lets_the_next_one_in() {
    let runtime = VirtualRuntime::new();
    let slots = ConcurrencyLimiter::with_runtime(1, runtime.clone());
    let tasks: Vec<_> = (0..10)
        .map(|i| {
            let slots = slots.clone();
            runtime.spawn(async move { slots.run(async move { assert!(i % 2 == 0, "odd") }).await.unwrap() })
        })
        .collect();
    runtime.block_on(async {
        for (i, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.is_err_and(|error| error.is_panic()), i % 2 == 1);
        }
    });
    assert_eq!((slots.available(), slots.waiters()), (1, 0));
}

#[test]
fn a_closure_that_panics_spends_its_cell_and_no_more() {
    let runtime = VirtualRuntime::new();
    let limiter = RateLimiter::with_runtime(Quota::per_second(10), runtime.clone());
    assert!(panic_of(|| runtime.block_on(limiter.run_many(3, async { panic!("in run") }))).is_some());
    let wrapped = limiter.wrap(|()| async { panic!("in wrap") });
    assert!(panic_of(|| runtime.block_on(wrapped(()))).is_some());
    assert_eq!((limiter.available(), limiter.waiters()), (6, 0));
}

#[test]
fn a_future_that_panics_when_it_is_dropped_returns_its_permit() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let slots = ConcurrencyLimiter::with_runtime(1, VirtualRuntime::new());
    let mut run = Box::pin(slots.run(async {
        let _bomb = Bomb;
        core::future::pending::<()>().await;
    }));
    assert!(poll_once(run.as_mut()).is_pending());
    assert_eq!(slots.available(), 0);
    assert_eq!(panic_of(|| drop(run)).as_deref(), Some("in drop"));
    assert_eq!(slots.available(), 1);
}

#[test]
fn a_permit_dropped_while_its_thread_unwinds_wakes_the_next() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().unwrap();
    let (mut waiter, mut next) = (pin!(semaphore.acquire()), pin!(semaphore.acquire()));
    assert!(poll_with(waiter.as_mut(), &Panicky::Wake.waker()).is_pending());
    assert!(poll_once(next.as_mut()).is_pending());
    let panic = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        let _permit = permit;
        panic!("the work failed");
    }));
    assert_eq!(message_of(&*panic.unwrap_err()), "the work failed");
    assert!(poll_once(waiter).is_ready());
    assert!(poll_once(next).is_ready());
}
