//! Rate limiters that always have cells, and some that never have one.

use core::num::NonZeroU32;
use core::time::Duration;

use governor::DefaultDirectRateLimiter;
use mtaio_core::limit::{Quota, RateLimiter};
use mtaio_core::runtime::Timer;

/// So much that no loop exhausts it.
pub const PLENTY: u32 = 1_000_000_000;
/// So long that nothing is over.
pub const HOUR: Duration = Duration::from_secs(3600);

/// One of ours with plenty of cells.
pub fn full<R: Timer + Default>() -> RateLimiter<R> {
    RateLimiter::new(Quota::per_second(PLENTY))
}

/// One of ours without a cell for an hour.
pub fn empty<R: Timer + Default>() -> RateLimiter<R> {
    RateLimiter::builder(Quota::per_hour(1)).initial(0).build()
}

/// A quota of governor's.
///
/// # Panics
///
/// If the rate is zero.
pub fn per_second(rate: u32) -> governor::Quota {
    governor::Quota::per_second(NonZeroU32::new(rate).expect("a rate above zero"))
}

/// One of governor's with plenty of cells.
pub fn full_governor() -> DefaultDirectRateLimiter {
    DefaultDirectRateLimiter::direct(per_second(PLENTY))
}

/// One of governor's without a cell for an hour.
///
/// # Panics
///
/// If it does not give the one that it begins with.
pub fn empty_governor() -> DefaultDirectRateLimiter {
    let limiter = DefaultDirectRateLimiter::direct(governor::Quota::per_hour(NonZeroU32::MIN));
    assert!(limiter.check().is_ok());
    limiter
}

/// One of leaky-bucket's without a cell for an hour.
pub(crate) fn empty_leaky_bucket() -> leaky_bucket::RateLimiter {
    leaky_bucket::RateLimiter::builder().max(1).initial(0).interval(HOUR).build()
}
