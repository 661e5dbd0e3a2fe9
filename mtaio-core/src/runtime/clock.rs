//! The traits of time: what is it, tell me when, and tell that one when.

#[cfg(feature = "alloc")]
use alloc::sync::Weak;
use core::future::Future;
#[cfg(feature = "alloc")]
use core::pin::Pin;
#[cfg(feature = "alloc")]
use core::time::Duration;

use crate::time::{ClockId, Instant};

/// Tells the time. See the [module](super) for what it MUST do.
pub trait Clock {
    /// Nanoseconds since the clock's origin.
    fn now(&self) -> Instant;

    /// Which clock this is: [`ClockId::SYSTEM`] for one that reads [`SystemClock`](super::SystemClock), one of its own for any other.
    ///
    /// A deadline around some code bounds what waits on the same clock, and nothing else.
    fn clock_id(&self) -> ClockId;
}

/// A clock that can also wait. See the [module](super) for what it MUST do.
#[cfg(feature = "alloc")]
pub trait Timer: Clock + Clone + Send + Sync + 'static {
    /// The future of [`sleep_until`](Self::sleep_until).
    type Sleep: Sleep;
    /// What [`alarm`](Self::alarm) makes. [`SleepAlarm`](crate::alarm::SleepAlarm) fits most runtimes.
    type Alarm: Alarm;

    /// Whether sleeps call their wakers with no lock held (MUST 7), so that a waker may use the timer.
    ///
    /// Where they do not, an alarm leaves its tick to the waiter at the front, and to
    /// [`RateLimiter::driver`](crate::limit::RateLimiter::driver) if that is being polled.
    const WAKES_UNLOCKED: bool = true;

    /// Completes at `at` or soon after it.
    fn sleep_until(&self, at: Instant) -> Self::Sleep;

    /// How late a sleep usually is, coalescing included; at least 1 ms on an operating system.
    ///
    /// A limiter makes up for a timer that is at most twice as late.
    fn granularity(&self) -> Duration;

    /// Makes an alarm that ticks `target`. It is set later, in the runtime that calls this.
    fn alarm(&self, target: Weak<dyn Tick>) -> Self::Alarm;

    /// Names the runtime that is polling now.
    ///
    /// # Panics
    ///
    /// Where a runtime is needed and there is none, with a message that says what to do.
    fn context_id(&self) -> u64 {
        0
    }
}

/// A sleep whose instant can be moved.
#[cfg(feature = "alloc")]
pub trait Sleep: Future<Output = ()> + Send + 'static {
    /// Makes it complete at `at` instead, whether it has completed already or not.
    fn reset(self: Pin<&mut Self>, at: Instant);
}

/// What an alarm calls.
#[cfg(feature = "alloc")]
pub trait Tick: Send + Sync {
    /// The instant has come.
    fn tick(&self);

    /// The instant has come, and the caller may hold locks of the timer's: somebody is woken who will see to it.
    fn nudge(&self) {
        self.tick();
    }

    /// The alarm's runtime went away: what was set will not come.
    fn lost(&self);
}

/// One timer for one target, set from anywhere.
#[cfg(feature = "alloc")]
pub trait Alarm: Send + Sync + 'static {
    /// Sees to it that the target is ticked at `at`, or earlier if it was set so before.
    ///
    /// # Panics
    ///
    /// Where it cannot be set, with a message that says what is missing.
    fn set(&self, at: Instant);
}
