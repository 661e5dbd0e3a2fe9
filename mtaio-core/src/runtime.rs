//! What a runtime supplies: a clock, a timer, and for those who want tasks, a way to spawn.
//!
//! # Writing one
//!
//! Limiters need a [`Timer`]; nothing but tasks needs [`Spawn`]. `docs/writing-a-runtime.md` has a whole one in forty lines,
//! and the feature `conformance` a suite that checks it.
//!
//! What an implementation MUST do, by number:
//!
//! 1. [`Clock::now`] does not go back, as far as the hardware lets it, and does not block, panic or call into this crate:
//!    limiters call it under their lock.
//! 2. [`Sleep`] completes never before its instant *by the same clock*: it looks at `now` again before it completes.
//! 3. A sleep that is pending wakes the last waker that it was polled with, once its instant has come and the runtime is
//!    being driven. It is not lost.
//! 4. A sleep whose instant has passed completes at its next poll. One until [`Instant::FAR`](crate::Instant::FAR) never does.
//! 5. Dropping a sleep cancels it, and drops its waker.
//! 6. [`Sleep::reset`] moves the instant of a sleep, also of one that has completed.
//! 7. Wakers are called and dropped with none of the timer's locks held: a waker may poll, reset or drop the sleep that calls
//!    it. A timer that cannot do this says so in `Timer::WAKES_UNLOCKED`.
//! 8. A sleep can be polled first in one task or thread and then in another.
//! 9. [`Timer::context_id`] names the runtime that is polling now, if there can be several: a sleep made here fires when that
//!    one is driven. Where one driver serves all, it is 0.
//! 10. An [`Alarm`] calls [`Tick::tick`] at or after the earliest instant that was set since the last tick, with no lock
//!     held; if it never will, because its runtime went away, it calls [`Tick::lost`] instead. Dropping it cancels it.
//! 11. [`Clock::clock_id`] is the same for clocks that tell the same time from the same origin, and for no others.
//! 12. [`Spawn::spawn`] runs the future to its end, or drops it. It is not lost.

mod clock;
#[cfg(all(feature = "tsc", target_arch = "x86_64"))]
mod counter;
#[cfg(feature = "test-util")]
mod manual_clock;
#[cfg(feature = "alloc")]
mod spawn;
#[cfg(all(test, feature = "std"))]
pub(crate) mod tests;
#[cfg(feature = "test-util")]
mod timers;
#[cfg(feature = "test-util")]
mod virtual_runtime;

pub use clock::Clock;
#[cfg(feature = "alloc")]
pub use clock::{Alarm, Sleep, Tick, Timer};
#[cfg(feature = "test-util")]
pub use manual_clock::{ManualClock, ManualSleep};
#[cfg(feature = "alloc")]
pub use spawn::{JoinError, JoinHandle, Runtime, Spawn};
#[cfg(feature = "std")]
pub use system_clock::SystemClock;
#[cfg(feature = "conformance")]
pub(crate) use timers::Dice;
#[cfg(feature = "test-util")]
pub use virtual_runtime::{VirtualRuntime, VirtualSleep};

#[cfg(feature = "std")]
mod system_clock;
