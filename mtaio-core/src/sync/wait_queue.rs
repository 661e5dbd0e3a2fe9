//! The one wait queue: one line, one pump, and nothing foreign under the lock.
//!
//! What is handed out is somebody else's business: a [`Supply`] says whether the front may have what it asks for. Who is at the front is
//! the [line](super::line)'s. The queue keeps the promises that all limiters share:
//!
//! 1. Whoever asks while others wait takes its place in their order, which is that of arrival unless another was asked for, and nobody is
//!    served before those who stand before it. Who does not wait is served before nobody.
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

pub(crate) use super::answer::{Answer, Carried};
use super::codel::Codel;
use super::counts::Counts;
#[cfg(feature = "alloc")]
use super::counts::Survey;
use super::line::{Oldest, Order, Waiters};
use super::list::{Access, Queue, Queued};
use super::stamp::Stamp;
use super::wake_batch::WakeBatch;
use crate::primitive::const_fn;
use crate::time::Instant;

/// What a queue waits for. Every method but [`settle`](Self::settle) is called under the queue's lock.
pub(crate) trait Supply: Sized {
    /// What is decided under the lock.
    type State;
    /// What one waiter asks for.
    type Ask: Copy;
    /// Why a waiter gets nothing.
    type Refusal: Carried;
    /// What is left to be done outside the lock.
    type After;

    /// What events call it.
    const NAME: &'static str;

    /// How much is asked for, as events tell it.
    fn amount(ask: &Self::Ask) -> u32;

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

    /// Refuses one more where as many wait as may.
    fn room(&self, state: &Self::State, waiters: usize) -> Result<(), Self::Refusal>;

    /// Refuses what would have to wait, and may not. `held` asks for something, holds its turn, and does not count as one of
    /// those before it in `list` and after.
    fn admit(
        &self,
        _: &Self::State,
        _: &Self::Ask,
        _list: u16,
        _held: Option<&Self::Ask>,
    ) -> Result<(), Self::Refusal> {
        Ok(())
    }

    /// What to say to one who has waited so many nanoseconds, which is too long.
    fn overdue(&self, _: &Self::State, _waited: u64) -> Option<Self::Refusal> {
        None
    }

    /// When the lock was taken, if the supply has a clock.
    fn now(&self, _: &Self::State) -> Instant {
        Instant::ORIGIN
    }

    /// What time it is, if the supply has a clock.
    fn read_clock(&self, _: &Self::State) -> Option<Instant> {
        None
    }

    /// Whether who asks so asks for something, and does not only look.
    fn is_request(&self, _: &Self::Ask) -> bool {
        true
    }

    /// Whether time has made a review of all waiters necessary.
    fn needs_review(&self, _: &Self::State) -> bool {
        false
    }

    /// What to say to somebody who does not wait.
    fn not_ready(&self, state: &Self::State, ask: &Self::Ask) -> Self::Refusal;

    /// Before the front is offered anything: pays what is owed.
    fn prepare(&self, _: &mut Self::State) {}

    /// A review of all waiters begins, from the front.
    fn rewind(&self, _: &mut Self::State) {}

    /// Looks at each waiter of a review again, in order; a refusal ends its wait.
    fn review(&self, state: &mut Self::State, ask: &Self::Ask) -> Option<Self::Refusal>;

    /// A waiter has joined the queue, in a list of its line.
    fn joined(&self, _: &mut Self::State, _: &Self::Ask, _list: u16) {}

    /// A waiter has left the queue, with or without a grant.
    fn left(&self, _: &mut Self::State, _: &Self::Ask, _list: u16) {}
}

/// What a supply says to the front of its queue.
pub(crate) enum Verdict<R> {
    Grant,
    /// It could be granted, and is not: who asks holds its turn.
    Hold,
    Refuse(R),
    Wait,
}

/// The locked part of a queue.
pub(crate) struct Locked<S> {
    pub(crate) state: S,
    pass: Pass,
    /// Who refuses those who have waited too long.
    codel: Option<Codel>,
    pub(super) counts: Counts,
}

impl<S> Locked<S> {
    /// Whether it matters how long those wait who are not at the front.
    pub(super) fn watches_the_delay(&self) -> bool {
        self.codel.is_some()
    }
}

/// What the pass over all waiters is for, while there is one (the list's mark says where it is).
#[derive(Default)]
struct Pass {
    review: bool,
    rouse: bool,
}

/// How a line is kept.
#[cfg(feature = "alloc")]
pub(crate) struct Plan {
    pub(crate) order: Order,
    pub(crate) codel: Option<Codel>,
    pub(crate) counting: bool,
}

/// A supply and those who wait for it.
pub(crate) struct WaitQueue<U: Supply> {
    pub(crate) supply: U,
    pub(crate) queue: Queue<Locked<U::State>, Line<U>>,
    /// How many classes of waiters there are.
    classes: u8,
    /// Whether those are counted too who do not stand in line: then the supply keeps its fast path closed.
    counting: bool,
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
pub(crate) type Line<U> = Waiters<<U as Supply>::Refusal, <U as Supply>::Ask>;

impl<U: Supply> WaitQueue<U> {
    const_fn! {
        pub(crate) const fn new(supply: U, state: U::State) -> Self {
            let pass = Pass { review: false, rouse: false };
            let locked = Locked { state, pass, codel: None, counts: Counts::NONE };
            Self { supply, queue: Queue::with_lists(locked, Waiters::first_come()), classes: 1, counting: false }
        }
    }

    /// A queue with another order than that of arrival, or one that refuses those who wait too long, or counts.
    #[cfg(feature = "alloc")]
    pub(crate) fn ordered(supply: U, state: U::State, Plan { order, codel, counting }: Plan) -> Self {
        let locked = Locked { state, pass: Pass::default(), codel, counts: Counts::NONE };
        Self { supply, queue: Queue::with_lists(locked, Waiters::ordered(order)), classes: order.classes(), counting }
    }

    /// How many classes of waiters there are.
    #[cfg(feature = "alloc")]
    pub(crate) fn classes(&self) -> u8 {
        self.classes
    }

    /// Serves those whose turn has come, and tells what the line looks like then, and what `look` sees in the state.
    #[cfg(feature = "alloc")]
    pub(crate) fn survey<T>(&self, look: impl FnOnce(&mut U::State, usize) -> T) -> (T, Survey) {
        self.change(|_| ());
        self.queue.with(|locked, line| {
            let survey = self.tell(locked, line, self.supply.read_clock(&locked.state));
            (look(&mut locked.state, line.len()), survey)
        })
    }

    /// Tells what the line looks like as it is, to one whose clock says `now`, if there is a clock. It serves nobody, and calls nobody.
    #[cfg(feature = "keyed")]
    pub(crate) fn glance(&self, now: Option<Instant>) -> Survey {
        self.queue.with(|locked, line| self.tell(locked, line, now))
    }

    #[cfg(feature = "alloc")]
    fn tell(&self, locked: &Locked<U::State>, line: &mut Line<U>, now: Option<Instant>) -> Survey {
        let oldest = now.map(|now| core::time::Duration::from_nanos(line.longest_wait(now)));
        Survey { waiting: line.len(), oldest, counts: locked.counts, counting: self.counting }
    }

    /// Takes what was counted so far, for who keeps it instead.
    #[cfg(feature = "keyed")]
    pub(crate) fn take_counts(&self) -> Counts {
        self.queue.with(|locked, _| core::mem::replace(&mut locked.counts, Counts::NONE))
    }

    /// One who was granted something sees it now.
    #[inline]
    pub(super) fn claimed(&self, granted: Stamp) {
        if self.counting {
            self.note_claim(granted);
        }
    }

    #[cold]
    fn note_claim(&self, granted: Stamp) {
        self.queue.with(|locked, _| {
            if let Some(now) = self.supply.read_clock(&locked.state) {
                locked.counts.unclaimed = locked.counts.unclaimed.max(granted.age(now));
            }
        });
    }

    /// One who was granted something since `granted` leaves without having seen it.
    pub(super) fn note_unclaimed(&self, locked: &mut Locked<U::State>, granted: Stamp) {
        locked.counts.cancelled += 1;
        locked.counts.unclaimed = locked.counts.unclaimed.max(granted.age(self.supply.now(&locked.state)));
    }

    /// Counts one who does not wait.
    #[inline]
    fn count_at_once(&self, locked: &mut Locked<U::State>, ask: &U::Ask, verdict: &Verdict<U::Refusal>) {
        if self.counting && self.supply.is_request(ask) {
            match verdict {
                Verdict::Grant => locked.counts.granted += 1,
                Verdict::Refuse(_) => locked.counts.refused += 1,
                Verdict::Hold | Verdict::Wait => {}
            }
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
            self.begin_review(locked, line);
        });
    }

    /// Changes the state, and wakes every waiter without serving it, so that it looks after itself.
    pub(crate) fn change_and_rouse(&self, change: impl FnOnce(&mut U::State)) {
        self.turn(|locked, line| {
            change(&mut locked.state);
            locked.pass.rouse = true;
            // A review that is under way begins again, too.
            if locked.pass.review {
                self.supply.rewind(&mut locked.state);
            }
            line.mark_front();
        });
    }

    /// Wakes one who will look after the queue, without looking after it: the waker that `change` finds, or the front's.
    pub(crate) fn nudge(&self, change: impl FnOnce(&mut U::State) -> Option<Waker>) {
        let waker = self.queue.with(|locked, line| change(&mut locked.state).or_else(|| line.front_mut()?.rouse()));
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
                let verdict = done.then(|| match self.serve_at_once(locked, line.is_empty(), ask) {
                    Verdict::Wait => Verdict::Refuse(self.supply.not_ready(&locked.state, ask)),
                    verdict => verdict,
                });
                verdict.iter().for_each(|verdict| self.count_at_once(locked, ask, verdict));
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

    /// One comes who may wait: it is served at once, or takes its seat among the others, or is told why not. `None` if those who
    /// are due have to be served, or refused, first.
    #[inline]
    #[expect(clippy::type_complexity, reason = "an access names all that is behind the lock")]
    pub(super) fn join(
        &self,
        mut access: Access<'_, Locked<U::State>, Line<U>, Answer<U::Refusal>, U::Ask>,
        ask: &U::Ask,
        waker: &mut Option<Waker>,
        evicted: &mut Option<Waker>,
    ) -> Option<(Verdict<U::Refusal>, U::After)> {
        let list = access.wanted_list();
        let (locked, line) = (&mut *access.state, &mut *access.lists);
        self.supply.open(&mut locked.state);
        match line.front() {
            Some(front) if self.is_due(locked, line, &front) => {
                self.publish(locked, line, false);
                return None;
            }
            Some(_) => {}
            None => self.supply.prepare(&mut locked.state),
        }
        let first = line.is_first(list);
        let mut verdict = self.serve_at_once(locked, first, ask);
        if matches!(verdict, Verdict::Wait | Verdict::Hold) {
            match self.make_room(locked, line, ask, list) {
                Err(refusal) => verdict = Verdict::Refuse(refusal),
                Ok(waker_of_other) => {
                    *evicted = waker_of_other;
                    self.supply.joined(&mut locked.state, ask, list);
                    let since = Stamp::of(self.supply.now(&locked.state));
                    let spot = line.spot();
                    access.sit(list, spot, Answer::of_one_who_comes(waker.take(), &verdict, since));
                    if matches!(verdict, Verdict::Hold) {
                        access.lists.hold(list);
                    }
                }
            }
        }
        self.count_at_once(access.state, ask, &verdict);
        let after = self.publish(access.state, access.lists, true)?;
        Some((verdict, after))
    }

    /// Whether somebody has to be served or refused before one who comes: time has passed.
    #[inline]
    fn is_due(&self, locked: &mut Locked<U::State>, line: &mut Line<U>, front: &U::Ask) -> bool {
        if self.supply.is_due(&locked.state, front) && !line.is_held() {
            return true;
        }
        locked.codel.is_some() && self.overdue(locked, line).is_some()
    }

    /// Makes room for one who comes: whoever has to go for that ends its wait, and is woken by the waker that this returns.
    #[inline]
    fn make_room(
        &self,
        locked: &mut Locked<U::State>,
        line: &mut Line<U>,
        ask: &U::Ask,
        list: u16,
    ) -> Result<Option<Waker>, U::Refusal> {
        let room = self.supply.room(&locked.state, line.len());
        let evicts = line.order() == Order::LifoEvict;
        if !evicts {
            room?;
            self.admit(locked, line, ask, list)?;
            return Ok(None);
        }
        self.admit(locked, line, ask, list)?;
        match (room, line.oldest()) {
            (Ok(()), _) => Ok(None),
            (Err(refusal), None) => Err(refusal),
            (Err(refusal), Some(oldest)) => Ok(self.refuse(locked, line, oldest, refusal)),
        }
    }

    #[inline]
    fn admit(
        &self,
        locked: &mut Locked<U::State>,
        line: &mut Line<U>,
        ask: &U::Ask,
        list: u16,
    ) -> Result<(), U::Refusal> {
        let held = if line.order().can_overtake() { line.held_before(list) } else { None };
        self.supply.admit(&locked.state, ask, list, held.as_ref())
    }

    /// Ends the wait of one with a refusal. Returns its waker.
    #[cold]
    fn refuse(
        &self,
        locked: &mut Locked<U::State>,
        line: &mut Line<U>,
        who: Oldest,
        refusal: U::Refusal,
    ) -> Option<Waker> {
        let (ask, list) = line.ask_of(who)?;
        self.supply.left(&mut locked.state, &ask, list);
        locked.counts.refused += 1;
        line.settle(who, |waiter| waiter.end(Err(refusal))).flatten()
    }

    /// Who has to go because the line is overloaded and it has waited too long, and what it is told.
    #[cold]
    fn overdue(&self, locked: &mut Locked<U::State>, line: &mut Line<U>) -> Option<(Oldest, U::Refusal)> {
        let codel = locked.codel.as_mut()?;
        let (now, oldest) = (self.supply.now(&locked.state), line.oldest());
        let waited = oldest.map_or(0, |oldest| oldest.since.age(now));
        let refused = codel.refuses(now.as_nanos(), waited);
        let refusal = if refused { self.supply.overdue(&locked.state, waited) } else { None };
        oldest.zip(refusal)
    }

    /// Refuses all who have waited too long in an overload. Returns false when the batch is full before that.
    #[cold]
    fn shed(&self, locked: &mut Locked<U::State>, line: &mut Line<U>, batch: &mut WakeBatch) -> bool {
        while let Some((who, refusal)) = self.overdue(locked, line) {
            if batch.is_full() {
                return false;
            }
            self.refuse(locked, line, who, refusal).into_iter().for_each(|waker| batch.push(waker));
        }
        true
    }

    /// What was granted to who has just come goes back if somebody else's waker is about to panic in its face.
    #[inline]
    pub(super) fn keep_grant(&self, ask: &U::Ask, granted: bool, batch: &WakeBatch) {
        if granted && batch.will_panic() {
            self.turn(|locked, _| {
                self.supply.restore(&mut locked.state, ask);
                if self.counting {
                    locked.counts.cancelled += 1;
                }
            });
        }
    }

    /// What one who has just come is told, if it is `first` or if it is not.
    #[inline]
    fn serve_at_once(&self, locked: &mut Locked<U::State>, first: bool, ask: &U::Ask) -> Verdict<U::Refusal> {
        match self.supply.vet(&locked.state, ask) {
            Err(refusal) => Verdict::Refuse(refusal),
            Ok(()) if !first => Verdict::Wait,
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
        let parked = line.is_held();
        self.supply.publish(&mut locked.state, line.front().as_ref(), parked);
        done.then(|| self.supply.leave(&mut locked.state))
    }

    /// Finishes the pass over all waiters, then serves from the front. Returns false when the batch is full before that.
    #[inline]
    pub(super) fn pump(&self, locked: &mut Locked<U::State>, line: &mut Line<U>, batch: &mut WakeBatch) -> bool {
        let in_pass = locked.pass.review || locked.pass.rouse;
        if !in_pass && self.supply.needs_review(&locked.state) {
            self.begin_review(locked, line);
        }
        if (locked.pass.review || locked.pass.rouse) && !self.look_at_all(locked, line, batch) {
            return false;
        }
        if locked.codel.is_some() && !self.shed(locked, line, batch) {
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
                    line.hold_front();
                    line.front_mut().and_then(Answer::park).into_iter().for_each(|waker| batch.push(waker));
                    break;
                }
                Verdict::Wait => {
                    let list = line.first_list();
                    line.front_mut().into_iter().for_each(Answer::unpark);
                    // Somebody came before it while it held its turn.
                    if line.first_list() != list {
                        continue;
                    }
                    break;
                }
            };
            let list = line.first_list();
            self.supply.left(&mut locked.state, &ask, list);
            locked.counts.decide(&answer);
            let now = Stamp::of(self.supply.now(&locked.state));
            let waker = line.settle_front(|waiter| waiter.end(answer.map(|()| now)));
            waker.flatten().into_iter().for_each(|waker| batch.push(waker));
        }
        if locked.codel.is_some() {
            // What is left of the delay. Nobody is refused: whoever was late is gone.
            self.overdue(locked, line);
        }
        true
    }

    fn begin_review(&self, locked: &mut Locked<U::State>, line: &mut Line<U>) {
        locked.pass.review = true;
        self.supply.rewind(&mut locked.state);
        line.mark_front();
    }

    /// The pass over all waiters: refuses those who can no longer be served, wakes those who must look after themselves.
    #[cold]
    fn look_at_all(&self, locked: &mut Locked<U::State>, line: &mut Line<U>, batch: &mut WakeBatch) -> bool {
        loop {
            let list = line.marked_list();
            let Some((waiter, ask)) = line.marked() else { break };
            if batch.is_full() {
                return false;
            }
            let refusal = if locked.pass.review { self.supply.review(&mut locked.state, &ask) } else { None };
            let waker = match refusal {
                Some(refusal) => {
                    self.supply.left(&mut locked.state, &ask, list);
                    locked.counts.refused += 1;
                    line.settle_marked(|waiter| waiter.end(Err(refusal))).flatten()
                }
                None => {
                    let waker = if locked.pass.rouse { waiter.rouse() } else { None };
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
