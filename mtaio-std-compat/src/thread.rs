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

mtaio_core::names!(ThreadRuntime);

pub use blocking::AcquireBlocking;
#[cfg(feature = "tower")]
pub use mtaio_core::tower;
pub use runtime::{ThreadRuntime, block_on};
