//! Exact, fair rate limiters and concurrency limiters for smol.
//!
//! ```
//! use mtaio_smol::{ConcurrencyLimiter, Quota, RateLimiter};
//!
//! smol::block_on(async {
//!     let rate = RateLimiter::new(Quota::per_second(100).burst(10));
//!     let slots = ConcurrencyLimiter::new(4);
//!
//!     rate.acquire().await?; // waits its turn
//!     let permit = slots.acquire().await?; // one of four, until it is dropped
//! #   drop(permit);
//!     Ok::<_, mtaio_smol::ResourceError>(())
//! })?;
//! # Ok::<_, mtaio_smol::ResourceError>(())
//! ```
//!
//! The types are those of `mtaio-core` with [`SmolRuntime`] filled in, and their documentation is there. Timers are those of
//! `async-io`, which its own thread drives: a limiter waits under any executor.

#![forbid(unsafe_code)]

extern crate alloc;

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
#[cfg(feature = "tower")]
pub use mtaio_core::tower;
pub use mtaio_core::{Deadline, FutureExt, Instant, StreamExt, sync, time};

pub use runtime::{SmolRuntime, SmolSleep};

/// Lets through so many cells in a time, on smol: see [`limit::RateLimiter`].
pub type RateLimiter = limit::RateLimiter<SmolRuntime>;

/// Limits how much runs at once, on smol: see [`limit::ConcurrencyLimiter`].
pub type ConcurrencyLimiter = limit::ConcurrencyLimiter<SmolRuntime>;

/// Closes what was pushed, last first, on smol: see [`resource::ExitStack`].
pub type ExitStack = resource::ExitStack<SmolRuntime>;

/// Closes its members together, on smol: see [`resource::ResourceGroup`].
pub type ResourceGroup = resource::ResourceGroup<SmolRuntime>;

/// Any number of limits together, all or nothing, on smol: see [`limit::ResourceLimiter`].
pub type ResourceLimiter = limit::ResourceLimiter<SmolRuntime>;
