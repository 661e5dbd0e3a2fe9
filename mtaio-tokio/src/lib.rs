//! Exact, fair rate limiters and concurrency limiters for tokio.
//!
//! ```
//! use mtaio_tokio::{ConcurrencyLimiter, Quota, RateLimiter};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), mtaio_tokio::ResourceError> {
//! let rate = RateLimiter::new(Quota::per_second(100).burst(10));
//! let slots = ConcurrencyLimiter::new(4);
//!
//! rate.acquire().await?; // waits its turn
//! let permit = slots.acquire().await?; // one of four, until it is dropped
//! # drop(permit);
//! # Ok(())
//! # }
//! ```
//!
//! The types are those of `mtaio-core` with [`TokioRuntime`] filled in, and their documentation is there. They work in both
//! flavours of runtime, from one runtime to the next, and in several at once; a limiter can be a `static`:
//!
//! ```
//! use std::sync::LazyLock;
//! use mtaio_tokio::{Quota, RateLimiter};
//!
//! static API: LazyLock<RateLimiter> = LazyLock::new(|| RateLimiter::new(Quota::per_second(10)));
//! # assert!(API.try_acquire().is_ok());
//! ```
//!
//! # Tests with paused time
//!
//! Where tokio's feature `test-util` is on, limiters follow tokio's clock, paused and advanced, `try_acquire` too. There is
//! nothing to set up, and no cost where the feature is off. `VirtualRuntime` of `mtaio-core` does more: see there.

#![forbid(unsafe_code)]

extern crate alloc;

mod clock;
pub mod io;
mod runtime;
mod sleep;

mtaio_core::names!(TokioRuntime);

#[cfg(feature = "tower")]
pub use mtaio_core::tower;
pub use runtime::TokioRuntime;
pub use sleep::TokioSleep;
