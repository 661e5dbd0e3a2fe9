//! Whole scenarios, with more tasks than a model can have, under thousands of random schedules each.
//!
//! `RUSTFLAGS="--cfg shuttle" cargo test --release -p mtaio-core --features test-util --lib shuttle_` runs them. A schedule that fails is
//! printed; with `MTAIO_SCHEDULE` set to it, the test that failed runs that one and no other.

mod limiters;
mod semaphore;
mod timeouts;

use alloc::sync::Arc;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use crate::primitive::model::thread;
use crate::primitive::{AtomicUsize, Ordering};
use crate::runtime::ManualClock;

/// Polls once, and gives up.
fn give_up<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Lets time pass until so many tasks are done: somebody always waits for time.
fn tick_until_done(clock: &ManualClock, tick: Duration, done: &AtomicUsize, tasks: usize) {
    // ORDERING: SeqCst: a count, as plain as can be.
    while done.load(Ordering::SeqCst) < tasks {
        clock.advance(tick);
        thread::yield_now();
    }
}

/// How many are inside, and how many may be.
#[derive(Clone)]
struct Room {
    inside: Arc<AtomicUsize>,
    most: usize,
}

impl Room {
    fn new(most: usize) -> Self {
        Self { inside: Arc::new(AtomicUsize::new(0)), most }
    }

    /// Comes, and goes before the permits return.
    fn visit(&self, n: usize) {
        // ORDERING: SeqCst: a count, as plain as can be.
        let inside = self.inside.fetch_add(n, Ordering::SeqCst) + n;
        assert!(inside <= self.most, "{inside} are inside, and {} may be", self.most);
        // ORDERING: SeqCst, as above.
        self.inside.fetch_sub(n, Ordering::SeqCst);
    }
}
