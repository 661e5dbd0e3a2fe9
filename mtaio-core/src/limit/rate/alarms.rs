//! The alarms of one limiter: one in each runtime that waits for it.
//!
//! What it keeps:
//!
//! 1. An alarm is set for the front's turn, or earlier, from the moment its runtime has a waiter. Any runtime's alarm serves
//!    everybody; the others are for the case that this one is not driven.
//! 2. Alarms are set, and dropped, without the queue's lock.
//! 3. An alarm whose runtime went away is forgotten, and every waiter is woken, so that those who still live set one where
//!    they live.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::task::Waker;

use super::Shared;
use crate::primitive::{AtomicBool, Ordering, catch, resume};
use crate::runtime::{Alarm, Tick, Timer};
use crate::time::Instant;

/// An alarm of the limiter, with what it knows of its place.
pub(super) struct Bell<R: Timer> {
    limiter: Weak<Shared<R>>,
    context: u64,
    alarm: R::Alarm,
    lost: AtomicBool,
}

/// A bell and when it rings; the end of time if it is not set.
pub(crate) struct Armed<R: Timer> {
    bell: Arc<Bell<R>>,
    at: Instant,
}

/// Bells that have to be set, and a driver that has to see the end, outside the lock.
pub(crate) struct Ring<R: Timer> {
    at: Instant,
    first: Option<Arc<Bell<R>>>,
    /// Only where several runtimes wait for one limiter.
    rest: Vec<Arc<Bell<R>>>,
    pub(super) driver: Option<Waker>,
}

impl<R: Timer> Ring<R> {
    /// Under the lock: those of `alarms` that would ring after `due` only. They count as set from here on.
    pub(super) fn of_those_behind(alarms: &mut [Armed<R>], due: Instant) -> Self {
        let mut ring = Self { at: due, first: None, rest: Vec::new(), driver: None };
        for armed in alarms.iter_mut().filter(|armed| armed.at > due) {
            armed.at = due;
            match &ring.first {
                None => ring.first = Some(Arc::clone(&armed.bell)),
                Some(_) => ring.rest.push(Arc::clone(&armed.bell)),
            }
        }
        ring
    }

    pub(super) fn set(self) {
        let mut panic = self.driver.and_then(|driver| catch(|| driver.wake()).err());
        for bell in self.first.iter().chain(&self.rest) {
            // One that cannot be set keeps none of the others from it.
            panic = panic.or(catch(|| bell.set(self.at)).err());
        }
        panic.into_iter().for_each(resume);
    }
}

impl<R: Timer> Bell<R> {
    fn new(limiter: &Weak<Shared<R>>, runtime: &R, context: u64) -> Arc<Self> {
        Arc::new_cyclic(|bell: &Weak<Self>| Self {
            limiter: Weak::clone(limiter),
            context,
            alarm: runtime.alarm(Weak::<Self>::clone(bell)),
            lost: AtomicBool::new(false),
        })
    }

    /// Under the lock: it has rung.
    fn unset(&self, alarms: &mut [Armed<R>]) {
        for armed in alarms.iter_mut().filter(|armed| core::ptr::eq(&*armed.bell, self)) {
            armed.at = Instant::FAR;
        }
    }

    fn set(&self, at: Instant) {
        /// Whoever counted on this alarm sets its own if this one panics.
        struct Undo<'a, R: Timer>(&'a Bell<R>);
        impl<R: Timer> Drop for Undo<'_, R> {
            fn drop(&mut self) {
                self.0.lost();
            }
        }
        let undo = Undo(self);
        self.alarm.set(at);
        core::mem::forget(undo);
    }
}

impl<R: Timer> Tick for Bell<R> {
    fn tick(&self) {
        if let Some(limiter) = self.limiter.upgrade() {
            limiter.queue.change(|state| self.unset(&mut state.alarms));
        }
    }

    fn nudge(&self) {
        if let Some(limiter) = self.limiter.upgrade() {
            limiter.queue.nudge(|state| {
                self.unset(&mut state.alarms);
                state.driver.take()
            });
        }
    }

    fn lost(&self) {
        // ORDERING: Release, pairs with the Acquire in `hang`; the lock orders it for who comes after us.
        self.lost.store(true, Ordering::Release);
        if let Some(limiter) = self.limiter.upgrade() {
            let mut gone = None;
            limiter.queue.change_and_rouse(|state| {
                let place = state.alarms.iter().position(|armed| core::ptr::eq(&*armed.bell, self));
                gone = place.map(|place| state.alarms.swap_remove(place));
            });
            drop(gone);
        }
    }
}

impl<R: Timer> Shared<R> {
    /// Sees to it that the runtime that polls now has an alarm. False if the alarm went away meanwhile.
    pub(super) fn watch(&self) -> bool {
        let context = self.queue.supply.runtime.context_id();
        let (known, due) =
            self.queue.peek(|state, _| (state.alarms.iter().any(|armed| armed.bell.context == context), state.due));
        if known {
            return true;
        }
        let bell = Bell::new(&self.me, &self.queue.supply.runtime, context);
        // Set before it is hung, so that nobody sets it first from a place where that does not work.
        bell.set(due);
        self.hang(bell)
    }

    fn hang(&self, bell: Arc<Bell<R>>) -> bool {
        let mut bell = Some(bell);
        let hung = self.queue.change(|state| {
            // ORDERING: Acquire, pairs with the Release in `lost`. Either we see it here, or `lost` finds the bell.
            let lost = bell.as_ref().is_none_or(|bell| bell.lost.load(Ordering::Acquire));
            let known = |bell: &Arc<Bell<R>>| state.alarms.iter().any(|armed| armed.bell.context == bell.context);
            if let Some(bell) = bell.take_if(|bell| !lost && !known(bell)) {
                // It may have rung already: it counts as not set, and the end of this change sets it.
                state.alarms.push(Armed { bell, at: Instant::FAR });
            }
            !lost
        });
        // A second alarm of this runtime, or a lost one, goes here, outside the lock.
        drop(bell);
        hung
    }
}
