//! Who is served, and who is refused, when something has changed.

use core::task::Waker;

use super::{DisciplineOf, Line, Locked, Supply, Verdict, WaitQueue};
use crate::sync::answer::Answer;
use crate::sync::line::Oldest;
use crate::sync::stamp::Stamp;
use crate::sync::wake_batch::WakeBatch;

/// What the pass over all waiters is for, while there is one (the list's mark says where it is).
pub(super) struct Pass {
    pub(super) review: bool,
    pub(super) rouse: bool,
}

impl Pass {
    pub(super) const NONE: Self = Self { review: false, rouse: false };
}

impl<U: Supply> WaitQueue<U> {
    /// Serves those who can be served, and publishes the state. What is left to do is known when all of them are.
    pub(in crate::sync) fn go_on(
        &self,
        locked: &mut Locked<U::State>,
        line: &mut Line<U>,
        batch: &mut WakeBatch,
    ) -> Option<U::After> {
        let done = self.pump(locked, line, batch);
        self.publish(locked, line, done)
    }

    /// Publishes the state. What is left to do is known when the pump is `done`, and not before.
    #[inline(always)]
    pub(super) fn publish(&self, locked: &mut Locked<U::State>, line: &mut Line<U>, done: bool) -> Option<U::After> {
        match line.plain() {
            Some(list) => self.publish_line(locked, list),
            None => self.publish_line(locked, line),
        }
        done.then(|| self.supply.leave(&mut locked.state))
    }

    /// As `publish_line`, after one has come to the end of a plain line, or was refused.
    #[inline]
    pub(super) fn publish_behind(&self, locked: &mut Locked<U::State>, line: &mut impl DisciplineOf<U>) {
        if let Some(front) = line.front() {
            let parked = line.is_held();
            self.supply.publish_behind(&mut locked.state, &front, parked);
        }
    }

    #[inline]
    pub(super) fn publish_line(&self, locked: &mut Locked<U::State>, line: &mut impl DisciplineOf<U>) {
        let parked = line.is_held();
        self.supply.publish(&mut locked.state, line.front().as_ref(), parked);
    }

    /// Finishes the pass over all waiters, then serves from the front. Returns false when the batch is full before that.
    // Each hand-over comes through here: one function, and not three that put aside what the others need.
    #[inline(always)]
    pub(super) fn pump(&self, locked: &mut Locked<U::State>, line: &mut Line<U>, batch: &mut WakeBatch) -> bool {
        let in_pass = locked.pass.review || locked.pass.rouse;
        if !in_pass && self.supply.needs_review(&locked.state) {
            self.begin_review(locked, line);
        }
        if (locked.pass.review || locked.pass.rouse) && !self.look_at_all(locked, line, batch) {
            return false;
        }
        match line.plain() {
            Some(list) => self.serve(locked, list, batch),
            None => self.serve_ranked(locked, line, batch),
        }
    }

    #[cold]
    fn serve_ranked(&self, locked: &mut Locked<U::State>, line: &mut Line<U>, batch: &mut WakeBatch) -> bool {
        let served = self.shed(locked, line, batch) && self.serve(locked, line, batch);
        if served {
            // What is left of the delay. Nobody is refused: whoever was late is gone.
            self.overdue(locked, line);
        }
        served
    }

    /// Serves from the front. Returns false when the batch is full before that.
    #[inline]
    fn serve(&self, locked: &mut Locked<U::State>, line: &mut impl DisciplineOf<U>, batch: &mut WakeBatch) -> bool {
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
                    line.first().front_mut().and_then(Answer::park).into_iter().for_each(|waker| batch.push(waker));
                    break;
                }
                Verdict::Wait => {
                    let list = line.first_list();
                    line.first().front_mut().into_iter().for_each(Answer::unpark);
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
        true
    }

    pub(super) fn begin_review(&self, locked: &mut Locked<U::State>, line: &mut Line<U>) {
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
        locked.pass = Pass::NONE;
        true
    }

    /// Ends the wait of one with a refusal. Returns its waker.
    #[cold]
    pub(super) fn refuse(
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
    pub(super) fn overdue(&self, locked: &mut Locked<U::State>, line: &mut Line<U>) -> Option<(Oldest, U::Refusal)> {
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
}
