//! The one wait queue: one line, one pump, and nothing foreign under the lock.
//!
//! What is handed out is somebody else's business: a [`Supply`] says whether the front may have what it asks for. Who is at the front is
//! the [line](super::line)'s. The queue keeps the promises that all limiters share:
//!
//! 1. Whoever asks while others wait takes its place in their order, which is that of arrival unless another was asked for, and nobody is
//!    served before those who stand before it. Who does not wait is served before nobody.
//! 2. The pump, [`WaitQueue::go_on`], runs at the end of every change, before the lock is released. So there is no moment without the
//!    lock in which the front could have been served and was not, except that time has passed, or that a full batch of wakers
//!    is on its way. Who comes or leaves behind others changes nothing for the front.
//! 3. A waiter that leaves after its grant and before it noticed gives the grant back, and the pump passes it on.
//! 4. Wakers are cloned before the lock, and called and dropped after it.
//! 5. A waiter that only *holds* its turn is told when it is at the front and could be served, and stays there, *parked*: it
//!    takes nothing, and nobody passes it, until it [takes](super::wait::Wait::take) what it asks for or leaves.
//! 6. A waker that panics costs nobody else anything: see [`WakeBatch`]. Whoever is unwound by it while it is served at once gives
//!    back what it was granted.

use core::task::Waker;

mod arrivals;
mod service;

pub(super) use arrivals::{AccessTo, Comer};
use service::Pass;

use super::answer::Answer;
use super::codel::Codel;
use super::counts::Counts;
#[cfg(feature = "alloc")]
use super::counts::Survey;
use super::line::{Discipline, Order, Waiters};
use super::list::{Queue, Queued};
use super::stamp::Stamp;
use super::supply::{Supply, Verdict};
use super::wake_batch::WakeBatch;
use crate::primitive::const_fn;
#[cfg(feature = "alloc")]
use crate::time::Instant;

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
    /// Whether the line is [plain](Waiters::plain), which is known without the lock.
    plain: bool,
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
            crate::sync::wait_queue::Locked<<$supply as crate::sync::supply::Supply>::State>,
            crate::sync::answer::Answer<<$supply as crate::sync::supply::Supply>::Refusal>,
            <$supply as crate::sync::supply::Supply>::Ask,
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

/// The order of those who wait for a supply.
pub(super) trait DisciplineOf<U: Supply>: Discipline<U::Refusal, U::Ask> {}
impl<U: Supply, L: Discipline<U::Refusal, U::Ask>> DisciplineOf<U> for L {}

impl<U: Supply> WaitQueue<U> {
    const_fn! {
        pub(crate) const fn new(supply: U, state: U::State) -> Self {
            let locked = Locked { state, pass: Pass::NONE, codel: None, counts: Counts::NONE };
            Self { supply, queue: Queue::with_lists(locked, Waiters::first_come()), plain: true, classes: 1, counting: false }
        }
    }

    /// A queue with another order than that of arrival, or one that refuses those who wait too long, or counts.
    #[cfg(feature = "alloc")]
    pub(crate) fn ordered(supply: U, state: U::State, Plan { order, codel, counting }: Plan) -> Self {
        let locked = Locked { state, pass: Pass::NONE, codel, counts: Counts::NONE };
        let mut line = Waiters::ordered(order, codel.is_some());
        let plain = line.plain().is_some();
        Self { supply, queue: Queue::with_lists(locked, line), plain, classes: order.classes(), counting }
    }

    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.plain
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
        let waker =
            self.queue.with(|locked, line| change(&mut locked.state).or_else(|| line.first().front_mut()?.rouse()));
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
            (result, self.go_on(locked, line, &mut batch))
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
                self.go_on(locked, line, batch)
            });
            batch.wake();
        };
        self.supply.settle(after);
    }
}
