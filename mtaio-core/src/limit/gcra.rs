//! The generic cell rate algorithm, in exact integers.
//!
//! GCRA (ITU-T I.371, virtual scheduling) keeps one number, the *theoretical arrival time* (TAT): when the bucket will be full
//! again. A request of `n` cells conforms if it moves the TAT no further than the burst tolerance beyond now:
//!
//! ```text
//! max(TAT, now) + n * cost <= now + burst * cost     then     TAT = max(TAT, now) + n * cost
//! ```
//!
//! Where a *debt* is allowed, a request beyond the burst conforms when the bucket is full, that is, when the TAT is not after
//! now, and moves the TAT up to the burst and the debt beyond now. In one formula for both, `max(burst, n)` stands in place of
//! the burst.
//!
//! Time is counted in *units* for which both sides are whole numbers. With `cells` in `period` nanoseconds, in lowest terms, a
//! nanosecond is `cells` units and a cell is `period` units: nothing is ever rounded, at 3 cells in 7 ms as little as at 10/s.
//! Only where the burst and the debt would need more than 2^52 such units (a cell a day and a burst of more than 52, say), or the
//! rate more than 2^29 cells a period, a unit is a power-of-two part of a cell instead, and time is mapped to it by a factor of
//! 62 bits, rounded down: such a rate is off by less than 1e-18 of itself.

use core::fmt;
use core::num::NonZeroU64;
use core::time::Duration;

use super::quota::Quota;

/// How many units a burst, with a debt, may have. With [`MAX_UNITS`] this keeps every sum far below 2^64.
const MAX_BURST: u64 = 1 << 52;
/// How many units may have passed since the base; then the base moves.
pub(super) const MAX_UNITS: u64 = 1 << 53;
/// The longest time since the base, 292 years: so that a time before the base, which wraps around, is beyond it.
pub(super) const MAX_TIME: u64 = u64::MAX / 2;
/// The most units in a nanosecond that still leave 16 ms between two moves of the base.
const MAX_RATE: u64 = 1 << 29;
/// The bits of a factor. With a time of 64 bits a product stays below 2^126, so that it can be signed.
const FACTOR_BITS: u32 = 62;

/// The parameters of GCRA for one quota: pure arithmetic, no state.
///
/// Times are nanoseconds since a base that the caller keeps, TATs are in units since that base. Both saturate.
/// [`TokenBucket`](super::TokenBucket) keeps them, and is what most want.
///
/// ```
/// use mtaio_core::limit::{Gcra, Quota};
///
/// let gcra = Gcra::new(Quota::per_second(10).burst(1));
/// let tat = gcra.conform(0, 0, 1).unwrap();
/// // The next cell conforms 100 ms later; a refusal says how long that is from now.
/// let refused = gcra.conform(tat, 40_000_000, 1).unwrap_err();
/// assert_eq!(refused.wait(), Some(core::time::Duration::from_millis(60)));
/// assert!(gcra.conform(tat, 100_000_000, 1).is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gcra {
    quota: Quota,
    /// In cells.
    debt: u32,
    scale: Scale,
    /// The longest time since the base, in nanoseconds, that has at most [`MAX_UNITS`].
    horizon: u64,
}

/// How time and cells become units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale {
    /// Units in 2^shift nanoseconds.
    pub(super) factor: u64,
    pub(super) shift: u32,
    /// Units in a cell.
    pub(super) cost: u64,
    /// Units in the burst.
    pub(super) burst: u64,
    /// Units in the burst and the debt: no TAT is further ahead of now.
    pub(super) limit: u64,
}

/// What a bucket has come to: the one thing that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The theoretical arrival time in units since the base.
    pub(super) tat: u64,
    /// The TAT lies before now because a timer was late, not because nobody came: it is used as it is, up to a cap.
    pub(super) late: bool,
}

/// Why a request does not conform now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(Option<Wait>);

/// How long until a request conforms. The division is left to those who ask.
#[derive(Clone, Copy)]
pub(super) struct Wait {
    units: u64,
    per_nano: NonZeroU64,
}

impl Refused {
    /// How long until the request conforms, if nothing else is taken: then it does, and a nanosecond earlier it does not. `None`
    /// if it never will, because it exceeds the burst and the debt.
    pub fn wait(&self) -> Option<Duration> {
        self.0.map(|wait| wait.duration())
    }
}

impl Wait {
    /// Also for units that are all so many times as large as those of the scale.
    #[inline(always)]
    pub(super) const fn units(units: u64, per_nano: NonZeroU64) -> Self {
        Self { units, per_nano }
    }

    pub(super) const fn nanos(nanos: u64) -> Self {
        Self { units: nanos, per_nano: NonZeroU64::MIN }
    }

    pub(super) const fn as_nanos(&self) -> u64 {
        self.units.div_ceil(self.per_nano.get())
    }

    pub(super) const fn duration(&self) -> Duration {
        Duration::from_nanos(self.as_nanos())
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.duration().fmt(f)
    }
}

impl PartialEq for Wait {
    fn eq(&self, other: &Self) -> bool {
        self.as_nanos() == other.as_nanos()
    }
}

impl Eq for Wait {}

impl Gcra {
    /// The parameters of `quota`.
    pub const fn new(quota: Quota) -> Self {
        Self::with_debt(quota, 0)
    }

    /// The parameters of `quota` where a bucket that is full may be left up to `debt` cells below empty.
    pub const fn with_debt(quota: Quota, debt: u32) -> Self {
        let (cells, period) = quota.terms();
        let burst = quota.burst_size() as u64;
        let limit = burst + debt as u64;
        let scale = match period.checked_mul(limit) {
            Some(limit) if limit <= MAX_BURST && cells as u64 <= MAX_RATE => {
                Scale { factor: cells as u64, shift: 0, cost: period, burst: period * burst, limit }
            }
            _ => Scale::by_powers(cells as u128, period as u128, burst, limit),
        };
        let horizon = if MAX_UNITS.leading_zeros() + u64::BITS > scale.shift {
            ((MAX_UNITS as u128) << scale.shift) / scale.factor as u128
        } else {
            u128::MAX
        };
        let horizon = if horizon > MAX_TIME as u128 { MAX_TIME } else { horizon as u64 };
        Self { quota, debt, scale, horizon }
    }

    /// The quota that these are the parameters of.
    pub const fn quota(&self) -> Quota {
        self.quota
    }

    /// The TAT after `n` cells were taken, `now` nanoseconds after the base, from a bucket with this `tat`.
    ///
    /// # Errors
    ///
    /// [`Refused`] if they do not conform. Nothing is taken then.
    pub fn conform(&self, tat: u64, now: u64, n: u32) -> Result<u64, Refused> {
        let units = self.scale.units(now);
        match self.scale.take(Mark { tat, late: false }, units, 0, n) {
            Ok(mark) => Ok(mark.tat),
            Err(Shortage::TooLarge) => Err(Refused(None)),
            Err(Shortage::Until(target)) => Err(Refused(Some(self.scale.wait(now, units, target)))),
        }
    }

    pub(super) const fn debt(&self) -> u32 {
        self.debt
    }

    pub(super) const fn scale(&self) -> &Scale {
        &self.scale
    }

    pub(super) const fn horizon(&self) -> u64 {
        self.horizon
    }

    /// The same without a burst: whatever is asked for is too large.
    #[cfg(feature = "keyed")]
    pub(super) fn without_burst(self) -> Self {
        Self { scale: Scale { burst: 0, limit: 0, ..self.scale }, ..self }
    }
}

/// What is missing to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shortage {
    /// It exceeds the burst and the debt.
    TooLarge,
    /// It conforms when so many units have passed since the base.
    Until(u64),
}

impl Scale {
    /// The finest power of two for a cell that the burst with its debt and the rate leave room for.
    const fn by_powers(cells: u128, period: u128, burst: u64, limit: u64) -> Self {
        let for_burst = (MAX_BURST / limit).ilog2();
        // A nanosecond has `cells << bits` / `period` units.
        let for_rate = match (MAX_RATE as u128 * period / cells).checked_ilog2() {
            Some(bits) => bits,
            None => 0,
        };
        let bits = if for_burst < for_rate { for_burst } else { for_rate };
        let units = cells << bits;
        let mut shift = 0;
        while (units << (shift + 1)) / period < 1 << FACTOR_BITS {
            shift += 1;
        }
        Self {
            factor: ((units << shift) / period) as u64,
            shift,
            cost: 1 << bits,
            burst: burst << bits,
            limit: limit << bits,
        }
    }

    /// The whole units in `nanos`, of which there are no more than the horizon. Beyond it, as the
    /// fast path can be for a moment while the parameters change, it wraps around.
    #[inline]
    pub(super) const fn units_within(&self, nanos: u64) -> u64 {
        if self.shift == 0 { nanos.wrapping_mul(self.factor) } else { self.units(nanos) }
    }

    /// The whole units in `nanos`.
    pub(super) const fn units(&self, nanos: u64) -> u64 {
        let units = (nanos as u128 * self.factor as u128) >> self.shift;
        if units > u64::MAX as u128 { u64::MAX } else { units as u64 }
    }

    /// The whole units in a time before or after the base, rounded down.
    pub(super) const fn signed_units(&self, nanos: i128) -> i128 {
        (nanos * self.factor as i128) >> self.shift
    }

    /// Takes `n` cells at `now` units. Where the mark is late, up to `cap` units before now are made use of.
    #[inline(always)]
    pub(super) fn take(&self, mark: Mark, now: u64, cap: u64, n: u32) -> Result<Mark, Shortage> {
        // A TAT before now, or before the cap where it is late, idled there: that is no credit.
        let lags = mark.late && mark.tat < now && mark.tat.saturating_add(cap) >= now;
        let start = if lags { mark.tat } else { mark.tat.max(now) };
        let cost = match u64::from(n).checked_mul(self.cost) {
            Some(cost) if cost <= self.limit => cost,
            _ => return Err(Shortage::TooLarge),
        };
        let (tat, room) = (start.saturating_add(cost), self.room(cost));
        if tat > now.saturating_add(room) {
            return Err(Shortage::Until(tat - room));
        }
        Ok(Mark { tat, late: lags && tat < now })
    }

    /// How far beyond now a request of so many units may move the TAT: what exceeds the burst needs a bucket that is full.
    #[inline(always)]
    pub(super) const fn room(&self, cost: u64) -> u64 {
        if cost > self.burst { cost } else { self.burst }
    }

    /// How long after `now` (in nanoseconds and in units) `target` units have passed.
    #[inline]
    pub(super) fn wait(&self, now: u64, now_units: u64, target: u64) -> Wait {
        match NonZeroU64::new(self.factor) {
            Some(per_nano) if self.shift == 0 => Wait { units: target.saturating_sub(now_units), per_nano },
            _ => self.scaled_wait(now, target.into()),
        }
    }

    /// As [`wait`](Self::wait), for more units than any bucket has: those of a long queue.
    pub(super) fn long_wait(&self, now: u64, now_units: u64, target: u128) -> Wait {
        match u64::try_from(target) {
            Ok(target) => self.wait(now, now_units, target),
            Err(_) => self.scaled_wait(now, target),
        }
    }

    /// The whole units since the beginning of time, `now` nanoseconds after it. They wrap around.
    #[cfg(feature = "keyed")]
    #[inline]
    pub(super) const fn units_wrapping(&self, now: u64) -> u64 {
        match self.shift {
            0 => now.wrapping_mul(self.factor),
            shift => ((now as u128 * self.factor as u128) >> shift) as u64,
        }
    }

    /// How long after `now` there are `more` [units](Self::units_wrapping).
    #[cfg(feature = "keyed")]
    #[inline]
    pub(super) fn wait_after(&self, now: u64, more: u64) -> Wait {
        self.wait_for_units(more).unwrap_or_else(|| self.scaled_wait_after(now, more))
    }

    /// How long it takes until there are `more` units, if that is the same at any time.
    #[cfg(feature = "keyed")]
    #[inline]
    pub(super) fn wait_for_units(&self, more: u64) -> Option<Wait> {
        NonZeroU64::new(self.factor).filter(|_| self.shift == 0).map(|per_nano| Wait::units(more, per_nano))
    }

    #[cfg(feature = "keyed")]
    #[cold]
    fn scaled_wait_after(&self, now: u64, more: u64) -> Wait {
        let units = (u128::from(now) * u128::from(self.factor)) >> self.shift;
        self.scaled_wait(now, if more == 0 { 0 } else { units + u128::from(more) })
    }

    #[cold]
    fn scaled_wait(&self, now: u64, target: u128) -> Wait {
        // Beyond 2^128 the quotient is beyond 2^66 ns: no clock says that.
        let nanos = if target.leading_zeros() > self.shift {
            (target << self.shift).div_ceil(self.factor.into())
        } else {
            u128::MAX
        };
        Wait::nanos(u64::try_from(nanos).unwrap_or(u64::MAX).saturating_sub(now))
    }
}
