//! A bucket in eight bytes, for who has a million of them.

use crate::limit::gcra::{Scale, Wait};

/// The bits of a level that are left to its owner: the lowest ones.
pub(super) const SPARE_BITS: u32 = 4;

/// The theoretical arrival time, in units of the clock that wrap around, above the [spare bits](SPARE_BITS), which are zero.
///
/// Unlike [`TokenBucket`](crate::limit::TokenBucket) it keeps no base, so that a million of them need not move one. It is right as long
/// as it is looked at before [`stale_after`] has passed since it was full; whoever keeps it sees to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level(pub(super) u64);

/// Why cells cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shortage {
    /// They exceed the burst.
    TooLarge,
    /// So many units are missing.
    Units(u64),
    /// The bucket owes more than it can: the clock was read before the one who took last read it, or has stepped back.
    Odd,
}

/// How long after a bucket is full its level is still told from the levels of other times, in nanoseconds.
pub(super) fn stale_after(scale: &Scale) -> u64 {
    let nanos = 1_u128.checked_shl(57 + scale.shift).map(|units| units / u128::from(scale.factor));
    nanos.and_then(|nanos| u64::try_from(nanos).ok()).unwrap_or(u64::MAX)
}

/// What it comes to, by some scale, to take some cells at some time: all that can be known before the level is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draw {
    /// The time, as it lies in a level.
    units: u64,
    cost: u64,
    burst: u64,
}

impl Draw {
    /// `n` cells at `now`. `None` if they exceed the burst.
    #[inline]
    pub(super) fn of(scale: &Scale, now: u64, n: u32) -> Option<Self> {
        let cost = u64::from(n).checked_mul(scale.cost).filter(|cost| *cost <= scale.burst)?;
        Some(Self { units: scale.units_wrapping(now) << SPARE_BITS, cost, burst: scale.burst })
    }
}

impl Level {
    /// One that owes `units` at `now`.
    #[inline]
    pub(super) fn owing(scale: &Scale, now: u64, units: u64) -> Self {
        Self(scale.units_wrapping(now).wrapping_add(units) << SPARE_BITS)
    }

    /// What is left in it after `n` cells were taken at `now`.
    pub(super) fn take(self, scale: &Scale, now: u64, n: u32) -> Result<Self, Shortage> {
        self.draw(&Draw::of(scale, now, n).ok_or(Shortage::TooLarge)?)
    }

    /// What is left in it after the draw.
    #[inline(always)]
    pub(super) fn draw(self, &Draw { units, cost, burst }: &Draw) -> Result<Self, Shortage> {
        let ahead = (self.0.wrapping_sub(units) as i64 >> SPARE_BITS).max(0) as u64;
        // Neither of them exceeds 2^60.
        let owed = ahead + cost;
        if owed <= burst {
            Ok(Self(units.wrapping_add(owed << SPARE_BITS)))
        } else if ahead <= burst {
            Err(Shortage::Units(owed - burst))
        } else {
            Err(Shortage::Odd)
        }
    }

    /// How many units are missing to a full bucket at `now`, at most the burst.
    #[inline]
    pub(super) fn owed(self, scale: &Scale, now: u64) -> u64 {
        let ahead = self.0.wrapping_sub(scale.units_wrapping(now) << SPARE_BITS) as i64 >> SPARE_BITS;
        (ahead.max(0) as u64).min(scale.burst)
    }

    /// As it is, unless it owes more than it can though the clock was read after it changed: then that has stepped back, and it owes
    /// all it can.
    pub(super) fn even(self, scale: &Scale, now: u64) -> Self {
        if self.take(scale, now, 0) == Err(Shortage::Odd) { Self::owing(scale, now, scale.burst) } else { self }
    }

    /// How many whole cells are in it.
    pub(super) fn available(self, scale: &Scale, now: u64) -> u32 {
        let cells = (scale.burst - self.owed(scale, now)) / scale.cost;
        u32::try_from(cells).unwrap_or(u32::MAX)
    }

    /// What is in it after `n` cells were put back. What does not fit is lost.
    pub(super) fn give_back(self, scale: &Scale, now: u64, n: u32) -> Self {
        let back = u64::from(n).saturating_mul(scale.cost);
        Self::owing(scale, now, self.owed(scale, now).saturating_sub(back))
    }

    /// How long until it is full.
    pub(super) fn full_in(self, scale: &Scale, now: u64) -> Wait {
        scale.wait_after(now, self.owed(scale, now))
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use alloc::vec::Vec;
    use proptest::prelude::*;

    use super::*;
    use crate::Instant;
    use crate::limit::gcra::Gcra;
    use crate::limit::{Quota, TokenBucket};

    fn quota() -> impl Strategy<Value = Quota> {
        (1..=u32::MAX, 1..=u64::MAX / 4, 1..100_000_u32, 0..32_u32, 0..60_u32).prop_map(
            |(cells, period, burst, low, short)| {
                let (cells, period) = ((cells >> low).max(1), (period >> short).max(1));
                Quota::new(cells, Duration::from_nanos(period)).unwrap().burst(burst)
            },
        )
    }

    /// So much later, in thousandths of a cell; so many cells; whether they are put back.
    fn history() -> impl Strategy<Value = Vec<(u64, u32, bool)>> {
        prop::collection::vec((0..3000_u64, 0..6_u32, prop::bool::weighted(0.1)), 1..80)
    }

    proptest! {
        #[test]
        fn it_decides_as_the_bucket_does(quota in quota(), start in any::<u32>(), history in history()) {
            let gcra = Gcra::new(quota);
            let scale = gcra.scale();
            let mut now = u64::from(start);
            let mut bucket = TokenBucket::with_cells(quota, Instant::from_nanos(now), quota.burst_size());
            let mut level = Level::owing(scale, now, 0);
            for (part, n, back) in history {
                let cell = quota.emission_interval().as_nanos() * u128::from(part) / 1000;
                let later = now.saturating_add(u64::try_from(cell).unwrap_or(u64::MAX));
                if later >= u64::MAX / 2 || later - now > stale_after(scale) {
                    break;
                }
                now = later;
                let at = Instant::from_nanos(now);
                if back {
                    bucket.refund(at, n);
                    level = level.give_back(scale, now, n);
                    continue;
                }
                // Where a unit is a rounded part of a cell, the base makes it a part of one more or less.
                if scale.shift == 0 {
                    prop_assert_eq!(level.available(scale, now), bucket.available(at));
                }
                match (level.take(scale, now, n), bucket.try_take(at, n)) {
                    (Ok(next), Ok(())) => level = next,
                    (Err(Shortage::TooLarge), Err(error)) => prop_assert_eq!(error.retry_after(), None),
                    (Err(Shortage::Units(units)), Err(error)) => {
                        let wait = scale.wait_after(now, units);
                        if scale.shift == 0 {
                            prop_assert_eq!(Some(wait.duration()), error.retry_after());
                        }
                        // What it says is the first nanosecond at which they conform.
                        let then = now.saturating_add(wait.as_nanos());
                        if then < u64::MAX / 2 {
                            prop_assert!(level.take(scale, then, n).is_ok());
                            prop_assert!(level.take(scale, then - 1, n).is_err());
                        }
                    }
                    (ours, theirs) => {
                        prop_assert!(scale.shift > 0, "{ours:?} {theirs:?}");
                        break;
                    }
                }
            }
        }

        #[test]
        fn a_level_is_full_until_it_is_stale(quota in quota(), now in 0..u64::MAX / 4, share in 0.0..1.0_f64) {
            let gcra = Gcra::new(quota);
            let scale = gcra.scale();
            let later = (stale_after(scale).min(u64::MAX / 2) as f64 * share) as u64;
            prop_assert_eq!(Level::owing(scale, now, 0).owed(scale, now + later), 0);
        }
    }

    #[test]
    fn a_clock_that_steps_back_makes_a_level_odd() {
        let gcra = Gcra::new(Quota::per_second(10).burst(2));
        let scale = gcra.scale();
        let level = Level::owing(scale, 5_000_000_000, 0);
        assert_eq!(level.take(scale, 1_000_000_000, 1), Err(Shortage::Odd));
        assert_eq!(level.owed(scale, 1_000_000_000), scale.burst);
    }
}
