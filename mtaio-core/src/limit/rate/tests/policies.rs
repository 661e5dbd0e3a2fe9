//! Every policy against a line that is searched and a count of cells, with deadlines.

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

use crate::limit::rate::RateLimiter;
use crate::limit::{QueuePolicy, Quota, ResourceLimitError, ResourceLimitErrorKind as Kind};
use crate::runtime::ManualClock;
use crate::runtime::tests::held::Held;
use crate::runtime::tests::places::Places;

const SEATS: usize = 6;
const MAX_WAITERS: usize = 4;
const BURST: u32 = 3;
/// In which one cell comes.
const UNIT: Duration = Duration::from_millis(1);
const JUST_AFTER: Duration = Duration::from_nanos(1);

#[derive(Clone, Debug)]
enum Step {
    /// Asks for so many in that class, within so many units or for ever, if nobody sits there.
    Ask(usize, u32, u8, Option<u64>),
    Cancel(usize),
    Try(u32),
    Refund(u32),
    Pass,
}

fn step() -> impl Strategy<Value = Step> {
    let within = prop_oneof![Just(None), (0..9_u64).prop_map(Some)];
    let ask = (0..SEATS, 1..=BURST, 0..3_u8, within);
    prop_oneof![
        8 => ask.prop_map(|(seat, n, class, within)| Step::Ask(seat, n, class, within)),
        2 => (0..SEATS).prop_map(Step::Cancel),
        1 => (1..=BURST).prop_map(Step::Try),
        1 => (0..=BURST).prop_map(Step::Refund),
        6 => Just(Step::Pass),
    ]
}

fn policy() -> impl Strategy<Value = QueuePolicy> {
    prop_oneof![
        Just(QueuePolicy::Fifo),
        Just(QueuePolicy::priority(3)),
        Just(QueuePolicy::Lifo),
        Just(QueuePolicy::LifoEvict),
    ]
}

#[derive(Clone, Copy, Debug)]
struct Waiter {
    seat: usize,
    n: u32,
    class: u8,
    /// In units.
    deadline: Option<u64>,
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
    future: Pin<Box<dyn Future<Output = Result<(), ResourceLimitError>>>>,
    calls: Arc<Calls>,
}

impl Wait {
    fn poll(&mut self) -> Poll<Result<(), Kind>> {
        let waker = Waker::from(Arc::clone(&self.calls));
        let outcome = self.future.as_mut().poll(&mut Context::from_waker(&waker));
        outcome.map_err(|error| error.kind())
    }
}

struct Pair {
    policy: QueuePolicy,
    clock: ManualClock,
    rate: RateLimiter<ManualClock>,
    waits: [Option<Wait>; SEATS],
    line: Vec<Waiter>,
    evicted: Option<Wait>,
    cells: u32,
    now: u64,
}

impl Pair {
    fn new(policy: QueuePolicy, counting: bool) -> Self {
        let clock = ManualClock::new();
        let quota = Quota::every(UNIT).unwrap().burst(BURST);
        let builder = RateLimiter::builder(quota).initial(0).max_waiters(MAX_WAITERS).queue(policy);
        let builder = if counting { builder.counting() } else { builder };
        let rate = builder.build_on(clock.clone());
        let waits = [const { None }; SEATS];
        Self { policy, clock, rate, waits, line: Vec::new(), evicted: None, cells: 0, now: 0 }
    }

    /// The places of those who wait, in the order in which they are served.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<_> = (0..self.line.len()).collect();
        match self.policy {
            QueuePolicy::Fifo => {}
            QueuePolicy::Lifo | QueuePolicy::LifoEvict => order.reverse(),
            QueuePolicy::Priority(_) => order.sort_by_key(|&place| core::cmp::Reverse(self.line[place].class)),
        }
        order
    }

    /// How many units one waits who stands at that place, behind all that are before it and not among those.
    fn wait_at(&self, place: usize, gone: &[usize]) -> u64 {
        let order = self.order();
        let ahead = order.iter().take_while(|&&other| other != place).filter(|place| !gone.contains(place));
        let cells: u32 = ahead.map(|&place| self.line[place].n).sum::<u32>() + self.line[place].n;
        cells.saturating_sub(self.cells).into()
    }

    /// What those hear who were woken, with their places.
    fn answers(&mut self) -> Vec<(usize, Result<(), Kind>)> {
        let mut answers = Vec::new();
        for (place, waiter) in self.line.iter().enumerate() {
            let wait = self.waits[waiter.seat].as_mut().unwrap();
            if wait.calls.0.load(Ordering::SeqCst) > 0 {
                match wait.poll() {
                    Poll::Ready(answer) => answers.push((place, answer)),
                    Poll::Pending => panic!("{waiter:?} was woken for nothing"),
                }
            }
        }
        answers
    }

    /// Finds what has become of those who wait: nobody is refused who had time, all are served who can be, in order.
    fn settle(&mut self, over: bool) {
        let answers = self.answers();
        let late: Vec<_> =
            answers.iter().filter(|(_, answer)| *answer == Err(Kind::Deadline)).map(|(place, _)| *place).collect();
        let is_over = |deadline: u64| self.now > deadline || (over && self.now == deadline);
        for &place in &late {
            let deadline = self.line[place].deadline.expect("only who has a deadline is refused for it");
            let wait = self.wait_at(place, &late);
            assert!(is_over(deadline) || wait > deadline - self.now, "{:?} had time, {wait} units", self.line[place]);
        }
        let mut served = Vec::new();
        for place in self.order().into_iter().filter(|place| !late.contains(place)) {
            if self.line[place].n > self.cells {
                break;
            }
            self.cells -= self.line[place].n;
            served.push(place);
        }
        for (place, answer) in &answers {
            let expected = if served.contains(place) { Ok(()) } else { Err(Kind::Deadline) };
            assert_eq!(*answer, expected, "{:?}", self.line[*place]);
        }
        assert_eq!(answers.len(), late.len() + served.len(), "{:?} wait, {answers:?}", self.line);
        for (place, _) in answers.iter().rev() {
            let waiter = self.line.remove(*place);
            self.waits[waiter.seat] = None;
            assert!(waiter.deadline.is_none_or(|deadline| self.now <= deadline) || late.contains(place));
        }
        let overdue = self
            .line
            .iter()
            .filter_map(|waiter| waiter.deadline)
            .any(|deadline| self.now > deadline || (over && self.now == deadline));
        assert!(self.policy == QueuePolicy::Fifo || !overdue, "{:?} wait at {}", self.line, self.now);
    }

    /// What one hears who comes. `None` if it waits.
    fn arrive(&mut self, waiter: Waiter) -> Option<Result<(), Kind>> {
        self.line.push(waiter);
        let place = self.line.len() - 1;
        let first = self.order()[0] == place;
        if first && waiter.n <= self.cells {
            self.cells -= waiter.n;
            self.line.pop();
            return Some(Ok(()));
        }
        let full = self.line.len() > MAX_WAITERS;
        let late = waiter.deadline.is_some_and(|end| self.wait_at(place, &[]) > end - self.now);
        if full && self.policy != QueuePolicy::LifoEvict && !(late && first) {
            self.line.pop();
            return Some(Err(Kind::QueueFull));
        }
        if late {
            self.line.pop();
            return Some(Err(Kind::Deadline));
        }
        if full {
            let evicted = self.line.remove(0).seat;
            self.evicted = self.waits[evicted].take();
        }
        None
    }

    fn ask(&mut self, seat: usize, n: u32, class: u8, within: Option<u64>) {
        if self.waits[seat].is_some() {
            return;
        }
        let class = if matches!(self.policy, QueuePolicy::Priority(_)) { class } else { 0 };
        let rate = self.rate.clone();
        let future: Pin<Box<dyn Future<Output = _>>> = match within {
            None => Box::pin(async move { rate.acquire_many(n).priority(class).await }),
            Some(units) => {
                Box::pin(async move { rate.acquire_many_within(n, UNIT * units as u32).priority(class).await })
            }
        };
        let mut wait = Wait { future, calls: Arc::default() };
        let expected = self.arrive(Waiter { seat, n, class, deadline: within.map(|units| self.now + units) });
        let told = wait.poll();
        assert_eq!(told, expected.map_or(Poll::Pending, Poll::Ready));
        if told.is_pending() {
            self.waits[seat] = Some(wait);
        }
        if let Some(mut evicted) = self.evicted.take() {
            assert_eq!(evicted.calls.0.load(Ordering::SeqCst), 1);
            assert_eq!(evicted.poll(), Poll::Ready(Err(Kind::QueueFull)));
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Ask(seat, n, class, within) => self.ask(seat, n, class, within),
            Step::Cancel(seat) => {
                self.waits[seat] = None;
                self.line.retain(|waiter| waiter.seat != seat);
            }
            Step::Try(n) => {
                let passes = self.line.is_empty() && n <= self.cells;
                let told = self.rate.try_acquire_many(n);
                // Those who had no time are refused by then.
                assert!(told.is_ok() == passes || !self.line.is_empty());
                if told.is_ok() {
                    self.settle(false);
                    assert!(self.line.is_empty() && n <= self.cells);
                    self.cells -= n;
                }
            }
            Step::Refund(n) => {
                self.rate.refund(n);
                self.cells = (self.cells + n).min(BURST);
            }
            Step::Pass => {
                self.clock.advance(JUST_AFTER);
                self.settle(true);
                self.clock.advance(UNIT - JUST_AFTER);
                self.now += 1;
                self.cells = (self.cells + 1).min(BURST);
            }
        }
        self.settle(false);
        assert_eq!(self.rate.waiters(), self.line.len());
    }
}

proptest! {
    #[test]
    fn every_policy_is_a_line_that_is_searched_for_who_has_time(
        policy in policy(),
        counting in any::<bool>(),
        steps in proptest::collection::vec(step(), 0..80),
    ) {
        let mut pair = Pair::new(policy, counting);
        for step in steps {
            pair.apply(step);
        }
        pair.waits = [const { None }; SEATS];
        pair.line.clear();
        prop_assert_eq!(pair.rate.available(), pair.cells);
    }
}

#[test]
#[cfg(feature = "serde")]
fn a_snapshot_is_written_as_numbers_and_the_quota_as_text() {
    let rate = RateLimiter::builder(Quota::per_second(10)).counting().build_on(ManualClock::new());
    rate.try_acquire_many(3).unwrap();
    let written = serde_json::to_value(rate.snapshot()).unwrap();
    assert_eq!((&written["quota"], &written["available"]), (&"10/s".into(), &7.into()));
    assert_eq!((&written["line"]["granted"], &written["line"]["waiting"]), (&1.into(), &0.into()));
}

#[test]
fn a_deadline_is_minded_after_the_runtime_of_the_alarm_has_gone() {
    let places = Places::default();
    let builder = RateLimiter::builder(Quota::per_second(1).burst(2)).initial(0).queue(QueuePolicy::Lifo);
    let limiter = builder.build_on(places.clone());
    let second = Duration::from_secs(1);
    let (within, without) = (limiter.clone(), limiter.clone());
    let mut overtaken = Held::new(async move { within.acquire_within(second).await });
    let mut newest = Held::new(async move { without.acquire_many(2).await });
    assert!(overtaken.poll().is_pending() && newest.poll().is_pending());
    places.lose(0);
    assert!(overtaken.poll().is_pending() && newest.poll().is_pending());
    places.pass(second + JUST_AFTER);
    limiter.available();
    assert!(matches!(overtaken.poll(), Poll::Ready(Err(error)) if error.kind() == Kind::Deadline));
    assert!(newest.poll().is_pending());
}
