//! The numbers of a crawl.

use core::time::Duration;

use crate::crawler::Visit;
use crate::fetch::FetchError;
use crate::frontier::{Frontier, Page};
use crate::ledger::{Arrival, Faults};
use crate::measure::{achieved_rate, worst_window};
use crate::options::Options;
use crate::servers::Audit;

const SECOND: Duration = Duration::from_secs(1);

/// How far the limiter lets a late timer catch up, so that it keeps its rate.
pub(crate) const TIMER_CAP: Duration = Duration::from_millis(4);

/// What the report shows and the checks judge.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) rate: f64,
    pub(crate) burst: u32,
    pub(crate) per_host: usize,
    pub(crate) span: Duration,
    /// None if there were too few pages to tell.
    pub(crate) achieved: Option<f64>,
    /// As the servers saw it; as the limiter granted it, if the servers are not ours.
    pub(crate) worst_second: usize,
    /// How late the probe was woken at worst.
    pub(crate) stall: Duration,
    /// Of the pages that were fetched, in order.
    pub(crate) latencies: Vec<Duration>,
    pub(crate) sites: Vec<Site>,
    /// Pages that were not, and why.
    pub(crate) failures: Vec<String>,
    /// Only for servers of ours.
    pub(crate) audited: Option<Audited>,
}

/// The numbers of one site.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) address: String,
    pub(crate) pages: usize,
    pub(crate) faults: Faults,
}

/// What only the servers know.
#[derive(Debug)]
pub(crate) struct Audited {
    pub(crate) requests: usize,
    /// The longest way of a request from the limiter to its server.
    pub(crate) way: Duration,
    pub(crate) hosts: Vec<Host>,
}

/// What one server counted, and what it was to do.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) peak: usize,
    pub(crate) served: Faults,
    pub(crate) injected: Faults,
}

impl Figures {
    pub(crate) fn new(
        options: &Options,
        frontier: &Frontier,
        visits: &[Visit],
        stall: Duration,
        audit: Option<Audit>,
    ) -> Self {
        let mut grants: Vec<_> = visits.iter().map(|visit| visit.granted).collect();
        grants.sort_unstable();
        let fetched = visits.iter().filter(|visit| visit.result.is_ok());
        let mut latencies: Vec<_> = fetched.map(|visit| visit.took).collect();
        latencies.sort_unstable();
        let worst_second = match &audit {
            Some(audit) => worst_window(&audit.instants(), SECOND),
            None => worst_window(&grants, SECOND),
        };
        Self {
            rate: options.rate,
            burst: options.burst,
            per_host: options.per_host,
            span: span(visits),
            achieved: achieved_rate(&grants, options.burst),
            worst_second,
            stall,
            latencies,
            sites: sites(frontier, visits),
            failures: failures(frontier, visits),
            audited: audit.map(|audit| Audited::new(audit, visits)),
        }
    }

    /// The most requests that the servers may see in one second.
    ///
    /// The limiter grants at most `burst + rate * (1 s + cap)` in one second. A grant is seen when its task has been
    /// woken and its request has come to the server. So those seen in one second were granted in that second and in the
    /// time before it that the slowest needed: the largest stall, and the longest way.
    pub(crate) fn allowed(&self) -> Option<f64> {
        let late = self.stall + self.audited.as_ref()?.way;
        Some(f64::from(self.burst) + self.rate * (SECOND + TIMER_CAP + late).as_secs_f64())
    }
}

impl Audited {
    fn new(audit: Audit, visits: &[Visit]) -> Self {
        let way = |arrival: &Arrival| {
            let granted = visits.get(arrival.page).map(|visit| visit.granted)?;
            Some(arrival.at.saturating_duration_since(granted))
        };
        let hosts = audit.tallies.iter().zip(&audit.injected);
        Self {
            requests: audit.arrivals.len(),
            way: audit.arrivals.iter().filter_map(way).max().unwrap_or_default(),
            hosts: hosts.map(|(tally, &injected)| Host { peak: tally.peak, served: tally.faults, injected }).collect(),
        }
    }
}

fn span(visits: &[Visit]) -> Duration {
    let begin = visits.iter().map(|visit| visit.granted).min();
    let end = visits.iter().map(|visit| visit.granted + visit.took).max();
    begin.zip(end).map_or(Duration::ZERO, |(begin, end)| end.duration_since(begin))
}

fn sites(frontier: &Frontier, visits: &[Visit]) -> Vec<Site> {
    let empty = |address: &String| Site { address: address.clone(), pages: 0, faults: Faults::default() };
    let mut sites: Vec<_> = frontier.sites.iter().map(empty).collect();
    for (page, visit) in frontier.pages.iter().zip(visits) {
        let site = &mut sites[page.site];
        site.pages += 1;
        match visit.result {
            Ok(()) => {}
            Err(FetchError::TimedOut) => site.faults.timeouts += 1,
            Err(_) => site.faults.errors += 1,
        }
    }
    sites
}

fn failures(frontier: &Frontier, visits: &[Visit]) -> Vec<String> {
    let failure = |(page, visit): (&Page, &Visit)| {
        let error = visit.result.as_ref().err()?;
        Some(format!("{}: {error}", frontier.url(page)))
    };
    frontier.pages.iter().zip(visits).filter_map(failure).collect()
}
