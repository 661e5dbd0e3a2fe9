//! What a combined limiter gives.

use core::fmt;

use super::costs::Costs;
use super::parts::{Lent, Spent, for_all};
use crate::limit::error::ResourceLimitError;
use crate::runtime::Timer;

/// What all parts of a [`ResourceLimiter`](super::ResourceLimiter) gave: slots, which return when it is dropped, and cells, which
/// stay spent.
///
/// [`try_acquire_owned`](super::ResourceLimiter::try_acquire_owned) and [`acquire_owned`](super::ResourceLimiter::acquire_owned) give one
/// without a lifetime.
#[must_use = "a permit that is not held is returned at once"]
pub struct ResourcePermit<'a, R: Timer> {
    pub(super) parts: Lent<'a, R>,
    pub(super) costs: Costs,
    /// Of so many parts it holds slots, in the order in which they are taken.
    pub(super) slots: usize,
}

impl<'a, R: Timer> ResourcePermit<'a, R> {
    /// Takes everything now, or says why not.
    #[inline]
    pub(super) fn take(parts: Lent<'a, R>, costs: Costs) -> Result<Self, ResourceLimitError> {
        parts.check(&costs)?;
        let mut permit = Self::nothing(parts, costs);
        permit.take_all()?;
        Ok(permit)
    }

    #[inline]
    pub(super) fn nothing(parts: Lent<'a, R>, costs: Costs) -> Self {
        Self { parts, costs, slots: 0 }
    }

    /// Takes what is missing, if it can be had now. Slots that were taken stay, cells do not.
    #[inline]
    pub(super) fn take_all(&mut self) -> Result<(), ResourceLimitError> {
        while let Some(slots) = self.parts.slots.get(self.slots) {
            if let Err(refused) = slots.take(&self.costs) {
                // What would never go through is told first.
                return Err(self.parts.vet(&self.costs).err().unwrap_or(refused));
            }
            self.slots += 1;
        }
        self.parts.take_rates(&self.costs)
    }

    /// Gives everything back, the cells too, as for work that was not done. Cells that exceed the burst are lost.
    pub fn refund(self) {
        drop(Spent::all(&self.parts, &self.costs));
    }
}

impl<R: Timer> Drop for ResourcePermit<'_, R> {
    #[inline]
    fn drop(&mut self) {
        match &self.parts.slots[..self.slots] {
            [] => {}
            [only] => only.release(&self.costs),
            several => for_all(several.iter(), |slots| slots.release(&self.costs)),
        }
    }
}

impl<R: Timer> fmt::Debug for ResourcePermit<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourcePermit").field("slots", &self.slots).finish_non_exhaustive()
    }
}
