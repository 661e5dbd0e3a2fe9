//! Checks 30 to 59: timeouts, each with a timer of its own or all with one.

use core::future::pending;
use core::pin::pin;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use core::task::{Context, Waker};
use core::time::Duration;

use embassy_executor::Spawner;
use mtaio_core::runtime::{Clock, Timer};
use mtaio_core::sync::Semaphore;
use mtaio_core::timeout::timeout;

use crate::runtime::Embassy;
use crate::{Failed, check};

type TimeoutManager = mtaio_core::timeout::TimeoutManager<Embassy>;

const TIMEOUT: Duration = Duration::from_millis(40);

static ENDED: Semaphore = Semaphore::new(0);

/// How many timeouts came when they should, and how many too early.
static ON_TIME: AtomicU32 = AtomicU32::new(0);
static EARLY: AtomicU32 = AtomicU32::new(0);

#[embassy_executor::task(pool_size = 3)]
async fn waits_too_long(within: Duration, tm: TimeoutManager) {
    let start = Embassy.now();
    if tm.run_within(within, pending::<()>()).await.is_err() {
        let counter = if Embassy.now() >= start + within { &ON_TIME } else { &EARLY };
        counter.fetch_add(1, Relaxed);
    }
    ENDED.add_permits(1);
}

/// Waits until so many tasks have ended.
async fn all_ended(tasks: u32) -> Result<(), Failed> {
    ENDED.acquire_many(tasks).await.map_err(|_| 42)?.forget();
    Ok(())
}

pub async fn one_with_its_own_timer() -> Result<(), Failed> {
    let start = Embassy.now();
    check(30, timeout(Embassy, TIMEOUT, async { 7 }).await == Ok(7))?;
    check(31, timeout(Embassy, TIMEOUT, pending::<()>()).await.is_err())?;
    check(32, Embassy.now() >= start + TIMEOUT)
}

pub async fn tasks_share_a_manager(spawner: Spawner) -> Result<(), Failed> {
    let tm = TimeoutManager::new(TIMEOUT);
    for within in [2 * TIMEOUT, TIMEOUT, TIMEOUT / 2] {
        spawner.spawn(waits_too_long(within, tm.clone()).map_err(|_| 40)?);
    }
    let in_time = async {
        Embassy.sleep_until(Embassy.now() + TIMEOUT / 4).await;
        7
    };
    check(41, tm.run(in_time).await == Ok(7))?;
    all_ended(3).await?;
    check(43, ON_TIME.load(Relaxed) == 3 && EARLY.load(Relaxed) == 0)
}

/// The waker of the first one goes nowhere, so that the task behind it is seen to when the first one goes.
pub async fn one_who_was_woken_for_all_is_dropped(spawner: Spawner) -> Result<(), Failed> {
    let tm = TimeoutManager::new(TIMEOUT);
    {
        let mut left_alone = pin!(tm.run_within(TIMEOUT / 2, pending::<()>()));
        check(50, left_alone.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending())?;
        spawner.spawn(waits_too_long(TIMEOUT, tm.clone()).map_err(|_| 51)?);
        Embassy.sleep_until(Embassy.now() + 2 * TIMEOUT).await;
    }
    all_ended(1).await?;
    check(52, ON_TIME.load(Relaxed) == 4 && EARLY.load(Relaxed) == 0)?;
    // The alarm is set again for those who come later.
    let start = Embassy.now();
    check(53, tm.run(pending::<()>()).await.is_err())?;
    check(54, Embassy.now() >= start + TIMEOUT)
}
