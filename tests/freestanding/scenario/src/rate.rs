//! Checks 30 to 39: two tasks share a rate limiter.

use alloc::vec::Vec;
use core::cell::RefCell;
use core::pin::pin;
use core::time::Duration;

use mtaio_core::limit::{Quota, RateLimiter};
use mtaio_core::runtime::Clock;

use crate::executor::Executor;
use crate::hand_clock::HandClock;
use crate::{Failed, check};

const STEP: Duration = Duration::from_millis(20);

/// Who got a cell, and at which millisecond.
type Log = RefCell<Vec<(u8, u64)>>;

async fn sender(name: u8, limiter: &RateLimiter<HandClock>, log: &Log) {
    while limiter.acquire().await.is_ok() {
        let millis = limiter.runtime().now().as_nanos() / 1_000_000;
        log.borrow_mut().push((name, millis));
        if log.borrow().len() == 5 {
            limiter.close();
        }
    }
}

pub fn tasks_get_cells_in_line() -> Result<(), Failed> {
    let clock = HandClock::new();
    let limiter = RateLimiter::with_runtime(Quota::per_second(10).burst(1), clock.clone());
    let log = Log::default();
    {
        let first = pin!(sender(1, &limiter, &log));
        let second = pin!(sender(2, &limiter, &log));
        let mut executor = Executor::new([first, second]);
        check(30, executor.run() == 2)?;
        // One timer, however many wait.
        check(31, clock.sleepers() == 1)?;
        while executor.run() > 0 && clock.now().as_nanos() < 1_000_000_000 {
            clock.advance(STEP);
        }
        check(32, executor.run() == 0)?;
    }
    check(33, log.into_inner() == [(1, 0), (1, 100), (2, 200), (1, 300), (2, 400)])?;
    drop(limiter);
    // The limiter took its timer along.
    check(34, clock.sleepers() == 0)
}
