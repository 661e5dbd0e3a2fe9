//! The one wait queue: strict arrival order, one pump, and nothing foreign under the lock.
//!
//! What is handed out is somebody else's business: a [`Supply`] says whether the front may have what it asks for. The queue
//! keeps the promises that all limiters share:
//!
//! 1. Whoever asks while others wait goes behind them, and is never served before them.
//! 2. [`WaitQueue::pump`] runs at the end of every change, before the lock is released. So there is no moment without the
//!    lock in which the front could have been served and was not, except that time has passed, or that a full batch of wakers
//!    is on its way. Who comes or leaves behind others changes nothing for the front.
//! 3. A waiter that leaves after its grant and before it noticed gives the grant back, and the pump passes it on.
//! 4. Wakers are cloned before the lock, and called and dropped after it.
//! 5. A waiter that only *holds* its turn is told when it is at the front and could be served, and stays there, *parked*: it
//!    takes nothing, and nobody passes it, until it [takes](super::wait::Wait::take) what it asks for or leaves.
//! 6. A waker that panics costs nobody else anything: see [`WakeBatch`]. Whoever is unwound by it while it is served at once gives
//!    back what it was granted.

use core::task::Waker;

use super::list::{Access, List, Queue, Queued};
use super::wake_batch::WakeBatch;
use crate::primitive::const_fn;

/// What a queue waits for. Every method but [`settle`](Self::settle) is called under the queue's lock.
pub(crate) trait Supply: Sized {
    /// What is decided under the lock.
    type State;
    /// What one waiter asks for.
    type Ask: Copy;
    /// Why a waiter gets nothing.
    type Refusal;
    /// What is left to be done outside the lock.
    type After;

    /// The lock was taken: stops the fast path, and brings the state up to date.
    fn open(&self, state: &mut Self::State);

    /// The lock is about to be released: lets the fast path go again, unless somebody waits. One who is `parked` at the front
    /// has been told that it could be served.
    fn publish(&self, state: &mut Self::State, front: Option<&Self::Ask>, parked: bool);

    /// After the last `publish` of a change: what it leaves to be done outside the lock. Whoever gets it does it.
    fn leave(&self, state: &mut Self::State) -> Self::After;

    /// The lock was released and those who were served are awake.
    fn settle(&self, after: Self::After);

    /// Decides about the front of the queue, and takes what it asks for if it is granted.
    fn offer(&self, state: &mut Self::State, ask: &Self::Ask) -> Verdict<Self::Refusal>;

    /// Whether the front may get something now though nothing has changed: time has passed.
    fn is_due(&self, _: &Self::State, _: &Self::Ask) -> bool {
        false
    }

    /// As [`offer`](Self::offer), for one who held its turn so far and takes now.
    fn take_held(&self, state: &mut Self::State, ask: &Self::Ask) -> Verdict<Self::Refusal> {
        self.offer(state, ask)
    }

    /// Takes back what was granted to a waiter that left.
    fn restore(&self, state: &mut Self::State, ask: &Self::Ask);

    /// Refuses what need not even queue.
    fn vet(&self, state: &Self::State, ask: &Self::Ask) -> Result<(), Self::Refusal>;

    /// Refuses what would have to wait, and may not.
    fn admit(&self, state: &Self::State, ask: &Self::Ask, waiters: usize) -> Result<(), Self::Refusal>;

    /// What to say to somebody who does not wait.
    fn not_ready(&self, state: &Self::State, ask: &Self::Ask) -> Self::Refusal;

    /// Before the front is offered anything: pays what is owed.
    fn prepare(&self, _: &mut Self::State) {}

    /// A review of all waiters begins, from the front.
    fn rewind(&self, _: &mut Self::State) {}

    /// Looks at each waiter of a review again, in order; a refusal ends its wait.
    fn review(&self, state: &mut Self::State, ask: &Self::Ask) -> Option<Self::Refusal>;

    /// A waiter has joined the queue.
    fn joined(&self, _: &mut Self::State, _: &Self::Ask) {}

    /// A waiter has left the queue, with or without a grant.
    fn left(&self, _: &mut Self::State, _: &Self::Ask) {}
}

/// What a supply says to the front of its queue.
pub(crate) enum Verdict<R> {
    Grant,
    /// It could be granted, and is not: who asks holds its turn.
    Hold,
    Refuse(R),
    Wait,
}

/// What has become of one who waits.
pub(crate) enum Answer<R> {
    Waiting(Waker),
    /// Was woken to look after itself, and has not been polled since.
    Roused,
    /// Is at the front, could be served, and holds its turn. Without a waker it was woken to hear so, and not polled since.
    Parked(Option<Waker>),
    Done(Result<(), R>),
}

impl<R> Answer<R> {
    #[inline]
    fn take_waker(&mut self, next: Self) -> Option<Waker> {
        match core::mem::replace(self, next) {
            Self::Waiting(waker) => Some(waker),
            Self::Parked(waker) => waker,
            Self::Roused | Self::Done(_) => None,
        }
    }

    /// How one begins to wait.
    #[inline]
    pub(super) fn of_one_who_comes(waker: Option<Waker>, verdict: &Verdict<R>) -> Self {
        match (verdict, waker) {
            (Verdict::Hold, waker) => Self::Parked(waker),
            (_, Some(waker)) => Self::Waiting(waker),
            (_, None) => Self::Roused,
        }
    }

    pub(super) fn is_parked(&self) -> bool {
        matches!(self, Self::Parked(_))
    }

    /// It could be served now. Returns the waker by which it hears that.
    fn park(&mut self) -> Option<Waker> {
        if self.is_parked() { None } else { self.take_waker(Self::Parked(None)) }
    }

    /// It cannot be served any more, and waits on.
    pub(super) fn unpark(&mut self) {
        if self.is_parked() {
            let waker = self.take_waker(Self::Roused);
            *self = waker.map_or(Self::Roused, Self::Waiting);
        }
    }
}

/// The locked part of a queue.
pub(crate) struct Locked<S> {
    pub(crate) state: S,
    pass: Pass,
}

/// What the pass over all waiters is for, while there is one (the list's mark says where it is).
#[derive(Default)]
struct Pass {
    review: bool,
    rouse: bool,
}

/// A supply and those who wait for it.
pub(crate) struct WaitQueue<U: Supply> {
    pub(crate) supply: U,
    pub(crate) queue: Queue<Locked<U::State>, Line<U>>,
}

/// What has a wait queue. Implement it with [`waits!`].
pub(crate) trait Waits:
    Queued<
        State = Locked<<Self::Supply as Supply>::State>,
        Value = Answer<<Self::Supply as Supply>::Refusal>,
        Ask = <Self::Supply as Supply>::Ask,
        Lists = Line<Self::Supply>,
    >
{
    type Supply: Supply;

    fn waits(&self) -> &WaitQueue<Self::Supply>;
}

/// Implements [`Waits`] by naming the field that holds the queue.
macro_rules! waits {
    ([$($generics:tt)*] $owner:ty, $supply:ty, $field:ident) => {
        crate::sync::list::queued!(
            [$($generics)*] $owner,
            crate::sync::wait_queue::Locked<<$supply as crate::sync::wait_queue::Supply>::State>,
            crate::sync::wait_queue::Answer<<$supply as crate::sync::wait_queue::Supply>::Refusal>,
            <$supply as crate::sync::wait_queue::Supply>::Ask,
            crate::sync::wait_queue::Line<$supply>,
            $field.queue
        );

        impl<$($generics)*> crate::sync::wait_queue::Waits for $owner {
            type Supply = $supply;

            #[inline]
            fn waits(&self) -> &crate::sync::wait_queue::WaitQueue<$supply> {
                &self.$field
            }
        }
    };
}
pub(crate) use waits;

/// Those who wait for a supply.
pub(crate) type Line<U> = List<Answer<<U as Supply>::Refusal>, <U as Supply>::Ask>;

#[inline]
fn front_is_parked<R, A: Copy>(line: &mut List<Answer<R>, A>) -> bool {
    line.front_mut().is_some_and(|waiter| waiter.is_parked())
}

impl<U: Supply> WaitQueue<U> {
    const_fn! {
        pub(crate) const fn new(supply: U, state: U::State) -> Self {
            let pass = Pass { review: false, rouse: false };
            Self { supply, queue: Queue::new(Locked { state, pass }) }
        }
    }

    /// Looks at the state as it is, without a change.
    pub(crate) fn peek<R>(&self, look: impl FnOnce(&mut U::State, usize) -> R) -> R {
        self.queue.with(|locked, line| look(&mut locked.state, line.len()))
    }

    /// Changes the state, and serves whoever can be served after it.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut U::State) -> R) -> R {
        self.turn(|locked, _| change(&mut locked.state))
    }

    /// Changes the state in a way that can end waits: every waiter is looked at again.
    pub(crate) fn change_and_review(&self, change: impl FnOnce(&mut U::State)) {
        self.turn(|locked, line| {
            change(&mut locked.state);
            locked.pass.review = true;
            self.supply.rewind(&mut locked.state);
            line.mark_front();
        });
    }

    /// Changes the state, and wakes every waiter without serving it, so that it looks after itself.
    pub(crate) fn change_and_rouse(&self, change: impl FnOnce(&mut U::State)) {
        self.turn(|locked, line| {
            change(&mut locked.state);
            locked.pass.rouse = true;
            self.supply.rewind(&mut locked.state);
            line.mark_front();
        });
    }

    /// Wakes one who will look after the queue, without looking after it: the waker that `change` finds, or the front's.
    pub(crate) fn nudge(&self, change: impl FnOnce(&mut U::State) -> Option<Waker>) {
        let waker = self
            .queue
            .with(|locked, line| change(&mut locked.state).or_else(|| line.front_mut()?.take_waker(Answer::Roused)));
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Serves `ask` at once, or says why not. Nobody who waits is overtaken. One who holds its turn is told only that it could.
    pub(crate) fn try_take(&self, ask: &U::Ask) -> Result<(), U::Refusal> {
        let mut batch = WakeBatch::new();
        loop {
            let (verdict, after) = self.queue.with(|locked, line| {
                self.supply.open(&mut locked.state);
                let done = self.pump(locked, line, &mut batch);
                let verdict = done.then(|| match self.serve_at_once(locked, line, ask) {
                    Verdict::Wait => Verdict::Refuse(self.supply.not_ready(&locked.state, ask)),
                    verdict => verdict,
                });
                (verdict, self.publish(locked, line, done))
            });
            batch.wake();
            if let Some((verdict, after)) = verdict.zip(after) {
                self.supply.settle(after);
                self.keep_grant(ask, matches!(verdict, Verdict::Grant), &batch);
                return if let Verdict::Refuse(refusal) = verdict { Err(refusal) } else { Ok(()) };
            }
        }
    }

    /// One comes who may wait: it is served at once, or takes its seat behind the others, or is told why not. `None` if those who
    /// are due have to be served first.
    #[inline]
    #[expect(clippy::type_complexity, reason = "an access names all that is behind the lock")]
    pub(super) fn join(
        &self,
        mut access: Access<'_, Locked<U::State>, Line<U>, Answer<U::Refusal>, U::Ask>,
        ask: &U::Ask,
        waker: &mut Option<Waker>,
    ) -> Option<(Verdict<U::Refusal>, U::After)> {
        let (locked, line) = (&mut *access.state, &mut *access.lists);
        self.supply.open(&mut locked.state);
        match line.front() {
            Some(front) if self.supply.is_due(&locked.state, &front) && !front_is_parked(line) => {
                self.publish(locked, line, false);
                return None;
            }
            Some(_) => {}
            None => self.supply.prepare(&mut locked.state),
        }
        let mut verdict = self.serve_at_once(locked, line, ask);
        if matches!(verdict, Verdict::Wait | Verdict::Hold) {
            match self.supply.admit(&locked.state, ask, line.len()) {
                Err(refusal) => verdict = Verdict::Refuse(refusal),
                Ok(()) => {
                    self.supply.joined(&mut locked.state, ask);
                    access.sit(Answer::of_one_who_comes(waker.take(), &verdict));
                }
            }
        }
        let after = self.publish(access.state, access.lists, true)?;
        Some((verdict, after))
    }

    /// What was granted to who has just come goes back if somebody else's waker is about to panic in its face.
    #[inline]
    pub(super) fn keep_grant(&self, ask: &U::Ask, granted: bool, batch: &WakeBatch) {
        if granted && batch.will_panic() {
            self.change(|state| self.supply.restore(state, ask));
        }
    }

    /// What one who has just come is told.
    #[inline]
    pub(super) fn serve_at_once(
        &self,
        locked: &mut Locked<U::State>,
        line: &Line<U>,
        ask: &U::Ask,
    ) -> Verdict<U::Refusal> {
        match self.supply.vet(&locked.state, ask) {
            Err(refusal) => Verdict::Refuse(refusal),
            Ok(()) if !line.is_empty() => Verdict::Wait,
            Ok(()) => self.supply.offer(&mut locked.state, ask),
        }
    }

    #[inline]
    fn turn<R>(&self, change: impl FnOnce(&mut Locked<U::State>, &mut Line<U>) -> R) -> R {
        let mut batch = WakeBatch::new();
        let (result, after) = self.queue.with(|locked, line| {
            self.supply.open(&mut locked.state);
            let result = change(locked, line);
            let done = self.pump(locked, line, &mut batch);
            (result, self.publish(locked, line, done))
        });
        self.finish(&mut batch, after);
        result
    }

    /// Wakes those who were served, goes on while there are more than one batch takes, and does what is left to do.
    #[inline]
    pub(super) fn finish(&self, batch: &mut WakeBatch, mut after: Option<U::After>) {
        batch.wake();
        let after = loop {
            if let Some(after) = after {
                break after;
            }
            after = self.queue.with(|locked, line| {
                self.supply.open(&mut locked.state);
                let done = self.pump(locked, line, batch);
                self.publish(locked, line, done)
            });
            batch.wake();
        };
        self.supply.settle(after);
    }

    /// Publishes the state. What is left to do is known when the pump is `done`, and not before.
    #[inline]
    pub(super) fn publish(&self, locked: &mut Locked<U::State>, line: &mut Line<U>, done: bool) -> Option<U::After> {
        let parked = front_is_parked(line);
        self.supply.publish(&mut locked.state, line.front().as_ref(), parked);
        done.then(|| self.supply.leave(&mut locked.state))
    }

    /// Finishes the pass over all waiters, then serves from the front. Returns false when the batch is full before that.
    #[inline]
    pub(super) fn pump(&self, locked: &mut Locked<U::State>, line: &mut Line<U>, batch: &mut WakeBatch) -> bool {
        if (locked.pass.review || locked.pass.rouse) && !self.look_at_all(locked, line, batch) {
            return false;
        }
        self.supply.prepare(&mut locked.state);
        while let Some(ask) = line.front() {
            if batch.is_full() {
                return false;
            }
            let answer = match self.supply.offer(&mut locked.state, &ask) {
                Verdict::Grant => Ok(()),
                Verdict::Refuse(refusal) => Err(refusal),
                Verdict::Hold => {
                    line.front_mut().and_then(Answer::park).into_iter().for_each(|waker| batch.push(waker));
                    break;
                }
                Verdict::Wait => {
                    line.front_mut().into_iter().for_each(Answer::unpark);
                    break;
                }
            };
            self.supply.left(&mut locked.state, &ask);
            let waker = line.settle_front(|waiter| waiter.take_waker(Answer::Done(answer)));
            waker.flatten().into_iter().for_each(|waker| batch.push(waker));
        }
        true
    }

    /// The pass over all waiters: refuses those who can no longer be served, wakes those who must look after themselves.
    #[cold]
    fn look_at_all(&self, locked: &mut Locked<U::State>, line: &mut Line<U>, batch: &mut WakeBatch) -> bool {
        while let Some((waiter, ask)) = line.marked() {
            if batch.is_full() {
                return false;
            }
            let refusal = if locked.pass.review { self.supply.review(&mut locked.state, &ask) } else { None };
            let waker = match refusal {
                Some(refusal) => {
                    self.supply.left(&mut locked.state, &ask);
                    line.settle_marked(|waiter| waiter.take_waker(Answer::Done(Err(refusal)))).flatten()
                }
                None => {
                    let waker = if locked.pass.rouse { waiter.take_waker(Answer::Roused) } else { None };
                    line.mark_next();
                    waker
                }
            };
            waker.into_iter().for_each(|waker| batch.push(waker));
        }
        locked.pass = Pass::default();
        true
    }
}
