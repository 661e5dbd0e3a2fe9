//! Checks 1 to 9: ten cells a second, two at once.

use core::time::Duration;

use mtaio_core::Instant;
use mtaio_core::limit::{Quota, TokenBucket};

use crate::{Failed, check};

const QUOTA: Quota = Quota::per_second(10).burst(2);

pub fn conforms() -> Result<(), Failed> {
    let mut bucket = TokenBucket::new(QUOTA);
    let start = Instant::from_nanos(0);
    let next = Instant::from_nanos(100_000_000);
    let just_before = Instant::from_nanos(99_999_999);
    let much_later = Instant::from_nanos(60_000_000_000);

    check(1, bucket.try_take(start, 1).is_ok())?;
    check(2, bucket.try_take(start, 1).is_ok())?;
    check(3, bucket.available(start) == 0)?;
    let refusal = bucket.try_take(start, 1).err();
    check(4, refusal.is_some_and(|error| error.retry_after() == Some(Duration::from_millis(100))))?;
    check(5, bucket.try_take(just_before, 1).is_err())?;
    check(6, bucket.try_take(next, 1).is_ok())?;
    check(7, bucket.available(much_later) == 2)?;
    check(8, bucket.try_take(much_later, 2).is_ok())?;
    // Above the burst there is no later time at which it would conform.
    check(9, bucket.try_take(much_later, 3).is_err_and(|error| error.retry_after().is_none()))
}
