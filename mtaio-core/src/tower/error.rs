//! Why a limited service did not answer.

use core::fmt;
use core::time::Duration;

use crate::limit::ResourceLimitError;

/// Why a limited service did not answer: its limit, or its own error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitError<E> {
    /// The limiter refused; the service was not called.
    Limited(ResourceLimitError),
    /// The service failed.
    Inner(E),
}

impl<E> LimitError<E> {
    /// How long until the same request may pass, if the limiter refused and knows.
    pub fn retry_after(&self) -> Option<Duration> {
        self.limited().and_then(ResourceLimitError::retry_after)
    }

    /// The refusal, if the limiter refused.
    pub fn limited(&self) -> Option<&ResourceLimitError> {
        match self {
            Self::Limited(error) => Some(error),
            Self::Inner(_) => None,
        }
    }

    /// The error of the service, if it was called.
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Limited(_) => None,
            Self::Inner(error) => Some(error),
        }
    }
}

impl<E: fmt::Display> fmt::Display for LimitError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limited(error) => error.fmt(f),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for LimitError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Limited(error) => Some(error),
            Self::Inner(error) => Some(error),
        }
    }
}
