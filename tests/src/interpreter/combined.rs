//! Two rates and slots together: all of them or none.

use alloc::vec::Vec;

use mtaio_core::limit::{ConcurrencyLimiter, RateLimiter, ResourceLimitError, ResourceLimiter, ResourcePermit};
use mtaio_core::runtime::ManualClock;

use super::Machine;
use super::bytes::Bytes;
use super::ledger::Ledger;
use super::line::Line;

type Outcome = Result<ResourcePermit<'static, ManualClock>, ResourceLimitError>;

pub(super) struct Combined {
    clock: ManualClock,
    rates: [(RateLimiter<ManualClock>, Ledger); 2],
    slots: ConcurrencyLimiter<ManualClock>,
    both: ResourceLimiter<ManualClock>,
    line: Line<Outcome>,
    held: Vec<ResourcePermit<'static, ManualClock>>,
}

impl Combined {
    pub(super) fn new(bytes: &mut Bytes<'_>) -> Self {
        let clock = ManualClock::new();
        let rates = [bytes.quota(), bytes.quota()]
            .map(|quota| (RateLimiter::with_runtime(quota, clock.clone()), Ledger::new(quota)));
        let slots = ConcurrencyLimiter::with_runtime(1 + bytes.below(4), clock.clone());
        let parts = ResourceLimiter::builder().rate(&rates[0].0).rate(&rates[1].0).concurrency(&slots);
        let both = parts.build().expect("parts of one clock");
        Self { clock, rates, slots, both, line: Line::new(), held: Vec::new() }
    }

    fn keep(&mut self, answers: impl IntoIterator<Item = (u32, Outcome)>) {
        for (n, answer) in answers {
            if let Ok(permit) = answer {
                self.rates.iter_mut().for_each(|(_, ledger)| ledger.granted += u128::from(n));
                self.held.push(permit);
            }
        }
    }

    fn acquire(&mut self, n: u32) {
        let answer = self.line.join(n, self.both.acquire_many_owned(&[n, n, 1]));
        self.keep(answer);
    }

    fn release(&mut self, index: usize) {
        if let Some(index) = index.checked_rem(self.held.len()) {
            drop(self.held.swap_remove(index));
        }
    }

    /// Somebody else takes from one of the rates alone.
    fn take_one(&mut self, which: usize, n: u32) {
        let (rate, ledger) = &mut self.rates[which % 2];
        if rate.try_acquire_many(n).is_ok() {
            ledger.granted += u128::from(n);
        }
    }
}

impl Machine for Combined {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let (what, index) = (bytes.below(16), bytes.below(16));
        match what {
            0..4 => self.acquire(bytes.cells()),
            4 => {
                let n = bytes.cells();
                let answer = self.both.try_acquire_many_owned(&[n, n, 1]);
                self.keep([(n, answer)]);
            }
            5 => self.take_one(index, bytes.cells()),
            6..8 => self.release(index),
            8..10 => {
                let time = bytes.time();
                self.clock.advance(time);
                self.rates.iter_mut().for_each(|(_, ledger)| ledger.pass(time));
            }
            10..12 => {
                let answer = self.line.poll(index);
                self.keep(answer);
            }
            12 => self.line.leave(index),
            13 => {
                // A poll can go on to the next part and let others in: there is no order among those who are polled.
                let answers: Vec<_> = (0..self.line.len()).rev().filter_map(|index| self.line.poll(index)).collect();
                self.keep(answers);
            }
            14 => {
                let quota = bytes.quota();
                let (rate, ledger) = &mut self.rates[index % 2];
                ledger.change(quota);
                rate.set_quota(quota);
            }
            _ => self.slots.set_limit(index % 5),
        }
    }

    fn check(&self) {
        for (rate, ledger) in &self.rates {
            ledger.check(rate.available());
        }
        let (held, in_flight) = (self.held.len(), self.slots.in_flight());
        assert!(in_flight >= held && in_flight <= held + self.line.len(), "{in_flight} slots for {held} permits");
        if self.line.len() == 0 {
            self.rates.iter().for_each(|(rate, ledger)| ledger.check_at_rest(rate.available()));
        }
    }

    fn end(mut self) {
        self.line.clear();
        self.check();
        self.held.clear();
        assert_eq!((self.slots.in_flight(), self.slots.waiters()), (0, 0));
        assert_eq!(self.slots.available(), self.slots.limit());
        assert!(self.rates.iter().all(|(rate, _)| rate.waiters() == 0));
    }
}
