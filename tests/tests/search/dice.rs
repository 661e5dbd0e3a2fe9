//! Numbers that look random, the same ones for the same seed.

use core::time::Duration;

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of the numbers from `low` to `high`.
    pub(crate) fn within(&mut self, low: usize, high: usize) -> usize {
        low + (self.roll() % (high - low + 1) as u64) as usize
    }

    pub(crate) fn chance(&mut self, of_100: u64) -> bool {
        self.roll() % 100 < of_100
    }

    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.within(0, of.len() - 1)].clone()
    }

    /// Few different ones, so that much happens at the same instant, or just before it.
    pub(crate) fn time(&mut self) -> Duration {
        let unit: u64 = self.pick(&[1, 1_000_000, 5_000_000, 10_000_000, 50_000_000, 50_000_000]);
        let early = u64::from(self.chance(15));
        Duration::from_nanos((unit * self.within(0, 6) as u64).saturating_sub(early))
    }
}
