//! Those who wait, in the order in which they came, each with a waker of its own.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use crate::CountingWaker;

struct Waiter<T> {
    future: Pin<Box<dyn Future<Output = T>>>,
    n: u32,
    place: Place,
    wakes: Arc<CountingWaker>,
    waker: Waker,
    /// How often it had been woken when it was pending last.
    known: usize,
}

/// Where one stands, if the order in which it came does not say all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) class: u8,
    /// How many came before it.
    pub(super) number: u64,
}

/// Those who wait.
pub(super) struct Line<T>(Vec<Waiter<T>>);

impl<T> Waiter<T> {
    fn poll(&mut self) -> Poll<T> {
        self.known = self.wakes.count();
        self.future.as_mut().poll(&mut Context::from_waker(&self.waker))
    }

    /// As [`poll`](Self::poll), for one who was pending: an answer has woken it.
    fn look(&mut self) -> Poll<T> {
        let before = self.known;
        let poll = self.poll();
        assert!(poll.is_pending() || self.known > before, "an answer that nobody was woken for");
        poll
    }
}

impl<T> Line<T> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Polls `future` for the first time, and lets it wait if it has to.
    pub(super) fn join(&mut self, n: u32, future: impl Future<Output = T> + 'static) -> Option<(u32, T)> {
        self.join_at(Place { class: 0, number: 0 }, n, future)
    }

    /// As [`join`](Self::join), with a place of its own.
    pub(super) fn join_at(
        &mut self,
        place: Place,
        n: u32,
        future: impl Future<Output = T> + 'static,
    ) -> Option<(u32, T)> {
        let (wakes, waker) = CountingWaker::new();
        let mut waiter = Waiter { future: Box::pin(future), n, place, wakes, waker, known: 0 };
        match waiter.poll() {
            Poll::Ready(answer) => Some((n, answer)),
            Poll::Pending => {
                self.0.push(waiter);
                None
            }
        }
    }

    /// Polls one of them.
    pub(super) fn poll(&mut self, index: usize) -> Option<(u32, T)> {
        let index = index.checked_rem(self.0.len())?;
        match self.0[index].look() {
            Poll::Ready(answer) => Some((self.0.remove(index).n, answer)),
            Poll::Pending => None,
        }
    }

    /// Drops one of them.
    pub(super) fn leave(&mut self, index: usize) {
        if let Some(index) = index.checked_rem(self.0.len()) {
            drop(self.0.remove(index));
        }
    }

    /// Polls all, and returns the answers with their places.
    pub(super) fn answers(&mut self) -> Vec<(Place, u32, T)> {
        let mut answers = Vec::new();
        for index in (0..self.0.len()).rev() {
            if let Poll::Ready(answer) = self.0[index].look() {
                let waiter = self.0.remove(index);
                answers.push((waiter.place, waiter.n, answer));
            }
        }
        answers
    }

    /// Where those stand who wait.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.0.iter().map(|waiter| waiter.place)
    }

    /// Drops all of them, the last first.
    pub(super) fn clear(&mut self) {
        while self.0.pop().is_some() {}
    }

    /// Polls all, the last first, and returns the answers. A poll moves nobody on, so that those ahead of one who was granted
    /// something were not passed: they have their answers too.
    pub(super) fn harvest(&mut self, is_grant: impl Fn(&T) -> bool) -> Vec<(u32, T)> {
        let (mut answers, mut granted) = (Vec::new(), false);
        for index in (0..self.0.len()).rev() {
            match self.0[index].look() {
                Poll::Ready(answer) => {
                    granted |= is_grant(&answer);
                    answers.push((self.0.remove(index).n, answer));
                }
                Poll::Pending => assert!(!granted, "one who came later was served before one who waits"),
            }
        }
        answers
    }
}
