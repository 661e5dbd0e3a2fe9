//! What is read from the bytes of a program. At its end everything is zero.

use core::time::Duration;

use mtaio_core::limit::Quota;

pub(super) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// A number below `end`, which is small.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    pub(super) fn cells(&mut self) -> u32 {
        u32::from(self.byte() % 6)
    }

    /// Up to a second; most are short, and some are odd to the nanosecond.
    pub(super) fn time(&mut self) -> Duration {
        let (shift, nanos) = (self.byte() % 31, u64::from(self.byte()));
        Duration::from_nanos((nanos << shift >> 8) + nanos % 3)
    }

    pub(super) fn quota(&mut self) -> Quota {
        let cells = u32::from(self.byte()) + 1;
        let period = self.time() + Duration::from_nanos(u64::from(cells));
        let burst = u32::from(self.byte() % 8) + 1;
        Quota::new(cells, period).expect("a rate").burst(burst)
    }
}
