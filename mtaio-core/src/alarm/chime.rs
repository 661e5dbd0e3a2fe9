//! One alarm for many: what strikes for each of its lines in turn.
//!
//! Each line is a limiter with waiters of its own, which sets and drops alarms as if they were the runtime's; the chime has them
//! in order, and keeps one alarm of each runtime set for the first.
//!
//! What it keeps:
//!
//! 1. While a line is set, the chime's own alarms ring no later than the line's instant, as [`Bells`] promise.
//! 2. A line that is struck is ticked once, without the chime's lock, and counts as not set before.
//! 3. Where a runtime goes away, all lines that were made there are told, set or not.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::fmt;

use super::bells::{Bells, Ring, Rings, watch};
use crate::primitive::{Lock, Panic, catch, resume};
use crate::runtime::{Alarm, Tick, Timer};
use crate::time::Instant;

/// How many lines are struck before the lock is taken again.
const AT_ONCE: usize = 32;

/// What many lines share.
pub(crate) struct Chime<R: Timer> {
    runtime: R,
    me: Weak<Self>,
    lines: Lock<Lines<R>>,
}

struct Lines<R: Timer> {
    bells: Bells<Chime<R>>,
    all: BTreeMap<u64, Line>,
    /// Those that are set, by when.
    set: BTreeSet<(Instant, u64)>,
    made: u64,
}

/// A line: whom it ticks, where it was made, and when it is struck; the end of time if it is not set.
struct Line {
    target: Weak<dyn Tick>,
    context: u64,
    at: Instant,
}

impl<R: Timer> Lines<R> {
    /// The first line, if it is due at `now`; it counts as not set then.
    fn strike(&mut self, now: Instant) -> Option<Weak<dyn Tick>> {
        let (_, number) = *self.set.first().filter(|(at, _)| *at <= now)?;
        self.move_to(number, Instant::FAR);
        self.all.get(&number).map(|line| Weak::clone(&line.target))
    }

    fn move_to(&mut self, number: u64, at: Instant) {
        let Some(line) = self.all.get_mut(&number) else { return };
        self.set.remove(&(line.at, number));
        line.at = at;
        if at != Instant::FAR {
            self.set.insert((at, number));
        }
    }

    /// At the end of every change: what has to be set without the lock.
    fn leave(&mut self) -> Option<Ring<Chime<R>>> {
        self.bells.due = self.set.first().map_or(Instant::FAR, |(at, _)| *at);
        self.bells.behind()
    }
}

impl<R: Timer> Chime<R> {
    pub(crate) fn new(runtime: R) -> Arc<Self> {
        let lines = Lines { bells: Bells::new(), all: BTreeMap::new(), set: BTreeSet::new(), made: 0 };
        Arc::new_cyclic(|me| Self { runtime, me: Weak::clone(me), lines: Lock::new(lines) })
    }

    /// Makes a line that ticks `target`, in the runtime that polls now.
    ///
    /// # Panics
    /// As [`Alarm::set`].
    pub(crate) fn line(self: &Arc<Self>, target: Weak<dyn Tick>) -> ChimeAlarm<R> {
        let context = self.runtime.context_id();
        let number = self.lines.with(|lines| {
            lines.made += 1;
            lines.all.insert(lines.made, Line { target, context, at: Instant::FAR });
            lines.made
        });
        // From here on it is taken out if this panics.
        let alarm = ChimeAlarm { chime: Arc::clone(self), number };
        // If the runtime goes away under us, setting it will tell.
        let _ = watch(&**self);
        alarm
    }

    fn change<T>(&self, change: impl FnOnce(&mut Lines<R>) -> T) -> T {
        let (done, ring) = self.lines.with(|lines| {
            let done = change(lines);
            (done, lines.leave())
        });
        ring.into_iter().for_each(Ring::set);
        done
    }

    /// Changes what is behind the lock, and takes the first lines that are due.
    fn change_and_strike<T>(&self, change: impl FnOnce(&mut Lines<R>) -> T) -> (T, Vec<Weak<dyn Tick>>) {
        let now = self.runtime.now();
        self.change(|lines| {
            let done = change(lines);
            (done, core::iter::from_fn(|| lines.strike(now)).take(AT_ONCE).collect())
        })
    }
}

/// Calls all that are still there. One that panics keeps none of the others from it.
fn call(targets: &[Weak<dyn Tick>], call: impl Fn(&dyn Tick)) -> Option<Panic> {
    targets.iter().filter_map(Weak::upgrade).fold(None, |panic, target| panic.or(catch(|| call(&*target)).err()))
}

impl<R: Timer> Rings for Chime<R> {
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
        self.lines.with(|lines| look(&mut lines.bells))
    }

    fn turn<T>(&self, change: impl FnOnce(&mut Bells<Self>) -> T) -> T {
        let (done, mut due) = self.change_and_strike(|lines| change(&mut lines.bells));
        let mut panic = call(&due, |target| target.tick());
        while due.len() == AT_ONCE {
            ((), due) = self.change_and_strike(|_| ());
            panic = call(&due, |target| target.tick()).or(panic);
        }
        panic.into_iter().for_each(resume);
        done
    }

    fn rouse(&self, change: impl FnOnce(&mut Bells<Self>)) {
        let orphans: Vec<_> = self.change(|lines| {
            change(&mut lines.bells);
            let gone = lines.all.values().filter(|line| !lines.bells.hangs_in(line.context));
            gone.map(|line| Weak::clone(&line.target)).collect()
        });
        call(&orphans, |target| target.lost()).into_iter().for_each(resume);
    }

    fn nudge(&self, change: impl FnOnce(&mut Bells<Self>)) {
        // The timer's lock may be held: nobody asks it for the time, and no alarm is set.
        let first = self.lines.with(|lines| {
            change(&mut lines.bells);
            let (_, number) = *lines.set.first()?;
            lines.all.get(&number).map(|line| Weak::clone(&line.target))
        });
        if let Some(target) = first.and_then(|target| target.upgrade()) {
            target.nudge();
        }
    }
}

/// A line of a chime: to its target it is an alarm.
pub(crate) struct ChimeAlarm<R: Timer> {
    chime: Arc<Chime<R>>,
    number: u64,
}

impl<R: Timer> Alarm for ChimeAlarm<R> {
    fn set(&self, at: Instant) {
        let orphan = self.chime.change(|lines| {
            let line = lines.all.get(&self.number)?;
            if !lines.bells.hangs_in(line.context) {
                // Its runtime went away, perhaps before it could be told.
                return Some(Weak::clone(&line.target));
            }
            if at < line.at {
                lines.move_to(self.number, at);
            }
            None
        });
        if let Some(target) = orphan.and_then(|target| target.upgrade()) {
            target.lost();
        }
    }
}

impl<R: Timer> Drop for ChimeAlarm<R> {
    fn drop(&mut self) {
        let line = self.chime.lines.with(|lines| {
            lines.move_to(self.number, Instant::FAR);
            lines.all.remove(&self.number)
        });
        drop(line);
    }
}

impl<R: Timer> fmt::Debug for ChimeAlarm<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChimeAlarm").field("number", &self.number).finish_non_exhaustive()
    }
}
