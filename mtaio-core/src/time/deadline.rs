//! The latest instant at which something may still happen.

use core::time::Duration;

use super::Instant;

/// An instant at which waiting ends, or none.
///
/// Ordered by time: [`NEVER`](Self::NEVER) is the latest, and [`min`](Ord::min) is the stricter of two.
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
pub struct Deadline(Instant);

impl Deadline {
    /// No deadline.
    pub const NEVER: Self = Self(Instant::FAR);

    /// The deadline `at`.
    pub const fn at(at: Instant) -> Self {
        Self(at)
    }

    /// The deadline `timeout` after `now`; so long a time-out that the clock cannot say it is [`NEVER`](Self::NEVER).
    pub const fn after(now: Instant, timeout: Duration) -> Self {
        Self(now.saturating_add(timeout))
    }

    /// When it is; `None` if never.
    pub const fn instant(self) -> Option<Instant> {
        if self.0.as_nanos() == Instant::FAR.as_nanos() { None } else { Some(self.0) }
    }

    /// How much time is left at `now`; `None` if there is no deadline.
    pub fn remaining(self, now: Instant) -> Option<Duration> {
        self.instant().map(|at| at.since(now))
    }

    /// Whether `now` is the deadline or after it.
    pub fn has_passed(self, now: Instant) -> bool {
        self.instant().is_some_and(|at| at <= now)
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
