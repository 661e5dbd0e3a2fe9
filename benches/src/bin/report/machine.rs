//! What the figures were measured on, and with.

use core::fmt;
use std::{env, fs, thread};

use mtaio_benches::COMPILER;
use serde::Serialize;

/// The crates whose versions matter.
const CRATES: &[&str] = &[
    "governor",
    "leaky-bucket",
    "ratelimit",
    "tokio",
    "async-lock",
    "futures-intrusive",
    "maitake-sync",
    "tower",
    "async-io",
];

/// A machine, and the versions of what ran on it.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    system: &'static str,
    compiler: &'static str,
    /// How many wanted to run while it was measured, where the system tells: more than there are cores, and times are late.
    load: Option<f64>,
    crates: Vec<(String, String)>,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let versions = versions(include_str!("../../../../Cargo.lock"));
        Self {
            processor: processor().unwrap_or_else(|| env::consts::ARCH.to_owned()),
            cores: thread::available_parallelism().map_or(1, usize::from),
            system: env::consts::OS,
            compiler: COMPILER.split(" (").next().unwrap_or(COMPILER),
            load: load(),
            crates: versions.filter(|(name, _)| CRATES.contains(&name.as_str())).collect(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let crates: Vec<_> = self.crates.iter().map(|(name, version)| format!("{name} {version}")).collect();
        let Self { processor, cores, system, compiler, .. } = self;
        write!(f, "{processor}, {cores} cores, {system}")?;
        if let Some(load) = self.load {
            write!(f, ", load {load}")?;
        }
        write!(f, "; {compiler}; {}.", crates.join(", "))
    }
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The mean of the last five minutes.
fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').nth(1)?.parse().ok()
}

/// The names and versions in a lock file.
fn versions(lock: &str) -> impl Iterator<Item = (String, String)> {
    let quoted = |line: &str| line.split('"').nth(1).map(str::to_owned);
    let mut lines = lock.lines().peekable();
    core::iter::from_fn(move || {
        loop {
            let line = lines.next()?;
            if line.starts_with("name = ") {
                return Some((quoted(line)?, quoted(lines.next()?)?));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_of_all_peers_are_known() {
        let known: Vec<_> = Machine::here().crates.into_iter().map(|(name, _)| name).collect();
        assert!(CRATES.iter().all(|name| known.iter().any(|known| known == name)), "{known:?}");
    }
}
