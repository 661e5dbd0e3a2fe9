//! What has become of the requests of all keys together.

use core::time::Duration;

use crate::limit::snapshot::LineSnapshot;
use crate::sync::counts::{Counts, Survey};

/// What no line counts: requests that met none, and those of lines that are gone. Under the lock of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Totals {
    counts: Counts,
    /// Whether requests that met no line are counted.
    counting: bool,
}

impl Totals {
    pub(super) const fn new(counting: bool) -> Self {
        Self { counts: Counts::NONE, counting }
    }

    /// One that met no line was granted, or refused. One for nothing is no request.
    pub(super) fn decide<T, E>(&mut self, n: u32, decided: &Result<T, E>) {
        if self.counting && n > 0 {
            match decided {
                Ok(_) => self.counts.granted += 1,
                Err(_) => self.counts.refused += 1,
            }
        }
    }

    /// Goes on from where a line has left off that is gone.
    pub(super) fn keep(&mut self, line: Counts) {
        add(&mut self.counts, line);
    }
}

fn add(sum: &mut Counts, Counts { granted, refused, cancelled, unclaimed }: Counts) {
    sum.granted += granted;
    sum.refused += refused;
    sum.cancelled += cancelled;
    sum.unclaimed = sum.unclaimed.max(unclaimed);
}

/// The lines of all keys as if they were one.
pub(super) struct Sum(Survey);

impl Sum {
    pub(super) const fn new(has_clock: bool, counting: bool) -> Self {
        let oldest = if has_clock { Some(Duration::ZERO) } else { None };
        Self(Survey { waiting: 0, oldest, counts: Counts::NONE, counting })
    }

    pub(super) fn add_line(&mut self, line: &Survey) {
        self.0.waiting += line.waiting;
        self.0.oldest = self.0.oldest.max(line.oldest);
        add(&mut self.0.counts, line.counts);
    }

    pub(super) fn add_totals(&mut self, totals: &Totals) {
        add(&mut self.0.counts, totals.counts);
    }

    pub(super) fn snapshot(self) -> LineSnapshot {
        LineSnapshot::of(self.0)
    }
}
