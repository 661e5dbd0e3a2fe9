//! Futures that pass a limit first.

use alloc::sync::Arc;
use core::fmt;
use core::future::{Future, Ready, ready};
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::error::ResourceLimitError;

pin_project! {
    /// Passes a limit, then runs a future: what `run` returns.
    ///
    /// What the limit gave is held until the future is done, and dropped after it.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Run<A, F>
    where
        A: Future,
    {
        #[pin]
        acquire: A,
        // Before the guard, so that it is dropped before it.
        #[pin]
        future: Option<F>,
        guard: Option<A::Output>,
    }
}

impl<A: Future, F> Run<A, F> {
    pub(crate) fn new(acquire: A, future: F) -> Self {
        Self { acquire, future: Some(future), guard: None }
    }
}

impl<A, G, F> Future for Run<A, F>
where
    A: Future<Output = Result<G, ResourceLimitError>>,
    F: Future,
{
    type Output = Result<F::Output, ResourceLimitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.guard.is_none() {
            match ready!(this.acquire.poll(context)) {
                Ok(guard) => *this.guard = Some(Ok(guard)),
                Err(refused) => {
                    this.future.set(None);
                    return Poll::Ready(Err(refused));
                }
            }
        }
        let future = this.future.as_mut().as_pin_mut().expect("a future was polled after it had completed");
        let output = ready!(future.poll(context));
        this.future.set(None);
        *this.guard = None;
        Poll::Ready(Ok(output))
    }
}

pin_project! {
    /// As [`Run`], with one result instead of two in each other: what `try_run` returns.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct TryRun<A, F>
    where
        A: Future,
    {
        #[pin]
        run: Run<A, F>,
    }
}

impl<A: Future, F> TryRun<A, F> {
    pub(super) fn new(run: Run<A, F>) -> Self {
        Self { run }
    }
}

impl<A, G, F, T, E> Future for TryRun<A, F>
where
    A: Future<Output = Result<G, ResourceLimitError>>,
    F: Future<Output = Result<T, E>>,
    E: From<ResourceLimitError>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().run.poll(context).map(|outcome| outcome.unwrap_or_else(|refused| Err(refused.into())))
    }
}

impl<A: Future, F> fmt::Debug for Run<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("running", &self.guard.is_some()).finish_non_exhaustive()
    }
}

impl<A: Future, F> fmt::Debug for TryRun<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.run.fmt(f)
    }
}

/// What [`Wrapped`] calls: a function of one argument that makes a future.
pub trait Call<X> {
    /// What it makes.
    type Future: Future;

    /// Calls it.
    fn call(&self, argument: X) -> Self::Future;
}

impl<X, F, T> Call<X> for F
where
    F: Fn(X) -> T,
    T: Future,
{
    type Future = T;

    fn call(&self, argument: X) -> T {
        self(argument)
    }
}

/// A function that is not async, called as one that is.
#[derive(Debug)]
pub struct NotAsync<F>(pub(super) F);

impl<X, F, T> Call<X> for NotAsync<F>
where
    F: Fn(X) -> T,
{
    type Future = Ready<T>;

    fn call(&self, argument: X) -> Ready<T> {
        ready((self.0)(argument))
    }
}

pin_project! {
    /// Passes a limit, calls a function, and runs what it returns: what a wrapped function returns.
    ///
    /// The function is called after the limit was passed. What the limit gave is held until the call is done.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Wrapped<A, F, X>
    where
        A: Future,
        F: Call<X>,
    {
        #[pin]
        acquire: A,
        call: Option<(Arc<F>, X)>,
        // Before the guard, so that it is dropped before it.
        #[pin]
        future: Option<F::Future>,
        guard: Option<A::Output>,
    }
}

impl<A: Future, F: Call<X>, X> Wrapped<A, F, X> {
    pub(super) fn new(acquire: A, function: Arc<F>, argument: X) -> Self {
        Self { acquire, call: Some((function, argument)), future: None, guard: None }
    }
}

impl<A, G, F, X> Future for Wrapped<A, F, X>
where
    A: Future<Output = Result<G, ResourceLimitError>>,
    F: Call<X>,
{
    type Output = Result<<F::Future as Future>::Output, ResourceLimitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.guard.is_none() {
            let guard = ready!(this.acquire.poll(context))?;
            *this.guard = Some(Ok(guard));
            let (function, argument) = this.call.take().expect("a future was polled after it had completed");
            this.future.set(Some(function.call(argument)));
        }
        let future = this.future.as_mut().as_pin_mut().expect("a future was polled after it had completed");
        let output = ready!(future.poll(context));
        this.future.set(None);
        *this.guard = None;
        Poll::Ready(Ok(output))
    }
}

impl<A: Future, F: Call<X>, X> fmt::Debug for Wrapped<A, F, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wrapped").field("running", &self.future.is_some()).finish_non_exhaustive()
    }
}
