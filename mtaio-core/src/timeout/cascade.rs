//! Timeouts in turn, with a fresh future each.

use core::fmt;
use core::future::Future;
use core::iter::Peekable;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use pin_project_lite::pin_project;

use super::error::{Elapsed, ElapsedKind};
use super::run::Limited;
use super::single::OwnSleep;
use super::span::Limit;
use crate::runtime::Timer;
use crate::time::{Deadline, Instant};

/// Tries something with one timeout after the other: `attempt` makes a fresh future each time, until one of them ends in time.
///
/// Only a time that is over goes on to the next: a value and any error of an attempt's own are returned at once. So is the end of a scope
/// around the cascade, in which there would be no time for another attempt.
///
/// # Cancel safety
///
/// As the attempts' futures: dropping the cascade drops the one that runs.
///
/// # Errors
///
/// Those of the attempts. [`Elapsed`], turned into their error type: of the last attempt; or of kind inherited, when a scope around it or
/// its own [`until`](Cascade::until) ends; or of kind no attempt, if there are no timeouts.
///
/// # Panics
///
/// If it has to wait and no runtime polls it, where the runtime's timers need one. Those of `timeouts` and `attempt`.
///
/// # Examples
///
/// ```
/// use core::{future::pending, time::Duration};
/// use mtaio_core::runtime::VirtualRuntime;
/// use mtaio_core::timeout::{Elapsed, cascade};
///
/// let runtime = VirtualRuntime::new();
/// let seconds = [1, 2, 5].map(Duration::from_secs);
/// let outcome = runtime.block_on(cascade(runtime.clone(), seconds, |attempt| async move {
///     if attempt.index < 2 {
///         pending::<()>().await;
///     }
///     Ok::<_, Elapsed>(attempt)
/// }));
/// let attempt = outcome.unwrap();
/// assert!(attempt.is_last && attempt.timeout == Duration::from_secs(5));
/// ```
#[doc(alias = "cascading_timeout")]
pub fn cascade<R, I, M, F, T, E>(runtime: R, timeouts: I, attempt: M) -> Cascade<R, I::IntoIter, M, F>
where
    R: Timer,
    I: IntoIterator<Item = Duration>,
    M: FnMut(Attempt) -> F,
    F: Future<Output = Result<T, E>>,
    E: From<Elapsed>,
{
    let timeouts = timeouts.into_iter().peekable();
    Cascade { runtime, timeouts, attempt, tried: 0, outer: Deadline::NEVER, current: None }
}

/// One attempt of a [`cascade`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// How many came before it.
    pub index: usize,
    /// How long it may take.
    pub timeout: Duration,
    /// Whether none comes after it.
    pub is_last: bool,
}

pin_project! {
    /// Timeouts in turn: what [`cascade`] returns.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Cascade<R, I, M, F>
    where
        R: Timer,
        I: Iterator<Item = Duration>,
    {
        runtime: R,
        timeouts: Peekable<I>,
        attempt: M,
        tried: usize,
        outer: Deadline,
        #[pin]
        current: Option<Limited<OwnSleep<R>, F>>,
    }
}

impl<R, I, M, F, T, E> Cascade<R, I, M, F>
where
    R: Timer,
    I: Iterator<Item = Duration>,
    M: FnMut(Attempt) -> F,
    F: Future<Output = Result<T, E>>,
    E: From<Elapsed>,
{
    /// Bounds all attempts together: no attempt goes on after `deadline`, and none begins then. If that has passed already, the first
    /// one is polled once.
    pub fn until(self, deadline: impl Into<Deadline>) -> Self {
        Self { outer: deadline.into(), ..self }
    }

    /// Runs `fallback` when no attempt ended in time, with what the last one met. It is not bounded by the cascade.
    pub fn or_else<B, G>(self, fallback: B) -> CascadeOrElse<R, I, M, F, B, G>
    where
        B: FnOnce(Elapsed) -> G,
        G: Future<Output = Result<T, E>>,
    {
        CascadeOrElse { cascade: self, fallback: Some(fallback), running: None }
    }

    /// Goes on until an attempt ends in time, with its own outcome, or no time is left.
    fn poll_attempts(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Result<T, E>, Elapsed>> {
        let mut this = self.project();
        let mut elapsed = Elapsed::new(ElapsedKind::NoAttempt, Duration::ZERO);
        loop {
            if let Some(mut current) = this.current.as_mut().as_pin_mut() {
                let outcome = ready!(current.as_mut().poll(context));
                let spent = outcome.is_err().then(|| spent(this.runtime, *this.outer, current.start())).flatten();
                this.current.set(None);
                match (outcome, spent) {
                    (Ok(outcome), _) => return Poll::Ready(Ok(outcome)),
                    (Err(error), _) if error.is_inherited() => return Poll::Ready(Err(error)),
                    (Err(_), Some(error)) => return Poll::Ready(Err(error)),
                    (Err(error), None) => elapsed = error,
                }
            }
            let Some(timeout) = this.timeouts.next() else { return Poll::Ready(Err(elapsed)) };
            let attempt = Attempt { index: *this.tried, timeout, is_last: this.timeouts.peek().is_none() };
            *this.tried += 1;
            let limit = Limit::part(timeout, this.outer.instant_on(this.runtime.clock_id()));
            let future = (this.attempt)(attempt);
            this.current.set(Some(Limited::new(OwnSleep::new(this.runtime.clone()), limit, future)));
        }
    }
}

/// Whether all attempts together have no time left: one that began at `start` and ended late may have used it up.
fn spent<R: Timer>(runtime: &R, outer: Deadline, start: Instant) -> Option<Elapsed> {
    let clock = runtime.clock_id();
    let mut whole = Limit::until(outer, clock);
    whole.begin(start);
    whole
        .is_over_here(runtime.now(), clock)
        .then(|| Elapsed::new(ElapsedKind::Inherited, whole.elapsed_here(clock).limit()))
}

impl<R, I, M, F, T, E> Future for Cascade<R, I, M, F>
where
    R: Timer,
    I: Iterator<Item = Duration>,
    M: FnMut(Attempt) -> F,
    F: Future<Output = Result<T, E>>,
    E: From<Elapsed>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_attempts(context).map(|outcome| outcome.unwrap_or_else(|elapsed| Err(elapsed.into())))
    }
}

pin_project! {
    /// A cascade with a way out: what [`Cascade::or_else`] returns.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct CascadeOrElse<R, I, M, F, B, G>
    where
        R: Timer,
        I: Iterator<Item = Duration>,
    {
        #[pin]
        cascade: Cascade<R, I, M, F>,
        fallback: Option<B>,
        #[pin]
        running: Option<G>,
    }
}

impl<R, I, M, F, B, G, T, E> Future for CascadeOrElse<R, I, M, F, B, G>
where
    R: Timer,
    I: Iterator<Item = Duration>,
    M: FnMut(Attempt) -> F,
    F: Future<Output = Result<T, E>>,
    E: From<Elapsed>,
    B: FnOnce(Elapsed) -> G,
    G: Future<Output = Result<T, E>>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.running.is_none() {
            match ready!(this.cascade.poll_attempts(context)) {
                Ok(outcome) => return Poll::Ready(outcome),
                Err(elapsed) => {
                    let fallback = this.fallback.take().expect("a future was polled after it had completed");
                    this.running.set(Some(fallback(elapsed)));
                }
            }
        }
        match this.running.as_pin_mut() {
            Some(running) => running.poll(context),
            None => Poll::Pending,
        }
    }
}

impl<R: Timer, I: Iterator<Item = Duration>, M, F> fmt::Debug for Cascade<R, I, M, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cascade").field("tried", &self.tried).field("outer", &self.outer).finish_non_exhaustive()
    }
}

impl<R: Timer, I: Iterator<Item = Duration>, M, F, B, G> fmt::Debug for CascadeOrElse<R, I, M, F, B, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CascadeOrElse").field("cascade", &self.cascade).finish_non_exhaustive()
    }
}
