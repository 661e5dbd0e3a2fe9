//! A rate limiter: no more cells than its quotas allow, and none lost while time stands still.

use mtaio_core::limit::{RateLimiter, ResourceLimitError, ResourceLimitErrorKind};
use mtaio_core::runtime::{Clock as _, ManualClock};

use super::Machine;
use super::bytes::Bytes;
use super::ledger::Ledger;
use super::line::Line;

type Outcome = Result<(), ResourceLimitError>;

pub(super) struct Rate {
    clock: ManualClock,
    limiter: RateLimiter<ManualClock>,
    line: Line<Outcome>,
    ledger: Ledger,
}

impl Rate {
    pub(super) fn new(bytes: &mut Bytes<'_>) -> Self {
        let (clock, quota) = (ManualClock::new(), bytes.quota());
        let limiter = RateLimiter::with_runtime(quota, clock.clone());
        Self { clock, limiter, line: Line::new(), ledger: Ledger::new(quota) }
    }

    fn keep(&mut self, answers: impl IntoIterator<Item = (u32, Outcome)>) {
        for (n, answer) in answers {
            match answer {
                Ok(()) => self.ledger.granted += u128::from(n),
                Err(_) => assert!(n > 0 || self.limiter.is_closed(), "nothing was refused"),
            }
        }
    }

    fn acquire(&mut self, n: u32) {
        let limiter = self.limiter.clone();
        let answer = self.line.join(n, async move { limiter.acquire_many(n).await });
        self.keep(answer);
    }

    fn try_acquire(&mut self, n: u32) {
        match self.limiter.try_acquire_many(n) {
            Ok(()) => {
                assert!(n == 0 || self.limiter.waiters() == 0, "a try has passed those who wait");
                self.ledger.granted += u128::from(n);
            }
            Err(error) => self.check_refusal(n, &error),
        }
    }

    /// Where nobody waits, what a refusal says is true to the nanosecond.
    fn check_refusal(&mut self, n: u32, error: &ResourceLimitError) {
        let Some(wait) = error.retry_after().filter(|_| self.limiter.waiters() == 0) else { return };
        let before = wait - core::time::Duration::from_nanos(1);
        self.advance(before);
        assert!(self.limiter.try_acquire_many(n).is_err(), "{n} cells a nanosecond early");
        self.advance(wait - before);
        assert_eq!(self.limiter.try_acquire_many(n), Ok(()), "{n} cells, {wait:?} after a refusal");
        self.ledger.granted += u128::from(n);
    }

    fn advance(&mut self, time: core::time::Duration) {
        self.clock.advance(time);
        self.ledger.pass(time);
    }

    /// Time goes on without a stop, as when a machine stalls.
    fn stall(&mut self, time: core::time::Duration) {
        self.clock.set(self.clock.now() + time);
        self.ledger.pass(time);
    }
}

impl Machine for Rate {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let (what, index) = (bytes.below(16), bytes.below(16));
        match what {
            0..4 => self.acquire(bytes.cells()),
            4..6 => self.try_acquire(bytes.cells()),
            6 => {
                let (n, limiter, time) = (bytes.cells(), self.limiter.clone(), bytes.time());
                let answer = self.line.join(n, async move { limiter.acquire_many_within(n, time).await });
                self.keep(answer);
            }
            7..9 => self.advance(bytes.time()),
            9 => self.stall(bytes.time()),
            10 => {
                let answer = self.line.poll(index);
                self.keep(answer);
            }
            11 => self.line.leave(index),
            12..14 => {
                let answers = self.line.harvest(Result::is_ok);
                self.keep(answers);
            }
            14 if index < 8 => {
                let n = bytes.cells();
                self.ledger.refund(n);
                self.limiter.refund(n);
            }
            14 => {
                let quota = bytes.quota();
                self.ledger.change(quota);
                self.limiter.set_quota(quota);
            }
            _ if index == 0 => {
                self.limiter.close();
                self.ledger.is_exact = false;
            }
            _ => {}
        }
    }

    fn check(&self) {
        self.ledger.check(self.limiter.available());
        assert!(self.limiter.waiters() <= self.line.len());
    }

    fn end(mut self) {
        self.line.clear();
        assert_eq!(self.limiter.waiters(), 0);
        self.ledger.check_at_rest(self.limiter.available());
        if self.limiter.is_closed() {
            let closed = self.limiter.try_acquire().expect_err("it is closed");
            assert_eq!(closed.kind(), ResourceLimitErrorKind::Closed);
        }
    }
}
