//! The futures of a concurrency limiter.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use pin_project_lite::pin_project;

use super::patience::Patience;
use crate::limit::error::ResourceLimitError;
use crate::limit::policy::priority;
use crate::runtime::Timer;
use crate::sync::{Acquire, AcquireOwned, OwnedPermit, Permit};

pin_project! {
    /// Waits for permits: the future of [`ConcurrencyLimiter::acquire`](super::ConcurrencyLimiter::acquire) and
    /// [`acquire_many`](super::ConcurrencyLimiter::acquire_many).
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct AcquireSlots<'a, R>
    where
        R: Timer,
    {
        #[pin]
        acquire: Acquire<'a>,
        patience: Patience<R>,
        runtime: &'a R,
    }
}

impl<'a, R: Timer> AcquireSlots<'a, R> {
    #[inline]
    pub(super) fn new(acquire: Acquire<'a>, runtime: &'a R) -> Self {
        Self { acquire, patience: Patience::new(), runtime }
    }

    fn in_class(self, class: u8) -> Self {
        Self { acquire: self.acquire.in_class(class), ..self }
    }

    fn missing_class(&self) -> Option<(u8, u8)> {
        self.acquire.missing_class()
    }

    /// Waits so long at most, from the first poll.
    fn poll_for(
        self: Pin<&mut Self>,
        max_wait: Option<Duration>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Permit<'a>, ResourceLimitError>> {
        let mut this = self.project();
        if let Poll::Ready(outcome) = this.acquire.as_mut().poll(context) {
            return Poll::Ready(outcome.map_err(Into::into));
        }
        this.patience.poll_over(*this.runtime, max_wait, context).map(|over| {
            this.acquire.give_up();
            Err(over)
        })
    }
}

impl<'a, R: Timer> Future for AcquireSlots<'a, R> {
    type Output = Result<Permit<'a>, ResourceLimitError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_for(None, context)
    }
}

pin_project! {
    /// Waits for permits without a lifetime: the future of
    /// [`ConcurrencyLimiter::acquire_owned`](super::ConcurrencyLimiter::acquire_owned) and
    /// [`acquire_many_owned`](super::ConcurrencyLimiter::acquire_many_owned).
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct AcquireSlotsOwned<R>
    where
        R: Timer,
    {
        #[pin]
        acquire: AcquireOwned,
        patience: Patience<R>,
        runtime: R,
        max_wait: Option<Duration>,
    }
}

impl<R: Timer> AcquireSlotsOwned<R> {
    #[inline]
    pub(super) fn new(acquire: AcquireOwned, runtime: R) -> Self {
        Self::within(acquire, runtime, None)
    }

    /// Waits so long at most, from the first poll.
    #[inline]
    pub(in crate::limit) fn within(acquire: AcquireOwned, runtime: R, max_wait: Option<Duration>) -> Self {
        Self { acquire, patience: Patience::new(), runtime, max_wait }
    }

    fn in_class(self, class: u8) -> Self {
        Self { acquire: self.acquire.in_class(class), ..self }
    }
}

impl<R: Timer> Future for AcquireSlotsOwned<R> {
    type Output = Result<OwnedPermit, ResourceLimitError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(outcome) = this.acquire.as_mut().poll(context) {
            return Poll::Ready(outcome.map_err(Into::into));
        }
        this.patience.poll_over(this.runtime, *this.max_wait, context).map(|over| {
            this.acquire.give_up();
            Err(over)
        })
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
        #[pin]
        acquire: AcquireSlots<'a, R>,
        max_wait: Duration,
    }
}

impl<'a, R: Timer> AcquireSlotsWithin<'a, R> {
    pub(super) fn new(acquire: AcquireSlots<'a, R>, max_wait: Duration) -> Self {
        Self { acquire, max_wait }
    }

    fn in_class(self, class: u8) -> Self {
        Self { acquire: self.acquire.in_class(class), ..self }
    }
}

impl<'a, R: Timer> Future for AcquireSlotsWithin<'a, R> {
    type Output = Result<Permit<'a>, ResourceLimitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.acquire.poll_for(Some(*this.max_wait), context)
    }
}

priority!(['a, R: Timer] AcquireSlots<'a, R>, Permit<'a>, acquire);
priority!([R: Timer] AcquireSlotsOwned<R>, OwnedPermit, acquire);
priority!(['a, R: Timer] AcquireSlotsWithin<'a, R>, Permit<'a>, acquire);

impl<R: Timer> fmt::Debug for AcquireSlots<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireSlots").field("acquire", &self.acquire).finish_non_exhaustive()
    }
}

impl<R: Timer> fmt::Debug for AcquireSlotsOwned<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireSlotsOwned").field("acquire", &self.acquire).finish_non_exhaustive()
    }
}

impl<R: Timer> fmt::Debug for AcquireSlotsWithin<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireSlotsWithin").field("max_wait", &self.max_wait).finish_non_exhaustive()
    }
}
