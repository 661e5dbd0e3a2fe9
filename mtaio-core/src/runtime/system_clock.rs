//! The clock of the operating system, read in the fastest way that can be trusted.

use std::sync::OnceLock;

use super::Clock;
#[cfg(all(feature = "tsc", target_arch = "x86_64"))]
use super::counter;
use crate::time::{ClockId, Instant, nanos};

/// The monotonic clock of the operating system. All values tell the same time.
///
/// With the feature `tsc`, on Linux on x86, and if the kernel itself keeps its time by the time stamp counter, the counter is
/// read directly: 10 ns instead of 23. It is not slewed as the kernel's clock is, so the two drift apart by some millionths;
/// whoever compares them has to look again.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The same instant on std's clock; `None` beyond what std can say.
    ///
    /// The two clocks drift apart, so a sleep on std's clock looks at this one again when it ends.
    pub fn to_std(at: Instant) -> Option<std::time::Instant> {
        std::time::Instant::now().checked_add(at.since(Self.now()))
    }
}

/// Where the counter is not in use, or not yet.
fn read() -> Instant {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    let start = START.get_or_init(|| {
        #[cfg(all(feature = "tsc", target_arch = "x86_64"))]
        counter::start();
        std::time::Instant::now()
    });
    #[cfg(all(feature = "tsc", target_arch = "x86_64"))]
    if let Some(nanos) = counter::nanos() {
        return Instant::from_nanos(nanos);
    }
    Instant::from_nanos(nanos(start.elapsed()))
}

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> Instant {
        #[cfg(all(feature = "tsc", target_arch = "x86_64"))]
        if let Some(nanos) = counter::nanos() {
            return Instant::from_nanos(nanos);
        }
        read()
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
