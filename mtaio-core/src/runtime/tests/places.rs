//! A runtime in several places, whose alarms ring when the test says so.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::cell::Cell;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::sync::Mutex;

use crate::runtime::{Alarm, Clock, Sleep, Tick, Timer};
use crate::time::{ClockId, Instant};

crate::primitive::thread_static!(static HERE: Cell<u64> = Cell::new(0));

/// Clones are the same runtime.
#[derive(Clone, Default)]
pub(crate) struct Places(Arc<Inner>);

#[derive(Default)]
struct Inner {
    now: Mutex<Instant>,
    set: Mutex<Vec<Set>>,
}

/// An alarm that was set.
struct Set {
    place: u64,
    at: Instant,
    target: Weak<dyn Tick>,
}

pub(crate) struct PlacesAlarm {
    runtime: Places,
    place: u64,
    target: Weak<dyn Tick>,
}

impl Places {
    /// Runs `f` in a place.
    pub(crate) fn at<T>(&self, place: u64, f: impl FnOnce() -> T) -> T {
        let before = HERE.with(|here| here.replace(place));
        let result = f();
        HERE.with(|here| here.set(before));
        result
    }

    pub(crate) fn pass(&self, duration: Duration) {
        let mut now = self.0.now.lock().unwrap();
        *now = *now + duration;
    }

    fn take(&self, which: impl Fn(&Set) -> bool) -> Vec<Weak<dyn Tick>> {
        let mut set = self.0.set.lock().unwrap();
        let (taken, rest) = set.drain(..).partition(|set| which(set));
        *set = rest;
        Vec::into_iter(taken).map(|set| set.target).collect()
    }

    /// Rings what is due in a place.
    pub(crate) fn ring(&self, place: u64) {
        let now = self.now();
        let due = self.take(|set| set.place == place && set.at <= now);
        due.iter().filter_map(Weak::upgrade).for_each(|target| target.tick());
    }

    /// A place goes away.
    pub(crate) fn lose(&self, place: u64) {
        let lost = self.take(|set| set.place == place);
        lost.iter().filter_map(Weak::upgrade).for_each(|target| target.lost());
    }
}

pub(crate) struct Unused;

impl Future for Unused {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Sleep for Unused {
    fn reset(self: Pin<&mut Self>, _: Instant) {}
}

impl Clock for Places {
    fn now(&self) -> Instant {
        *self.0.now.lock().unwrap()
    }

    fn clock_id(&self) -> ClockId {
        ClockId::new(0)
    }
}

impl Timer for Places {
    type Sleep = Unused;
    type Alarm = PlacesAlarm;

    fn sleep_until(&self, _: Instant) -> Unused {
        unreachable!("nothing sleeps here")
    }

    fn granularity(&self) -> Duration {
        Duration::ZERO
    }

    fn alarm(&self, target: Weak<dyn Tick>) -> PlacesAlarm {
        PlacesAlarm { runtime: self.clone(), place: self.context_id(), target }
    }

    fn context_id(&self) -> u64 {
        HERE.with(Cell::get)
    }
}

impl Alarm for PlacesAlarm {
    fn set(&self, at: Instant) {
        let set = Set { place: self.place, at, target: Weak::clone(&self.target) };
        self.runtime.0.set.lock().unwrap().push(set);
    }
}
