//! The paths. Whatever waits does so on a runtime whose clock stands still and whose alarms do nothing, so that no timer is counted.

use alloc::sync::Arc;
use core::future::{pending, ready};
use core::hint::black_box;
use core::time::Duration;

use mtaio_benches::by_hand::{Yield, once, twice};
use mtaio_benches::crowd::Crowd;
use mtaio_benches::limiters::{HOUR, PLENTY, empty, full};
use mtaio_benches::still::{Still, advance, bell, in_tokio};
use mtaio_core::limit::{AcquireCells, Lease, Quota, RateLimiter};
use mtaio_core::runtime::{Clock, SystemClock};
use mtaio_core::sync::Acquire;
use mtaio_tokio::{
    ConcurrencyLimiter, KeyedConcurrencyLimiter, KeyedRateLimiter, ResourceLimiter, Semaphore, TimeoutManager,
    TokioRuntime,
};

use crate::callgrind::counted;

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn nothing(times: u32) {
    counted(times, || black_box(()));
}

pub(crate) fn clock(times: u32) {
    // The first reading finds out which clock it is.
    black_box(SystemClock.now());
    counted(times, || _ = black_box(SystemClock.now()));
}

pub(crate) fn rate_allowed(times: u32) {
    let limiter = full::<TokioRuntime>();
    counted(times, || assert!(black_box(&limiter).try_acquire().is_ok()));
}

pub(crate) fn rate_refused(times: u32) {
    let limiter = empty::<TokioRuntime>();
    counted(times, || assert!(black_box(&limiter).try_acquire().is_err()));
}

pub(crate) fn rate_ready(times: u32) {
    let limiter = full::<TokioRuntime>();
    counted(times, || assert!(once(black_box(&limiter).acquire()).is_ok()));
}

pub(crate) fn rate_many(times: u32) {
    let limiter = full::<TokioRuntime>();
    counted(times, || assert!(once(black_box(&limiter).acquire_many(black_box(8))).is_ok()));
}

/// Runs `f` with a limiter that has no cell, and places for those who wait for one each.
fn in_line(times: u32, f: impl for<'a> FnOnce(&'a RateLimiter<Still>, Crowd<AcquireCells<'a, Still>>)) {
    let limiter = RateLimiter::builder(Quota::per_second(1).burst(PLENTY)).initial(0).build_on(Still);
    f(&limiter, Crowd::new(times as usize));
    assert_eq!(limiter.waiters(), 0);
}

pub(crate) fn rate_waits(times: u32) {
    in_line(times, |limiter, mut crowd| {
        counted(1, || crowd.come(|_| limiter.acquire()));
        crowd.leave();
    });
}

pub(crate) fn rate_tick(times: u32) {
    in_line(times, |limiter, mut crowd| {
        crowd.come(|_| limiter.acquire());
        let bell = bell();
        counted(times, || {
            advance(SECOND);
            bell.tick();
        });
        crowd.collect(drop);
    });
}

pub(crate) fn rate_ticks(times: u32) {
    in_line(times, |limiter, mut crowd| {
        crowd.come(|_| limiter.acquire());
        let bell = bell();
        advance(SECOND * times);
        counted(1, || bell.tick());
        crowd.collect(drop);
    });
}

pub(crate) fn rate_collect(times: u32) {
    in_line(times, |limiter, mut crowd| {
        crowd.come(|_| limiter.acquire());
        advance(SECOND * times);
        bell().tick();
        counted(1, || crowd.collect(drop));
    });
}

pub(crate) fn rate_leave(times: u32) {
    in_line(times, |limiter, mut crowd| {
        crowd.come(|_| limiter.acquire());
        counted(1, || crowd.leave());
    });
}

/// A lease that fetches a thousand cells at a time, which is counted too. The clock stands still, so that its batches are the same each time.
fn leased(times: u32, mut take: impl FnMut(&mut Lease<Still>) -> bool) {
    let limiter = RateLimiter::with_runtime(Quota::per_second(1).burst(PLENTY), Still);
    let mut lease = limiter.lease(1000);
    counted(times, || assert!(take(black_box(&mut lease))));
}

pub(crate) fn lease_try(times: u32) {
    leased(times, |lease| lease.try_acquire().is_ok());
}

pub(crate) fn lease_ready(times: u32) {
    leased(times, |lease| once(lease.acquire()).is_ok());
}

pub(crate) fn permit_try(times: u32) {
    let semaphore = Semaphore::new(8);
    counted(times, || drop(black_box(&semaphore).try_acquire().unwrap()));
}

pub(crate) fn permit_refused(times: u32) {
    let semaphore = Semaphore::new(0);
    counted(times, || assert!(black_box(&semaphore).try_acquire().is_err()));
}

pub(crate) fn permit_ready(times: u32) {
    let semaphore = Semaphore::new(8);
    counted(times, || drop(once(black_box(&semaphore).acquire()).unwrap()));
}

pub(crate) fn permit_many(times: u32) {
    let semaphore = Semaphore::new(8);
    counted(times, || drop(once(black_box(&semaphore).acquire_many(black_box(8))).unwrap()));
}

pub(crate) fn permit_owned(times: u32) {
    let semaphore = Arc::new(Semaphore::new(8));
    counted(times, || drop(once(Arc::clone(black_box(&semaphore)).acquire_owned()).unwrap()));
}

/// Runs `f` with a semaphore without a permit, and places for those who wait for one each.
fn in_queue(times: u32, f: impl for<'a> FnOnce(&'a Semaphore, Crowd<Acquire<'a>>)) {
    let semaphore = Semaphore::new(0);
    f(&semaphore, Crowd::new(times as usize));
    assert_eq!(semaphore.waiters(), 0);
}

pub(crate) fn permit_waits(times: u32) {
    in_queue(times, |semaphore, mut crowd| {
        counted(1, || crowd.come(|_| semaphore.acquire()));
        crowd.leave();
    });
}

pub(crate) fn permit_grant(times: u32) {
    in_queue(times, |semaphore, mut crowd| {
        crowd.come(|_| semaphore.acquire());
        counted(times, || semaphore.add_permits(1));
        crowd.collect(drop);
    });
}

pub(crate) fn permit_collect(times: u32) {
    in_queue(times, |semaphore, mut crowd| {
        crowd.come(|_| semaphore.acquire());
        semaphore.add_permits(times as usize);
        counted(1, || crowd.collect(drop));
    });
}

pub(crate) fn permit_leave(times: u32) {
    in_queue(times, |semaphore, mut crowd| {
        crowd.come(|_| semaphore.acquire());
        counted(1, || crowd.leave());
    });
}

pub(crate) fn both(times: u32) {
    let limiter = ResourceLimiter::new(&full::<TokioRuntime>(), &ConcurrencyLimiter::new(8));
    counted(times, || drop(black_box(&limiter).try_acquire().unwrap()));
}

pub(crate) fn timeout_ready(times: u32) {
    let tm = TimeoutManager::new(HOUR);
    counted(times, || assert!(once(black_box(&tm).run(ready(black_box(1)))).is_ok()));
}

/// A manager with a timeout of each kind pending, so that its alarm is set and its wheel is there.
fn timeouts(f: impl FnOnce(&TimeoutManager)) {
    in_tokio(|| {
        let tm = TimeoutManager::new(HOUR);
        let mut first = Crowd::new(2);
        first.come(|number| tm.run_within(HOUR / (1 + number as u32), pending::<()>()));
        f(&tm);
    });
}

pub(crate) fn timeout_yield(times: u32) {
    timeouts(|tm| counted(times, || assert!(twice(black_box(tm).run(Yield::default())).is_ok())));
}

pub(crate) fn timeout_other(times: u32) {
    timeouts(|tm| counted(times, || assert!(twice(black_box(tm).run_within(HOUR * 2, Yield::default())).is_ok())));
}

pub(crate) fn scope_ready(times: u32) {
    let tm = TimeoutManager::new(HOUR);
    // The first scope on a thread makes a stack.
    assert!(once(tm.scope(ready(1))).is_ok());
    counted(times, || assert!(once(black_box(&tm).scope(ready(black_box(1)))).is_ok()));
}

/// A table of a thousand keys, none of whose buckets is full. How the keys are hashed differs from run to run.
fn keyed() -> KeyedRateLimiter<u64> {
    let limiter = KeyedRateLimiter::new(Quota::per_second(1).burst(1_000_000));
    for key in 0..1000 {
        assert!(limiter.try_acquire_many(&key, 10_000).is_ok());
    }
    limiter
}

pub(crate) fn keyed_allowed(times: u32) {
    let (limiter, mut key) = (keyed(), 0);
    counted(times, || {
        key = (key + 7) % 1000;
        assert!(black_box(&limiter).try_acquire(&key).is_ok());
    });
}

pub(crate) fn keyed_refused(times: u32) {
    let limiter = KeyedRateLimiter::new(Quota::per_hour(1));
    assert!(limiter.try_acquire(&1_u64).is_ok());
    counted(times, || assert!(black_box(&limiter).try_acquire(&1).is_err()));
}

pub(crate) fn keyed_permit(times: u32) {
    let limiter = KeyedConcurrencyLimiter::new(2);
    counted(times, || drop(black_box(&limiter).try_acquire(&1_u64).unwrap()));
}
