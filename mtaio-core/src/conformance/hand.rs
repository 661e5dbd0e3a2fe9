//! Futures that a check polls by hand, and what it asks of their outcomes.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::{Future, poll_fn};
use core::panic::AssertUnwindSafe;
use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use std::panic::catch_unwind;

use crate::limit::{ResourceLimitError, ResourceLimitErrorKind};

/// A waker that counts its calls.
#[derive(Debug, Default)]
pub(super) struct Calls(AtomicUsize);

impl Calls {
    pub(super) fn count(&self) -> usize {
        // ORDERING: SeqCst, here and below: checks are not in a hurry.
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker that panics when it is called.
pub(super) struct Trap;

impl Wake for Trap {
    fn wake(self: Arc<Self>) {
        panic!("a waker that panics");
    }
}

/// Does something when it is called.
struct OnWake<F>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for OnWake<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

pub(super) fn on_wake(action: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(OnWake(action)))
}

/// A future that nobody polls but the check.
pub(super) struct ByHand<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    calls: Arc<Calls>,
}

impl<'a, T> ByHand<'a, T> {
    pub(super) fn new(future: impl Future<Output = T> + 'a) -> Self {
        Self { future: Box::pin(future), calls: Arc::default() }
    }

    /// A future that was polled once, and waits.
    #[track_caller]
    pub(super) fn waiting(future: impl Future<Output = T> + 'a) -> Self {
        let mut by_hand = Self::new(future);
        by_hand.assert_waits();
        by_hand
    }

    pub(super) fn poll(&mut self) -> Poll<T> {
        let waker = Waker::from(Arc::clone(&self.calls));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    pub(super) fn poll_with(&mut self, waker: &Waker) -> Poll<T> {
        self.future.as_mut().poll(&mut Context::from_waker(waker))
    }

    pub(super) fn is_woken(&self) -> bool {
        self.calls.count() > 0
    }

    #[track_caller]
    pub(super) fn assert_waits(&mut self) {
        assert!(self.poll().is_pending(), "it does not wait");
    }

    /// Its output, which it must have by now.
    #[track_caller]
    pub(super) fn output(&mut self) -> T {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it still waits"),
        }
    }

    /// Its output, which it must have been told of.
    #[track_caller]
    pub(super) fn output_after_wake(&mut self) -> T {
        assert!(self.is_woken(), "it was not woken");
        self.output()
    }
}

/// The output of a future that must be ready at its first poll.
#[track_caller]
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> T {
    ByHand::new(future).output()
}

/// Gives way to the other tasks once.
pub(super) async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if core::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The error of a request that must be refused.
#[track_caller]
pub(super) fn refused<T>(outcome: Result<T, ResourceLimitError>) -> ResourceLimitError {
    match outcome {
        Ok(_) => panic!("it is let through"),
        Err(error) => error,
    }
}

#[track_caller]
pub(super) fn assert_refused<T>(outcome: Result<T, ResourceLimitError>, kind: ResourceLimitErrorKind) {
    let error = refused(outcome);
    assert_eq!(error.kind(), kind, "{error}");
}

/// Runs code that must panic, and returns its message.
#[track_caller]
pub(super) fn panic_of<T>(code: impl FnOnce() -> T) -> String {
    let Err(panic) = catch_unwind(AssertUnwindSafe(code)) else { panic!("it does not panic") };
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).into(),
        (_, Some(text)) => text.clone(),
        _ => panic!("a panic without a message"),
    }
}
