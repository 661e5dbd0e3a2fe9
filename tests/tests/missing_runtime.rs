//! Futures that are polled where their runtime is not: they work, or say what to do.

use core::future::{Future, pending};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::sync::mpsc;

use mtaio_core::limit::{Quota, RateLimiter, ResourceLimitError};
use mtaio_core::runtime::Timer;
use mtaio_tests::{panic_of, park_on, poll_once, within_a_minute};
use mtaio_tokio::{ConcurrencyLimiter, TimeoutManager, timeout};
use tokio::runtime::{Builder, Runtime};

const HOUR: Duration = Duration::from_secs(3600);
const SLOW: Quota = Quota::per_hour(1).burst(1);
const FAST: Quota = Quota::per_second(1000).burst(1);

fn tokio_limiter(quota: Quota) -> mtaio_tokio::RateLimiter {
    mtaio_tokio::RateLimiter::new(quota)
}

fn without_time() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

/// What the first poll of `wait` panics with. Whatever it left behind is dropped.
fn panic_of_waiting(wait: impl Future) -> String {
    let mut wait = Box::pin(wait);
    panic_of(|| poll_once(wait.as_mut())).expect("it cannot wait here")
}

#[test]
fn what_is_ready_needs_no_tokio() {
    let rate = tokio_limiter(Quota::per_hour(10).burst(10));
    assert_eq!(park_on(rate.acquire()), Ok(()));
    assert_eq!(park_on(rate.acquire_many(2)), Ok(()));
    assert_eq!(park_on(rate.acquire_within(Duration::ZERO)), Ok(()));
    assert_eq!(park_on(rate.run(async { 42 })), Ok(42));
    assert_eq!(rate.available(), 5);
    let slots = ConcurrencyLimiter::new(1);
    assert!(park_on(slots.acquire_within(Duration::ZERO)).is_ok());
}

#[test]
fn slots_are_waited_for_without_tokio() {
    let slots = ConcurrencyLimiter::new(1);
    let permit = slots.try_acquire().unwrap();
    let mut waiter = pin!(slots.acquire());
    assert!(poll_once(waiter.as_mut()).is_pending());
    drop(permit);
    assert!(poll_once(waiter).is_ready());
}

#[test]
fn waiting_outside_tokio_panics_and_says_what_to_do() {
    let rate = tokio_limiter(SLOW);
    rate.try_acquire().unwrap();
    for message in [
        panic_of_waiting(rate.acquire()),
        panic_of_waiting(rate.acquire_within(Duration::MAX)),
        panic_of_waiting(rate.run(async {})),
        panic_of_waiting(rate.wrap(|()| async {})(())),
    ] {
        assert!(message.contains("no tokio runtime polls it"), "{message}");
        assert!(message.contains("#[tokio::main]") && message.contains("mtaio-smol"), "{message}");
    }
    assert_eq!(rate.waiters(), 0);
}

#[test]
fn waiting_for_slots_for_some_time_outside_tokio_panics_and_says_what_to_do() {
    let slots = ConcurrencyLimiter::new(1);
    let permit = slots.try_acquire().unwrap();
    let message = panic_of_waiting(slots.acquire_within(Duration::from_secs(1)));
    assert!(message.contains("no tokio runtime polls it") && message.contains("#[tokio::main]"), "{message}");
    assert_eq!(slots.waiters(), 0);
    drop(permit);
    assert!(slots.try_acquire().is_ok());
}

#[test]
fn waiting_without_the_time_driver_panics_and_says_what_to_do() {
    let rate = tokio_limiter(SLOW);
    rate.try_acquire().unwrap();
    let slots = ConcurrencyLimiter::new(1);
    let _permit = slots.try_acquire().unwrap();
    without_time().block_on(async {
        for message in
            [panic_of_waiting(rate.acquire()), panic_of_waiting(slots.acquire_within(Duration::from_secs(1)))]
        {
            assert!(message.contains("timers are disabled") && message.contains("enable_time"), "{message}");
        }
    });
    assert_eq!((rate.waiters(), slots.waiters()), (0, 0));
}

#[test]
fn a_timeout_of_what_is_ready_or_has_no_end_needs_no_tokio() {
    let tm = TimeoutManager::new(HOUR);
    assert_eq!(park_on(tm.run(async { 7 })), Ok(7));
    assert_eq!(park_on(tm.scope(async { 7 })), Ok(7));
    assert_eq!(park_on(timeout(HOUR, async { 7 })), Ok(7));
    assert!(park_on(tm.run_within(Duration::ZERO, pending::<()>())).is_err());
    assert!(poll_once(pin!(tm.run_within(Duration::MAX, pending::<()>()))).is_pending());
    assert!(poll_once(pin!(TimeoutManager::unbounded().run(pending::<()>()))).is_pending());
    assert_eq!(tm.pending(), 0);
}

#[test]
fn a_timeout_that_has_to_wait_without_a_timer_panics_and_says_what_to_do() {
    let tm = TimeoutManager::new(HOUR);
    let messages = || {
        [
            panic_of_waiting(tm.run(pending::<()>())),
            panic_of_waiting(tm.run_within(HOUR / 2, pending::<()>())),
            panic_of_waiting(tm.scope(pending::<()>())),
            panic_of_waiting(tm.scope_with(|_| pending::<()>())),
            panic_of_waiting(tm.scope(tm.run(pending::<()>()))),
            panic_of_waiting(timeout(HOUR, pending::<()>())),
        ]
    };
    for message in messages() {
        assert!(message.contains("no tokio runtime polls it") && message.contains("#[tokio::main]"), "{message}");
    }
    for message in without_time().block_on(async { messages() }) {
        assert!(message.contains("timers are disabled") && message.contains("enable_time"), "{message}");
    }
    assert_eq!((tm.pending(), tm.remaining()), (0, None));
}

#[test]
fn all_other_managers_time_out_under_any_executor() {
    within_a_minute(|| {
        let short = Duration::from_millis(5);
        assert!(park_on(mtaio_smol::TimeoutManager::new(short).run(pending::<()>())).is_err());
        assert!(park_on(mtaio_std_compat::TimeoutManager::new(short).run(pending::<()>())).is_err());
        assert!(park_on(mtaio_std_compat::thread::TimeoutManager::new(short).run(pending::<()>())).is_err());
    });
}

#[test]
fn others_wait_on_when_one_panics() {
    within_a_minute(|| {
        let rate = tokio_limiter(SLOW);
        rate.try_acquire().unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        let mut waiter = Box::pin(rate.acquire());
        runtime.block_on(async { assert!(poll_once(waiter.as_mut()).is_pending()) });

        panic_of_waiting(rate.acquire());
        without_time().block_on(async { panic_of_waiting(rate.acquire()) });
        assert_eq!(rate.waiters(), 1);

        rate.set_quota(FAST);
        assert_eq!(runtime.block_on(waiter), Ok(()));
        assert_eq!(runtime.block_on(rate.acquire()), Ok(()));
    });
}

#[test]
fn a_waiter_that_panicked_first_leaves_the_next_one_its_timer() {
    within_a_minute(|| {
        let rate = tokio_limiter(Quota::every(Duration::from_millis(20)).unwrap());
        rate.try_acquire().unwrap();
        // It still stands in line, and will never be polled again.
        let mut stuck = Box::pin(rate.acquire());
        without_time().block_on(async { _ = panic_of(|| poll_once(stuck.as_mut())) });
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        assert_eq!(runtime.block_on(rate.acquire()), Ok(()));
    });
}

async fn wait_three_times<R: Timer>(rate: RateLimiter<R>) -> Result<(), ResourceLimitError> {
    for _ in 0..3 {
        rate.acquire().await?;
    }
    Ok(())
}

#[test]
fn all_other_limiters_wait_under_any_executor() {
    within_a_minute(|| {
        park_on(wait_three_times(mtaio_smol::RateLimiter::new(FAST))).unwrap();
        park_on(wait_three_times(mtaio_std_compat::RateLimiter::new(FAST))).unwrap();
        park_on(wait_three_times(mtaio_std_compat::thread::RateLimiter::new(FAST))).unwrap();
        without_time().block_on(wait_three_times(mtaio_smol::RateLimiter::new(FAST))).unwrap();
    });
}

#[test]
fn all_other_limiters_wait_for_slots_for_some_time_under_any_executor() {
    within_a_minute(|| {
        let slots = mtaio_std_compat::thread::ConcurrencyLimiter::new(1);
        let _permit = slots.try_acquire().unwrap();
        let refused = park_on(slots.acquire_within(Duration::from_millis(5))).unwrap_err();
        assert_eq!(refused.left(), Some(Duration::from_millis(5)));
        let mut forever = pin!(slots.acquire_within(Duration::MAX));
        assert!(matches!(poll_once(forever.as_mut()), Poll::Pending));
    });
}

#[test]
fn what_is_detached_outside_tokio_is_dropped_last_first() {
    struct Tells(u32, mpsc::Sender<u32>);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.1.send(self.0).unwrap();
        }
    }
    let (sender, drops) = mpsc::channel();
    let group = mtaio_tokio::ResourceGroup::new().detach_on_drop();
    let stack = mtaio_tokio::ExitStack::new().detach_on_drop();
    stack.push(group);
    for id in 1..=3 {
        let tells = Tells(id, sender.clone());
        stack.defer(async move || drop(tells));
    }
    drop((stack, sender));
    assert_eq!(drops.iter().collect::<Vec<_>>(), [3, 2, 1]);
}
