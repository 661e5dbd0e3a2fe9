//! Why a limiter refused.

use core::fmt;
use core::num::NonZeroU64;
use core::time::Duration;

#[cfg(feature = "adaptive")]
use super::adaptive::InvalidAdaptation;
#[cfg(feature = "alloc")]
use super::combined::InvalidLimiter;
use super::gcra::Wait;
use super::quota::InvalidQuota;
use crate::sync::{AcquireError, Carried, Refusal};
#[cfg(feature = "alloc")]
use crate::timeout::Elapsed;

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
    /// It had [waited](ResourceLimitError::waited) too long in a line that has been too long for some time, of a limiter that was
    /// built with a queue delay.
    Overloaded,
    /// It asked to wait in a class that the limiter does not have.
    NoSuchClass,
    /// The limiter is closed.
    Closed,
    /// A combined limiter was given more or fewer costs than it has parts.
    WrongCosts,
    /// A keyed limiter has as many keys as it may.
    TooManyKeys,
    /// A request has no key, and its limit is one for each key.
    NoKey,
}

/// A part of a combined limiter, by its place among the parts.
///
/// It reads as `rate 0` or `slots 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    kind: PartKind,
    index: u16,
}

/// What a [`Part`] limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartKind {
    /// How often: a rate limiter.
    Rate,
    /// How much at once: a concurrency limiter.
    Concurrency,
}

impl Part {
    #[cfg(feature = "alloc")]
    pub(super) const fn new(kind: PartKind, index: u16) -> Self {
        Self { kind, index }
    }

    /// What it limits.
    pub const fn kind(&self) -> PartKind {
        self.kind
    }

    /// Its place in the order in which the limiter was built, from zero: that of its cost, too.
    pub const fn index(&self) -> usize {
        self.index as usize
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            PartKind::Rate => "rate",
            PartKind::Concurrency => "slots",
        };
        write!(f, "{kind} {}", self.index)
    }
}

/// What happened, small enough for a waiter to carry: the part lies where the discriminant leaves room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    NotReady {
        wait: Option<Wait>,
        part: Option<Part>,
    },
    TooLarge {
        asked: u32,
        limit: usize,
        part: Option<Part>,
    },
    QueueFull {
        waiters: usize,
        part: Option<Part>,
    },
    /// In nanoseconds. What was needed can be unknown.
    Deadline {
        needed: Option<NonZeroU64>,
        left: u64,
        part: Option<Part>,
    },
    /// In nanoseconds.
    Overloaded {
        waited: u64,
        part: Option<Part>,
    },
    Class {
        class: u8,
        classes: u8,
    },
    Closed {
        part: Option<Part>,
    },
    Costs {
        given: usize,
        parts: usize,
    },
    #[cfg_attr(not(feature = "keyed"), allow(dead_code, reason = "only limits per key say it"))]
    Keys {
        max: usize,
    },
    /// Only a layer with a limit for each key says it.
    #[cfg_attr(not(all(feature = "keyed", feature = "tower")), allow(dead_code))]
    #[cfg_attr(
        not(all(feature = "keyed", feature = "tower")),
        allow(dead_code, reason = "only layers for keys say it")
    )]
    NoKey,
}

impl Reason {
    const fn part(&self) -> Option<Part> {
        match *self {
            Self::NotReady { part, .. }
            | Self::TooLarge { part, .. }
            | Self::QueueFull { part, .. }
            | Self::Deadline { part, .. }
            | Self::Overloaded { part, .. }
            | Self::Closed { part } => part,
            Self::Class { .. } | Self::Costs { .. } | Self::Keys { .. } | Self::NoKey => None,
        }
    }

    #[cfg(feature = "alloc")]
    fn part_mut(&mut self) -> Option<&mut Option<Part>> {
        match self {
            Self::NotReady { part, .. }
            | Self::TooLarge { part, .. }
            | Self::QueueFull { part, .. }
            | Self::Deadline { part, .. }
            | Self::Overloaded { part, .. }
            | Self::Closed { part } => Some(part),
            Self::Class { .. } | Self::Costs { .. } | Self::Keys { .. } | Self::NoKey => None,
        }
    }
}

impl ResourceLimitError {
    pub(super) const CLOSED: Self = Self { reason: Reason::Closed { part: None } };

    pub(super) fn not_ready(wait: Option<Wait>) -> Self {
        Self { reason: Reason::NotReady { wait, part: None } }
    }

    pub(super) fn too_large(asked: u32, limit: usize) -> Self {
        Self { reason: Reason::TooLarge { asked, limit, part: None } }
    }

    pub(super) fn queue_full(waiters: usize) -> Self {
        Self { reason: Reason::QueueFull { waiters, part: None } }
    }

    /// `needed` and `left` in nanoseconds.
    pub(super) fn deadline(needed: Option<u64>, left: u64) -> Self {
        Self { reason: Reason::Deadline { needed: needed.and_then(NonZeroU64::new), left, part: None } }
    }

    /// For one that had waited so many nanoseconds.
    pub(super) fn overloaded(waited: u64) -> Self {
        Self { reason: Reason::Overloaded { waited, part: None } }
    }

    #[cfg(feature = "alloc")]
    pub(super) fn no_such_class((class, classes): (u8, u8)) -> Self {
        Self { reason: Reason::Class { class, classes } }
    }

    #[cfg(feature = "alloc")]
    pub(super) fn costs(given: usize, parts: usize) -> Self {
        Self { reason: Reason::Costs { given, parts } }
    }

    #[cfg(feature = "keyed")]
    pub(super) fn too_many_keys(max: usize) -> Self {
        Self { reason: Reason::Keys { max } }
    }

    #[cfg(all(feature = "keyed", feature = "tower"))]
    pub(crate) const NO_KEY: Self = Self { reason: Reason::NoKey };

    /// The same, where so many cells were asked for, and only those that are missing would not go through.
    #[cfg(feature = "alloc")]
    pub(super) fn asked(mut self, cells: u32) -> Self {
        if let Reason::TooLarge { asked, .. } = &mut self.reason {
            *asked = cells;
        }
        self
    }

    /// The same, said by `part`.
    #[cfg(feature = "alloc")]
    pub(super) fn of(mut self, part: Part) -> Self {
        if let Some(place) = self.reason.part_mut() {
            *place = Some(part);
        }
        self
    }

    /// What kind of refusal it is.
    pub const fn kind(&self) -> ResourceLimitErrorKind {
        match self.reason {
            Reason::NotReady { .. } => ResourceLimitErrorKind::NotReady,
            Reason::TooLarge { .. } => ResourceLimitErrorKind::TooLarge,
            Reason::QueueFull { .. } => ResourceLimitErrorKind::QueueFull,
            Reason::Deadline { .. } => ResourceLimitErrorKind::Deadline,
            Reason::Overloaded { .. } => ResourceLimitErrorKind::Overloaded,
            Reason::Class { .. } => ResourceLimitErrorKind::NoSuchClass,
            Reason::Closed { .. } => ResourceLimitErrorKind::Closed,
            Reason::Costs { .. } => ResourceLimitErrorKind::WrongCosts,
            Reason::Keys { .. } => ResourceLimitErrorKind::TooManyKeys,
            Reason::NoKey => ResourceLimitErrorKind::NoKey,
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
            Reason::NotReady { wait, .. } => wait.map(|wait| wait.duration()),
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

    /// How long it had waited when it was refused, to a microsecond. Only for [`Overloaded`](ResourceLimitErrorKind::Overloaded).
    pub fn waited(&self) -> Option<Duration> {
        match self.reason {
            Reason::Overloaded { waited, .. } => Some(Duration::from_nanos(waited)),
            _ => None,
        }
    }

    /// Whether the limiter is closed.
    pub const fn is_closed(&self) -> bool {
        matches!(self.reason, Reason::Closed { .. })
    }

    /// Which part of a combined limiter refused. `None` if it was the limiter itself.
    pub const fn part(&self) -> Option<Part> {
        self.reason.part()
    }
}

impl fmt::Display for ResourceLimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(part) = self.part() {
            write!(f, "{part}: ")?;
        }
        match self.reason {
            Reason::NotReady { wait: Some(wait), .. } => {
                write!(f, "the limit is reached; try again in {:?}", wait.duration())
            }
            Reason::NotReady { wait: None, .. } => {
                f.write_str("the limit is reached; try again when something was released")
            }
            Reason::TooLarge { asked, limit, .. } => {
                write!(f, "{asked} at once would never go through; the limit is {limit}")
            }
            Reason::QueueFull { waiters, .. } => write!(f, "as many wait as may: {waiters}"),
            Reason::Deadline { needed: Some(nanos), left, .. } => {
                let (needed, left) = (Duration::from_nanos(nanos.get()), Duration::from_nanos(left));
                write!(f, "its turn comes in {needed:?}, and it may wait {left:?}")
            }
            Reason::Deadline { needed: None, left, .. } => {
                write!(f, "its turn did not come within {:?}", Duration::from_nanos(left))
            }
            Reason::Overloaded { waited, .. } => {
                write!(f, "the line is overloaded, and it had waited {:?}", Duration::from_nanos(waited))
            }
            Reason::Class { class, classes: 1 } => {
                write!(
                    f,
                    "there is no class {class}: the limiter was made without `QueuePolicy::priority`, and has class 0 only"
                )
            }
            Reason::Class { class, classes } => {
                write!(f, "there is no class {class}; there are {classes}, from 0 to {}", classes - 1)
            }
            Reason::Closed { .. } => f.write_str("the limiter is closed"),
            Reason::Keys { max } => write!(f, "there are as many keys as may be: {max}"),
            Reason::NoKey => f.write_str("it has no key, and there is a limit for each"),
            Reason::Costs { given, parts } => write!(f, "there are {parts} parts, and costs for {given} were given"),
        }
    }
}

impl core::error::Error for ResourceLimitError {}

impl Carried for ResourceLimitError {
    type Kind = ResourceLimitErrorKind;
    type Words = [u64; 2];

    fn pack(self) -> (ResourceLimitErrorKind, u32, [u64; 2]) {
        let (number, words) = match self.reason {
            Reason::TooLarge { asked, limit, .. } => (asked, [limit as u64, 0]),
            Reason::QueueFull { waiters, .. } => (0, [waiters as u64, 0]),
            Reason::Deadline { needed, left, .. } => (0, [needed.map_or(0, NonZeroU64::get), left]),
            Reason::Overloaded { waited, .. } => (0, [waited, 0]),
            _ => (0, [0; 2]),
        };
        (self.kind(), number, words)
    }

    fn unpack(kind: ResourceLimitErrorKind, number: u32, [first, second]: [u64; 2]) -> Self {
        match kind {
            ResourceLimitErrorKind::NotReady => Self::not_ready(None),
            ResourceLimitErrorKind::TooLarge => Self::too_large(number, first as usize),
            ResourceLimitErrorKind::QueueFull => Self::queue_full(first as usize),
            ResourceLimitErrorKind::Deadline => Self::deadline(Some(first), second),
            ResourceLimitErrorKind::Overloaded => Self::overloaded(first),
            ResourceLimitErrorKind::Closed => Self::CLOSED,
            ResourceLimitErrorKind::NoSuchClass
            | ResourceLimitErrorKind::WrongCosts
            | ResourceLimitErrorKind::TooManyKeys
            | ResourceLimitErrorKind::NoKey => {
                unreachable!("it is told to who comes, and not to who waits")
            }
        }
    }
}

impl From<AcquireError> for ResourceLimitError {
    fn from(error: AcquireError) -> Self {
        match error.refusal() {
            Refusal::NoPermits => Self::not_ready(None),
            Refusal::TooLarge { limit } => Self::too_large(error.asked(), limit),
            Refusal::QueueFull { waiters } => Self::queue_full(waiters),
            Refusal::Overdue { micros } => Self::overloaded((micros as u64).saturating_mul(1000)),
            Refusal::Closed => Self::CLOSED,
        }
    }
}

/// Any error of limits and of time, for functions that meet several: `?` turns each of them into one.
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
///
/// Where a limit and a time are met together, there is a `?` for each:
///
/// ```
/// use core::{future::pending, time::Duration};
/// use mtaio_core::limit::{Quota, RateLimiter, ResourceError};
/// use mtaio_core::runtime::VirtualRuntime;
/// use mtaio_core::timeout::TimeoutManager;
///
/// async fn call(rate: &RateLimiter<VirtualRuntime>, tm: &TimeoutManager<VirtualRuntime>) -> Result<(), ResourceError> {
///     tm.run(rate.run(pending())).await??;
///     Ok(())
/// }
///
/// let runtime = VirtualRuntime::new();
/// let rate = RateLimiter::with_runtime(Quota::per_second(1), runtime.clone());
/// let tm = TimeoutManager::with_runtime(Duration::from_secs(5), runtime.clone());
/// match runtime.block_on(call(&rate, &tm)) {
///     Err(ResourceError::Elapsed(elapsed)) => assert_eq!(elapsed.limit().as_secs(), 5),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ResourceError {
    /// A limiter refused.
    Limit(ResourceLimitError),
    /// A quota is none.
    Quota(InvalidQuota),
    /// Limiters cannot be combined so.
    #[cfg(feature = "alloc")]
    Limiter(InvalidLimiter),
    /// A limit cannot be adapted so.
    #[cfg(feature = "adaptive")]
    Adaptation(InvalidAdaptation),
    /// The time is over, or there was none.
    #[cfg(feature = "alloc")]
    #[doc(alias = "TimeoutError")]
    Elapsed(Elapsed),
}

impl ResourceError {
    /// Whether it was time that was lacking: a time-out, or a turn that would not come before a deadline. The two ways to be late.
    pub const fn is_timeout(&self) -> bool {
        match self {
            Self::Limit(error) => matches!(error.kind(), ResourceLimitErrorKind::Deadline),
            #[cfg(feature = "alloc")]
            Self::Elapsed(error) => {
                matches!(error.kind(), crate::timeout::ElapsedKind::Own | crate::timeout::ElapsedKind::Inherited)
            }
            _ => false,
        }
    }
}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(error) => error.fmt(f),
            Self::Quota(error) => error.fmt(f),
            #[cfg(feature = "alloc")]
            Self::Limiter(error) => error.fmt(f),
            #[cfg(feature = "adaptive")]
            Self::Adaptation(error) => error.fmt(f),
            #[cfg(feature = "alloc")]
            Self::Elapsed(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ResourceError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Limit(error) => Some(error),
            Self::Quota(error) => Some(error),
            #[cfg(feature = "alloc")]
            Self::Limiter(error) => Some(error),
            #[cfg(feature = "adaptive")]
            Self::Adaptation(error) => Some(error),
            #[cfg(feature = "alloc")]
            Self::Elapsed(error) => Some(error),
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

#[cfg(feature = "alloc")]
impl From<InvalidLimiter> for ResourceError {
    fn from(error: InvalidLimiter) -> Self {
        Self::Limiter(error)
    }
}

#[cfg(feature = "adaptive")]
impl From<InvalidAdaptation> for ResourceError {
    fn from(error: InvalidAdaptation) -> Self {
        Self::Adaptation(error)
    }
}

#[cfg(feature = "alloc")]
impl From<Elapsed> for ResourceError {
    fn from(error: Elapsed) -> Self {
        Self::Elapsed(error)
    }
}
