//! The scenario on a Cortex-M3: critical sections mask interrupts, and there is no 64-bit atomic.
//!
//! The exit code is the number of the check that failed, or 0.

#![no_std]
#![no_main]

use cortex_m::register::primask;
use cortex_m_rt::entry;
use mtaio_scenario::{FIRST_OF_THE_PROGRAM, Failed, check};

#[entry]
fn main() -> ! {
    mtaio_board::start();
    mtaio_board::end(run())
}

fn run() -> Result<(), Failed> {
    mtaio_scenario::run()?;
    // Every critical section was left again.
    check(FIRST_OF_THE_PROGRAM, primask::read().is_active())?;
    check(FIRST_OF_THE_PROGRAM + 1, !cfg!(feature = "fails"))
}
