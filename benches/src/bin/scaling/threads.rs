//! What an operation costs a thread, by how many threads do the same on one limiter.

use core::hint::black_box;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use indicatif::ProgressBar;
use mtaio_benches::limiters;
use mtaio_tokio::{Semaphore, TokioRuntime};

use crate::study::{Axis, Effort, Scale, Series, Study};

const TIMES: u32 = 100_000;
const ROUNDS: usize = 200;
/// How many threads there are, as many as this machine has processors at most.
const THREADS: [usize; 4] = [1, 2, 4, 8];

/// Nanoseconds for each operation of a thread, in the round that others disturbed least. A round lasts from when all threads are there
/// until the last one is done, so that one in which they did not run side by side is a long one.
fn measure(effort: &Effort, threads: usize, operation: &(impl Fn() + Sync)) -> f64 {
    let (times, rounds) = if effort.rounds > 1 { (TIMES, ROUNDS) } else { (100, 1) };
    let round = || {
        let there = AtomicUsize::new(0);
        let work = || {
            // ORDERING: SeqCst: everybody begins when the last one has come.
            there.fetch_add(1, Ordering::SeqCst);
            while there.load(Ordering::SeqCst) < threads {
                core::hint::spin_loop();
            }
            let began = Instant::now();
            (0..times).for_each(|_| operation());
            (began, Instant::now())
        };
        let spans: Vec<_> = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().map(|worker| worker.join().expect("a worker does not panic")).collect()
        });
        let (began, ended) = (spans.iter().map(|span| span.0).min(), spans.iter().map(|span| span.1).max());
        ended.zip(began).map_or(f64::MAX, |(ended, began)| (ended - began).as_nanos() as f64 / f64::from(times))
    };
    core::iter::repeat_with(round).take(rounds).fold(f64::MAX, f64::min)
}

pub(crate) fn study(effort: &Effort, progress: &ProgressBar) -> Study {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let (full, empty, permits) =
        (limiters::full::<TokioRuntime>(), limiters::empty::<TokioRuntime>(), Semaphore::new(64));
    let (peer_full, peer_empty) = (limiters::full_governor(), limiters::empty_governor());
    let peer_permits = tokio::sync::Semaphore::new(64);
    let mut series = Series::of(
        &["mtaio: rate, allowed", "mtaio: rate, refused", "mtaio: permit"],
        &[("governor: rate, allowed", 0), ("governor: rate, refused", 1), ("tokio: permit", 2)],
    );
    for threads in THREADS.into_iter().filter(|threads| *threads <= processors) {
        progress.set_message(format!("{threads} threads"));
        let nanos = [
            measure(effort, threads, &|| assert!(black_box(&full).try_acquire().is_ok())),
            measure(effort, threads, &|| assert!(black_box(&empty).try_acquire().is_err())),
            measure(effort, threads, &|| drop(black_box(&permits).try_acquire().unwrap())),
            measure(effort, threads, &|| assert!(black_box(&peer_full).check().is_ok())),
            measure(effort, threads, &|| assert!(black_box(&peer_empty).check().is_err())),
            measure(effort, threads, &|| drop(black_box(&peer_permits).try_acquire().unwrap())),
        ];
        series.iter_mut().zip(nanos).for_each(|(series, nanos)| series.points.push((threads as f64, nanos)));
    }
    Study {
        title: "One limiter, several threads that do nothing else",
        x: Axis { label: "threads", scale: Scale::Whole, range: (1.0, 2.0) },
        y: Axis { label: "ns for each operation of a thread", scale: Scale::Linear, range: (0.0, 50.0) },
        series,
    }
}
