//! A deadline over a block.

use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use pin_project_lite::pin_project;

use super::deadlines::{Place, Shared};
use super::error::Elapsed;
use super::run::{Expiry, poll_elapsed};
use super::span::Limit;
use crate::runtime::Timer;
use crate::time::ambient::{At, Frame, Moving, Shields, under};
use crate::time::{Deadline, Instant};

pin_project! {
    /// Runs a block with a deadline over all of it: what [`TimeoutManager::scope`](super::TimeoutManager::scope) returns.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Scope<'a, R, F>
    where
        R: Timer,
    {
        // `None` once the time is over: it is dropped before anybody hears of that.
        #[pin]
        future: Option<F>,
        limit: Limit,
        #[pin]
        bounds: Bounds<'a, R>,
    }
}

impl<'a, R: Timer, F: Future> Scope<'a, R, F> {
    pub(super) fn new(place: Place<&'a Shared<R>>, limit: Limit, future: F) -> Self {
        Self { future: Some(future), limit, bounds: Bounds::new(place) }
    }
}

impl<R: Timer, F: Future> Future for Scope<'_, R, F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let future = this.future.as_mut().as_pin_mut().expect(OVER);
        let poll = this.bounds.poll_within(this.limit, None, future, context);
        if let Poll::Ready(Err(_)) = poll {
            this.future.set(None);
        }
        poll
    }
}

pin_project! {
    /// Runs a block with a deadline that can be moved: what [`TimeoutManager::scope_with`](super::TimeoutManager::scope_with)
    /// returns.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct ScopeWith<'a, R, B, F>
    where
        R: Timer,
    {
        body: Option<B>,
        #[pin]
        future: Option<F>,
        limit: Limit,
        handle: ScopeHandle<R>,
        #[pin]
        bounds: Bounds<'a, R>,
    }

    impl<R, B, F> PinnedDrop for ScopeWith<'_, R, B, F>
    where
        R: Timer,
    {
        fn drop(this: Pin<&mut Self>) {
            // Handles may be kept for longer.
            this.handle.moving.unwatch();
        }
    }
}

impl<'a, R, B, F> ScopeWith<'a, R, B, F>
where
    R: Timer,
    B: FnOnce(ScopeHandle<R>) -> F,
    F: Future,
{
    pub(super) fn new(place: Place<&'a Shared<R>>, runtime: R, limit: Limit, body: B) -> Self {
        let handle = ScopeHandle { moving: Arc::new(Moving::new(Instant::FAR)), runtime };
        Self { body: Some(body), future: None, limit, handle, bounds: Bounds::new(place) }
    }
}

impl<R, B, F> Future for ScopeWith<'_, R, B, F>
where
    R: Timer,
    B: FnOnce(ScopeHandle<R>) -> F,
    F: Future,
{
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let moving = &this.handle.moving;
        if let Some(body) = this.body.take() {
            this.limit.begin(this.handle.runtime.now());
            moving.move_to(this.limit.end());
            this.future.set(Some(body(this.handle.clone())));
        }
        moving.watch(context.waker());
        let future = this.future.as_mut().as_pin_mut().expect(OVER);
        let poll = this.bounds.poll_within(this.limit, Some(moving), future, context);
        if let Poll::Ready(Err(_)) = poll {
            this.future.set(None);
        }
        poll
    }
}

const OVER: &str = "a future was polled after it had completed";

pin_project! {
    /// What is around the future of a scope.
    struct Bounds<'a, R>
    where
        R: Timer,
    {
        #[pin]
        place: Place<&'a Shared<R>>,
        shields: Option<Arc<Shields>>,
    }
}

impl<'a, R: Timer> Bounds<'a, R> {
    fn new(place: Place<&'a Shared<R>>) -> Self {
        Self { place, shields: None }
    }

    /// Polls a future with a deadline around it, that of `limit` or a moving one, and looks then whether that has passed.
    fn poll_within<F: Future>(
        self: Pin<&mut Self>,
        limit: &mut Limit,
        moving: Option<&Arc<Moving>>,
        future: Pin<&mut F>,
        context: &mut Context<'_>,
    ) -> Poll<Result<F::Output, Elapsed>> {
        let mut this = self.project();
        if !limit.has_begun() {
            limit.begin(this.place.now());
        }
        let at = moving.map_or(At::Fixed(limit.end()), |moving| At::Movable(Arc::clone(moving)));
        let clock = this.place.clock_id();
        this.shields.iter().for_each(|shields| shields.unwatch());
        let frame = Frame::Limit { clock, at, start: Some(limit.start()), shields: this.shields.take() };
        let (frame, poll) = under(frame, || future.poll(context));
        if let Frame::Limit { shields, .. } = frame {
            *this.shields = shields;
        }
        if let Poll::Ready(output) = poll {
            this.place.forget();
            return Poll::Ready(Ok(output));
        }
        if let Some(moving) = moving {
            let moved = moving.instant();
            if moved < limit.end() {
                // What is waited for would come too late.
                this.place.as_mut().forget();
            }
            limit.move_to(moved);
        }
        if this.shields.as_ref().is_some_and(|shields| shields.hold(context.waker())) {
            // Until that is done there is nothing else to wait for.
            this.place.forget();
            return Poll::Pending;
        }
        poll_elapsed(this.place, limit, context).map(Err)
    }
}

/// Moves the deadline of a scope while that runs: what [`TimeoutManager::scope_with`](super::TimeoutManager::scope_with) passes to its
/// body. Clones move the same deadline; after the scope's end they move nothing.
pub struct ScopeHandle<R: Timer> {
    moving: Arc<Moving>,
    runtime: R,
}

impl<R: Timer> ScopeHandle<R> {
    /// The scope's own deadline. Scopes around it may have earlier ones.
    pub fn deadline(&self) -> Deadline {
        Deadline::at(self.moving.instant()).on(self.runtime.clock_id())
    }

    /// Moves the deadline, forwards or back. One that has passed ends the scope when what is in it waits next. A deadline of another clock
    /// says nothing here: it means none.
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) {
        self.moving.move_to(deadline.into().instant_on(self.runtime.clock_id()));
    }

    /// Gives the scope so much more time.
    pub fn extend(&self, more: Duration) {
        self.moving.extend(more);
    }

    /// Ends the scope when what is in it waits next.
    pub fn expire(&self) {
        self.moving.move_to(self.runtime.now());
    }
}

impl<R: Timer> Clone for ScopeHandle<R> {
    fn clone(&self) -> Self {
        Self { moving: Arc::clone(&self.moving), runtime: self.runtime.clone() }
    }
}

impl<R: Timer> fmt::Debug for ScopeHandle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopeHandle").field("deadline", &self.deadline()).finish()
    }
}

impl<R: Timer, F> fmt::Debug for Scope<'_, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl<R: Timer, B, F> fmt::Debug for ScopeWith<'_, R, B, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopeWith").field("deadline", &self.handle.deadline()).finish_non_exhaustive()
    }
}
