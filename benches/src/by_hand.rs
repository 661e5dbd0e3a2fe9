//! Polling by hand.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::Future;
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Context, Poll, Waker};

/// Polls with a waker that does nothing.
#[inline(always)]
pub fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The value of a future that is ready at once.
///
/// # Panics
///
/// If it is not.
#[inline(always)]
pub fn once<F: Future>(future: F) -> F::Output {
    match poll(pin!(future)) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it should be ready at once"),
    }
}

/// The value of a future that is ready at its second poll.
///
/// # Panics
///
/// If it is not.
#[inline(always)]
pub fn twice<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    assert!(poll(future.as_mut()).is_pending());
    match poll(future) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it should be ready at its second poll"),
    }
}

/// Lets the others go first, once, on any runtime.
#[derive(Debug, Default)]
pub struct Yield {
    is_polled: bool,
}

impl Future for Yield {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.is_polled {
            return Poll::Ready(());
        }
        self.is_polled = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A waker that counts, and has to be counted itself when it is cloned, as those of executors.
#[derive(Default)]
pub(crate) struct Bell {
    rung: AtomicU64,
}

impl Bell {
    pub(crate) fn rung(&self) -> u64 {
        // ORDERING: Relaxed: a statistic, orders nothing.
        self.rung.load(Ordering::Relaxed)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ORDERING: Relaxed: a statistic, orders nothing.
        self.rung.fetch_add(1, Ordering::Relaxed);
    }
}
