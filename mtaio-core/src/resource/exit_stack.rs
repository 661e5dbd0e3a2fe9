//! A stack of finalizers that belongs to one piece of work.

use core::any::type_name;
use core::fmt;
use core::future::Future;
use core::time::Duration;

use super::close::{AsyncClose, Outcome};
use super::error::CloseErrors;
use super::pile::Pile;
use super::scope::{ScopeError, scope};
use crate::runtime::{Spawn, Timer};

/// Closes what was pushed, last first, however the work ends.
///
/// Whatever a finalizer does, the next one runs: one that fails, takes too long or panics is reported in the end, with all
/// others. Applications use the alias of their runtime's adapter, which has no parameter.
///
/// A stack that is dropped cannot wait. What it still holds is dropped, last first, and its finalizers do not run; or they do as a
/// task of the runtime, with [`detach_on_drop`](Self::detach_on_drop). Neither panics.
///
/// # Examples
///
/// ```
/// use mtaio_core::resource::{CloseErrors, ExitStack};
/// use mtaio_core::runtime::VirtualRuntime;
///
/// let runtime = VirtualRuntime::new();
/// let stack = ExitStack::with_runtime(runtime.clone());
/// stack.defer(async || println!("closed last"));
/// stack.defer(async || Err("closed first, and failed"));
/// let errors: CloseErrors = runtime.block_on(stack.close()).unwrap_err();
/// assert_eq!(errors.len(), 1);
/// ```
#[doc(alias = "AsyncExitStack")]
#[doc(alias = "ManagedResources")]
#[must_use = "a stack that is dropped does not run its finalizers"]
pub struct ExitStack<R: Timer> {
    pile: Pile<R>,
}

impl<R: Timer + Default> ExitStack<R> {
    /// Makes a stack that holds nothing.
    pub fn new() -> Self {
        Self::with_runtime(R::default())
    }
}

impl<R: Timer> ExitStack<R> {
    /// Makes a stack that holds nothing, whose time limits count on `runtime`.
    pub fn with_runtime(runtime: R) -> Self {
        Self { pile: Pile::new(runtime) }
    }

    /// Limits the time of each finalizer that is pushed from now on without a limit of its own. One that takes longer is dropped, and
    /// the next one runs.
    pub fn time_limit(self, limit: Duration) -> Self {
        self.pile.set_limit(limit);
        self
    }

    /// When it is dropped, leaves the finalizers that have not run to a task of the runtime; one that was interrupted goes on
    /// first. Nobody learns of their errors.
    ///
    /// Where nothing can be spawned, as outside of a runtime that needs to be entered, the resources are dropped, last first.
    pub fn detach_on_drop(self) -> Self
    where
        R: Spawn,
    {
        self.pile.detach_on_drop();
        self
    }

    /// Closes `resource` in the end.
    pub fn push<T: AsyncClose + Send + 'static>(&self, resource: T) {
        self.add(type_name::<T>(), None, async move || resource.close().await);
    }

    /// As [`push`](Self::push), in no more than `limit`, which counts from when the resource is being closed.
    pub fn push_within<T: AsyncClose + Send + 'static>(&self, limit: Duration, resource: T) {
        self.add(type_name::<T>(), Some(limit), async move || resource.close().await);
    }

    /// Calls `finalizer` in the end, and waits for what it returns: `()`, or `Result<(), E>`.
    ///
    /// # Examples
    ///
    /// ```
    /// use mtaio_core::resource::ExitStack;
    /// use mtaio_core::runtime::VirtualRuntime;
    ///
    /// let runtime = VirtualRuntime::new();
    /// let stack = ExitStack::with_runtime(runtime.clone());
    /// let name = String::from("session");
    /// stack.defer(|| async move { println!("{name} is over") });
    /// stack.defer(async || "10".parse::<u8>().map(drop));
    /// runtime.block_on(stack.close())?;
    /// # Ok::<(), mtaio_core::resource::CloseErrors>(())
    /// ```
    #[doc(alias = "push_async_callback")]
    pub fn defer<F, W>(&self, finalizer: F)
    where
        F: FnOnce() -> W + Send + 'static,
        W: Future<Output: Outcome> + Send + 'static,
    {
        self.add(type_name::<F>(), None, finalizer);
    }

    /// As [`defer`](Self::defer), in no more than `limit`, which counts from when it is called.
    pub fn defer_within<F, W>(&self, limit: Duration, finalizer: F)
    where
        F: FnOnce() -> W + Send + 'static,
        W: Future<Output: Outcome> + Send + 'static,
    {
        self.add(type_name::<F>(), Some(limit), finalizer);
    }

    fn add<F, W>(&self, what: &'static str, limit: Option<Duration>, finalizer: F)
    where
        F: FnOnce() -> W + Send + 'static,
        W: Future<Output: Outcome> + Send + 'static,
    {
        let work = async move { finalizer().await.into_result() };
        let pushed = self.pile.insert(self.pile.finalizer(what, limit, work));
        debug_assert!(pushed.is_ok(), "who closes a stack has it alone");
    }

    /// Moves everything to a new stack with the same settings, and leaves this one empty.
    ///
    /// So the resources that an operation acquired outlive its scope, if it succeeds.
    ///
    /// # Examples
    ///
    /// ```
    /// use mtaio_core::resource::{ExitStack, ScopeError};
    /// use mtaio_core::runtime::VirtualRuntime;
    ///
    /// let runtime = VirtualRuntime::new();
    /// let scope = ExitStack::with_runtime(runtime.clone()).scope(async |stack| {
    ///     stack.defer(async || println!("not at the end of this scope"));
    ///     // what fails here closes it
    ///     Ok::<_, std::io::Error>(stack.pop_all())
    /// });
    /// let kept = runtime.block_on(scope)?;
    /// assert_eq!(kept.len(), 1);
    /// # Ok::<(), ScopeError<std::io::Error>>(())
    /// ```
    pub fn pop_all(&self) -> Self {
        Self { pile: self.pile.split_off() }
    }

    /// How many finalizers it holds.
    pub fn len(&self) -> usize {
        self.pile.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Runs the finalizers, last first, each to its end or its time limit.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stack: what has not run, the finalizer under way included, is dropped, last first, or
    /// [detached](Self::detach_on_drop).
    ///
    /// # Errors
    ///
    /// [`CloseErrors`] with everything that failed, took too long or panicked.
    #[doc(alias = "aclose")]
    pub async fn close(self) -> Result<(), CloseErrors> {
        self.pile.close().await
    }

    /// Runs `body` with this stack, and then the finalizers: when it returns, when it returns an error, and when it panics.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops `body`, and then the stack, as for [`close`](Self::close).
    ///
    /// # Errors
    ///
    /// [`ScopeError`] with the error of `body`, and the errors of the finalizers.
    ///
    /// # Panics
    ///
    /// If `body` does, after the finalizers have run; their errors are lost then. Without std, panics are not caught.
    ///
    /// # Examples
    ///
    /// ```
    /// use mtaio_core::limit::{Quota, RateLimiter, ResourceLimitError};
    /// use mtaio_core::resource::ExitStack;
    /// use mtaio_core::runtime::VirtualRuntime;
    ///
    /// let runtime = VirtualRuntime::new();
    /// let limiter = RateLimiter::with_runtime(Quota::per_second(10), runtime.clone());
    /// let scope = ExitStack::with_runtime(runtime.clone()).scope(async |stack| {
    ///     stack.push(limiter.clone());
    ///     limiter.acquire().await?;
    ///     Ok::<_, ResourceLimitError>("done")
    /// });
    /// assert_eq!(runtime.block_on(scope).unwrap(), "done");
    /// assert!(limiter.is_closed());
    /// ```
    #[doc(alias = "resource_scope")]
    pub async fn scope<T, E>(self, body: impl AsyncFnOnce(&Self) -> Result<T, E>) -> Result<T, ScopeError<E>> {
        scope(async { body(&self).await }, self.pile.close()).await
    }
}

/// Closes as a resource of another stack or group.
impl<R: Timer> AsyncClose for ExitStack<R> {
    type Error = CloseErrors;

    async fn close(self) -> Result<(), CloseErrors> {
        self.pile.close().await
    }
}

impl<R: Timer + Default> Default for ExitStack<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Timer> fmt::Debug for ExitStack<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExitStack").field("len", &self.len()).finish_non_exhaustive()
    }
}
