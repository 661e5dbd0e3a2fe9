//! A clock that moves when a test says so.

use alloc::sync::{Arc, Weak};
use core::time::Duration;

use super::timers::{HasTimers, Timers, TimersSleep, timers_sleep};
use super::{Clock, Tick, Timer};
use crate::alarm::SleepAlarm;
use crate::primitive::{catch, resume};
use crate::time::{ClockId, Instant};

/// A clock that stands still until it is moved, under any executor. Clones are the same clock.
///
/// ```
/// use core::time::Duration;
/// use mtaio_core::limit::{Quota, RateLimiter};
/// use mtaio_core::runtime::ManualClock;
///
/// let clock = ManualClock::new();
/// let limiter = RateLimiter::with_runtime(Quota::per_second(10).burst(1), clock.clone());
/// assert!(limiter.try_acquire().is_ok());
/// assert!(limiter.try_acquire().is_err());
/// clock.advance(Duration::from_millis(100));
/// assert!(limiter.try_acquire().is_ok());
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Hands>);

struct Hands(Timers);

impl core::fmt::Debug for Hands {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Hands").field(&self.0.now()).finish()
    }
}

impl HasTimers for Hands {
    fn timers(&self) -> &Timers {
        &self.0
    }
}

timers_sleep! {
    /// A sleep on a [`ManualClock`].
    ManualSleep, Hands
}

impl ManualClock {
    /// Makes a clock that stands at its origin.
    pub fn new() -> Self {
        Self(Arc::new(Hands(Timers::new(None))))
    }

    /// Moves the clock on by `duration`, from one sleep's instant to the next, and wakes each on time.
    pub fn advance(&self, duration: Duration) {
        let end = self.now() + duration;
        wake_all(|| self.0.0.go_on_until(end), || self.0.0.change(|now| now.max(end)));
    }

    /// Sets the clock to `now`, also back, and then wakes whoever slept until then: they are late, as when a machine stalls.
    pub fn set(&self, now: Instant) {
        self.0.0.change(|_| now);
        wake_all(|| self.0.0.wake_due(), || ());
    }

    /// How many sleeps are pending.
    pub fn pending(&self) -> usize {
        self.0.0.pending()
    }
}

/// Wakes as long as there is somebody, then does what comes `last`. A waker that panics stops neither.
fn wake_all(mut wake_one: impl FnMut() -> bool, last: impl FnOnce()) {
    let (mut more, mut panic) = (true, None);
    while more {
        panic = panic.or(catch(|| more = wake_one()).err());
    }
    last();
    panic.into_iter().for_each(resume);
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.0.0.now()
    }

    fn clock_id(&self) -> ClockId {
        self.0.0.id()
    }
}

impl Timer for ManualClock {
    type Sleep = ManualSleep;
    type Alarm = SleepAlarm<Self>;

    fn sleep_until(&self, at: Instant) -> ManualSleep {
        ManualSleep(TimersSleep::new(Arc::clone(&self.0), at))
    }

    fn granularity(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn alarm(&self, target: Weak<dyn Tick>) -> SleepAlarm<Self> {
        SleepAlarm::new(self.clone(), target)
    }
}
