//! What is measured, and how it is to be shown.

use core::time::Duration;

/// How much is measured.
pub(crate) struct Effort {
    /// How often each measurement is repeated, at least; the best one counts.
    pub(crate) rounds: usize,
    /// The most that wait, or are pending.
    pub(crate) most: usize,
    /// How long a rate is watched.
    pub(crate) watch: Duration,
}

impl Effort {
    pub(crate) const fn full() -> Self {
        Self { rounds: 9, most: 1_000_000, watch: Duration::from_secs(2) }
    }

    pub(crate) const fn quick() -> Self {
        Self { rounds: 1, most: 100, watch: Duration::from_millis(20) }
    }

    /// How often a crowd is measured: small ones take less time.
    pub(crate) fn rounds_of(&self, crowd: usize) -> usize {
        self.rounds * (self.most / crowd).clamp(1, 10)
    }

    /// The crowds that are measured: 1, 10, 100 and so on.
    pub(crate) fn crowds(&self) -> impl Iterator<Item = usize> {
        core::iter::successors(Some(1), |crowd| Some(crowd * 10)).take_while(|crowd| *crowd <= self.most)
    }
}

/// One line of a chart.
pub(crate) struct Series {
    pub(crate) name: String,
    /// Which colour it has: a peer that of ours beside it.
    pub(crate) color: usize,
    /// Whether it is not ours: drawn thinner.
    pub(crate) is_peer: bool,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Series {
    /// One for each name.
    pub(crate) fn of(ours: &[&str], peers: &[(&str, usize)]) -> Vec<Self> {
        let series = |name: &str, color, is_peer| Self { name: name.into(), color, is_peer, points: Vec::new() };
        let ours = ours.iter().enumerate().map(|(color, name)| series(name, color, false));
        ours.chain(peers.iter().map(|(name, color)| series(name, *color, true))).collect()
    }
}

/// How places on an axis follow each other.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Scale {
    Linear,
    /// Only whole numbers are named.
    Whole,
    Log,
}

/// One side of a chart.
pub(crate) struct Axis {
    pub(crate) label: &'static str,
    pub(crate) scale: Scale,
    /// What it shows at least.
    pub(crate) range: (f64, f64),
}

/// One chart, and one table.
pub(crate) struct Study {
    pub(crate) title: &'static str,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
}
