//! Many that wait at once.

use core::future::Future;
use core::pin::Pin;
use core::task::Poll;

use pin_project_lite::pin_project;

use crate::by_hand::poll;

pin_project! {
    #[derive(Debug)]
    struct Place<F> {
        #[pin]
        future: Option<F>,
    }
}

/// Places for futures, so that making one allocates nothing.
#[derive(Debug)]
pub struct Crowd<F>(Vec<Pin<Box<Place<F>>>>);

impl<F: Future> Crowd<F> {
    /// So many places, and nobody there.
    pub fn new(places: usize) -> Self {
        Self((0..places).map(|_| Box::pin(Place { future: None })).collect())
    }

    /// Makes a future at each place, by its number, and polls it once.
    ///
    /// # Panics
    ///
    /// If one is ready.
    #[inline]
    pub fn come(&mut self, make: impl Fn(usize) -> F) {
        for (number, place) in self.0.iter_mut().enumerate() {
            let mut future = place.as_mut().project().future;
            future.set(Some(make(number)));
            assert!(future.as_pin_mut().is_some_and(|future| poll(future).is_pending()), "one does not wait");
        }
    }

    /// Polls all of them again, in order, and takes what they have.
    ///
    /// # Panics
    ///
    /// If one is not ready.
    #[inline]
    pub fn collect(&mut self, mut take: impl FnMut(F::Output)) {
        for place in &mut self.0 {
            let future = place.as_mut().project().future.as_pin_mut();
            let Some(Poll::Ready(value)) = future.map(poll) else { panic!("one still waits") };
            take(value);
        }
    }

    /// Drops all of them, in an order that looks random.
    ///
    /// # Panics
    ///
    /// If they are so many that this order leaves some out.
    #[inline]
    pub fn leave(&mut self) {
        let places = self.0.len();
        assert!(places % STEP != 0);
        for number in 0..places {
            self.0[scattered(number, places)].as_mut().project().future.set(None);
        }
    }
}

/// A prime visits each of them, unless it divides how many there are.
const STEP: usize = 7919;

/// Which of `many` is the next one, in an order that looks random.
#[inline(always)]
pub(crate) fn scattered(number: usize, many: usize) -> usize {
    number * STEP % many
}
