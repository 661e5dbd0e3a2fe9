//! Checks 10 to 29: two tasks on one permit, one that gives up, owned permits.

use core::cell::Cell;
use core::pin::pin;
use core::task::{Context, Waker};

use mtaio_core::sync::Semaphore;

use crate::executor::{Executor, yield_now};
use crate::{Failed, check};

static BUS: Semaphore = Semaphore::new(1);
static SLOTS: Semaphore = Semaphore::new(2);

const ROUNDS: u32 = 3;

/// Uses the bus for a few rounds, and writes its digit to the log each time.
async fn user(digit: u32, log: &Cell<u32>, sharing: &Cell<bool>) {
    for _ in 0..ROUNDS {
        let Ok(permit) = BUS.acquire().await else { return };
        log.set(log.get() * 10 + digit);
        sharing.set(sharing.get() || BUS.available() != 0);
        yield_now().await;
        drop(permit);
    }
}

pub fn two_tasks_take_turns() -> Result<(), Failed> {
    let (log, sharing) = (Cell::new(0), Cell::new(false));
    let first = pin!(user(1, &log, &sharing));
    let second = pin!(user(2, &log, &sharing));
    let left = Executor::new([first, second]).run();
    check(10, left == 0)?;
    // Who returns the permit and wants it again goes behind the one who waits.
    check(11, log.get() == 121_212)?;
    check(12, !sharing.get())?;
    check(13, BUS.available() == 1)
}

pub fn one_gives_up() -> Result<(), Failed> {
    let first = SLOTS.try_acquire();
    let second = SLOTS.try_acquire();
    check(15, first.is_ok() && second.is_ok())?;
    check(16, SLOTS.try_acquire().is_err())?;
    {
        let mut gives_up = pin!(SLOTS.acquire_many(2));
        check(17, gives_up.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending())?;
        drop(first);
        // It is first in line, and one permit is not enough for it.
        check(18, SLOTS.try_acquire().is_err())?;
    }
    check(19, SLOTS.try_acquire().is_ok())?;
    drop(second);
    check(20, SLOTS.available() == 2)
}

#[cfg(feature = "alloc")]
pub fn owned_permits() -> Result<(), Failed> {
    let semaphore = alloc::sync::Arc::new(Semaphore::new(1));
    let permit = semaphore.clone().try_acquire_owned();
    check(25, permit.is_ok())?;
    check(26, semaphore.available() == 0)?;
    drop(permit);
    check(27, semaphore.available() == 1)
}
