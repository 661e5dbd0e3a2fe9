//! What a limiter looks like at one moment, as plain numbers.

#[cfg(feature = "metrics")]
mod record;

use core::time::Duration;

use super::quota::Quota;
use crate::sync::counts::Survey;

/// The line of a limiter at one moment, and what has become of those who stood in it.
///
/// Requests are counted, not what they ask for; one for nothing is no request, and neither is one for a class that there is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LineSnapshot {
    /// How many wait.
    pub waiting: usize,
    /// How long the one has waited that has waited longest; zero if nobody waits. `None` for slots whose limiter was built neither
    /// with a queue delay nor to count, because it does not look at the clock.
    pub oldest_wait: Option<Duration>,
    /// How many requests were granted: those that stood in line, or all if [`counting`](Self::counting).
    pub granted: u64,
    /// How many requests were refused, for whatever reason: those that stood in line, or all if [`counting`](Self::counting). A wait for slots
    /// whose own time is over gives up, and counts as cancelled.
    pub refused: u64,
    /// How many waits were given up: their futures were dropped in line, or between the grant and the next poll. The latter were granted
    /// too, and what they were granted went to the next.
    pub cancelled: u64,
    /// The longest time so far that passed from a grant to the moment in which its future was polled or dropped: how late the
    /// executor was. `None` unless [`counting`](Self::counting).
    pub longest_unclaimed: Option<Duration>,
    /// Whether the limiter was built to count all requests. Otherwise those are missing that did not stand in line.
    pub counting: bool,
}

impl LineSnapshot {
    pub(super) fn of(survey: Survey) -> Self {
        let Survey { waiting, oldest, counts, counting } = survey;
        Self {
            waiting,
            oldest_wait: oldest,
            granted: counts.granted,
            refused: counts.refused,
            cancelled: counts.cancelled,
            longest_unclaimed: counting.then(|| Duration::from_nanos(counts.unclaimed)),
            counting,
        }
    }
}

/// A rate limiter at one moment: what [`RateLimiter::snapshot`](super::RateLimiter::snapshot) returns.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RateSnapshot {
    /// The quota.
    pub quota: Quota,
    /// How many cells one who does not wait can have: none while anybody waits.
    pub available: u32,
    /// Whether it is closed.
    pub closed: bool,
    /// Its line.
    pub line: LineSnapshot,
}

/// A concurrency limiter at one moment: what [`ConcurrencyLimiter::snapshot`](super::ConcurrencyLimiter::snapshot) returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ConcurrencySnapshot {
    /// The limit.
    pub limit: usize,
    /// How many permits are held. After the limit was lowered that can be more than the limit.
    pub in_flight: usize,
    /// Whether it is closed.
    pub closed: bool,
    /// Its line.
    pub line: LineSnapshot,
}

/// The keys of a keyed limiter at one moment, and what has become of others.
#[cfg(feature = "keyed")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct KeysSnapshot {
    /// How many are known. Some of them may be forgotten as soon as others come.
    pub known: usize,
    /// How many there may be. `None` without [`max_keys`](super::KeyedRateLimiterBuilder::max_keys).
    pub max: Option<usize>,
    /// How many were evicted to make room for others though they could be told from new ones: what their buckets owed is forgotten.
    /// Those that could not be told are not counted, so for slots it is zero: a key whose slots are held is never evicted.
    pub evicted: u64,
    /// How often a new key was refused because there was no room for it, by whatever would have made it known.
    pub refused: u64,
}

/// A keyed rate limiter: what [`KeyedRateLimiter::snapshot`](super::KeyedRateLimiter::snapshot) returns.
#[cfg(feature = "keyed")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct KeyedRateSnapshot {
    /// Its keys.
    pub keys: KeysSnapshot,
    /// Whether it is closed.
    pub closed: bool,
    /// The lines of all keys together, also of those that were forgotten.
    pub line: LineSnapshot,
}

/// A keyed concurrency limiter: what [`KeyedConcurrencyLimiter::snapshot`](super::KeyedConcurrencyLimiter::snapshot) returns.
#[cfg(feature = "keyed")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct KeyedConcurrencySnapshot {
    /// Its keys.
    pub keys: KeysSnapshot,
    /// How many permits are held, of all keys together, without those of keys that were removed.
    pub in_flight: usize,
    /// Whether it is closed.
    pub closed: bool,
    /// The lines of all keys together, also of those that were forgotten.
    pub line: LineSnapshot,
}

/// A part of a combined limiter at one moment: what [`ResourceLimiter::snapshot`](super::ResourceLimiter::snapshot) returns for each.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum PartSnapshot {
    /// Of a rate.
    Rate(RateSnapshot),
    /// Of slots.
    Concurrency(ConcurrencySnapshot),
}

impl PartSnapshot {
    /// The line of the part.
    pub const fn line(&self) -> &LineSnapshot {
        match self {
            Self::Rate(rate) => &rate.line,
            Self::Concurrency(slots) => &slots.line,
        }
    }
}
