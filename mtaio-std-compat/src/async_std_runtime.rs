//! What async-std supplies.

use core::future::Future;

use mtaio_core::runtime::Spawn;

use crate::sleep::io_timer;

/// Async-std: timers of `async-io`, which it is built on, and its tasks. All values are the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsyncStdRuntime;

io_timer!(AsyncStdRuntime);

impl Spawn for AsyncStdRuntime {
    fn spawn_detached(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(async_std::task::spawn(task));
    }

    fn spawn_blocking_detached(&self, job: impl FnOnce() + Send + 'static) {
        drop(async_std::task::spawn_blocking(job));
    }
}
