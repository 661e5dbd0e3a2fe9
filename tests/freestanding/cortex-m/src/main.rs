//! The scenario on a Cortex-M3: critical sections mask interrupts, and there is no 64-bit atomic.
//!
//! The exit code is the number of the check that failed, or 0.

#![no_std]
#![no_main]

use cortex_m::register::primask;
use cortex_m_rt::entry;
use mtaio_scenario::{FIRST_OF_THE_PROGRAM, check};

#[entry]
fn main() -> ! {
    mtaio_board::start();
    // Every critical section was left again.
    let sections = || check(FIRST_OF_THE_PROGRAM, primask::read().is_active());
    match mtaio_scenario::run().and_then(|()| sections()) {
        Ok(()) => mtaio_board::exit(0),
        Err(number) => mtaio_board::exit(number),
    }
}
