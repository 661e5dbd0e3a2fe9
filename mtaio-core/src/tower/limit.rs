//! The layer, its service and its future.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::error::LimitError;
use crate::limit::{Limiter, ResourceLimitError};

/// What happens to a request beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Wait,
    Refuse,
}

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
            Mode::Wait => {
                // The one that is ready goes along, and a clone stays.
                let clone = self.inner.clone();
                let inner = core::mem::replace(&mut self.inner, clone);
                State::Waiting { admit: self.limiter.admit(1), call: Some((inner, request)) }
            }
            Mode::Refuse => match self.limiter.try_admit(1) {
                Ok(permit) => State::Running { future: self.inner.call(request), permit },
                Err(error) => State::Refused { error },
            },
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

pin_project! {
    #[project = StateProjection]
    enum State<A, C, F, P> {
        Waiting {
            #[pin]
            admit: A,
            call: Option<C>,
        },
        Running {
            // Before the permit, so that it is dropped before it.
            #[pin]
            future: F,
            permit: P,
        },
        Refused {
            error: ResourceLimitError,
        },
        Over,
    }
}

impl<S, L, Q> Future for LimitFuture<S, L, Q>
where
    S: Service<Q>,
    L: Limiter,
{
    type Output = Result<S::Response, LimitError<S::Error>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Waiting { admit, call } => match (ready!(admit.poll(context)), call.take()) {
                    (Ok(permit), Some((mut inner, request))) => State::Running { future: inner.call(request), permit },
                    (Err(error), _) => State::Refused { error },
                    (Ok(_), None) => State::Over,
                },
                StateProjection::Running { future, .. } => {
                    let outcome = ready!(future.poll(context));
                    state.set(State::Over);
                    return Poll::Ready(outcome.map_err(LimitError::Inner));
                }
                StateProjection::Refused { error } => {
                    let error = *error;
                    state.set(State::Over);
                    return Poll::Ready(Err(LimitError::Limited(error)));
                }
                StateProjection::Over => panic!("a future was polled after it had completed"),
            };
            state.set(next);
        }
    }
}

impl<S: Service<Q>, L: Limiter, Q> fmt::Debug for LimitFuture<S, L, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = matches!(self.state, State::Running { .. });
        f.debug_struct("LimitFuture").field("running", &running).finish_non_exhaustive()
    }
}
