//! Arithmetic on instants and durations.

use core::time::Duration;
use std::time::Instant;

/// The most instants in any half-open window of this length; the instants are in order.
pub(crate) fn worst_window(instants: &[Instant], length: Duration) -> usize {
    let mut first = 0;
    let mut worst = 0;
    for (last, &end) in instants.iter().enumerate() {
        while end - instants[first] >= length {
            first += 1;
        }
        worst = worst.max(last + 1 - first);
    }
    worst
}

/// The rate of a limiter that granted a burst and then kept its callers waiting; `None` if too few were granted to tell.
///
/// A full bucket lets `burst` cells pass at no time at all, the others come at the rate: the last of `n` comes
/// `(n - burst) / rate` after the first. The instants are in order.
pub(crate) fn achieved_rate(grants: &[Instant], burst: u32) -> Option<f64> {
    let span = *grants.last()? - *grants.first()?;
    let paced = grants.len().checked_sub(burst as usize)?;
    (paced > 0 && !span.is_zero()).then(|| paced as f64 / span.as_secs_f64())
}

/// The value that this share of all values does not exceed, by nearest rank; the values are in order.
pub(crate) fn percentile(sorted: &[Duration], share: f64) -> Option<Duration> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: &[u64]) -> Vec<Instant> {
        let origin = Instant::now();
        millis.iter().map(|&ms| origin + Duration::from_millis(ms)).collect()
    }

    #[test]
    fn a_window_does_not_hold_its_end() {
        let second = Duration::from_secs(1);
        assert_eq!(worst_window(&at(&[]), second), 0);
        assert_eq!(worst_window(&at(&[0, 1000]), second), 1);
        assert_eq!(worst_window(&at(&[0, 500, 999, 1400, 1499, 1500, 3000]), second), 4);
    }

    #[test]
    fn the_burst_is_not_part_of_the_rate() {
        assert_eq!(achieved_rate(&at(&[0, 0, 0, 100, 200, 300]), 3), Some(10.0));
        assert_eq!(achieved_rate(&at(&[0, 1]), 2), None);
        assert_eq!(achieved_rate(&[], 1), None);
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let sorted: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 0.0), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&sorted, 0.5), Some(Duration::from_millis(50)));
        assert_eq!(percentile(&sorted, 1.0), Some(Duration::from_millis(100)));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
