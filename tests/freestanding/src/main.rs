//! mtaio-core in a program without std and without libc.
//!
//! The exit code is the number of the check that failed, or 0.

#![no_std]
#![no_main]

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(feature = "pulls-in-std")]
use needs_std as _;

mod checks;
#[cfg(feature = "alloc")]
mod heap;
mod platform;

/// Where `_start` arrives, on an aligned stack.
extern "C" fn program() -> ! {
    checks::all();
    platform::exit(0)
}
