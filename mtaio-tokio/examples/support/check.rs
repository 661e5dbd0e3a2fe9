//! Checks that an example makes of itself.

use core::error::Error;
use core::fmt::Display;
use std::process::ExitCode;

/// Why an example ended early: a check that failed, or any other error.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Prints what was checked, and fails with it if it does not hold.
pub(crate) fn check(what: impl Display, holds: bool) -> Result<(), Failure> {
    if !holds {
        return Err(format!("this does not hold: {what}").into());
    }
    println!("checked: {what}");
    Ok(())
}

/// How an example ends.
pub(crate) fn exit(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => {
            println!("OK");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("FAILED: {failure}");
            ExitCode::FAILURE
        }
    }
}
