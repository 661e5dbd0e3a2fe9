//! Exact, fair rate limiters and concurrency limiters for async-std, and for plain threads.
//!
//! | names | for | feature |
//! |---|---|---|
//! | at the root | async-std | `async-std`, on by default |
//! | in [`thread`] | programs without an async runtime: threads that block | none |
//!
//! ```
//! # #[cfg(feature = "async-std")] {
//! use mtaio_std_compat::{ConcurrencyLimiter, Quota, RateLimiter};
//!
//! async_std::task::block_on(async {
//!     let rate = RateLimiter::new(Quota::per_second(100).burst(10));
//!     let slots = ConcurrencyLimiter::new(4);
//!
//!     rate.acquire().await?; // waits its turn
//!     let permit = slots.acquire().await?; // one of four, until it is dropped
//! #   drop(permit);
//!     Ok::<_, mtaio_std_compat::ResourceError>(())
//! }).unwrap();
//! # }
//! ```
//!
//! The types are those of `mtaio-core` with a runtime filled in, and their documentation is there. Async-std is no longer
//! maintained; it is here for those who are still on it.

#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(feature = "async-std")]
mod async_std_runtime;
mod sleep;
pub mod thread;

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

#[cfg(feature = "async-std")]
pub use async_std_runtime::AsyncStdRuntime;
pub use sleep::IoSleep;

/// Lets through so many cells in a time, on async-std: see [`limit::RateLimiter`].
#[cfg(feature = "async-std")]
pub type RateLimiter = limit::RateLimiter<AsyncStdRuntime>;

/// Limits how much runs at once, on async-std: see [`limit::ConcurrencyLimiter`].
#[cfg(feature = "async-std")]
pub type ConcurrencyLimiter = limit::ConcurrencyLimiter<AsyncStdRuntime>;

/// Closes what was pushed, last first, on async-std: see [`resource::ExitStack`].
#[cfg(feature = "async-std")]
pub type ExitStack = resource::ExitStack<AsyncStdRuntime>;

/// Closes its members together, on async-std: see [`resource::ResourceGroup`].
#[cfg(feature = "async-std")]
pub type ResourceGroup = resource::ResourceGroup<AsyncStdRuntime>;

/// Any number of limits together, all or nothing, on async-std: see [`limit::ResourceLimiter`].
#[cfg(feature = "async-std")]
pub type ResourceLimiter = limit::ResourceLimiter<AsyncStdRuntime>;
