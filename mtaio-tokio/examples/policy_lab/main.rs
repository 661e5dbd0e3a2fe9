//! What would a limit have done? Runs traffic, recorded or made up, against a simulated server behind several policies, and compares them in
//! a table and a chart. The limiters are the real ones, in virtual time.
//!
//! ```text
//! cargo run --release -p mtaio-tokio --example policy_lab                                  # an overload
//! cargo run --release -p mtaio-tokio --example policy_lab -- --scenario slow --svg slow.svg
//! cargo run --release -p mtaio-tokio --example policy_lab -- --trace traffic.csv --workers 8
//! cargo run --release -p mtaio-tokio --example policy_lab -- --study                       # the table of docs/adaptive.md
//! ```

extern crate alloc;

mod chart;
mod compare;
mod options;
mod policies;
mod recorded;
mod study;
#[cfg(test)]
mod tests;

use core::error::Error;
use core::fmt::Display;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser;
use options::Options;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("policy_lab: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if let Some(file) = &options.write_trace {
        fs::write(file, recorded::made_up()).map_err(|error| format!("{}: {error}", file.display()))?;
        return tell(format_args!("wrote a trace to {}\n", file.display()));
    }
    if options.study {
        return tell(study::study(&options.policies, options.seeds, options.initial())?);
    }
    let scenario = options.scenario()?;
    let compared = compare::compare(&scenario, &options.policies, options.seeds, options.initial())?;
    tell(compare::table(&scenario, &compared))?;
    if let Some(file) = &options.json {
        let reports: Vec<_> = compared.iter().map(|compared| (compared.policy.name(), &compared.reports)).collect();
        fs::write(file, serde_json::to_string_pretty(&reports)?)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        tell(format_args!("wrote all reports to {}\n", file.display()))?;
    }
    chart::draw(&scenario, &compared, &options.svg).map_err(|error| format!("{}: {error}", options.svg.display()))?;
    tell(format_args!("drew {}\n", options.svg.display()))
}

/// Writes to the standard output. That nobody reads it any more is no error: `| head` has what it wanted.
fn tell(text: impl Display) -> Result<(), Box<dyn Error>> {
    match write!(io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
