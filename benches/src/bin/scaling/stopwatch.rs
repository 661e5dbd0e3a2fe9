//! How long something takes, on a machine that others use too.

use std::time::Instant;

use mtaio_benches::cpu;
use mtaio_benches::numbers::median;

/// From so many operations on the processor time of the thread is what counts: whoever else runs meanwhile is not in it. That clock is
/// too slow for less.
const LONG: usize = 10_000;

/// Nanoseconds that `job` takes, which does so many operations; without those for reading the clock.
pub(crate) fn nanos(operations: usize, job: impl FnOnce()) -> f64 {
    if operations >= LONG {
        let start = cpu::of_thread();
        job();
        return (cpu::of_thread() - start).as_nanos() as f64;
    }
    let start = Instant::now();
    job();
    let took = start.elapsed().as_nanos() as f64;
    took - reading()
}

/// What the clock itself takes, in nanoseconds.
fn reading() -> f64 {
    use std::sync::OnceLock;
    static READING: OnceLock<f64> = OnceLock::new();
    *READING.get_or_init(|| {
        let many: Vec<_> = (0..=10_000).map(|_| Instant::now().elapsed().as_nanos() as f64).collect();
        median(&many)
    })
}
