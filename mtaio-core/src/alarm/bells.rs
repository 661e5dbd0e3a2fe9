//! The alarms of one owner: one in each runtime that waits for it.
//!
//! What it keeps:
//!
//! 1. An alarm is set for the owner's next instant, or earlier, from the moment its runtime has a waiter. Any runtime's alarm
//!    serves everybody; the others are for the case that this one is not driven.
//! 2. Alarms are set, and dropped, without the owner's lock.
//! 3. An alarm whose runtime went away is forgotten, and every waiter is woken, so that those who still live set one where
//!    they live.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use crate::primitive::{AtomicBool, Ordering, catch, resume};
use crate::runtime::{Alarm, Tick, Timer};
use crate::time::Instant;

/// What has waiters that wait for an instant, and a lock that its bells are under.
pub(crate) trait Rings: Send + Sync + Sized + 'static {
    type Runtime: Timer;
    type Alarm: Alarm;

    fn runtime(&self) -> &Self::Runtime;

    /// Makes an alarm that ticks `target`, in the runtime that polls now.
    fn alarm(&self, target: Weak<dyn Tick>) -> Self::Alarm;

    /// The owner, for its alarms, which must not keep it alive.
    fn me(&self) -> &Weak<Self>;

    /// Looks at the bells, under the lock.
    fn peek<T>(&self, look: impl FnOnce(&mut Bells<Self>) -> T) -> T;

    /// Changes the bells, serves those whose instant has come, and sets what has to be set.
    fn turn<T>(&self, change: impl FnOnce(&mut Bells<Self>) -> T) -> T;

    /// Changes the bells, and wakes every waiter, so that it looks after itself.
    fn rouse(&self, change: impl FnOnce(&mut Bells<Self>));

    /// Changes the bells, and wakes one who will turn, without doing it.
    fn nudge(&self, change: impl FnOnce(&mut Bells<Self>));
}

/// The alarms of one owner, and when the next of them has to ring.
pub(crate) struct Bells<O: Rings> {
    hung: Vec<Hung<O>>,
    /// The end of time if nobody waits.
    pub(crate) due: Instant,
}

/// A bell, where it hangs, and when it rings; the end of time if it is not set.
struct Hung<O: Rings> {
    bell: Arc<Bell<O>>,
    context: u64,
    at: Instant,
}

/// An alarm of the owner, with what it knows of its place.
struct Bell<O: Rings> {
    owner: Weak<O>,
    alarm: O::Alarm,
    lost: AtomicBool,
}

/// Bells that have to be set, outside the lock.
pub(crate) struct Ring<O: Rings> {
    at: Instant,
    first: Option<Arc<Bell<O>>>,
    /// Only where several runtimes wait for one owner.
    rest: Vec<Arc<Bell<O>>>,
}

impl<O: Rings> Bells<O> {
    pub(crate) const fn new() -> Self {
        Self { hung: Vec::new(), due: Instant::FAR }
    }

    /// Those that would ring after what is due only, if there are any. They count as set from here on.
    #[inline]
    pub(crate) fn behind(&mut self) -> Option<Ring<O>> {
        self.hung.iter().any(|hung| hung.at > self.due).then(|| self.all_behind())
    }

    #[cold]
    fn all_behind(&mut self) -> Ring<O> {
        let due = self.due;
        let mut ring = Ring { at: due, first: None, rest: Vec::new() };
        for hung in self.hung.iter_mut().filter(|hung| hung.at > due) {
            hung.at = due;
            match &ring.first {
                None => ring.first = Some(Arc::clone(&hung.bell)),
                Some(_) => ring.rest.push(Arc::clone(&hung.bell)),
            }
        }
        ring
    }

    /// Whether all alarms ring in time for what is due, and the runtime that is `context` has one of them.
    #[inline]
    pub(crate) fn serve(&self, context: u64) -> bool {
        self.hung.iter().all(|hung| hung.at <= self.due) && self.hangs_in(context)
    }

    /// Whether the runtime that is `context` has an alarm here.
    #[inline]
    pub(crate) fn hangs_in(&self, context: u64) -> bool {
        self.hung.iter().any(|hung| hung.context == context)
    }

    /// It has rung.
    fn unset(&mut self, bell: &Bell<O>) {
        for hung in self.hung.iter_mut().filter(|hung| core::ptr::eq(&*hung.bell, bell)) {
            hung.at = Instant::FAR;
        }
    }

    fn take_down(&mut self, bell: &Bell<O>) -> Option<Hung<O>> {
        let place = self.hung.iter().position(|hung| core::ptr::eq(&*hung.bell, bell));
        place.map(|place| self.hung.swap_remove(place))
    }
}

impl<O: Rings> Ring<O> {
    pub(crate) fn set(self) {
        let mut panic = None;
        for bell in self.first.iter().chain(&self.rest) {
            // One that cannot be set keeps none of the others from it.
            panic = panic.or(catch(|| bell.set(self.at)).err());
        }
        panic.into_iter().for_each(resume);
    }
}

impl<O: Rings> Bell<O> {
    fn new(owner: &O) -> Arc<Self> {
        Arc::new_cyclic(|bell: &Weak<Self>| Self {
            owner: Weak::clone(owner.me()),
            alarm: owner.alarm(Weak::<Self>::clone(bell)),
            lost: AtomicBool::new(false),
        })
    }

    fn set(&self, at: Instant) {
        /// Whoever counted on this alarm sets its own if this one panics.
        struct Undo<'a, O: Rings>(&'a Bell<O>);
        impl<O: Rings> Drop for Undo<'_, O> {
            fn drop(&mut self) {
                self.0.lost();
            }
        }
        let undo = Undo(self);
        self.alarm.set(at);
        core::mem::forget(undo);
    }
}

impl<O: Rings> Tick for Bell<O> {
    fn tick(&self) {
        if let Some(owner) = self.owner.upgrade() {
            owner.turn(|bells| bells.unset(self));
        }
    }

    fn nudge(&self) {
        if let Some(owner) = self.owner.upgrade() {
            owner.nudge(|bells| bells.unset(self));
        }
    }

    fn lost(&self) {
        // ORDERING: Release, pairs with the Acquire in `hang`; the lock orders it for who comes after us.
        self.lost.store(true, Ordering::Release);
        if let Some(owner) = self.owner.upgrade() {
            let mut gone = None;
            owner.rouse(|bells| gone = bells.take_down(self));
            drop(gone);
        }
    }
}

/// Sees to it that the runtime that polls now has an alarm. False if the alarm went away meanwhile.
pub(crate) fn watch<O: Rings>(owner: &O) -> bool {
    let context = owner.runtime().context_id();
    let (known, due) = owner.peek(|bells| (bells.hangs_in(context), bells.due));
    known || hang(owner, context, due)
}

/// Sees to it that all alarms ring in time, and that the runtime that polls now, which is `context`, has one. False if that went away
/// meanwhile.
#[cold]
pub(crate) fn serve<O: Rings>(owner: &O, context: u64) -> bool {
    let (known, ring, due) = owner.peek(|bells| (bells.hangs_in(context), bells.behind(), bells.due));
    ring.into_iter().for_each(Ring::set);
    known || hang(owner, context, due)
}

/// Makes an alarm for the runtime that polls now, which is `context`. False if it went away meanwhile.
fn hang<O: Rings>(owner: &O, context: u64, due: Instant) -> bool {
    let bell = Bell::new(owner);
    // Set before it is hung, so that nobody sets it first from a place where that does not work.
    bell.set(due);
    let mut bell = Some(bell);
    let hung = owner.turn(|bells| {
        // ORDERING: Acquire, pairs with the Release in `lost`. Either we see it here, or `lost` finds the bell.
        let lost = bell.as_ref().is_none_or(|bell| bell.lost.load(Ordering::Acquire));
        if let Some(bell) = bell.take_if(|_| !lost && !bells.hangs_in(context)) {
            // It may have rung already: it counts as not set, and the end of this change sets it.
            bells.hung.push(Hung { bell, context, at: Instant::FAR });
        }
        !lost
    });
    // A second alarm of this runtime, or a lost one, goes here, outside the lock.
    drop(bell);
    hung
}
