//! The futures of a rate limiter.

use alloc::sync::Arc;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use pin_project_lite::pin_project;

use super::Shared;
use super::cells::Ask;
use super::word::{Long, Short};
use crate::alarm::bells::watch;
use crate::limit::error::{ResourceLimitError, ResourceLimitErrorKind};
use crate::limit::policy::priority;
use crate::runtime::Timer;
use crate::sync::{Handle, Wait};
use crate::time::{Instant, ambient};

/// Takes the cells, at once if it can be; otherwise queues, and sees to it that an alarm is set where it is polled. One who is about
/// to queue is given a bound before.
// Where it is not inlined the answer goes through memory, which takes half as long as the cells themselves.
#[inline(always)]
fn poll_cells<R, H>(
    mut wait: Pin<&mut Wait<H>>,
    context: &mut Context<'_>,
    bound: impl FnOnce(Pin<&mut Wait<H>>),
) -> Poll<Result<(), ResourceLimitError>>
where
    R: Timer,
    H: Handle<Target = Shared<R>>,
{
    if !wait.is_queued() {
        let limiter = wait.owner();
        match limiter.queue.supply.word.decide::<true>(|| limiter.now(), wait.ask().n) {
            Short::Taken => return Poll::Ready(Ok(())),
            Short::NotReady(_) => {}
            Short::Unclear => {
                if let Some(answer) = try_at_length(limiter, wait.ask().n) {
                    return Poll::Ready(answer);
                }
            }
        }
        bound(wait.as_mut());
    }
    poll_in_line(wait, context)
}

/// The answer, if it needs no queue.
#[cold]
fn try_at_length<R: Timer>(limiter: &Shared<R>, n: u32) -> Option<Result<(), ResourceLimitError>> {
    match limiter.queue.supply.word.decide_at_length::<true>(|| limiter.now(), n) {
        Long::Taken => Some(Ok(())),
        Long::Refused(error) if error.kind() == ResourceLimitErrorKind::TooLarge => Some(Err(error)),
        // Nothing asked for does not queue.
        Long::Locked if n == 0 => Some(limiter.take_nothing()),
        Long::Refused(_) | Long::Locked => None,
    }
}

#[inline(never)]
pub(super) fn poll_in_line<R, H>(
    mut wait: Pin<&mut Wait<H>>,
    context: &mut Context<'_>,
) -> Poll<Result<(), ResourceLimitError>>
where
    R: Timer,
    H: Handle<Target = Shared<R>>,
{
    if !wait.is_queued() {
        bound_by_scopes(wait.as_mut());
    } else if !R::WAKES_UNLOCKED {
        wait.owner().tick();
    }
    let poll = wait.as_mut().poll(context);
    // Where no alarm can be set this panics: only one who has to wait needs a runtime.
    if poll.is_pending() && !watch(wait.owner()) {
        // The runtime went away under us. If we live on elsewhere, we look again there.
        context.waker().wake_by_ref();
    }
    poll
}

/// One who is about to queue has no more time than the scopes around it leave.
fn bound_by_scopes<R, H>(wait: Pin<&mut Wait<H>>)
where
    R: Timer,
    H: Handle<Target = Shared<R>>,
{
    if let Some(around) = ambient::earliest(wait.owner().queue.supply.runtime.clock_id()) {
        let ask = wait.ask();
        wait.set_ask(Ask { deadline: ask.deadline.min(around.at), ..ask });
    }
}

pin_project! {
    /// Waits for cells: the future of [`RateLimiter::acquire`](super::RateLimiter::acquire) and
    /// [`acquire_many`](super::RateLimiter::acquire_many).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct AcquireCells<'a, R>
    where
        R: Timer,
    {
        #[pin]
        wait: Wait<&'a Shared<R>>,
    }
}

impl<'a, R: Timer> AcquireCells<'a, R> {
    #[inline]
    pub(super) fn new(limiter: &'a Shared<R>, n: u32) -> Self {
        Self { wait: Wait::new(limiter, Ask { n, deadline: Instant::FAR, hold: false }) }
    }

    fn in_class(self, class: u8) -> Self {
        Self { wait: self.wait.in_class(class) }
    }
}

impl<R: Timer> Future for AcquireCells<'_, R> {
    type Output = Result<(), ResourceLimitError>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        poll_cells(self.project().wait, context, |_| ())
    }
}

pin_project! {
    /// As [`AcquireCells`], and keeps the limiter alive: what wrapped functions wait with.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct AcquireCellsOwned<R>
    where
        R: Timer,
    {
        #[pin]
        wait: Wait<Arc<Shared<R>>>,
    }
}

impl<R: Timer> AcquireCellsOwned<R> {
    pub(super) fn new(limiter: Arc<Shared<R>>, n: u32) -> Self {
        Self { wait: Wait::new(limiter, Ask { n, deadline: Instant::FAR, hold: false }) }
    }

    fn in_class(self, class: u8) -> Self {
        Self { wait: self.wait.in_class(class) }
    }
}

impl<R: Timer> Future for AcquireCellsOwned<R> {
    type Output = Result<(), ResourceLimitError>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        poll_cells(self.project().wait, context, |_| ())
    }
}

pin_project! {
    /// Waits for cells, unless that takes too long: the future of
    /// [`RateLimiter::acquire_within`](super::RateLimiter::acquire_within).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct AcquireCellsWithin<'a, R>
    where
        R: Timer,
    {
        #[pin]
        wait: Wait<&'a Shared<R>>,
        max_wait: Duration,
    }
}

impl<'a, R: Timer> AcquireCellsWithin<'a, R> {
    pub(super) fn new(limiter: &'a Shared<R>, n: u32, max_wait: Duration) -> Self {
        Self { wait: Wait::new(limiter, Ask { n, deadline: Instant::FAR, hold: false }), max_wait }
    }

    fn in_class(self, class: u8) -> Self {
        Self { wait: self.wait.in_class(class), ..self }
    }
}

impl<R: Timer> Future for AcquireCellsWithin<'_, R> {
    type Output = Result<(), ResourceLimitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Only who queues asks; the deadline is in the queue from then on.
        poll_cells(this.wait, context, |wait| {
            let deadline = wait.owner().now() + *this.max_wait;
            let ask = Ask { deadline, ..wait.ask() };
            wait.set_ask(ask);
        })
    }
}

priority!(['a, R: Timer] AcquireCells<'a, R>, (), wait);
priority!([R: Timer] AcquireCellsOwned<R>, (), wait);
priority!(['a, R: Timer] AcquireCellsWithin<'a, R>, (), wait);

/// Ticks a limiter whose runtime's timers cannot: the future of [`RateLimiter::driver`](super::RateLimiter::driver).
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct Driver<R: Timer> {
    limiter: Arc<Shared<R>>,
}

impl<R: Timer> Driver<R> {
    pub(super) fn new(limiter: Arc<Shared<R>>) -> Self {
        Self { limiter }
    }
}

impl<R: Timer> Future for Driver<R> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let fresh = Some(context.waker().clone());
        let (old, closed) =
            self.limiter.queue.peek(|state, _| (core::mem::replace(&mut state.driver, fresh), state.closed));
        drop(old);
        self.limiter.tick();
        if closed { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// A driver that is gone leaves the tick to the front waiter, also the one that it was woken for.
impl<R: Timer> Drop for Driver<R> {
    fn drop(&mut self) {
        drop(self.limiter.queue.peek(|state, _| state.driver.take()));
        self.limiter.tick();
    }
}
