//! The layer, its service and its future.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::error::LimitError;
use super::state::{Mode, State};
use crate::limit::Limiter;

/// Limits the services that it makes, all by the same limiter.
#[derive(Clone, Debug)]
pub struct LimitLayer<L> {
    limiter: L,
    mode: Mode,
}

impl<L> LimitLayer<L> {
    /// Makes a layer whose services let requests [wait](Self::wait).
    pub const fn new(limiter: L) -> Self {
        Self { limiter, mode: Mode::Wait }
    }

    /// Lets requests beyond the limit wait in line.
    pub fn wait(self) -> Self {
        Self { mode: Mode::Wait, ..self }
    }

    /// Refuses requests beyond the limit at once, with [`LimitError::Limited`].
    pub fn refuse(self) -> Self {
        Self { mode: Mode::Refuse, ..self }
    }
}

impl<S, L: Clone> Layer<S> for LimitLayer<L> {
    type Service = LimitService<S, L>;

    fn layer(&self, inner: S) -> LimitService<S, L> {
        LimitService { inner, limiter: self.limiter.clone(), mode: self.mode }
    }
}

/// A service behind a limit: what a [`LimitLayer`] makes.
#[derive(Clone, Debug)]
pub struct LimitService<S, L> {
    inner: S,
    limiter: L,
    mode: Mode,
}

impl<S, L> LimitService<S, L> {
    /// The service behind the limit.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service without its limit.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, L, Q> Service<Q> for LimitService<S, L>
where
    S: Service<Q> + Clone,
    L: Limiter,
{
    type Response = S::Response;
    type Error = LimitError<S::Error>;
    type Future = LimitFuture<S, L, Q>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(LimitError::Inner)
    }

    fn call(&mut self, request: Q) -> Self::Future {
        let state = match self.mode {
            Mode::Wait => State::waiting(&mut self.inner, request, self.limiter.admit(1)),
            Mode::Refuse => State::decided(&mut self.inner, request, self.limiter.try_admit(1).map(Some)),
        };
        LimitFuture { state }
    }
}

pin_project! {
    /// Waits for the limit if it must, then for the service: the future of a [`LimitService`].
    ///
    /// What the limiter gave is held until the service has answered.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct LimitFuture<S, L, Q>
    where
        S: Service<Q>,
        L: Limiter,
    {
        #[pin]
        state: State<L::Admit, (S, Q), S::Future, L::Permit>,
    }
}

impl<S, L, Q> Future for LimitFuture<S, L, Q>
where
    S: Service<Q>,
    L: Limiter,
{
    type Output = Result<S::Response, LimitError<S::Error>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().state.poll(context)
    }
}

impl<S: Service<Q>, L: Limiter, Q> fmt::Debug for LimitFuture<S, L, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitFuture").field("running", &self.state.is_running()).finish_non_exhaustive()
    }
}
