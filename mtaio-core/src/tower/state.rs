//! What the futures of services with a limit have in common: wait for the limit, then for the service.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::error::LimitError;
use crate::limit::ResourceLimitError;

/// What happens to a request beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Wait,
    Refuse,
}

pin_project! {
    /// Where a request is.
    #[project = StateProjection]
    pub(super) enum State<A, C, F, P> {
        Waiting {
            #[pin]
            admit: A,
            call: Option<C>,
        },
        Running {
            // Before the permit, so that it is dropped before it.
            #[pin]
            future: F,
            // None if there was nothing to ask for.
            permit: Option<P>,
        },
        Refused {
            error: ResourceLimitError,
        },
        Over,
    }
}

impl<A, S, Q, P> State<A, (S, Q), S::Future, P>
where
    S: Service<Q>,
    A: Future<Output = Result<P, ResourceLimitError>>,
{
    /// Waits before it calls.
    pub(super) fn waiting(inner: &mut S, request: Q, admit: A) -> Self
    where
        S: Clone,
    {
        // The one that is ready goes along, and a clone stays.
        let clone = inner.clone();
        Self::Waiting { admit, call: Some((core::mem::replace(inner, clone), request)) }
    }

    /// Calls now if it was admitted.
    pub(super) fn decided(inner: &mut S, request: Q, admitted: Result<Option<P>, ResourceLimitError>) -> Self {
        match admitted {
            Ok(permit) => Self::Running { future: inner.call(request), permit },
            Err(error) => Self::Refused { error },
        }
    }

    pub(super) fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<S::Response, LimitError<S::Error>>> {
        loop {
            let next = match self.as_mut().project() {
                StateProjection::Waiting { admit, call } => match (ready!(admit.poll(context)), call.take()) {
                    (Ok(permit), Some((mut inner, request))) => {
                        Self::Running { future: inner.call(request), permit: Some(permit) }
                    }
                    (Err(error), _) => Self::Refused { error },
                    (Ok(_), None) => Self::Over,
                },
                StateProjection::Running { future, .. } => {
                    let outcome = ready!(future.poll(context));
                    self.set(Self::Over);
                    return Poll::Ready(outcome.map_err(LimitError::Inner));
                }
                StateProjection::Refused { error } => {
                    let error = *error;
                    self.set(Self::Over);
                    return Poll::Ready(Err(LimitError::Limited(error)));
                }
                StateProjection::Over => panic!("a future was polled after it had completed"),
            };
            self.set(next);
        }
    }

    pub(super) const fn is_running(&self) -> bool {
        matches!(self, Self::Running { .. })
    }
}
