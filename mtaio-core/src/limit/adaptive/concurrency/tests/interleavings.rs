//! Models of the desk: each also runs often as an ordinary test.

use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::limit::adaptive::algorithm::{LimitAlgorithm, Sample};
use crate::limit::adaptive::concurrency::desk::Desk;
use crate::primitive::model::{explore, thread};
use crate::primitive::{AtomicUsize, Ordering};
use crate::time::Instant;

/// Counts the samples.
#[derive(Debug)]
struct Counts(usize);

impl LimitAlgorithm for Counts {
    fn limit(&self) -> usize {
        self.0
    }

    fn record(&mut self, _: &Sample) -> usize {
        self.0 += 1;
        self.0
    }
}

#[test]
fn loom_each_sample_that_is_handed_in_is_recorded_and_the_last_limit_stands() {
    explore(|| {
        let desk = Arc::new(Desk::new(Box::new(Counts(1)), 1));
        let published = Arc::new(AtomicUsize::new(1));
        let hand_in = move |desk: &Desk, published: &AtomicUsize| {
            let sample = Sample { start: Instant::ORIGIN, end: Instant::ORIGIN, in_flight: 1, dropped: false };
            desk.hand_in(sample, |limit| {
                // ORDERING: Relaxed: only who has the turn stores, one after the other.
                let before = published.swap(limit, Ordering::Relaxed);
                assert_eq!(limit, before + 1, "limits are made known in order");
            });
        };
        let threads: [_; 2] = core::array::from_fn(|_| {
            let (desk, published) = (Arc::clone(&desk), Arc::clone(&published));
            thread::spawn(move || hand_in(&desk, &published))
        });
        hand_in(&desk, &published);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        // ORDERING: Relaxed: the threads have been joined.
        assert_eq!(published.load(Ordering::Relaxed), 4);
    });
}
