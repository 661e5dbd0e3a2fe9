//! A future that a test polls by hand.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};

/// Counts how often it is called.
#[derive(Default)]
pub(crate) struct Calls(pub(crate) AtomicUsize);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A future that is polled by hand, with a waker of its own.
pub(crate) struct Held<T> {
    pub(crate) future: Pin<Box<dyn Future<Output = T> + Send>>,
    pub(crate) calls: Arc<Calls>,
}

impl<T> Held<T> {
    pub(crate) fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self { future: Box::pin(future), calls: Arc::default() }
    }

    pub(crate) fn waiting(future: impl Future<Output = T> + Send + 'static) -> Self {
        let mut held = Self::new(future);
        assert!(held.poll().is_pending(), "it does not wait");
        held
    }

    pub(crate) fn poll(&mut self) -> Poll<T> {
        let waker = Waker::from(Arc::clone(&self.calls));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// How often it was woken since this was asked last.
    pub(crate) fn woken(&self) -> usize {
        self.calls.0.swap(0, Ordering::SeqCst)
    }
}
