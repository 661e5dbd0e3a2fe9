//! mtaio-core on embassy: tasks that share a rate limiter, and timeouts, on a time driver that calls wakers under its lock.
//!
//! The exit code is the number of the check that failed, or 0.

#![no_std]
#![no_main]

extern crate alloc;

mod rate;
mod runtime;
mod systick;
mod timeouts;

use embassy_executor::Spawner;
use embassy_time::{Duration, with_timeout};

/// The number of the check that failed.
type Failed = u8;

/// The program did not come to its end.
const HANGS: Failed = 198;

fn check(number: Failed, holds: bool) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(number) }
}

async fn run(spawner: Spawner) -> Result<(), Failed> {
    rate::tasks_share_a_limiter(spawner).await?;
    rate::a_driver_sees_to_those_behind_one_who_is_not_polled(spawner).await?;
    timeouts::one_with_its_own_timer().await?;
    timeouts::tasks_share_a_manager(spawner).await?;
    timeouts::one_who_was_woken_for_all_is_dropped(spawner).await
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    mtaio_board::start();
    let mut board = cortex_m::Peripherals::take().expect("this comes first");
    systick::start(&mut board.SYST);
    let result = with_timeout(Duration::from_secs(20), run(spawner)).await;
    mtaio_board::end(result.unwrap_or(Err(HANGS)))
}
