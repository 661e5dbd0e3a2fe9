//! What a check of a key costs, by how many keys there are.

use core::hint::black_box;
use core::num::NonZeroU32;
use std::thread;
use std::time::Instant;

use governor::DefaultKeyedRateLimiter;
use indicatif::ProgressBar;
use mtaio_benches::limiters;
use mtaio_tokio::{KeyedRateLimiter, Quota};

use crate::study::{Axis, Effort, Scale, Series, Study};

const CHECKS: u32 = 500_000;
/// So many that no loop exhausts them, ...
const BURST: u32 = 1_000_000_000;
/// ... of which so many are gone from the beginning, so that no bucket is full and no key is forgotten.
const SPENT: NonZeroU32 = NonZeroU32::new(1_000_000).expect("it is not zero");

/// Keys below `keys`, in no order, as a linear congruential generator says (Knuth's MMIX).
fn draw(keys: u64, seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 32) * keys) >> 32
    }
}

/// Nanoseconds for each check of a thread, in the round that others disturbed least.
fn measure(effort: &Effort, keys: u64, threads: u64, check: &(impl Fn(u64) + Sync)) -> f64 {
    let checks = if effort.rounds > 1 { CHECKS } else { 100 };
    let work = |thread: u64| {
        let mut draw = draw(keys, thread + 1);
        let start = Instant::now();
        (0..checks).for_each(|_| check(draw()));
        start.elapsed().as_nanos() as f64 / f64::from(checks)
    };
    let round = || {
        thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|thread| scope.spawn(move || work(thread))).collect();
            let first = work(0);
            others.into_iter().map(|other| other.join().expect("a worker does not panic")).fold(first, f64::max)
        })
    };
    core::iter::repeat_with(round).take(effort.rounds).fold(f64::MAX, f64::min)
}

pub(crate) fn study(effort: &Effort, progress: &ProgressBar) -> Study {
    let two = thread::available_parallelism().map_or(1, usize::from).min(2) as u64;
    let mut series = Series::of(
        &["mtaio: one thread", "mtaio: two threads", "mtaio: two threads, one key"],
        &[("governor: one thread", 0), ("governor: two threads", 1), ("governor: two threads, one key", 2)],
    );
    for keys in effort.crowds().chain([effort.most * 10]).map(|keys| keys as u64) {
        progress.set_message(format!("{keys} keys"));
        let ours = KeyedRateLimiter::new(Quota::per_second(1000).burst(BURST));
        let quota = limiters::per_second(1000).allow_burst(NonZeroU32::new(BURST).expect("it is not zero"));
        let governor = DefaultKeyedRateLimiter::dashmap(quota);
        for key in 0..keys {
            assert!(ours.try_acquire_many(&key, SPENT.get()).is_ok());
            assert!(matches!(governor.check_key_n(&key, SPENT), Ok(Ok(()))));
        }
        let check_ours = |key: u64| assert!(black_box(&ours).try_acquire(&key).is_ok());
        let check_governor = |key: u64| assert!(black_box(&governor).check_key(&key).is_ok());
        let nanos = [
            measure(effort, keys, 1, &check_ours),
            measure(effort, keys, two, &check_ours),
            measure(effort, keys, two, &|_| check_ours(0)),
            measure(effort, keys, 1, &check_governor),
            measure(effort, keys, two, &check_governor),
            measure(effort, keys, two, &|_| check_governor(0)),
        ];
        series.iter_mut().zip(nanos).for_each(|(series, nanos)| series.points.push((keys as f64, nanos)));
    }
    Study {
        title: "Checks of keys in no order, by how many there are",
        x: Axis { label: "keys", scale: Scale::Log, range: (1.0, 10.0) },
        y: Axis { label: "ns for each check of a thread", scale: Scale::Log, range: (10.0, 100.0) },
        series,
    }
}
