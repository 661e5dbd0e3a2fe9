//! The wait of one future: how it queues, keeps its waker, hears the answer and leaves.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

use super::answer::{Answer, Carried};
use super::list::{Handle, Seat};
use super::observe;
use super::supply::{Supply, Verdict};
use super::wait_queue::{AccessTo, Comer, DisciplineOf, Line, Waits};
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

    /// As a waiter of that class. Classes are numbered from 0; the last one is served first.
    #[cfg(feature = "alloc")]
    pub(crate) fn in_class(mut self, class: u8) -> Self {
        self.seat.want_list(class.into());
        self
    }

    /// The class that it asks in, and how many there are, if there is no such class.
    #[cfg(feature = "alloc")]
    pub(crate) fn missing_class(&self) -> Option<(u8, u8)> {
        let class = self.seat.wanted_list()? as u8;
        let classes = self.owner().waits().classes();
        (class >= classes).then_some((class, classes))
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

    /// Asks, the first time; later looks whether there is an answer. For one who holds its turn, that is that it is
    /// parked: it may be polled again then, and hears when it is so no more.
    #[inline(never)]
    pub(crate) fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), RefusalOf<H>>> {
        if !self.seat.is_taken() {
            return self.arrive(context.waker());
        }
        match self.as_mut().answer() {
            Some(answer) => Poll::Ready(answer),
            None => self.wait_on(context.waker()),
        }
    }

    /// Is still waiting, and will be called by `waker`.
    #[inline(never)]
    fn wait_on(mut self: Pin<&mut Self>, waker: &Waker) -> Poll<Result<(), RefusalOf<H>>> {
        let parked = self.as_mut().renew(waker);
        // The answer may have come just before the new waker: then nobody will call it.
        match self.answer() {
            Some(answer) => Poll::Ready(answer),
            None if parked => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }

    /// Takes what it is parked for. Pending, and in line, if it cannot be had any more.
    #[cfg(feature = "alloc")]
    pub(crate) fn take(mut self: Pin<&mut Self>) -> Poll<Result<(), RefusalOf<H>>> {
        match self.as_mut().take_parked() {
            // It is not in line any more if the end of its wait came before the lock.
            Poll::Pending => self.answer().map_or(Poll::Pending, Poll::Ready),
            ready => ready,
        }
    }

    #[cfg(feature = "alloc")]
    fn take_parked(self: Pin<&mut Self>) -> Poll<Result<(), RefusalOf<H>>> {
        let mut seat = self.project().seat;
        let ask = &seat.ask();
        let mut batch = WakeBatch::new();
        let (outcome, waiter, after) = seat.as_mut().with(|owner, mut access| {
            let queue = owner.waits();
            queue.supply.open(&mut access.state.state);
            let parked = access.waiting().is_some_and(|waiter| waiter.is_parked());
            let verdict = if parked { queue.supply.take_held(&mut access.state.state, ask) } else { Verdict::Wait };
            let outcome = match verdict {
                Verdict::Grant => Poll::Ready(Ok(())),
                Verdict::Refuse(refusal) => Poll::Ready(Err(refusal)),
                Verdict::Hold | Verdict::Wait => Poll::Pending,
            };
            let waiter = outcome.is_ready().then(|| {
                let list = access.list().unwrap_or_default();
                queue.supply.left(&mut access.state.state, ask, list);
                match &outcome {
                    Poll::Ready(Ok(())) => access.state.counts.granted += 1,
                    _ => access.state.counts.refused += 1,
                }
                access.rise()
            });
            (outcome, waiter, queue.go_on(access.state, access.lists, &mut batch))
        });
        batch.guard(|| drop(waiter));
        let queue = seat.owner().waits();
        queue.finish(&mut batch, after);
        queue.keep_grant(ask, matches!(outcome, Poll::Ready(Ok(()))), &batch);
        outcome
    }

    #[inline]
    fn answer(mut self: Pin<&mut Self>) -> Option<Result<(), RefusalOf<H>>> {
        match self.as_mut().project().seat.claim()? {
            Answer::Granted(since) => {
                self.owner().waits().claimed(since);
                observe::granted(SupplyOf::<H>::NAME, SupplyOf::<H>::amount(&self.ask()));
                Some(Ok(()))
            }
            refused => Some(Err(self.hear(refused))),
        }
    }

    #[cold]
    fn hear(&self, refused: Answer<RefusalOf<H>>) -> RefusalOf<H> {
        let Answer::Refused(kind, number, words) = refused else { unreachable!("a waiter is settled with an answer") };
        observe::refused(SupplyOf::<H>::NAME, SupplyOf::<H>::amount(&self.ask()), &kind);
        Carried::unpack(kind, number, words)
    }

    #[inline(never)]
    fn arrive(self: Pin<&mut Self>, waker: &Waker) -> Poll<Result<(), RefusalOf<H>>> {
        if self.owner().waits().is_plain() {
            self.arrive_in(waker, |access| access.first_alone())
        } else {
            self.arrive_ranked(waker)
        }
    }

    #[cold]
    fn arrive_ranked(self: Pin<&mut Self>, waker: &Waker) -> Poll<Result<(), RefusalOf<H>>> {
        self.arrive_in(waker, |access| access)
    }

    /// As one who sees the line as what `line` makes of it.
    #[inline]
    fn arrive_in<L: DisciplineOf<SupplyOf<H>>>(
        self: Pin<&mut Self>,
        waker: &Waker,
        line: impl for<'a> Fn(AccessTo<'a, SupplyOf<H>, Line<SupplyOf<H>>>) -> AccessTo<'a, SupplyOf<H>, L>,
    ) -> Poll<Result<(), RefusalOf<H>>> {
        let mut seat = self.project().seat;
        let ask = &seat.ask();
        let (mut waker, mut evicted) = (Some(waker.clone()), None);
        let (verdict, after) = loop {
            let comer = Comer { ask, waker: &mut waker, evicted: &mut evicted };
            let outcome = seat.as_mut().with(|owner, access| owner.waits().join(line(access), comer));
            match outcome {
                Some(outcome) => break outcome,
                None => seat.owner().waits().change(|_| ()),
            }
        };
        let queue = seat.owner().waits();
        queue.supply.settle(after);
        match (waker, evicted) {
            (None, None) => {}
            (waker, evicted) => queue.let_go(ask, &verdict, waker, evicted),
        }
        match verdict {
            Verdict::Grant | Verdict::Hold => Poll::Ready(Ok(())),
            Verdict::Refuse(refusal) => {
                observe::refused(SupplyOf::<H>::NAME, SupplyOf::<H>::amount(ask), &refusal.pack().0);
                Poll::Ready(Err(refusal))
            }
            Verdict::Wait => {
                observe::waits(SupplyOf::<H>::NAME, SupplyOf::<H>::amount(ask));
                Poll::Pending
            }
        }
    }

    /// Makes sure that `waker` is the one that will be called. Returns whether it is parked.
    fn renew(self: Pin<&mut Self>, waker: &Waker) -> bool {
        let mut seat = self.project().seat;
        let (stale, parked) = seat.as_mut().with(|_, mut access| match access.waiting() {
            Some(Answer::Waiting(old, _)) => (!old.will_wake(waker), false),
            Some(Answer::Parked(old, _)) => (old.as_ref().is_none_or(|old| !old.will_wake(waker)), true),
            Some(_) => (true, false),
            None => (false, false),
        });
        if !stale {
            return parked;
        }
        let mut fresh = Some(waker.clone());
        let (old, parked) = seat.with(|_, mut access| match access.waiting() {
            Some(waiter) => (fresh.take().map(|fresh| waiter.renew(fresh)), waiter.is_parked()),
            None => (None, false),
        });
        drop(fresh);
        drop(old);
        parked
    }

    /// Gives up: leaves the queue, and passes on what was granted already.
    #[cold]
    pub(crate) fn leave(mut self: Pin<&mut Self>) {
        // One that was refused already has only not heard it.
        if self.as_mut().slip_away() || self.as_mut().leave_the_front() {
            observe::cancelled(SupplyOf::<H>::NAME, SupplyOf::<H>::amount(&self.ask()));
        }
    }

    /// Leaves from behind others, if it is there: nobody counts on it, and for the front nothing changes.
    fn slip_away(self: Pin<&mut Self>) -> bool {
        let mut seat = self.project().seat;
        let ask = &seat.ask();
        let waiter = seat.as_mut().with(|owner, mut access| {
            let list = access.is_behind()?;
            if access.state.watches_the_delay() || !matches!(access.waiting(), Some(Answer::Waiting(..))) {
                return None;
            }
            owner.waits().supply.left(&mut access.state.state, ask, list);
            access.state.counts.cancelled += 1;
            access.rise()
        });
        waiter.is_some()
    }

    /// Leaves from wherever it is. Returns whether that ended its wait, or gave back what it was granted.
    fn leave_the_front(self: Pin<&mut Self>) -> bool {
        let mut seat = self.project().seat;
        let ask = &seat.ask();
        let mut batch = WakeBatch::new();
        let (waiter, after) = seat.as_mut().with(|owner, mut access| {
            let queue = owner.waits();
            let list = access.list().unwrap_or_default();
            let waiter = access.rise();
            queue.supply.open(&mut access.state.state);
            match &waiter {
                Some(Answer::Granted(since)) => {
                    queue.note_unclaimed(access.state, *since);
                    queue.supply.restore(&mut access.state.state, ask);
                }
                Some(Answer::Waiting(..) | Answer::Roused(_) | Answer::Parked(..)) => {
                    queue.supply.left(&mut access.state.state, ask, list);
                    access.state.counts.cancelled += 1;
                }
                Some(Answer::Refused(..)) | None => {}
            }
            (waiter, queue.go_on(access.state, access.lists, &mut batch))
        });
        seat.owner().waits().finish(&mut batch, after);
        let gives_up = !matches!(waiter, Some(Answer::Refused(..)) | None);
        drop(waiter);
        gives_up
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
