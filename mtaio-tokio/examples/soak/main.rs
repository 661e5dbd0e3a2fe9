//! All limiters at once under load, those for each key and the adaptive one too, for as long as you like: tasks that wait, give up and change the limits, while what was promised
//! is checked all the time. In the end nothing may be left: no waiter, no permit, no deadline, no task, and no memory to speak of.
//!
//! ```text
//! cargo run --release -p mtaio-tokio --example soak -- --seconds 3600
//! ```

extern crate alloc;

#[path = "../support/check.rs"]
mod check;
mod limits;
mod load;
mod more;

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::process::ExitCode;
use std::time::Instant;

use check::{Failure, check};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use limits::Limits;
use load::{DONE, Dice, reconfigure, sample_order, work};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Puts all limiters under load, and checks what they promise.
#[derive(Parser)]
struct Options {
    /// How long.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How many tasks.
    #[arg(long, default_value_t = 200)]
    tasks: u64,
}

/// What the process holds.
#[derive(Clone, Copy)]
struct Holds {
    tasks: usize,
    /// In KiB, where the system tells.
    memory: Option<u64>,
}

impl Holds {
    fn now() -> Self {
        Self { tasks: Handle::current().metrics().num_alive_tasks(), memory: resident_kib() }
    }
}

fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    check::exit(soak(Duration::from_secs(options.seconds), options.tasks).await)
}

async fn soak(time: Duration, tasks: u64) -> Result<(), Failure> {
    let start = Holds::now();
    let limits = Limits::new();
    let mut load = JoinSet::new();
    for seed in 0..tasks {
        load.spawn(work(limits.clone(), Dice::new(seed)));
    }
    load.spawn(reconfigure(limits.clone(), Dice::new(tasks)));
    load.spawn(sample_order(limits.clone()));

    // A tenth of the time is for warming up: what is allocated then may stay.
    let fault = watch(&limits, time / 10).await.err();
    let warm = Holds::now();
    let fault = fault.or(watch(&limits, time - time / 10).await.err());
    load.shutdown().await;
    fault.map_or(Ok(()), Err)?;
    report(&limits)?;
    drop(limits);
    check_drift(start, warm).await
}

/// Looks at everything, again and again.
async fn watch(limits: &Limits, time: Duration) -> Result<(), Failure> {
    let bar = ProgressBar::new(time.as_millis() as u64);
    bar.set_style(ProgressStyle::with_template("{bar:40} {percent}% {msg}")?);
    let begun = Instant::now();
    while begun.elapsed() < time {
        sleep(Duration::from_millis(20)).await;
        if let Some(fault) = limits.fault() {
            return Err(fault.into());
        }
        bar.set_position(begun.elapsed().as_millis() as u64);
        // ORDERING: Relaxed: a statistic, orders nothing.
        bar.set_message(format!("{} things done", DONE.load(Ordering::Relaxed)));
    }
    bar.finish_and_clear();
    Ok(())
}

fn report(limits: &Limits) -> Result<(), Failure> {
    // ORDERING: Relaxed: a statistic, orders nothing.
    println!("{} things were done", DONE.load(Ordering::Relaxed));
    for rate in [&limits.steady, &limits.changing, &limits.more.leased] {
        check(format!("{}: {} cells were granted, no more than it allows", rate.name, rate.granted()), true)?;
    }
    limits.more.told().into_iter().try_for_each(|what| check(what, true))?;
    for pool in [&limits.pool, &limits.elastic, &limits.more.classes, &limits.more.stack] {
        let (available, limit) = (pool.limiter.available(), pool.limiter.limit());
        check(format!("{}: {available} of {limit} slots are back", pool.name), available == limit)?;
    }
    for (what, left) in limits.left() {
        check(format!("{left} {what} are left"), left == 0)?;
    }
    limits.more.check_at_rest()?;
    Ok(())
}

/// What the process holds now, without any limiter, against what it held before.
async fn check_drift(start: Holds, warm: Holds) -> Result<(), Failure> {
    let mut end = Holds::now();
    // Tasks that hold alarms end when they are polled next.
    for _ in 0..500 {
        if end.tasks <= start.tasks {
            break;
        }
        sleep(Duration::from_millis(10)).await;
        end = Holds::now();
    }
    check(format!("{} tasks are alive, and {} were before", end.tasks, start.tasks), end.tasks <= start.tasks)?;
    if let Some((warm, end)) = warm.memory.zip(end.memory) {
        check(format!("memory: {end} KiB now, {warm} KiB when it was warm"), end <= warm + warm / 4 + 8 * 1024)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_short_soak_finds_nothing() {
        soak(Duration::from_millis(500), 20).await.unwrap();
    }
}
