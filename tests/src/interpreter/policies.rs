//! Limiters with another order than that of arrival, a bound on who waits, a queue delay or a debt: nobody is passed by one who stands
//! behind, nobody is refused without a reason, and nobody is forgotten.

use alloc::vec::Vec;
use core::time::Duration;

use mtaio_core::limit::{
    ConcurrencyLimiter, QueuePolicy, Quota, RateLimiter, ResourceLimitError, ResourceLimitErrorKind as Kind,
};
use mtaio_core::runtime::{Clock as _, ManualClock};
use mtaio_core::sync::OwnedPermit;

use super::bytes::Bytes;
use super::ledger::Ledger;
use super::line::{Line, Place};
use super::{Machine, run};

const CLASSES: u8 = 3;

/// How a line is kept.
struct Plan {
    policy: QueuePolicy,
    max_waiters: Option<usize>,
    /// A queue delay.
    target: Option<Duration>,
}

impl Plan {
    fn new(bytes: &mut Bytes<'_>) -> Self {
        let classes = QueuePolicy::priority(CLASSES);
        let policies = [QueuePolicy::Fifo, classes, QueuePolicy::Lifo, QueuePolicy::LifoEvict];
        let policy = policies[bytes.below(policies.len())];
        let max_waiters = [None, Some(1), Some(3)][bytes.below(3)];
        let target = (bytes.below(3) == 0).then(|| bytes.time());
        Self { policy, max_waiters, target }
    }

    /// Whether one is served before the other, if both could be.
    fn is_before(&self, one: Place, other: Place) -> bool {
        match self.policy {
            QueuePolicy::Fifo => one.number < other.number,
            QueuePolicy::Priority(_) => (other.class, one.number) < (one.class, other.number),
            _ => one.number > other.number,
        }
    }

    fn has_class(&self, class: u8) -> bool {
        class == 0 || (matches!(self.policy, QueuePolicy::Priority(_)) && class < CLASSES)
    }

    /// Whether that is a reason to refuse one of class `class`.
    fn allows(&self, error: &ResourceLimitError, class: u8) -> bool {
        match error.kind() {
            Kind::NoSuchClass => !self.has_class(class),
            Kind::QueueFull => self.max_waiters.is_some(),
            Kind::Overloaded => self.target.is_some_and(|target| error.waited() >= Some(target)),
            _ => false,
        }
    }
}

/// What differs between a rate and slots.
trait Subject: Sized {
    type Admission: 'static;

    fn new(plan: &Plan, clock: &ManualClock, bytes: &mut Bytes<'_>) -> Self;

    fn join(&self, line: &mut Line<Outcome<Self>>, place: Place, n: u32) -> Option<(u32, Outcome<Self>)>;

    /// Serves whoever can be served now.
    fn tick(&self);

    fn waiters(&self) -> usize;

    fn is_too_large(&self, n: u32) -> bool;

    fn granted(&mut self, n: u32, admission: Self::Admission);

    /// Something of its own.
    fn act(&mut self, bytes: &mut Bytes<'_>);

    fn pass(&mut self, time: Duration);

    /// `alone` if nobody waits.
    fn check(&self, alone: bool);

    /// Lets somebody in, if nobody comes any more.
    fn relieve(&mut self, clock: &ManualClock);
}

type Outcome<S> = Result<<S as Subject>::Admission, ResourceLimitError>;

struct Rate {
    limiter: RateLimiter<ManualClock>,
    quota: Quota,
    debt: u32,
    ledger: Ledger,
}

impl Subject for Rate {
    type Admission = ();

    fn new(plan: &Plan, clock: &ManualClock, bytes: &mut Bytes<'_>) -> Self {
        let (quota, debt) = (bytes.quota(), bytes.cells());
        let mut builder = RateLimiter::builder(quota).debt(debt).queue(plan.policy);
        builder = plan.max_waiters.into_iter().fold(builder, |builder, most| builder.max_waiters(most));
        builder = plan.target.into_iter().fold(builder, |builder, target| builder.codel(target, 10 * target));
        let mut ledger = Ledger::new(quota);
        // Of all that is granted, what the last one has beyond the burst was not there yet.
        ledger.refund(debt);
        Self { limiter: builder.build_on(clock.clone()), quota, debt, ledger }
    }

    fn join(&self, line: &mut Line<Outcome<Self>>, place: Place, n: u32) -> Option<(u32, Outcome<Self>)> {
        let limiter = self.limiter.clone();
        line.join_at(place, n, async move { limiter.acquire_many(n).priority(place.class).await })
    }

    fn tick(&self) {
        self.limiter.available();
    }

    fn waiters(&self) -> usize {
        self.limiter.waiters()
    }

    fn is_too_large(&self, n: u32) -> bool {
        n > self.quota.burst_size() + self.debt
    }

    fn granted(&mut self, n: u32, (): ()) {
        self.ledger.granted += u128::from(n);
    }

    fn act(&mut self, bytes: &mut Bytes<'_>) {
        let n = bytes.cells();
        if self.limiter.try_acquire_many(n).is_ok() {
            assert!(n == 0 || self.limiter.waiters() == 0, "a try has passed those who wait");
            self.granted(n, ());
        }
    }

    fn pass(&mut self, time: Duration) {
        self.ledger.pass(time);
    }

    fn check(&self, _: bool) {
        self.ledger.check(self.limiter.available());
    }

    fn relieve(&mut self, clock: &ManualClock) {
        let time = self.quota.emission_interval() * 20;
        clock.advance(time);
        self.pass(time);
    }
}

struct Slots {
    limiter: ConcurrencyLimiter<ManualClock>,
    held: Vec<(u32, OwnedPermit)>,
}

impl Slots {
    fn held(&self) -> usize {
        self.held.iter().map(|(n, _)| *n as usize).sum()
    }
}

impl Subject for Slots {
    type Admission = OwnedPermit;

    fn new(plan: &Plan, clock: &ManualClock, bytes: &mut Bytes<'_>) -> Self {
        let mut builder = ConcurrencyLimiter::builder(1 + bytes.below(5)).queue(plan.policy);
        builder = plan.max_waiters.into_iter().fold(builder, |builder, most| builder.max_waiters(most));
        builder = plan.target.into_iter().fold(builder, |builder, target| builder.codel(target, 10 * target));
        Self { limiter: builder.build_on(clock.clone()).expect("it is not zero"), held: Vec::new() }
    }

    fn join(&self, line: &mut Line<Outcome<Self>>, place: Place, n: u32) -> Option<(u32, Outcome<Self>)> {
        line.join_at(place, n, self.limiter.acquire_many_owned(n).priority(place.class))
    }

    fn tick(&self) {
        self.limiter.snapshot();
    }

    fn waiters(&self) -> usize {
        self.limiter.waiters()
    }

    fn is_too_large(&self, n: u32) -> bool {
        n as usize > self.limiter.limit()
    }

    fn granted(&mut self, n: u32, permit: OwnedPermit) {
        self.held.push((n, permit));
    }

    fn act(&mut self, bytes: &mut Bytes<'_>) {
        if let Some(index) = bytes.below(16).checked_rem(self.held.len()) {
            drop(self.held.swap_remove(index));
        }
    }

    fn pass(&mut self, _: Duration) {}

    fn check(&self, alone: bool) {
        let (held, in_flight) = (self.held(), self.limiter.in_flight());
        assert!(held <= in_flight && in_flight <= self.limiter.limit());
        assert!(!alone || held == in_flight, "a permit is with nobody");
    }

    fn relieve(&mut self, _: &ManualClock) {
        self.held.clear();
    }
}

struct Queue<S: Subject> {
    clock: ManualClock,
    plan: Plan,
    subject: S,
    line: Line<Outcome<S>>,
    came: u64,
}

impl<S: Subject> Queue<S> {
    fn new(bytes: &mut Bytes<'_>) -> Self {
        let (clock, plan) = (ManualClock::new(), Plan::new(bytes));
        let subject = S::new(&plan, &clock, bytes);
        Self { clock, plan, subject, line: Line::new(), came: 0 }
    }

    fn keep(&mut self, place: Place, n: u32, answer: Outcome<S>) {
        match answer {
            Ok(admission) => self.subject.granted(n, admission),
            Err(error) if error.kind() == Kind::TooLarge => {
                assert!(self.subject.is_too_large(n), "{n} is not too large")
            }
            Err(error) => assert!(self.plan.allows(&error, place.class), "{n} at {place:?} is refused: {error:?}"),
        }
    }

    /// After anything was done: whoever was served was not behind one who waits still.
    fn harvest(&mut self) {
        let answers = self.line.answers();
        for (place, _, _) in answers.iter().filter(|(_, _, answer)| answer.is_ok()) {
            let passed = self.line.places().find(|waiting| self.plan.is_before(*waiting, *place));
            assert!(passed.is_none(), "{place:?} was served before {passed:?}");
        }
        answers.into_iter().for_each(|(place, n, answer)| self.keep(place, n, answer));
    }

    fn settle(&mut self) {
        self.subject.tick();
        self.harvest();
    }

    fn acquire(&mut self, class: u8, n: u32) {
        // First those are served whose time has come.
        self.settle();
        let place = Place { class, number: self.came };
        self.came += 1;
        let oldest = self.line.places().map(|place| place.number).min();
        if let Some((n, answer)) = self.subject.join(&mut self.line, place, n) {
            let passed = self.line.places().find(|waiting| self.plan.is_before(*waiting, place));
            assert!(n == 0 || answer.is_err() || passed.is_none(), "{place:?} was served at once, before {passed:?}");
            self.keep(place, n, answer);
        } else if self.line.len() > self.plan.max_waiters.unwrap_or(usize::MAX) {
            let evicted: Vec<_> = self.line.answers().into_iter().map(|(place, ..)| Some(place.number)).collect();
            assert!(self.plan.policy == QueuePolicy::LifoEvict, "more wait than may");
            assert_eq!(evicted, [oldest], "who has to go is the oldest");
        }
    }
}

impl<S: Subject> Machine for Queue<S> {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let (what, index) = (bytes.below(16), bytes.below(16));
        match what {
            0..7 => self.acquire((index % 5).saturating_sub(1) as u8, bytes.cells()),
            7..11 => self.subject.act(bytes),
            11..13 => {
                let time = bytes.time();
                self.clock.set(self.clock.now() + time);
                self.subject.pass(time);
            }
            13 => self.line.leave(index),
            _ => {}
        }
        self.settle();
    }

    fn check(&self) {
        self.subject.check(self.line.len() == 0);
        assert_eq!(self.subject.waiters(), self.line.len(), "who has no answer waits, and who has one does not");
        assert!(self.line.len() <= self.plan.max_waiters.unwrap_or(usize::MAX));
    }

    fn end(mut self) {
        for _ in 0..=self.line.len() {
            self.subject.relieve(&self.clock);
            self.settle();
        }
        assert_eq!(self.line.len(), 0, "somebody was forgotten");
    }
}

pub(super) fn interpret(mut bytes: Bytes<'_>) {
    if bytes.below(2) == 0 {
        run(Queue::<Rate>::new(&mut bytes), bytes);
    } else {
        run(Queue::<Slots>::new(&mut bytes), bytes);
    }
}
