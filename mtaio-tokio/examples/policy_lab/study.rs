//! All policies in all scenarios: the tables of `docs/adaptive.md`.

use core::fmt::Write;

use mtaio_core::sim::{InvalidScenario, Report, Scenario};

use crate::compare::{Compared, compare, over};
use crate::policies::Kind;

pub(crate) fn study(policies: &[Kind], seeds: u64, initial: usize) -> Result<String, InvalidScenario> {
    let (mut alone, mut shared) = (Vec::new(), Vec::new());
    for name in Scenario::NAMES {
        let scenario = Scenario::named(name).expect("its name is known");
        if scenario.limiters() == 1 {
            alone.push((name, compare(&scenario, policies, seeds, initial)?));
        } else {
            let mut policies = policies.to_vec();
            if policies.contains(&Kind::Elastic) && !policies.contains(&Kind::Told) {
                policies.push(Kind::Told);
            }
            shared.push((name, compare(&scenario, &policies, seeds, initial)?));
        }
    }
    let mut text = String::new();
    let of_capacity = |report: &Report| 100.0 * report.goodput / report.capacity;
    let timeouts = |report: &Report| report.timed_out as f64 / report.seconds;
    for (several, all) in [("", &alone), (", several limiters", &shared)] {
        let goodput = format!("Goodput in percent of the capacity{several}");
        write_table(&mut text, &goodput, all, false, &of_capacity, 0);
        let median = format!("Median latency in milliseconds{several}");
        write_table(&mut text, &median, all, false, &|report| report.latency.p50, 0);
        write_table(&mut text, &format!("Timeouts per second{several}"), all, true, &timeouts, 1);
    }
    let fairness = |report: &Report| 100.0 * report.fairness();
    write_table(&mut text, "Fairness among several limiters, Jain's index in percent", &shared, true, &fairness, 0);
    Ok(text)
}

/// A row for each scenario and a column for each policy: the mean, and in brackets the least and the most of all seeds.
fn write_table(
    text: &mut String,
    title: &str,
    all: &[(&str, Vec<Compared>)],
    // Nothing is served while everything hangs.
    hang: bool,
    what: &dyn Fn(&Report) -> f64,
    digits: usize,
) {
    let Some((_, first)) = all.first() else { return };
    let names: Vec<_> = first.iter().map(|compared| compared.policy.name()).collect();
    let _ = writeln!(text, "{title}:\n\n| scenario | {} |", names.join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(names.len()));
    for (name, compared) in all.iter().filter(|(name, _)| hang || *name != "hang") {
        let cells = compared.iter().map(|compared| {
            let (mean, least, most) = over(&compared.reports, what);
            format!("{mean:.digits$} ({least:.digits$} to {most:.digits$})")
        });
        let _ = writeln!(text, "| `{name}` | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    text.push('\n');
}
