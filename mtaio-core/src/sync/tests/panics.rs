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

/// The wakes of a full batch run while more can be served. The first of them asks for a permit, and serves the rest before it
/// gets one; the last waker of the rest panics.
fn ask_while_a_waker_panics(ask: fn(&Semaphore)) {
    let semaphore = Arc::new(Semaphore::new(0));
    let mut waits: Vec<_> = (0..=BATCH).map(|_| Box::pin(semaphore.acquire_owned())).collect();
    let (asking, asked) = (Arc::clone(&semaphore), Counter::new());
    let count = Arc::clone(&asked);
    let asks = waker(move || {
        assert_eq!(panic_of(|| ask(&asking)), "a waker");
        count.clone().wake();
    });
    for (number, wait) in waits.iter_mut().enumerate() {
        let waker = match number {
            0 => asks.clone(),
            BATCH => panicking("a waker"),
            _ => Waker::noop().clone(),
        };
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
    }
    semaphore.add_permits(waits.len() + 1);
    assert_eq!(asked.count(), 1);
    assert_eq!(semaphore.available(), 1, "what it had got when the panic came is back");
    assert!(waits.iter_mut().all(|wait| poll(wait.as_mut()).is_ready()));
    assert_eq!(semaphore.available(), waits.len() + 1);
}

#[test]
fn a_panic_that_ends_a_first_poll_takes_no_permit_along() {
    ask_while_a_waker_panics(|semaphore| {
        let _ = poll(pin!(semaphore.acquire()));
    });
}

#[test]
fn a_panic_that_ends_a_try_takes_no_permit_along() {
    ask_while_a_waker_panics(|semaphore| {
        let _ = semaphore.try_acquire();
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
