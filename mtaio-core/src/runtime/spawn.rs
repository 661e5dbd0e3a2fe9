//! Tasks: how they are spawned, and how one waits for them.

use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use event_listener::{Event, EventListener};

use super::Timer;
use crate::primitive::{Lock, unwinding};

/// Runs futures as tasks. See the [module](super) for what it MUST do.
pub trait Spawn {
    /// Runs `task` to its end, or drops it when the runtime goes away.
    fn spawn_detached(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Runs `job`, which may block, where that hurts nobody.
    fn spawn_blocking_detached(&self, job: impl FnOnce() + Send + 'static);

    /// Runs `future` as a task.
    fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let (sender, handle) = packet();
        self.spawn_detached(async move { sender.send(future.await) });
        handle
    }

    /// Runs `job`, which may block, where that hurts nobody.
    fn spawn_blocking<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let (sender, handle) = packet();
        self.spawn_blocking_detached(move || sender.send(job()));
        handle
    }
}

/// A timer that can also spawn: all that the crate ever asks of a runtime.
pub trait Runtime: Timer + Spawn {}

impl<R: Timer + Spawn> Runtime for R {}

/// Waits for the result of a task. Dropping it lets the task go on alone.
#[must_use = "a task's result and its panic are seen by who waits for it"]
pub struct JoinHandle<T> {
    packet: Arc<Packet<T>>,
    listener: Option<EventListener>,
}

/// The task ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinError {
    panicked: bool,
}

struct Packet<T> {
    result: Lock<Option<Result<T, JoinError>>>,
    done: Event,
}

/// The task's side: its drop tells that no result will come.
struct Sender<T>(Arc<Packet<T>>);

fn packet<T>() -> (Sender<T>, JoinHandle<T>) {
    let packet = Arc::new(Packet { result: Lock::new(None), done: Event::new() });
    (Sender(Arc::clone(&packet)), JoinHandle { packet, listener: None })
}

impl<T> Sender<T> {
    fn send(self, value: T) {
        self.0.result.with(|result| *result = Some(Ok(value)));
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let panicked = unwinding();
        self.0.result.with(|result| _ = result.get_or_insert(Err(JoinError { panicked })));
        self.0.done.notify(usize::MAX);
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if let Some(result) = self.packet.result.with(Option::take) {
                return Poll::Ready(result);
            }
            match &mut self.listener {
                None => self.listener = Some(self.packet.done.listen()),
                Some(listener) => {
                    ready!(Pin::new(listener).poll(context));
                    self.listener = None;
                }
            }
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").finish_non_exhaustive()
    }
}

impl JoinError {
    /// Whether the task panicked; otherwise it was dropped before its end, as when its runtime goes away.
    pub fn is_panic(&self) -> bool {
        self.panicked
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.panicked { "the task panicked" } else { "the task was dropped before its end" })
    }
}

impl core::error::Error for JoinError {}
