//! The futures of a concurrency limiter.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use pin_project_lite::pin_project;

use crate::limit::error::ResourceLimitError;
use crate::runtime::Timer;
use crate::sync::{Acquire, AcquireOwned, OwnedPermit, Permit};

pin_project! {
    /// Waits for permits: the future of [`ConcurrencyLimiter::acquire`](super::ConcurrencyLimiter::acquire) and
    /// [`acquire_many`](super::ConcurrencyLimiter::acquire_many).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct AcquireSlots<'a> {
        #[pin]
        acquire: Acquire<'a>,
    }
}

impl<'a> AcquireSlots<'a> {
    #[inline]
    pub(super) fn new(acquire: Acquire<'a>) -> Self {
        Self { acquire }
    }
}

impl<'a> Future for AcquireSlots<'a> {
    type Output = Result<Permit<'a>, ResourceLimitError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().acquire.poll(context).map_err(Into::into)
    }
}

pin_project! {
    /// Waits for permits without a lifetime: the future of
    /// [`ConcurrencyLimiter::acquire_owned`](super::ConcurrencyLimiter::acquire_owned) and
    /// [`acquire_many_owned`](super::ConcurrencyLimiter::acquire_many_owned).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct AcquireSlotsOwned {
        #[pin]
        acquire: AcquireOwned,
    }
}

impl AcquireSlotsOwned {
    #[inline]
    pub(super) fn new(acquire: AcquireOwned) -> Self {
        Self { acquire }
    }
}

impl Future for AcquireSlotsOwned {
    type Output = Result<OwnedPermit, ResourceLimitError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().acquire.poll(context).map_err(Into::into)
    }
}

pin_project! {
    /// Waits for permits, for some time: the future of
    /// [`ConcurrencyLimiter::acquire_within`](super::ConcurrencyLimiter::acquire_within).
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct AcquireSlotsWithin<'a, R>
    where
        R: Timer,
    {
        // `None` once the time is over: who has left does not stand in line.
        #[pin]
        acquire: Option<AcquireSlots<'a>>,
        runtime: &'a R,
        max_wait: Duration,
        // Made when it has to wait.
        #[pin]
        sleep: Option<R::Sleep>,
    }
}

impl<'a, R: Timer> AcquireSlotsWithin<'a, R> {
    pub(super) fn new(acquire: AcquireSlots<'a>, runtime: &'a R, max_wait: Duration) -> Self {
        Self { acquire: Some(acquire), runtime, max_wait, sleep: None }
    }
}

impl<'a, R: Timer> Future for AcquireSlotsWithin<'a, R> {
    type Output = Result<Permit<'a>, ResourceLimitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let acquire = this.acquire.as_mut().as_pin_mut().expect("a future was polled after it had completed");
        if let Poll::Ready(outcome) = acquire.poll(context) {
            return Poll::Ready(outcome);
        }
        if this.sleep.is_none() {
            this.sleep.set(Some(this.runtime.sleep_until(this.runtime.now() + *this.max_wait)));
        }
        match this.sleep.as_pin_mut().map(|sleep| sleep.poll(context)) {
            Some(Poll::Ready(())) => {
                this.acquire.set(None);
                let left = crate::time::nanos(*this.max_wait);
                Poll::Ready(Err(ResourceLimitError::deadline(None, left)))
            }
            _ => Poll::Pending,
        }
    }
}

impl<R: Timer> core::fmt::Debug for AcquireSlotsWithin<'_, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("AcquireSlotsWithin").field("max_wait", &self.max_wait).finish_non_exhaustive()
    }
}
