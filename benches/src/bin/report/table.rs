//! The figures as a table in Markdown.

use mtaio_benches::numbers::three_digits;
use mtaio_benches::{Against, Unit};

use crate::figures::{Figures, Series, Spread};

const HEAD: &str = "\
| work | ours | best peer | floor | ours / peer | ours / floor | min to max | target | met |
|---|---|---|---|---|---|---|---|---|";

pub(crate) fn markdown(figures: &[Figures]) -> String {
    let rows = figures.iter().map(row);
    core::iter::once(HEAD.to_owned()).chain(rows).collect::<Vec<_>>().join("\n")
}

fn row(figures: &Figures) -> String {
    let peer = figures.best_peer().map(|peer| with_name(peer, figures.unit));
    let floor = figures.floor().map(|floor| with_name(floor, figures.unit));
    // What is no multiple of anything is not compared.
    let ratio = |against| match figures.unit {
        Unit::Steps => None,
        _ => figures.against(against).map(|spread| format!("{:.2}", spread.median)),
    };
    let goals = &figures.goals;
    let ranges = match goals.as_slice() {
        [] => figures.against(Against::Peer).map(range).unwrap_or_default(),
        goals => join(goals.iter().filter_map(|goal| figures.against(goal.against)).map(|spread| match figures.unit {
            Unit::Bytes | Unit::Steps => format!("{:.0} to {:.0}", spread.min, spread.max),
            _ => range(spread),
        })),
    };
    let met = goals.iter().map(|goal| if figures.is_goal_met(*goal) { "yes" } else { "**no**" }.to_owned());
    let cells = [
        figures.name.clone(),
        value(figures.ours().spread().median, figures.unit),
        peer.unwrap_or_default(),
        floor.unwrap_or_default(),
        ratio(Against::Peer).unwrap_or_default(),
        ratio(Against::Floor).unwrap_or_default(),
        ranges,
        join(goals.iter().map(ToString::to_string)),
        join(met),
    ];
    format!("| {} |", cells.join(" | "))
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn range(spread: Spread) -> String {
    let digits = if spread.max < 0.1 { 3 } else { 2 };
    format!("{:.digits$} to {:.digits$}", spread.min, spread.max)
}

fn with_name(series: &Series, unit: Unit) -> String {
    format!("{} {}", series.name, value(series.spread().median, unit))
}

/// A figure with its unit, to three digits.
pub(crate) fn value(figure: f64, unit: Unit) -> String {
    match unit {
        Unit::Share(_) | Unit::Times(_) => format!("{figure:.3}"),
        Unit::Bytes => format!("{figure:.0} B"),
        Unit::Steps => format!("{figure:.0}"),
        Unit::Nanos | Unit::CpuNanos => match figure {
            0.0..1000.0 => format!("{} ns", three_digits(figure)),
            _ => format!("{:.2} µs", figure / 1000.0),
        },
    }
}

#[cfg(test)]
mod tests {
    use mtaio_benches::{Bound, Goal, Role};

    use super::*;

    #[test]
    fn a_row_says_who_is_best_and_whether_the_targets_are_met() {
        let series = |role, name, figure| Series { role, name, rounds: vec![figure] };
        let goal = |against, most| Goal { against, bound: Bound::AtMost(most) };
        let figures = Figures {
            name: "rate: try".into(),
            unit: Unit::Nanos,
            goals: vec![goal(Against::Peer, 0.6), goal(Against::Floor, 1.35)],
            series: vec![
                series(Role::Ours, "mtaio", 5.0),
                series(Role::Peer, "other", 10.0),
                series(Role::Floor, "CAS", 2.5),
            ],
        };
        let expected = "| rate: try | 5.00 ns | other 10.0 ns | CAS 2.50 ns | 0.50 | 2.00 | 0.50 to 0.50, 2.00 to 2.00 \
                        | ≤ 0.6 × peer, ≤ 1.35 × floor | yes, **no** |";
        assert_eq!(row(&figures), expected);
    }
}
