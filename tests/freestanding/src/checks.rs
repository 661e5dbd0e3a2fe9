//! What the program checks: the part of mtaio-core that needs no heap, and a little of what does.

use core::{
    pin::pin,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    task::{Context, Poll, RawWaker, RawWakerVTable, Waker},
    time::Duration,
};

use mtaio_core::{
    Instant,
    limit::{Quota, TokenBucket},
    sync::Semaphore,
};

use crate::platform;

const QUOTA: Quota = Quota::per_second(10).burst(2);

static SEMAPHORE: Semaphore = Semaphore::new(2);

/// Ends the program with `number` unless `holds`.
fn check(number: u8, holds: bool) {
    if !holds {
        platform::complain("a check failed; its number is the exit code\n");
        platform::exit(number);
    }
}

pub fn all() {
    bucket();
    semaphore();
    critical_sections();
    #[cfg(feature = "alloc")]
    heap();
}

/// Checks 1 to 9: ten cells a second, two at once.
fn bucket() {
    let mut bucket = TokenBucket::new(QUOTA);
    let start = Instant::from_nanos(0);
    let next = Instant::from_nanos(100_000_000);
    let just_before = Instant::from_nanos(99_999_999);
    let much_later = Instant::from_nanos(60_000_000_000);

    check(1, bucket.try_take(start, 1).is_ok());
    check(2, bucket.try_take(start, 1).is_ok());
    check(3, bucket.available(start) == 0);
    let refusal = bucket.try_take(start, 1).err();
    check(4, refusal.is_some_and(|error| error.retry_after() == Some(Duration::from_millis(100))));
    check(5, bucket.try_take(just_before, 1).is_err());
    check(6, bucket.try_take(next, 1).is_ok());
    check(7, bucket.available(much_later) == 2);
    check(8, bucket.try_take(much_later, 2).is_ok());
    // Above the burst there is no later time at which it would conform.
    check(9, bucket.try_take(much_later, 3).is_err_and(|error| error.retry_after().is_none()));
}

/// Checks 10 to 19: two permits, a waiter that is served, and one that gives up.
fn semaphore() {
    let waker = counting_waker();
    let mut context = Context::from_waker(&waker);

    let first = SEMAPHORE.try_acquire();
    let second = SEMAPHORE.try_acquire();
    check(10, first.is_ok() && second.is_ok());
    check(11, SEMAPHORE.try_acquire().is_err());
    {
        let mut served = pin!(SEMAPHORE.acquire());
        check(12, served.as_mut().poll(&mut context).is_pending());
        check(13, wakes() == 0);
        drop(first);
        check(14, wakes() == 1);
        let Poll::Ready(Ok(permit)) = served.as_mut().poll(&mut context) else {
            return check(15, false);
        };
        check(16, SEMAPHORE.available() == 0);
        drop(permit);
    }
    let third = SEMAPHORE.try_acquire();
    check(17, third.is_ok());
    {
        let mut gives_up = pin!(SEMAPHORE.acquire());
        check(18, gives_up.as_mut().poll(&mut context).is_pending());
    }
    drop((second, third));
    check(19, SEMAPHORE.available() == 2);
}

/// Checks 20 and 21: the queue's lock went through our critical section, and every section was left again.
fn critical_sections() {
    check(20, platform::SECTIONS_ENTERED.load(Relaxed) > 0);
    check(21, platform::SECTIONS_OPEN.load(Relaxed) == 0);
}

/// Checks 22 to 24: owned permits, which need a heap.
#[cfg(feature = "alloc")]
fn heap() {
    let semaphore = alloc::sync::Arc::new(Semaphore::new(1));
    let permit = semaphore.clone().try_acquire_owned();
    check(22, permit.is_ok());
    check(23, semaphore.available() == 0);
    drop(permit);
    check(24, semaphore.available() == 1);
}

static WAKES: AtomicU32 = AtomicU32::new(0);

fn wakes() -> u32 {
    WAKES.load(Relaxed)
}

/// A waker that counts. `Wake` would do this without `unsafe`, but needs a heap.
fn counting_waker() -> Waker {
    const VTABLE: RawWakerVTable =
        RawWakerVTable::new(|_| RawWaker::new(core::ptr::null(), &VTABLE), |_| count(), |_| count(), |_| ());
    fn count() {
        WAKES.fetch_add(1, Relaxed);
    }
    // SAFETY: the table's functions never use the data pointer, and a static counter may be used from any thread.
    unsafe { Waker::new(core::ptr::null(), &VTABLE) }
}
