use alloc::boxed::Box;
use alloc::sync::Arc;
use core::task::{Poll, Waker};

use super::wakers::{Counter, poll, poll_with, waker};
use crate::primitive::model::{explore, thread};
use crate::sync::line::Order;
use crate::sync::wait_queue::Plan;
use crate::sync::{AcquireErrorKind, AcquireOwned, OwnedPermit, Semaphore};

type Outcome = Result<OwnedPermit, crate::sync::AcquireError>;

/// A wait with a waker of its own.
struct Waiting {
    future: core::pin::Pin<Box<AcquireOwned>>,
    wakes: Arc<Counter>,
}

impl Waiting {
    fn new(semaphore: &Arc<Semaphore>) -> Self {
        Self::in_class(semaphore, 0)
    }

    fn in_class(semaphore: &Arc<Semaphore>, class: u8) -> Self {
        Self { future: Box::pin(semaphore.acquire_owned().in_class(class)), wakes: Counter::new() }
    }

    fn poll(&mut self) -> Poll<Outcome> {
        poll_with(self.future.as_mut(), &Waker::from(Arc::clone(&self.wakes)))
    }

    /// After everything has come to rest: whoever was pending was woken, and is done.
    fn finish(mut self, first: Poll<Outcome>) -> Outcome {
        match first {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => {
                assert_eq!(self.wakes.count(), 1, "a wake was lost");
                match self.poll() {
                    Poll::Ready(outcome) => outcome,
                    Poll::Pending => panic!("woken for nothing"),
                }
            }
        }
    }
}

/// One permit, and a line for so many.
fn semaphore(max_waiters: usize, order: Order) -> Semaphore {
    Semaphore::planned(1, max_waiters, Plan { order, codel: None, counting: false }, None)
}

fn assert_at_rest(semaphore: &Semaphore, total: usize) {
    assert_eq!((semaphore.available(), semaphore.total()), (total, total));
    assert_eq!((semaphore.in_flight(), semaphore.waiters()), (0, 0));
    assert!(semaphore.is_closed() || total == 0 || semaphore.try_acquire().is_ok());
}

#[test]
fn loom_a_shrink_takes_exactly_its_part_from_the_fast_path() {
    explore(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let other = Arc::clone(&semaphore);
        let taker = thread::spawn(move || {
            let permit = other.try_acquire_owned();
            drop(other.try_acquire_owned());
            permit
        });
        semaphore.reduce_permits(1);
        drop(taker.join().unwrap());
        assert_at_rest(&semaphore, 1);
    });
}

#[test]
fn loom_a_permit_that_was_granted_is_not_free() {
    explore(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut waiting = Waiting::new(&semaphore);
        assert!(waiting.poll().is_pending());
        let other = Arc::clone(&semaphore);
        let adder = thread::spawn(move || other.add_permits(1));
        let granted = waiting.poll();
        assert!(granted.is_pending() || semaphore.available() == 0);
        adder.join().unwrap();
        assert_eq!(semaphore.available(), 0);
        drop(waiting.finish(granted));
        assert_at_rest(&semaphore, 1);
    });
}

#[test]
fn loom_a_permit_that_returns_while_somebody_arrives_is_granted() {
    explore(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.try_acquire_owned().unwrap();
        let holder = thread::spawn(move || drop(permit));
        let mut waiting = Waiting::new(&semaphore);
        let first = waiting.poll();
        holder.join().unwrap();
        drop(waiting.finish(first).unwrap());
        assert_at_rest(&semaphore, 1);
    });
}

#[test]
fn loom_a_grant_to_one_who_leaves_goes_to_the_next() {
    explore(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.try_acquire_owned().unwrap();
        let (mut leaves, mut stays) = (Waiting::new(&semaphore), Waiting::new(&semaphore));
        assert!(leaves.poll().is_pending());
        let first = stays.poll();
        let holder = thread::spawn(move || drop(permit));
        drop(leaves);
        holder.join().unwrap();
        drop(stays.finish(first).unwrap());
        assert_at_rest(&semaphore, 1);
    });
}

#[test]
fn loom_a_grant_finds_the_waker_of_the_last_poll() {
    explore(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.try_acquire_owned().unwrap();
        let mut waiting = Waiting::new(&semaphore);
        assert!(poll(waiting.future.as_mut()).is_pending());
        let holder = thread::spawn(move || drop(permit));
        let second = waiting.poll();
        holder.join().unwrap();
        drop(waiting.finish(second).unwrap());
        assert_at_rest(&semaphore, 1);
    });
}

#[test]
fn loom_the_end_reaches_whoever_arrives_meanwhile() {
    explore(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let other = Arc::clone(&semaphore);
        let closer = thread::spawn(move || other.close());
        let mut waiting = Waiting::new(&semaphore);
        let first = waiting.poll();
        closer.join().unwrap();
        assert_eq!(waiting.finish(first).unwrap_err().kind(), AcquireErrorKind::Closed);
        assert_at_rest(&semaphore, 0);
    });
}

#[test]
fn loom_the_last_permit_that_returns_is_seen_by_who_waits_for_it() {
    explore(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.try_acquire_owned().unwrap();
        let holder = thread::spawn(move || drop(permit));
        let wakes = Counter::new();
        let mut idle = Box::pin(semaphore.idle());
        let first = poll_with(idle.as_mut(), &Waker::from(Arc::clone(&wakes)));
        holder.join().unwrap();
        assert!(first.is_ready() || (wakes.count() > 0 && poll(idle.as_mut()).is_ready()));
        drop(idle);
        assert_at_rest(&semaphore, 1);
    });
}

#[test]
fn loom_batches_that_overflow_serve_everybody() {
    explore(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut waits: [_; 3] = core::array::from_fn(|_| Waiting::new(&semaphore));
        assert!(waits.iter_mut().all(|wait| wait.poll().is_pending()));
        let other = Arc::clone(&semaphore);
        let adder = thread::spawn(move || other.add_permits(2));
        semaphore.add_permits(1);
        adder.join().unwrap();
        for wait in waits {
            drop(wait.finish(Poll::Pending).unwrap());
        }
        assert_at_rest(&semaphore, 3);
    });
}

#[test]
fn loom_a_waker_that_comes_back_finds_the_lock_free() {
    explore(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let (mut waiting, other) = (Waiting::new(&semaphore), Arc::clone(&semaphore));
        let comes_back = waker(move || assert_eq!(other.waiters(), 0));
        assert!(poll_with(waiting.future.as_mut(), &comes_back).is_pending());
        let other = Arc::clone(&semaphore);
        let adder = thread::spawn(move || other.add_permits(1));
        assert!(semaphore.waiters() <= 1);
        adder.join().unwrap();
        drop(poll(waiting.future.as_mut()));
        assert_at_rest(&semaphore, 1);
    });
}

#[test]
fn loom_the_oldest_that_is_evicted_while_it_is_granted_is_told_one_of_both() {
    explore(|| {
        let semaphore = Arc::new(semaphore(1, Order::LifoEvict));
        let permit = semaphore.try_acquire_owned().unwrap();
        let (mut old, mut new) = (Waiting::new(&semaphore), Waiting::new(&semaphore));
        assert!(old.poll().is_pending());
        let holder = thread::spawn(move || drop(permit));
        let first = new.poll();
        holder.join().unwrap();
        match old.finish(Poll::Pending) {
            // It was served before the other one came, or before that one made room.
            Ok(permit) => drop(permit),
            Err(error) => assert_eq!(error.kind(), AcquireErrorKind::QueueFull),
        }
        drop(new.finish(first).unwrap());
        assert_at_rest(&semaphore, 1);
    });
}

#[test]
fn loom_what_returns_while_a_higher_class_comes_goes_to_one_of_both_and_then_to_the_other() {
    explore(|| {
        let semaphore = Arc::new(semaphore(2, Order::Classes(2)));
        let permit = semaphore.try_acquire_owned().unwrap();
        let (mut low, mut high) = (Waiting::new(&semaphore), Waiting::in_class(&semaphore, 1));
        assert!(low.poll().is_pending());
        let holder = thread::spawn(move || drop(permit));
        let first = high.poll();
        holder.join().unwrap();
        if low.wakes.count() > 0 {
            drop(low.finish(Poll::Pending).unwrap());
            drop(high.finish(first).unwrap());
        } else {
            drop(high.finish(first).unwrap());
            drop(low.finish(Poll::Pending).unwrap());
        }
        assert_at_rest(&semaphore, 1);
    });
}

#[test]
fn loom_the_newest_that_leaves_while_it_is_granted_leaves_it_to_the_one_before() {
    explore(|| {
        let semaphore = Arc::new(semaphore(2, Order::Lifo));
        let permit = semaphore.try_acquire_owned().unwrap();
        let (mut old, mut new) = (Waiting::new(&semaphore), Waiting::new(&semaphore));
        assert!(old.poll().is_pending());
        let first = new.poll();
        assert!(first.is_pending());
        let holder = thread::spawn(move || drop(permit));
        drop(new);
        holder.join().unwrap();
        drop(old.finish(Poll::Pending).unwrap());
        assert_at_rest(&semaphore, 1);
    });
}
