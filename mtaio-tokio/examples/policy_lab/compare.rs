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

pub(crate) fn table(scenario: &Scenario, compared: &[Compared]) -> String {
    let (from, to) = scenario.measured_from_to();
    let mut text = format!(
        "{}: {} workers; measured from {} s to {} s, means of {} seeds\n\n\
         {:<18} {:>11} {:>11} {:>11} {:>9} {:>9} {:>9}\n",
        scenario.name(),
        scenario.server().workers(),
        from.as_secs(),
        to.as_secs(),
        compared.first().map_or(0, |first| first.reports.len()),
        "policy",
        "goodput/s",
        "refused/s",
        "timeouts/s",
        "p50 ms",
        "p99 ms",
        "limit",
    );
    for Compared { policy, reports } in compared {
        let mean = |what: fn(&Report) -> f64| over(reports, what).0;
        let limit = mean(|report| {
            let limits: Vec<_> = report.series.iter().filter_map(|point| point.limit).collect();
            limits.iter().sum::<u64>() as f64 / limits.len() as f64
        });
        let limit = if limit.is_nan() { "".into() } else { format!("{limit:.0}") };
        let _ = writeln!(
            text,
            "{:<18} {:>11.1} {:>11.1} {:>11.1} {:>9.0} {:>9.0} {:>9}",
            policy.name(),
            mean(|report| report.goodput),
            mean(|report| report.refused as f64 / report.seconds),
            mean(|report| report.timed_out as f64 / report.seconds),
            mean(|report| report.latency.p50),
            mean(|report| report.latency.p99),
            limit,
        );
    }
    let capacity = compared.first().and_then(|first| first.reports.first()).map_or(0.0, |report| report.capacity);
    let _ = writeln!(text, "\nthe server can do {capacity:.0} per second on average in that time");
    text
}
