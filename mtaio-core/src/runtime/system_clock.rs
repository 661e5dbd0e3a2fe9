//! The clock of the operating system, read in the fastest way that can be trusted.

use std::sync::OnceLock;

use super::Clock;
use crate::time::{ClockId, Instant, nanos};

/// The monotonic clock of the operating system. All values tell the same time.
///
/// With the feature `tsc`, on Linux on x86, and if the kernel itself keeps its time by the time stamp counter, the counter is
/// read directly: 10 ns instead of 23. It is not slewed as the kernel's clock is, so the two drift apart by some millionths;
/// whoever compares them has to look again.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// What the first reading was.
enum Origin {
    #[cfg(feature = "tsc")]
    Counter {
        clock: quanta::Clock,
        start: u64,
    },
    Std(std::time::Instant),
}

impl Origin {
    #[inline]
    fn get() -> &'static Self {
        static ORIGIN: OnceLock<Origin> = OnceLock::new();
        ORIGIN.get_or_init(Self::find)
    }

    fn find() -> Self {
        #[cfg(feature = "tsc")]
        if kernel_trusts_counter() {
            let clock = quanta::Clock::new();
            return Self::Counter { start: clock.raw(), clock };
        }
        Self::Std(std::time::Instant::now())
    }
}

/// Whether the counter is what the kernel tells the time by. An invariant counter alone says little in a virtual machine.
#[cfg(feature = "tsc")]
fn kernel_trusts_counter() -> bool {
    let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    std::fs::read_to_string(source).is_ok_and(|name| name.trim() == "tsc")
}

impl SystemClock {
    /// The same instant on std's clock; `None` beyond what std can say.
    ///
    /// The two clocks drift apart, so a sleep on std's clock looks at this one again when it ends.
    pub fn to_std(at: Instant) -> Option<std::time::Instant> {
        std::time::Instant::now().checked_add(at.since(Self.now()))
    }
}

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> Instant {
        match Origin::get() {
            #[cfg(feature = "tsc")]
            Origin::Counter { clock, start } => Instant::from_nanos(clock.delta_as_nanos(*start, clock.raw())),
            Origin::Std(start) => Instant::from_nanos(nanos(start.elapsed())),
        }
    }

    fn clock_id(&self) -> ClockId {
        ClockId::SYSTEM
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on() {
        let first = SystemClock.now();
        assert!((0..1000).map(|_| SystemClock.now()).is_sorted());
        while SystemClock.now() == first {}
    }

    #[test]
    fn the_far_end_of_time_has_no_std_instant_or_a_late_one() {
        let at = SystemClock::to_std(Instant::FAR);
        assert!(at.is_none_or(|at| at > std::time::Instant::now()));
    }
}
