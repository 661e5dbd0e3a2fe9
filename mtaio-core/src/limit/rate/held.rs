//! The part of a combined limiter that a rate limiter is: cells that are looked at before they are taken, and turns that are
//! held.

use alloc::sync::Arc;
use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::cells::Ask;
use super::future::poll_in_line;
use super::{AcquireCellsOwned, RateLimiter, Shared};
use crate::limit::error::{ResourceLimitError, ResourceLimitErrorKind};
use crate::runtime::Timer;
use crate::sync::{Supply, Wait};
use crate::time::Instant;

impl<R: Timer> RateLimiter<R> {
    pub(in crate::limit) fn shared(&self) -> &Arc<Shared<R>> {
        &self.shared
    }

    /// As [`acquire_many`](Self::acquire_many), in a future without a lifetime.
    pub(in crate::limit) fn acquire_owned_cells(&self, n: u32) -> AcquireCellsOwned<R> {
        AcquireCellsOwned::new(Arc::clone(&self.shared), n)
    }
}

impl<R: Timer> Shared<R> {
    /// How slow the quota was that the limiter was made with. It does not change with the quota.
    pub(in crate::limit) fn interval(&self) -> u128 {
        self.interval
    }

    /// Takes `n` cells, or says why not. `now` tells the time of the limiter's own clock.
    #[inline(always)]
    pub(in crate::limit) fn take(&self, now: impl Fn() -> Instant, n: u32) -> Result<(), ResourceLimitError> {
        self.decide::<true>(now, n)
    }

    /// What [`take`](Self::take) would say now.
    #[inline]
    pub(in crate::limit) fn look(&self, now: impl Fn() -> Instant, n: u32) -> Result<(), ResourceLimitError> {
        self.decide::<false>(now, n)
    }

    /// Refuses what would never be granted.
    pub(in crate::limit) fn vet(&self, n: u32) -> Result<(), ResourceLimitError> {
        let ask = Ask { n, deadline: Instant::FAR, hold: false };
        self.queue.peek(|state, _| self.queue.supply.vet(state, &ask))
    }

    /// Gives back cells that were taken a moment ago.
    pub(in crate::limit) fn give_back(&self, n: u32) {
        let cells = &self.queue.supply;
        self.queue.change(|state| cells.give_back(state, n));
    }
}

pin_project! {
    /// Waits for cells, and holds its turn when that has come, if it was made so.
    #[derive(Debug)]
    pub(in crate::limit) struct HeldCells<R>
    where
        R: Timer,
    {
        #[pin]
        wait: Wait<Arc<Shared<R>>>,
    }
}

impl<R: Timer> HeldCells<R> {
    pub(in crate::limit) fn new(limiter: Arc<Shared<R>>, n: u32, deadline: Instant, hold: bool) -> Self {
        Self { wait: Wait::new(limiter, Ask { n, deadline, hold }) }
    }

    /// Ready when the cells are granted, or, where the turn is held, when it has come. It is still held then, and can be polled
    /// again.
    pub(in crate::limit) fn poll(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), ResourceLimitError>> {
        poll_in_line(self.project().wait, context)
    }

    /// Takes the cells whose turn is held. An error of kind not ready says that they cannot be had any more; it waits for
    /// them again.
    pub(in crate::limit) fn take(self: Pin<&mut Self>) -> Result<(), ResourceLimitError> {
        match self.project().wait.take() {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => Err(ResourceLimitError::not_ready(None)),
        }
    }
}

/// Whether waiting helps.
pub(in crate::limit) fn is_not_ready(error: &ResourceLimitError) -> bool {
    error.kind() == ResourceLimitErrorKind::NotReady
}
