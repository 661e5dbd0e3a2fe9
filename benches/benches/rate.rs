//! Rate limiters that have cells to give, or refuse at once, beside governor, leaky-bucket and ratelimit.
//!
//! `cargo bench -p mtaio-benches --bench rate`; a word behind `--` runs those whose names contain it.

#![allow(missing_docs, reason = "criterion's macros declare functions without documentation")]

#[path = "support/criterion.rs"]
mod support;

use criterion::{Criterion, criterion_group, criterion_main};

fn subjects(criterion: &mut Criterion) {
    support::run(criterion, &["rate"]);
}

criterion_group!(benches, subjects);
criterion_main!(benches);
