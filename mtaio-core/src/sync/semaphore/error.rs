//! Why a semaphore gave no permit.

use core::fmt;

/// The refusal as a waiter carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoPermits,
    TooLarge { limit: usize },
    QueueFull { waiters: usize },
    Closed,
}

/// Why [`Semaphore`](super::Semaphore) gave no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcquireError {
    refusal: Refusal,
    asked: u32,
}

/// The kinds of [`AcquireError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AcquireErrorKind {
    /// Too few permits are free just now, or others wait for them. Only `try_acquire` says so.
    NoPermits,
    /// More permits were asked for than there are.
    TooLarge,
    /// As many wait as may.
    QueueFull,
    /// The semaphore is closed.
    Closed,
}

impl AcquireError {
    pub(super) const fn new(refusal: Refusal, asked: u32) -> Self {
        Self { refusal, asked }
    }

    pub(crate) const fn refusal(&self) -> Refusal {
        self.refusal
    }

    /// What kind of refusal it is.
    pub const fn kind(&self) -> AcquireErrorKind {
        match self.refusal {
            Refusal::NoPermits => AcquireErrorKind::NoPermits,
            Refusal::TooLarge { .. } => AcquireErrorKind::TooLarge,
            Refusal::QueueFull { .. } => AcquireErrorKind::QueueFull,
            Refusal::Closed => AcquireErrorKind::Closed,
        }
    }

    /// How many permits were asked for.
    pub const fn asked(&self) -> u32 {
        self.asked
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = self.asked;
        match self.refusal {
            Refusal::NoPermits => write!(f, "fewer than {asked} are free now"),
            Refusal::TooLarge { limit } => write!(f, "{asked} permits were asked for, and there are only {limit}"),
            Refusal::QueueFull { waiters } => write!(f, "as many wait as may: {waiters}"),
            Refusal::Closed => f.write_str("the semaphore is closed"),
        }
    }
}

impl core::error::Error for AcquireError {}
