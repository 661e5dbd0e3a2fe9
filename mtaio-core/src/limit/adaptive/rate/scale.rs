//! A quota times a number.

use core::time::Duration;

use crate::limit::quota::Quota;

/// Factors are rounded to so many parts: so there are few different quotas, and rates that are whole numbers stay fractions that
/// one can read.
const PARTS: u64 = 1_000_000;

/// The quota with its rate times `factor`, and the same burst.
pub(super) fn scaled(quota: Quota, factor: f64) -> Quota {
    let parts = ((factor * PARTS as f64 + 0.5) as u64).max(1);
    if parts == PARTS {
        return quota;
    }
    let scaled = exact(quota, parts).or_else(|| Quota::from_rate(quota.rate() * factor).ok());
    scaled.map_or(quota, |scaled| scaled.burst(quota.burst_size()))
}

/// The exact fraction, if a quota can say it.
fn exact(quota: Quota, parts: u64) -> Option<Quota> {
    let (cells, period) = quota.fraction();
    let (mut cells, mut nanos) = (u128::from(cells) * u128::from(parts), period.as_nanos() * u128::from(PARTS));
    let (mut a, mut b) = (nanos, cells);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (cells, nanos) = (cells / a, nanos / a);
    Quota::new(u32::try_from(cells).ok()?, Duration::from_nanos(u64::try_from(nanos).ok()?)).ok()
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn round_factors_give_round_quotas() {
        let quota = Quota::per_second(10).burst(3);
        assert_eq!(scaled(quota, 0.8), Quota::per_second(8).burst(3));
        assert_eq!(scaled(quota, 0.5), Quota::per_second(5).burst(3));
        assert_eq!(scaled(quota, 1.2), Quota::per_second(12).burst(3));
        assert_eq!(scaled(quota, 1.0), quota);
        // A float that is a little beside its fraction.
        assert_eq!(scaled(quota, 0.8 * 1.2), Quota::from_rate(9.6).unwrap().burst(3));
        assert_eq!(scaled(quota, 0.0), Quota::new(1, Duration::from_secs(100_000)).unwrap().burst(3));
    }

    proptest! {
        #[test]
        fn a_rate_is_scaled_to_a_millionth(
            cells in 1..u32::MAX,
            nanos in 1..u64::MAX / 2,
            factor in 0.01..10.0_f64,
        ) {
            let quota = Quota::new(cells, Duration::from_nanos(nanos)).unwrap();
            let scaled = scaled(quota, factor);
            let ratio = scaled.rate() / (quota.rate() * factor);
            // But for those that a quota cannot say.
            prop_assert!((ratio - 1.0).abs() < 1e-4 || scaled == quota, "{quota} times {factor} is {scaled}");
            prop_assert_eq!(scaled.burst_size(), quota.burst_size());
        }
    }
}
