//! What decides the limit: samples in, a limit out.

mod aimd;
mod elastic;
mod gradient2;
mod vegas;
mod window;

use core::fmt;
use core::time::Duration;

pub use aimd::Aimd;
pub use elastic::Elastic;
pub use gradient2::Gradient2;
pub use vegas::Vegas;

use super::error::{InvalidAdaptation, Reason};
use crate::time::Instant;

/// Decides how much may run at once, from what it is told of each request that has ended.
///
/// It is a plain struct of numbers: it waits for nothing, reads no clock, and is called by one at a time. No lock is held meanwhile.
/// [`Elastic`] is the default; [`Aimd`], [`Vegas`] and [`Gradient2`] are those that others use, to compare with; and any other can be
/// given to an [`AdaptiveConcurrencyLimiter`](crate::limit::AdaptiveConcurrencyLimiter).
///
/// # Examples
///
/// ```
/// use mtaio_core::limit::{AdaptiveConcurrencyLimiter, LimitAlgorithm, Sample};
/// # use mtaio_core::runtime::VirtualRuntime;
///
/// /// Lets in one less for each request that was dropped.
/// #[derive(Debug)]
/// struct Timid(usize);
///
/// impl LimitAlgorithm for Timid {
///     fn limit(&self) -> usize {
///         self.0
///     }
///
///     fn record(&mut self, sample: &Sample) -> usize {
///         self.0 = self.0.saturating_sub(usize::from(sample.dropped)).max(1);
///         self.0
///     }
/// }
///
/// let limiter = AdaptiveConcurrencyLimiter::with_algorithm(Timid(3), VirtualRuntime::new());
/// limiter.try_acquire()?.dropped();
/// assert_eq!(limiter.limit(), 2);
/// # Ok::<(), mtaio_core::limit::ResourceLimitError>(())
/// ```
pub trait LimitAlgorithm: fmt::Debug + Send {
    /// The limit now, and before there was any sample.
    fn limit(&self) -> usize;

    /// Takes a sample into account, and returns the limit from now on. Samples come in the order in which requests end, as nearly as
    /// several threads have one.
    fn record(&mut self, sample: &Sample) -> usize;
}

/// What is known of one request that has ended. Those whose outcome says nothing are never told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it was let in.
    pub start: Instant,
    /// When it ended, or was given up.
    pub end: Instant,
    /// How many were in flight when it was let in, itself included.
    pub in_flight: usize,
    /// It was given up or refused: what it would have taken is at least the [round trip](Self::rtt), and nobody knows how much more.
    pub dropped: bool,
}

impl Sample {
    /// How long it took; of one that was dropped, a lower bound. Zero if the clock stepped back.
    pub fn rtt(&self) -> Duration {
        self.end - self.start
    }

    /// In nanoseconds, at least one: nothing divides by it then.
    fn rtt_nanos(&self) -> f64 {
        (self.end - self.start).as_nanos().max(1) as f64
    }
}

/// Where a limit begins, and between what it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitBounds {
    initial: usize,
    min: usize,
    max: usize,
}

impl LimitBounds {
    /// Begins at `initial`, and stays between 1 and 1000, or `initial` if that is more.
    ///
    /// # Errors
    ///
    /// [`InvalidAdaptation`] if `initial` is zero.
    pub const fn new(initial: usize) -> Result<Self, InvalidAdaptation> {
        Self::between(initial, 1, if initial > 1000 { initial } else { 1000 })
    }

    /// Begins at `initial`, and stays between `min` and `max`.
    ///
    /// # Errors
    ///
    /// [`InvalidAdaptation`] if `min` is zero: a limit of zero would see no sample ever again. And if `initial` is not between the two.
    pub const fn between(initial: usize, min: usize, max: usize) -> Result<Self, InvalidAdaptation> {
        if min == 0 || min > initial || initial > max {
            return Err(InvalidAdaptation::new(Reason::Bounds { initial, min, max }));
        }
        Ok(Self { initial, min, max })
    }

    /// Where it begins.
    pub const fn initial(&self) -> usize {
        self.initial
    }

    /// The least that it may be.
    pub const fn min(&self) -> usize {
        self.min
    }

    /// The most that it may be.
    pub const fn max(&self) -> usize {
        self.max
    }

    fn clamp(&self, limit: f64) -> f64 {
        limit.clamp(self.min as f64, self.max as f64)
    }

    /// As a whole number: the nearest float to a bound may lie beyond it.
    fn whole(&self, limit: f64) -> usize {
        (limit as usize).clamp(self.min, self.max)
    }

    /// What `new` of each algorithm takes.
    #[track_caller]
    fn or_panic(initial: usize) -> Self {
        match Self::new(initial) {
            Ok(bounds) => bounds,
            Err(error) => panic!("{error}"),
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests;
