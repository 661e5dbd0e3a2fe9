//! Places for many futures, so that making one allocates nothing.

use core::future::Future;
use core::pin::Pin;
use core::task::Poll;

use pin_project_lite::pin_project;

use crate::poll::poll;

pin_project! {
    struct Place<F> {
        #[pin]
        future: Option<F>,
    }
}

/// Futures that wait, each at a place of its own.
pub(crate) struct Places<F> {
    places: Vec<Pin<Box<Place<F>>>>,
}

impl<F: Future> Places<F> {
    pub(crate) fn new(many: usize) -> Self {
        Self { places: (0..many).map(|_| Box::pin(Place { future: None })).collect() }
    }

    /// Makes all futures, and polls each once: none may be ready.
    pub(crate) fn fill(&mut self, mut make: impl FnMut(usize) -> F) {
        for (number, place) in self.places.iter_mut().enumerate() {
            let mut future = place.as_mut().project().future;
            future.set(Some(make(number)));
            assert!(future.as_pin_mut().is_some_and(|future| poll(future).is_pending()));
        }
    }

    /// Polls all futures, each of which must be ready now, in order.
    pub(crate) fn finish(&mut self, mut take: impl FnMut(F::Output)) {
        for place in &mut self.places {
            let future = place.as_mut().project().future.as_pin_mut();
            match future.map(poll) {
                Some(Poll::Ready(value)) => take(value),
                Some(Poll::Pending) => panic!("it should be ready"),
                None => panic!("the place is empty"),
            }
        }
    }

    /// Drops all futures, in an order that looks random.
    pub(crate) fn empty(&mut self) {
        // A prime that does not divide their number visits each of them.
        let many = self.places.len();
        assert!(many % 7919 != 0);
        for number in 0..many {
            self.places[number * 7919 % many].as_mut().project().future.set(None);
        }
    }
}
