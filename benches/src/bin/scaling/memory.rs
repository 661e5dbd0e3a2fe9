//! What one who waits takes of the heap, its own future included.

use core::future::{Future, pending};

use indicatif::ProgressBar;
use mtaio_benches::crowd::Crowd;
use mtaio_benches::heap;
use mtaio_benches::limiters::HOUR;
use mtaio_benches::still::{Still, in_tokio};
use mtaio_core::limit::{Quota, RateLimiter};
use mtaio_core::sync::Semaphore;
use mtaio_tokio::TimeoutManager;
use tokio::time::timeout;

use crate::study::{Axis, Effort, Scale, Series, Study};
use crate::table::short;
use crate::timeouts::mixed_limit;
use crate::waiters::push;

/// Bytes for each of so many. What the first one sets up for all is in it.
fn bytes<F: Future>(many: usize, make: impl Fn(usize) -> F) -> f64 {
    let (mut crowd, growth) = heap::count(|| {
        let mut crowd = Crowd::new(many);
        crowd.come(make);
        crowd
    });
    crowd.leave();
    growth.bytes as f64 / many as f64
}

/// Bytes for each of so many that wait, for what is drawn one after the other.
fn all(many: usize) -> [f64; 6] {
    let limiter = RateLimiter::builder(Quota::per_second(1)).initial(0).build_on(Still);
    let (semaphore, peer) = (Semaphore::new(0), tokio::sync::Semaphore::new(0));
    let (equal, mixed) = (TimeoutManager::new(HOUR), TimeoutManager::new(HOUR));
    [
        bytes(many, |_| limiter.acquire()),
        bytes(many, |_| semaphore.acquire()),
        bytes(many, |_| equal.run(pending::<()>())),
        bytes(many, |number| mixed.run_within(mixed_limit(number), pending::<()>())),
        bytes(many, |_| peer.acquire()),
        bytes(many, |_| timeout(HOUR, pending::<()>())),
    ]
}

pub(crate) fn study(effort: &Effort, progress: &ProgressBar) -> Study {
    let mut series = Series::of(
        &["mtaio: rate", "mtaio: permit", "mtaio: timeout, equal", "mtaio: timeout, mixed"],
        &[("tokio: permit", 1), ("tokio: timeout", 2)],
    );
    in_tokio(|| {
        for many in effort.crowds() {
            progress.set_message(format!("{} of each", short(many as f64)));
            push(&mut series, many, &all(many));
        }
    });
    Study {
        title: "What one who waits takes of the heap, its own future included",
        x: Axis { label: "waiters, or timeouts that are pending", scale: Scale::Log, range: (1.0, 10.0) },
        y: Axis { label: "bytes for each", scale: Scale::Log, range: (100.0, 1000.0) },
        series,
    }
}
