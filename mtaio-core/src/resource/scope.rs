//! A body, and the cleanup after it.

mod error;

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

pub use error::ScopeError;

use super::error::CloseErrors;
use crate::primitive::{Panic, catch, rethrow};

/// Runs `body`, and then `close`, whatever became of `body`.
pub(super) async fn scope<T, E>(
    body: impl Future<Output = Result<T, E>>,
    close: impl Future<Output = Result<(), CloseErrors>>,
) -> Result<T, ScopeError<E>> {
    let body = caught(body).await;
    let cleanup = close.await;
    match body {
        Ok(body) => ScopeError::check(body, cleanup),
        Err(panic) => rethrow(panic),
    }
}

/// The output of `future`, or its panic, where panics can be caught.
async fn caught<F: Future>(future: F) -> Result<F::Output, Panic> {
    let mut future = pin!(future);
    poll_fn(|context| {
        let mut output = Poll::Pending;
        match catch(|| output = future.as_mut().poll(context)) {
            Ok(()) => output.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}
