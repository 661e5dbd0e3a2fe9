//! How much a rate limiter grants in any window.
//!
//! A window begins just before one grant and ends just after another. The cells granted in it, less those given back, are at most
//! `burst + rate * cap` of the quota in force where it begins, plus what the quotas in force during it bring in, each for its
//! part. `cap` is twice the timer's granularity, and counts only once somebody has waited: idling is no lateness.

use mtaio_core::limit::Quota;
use mtaio_core::runtime::{Clock, Timer, VirtualRuntime};

/// What held at one moment. Moments are numbered: many come at the same instant.
#[derive(Clone, Copy, Debug)]
struct Moment {
    /// How many cells the quotas have brought in until then.
    brought: f64,
    /// The burst then.
    burst: u32,
    /// How many cells more a late timer may make up for.
    late: f64,
}

/// Cells that were taken, or given back if there are fewer than none, at a moment between two.
#[derive(Clone, Copy, Debug)]
struct Entry {
    cells: i64,
    from: usize,
    to: usize,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    runtime: VirtualRuntime,
    quota: Quota,
    since: u64,
    brought: f64,
    moments: Vec<Moment>,
    entries: Vec<Entry>,
    /// When somebody waited first.
    first_wait: Option<usize>,
}

impl Ledger {
    pub(crate) fn new(runtime: &VirtualRuntime, quota: Quota) -> Self {
        let since = runtime.now().as_nanos();
        Self {
            runtime: runtime.clone(),
            quota,
            since,
            brought: 0.0,
            moments: Vec::new(),
            entries: Vec::new(),
            first_wait: None,
        }
    }

    /// The moment that is now.
    pub(crate) fn moment(&mut self) -> usize {
        let now = self.runtime.now().as_nanos();
        self.brought += self.quota.rate() * (now - self.since) as f64 / 1e9;
        self.since = now;
        let burst = self.quota.burst_size();
        let cap = 2.0 * self.runtime.granularity().as_secs_f64();
        self.moments.push(Moment { brought: self.brought, burst, late: self.quota.rate() * cap });
        self.moments.len() - 1
    }

    /// Somebody waits.
    pub(crate) fn note_wait(&mut self) {
        let now = self.moment();
        self.first_wait.get_or_insert(now);
    }

    /// From now on that is in force.
    pub(crate) fn change_quota(&mut self, quota: Quota) {
        self.moment();
        self.quota = quota;
        self.moment();
    }

    /// That so many cells were granted, or given back, at some moment from `from` to `to`.
    pub(crate) fn write(&mut self, cells: i64, from: usize, to: usize) {
        self.entries.push(Entry { cells, from, to });
    }

    /// Whether so many cells were more than the burst at any moment since.
    pub(crate) fn was_too_large(&self, n: u32, from: usize) -> bool {
        n > self.quota.burst_size() || self.moments[from..].iter().any(|moment| n > moment.burst)
    }

    /// The first window with too much in it. Entries count where they certainly belong, what was given back where it may.
    pub(crate) fn excess(&self) -> Option<String> {
        let mut granted: Vec<_> = self.entries.iter().filter(|entry| entry.cells > 0).collect();
        granted.sort_by_key(|entry| entry.to);
        let mut returned: Vec<_> = self.entries.iter().filter(|entry| entry.cells < 0).collect();
        returned.sort_by_key(|entry| entry.from);
        granted.iter().find_map(|first| {
            let start = first.from;
            let mut back = returned.iter().filter(|entry| entry.to >= start).peekable();
            let mut sum = 0;
            granted.iter().filter(|entry| entry.from >= start).find_map(|last| {
                sum += last.cells;
                while let Some(entry) = back.next_if(|entry| entry.from <= last.to) {
                    sum += entry.cells;
                }
                let (start, end) = (self.moments[start], self.moments[last.to]);
                let late = if self.first_wait.is_some_and(|first| first <= last.to) { start.late } else { 0.0 };
                let bound = f64::from(start.burst) + late + end.brought - start.brought;
                (sum as f64 > bound + 1e-6).then(|| format!("{sum} cells in a window in which {bound:.6} may be"))
            })
        })
    }
}
