//! Samples of about a second, as one: what the algorithms of others decide by.

use crate::limit::adaptive::algorithm::Sample;
use crate::time::Instant;

/// A window lasts so long, at least ...
const NANOS: u64 = 1_000_000_000;
/// ... and has more samples than this, or says nothing.
const SAMPLES: u32 = 10;

/// Gathers samples: `WindowedLimit` of Netflix's concurrency-limits with its defaults (windows of 1 s with more than 10 samples, whose
/// round trip is the mean), but for its lower bound of 100 us.
#[derive(Clone, Debug)]
pub(super) struct Window {
    ends: Instant,
    count: u32,
    rtt_sum: f64,
    in_flight: usize,
    dropped: bool,
}

/// What a window says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    /// The mean, in nanoseconds.
    pub(super) rtt: f64,
    /// The most.
    pub(super) in_flight: f64,
    /// Whether any was.
    pub(super) dropped: bool,
}

impl Window {
    pub(super) const fn new() -> Self {
        Self { ends: Instant::ORIGIN, count: 0, rtt_sum: 0.0, in_flight: 0, dropped: false }
    }

    /// Adds a sample. If that ends the window and it has enough of them, this is what it says.
    pub(super) fn add(&mut self, sample: &Sample) -> Option<Summary> {
        // A clock that stands still ends no window.
        self.count = self.count.saturating_add(1);
        self.rtt_sum += sample.rtt_nanos();
        self.in_flight = self.in_flight.max(sample.in_flight);
        self.dropped |= sample.dropped;
        // An end that is further away than a window is long was set by a clock that has stepped back since.
        if sample.end <= self.ends && (self.ends - sample.end).as_nanos() <= u128::from(NANOS) {
            return None;
        }
        let ends = Instant::from_nanos(sample.end.as_nanos().saturating_add(NANOS));
        let full = core::mem::replace(self, Self { ends, ..Self::new() });
        (full.count > SAMPLES).then(|| Summary {
            rtt: full.rtt_sum / f64::from(full.count),
            in_flight: full.in_flight as f64,
            dropped: full.dropped,
        })
    }
}
