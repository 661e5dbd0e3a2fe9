//! The machinery of timeouts, where the conformance suite cannot get at it.

mod interleavings;
mod places;
#[cfg(feature = "test-util")]
mod properties;
#[cfg(feature = "test-util")]
mod sequential;
#[cfg(feature = "test-util")]
mod strict;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Counts how often it is called.
#[derive(Default)]
struct Calls(AtomicUsize);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A future that is polled by hand, with a waker of its own.
struct Held<T> {
    future: Pin<Box<dyn Future<Output = T> + Send>>,
    calls: Arc<Calls>,
}

impl<T> Held<T> {
    fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self { future: Box::pin(future), calls: Arc::default() }
    }

    fn waiting(future: impl Future<Output = T> + Send + 'static) -> Self {
        let mut held = Self::new(future);
        assert!(held.poll().is_pending(), "it does not wait");
        held
    }

    fn poll(&mut self) -> Poll<T> {
        let waker = Waker::from(Arc::clone(&self.calls));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// How often it was woken since this was asked last.
    fn woken(&self) -> usize {
        self.calls.0.swap(0, Ordering::SeqCst)
    }
}
