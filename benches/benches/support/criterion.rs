//! What all benches share: criterion runs the rows of a subject.
//!
//! Criterion looks at one contender after the other. Where a machine is noisy, the report, which takes them in turns, compares
//! better.

use core::hint::black_box;
use core::time::Duration;
use std::env;

use criterion::{Criterion, SamplingMode, Throughput};
use mtaio_benches::{Effort, Scale, Work, rows};

/// Runs the rows of these subjects, each as a group.
pub(crate) fn run(criterion: &mut Criterion, subjects: &[&str]) {
    let rows: Vec<_> = rows::all().into_iter().filter(|row| subjects.contains(&row.subject)).collect();
    assert!(!rows.is_empty(), "there are no rows about {subjects:?}");
    // With `--test`, criterion only looks whether everything works.
    let scale = if env::args().any(|argument| argument == "--test") { Scale::Smoke } else { Scale::Full };
    for row in rows {
        let mut group = criterion.benchmark_group(row.name());
        if let Effort::Fixed { .. } = row.effort {
            // It has a length of its own: criterion does it once for each sample.
            group.sample_size(10).sampling_mode(SamplingMode::Flat);
            group.warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_millis(10));
        }
        let count = row.effort.count(scale);
        group.throughput(Throughput::Elements(count * row.each));
        for mut contender in row.contenders(scale) {
            group.bench_function(contender.name, |bencher| match &mut contender.work {
                Work::Timed(work) => bencher.iter_custom(|times| work(black_box(times * count))),
                // The sizes are in the report.
                Work::Counted(_) => bencher.iter(|| ()),
            });
        }
        group.finish();
    }
}
