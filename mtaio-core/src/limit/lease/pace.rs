//! How large the next batch of a lease is.

use crate::time::Instant;

/// How long a batch is meant to last, in nanoseconds: a millisecond.
pub(super) const HOLDING_TIME: u64 = 1_000_000;

/// What a lease used since it fetched last, and what it fetches next: about what it uses in the holding time, between one cell
/// and the ceiling, and never more than twice what it used since the last batch.
///
/// So a lease whose owner stops keeps no more than it used just before, and one that is as slow as a cell in the holding time
/// keeps nothing.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// When the last batch came.
    since: Instant,
    /// What it held then, before any of it was handed out.
    stock: u32,
    /// The largest batch, at least 1.
    ceiling: u32,
}

impl Pace {
    pub(super) const fn new(ceiling: u32) -> Self {
        Self { since: Instant::ORIGIN, stock: 0, ceiling }
    }

    pub(super) const fn set_ceiling(&mut self, ceiling: u32) {
        self.ceiling = ceiling;
    }

    /// The size of a batch at `now`, for a lease that still holds so many cells.
    pub(super) fn batch(&self, now: Instant, held: u32) -> u32 {
        let used = u64::from(self.stock.saturating_sub(held));
        // No time has passed where the clock is coarse, or has stepped back.
        let paced = (used * HOLDING_TIME).checked_div((now - self.since).as_nanos() as u64).unwrap_or(u64::MAX);
        let batch = paced.min(2 * used).clamp(1, self.ceiling.into());
        // The ceiling is a `u32`.
        batch as u32
    }

    /// So many cells went back unused.
    pub(super) const fn gave_back(&mut self, cells: u32) {
        self.stock = self.stock.saturating_sub(cells);
    }

    /// A batch has come at `now`, and the lease holds so many cells with it.
    pub(super) const fn fetched(&mut self, now: Instant, stock: u32) {
        self.since = now;
        self.stock = stock;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The batches of a lease whose owner takes one cell at each of these instants, in microseconds.
    fn batches(ceiling: u32, takes: impl IntoIterator<Item = u64>) -> alloc::vec::Vec<u32> {
        let (mut pace, mut held) = (Pace::new(ceiling), 0);
        let mut batches = alloc::vec::Vec::new();
        for at in takes {
            if held == 0 {
                let now = Instant::from_nanos(at * 1000);
                held = pace.batch(now, held);
                pace.fetched(now, held);
                batches.push(held);
            }
            held -= 1;
        }
        batches
    }

    #[test]
    fn a_fast_owner_gets_batches_that_double_up_to_the_ceiling() {
        assert_eq!(batches(100, (0..200).map(|_| 7)), [1, 2, 4, 8, 16, 32, 64, 100]);
    }

    #[test]
    fn a_steady_owner_gets_what_it_uses_in_a_millisecond() {
        // A cell each 100 us is ten in a millisecond.
        assert_eq!(batches(100, (0..60).map(|take| 100 * take)), [1, 2, 4, 8, 10, 10, 10, 10, 10]);
        // One each 300 us is three and a third.
        assert_eq!(batches(100, (0..12).map(|take| 300 * take)), [1, 2, 3, 3, 3]);
    }

    #[test]
    fn a_slow_owner_gets_one_cell_at_a_time() {
        assert_eq!(batches(100, (0..5).map(|take| 1001 * take)), [1; 5]);
    }

    #[test]
    fn an_owner_who_pauses_begins_again() {
        let takes = (0..31).map(|_| 0).chain((0..7).map(|_| 1_000_000));
        assert_eq!(batches(100, takes), [1, 2, 4, 8, 16, 1, 2, 4]);
    }

    #[test]
    fn what_is_still_held_was_not_used() {
        let mut pace = Pace::new(100);
        pace.fetched(Instant::from_nanos(5), 40);
        assert_eq!(pace.batch(Instant::from_nanos(5), 30), 20);
        assert_eq!(pace.batch(Instant::from_nanos(5), 40), 1);
    }

    proptest! {
        #[test]
        fn a_batch_is_no_more_than_the_ceiling_and_twice_what_was_used(
            ceiling in 1..=u32::MAX,
            (stock, held) in any::<(u32, u32)>(),
            (then, now) in any::<(u64, u64)>(),
        ) {
            let mut pace = Pace::new(ceiling);
            pace.fetched(Instant::from_nanos(then), stock);
            let batch = pace.batch(Instant::from_nanos(now), held);
            let used = u64::from(stock.saturating_sub(held));
            prop_assert!((1..=ceiling).contains(&batch) && u64::from(batch) <= (2 * used).max(1));
            let lasts = now.saturating_sub(then);
            let in_time = u128::from(used) * u128::from(HOLDING_TIME);
            prop_assert!(batch == 1 || u128::from(batch) * u128::from(lasts) <= in_time);
        }
    }
}
