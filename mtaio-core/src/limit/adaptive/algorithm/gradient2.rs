//! The round trips of now beside those of long ago.

use super::window::Window;
use super::{LimitAlgorithm, LimitBounds, Sample};

/// How much longer than usual a round trip may be.
const TOLERANCE: f64 = 1.5;
/// How much of a new limit is taken.
const SMOOTHING: f64 = 0.2;
/// What may always queue.
const QUEUE: f64 = 4.0;
/// How many windows the usual round trip looks back ...
const LONG: f64 = 600.0;
/// ... once there were so many, of which it is the mean.
const WARM_UP: u32 = 10;

/// Follows the gradient of the round trips: of those in this second, against their average over a long time.
///
/// For each window of a second with more than ten samples, whose mean round trip is `rtt`, as long as at least half the limit is in
/// flight:
///
/// ```text
/// usual    = average of rtt, exponentially over 600 windows; times 0.95 while it is more than 2 rtt
/// gradient = clamp(1.5 * usual / rtt, 0.5, 1)
/// limit    = 0.8 limit + 0.2 (gradient * limit + 4)
/// ```
///
/// After `Gradient2Limit` of Netflix's concurrency-limits with its defaults (but for its least limit of 20), under its `WindowedLimit`.
/// Being dropped is to it only a long round trip. In an overload that lasts, the usual round trip becomes that of the overload, and the
/// limit rises.
#[derive(Clone, Debug)]
pub struct Gradient2 {
    bounds: LimitBounds,
    limit: f64,
    pub(super) usual: f64,
    windows: u32,
    window: Window,
}

impl Gradient2 {
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
        Self { bounds, limit: bounds.initial as f64, usual: 0.0, windows: 0, window: Window::new() }
    }

    fn learn(&mut self, rtt: f64) {
        if self.windows < WARM_UP {
            self.windows += 1;
            self.usual += (rtt - self.usual) / f64::from(self.windows);
        } else {
            self.usual += (rtt - self.usual) * 2.0 / (LONG + 1.0);
        }
    }
}

impl LimitAlgorithm for Gradient2 {
    fn limit(&self) -> usize {
        self.bounds.whole(self.limit)
    }

    fn record(&mut self, sample: &Sample) -> usize {
        let Some(window) = self.window.add(sample) else { return self.limit() };
        self.learn(window.rtt);
        let usual = self.usual;
        if usual > 2.0 * window.rtt {
            self.usual *= 0.95;
        }
        if window.in_flight * 2.0 >= self.limit {
            let gradient = (TOLERANCE * usual / window.rtt).clamp(0.5, 1.0);
            let limit = (1.0 - SMOOTHING) * self.limit + SMOOTHING * (gradient * self.limit + QUEUE);
            self.limit = self.bounds.clamp(limit);
        }
        self.limit()
    }
}
