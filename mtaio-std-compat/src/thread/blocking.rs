//! Acquiring from a thread that may block.

use core::time::Duration;

use super::{ConcurrencyLimiter, Permit, RateLimiter, ResourceLimitError, block_on};

/// Waits by blocking the thread.
///
/// Do not use it inside an async task: it would block every other task of that thread.
pub trait AcquireBlocking {
    /// What is acquired.
    type Guard<'a>
    where
        Self: 'a;

    /// Blocks until one is acquired.
    ///
    /// # Errors
    ///
    /// As `acquire` of the limiter.
    fn acquire_blocking(&self) -> Result<Self::Guard<'_>, ResourceLimitError> {
        self.acquire_many_blocking(1)
    }

    /// Blocks until `n` are acquired, all at once.
    ///
    /// # Errors
    ///
    /// As `acquire_many` of the limiter.
    fn acquire_many_blocking(&self, n: u32) -> Result<Self::Guard<'_>, ResourceLimitError>;

    /// Blocks until one is acquired, but not for longer than `max_wait`.
    ///
    /// # Errors
    ///
    /// As `acquire_within` of the limiter.
    fn acquire_within_blocking(&self, max_wait: Duration) -> Result<Self::Guard<'_>, ResourceLimitError>;
}

impl AcquireBlocking for RateLimiter {
    type Guard<'a> = ();

    fn acquire_many_blocking(&self, n: u32) -> Result<(), ResourceLimitError> {
        self.try_acquire_many(n).or_else(|_| block_on(self.acquire_many(n)))
    }

    fn acquire_within_blocking(&self, max_wait: Duration) -> Result<(), ResourceLimitError> {
        block_on(self.acquire_within(max_wait))
    }
}

impl AcquireBlocking for ConcurrencyLimiter {
    type Guard<'a> = Permit<'a>;

    fn acquire_many_blocking(&self, n: u32) -> Result<Permit<'_>, ResourceLimitError> {
        self.try_acquire_many(n).or_else(|_| block_on(self.acquire_many(n)))
    }

    fn acquire_within_blocking(&self, max_wait: Duration) -> Result<Permit<'_>, ResourceLimitError> {
        block_on(self.acquire_within(max_wait))
    }
}
