//! A limit with a timer of its own.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use pin_project_lite::pin_project;

use super::error::Elapsed;
use super::run::{Expiry, Limited};
use super::span::{End, Limit};
use crate::runtime::{Sleep, Timer};
use crate::time::{ClockId, Deadline, Instant};

/// Runs `future` for at most `limit`, with a timer of its own. Where there are many at a time, a
/// [`TimeoutManager`](super::TimeoutManager) needs one for all of them.
///
/// The time counts from the end of the first poll: a future that is ready at once touches neither clock nor timer. A limit of zero
/// polls it once. The value wins if both are ready in one poll. A scope around it bounds it too.
///
/// # Cancel safety
///
/// As `future`: dropping one drops the other.
///
/// # Errors
///
/// [`Elapsed`] when the time is over; `future` was dropped before.
///
/// # Panics
///
/// If it has to wait and no runtime polls it, where the runtime's timers need one.
///
/// # Examples
///
/// ```
/// use core::{future::pending, time::Duration};
/// use mtaio_core::runtime::VirtualRuntime;
/// use mtaio_core::timeout::timeout;
///
/// let runtime = VirtualRuntime::new();
/// let second = Duration::from_secs(1);
/// assert_eq!(runtime.block_on(timeout(runtime.clone(), second, async { 7 })), Ok(7));
/// assert!(runtime.block_on(timeout(runtime.clone(), second, pending::<()>())).is_err());
/// ```
pub fn timeout<R: Timer, F: Future>(runtime: R, limit: Duration, future: F) -> Timeout<R, F> {
    Timeout { limited: Limited::new(OwnSleep::new(runtime), Limit::within(limit), future) }
}

/// Runs `future` until `deadline` at the latest, with a timer of its own. As [`timeout`] in all else.
///
/// # Cancel safety
///
/// As [`timeout`].
///
/// # Errors
///
/// As [`timeout`].
///
/// # Panics
///
/// As [`timeout`].
pub fn timeout_at<R: Timer, F: Future>(runtime: R, deadline: impl Into<Deadline>, future: F) -> Timeout<R, F> {
    let limit = Limit::until(deadline.into(), runtime.clock_id());
    Timeout { limited: Limited::new(OwnSleep::new(runtime), limit, future) }
}

pin_project! {
    /// Runs a future with a limit: what [`timeout`] and [`timeout_at`] return.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Timeout<R, F>
    where
        R: Timer,
    {
        #[pin]
        limited: Limited<OwnSleep<R>, F>,
    }
}

impl<R: Timer, F: Future> Future for Timeout<R, F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().limited.poll(context)
    }
}

impl<R: Timer, F> fmt::Debug for Timeout<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").finish_non_exhaustive()
    }
}

pin_project! {
    /// A sleep that is made when it has to wait.
    pub(super) struct OwnSleep<R>
    where
        R: Timer,
    {
        runtime: R,
        #[pin]
        sleep: Option<R::Sleep>,
    }
}

impl<R: Timer> OwnSleep<R> {
    pub(super) fn new(runtime: R) -> Self {
        Self { runtime, sleep: None }
    }
}

impl<R: Timer> Expiry for OwnSleep<R> {
    fn now(&self) -> Instant {
        self.runtime.now()
    }

    fn clock_id(&self) -> ClockId {
        self.runtime.clock_id()
    }

    fn is_set(&self) -> bool {
        self.sleep.is_some()
    }

    fn set(self: Pin<&mut Self>, at: Instant, _: Instant, context: &mut Context<'_>) -> Poll<End> {
        let mut this = self.project();
        match this.sleep.as_mut().as_pin_mut() {
            Some(sleep) => sleep.reset(at),
            None => this.sleep.set(Some(this.runtime.sleep_until(at))),
        }
        poll_sleep(this.sleep, context)
    }

    fn poll_end(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<End> {
        poll_sleep(self.project().sleep, context)
    }

    fn forget(self: Pin<&mut Self>) {
        self.project().sleep.set(None);
    }
}

fn poll_sleep<S: Sleep>(sleep: Pin<&mut Option<S>>, context: &mut Context<'_>) -> Poll<End> {
    sleep.as_pin_mut().map_or(Poll::Pending, |sleep| sleep.poll(context).map(|()| End::Passed))
}
