//! Chance, the same on every machine.

use crate::limit::adaptive::math::ln;

/// SplitMix64 (Steele, Lea, Flood, *Fast splittable pseudorandom number generators*, 2014).
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// One of several streams for a seed.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03));
        random.0 = random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Between 0 and 1, and neither of them.
    pub(super) fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Exponentially distributed, with mean 1.
    pub(super) fn exponential(&mut self) -> f64 {
        -ln(self.unit())
    }

    /// Normally distributed, with mean 0 and deviation 1: Marsaglia's polar method (1964), which needs no sine.
    pub(super) fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = x * x + y * y;
            if square < 1.0 && square > 0.0 {
                return x * (-2.0 * ln(square) / square).sqrt();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_that_they_were() {
        let mut random = Random::new(1, 0);
        let first = [random.next(), random.next()];
        let mut again = Random::new(1, 0);
        assert_eq!(first, [again.next(), again.next()]);
        assert_ne!(first[0], Random::new(1, 1).next());
        assert_ne!(first[0], Random::new(2, 0).next());
    }

    #[test]
    fn means_and_deviations_are_what_they_should_be() {
        const MANY: usize = 200_000;
        let mut random = Random::new(7, 3);
        let (mut exponential, mut normal, mut square) = (0.0, 0.0, 0.0);
        for _ in 0..MANY {
            exponential += random.exponential();
            let x = random.normal();
            (normal, square) = (normal + x, square + x * x);
        }
        let many = MANY as f64;
        assert!((exponential / many - 1.0).abs() < 0.01);
        assert!((normal / many).abs() < 0.01 && (square / many - 1.0).abs() < 0.01);
    }
}
