//! What one can say on the command line.

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use mtaio_core::sim::{Scenario, Server, Service, Trace, Workload};

use crate::policies::Kind;

/// No run is longer.
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// Compares what policies would have done with some traffic, in virtual time.
#[derive(Parser, Debug)]
pub(crate) struct Options {
    /// What happens: overload, slow, recovery, hang, after-hang, growth, bimodal, few, calm, closed, closed-below, shared or shared-closed
    #[arg(long, default_value = "overload", conflicts_with = "trace")]
    pub(crate) scenario: String,
    /// Recorded traffic instead: CSV with the header `at_ms,service_ms` or `at_ms`, or JSON lines with these names (.json, .jsonl)
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// The workers of the server behind a trace
    #[arg(long, default_value_t = 8, requires = "trace")]
    pub(crate) workers: usize,
    /// How long a request of the trace takes on average that does not say it, in milliseconds
    #[arg(long, default_value_t = 50.0, requires = "trace", value_name = "MS")]
    pub(crate) service_ms: f64,
    /// When clients behind a trace give up, in milliseconds
    #[arg(long, default_value_t = 1000, requires = "trace", value_name = "MS")]
    pub(crate) timeout_ms: u64,
    /// The policies to compare
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Kind::ALL)]
    pub(crate) policies: Vec<Kind>,
    /// How often each is run, with another chance each time
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) seeds: u64,
    /// How many instances of each policy stand side by side, each with its part of the requests; as many as the scenario has if nothing is
    /// said
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000), conflicts_with = "study")]
    limiters: Option<u16>,
    /// Where adaptive limits begin
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    initial: u32,
    /// Where the chart goes
    #[arg(long, default_value = "policy_lab.svg", value_name = "FILE")]
    pub(crate) svg: PathBuf,
    /// Where all reports go, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// All policies in all scenarios, as a table in Markdown
    #[arg(long, conflicts_with_all = ["scenario", "trace", "svg", "json"])]
    pub(crate) study: bool,
    /// Writes a trace to play with, and does nothing else
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scenario", "trace", "svg", "json", "study"])]
    pub(crate) write_trace: Option<PathBuf>,
}

impl Options {
    pub(crate) const fn initial(&self) -> usize {
        self.initial as usize
    }

    pub(crate) fn scenario(&self) -> Result<Scenario, String> {
        let scenario = match &self.trace {
            Some(file) => self.replay(file)?,
            None => Scenario::named(&self.scenario).ok_or_else(|| {
                format!("there is no scenario `{}`; there are {}", self.scenario, Scenario::NAMES.join(", "))
            })?,
        };
        Ok(match self.limiters {
            Some(limiters) => scenario.shared_by(usize::from(limiters)),
            None => scenario,
        })
    }

    fn replay(&self, file: &Path) -> Result<Scenario, String> {
        let in_file = |error: &dyn core::fmt::Display| format!("{}: {error}", file.display());
        let trace = read(file).map_err(|error| in_file(&error))?;
        let last = trace.entries().last().map_or(Duration::ZERO, |entry| entry.at);
        if last > WEEK {
            let days = last.as_secs() / 86_400;
            let what =
                format!("the last request comes after {days} days; at_ms is since the beginning, and a week at most");
            return Err(in_file(&what));
        }
        let mean = Duration::try_from_secs_f64(self.service_ms / 1000.0)
            .map_err(|error| format!("--service-ms {}: {error}", self.service_ms))?;
        let known: Vec<_> = trace.entries().iter().filter_map(|entry| entry.service).collect();
        // The capacity line is that of what the trace says, where it says it.
        let mean = match known.is_empty() {
            true => mean,
            false => known.iter().sum::<Duration>() / u32::try_from(known.len()).unwrap_or(u32::MAX),
        };
        let service = Service::lognormal(mean, 0.5).map_err(|error| in_file(&error))?;
        let server = Server::new(self.workers, service).map_err(|error| error.to_string())?;
        let timeout = Duration::from_millis(self.timeout_ms);
        let name = file.file_stem().map_or_else(|| "trace".into(), |name| name.to_string_lossy().into_owned());
        // Until everybody who came has given up.
        let lasting = last.saturating_add(timeout).min(WEEK);
        Ok(Scenario::new(name, Workload::replay(trace), server).timeout(timeout).lasting(lasting))
    }
}

fn read(file: &Path) -> Result<Trace, String> {
    let bytes = fs::read(file).map_err(|error| error.to_string())?;
    let text = core::str::from_utf8(&bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        format!("line {}: this is no UTF-8", before.iter().filter(|byte| **byte == b'\n').count() + 1)
    })?;
    let is_json = file.extension().is_some_and(|end| end == "json" || end == "jsonl" || end == "ndjson");
    let trace = if is_json { Trace::from_json_lines(text) } else { Trace::from_csv(text) };
    trace.map_err(|error| error.to_string())
}
