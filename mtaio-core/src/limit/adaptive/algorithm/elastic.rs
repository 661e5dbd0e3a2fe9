//! The default: how much more comes out when more is let in.

mod drops;
mod probe;

use drops::{Drops, Retreat};
use probe::Probe;

use super::{LimitAlgorithm, LimitBounds, Sample};
use crate::limit::adaptive::math::{exp, ln};
use crate::time::Instant;

/// The elasticity at which the limit stays: the windows around it stand about evenly around the knee, a little more of them above it.
const TARGET: f64 = 0.3;
/// How far a pair of windows moves the limit, in windows' distances.
const GAIN: f64 = 0.3;
/// How far apart the windows of a pair are, as a logarithm: about 10 % at least, and twice as much at most.
const NEAREST: f64 = 0.1;
const FARTHEST: f64 = 0.7;
/// Two pairs that say the same take the next one farther apart if the last one says so clearly, all others nearer.
const WIDER: f64 = 1.7;
const NARROWER: f64 = 0.65;
const CLEAR: f64 = 0.3;
/// What is left of the limit when too much is dropped.
const BACKOFF: f64 = 0.5;

/// Follows how the throughput answers to the concurrency. It needs no latency to compare with, and so none can be wrong.
///
/// It lets in a few less for some time and then a few more, and compares what came out of both windows:
///
/// ```text
/// e = ln(X_more / X_less) / ln(N_more / N_less)
/// ```
///
/// where `X` is the throughput of what succeeded and `N` how many were in flight. As long as more in flight is more that comes out, `e`
/// is near 1, and the limit rises. Once the backend is busy only its queue grows: `e` is near 0, and the limit sinks. It stays where the
/// two windows stand around the knee, with `e` at 0.3.
///
/// - **Windows.** They are as long as the noise asks: `4 v / d^2` samples, where `d` is how far apart the windows are, as a logarithm, and
///   `v` the squared coefficient of variation of the round trips, at least 1; but at least 16 samples and 100 ms, and 20 s at most. Before
///   each, a round trip is waited for, and until the limit is reached, or five round trips. Pairs come as less and more, then more and
///   less, so that a load that grows all the time tilts them both ways.
/// - **Steps.** A pair moves the logarithm of the limit by `0.3 d (e - 0.3) / 0.7`, or `/ 0.3` where that is negative, at most by
///   `0.3 d`. While pairs say the same, and by more than 0.3 of that, `d` grows to 1.7 of itself, up to 0.7; when they do not, it shrinks
///   to 0.65, down to `0.1 v^(1/4)`. So it is fast when it is far, and quiet when it is there.
/// - **Not limited.** Where fewer than one in twenty took the last place, and less than nine tenths of the limit were in flight on average,
///   or where about as many were in flight in both windows, nothing is known of the limit, and it stays: at the more of both as long as it
///   does not limit, so that nobody is kept out for a comparison that says nothing.
/// - **Drops.** When about a fifth of the latest requests was dropped (as many as the limit, but 8 to 64), the limit is halved, and
///   once more if those let in after that fare no better. Then it is doubled, each time that a limit's worth of requests has succeeded,
///   up to three quarters of where it was; or of the lowest place where it was dropped again on the way.
///
/// The constants were found by simulation, with the scenarios of [the module `sim`](crate#features). Climbing along a slope that one
/// measures by going to and fro is known as extremum control; here the slope is that of Little's law (Little, *A proof for the queuing
/// formula L = λW*, 1961).
#[derive(Clone, Debug)]
pub struct Elastic {
    bounds: LimitBounds,
    /// How many share the backend.
    limiters: f64,
    /// What the windows lie around.
    pub(super) center: f64,
    /// How far apart they are, as a logarithm.
    distance: f64,
    /// Which way the last pair said, as a sign.
    last: f64,
    limit: usize,
    probe: Probe,
    drops: Drops,
}

impl Elastic {
    /// Begins at `initial`, and stays between 1 and 1000.
    ///
    /// # Panics
    ///
    /// If `initial` is zero.
    pub fn new(initial: usize) -> Self {
        Self::within(LimitBounds::or_panic(initial))
    }

    /// Stays within `bounds`.
    pub fn within(bounds: LimitBounds) -> Self {
        let mut elastic = Self {
            bounds,
            limiters: 1.0,
            center: bounds.initial as f64,
            distance: 3.0 * NEAREST,
            last: 0.0,
            limit: bounds.initial,
            probe: Probe::new(),
            drops: Drops::new(),
        };
        elastic.set_limit(Instant::ORIGIN);
        elastic
    }

    /// Expects that so many limiters, this one included and all about as busy, stand side by side before the same backend, and know
    /// nothing of each other; 1 if nothing is said.
    ///
    /// Whoever lets in more then takes some from the others: of `k` limiters each makes a `k`th part of the queue, and sees an elasticity
    /// of `1 - (1 - e) / k`, where `e` is that of all together. That is what the limit goes by here: `1 - k (1 - e)` instead of `e`. With more
    /// of them than it is told the queue becomes longer, with fewer some of the capacity is left; and as their noise is `k` times as large,
    /// shares differ for a while.
    ///
    /// # Panics
    ///
    /// If `limiters` is zero: it is one itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use mtaio_core::limit::{AdaptiveConcurrencyLimiter, Elastic};
    /// use mtaio_core::runtime::VirtualRuntime;
    ///
    /// let limiter = AdaptiveConcurrencyLimiter::builder(20)
    ///     .algorithm(|bounds| Box::new(Elastic::within(bounds).shared_by(4)))
    ///     .build_on(VirtualRuntime::new())?;
    /// # Ok::<(), mtaio_core::limit::InvalidAdaptation>(())
    /// ```
    #[track_caller]
    pub fn shared_by(self, limiters: usize) -> Self {
        assert!(limiters > 0, "a backend that is shared by 0 limiters has none");
        Self { limiters: limiters as f64, ..self }
    }

    /// The limits of the two windows.
    fn pair(&self) -> (usize, usize) {
        let half = exp(self.distance / 2.0);
        let (min, max) = (self.bounds.min, self.bounds.max);
        let more = (round(self.center * half)).clamp(min, max);
        let less = (round(self.center / half)).clamp(min, max);
        match more > less {
            true => (less, more),
            false if more < max => (less, more + 1),
            false => (less.saturating_sub(1).max(min), more),
        }
    }

    /// Lets in what the next window is to see.
    fn set_limit(&mut self, now: Instant) {
        let (less, more) = self.pair();
        self.limit = match self.drops.is_back() {
            true if self.probe.wants_more() => more,
            true => less,
            false => round(self.center).clamp(self.bounds.min, self.bounds.max),
        };
        self.probe.begin(now, self.limit);
    }

    /// The noisier it is, the farther apart the windows have to be: by the fourth root, so that both they and the steps pay for it.
    fn nearest(&self) -> f64 {
        (NEAREST * exp(ln(self.probe.noise()) / 4.0)).min(FARTHEST)
    }

    /// How far apart the windows are in whole numbers.
    fn real_distance(&self) -> f64 {
        let (less, more) = self.pair();
        ln(more as f64 / less as f64)
    }

    /// How a pair of windows moves the center.
    fn follow(&mut self, elasticity: f64, distance: f64) {
        let error = 1.0 - self.limiters * (1.0 - elasticity) - TARGET;
        let error = (if error < 0.0 { error / TARGET } else { error / (1.0 - TARGET) }).clamp(-1.0, 1.0);
        let says = if error < 0.0 { -1.0 } else { 1.0 };
        let center = self.center * exp(GAIN * distance * error);
        self.center = self.bounds.clamp(center);
        let factor = if says == self.last && error.abs() > CLEAR { WIDER } else { NARROWER };
        self.distance = (self.distance * factor).clamp(self.nearest(), FARTHEST);
        self.last = says;
    }

    fn retreat(&mut self, now: Instant, retreat: Retreat) {
        match retreat {
            Retreat::Down => self.center = self.bounds.clamp(self.center * BACKOFF),
            Retreat::Up(center) => self.center = self.bounds.clamp(center),
        }
        // What is around the new place is not known yet.
        self.distance = self.distance.max(3.0 * NEAREST);
        self.last = 0.0;
        self.probe.forget();
        self.set_limit(now);
    }
}

impl LimitAlgorithm for Elastic {
    fn limit(&self) -> usize {
        self.limit
    }

    fn record(&mut self, sample: &Sample) -> usize {
        if self.probe.is_ahead(sample.end) {
            self.drops.rewind(sample.end);
            self.probe.rewind(sample.end);
            self.set_limit(sample.end);
        }
        if let Some(retreat) = self.drops.record(sample, self.center, self.probe.usual()) {
            self.probe.note(sample);
            self.retreat(sample.end, retreat);
            return self.limit;
        }
        if let Some(pair) = self.probe.record(sample, self.distance.max(self.real_distance())) {
            if let Some((elasticity, distance)) = pair.elasticity() {
                self.follow(elasticity, distance);
            }
            self.set_limit(sample.end);
        } else if self.probe.is_between() {
            self.set_limit(sample.end);
        }
        self.limit
    }
}

/// There is no `round` without std.
fn round(x: f64) -> usize {
    (x + 0.5) as usize
}
