//! A timeout for many futures.

use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::time::Duration;

use super::deadlines::{Place, Shared};
use super::run::{Run, RunOwned};
use super::scope::{Scope, ScopeHandle, ScopeWith};
use super::span::Limit;
use crate::runtime::Timer;
use crate::sync::Closed;
use crate::time::{Deadline, ambient};

/// Limits how long futures and blocks may take, with one timer however many are pending.
///
/// It is a handle: clones share the pending deadlines and the timer, and any number of tasks may use them at once, each for itself.
/// Applications use the alias of their runtime's adapter, which has no parameter.
///
/// # What is guaranteed
///
/// - Never early by the runtime's clock, and no later than the runtime's timer is. The value wins if both are ready in one poll; the
///   future is dropped before [`Elapsed`](super::Elapsed) is returned.
/// - [`run`](Self::run) counts from the end of the first poll: a future that is ready at once touches neither clock nor timer. A
///   timeout of zero polls once.
/// - Inside a [`scope`](Self::scope) everything that waits is bounded by the earliest deadline around it, also through functions that
///   know nothing of it, and across managers of the same clock; without std there is nothing that could know, and only the scope
///   itself is bounded. A `run` is no scope: it bounds its own future and nothing else.
/// - Waiting allocates nothing where the limit is the manager's own timeout. Other limits share a timing wheel that is allocated
///   once.
///
/// # Examples
///
/// ```
/// use core::{future::pending, time::Duration};
/// use mtaio_core::runtime::VirtualRuntime;
/// use mtaio_core::timeout::TimeoutManager;
///
/// let runtime = VirtualRuntime::new();
/// let tm = TimeoutManager::with_runtime(Duration::from_secs(5), runtime.clone());
/// runtime.block_on(async {
///     assert_eq!(tm.run(async { 7 }).await, Ok(7));
///     assert!(tm.run_within(Duration::from_secs(2), pending::<()>()).await.is_err());
///     let block = tm.scope(async {
///         // Two and a half seconds of five are left to the second one.
///         tm.run_within(Duration::from_millis(2500), pending::<()>()).await.unwrap_err();
///         tm.run_within(Duration::from_secs(60), pending::<()>()).await.unwrap_err().is_inherited()
///     });
///     assert_eq!(block.await, Ok(true));
/// });
/// ```
pub struct TimeoutManager<R: Timer> {
    shared: Arc<Shared<R>>,
}

impl<R: Timer + Default> TimeoutManager<R> {
    /// Makes a manager whose timeout is `timeout`.
    pub fn new(timeout: Duration) -> Self {
        Self::with_runtime(timeout, R::default())
    }

    /// Makes a manager without a timeout of its own: [`run`](Self::run) is bounded by the scopes around it only.
    pub fn unbounded() -> Self {
        Self::unbounded_on(R::default())
    }
}

impl<R: Timer> TimeoutManager<R> {
    /// Makes a manager whose timeout is `timeout`, on `runtime`.
    pub fn with_runtime(timeout: Duration, runtime: R) -> Self {
        Self { shared: Shared::new(runtime, Some(timeout)) }
    }

    /// Makes a manager without a timeout of its own, on `runtime`.
    pub fn unbounded_on(runtime: R) -> Self {
        Self { shared: Shared::new(runtime, None) }
    }

    /// The manager's own timeout.
    pub fn timeout(&self) -> Option<Duration> {
        self.shared.timeout
    }

    fn limit(&self) -> Limit {
        self.shared.timeout.map_or(Limit::UNBOUNDED, Limit::within)
    }

    /// Runs `future` for at most the manager's timeout, and no longer than the scopes around it last.
    ///
    /// # Cancel safety
    ///
    /// As `future`: dropping one drops the other.
    ///
    /// # Errors
    ///
    /// [`Elapsed`](super::Elapsed) when the time is over, or the manager is closed; `future` was dropped before.
    ///
    /// # Panics
    ///
    /// If it has to wait and no runtime polls it, where the runtime's timers need one.
    #[inline]
    pub fn run<F: Future>(&self, future: F) -> Run<'_, R, F> {
        Run::new(Place::new(&*self.shared), self.limit(), future)
    }

    /// Runs `future` for at most `timeout` instead of the manager's own, be it more or less, and no longer than the scopes around it
    /// last.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    #[inline]
    pub fn run_within<F: Future>(&self, timeout: Duration, future: F) -> Run<'_, R, F> {
        Run::new(Place::new(&*self.shared), Limit::within(timeout), future)
    }

    /// Runs `future` until `deadline` at the latest, instead of the manager's own timeout, and no longer than the scopes around it
    /// last.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run). A deadline that has passed polls once.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    pub fn run_until<F: Future>(&self, deadline: impl Into<Deadline>, future: F) -> Run<'_, R, F> {
        let limit = Limit::until(deadline.into(), self.shared.runtime.clock_id());
        Run::new(Place::new(&*self.shared), limit, future)
    }

    /// As [`run`](Self::run), for a future without a lifetime: it keeps the manager alive.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    pub fn run_owned<F: Future>(&self, future: F) -> RunOwned<R, F> {
        RunOwned::new(Place::new(Arc::clone(&self.shared)), self.limit(), future)
    }

    /// Runs a block for at most the manager's timeout, from its first poll; everything in it that waits is bounded by what is left.
    ///
    /// # Cancel safety
    ///
    /// As `future`: dropping one drops the other.
    ///
    /// # Errors
    ///
    /// [`Elapsed`](super::Elapsed) when the time is over, or the manager is closed; `future` was dropped before. While a
    /// [`shield`](super::shield) in it is at work, the scope waits for that first.
    ///
    /// # Panics
    ///
    /// If it has to wait and no runtime polls it, where the runtime's timers need one.
    pub fn scope<F: Future>(&self, future: F) -> Scope<'_, R, F> {
        Scope::new(Place::new(&*self.shared), self.limit(), future)
    }

    /// As [`scope`](Self::scope), with a deadline that can be moved while the block runs, from inside it and from elsewhere.
    ///
    /// `body` is called at the first poll, with a [`ScopeHandle`] that moves the deadline.
    ///
    /// ```
    /// use core::time::Duration;
    /// use mtaio_core::runtime::{Timer, Clock, VirtualRuntime};
    /// use mtaio_core::timeout::TimeoutManager;
    ///
    /// let runtime = VirtualRuntime::new();
    /// let tm = TimeoutManager::with_runtime(Duration::from_secs(1), runtime.clone());
    /// let minute = runtime.block_on(tm.scope_with(|scope| {
    ///     let runtime = runtime.clone();
    ///     async move {
    ///         scope.extend(Duration::from_secs(60));
    ///         runtime.sleep_until(runtime.now() + Duration::from_secs(60)).await;
    ///         runtime.now().as_nanos()
    ///     }
    /// }));
    /// assert_eq!(minute, Ok(60_000_000_000));
    /// ```
    ///
    /// # Cancel safety
    ///
    /// As [`scope`](Self::scope).
    ///
    /// # Errors
    ///
    /// As [`scope`](Self::scope).
    ///
    /// # Panics
    ///
    /// As [`scope`](Self::scope).
    pub fn scope_with<B, F>(&self, body: B) -> ScopeWith<'_, R, B, F>
    where
        B: FnOnce(ScopeHandle<R>) -> F,
        F: Future,
    {
        ScopeWith::new(Place::new(&*self.shared), self.shared.runtime.clone(), self.limit(), body)
    }

    /// The deadline around the code that runs, on the manager's clock: that of the scopes whose futures are being polled.
    pub fn deadline(&self) -> Deadline {
        let clock = self.shared.runtime.clock_id();
        ambient::earliest(clock).map_or(Deadline::NEVER, |around| Deadline::at(around.at)).on(clock)
    }

    /// How much time the scopes around the code that runs leave it, on the manager's clock; `None` if they leave it all.
    pub fn remaining(&self) -> Option<Duration> {
        let deadline = self.deadline();
        deadline.instant()?;
        deadline.remaining(self.shared.runtime.now())
    }

    /// How many futures wait for their deadlines now.
    pub fn pending(&self) -> usize {
        self.shared.pending()
    }

    /// Ends what runs under it, now and later, with [`Elapsed`](super::Elapsed), of kind closed; a future that is ready at once still
    /// is. Closing twice is closing.
    pub fn close(&self) {
        self.shared.close();
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Waits until it is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub fn closed(&self) -> Closed<'_> {
        self.shared.closed()
    }

    /// The runtime it waits on.
    pub fn runtime(&self) -> &R {
        &self.shared.runtime
    }
}

impl<R: Timer> Clone for TimeoutManager<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<R: Timer> fmt::Debug for TimeoutManager<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutManager")
            .field("timeout", &self.timeout())
            .field("pending", &self.pending())
            .field("closed", &self.is_closed())
            .finish()
    }
}
