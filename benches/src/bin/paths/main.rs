//! How many instructions the hot paths take, counted by callgrind, beside governor's and tokio's.
//!
//! The numbers are those of one compiler, one processor architecture and one kind of clock, and the same on each run. They are
//! compared with `benches/instructions.txt`:
//!
//! ```console
//! cargo run --release -p mtaio-benches --bin paths
//! ```

extern crate alloc;

mod baseline;
mod callgrind;
mod ours;
mod peers;

use std::path::PathBuf;
use std::process::ExitCode;

use baseline::{Baseline, Compiler};
use clap::Parser;

/// Counts the instructions of the hot paths, and compares them with the committed ones.
#[derive(Parser)]
struct Options {
    /// Keeps what is counted now as what is expected from now on.
    #[arg(long)]
    bless: bool,
    /// Writes a Markdown table instead of a plain one.
    #[arg(long)]
    markdown: bool,
    /// The file with the expected numbers.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.txt"))]
    baseline: PathBuf,
    /// Runs each path so often, and counts nothing: what callgrind watches.
    #[arg(long, hide = true)]
    walk: Option<u32>,
}

/// One way through a limiter, and who else goes it.
struct Path {
    name: &'static str,
    ours: fn(u32),
    peer: Option<Peer>,
}

struct Peer {
    name: &'static str,
    walk: fn(u32),
    /// Whether ours may take no more instructions than theirs.
    is_bound: bool,
}

impl Path {
    const fn new(name: &'static str, ours: fn(u32)) -> Self {
        Self { name, ours, peer: None }
    }

    const fn beside(self, name: &'static str, walk: fn(u32)) -> Self {
        Self { peer: Some(Peer { name, walk, is_bound: false }), ..self }
    }

    const fn no_more_than(self, name: &'static str, walk: fn(u32)) -> Self {
        Self { peer: Some(Peer { name, walk, is_bound: true }), ..self }
    }
}

const PATHS: &[Path] = &[
    Path::new("loop", ours::nothing),
    Path::new("clock", ours::clock),
    Path::new("rate: try_acquire, allowed", ours::rate_allowed).no_more_than("governor", peers::rate_allowed),
    Path::new("rate: try_acquire, refused", ours::rate_refused).no_more_than("governor", peers::rate_refused),
    Path::new("rate: acquire, ready", ours::rate_ready).beside("governor", peers::rate_ready),
    Path::new("rate: acquire_many(8), ready", ours::rate_many).beside("governor", peers::rate_many),
    Path::new("rate: wait begins", ours::rate_waits),
    Path::new("rate: tick that serves one", ours::rate_tick),
    Path::new("rate: tick that serves all, each", ours::rate_ticks),
    Path::new("rate: grant is taken", ours::rate_collect),
    Path::new("rate: wait is given up", ours::rate_leave),
    Path::new("lease: try_acquire, at hand", ours::lease_try),
    Path::new("lease: acquire, at hand", ours::lease_ready),
    Path::new("keyed: check of one of 1,000 keys", ours::keyed_allowed),
    Path::new("keyed: check of a key, refused", ours::keyed_refused),
    Path::new("keyed: permit of a key", ours::keyed_permit),
    Path::new("semaphore: try_acquire and drop", ours::permit_try).beside("tokio", peers::permit_try),
    Path::new("semaphore: try_acquire, refused", ours::permit_refused).beside("tokio", peers::permit_refused),
    Path::new("semaphore: acquire and drop", ours::permit_ready).beside("tokio", peers::permit_ready),
    Path::new("semaphore: acquire_many(8) and drop", ours::permit_many).beside("tokio", peers::permit_many),
    Path::new("semaphore: acquire_owned and drop", ours::permit_owned).beside("tokio", peers::permit_owned),
    Path::new("semaphore: wait begins", ours::permit_waits).beside("tokio", peers::permit_waits),
    Path::new("semaphore: permit that serves one", ours::permit_grant).beside("tokio", peers::permit_grant),
    Path::new("semaphore: grant is taken, and dropped", ours::permit_collect).beside("tokio", peers::permit_collect),
    Path::new("semaphore: wait is given up", ours::permit_leave).beside("tokio", peers::permit_leave),
    Path::new("rate and slots: try_acquire and drop", ours::both),
    Path::new("timeout: around what is ready", ours::timeout_ready).beside("tokio", peers::timeout_ready),
    Path::new("timeout: around one yield", ours::timeout_yield).beside("tokio", peers::timeout_yield),
    Path::new("timeout: one yield, another duration", ours::timeout_other),
    Path::new("scope: around what is ready", ours::scope_ready),
];

/// What was counted of a path, in instructions for each time.
struct Counted {
    name: &'static str,
    ours: f64,
    peer: Option<(&'static Peer, f64)>,
}

impl Counted {
    /// The promise that is broken, if one is.
    fn exceeds_bound(&self) -> Option<String> {
        let (peer, theirs) = self.peer.as_ref()?;
        (peer.is_bound && self.ours > *theirs).then(|| {
            format!("{}: {:.1} instructions, more than the {theirs:.1} of {}", self.name, self.ours, peer.name)
        })
    }
}

fn print_table(counted: &[Counted], markdown: bool) {
    let row = |name: &str, ours: &str, theirs: &str, who: &str| match markdown {
        true => println!("| {name} | {ours} | {theirs} | {who} |"),
        false => println!("{}", format!("{name:<40} {ours:>8} {theirs:>8}  {who}").trim_end()),
    };
    row("path", "mtaio", "peer", "which one");
    if markdown {
        row("---", "---:", "---:", "---");
    }
    for Counted { name, ours, peer } in counted {
        let (theirs, who) =
            peer.as_ref().map_or((String::new(), ""), |(peer, count)| (format!("{count:.1}"), peer.name));
        row(name, &format!("{ours:.1}"), &theirs, who);
    }
}

/// What is wrong with what was counted.
fn complaints(counted: &[Counted], options: &Options) -> Result<Vec<String>, String> {
    let here = Compiler::here();
    let now = Baseline::new(here.clone(), counted.iter().map(|path| (path.name.to_owned(), path.ours)).collect());
    let mut wrong: Vec<_> = counted.iter().filter_map(Counted::exceeds_bound).collect();
    let file = &options.baseline;
    if options.bless {
        std::fs::write(file, now.to_string()).map_err(|error| format!("{}: {error}", file.display()))?;
        println!("{} is what is expected from now on", file.display());
        return Ok(wrong);
    }
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let expected: Baseline = text.parse()?;
    if expected.compiler != here {
        eprintln!("!!! {} was counted with {}; this is {here}.", file.display(), expected.compiler);
        eprintln!("!!! Compared with a bound of {} % only.", expected.bound(&here));
    }
    wrong.extend(expected.compare(&now));
    Ok(wrong)
}

fn run(options: &Options) -> Result<ExitCode, String> {
    if cfg!(debug_assertions) {
        return Err("instructions are counted with optimization: add --release".into());
    }
    let counted = callgrind::count(PATHS)?;
    print_table(&counted, options.markdown);
    let wrong = complaints(&counted, options)?;
    wrong.iter().for_each(|what| eprintln!("{what}"));
    if wrong.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!(
        "{} paths are not what they should be; where that is meant, `--bless` keeps the new numbers",
        wrong.len()
    );
    Ok(ExitCode::FAILURE)
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(times) = options.walk {
        callgrind::walk(PATHS, times);
        return ExitCode::SUCCESS;
    }
    run(&options).unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::from(2)
    })
}
