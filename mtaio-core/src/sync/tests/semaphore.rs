use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::pin::Pin;
use core::task::{Poll, Waker};

use proptest::prelude::*;

use super::wakers::{Counter, poll, poll_with};
use crate::sync::{AcquireErrorKind, AcquireOwned, OwnedPermit, Semaphore};

const SEATS: usize = 5;

#[derive(Clone, Debug)]
enum Step {
    /// Polls the wait of a seat; if it is free, a new wait for so many.
    Poll(usize, u32),
    Cancel(usize),
    Try(u32),
    Release(usize),
    Forget(usize),
    /// Splits off so many, and merges what is left with the next permit.
    Regroup(usize, u32),
    Add(usize),
    Reduce(usize),
    Resize(usize),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..SEATS, 0..5_u32).prop_map(|(seat, n)| Step::Poll(seat, n)),
        3 => (0..SEATS).prop_map(Step::Cancel),
        4 => (0..5_u32).prop_map(Step::Try),
        6 => (0..8_usize).prop_map(Step::Release),
        1 => (0..8_usize).prop_map(Step::Forget),
        2 => (0..8_usize, 0..4_u32).prop_map(|(permit, n)| Step::Regroup(permit, n)),
        2 => (0..4_usize).prop_map(Step::Add),
        2 => (0..4_usize).prop_map(Step::Reduce),
        2 => (0..6_usize).prop_map(Step::Resize),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (before, after) = (prop::collection::vec(step(), 0..60), prop::collection::vec(step(), 0..10));
    (before, any::<bool>(), after).prop_map(|(mut steps, closes, after)| {
        steps.extend(closes.then_some(Step::Close));
        steps.extend(after);
        steps
    })
}

type Answer = Result<u32, AcquireErrorKind>;

/// A semaphore without threads: what is free is what the total leaves, and the debt is what it does not cover.
#[derive(Debug)]
struct Model {
    total: usize,
    held: usize,
    closed: bool,
    bounded: bool,
    line: VecDeque<(usize, u32)>,
    answers: [Option<Answer>; SEATS],
}

impl Model {
    fn free(&self) -> usize {
        self.total.saturating_sub(self.held)
    }

    fn refusal(&self, n: u32) -> Option<AcquireErrorKind> {
        if self.closed {
            return Some(AcquireErrorKind::Closed);
        }
        (self.bounded && self.total > 0 && n as usize > self.total).then_some(AcquireErrorKind::TooLarge)
    }

    fn ask(&mut self, n: u32) -> Answer {
        if n == 0 && !self.closed {
            return Ok(0);
        }
        match self.refusal(n) {
            Some(refusal) => Err(refusal),
            None if self.line.is_empty() && self.held + n as usize <= self.total => {
                self.held += n as usize;
                Ok(n)
            }
            None => Err(AcquireErrorKind::NoPermits),
        }
    }

    /// Ends waits that cannot be served any more, and serves from the front.
    fn settle(&mut self) {
        let line = core::mem::take(&mut self.line);
        for (seat, n) in line {
            match self.refusal(n) {
                Some(refusal) => self.answers[seat] = Some(Err(refusal)),
                None => self.line.push_back((seat, n)),
            }
        }
        while let Some(&(seat, n)) = self.line.front() {
            if self.held + n as usize > self.total {
                break;
            }
            self.held += n as usize;
            self.answers[seat] = Some(Ok(n));
            self.line.pop_front();
        }
    }
}

struct Wait {
    future: Pin<Box<AcquireOwned>>,
    wakes: Arc<Counter>,
}

struct Pair {
    semaphore: Arc<Semaphore>,
    waits: [Option<Wait>; SEATS],
    permits: Vec<OwnedPermit>,
    model: Model,
}

impl Pair {
    fn new(total: usize, bounded: bool) -> Self {
        let semaphore = if bounded { Semaphore::bounded(total, usize::MAX) } else { Semaphore::new(total) };
        let (line, answers) = (VecDeque::new(), [const { None }; SEATS]);
        Self {
            semaphore: Arc::new(semaphore),
            waits: [const { None }; SEATS],
            permits: Vec::new(),
            model: Model { total, held: 0, closed: false, bounded, line, answers },
        }
    }

    fn keep(&mut self, outcome: Result<OwnedPermit, AcquireErrorKind>) -> Answer {
        let permit = outcome?;
        let n = permit.count();
        self.permits.push(permit);
        Ok(n)
    }

    fn poll(&mut self, seat: usize, n: u32) {
        if let Some(wait) = &mut self.waits[seat] {
            let outcome = poll(wait.future.as_mut());
            let answer = match outcome {
                Poll::Ready(outcome) => Some(self.keep(outcome.map_err(|error| error.kind()))),
                Poll::Pending => {
                    // The waker is another one now; the old one comes back.
                    let wakes = Waker::from(Arc::clone(&wait.wakes));
                    assert!(poll_with(wait.future.as_mut(), &wakes).is_pending());
                    None
                }
            };
            assert_eq!(answer, self.model.answers[seat].take());
            if answer.is_some() {
                self.waits[seat] = None;
            }
            return;
        }
        let mut wait = Wait { future: Box::pin(self.semaphore.acquire_many_owned(n)), wakes: Counter::new() };
        let expected = self.model.ask(n);
        match poll_with(wait.future.as_mut(), &Waker::from(Arc::clone(&wait.wakes))) {
            Poll::Ready(outcome) => assert_eq!(self.keep(outcome.map_err(|error| error.kind())), expected),
            Poll::Pending => {
                assert_eq!(expected, Err(AcquireErrorKind::NoPermits));
                self.model.line.push_back((seat, n));
                self.waits[seat] = Some(wait);
            }
        }
    }

    fn cancel(&mut self, seat: usize) {
        self.waits[seat] = None;
        self.model.line.retain(|&(waiting, _)| waiting != seat);
        if let Some(Ok(n)) = self.model.answers[seat].take() {
            self.model.held -= n as usize;
        }
    }

    fn permit(&mut self, index: usize) -> Option<OwnedPermit> {
        (index < self.permits.len()).then(|| self.permits.swap_remove(index))
    }

    fn regroup(&mut self, index: usize, n: u32) {
        let Some(mut permit) = self.permit(index) else { return };
        let had = permit.count();
        let part = permit.split(n);
        assert_eq!(part.as_ref().map(OwnedPermit::count), (n <= had).then_some(n));
        self.permits.extend(part);
        match self.permits.first_mut() {
            Some(first) => first.merge(permit).expect("they belong together"),
            None => self.permits.push(permit),
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Poll(seat, n) => self.poll(seat, n),
            Step::Cancel(seat) => self.cancel(seat),
            Step::Try(n) => {
                let outcome = self.semaphore.try_acquire_many_owned(n).map_err(|error| error.kind());
                let expected = self.model.ask(n);
                assert_eq!(self.keep(outcome), expected);
            }
            Step::Release(index) => {
                let n = self.permit(index).map_or(0, |permit| permit.count());
                self.model.held -= n as usize;
            }
            Step::Forget(index) => {
                let Some(permit) = self.permit(index) else { return };
                let n = permit.count() as usize;
                permit.forget();
                self.model.held -= n;
                self.model.total = self.model.total.saturating_sub(n);
            }
            Step::Regroup(index, n) => self.regroup(index, n),
            // A bound is moved by `resize` only, which looks at all waiters again.
            Step::Add(_) | Step::Reduce(_) if self.model.bounded => {}
            Step::Add(n) => {
                self.semaphore.add_permits(n);
                self.model.total += n;
            }
            Step::Reduce(n) => {
                assert_eq!(self.semaphore.reduce_permits(n), n.min(self.model.total));
                self.model.total -= n.min(self.model.total);
            }
            Step::Resize(total) => {
                self.semaphore.resize(total);
                self.model.total = total;
            }
            Step::Close => {
                self.semaphore.close();
                self.model.closed = true;
            }
        }
    }

    fn compare(&self) {
        let (semaphore, model) = (&self.semaphore, &self.model);
        assert_eq!(semaphore.available(), model.free());
        assert_eq!(semaphore.total(), model.total);
        assert_eq!(semaphore.in_flight(), model.held);
        assert_eq!(semaphore.waiters(), model.line.len());
        assert_eq!(semaphore.is_closed(), model.closed);
        for (wait, answer) in self.waits.iter().zip(&model.answers) {
            let wakes = wait.as_ref().map_or(0, |wait| wait.wakes.count());
            assert_eq!(wakes, usize::from(answer.is_some()), "one wake for each answer");
        }
    }
}

proptest! {
    #[test]
    fn the_semaphore_is_a_queue_and_a_count(total in 0..5_usize, bounded in any::<bool>(), steps in steps()) {
        let mut pair = Pair::new(total, bounded);
        for step in steps {
            pair.apply(step);
            pair.model.settle();
            pair.compare();
        }
        let Pair { semaphore, waits, permits, model } = pair;
        drop((waits, permits));
        assert_eq!((semaphore.available(), semaphore.in_flight()), (model.total, 0));
    }
}

#[test]
fn a_waiter_that_asks_for_more_than_a_forgotten_permit_leaves_is_refused() {
    let semaphore = Semaphore::bounded(2, usize::MAX);
    let permit = semaphore.try_acquire().unwrap();
    let mut wait = core::pin::pin!(semaphore.acquire_many(2));
    assert!(poll(wait.as_mut()).is_pending());
    permit.forget();
    assert!(matches!(poll(wait), Poll::Ready(Err(error)) if error.kind() == AcquireErrorKind::TooLarge));
}
