//! A hundred tasks, ten at once, with their results in the order of the tasks; and lists of tasks, of which each holds one slot
//! from its first task to its last. The ten meet inside, so that fewer than ten at once would be noticed as well as more.
//!
//! ```text
//! cargo run -p mtaio-tokio --example task_processor
//! ```

extern crate alloc;

#[path = "support/check.rs"]
mod check;

use alloc::sync::Arc;
use core::time::Duration;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use check::{Failure, check};
use mtaio_tokio::{ConcurrencyLimiter, ResourceLimitError, TimeoutManager};
use tokio::sync::Barrier;

const AT_ONCE: usize = 10;
const TASKS: usize = 100;
const TASKS_PER_LIST: usize = 5;

/// Only a limiter that lets in too few makes it take longer: then nobody is met.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where tasks are processed.
struct Workshop {
    inside: Mutex<Inside>,
    meeting: Barrier,
}

#[derive(Clone, Copy, Default)]
struct Inside {
    now: usize,
    peak: usize,
}

impl Workshop {
    fn new() -> Arc<Self> {
        Arc::new(Self { inside: Mutex::default(), meeting: Barrier::new(AT_ONCE) })
    }

    /// The work: it goes on when so many are at work as may be.
    async fn process(self: Arc<Self>, task: usize) -> usize {
        self.count(|inside| {
            inside.now += 1;
            inside.peak = inside.peak.max(inside.now);
        });
        self.meeting.wait().await;
        self.count(|inside| inside.now -= 1);
        task * task
    }

    async fn process_list(self: Arc<Self>, list: Vec<usize>) -> Vec<usize> {
        let mut results = Vec::new();
        for task in list {
            results.push(Arc::clone(&self).process(task).await);
        }
        results
    }

    fn peak(&self) -> usize {
        self.count(|inside| inside.peak)
    }

    fn count<T>(&self, change: impl FnOnce(&mut Inside) -> T) -> T {
        change(&mut self.inside.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    check::exit(run().await)
}

async fn run() -> Result<(), Failure> {
    let slots = ConcurrencyLimiter::new(AT_ONCE);
    let patience = TimeoutManager::new(PATIENCE);
    let squares: Vec<_> = (0..TASKS).map(|task| task * task).collect();

    // Each task passes the limit for itself, also in a list: `wrap` makes it a part of the function.
    let workshop = Workshop::new();
    let shared = Arc::clone(&workshop);
    let process = slots.wrap(move |task| Arc::clone(&shared).process(task));
    let results = patience.run(in_order(0..TASKS, process)).await??;
    let peak = workshop.peak();
    check(format!("{TASKS} tasks, {AT_ONCE} slots: {peak} were at work at once"), peak == AT_ONCE)?;
    check("the results are in the order of the tasks", results == squares)?;

    // A list passes the limit once: its tasks come one after the other, and no other list has its slot in between.
    let workshop = Workshop::new();
    let shared = Arc::clone(&workshop);
    let process_list = slots.wrap(move |list| Arc::clone(&shared).process_list(list));
    let tasks: Vec<_> = (0..TASKS).collect();
    let lists = tasks.chunks(TASKS_PER_LIST).map(<[usize]>::to_vec);
    let (count, results) = (lists.len(), patience.run(in_order(lists, process_list)).await??);
    let peak = workshop.peak();
    check(format!("{count} lists, {AT_ONCE} slots: {peak} were at work at once"), peak == AT_ONCE)?;
    check("the results are in the order of the lists", results.concat() == squares)?;

    check("all slots are back", slots.in_flight() == 0)
}

/// Starts a call for each item, all at once, and returns what they return in the order of the items.
async fn in_order<X, T, F>(items: impl Iterator<Item = X>, call: impl Fn(X) -> F) -> Result<Vec<T>, Failure>
where
    T: Send + 'static,
    F: Future<Output = Result<T, ResourceLimitError>> + Send + 'static,
{
    let calls: Vec<_> = items.map(|item| tokio::spawn(call(item))).collect();
    let mut results = Vec::new();
    for call in calls {
        results.push(call.await??);
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    #[tokio::test(flavor = "multi_thread")]
    async fn every_check_holds() {
        super::run().await.unwrap();
    }
}
