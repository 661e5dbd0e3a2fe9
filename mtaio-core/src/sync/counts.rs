//! What a line has seen.

use core::time::Duration;

/// How many came to which end, and what took longest. Under the lock of the line. One who gives up what it was granted is counted as
/// granted and as cancelled: no count ever goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) granted: u64,
    pub(crate) refused: u64,
    pub(crate) cancelled: u64,
    /// In nanoseconds: the longest time from a grant to the moment in which its waiter saw it or left.
    pub(crate) unclaimed: u64,
}

impl Counts {
    pub(crate) const NONE: Self = Self { granted: 0, refused: 0, cancelled: 0, unclaimed: 0 };

    #[inline]
    pub(super) fn decide<R>(&mut self, answer: &Result<(), R>) {
        match answer {
            Ok(()) => self.granted += 1,
            Err(_) => self.refused += 1,
        }
    }
}

/// What a line looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Survey {
    pub(crate) waiting: usize,
    /// Of all who wait, how long the one has that has waited longest. `None` without a clock.
    pub(crate) oldest: Option<Duration>,
    pub(crate) counts: Counts,
    /// Whether those count too who did not stand in line.
    pub(crate) counting: bool,
}
