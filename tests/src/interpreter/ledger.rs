//! What a rate has allowed in all, in exact fractions of a cell.

use core::time::Duration;

use mtaio_core::limit::Quota;

/// The most cells that can have been granted, and those that were.
///
/// There is no allowance for a late timer: that only makes up for time that passed while somebody waited, and this counts from
/// the beginning.
pub(super) struct Ledger {
    quota: Quota,
    /// Nanoseconds under this quota.
    time: u128,
    /// Whole cells that were allowed before it, rounded up.
    allowed: u128,
    pub(super) granted: u128,
    /// Until time passes, the quota changes or the limiter is closed, not a cell is unaccounted for.
    pub(super) is_exact: bool,
}

impl Ledger {
    pub(super) fn new(quota: Quota) -> Self {
        Self { quota, time: 0, allowed: quota.burst_size().into(), granted: 0, is_exact: true }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.time += time.as_nanos();
        self.is_exact &= time.is_zero();
    }

    pub(super) fn change(&mut self, quota: Quota) {
        self.allowed = self.allowed();
        self.time = 0;
        self.is_exact &= quota == self.quota;
        self.quota = quota;
    }

    /// What is put back can be granted once more, or is lost at the burst.
    pub(super) fn refund(&mut self, n: u32) {
        self.allowed += u128::from(n);
        self.is_exact = false;
    }

    fn allowed(&self) -> u128 {
        let (cells, period) = self.quota.fraction();
        self.allowed + (self.time * u128::from(cells)).div_ceil(period.as_nanos())
    }

    /// Nobody has, or can have at once, more than was allowed.
    pub(super) fn check(&self, available: u32) {
        let had = self.granted + u128::from(available);
        assert!(had <= self.allowed(), "{had} cells of {} under {}", self.allowed(), self.quota);
    }

    /// Where nobody waits and everything has stood still, each cell is here or there.
    pub(super) fn check_at_rest(&self, available: u32) {
        self.check(available);
        if self.is_exact {
            assert_eq!(self.granted + u128::from(available), self.allowed(), "cells were lost");
        }
    }
}
