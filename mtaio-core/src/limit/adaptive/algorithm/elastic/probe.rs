//! Two windows, one with less and one with more let in.

use crate::limit::adaptive::algorithm::Sample;
use crate::limit::adaptive::math::ln;
use crate::time::Instant;

/// A window has so many samples, at least, ...
const SAMPLES: f64 = 16.0;
/// ... lasts so long, at least, ...
const SHORTEST: f64 = 0.1e9;
/// ... and no longer than this if there are a few.
const LONGEST: f64 = 20e9;
const A_FEW: f64 = 4.0;
/// So many samples for each unit of squared noise in the windows' distance.
const CARE: f64 = 4.0;
/// A round trip counts for so many times the usual one at most: a clock that jumps does not make the usual one a year.
const ODD: f64 = 10.0;
/// If fewer than this part of all took the last place there was, the limit does not limit, ...
const BUSY: f64 = 0.05;
/// ... unless this part of it is in flight on average: where many come and go at once, only the last of them takes the last place. That
/// alone does not tell either: of three at a time, when chance has it, a limit of five refuses a tenth.
const CROWDED: f64 = 0.9;
/// So much of the limit has to be in flight before a window begins, unless that takes so many round trips.
const FULL: f64 = 0.95;
const PATIENCE: f64 = 5.0;

/// What one window saw.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// How many succeeded.
    succeeded: f64,
    samples: f64,
    /// Of those in flight when each was let in.
    in_flight: f64,
    /// How many took the last place there was.
    last: f64,
    /// In nanoseconds.
    lasted: f64,
    /// Under what limit.
    limit: f64,
}

impl Seen {
    fn mean_in_flight(&self) -> f64 {
        self.in_flight / self.samples
    }

    fn throughput(&self) -> f64 {
        self.succeeded / self.lasted
    }

    fn is_limited(&self) -> bool {
        self.last >= BUSY * self.samples || self.mean_in_flight() >= CROWDED * self.limit
    }
}

/// Two windows that are over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    less: Seen,
    more: Seen,
}

impl Pair {
    /// The elasticity of the throughput, and how far apart the windows were. `None` if they say nothing.
    pub(super) fn elasticity(&self) -> Option<(f64, f64)> {
        let Self { less, more } = self;
        let set = ln(more.limit / less.limit);
        let apart = ln(more.mean_in_flight() / less.mean_in_flight());
        let says = less.is_limited() && more.is_limited() && less.succeeded > 0.0 && apart > set / 3.0;
        says.then(|| (ln(more.throughput() / less.throughput()) / apart, set))
    }
}

/// Goes from window to window.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    /// Less before more, or the other way round: in turns.
    rising: bool,
    /// The last window was not limited: there is nothing to compare, and less would only keep out those who come.
    rests: bool,
    /// The first window of the pair, once it is over.
    first: Option<Seen>,
    now: Seen,
    /// The latest instant seen: time does not go back in here.
    clock: Instant,
    /// When the limit of this window was set, and when the window began after that.
    set: Instant,
    begun: Option<Instant>,
    /// The mean round trip in nanoseconds, and its mean square, exponentially over some hundred samples.
    mean: f64,
    square: f64,
    known: f64,
}

impl Probe {
    pub(super) fn new() -> Self {
        Self {
            rising: true,
            rests: false,
            first: None,
            now: Seen::default(),
            clock: Instant::ORIGIN,
            set: Instant::ORIGIN,
            begun: None,
            mean: 0.0,
            square: 0.0,
            known: 0.0,
        }
    }

    /// The usual round trip, in nanoseconds.
    pub(super) const fn usual(&self) -> f64 {
        self.mean
    }

    /// The squared coefficient of variation of the round trips. Where there is a queue they vary less than what is done, so it is that of
    /// a Poisson process at least.
    pub(super) fn noise(&self) -> f64 {
        if self.mean > 0.0 { (self.square / (self.mean * self.mean) - 1.0).max(1.0) } else { 1.0 }
    }

    /// Whether the next window is to let in more.
    pub(super) const fn wants_more(&self) -> bool {
        self.rests || self.rising == self.first.is_some()
    }

    /// Whether a window has to begin.
    pub(super) fn is_between(&self) -> bool {
        self.now.limit == 0.0
    }

    /// A window begins, under another limit.
    pub(super) fn begin(&mut self, now: Instant, limit: usize) {
        self.set = now.max(self.set);
        self.begun = None;
        self.now = Seen { limit: limit as f64, ..Seen::default() };
    }

    /// Whether the clock has stepped back, by more than requests end out of order.
    pub(super) fn is_ahead(&self, now: Instant) -> bool {
        (self.clock - now).as_nanos() as f64 > LONGEST
    }

    /// Begins anew, at whatever time it is.
    pub(super) fn rewind(&mut self, now: Instant) {
        (self.clock, self.set, self.first) = (now, now, None);
    }

    /// What was seen is of no use.
    pub(super) fn forget(&mut self) {
        self.first = None;
    }

    /// Learns how long round trips are, and how much they vary.
    pub(super) fn note(&mut self, sample: &Sample) {
        const LATEST: f64 = 500.0;
        let mut rtt = sample.rtt_nanos();
        if self.known > 0.0 {
            rtt = rtt.min(ODD * self.mean.max(1000.0));
        }
        self.known = (self.known + 1.0).min(LATEST);
        self.mean += (rtt - self.mean) / self.known;
        self.square += (rtt * rtt - self.square) / self.known;
    }

    /// Takes a sample into account. The windows are to be so far apart, as a logarithm. If that ends a pair, this is it.
    pub(super) fn record(&mut self, sample: &Sample, distance: f64) -> Option<Pair> {
        self.note(sample);
        self.clock = self.clock.max(sample.end);
        let Some(begun) = self.begun else {
            let (waited, usual) = ((self.clock - self.set).as_nanos() as f64, self.mean.min(LONGEST));
            // Those who were let in under the limit before are out, mostly, and as many are in as may be, if ever.
            let full = sample.in_flight as f64 >= FULL * self.now.limit || waited >= PATIENCE * usual;
            let settled = sample.start >= self.set && waited >= usual && full;
            self.begun = settled.then_some(self.clock);
            return None;
        };
        self.now.samples += 1.0;
        self.now.in_flight += sample.in_flight as f64;
        self.now.last += f64::from(u8::from(sample.in_flight as f64 >= self.now.limit));
        self.now.succeeded += f64::from(u8::from(!sample.dropped));
        self.now.lasted = (self.clock - begun).as_nanos() as f64;
        if !self.is_over(distance) {
            return None;
        }
        let seen = core::mem::take(&mut self.now);
        let rested = core::mem::replace(&mut self.rests, !seen.is_limited());
        if self.rests {
            self.first = None;
            return None;
        }
        // Who rests sees more: of this pair less comes second.
        self.rising &= !rested;
        let first = self.first.replace(seen)?;
        self.first = None;
        let (less, more) = if self.rising { (first, seen) } else { (seen, first) };
        self.rising = !self.rising;
        Some(Pair { less, more })
    }

    fn is_over(&self, distance: f64) -> bool {
        let enough = (CARE * self.noise() / (distance * distance)).max(SAMPLES);
        let Seen { samples, lasted, .. } = self.now;
        (samples >= enough && lasted >= SHORTEST) || (samples >= A_FEW && lasted >= LONGEST)
    }
}
