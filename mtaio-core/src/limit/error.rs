//! Why a limiter refused.

use core::fmt;
use core::num::NonZeroU64;
use core::time::Duration;

use super::gcra::Wait;
use super::quota::InvalidQuota;
use crate::sync::{AcquireError, Refusal};

/// Why a limiter let nothing through.
///
/// ```
/// use core::time::Duration;
/// use mtaio_core::Instant;
/// use mtaio_core::limit::{Quota, ResourceLimitErrorKind, TokenBucket};
///
/// let mut bucket = TokenBucket::new(Quota::per_second(10).burst(1));
/// bucket.try_take(Instant::ORIGIN, 1)?;
/// let refused = bucket.try_take(Instant::ORIGIN, 1).unwrap_err();
/// assert_eq!(refused.kind(), ResourceLimitErrorKind::NotReady);
/// assert_eq!(refused.retry_after(), Some(Duration::from_millis(100)));
/// assert_eq!(refused.to_string(), "the limit is reached; try again in 100ms");
/// # Ok::<(), mtaio_core::limit::ResourceLimitError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceLimitError {
    reason: Reason,
}

/// The kinds of [`ResourceLimitError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResourceLimitErrorKind {
    /// Not now. [`retry_after`](ResourceLimitError::retry_after) says when, if the limiter can know.
    NotReady,
    /// More than the limit allows at all: it would never go through.
    TooLarge,
    /// As many wait as may.
    QueueFull,
    /// It cannot go through, or did not, within the time it had.
    Deadline,
    /// The limiter is closed.
    Closed,
}

/// What happened, small enough for a waiter to carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    NotReady(Option<Wait>),
    TooLarge {
        asked: u32,
        limit: usize,
    },
    QueueFull {
        waiters: usize,
    },
    /// In nanoseconds. What was needed can be unknown.
    Deadline {
        needed: Option<NonZeroU64>,
        left: u64,
    },
    Closed,
}

impl ResourceLimitError {
    pub(super) const CLOSED: Self = Self { reason: Reason::Closed };

    pub(super) fn not_ready(wait: Option<Wait>) -> Self {
        Self { reason: Reason::NotReady(wait) }
    }

    pub(super) fn too_large(asked: u32, limit: usize) -> Self {
        Self { reason: Reason::TooLarge { asked, limit } }
    }

    pub(super) fn queue_full(waiters: usize) -> Self {
        Self { reason: Reason::QueueFull { waiters } }
    }

    /// `needed` and `left` in nanoseconds.
    pub(super) fn deadline(needed: Option<u64>, left: u64) -> Self {
        Self { reason: Reason::Deadline { needed: needed.and_then(NonZeroU64::new), left } }
    }

    /// What kind of refusal it is.
    pub const fn kind(&self) -> ResourceLimitErrorKind {
        match self.reason {
            Reason::NotReady(_) => ResourceLimitErrorKind::NotReady,
            Reason::TooLarge { .. } => ResourceLimitErrorKind::TooLarge,
            Reason::QueueFull { .. } => ResourceLimitErrorKind::QueueFull,
            Reason::Deadline { .. } => ResourceLimitErrorKind::Deadline,
            Reason::Closed => ResourceLimitErrorKind::Closed,
        }
    }

    /// How long until the same request goes through, if nobody else comes, gives up or changes the limit: after exactly that
    /// time it does, and a nanosecond before it does not. It counts those who queue already, who are served on time as long as the
    /// timer is no later than twice its [granularity](crate::runtime::Timer::granularity).
    ///
    /// `None` where time alone does not help: for slots, which return when they return, and for all kinds but
    /// [`NotReady`](ResourceLimitErrorKind::NotReady).
    pub fn retry_after(&self) -> Option<Duration> {
        match self.reason {
            Reason::NotReady(wait) => wait.map(|wait| wait.duration()),
            _ => None,
        }
    }

    /// How long the wait would have been, if it is known. Only for [`Deadline`](ResourceLimitErrorKind::Deadline).
    pub fn needed(&self) -> Option<Duration> {
        match self.reason {
            Reason::Deadline { needed, .. } => needed.map(|nanos| Duration::from_nanos(nanos.get())),
            _ => None,
        }
    }

    /// How long it could have waited. Only for [`Deadline`](ResourceLimitErrorKind::Deadline).
    pub fn left(&self) -> Option<Duration> {
        match self.reason {
            Reason::Deadline { left, .. } => Some(Duration::from_nanos(left)),
            _ => None,
        }
    }

    /// Whether the limiter is closed.
    pub const fn is_closed(&self) -> bool {
        matches!(self.reason, Reason::Closed)
    }
}

impl fmt::Display for ResourceLimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Reason::NotReady(Some(wait)) => write!(f, "the limit is reached; try again in {:?}", wait.duration()),
            Reason::NotReady(None) => f.write_str("the limit is reached; try again when something was released"),
            Reason::TooLarge { asked, limit } => {
                write!(f, "{asked} at once would never go through; the limit is {limit}")
            }
            Reason::QueueFull { waiters } => write!(f, "{waiters} are waiting already, which is as many as may"),
            Reason::Deadline { needed: Some(nanos), left } => {
                let (needed, left) = (Duration::from_nanos(nanos.get()), Duration::from_nanos(left));
                write!(f, "its turn comes in {needed:?}, and it may wait {left:?}")
            }
            Reason::Deadline { needed: None, left } => {
                write!(f, "its turn did not come within {:?}", Duration::from_nanos(left))
            }
            Reason::Closed => f.write_str("the limiter is closed"),
        }
    }
}

impl core::error::Error for ResourceLimitError {}

impl From<AcquireError> for ResourceLimitError {
    fn from(error: AcquireError) -> Self {
        match error.refusal() {
            Refusal::NoPermits => Self::not_ready(None),
            Refusal::TooLarge { limit } => Self::too_large(error.asked(), limit),
            Refusal::QueueFull { waiters } => Self::queue_full(waiters),
            Refusal::Closed => Self::CLOSED,
        }
    }
}

/// Any error of this crate, for functions that meet several.
///
/// ```
/// use mtaio_core::limit::{Quota, RateLimiter, ResourceError};
/// # use mtaio_core::runtime::ManualClock;
///
/// fn limiter(text: &str) -> Result<RateLimiter<ManualClock>, ResourceError> {
///     let limiter = RateLimiter::with_runtime(text.parse::<Quota>()?, ManualClock::new());
///     limiter.try_acquire()?;
///     Ok(limiter)
/// }
/// assert!(limiter("10/s").is_ok());
/// assert!(matches!(limiter("ten"), Err(ResourceError::Quota(_))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ResourceError {
    /// A limiter refused.
    Limit(ResourceLimitError),
    /// A quota is none.
    Quota(InvalidQuota),
}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(error) => error.fmt(f),
            Self::Quota(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ResourceError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Limit(error) => Some(error),
            Self::Quota(error) => Some(error),
        }
    }
}

impl From<ResourceLimitError> for ResourceError {
    fn from(error: ResourceLimitError) -> Self {
        Self::Limit(error)
    }
}

impl From<AcquireError> for ResourceError {
    fn from(error: AcquireError) -> Self {
        Self::Limit(error.into())
    }
}

impl From<InvalidQuota> for ResourceError {
    fn from(error: InvalidQuota) -> Self {
        Self::Quota(error)
    }
}
