//! How long one waits where the queue knows no time.

use alloc::boxed::Box;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use crate::limit::error::ResourceLimitError;
use crate::runtime::{Sleep, Timer};
use crate::time::{Instant, ambient, nanos};

/// Ends a wait when its own time is over, or that of the scopes around it. It costs a timer once there is such an end.
pub(crate) struct Patience<R: Timer>(Option<Pin<Box<Wait<R::Sleep>>>>);

pin_project_lite::pin_project! {
    struct Wait<S> {
        #[pin]
        sleep: S,
        start: Instant,
        own_end: Instant,
        until: Instant,
    }
}

impl<R: Timer> Patience<R> {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// Why one who waits, `max_wait` at most from the first call, waits no longer.
    pub(crate) fn poll_over(
        &mut self,
        runtime: &R,
        max_wait: Option<Duration>,
        context: &mut Context<'_>,
    ) -> Poll<ResourceLimitError> {
        let around = || ambient::earliest(runtime.clock_id()).map_or(Instant::FAR, |around| around.at);
        if self.0.is_none() && max_wait.is_none() && around() == Instant::FAR {
            return Poll::Pending;
        }
        let wait = self.0.get_or_insert_with(|| {
            let start = runtime.now();
            let own_end = max_wait.map_or(Instant::FAR, |max_wait| start + max_wait);
            let until = own_end.min(around());
            Box::pin(Wait { sleep: runtime.sleep_until(until), start, own_end, until })
        });
        loop {
            let mut this = wait.as_mut().project();
            ready!(this.sleep.as_mut().poll(context));
            // A scope around may have been given more time meanwhile.
            let until = (*this.own_end).min(around());
            if until <= *this.until {
                return Poll::Ready(ResourceLimitError::deadline(None, nanos(*this.until - *this.start)));
            }
            *this.until = until;
            this.sleep.reset(until);
        }
    }
}
