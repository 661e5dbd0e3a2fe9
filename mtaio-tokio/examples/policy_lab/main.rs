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
use std::fs;
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
        println!("wrote a trace to {}", file.display());
        return Ok(());
    }
    if options.study {
        print!("{}", study::study(&options.policies, options.seeds, options.initial())?);
        return Ok(());
    }
    let scenario = options.scenario()?;
    let compared = compare::compare(&scenario, &options.policies, options.seeds, options.initial())?;
    print!("{}", compare::table(&scenario, &compared));
    if let Some(file) = &options.json {
        let reports: Vec<_> = compared.iter().map(|compared| (compared.policy.name(), &compared.reports)).collect();
        fs::write(file, serde_json::to_string_pretty(&reports)?)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        println!("wrote all reports to {}", file.display());
    }
    chart::draw(&scenario, &compared, &options.svg).map_err(|error| format!("{}: {error}", options.svg.display()))?;
    println!("drew {}", options.svg.display());
    Ok(())
}
