//! The clock and the timer of both runtimes: those of `async-io`, whose own thread drives them.

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

/// Gives a runtime the timer of `async-io`.
macro_rules! io_timer {
    ($runtime:ty) => {
        impl mtaio_core::runtime::Clock for $runtime {
            #[inline]
            fn now(&self) -> mtaio_core::Instant {
                mtaio_core::runtime::SystemClock.now()
            }

            fn clock_id(&self) -> mtaio_core::time::ClockId {
                mtaio_core::time::ClockId::SYSTEM
            }
        }

        impl mtaio_core::runtime::Timer for $runtime {
            type Sleep = crate::sleep::IoSleep;
            type Alarm = mtaio_core::alarm::SleepAlarm<Self>;

            fn sleep_until(&self, at: mtaio_core::Instant) -> Self::Sleep {
                crate::sleep::IoSleep::until(at)
            }

            fn granularity(&self) -> core::time::Duration {
                core::time::Duration::from_millis(1)
            }

            fn alarm(&self, target: alloc::sync::Weak<dyn mtaio_core::runtime::Tick>) -> Self::Alarm {
                mtaio_core::alarm::SleepAlarm::new(*self, target)
            }
        }
    };
}
pub(crate) use io_timer;
