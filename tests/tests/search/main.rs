//! Random programs on a virtual runtime, thousands of them, each held against what every limiter promises.
//!
//! A program is a few tasks on shared limiters: rates and slots, some of them those of keys, leases of rates, both combined, timeouts and scopes around them, with tasks that give up
//! at any time, quotas and limits that change, limiters that close, machines that stall, timers that are late, and runtimes that
//! go away. What is checked, all along and at the end:
//!
//! 1. No window sees more cells than its quotas allow.
//! 2. Slots are granted only while no more than the limit are in flight, and are held only by those who were granted them.
//! 3. In each line those who came first are served first, also before those who only try.
//! 4. The first in line does not wait for what is free, and is served no later than it was told, as long as nobody turns the limit.
//! 5. `retry_after` is true to the nanosecond, where nobody interferes.
//! 6. No time is over before it is over.
//! 7. In the end nothing is held, nobody waits, all slots are back, buckets fill up, and no timer is left.
//!
//! A program follows from its seed. One that fails prints the command that runs it alone:
//! `MTAIO_SEARCH_SEED=1 cargo test -p mtaio-tests --test search one_seed -- --nocapture`. `MTAIO_SEARCH_SEEDS=100000` searches longer,
//! and `MTAIO_SEARCH_FROM` begins elsewhere. (Slots of a combined limiter are taken in the order of their addresses, so that
//! another build may run another program.)

extern crate alloc;

mod around;
mod book;
mod dice;
mod faults;
mod hold;
mod ledger;
mod limit;
mod play;
mod program;
mod watch;
mod world;

use program::Program;
use world::search;

/// In an optimized build that takes a few seconds on a slow core; otherwise it is a sample.
const SEEDS: u64 = if cfg!(debug_assertions) { 2_000 } else { 200_000 };

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is to be a number")))
}

#[test]
fn no_program_finds_a_promise_broken() {
    let from = number("MTAIO_SEARCH_FROM").unwrap_or(1);
    let seeds = number("MTAIO_SEARCH_SEEDS").unwrap_or(SEEDS);
    let mut failed = Vec::new();
    for seed in from..from + seeds {
        let faults = search(seed);
        if let Some(first) = faults.first() {
            println!("seed {seed}: {first}");
            println!("    MTAIO_SEARCH_SEED={seed} cargo test -p mtaio-tests --test search one_seed -- --nocapture");
            failed.push(seed);
        }
        if failed.len() == 10 {
            break;
        }
    }
    assert!(failed.is_empty(), "these seeds break a promise: {failed:?}");
    println!("{seeds} programs were run");
}

#[test]
fn one_seed() {
    let Some(seed) = number("MTAIO_SEARCH_SEED") else { return };
    println!("{:#?}", Program::new(seed));
    let faults = search(seed);
    assert!(faults.is_empty(), "{faults:#?}");
}
