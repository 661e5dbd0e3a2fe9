//! All that is measured, one file a subject.

mod combined;
mod keyed;
mod order;
mod queue;
mod rate;
mod semaphore;
mod simulation;
mod sizes;
mod tasks;
mod timeouts;
mod waiting;

use crate::row::Row;

/// Every row, in the order of the report.
pub fn all() -> Vec<Row> {
    [
        rate::rows(),
        waiting::rows(),
        semaphore::rows(),
        tasks::rows(),
        queue::rows(),
        timeouts::rows(),
        order::rows(),
        combined::rows(),
        sizes::rows(),
        keyed::rows(),
        simulation::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
