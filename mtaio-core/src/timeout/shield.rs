//! What outlives the scopes around it.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::time::ambient::{Cover, Frame, under};

/// Runs `future` to its end although the scopes around it expire: they wait for it, and nothing in it is bounded by them.
///
/// For cleanup that must not be cut off. Once it is done, a scope whose time is over ends at the next thing that waits. A scope that is
/// itself dropped takes the shield with it, and so does a [`run`](super::TimeoutManager::run) around it, which is no scope. Without std
/// it protects from nothing.
///
/// # Cancel safety
///
/// As `future`.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use mtaio_core::runtime::{Clock, Timer, VirtualRuntime};
/// use mtaio_core::timeout::{TimeoutManager, shield};
///
/// let runtime = VirtualRuntime::new();
/// let tm = TimeoutManager::with_runtime(Duration::from_secs(1), runtime.clone());
/// let mut flushed = false;
/// let block = tm.scope(async {
///     shield(async {
///         runtime.sleep_until(runtime.now() + Duration::from_secs(3)).await;
///         flushed = true;
///     }).await;
///     core::future::pending::<()>().await;
/// });
/// assert!(runtime.block_on(block).is_err());
/// assert!(flushed);
/// assert_eq!(runtime.now().as_nanos(), 3_000_000_000);
/// ```
pub fn shield<F: Future>(future: F) -> Shield<F> {
    Shield { future, cover: None }
}

pin_project! {
    /// Outlives the scopes around it: what [`shield`] returns.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Shield<F> {
        #[pin]
        future: F,
        // From the first poll to the end.
        cover: Option<Cover>,
    }
}

impl<F: Future> Future for Shield<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        Cover::keep(this.cover);
        let (_, poll) = under(Frame::Shield, || this.future.poll(context));
        if poll.is_ready() {
            *this.cover = None;
        }
        poll
    }
}

impl<F> fmt::Debug for Shield<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shield").field("at_work", &self.cover.is_some()).finish_non_exhaustive()
    }
}
