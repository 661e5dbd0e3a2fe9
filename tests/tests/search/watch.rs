//! Futures of limiters that write down what becomes of them.

use alloc::sync::Arc;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};

use mtaio_core::limit::{AcquireResources, ResourceLimitError, ResourcePermit};
use mtaio_core::runtime::VirtualRuntime;

use crate::book::{Bell, Book, Slip};
use crate::limit::Limit;
use crate::world::{PartBook, World};

/// Waits in the line of one limiter.
pub(crate) struct Watched<L: Limit, T, F: Future<Output = Result<T, ResourceLimitError>>> {
    book: Arc<Book<L>>,
    slip: Arc<Slip>,
    /// `None` once it has its answer.
    inner: Option<Pin<Box<F>>>,
    arrived: bool,
}

impl<L: Limit, T, F: Future<Output = Result<T, ResourceLimitError>>> Watched<L, T, F> {
    pub(crate) fn new(book: &Arc<Book<L>>, slip: Slip, future: F) -> Self {
        Self { book: Arc::clone(book), slip: Arc::new(slip), inner: Some(Box::pin(future)), arrived: false }
    }

    fn poll_inner(&mut self, waker: &Waker) -> Poll<Result<T, ResourceLimitError>> {
        let inner = self.inner.as_mut().expect("it is polled until it is ready");
        let outcome = ready!(inner.as_mut().poll(&mut Context::from_waker(waker)));
        self.inner = None;
        self.book.answered(&self.slip, self.arrived, outcome.as_ref().err());
        Poll::Ready(outcome)
    }
}

impl<L: Limit, T, F: Future<Output = Result<T, ResourceLimitError>>> Future for Watched<L, T, F> {
    /// What it got, and since which moment it may have had it.
    type Output = (Result<T, ResourceLimitError>, usize);

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let before = this.book.limiter.moment();
        this.slip.listen(context.waker());
        let waker = Waker::from(Arc::new(Bell(Arc::clone(&this.book), Arc::clone(&this.slip))));
        let poll = this.poll_inner(&waker);
        if poll.is_pending() && !core::mem::replace(&mut this.arrived, true) {
            this.book.arrive(&this.slip);
        }
        poll.map(|outcome| (outcome, this.slip.woken().unwrap_or(before)))
    }
}

impl<L: Limit, T, F: Future<Output = Result<T, ResourceLimitError>>> Drop for Watched<L, T, F> {
    fn drop(&mut self) {
        if !self.arrived || self.inner.is_none() {
            return;
        }
        // Only it knows whether it was served.
        if self.slip.is_unsure() && self.poll_inner(Waker::noop()).is_ready() {
            return;
        }
        self.book.abandoned(&self.slip);
    }
}

impl<L: Limit, T, F: Future<Output = Result<T, ResourceLimitError>>> Unpin for Watched<L, T, F> {}

/// Waits for a combined limiter. Only its answer says what it has taken, so that it notes when that may have been.
pub(crate) struct WatchedParts<'a> {
    world: &'a World,
    parts: Vec<(PartBook<'a>, u32)>,
    /// For each part, the moment before it may have been taken: the first poll, or for a rate the last one.
    since: Vec<usize>,
    inner: Option<Pin<Box<AcquireResources<'a, VirtualRuntime>>>>,
    polled: bool,
}

impl<'a> WatchedParts<'a> {
    pub(crate) fn new(
        world: &'a World,
        parts: Vec<(PartBook<'a>, u32)>,
        future: AcquireResources<'a, VirtualRuntime>,
    ) -> Self {
        Self { world, parts, since: Vec::new(), inner: Some(Box::pin(future)), polled: false }
    }

    fn moments(&self) -> Vec<usize> {
        self.parts.iter().map(|(part, _)| part.moment()).collect()
    }

    /// What it may have taken went back.
    fn write_returns(&self) {
        for ((part, cost), since) in self.parts.iter().zip(&self.since) {
            part.maybe_returned(*cost, *since);
        }
    }

    fn write_grants(&self) {
        for ((part, cost), since) in self.parts.iter().zip(&self.since) {
            part.got(*cost, *since, !self.polled);
        }
    }
}

impl<'a> Future for WatchedParts<'a> {
    type Output = Result<ResourcePermit<'a, VirtualRuntime>, ResourceLimitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if !this.polled {
            this.since = this.moments();
        }
        let inner = this.inner.as_mut().expect("it is polled until it is ready");
        let poll = inner.as_mut().poll(context);
        match &poll {
            Poll::Pending => {
                this.parts.iter().for_each(|(part, _)| part.waited());
                // Slots may be taken long before the rest.
                let moments = this.moments();
                let places = this.since.iter_mut().zip(&this.parts).zip(moments);
                places.filter(|((_, (part, _)), _)| part.is_rate()).for_each(|((since, _), now)| *since = now);
                this.polled = true;
            }
            Poll::Ready(outcome) => {
                this.inner = None;
                match outcome {
                    Ok(_) => this.write_grants(),
                    Err(_) => this.write_returns(),
                }
            }
        }
        this.world.check_fronts();
        poll
    }
}

impl Drop for WatchedParts<'_> {
    fn drop(&mut self) {
        if self.inner.is_some() && self.polled {
            self.write_returns();
        }
    }
}
