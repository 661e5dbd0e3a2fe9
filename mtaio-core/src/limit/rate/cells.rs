//! The cells of a rate limiter as a wait queue hands them out.
//!
//! While anybody waits, the TAT advances from its own last value, not from now: a late timer costs no rate. That holds on for
//! the fast path after the queue has emptied, while the TAT still lags (the mark is *late*), and is capped: whatever lag is longer
//! than twice the timer's usual lateness is forgiven. So in any window of length `w` no more than `burst + rate * (w + cap)` cells
//! are granted: at each grant `TAT <= now + burst`, at the first one `TAT >= now - cap`, and in between it advances by what
//! is granted.

use core::task::Waker;
use core::time::Duration;

use super::Shared;
use super::word::Word;
use crate::alarm::bells::{Bells, Ring};
use crate::limit::bucket::TokenBucket;
use crate::limit::error::ResourceLimitError;
use crate::limit::gcra::{Mark, Shortage, Wait};
use crate::limit::policy::Classes;
use crate::primitive::{catch, resume};
use crate::runtime::Timer;
use crate::sync::line::Order;
use crate::sync::{Supply, Verdict};
use crate::time::Instant;

/// What one waiter wants, and by when at the latest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(super) n: u32,
    /// The end of time if it waits as long as it takes.
    pub(super) deadline: Instant,
    /// Whether it only holds its turn when that has come, and takes the cells later.
    pub(super) hold: bool,
}

pub(crate) struct Cells<R: Timer> {
    pub(super) word: Word,
    pub(super) runtime: R,
    /// How much lateness is made up for, in nanoseconds.
    pub(super) cap: u64,
    /// Whether the word stays closed to the fast path, so that everything goes through the lock, where it is counted.
    counting: bool,
}

/// What the queue's lock guards. While it is held, the bucket's mark is the truth, and the word follows.
pub(crate) struct State<R: Timer> {
    pub(super) bucket: TokenBucket,
    pub(super) closed: bool,
    max_waiters: usize,
    /// The time at which the lock was taken, and its units.
    pub(super) now: Instant,
    units: u64,
    order: Order,
    /// Cells that the waiters ask for, all together, and where there are classes, in each of them.
    queued: u64,
    in_class: [u64; Classes::MAX as usize],
    /// Where waiters can be overtaken: no deadline of one who waits is before that.
    soonest: Instant,
    /// During a review: cells that those ask for who were looked at and stay. Who leaves between two batches of it still counts: all
    /// are judged by how they stood when it began.
    reviewed: u64,
    /// Due when the front's turn comes.
    pub(super) bells: Bells<Shared<R>>,
    /// Who ticks, where the timer's wakers cannot.
    pub(super) driver: Option<Waker>,
    /// The bucket's parameters that the word has.
    published: u64,
}

impl<R: Timer> State<R> {
    pub(super) fn new(bucket: TokenBucket, max_waiters: usize, order: Order) -> Self {
        Self {
            published: bucket.moves(),
            bucket,
            closed: false,
            max_waiters,
            now: Instant::ORIGIN,
            units: 0,
            order,
            queued: 0,
            in_class: [0; Classes::MAX as usize],
            soonest: Instant::FAR,
            reviewed: 0,
            bells: Bells::new(),
            driver: None,
        }
    }

    /// How long until the TAT has come back to where one who moves it to `tat` by `n` cells conforms.
    fn wait_for(&self, tat: u128, n: u32) -> Wait {
        let scale = self.bucket.gcra().scale();
        let target = tat.saturating_sub(scale.room(u64::from(n).saturating_mul(scale.cost)).into());
        self.bucket.wait(self.now, self.units, target)
    }

    fn cost(&self, cells: u64) -> u128 {
        u128::from(cells) * u128::from(self.bucket.gcra().scale().cost)
    }

    /// How long one who comes now and asks for `n` cells waits, behind all others.
    fn wait_in_line(&self, n: u32) -> Wait {
        self.wait_behind(self.queued, n)
    }

    /// How many cells those ask for who are served before one who comes to `list` now, if nobody else comes. One who is not
    /// passed, and does not count otherwise, asks for `held`.
    fn ahead(&self, list: u16, held: Option<&Ask>) -> u64 {
        let held = held.map_or(0, |ask| ask.n.into());
        match self.order {
            Order::Fifo => self.queued,
            Order::Lifo | Order::LifoEvict => held,
            Order::Classes(_) => self.in_class[usize::from(list)..].iter().sum::<u64>() + held,
        }
    }

    /// One who can be overtaken has a deadline: nobody is served after it.
    fn mind(&mut self, ask: &Ask) {
        if self.order.can_overtake() {
            self.soonest = self.soonest.min(ask.deadline);
        }
    }

    /// How long one who asks for `n` cells waits behind `ahead` others.
    fn wait_behind(&self, ahead: u64, n: u32) -> Wait {
        self.wait_for(u128::from(self.bucket.mark().tat) + self.cost(ahead + u64::from(n)), n)
    }

    /// Whether one who has to wait so long has its turn in time. How long that is has to be known of those who have a deadline only.
    #[inline]
    fn within_deadline(&self, ask: &Ask, wait: impl FnOnce(&Self) -> Wait) -> Result<(), ResourceLimitError> {
        if ask.deadline == Instant::FAR { Ok(()) } else { self.in_time(ask, &wait(self)) }
    }

    #[cold]
    fn in_time(&self, ask: &Ask, wait: &Wait) -> Result<(), ResourceLimitError> {
        let left = ask.deadline.as_nanos().saturating_sub(self.now.as_nanos());
        // One who can be overtaken may still be in line when its time is over.
        let over = ask.deadline < self.now && self.order.can_overtake();
        if wait.as_nanos() <= left && !over {
            return Ok(());
        }
        Err(ResourceLimitError::deadline(Some(wait.as_nanos()), left))
    }

    fn set_late(&mut self, late: bool) {
        self.bucket.set_mark(Mark { late, ..self.bucket.mark() });
    }
}

impl<R: Timer> Cells<R> {
    pub(super) fn new(bucket: &TokenBucket, runtime: R, counting: bool) -> Self {
        let twice = crate::time::nanos(runtime.granularity()).saturating_mul(2);
        let cap = twice.max(1);
        let word = Word::new(bucket, cap);
        word.publish(bucket, counting);
        Self { word, runtime, cap, counting }
    }

    fn cap_units(&self, state: &State<R>) -> u64 {
        state.bucket.gcra().scale().units(self.cap)
    }

    /// Under the lock: puts cells back.
    pub(super) fn give_back(&self, state: &mut State<R>, n: u32) {
        let cap = self.cap_units(state);
        state.bucket.give_back(state.now, cap, n);
    }

    /// Under the lock: puts cells back that were taken a moment ago, and leaves what a late timer owes.
    #[cfg(feature = "std")]
    pub(super) fn put_back(&self, state: &mut State<R>, n: u32) {
        let cap = self.cap_units(state);
        state.bucket.put_back(state.now, cap, n);
    }

    /// Under the lock, after the bucket's parameters changed: what time it is in the new units.
    pub(super) fn resync(&self, state: &mut State<R>) {
        let cap = self.cap_units(state);
        state.units = state.bucket.sync(state.now, cap);
    }
}

/// What a change leaves to be done: alarms to be set, and a driver that has to see the end.
pub(crate) struct Leave<R: Timer> {
    ring: Option<Ring<Shared<R>>>,
    driver: Option<Waker>,
}

impl<R: Timer> Supply for Cells<R> {
    type State = State<R>;
    type Ask = Ask;
    type Refusal = ResourceLimitError;
    type After = Leave<R>;

    const NAME: &'static str = "rate";

    fn amount(ask: &Ask) -> u32 {
        ask.n
    }

    fn open(&self, state: &mut State<R>) {
        state.bucket.set_mark(self.word.stop());
        state.now = self.runtime.now();
        self.resync(state);
        if state.queued > 0 {
            // Somebody waited all along: what lags within the cap is the timer's doing, and only what exceeds it is lost.
            let floor = state.units.saturating_sub(self.cap_units(state));
            let mark = state.bucket.mark();
            state.bucket.set_mark(Mark { tat: mark.tat.max(floor), late: true });
        }
    }

    fn publish(&self, state: &mut State<R>, front: Option<&Ask>, parked: bool) {
        let lags = state.bucket.mark().late && state.bucket.mark().tat < state.units;
        state.set_late(front.is_some() || lags);
        state.bells.due = match front {
            // Its turn has come, and it knows: there is nothing to ring for.
            Some(_) if parked => Instant::FAR,
            Some(ask) => {
                let tat = u128::from(state.bucket.mark().tat) + state.cost(ask.n.into());
                state.now + state.wait_for(tat, ask.n).duration()
            }
            None => Instant::FAR,
        };
        if state.soonest < state.bells.due && front.is_some() {
            // Right after it, its time is over.
            state.bells.due = state.bells.due.min(state.soonest + Duration::from_nanos(1));
        }
        if state.published != state.bucket.moves() {
            self.word.store_parameters(&state.bucket, self.cap);
            state.published = state.bucket.moves();
        }
        self.word.publish(&state.bucket, front.is_some() || state.closed || self.counting);
    }

    fn publish_behind(&self, state: &mut State<R>, front: &Ask, parked: bool) {
        if state.published != state.bucket.moves() {
            // The base has moved. If that was because the clock has stepped back, less is owed than was, and the front is due earlier.
            return self.publish(state, Some(front), parked);
        }
        // What time it is has nothing to say yet: the front would have been due, and is not. So the mark is where it was, and
        // the front rings when it was to ring.
        self.word.publish(&state.bucket, true);
    }

    fn leave(&self, state: &mut State<R>) -> Leave<R> {
        let driver = if state.closed { state.driver.take() } else { None };
        Leave { ring: state.bells.behind(), driver }
    }

    fn settle(&self, Leave { ring, driver }: Leave<R>) {
        let panic = driver.and_then(|driver| catch(|| driver.wake()).err());
        ring.into_iter().for_each(Ring::set);
        panic.into_iter().for_each(resume);
    }

    fn offer(&self, state: &mut State<R>, ask: &Ask) -> Verdict<ResourceLimitError> {
        let cap = self.cap_units(state);
        match state.bucket.gcra().scale().take(state.bucket.mark(), state.units, cap, ask.n) {
            Ok(_) if ask.hold => Verdict::Hold,
            Ok(mark) => {
                state.bucket.set_mark(mark);
                Verdict::Grant
            }
            Err(Shortage::TooLarge) => Verdict::Refuse(state.bucket.too_large(ask.n)),
            Err(Shortage::Until(target)) => {
                let wait = |state: &State<R>| state.bucket.wait(state.now, state.units, target.into());
                state.within_deadline(ask, wait).map_or_else(Verdict::Refuse, |()| Verdict::Wait)
            }
        }
    }

    fn is_due(&self, state: &State<R>, ask: &Ask) -> bool {
        let cap = self.cap_units(state);
        let taken = state.bucket.gcra().scale().take(state.bucket.mark(), state.units, cap, ask.n);
        !matches!(taken, Err(Shortage::Until(_)))
    }

    fn take_held(&self, state: &mut State<R>, ask: &Ask) -> Verdict<ResourceLimitError> {
        self.offer(state, &Ask { hold: false, ..*ask })
    }

    fn restore(&self, state: &mut State<R>, ask: &Ask) {
        self.give_back(state, ask.n);
    }

    fn vet(&self, state: &State<R>, ask: &Ask) -> Result<(), ResourceLimitError> {
        if state.closed {
            return Err(ResourceLimitError::CLOSED);
        }
        if ask.n > state.bucket.largest() {
            return Err(state.bucket.too_large(ask.n));
        }
        Ok(())
    }

    fn room(&self, state: &State<R>, waiters: usize) -> Result<(), ResourceLimitError> {
        if waiters < state.max_waiters { Ok(()) } else { Err(ResourceLimitError::queue_full(state.max_waiters)) }
    }

    fn admit(&self, state: &State<R>, ask: &Ask, list: u16, held: Option<&Ask>) -> Result<(), ResourceLimitError> {
        state.within_deadline(ask, |state| state.wait_behind(state.ahead(list, held), ask.n))
    }

    fn overdue(&self, _: &State<R>, waited: u64) -> Option<ResourceLimitError> {
        Some(ResourceLimitError::overloaded(waited))
    }

    fn now(&self, state: &State<R>) -> Instant {
        state.now
    }

    fn read_clock(&self, _: &State<R>) -> Option<Instant> {
        Some(self.runtime.now())
    }

    fn is_request(&self, ask: &Ask) -> bool {
        !ask.hold
    }

    fn needs_review(&self, state: &State<R>) -> bool {
        state.soonest < state.now
    }

    fn not_ready(&self, state: &State<R>, ask: &Ask) -> ResourceLimitError {
        ResourceLimitError::not_ready(Some(state.wait_in_line(ask.n)))
    }

    fn rewind(&self, state: &mut State<R>) {
        state.reviewed = 0;
        state.soonest = Instant::FAR;
    }

    fn review(&self, state: &mut State<R>, ask: &Ask) -> Option<ResourceLimitError> {
        let wait = |state: &State<R>| state.wait_behind(state.reviewed, ask.n);
        let fits = self.vet(state, ask).and_then(|()| state.within_deadline(ask, wait));
        if fits.is_ok() {
            state.reviewed += u64::from(ask.n);
            state.mind(ask);
        }
        fits.err()
    }

    fn joined(&self, state: &mut State<R>, ask: &Ask, list: u16) {
        state.queued += u64::from(ask.n);
        state.in_class[usize::from(list)] += u64::from(ask.n);
        state.mind(ask);
    }

    fn left(&self, state: &mut State<R>, ask: &Ask, list: u16) {
        state.queued -= u64::from(ask.n);
        state.in_class[usize::from(list)] -= u64::from(ask.n);
    }
}
