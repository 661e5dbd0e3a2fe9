//! Carrying a deadline into another task.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::ambient::{At, Frame, earliest, under};
use super::{ClockId, Deadline, ambient};

impl Deadline {
    /// The deadline around the code that runs: the earliest of the scopes whose futures are being polled, on the clock of the
    /// innermost. [`NEVER`](Self::NEVER) outside of all scopes.
    ///
    /// A task that is spawned does not inherit it by itself: [`attach`](Self::attach) takes it along.
    ///
    /// ```
    /// use core::time::Duration;
    /// use mtaio_core::Deadline;
    /// use mtaio_core::runtime::{Spawn, VirtualRuntime};
    /// use mtaio_core::timeout::TimeoutManager;
    ///
    /// let runtime = VirtualRuntime::new();
    /// let tm = TimeoutManager::with_runtime(Duration::from_secs(5), runtime.clone());
    /// runtime.block_on(tm.scope(async {
    ///     let inner = tm.clone();
    ///     let work = async move { inner.remaining() };
    ///     let task = runtime.spawn(Deadline::current().attach(work));
    ///     assert_eq!(task.await, Ok(Some(Duration::from_secs(5))));
    /// })).unwrap();
    /// ```
    pub fn current() -> Self {
        ambient::clock().map_or(Self::NEVER, Self::current_on)
    }

    /// The deadline around the code that runs, on one clock.
    pub fn current_on(clock: ClockId) -> Self {
        earliest(clock).map_or(Self::NEVER, |bound| Self::at(bound.at)).on(clock)
    }

    /// Makes this the deadline around `future`, wherever that is polled: time-outs, scopes and limiter waits in it are bounded by it,
    /// as in the scope that it was taken from. It does not end `future` itself.
    ///
    /// One that names no clock ([`on`](Self::on)) bounds nothing.
    pub fn attach<F: Future>(self, future: F) -> Attached<F> {
        Attached { future, deadline: self }
    }
}

pin_project! {
    /// A future with a deadline around it: see [`Deadline::attach`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Attached<F> {
        #[pin]
        future: F,
        deadline: Deadline,
    }
}

impl<F: Future> Future for Attached<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        match (this.deadline.clock(), this.deadline.instant()) {
            (Some(clock), Some(at)) => {
                let frame = Frame::Limit { clock, at: At::Fixed(at), start: None, shields: None };
                under(frame, || this.future.poll(context)).1
            }
            _ => this.future.poll(context),
        }
    }
}
