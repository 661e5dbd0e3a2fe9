//! One future with a limit.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use alloc::sync::Arc;

use pin_project_lite::pin_project;

use super::deadlines::{Place, Shared};
use super::error::Elapsed;
use super::span::{End, Limit};
use crate::runtime::Timer;
use crate::time::{ClockId, Instant};

/// Where an instant is waited for.
pub(super) trait Expiry {
    /// The clock that the instants are of, and which one that is.
    fn now(&self) -> Instant;
    fn clock_id(&self) -> ClockId;

    /// Whether it waits already.
    fn is_set(&self) -> bool;

    /// Begins to wait for `at`, which has not come yet. `now` is a time just before.
    fn set(self: Pin<&mut Self>, at: Instant, now: Instant, context: &mut Context<'_>) -> Poll<End>;

    /// Goes on to wait for what was set.
    fn poll_end(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<End>;

    /// Waits no more.
    fn forget(self: Pin<&mut Self>);
}

/// Waits until `limit` is over, or one around the code that runs. What is around may be moved meanwhile: so it looks again when the
/// instant has come that it waited for.
pub(super) fn poll_elapsed<X: Expiry>(
    mut expiry: Pin<&mut X>,
    limit: &mut Limit,
    context: &mut Context<'_>,
) -> Poll<Elapsed> {
    if expiry.is_set() && ready!(expiry.as_mut().poll_end(context)) == End::Closed {
        return Poll::Ready(Elapsed::CLOSED);
    }
    loop {
        let (now, clock) = (expiry.now(), expiry.clock_id());
        limit.begin(now);
        let at = limit.end_here(clock);
        if at <= now && at != Instant::FAR {
            return Poll::Ready(limit.elapsed_here(clock));
        }
        if ready!(expiry.as_mut().set(at, now, context)) == End::Closed {
            return Poll::Ready(Elapsed::CLOSED);
        }
    }
}

pin_project! {
    /// A future and its limit, which counts from the end of the first poll.
    pub(super) struct Limited<X, F> {
        // `None` once the time is over: it is dropped before anybody hears of that.
        #[pin]
        future: Option<F>,
        #[pin]
        expiry: X,
        limit: Limit,
    }
}

impl<X: Expiry, F: Future> Limited<X, F> {
    #[inline]
    pub(super) fn new(expiry: X, limit: Limit, future: F) -> Self {
        Self { future: Some(future), expiry, limit }
    }

    /// When its limit began; known from then on.
    pub(super) fn start(&self) -> Instant {
        self.limit.start()
    }
}

impl<X: Expiry, F: Future> Future for Limited<X, F> {
    type Output = Result<F::Output, Elapsed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let future = this.future.as_mut().as_pin_mut().expect("a future was polled after it had completed");
        if let Poll::Ready(output) = future.poll(context) {
            this.expiry.forget();
            return Poll::Ready(Ok(output));
        }
        let elapsed = ready!(poll_elapsed(this.expiry, this.limit, context));
        this.future.set(None);
        Poll::Ready(Err(elapsed))
    }
}

pin_project! {
    /// Runs a future with a limit: what [`TimeoutManager::run`](super::TimeoutManager::run) returns.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Run<'a, R, F>
    where
        R: Timer,
    {
        #[pin]
        limited: Limited<Place<&'a Shared<R>>, F>,
    }
}

impl<'a, R: Timer, F: Future> Run<'a, R, F> {
    #[inline]
    pub(super) fn new(place: Place<&'a Shared<R>>, limit: Limit, future: F) -> Self {
        Self { limited: Limited::new(place, limit, future) }
    }
}

impl<R: Timer, F: Future> Future for Run<'_, R, F> {
    type Output = Result<F::Output, Elapsed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().limited.poll(context)
    }
}

pin_project! {
    /// As [`Run`], and keeps the manager alive: what [`TimeoutManager::run_owned`](super::TimeoutManager::run_owned) returns.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct RunOwned<R, F>
    where
        R: Timer,
    {
        #[pin]
        limited: Limited<Place<Arc<Shared<R>>>, F>,
    }
}

impl<R: Timer, F: Future> RunOwned<R, F> {
    pub(super) fn new(place: Place<Arc<Shared<R>>>, limit: Limit, future: F) -> Self {
        Self { limited: Limited::new(place, limit, future) }
    }
}

impl<R: Timer, F: Future> Future for RunOwned<R, F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().limited.poll(context)
    }
}

impl<R: Timer, F> fmt::Debug for Run<'_, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("limit", &self.limited.limit).finish_non_exhaustive()
    }
}

impl<R: Timer, F> fmt::Debug for RunOwned<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOwned").field("limit", &self.limited.limit).finish_non_exhaustive()
    }
}
