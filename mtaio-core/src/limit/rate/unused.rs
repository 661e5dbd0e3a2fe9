//! Cells that were taken a moment ago for something that turned out smaller.

use super::RateLimiter;
use crate::runtime::Timer;

impl<R: Timer> RateLimiter<R> {
    /// Puts back `n` cells of those that the caller took a moment ago, as if it had asked for fewer. Unlike a
    /// [refund](Self::refund) it also leaves what a late timer still owes.
    pub(crate) fn put_back(&self, n: u32) {
        let cells = &self.shared.queue.supply;
        self.shared.queue.change(|state| cells.put_back(state, n));
    }
}
