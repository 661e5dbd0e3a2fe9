//! What came of it.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// What came of a simulation. Counts are those of the time that is measured, rates are per second, times in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The name of the scenario.
    pub scenario: String,
    /// What chance was seeded with.
    pub seed: u64,
    /// How long was measured, in seconds.
    pub seconds: f64,
    /// How many requests came.
    pub arrivals: u64,
    /// How many were served before their client gave up.
    pub served: u64,
    /// How many a limiter refused, at once or after a wait.
    pub refused: u64,
    /// How many were let in, and given up by their client.
    pub timed_out: u64,
    /// How many were served, per second.
    pub goodput: f64,
    /// How many the server can do, per second, on average over the time that is measured.
    pub capacity: f64,
    /// How long what was served took.
    pub latency: Latency,
    /// How many were served that each instance of the policy let in: one number, unless [several](super::Scenario::shared_by) stand side
    /// by side.
    pub shares: Vec<u64>,
    /// What it was like in each second, from the beginning on.
    pub series: Vec<Point>,
}

impl Report {
    /// How evenly the [shares](Self::shares) are dealt out: 1 if all are the same, and `1/n` if one of `n` has everything. It is Jain's
    /// index (Jain, Chiu, Hawe, *A quantitative measure of fairness and discrimination*, 1984), the square of the sum over `n` times the sum
    /// of the squares; 1 if nothing was served.
    pub fn fairness(&self) -> f64 {
        let shares = self.shares.iter().map(|share| *share as f64);
        let (sum, squares) = shares.fold((0.0, 0.0), |(sum, squares), share| (sum + share, squares + share * share));
        if sum > 0.0 { sum * sum / (self.shares.len() as f64 * squares) } else { 1.0 }
    }
}

/// How long requests took that were served, in milliseconds, from their arrival on. Zero if there were none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Latency {
    /// The mean.
    pub mean: f64,
    /// Half of them took no longer.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// Ninety-nine of a hundred.
    pub p99: f64,
    /// All.
    pub max: f64,
}

/// What it was like in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Point {
    /// The end of the second.
    pub second: u64,
    /// The limit of the first adaptive limiter at its end, if there is one; of all instances of the policy together.
    pub limit: Option<u64>,
    /// How many were let in and neither served nor given up, at its end.
    pub in_flight: u64,
    /// How many the server had not begun, at its end, those that were given up included.
    pub queue: u64,
    /// How many waited for a limiter, at its end.
    pub waiting: u64,
    /// How many came.
    pub arrivals: u64,
    /// How many were served.
    pub served: u64,
    /// How many were refused.
    pub refused: u64,
    /// How many were given up.
    pub timed_out: u64,
    /// The mean latency of those that were served, in milliseconds.
    pub latency: f64,
}

impl Latency {
    /// Of times in nanoseconds.
    pub(super) fn of(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        let Some(last) = times.len().checked_sub(1) else { return Self::default() };
        let millis = |nanos: u64| nanos as f64 / 1e6;
        let rank = |part: f64| millis(times[(last as f64 * part + 0.5) as usize]);
        let mean = times.iter().map(|time| *time as f64).sum::<f64>() / times.len() as f64 / 1e6;
        Self { mean, p50: rank(0.5), p90: rank(0.9), p99: rank(0.99), max: rank(1.0) }
    }
}
