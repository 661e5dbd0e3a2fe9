//! The command line.

use core::time::Duration;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::RangedU64ValueParser;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueEnum};
use mtaio_tokio::{InvalidQuota, Quota};

/// The lowest rate taken: a page in a quarter of an hour.
const LOWEST_RATE: f64 = 0.001;
/// The highest rate taken, far above what one process can fetch.
const HIGHEST_RATE: f64 = 100_000.0;

/// Crawls pages politely: one rate for all requests, a few at a time to each host and port.
///
/// Without --urls it crawls HTTP servers that it starts itself on loopback ports, and compares what they counted with
/// what the limiters promise. Exits with 0 if all is well, 1 if a promise was broken or nothing was fetched, 2 if the crawl
/// could not be run.
#[derive(Debug, Parser)]
#[command(name = "crawl", allow_negative_numbers = true)]
pub(crate) struct Options {
    /// Crawl the http:// URLs of this file, one a line; blank lines and lines starting with # are skipped
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pages", "hosts", "seed", "bypass"])]
    pub(crate) urls: Option<PathBuf>,

    /// Requests per second, all hosts together, up to 100000
    #[arg(long, value_name = "PER_SECOND", default_value_t = 200.0, value_parser = parse_rate)]
    pub(crate) rate: f64,

    /// Requests that may come at once after a pause
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) burst: u32,

    /// Requests in flight at once to one host and port
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = at_least_one(10_000))]
    pub(crate) per_host: usize,

    /// Time limit of one request, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1500, value_parser = clap::value_parser!(u64).range(200..=600_000))]
    pub(crate) timeout: u64,

    /// Pages to fetch from the loopback servers: a second's and the burst at least
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = at_least_one(100_000))]
    pub(crate) pages: usize,

    /// Loopback servers to start
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = at_least_one(64))]
    pub(crate) hosts: usize,

    /// Decides how the loopback servers answer each page
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(crate) seed: u64,

    /// For testing the checks: leave one limiter out
    #[arg(long, value_name = "LIMITER")]
    pub(crate) bypass: Option<Bypass>,
}

/// The limiter that a test leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bypass {
    /// The rate of all requests.
    Rate,
    /// The limits of each host.
    Slots,
}

impl Options {
    /// Reads the command line; prints help, or what is wrong with it in one line.
    ///
    /// # Errors
    ///
    /// The exit code, when there is nothing to crawl.
    pub(crate) fn from_args() -> Result<Self, ExitCode> {
        Self::try_parse().and_then(Self::checked).map_err(|error| {
            if error.kind() == ErrorKind::DisplayHelp {
                // Help that nobody reads to its end is no failure.
                let _ = error.print();
                return ExitCode::SUCCESS;
            }
            let text = error.to_string();
            let what = text.split("\n\n").next().unwrap_or_default();
            eprintln!("{}", what.split_whitespace().collect::<Vec<_>>().join(" "));
            ExitCode::from(2)
        })
    }

    pub(crate) fn quota(&self) -> Result<Quota, InvalidQuota> {
        Quota::from_rate(self.rate)?.try_burst(self.burst)
    }

    pub(crate) fn time_limit(&self) -> Duration {
        Duration::from_millis(self.timeout)
    }

    /// Checks what no single value shows.
    fn checked(self) -> Result<Self, clap::Error> {
        let invalid = |message| Self::command().error(ErrorKind::ValueValidation, message);
        if let Err(error) = self.quota() {
            return Err(invalid(format!("rate {} with burst {}: {error}", self.rate, self.burst)));
        }
        let needed = f64::from(self.burst) + self.rate;
        if self.urls.is_none() && (self.pages as f64) < needed {
            return Err(invalid(format!(
                "{} pages do not show a rate of {}/s with burst {}: at least {needed:.0} are needed",
                self.pages, self.rate, self.burst,
            )));
        }
        Ok(self)
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().map_err(|_| "not a number")?;
    // Far below the lowest one a request would take years.
    if !(LOWEST_RATE..=HIGHEST_RATE).contains(&rate) {
        return Err(format!("it is at least {LOWEST_RATE} and at most {HIGHEST_RATE}"));
    }
    Ok(rate)
}

fn at_least_one(most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=most)
}
