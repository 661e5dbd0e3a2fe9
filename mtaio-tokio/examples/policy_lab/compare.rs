//! Policies side by side.

use core::fmt::Write;

use indicatif::{ProgressBar, ProgressStyle};
use mtaio_core::sim::{InvalidScenario, Report, Scenario};

use crate::policies::Kind;

/// One policy, and what came of it with each seed.
pub(crate) struct Compared {
    pub(crate) policy: Kind,
    pub(crate) reports: Vec<Report>,
}

pub(crate) fn progress(steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}").expect("a template that is right");
    ProgressBar::new(steps).with_style(style)
}

pub(crate) fn compare(
    scenario: &Scenario,
    policies: &[Kind],
    seeds: u64,
    initial: usize,
) -> Result<Vec<Compared>, InvalidScenario> {
    let progress = progress(policies.len() as u64 * seeds);
    let run = |policy: Kind| {
        progress.set_message(format!("{}: {}", scenario.name(), policy.name()));
        let reports = (1..=seeds).map(|seed| {
            let report = scenario.run(seed, |runtime| policy.policy(scenario, initial, runtime));
            progress.inc(1);
            report
        });
        Ok(Compared { policy, reports: reports.collect::<Result<_, _>>()? })
    };
    let compared = policies.iter().map(|policy| run(*policy)).collect();
    progress.finish_and_clear();
    compared
}

/// The mean, the least and the most of something over all seeds.
pub(crate) fn over(reports: &[Report], what: impl Fn(&Report) -> f64) -> (f64, f64, f64) {
    let values: Vec<_> = reports.iter().map(what).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    (mean, least, values.iter().copied().fold(0.0, f64::max))
}

/// Its name, its workers, and how many limiters share them.
pub(crate) fn title(scenario: &Scenario) -> String {
    let workers = format!("{}: {} workers", scenario.name(), scenario.server().workers());
    match scenario.limiters() {
        1 => workers,
        limiters => format!("{workers}, {limiters} limiters"),
    }
}

pub(crate) fn table(scenario: &Scenario, compared: &[Compared]) -> String {
    let (from, to) = scenario.measured_from_to();
    let seeds = match compared.first().map_or(0, |first| first.reports.len()) {
        1 => "one seed".into(),
        seeds => format!("means of {seeds} seeds"),
    };
    let mut text = format!("{}; measured from {from:?} to {to:?}, {seeds}\n\n", title(scenario));
    let heads = ["goodput/s", "refused/s", "timeouts/s", "p50 ms", "p99 ms", "limit"];
    row(&mut text, "policy", &heads.map(String::from));
    for Compared { policy, reports } in compared {
        let mean = |what: fn(&Report) -> f64| over(reports, what).0;
        let limit = mean(|report| {
            let limits: Vec<_> = report.series.iter().filter_map(|point| point.limit).collect();
            limits.iter().sum::<u64>() as f64 / limits.len() as f64
        });
        let cells = [
            format!("{:.1}", mean(|report| report.goodput)),
            format!("{:.1}", mean(|report| report.refused as f64 / report.seconds)),
            format!("{:.1}", mean(|report| report.timed_out as f64 / report.seconds)),
            format!("{:.0}", mean(|report| report.latency.p50)),
            format!("{:.0}", mean(|report| report.latency.p99)),
            if limit.is_nan() { String::new() } else { format!("{limit:.0}") },
        ];
        row(&mut text, policy.name(), &cells);
    }
    let capacity = compared.first().and_then(|first| first.reports.first()).map_or(0.0, |report| report.capacity);
    let _ = writeln!(text, "\nthe server can do {capacity:.0} per second on average in that time");
    text
}

fn row(text: &mut String, name: &str, cells: &[String; 6]) {
    let cells: String = cells.iter().map(|cell| format!(" {cell:>11}")).collect();
    let _ = writeln!(text, "{}", format!("{name:<18}{cells}").trim_end());
}
