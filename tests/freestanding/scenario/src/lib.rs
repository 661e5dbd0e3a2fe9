//! A small program that needs neither std nor an operating system: the host runs it, and so does a board.
//!
//! Nothing in it waits for real time, so it comes out the same everywhere.

#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;

mod bucket;
mod executor;
#[cfg(feature = "alloc")]
mod hand_clock;
#[cfg(feature = "alloc")]
mod rate;
mod semaphore;
#[cfg(feature = "alloc")]
mod timeouts;

/// The number of the check that failed. None is 0, and all are below [`FIRST_OF_THE_PROGRAM`].
pub type Failed = u8;

/// Programs number their own checks from here.
pub const FIRST_OF_THE_PROGRAM: Failed = 100;

/// Fails as `number` unless `holds`.
pub fn check(number: Failed, holds: bool) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(number) }
}

/// Does everything that can be done with the features that are on.
pub fn run() -> Result<(), Failed> {
    bucket::conforms()?;
    semaphore::two_tasks_take_turns()?;
    semaphore::one_gives_up()?;
    #[cfg(feature = "alloc")]
    {
        semaphore::owned_permits()?;
        rate::tasks_get_cells_in_line()?;
        timeouts::one_with_its_own_timer()?;
        timeouts::many_with_one_timer()?;
    }
    Ok(())
}
