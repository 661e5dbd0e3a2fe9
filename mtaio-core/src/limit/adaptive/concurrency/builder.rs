//! How an adaptive concurrency limiter is made, where `new` does not say enough.

use alloc::boxed::Box;
use core::fmt;
use core::marker::PhantomData;

use super::AdaptiveConcurrencyLimiter;
use crate::limit::adaptive::algorithm::{Elastic, LimitAlgorithm, LimitBounds};
use crate::limit::adaptive::error::InvalidAdaptation;
use crate::runtime::Timer;

type MakeAlgorithm = fn(LimitBounds) -> Box<dyn LimitAlgorithm>;

/// Makes an [`AdaptiveConcurrencyLimiter`]: see [`AdaptiveConcurrencyLimiter::builder`].
#[derive(Clone)]
#[must_use = "a builder does nothing until it builds"]
pub struct AdaptiveConcurrencyLimiterBuilder<R> {
    initial: usize,
    between: Option<(usize, usize)>,
    max_waiters: usize,
    make: MakeAlgorithm,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Timer> AdaptiveConcurrencyLimiterBuilder<R> {
    pub(super) fn new(initial: usize) -> Self {
        let make: MakeAlgorithm = |bounds| Box::new(Elastic::within(bounds));
        Self { initial, between: None, max_waiters: usize::MAX, make, runtime: PhantomData }
    }

    /// Keeps the limit between `min` and `max`; without it, between 1 and 1000, or the initial limit if that is more.
    pub fn between(self, min: usize, max: usize) -> Self {
        Self { between: Some((min, max)), ..self }
    }

    /// Lets at most so many wait; whoever comes then is refused at once.
    pub fn max_waiters(self, waiters: usize) -> Self {
        Self { max_waiters: waiters, ..self }
    }

    /// Follows another algorithm than [`Elastic`], within the bounds that it is given:
    /// `.algorithm(|bounds| Box::new(Vegas::within(bounds)))`.
    pub fn algorithm(self, make: fn(LimitBounds) -> Box<dyn LimitAlgorithm>) -> Self {
        Self { make, ..self }
    }

    /// Makes the limiter on the default runtime of its type.
    ///
    /// # Errors
    ///
    /// [`InvalidAdaptation`] if a limit is zero, or the initial one is not within the bounds.
    pub fn build(self) -> Result<AdaptiveConcurrencyLimiter<R>, InvalidAdaptation>
    where
        R: Default,
    {
        self.build_on(R::default())
    }

    /// Makes the limiter on `runtime`.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_on(self, runtime: R) -> Result<AdaptiveConcurrencyLimiter<R>, InvalidAdaptation> {
        let bounds = match self.between {
            Some((min, max)) => LimitBounds::between(self.initial, min, max)?,
            None => LimitBounds::new(self.initial)?,
        };
        Ok(AdaptiveConcurrencyLimiter::from_parts((self.make)(bounds), self.max_waiters, runtime))
    }
}

impl<R> fmt::Debug for AdaptiveConcurrencyLimiterBuilder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdaptiveConcurrencyLimiterBuilder")
            .field("initial", &self.initial)
            .field("between", &self.between)
            .field("max_waiters", &self.max_waiters)
            .finish_non_exhaustive()
    }
}
