//! What the clones of a combined limiter share: its parts, in the order in which they are taken.
//!
//! What it keeps:
//!
//! 1. Slots come before rates; slots in the order of their addresses; rates slowest first, by the interval of the quota that
//!    each was made with, and then by address. None of these changes, and they are the same in every combination. So
//!    whoever waits for a part holds only parts before it, and nobody waits in a circle.
//! 2. Cells are taken only after every rate was seen to have them. What is taken and of no use after all, because somebody else was
//!    faster, goes back ([`Spent`]).

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::sync::Arc;

use super::costs::Costs;
use crate::limit::error::{Part, ResourceLimitError};
use crate::limit::rate::{self, is_not_ready};
use crate::primitive::{catch, resume};
use crate::runtime::Timer;
use crate::sync::{Closing, Semaphore};
use crate::time::Instant;

/// One limiter among others.
pub(super) struct Member<T> {
    pub(super) limit: Arc<T>,
    pub(super) part: Part,
}

/// A part as it was added, in the order of building.
pub(super) struct Entry {
    pub(super) part: Part,
    pub(super) name: Option<Cow<'static, str>>,
}

pub(crate) struct Parts<R: Timer> {
    pub(super) slots: Box<[Member<Semaphore>]>,
    pub(super) rates: Box<[Member<rate::Shared<R>>]>,
    pub(super) entries: Box<[Entry]>,
    pub(super) closing: Closing,
    pub(super) runtime: R,
}

/// The parts as a permit has them: lent by the limiter, or its own.
pub(super) enum Lent<'a, R: Timer> {
    Borrowed(&'a Parts<R>),
    Owned(Arc<Parts<R>>),
}

impl<R: Timer> core::ops::Deref for Lent<'_, R> {
    type Target = Parts<R>;

    #[inline]
    fn deref(&self) -> &Parts<R> {
        match self {
            Self::Borrowed(parts) => parts,
            Self::Owned(parts) => parts,
        }
    }
}

impl Member<Semaphore> {
    #[inline]
    pub(super) fn take(&self, costs: &Costs) -> Result<(), ResourceLimitError> {
        self.limit.take(costs.of(self.part)).map_err(|error| ResourceLimitError::from(error).of(self.part))
    }

    #[inline]
    pub(super) fn release(&self, costs: &Costs) {
        match costs.of(self.part) {
            0 => {}
            cost => self.limit.release(cost as usize),
        }
    }
}

impl<R: Timer> Member<rate::Shared<R>> {
    #[inline]
    fn take(&self, now: impl Fn() -> Instant, costs: &Costs) -> Result<(), ResourceLimitError> {
        self.limit.take(now, costs.of(self.part)).map_err(|error| error.of(self.part))
    }

    #[inline]
    fn look(&self, now: impl Fn() -> Instant, costs: &Costs) -> Result<(), ResourceLimitError> {
        self.limit.look(now, costs.of(self.part)).map_err(|error| error.of(self.part))
    }
}

impl<R: Timer> Parts<R> {
    /// Refuses what the parts need not even see.
    #[inline]
    pub(super) fn check(&self, costs: &Costs) -> Result<(), ResourceLimitError> {
        match costs.len() {
            Some(given) if given != self.entries.len() => Err(ResourceLimitError::costs(given, self.entries.len())),
            _ if self.closing.is_closed() => Err(ResourceLimitError::CLOSED),
            _ => Ok(()),
        }
    }

    /// Refuses what some part would never grant.
    #[cold]
    pub(super) fn vet(&self, costs: &Costs) -> Result<(), ResourceLimitError> {
        for Member { limit, part } in &self.slots {
            limit.vet(costs.of(*part)).map_err(|error| ResourceLimitError::from(error).of(*part))?;
        }
        for Member { limit, part } in &self.rates {
            limit.vet(costs.of(*part)).map_err(|error| error.of(*part))?;
        }
        Ok(())
    }

    /// The rates that something is asked of, with their places among the rates.
    pub(super) fn wanted<'a>(
        &'a self,
        costs: &'a Costs,
    ) -> impl DoubleEndedIterator<Item = (usize, &'a Member<rate::Shared<R>>)> {
        self.rates.iter().enumerate().filter(|(_, rate)| costs.of(rate.part) > 0)
    }

    /// Takes from all rates or from none.
    #[inline]
    pub(super) fn take_rates(&self, costs: &Costs) -> Result<(), ResourceLimitError> {
        match &self.rates[..] {
            [] => Ok(()),
            [only] => only.take(|| self.runtime.now(), costs),
            several => self.take_several(several, costs),
        }
    }

    fn take_several(&self, rates: &[Member<rate::Shared<R>>], costs: &Costs) -> Result<(), ResourceLimitError> {
        // All parts go by one clock, and one look at it is enough for all.
        let now = self.runtime.now();
        // Taking from the first one looks at it: nothing is spent before that.
        if let Some(refused) = rates.iter().skip(1).find_map(|rate| rate.look(|| now, costs).err()) {
            return Err(self.longest(costs, refused));
        }
        let mut spent = Spent::nothing(self, costs);
        for rate in rates {
            if let Err(refused) = rate.take(|| now, costs) {
                drop(spent);
                return Err(self.longest(costs, refused));
            }
            spent.first += 1;
        }
        spent.keep();
        Ok(())
    }

    /// Of all refusals, beside the one that was heard, the one that waiting helps with last.
    #[cold]
    fn longest(&self, costs: &Costs, refused: ResourceLimitError) -> ResourceLimitError {
        let now = || self.runtime.now();
        self.rates.iter().filter_map(|rate| rate.look(now, costs).err()).fold(refused, |worst, other| {
            let is_worse = !is_not_ready(&other) || other.retry_after() > worst.retry_after();
            if is_not_ready(&worst) && is_worse { other } else { worst }
        })
    }

    /// The rate, if there is one, whose turn comes later than in `left` nanoseconds.
    pub(super) fn within(&self, costs: &Costs, left: u64) -> Result<(), ResourceLimitError> {
        for rate in &self.rates {
            let needed = rate.look(|| self.runtime.now(), costs).err().and_then(|refused| refused.retry_after());
            let needed = needed.map_or(0, crate::time::nanos);
            if needed > left {
                return Err(ResourceLimitError::deadline(Some(needed), left).of(rate.part));
            }
        }
        Ok(())
    }
}

/// Cells that were taken and go back unless they are [kept](Self::keep): those of the `first` so many rates, and of the `last` one.
pub(super) struct Spent<'a, R: Timer> {
    parts: &'a Parts<R>,
    costs: &'a Costs,
    pub(super) first: usize,
    pub(super) last: Option<usize>,
}

impl<'a, R: Timer> Spent<'a, R> {
    pub(super) fn nothing(parts: &'a Parts<R>, costs: &'a Costs) -> Self {
        Self { parts, costs, first: 0, last: None }
    }

    /// Those of all rates.
    pub(super) fn all(parts: &'a Parts<R>, costs: &'a Costs) -> Self {
        Self { first: parts.rates.len(), ..Self::nothing(parts, costs) }
    }

    #[inline]
    pub(super) fn keep(mut self) {
        (self.first, self.last) = (0, None);
    }
}

impl<R: Timer> Drop for Spent<'_, R> {
    #[inline]
    fn drop(&mut self) {
        let places = (0..self.first).chain(self.last);
        for_all(places.map(|place| &self.parts.rates[place]), |rate| match self.costs.of(rate.part) {
            0 => {}
            cost => rate.limit.give_back(cost),
        });
    }
}

/// Does `each` for all items, also if it panics for one.
#[inline]
pub(super) fn for_all<T>(items: impl Iterator<Item = T>, each: impl Fn(T)) {
    let mut panic = None;
    for item in items {
        panic = panic.or(catch(|| each(item)).err());
    }
    panic.into_iter().for_each(resume);
}
