//! A job whose body fails, and whose cleanup is as bad: one step fails, one hangs, one panics. All steps run, last first, also after
//! the time of the job is over; and the error of the body comes first, with those of the cleanup behind it.
//!
//! ```text
//! cargo run -p mtaio-tokio --example cleanup
//! ```

extern crate alloc;

#[path = "support/check.rs"]
mod check;

use alloc::sync::Arc;
use core::future::pending;
use core::time::Duration;
use std::io;
use std::panic::resume_unwind;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use check::{Failure, check};
use mtaio_tokio::{CloseErrorKind, Elapsed, ExitStack, TimeoutManager, shield};
use tokio::task::yield_now;
use tokio::time::sleep;

/// Of a job.
const JOB: Duration = Duration::from_millis(100);
/// Of a step of the cleanup that says nothing else.
const STEP: Duration = Duration::from_secs(5);
/// Of a step that is known to hang.
const SHORT: Duration = Duration::from_millis(50);

/// What happened, in order.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<&'static str>>>);

impl Journal {
    fn write(&self, line: &'static str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// A step that waits, and then leaves a line.
    async fn step(self, line: &'static str) {
        yield_now().await;
        self.write(line);
    }

    /// The lines, which are printed too, and are gone then.
    fn take(&self) -> Vec<&'static str> {
        let lines = core::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        lines.iter().for_each(|line| println!("    {line}"));
        lines
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    check::exit(run().await)
}

async fn run() -> Result<(), Failure> {
    let journal = Journal::default();
    everything_fails(&journal).await?;
    everything_succeeds(&journal).await?;
    time_is_over(&journal).await?;
    shielded(&journal).await
}

/// The body fails, and most of the cleanup: nothing is left out, and nothing is lost.
async fn everything_fails(journal: &Journal) -> Result<(), Failure> {
    let error = ExitStack::new().time_limit(STEP).scope(async |stack| job(stack, journal).await).await;
    let Err(error) = error else { return Err("the job succeeded".into()) };
    let order = ["work", "cache flushed", "table closed", "hang begun", "lock released"];
    check("each step ran, last first, whatever those before it did", journal.take() == order)?;

    println!("    {error}");
    check("the error of the body comes first", error.to_string().starts_with("the disk is full; and then, "))?;
    let (body, cleanup) = error.into_parts();
    check("it is the one of the body", body.map(|body| body.kind()) == Some(io::ErrorKind::StorageFull))?;
    let kinds: Vec<_> = cleanup.into_iter().flatten().map(|error| error.kind()).collect();
    let expected = [CloseErrorKind::Panicked, CloseErrorKind::Failed, CloseErrorKind::TimedOut];
    check("the errors of the cleanup are all there, in their order", kinds == expected)
}

async fn job(stack: &ExitStack, journal: &Journal) -> Result<(), io::Error> {
    let at = journal.clone();
    stack.defer(|| at.step("lock released"));
    let at = journal.clone();
    stack.defer_within(SHORT, async move || {
        at.write("hang begun");
        pending::<()>().await;
        at.write("never");
    });
    let at = journal.clone();
    stack.defer(async move || {
        at.step("table closed").await;
        Err("its last row is missing")
    });
    stack.defer(async || out_of_luck());
    let at = journal.clone();
    stack.defer(|| at.step("cache flushed"));

    journal.write("work");
    Err(io::Error::new(io::ErrorKind::StorageFull, "the disk is full"))
}

/// Panics, but without the report of a panic that nobody catches.
fn out_of_luck() {
    resume_unwind(Box::new("out of luck"));
}

/// What succeeds keeps what it has acquired.
async fn everything_succeeds(journal: &Journal) -> Result<(), Failure> {
    let kept = ExitStack::new().scope(async |stack| {
        let at = journal.clone();
        stack.defer(|| at.step("connection closed"));
        Ok::<_, io::Error>(stack.pop_all())
    });
    let kept = kept.await?;
    check("a job that succeeded hands on what it acquired", kept.len() == 1 && journal.take().is_empty())?;
    kept.close().await?;
    check("and whoever has it closes it", journal.take() == ["connection closed"])
}

/// The time of the job is over: finalizers with a time limit have it nevertheless.
async fn time_is_over(journal: &Journal) -> Result<(), Failure> {
    let stack = ExitStack::new().time_limit(STEP);
    let job = stack.scope(async |stack| {
        let at = journal.clone();
        stack.defer(async move || {
            sleep(SHORT).await;
            at.write("closed in time of its own");
        });
        // Whatever waits under a manager ends with the scope, and leaves room for the cleanup.
        let forever = TimeoutManager::unbounded();
        forever.run(pending::<()>()).await
    });
    let ended = TimeoutManager::new(JOB).scope(job).await;
    let inherited = matches!(&ended, Ok(Err(error)) if error.body().is_some_and(Elapsed::is_inherited));
    check("the job ended with its time, and says that it was the time of the scope", inherited)?;
    check("its cleanup had time of its own", journal.take() == ["closed in time of its own"])
}

/// A part of a job that must not be cut off where it is.
async fn shielded(journal: &Journal) -> Result<(), Failure> {
    let job = async {
        let written = shield(async {
            journal.write("first half");
            sleep(2 * JOB).await;
            journal.write("second half");
        });
        written.await;
        pending::<()>().await;
        journal.write("never");
    };
    let ended = TimeoutManager::new(JOB).scope(job).await;
    check("what is shielded was finished, and the job ended then", ended.is_err())?;
    check("neither half was left out", journal.take() == ["first half", "second half"])
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn every_check_holds() {
        super::run().await.unwrap();
    }
}
