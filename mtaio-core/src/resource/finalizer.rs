//! One thing that is to be done at the end, and many of them in order.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use super::close::BoxError;
use super::error::{CloseError, Failure};
use crate::primitive::{catch, message, quietly};
use crate::runtime::Timer;
use crate::timeout::{shield, timeout};

/// A future that has not begun, that runs, or that was left half-way: it goes on wherever it is polled next.
pub(super) struct Finalizer {
    what: &'static str,
    is_limited: bool,
    work: Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>,
}

impl Finalizer {
    /// `work` must call nothing of the resource before it is polled. `what` names it to people.
    pub(super) fn new<R: Timer>(
        what: &'static str,
        limit: Option<(R, Duration)>,
        work: impl Future<Output = Result<(), BoxError>> + Send + 'static,
    ) -> Self {
        let is_limited = limit.is_some();
        let work: Pin<Box<dyn Future<Output = _> + Send>> = match limit {
            None => Box::pin(async move { work.await.map_err(Failure::Failed) }),
            Some((runtime, limit)) => Box::pin(async move {
                let outcome = timeout(runtime, limit, work).await;
                outcome.map_err(|elapsed| Failure::TimedOut(elapsed.limit()))?.map_err(Failure::Failed)
            }),
        };
        Self { what, is_limited, work }
    }

    /// Goes on to the end. One that has a limit has all of it: scopes around this wait.
    pub(super) async fn run(&mut self) -> Result<(), CloseError> {
        let is_limited = self.is_limited;
        let work = poll_fn(|context| self.poll(context));
        // The shield is not a part of `work`: a scope does not wait for a finalizer that was left half-way.
        if is_limited { shield(work).await } else { work.await }
    }

    /// A panic is an error like others, where panics can be caught.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), CloseError>> {
        let mut outcome = Poll::Pending;
        let polled = catch(|| outcome = self.work.as_mut().poll(context));
        let outcome = match polled {
            Ok(()) => outcome,
            Err(panic) => Poll::Ready(Err(Failure::Panicked(message(panic)))),
        };
        outcome.map(|done| done.map_err(|failure| CloseError::new(self.what, failure)))
    }
}

/// Finalizers by number. Dropping them drops the highest first, and does not panic.
#[derive(Default)]
pub(super) struct Finalizers(BTreeMap<u64, Finalizer>);

impl Finalizers {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn insert(&mut self, key: u64, finalizer: Finalizer) {
        self.0.insert(key, finalizer);
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<Finalizer> {
        self.0.remove(&key)
    }

    pub(super) fn pop(&mut self) -> Option<(u64, Finalizer)> {
        self.0.pop_last()
    }
}

impl Drop for Finalizers {
    fn drop(&mut self) {
        while let Some((_, finalizer)) = self.pop() {
            quietly(|| drop(finalizer));
        }
    }
}
