//! Semaphores, free and waited for, beside those of tokio, async-lock, futures-intrusive and maitake-sync.
//!
//! `cargo bench -p mtaio-benches --bench semaphore`; a word behind `--` runs those whose names contain it.

#![allow(missing_docs, reason = "criterion's macros declare functions without documentation")]

#[path = "support/criterion.rs"]
mod support;

use criterion::{Criterion, criterion_group, criterion_main};

fn subjects(criterion: &mut Criterion) {
    support::run(criterion, &["semaphore", "tasks", "queue"]);
}

criterion_group!(benches, subjects);
criterion_main!(benches);
