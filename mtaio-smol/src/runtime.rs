//! What smol supplies.

use alloc::sync::Weak;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use mtaio_core::Instant;
use mtaio_core::alarm::SleepAlarm;
use mtaio_core::runtime::{Clock, Sleep, Spawn, SystemClock, Tick, Timer};
use mtaio_core::time::ClockId;

/// Smol: timers of `async-io`, tasks of smol's global executor. All values are the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct SmolRuntime;

impl Clock for SmolRuntime {
    #[inline]
    fn now(&self) -> Instant {
        SystemClock.now()
    }

    fn clock_id(&self) -> ClockId {
        ClockId::SYSTEM
    }
}

impl Timer for SmolRuntime {
    type Sleep = SmolSleep;
    type Alarm = SleepAlarm<Self>;

    fn sleep_until(&self, at: Instant) -> SmolSleep {
        SmolSleep { timer: timer(at), at }
    }

    fn granularity(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn alarm(&self, target: Weak<dyn Tick>) -> SleepAlarm<Self> {
        SleepAlarm::new(*self, target)
    }
}

impl Spawn for SmolRuntime {
    fn spawn_detached(&self, task: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(task).detach();
    }

    fn spawn_blocking_detached(&self, job: impl FnOnce() + Send + 'static) {
        smol::unblock(job).detach();
    }
}

/// Completes at an instant: the sleep of [`SmolRuntime`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct SmolSleep {
    timer: async_io::Timer,
    at: Instant,
}

fn timer(at: Instant) -> async_io::Timer {
    match SystemClock::to_std(at) {
        Some(at) => async_io::Timer::at(at),
        None => async_io::Timer::never(),
    }
}

impl Future for SmolSleep {
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

impl Sleep for SmolSleep {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        self.at = at;
        self.timer = timer(at);
    }
}
