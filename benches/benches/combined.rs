//! Several limits together beside one after the other, and layers beside those of tower.
//!
//! `cargo bench -p mtaio-benches --bench combined`; a word behind `--` runs those whose names contain it.

#![allow(missing_docs, reason = "criterion's macros declare functions without documentation")]

#[path = "support/criterion.rs"]
mod support;

use criterion::{Criterion, criterion_group, criterion_main};

fn subjects(criterion: &mut Criterion) {
    support::run(criterion, &["combined", "tower"]);
}

criterion_group!(benches, subjects);
criterion_main!(benches);
