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
#[cfg(all(feature = "async-std", feature = "io"))]
pub mod io;
mod sleep;
pub mod thread;

#[cfg(feature = "async-std")]
mtaio_core::names!(AsyncStdRuntime);

#[cfg(feature = "async-std")]
pub use async_std_runtime::AsyncStdRuntime;
#[cfg(feature = "tower")]
pub use mtaio_core::tower;
pub use sleep::IoSleep;
