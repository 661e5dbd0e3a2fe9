//! A timer that calls wakers under its own lock, as those of some embedded runtimes do.

use super::*;
use crate::runtime::tests::strict::Strict;

struct Flag(AtomicBool);

impl Flag {
    fn new() -> (Arc<Self>, Waker) {
        let flag = Arc::new(Self(AtomicBool::new(false)));
        (Arc::clone(&flag), Waker::from(flag))
    }

    fn take(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn poll_by<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

fn exhausted() -> (Strict, RateLimiter<Strict>) {
    let runtime = Strict::default();
    let limiter = RateLimiter::with_runtime(Quota::per_second(10).burst(1), runtime.clone());
    limiter.try_acquire().unwrap();
    (runtime, limiter)
}

#[test]
fn the_waiter_at_the_front_ticks_and_those_behind_follow() {
    let (runtime, limiter) = exhausted();
    let ((first_woken, first_waker), (second_woken, second_waker)) = (Flag::new(), Flag::new());
    let (mut first, mut second) = (pin!(limiter.acquire()), pin!(limiter.acquire()));
    assert!(poll_by(first.as_mut(), &first_waker).is_pending());
    assert!(poll_by(second.as_mut(), &second_waker).is_pending());
    runtime.advance(Duration::from_millis(100));
    assert!(first_woken.take());
    assert!(poll_by(first, &first_waker).is_ready());
    runtime.advance(Duration::from_millis(100));
    assert!(second_woken.take());
    assert!(poll_by(second, &second_waker).is_ready());
}

#[test]
fn a_front_waiter_that_is_dropped_when_it_was_nudged_hands_the_alarm_on() {
    let (runtime, limiter) = exhausted();
    let (second_woken, second_waker) = Flag::new();
    let mut first = alloc::boxed::Box::pin(limiter.acquire());
    let mut second = pin!(limiter.acquire());
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll_by(second.as_mut(), &second_waker).is_pending());
    runtime.advance(Duration::from_millis(100));
    drop(first);
    assert!(second_woken.take(), "its turn has come, as the first one's had");
    assert!(poll_by(second, &second_waker).is_ready());
}

#[test]
fn a_driver_serves_everybody_behind_a_waiter_that_is_not_polled() {
    let (runtime, limiter) = exhausted();
    let ((driver_woken, driver_waker), (second_woken, second_waker)) = (Flag::new(), Flag::new());
    let (mut driver, mut left_alone, mut second) =
        (pin!(limiter.driver()), pin!(limiter.acquire()), pin!(limiter.acquire()));
    assert!(poll_by(driver.as_mut(), &driver_waker).is_pending());
    assert!(poll(left_alone.as_mut()).is_pending());
    assert!(poll_by(second.as_mut(), &second_waker).is_pending());
    for _ in 0..2 {
        runtime.advance(Duration::from_millis(100));
        assert!(driver_woken.take());
        assert!(poll_by(driver.as_mut(), &driver_waker).is_pending());
    }
    assert!(second_woken.take());
    assert!(poll_by(second, &second_waker).is_ready());
    limiter.close();
    assert!(driver_woken.take());
    assert!(poll_by(driver, &driver_waker).is_ready());
}

#[test]
fn a_driver_that_is_dropped_leaves_the_tick_to_the_front_waiter() {
    for was_woken in [false, true] {
        let (runtime, limiter) = exhausted();
        let (woken, waker) = Flag::new();
        let mut driver = alloc::boxed::Box::pin(limiter.driver());
        let mut waits = pin!(limiter.acquire());
        assert!(poll(driver.as_mut()).is_pending());
        assert!(poll_by(waits.as_mut(), &waker).is_pending());
        if was_woken {
            runtime.advance(Duration::from_millis(100));
        }
        drop(driver);
        runtime.advance(Duration::from_millis(100));
        assert!(woken.take());
        assert!(poll_by(waits, &waker).is_ready());
    }
}
