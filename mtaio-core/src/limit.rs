//! Limits on how often and how much at once.
//!
//! | type | limits | waits |
//! |---|---|---|
//! | `RateLimiter` | how many cells pass in a time | in line, on the runtime's timer |
//! | `ConcurrencyLimiter` | how much runs at once | in line, until a permit returns |
//! | `ResourceLimiter` | any number of these together, all or nothing | in line at each |
//! | `KeyedRateLimiter`, `KeyedConcurrencyLimiter` (feature `keyed`) | the same for each key | in a line per key |
//! | `Lease` | as `RateLimiter`, for one holder who takes cells in batches | as `RateLimiter` |
//! | `AdaptiveRateLimiter`, `AdaptiveConcurrencyLimiter` (feature `adaptive`) | the same, by a load that is reported, or as much as a backend can do | likewise |
//! | [`TokenBucket`] | as `RateLimiter`, for one owner who supplies the time | never |
//! | [`Gcra`] | the arithmetic under both | never |

#[cfg(feature = "adaptive")]
pub(crate) mod adaptive;
mod bucket;
#[cfg(feature = "alloc")]
mod combined;
#[cfg(feature = "alloc")]
mod concurrency;
mod error;
mod gcra;
#[cfg(feature = "keyed")]
mod keyed;
#[cfg(feature = "alloc")]
mod lease;
#[cfg(feature = "alloc")]
mod limiter;
#[cfg(feature = "alloc")]
mod policy;
mod quota;
#[cfg(feature = "alloc")]
mod rate;
#[cfg(feature = "alloc")]
mod run;
#[cfg(feature = "alloc")]
mod snapshot;

#[cfg(feature = "adaptive")]
pub use adaptive::{
    AcquireAdaptive, AdaptiveConcurrencyLimiter, AdaptiveConcurrencyLimiterBuilder, AdaptivePermit,
    AdaptiveRateLimiter, AdaptiveRateLimiterBuilder, AdaptiveSnapshot, Aimd, Elastic, Gradient2, InvalidAdaptation,
    LimitAlgorithm, LimitBounds, Outcome, RunAdaptive, Sample, TryRunAdaptive, Vegas,
};
pub use bucket::TokenBucket;
#[cfg(feature = "alloc")]
pub use combined::{AcquireResources, InvalidLimiter, ResourceLimiter, ResourceLimiterBuilder, ResourcePermit};
#[cfg(feature = "alloc")]
pub use concurrency::{
    AcquireSlots, AcquireSlotsOwned, AcquireSlotsWithin, ConcurrencyLimiter, ConcurrencyLimiterBuilder,
};
pub use error::{Part, PartKind, ResourceError, ResourceLimitError, ResourceLimitErrorKind};
pub use gcra::{Gcra, Refused};
#[cfg(feature = "keyed")]
pub use keyed::{
    AcquireKeyedCells, AcquireKeyedSlots, AdmitKeyedCells, AdmitKeyedSlots, KeyUsage, KeyedConcurrencyLimiter,
    KeyedConcurrencyLimiterBuilder, KeyedLimiter, KeyedRateLimiter, KeyedRateLimiterBuilder, WhenFull,
};
#[cfg(feature = "alloc")]
pub use lease::{AcquireLeased, Lease};
#[cfg(feature = "alloc")]
pub use limiter::{BoxAdmit, BoxLimiter, BoxPermit, Limiter};
#[cfg(feature = "alloc")]
pub use policy::{Classes, Prioritized, QueuePolicy};
pub use quota::{InvalidQuota, Quota};
#[cfg(feature = "alloc")]
pub use rate::{AcquireCells, AcquireCellsOwned, AcquireCellsWithin, Driver, RateLimiter, RateLimiterBuilder};
#[cfg(feature = "alloc")]
pub use run::{Call, NotAsync, Run, TryRun, Wrapped};
#[cfg(feature = "alloc")]
pub use snapshot::{ConcurrencySnapshot, LineSnapshot, PartSnapshot, RateSnapshot};
#[cfg(feature = "keyed")]
pub use snapshot::{KeyedConcurrencySnapshot, KeyedRateSnapshot, KeysSnapshot};
