//! Who comes, and may wait.

use core::task::Waker;

use super::{DisciplineOf, Line, Locked, Supply, Verdict, WaitQueue};
use crate::sync::answer::Answer;
use crate::sync::line::Order;
use crate::sync::list::Access;
use crate::sync::stamp::Stamp;
use crate::sync::wake_batch::WakeBatch;

/// All that is behind the lock, as seen by one who waits.
pub(in crate::sync) type AccessTo<'a, U, L> =
    Access<'a, Locked<<U as Supply>::State>, L, Answer<<U as Supply>::Refusal>, <U as Supply>::Ask>;

/// One who comes, and may wait.
pub(in crate::sync) struct Comer<'a, U: Supply> {
    pub(in crate::sync) ask: &'a U::Ask,
    /// Is taken if it has to wait.
    pub(in crate::sync) waker: &'a mut Option<Waker>,
    /// The waker of one whose place it took.
    pub(in crate::sync) evicted: &'a mut Option<Waker>,
}

/// What one who comes is told, and what is left to be done then.
pub(in crate::sync) type Joined<U> = (Verdict<<U as Supply>::Refusal>, <U as Supply>::After);

impl<U: Supply> WaitQueue<U> {
    /// One comes who may wait: it is served at once, or takes its seat among the others, or is told why not. `None` if those who
    /// are due have to be served, or refused, first.
    #[inline]
    pub(in crate::sync) fn join<L: DisciplineOf<U>>(
        &self,
        mut access: AccessTo<'_, U, L>,
        comer: Comer<'_, U>,
    ) -> Option<Joined<U>> {
        let list = access.lists.list_for(access.wanted_list());
        let (locked, line) = (&mut *access.state, &mut *access.lists);
        let Comer { ask, waker, evicted } = comer;
        self.supply.open(&mut locked.state);
        match line.front() {
            Some(front) if self.is_due(locked, line, &front) => {
                self.publish_line(locked, line);
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
        let (locked, line) = (access.state, access.lists);
        self.count_at_once(locked, ask, &verdict);
        if line.ranked().is_none() && !first {
            self.publish_behind(locked, line);
        } else {
            self.publish_line(locked, line);
        }
        Some((verdict, self.supply.leave(&mut locked.state)))
    }

    /// Whether somebody has to be served or refused before one who comes: time has passed.
    #[inline]
    fn is_due<L: DisciplineOf<U>>(&self, locked: &mut Locked<U::State>, line: &mut L, front: &U::Ask) -> bool {
        if self.supply.is_due(&locked.state, front) && !line.is_held() {
            return true;
        }
        line.ranked().is_some_and(|line| self.overdue(locked, line).is_some())
    }

    /// Makes room for one who comes: whoever has to go for that ends its wait, and is woken by the waker that this returns.
    #[inline]
    fn make_room<L: DisciplineOf<U>>(
        &self,
        locked: &mut Locked<U::State>,
        line: &mut L,
        ask: &U::Ask,
        list: u16,
    ) -> Result<Option<Waker>, U::Refusal> {
        let room = self.supply.room(&locked.state, line.waiting());
        match line.ranked().filter(|line| line.order() == Order::LifoEvict) {
            None => room?,
            Some(line) => {
                if let Err(full) = room {
                    return self.evict(locked, line, (ask, list), full);
                }
            }
        }
        self.admit(locked, line, ask, list)?;
        Ok(None)
    }

    /// As many wait as may: one who comes takes the place of the one who has waited longest, and whose waker this returns.
    #[cold]
    fn evict(
        &self,
        locked: &mut Locked<U::State>,
        line: &mut Line<U>,
        (ask, list): (&U::Ask, u16),
        full: U::Refusal,
    ) -> Result<Option<Waker>, U::Refusal> {
        self.admit(locked, line, ask, list)?;
        let oldest = line.oldest().ok_or(full)?;
        Ok(self.refuse(locked, line, oldest, full))
    }

    #[inline]
    fn admit<L: DisciplineOf<U>>(
        &self,
        locked: &mut Locked<U::State>,
        line: &mut L,
        ask: &U::Ask,
        list: u16,
    ) -> Result<(), U::Refusal> {
        let held = line.held_before(list);
        self.supply.admit(&locked.state, ask, list, held.as_ref())
    }

    /// Drops the waker of one who has come and does not wait, and wakes one whose place was taken.
    #[cold]
    pub(in crate::sync) fn let_go(
        &self,
        ask: &U::Ask,
        verdict: &Verdict<U::Refusal>,
        waker: Option<Waker>,
        evicted: Option<Waker>,
    ) {
        let mut batch = WakeBatch::new();
        batch.guard(|| drop(waker));
        batch.guard(|| evicted.into_iter().for_each(Waker::wake));
        self.keep_grant(ask, matches!(verdict, Verdict::Grant), &batch);
    }
}
