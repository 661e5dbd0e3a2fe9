//! Wakers that tests look into.

use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use std::sync::Mutex;

/// Counts how often it is called.
#[derive(Default)]
pub(super) struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Counter {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Does something when it is called.
struct Action<F>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for Action<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

pub(super) fn waker(action: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Action(action)))
}

pub(super) fn panicking(message: &'static str) -> Waker {
    waker(move || std::panic::panic_any(message))
}

/// Wakers that write down their numbers.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<usize>>>);

impl Log {
    pub(super) fn waker(&self, number: usize) -> Waker {
        let log = self.clone();
        waker(move || log.0.lock().unwrap().push(number))
    }

    pub(super) fn take(&self) -> Vec<usize> {
        core::mem::take(&mut self.0.lock().unwrap())
    }
}

pub(super) fn poll_with<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

pub(super) fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    poll_with(future, Waker::noop())
}

/// Runs `f`, which is to panic, and returns what it said.
pub(super) fn panic_of(f: impl FnOnce()) -> &'static str {
    let panic = std::panic::catch_unwind(core::panic::AssertUnwindSafe(f)).expect_err("it was to panic");
    panic.downcast_ref::<&'static str>().copied().expect("a message")
}
