//! What plain threads supply.

use alloc::sync::Weak;
use core::future::Future;
use core::time::Duration;

use mtaio_core::Instant;
use mtaio_core::alarm::SleepAlarm;
use mtaio_core::runtime::{Clock, Spawn, SystemClock, Tick, Timer};

use crate::sleep::IoSleep;

/// Plain threads: timers of `async-io`, and a thread for each task. All values are the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadRuntime;

/// Runs `future` to its end on this thread, which sleeps while there is nothing to do.
pub fn block_on<F: Future>(future: F) -> F::Output {
    async_io::block_on(future)
}

impl Clock for ThreadRuntime {
    #[inline]
    fn now(&self) -> Instant {
        SystemClock.now()
    }
}

impl Timer for ThreadRuntime {
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

impl Spawn for ThreadRuntime {
    fn spawn_detached(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(std::thread::spawn(|| block_on(task)));
    }

    fn spawn_blocking_detached(&self, job: impl FnOnce() + Send + 'static) {
        drop(std::thread::spawn(job));
    }
}
