//! When too much is dropped, and the way back.

use crate::limit::adaptive::algorithm::Sample;
use crate::time::Instant;

/// More than this much of the latest requests, and it is too much.
const TOO_MUCH: f64 = 0.2;
/// How many the latest are: a limit's worth, but not fewer and not more than these.
const FEW: f64 = 8.0;
const MANY: f64 = 64.0;
/// Less than this is none: an average that only decays does not end up among the numbers that are slow to calculate with.
const NOTHING: f64 = 1e-9;
/// What is left of the place to go back to, if it is lost again on the way.
const LESS: f64 = 0.75;

/// A change that drops make.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Retreat {
    /// Let in less.
    Down,
    /// Let in so many again.
    Up(f64),
}

/// How much is dropped, as an average over the latest requests, and where the way back leads.
#[derive(Clone, Debug)]
pub(super) struct Drops {
    ratio: f64,
    /// Who was let in before this says nothing of the limit that there is.
    since: Instant,
    /// The last limit that was good, until it is reached again.
    good: Option<f64>,
    /// How many succeeded of those that were let in since.
    succeeded: f64,
}

impl Drops {
    pub(super) const fn new() -> Self {
        Self { ratio: 0.0, since: Instant::ORIGIN, good: None, succeeded: 0.0 }
    }

    /// Whether the limit is not on its way back.
    pub(super) const fn is_back(&self) -> bool {
        self.good.is_none()
    }

    /// Begins anew, at whatever time it is.
    pub(super) fn rewind(&mut self, now: Instant) {
        self.since = self.since.min(now);
    }

    /// Takes a sample into account, at the limit `center`, with round trips that are `usual`.
    pub(super) fn record(&mut self, sample: &Sample, center: f64, usual: f64) -> Option<Retreat> {
        if sample.start < self.since {
            return None;
        }
        let weight = 1.0 / center.clamp(FEW, MANY);
        self.ratio += weight * (f64::from(u8::from(sample.dropped)) - self.ratio);
        if self.ratio < NOTHING {
            self.ratio = 0.0;
        }
        if sample.dropped {
            return (self.ratio > TOO_MUCH).then(|| self.down(sample.end, center));
        }
        self.succeeded += 1.0;
        self.up(sample.end, center, usual)
    }

    fn down(&mut self, now: Instant, center: f64) -> Retreat {
        self.good = Some(match self.good {
            // What was good in between is so no more: what was good before may well have been too much.
            Some(good) if self.succeeded >= center => good.min(center / LESS) * LESS,
            Some(good) => good,
            None => center * LESS,
        });
        self.turn(now);
        self.ratio = 0.0;
        Retreat::Down
    }

    /// On the way back: another step, if a limit's worth of requests has succeeded, and a round trip is over.
    fn up(&mut self, now: Instant, center: f64, usual: f64) -> Option<Retreat> {
        let good = self.good?;
        if self.succeeded < center || ((now - self.since).as_nanos() as f64) < usual {
            return None;
        }
        if center >= good {
            self.good = None;
            return Some(Retreat::Up(center));
        }
        self.turn(now);
        Some(Retreat::Up(good.min(center * 2.0)))
    }

    fn turn(&mut self, now: Instant) {
        self.since = now;
        self.succeeded = 0.0;
    }
}
