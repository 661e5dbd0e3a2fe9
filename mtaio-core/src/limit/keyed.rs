//! Limits per key: for each user, host or address, as many as there are.

mod builder;
mod concurrency;
mod future;
mod homes;
mod level;
mod limiter;
mod lines;
mod page;
mod rate;
mod store;
mod table;
mod totals;
mod usage;

pub use builder::{KeyedConcurrencyLimiterBuilder, KeyedRateLimiterBuilder};
pub use concurrency::KeyedConcurrencyLimiter;
pub use future::{AcquireKeyedCells, AcquireKeyedSlots, AdmitKeyedCells, AdmitKeyedSlots};
pub use limiter::KeyedLimiter;
pub use rate::KeyedRateLimiter;
pub use store::WhenFull;
pub use usage::KeyUsage;

#[cfg(all(test, feature = "test-util"))]
mod tests;
