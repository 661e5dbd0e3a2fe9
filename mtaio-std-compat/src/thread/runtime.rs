//! What plain threads supply.

use core::future::Future;

use mtaio_core::runtime::Spawn;

use crate::sleep::io_timer;

/// Plain threads: timers of `async-io`, and a thread for each task. All values are the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadRuntime;

/// Runs `future` to its end on this thread, which sleeps while there is nothing to do.
pub fn block_on<F: Future>(future: F) -> F::Output {
    async_io::block_on(future)
}

io_timer!(ThreadRuntime);

impl Spawn for ThreadRuntime {
    fn spawn_detached(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(std::thread::spawn(|| block_on(task)));
    }

    fn spawn_blocking_detached(&self, job: impl FnOnce() + Send + 'static) {
        drop(std::thread::spawn(job));
    }
}
