//! The layer that limits time, its service and its future.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::runtime::Timer;
use crate::timeout::{Elapsed, RunOwned, TimeoutManager};

/// Limits how long a request may take, by the timeout of a manager, with one timer for all of them.
///
/// Outside a layer that limits it bounds the wait for the limit too; inside, the work alone.
#[derive(Debug)]
pub struct TimeoutLayer<R: Timer> {
    manager: TimeoutManager<R>,
}

impl<R: Timer> TimeoutLayer<R> {
    /// Makes a layer whose services run their requests within the timeout of `manager`.
    pub const fn new(manager: TimeoutManager<R>) -> Self {
        Self { manager }
    }
}

impl<R: Timer> Clone for TimeoutLayer<R> {
    fn clone(&self) -> Self {
        Self { manager: self.manager.clone() }
    }
}

impl<S, R: Timer> Layer<S> for TimeoutLayer<R> {
    type Service = TimeoutService<S, R>;

    fn layer(&self, inner: S) -> TimeoutService<S, R> {
        TimeoutService { inner, manager: self.manager.clone() }
    }
}

/// A service whose answers come in time or not at all: what a [`TimeoutLayer`] makes.
#[derive(Debug)]
pub struct TimeoutService<S, R: Timer> {
    inner: S,
    manager: TimeoutManager<R>,
}

impl<S, R: Timer> TimeoutService<S, R> {
    /// The service whose time is limited.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service without its limit.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone, R: Timer> Clone for TimeoutService<S, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), manager: self.manager.clone() }
    }
}

impl<S, R, Q> Service<Q> for TimeoutService<S, R>
where
    S: Service<Q>,
    R: Timer,
{
    type Response = S::Response;
    type Error = TimeoutError<S::Error>;
    type Future = TimeoutFuture<S::Future, R>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(TimeoutError::Inner)
    }

    fn call(&mut self, request: Q) -> Self::Future {
        TimeoutFuture { run: self.manager.run_owned(self.inner.call(request)) }
    }
}

pin_project! {
    /// Waits for the service, and not too long: the future of a [`TimeoutService`].
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct TimeoutFuture<F, R>
    where
        R: Timer,
    {
        #[pin]
        run: RunOwned<R, F>,
    }
}

impl<F, R, T, E> Future for TimeoutFuture<F, R>
where
    F: Future<Output = Result<T, E>>,
    R: Timer,
{
    type Output = Result<T, TimeoutError<E>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(self.project().run.poll(context)) {
            Ok(outcome) => outcome.map_err(TimeoutError::Inner),
            Err(elapsed) => Err(TimeoutError::Elapsed(elapsed)),
        })
    }
}

impl<F, R: Timer> fmt::Debug for TimeoutFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutFuture").finish_non_exhaustive()
    }
}

/// Why a service whose time is limited did not answer: its time was over, or its own error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeoutError<E> {
    /// The time was over.
    Elapsed(Elapsed),
    /// The service failed.
    Inner(E),
}

impl<E> TimeoutError<E> {
    /// How it ran out of time, if it did.
    pub fn elapsed(&self) -> Option<&Elapsed> {
        match self {
            Self::Elapsed(elapsed) => Some(elapsed),
            Self::Inner(_) => None,
        }
    }

    /// The error of the service, if it failed in time.
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Elapsed(_) => None,
            Self::Inner(error) => Some(error),
        }
    }
}

impl<E: fmt::Display> fmt::Display for TimeoutError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elapsed(elapsed) => elapsed.fmt(f),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for TimeoutError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Elapsed(elapsed) => Some(elapsed),
            Self::Inner(error) => Some(error),
        }
    }
}
