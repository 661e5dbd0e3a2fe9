//! The pending deadlines of one manager, and the one alarm for all of them in each runtime.
//!
//! What it keeps:
//!
//! 1. Deadlines of the manager's own timeout come in order, and stand in list 0. So do earlier ones that come after all that are
//!    there. Any other is in the wheel.
//! 2. A deadline fires when the clock has reached it, and not before. Whoever waits for it learns that from its own seat, without the
//!    lock.
//! 3. What is due is no later than the earliest deadline; it may be earlier, when that one was cancelled. Then the alarm rings for
//!    nothing, and is set again.
//! 4. Wakers are cloned before the lock, called and dropped after it.

use alloc::sync::{Arc, Weak};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use pin_project_lite::pin_project;

use super::run::Expiry;
use super::span::End;
use super::wheel::{LISTS, Slot, Wheel};
use crate::alarm::bells::{Bells, Ring, Rings, serve};
use crate::runtime::{Tick, Timer};
use crate::sync::list::{Access, Handle, Lists as _, Queue, Queued, Seat, Shelf, Spot, queued};
use crate::sync::{Closed, Closing, WakeBatch};
use crate::time::{ClockId, Instant, nanos};

/// The list of the manager's own timeout. The slots of the wheel follow it.
const IN_ORDER: u16 = 0;
/// Where nodes are while the wheel is put back.
const SPARE: u16 = 1 + LISTS as u16;

type Lists = Shelf<Waiter, Instant, { SPARE as usize }>;

fn list_of(slot: Slot) -> u16 {
    1 + slot.number()
}

/// What the clones of a manager share.
pub(crate) struct Shared<R: Timer> {
    pub(super) runtime: R,
    pub(super) timeout: Option<Duration>,
    queue: Queue<State<R>, Lists>,
    closing: Closing,
    me: Weak<Self>,
}

queued!([R: Timer] Shared<R>, State<R>, Waiter, Instant, Lists, queue);

pub(crate) struct State<R: Timer> {
    wheel: Wheel,
    bells: Bells<Shared<R>>,
    closed: bool,
    /// Everybody's wait ends so, whatever the time.
    flush: Option<End>,
}

/// What has become of one who waits for a deadline.
pub(crate) enum Waiter {
    Waiting(Waker),
    /// Was woken to see to those who are due, and has not been polled since.
    Roused,
    Over(End),
}

impl Waiter {
    fn turn_into(&mut self, next: Self) -> Option<Waker> {
        match core::mem::replace(self, next) {
            Self::Waiting(waker) => Some(waker),
            Self::Roused | Self::Over(_) => None,
        }
    }
}

impl<R: Timer> State<R> {
    /// The list for one who waits for `at`, and comes at `now`.
    #[inline]
    fn list_for(&mut self, owner: &Shared<R>, lists: &mut Lists, at: Instant, now: Instant) -> u16 {
        // What would come after those of the manager's own timeout does not stand before them.
        let usual = owner.timeout.map_or(Instant::FAR, |timeout| now + timeout);
        if at <= usual && lists.list(IN_ORDER).back().is_none_or(|last| last <= at) {
            return IN_ORDER;
        }
        let (at, now, tolerance) = (at.as_nanos(), now.as_nanos(), owner.runtime.granularity());
        if self.wheel.next().is_none() {
            self.wheel.stand_at(now.min(at));
        } else if at.saturating_add(nanos(tolerance)) < self.wheel.now() {
            // The clock stepped back. Otherwise another thread was a little further than we are.
            self.put_back(lists, now.min(at));
        }
        list_of(self.wheel.place(at.max(self.wheel.now())))
    }

    /// Makes the wheel stand at `now`, before where it stood.
    #[cold]
    fn put_back(&mut self, lists: &mut Lists, now: u64) {
        while let Some((slot, _)) = self.wheel.next() {
            while !lists.list(list_of(slot)).is_empty() {
                lists.move_front(list_of(slot), SPARE);
            }
            self.wheel.vacate(slot);
        }
        self.wheel.stand_at(now);
        while let Some(end) = lists.list(SPARE).front() {
            lists.move_front(SPARE, list_of(self.wheel.place(end.as_nanos().max(now))));
        }
    }

    /// The list whose front is the next to be over at `now`. Moves what is in the wheel to where it is then.
    fn next_over(&mut self, lists: &mut Lists, now: Instant) -> Option<u16> {
        if lists.list(IN_ORDER).front().is_some_and(|end| end <= now || self.flush.is_some()) {
            return Some(IN_ORDER);
        }
        while let Some((slot, bound)) = self.wheel.next() {
            let list = list_of(slot);
            match lists.list(list).front() {
                None => self.wheel.vacate(slot),
                Some(end) if end <= now || self.flush.is_some() => return Some(list),
                Some(_) if bound > now.as_nanos() => return None,
                Some(end) => {
                    self.wheel.enter(slot);
                    lists.move_front(list, list_of(self.wheel.place(end.as_nanos())));
                }
            }
        }
        None
    }

    /// A list in which somebody waits, the next one if none was cancelled; `None` if nobody does.
    fn next(&mut self, lists: &mut Lists) -> Option<u16> {
        let first = lists.list(IN_ORDER).front();
        while let Some((slot, bound)) = self.wheel.next() {
            if first.is_some_and(|end| end.as_nanos() <= bound) {
                break;
            }
            if !lists.list(list_of(slot)).is_empty() {
                return Some(list_of(slot));
            }
            self.wheel.vacate(slot);
        }
        first.map(|_| IN_ORDER)
    }

    /// When to look again.
    fn next_due(&self, lists: &mut Lists) -> Instant {
        let in_wheel = self.wheel.next().map_or(Instant::FAR, |(_, bound)| Instant::from_nanos(bound));
        lists.list(IN_ORDER).front().map_or(in_wheel, |end| end.min(in_wheel))
    }

    /// Ends the waits that are over at `now`. False if there are more than a batch takes.
    fn expire(&mut self, lists: &mut Lists, now: Instant, batch: &mut WakeBatch) -> bool {
        // The end of time does not come.
        let now = now.min(Instant::from_nanos(u64::MAX - 1));
        if now.as_nanos() < self.wheel.now() {
            self.put_back(lists, now.as_nanos());
        }
        while let Some(list) = self.next_over(lists, now) {
            if batch.is_full() {
                return false;
            }
            let end = self.flush.unwrap_or(End::Passed);
            let waker = lists.list(list).settle_front(|waiter| waiter.turn_into(Waiter::Over(end)));
            waker.flatten().into_iter().for_each(|waker| batch.push(waker));
        }
        self.flush = None;
        self.bells.due = self.next_due(lists);
        true
    }
}

impl<R: Timer> Shared<R> {
    pub(super) fn new(runtime: R, timeout: Option<Duration>) -> Arc<Self> {
        let state = State { wheel: Wheel::new(), bells: Bells::new(), closed: false, flush: None };
        Arc::new_cyclic(|me| Self {
            runtime,
            timeout,
            queue: Queue::with_lists(state, Shelf::new()),
            closing: Closing::new(),
            me: Weak::clone(me),
        })
    }

    /// Changes the state, ends the waits that are over, and sets the alarms for the next.
    fn change<T>(&self, change: impl FnOnce(&mut State<R>) -> T) -> T {
        let mut batch = WakeBatch::new();
        let (result, mut done) = self.queue.with(|state, lists| (change(state), self.expire(state, lists, &mut batch)));
        batch.wake();
        let ring = loop {
            if let Some(ring) = done {
                break ring;
            }
            done = self.queue.with(|state, lists| self.expire(state, lists, &mut batch));
            batch.wake();
        };
        ring.into_iter().for_each(Ring::set);
        result
    }

    /// Under the lock. The alarms that have to be set, if any, once all are served who can be.
    fn expire(&self, state: &mut State<R>, lists: &mut Lists, batch: &mut WakeBatch) -> Option<Option<Ring<Self>>> {
        let done = state.expire(lists, self.runtime.now(), batch);
        done.then(|| state.bells.behind())
    }

    /// Ends every wait, and those that come.
    pub(super) fn close(&self) {
        self.closing.close_after(|| {
            self.change(|state| {
                state.closed = true;
                state.flush = Some(End::Closed);
            });
        });
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closing.is_closed()
    }

    pub(super) fn closed(&self) -> Closed<'_> {
        self.closing.closed()
    }

    pub(super) fn pending(&self) -> usize {
        self.queue.with(|_, lists| lists.len())
    }
}

impl<R: Timer> Rings for Shared<R> {
    type Runtime = R;
    type Alarm = R::Alarm;

    fn runtime(&self) -> &R {
        &self.runtime
    }

    fn alarm(&self, target: Weak<dyn Tick>) -> R::Alarm {
        self.runtime.alarm(target)
    }

    fn me(&self) -> &Weak<Self> {
        &self.me
    }

    fn peek<T>(&self, look: impl FnOnce(&mut Bells<Self>) -> T) -> T {
        self.queue.with(|state, _| look(&mut state.bells))
    }

    fn turn<T>(&self, change: impl FnOnce(&mut Bells<Self>) -> T) -> T {
        self.change(|state| change(&mut state.bells))
    }

    fn rouse(&self, change: impl FnOnce(&mut Bells<Self>)) {
        self.change(|state| {
            change(&mut state.bells);
            // A manager that is closing tells more than that.
            state.flush.get_or_insert(End::Lost);
        });
    }

    fn nudge(&self, change: impl FnOnce(&mut Bells<Self>)) {
        // The timer's lock may be held: nobody asks it for the time.
        let waker = self.queue.with(|state, lists| {
            change(&mut state.bells);
            let next = state.next(lists)?;
            lists.list(next).front_mut()?.turn_into(Waiter::Roused)
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What has places that are given up.
pub(crate) trait Leave: Queued<Ask = Instant> + Sized {
    fn leave<H: Handle<Target = Self>>(seat: Pin<&mut Seat<H>>);
}

impl<R: Timer> Leave for Shared<R> {
    fn leave<H: Handle<Target = Self>>(mut seat: Pin<&mut Seat<H>>) {
        let waiter = seat.as_mut().with(|_, access| rise(access));
        if matches!(waiter, Some(Waiter::Roused)) {
            // It was to see to those who are due.
            seat.owner().change(|_| ());
        }
        drop(waiter);
    }
}

pin_project! {
    /// A place among the deadlines of a manager.
    pub(super) struct Place<H: Handle> where H::Target: Leave {
        #[pin]
        seat: Seat<H>,
    }

    impl<H: Handle> PinnedDrop for Place<H> where H::Target: Leave {
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            if this.seat.is_taken() {
                <H::Target>::leave(this.project().seat);
            }
        }
    }
}

type SeatAccess<'a, R> = Access<'a, State<R>, Lists, Waiter, Instant>;

impl<H: Handle> Place<H>
where
    H::Target: Leave,
{
    #[inline]
    pub(super) fn new(handle: H) -> Self {
        Self { seat: Seat::new(handle, Instant::FAR) }
    }
}

impl<R, H> Place<H>
where
    R: Timer,
    H: Handle<Target = Shared<R>>,
{
    /// Makes sure that the waker is the one that will be called, and that an alarm is set where this is polled, which may be
    /// elsewhere than before.
    fn renew(self: Pin<&mut Self>, context: &mut Context<'_>) {
        let mut seat = self.project().seat;
        let place = (seat.ask() != Instant::FAR).then(|| seat.owner().runtime.context_id());
        let waker = context.waker();
        let (stale, served) = seat.as_mut().with(|_, mut access| {
            let stale = match access.waiting() {
                Some(Waiter::Waiting(old)) => !old.will_wake(waker),
                Some(_) => true,
                None => false,
            };
            (stale, place.is_none_or(|place| access.state.bells.serve(place)))
        });
        if stale {
            let fresh = Waiter::Waiting(waker.clone());
            let old = seat.as_mut().with(|_, mut access| match access.waiting() {
                Some(waiter) => core::mem::replace(waiter, fresh),
                None => fresh,
            });
            drop(old);
        }
        if !served && !serve(seat.owner(), place.unwrap_or_default()) {
            waker.wake_by_ref();
        }
    }

    fn end(self: Pin<&mut Self>) -> Option<End> {
        match self.project().seat.claim()? {
            Waiter::Over(end) => Some(end),
            Waiter::Waiting(_) | Waiter::Roused => unreachable!("a waiter is settled with an end"),
        }
    }
}

/// What becomes of one who begins to wait.
enum Arrival {
    /// An alarm rings in time.
    Served,
    Unserved,
    Closed,
}

/// Gives up a place. A slot that is empty then is known to be.
fn rise<R: Timer>(mut access: SeatAccess<'_, R>) -> Option<Waiter> {
    let slot = access.list().and_then(|list| list.checked_sub(1));
    let waiter = access.rise();
    if let Some(slot) = slot.map(Slot::of) {
        if access.lists.list(list_of(slot)).is_empty() {
            access.state.wheel.vacate(slot);
        }
    }
    waiter
}

impl<R, H> Expiry for Place<H>
where
    R: Timer,
    H: Handle<Target = Shared<R>>,
{
    fn now(&self) -> Instant {
        self.seat.owner().runtime.now()
    }

    fn clock_id(&self) -> ClockId {
        self.seat.owner().runtime.clock_id()
    }

    fn is_set(&self) -> bool {
        self.seat.is_taken()
    }

    #[inline]
    fn set(self: Pin<&mut Self>, at: Instant, now: Instant, context: &mut Context<'_>) -> Poll<End> {
        let mut seat = self.project().seat;
        // Where no alarm can be set this panics. What never comes needs none.
        let place = (at != Instant::FAR).then(|| seat.owner().runtime.context_id());
        seat.as_mut().set_ask(at);
        let mut waker = Some(context.waker().clone());
        let arrival = seat.as_mut().with(|owner, mut access| {
            if access.state.closed {
                return Arrival::Closed;
            }
            let list = access.state.list_for(owner, access.lists, at, now);
            access.sit(list, Spot::Back, waker.take().map_or(Waiter::Roused, Waiter::Waiting));
            let bells = &mut access.state.bells;
            bells.due = bells.due.min(at);
            if place.is_none_or(|place| bells.serve(place)) { Arrival::Served } else { Arrival::Unserved }
        });
        drop(waker);
        match arrival {
            Arrival::Served => {}
            Arrival::Closed => return Poll::Ready(End::Closed),
            Arrival::Unserved if serve(seat.owner(), place.unwrap_or_default()) => {}
            // The runtime went away under us. If we live on elsewhere, we look again there.
            Arrival::Unserved => context.waker().wake_by_ref(),
        }
        Poll::Pending
    }

    fn poll_end(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<End> {
        if !R::WAKES_UNLOCKED {
            self.seat.owner().change(|_| ());
        }
        if let Some(end) = self.as_mut().end() {
            return Poll::Ready(end);
        }
        self.as_mut().renew(context);
        // The end may have come just before the new waker: then nobody will call it.
        self.end().map_or(Poll::Pending, Poll::Ready)
    }

    #[inline]
    fn forget(self: Pin<&mut Self>) {
        if self.seat.is_taken() {
            <H::Target>::leave(self.project().seat);
        }
    }
}
