//! The time is over.

use core::fmt;
use core::time::Duration;

/// A future did not end in the time that it had. It was dropped before this was returned.
///
/// ```
/// use core::{future::pending, time::Duration};
/// use mtaio_core::runtime::VirtualRuntime;
/// use mtaio_core::timeout::{ElapsedKind, TimeoutManager};
///
/// let runtime = VirtualRuntime::new();
/// let tm = TimeoutManager::with_runtime(Duration::from_secs(5), runtime.clone());
/// let elapsed = runtime.block_on(tm.run(pending::<()>())).unwrap_err();
/// assert_eq!((elapsed.kind(), elapsed.limit()), (ElapsedKind::Own, Duration::from_secs(5)));
/// assert_eq!(elapsed.to_string(), "it took longer than 5s");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "TimeoutError")]
pub struct Elapsed {
    kind: ElapsedKind,
    limit: Duration,
}

/// Whose limit it was that ended a future.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ElapsedKind {
    /// Its own.
    Own,
    /// That of a scope around it, or of a deadline that was attached to its task.
    Inherited,
    /// The manager was closed.
    Closed,
    /// A cascade had no timeout to try anything with.
    NoAttempt,
}

impl Elapsed {
    pub(super) const CLOSED: Self = Self::new(ElapsedKind::Closed, Duration::ZERO);

    pub(super) const fn new(kind: ElapsedKind, limit: Duration) -> Self {
        Self { kind, limit }
    }

    /// Whose limit it was.
    pub const fn kind(&self) -> ElapsedKind {
        self.kind
    }

    /// How long that limit was: the timeout that somebody said; or, for a deadline that was said as an instant, the time that was
    /// left when the wait for it began. Zero where no time was over.
    pub const fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether it was the limit of a scope around the future, so that trying again in the same scope is of no use.
    pub const fn is_inherited(&self) -> bool {
        matches!(self.kind, ElapsedKind::Inherited)
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ElapsedKind::Own => write!(f, "it took longer than {:?}", self.limit),
            ElapsedKind::Inherited => write!(f, "the scope around it took longer than {:?}", self.limit),
            ElapsedKind::Closed => f.write_str("its timeout manager was closed"),
            ElapsedKind::NoAttempt => f.write_str("there is no timeout in the cascade; give it at least one"),
        }
    }
}

impl core::error::Error for Elapsed {}
