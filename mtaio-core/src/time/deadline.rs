//! The latest instant at which something may still happen.

use core::time::Duration;

use super::{ClockId, Instant};

/// An instant at which waiting ends, or none; it may say of which clock.
///
/// Ordered by time: [`NEVER`](Self::NEVER) is the latest, and [`min`](Ord::min) is the stricter of two. One that names no clock is
/// taken for one of the clock of whoever is given it; one of another clock says nothing there, and bounds nothing.
///
/// ```
/// use core::time::Duration;
/// use mtaio_core::{Deadline, Instant};
///
/// let now = Instant::from_nanos(1_000);
/// let soon = Deadline::after(now, Duration::from_secs(1));
/// assert_eq!(soon.min(Deadline::NEVER), soon);
/// assert_eq!(soon.remaining(now), Some(Duration::from_secs(1)));
/// assert!(soon.has_passed(now + Duration::from_secs(1)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline {
    at: Instant,
    clock: Option<ClockId>,
}

impl Deadline {
    /// No deadline.
    pub const NEVER: Self = Self::at(Instant::FAR);

    /// The deadline `at`.
    pub const fn at(at: Instant) -> Self {
        Self { at, clock: None }
    }

    /// The deadline `timeout` after `now`; so long a time-out that the clock cannot say it is [`NEVER`](Self::NEVER).
    pub const fn after(now: Instant, timeout: Duration) -> Self {
        Self::at(now.saturating_add(timeout))
    }

    /// The same instant, said to be of `clock`.
    pub const fn on(self, clock: ClockId) -> Self {
        Self { at: self.at, clock: Some(clock) }
    }

    /// The clock it is of, if it says so.
    pub const fn clock(self) -> Option<ClockId> {
        self.clock
    }

    /// When it is; `None` if never.
    pub const fn instant(self) -> Option<Instant> {
        if self.at.as_nanos() == Instant::FAR.as_nanos() { None } else { Some(self.at) }
    }

    /// How much time is left at `now`; `None` if there is no deadline.
    pub fn remaining(self, now: Instant) -> Option<Duration> {
        self.instant().map(|at| at.since(now))
    }

    /// Whether `now` is the deadline or after it.
    pub fn has_passed(self, now: Instant) -> bool {
        self.instant().is_some_and(|at| at <= now)
    }

    /// When it is for somebody who goes by `clock`; the end of time if that is another one than the deadline's.
    #[cfg(feature = "alloc")]
    pub(crate) fn instant_on(self, clock: ClockId) -> Instant {
        if self.clock.is_none_or(|own| own == clock) { self.at } else { Instant::FAR }
    }
}

impl Default for Deadline {
    fn default() -> Self {
        Self::NEVER
    }
}

impl From<Instant> for Deadline {
    fn from(at: Instant) -> Self {
        Self::at(at)
    }
}
