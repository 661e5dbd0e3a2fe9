//! Futures that are made, polled and dropped by hand.

use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

/// Polls with a waker that does nothing.
#[inline(always)]
pub fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The value of a future that is ready at once.
///
/// # Panics
///
/// If it is not.
#[inline(always)]
pub fn once<F: Future>(future: F) -> F::Output {
    match poll(pin!(future)) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it has to wait"),
    }
}

/// The value of a future that is ready at its second poll.
///
/// # Panics
///
/// If it is not.
#[inline(always)]
pub fn twice<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    assert!(poll(future.as_mut()).is_pending());
    match poll(future) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it has to wait for longer"),
    }
}

/// Is ready at its second poll, and wakes nobody.
#[derive(Debug, Default)]
pub struct YieldOnce(bool);

impl Future for YieldOnce {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if core::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

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

    /// Polls all of them again, and drops what they have.
    ///
    /// # Panics
    ///
    /// If one is not ready.
    #[inline]
    pub fn collect(&mut self) {
        for place in &mut self.0 {
            let future = place.as_mut().project().future.as_pin_mut();
            assert!(future.is_some_and(|future| poll(future).is_ready()), "one still waits");
        }
    }

    /// Drops all of them, in an order that looks random.
    #[inline]
    pub fn leave(&mut self) {
        /// Visits each of them unless it divides their number.
        const STEP: usize = 7919;
        let places = self.0.len();
        assert!(places % STEP != 0);
        for number in 0..places {
            self.0[number * STEP % places].as_mut().project().future.set(None);
        }
    }
}
