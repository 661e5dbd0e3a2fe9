//! Every policy against a line that is searched each time.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use proptest::prelude::*;

use super::super::{AcquireSlotsOwned, ConcurrencyLimiter};
use crate::limit::{LineSnapshot, Prioritized, QueuePolicy, ResourceLimitError, ResourceLimitErrorKind as Kind};
use crate::runtime::{Clock, ManualClock};
use crate::sync::OwnedPermit;

const SEATS: usize = 6;
const MAX_WAITERS: usize = 3;
/// A unit of time that is a whole number of ticks of a stamp.
const UNIT: u64 = 1 << 20;
const TARGET: u64 = 3;
const INTERVAL: u64 = 8;

#[derive(Clone, Debug)]
enum Step {
    /// Polls what sits there, or asks for so many in that class.
    Poll(usize, u32, u8),
    Cancel(usize),
    Try(u32),
    Release(usize),
    Resize(usize),
    Pass(u64),
    Survey,
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        80 => (0..SEATS, 0..4_u32, 0..4_u8).prop_map(|(seat, n, class)| Step::Poll(seat, n, class)),
        20 => (0..SEATS).prop_map(Step::Cancel),
        10 => (0..3_u32).prop_map(Step::Try),
        60 => (0..6_usize).prop_map(Step::Release),
        10 => (0..4_usize).prop_map(Step::Resize),
        50 => (0..5_u64).prop_map(Step::Pass),
        20 => Just(Step::Survey),
        1 => Just(Step::Close),
    ]
}

fn policy() -> impl Strategy<Value = QueuePolicy> {
    prop_oneof![
        Just(QueuePolicy::Fifo),
        Just(QueuePolicy::priority(1)),
        Just(QueuePolicy::priority(3)),
        Just(QueuePolicy::Lifo),
        Just(QueuePolicy::LifoEvict),
    ]
}

/// What one who asks hears: how many it got, or why not, and for how long it had waited.
type Answer = Result<u32, (Kind, Option<Duration>)>;

fn answer(error: &ResourceLimitError) -> (Kind, Option<Duration>) {
    (error.kind(), error.waited())
}

#[derive(Clone, Copy, Debug)]
struct Waiter {
    seat: usize,
    n: u32,
    class: u8,
    since: u64,
}

/// Those who wait in the order in which they came, and what has become of the others.
#[derive(Debug)]
struct Model {
    policy: QueuePolicy,
    controlled: bool,
    now: u64,
    total: usize,
    held: usize,
    closed: bool,
    line: Vec<Waiter>,
    answers: [Option<Answer>; SEATS],
    above: Option<u64>,
    overload: bool,
    counting: bool,
    /// Granted, refused, cancelled.
    counts: (u64, u64, u64),
    granted_at: [u64; SEATS],
    unclaimed: u64,
}

impl Model {
    fn classes(&self) -> u8 {
        if let QueuePolicy::Priority(classes) = self.policy { classes.count() } else { 1 }
    }

    fn first(&self) -> Option<usize> {
        let newest = self.line.len().checked_sub(1)?;
        match self.policy {
            QueuePolicy::Fifo => Some(0),
            QueuePolicy::Lifo | QueuePolicy::LifoEvict => Some(newest),
            QueuePolicy::Priority(_) => {
                let highest = self.line.iter().map(|waiter| waiter.class).max();
                self.line.iter().position(|waiter| Some(waiter.class) == highest)
            }
        }
    }

    fn fits(&self, n: u32) -> bool {
        self.held + n as usize <= self.total
    }

    fn refusal(&self, n: u32) -> Option<Kind> {
        if self.closed {
            return Some(Kind::Closed);
        }
        (self.total > 0 && n as usize > self.total).then_some(Kind::TooLarge)
    }

    fn end(&mut self, place: usize, error: Result<(), (Kind, Option<Duration>)>) {
        let Waiter { seat, n, .. } = self.line.remove(place);
        self.granted_at[seat] = self.now;
        self.count(error.is_ok());
        self.answers[seat] = Some(error.map(|()| n));
    }

    fn count(&mut self, granted: bool) {
        let count = if granted { &mut self.counts.0 } else { &mut self.counts.1 };
        *count += 1;
    }

    /// One who does not stand in line is told that.
    fn count_at_once(&mut self, n: u32, told: Answer) {
        if self.counting && n > 0 && !matches!(told, Err((Kind::NoSuchClass, _))) {
            self.count(told.is_ok());
        }
    }

    /// One who was granted something sees it, or leaves.
    fn claim(&mut self, seat: usize) {
        self.unclaimed = self.unclaimed.max(self.now - self.granted_at[seat]);
    }

    /// How long the one who has waited longest has, and whether that is too long.
    fn look(&mut self) -> bool {
        let delay = self.line.iter().map(|waiter| self.now - waiter.since).max().unwrap_or(0);
        if delay <= TARGET {
            self.above = None;
            self.overload &= 2 * delay > TARGET;
            return false;
        }
        let above = *self.above.get_or_insert(self.now - (delay - TARGET));
        self.overload |= self.now - above >= INTERVAL;
        self.overload && self.controlled
    }

    fn settle(&mut self) {
        while let Some(place) = self.line.iter().position(|waiter| self.refusal(waiter.n).is_some()) {
            let refusal = self.refusal(self.line[place].n).unwrap();
            self.end(place, Err((refusal, None)));
        }
        while self.look() {
            let since = self.line.iter().map(|waiter| waiter.since).min().unwrap();
            let place = self.line.iter().position(|waiter| waiter.since == since).unwrap();
            let waited = Duration::from_micros((self.now - since) * UNIT / 1000);
            self.end(place, Err((Kind::Overloaded, Some(waited))));
        }
        while let Some(first) = self.first().filter(|first| self.fits(self.line[*first].n)) {
            self.held += self.line[first].n as usize;
            self.end(first, Ok(()));
        }
        self.look();
    }

    /// What one is told who does not wait.
    fn ask(&mut self, n: u32) -> Answer {
        if n == 0 && !self.closed {
            return Ok(0);
        }
        match self.refusal(n) {
            Some(refusal) => Err((refusal, None)),
            None if self.line.is_empty() && self.fits(n) => {
                self.held += n as usize;
                Ok(n)
            }
            None => Err((Kind::NotReady, None)),
        }
    }

    /// One comes. `None` if it waits.
    fn arrive(&mut self, seat: usize, n: u32, class: u8) -> Option<Answer> {
        if class >= self.classes() {
            return Some(Err((Kind::NoSuchClass, None)));
        }
        // One who wants nothing does not look at the line.
        if n > 0 {
            self.settle();
        }
        let refused = match self.ask(n) {
            Err((Kind::NotReady, None)) => Err((Kind::QueueFull, None)),
            told => return Some(told),
        };
        self.line.push(Waiter { seat, n, class, since: self.now });
        let place = self.line.len() - 1;
        if self.first() == Some(place) && self.fits(n) {
            self.held += n as usize;
            self.line.pop();
            return Some(Ok(n));
        }
        if self.line.len() > MAX_WAITERS {
            if self.policy != QueuePolicy::LifoEvict {
                self.line.pop();
                return Some(refused);
            }
            self.end(0, Err((Kind::QueueFull, None)));
        }
        None
    }
}

#[derive(Default)]
struct Calls(AtomicUsize);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        // ORDERING: SeqCst: a test is not in a hurry.
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Wait {
    future: Pin<Box<Prioritized<AcquireSlotsOwned<ManualClock>>>>,
    calls: Arc<Calls>,
}

impl Wait {
    fn poll(&mut self) -> Poll<Result<OwnedPermit, ResourceLimitError>> {
        let waker = Waker::from(Arc::clone(&self.calls));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

struct Pair {
    clock: ManualClock,
    slots: ConcurrencyLimiter<ManualClock>,
    waits: [Option<Wait>; SEATS],
    permits: Vec<OwnedPermit>,
    model: Model,
}

impl Pair {
    fn new(policy: QueuePolicy, controlled: bool, counting: bool) -> Self {
        let clock = ManualClock::new();
        let builder = ConcurrencyLimiter::builder(2).max_waiters(MAX_WAITERS).queue(policy);
        let unit = Duration::from_nanos(UNIT);
        let builder = if controlled { builder.codel(unit * TARGET as u32, unit * INTERVAL as u32) } else { builder };
        let builder = if counting { builder.counting() } else { builder };
        let model = Model {
            policy,
            controlled,
            now: 0,
            total: 2,
            held: 0,
            closed: false,
            line: Vec::new(),
            answers: [None; SEATS],
            above: None,
            overload: false,
            counting,
            counts: (0, 0, 0),
            granted_at: [0; SEATS],
            unclaimed: 0,
        };
        let slots = builder.build_on(clock.clone()).unwrap();
        Self { clock, slots, waits: [const { None }; SEATS], permits: Vec::new(), model }
    }

    fn keep(&mut self, outcome: Result<OwnedPermit, ResourceLimitError>) -> Answer {
        let permit = outcome.map_err(|error| answer(&error))?;
        let n = permit.count();
        self.permits.push(permit);
        Ok(n)
    }

    /// Polls, and puts back what is pending.
    fn poll_wait(&mut self, seat: usize, mut wait: Wait) -> Option<Answer> {
        match wait.poll() {
            Poll::Ready(outcome) => Some(self.keep(outcome)),
            Poll::Pending => {
                self.waits[seat] = Some(wait);
                None
            }
        }
    }

    fn poll(&mut self, seat: usize, n: u32, class: u8) {
        if let Some(wait) = self.waits[seat].take() {
            let told = self.poll_wait(seat, wait);
            assert_eq!(told, self.model.answers[seat].take());
            if matches!(told, Some(Ok(_))) {
                self.model.claim(seat);
            }
            return;
        }
        let future = Box::pin(self.slots.acquire_many_owned(n).priority(class));
        let expected = self.model.arrive(seat, n, class);
        expected.into_iter().for_each(|told| self.model.count_at_once(n, told));
        let told = self.poll_wait(seat, Wait { future, calls: Arc::default() });
        assert_eq!(told, expected);
    }

    fn cancel(&mut self, seat: usize) {
        if self.waits[seat].take().is_some() {
            if self.model.line.iter().any(|waiter| waiter.seat == seat) {
                self.model.counts.2 += 1;
            }
            self.model.line.retain(|waiter| waiter.seat != seat);
            if let Some(Ok(n)) = self.model.answers[seat].take() {
                self.model.held -= n as usize;
                self.model.counts.2 += 1;
                self.model.claim(seat);
            }
            self.model.settle();
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Poll(seat, n, class) => self.poll(seat, n, class),
            Step::Cancel(seat) => self.cancel(seat),
            Step::Try(n) => {
                if n > 0 {
                    self.model.settle();
                }
                let expected = self.model.ask(n);
                self.model.count_at_once(n, expected);
                let outcome = self.slots.try_acquire_many_owned(n);
                assert_eq!(self.keep(outcome), expected);
            }
            Step::Release(index) if index < self.permits.len() => {
                let permit = self.permits.swap_remove(index);
                self.model.held -= permit.count() as usize;
                if permit.count() > 0 {
                    self.model.settle();
                }
                drop(permit);
            }
            Step::Release(_) => {}
            Step::Resize(total) => {
                self.slots.set_limit(total);
                self.model.total = total;
                self.model.settle();
            }
            Step::Pass(units) => {
                self.clock.advance(Duration::from_nanos(units * UNIT));
                self.model.now += units;
            }
            Step::Survey => self.survey(),
            Step::Close => {
                self.slots.close();
                self.model.closed = true;
                self.model.settle();
            }
        }
    }

    fn survey(&mut self) {
        self.model.settle();
        let (snapshot, model) = (self.slots.snapshot(), &self.model);
        assert_eq!((snapshot.limit, snapshot.in_flight, snapshot.closed), (model.total, model.held, model.closed));
        let LineSnapshot { waiting, oldest_wait, granted, refused, cancelled, longest_unclaimed, .. } = snapshot.line;
        assert_eq!((waiting, (granted, refused, cancelled)), (model.line.len(), model.counts));
        let oldest = model.line.iter().map(|waiter| model.now - waiter.since).max().unwrap_or(0);
        let has_clock = model.controlled || model.counting;
        assert_eq!(oldest_wait, has_clock.then(|| Duration::from_nanos(oldest * UNIT)));
        assert_eq!(longest_unclaimed, model.counting.then(|| Duration::from_nanos(model.unclaimed * UNIT)));
    }

    fn compare(&self) {
        let (slots, model) = (&self.slots, &self.model);
        assert_eq!((slots.in_flight(), slots.limit()), (model.held, model.total));
        assert_eq!(slots.waiters(), model.line.len(), "{model:?}");
        for (wait, answer) in self.waits.iter().zip(&model.answers) {
            let calls = wait.as_ref().map_or(0, |wait| wait.calls.0.load(Ordering::SeqCst));
            assert_eq!(calls, usize::from(answer.is_some()), "one wake for each answer: {model:?}");
        }
    }
}

proptest! {
    #[test]
    fn every_policy_is_a_line_that_is_searched(
        policy in policy(),
        controlled in any::<bool>(),
        counting in any::<bool>(),
        steps in proptest::collection::vec(step(), 0..80),
    ) {
        let mut pair = Pair::new(policy, controlled, counting);
        for step in steps {
            pair.apply(step);
            pair.compare();
        }
        let Pair { clock, slots, waits, permits, model } = pair;
        prop_assert_eq!(clock.now().as_nanos(), model.now * UNIT);
        drop((waits, permits));
        prop_assert_eq!((slots.available(), slots.waiters()), (model.total, 0));
    }
}
