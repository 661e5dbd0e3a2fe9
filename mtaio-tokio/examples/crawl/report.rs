//! The table at the end.

use core::fmt;
use core::time::Duration;

use crate::checks::broken_promises;
use crate::figures::{Audited, Figures, TIMER_CAP};
use crate::measure::percentile;

/// Failures of pages that are shown one by one.
const MOST_FAILURES: usize = 10;

/// The figures of a crawl, and which promises they break.
#[derive(Debug)]
pub(crate) struct Report {
    figures: Figures,
    broken: Vec<String>,
}

impl Report {
    pub(crate) fn new(figures: Figures) -> Self {
        let broken = broken_promises(&figures);
        Self { figures, broken }
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.broken.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = &self.figures;
        write_rates(f, figures)?;
        write_latencies(f, &figures.latencies)?;
        writeln!(f)?;
        match &figures.audited {
            Some(audited) => write_audited_hosts(f, figures, audited)?,
            None => {
                write_hosts(f, figures)?;
                write_failures(f, &figures.failures)?;
            }
        }
        writeln!(f)?;
        for promise in &self.broken {
            writeln!(f, "FAILED: {promise}")?;
        }
        if self.is_ok() { writeln!(f, "OK") } else { Ok(()) }
    }
}

fn write_rates(f: &mut fmt::Formatter<'_>, figures: &Figures) -> fmt::Result {
    let Figures { rate, burst, worst_second, .. } = figures;
    let pages: usize = figures.sites.iter().map(|site| site.pages).sum();
    writeln!(f, "pages            {pages} in {:.1} s", figures.span.as_secs_f64())?;
    writeln!(f, "rate asked       {rate:.1}/s, burst {burst}")?;
    match figures.achieved {
        Some(achieved) => writeln!(f, "rate achieved    {achieved:.1}/s, {:.1} %", 100.0 * achieved / rate)?,
        None => writeln!(f, "rate achieved    too few pages to tell")?,
    }
    let (Some(audited), Some(allowed)) = (&figures.audited, figures.allowed()) else {
        return writeln!(f, "worst second     {worst_second} requests");
    };
    let (cap, stall, way) = (millis(TIMER_CAP), millis(figures.stall), millis(audited.way));
    writeln!(f, "worst second     {worst_second} requests seen by the servers, {allowed:.1} allowed:")?;
    writeln!(f, "                 {burst} + {rate:.1}/s x (1 s + {cap} timer cap + {stall} stall + {way} on the way)")
}

fn write_latencies(f: &mut fmt::Formatter<'_>, latencies: &[Duration]) -> fmt::Result {
    write!(f, "latency      ")?;
    for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)] {
        let latency = percentile(latencies, share).map_or_else(|| "-".into(), millis);
        write!(f, "    {name} {latency}")?;
    }
    writeln!(f)
}

fn write_audited_hosts(f: &mut fmt::Formatter<'_>, figures: &Figures, audited: &Audited) -> fmt::Result {
    writeln!(f, "{:<24}{:>6}  {:>16}  {:>10}  {:>10}", "host", "pages", "peak in flight", "errors", "timeouts")?;
    for (site, host) in figures.sites.iter().zip(&audited.hosts) {
        let peak = format!("{} of {}", host.peak, figures.per_host);
        let errors = format!("{} of {}", site.faults.errors, host.injected.errors);
        let timeouts = format!("{} of {}", site.faults.timeouts, host.injected.timeouts);
        writeln!(f, "{:<24}{:>6}  {peak:>16}  {errors:>10}  {timeouts:>10}", site.address, site.pages)?;
    }
    writeln!(f, "(peaks as the servers counted them, of those allowed; errors and timeouts of those injected)")
}

fn write_hosts(f: &mut fmt::Formatter<'_>, figures: &Figures) -> fmt::Result {
    let width = figures.sites.iter().map(|site| site.address.len()).max().unwrap_or_default().max(24);
    writeln!(f, "{:<width$}{:>6}  {:>8}  {:>8}", "host", "pages", "errors", "timeouts")?;
    for site in &figures.sites {
        let faults = site.faults;
        writeln!(f, "{:<width$}{:>6}  {:>8}  {:>8}", site.address, site.pages, faults.errors, faults.timeouts)?;
    }
    Ok(())
}

fn write_failures(f: &mut fmt::Formatter<'_>, failures: &[String]) -> fmt::Result {
    if failures.is_empty() {
        return Ok(());
    }
    writeln!(f)?;
    for failure in failures.iter().take(MOST_FAILURES) {
        writeln!(f, "{failure}")?;
    }
    match failures.len().checked_sub(MOST_FAILURES) {
        Some(more) if more > 0 => writeln!(f, "and {more} more"),
        _ => Ok(()),
    }
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}
