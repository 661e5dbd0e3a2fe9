//! The comparison with the peers: every row, all contenders in turns, as one table.
//!
//! ```text
//! cargo run --release -p mtaio-benches                                  # everything, in less than five minutes
//! cargo run --release -p mtaio-benches -- --filter semaphore            # what has this word in its name
//! cargo run --release -p mtaio-benches -- --markdown table.md --json table.json --svg chart.svg
//! cargo run --release -p mtaio-benches -- --smoke                       # only whether everything works
//! ```
//!
//! Contenders of a row take turns within each round, and a ratio is that of one round: what disturbs the machine disturbs both
//! sides. The table has medians over the rounds, and the least and the greatest. The exit code is 0 when all is well, 1 with
//! `--check` when a target is missed, and 2 when the report could not be made.

mod chart;
mod figures;
mod json;
mod machine;
mod measure;
mod options;
mod table;

use core::error::Error;
use core::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;

use figures::Figures;
use indicatif::{ProgressBar, ProgressStyle};
use machine::Machine;
use mtaio_benches::{Row, heap, rows};
use mtaio_core::runtime::Clock;
use mtaio_core::time::ClockId;
use mtaio_tokio::TokioRuntime;
use options::Options;

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

fn main() -> ExitCode {
    let options = Options::from_args();
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Measures and reports; returns whether every target is met that was asked for.
fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    if TokioRuntime.clock_id() != ClockId::SYSTEM {
        return Err("tokio's feature `test-util` is on, and makes clocks slow: build with `-p mtaio-benches`".into());
    }
    let rows = select(options.filter.as_deref())?;
    options.check_files()?;
    if options.smoke {
        for_each(&rows, measure::smoke);
        writeln!(io::stdout(), "{} rows work", rows.len())?;
        return Ok(true);
    }
    let figures = for_each(&rows, measure::figures);
    let machine = Machine::here();
    report(options, &machine, &figures)?;
    Ok(!options.check || figures.iter().all(Figures::is_met))
}

/// The rows that contain the word, whatever its case.
fn select(word: Option<&str>) -> Result<Vec<Row>, Box<dyn Error>> {
    let (all, word) = (rows::all(), word.unwrap_or_default().to_lowercase());
    let mut subjects: Vec<_> = all.iter().map(|row| row.subject).collect();
    subjects.dedup();
    let rows: Vec<_> = all.into_iter().filter(|row| row.name().to_lowercase().contains(&word)).collect();
    if rows.is_empty() {
        return Err(format!("no row has \"{word}\" in its name; the subjects are {}", subjects.join(", ")).into());
    }
    Ok(rows)
}

fn for_each<T>(rows: &[Row], measure: impl Fn(&Row) -> T) -> Vec<T> {
    let bar = ProgressBar::new(rows.len() as u64);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}").expect("a valid template");
    bar.set_style(style);
    let measured = rows.iter().map(|row| {
        bar.set_message(row.name());
        let measured = measure(row);
        bar.inc(1);
        measured
    });
    let measured = measured.collect();
    bar.finish_and_clear();
    measured
}

fn report(options: &Options, machine: &Machine, figures: &[Figures]) -> Result<(), Box<dyn Error>> {
    let mut text = String::new();
    writeln!(text, "{}\n\n{machine}", table::markdown(figures))?;
    io::stdout().write_all(text.as_bytes())?;
    if let Some(file) = &options.markdown {
        fs::write(file, text)?;
    }
    if let Some(file) = &options.json {
        fs::write(file, json::text(machine, figures)?)?;
    }
    if let Some(file) = &options.svg {
        fs::write(file, chart::svg(figures)?)?;
    }
    Ok(())
}
