//! A runtime whose time is fed by hand.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use core::cell::RefCell;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use critical_section::Mutex;
use mtaio_core::Instant;
use mtaio_core::alarm::SleepAlarm;
use mtaio_core::runtime::{Clock, Sleep, Tick, Timer};
use mtaio_core::time::ClockId;

/// Clones are the same clock.
#[derive(Clone)]
pub struct HandClock(Arc<Mutex<RefCell<Hands>>>);

#[derive(Default)]
struct Hands {
    now: Instant,
    sleepers: BTreeMap<Key, Waker>,
    sleeps_made: u32,
}

/// When a sleep ends, and its number.
type Key = (Instant, u32);

impl HandClock {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(RefCell::default())))
    }

    fn with<T>(&self, f: impl FnOnce(&mut Hands) -> T) -> T {
        critical_section::with(|section| f(&mut self.0.borrow_ref_mut(section)))
    }

    /// Lets time pass, and wakes whose instant has come: one by one, and not under the lock.
    pub fn advance(&self, duration: Duration) {
        let now = self.with(|hands| {
            hands.now = hands.now + duration;
            hands.now
        });
        let next_due = || {
            self.with(|hands| {
                hands.sleepers.first_entry().filter(|first| first.key().0 <= now).map(|first| first.remove())
            })
        };
        core::iter::from_fn(next_due).for_each(Waker::wake);
    }

    /// How many sleeps somebody waits for.
    pub fn sleepers(&self) -> usize {
        self.with(|hands| hands.sleepers.len())
    }
}

impl Clock for HandClock {
    fn now(&self) -> Instant {
        self.with(|hands| hands.now)
    }

    fn clock_id(&self) -> ClockId {
        ClockId::new(0)
    }
}

impl Timer for HandClock {
    type Sleep = HandSleep;
    type Alarm = SleepAlarm<Self>;

    fn sleep_until(&self, at: Instant) -> HandSleep {
        let number = self.with(|hands| {
            hands.sleeps_made += 1;
            hands.sleeps_made
        });
        HandSleep { clock: self.clone(), key: (at, number) }
    }

    fn granularity(&self) -> Duration {
        Duration::ZERO
    }

    fn alarm(&self, target: Weak<dyn Tick>) -> SleepAlarm<Self> {
        SleepAlarm::new(self.clone(), target)
    }
}

pub struct HandSleep {
    clock: HandClock,
    key: Key,
}

impl HandSleep {
    /// Wakes `waker`, and nobody else any more.
    fn register(&self, waker: Option<Waker>) {
        let old = self.clock.with(|hands| match waker {
            Some(waker) => hands.sleepers.insert(self.key, waker),
            None => hands.sleepers.remove(&self.key),
        });
        // Not under the lock: what a waker does when it is dropped is its own business.
        drop(old);
    }
}

impl Future for HandSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let (at, _) = self.key;
        let is_due = self.clock.now() >= at && at != Instant::FAR;
        self.register((!is_due).then(|| context.waker().clone()));
        if is_due { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Sleep for HandSleep {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        self.register(None);
        self.key.0 = at;
    }
}

impl Drop for HandSleep {
    fn drop(&mut self) {
        self.register(None);
    }
}
