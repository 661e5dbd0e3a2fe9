use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::pin::pin;
use core::task::{Poll, Waker};

use super::wakers::{Counter, Log, panic_of, panicking, poll, poll_with, waker};
use crate::primitive::BATCH;
use crate::sync::{AcquireErrorKind, Semaphore};

#[test]
fn a_waker_that_panics_costs_no_permit_and_no_wake() {
    let semaphore = Semaphore::new(0);
    let log = Log::default();
    let (mut first, mut second) = (pin!(semaphore.acquire()), pin!(semaphore.acquire()));
    assert!(poll_with(first.as_mut(), &panicking("a waker")).is_pending());
    assert!(poll_with(second.as_mut(), &log.waker(2)).is_pending());
    assert_eq!(panic_of(|| semaphore.add_permits(2)), "a waker");
    assert_eq!(log.take(), [2]);
    assert!(poll(first).is_ready());
    assert!(poll(second).is_ready());
    assert_eq!(semaphore.available(), 2);
}

/// What the wakes of a full batch run into: more can be served, and nobody does so before they are through. The first of them does
/// what is given.
fn in_the_middle_of_a_batch(last: Waker, act: impl Fn(&Semaphore) + Send + Sync + 'static) {
    let semaphore = Arc::new(Semaphore::new(0));
    let mut waits: Vec<_> = (0..=BATCH).map(|_| Box::pin(semaphore.acquire_owned())).collect();
    let (acting, acted) = (Arc::clone(&semaphore), Counter::new());
    let count = Arc::clone(&acted);
    let acts = waker(move || {
        act(&acting);
        count.clone().wake();
    });
    for (number, wait) in waits.iter_mut().enumerate() {
        let waker = match number {
            0 => &acts,
            BATCH => &last,
            _ => Waker::noop(),
        };
        assert!(poll_with(wait.as_mut(), waker).is_pending());
    }
    semaphore.add_permits(waits.len() + 1);
    assert_eq!(acted.count(), 1);
    assert_eq!(semaphore.available(), 1, "what was got meanwhile is back");
    assert!(waits.iter_mut().all(|wait| poll(wait.as_mut()).is_ready()));
    assert_eq!(semaphore.available(), waits.len() + 1);
}

#[test]
fn a_panic_that_ends_a_try_takes_no_permit_along() {
    // It serves the rest before it gets one itself.
    in_the_middle_of_a_batch(panicking("a waker"), |semaphore| {
        assert_eq!(panic_of(|| drop(semaphore.try_acquire())), "a waker");
    });
}

#[test]
fn who_comes_in_the_middle_of_a_batch_waits_behind_the_rest() {
    in_the_middle_of_a_batch(Waker::noop().clone(), |semaphore| {
        let mut wait = pin!(semaphore.acquire());
        assert!(poll(wait.as_mut()).is_pending());
        assert_eq!(semaphore.waiters(), 2);
    });
}

#[test]
fn a_waker_that_panics_does_not_keep_the_end_from_those_who_wait_for_it() {
    let semaphore = Semaphore::new(0);
    let (mut queued, mut closed) = (pin!(semaphore.acquire()), pin!(semaphore.closed()));
    let told = Counter::new();
    assert!(poll_with(queued.as_mut(), &panicking("a waker")).is_pending());
    assert!(poll_with(closed.as_mut(), &Waker::from(Arc::clone(&told))).is_pending());
    assert_eq!(panic_of(|| semaphore.close()), "a waker");
    assert_eq!(told.count(), 1);
    assert!(poll(closed).is_ready());
    assert!(matches!(poll(queued), Poll::Ready(Err(error)) if error.kind() == AcquireErrorKind::Closed));
}

/// A waker that panics when the last one lets go of it.
struct Fragile;

impl Wake for Fragile {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Fragile {
    fn drop(&mut self) {
        std::panic::panic_any("a waker that goes");
    }
}

#[test]
fn a_waker_that_panics_when_it_goes_does_not_keep_the_end_from_others() {
    let semaphore = Semaphore::new(1);
    let log = Log::default();
    let (mut leaves, mut stays) = (Box::pin(semaphore.closed()), pin!(semaphore.closed()));
    assert!(poll_with(leaves.as_mut(), &Waker::from(Arc::new(Fragile))).is_pending());
    assert!(poll_with(stays.as_mut(), &log.waker(2)).is_pending());
    drop(leaves);
    semaphore.close();
    assert_eq!(log.take(), [2]);
    assert!(poll(stays).is_ready());
}
