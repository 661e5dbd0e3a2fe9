//! What a wait queue hands out, as the queue sees it.

use super::answer::Carried;
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

    /// As `publish`, after one has come behind others: nothing has changed for the front, which waits on, but what time it is.
    fn publish_behind(&self, state: &mut Self::State, front: &Self::Ask, parked: bool) {
        self.publish(state, Some(front), parked);
    }

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
