//! When somebody came, in the bytes that a waiter has to spare.

use crate::time::Instant;

/// An instant in six bytes: 48 bits of [`TICK`] nanoseconds, so that it turns over after nine years.
///
/// Two stamps tell how long the one is before the other, rounded to ticks, if that is less than half a turn; more is taken for a clock that
/// stepped back, and is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp([u16; 3]);

const TICK_BITS: u32 = 10;
const TURN: u64 = 1 << 48;

/// What a stamp can tell apart, in nanoseconds.
pub(crate) const TICK: u64 = 1 << TICK_BITS;

impl Stamp {
    #[inline]
    pub(crate) const fn of(now: Instant) -> Self {
        let ticks = now.as_nanos() >> TICK_BITS;
        Self([ticks as u16, (ticks >> 16) as u16, (ticks >> 32) as u16])
    }

    const fn ticks(self) -> u64 {
        let [low, middle, high] = self.0;
        low as u64 | (middle as u64) << 16 | (high as u64) << 32
    }

    /// Whether this is earlier than `other`, by less than half a turn.
    pub(crate) const fn is_before(self, other: Self) -> bool {
        let ticks = other.ticks().wrapping_sub(self.ticks()) % TURN;
        0 < ticks && ticks < TURN / 2
    }

    /// How many nanoseconds have passed from here to `now`.
    pub(crate) const fn age(self, now: Instant) -> u64 {
        let ticks = Self::of(now).ticks().wrapping_sub(self.ticks()) % TURN;
        if ticks < TURN / 2 { ticks * TICK } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_stamp_tells_how_long_ago_it_was_to_a_tick(then in any::<u64>(), passed in 0..TURN / 2 * TICK - TICK) {
            let now = then.saturating_add(passed);
            let age = Stamp::of(Instant::from_nanos(then)).age(Instant::from_nanos(now));
            prop_assert!(age.abs_diff(now - then) < TICK, "{age} of {}", now - then);
        }
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_waiter_has_room_for_when_it_came() {
        use crate::limit::ResourceLimitError;
        use crate::sync::{Answer, Refusal};

        assert_eq!((size_of::<Answer<Refusal>>(), size_of::<Answer<ResourceLimitError>>()), (24, 24));
    }

    #[test]
    fn a_clock_that_steps_back_makes_nobody_old() {
        let (early, late) = (Instant::from_nanos(TICK), Instant::from_nanos(1 << 40));
        assert_eq!((Stamp::of(late).age(early), Stamp::of(early).age(early)), (0, 0));
    }

    #[test]
    fn a_stamp_turns_over_and_goes_on() {
        let before = Instant::from_nanos(TURN * TICK - 2 * TICK);
        assert_eq!(Stamp::of(before).age(Instant::from_nanos(TURN * TICK + 3 * TICK)), 5 * TICK);
    }
}
