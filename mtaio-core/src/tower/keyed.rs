//! The layer with a limit for each key, its service and its future.

use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::error::LimitError;
use super::state::{Mode, State};
use crate::limit::{KeyedLimiter, ResourceLimitError};

/// Says by whose limit a request goes.
///
/// Any function of a request that returns a key is one; with [`KeyedLimitLayer::optional`], one that may return none. A type of
/// your own can be one too, where the type of a service has to be written down.
///
/// ```
/// use mtaio_core::tower::KeyOf;
///
/// /// Limits requests by their length.
/// struct Length;
///
/// impl KeyOf<String> for Length {
///     type Key = usize;
///
///     fn key_of(&self, request: &String) -> Option<usize> {
///         Some(request.len())
///     }
/// }
/// ```
pub trait KeyOf<Q> {
    /// What the limiter has its limits by.
    type Key;

    /// The key of a request, if it has one.
    fn key_of(&self, request: &Q) -> Option<Self::Key>;
}

impl<F, Q, K> KeyOf<Q> for F
where
    F: Fn(&Q) -> K,
{
    type Key = K;

    fn key_of(&self, request: &Q) -> Option<K> {
        Some(self(request))
    }
}

/// A function that does not know a key for each request: what [`KeyedLimitLayer::optional`] is made with.
#[derive(Clone, Copy)]
pub struct Optional<F>(F);

impl<F, Q, K> KeyOf<Q> for Optional<F>
where
    F: Fn(&Q) -> Option<K>,
{
    type Key = K;

    fn key_of(&self, request: &Q) -> Option<K> {
        (self.0)(request)
    }
}

/// What happens to a request without a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keyless {
    Refuse,
    Pass,
}

/// Limits the services that it makes by a key of each request: its client's address, its user, its host.
///
/// All of them go by the same limiter, and so does everybody else who has it. Requests with different keys do not wait for each other.
///
/// The function that says the key is called in `call`, before the limiter is asked: if it panics, nothing was taken.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use mtaio_core::limit::{KeyedRateLimiter, Quota};
/// use mtaio_core::runtime::VirtualRuntime;
/// use mtaio_core::tower::KeyedLimitLayer;
/// use tower::{Layer, ServiceExt, service_fn};
///
/// let runtime = VirtualRuntime::new();
/// let per_user = KeyedRateLimiter::with_runtime(Quota::per_second(10).burst(1), runtime.clone());
/// let layer = KeyedLimitLayer::new(per_user, |(user, _): &(u64, &str)| *user).refuse();
/// let service = layer.layer(service_fn(|(_, text): (u64, &'static str)| async move { Ok::<_, &str>(text.len()) }));
/// runtime.block_on(async {
///     assert_eq!(service.clone().oneshot((1, "one")).await.unwrap(), 3);
///     let refused = service.clone().oneshot((1, "another")).await.unwrap_err();
///     assert_eq!(refused.retry_after(), Some(Duration::from_millis(100)));
///     // Another user has a limit of its own.
///     assert_eq!(service.clone().oneshot((2, "three")).await.unwrap(), 5);
/// });
/// ```
#[derive(Clone, Copy)]
pub struct KeyedLimitLayer<L, F> {
    limiter: L,
    key_of: F,
    mode: Mode,
    keyless: Keyless,
}

impl<L, F> KeyedLimitLayer<L, F> {
    /// Makes a layer that asks `key_of` for the key of each request, and whose services let requests [wait](Self::wait).
    ///
    /// Where the key itself is an `Option`, all requests that have none share one limit, as any other key does.
    pub const fn new(limiter: L, key_of: F) -> Self {
        Self { limiter, key_of, mode: Mode::Wait, keyless: Keyless::Refuse }
    }

    /// Lets requests beyond their key's limit wait in its line.
    pub fn wait(self) -> Self {
        Self { mode: Mode::Wait, ..self }
    }

    /// Refuses requests beyond their key's limit at once, with [`LimitError::Limited`].
    pub fn refuse(self) -> Self {
        Self { mode: Mode::Refuse, ..self }
    }

    /// Lets requests without a key through, past all limits. Without it they are refused, with an error of kind
    /// [`NoKey`](crate::limit::ResourceLimitErrorKind::NoKey).
    ///
    /// It is for those who need no limit, as probes of the own system. Where clients decide whether they have a key, leaving it
    /// out would be a way past the limit.
    pub fn pass_without_key(self) -> Self {
        Self { keyless: Keyless::Pass, ..self }
    }
}

impl<L, F> KeyedLimitLayer<L, Optional<F>> {
    /// As [`new`](Self::new), where `key_of` returns an `Option`: a request without a key is refused, or let through with
    /// [`pass_without_key`](Self::pass_without_key).
    ///
    /// ```
    /// # use mtaio_core::limit::{KeyedConcurrencyLimiter, ResourceLimitErrorKind};
    /// # use mtaio_core::runtime::VirtualRuntime;
    /// use mtaio_core::tower::KeyedLimitLayer;
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// # let runtime = VirtualRuntime::new();
    /// let per_word = KeyedConcurrencyLimiter::with_runtime(2, runtime.clone());
    /// let first_word = |text: &&str| text.split_whitespace().next().map(str::to_owned);
    /// let layer = KeyedLimitLayer::optional(per_word, first_word);
    /// let service = layer.layer(service_fn(|text: &'static str| async move { Ok::<_, &str>(text.len()) }));
    /// # runtime.block_on(async {
    /// let refused = service.oneshot(" ").await.unwrap_err();
    /// assert_eq!(refused.limited().unwrap().kind(), ResourceLimitErrorKind::NoKey);
    /// # });
    /// ```
    pub const fn optional(limiter: L, key_of: F) -> Self {
        Self::new(limiter, Optional(key_of))
    }
}

impl<S, L: Clone, F: Clone> Layer<S> for KeyedLimitLayer<L, F> {
    type Service = KeyedLimitService<S, L, F>;

    fn layer(&self, inner: S) -> KeyedLimitService<S, L, F> {
        KeyedLimitService { inner, layer: self.clone() }
    }
}

/// A service behind a limit for each key: what a [`KeyedLimitLayer`] makes.
#[derive(Clone)]
pub struct KeyedLimitService<S, L, F> {
    inner: S,
    layer: KeyedLimitLayer<L, F>,
}

impl<S, L, F> KeyedLimitService<S, L, F> {
    /// The service behind the limit.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service without its limit.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, L, F, Q> Service<Q> for KeyedLimitService<S, L, F>
where
    S: Service<Q> + Clone,
    F: KeyOf<Q>,
    L: KeyedLimiter<F::Key>,
{
    type Response = S::Response;
    type Error = LimitError<S::Error>;
    type Future = KeyedLimitFuture<S, L, F::Key, Q>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(LimitError::Inner)
    }

    fn call(&mut self, request: Q) -> Self::Future {
        let KeyedLimitLayer { limiter, key_of, mode, keyless } = &self.layer;
        let state = match (key_of.key_of(&request), mode, keyless) {
            (Some(key), Mode::Wait, _) => State::waiting(&mut self.inner, request, limiter.admit(key, 1)),
            (Some(key), Mode::Refuse, _) => {
                State::decided(&mut self.inner, request, limiter.try_admit(&key, 1).map(Some))
            }
            (None, _, Keyless::Pass) => State::decided(&mut self.inner, request, Ok(None)),
            (None, _, Keyless::Refuse) => State::Refused { error: ResourceLimitError::NO_KEY },
        };
        KeyedLimitFuture { state, key: PhantomData }
    }
}

pin_project! {
    /// Waits for the limit of its key if it must, then for the service: the future of a [`KeyedLimitService`].
    ///
    /// What the limiter gave is held until the service has answered.
    ///
    /// # Cancel safety
    ///
    /// Dropping it gives up its place in the key's line, or drops the service's future and then what the limiter gave.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct KeyedLimitFuture<S, L, K, Q>
    where
        S: Service<Q>,
        L: KeyedLimiter<K>,
    {
        #[pin]
        state: State<L::Admit, (S, Q), S::Future, L::Permit>,
        key: PhantomData<fn() -> K>,
    }
}

impl<S, L, K, Q> Future for KeyedLimitFuture<S, L, K, Q>
where
    S: Service<Q>,
    L: KeyedLimiter<K>,
{
    type Output = Result<S::Response, LimitError<S::Error>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().state.poll(context)
    }
}

impl<F> fmt::Debug for Optional<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Optional").finish_non_exhaustive()
    }
}

impl<L: fmt::Debug, F> fmt::Debug for KeyedLimitLayer<L, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedLimitLayer")
            .field("limiter", &self.limiter)
            .field("mode", &self.mode)
            .field("keyless", &self.keyless)
            .finish_non_exhaustive()
    }
}

impl<S: fmt::Debug, L: fmt::Debug, F> fmt::Debug for KeyedLimitService<S, L, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedLimitService").field("inner", &self.inner).field("layer", &self.layer).finish()
    }
}

impl<S: Service<Q>, L: KeyedLimiter<K>, K, Q> fmt::Debug for KeyedLimitFuture<S, L, K, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedLimitFuture").field("running", &self.state.is_running()).finish_non_exhaustive()
    }
}
