//! A limit that finds itself, around a service.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::error::LimitError;
use crate::limit::{AcquireAdaptive, AdaptiveConcurrencyLimiter, AdaptivePermit, Outcome, ResourceLimitError};
use crate::runtime::Timer;

/// Says what came of a request, by what the service answered.
///
/// Functions are one; [`OkOrDropped`] is the default.
pub trait Judge<T, E>: Clone {
    /// What came of it.
    fn judge(&self, answer: &Result<T, E>) -> Outcome;
}

impl<T, E, F> Judge<T, E> for F
where
    F: Fn(&Result<T, E>) -> Outcome + Clone,
{
    fn judge(&self, answer: &Result<T, E>) -> Outcome {
        self(answer)
    }
}

/// An answer is a success, and an error counts as dropped.
///
/// A service of HTTP answers with a status where it is overloaded: say so with [`AdaptiveLimitLayer::judged_by`].
#[derive(Clone, Copy, Debug, Default)]
pub struct OkOrDropped;

impl<T, E> Judge<T, E> for OkOrDropped {
    fn judge(&self, answer: &Result<T, E>) -> Outcome {
        if answer.is_ok() { Outcome::Success } else { Outcome::Dropped }
    }
}

/// Limits the services that it makes, all by the same adaptive limiter, and tells it what they answer.
///
/// A timeout belongs inside, so that its end is seen: a request whose future is dropped is ignored.
///
/// ```
/// use mtaio_core::limit::{AdaptiveConcurrencyLimiter, Outcome};
/// use mtaio_core::runtime::VirtualRuntime;
/// use mtaio_core::tower::AdaptiveLimitLayer;
/// use tower::{Layer, ServiceExt, service_fn};
///
/// let runtime = VirtualRuntime::new();
/// let limiter = AdaptiveConcurrencyLimiter::with_runtime(20, runtime.clone());
/// let status = service_fn(|status: u16| async move { Ok::<_, &str>(status) });
/// let layer = AdaptiveLimitLayer::new(limiter).refuse().judged_by(|answer: &Result<u16, &str>| match answer {
///     Ok(429 | 503 | 504) | Err(_) => Outcome::Dropped,
///     Ok(400..=499) => Outcome::Ignored,
///     Ok(_) => Outcome::Success,
/// });
/// assert_eq!(runtime.block_on(layer.layer(status).oneshot(200)).unwrap(), 200);
/// ```
#[derive(Debug)]
pub struct AdaptiveLimitLayer<R: Timer, J = OkOrDropped> {
    limiter: AdaptiveConcurrencyLimiter<R>,
    waits: bool,
    judge: J,
}

impl<R: Timer> AdaptiveLimitLayer<R> {
    /// Makes a layer whose services let requests [wait](Self::wait), and judge by [`OkOrDropped`].
    pub const fn new(limiter: AdaptiveConcurrencyLimiter<R>) -> Self {
        Self { limiter, waits: true, judge: OkOrDropped }
    }
}

impl<R: Timer, J> AdaptiveLimitLayer<R, J> {
    /// Lets requests beyond the limit wait in line.
    pub fn wait(self) -> Self {
        Self { waits: true, ..self }
    }

    /// Refuses requests beyond the limit at once, with [`LimitError::Limited`].
    pub fn refuse(self) -> Self {
        Self { waits: false, ..self }
    }

    /// Judges answers by a function, or another [`Judge`].
    pub fn judged_by<K>(self, judge: K) -> AdaptiveLimitLayer<R, K> {
        AdaptiveLimitLayer { limiter: self.limiter, waits: self.waits, judge }
    }
}

impl<R: Timer, J: Clone> Clone for AdaptiveLimitLayer<R, J> {
    fn clone(&self) -> Self {
        Self { limiter: self.limiter.clone(), waits: self.waits, judge: self.judge.clone() }
    }
}

impl<S, R: Timer, J: Clone> Layer<S> for AdaptiveLimitLayer<R, J> {
    type Service = AdaptiveLimitService<S, R, J>;

    fn layer(&self, inner: S) -> Self::Service {
        AdaptiveLimitService { inner, layer: self.clone() }
    }
}

/// A service behind a limit that finds itself: what an [`AdaptiveLimitLayer`] makes.
#[derive(Debug)]
pub struct AdaptiveLimitService<S, R: Timer, J = OkOrDropped> {
    inner: S,
    layer: AdaptiveLimitLayer<R, J>,
}

impl<S, R: Timer, J> AdaptiveLimitService<S, R, J> {
    /// The service behind the limit.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service without its limit.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone, R: Timer, J: Clone> Clone for AdaptiveLimitService<S, R, J> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S, R, J, Q> Service<Q> for AdaptiveLimitService<S, R, J>
where
    S: Service<Q> + Clone,
    R: Timer,
    J: Judge<S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = LimitError<S::Error>;
    type Future = AdaptiveLimitFuture<S, R, J, Q>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(LimitError::Inner)
    }

    fn call(&mut self, request: Q) -> Self::Future {
        let AdaptiveLimitLayer { limiter, waits, judge } = &self.layer;
        let state = if *waits {
            // The one that is ready goes along, and a clone stays.
            let clone = self.inner.clone();
            let inner = core::mem::replace(&mut self.inner, clone);
            State::Waiting { acquire: limiter.acquire(), call: Some((inner, request)) }
        } else {
            match limiter.try_acquire() {
                Ok(permit) => State::Running { future: self.inner.call(request), permit: Some(permit) },
                Err(error) => State::Refused { error },
            }
        };
        AdaptiveLimitFuture { state, judge: judge.clone() }
    }
}

pin_project! {
    /// Waits for the limit if it must, then for the service, and tells what came of it: the future of an [`AdaptiveLimitService`].
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct AdaptiveLimitFuture<S, R, J, Q>
    where
        S: Service<Q>,
        R: Timer,
    {
        #[pin]
        state: State<R, (S, Q), S::Future>,
        judge: J,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<R, C, F>
    where
        R: Timer,
    {
        Waiting {
            #[pin]
            acquire: AcquireAdaptive<R>,
            call: Option<C>,
        },
        Running {
            // Before the permit, so that it is dropped before it.
            #[pin]
            future: F,
            permit: Option<AdaptivePermit<R>>,
        },
        Refused {
            error: ResourceLimitError,
        },
        Over,
    }
}

impl<S, R, J, Q> Future for AdaptiveLimitFuture<S, R, J, Q>
where
    S: Service<Q>,
    R: Timer,
    J: Judge<S::Response, S::Error>,
{
    type Output = Result<S::Response, LimitError<S::Error>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Waiting { acquire, call } => match (ready!(acquire.poll(context)), call.take()) {
                    (Ok(permit), Some((mut inner, request))) => {
                        State::Running { future: inner.call(request), permit: Some(permit) }
                    }
                    (Err(error), _) => State::Refused { error },
                    (Ok(_), None) => State::Over,
                },
                StateProjection::Running { future, permit } => {
                    let (answer, permit) = (ready!(future.poll(context)), permit.take());
                    this.state.set(State::Over);
                    if let Some(permit) = permit {
                        permit.finish(this.judge.judge(&answer));
                    }
                    return Poll::Ready(answer.map_err(LimitError::Inner));
                }
                StateProjection::Refused { error } => {
                    let error = *error;
                    this.state.set(State::Over);
                    return Poll::Ready(Err(LimitError::Limited(error)));
                }
                StateProjection::Over => panic!("a future was polled after it had completed"),
            };
            this.state.set(next);
        }
    }
}

impl<S: Service<Q>, R: Timer, J, Q> fmt::Debug for AdaptiveLimitFuture<S, R, J, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = matches!(self.state, State::Running { .. });
        f.debug_struct("AdaptiveLimitFuture").field("running", &running).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests {
    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::limit::{Aimd, LimitAlgorithm, Sample};
    use crate::runtime::VirtualRuntime;

    /// One less for what is dropped, one more for a success.
    #[derive(Debug)]
    struct Counts(usize);

    impl LimitAlgorithm for Counts {
        fn limit(&self) -> usize {
            self.0
        }

        fn record(&mut self, sample: &Sample) -> usize {
            self.0 = if sample.dropped { self.0 - 1 } else { self.0 + 1 };
            self.0
        }
    }

    #[test]
    fn answers_are_judged_and_refusals_are_not() {
        let runtime = VirtualRuntime::new();
        let limiter = AdaptiveConcurrencyLimiter::with_algorithm(Counts(5), runtime.clone());
        let service = service_fn(|ok: bool| async move { if ok { Ok("yes") } else { Err("no") } });
        let layer = AdaptiveLimitLayer::new(limiter.clone());
        let call = |ok| runtime.block_on(layer.layer(service).oneshot(ok));
        assert_eq!((call(true).ok(), limiter.limit()), (Some("yes"), 6));
        assert_eq!((call(false), limiter.limit()), (Err(LimitError::Inner("no")), 5));
        let ignoring = layer.clone().judged_by(|_: &Result<&str, &str>| Outcome::Ignored);
        assert!(runtime.block_on(ignoring.layer(service).oneshot(true)).is_ok());
        assert_eq!((limiter.limit(), limiter.in_flight()), (5, 0));
    }

    #[test]
    fn what_is_beyond_the_limit_waits_or_is_refused() {
        let runtime = VirtualRuntime::new();
        let limiter = AdaptiveConcurrencyLimiter::with_algorithm(Aimd::new(1), runtime.clone());
        let service = service_fn(|x: u32| async move { Ok::<_, &str>(x) });
        let layer = AdaptiveLimitLayer::new(limiter.clone());
        let permit = limiter.try_acquire().unwrap();
        let refused = runtime.block_on(layer.clone().refuse().layer(service).oneshot(1)).unwrap_err();
        assert!(refused.limited().is_some());
        let waits = async {
            let (answer, ()) =
                futures_util::future::join(layer.layer(service).oneshot(7), async { permit.success() }).await;
            answer
        };
        assert_eq!(runtime.block_on(waits), Ok(7));
    }
}
