//! The runtimes that run the tasks of a row.

use core::future::Future;

/// Where the tasks of a row run.
pub(crate) enum Host {
    Tokio(tokio::runtime::Runtime),
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
        let mut builder = match kind {
            Kind::CurrentThread => tokio::runtime::Builder::new_current_thread(),
            Kind::MultiThread => tokio::runtime::Builder::new_multi_thread(),
            Kind::Smol => return Self::Smol(smol::Executor::new()),
        };
        Self::Tokio(builder.worker_threads(2).enable_time().build().expect("a runtime"))
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
                let tasks: Vec<_> = tasks.map(tokio::spawn).collect();
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
