//! Leases of one rate limiter: cells are with the limiter, at hand or spent, and no window sees more than the bound.

use alloc::vec::Vec;
use core::time::Duration;

use mtaio_core::limit::{Lease, Quota, RateLimiter, ResourceLimitError};
use mtaio_core::runtime::{Clock as _, ManualClock, Timer as _};

use super::Machine;
use super::bytes::Bytes;
use super::ledger::Ledger;
use super::line::{Line, Place};

/// Who waits with a lease takes it along.
type Outcome = (Lease<ManualClock>, Result<(), ResourceLimitError>);

const LEASES: usize = 3;

/// Cells that were handed out, between which instants, and how many the leases held before that.
struct Handout {
    from: u64,
    to: u64,
    cells: u128,
    outstanding: u128,
}

pub(super) struct Leases {
    clock: ManualClock,
    quota: Quota,
    limiter: RateLimiter<ManualClock>,
    /// `None` while it waits.
    leases: Vec<Option<Lease<ManualClock>>>,
    /// What those hold that wait: it stays at hand.
    waiting: [u32; LEASES],
    line: Line<Outcome>,
    /// A limiter without leases: it is asked for what the leases fetch, and gets back what they give back.
    twin: RateLimiter<ManualClock>,
    twin_line: Line<Result<(), ResourceLimitError>>,
    spent: u128,
    /// When all answers were seen last.
    seen: u64,
    handouts: Vec<Handout>,
    ledger: Ledger,
}

impl Leases {
    pub(super) fn new(bytes: &mut Bytes<'_>) -> Self {
        let (clock, quota) = (ManualClock::new(), bytes.quota());
        let limiter = RateLimiter::with_runtime(quota, clock.clone());
        let leases = [1, 4, 30].map(|size| Some(limiter.lease(size)));
        Self {
            quota,
            limiter,
            leases: leases.into(),
            waiting: [0; LEASES],
            line: Line::new(),
            twin: RateLimiter::with_runtime(quota, clock.clone()),
            twin_line: Line::new(),
            spent: 0,
            seen: 0,
            handouts: Vec::new(),
            ledger: Ledger::new(quota),
            clock,
        }
    }

    /// How many cells are at hand.
    fn held(&self) -> u128 {
        let held =
            self.leases.iter().zip(self.waiting).map(|(lease, waiting)| lease.as_ref().map_or(waiting, Lease::held));
        held.map(u128::from).sum()
    }

    /// So many cells were handed out, of leases that held `outstanding` before.
    fn spend(&mut self, n: u32, outstanding: u128) {
        let to = self.clock.now().as_nanos();
        self.handouts.push(Handout { from: self.seen, to, cells: n.into(), outstanding });
        self.spent += u128::from(n);
    }

    fn try_acquire(&mut self, which: usize, n: u32) {
        let outstanding = self.held();
        let Some(lease) = &mut self.leases[which] else { return };
        let before = lease.held();
        match lease.try_acquire_many(n) {
            Ok(()) => {
                let fetched = n + lease.held() - before;
                assert_eq!(self.twin.try_acquire_many(fetched), Ok(()), "{fetched} cells came from nowhere");
                self.spend(n, outstanding);
            }
            Err(error) => {
                assert_eq!(lease.held(), before, "a refusal has moved cells");
                let twin = self.twin.try_acquire_many(n - before).expect_err("what is missing was there");
                assert_eq!((error.kind(), error.retry_after()), (twin.kind(), twin.retry_after()));
            }
        }
    }

    fn acquire(&mut self, which: usize, n: u32) {
        let outstanding = self.held();
        let Some(mut lease) = self.leases[which].take() else { return };
        let before = lease.held();
        self.waiting[which] = before;
        let wait = async move {
            let outcome = lease.acquire_many(n).await;
            (lease, outcome)
        };
        let place = Place { class: which as u8, number: 0 };
        if let Some((n, (lease, outcome))) = self.line.join_at(place, n, wait) {
            let asked = if outcome.is_ok() { n + lease.held() - before } else { n - before };
            assert_eq!(self.twin.try_acquire_many(asked).is_ok(), outcome.is_ok(), "{asked} cells: {outcome:?}");
            self.leases[which] = Some(lease);
            if outcome.is_ok() {
                self.spend(n, outstanding);
            }
        } else {
            let (twin, missing) = (self.twin.clone(), n - before);
            let at_once = self.twin_line.join(missing, async move { twin.acquire_many(missing).await });
            assert!(at_once.is_none(), "it waits for {missing} cells that are there");
        }
    }

    fn direct(&mut self, n: u32) {
        let outstanding = self.held();
        let outcome = self.limiter.try_acquire_many(n);
        assert_eq!(self.twin.try_acquire_many(n), outcome);
        if outcome.is_ok() {
            self.spend(n, outstanding);
        }
    }

    fn harvest(&mut self) {
        let (answers, twins) = (self.line.answers(), self.twin_line.answers());
        assert_eq!(answers.len(), twins.len(), "leases wait as others do");
        // They all have their cells already; what a lease held beside them is still there.
        let outstanding = self.held();
        for (place, n, (lease, outcome)) in answers {
            self.leases[usize::from(place.class)] = Some(lease);
            if outcome.is_ok() {
                self.spend(n, outstanding);
            }
        }
    }

    /// Who gives up while it waits drops its lease, and gets another.
    fn leave(&mut self, index: usize, size: u32) {
        self.line.leave(index);
        self.twin_line.leave(index);
        let waiting: Vec<_> = self.line.places().map(|place| usize::from(place.class)).collect();
        for which in (0..LEASES).filter(|which| !waiting.contains(which)) {
            if self.leases[which].is_none() {
                self.twin.refund(self.waiting[which]);
                self.leases[which] = Some(self.limiter.lease(size));
            }
        }
    }

    /// What a lease holds goes back: because it is told so, or because another takes its place.
    fn give_back(&mut self, which: usize, size: Option<u32>) {
        let Some(lease) = &mut self.leases[which] else { return };
        self.twin.refund(lease.held());
        match size {
            Some(size) => *lease = self.limiter.lease(size),
            None => lease.give_back(),
        }
    }

    fn pass(&mut self, time: Duration) {
        self.ledger.pass(time);
        self.harvest();
        self.seen = self.clock.now().as_nanos();
    }

    /// No window has more than `burst + outstanding + rate * (length + cap)`, from any handout to any later one.
    fn check_windows(&self) {
        let (cells, period) = self.quota.fraction();
        let cap = 2 * self.clock.granularity().as_nanos();
        for (index, first) in self.handouts.iter().enumerate() {
            let mut sum = 0;
            for last in &self.handouts[index..] {
                sum += last.cells;
                let time = u128::from(last.to - first.from) + cap;
                let comes_in = (time * u128::from(cells)).div_ceil(period.as_nanos());
                let bound = u128::from(self.quota.burst_size()) + first.outstanding + comes_in;
                assert!(sum <= bound, "{sum} cells in {time} ns, and {bound} may be, of {}", self.quota);
            }
        }
    }
}

impl Machine for Leases {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let (what, index) = (bytes.below(16), bytes.below(16));
        let which = index % LEASES;
        match what {
            0..5 => self.try_acquire(which, bytes.cells()),
            5..7 => self.acquire(which, bytes.cells()),
            7 => self.direct(bytes.cells()),
            8..11 => {
                let time = bytes.time();
                // One instant after the other, so that whoever is served is seen at its time.
                let mut left = time;
                while left > Duration::ZERO && self.line.len() > 0 {
                    let step = left.min(time / 8 + Duration::from_nanos(1));
                    self.clock.advance(step);
                    self.pass(step);
                    left -= step;
                }
                self.clock.advance(left);
                self.pass(left);
            }
            11 => self.harvest(),
            12 => self.leave(index, u32::from(bytes.cells() > 2) * 20 + 1),
            13 => self.give_back(which, None),
            14 => self.give_back(which, Some(bytes.cells() * 3 + 1)),
            _ => {
                let time = bytes.time();
                self.clock.set(self.clock.now() + time);
                self.pass(time);
            }
        }
        self.ledger.granted = self.spent + self.held();
    }

    fn check(&self) {
        self.ledger.check(self.limiter.available());
        let of = |limiter: &RateLimiter<_>| (limiter.available(), limiter.waiters());
        assert_eq!(of(&self.limiter), of(&self.twin), "cells were lost or made");
        if self.line.len() == 0 {
            assert_eq!(self.limiter.waiters(), 0);
            self.ledger.check_at_rest(self.limiter.available());
        }
    }

    fn end(mut self) {
        self.check_windows();
        while self.line.len() > 0 {
            self.leave(0, 1);
        }
        (0..LEASES).for_each(|which| self.give_back(which, None));
        self.waiting = [0; LEASES];
        self.ledger.granted = self.spent;
        self.check();
    }
}
