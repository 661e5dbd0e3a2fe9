//! Checks 1 to 29: rate limiters, with a driver and without one.

use alloc::vec::Vec;
use core::cell::RefCell;
use core::pin::pin;
use core::task::{Context, Waker};

use critical_section::Mutex;
use embassy_executor::Spawner;
use mtaio_core::limit::Quota;
use mtaio_core::runtime::Clock;
use mtaio_core::sync::Semaphore;

use crate::runtime::Embassy;
use crate::{Failed, check};

type RateLimiter = mtaio_core::limit::RateLimiter<Embassy>;

/// A cell every ten milliseconds.
const QUOTA: Quota = Quota::per_second(100).burst(1);

const SENDERS: u8 = 3;
const ROUNDS: usize = 4;

/// How many tasks have ended.
static ENDED: Semaphore = Semaphore::new(0);

/// Who got a cell, and at which millisecond.
static LOG: Mutex<RefCell<Vec<(u8, u64)>>> = Mutex::new(RefCell::new(Vec::new()));

fn millis() -> u64 {
    Embassy.now().as_nanos() / 1_000_000
}

#[embassy_executor::task(pool_size = 3)]
async fn sender(name: u8, limiter: RateLimiter) {
    for _ in 0..ROUNDS {
        if limiter.acquire().await.is_ok() {
            critical_section::with(|section| LOG.borrow_ref_mut(section).push((name, millis())));
        }
    }
    ENDED.add_permits(1);
}

#[embassy_executor::task]
async fn driver(limiter: RateLimiter) {
    limiter.driver().await;
    ENDED.add_permits(1);
}

/// Nobody drives this one: the waiter at the front does.
pub async fn tasks_share_a_limiter(spawner: Spawner) -> Result<(), Failed> {
    let limiter = RateLimiter::new(QUOTA);
    for name in 0..SENDERS {
        spawner.spawn(sender(name, limiter.clone()).map_err(|_| 1)?);
    }
    ENDED.acquire_many(SENDERS.into()).await.map_err(|_| 2)?.forget();

    let log = critical_section::with(|section| LOG.take(section));
    for name in 0..SENDERS {
        check(3, log.iter().filter(|cell| cell.0 == name).count() == ROUNDS)?;
    }
    // Whoever came first took its cell without waiting. From then on they go in turn, until one has enough.
    let names: Vec<u8> = log.iter().map(|cell| cell.0).collect();
    check(4, names[1..7] == names[4..10])?;
    // A limiter may make up for two ticks.
    let start = log[0].1;
    check(5, log.iter().zip(0..).all(|(cell, n)| cell.1 + 2 >= start + 10 * n))?;
    check(6, limiter.waiters() == 0)
}

pub async fn a_driver_sees_to_those_behind_one_who_is_not_polled(spawner: Spawner) -> Result<(), Failed> {
    let limiter = RateLimiter::new(QUOTA);
    spawner.spawn(driver(limiter.clone()).map_err(|_| 10)?);
    check(11, limiter.try_acquire().is_ok())?;
    {
        // It is woken in vain, and stays where it is.
        let mut left_alone = pin!(limiter.acquire());
        check(12, left_alone.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending())?;
        let start = millis();
        for _ in 0..ROUNDS {
            check(13, limiter.acquire().await.is_ok())?;
        }
        check(14, millis() + 2 >= start + 10 * ROUNDS as u64)?;
    }
    limiter.close();
    ENDED.acquire().await.map_err(|_| 15)?.forget();
    check(16, limiter.acquire().await.is_err())
}
