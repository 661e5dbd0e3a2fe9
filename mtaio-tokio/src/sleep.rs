//! Tokio's sleep, on our clock.

use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};

use mtaio_core::Instant;
use mtaio_core::runtime::Sleep;
use pin_project_lite::pin_project;
use tokio::task::unconstrained;

use crate::clock;

pin_project! {
    /// Completes at an instant: the sleep of [`TokioRuntime`](crate::TokioRuntime).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct TokioSleep {
        #[pin]
        sleep: tokio::time::Sleep,
        at: Instant,
    }
}

impl TokioSleep {
    /// # Panics
    ///
    /// Outside a tokio runtime, or in one without its time driver.
    pub(crate) fn new(at: Instant) -> Self {
        Self { sleep: tokio::time::sleep_until(clock::to_tokio(at)), at }
    }
}

impl Future for TokioSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let at = *this.at;
        let is_due = || clock::now() >= at && at != Instant::FAR;
        // Our clock first: tokio's wheel rounds up, and may still have to turn.
        if is_due() {
            return Poll::Ready(());
        }
        loop {
            // A task that has used up its budget still hears the time: a timeout must not depend on what it limits.
            ready!(pin!(unconstrained(this.sleep.as_mut())).poll(context));
            if is_due() {
                return Poll::Ready(());
            }
            // Our clock is behind tokio's, by a little or because it was asked for more than tokio can sleep.
            this.sleep.as_mut().reset(clock::to_tokio(at));
        }
    }
}

impl Sleep for TokioSleep {
    fn reset(self: Pin<&mut Self>, at: Instant) {
        let this = self.project();
        *this.at = at;
        this.sleep.reset(clock::to_tokio(at));
    }
}
