//! The wait for all parts.
//!
//! Slots are waited for one after the other, and held. Then the waiter stands in the lines of all rates, one after the other:
//! where its turn has come it holds that turn and takes nothing ([`HeldCells`]), and goes on to the next rate. At the last one it
//! waits as everybody does. When that grants its cells, all others conform, and are taken in the same poll: time only helps
//! them, and nobody passes the one at the front. What is allocated for this is allocated when it has to wait.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use event_listener::EventListener;

use super::costs::Costs;
use super::parts::{Lent, Parts, Spent};
use super::permit::ResourcePermit;
use crate::limit::concurrency::patience::Patience;
use crate::limit::error::{Part, ResourceLimitError};
use crate::limit::rate::{HeldCells, is_not_ready};
use crate::runtime::Timer;
use crate::sync::AcquireOwned;
use crate::time::{Instant, nanos};

/// Waits for all parts of a combined limiter: the future of [`ResourceLimiter::acquire`](super::ResourceLimiter::acquire) and the
/// others like it.
#[must_use = "futures do nothing unless they are awaited"]
pub struct AcquireResources<'a, R: Timer> {
    // Before the permit: it leaves the lines before it gives back what it holds.
    waiting: Option<Box<Waiting<R>>>,
    /// What it holds so far; `None` when it is done.
    permit: Option<ResourcePermit<'a, R>>,
    max_wait: Option<Duration>,
}

/// What one who has to wait needs besides.
struct Waiting<R: Timer> {
    /// The wait for slots that it is at.
    slots: Option<Pin<Box<AcquireOwned>>>,
    /// The lines of rates that it stands in. In all but the last one its turn has come, and is held.
    turns: Vec<Pin<Box<HeldCells<R>>>>,
    closed: Option<EventListener>,
    deadline: Instant,
    patience: Patience<R>,
    /// The part that it waits for.
    part: Option<Part>,
}

impl<'a, R: Timer> AcquireResources<'a, R> {
    #[inline]
    pub(super) fn new(parts: Lent<'a, R>, costs: Costs, max_wait: Option<Duration>) -> Self {
        Self { waiting: None, permit: Some(ResourcePermit::nothing(parts, costs)), max_wait }
    }

    fn poll_parts(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ResourceLimitError>> {
        let permit = self.permit.as_mut().expect("a future was polled after it had completed");
        if self.waiting.is_none() {
            permit.parts.check(&permit.costs)?;
            match permit.take_all() {
                Err(refused) if is_not_ready(&refused) => {}
                decided => return Poll::Ready(decided),
            }
        }
        self.poll_in_line(context)
    }

    #[cold]
    fn poll_in_line(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ResourceLimitError>> {
        let permit = self.permit.as_mut().expect("a future was polled after it had completed");
        let waiting = match &mut self.waiting {
            Some(waiting) => waiting,
            None => self.waiting.insert(Box::new(Waiting::new(permit, self.max_wait)?)),
        };
        if permit.parts.closing.poll(&mut waiting.closed, context).is_ready() {
            return Poll::Ready(Err(ResourceLimitError::CLOSED));
        }
        let outcome = waiting.poll_slots(permit, context);
        let outcome = match outcome {
            Poll::Ready(Ok(())) => waiting.poll_rates(permit, context),
            other => other,
        };
        match outcome {
            Poll::Pending => waiting.poll_over(&permit.parts.runtime, self.max_wait, context).map(Err),
            ready => ready,
        }
    }
}

impl<R: Timer> Waiting<R> {
    fn new(permit: &ResourcePermit<'_, R>, max_wait: Option<Duration>) -> Result<Self, ResourceLimitError> {
        let ResourcePermit { parts, costs, .. } = permit;
        parts.vet(costs)?;
        let deadline = match max_wait {
            Some(max_wait) => {
                parts.within(costs, nanos(max_wait))?;
                parts.runtime.now() + max_wait
            }
            None => Instant::FAR,
        };
        Ok(Self { slots: None, turns: Vec::new(), closed: None, deadline, patience: Patience::new(), part: None })
    }

    fn poll_slots(
        &mut self,
        permit: &mut ResourcePermit<'_, R>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), ResourceLimitError>> {
        while let Some(slots) = permit.parts.slots.get(permit.slots) {
            self.part = Some(slots.part);
            let acquire = || Box::pin(slots.limit.acquire_many_owned(permit.costs.of(slots.part)));
            let acquired = ready!(self.slots.get_or_insert_with(acquire).as_mut().poll(context));
            let acquired = acquired.map_err(|error| ResourceLimitError::from(error).of(slots.part))?;
            acquired.hand_over();
            permit.slots += 1;
            self.slots = None;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_rates(
        &mut self,
        permit: &ResourcePermit<'_, R>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), ResourceLimitError>> {
        let ResourcePermit { parts, costs, .. } = permit;
        if self.turns.is_empty() {
            match parts.take_rates(costs) {
                Err(refused) if is_not_ready(&refused) => {}
                decided => return Poll::Ready(decided),
            }
        }
        loop {
            ready!(self.poll_turns(parts, costs, context))?;
            match self.take_turns(parts, costs) {
                // A limit changed since it was looked at, a moment ago. The place in the lines that were passed is gone.
                Err(refused) if is_not_ready(&refused) => self.turns.clear(),
                decided => return Poll::Ready(decided),
            }
        }
    }

    /// Ready when the last line has granted its cells, and in all others the turn is held.
    fn poll_turns(
        &mut self,
        parts: &Parts<R>,
        costs: &Costs,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), ResourceLimitError>> {
        let count = parts.wanted(costs).count();
        for (line, (_, rate)) in parts.wanted(costs).enumerate() {
            self.part = Some(rate.part);
            if self.turns.len() == line {
                let limiter = Arc::clone(&rate.limit);
                let turn = HeldCells::new(limiter, costs.of(rate.part), self.deadline, line + 1 < count);
                self.turns.push(Box::pin(turn));
            }
            match self.turns[line].as_mut().poll(context) {
                Poll::Ready(outcome) => outcome.map_err(|error| error.of(rate.part))?,
                Poll::Pending => {
                    // A turn that was held and is no more holds up nobody further on.
                    self.turns.truncate(line + 1);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Takes the cells of all turns that are held. The last line has granted its own.
    fn take_turns(&mut self, parts: &Parts<R>, costs: &Costs) -> Result<(), ResourceLimitError> {
        let mut spent = Spent::nothing(parts, costs);
        let mut wanted = parts.wanted(costs);
        spent.last = wanted.next_back().map(|(place, _)| place);
        for ((place, rate), turn) in wanted.zip(&mut self.turns) {
            turn.as_mut().take().map_err(|error| error.of(rate.part))?;
            spent.first = place + 1;
        }
        spent.keep();
        Ok(())
    }

    /// Ready when the time is over, its own or that of the scopes around it.
    fn poll_over(
        &mut self,
        runtime: &R,
        max_wait: Option<Duration>,
        context: &mut Context<'_>,
    ) -> Poll<ResourceLimitError> {
        let over = ready!(self.patience.poll_over(runtime, max_wait, context));
        Poll::Ready(self.part.map_or(over, |part| over.of(part)))
    }
}

impl<'a, R: Timer> Future for AcquireResources<'a, R> {
    type Output = Result<ResourcePermit<'a, R>, ResourceLimitError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(self.poll_parts(context));
        self.waiting = None;
        let permit = self.permit.take().expect("it was there");
        Poll::Ready(outcome.map(|()| permit))
    }
}

impl<R: Timer> fmt::Debug for AcquireResources<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = self.waiting.as_ref().and_then(|waiting| waiting.part);
        f.debug_struct("AcquireResources").field("waits_for", &part).finish_non_exhaustive()
    }
}
