//! The crawl itself: the limits of mtaio around each request.

use alloc::sync::Arc;
use core::error::Error;
use core::time::Duration;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use mtaio_tokio::{KeyedConcurrencyLimiter, RateLimiter, ResourceLimitError, TimeoutManager};
use tokio::task::JoinSet;

use crate::fetch::{self, FetchError};
use crate::frontier::{Frontier, Page};
use crate::options::{Bypass, Options};

const PROGRESS: &str = "{bar:40} {pos}/{len} pages  {per_sec}  {elapsed}";

/// Fetches pages no faster than its limits allow.
#[derive(Debug)]
pub(crate) struct Crawler {
    /// One for all requests; none if bypassed.
    rate: Option<RateLimiter>,
    /// So many for each site; none if bypassed.
    slots: Option<KeyedConcurrencyLimiter<String>>,
    sites: Vec<String>,
    /// One for all requests: they share a timer.
    timeouts: TimeoutManager,
}

/// What became of one page.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) page: usize,
    /// When the last limiter let it pass.
    pub(crate) granted: Instant,
    pub(crate) took: Duration,
    pub(crate) result: Result<(), FetchError>,
}

impl Crawler {
    pub(crate) fn new(options: &Options, frontier: &Frontier) -> Result<Self, Box<dyn Error>> {
        let rate = RateLimiter::new(options.quota()?);
        let slots = KeyedConcurrencyLimiter::try_new(options.per_host)?;
        Ok(Self {
            rate: (options.bypass != Some(Bypass::Rate)).then_some(rate),
            slots: (options.bypass != Some(Bypass::Slots)).then_some(slots),
            sites: frontier.sites.clone(),
            timeouts: TimeoutManager::new(options.time_limit()),
        })
    }

    /// Fetches every page, each in a task of its own; returns the visits in the order of the pages.
    pub(crate) async fn crawl(self, frontier: &Frontier) -> Result<Vec<Visit>, Box<dyn Error>> {
        let progress =
            ProgressBar::new(frontier.pages.len() as u64).with_style(ProgressStyle::with_template(PROGRESS)?);
        let crawler = Arc::new(self);
        let mut tasks = JoinSet::new();
        for (number, page) in frontier.pages.iter().cloned().enumerate() {
            let crawler = Arc::clone(&crawler);
            tasks.spawn(async move { crawler.visit(number, &page).await });
        }

        let mut visits = Vec::with_capacity(frontier.pages.len());
        while let Some(visit) = tasks.join_next().await {
            visits.push(visit??);
            progress.inc(1);
        }
        progress.finish_and_clear();
        visits.sort_unstable_by_key(|visit| visit.page);
        Ok(visits)
    }

    /// Waits for the limits, then fetches one page.
    ///
    /// The permit comes first: who waits for a host spends no cell of the rate.
    async fn visit(&self, number: usize, page: &Page) -> Result<Visit, ResourceLimitError> {
        let site = &self.sites[page.site];
        let _permit = match &self.slots {
            Some(slots) => Some(slots.acquire(site).await?),
            None => None,
        };
        if let Some(rate) = &self.rate {
            rate.acquire().await?;
        }
        let granted = Instant::now();
        let result = fetch::get(&self.timeouts, site, &page.path).await;
        Ok(Visit { page: number, granted, took: granted.elapsed(), result })
    }
}
