//! Limits on how often and how much at once.
//!
//! | type | limits | waits |
//! |---|---|---|
//! | `RateLimiter` | how many cells pass in a time | in line, on the runtime's timer |
//! | `ConcurrencyLimiter` | how much runs at once | in line, until a permit returns |
//! | [`TokenBucket`] | as `RateLimiter`, for one owner who supplies the time | never |
//! | [`Gcra`] | the arithmetic under both | never |

mod bucket;
#[cfg(feature = "alloc")]
mod concurrency;
mod error;
mod gcra;
mod quota;
#[cfg(feature = "alloc")]
mod rate;
#[cfg(feature = "alloc")]
mod run;

pub use bucket::TokenBucket;
#[cfg(feature = "alloc")]
pub use concurrency::{
    AcquireSlots, AcquireSlotsOwned, AcquireSlotsWithin, ConcurrencyLimiter, ConcurrencyLimiterBuilder,
};
pub use error::{ResourceError, ResourceLimitError, ResourceLimitErrorKind};
pub use gcra::{Gcra, Refused};
pub use quota::{InvalidQuota, Quota};
#[cfg(feature = "alloc")]
pub use rate::{AcquireCells, AcquireCellsOwned, AcquireCellsWithin, Driver, RateLimiter, RateLimiterBuilder};
#[cfg(feature = "alloc")]
pub use run::{Call, NotAsync, Run, TryRun, Wrapped};
