//! What tokio supplies.

use alloc::sync::Weak;
use core::future::Future;
use core::hash::{Hash, Hasher};
use core::time::Duration;

use mtaio_core::Instant;
use mtaio_core::alarm::TaskAlarm;
use mtaio_core::runtime::{Clock, Spawn, Tick, Timer};
use mtaio_core::time::ClockId;
use tokio::runtime::Handle;

use crate::clock;
use crate::sleep::TokioSleep;

/// Tokio: the runtime that polls the future that waits, whichever that is. All values are the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioRuntime;

/// The runtime that polls us.
///
/// # Panics
///
/// If there is none.
fn here() -> Handle {
    Handle::try_current().unwrap_or_else(|_| {
        panic!(
            "mtaio-tokio has to wait, and no tokio runtime polls it: await it in one (`#[tokio::main]`, \
             `Runtime::block_on`), or use the limiters of mtaio-smol or mtaio-std-compat, which wait anywhere"
        )
    })
}

impl Clock for TokioRuntime {
    #[inline]
    fn now(&self) -> Instant {
        clock::now()
    }

    fn clock_id(&self) -> ClockId {
        clock::id()
    }
}

impl Timer for TokioRuntime {
    type Sleep = TokioSleep;
    type Alarm = TaskAlarm<Self>;

    fn sleep_until(&self, at: Instant) -> TokioSleep {
        drop(here());
        TokioSleep::new(at)
    }

    /// Tokio's timer wheel turns once a millisecond, and rounds up.
    fn granularity(&self) -> Duration {
        Duration::from_millis(2)
    }

    fn alarm(&self, target: Weak<dyn Tick>) -> TaskAlarm<Self> {
        let runtime = here();
        TaskAlarm::new(*self, target, move |task| drop(runtime.spawn(task)))
    }

    fn context_id(&self) -> u64 {
        number_of(&here().id())
    }
}

/// The number in tokio's opaque id, as it hashes itself.
fn number_of(id: &tokio::runtime::Id) -> u64 {
    struct Number(u64);

    impl Hasher for Number {
        fn write(&mut self, bytes: &[u8]) {
            // Should the id ever be more than a number, its bytes are folded into one.
            self.0 = bytes.iter().fold(self.0, |sum, &byte| sum.rotate_left(8) ^ u64::from(byte));
        }

        fn write_u64(&mut self, number: u64) {
            self.0 = number;
        }

        fn finish(&self) -> u64 {
            self.0
        }
    }

    let mut number = Number(0);
    id.hash(&mut number);
    number.finish()
}

impl Spawn for TokioRuntime {
    /// # Panics
    ///
    /// Outside a tokio runtime.
    fn spawn_detached(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(here().spawn(task));
    }

    /// # Panics
    ///
    /// Outside a tokio runtime.
    fn spawn_blocking_detached(&self, job: impl FnOnce() + Send + 'static) {
        drop(here().spawn_blocking(job));
    }
}
