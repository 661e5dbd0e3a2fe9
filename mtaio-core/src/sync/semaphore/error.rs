//! Why a semaphore gave no permit.

use core::fmt;

use crate::sync::Carried;

/// The refusal as a waiter carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoPermits,
    TooLarge {
        limit: usize,
    },
    QueueFull {
        waiters: usize,
    },
    /// It had waited so many microseconds, or more where a pointer has 32 bits.
    Overdue {
        micros: usize,
    },
    Closed,
}

impl Refusal {
    const fn kind(self) -> AcquireErrorKind {
        match self {
            Self::NoPermits => AcquireErrorKind::NoPermits,
            Self::TooLarge { .. } => AcquireErrorKind::TooLarge,
            Self::QueueFull { .. } => AcquireErrorKind::QueueFull,
            Self::Overdue { .. } => AcquireErrorKind::Overloaded,
            Self::Closed => AcquireErrorKind::Closed,
        }
    }

    /// For one who had waited so many nanoseconds.
    pub(crate) fn overdue(waited: u64) -> Self {
        Self::Overdue { micros: usize::try_from(waited / 1000).unwrap_or(usize::MAX) }
    }
}

impl Carried for Refusal {
    type Kind = AcquireErrorKind;
    type Words = usize;

    fn pack(self) -> (AcquireErrorKind, u32, usize) {
        let (Self::TooLarge { limit: word } | Self::QueueFull { waiters: word } | Self::Overdue { micros: word }) =
            self
        else {
            return (self.kind(), 0, 0);
        };
        (self.kind(), 0, word)
    }

    fn unpack(kind: AcquireErrorKind, _: u32, word: usize) -> Self {
        match kind {
            AcquireErrorKind::NoPermits => Self::NoPermits,
            AcquireErrorKind::TooLarge => Self::TooLarge { limit: word },
            AcquireErrorKind::QueueFull => Self::QueueFull { waiters: word },
            AcquireErrorKind::Overloaded => Self::Overdue { micros: word },
            AcquireErrorKind::Closed => Self::Closed,
        }
    }
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
    /// It had waited too long in a line that was too long. Only limiters that were told so say it.
    Overloaded,
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
        self.refusal.kind()
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
            Refusal::Overdue { micros } => {
                let waited = core::time::Duration::from_micros(micros as u64);
                write!(f, "the line is overloaded, and it had waited {waited:?}")
            }
            Refusal::Closed => f.write_str("the semaphore is closed"),
        }
    }
}

impl core::error::Error for AcquireError {}
