//! What the limiters promise, held against what the servers counted.

use crate::figures::{Figures, Host, Site};

/// The least share of the rate asked that must be achieved.
const LEAST_SHARE: f64 = 0.95;

/// One line for each promise that was broken. Of servers that are not ours it is known only whether they answered at all.
pub(crate) fn broken_promises(figures: &Figures) -> Vec<String> {
    let Some(audited) = &figures.audited else {
        return if figures.latencies.is_empty() { vec!["not one page was fetched".to_owned()] } else { Vec::new() };
    };
    let mut broken = Vec::new();
    broken.extend(too_many_at_once(figures));
    broken.extend(too_slow(figures));

    let pages: usize = figures.sites.iter().map(|site| site.pages).sum();
    if audited.requests != pages {
        broken.push(format!("the servers saw {} requests for {pages} pages", audited.requests));
    }
    for (site, host) in figures.sites.iter().zip(&audited.hosts) {
        broken.extend(too_many_in_flight(site, host, figures.per_host));
        broken.extend(other_faults(site, host));
    }
    broken
}

fn too_many_at_once(figures: &Figures) -> Option<String> {
    let allowed = figures.allowed()?;
    let worst = figures.worst_second;
    (worst as f64 > allowed).then(|| format!("{worst} requests came in one second, {allowed:.1} are allowed"))
}

fn too_slow(figures: &Figures) -> Option<String> {
    let achieved = figures.achieved.unwrap_or_default();
    let least = figures.rate * LEAST_SHARE;
    (achieved < least).then(|| {
        format!(
            "{achieved:.1}/s were achieved, at least {least:.1}/s were due; more --hosts or --per-host may be needed"
        )
    })
}

fn too_many_in_flight(site: &Site, host: &Host, limit: usize) -> Option<String> {
    let (address, peak) = (&site.address, host.peak);
    (peak > limit).then(|| format!("{address} saw {peak} requests in flight, {limit} are allowed"))
}

fn other_faults(site: &Site, host: &Host) -> Option<String> {
    let (seen, served, injected) = (site.faults, host.served, host.injected);
    (seen != injected || served != injected).then(|| {
        format!(
            "{}: {} errors and {} timeouts were injected, the server counted {} and {}, the crawler {} and {}",
            site.address,
            injected.errors,
            injected.timeouts,
            served.errors,
            served.timeouts,
            seen.errors,
            seen.timeouts,
        )
    })
}
