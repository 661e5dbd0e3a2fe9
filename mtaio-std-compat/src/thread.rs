//! Limiters for plain threads: no async runtime, waits that block.
//!
//! ```
//! use mtaio_std_compat::thread::{AcquireBlocking, ConcurrencyLimiter, Quota, RateLimiter};
//!
//! let rate = RateLimiter::new(Quota::per_second(100).burst(10));
//! let slots = ConcurrencyLimiter::new(4);
//! std::thread::scope(|scope| {
//!     for _ in 0..8 {
//!         scope.spawn(|| {
//!             let _permit = slots.acquire_blocking().unwrap();
//!             rate.acquire_blocking().unwrap();
//!         });
//!     }
//! });
//! ```
//!
//! The limiters are the same as everywhere: threads that block and futures under [`block_on`], or any executor, stand in
//! one line.

mod blocking;
mod runtime;

pub use mtaio_core::limit::{
    self, BoxLimiter, InvalidLimiter, InvalidQuota, Limiter, Quota, ResourceError, ResourceLimitError,
    ResourceLimitErrorKind, TokenBucket,
};
pub use mtaio_core::resource::{
    self, AddError, AsyncClose, CloseError, CloseErrorKind, CloseErrors, Member, RemoveError, RemoveErrorKind,
    ScopeError,
};
pub use mtaio_core::sync::{OwnedPermit, Permit, Semaphore};
pub use mtaio_core::{FutureExt, StreamExt};

pub use blocking::AcquireBlocking;
pub use runtime::{ThreadRuntime, block_on};

/// Lets through so many cells in a time, on plain threads: see [`limit::RateLimiter`].
pub type RateLimiter = limit::RateLimiter<ThreadRuntime>;

/// Limits how much runs at once, on plain threads: see [`limit::ConcurrencyLimiter`].
pub type ConcurrencyLimiter = limit::ConcurrencyLimiter<ThreadRuntime>;

/// Closes what was pushed, last first, on plain threads: see [`resource::ExitStack`].
pub type ExitStack = resource::ExitStack<ThreadRuntime>;

/// Closes its members together, on plain threads: see [`resource::ResourceGroup`].
pub type ResourceGroup = resource::ResourceGroup<ThreadRuntime>;

/// Any number of limits together, all or nothing, on plain threads: see [`limit::ResourceLimiter`].
pub type ResourceLimiter = limit::ResourceLimiter<ThreadRuntime>;
