//! The wait of one future: how it queues, keeps its waker, hears the answer and leaves.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

use super::list::{Handle, Seat};
use super::wait_queue::{Answer, Supply, Waits};
use super::wake_batch::WakeBatch;

pin_project! {
    /// The wait of one future, from its first poll to its end.
    pub(crate) struct Wait<H: Handle> where H::Target: Waits {
        #[pin]
        seat: Seat<H>,
    }

    impl<H: Handle> PinnedDrop for Wait<H> where H::Target: Waits {
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            if this.seat.is_taken() {
                this.leave();
            }
        }
    }
}

type SupplyOf<H> = <<H as Handle>::Target as Waits>::Supply;
type AskOf<H> = <SupplyOf<H> as Supply>::Ask;
type RefusalOf<H> = <SupplyOf<H> as Supply>::Refusal;

impl<H: Handle> Wait<H>
where
    H::Target: Waits,
{
    #[inline]
    pub(crate) fn new(handle: H, ask: AskOf<H>) -> Self {
        Self { seat: Seat::new(handle, ask) }
    }

    /// What it asks for.
    #[inline]
    pub(crate) fn ask(&self) -> AskOf<H> {
        self.seat.ask()
    }

    /// Asks for something else. Panics once it has queued.
    #[cfg(feature = "alloc")]
    pub(crate) fn set_ask(self: Pin<&mut Self>, ask: AskOf<H>) {
        self.project().seat.set_ask(ask);
    }

    /// What the wait is at. Panics after [`finish`](Self::finish).
    #[inline]
    pub(crate) fn owner(&self) -> &H::Target {
        self.seat.owner()
    }

    /// Gives the handle away after the wait.
    #[inline]
    pub(crate) fn finish(self: Pin<&mut Self>) -> H {
        self.project().seat.finish()
    }

    /// Whether it has queued.
    #[inline]
    pub(crate) fn is_queued(&self) -> bool {
        self.seat.is_taken()
    }

    /// Asks, the first time; later looks whether there is an answer.
    pub(crate) fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), RefusalOf<H>>> {
        if !self.seat.is_taken() {
            return self.arrive(context.waker());
        }
        match self.as_mut().answer() {
            Some(answer) => Poll::Ready(answer),
            None => {
                self.as_mut().renew(context.waker());
                // The answer may have come just before the new waker: then nobody will call it.
                self.answer().map_or(Poll::Pending, Poll::Ready)
            }
        }
    }

    fn answer(self: Pin<&mut Self>) -> Option<Result<(), RefusalOf<H>>> {
        match self.project().seat.claim()? {
            Answer::Done(answer) => Some(answer),
            Answer::Waiting(_) | Answer::Roused => unreachable!("a waiter is settled with an answer"),
        }
    }

    fn arrive(self: Pin<&mut Self>, waker: &Waker) -> Poll<Result<(), RefusalOf<H>>> {
        let mut seat = self.project().seat;
        let ask = &seat.ask();
        let mut batch = WakeBatch::new();
        let mut waker = Some(waker.clone());
        loop {
            let (outcome, after) = seat.as_mut().with(|owner, mut access| {
                let queue = owner.waits();
                queue.supply.open(&mut access.state.state);
                let done = queue.pump(access.state, access.lists, &mut batch);
                let outcome = done.then(|| match queue.serve_at_once(access.state, access.lists, ask) {
                    Some(answer) => Poll::Ready(answer),
                    None => match queue.supply.admit(&access.state.state, ask, access.lists.len()) {
                        Err(refusal) => Poll::Ready(Err(refusal)),
                        Ok(()) => {
                            queue.supply.joined(&mut access.state.state, ask);
                            access.sit(waker.take().map_or(Answer::Roused, Answer::Waiting));
                            Poll::Pending
                        }
                    },
                });
                (outcome, queue.publish(access.state, access.lists, done))
            });
            batch.wake();
            if let Some((outcome, after)) = outcome.zip(after) {
                batch.guard(|| drop(waker));
                let queue = seat.owner().waits();
                queue.supply.settle(after);
                queue.keep_grant(ask, matches!(outcome, Poll::Ready(Ok(()))), &batch);
                return outcome;
            }
        }
    }

    /// Makes sure that `waker` is the one that will be called.
    fn renew(self: Pin<&mut Self>, waker: &Waker) {
        let mut seat = self.project().seat;
        let stale = seat.as_mut().with(|_, mut access| match access.waiting() {
            Some(Answer::Waiting(old)) => !old.will_wake(waker),
            Some(_) => true,
            None => false,
        });
        if stale {
            let fresh = Answer::Waiting(waker.clone());
            let old = seat.with(|_, mut access| match access.waiting() {
                Some(waiter) => core::mem::replace(waiter, fresh),
                None => fresh,
            });
            drop(old);
        }
    }

    /// Gives up: leaves the queue, and passes on what was granted already.
    #[cold]
    pub(crate) fn leave(self: Pin<&mut Self>) {
        let mut seat = self.project().seat;
        let ask = &seat.ask();
        let mut batch = WakeBatch::new();
        let (waiter, after) = seat.as_mut().with(|owner, mut access| {
            let queue = owner.waits();
            let waiter = access.rise();
            let state = &mut access.state.state;
            queue.supply.open(state);
            match &waiter {
                Some(Answer::Done(Ok(()))) => queue.supply.restore(state, ask),
                Some(Answer::Waiting(_) | Answer::Roused) => queue.supply.left(state, ask),
                Some(Answer::Done(Err(_))) | None => {}
            }
            let done = queue.pump(access.state, access.lists, &mut batch);
            (waiter, queue.publish(access.state, access.lists, done))
        });
        seat.owner().waits().finish(batch, after);
        drop(waiter);
    }
}

impl<H: Handle> fmt::Debug for Wait<H>
where
    H::Target: Waits,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("queued", &self.is_queued()).finish_non_exhaustive()
    }
}
