//! A concurrency limiter: permits are free, held or owed, and nothing else.

use alloc::vec::Vec;

use mtaio_core::limit::ConcurrencyLimiter;
use mtaio_core::limit::ResourceLimitError;
use mtaio_core::runtime::ManualClock;
use mtaio_core::sync::OwnedPermit;

use super::Machine;
use super::bytes::Bytes;
use super::line::Line;

type Outcome = Result<OwnedPermit, ResourceLimitError>;

pub(super) struct Slots {
    limiter: ConcurrencyLimiter<ManualClock>,
    line: Line<Outcome>,
    held: Vec<(u32, OwnedPermit)>,
    /// What was held at most since the limit was lowered, or the limit.
    most: usize,
}

impl Slots {
    pub(super) fn new(bytes: &mut Bytes<'_>) -> Self {
        let limit = 1 + bytes.below(6);
        let limiter = ConcurrencyLimiter::with_runtime(limit, ManualClock::new());
        Self { limiter, line: Line::new(), held: Vec::new(), most: limit }
    }

    fn keep(&mut self, answers: impl IntoIterator<Item = (u32, Outcome)>) {
        for (n, answer) in answers {
            match answer {
                Ok(permit) => self.held.push((n, permit)),
                Err(_) => assert!(n > 0 || self.limiter.is_closed(), "nothing was refused"),
            }
        }
    }

    fn held(&self) -> usize {
        self.held.iter().map(|(n, _)| *n as usize).sum()
    }

    fn acquire(&mut self, n: u32) {
        let answer = self.line.join(n, self.limiter.acquire_many_owned(n));
        self.keep(answer);
    }

    fn try_acquire(&mut self, n: u32) {
        if let Ok(permit) = self.limiter.try_acquire_many_owned(n) {
            assert!(n == 0 || self.limiter.waiters() == 0, "a try has passed those who wait");
            self.held.push((n, permit));
        }
    }
}

impl Machine for Slots {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let (what, index) = (bytes.below(16), bytes.below(16));
        match what {
            0..4 => self.acquire(bytes.cells()),
            4..6 => self.try_acquire(bytes.cells()),
            6..9 => {
                if let Some(index) = index.checked_rem(self.held.len()) {
                    drop(self.held.swap_remove(index));
                }
            }
            9 => {
                let answer = self.line.poll(index);
                self.keep(answer);
            }
            10..12 => self.line.leave(index),
            12..14 => {
                let answers = self.line.harvest(Result::is_ok);
                self.keep(answers);
            }
            14 => self.limiter.set_limit(index % 7),
            // Rarely, so that there is something to end.
            _ if index == 0 => self.limiter.close(),
            _ => {}
        }
        let limit = self.limiter.limit();
        self.most = limit.max(self.most.min(self.limiter.in_flight()));
    }

    fn check(&self) {
        let (held, in_flight) = (self.held(), self.limiter.in_flight());
        assert!(in_flight >= held, "{held} are held, and {in_flight} are said to be");
        assert!(in_flight <= self.most, "more than the limit is in flight");
        assert!(self.limiter.waiters() <= self.line.len());
        if self.line.len() == 0 {
            assert_eq!(in_flight, held, "a permit is with nobody");
            assert_eq!(self.limiter.available(), self.limiter.limit().saturating_sub(held));
        }
    }

    fn end(mut self) {
        self.line.clear();
        self.check();
        self.held.clear();
        assert_eq!((self.limiter.in_flight(), self.limiter.waiters()), (0, 0));
        assert_eq!(self.limiter.available(), self.limiter.limit());
    }
}
