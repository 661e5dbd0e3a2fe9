//! How cost grows: with those who wait, with timeouts that are pending, with threads, with keys, with the rate; and what each of them takes of
//! memory.
//!
//! Draws a chart of each study, and writes its numbers as CSV and as Markdown:
//!
//! ```console
//! cargo run --release -p mtaio-benches --bin scaling
//! ```

extern crate alloc;

mod chart;
mod keys;
mod memory;
mod rates;
mod stopwatch;
mod study;
mod table;
mod threads;
mod timeouts;
mod waiters;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use mtaio_benches::heap;
use study::{Effort, Study};

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

/// Measures how cost grows, and draws charts of it.
#[derive(Parser)]
struct Options {
    /// Only the studies whose names contain this.
    #[arg(long, default_value = "")]
    only: String,
    /// Where charts and tables are written.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/charts"))]
    out: PathBuf,
    /// Measures little and fast, to see that everything works. The numbers are no good.
    #[arg(long)]
    quick: bool,
    /// Says what there is.
    #[arg(long)]
    list: bool,
}

type Measure = fn(&Effort, &ProgressBar) -> Study;

/// All studies: their names, and what measures them.
const STUDIES: &[(&str, Measure)] = &[
    ("waiters-semaphore", waiters::semaphore),
    ("waiters-rate", waiters::rate),
    ("timeouts-equal", timeouts::equal),
    ("timeouts-mixed", timeouts::mixed),
    ("threads", threads::study),
    ("keys", keys::study),
    ("rate-kept", rates::kept),
    ("rate-cpu", rates::cpu),
    ("memory", memory::study),
];

fn run(options: &Options) -> Result<(), Box<dyn core::error::Error>> {
    let chosen: Vec<_> = STUDIES.iter().filter(|(name, _)| name.contains(&options.only)).collect();
    if chosen.is_empty() {
        return Err(format!("no study has {:?} in its name; --list tells all of them", options.only).into());
    }
    if cfg!(debug_assertions) && !options.quick {
        return Err("this is measured with optimization: add --release".into());
    }
    std::fs::create_dir_all(&options.out)?;
    let effort = if options.quick { Effort::quick() } else { Effort::full() };
    for (name, measure) in chosen {
        let progress = ProgressBar::new_spinner().with_prefix(*name);
        progress.set_style(ProgressStyle::with_template("{prefix:20} {elapsed_precise} {spinner} {msg}")?);
        progress.enable_steady_tick(core::time::Duration::from_millis(200));
        let study = measure(&effort, &progress);
        progress.finish_and_clear();
        chart::draw(&study, &options.out.join(format!("{name}.svg")))?;
        std::fs::write(options.out.join(format!("{name}.csv")), table::csv(&study))?;
        let markdown = table::markdown(&study);
        std::fs::write(options.out.join(format!("{name}.md")), &markdown)?;
        println!("{}, {}\n\n{markdown}", study.title, study.y.label);
    }
    Ok(())
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.list {
        STUDIES.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
