//! Up by one, down by a tenth.

use super::window::Window;
use super::{LimitAlgorithm, LimitBounds, Sample};

/// What is left of the limit after a drop.
const BACKOFF: f64 = 0.9;

/// Raises the limit by one as long as nothing is dropped, and takes a tenth off when something is.
///
/// For each window of a second with more than ten samples:
///
/// ```text
/// any dropped                 limit = max(min, min(limit - 1, 0.9 limit))
/// 2 * in flight >= limit      limit = limit + 1
/// ```
///
/// After `AIMDLimit` of Netflix's concurrency-limits (back-off ratio 0.9), under its `WindowedLimit`; the idea is TCP's (Chiu and Jain,
/// *Analysis of the increase and decrease algorithms for congestion avoidance*, 1989). There a round trip of more than five seconds
/// counts as dropped too; here only what was said to be. It looks at no latency: the limit rises until
/// requests are dropped, so it is for backends that refuse by themselves.
#[derive(Clone, Debug)]
pub struct Aimd {
    bounds: LimitBounds,
    limit: f64,
    window: Window,
}

impl Aimd {
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
        Self { bounds, limit: bounds.initial as f64, window: Window::new() }
    }
}

impl LimitAlgorithm for Aimd {
    fn limit(&self) -> usize {
        self.bounds.whole(self.limit)
    }

    fn record(&mut self, sample: &Sample) -> usize {
        if let Some(window) = self.window.add(sample) {
            // Limits are whole numbers here.
            let limit = if window.dropped {
                (self.limit - 1.0).min((self.limit * BACKOFF) as usize as f64)
            } else if window.in_flight * 2.0 >= self.limit {
                self.limit + 1.0
            } else {
                self.limit
            };
            self.limit = self.bounds.clamp(limit);
        }
        self.limit()
    }
}
