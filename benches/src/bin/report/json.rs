//! All figures, for other programs.

use mtaio_benches::{Against, Bound, Role, Unit};
use serde::Serialize;

use crate::figures::{Figures, Spread};
use crate::machine::Machine;

#[derive(Serialize)]
struct Report<'a> {
    machine: &'a Machine,
    rows: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    work: &'a str,
    unit: &'static str,
    ours_by_peer: Option<Range>,
    ours_by_floor: Option<Range>,
    best_peer: Option<&'static str>,
    contenders: Vec<Contender<'a>>,
    targets: Vec<Target>,
}

#[derive(Serialize)]
struct Contender<'a> {
    role: &'static str,
    name: &'static str,
    median: f64,
    rounds: &'a [f64],
}

#[derive(Serialize)]
struct Range {
    median: f64,
    min: f64,
    max: f64,
}

#[derive(Serialize)]
struct Target {
    of: &'static str,
    beside: Option<&'static str>,
    at_most: Option<f64>,
    at_least: Option<f64>,
    met: bool,
}

impl From<Spread> for Range {
    fn from(spread: Spread) -> Self {
        Self { median: spread.median, min: spread.min, max: spread.max }
    }
}

pub(crate) fn text(machine: &Machine, figures: &[Figures]) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&Report { machine, rows: figures.iter().map(row).collect() })
}

fn row(figures: &Figures) -> Row<'_> {
    let contenders = figures.series.iter().map(|series| Contender {
        role: role(series.role),
        name: series.name,
        median: series.spread().median,
        rounds: &series.rounds,
    });
    let targets = figures.goals.iter().map(|goal| Target {
        of: match goal.against {
            Against::Peer | Against::One(_) => "ours by peer",
            Against::Floor => "ours by floor",
            Against::Itself => "ours",
        },
        beside: if let Against::One(name) = goal.against { Some(name) } else { None },
        at_most: if let Bound::AtMost(most) = goal.bound { Some(most) } else { None },
        at_least: if let Bound::AtLeast(least) = goal.bound { Some(least) } else { None },
        met: figures.is_goal_met(*goal),
    });
    Row {
        work: &figures.name,
        unit: unit(figures.unit),
        ours_by_peer: figures.against(Against::Peer).map(Range::from),
        ours_by_floor: figures.against(Against::Floor).map(Range::from),
        best_peer: figures.best_peer().map(|peer| peer.name),
        contenders: contenders.collect(),
        targets: targets.collect(),
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Ours => "ours",
        Role::Peer => "peer",
        Role::Beside => "beside",
        Role::Floor => "floor",
    }
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Nanos => "ns",
        Unit::CpuNanos => "ns of processor time",
        Unit::Share(_) => "share of what was asked for",
        Unit::Times(_) => "multiple of what it needs",
        Unit::Bytes => "bytes",
        Unit::Steps => "steps out of order",
    }
}
