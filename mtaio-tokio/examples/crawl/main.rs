//! A polite crawler on real HTTP: one rate for all requests, a few at a time to each host.
//!
//! ```text
//! cargo run --release -p mtaio-tokio --example crawl                       # checks itself on loopback
//! cargo run --release -p mtaio-tokio --example crawl -- --urls list.txt    # crawls real http:// URLs
//! cargo run --release -p mtaio-tokio --example crawl -- --help
//! ```
//!
//! Each page waits for a permit of its host in the [`KeyedConcurrencyLimiter`](mtaio_tokio::KeyedConcurrencyLimiter), then for a cell
//! of the one [`RateLimiter`](mtaio_tokio::RateLimiter), and is then fetched in the time that the one
//! [`TimeoutManager`](mtaio_tokio::TimeoutManager) gives it: see `crawler.rs`.
//!
//! Without `--urls` it starts HTTP servers of its own, whose answers are slow, wrong or missing as the seed decides,
//! and compares what they counted with what the limiters promise: see `checks.rs`. The exit code is 0 when every promise
//! was kept, 1 when one was broken or nothing was fetched, and 2 when the crawl could not be run.
//!
//! It does not read `robots.txt`, follow redirects or speak TLS.

extern crate alloc;

mod checks;
mod crawler;
mod fetch;
mod figures;
mod frontier;
mod ledger;
mod measure;
mod options;
mod plan;
mod report;
mod servers;
mod stall;

use core::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use crawler::Crawler;
use figures::Figures;
use frontier::Frontier;
use options::Options;
use plan::Plan;
use report::Report;
use servers::Servers;
use stall::StallProbe;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::from_args() {
        Ok(options) => options,
        Err(exit) => return exit,
    };
    match run(&options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Crawls and prints the report; returns whether every promise was kept.
async fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let (frontier, servers) = match &options.urls {
        Some(file) => (Frontier::read(file)?, None),
        None => {
            let servers = Servers::start(options.hosts, Plan::new(options.seed)).await?;
            (servers.frontier(options.pages)?, Some(servers))
        }
    };
    let crawler = Crawler::new(options, &frontier)?;

    let probe = StallProbe::start();
    let visits = crawler.crawl(&frontier).await?;
    let stall = probe.stop().await?;

    let audit = servers.map(|servers| servers.audit(&frontier));
    let report = Report::new(Figures::new(options, &frontier, &visits, stall, audit));
    write!(io::stdout(), "{report}")?;
    Ok(report.is_ok())
}
