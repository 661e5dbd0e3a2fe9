//! What async-std supplies.

use alloc::sync::Weak;
use core::future::Future;
use core::time::Duration;

use mtaio_core::Instant;
use mtaio_core::alarm::SleepAlarm;
use mtaio_core::runtime::{Clock, Spawn, SystemClock, Tick, Timer};

use crate::sleep::IoSleep;

/// Async-std: timers of `async-io`, which it is built on, and its tasks. All values are the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsyncStdRuntime;

impl Clock for AsyncStdRuntime {
    #[inline]
    fn now(&self) -> Instant {
        SystemClock.now()
    }
}

impl Timer for AsyncStdRuntime {
    type Sleep = IoSleep;
    type Alarm = SleepAlarm<Self>;

    fn sleep_until(&self, at: Instant) -> IoSleep {
        IoSleep::until(at)
    }

    fn granularity(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn alarm(&self, target: Weak<dyn Tick>) -> SleepAlarm<Self> {
        SleepAlarm::new(*self, target)
    }
}

impl Spawn for AsyncStdRuntime {
    fn spawn_detached(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(async_std::task::spawn(task));
    }

    fn spawn_blocking_detached(&self, job: impl FnOnce() + Send + 'static) {
        drop(async_std::task::spawn_blocking(job));
    }
}
