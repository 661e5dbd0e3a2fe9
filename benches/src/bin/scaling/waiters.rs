//! What it costs to come, to be served and to leave, by how many wait.

use core::future::Future;
use core::time::Duration;

use indicatif::ProgressBar;
use mtaio_benches::crowd::Crowd;
use mtaio_benches::still::{Still, advance, bell};
use mtaio_core::limit::{Quota, RateLimiter};
use mtaio_core::sync::Semaphore;

use crate::stopwatch::nanos;
use crate::study::{Axis, Effort, Scale, Series, Study};
use crate::table::short;

/// A crowd that is small is measured so often that this many came.
const OPERATIONS: usize = 20_000;

/// Nanoseconds for each waiter: to come, to be served, to leave without having been.
type Phases = [f64; 3];

/// What a crowd waits for.
struct Wait<M, S, R> {
    /// One more of them.
    make: M,
    /// Serves so many, one at a time.
    serve: S,
    /// Takes back what so many have returned.
    reset: R,
}

impl<M, F, S, R> Wait<M, S, R>
where
    M: Fn(usize) -> F,
    F: Future,
    S: FnMut(usize),
    R: FnMut(usize),
{
    /// The best of some rounds.
    fn measure(&mut self, effort: &Effort, many: usize) -> Phases {
        let mut crowd = Crowd::new(many);
        let rounds = (0..effort.rounds_of(many)).map(|_| self.round(&mut crowd, many));
        rounds.fold([f64::MAX; 3], |best, round| core::array::from_fn(|phase| best[phase].min(round[phase])))
    }

    /// The mean of as many repetitions as it takes.
    fn round(&mut self, crowd: &mut Crowd<F>, many: usize) -> Phases {
        let again = (OPERATIONS / many).max(1);
        let mut sums = [0.0; 3];
        for _ in 0..again {
            sums[0] += nanos(many, || crowd.come(&self.make));
            sums[2] += nanos(many, || crowd.leave());
            crowd.come(&self.make);
            sums[1] += nanos(many, || (self.serve)(many));
            crowd.collect(drop);
            crowd.leave();
            (self.reset)(many);
        }
        sums.map(|sum| sum / (many * again) as f64)
    }
}

/// Adds what was measured to as many series.
pub(crate) fn push(series: &mut [Series], many: usize, phases: &[f64]) {
    series.iter_mut().zip(phases).for_each(|(series, nanos)| series.points.push((many as f64, *nanos)));
}

pub(crate) fn axes(x: &'static str) -> (Axis, Axis) {
    let y = Axis { label: "ns for each", scale: Scale::Linear, range: (0.0, 100.0) };
    (Axis { label: x, scale: Scale::Log, range: (1.0, 10.0) }, y)
}

pub(crate) fn semaphore(effort: &Effort, progress: &ProgressBar) -> Study {
    let mut series = Series::of(
        &["mtaio: come", "mtaio: serve one", "mtaio: leave"],
        &[("tokio: come", 0), ("tokio: serve one", 1), ("tokio: leave", 2)],
    );
    for many in effort.crowds() {
        progress.set_message(format!("{} waiters", short(many as f64)));
        let semaphore = Semaphore::new(0);
        let mut wait = Wait {
            make: |_| semaphore.acquire(),
            serve: |many| (0..many).for_each(|_| semaphore.add_permits(1)),
            reset: |many| semaphore.try_acquire_many(many as u32).expect("all are back").forget(),
        };
        push(&mut series[..3], many, &wait.measure(effort, many));
        let peer = tokio::sync::Semaphore::new(0);
        let mut wait = Wait {
            make: |_| peer.acquire(),
            serve: |many| (0..many).for_each(|_| peer.add_permits(1)),
            reset: |many| assert_eq!(peer.forget_permits(many), many),
        };
        push(&mut series[3..], many, &wait.measure(effort, many));
    }
    let (x, y) = axes("waiters in the queue of one semaphore");
    Study { title: "Semaphore: what a waiter costs, by how many wait", x, y, series }
}

pub(crate) fn rate(effort: &Effort, progress: &ProgressBar) -> Study {
    const SECOND: Duration = Duration::from_secs(1);
    let mut series = Series::of(&["mtaio: come", "mtaio: serve one", "mtaio: leave"], &[]);
    for many in effort.crowds() {
        progress.set_message(format!("{} waiters", short(many as f64)));
        let limiter = RateLimiter::builder(Quota::per_second(1).burst(1)).initial(0).build_on(Still);
        let mut wait = Wait {
            make: |_| limiter.acquire(),
            // Each second one of them.
            serve: |many| {
                let bell = bell();
                (0..many).for_each(|_| {
                    advance(SECOND);
                    bell.tick();
                });
            },
            reset: |_| (),
        };
        push(&mut series, many, &wait.measure(effort, many));
        assert_eq!(limiter.waiters(), 0);
    }
    let (x, y) = axes("waiters in the line of one rate limiter");
    Study { title: "Rate limiter: what a waiter costs, by how many wait", x, y, series }
}
