//! The futures of an adaptive concurrency limiter.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::{AdaptiveConcurrencyLimiter, AdaptivePermit, Outcome};
use crate::limit::concurrency::AcquireSlotsOwned;
use crate::limit::error::ResourceLimitError;
use crate::runtime::Timer;

pin_project! {
    /// Waits for a permit: the future of [`AdaptiveConcurrencyLimiter::acquire`] and
    /// [`acquire_within`](AdaptiveConcurrencyLimiter::acquire_within).
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct AcquireAdaptive<R>
    where
        R: Timer,
    {
        limiter: AdaptiveConcurrencyLimiter<R>,
        #[pin]
        acquire: AcquireSlotsOwned<R>,
        waited: bool,
    }
}

impl<R: Timer> AcquireAdaptive<R> {
    pub(super) const fn new(limiter: AdaptiveConcurrencyLimiter<R>, acquire: AcquireSlotsOwned<R>) -> Self {
        Self { limiter, acquire, waited: false }
    }
}

impl<R: Timer> Future for AcquireAdaptive<R> {
    type Output = Result<AdaptivePermit<R>, ResourceLimitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let poll = this.acquire.poll(context);
        *this.waited |= poll.is_pending();
        poll.map_ok(|slot| this.limiter.begin(slot, *this.waited))
    }
}

pin_project! {
    /// Waits for a permit, runs a future, and tells what came of it: the future of [`AdaptiveConcurrencyLimiter::run`] and
    /// [`run_judged`](AdaptiveConcurrencyLimiter::run_judged).
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct RunAdaptive<R, F>
    where
        R: Timer,
        F: Future,
    {
        #[pin]
        acquire: AcquireAdaptive<R>,
        // Before the permit, so that it is dropped before it.
        #[pin]
        future: Option<F>,
        judge: fn(&F::Output) -> Outcome,
        permit: Option<AdaptivePermit<R>>,
    }
}

impl<R: Timer, F: Future> RunAdaptive<R, F> {
    pub(super) fn new(acquire: AcquireAdaptive<R>, future: F, judge: fn(&F::Output) -> Outcome) -> Self {
        Self { acquire, future: Some(future), judge, permit: None }
    }
}

impl<R: Timer, F: Future> Future for RunAdaptive<R, F> {
    type Output = Result<F::Output, ResourceLimitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.permit.is_none() {
            match ready!(this.acquire.poll(context)) {
                Ok(permit) => *this.permit = Some(permit),
                Err(refused) => {
                    this.future.set(None);
                    return Poll::Ready(Err(refused));
                }
            }
        }
        let future = this.future.as_mut().as_pin_mut().expect("a future was polled after it had completed");
        let output = ready!(future.poll(context));
        this.future.set(None);
        let outcome = (this.judge)(&output);
        if let Some(permit) = this.permit.take() {
            permit.finish(outcome);
        }
        Poll::Ready(Ok(output))
    }
}

pin_project! {
    /// As [`RunAdaptive`], with one result instead of two in each other: the future of [`AdaptiveConcurrencyLimiter::try_run`].
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct TryRunAdaptive<R, F>
    where
        R: Timer,
        F: Future,
    {
        #[pin]
        run: RunAdaptive<R, F>,
    }
}

impl<R: Timer, F: Future> TryRunAdaptive<R, F> {
    pub(super) const fn new(run: RunAdaptive<R, F>) -> Self {
        Self { run }
    }
}

impl<R, F, T, E> Future for TryRunAdaptive<R, F>
where
    R: Timer,
    F: Future<Output = Result<T, E>>,
    E: From<ResourceLimitError>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().run.poll(context).map(|outcome| outcome.unwrap_or_else(|refused| Err(refused.into())))
    }
}

impl<R: Timer> fmt::Debug for AcquireAdaptive<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireAdaptive").field("limiter", &self.limiter).finish_non_exhaustive()
    }
}

impl<R: Timer, F: Future> fmt::Debug for RunAdaptive<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunAdaptive").field("running", &self.permit.is_some()).finish_non_exhaustive()
    }
}

impl<R: Timer, F: Future> fmt::Debug for TryRunAdaptive<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.run.fmt(f)
    }
}
