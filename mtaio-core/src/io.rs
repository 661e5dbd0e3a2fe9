//! Limits on bytes: readers and writers that wait for a cell for each byte.
//!
//! | type | what it is | where |
//! |---|---|---|
//! | `Limited` | a reader or writer of futures-io with limits | here, with the feature `io` |
//! | `Limited` of `mtaio-tokio` | the same for tokio's traits | `mtaio_tokio::io` |
//! | [`Flow`] | what both are made of, for traits of other crates | here |
//!
//! # What is guaranteed
//!
//! Each byte is paid once, before it goes: in any window of length `w` at most `burst + rate * (w + cap)` bytes are let through
//! by all that share a limiter, where `burst`, `rate` and `cap` are those of the [`RateLimiter`](crate::limit::RateLimiter). What
//! was let through and did not go is put back at once, so that over a long time the rate is kept. One read or write moves at most
//! the burst.
//!
//! A connection without anything to read, or that cannot be written to, holds no cells. Flushing and closing never wait for any.
//!
//! # Fairness
//!
//! What shares a limiter waits in its line. Whoever has to wait asks for what comes in ten milliseconds at most, for half of the
//! burst, and for what there is room for: so all get the same share, and none is held up for long by the buffer of another. Who
//! had to wait yields before each further transfer, as long as there is something to transfer, so that what a late timer leaves
//! is not all for the one that is polled first.
//!
//! # Errors
//!
//! What the limiter refuses is a [`std::io::Error`] with the [`ResourceLimitError`] inside (`get_ref`): of kind
//! `ConnectionAborted` when the limiter is closed, `TimedOut` when a scope around it leaves too little time, `ResourceBusy` when
//! as many wait as may.

mod flow;
#[cfg(feature = "io")]
mod limited;

use std::io::{Error, ErrorKind};

pub use flow::Flow;
#[cfg(feature = "io")]
pub use limited::Limited;

use crate::limit::{ResourceLimitError, ResourceLimitErrorKind};

impl From<ResourceLimitError> for Error {
    fn from(error: ResourceLimitError) -> Self {
        let kind = match error.kind() {
            ResourceLimitErrorKind::Closed => ErrorKind::ConnectionAborted,
            ResourceLimitErrorKind::Deadline => ErrorKind::TimedOut,
            ResourceLimitErrorKind::NotReady => ErrorKind::WouldBlock,
            ResourceLimitErrorKind::QueueFull
            | ResourceLimitErrorKind::TooManyKeys
            | ResourceLimitErrorKind::Overloaded => ErrorKind::ResourceBusy,
            ResourceLimitErrorKind::TooLarge
            | ResourceLimitErrorKind::WrongCosts
            | ResourceLimitErrorKind::NoSuchClass
            | ResourceLimitErrorKind::NoKey => ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}

#[cfg(all(test, feature = "test-util", not(any(loom, shuttle))))]
mod tests;
