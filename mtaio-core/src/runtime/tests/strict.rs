//! A timer that calls wakers under its own lock, as those of some embedded runtimes do, for tests.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Mutex;

use crate::alarm::SleepAlarm;
use crate::runtime::{Clock, Sleep, Tick, Timer};
use crate::time::{ClockId, Instant};

#[derive(Clone, Default)]
pub(crate) struct Strict(Arc<Mutex<Hands>>);

#[derive(Default)]
pub(crate) struct Hands {
    now: Instant,
    pub(crate) sleeps: Vec<(Instant, Waker)>,
}

pub(crate) struct StrictSleep {
    runtime: Strict,
    at: Instant,
}

impl Strict {
    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut Hands) -> T) -> T {
        f(&mut self.0.try_lock().expect("the timer is used under its own lock"))
    }

    pub(crate) fn advance(&self, duration: Duration) {
        self.with(|hands| {
            hands.now = hands.now + duration;
            let now = hands.now;
            let (due, later): (Vec<_>, _) = hands.sleeps.drain(..).partition(|sleep| sleep.0 <= now);
            hands.sleeps = later;
            due.into_iter().for_each(|(_, waker)| waker.wake());
        });
    }
}

impl Clock for Strict {
    fn now(&self) -> Instant {
        self.with(|hands| hands.now)
    }

    fn clock_id(&self) -> ClockId {
        ClockId::new(1)
    }
}

impl Timer for Strict {
    type Sleep = StrictSleep;
    type Alarm = SleepAlarm<Self>;

    const WAKES_UNLOCKED: bool = false;

    fn sleep_until(&self, at: Instant) -> StrictSleep {
        StrictSleep { runtime: self.clone(), at }
    }

    fn granularity(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn alarm(&self, target: Weak<dyn Tick>) -> SleepAlarm<Self> {
        SleepAlarm::new(self.clone(), target)
    }
}

impl Future for StrictSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let waker = context.waker().clone();
        self.runtime.with(|hands| {
            if hands.now >= self.at {
                return Poll::Ready(());
            }
            // One entry for a sleep, however often it is polled.
            hands.sleeps.retain(|(_, other)| !other.will_wake(&waker));
            hands.sleeps.push((self.at, waker));
            Poll::Pending
        })
    }
}

impl Sleep for StrictSleep {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        self.at = at;
    }
}
