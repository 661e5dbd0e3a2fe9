//! mtaio-core in a program without std and without libc.
//!
//! The exit code is the number of the check that failed, or 0.

#![no_std]
#![no_main]

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(feature = "pulls-in-std")]
use needs_std as _;

use core::sync::atomic::Ordering::Relaxed;

use mtaio_scenario::{FIRST_OF_THE_PROGRAM, Failed, check};

#[cfg(feature = "alloc")]
mod heap;
mod platform;

/// Where `_start` arrives, on an aligned stack.
extern "C" fn program() -> ! {
    match mtaio_scenario::run().and_then(|()| critical_sections()) {
        Ok(()) => platform::exit(0),
        Err(number) => {
            platform::complain("a check failed; its number is the exit code\n");
            platform::exit(number)
        }
    }
}

/// The locks went through our critical section, and every section was left again.
fn critical_sections() -> Result<(), Failed> {
    check(FIRST_OF_THE_PROGRAM, platform::SECTIONS_ENTERED.load(Relaxed) > 0)?;
    check(FIRST_OF_THE_PROGRAM + 1, platform::SECTIONS_OPEN.load(Relaxed) == 0)
}
