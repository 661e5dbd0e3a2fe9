//! The future of a lease.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::Stock;
use crate::limit::error::{ResourceLimitError, ResourceLimitErrorKind};
use crate::limit::rate::{AcquireCells, RateLimiter};
use crate::runtime::Timer;

pin_project! {
    /// Waits for the cells of a lease: the future of [`Lease::acquire`](super::Lease::acquire) and
    /// [`acquire_many`](super::Lease::acquire_many).
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct AcquireLeased<'a, R>
    where
        R: Timer,
    {
        limiter: &'a RateLimiter<R>,
        stock: &'a mut Stock,
        n: u32,
        // In line for what is missing.
        #[pin]
        wait: Option<AcquireCells<'a, R>>,
    }
}

impl<'a, R: Timer> AcquireLeased<'a, R> {
    #[inline]
    pub(super) fn new(limiter: &'a RateLimiter<R>, stock: &'a mut Stock, n: u32) -> Self {
        Self { limiter, stock, n, wait: None }
    }

    #[cold]
    #[inline(never)]
    fn poll_fetch(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), ResourceLimitError>> {
        let mut this = self.project();
        if this.wait.is_none() {
            match this.stock.take_more(this.limiter, *this.n) {
                Err(error) if error.kind() == ResourceLimitErrorKind::NotReady => {
                    this.wait.set(Some(this.limiter.acquire_many(*this.n - this.stock.held)));
                }
                answer => return Poll::Ready(answer),
            }
        }
        let Some(wait) = this.wait.as_mut().as_pin_mut() else { unreachable!("it is in line") };
        let outcome = ready!(wait.poll(context));
        this.wait.set(None);
        if outcome.is_ok() {
            this.stock.take_with_waited_for(this.limiter, *this.n);
        }
        Poll::Ready(outcome.map_err(|error| error.asked(*this.n)))
    }
}

impl<R: Timer> Future for AcquireLeased<'_, R> {
    type Output = Result<(), ResourceLimitError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        if this.wait.is_none() && this.stock.take(*this.n) {
            return Poll::Ready(Ok(()));
        }
        self.poll_fetch(context)
    }
}

impl<R: Timer> fmt::Debug for AcquireLeased<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireLeased").field("n", &self.n).field("waits", &self.wait.is_some()).finish_non_exhaustive()
    }
}
