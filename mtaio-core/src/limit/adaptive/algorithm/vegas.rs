//! The queue that the shortest round trip tells of.

use super::window::Window;
use super::{LimitAlgorithm, LimitBounds, Sample};

/// The shortest round trip is forgotten after so many windows for each unit of the limit, times a jitter between a half and one.
const PROBE: f64 = 30.0;

/// Keeps a queue of a few requests, by the shortest round trip that it has seen.
///
/// For each window of a second with more than ten samples, whose mean round trip is `rtt`:
///
/// ```text
/// queue = ceil(limit * (1 - shortest / rtt))        g = max(1, floor(log10(limit)))
///
/// dropped                 limit - g
/// 2 * in flight < limit   limit
/// queue <= g              limit + 6 g
/// queue <  3 g            limit + g
/// queue >  6 g            limit - g
/// otherwise               limit
/// ```
///
/// A window that is shorter than the shortest becomes it. After about `30 * limit` windows the next one does, whatever it is.
///
/// After `VegasLimit` of Netflix's concurrency-limits with its defaults, under its `WindowedLimit`; the idea is TCP Vegas' (Brakmo and
/// Peterson, 1995). Its jitter is drawn by lot, ours goes round: a half, five eighths, ... one. Where the service itself becomes slower
/// it takes that for a queue, and lets in less and less.
#[derive(Clone, Debug)]
pub struct Vegas {
    bounds: LimitBounds,
    limit: f64,
    pub(super) shortest: Option<f64>,
    /// How many windows there were since the shortest was taken anew.
    windows: f64,
    /// In eighths, from a half to one.
    jitter: u8,
    window: Window,
}

impl Vegas {
    /// Begins at `initial`, and stays between 1 and 1000.
    ///
    /// # Panics
    ///
    /// If `initial` is zero.
    pub fn new(initial: usize) -> Self {
        Self::within(LimitBounds::or_panic(initial))
    }

    /// Stays within `bounds`.
    pub const fn within(bounds: LimitBounds) -> Self {
        let limit = bounds.initial as f64;
        Self { bounds, limit, shortest: None, windows: 0.0, jitter: 4, window: Window::new() }
    }

    /// Whether the shortest round trip is to be taken anew.
    fn probes(&mut self) -> bool {
        self.windows += 1.0;
        let due = f64::from(self.jitter) / 8.0 * PROBE * self.limit <= self.windows;
        if due {
            self.windows = 0.0;
            self.jitter = if self.jitter == 8 { 4 } else { self.jitter + 1 };
        }
        due
    }

    fn next(&self, shortest: f64, rtt: f64, in_flight: f64, dropped: bool) -> f64 {
        let (limit, step) = (self.limit, f64::from((self.limit as usize).max(1).ilog10().max(1)));
        let exact = limit * (1.0 - shortest / rtt);
        // Rounded up: there is no `ceil` without std.
        let queue = exact as usize as f64 + if exact > exact as usize as f64 { 1.0 } else { 0.0 };
        match () {
            () if dropped => limit - step,
            () if in_flight * 2.0 < limit => limit,
            () if queue <= step => limit + 6.0 * step,
            () if queue < 3.0 * step => limit + step,
            () if queue > 6.0 * step => limit - step,
            () => limit,
        }
    }
}

impl LimitAlgorithm for Vegas {
    fn limit(&self) -> usize {
        self.bounds.whole(self.limit)
    }

    fn record(&mut self, sample: &Sample) -> usize {
        let Some(window) = self.window.add(sample) else { return self.limit() };
        let probes = self.probes();
        match self.shortest {
            Some(shortest) if !probes && window.rtt >= shortest => {
                self.limit = self.bounds.clamp(self.next(shortest, window.rtt, window.in_flight, window.dropped));
            }
            _ => self.shortest = Some(window.rtt),
        }
        self.limit()
    }
}
