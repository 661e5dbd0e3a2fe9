//! The sleep of both runtimes: a timer of `async-io`, whose own thread drives it.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use mtaio_core::Instant;
use mtaio_core::runtime::{Clock, Sleep, SystemClock};

/// Completes at an instant: what both runtimes of this crate sleep by.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct IoSleep {
    timer: async_io::Timer,
    at: Instant,
}

impl IoSleep {
    pub(crate) fn until(at: Instant) -> Self {
        Self { timer: timer(at), at }
    }
}

fn timer(at: Instant) -> async_io::Timer {
    match SystemClock::to_std(at) {
        Some(at) => async_io::Timer::at(at),
        None => async_io::Timer::never(),
    }
}

impl Future for IoSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(Pin::new(&mut self.timer).poll(context));
            if SystemClock.now() >= self.at {
                return Poll::Ready(());
            }
            // Our clock is a little behind the timer's.
            self.timer = timer(self.at);
        }
    }
}

impl Sleep for IoSleep {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        self.at = at;
        self.timer = timer(at);
    }
}
