//! A token bucket: GCRA with its state, for an owner who supplies the time.

use super::error::ResourceLimitError;
use super::gcra::{Gcra, Mark, Shortage, Wait};
use super::quota::Quota;
use crate::time::Instant;

/// How far before now the base is put, in nanoseconds: the longest lateness that is ever made up for.
const ROOM: u64 = 1 << 26;
/// In how many places before that, a nanosecond or a unit apart.
const SALTS: u64 = 1 << 20;

/// A rate limit without a lock, a clock or a queue: the time comes in as an argument.
///
/// It is what [`RateLimiter`](super::RateLimiter) decides by, and what firmware with one owner wants. It starts full.
///
/// Times may come from any clock, in any order. If the clock steps back, the bucket looks as if cells had been spent, at most
/// all of them, and the debt it may have: a step costs no more than one full refill. A step forward fills it, at most to the burst.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use mtaio_core::Instant;
/// use mtaio_core::limit::{Quota, TokenBucket};
///
/// let mut bucket = TokenBucket::new(Quota::per_second(10).burst(2));
/// let mut now = Instant::from_nanos(0);
/// bucket.try_take(now, 2)?;
/// let refused = bucket.try_take(now, 1).unwrap_err();
/// assert_eq!(refused.retry_after(), Some(Duration::from_millis(100)));
/// now = now + Duration::from_millis(100);
/// bucket.try_take(now, 1)?;
/// # Ok::<(), mtaio_core::limit::ResourceLimitError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokenBucket {
    gcra: Gcra,
    /// In nanoseconds of the clock; where the units of the mark begin. Wraps around.
    base: u64,
    mark: Mark,
    moves: u64,
}

impl TokenBucket {
    /// Makes a bucket that is full, whenever it is used first.
    pub const fn new(quota: Quota) -> Self {
        Self::with_debt(quota, 0)
    }

    /// Makes a bucket that is full, and that a request larger than the burst may leave up to `debt` cells below empty.
    ///
    /// Such a request conforms when the bucket is full. Afterwards nothing does before the debt is paid by what comes in, so that
    /// over a long time the rate is kept. In any window of length `w` at most `max(burst, largest) + rate * w` cells are taken,
    /// where `largest` is the largest request in it.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use mtaio_core::Instant;
    /// # use mtaio_core::limit::{Quota, TokenBucket};
    /// let mut bucket = TokenBucket::with_debt(Quota::per_second(10).burst(2), 30);
    /// let now = Instant::from_nanos(0);
    /// bucket.try_take(now, 22)?;
    /// assert_eq!(bucket.available(now), 0);
    /// // Twenty cells are owed, and one is asked for.
    /// assert_eq!(bucket.try_take(now, 1).unwrap_err().retry_after(), Some(Duration::from_millis(2100)));
    /// # Ok::<(), mtaio_core::limit::ResourceLimitError>(())
    /// ```
    pub const fn with_debt(quota: Quota, debt: u32) -> Self {
        Self { gcra: Gcra::with_debt(quota, debt), base: 0, mark: Mark { tat: 0, late: false }, moves: 0 }
    }

    /// Makes a bucket that holds `cells` at `now`, at most its burst.
    pub fn with_cells(quota: Quota, now: Instant, cells: u32) -> Self {
        Self::new(quota).holding(now, cells)
    }

    /// The same, with so many cells in it at `now`, at most its burst.
    pub(super) fn holding(mut self, now: Instant, cells: u32) -> Self {
        let burst = self.quota().burst_size();
        let missing = burst - cells.min(burst);
        self.rebase(now, i128::from(u64::from(missing) * self.gcra.scale().cost));
        self
    }

    /// Makes a bucket that owes `units` of its quota at `now`.
    #[cfg(feature = "keyed")]
    pub(super) fn owing(quota: Quota, now: Instant, units: u64) -> Self {
        let mut bucket = Self::new(quota);
        bucket.rebase(now, units.into());
        bucket
    }

    /// How many units of its quota are missing at `now`.
    #[cfg(feature = "keyed")]
    pub(super) fn owed_units(&self, now: Instant) -> u64 {
        self.owed(now, 0).max(0) as u64
    }

    /// How long after `now` it is full.
    #[cfg(feature = "keyed")]
    pub(super) fn full_in(&self, now: Instant) -> Wait {
        self.gcra.scale().wait_after(now.as_nanos(), self.owed_units(now))
    }

    /// Takes `n` cells if they conform at `now`.
    ///
    /// # Errors
    ///
    /// [`ResourceLimitError`]: not ready, with the time after which they conform, or too large for the burst and the debt.
    /// Nothing is taken then.
    pub fn try_take(&mut self, now: Instant, n: u32) -> Result<(), ResourceLimitError> {
        let units = self.sync(now, 0);
        match self.gcra.scale().take(self.mark, units, 0, n) {
            Ok(mark) => {
                self.mark = mark;
                Ok(())
            }
            Err(Shortage::TooLarge) => Err(self.too_large(n)),
            Err(Shortage::Until(target)) => {
                Err(ResourceLimitError::not_ready(Some(self.wait(now, units, target.into()))))
            }
        }
    }

    /// How many whole cells there are at `now`: none while it is in debt.
    pub fn available(&self, now: Instant) -> u32 {
        let level = self.level(now).max(0);
        u32::try_from(level / i128::from(self.gcra.scale().cost)).unwrap_or(u32::MAX)
    }

    /// The instant at which `n` cells conform, not before `now`, if nothing else is taken.
    ///
    /// # Errors
    ///
    /// [`ResourceLimitError`] if `n` exceeds the burst and the debt.
    pub fn ready_at(&self, now: Instant, n: u32) -> Result<Instant, ResourceLimitError> {
        match self.clone().try_take(now, n) {
            Ok(()) => Ok(now),
            Err(error) => error.retry_after().map(|wait| now + wait).ok_or(error),
        }
    }

    /// Puts `n` cells back at `now`. What does not fit is lost.
    pub fn refund(&mut self, now: Instant, n: u32) {
        self.give_back(now, 0, n);
    }

    /// Changes the quota. The cells that are there at `now` stay there, at most the new burst of them; or so does the debt.
    pub fn set_quota(&mut self, now: Instant, quota: Quota) {
        let old = *self.gcra.scale();
        let level = self.level(now);
        self.gcra = Gcra::with_debt(quota, self.gcra.debt());
        let new = self.gcra.scale();
        // Cells are rounded down and what is owed is rounded up: changing the quota creates no credit. Both factors are below 2^64.
        let (product, old_cost) = (level.unsigned_abs() * u128::from(new.cost), u128::from(old.cost));
        let level = if level < 0 { -(product.div_ceil(old_cost) as i128) } else { (product / old_cost) as i128 };
        self.mark.late = false;
        let owed = (i128::from(new.burst) - level).clamp(0, new.limit.into());
        self.rebase(now, owed);
    }

    /// The quota.
    pub fn quota(&self) -> Quota {
        self.gcra.quota()
    }

    /// The most cells that one request can have: the burst, and the debt that it may leave.
    pub const fn largest(&self) -> u32 {
        self.gcra.quota().burst_size().saturating_add(self.gcra.debt())
    }
}

/// What the shared limiter uses besides.
impl TokenBucket {
    pub(super) const fn gcra(&self) -> &Gcra {
        &self.gcra
    }

    pub(super) const fn base(&self) -> u64 {
        self.base
    }

    pub(super) const fn mark(&self) -> Mark {
        self.mark
    }

    pub(super) const fn set_mark(&mut self, mark: Mark) {
        self.mark = mark;
    }

    /// How often the base or the quota changed: the shared limiter's word says by this whether its parameters are the same.
    pub(super) const fn moves(&self) -> u64 {
        self.moves
    }

    /// The units since the base at `now`. Moves the base first, if the clock has run beyond its horizon or stepped back.
    #[inline]
    pub(super) fn sync(&mut self, now: Instant, cap: u64) -> u64 {
        let since = now.as_nanos().wrapping_sub(self.base);
        if since <= self.gcra.horizon() {
            let units = self.gcra.scale().units_within(since);
            if self.mark.tat <= units + self.gcra.scale().limit {
                return units;
            }
        }
        self.rebase(now, self.owed(now, cap));
        self.gcra.scale().units(now.as_nanos().wrapping_sub(self.base))
    }

    /// How long after `now` the units since the base are `target`.
    #[inline]
    pub(super) fn wait(&self, now: Instant, units: u64, target: u128) -> Wait {
        self.gcra.scale().long_wait(now.as_nanos().wrapping_sub(self.base), units, target)
    }

    pub(super) fn too_large(&self, n: u32) -> ResourceLimitError {
        ResourceLimitError::too_large(n, self.largest() as usize)
    }

    pub(super) fn give_back(&mut self, now: Instant, cap: u64, n: u32) {
        let units = self.sync(now, cap);
        let back = u64::from(n).saturating_mul(self.gcra.scale().cost);
        // Never below now, nor below where it is: a full bucket takes nothing back.
        self.mark.tat = self.mark.tat.saturating_sub(back).max(self.mark.tat.min(units));
    }

    /// As [`give_back`](Self::give_back), for cells that were taken a moment ago: as if fewer had been asked for then. So the TAT
    /// may come to lie behind now, where it was before, by no more than what a late timer may owe.
    #[cfg(feature = "std")]
    pub(super) fn put_back(&mut self, now: Instant, cap: u64, n: u32) {
        let units = self.sync(now, cap);
        let back = u64::from(n).saturating_mul(self.gcra.scale().cost);
        let floor = units.saturating_sub(cap).min(self.mark.tat);
        let tat = self.mark.tat.saturating_sub(back).max(floor);
        self.mark = Mark { tat, late: tat < units };
    }

    /// How many units there are at `now`, below zero in debt.
    fn level(&self, now: Instant) -> i128 {
        i128::from(self.gcra.scale().burst) - self.owed(now, 0)
    }

    /// How many units the TAT is ahead of `now`: at most the burst and the debt, and behind it, within `cap`, only if it is late.
    fn owed(&self, now: Instant, cap: u64) -> i128 {
        let scale = self.gcra.scale();
        // The wrapped difference, read as signed, is right as long as the clock moved less than 292 years since the base.
        let forward = now.as_nanos().wrapping_sub(self.base);
        let since = if forward <= u64::MAX / 2 || now.as_nanos() >= self.base {
            i128::from(forward)
        } else {
            i128::from(forward) - (1 << 64)
        };
        let owed = i128::from(self.mark.tat) - scale.signed_units(since);
        // What lags by more than the cap idled.
        let floor = if self.mark.late && owed >= -i128::from(cap) { owed } else { 0 };
        owed.max(floor).min(scale.limit.into())
    }

    /// Moves the base to just before `now`, with the TAT `owed` units ahead of it.
    ///
    /// It leaves room for a TAT behind `now`, and each time the base is another one: a word that packs the TAT then hardly ever
    /// comes back to a value that it had under other parameters. `now` is the very beginning of a unit, so that what was owed is
    /// paid no earlier than it was.
    fn rebase(&mut self, now: Instant, owed: i128) {
        self.moves = self.moves.wrapping_add(1);
        let (scale, quarter) = (self.gcra.scale(), self.gcra.horizon() / 4);
        let units_in_nano = scale.factor.checked_shr(scale.shift).unwrap_or(0).max(1);
        let salt = self.moves % SALTS * units_in_nano % scale.units(quarter).max(1);
        let before = scale.wait(0, 0, scale.units(quarter.min(ROOM)) + salt).as_nanos();
        self.base = now.as_nanos().wrapping_sub(before);
        self.mark.tat = u64::try_from(i128::from(scale.units(before)) + owed).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    mod debt;

    use core::time::Duration;

    use alloc::vec::Vec;
    use proptest::prelude::*;

    use super::*;

    /// The same bucket in whole numbers that nothing rounds: a nanosecond is `cells`, a cell is `period`.
    struct Model {
        cells: i128,
        period: i128,
        burst: i128,
        /// How far below empty it may be.
        debt: i128,
        /// When it will be full.
        full: i128,
    }

    impl Model {
        fn new(quota: Quota, debt: u32) -> Self {
            let (cells, period) = quota.terms();
            let units = |cells: u32| i128::from(cells) * i128::from(period);
            let (burst, debt) = (units(quota.burst_size()), units(debt));
            Self { cells: cells.into(), period: period.into(), burst, debt, full: 0 }
        }

        /// How much more than `n` cells there is at `now`; if it is negative, they do not conform.
        fn spare(&self, now: u64, n: u32) -> i128 {
            let (now, cost) = (i128::from(now) * self.cells, i128::from(n) * self.period);
            // What exceeds the burst needs a full bucket, and may leave a debt.
            now + self.burst.max(cost.min(self.burst + self.debt)) - self.full.max(now) - cost
        }

        fn take(&mut self, now: u64, n: u32) {
            self.full = self.full.max(i128::from(now) * self.cells) + i128::from(n) * self.period;
        }
    }

    fn is_exact(quota: Quota, debt: u32) -> bool {
        Gcra::with_debt(quota, debt).scale().shift == 0
    }

    /// Numbers of every magnitude, and often the largest one.
    fn magnitude(bits: u32) -> impl Strategy<Value = u64> {
        let any = (0..bits, any::<u64>()).prop_map(|(top, bits)| (1 << top) | (bits & ((1 << top) - 1)));
        prop_oneof![15 => any, 1 => Just(u64::MAX >> (64 - bits))]
    }

    fn quota() -> impl Strategy<Value = Quota> {
        (magnitude(32), magnitude(64), magnitude(32))
            .prop_map(|(cells, period, burst)| quota_of(cells as u32, period, burst as u32))
    }

    /// So much later, in thousandths of a cell's time, and then some; so many cells, in 16ths of the burst, and then some.
    type Step = (u64, u64, u32, u32);

    /// What happens, up to the end of time.
    fn history() -> impl Strategy<Value = Vec<Step>> {
        let jump = prop_oneof![8 => Just(0), 8 => magnitude(40), 1 => magnitude(64)];
        prop::collection::vec((0..3000_u64, jump, 0..20_u32, 0..3_u32), 1..60)
    }

    fn follow(quota: Quota, history: &[Step], each: impl FnMut(Instant, u32)) {
        follow_up_to(quota.burst_size(), quota, history, each);
    }

    /// As [`follow`], with requests that are as large as `largest` now and then.
    fn follow_up_to(largest: u32, quota: Quota, history: &[Step], mut each: impl FnMut(Instant, u32)) {
        let mut now = 0_u64;
        for &(part, jump, sixteenths, more) in history {
            let cell = quota.emission_interval().as_nanos() * u128::from(part) / 1000;
            now = now.saturating_add(u64::try_from(cell).unwrap_or(u64::MAX)).saturating_add(jump).min(u64::MAX - 1);
            let n = u64::from(largest) * u64::from(sixteenths) / 16 + u64::from(more);
            each(Instant::from_nanos(now), u32::try_from(n).unwrap_or(u32::MAX));
        }
    }

    /// The first decision that is not the model's: when it was made, about how many cells, and what was to spare.
    fn first_wrong(quota: Quota, history: &[Step]) -> Option<(Instant, u32, i128)> {
        first_wrong_with_debt(quota, 0, history)
    }

    fn first_wrong_with_debt(quota: Quota, debt: u32, history: &[Step]) -> Option<(Instant, u32, i128)> {
        let (mut bucket, mut model) = (TokenBucket::with_debt(quota, debt), Model::new(quota, debt));
        // Where units are rounded: a part of the burst and the debt, and of the cells in a nanosecond.
        let slack =
            if is_exact(quota, debt) { 0 } else { ((model.burst + model.debt) >> 40) + (model.cells >> 20) + 1 };
        let mut wrong = None;
        follow_up_to(bucket.largest(), quota, history, |now, n| {
            let taken = bucket.try_take(now, n).is_ok();
            let spare = model.spare(now.as_nanos(), n);
            if taken != (spare >= 0) && (n > bucket.largest() || spare.abs() > slack) {
                wrong.get_or_insert((now, n, spare));
            }
            if taken {
                model.take(now.as_nanos(), n);
            }
        });
        wrong
    }

    fn quota_of(cells: u32, period: u64, burst: u32) -> Quota {
        Quota::new(cells, Duration::from_nanos(period)).unwrap().burst(burst)
    }

    #[test]
    fn the_largest_and_the_smallest_quotas_decide_exactly_up_to_the_end_of_time() {
        const ENDS: [u32; 3] = [1, 2, u32::MAX];
        let jumps = [0, 1, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX - 1];
        for cells in ENDS {
            for period in [1, 2, 1_000_000_007, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
                for burst in ENDS {
                    let quota = quota_of(cells, period, burst);
                    for jump in jumps {
                        // The burst and one cell, at once, a cell's time later, and at the end.
                        let steps =
                            [(0, jump, 16, 0), (0, 0, 0, 1), (999, 0, 0, 1), (1, 0, 0, 1), (0, u64::MAX, 16, 0)];
                        assert_eq!(first_wrong(quota, &steps), None, "{quota} {steps:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_was_decided_wrongly_once_is_decided_exactly() {
        let long = [
            (1000, 0, 1, 1),
            (131, 0, 11, 2),
            (1003, 179_584_231, 3, 2),
            (2269, 68_844_500, 1, 1),
            (1531, 205_119_815, 0, 2),
            (0, 0, 16, 0),
        ];
        let cases: [(Quota, &[Step]); 3] = [
            (quota_of(33_554_432, 4_503_599_627_370_497, 67_108_865), &[(0, 5, 0, 0)]),
            (quota_of(8, 144_115_188_075_855_873, 1), &[(283, 0, 0, 0), (1717, 0, 0, 0)]),
            (quota_of(5, 34_359_738_368, 1_342_177_274), &long),
        ];
        for (quota, history) in cases {
            assert_eq!(first_wrong(quota, history), None, "{quota}");
        }
    }

    proptest! {
        #[test]
        fn every_decision_is_that_of_exact_fractions(quota in quota(), history in history()) {
            prop_assert_eq!(first_wrong(quota, &history), None);
        }

        #[test]
        fn the_parameters_alone_decide_as_the_bucket_does(quota in quota(), history in history()) {
            // Without a base that moves: as long as it need not.
            let (mut bucket, gcra, mut tat) = (TokenBucket::new(quota), Gcra::new(quota), 0);
            let mut wrong = None;
            follow(quota, &history, |now, n| {
                let conforms = gcra.conform(tat, now.as_nanos(), n);
                let taken = bucket.try_take(now, n);
                if bucket.moves() > 0 {
                    return;
                }
                match (conforms, taken) {
                    (Ok(next), Ok(())) => tat = next,
                    (Err(refused), Err(error)) if refused.wait() == error.retry_after() => {}
                    _ => _ = wrong.get_or_insert((now, n)),
                }
            });
            prop_assert_eq!(wrong, None);
        }

        #[test]
        fn retry_after_is_true_to_the_nanosecond(quota in quota(), history in history()) {
            let mut bucket = TokenBucket::new(quota);
            let mut wrong = None;
            follow(quota, &history, |now, n| {
                let Err(error) = bucket.try_take(now, n) else { return };
                let Some(wait) = error.retry_after() else { return };
                let at = now + wait;
                if at == Instant::FAR {
                    return;
                }
                let then = bucket.clone().try_take(at, n).is_ok();
                let before = bucket.clone().try_take(at - Duration::from_nanos(1), n).is_ok();
                if !then || before || bucket.ready_at(now, n) != Ok(at) {
                    wrong.get_or_insert((now, n, wait));
                }
            });
            prop_assert_eq!(wrong, None);
        }

        #[test]
        fn what_is_available_can_be_taken_and_one_more_cannot(quota in quota(), history in history()) {
            let mut bucket = TokenBucket::new(quota);
            let mut wrong = None;
            follow(quota, &history, |now, n| {
                let _ = bucket.try_take(now, n);
                let there = bucket.available(now);
                let mut all = bucket.clone();
                let fits = all.try_take(now, there).is_ok() && all.available(now) == 0;
                let more = there.checked_add(1).is_some_and(|more| bucket.clone().try_take(now, more).is_ok());
                if !fits || more || there > quota.burst_size() {
                    wrong.get_or_insert((now, n, there));
                }
            });
            prop_assert_eq!(wrong, None);
        }

        #[test]
        fn cells_that_are_put_back_are_there_again_and_no_more(quota in quota(), history in history()) {
            let mut bucket = TokenBucket::new(quota);
            let mut wrong = None;
            follow(quota, &history, |now, n| {
                let before = bucket.available(now);
                if bucket.try_take(now, n).is_ok() {
                    if bucket.available(now) != before - n {
                        wrong.get_or_insert((now, n, before));
                    }
                    bucket.refund(now, n);
                }
                if bucket.available(now) != before {
                    wrong.get_or_insert((now, n, before));
                }
                bucket.refund(now, u32::MAX);
                if bucket.available(now) != quota.burst_size() {
                    wrong.get_or_insert((now, n, quota.burst_size()));
                }
                let _ = bucket.try_take(now, n);
            });
            prop_assert_eq!(wrong, None);
        }

        #[test]
        fn a_new_quota_keeps_the_cells_and_makes_none(old in quota(), new in quota(), history in history()) {
            let mut bucket = TokenBucket::new(old);
            let mut end = Instant::ORIGIN;
            follow(old, &history, |now, n| {
                let _ = bucket.try_take(now, n);
                end = now;
            });
            let before = bucket.available(end);
            bucket.set_quota(end, new);
            let after = bucket.available(end);
            // What the old quota counted in finer parts than the new one is rounded down.
            prop_assert!(after <= before.min(new.burst_size()));
            prop_assert!(after + 1 >= before.min(new.burst_size()));
        }

        #[test]
        fn a_clock_that_steps_back_makes_no_cells_and_costs_at_most_a_refill(
            quota in quota(),
            history in history(),
            back in magnitude(63),
        ) {
            let mut bucket = TokenBucket::new(quota);
            let mut end = Instant::ORIGIN;
            follow(quota, &history, |now, n| {
                let _ = bucket.try_take(now, n);
                end = now;
            });
            bucket.refund(end, u32::MAX);
            prop_assert!(bucket.try_take(end, quota.burst_size()).is_ok());
            let now = end - Duration::from_nanos(back);
            prop_assert_eq!(bucket.available(now), 0);
            let (cells, period) = quota.terms();
            let refill = (u128::from(quota.burst_size()) * u128::from(period)).div_ceil(cells.into());
            if let Some(refill) = u64::try_from(refill).ok().filter(|&refill| refill < 1 << 62) {
                prop_assert!(bucket.try_take(now, 1).is_err());
                // A unit that the move of the base has rounded away is less than a nanosecond, or less than 2^-50 of the refill.
                let full = now + Duration::from_nanos(refill + (refill >> 50) + 1);
                prop_assert!(full == Instant::FAR || bucket.try_take(full, quota.burst_size()).is_ok());
            }
        }
    }

    #[test]
    fn a_slow_quota_with_a_large_burst_refills_however_often_one_asks() {
        let quota = Quota::per_minute(1).burst(u32::MAX);
        let mut bucket = TokenBucket::with_cells(quota, Instant::ORIGIN, 0);
        let taken =
            (0..=60_000_000).step_by(1000).filter(|&us| bucket.try_take(Instant::from_nanos(us * 1000), 1).is_ok());
        assert_eq!(taken.count(), 1);
    }

    #[test]
    fn a_clock_that_steps_back_before_the_base_of_the_slowest_quota_fills_nothing() {
        let quota = Quota::every(Duration::from_secs(86_400 * 365 * 100)).unwrap().burst(1 << 20);
        let mut bucket = TokenBucket::with_cells(quota, Instant::from_nanos(1 << 40), 0);
        assert_eq!(bucket.available(Instant::from_nanos(1 << 39)), 0);
        assert!(bucket.try_take(Instant::from_nanos(1 << 39), 1).is_err());
    }

    #[test]
    fn a_late_mark_that_idled_beyond_the_horizon_is_no_credit() {
        let mut bucket = TokenBucket::new(Quota::per_second(1_000_000_000).burst(1));
        let cap = bucket.gcra.scale().units(4_000_000);
        let start = bucket.sync(Instant::from_nanos(1 << 60), cap);
        bucket.set_mark(Mark { tat: start - 1, late: true });
        let later = Instant::from_nanos(1 << 62);
        let units = bucket.sync(later, cap);
        assert_eq!(bucket.mark().tat, units);
    }

    #[test]
    fn what_a_late_timer_owes_outlives_a_move_of_the_base() {
        const LAG: u64 = 4_000_000;
        let mut bucket = TokenBucket::new(Quota::per_second(1_000_000_000).burst(1));
        bucket.sync(Instant::from_nanos(1 << 60), LAG);
        let beyond = bucket.gcra.horizon() + 1;
        let (moves, tat) = (bucket.moves(), bucket.gcra.scale().units(beyond) - LAG);
        bucket.set_mark(Mark { tat, late: true });
        let units = bucket.sync(Instant::from_nanos(bucket.base() + beyond), LAG);
        assert_eq!(bucket.moves(), moves + 1);
        assert_eq!(bucket.mark(), Mark { tat: units - LAG, late: true });
    }

    #[test]
    fn what_lags_by_the_cap_is_made_up_for_and_what_lags_by_more_has_idled() {
        let quota = Quota::per_second(1000).burst(20);
        let now = Instant::from_nanos(1 << 40);
        let mut bucket = TokenBucket::with_cells(quota, now, 20);
        let (cost, cap) = (bucket.gcra.scale().cost, bucket.gcra.scale().units(4_000_000));
        let units = bucket.sync(now, cap);
        for (lag, owed) in [(0, 0), (1, -1), (cap - 1, 1 - i128::from(cap)), (cap, -i128::from(cap)), (cap + 1, 0)] {
            bucket.set_mark(Mark { tat: units - lag, late: true });
            assert_eq!(bucket.owed(now, cap), owed, "{lag} units late");
            let taken = bucket.gcra.scale().take(bucket.mark(), units, cap, 1).unwrap();
            assert_eq!(i128::from(taken.tat), i128::from(units + cost) + owed, "{lag} units late");
            assert_eq!(taken.late, i128::from(cost) + owed < 0, "{lag} units late");
            bucket.set_mark(Mark { late: false, ..bucket.mark() });
            assert_eq!(bucket.owed(now, cap), 0, "idle for {lag} units");
        }
    }

    #[test]
    #[cfg(feature = "std")]
    fn what_is_put_back_leaves_what_a_late_timer_owes() {
        let quota = Quota::per_second(1000).burst(20);
        let now = Instant::from_nanos(1 << 40);
        let mut bucket = TokenBucket::with_cells(quota, now, 20);
        let (cost, cap) = (bucket.gcra.scale().cost, bucket.gcra.scale().units(4_000_000));
        let units = bucket.sync(now, cap);
        for lag in 0..=5 {
            bucket.set_mark(Mark { tat: units - lag * cost, late: lag > 0 });
            let before = bucket.gcra.scale().take(bucket.mark(), units, cap, 3);
            bucket.set_mark(bucket.gcra.scale().take(bucket.mark(), units, cap, 10).unwrap());
            bucket.put_back(now, cap, 7);
            assert_eq!(Ok(bucket.mark()), before, "{lag} cells late");
        }
        // More than was taken is no more credit than a late timer can have.
        bucket.put_back(now, cap, u32::MAX);
        assert_eq!(bucket.mark(), Mark { tat: units - cap, late: true });
        bucket.put_back(now + Duration::from_secs(1), cap, 1);
        assert_eq!(bucket.available(now + Duration::from_secs(1)), 20);
    }

    #[test]
    fn a_clock_that_steps_back_a_little_costs_what_comes_in_that_time() {
        let now = Instant::from_nanos(1 << 40);
        let bucket = TokenBucket::with_cells(Quota::per_second(10).burst(10), now, 10);
        for tenths in 0..20 {
            let before = now - tenths * Duration::from_millis(100);
            assert_eq!(bucket.available(before), 10_u32.saturating_sub(tenths), "{tenths} tenths of a second");
        }
    }
}
