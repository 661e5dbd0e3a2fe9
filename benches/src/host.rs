//! The runtimes that run the tasks of a row.

use core::future::Future;

use tokio::runtime::{Builder, Runtime};

/// A runtime of tokio with so many threads of its own. Without any, it runs on the thread that waits for it.
///
/// # Panics
///
/// If there is none to be had.
pub fn tokio(threads: usize) -> Runtime {
    let mut builder = if threads == 0 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    // A runtime without threads does not read how many it has, and none is not accepted.
    builder.worker_threads(threads.max(1)).enable_time().build().expect("a runtime")
}

/// Where the tasks of a row run.
pub(crate) enum Host {
    Tokio(Runtime),
    /// On the thread that waits for them; the timers have one of their own.
    Smol(smol::Executor<'static>),
}

/// What a [`Host`] is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    CurrentThread,
    MultiThread,
    Smol,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::CurrentThread => "tokio, one thread",
            Kind::MultiThread => "tokio, two threads",
            Kind::Smol => "smol",
        }
    }
}

impl Host {
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::CurrentThread => Self::Tokio(tokio(0)),
            Kind::MultiThread => Self::Tokio(tokio(2)),
            Kind::Smol => Self::Smol(smol::Executor::new()),
        }
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self {
            Self::Tokio(runtime) => runtime.block_on(future),
            Self::Smol(executor) => smol::block_on(executor.run(future)),
        }
    }

    /// Runs all tasks to their end, side by side.
    pub(crate) async fn join<F>(&self, tasks: impl Iterator<Item = F>)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        match self {
            Self::Tokio(_) => {
                let tasks: Vec<_> = tasks.map(::tokio::spawn).collect();
                for task in tasks {
                    task.await.expect("a task that does not panic");
                }
            }
            Self::Smol(executor) => {
                let tasks: Vec<_> = tasks.map(|task| executor.spawn(task)).collect();
                for task in tasks {
                    task.await;
                }
            }
        }
    }
}
