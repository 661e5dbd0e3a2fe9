//! The time stamp counter of x86-64, as a clock.

use crate::primitive::{Ordering, StaticU64, time_stamp};

/// What the counter was at the origin of time.
static START: StaticU64 = StaticU64::new(0);
/// How long a tick is, in nanoseconds / 2^64. Zero while the counter is not in use.
static TICK: StaticU64 = StaticU64::new(0);

/// The counters of two processors can differ by some ticks: far fewer than time begins with, so that nobody reads less than none.
const HEAD_START: u64 = 1 << 30;

/// How many nanoseconds have passed since [`start`], if the counter is in use.
#[inline]
pub(super) fn nanos() -> Option<u64> {
    // ORDERING: Acquire, pairs with the Release in `start`: the origin is known.
    let tick = TICK.load(Ordering::Acquire);
    if tick == 0 {
        return None;
    }
    // ORDERING: Relaxed: stored once, before the tick.
    let start = START.load(Ordering::Relaxed);
    Some(parts(time_stamp().wrapping_sub(start), tick))
}

/// Puts the counter into use, if it can be trusted. Called once.
pub(super) fn start() {
    if !kernel_trusts_counter() {
        return;
    }
    if let Some(tick) = tick_of(&quanta::Clock::new()) {
        // ORDERING: Relaxed: the store below publishes it.
        START.store(time_stamp().saturating_sub(HEAD_START), Ordering::Relaxed);
        // ORDERING: Release, pairs with the Acquire in `nanos`.
        TICK.store(tick, Ordering::Release);
    }
}

/// Whether the counter is what the kernel tells the time by. An invariant counter alone says little in a virtual machine.
fn kernel_trusts_counter() -> bool {
    let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    std::fs::read_to_string(source).is_ok_and(|name| name.trim() == "tsc")
}

/// How long a tick is, in nanoseconds / 2^64. `None` where it is a nanosecond: then quanta does not trust the counter, and reads
/// the kernel's clock.
fn tick_of(clock: &quanta::Clock) -> Option<u64> {
    /// So many that nothing is lost of what the calibration says.
    const TICKS: u64 = 1 << 50;
    let nanos = u128::from(clock.delta_as_nanos(0, TICKS));
    u64::try_from((nanos << u64::BITS) / u128::from(TICKS)).ok()
}

/// `n` times as many as `part` / 2^64, rounded down.
#[inline]
const fn parts(n: u64, part: u64) -> u64 {
    ((n as u128 * part as u128) >> u64::BITS) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_rounded_down_and_never_overflow() {
        assert_eq!(parts(3, 1 << 63), 1);
        assert_eq!(parts(u64::MAX, u64::MAX), u64::MAX - 1);
        assert_eq!(parts(0, u64::MAX), 0);
    }

    #[test]
    fn a_tick_is_what_quanta_calibrated() {
        let clock = quanta::Clock::new();
        let Some(tick) = tick_of(&clock) else { return };
        for ticks in [1, 1_000_000, 1 << 40, 1 << 60] {
            let (ours, theirs) = (parts(ticks, tick), clock.delta_as_nanos(0, ticks));
            assert!(ours.abs_diff(theirs) <= 1 + (theirs >> 48), "{ticks} ticks: {ours} ns, and {theirs} ns");
        }
    }
}
