//! Limits that adapt: to a load that is reported, or to how a backend answers.

pub(crate) mod algorithm;
mod concurrency;
mod error;
pub(crate) mod math;
mod rate;

pub use algorithm::{Aimd, Elastic, Gradient2, LimitAlgorithm, LimitBounds, Sample, Vegas};
pub use concurrency::{
    AcquireAdaptive, AdaptiveConcurrencyLimiter, AdaptiveConcurrencyLimiterBuilder, AdaptivePermit, AdaptiveSnapshot,
    Outcome, RunAdaptive, TryRunAdaptive,
};
pub use error::InvalidAdaptation;
pub use rate::{AdaptiveRateLimiter, AdaptiveRateLimiterBuilder};
