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

#[cfg(feature = "io")]
pub mod io;
mod runtime;

mtaio_core::names!(SmolRuntime);

#[cfg(feature = "tower")]
pub use mtaio_core::tower;
pub use runtime::{SmolRuntime, SmolSleep};
