//! What was measured of a row, and what it says.

use mtaio_benches::numbers::median;
use mtaio_benches::{Against, Goal, Role, Row, Unit};

/// What one contender did, round by round.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) role: Role,
    pub(crate) name: &'static str,
    pub(crate) rounds: Vec<f64>,
}

impl Series {
    pub(crate) fn new(role: Role, name: &'static str) -> Self {
        Self { role, name, rounds: Vec::new() }
    }

    pub(crate) fn spread(&self) -> Spread {
        Spread::of(&self.rounds)
    }

    /// Round by round, as a multiple of another's.
    fn beside(&self, other: &Self) -> Spread {
        let ratios: Vec<_> = self.rounds.iter().zip(&other.rounds).map(|(own, other)| own / other).collect();
        Spread::of(&ratios)
    }
}

/// The middle of several rounds, and how far they are apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    fn of(values: &[f64]) -> Self {
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self { median: median(values), min, max }
    }
}

/// What was measured of a row.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) goals: Vec<Goal>,
    pub(crate) series: Vec<Series>,
}

impl Figures {
    pub(crate) fn new(row: &Row, series: Vec<Series>) -> Self {
        Self { name: row.name(), unit: row.unit, goals: row.goals.clone(), series }
    }

    pub(crate) fn ours(&self) -> &Series {
        self.series.iter().find(|it| it.role == Role::Ours).expect("one of ours")
    }

    pub(crate) fn floor(&self) -> Option<&Series> {
        self.series.iter().find(|it| it.role == Role::Floor)
    }

    /// The best of those that ours is held against.
    pub(crate) fn best_peer(&self) -> Option<&Series> {
        let peers = self.series.iter().filter(|it| it.role == Role::Peer);
        if self.unit == Unit::Steps {
            return peers.min_by(|one, other| one.spread().median.total_cmp(&other.spread().median));
        }
        // Round by round: a peer that was disturbed more than the others is no worse for that.
        let ratio = |peer: &&Series| self.ours().beside(peer).median;
        let order = |one: &&Series, other: &&Series| ratio(one).total_cmp(&ratio(other));
        if self.unit.is_more_better() { peers.min_by(order) } else { peers.max_by(order) }
    }

    /// What a goal is about. Nothing where there is nothing to compare with, or it is zero.
    pub(crate) fn against(&self, against: Against) -> Option<Spread> {
        let other = match against {
            Against::Itself => return Some(self.ours().spread()),
            Against::Peer => self.best_peer()?,
            Against::One(name) => self.series.iter().find(|it| it.name == name)?,
            Against::Floor => self.floor()?,
        };
        let is_zero = other.rounds.contains(&0.0);
        (!is_zero).then(|| self.ours().beside(other))
    }

    pub(crate) fn is_goal_met(&self, goal: Goal) -> bool {
        self.against(goal.against).is_some_and(|spread| goal.is_met(spread.median))
    }

    pub(crate) fn is_met(&self) -> bool {
        self.goals.iter().all(|goal| self.is_goal_met(*goal))
    }
}

#[cfg(test)]
mod tests {
    use mtaio_benches::Bound;

    use super::*;

    fn series(role: Role, name: &'static str, rounds: &[f64]) -> Series {
        Series { role, name, rounds: rounds.to_vec() }
    }

    fn figures() -> Figures {
        let series = vec![
            series(Role::Ours, "mtaio", &[2.0, 30.0, 3.0]),
            series(Role::Peer, "slow", &[9.0, 90.0, 9.0]),
            series(Role::Peer, "fast", &[4.0, 40.0, 4.0]),
            series(Role::Beside, "faster", &[1.0, 1.0, 1.0]),
            series(Role::Floor, "none", &[0.0, 0.0, 0.0]),
        ];
        Figures { name: "a: work".into(), unit: Unit::Nanos, goals: Vec::new(), series }
    }

    #[test]
    fn a_ratio_is_of_one_round_and_to_the_best_peer() {
        let figures = figures();
        assert_eq!(figures.best_peer().unwrap().name, "fast");
        assert_eq!(figures.against(Against::Peer), Some(Spread { median: 0.75, min: 0.5, max: 0.75 }));
        assert_eq!(figures.against(Against::Itself), Some(Spread { median: 3.0, min: 2.0, max: 30.0 }));
    }

    #[test]
    fn what_cannot_be_compared_is_not_met() {
        let goal = Goal { against: Against::Floor, bound: Bound::AtMost(1.0) };
        assert_eq!(figures().against(Against::Floor), None);
        assert!(!figures().is_goal_met(goal));
    }

    #[test]
    fn where_more_is_better_the_best_peer_has_most() {
        let figures = Figures { unit: Unit::Share(10.0), ..figures() };
        assert_eq!(figures.best_peer().unwrap().name, "slow");
    }
}
