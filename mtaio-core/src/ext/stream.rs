//! Limits on any stream.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::stream::FuturesUnordered;
use pin_project_lite::pin_project;

use crate::limit::{Limiter, ResourceLimitError};

/// Ways to limit a stream, for all streams.
pub trait StreamExt: Stream + Sized {
    /// Gives each item when `rate` has granted a cell for it.
    ///
    /// The item comes first, and then its cell: a stream that has ended, or has nothing yet, takes none.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future of one `next` loses nothing. Dropping the stream drops the item whose cell was waited for; that cell
    /// is not spent.
    ///
    /// # Errors
    ///
    /// An item that the limiter refuses comes as [`NotAdmitted`], which carries it. The stream goes on after it.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::stream::{StreamExt as _, iter};
    /// use mtaio_core::StreamExt;
    /// use mtaio_core::limit::{Quota, RateLimiter};
    /// use mtaio_core::runtime::{Clock, VirtualRuntime};
    ///
    /// let runtime = VirtualRuntime::new();
    /// let rate = RateLimiter::with_runtime(Quota::per_second(10).burst(1), runtime.clone());
    /// let items: Vec<_> = runtime.block_on(iter(1..=5).throttle(&rate).collect());
    /// assert_eq!(items, [Ok(1), Ok(2), Ok(3), Ok(4), Ok(5)]);
    /// assert_eq!(runtime.now().as_nanos(), 400_000_000);
    /// ```
    fn throttle<L>(self, rate: &L) -> Throttle<Self, L>
    where
        L: Limiter<Permit = ()> + Clone,
    {
        Throttle { stream: self, limiter: rate.clone(), item: None, admit: None }
    }

    /// Runs the futures of this stream, each while it holds what `slots` gave for it, and gives their outputs as they complete.
    ///
    /// A future comes first, and then its slot: it takes no more futures from the stream than may run, and the one that is next.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future of one `next` loses nothing. Dropping the stream drops the futures that run, and their slots return.
    ///
    /// # Errors
    ///
    /// A future that the limiter refuses comes as [`NotAdmitted`], which carries it, unpolled. The stream goes on after it.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use futures_util::stream::{StreamExt as _, iter};
    /// use mtaio_core::StreamExt;
    /// use mtaio_core::limit::ConcurrencyLimiter;
    /// use mtaio_core::runtime::{Clock, Timer, VirtualRuntime};
    ///
    /// let runtime = VirtualRuntime::new();
    /// let slots = ConcurrencyLimiter::with_runtime(3, runtime.clone());
    /// let jobs = (0..20).map(|_| async {
    ///     runtime.sleep_until(runtime.now() + Duration::from_millis(500)).await;
    /// });
    /// assert_eq!(runtime.block_on(iter(jobs).limit_concurrency(&slots).count()), 20);
    /// assert_eq!(runtime.now().as_nanos(), 3_500_000_000);
    /// ```
    fn limit_concurrency<L>(self, slots: &L) -> LimitConcurrency<Self, L>
    where
        Self::Item: Future,
        L: Limiter + Clone,
    {
        LimitConcurrency {
            stream: self,
            ended: false,
            limiter: slots.clone(),
            next: None,
            admit: None,
            running: FuturesUnordered::new(),
        }
    }
}

impl<S: Stream> StreamExt for S {}

/// What a limiter refused, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAdmitted<T> {
    item: T,
    error: ResourceLimitError,
}

impl<T> NotAdmitted<T> {
    /// Why.
    pub fn error(&self) -> ResourceLimitError {
        self.error
    }

    /// What was refused.
    pub fn into_inner(self) -> T {
        self.item
    }
}

impl<T> fmt::Display for NotAdmitted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T: fmt::Debug> core::error::Error for NotAdmitted<T> {}

pin_project! {
    /// A stream whose items wait for cells: what [`StreamExt::throttle`] makes.
    #[must_use = "streams do nothing unless they are polled"]
    pub struct Throttle<S, L>
    where
        S: Stream,
        L: Limiter,
    {
        #[pin]
        stream: S,
        limiter: L,
        // The item that waits, and its wait: both or neither.
        item: Option<S::Item>,
        #[pin]
        admit: Option<L::Admit>,
    }
}

impl<S, L> Stream for Throttle<S, L>
where
    S: Stream,
    L: Limiter<Permit = ()>,
{
    type Item = Result<S::Item, NotAdmitted<S::Item>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if this.item.is_none() {
            let Some(item) = ready!(this.stream.poll_next(context)) else { return Poll::Ready(None) };
            this.admit.set(Some(this.limiter.admit(1)));
            *this.item = Some(item);
        }
        let admitted = match this.admit.as_mut().as_pin_mut() {
            Some(admit) => ready!(admit.poll(context)),
            None => Ok(()),
        };
        this.admit.set(None);
        Poll::Ready(this.item.take().map(|item| match admitted {
            Ok(()) => Ok(item),
            Err(error) => Err(NotAdmitted { item, error }),
        }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        more(self.stream.size_hint(), usize::from(self.item.is_some()))
    }
}

pin_project! {
    /// A stream of futures that run while they hold slots: what [`StreamExt::limit_concurrency`] makes.
    #[must_use = "streams do nothing unless they are polled"]
    pub struct LimitConcurrency<S, L>
    where
        S: Stream,
        L: Limiter,
    {
        #[pin]
        stream: S,
        ended: bool,
        limiter: L,
        // The future that waits for its slot, and its wait: both or neither.
        next: Option<S::Item>,
        #[pin]
        admit: Option<L::Admit>,
        running: FuturesUnordered<Held<S::Item, L::Permit>>,
    }
}

pin_project! {
    /// A future and what it holds while it runs.
    struct Held<F, P> {
        // Before the permit, so that it is dropped before it.
        #[pin]
        future: F,
        permit: P,
    }
}

impl<F: Future, P> Future for Held<F, P> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(context)
    }
}

impl<S, L> LimitConcurrency<S, L>
where
    S: Stream<Item: Future>,
    L: Limiter,
{
    /// Starts what may run. Ready with a future that the limiter refused.
    fn start(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<NotAdmitted<S::Item>> {
        let mut this = self.project();
        loop {
            if this.next.is_none() {
                if *this.ended {
                    return Poll::Pending;
                }
                match ready!(this.stream.as_mut().poll_next(context)) {
                    Some(next) => *this.next = Some(next),
                    None => {
                        *this.ended = true;
                        return Poll::Pending;
                    }
                }
                this.admit.set(Some(this.limiter.admit(1)));
            }
            let Some(admit) = this.admit.as_mut().as_pin_mut() else { return Poll::Pending };
            let admitted = ready!(admit.poll(context));
            this.admit.set(None);
            match (this.next.take(), admitted) {
                (Some(future), Ok(permit)) => this.running.push(Held { future, permit }),
                (Some(item), Err(error)) => return Poll::Ready(NotAdmitted { item, error }),
                (None, _) => {}
            }
        }
    }
}

impl<S, L> Stream for LimitConcurrency<S, L>
where
    S: Stream<Item: Future>,
    L: Limiter,
{
    type Item = Result<<S::Item as Future>::Output, NotAdmitted<S::Item>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Poll::Ready(refused) = self.as_mut().start(context) {
            return Poll::Ready(Some(Err(refused)));
        }
        let this = self.project();
        match Pin::new(this.running).poll_next(context) {
            Poll::Ready(Some(output)) => Poll::Ready(Some(Ok(output))),
            Poll::Ready(None) if *this.ended && this.next.is_none() => Poll::Ready(None),
            _ => Poll::Pending,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = if self.ended { (0, Some(0)) } else { self.stream.size_hint() };
        more(left, self.running.len() + usize::from(self.next.is_some()))
    }
}

/// A size hint for so many more.
fn more((at_least, at_most): (usize, Option<usize>), held: usize) -> (usize, Option<usize>) {
    (at_least.saturating_add(held), at_most.and_then(|most| most.checked_add(held)))
}

impl<S: Stream, L: Limiter> fmt::Debug for Throttle<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle").field("waits", &self.item.is_some()).finish_non_exhaustive()
    }
}

impl<S: Stream, L: Limiter> fmt::Debug for LimitConcurrency<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = self.running.len();
        f.debug_struct("LimitConcurrency").field("running", &running).finish_non_exhaustive()
    }
}
