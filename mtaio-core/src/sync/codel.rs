//! When a line has been too long for too long: controlled delay.
//!
//! CoDel (RFC 8289) watches how long packets stay in a queue. A queue that is long for a moment is doing its work; one in which
//! even the luckiest wait longer than a *target*, for a whole *interval*, only makes everybody late, and what it gives to whom is what
//! they have stopped waiting for. There it drops. Servers shed requests by the same sign, and so does this:
//!
//! - the *delay* of a line is how long the one who has waited longest has waited; nobody there is no delay;
//! - the delay above the target at every moment of an interval is an overload;
//! - in an overload whoever has waited longer than the target is refused;
//! - it is over when the delay has come down to half of the target.
//!
//! Where RFC 8289 drops more and more often, one packet at a time, this refuses all who are late at once, as a server can that holds the
//! whole line: what is left behind them is served in time. Leaving at half of the target, and not at the target, is
//! for the same reason: right after those who are late were refused the delay *is* the target.

/// The decision, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codel {
    target: u64,
    interval: u64,
    /// Since when the delay has been above the target.
    above: Option<u64>,
    overload: bool,
}

impl Codel {
    pub(crate) const fn new(target: u64, interval: u64) -> Self {
        Self { target, interval, above: None, overload: false }
    }

    /// The delay is `delay` at `now`. Whether the one who has waited so long is refused.
    pub(crate) fn refuses(&mut self, now: u64, delay: u64) -> bool {
        if delay <= self.target {
            self.above = None;
            self.overload &= delay > self.target / 2;
            return false;
        }
        // Nobody looked at the moment in which the delay passed the target, which is known all the same.
        let above = *self.above.get_or_insert(now.saturating_sub(delay - self.target));
        self.overload |= now.saturating_sub(above) >= self.interval;
        self.overload
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// Of each `(now, delay)`, whether it is refused.
    fn decisions<const N: usize>(looks: [(u64, u64); N]) -> [bool; N] {
        let mut codel = Codel::new(5, 100);
        looks.map(|(now, delay)| codel.refuses(now, delay))
    }

    #[test]
    fn a_delay_above_the_target_for_an_interval_is_an_overload() {
        // It was above 5 from 10 on, though the first look is at 20.
        assert_eq!(decisions([(20, 15), (60, 20), (109, 30), (110, 30), (111, 6)]), [false, false, false, true, true]);
    }

    #[test]
    fn one_short_delay_in_an_interval_is_no_overload() {
        let looks = [(20, 15), (60, 5), (109, 30), (110, 30), (184, 80), (204, 6)];
        assert_eq!(decisions(looks), [false, false, false, false, true, true]);
    }

    #[test]
    fn an_overload_lasts_until_the_delay_is_half_of_the_target() {
        let looks = [(110, 105), (111, 5), (112, 3), (113, 6), (114, 2), (115, 6), (214, 105), (215, 105)];
        assert_eq!(decisions(looks), [true, false, false, true, false, false, true, true]);
    }

    #[test]
    fn a_line_that_empties_is_no_overload() {
        let looks = [(110, 105), (120, 0), (121, 7), (218, 104), (219, 105)];
        assert_eq!(decisions(looks), [true, false, false, false, true]);
    }

    #[test]
    fn a_clock_that_steps_back_begins_no_overload() {
        assert_eq!(decisions([(500, 10), (50, 10), (594, 10), (595, 10)]), [false, false, false, true]);
    }

    proptest! {
        /// The definition, looked up in all that was seen so far.
        #[test]
        fn it_decides_by_all_that_was_seen(steps in proptest::collection::vec((1..40_u64, 0..20_u64), 1..60)) {
            let (target, interval) = (8, 60);
            let (mut codel, mut now, mut overload) = (Codel::new(target, interval), 1000, false);
            let mut seen: Vec<(u64, u64)> = Vec::new();
            for (passed, delay) in steps {
                now += passed;
                seen.push((now, delay));
                let run = seen.iter().rev().take_while(|(_, delay)| *delay > target);
                let since = run.last().map(|(at, delay)| at - (delay - target));
                overload = match since {
                    Some(since) => overload || now - since >= interval,
                    None => overload && delay > target / 2,
                };
                prop_assert_eq!(codel.refuses(now, delay), overload && delay > target);
            }
        }
    }
}
