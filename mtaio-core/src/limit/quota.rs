//! How much is allowed: a rate and a burst.

mod error;
mod text;

use core::num::{NonZeroU32, NonZeroU64};
use core::time::Duration;

pub use error::InvalidQuota;
use error::Reason;

const SECOND: u64 = 1_000_000_000;

/// A rate, as cells in a period, and a burst, as the cells that an idle limiter has ready.
///
/// The rate is kept as an exact fraction: 3 cells in 7 milliseconds is that, not 428.57 a second. Two quotas are equal if they
/// allow the same.
///
/// The burst is `max(1, floor(cells per second))` unless it is said: it lets through at once what a second allows. A burst of 1
/// spaces the cells evenly.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use mtaio_core::limit::Quota;
///
/// const API: Quota = Quota::per_second(10).burst(20);
///
/// assert_eq!(Quota::per_minute(60), Quota::per_second(1));
/// assert_eq!(Quota::every(Duration::from_millis(100))?, Quota::per_second(10));
/// assert_eq!(Quota::from_rate(2.5)?, Quota::new(5, Duration::from_secs(2))?);
/// assert_eq!("10/s burst 20".parse::<Quota>()?, API);
/// assert_eq!(API.to_string(), "10/s burst 20");
/// # Ok::<(), mtaio_core::limit::InvalidQuota>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    /// With `period` a fraction in lowest terms.
    cells: NonZeroU32,
    /// In nanoseconds.
    period: NonZeroU64,
    burst: NonZeroU32,
}

impl Quota {
    /// `cells` in a second.
    ///
    /// # Panics
    ///
    /// If `cells` is zero; in a constant that is a compile error.
    pub const fn per_second(cells: u32) -> Self {
        Self::in_period(cells, SECOND)
    }

    /// `bytes` in a second, for what flows: the burst is what comes in 20 ms, at least 1.
    ///
    /// With a burst of a whole second, a transfer of ten seconds would have a tenth more than its rate.
    ///
    /// ```
    /// # use mtaio_core::limit::Quota;
    /// assert_eq!(Quota::bytes_per_second(1 << 20), Quota::per_second(1 << 20).burst(20_971));
    /// ```
    ///
    /// # Panics
    ///
    /// If `bytes` is zero; in a constant that is a compile error.
    pub const fn bytes_per_second(bytes: u32) -> Self {
        let burst = bytes / 50;
        Self::per_second(bytes).burst(if burst == 0 { 1 } else { burst })
    }

    /// `cells` in a minute, evenly: unless there is a [`burst`](Self::burst), that is what comes in a second, at least 1.
    ///
    /// # Panics
    ///
    /// If `cells` is zero; in a constant that is a compile error.
    pub const fn per_minute(cells: u32) -> Self {
        Self::in_period(cells, 60 * SECOND)
    }

    /// `cells` in an hour, evenly: unless there is a [`burst`](Self::burst), that is what comes in a second, at least 1.
    ///
    /// # Panics
    ///
    /// If `cells` is zero; in a constant that is a compile error.
    pub const fn per_hour(cells: u32) -> Self {
        Self::in_period(cells, 3600 * SECOND)
    }

    /// `cells` in `period`.
    ///
    /// # Errors
    ///
    /// If either is zero, or the period is longer than 584 years (2^64 - 1 ns).
    pub const fn new(cells: u32, period: Duration) -> Result<Self, InvalidQuota> {
        let Some(cells) = NonZeroU32::new(cells) else { return Err(InvalidQuota::new(Reason::NoCells)) };
        let nanos = period.as_nanos();
        if nanos > u64::MAX as u128 {
            return Err(InvalidQuota::new(Reason::PeriodTooLong(period)));
        }
        match NonZeroU64::new(nanos as u64) {
            Some(period) => Ok(Self::reduced(cells, period)),
            None => Err(InvalidQuota::new(Reason::NoPeriod)),
        }
    }

    /// A cell every `interval`.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub const fn every(interval: Duration) -> Result<Self, InvalidQuota> {
        Self::new(1, interval)
    }

    /// `rate` cells in a second.
    ///
    /// The number is taken as the simplest fraction that it is nearest to: 2.5 is 5 in 2 s, and 0.1 is 1 in 10 s. Where no fraction
    /// of 32 bits over 2^64 ns is that near, the nearest one is taken.
    ///
    /// # Errors
    ///
    /// If `rate` is not a positive number, or beyond what a quota can say: 2^32 cells in a nanosecond, a cell in 584 years.
    pub fn from_rate(rate: f64) -> Result<Self, InvalidQuota> {
        // Not `rate <= 0.0`: it would let NaN pass.
        if !(rate > 0.0 && rate.is_finite()) {
            return Err(InvalidQuota::new(Reason::Rate(rate)));
        }
        let (cells, period) = fraction_of(rate).ok_or(InvalidQuota::new(Reason::Rate(rate)))?;
        Ok(Self::reduced(cells, period))
    }

    /// The same rate with another burst.
    ///
    /// # Panics
    ///
    /// If `burst` is zero; in a constant that is a compile error. [`try_burst`](Self::try_burst) returns an error instead.
    #[must_use]
    pub const fn burst(self, burst: u32) -> Self {
        match self.try_burst(burst) {
            Ok(quota) => quota,
            Err(_) => panic!("a burst of 0 would never let anything through; it is at least 1"),
        }
    }

    /// The same rate with another burst.
    ///
    /// # Errors
    ///
    /// If `burst` is zero.
    pub const fn try_burst(self, burst: u32) -> Result<Self, InvalidQuota> {
        match NonZeroU32::new(burst) {
            Some(burst) => Ok(Self { burst, ..self }),
            None => Err(InvalidQuota::new(Reason::NoBurst)),
        }
    }

    /// The most cells that are ready at once.
    pub const fn burst_size(&self) -> u32 {
        self.burst.get()
    }

    /// The rate as a fraction in lowest terms: so many cells in so much time.
    pub const fn fraction(&self) -> (u32, Duration) {
        (self.cells.get(), Duration::from_nanos(self.period.get()))
    }

    /// The rate in cells per second, as nearly as a float can say it.
    pub fn rate(&self) -> f64 {
        f64::from(self.cells.get()) * SECOND as f64 / self.period.get() as f64
    }

    /// The time between two cells, rounded up to a nanosecond.
    pub const fn emission_interval(&self) -> Duration {
        Duration::from_nanos(self.period.get().div_ceil(self.cells.get() as u64))
    }

    /// Cells and nanoseconds, in lowest terms.
    pub(super) const fn terms(&self) -> (u32, u64) {
        (self.cells.get(), self.period.get())
    }

    const fn in_period(cells: u32, nanos: u64) -> Self {
        match Self::new(cells, Duration::from_nanos(nanos)) {
            Ok(quota) => quota,
            Err(_) => panic!("a rate of 0 would never let anything through; it is at least 1"),
        }
    }

    const fn reduced(cells: NonZeroU32, period: NonZeroU64) -> Self {
        let divisor = gcd(period.get(), cells.get() as u64);
        let (cells, period) = (cells.get() / divisor as u32, period.get() / divisor);
        let (Some(cells), Some(period)) = (NonZeroU32::new(cells), NonZeroU64::new(period)) else { unreachable!() };
        Self { cells, period, burst: default_burst(cells, period) }
    }

    fn default_burst(&self) -> u32 {
        default_burst(self.cells, self.period).get()
    }
}

/// The cells of one second, at least 1.
const fn default_burst(cells: NonZeroU32, period: NonZeroU64) -> NonZeroU32 {
    let per_second = cells.get() as u128 * SECOND as u128 / period.get() as u128;
    let burst = if per_second > u32::MAX as u128 { u32::MAX } else { per_second as u32 };
    match NonZeroU32::new(burst) {
        Some(burst) => burst,
        None => NonZeroU32::MIN,
    }
}

const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

type Terms = (NonZeroU32, NonZeroU64);

/// The simplest fraction cells / nanoseconds that is `rate` cells in a second to the last bit; or else the nearest one.
fn fraction_of(rate: f64) -> Option<Terms> {
    match convergent(rate, SECOND) {
        Some((terms, true)) => Some(terms),
        _ => convergent(rate / SECOND as f64, 1).map(|(terms, _)| terms),
    }
}

/// The last convergent of the continued fraction of `cells_per_unit` that a quota can say, and whether it is that very number.
/// Convergents are the best approximations (Khinchin, Continued Fractions, theorem 17).
fn convergent(cells_per_unit: f64, unit: u64) -> Option<(Terms, bool)> {
    /// 2^64, where a cast to `u64` saturates.
    const BEYOND: f64 = 18_446_744_073_709_551_616.0;
    let mut best = None;
    let (mut cells, mut cells_before) = (1_u128, 0_u128);
    let (mut units, mut units_before) = (0_u128, 1_u128);
    let mut rest = cells_per_unit;
    while rest < BEYOND {
        let whole = rest as u64;
        (cells, cells_before) = (u128::from(whole) * cells + cells_before, cells);
        (units, units_before) = (u128::from(whole) * units + units_before, units);
        // A rate below 1 begins with 0 cells: a term to go on from, not an answer.
        if cells > 0 {
            let Some(terms) = in_terms(cells, units * u128::from(unit)) else { break };
            let exact = cells as f64 / units as f64 == cells_per_unit;
            best = Some((terms, exact));
            if exact {
                break;
            }
        }
        // An exact end is an infinite rest, which ends the loop.
        rest = 1.0 / (rest - whole as f64);
    }
    best
}

/// The fraction in lowest terms, if a quota can say it.
fn in_terms(cells: u128, nanos: u128) -> Option<Terms> {
    let (mut a, mut b) = (nanos, cells);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let (cells, nanos) = (u32::try_from(cells / a).ok()?, u64::try_from(nanos / a).ok()?);
    Some((NonZeroU32::new(cells)?, NonZeroU64::new(nanos)?))
}

#[cfg(test)]
mod tests;
